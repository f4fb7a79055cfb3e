"""Sends one record to Kafka with Amazon's own signer, and prints its offset or the first error.

    produce.py BOOTSTRAP_SERVERS TOPIC REGION CA_FILE
"""

import sys

from aws_msk_iam_sasl_signer.MSKAuthTokenProvider import generate_auth_token
from confluent_kafka import Producer

DELIVERY_TIMEOUT_S = 60


def main(servers, topic, region, ca_file):
    outcomes = []

    def token(_config):
        value, expiry_ms = generate_auth_token(region)
        return value, expiry_ms / 1000

    def delivered(error, message):
        outcomes.append(error.str() if error else f"acknowledged at {message.offset()}")

    producer = Producer(
        {
            "bootstrap.servers": servers,
            "security.protocol": "SASL_SSL",
            "sasl.mechanism": "OAUTHBEARER",
            "ssl.ca.location": ca_file,
            "message.timeout.ms": DELIVERY_TIMEOUT_S * 1000,
            "oauth_cb": token,
            "error_cb": lambda error: outcomes.append(error.str()),
            # The errors are enough.
            "log_level": 0,
        }
    )
    producer.produce(topic, b"{}", on_delivery=delivered)
    while not outcomes:
        producer.poll(0.1)
    print(outcomes[0])


main(*sys.argv[1:])
