"""`ingest` as one would write it with confluent-kafka: takes API Gateway's event, writes its records to Kafka, and responds like the REST Proxy.

It validates nothing. As AWS advises, its idempotent producer is created in init with the metadata fetched, is shared by all
requests, and logs in with AWS's own signer where the cluster uses IAM.
"""

import json
import os
import time

from confluent_kafka import Producer

CONFIG = {
    "bootstrap.servers": os.environ["BOOTSTRAP_SERVERS"],
    "acks": "all",
    "enable.idempotence": True,
    "linger.ms": 0,
    "partitioner": "murmur2_random",
    "message.timeout.ms": 25000,
}

if os.environ["SECURITY_PROTOCOL"] == "SASL_SSL":
    from aws_msk_iam_sasl_signer import MSKAuthTokenProvider

    def token(_):
        value, expiry_ms = MSKAuthTokenProvider.generate_auth_token(os.environ["AWS_REGION"])
        # If the cluster caps sessions below the token's lifetime, the client needs to know, as it would on AWS.
        return value, min(expiry_ms / 1000, time.time() + float(os.environ.get("TOKEN_SECONDS", "900")))

    CONFIG |= {
        "security.protocol": "SASL_SSL",
        "sasl.mechanisms": "OAUTHBEARER",
        "oauth_cb": token,
        "ssl.ca.location": os.environ["SSL_CA_LOCATION"],
    }

PRODUCER = Producer(CONFIG)
# Twice, as in `ingest`: it spares the idempotent producer the 500 ms of its first send.
PRODUCER.list_topics(timeout=5)
PRODUCER.list_topics(timeout=5)


def handle(event, _):
    topic = event["path"].rsplit("/", 1)[-1]
    records = json.loads(event["body"])["records"]
    offsets = [{"partition": None, "offset": None, "error_code": 50003, "error": "not confirmed"} for _ in records]

    def delivered(entry):
        def report(error, message):
            if error is None:
                entry.update(partition=message.partition(), offset=message.offset(), error_code=None, error=None)
            else:
                entry.update(error=str(error))

        return report

    for record, entry in zip(records, offsets):
        PRODUCER.produce(topic, value=json.dumps(record["value"]), on_delivery=delivered(entry))
    PRODUCER.flush(25)
    written = all(entry["error"] is None for entry in offsets)
    return {
        "statusCode": 200 if written else 503,
        "headers": {"content-type": "application/vnd.kafka.v2+json"},
        "body": json.dumps({"offsets": offsets, "key_schema_id": None, "value_schema_id": None}),
    }
