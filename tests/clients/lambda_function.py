"""The same function in Python: what `ingest` is compared with.

It takes the event of API Gateway, validates nothing, and answers when Kafka has the records. Its producer is made in init and
shared by every request, logged in by IAM, idempotent, with the metadata fetched in init, as AWS advises.
"""

import json
import os
import time

from aws_msk_iam_sasl_signer import MSKAuthTokenProvider
from confluent_kafka import Producer


def token(_):
    value, expiry_ms = MSKAuthTokenProvider.generate_auth_token(os.environ["AWS_REGION"])
    # The bench's cluster ends tokens sooner than they say: the client is told, as it would know on AWS.
    return value, min(expiry_ms / 1000, time.time() + float(os.environ["TOKEN_SECONDS"]))


PRODUCER = Producer(
    {
        "bootstrap.servers": os.environ["BOOTSTRAP_SERVERS"],
        "security.protocol": "SASL_SSL",
        "sasl.mechanisms": "OAUTHBEARER",
        "oauth_cb": token,
        "ssl.ca.location": os.environ["SSL_CA_LOCATION"],
        "acks": "all",
        "enable.idempotence": True,
        "linger.ms": 0,
        "partitioner": "murmur2_random",
        "message.timeout.ms": 25000,
    }
)
# Twice, as `ingest` does: it spares the idempotent producer the 500 ms of its first send.
PRODUCER.list_topics(timeout=5)
PRODUCER.list_topics(timeout=5)


def handle(event, _):
    topic = event["path"].rsplit("/", 1)[-1]
    offsets = []

    def delivered(error, message):
        if error is None:
            offsets.append({"partition": message.partition(), "offset": message.offset(), "error_code": None, "error": None})
        else:
            offsets.append({"partition": None, "offset": None, "error_code": 50003, "error": str(error)})

    for record in json.loads(event["body"])["records"]:
        PRODUCER.produce(topic, value=json.dumps(record["value"]), on_delivery=delivered)
    PRODUCER.flush(25)
    written = all(offset["error"] is None for offset in offsets) and offsets
    return {
        "statusCode": 200 if written else 503,
        "headers": {"content-type": "application/vnd.kafka.v2+json"},
        "body": json.dumps({"offsets": offsets, "key_schema_id": None, "value_schema_id": None}),
    }
