"""Posts its input with requests and prints the answer's status and body. Usage: post_requests.py URL < body"""

import sys

import requests

HEADERS = {"Content-Type": "application/vnd.kafka.json.v2+json"}

response = requests.post(sys.argv[1], data=sys.stdin.buffer.read(), headers=HEADERS)
print(response.status_code, response.text)
