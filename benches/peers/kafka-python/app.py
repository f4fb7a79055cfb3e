"""`ingest` as people write it with kafka-python: an event of API Gateway in, its records to Kafka, the REST Proxy's answer out."""

import json
import os

from kafka import KafkaProducer

PRODUCER = KafkaProducer(
    bootstrap_servers=os.environ["BOOTSTRAP_SERVERS"].split(","),
    acks="all",
    linger_ms=0,
    value_serializer=lambda value: json.dumps(value).encode(),
)


def handle(event, _):
    topic = event["path"].rsplit("/", 1)[-1]
    records = json.loads(event["body"])["records"]
    sent = [PRODUCER.send(topic, record["value"]) for record in records]
    PRODUCER.flush(25)
    offsets = []
    for future in sent:
        written = future.get(25)
        offsets.append({"partition": written.partition, "offset": written.offset, "error_code": None, "error": None})
    return {
        "statusCode": 200,
        "headers": {"content-type": "application/vnd.kafka.v2+json"},
        "body": json.dumps({"offsets": offsets, "key_schema_id": None, "value_schema_id": None}),
    }
