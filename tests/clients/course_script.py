"""Sends posts as the course's script does: three requests a post, a record each.

Usage: course_script.py http://HOST/test/topics/USER_ID < posts

Each line of the input is a post, as the three rows that the database has for it: {"pin": …, "geo": …, "user": …}.
"""

import json
import sys
from datetime import datetime

import requests

HEADERS = {"Content-Type": "application/vnd.kafka.json.v2+json"}


def send(url, value):
    payload = json.dumps({"records": [{"value": value}]}, default=str)
    response = requests.request("POST", url, headers=HEADERS, data=payload)
    assert response.status_code == 200, response.text


def date(text):
    """The database's client hands dates over as datetime objects."""
    return datetime.strptime(text, "%Y-%m-%d %H:%M:%S")


topics = sys.argv[1]
for line in sys.stdin:
    post = json.loads(line)
    pin, geo, user = post["pin"], post["geo"], post["user"]
    send(
        topics + ".pin",
        {
            "index": pin["index"],
            "unique_id": pin["unique_id"],
            "title": pin["title"],
            "description": pin["description"],
            "poster_name": pin["poster_name"],
            "follower_count": pin["follower_count"],
            "tag_list": pin["tag_list"],
            "is_image_or_video": pin["is_image_or_video"],
            "image_src": pin["image_src"],
            "downloaded": pin["downloaded"],
            "save_location": pin["save_location"],
            "category": pin["category"],
        },
    )
    send(
        topics + ".geo",
        {
            "ind": geo["ind"],
            "timestamp": date(geo["timestamp"]),
            "latitude": geo["latitude"],
            "longitude": geo["longitude"],
            "country": geo["country"],
        },
    )
    send(
        topics + ".user",
        {
            "ind": user["ind"],
            "first_name": user["first_name"],
            "last_name": user["last_name"],
            "age": user["age"],
            "date_joined": date(user["date_joined"]),
        },
    )
