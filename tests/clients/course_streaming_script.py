"""Sends posts as the course's streaming script does: three requests a post, a record each, to a stream of each kind.

Usage: course_streaming_script.py http://HOST/test/streams USER_ID < posts

Each line of the input is a post, as the three rows that the database has for it: {"pin": …, "geo": …, "user": …}.
"""

import json
import sys

import requests

HEADERS = {"Content-Type": "application/json"}


def send(url, stream, data, key):
    payload = json.dumps({"StreamName": stream, "Data": data, "PartitionKey": key})
    response = requests.request("PUT", f"{url}/{stream}/record", headers=HEADERS, data=payload)
    assert response.status_code == 200, response.text
    assert set(response.json()) == {"SequenceNumber", "ShardId"}, response.text


url, user_id = sys.argv[1:]
for line in sys.stdin:
    for kind, row in json.loads(line).items():
        send(url, f"streaming-{user_id}-{kind}", row, f"{kind}-partition")
