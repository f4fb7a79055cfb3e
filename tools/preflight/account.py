"""Calls AWS: each client with short timeouts, and for the read operations of policy.json alone."""

import json
import pathlib
import textwrap
import threading

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

POLICY = json.loads((pathlib.Path(__file__).parent / "policy.json").read_text())
ACTIONS = frozenset(action for statement in POLICY["Statement"] for action in statement["Action"])

# Two attempts of this are the longest that a check waits for one answer.
CONFIG = Config(connect_timeout=5, read_timeout=10, retries={"total_max_attempts": 2, "mode": "standard"})

# The actions that are not called as their operations are.
PREFIXES = {"monitoring": "cloudwatch"}
NAMES = {"apigateway:GetAccount": "apigateway:GET"}

DENIALS = {"AuthorizationError", "AuthorizationErrorException", "ForbiddenException", "NotAuthorized", "UnauthorizedOperation"}


class Denied(Exception):
    """The credentials have no right to an action."""


class Unanswered(Exception):
    """A service did not answer, or not in time."""


class Refused(Exception):
    """A service answered with an error that no check expects."""


class NotReadOnly(Exception):
    """An operation that the policy does not list was about to be called."""


def action(model):
    """Returns the IAM action of an operation."""
    service = model.service_model.signing_name
    name = f"{PREFIXES.get(service, service)}:{model.name}"
    return NAMES.get(name, name)


def guard(model, **_event):
    """Stops an operation that the policy does not list before it is sent."""
    if action(model) not in ACTIONS:
        raise NotReadOnly(action(model))


class Account:
    """The account, as its credentials see it in one region."""

    def __init__(self, session: boto3.Session, region):
        self._session = session
        self.region = region
        self._clients = {}
        self._lock = threading.Lock()

    def client(self, service, region=None):
        """Returns a client, one for each service and region. A session is not thread-safe, a client is."""
        key = (service, region or self.region)
        with self._lock:
            if key not in self._clients:
                client = self._session.client(service, region_name=key[1], config=CONFIG)
                # On the client and not on the session, whose own clients assume a profile's role.
                client.meta.events.register("before-parameter-build", guard)
                self._clients[key] = client
            return self._clients[key]

    def call(self, service, operation, region=None, absent=(), **arguments):
        """Returns an operation's answer, or nothing where its error code is one of `absent`."""
        client = self.client(service, region)
        return self._answer(client, operation, absent, lambda: getattr(client, operation)(**arguments))

    def pages(self, service, operation, key, absent=(), **arguments):
        """Returns the entries of all of an operation's pages, or nothing where its error code is one of `absent`."""
        client = self.client(service)
        pages = client.get_paginator(operation).paginate(**arguments)
        return self._answer(client, operation, absent, lambda: [entry for page in pages for entry in page.get(key, [])])

    def _answer(self, client, operation, absent, call):
        name = client.meta.method_to_api_mapping[operation]
        try:
            return call()
        except ClientError as error:
            code, message = error.response["Error"]["Code"], error.response["Error"].get("Message", "")
            if code in absent:
                return None
            if code in DENIALS or "AccessDenied" in code:
                raise Denied(action(client.meta.service_model.operation_model(name))) from error
            # A proxy's answer may be a page.
            reason = textwrap.shorten(message, 160, placeholder="…")
            raise Refused(f"{client.meta.service_model.service_name} answers {name} with {code}: {reason}") from error
        except BotoCoreError as error:
            raise Unanswered(f"{client.meta.service_model.service_name} did not answer {name}: {error}") from error

    def quota(self, quota):
        """Returns a quota's value. Service Quotas has no entry for some accounts, which then have the default."""
        answer = self.call("service-quotas", "get_service_quota", absent={"NoSuchResourceException"},
                           ServiceCode=quota.service, QuotaCode=quota.code)
        return int(answer["Quota"]["Value"]) if answer else quota.default
