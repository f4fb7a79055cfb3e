"""Prints the first record of a topic, read as a member of a consumer group.

Usage: consume_confluent.py BOOTSTRAP_SERVERS TOPIC
"""

import sys

from confluent_kafka import Consumer

servers, topic = sys.argv[1:]
consumer = Consumer({"bootstrap.servers": servers, "group.id": "readers", "auto.offset.reset": "earliest"})
consumer.subscribe([topic])
message = consumer.poll(60)
assert message is not None, "no record"
assert message.error() is None, message.error()
print(message.value().decode())
consumer.close()
