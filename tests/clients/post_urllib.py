"""Posts its input with urllib and prints the answer's status and body. Usage: post_urllib.py URL < body"""

import sys
import urllib.error
import urllib.request

HEADERS = {"Content-Type": "application/vnd.kafka.json.v2+json"}

request = urllib.request.Request(sys.argv[1], data=sys.stdin.buffer.read(), headers=HEADERS, method="POST")
try:
    response = urllib.request.urlopen(request)
except urllib.error.HTTPError as error:
    response = error
print(response.status, response.read().decode())
