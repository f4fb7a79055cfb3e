"""An account in moto, with answers of its own for operations that moto lacks."""

import pathlib
import unittest

import boto3
from botocore.awsrequest import AWSResponse
from botocore.validate import ParamValidator
from moto import mock_aws
from samcli.yamlhelper import yaml_parse

from preflight.account import Account, action
from preflight.checks import CHECKS
from preflight.plan import Plan, Stack

ROOT = pathlib.Path(__file__).parents[2]
TEMPLATE = yaml_parse((ROOT / "template.yaml").read_text())
ACCOUNT = "123456789012"
REGION = "eu-west-1"
STACK = "demo-stack"

# One for all tests: a session reads a service's model once, which takes longer than a test.
SESSION = boto3.Session("test", "test", "test")

# Each check's outcomes in all tests, and each action that was called.
OUTCOMES = {check.subject: set() for check in CHECKS}
CALLED = set()


def plan(region=REGION, stack=None, stack_name=STACK, **parameters):
    """Returns the deployment of the template with some parameters."""
    return Plan(TEMPLATE, stack_name, region, {"UserIds": "demo", **parameters}, stack, ACCOUNT)


def existing(*resources, status="CREATE_COMPLETE", **parameters):
    """Returns a stack that has some resources, each under its type and physical id."""
    return Stack(status, parameters, {name: (kind, number) for name, kind, number in resources})


def error(code):
    """Returns the body of an error."""
    return {"Error": {"Code": code, "Message": f"{code} of the test"}}


class RecordingAccount(Account):
    """An account that keeps which operations were called, and may answer them without moto."""

    def __init__(self, region=REGION):
        super().__init__(SESSION, region)
        self._answers = {}
        self.denied = False

    def answer(self, service, operation, answer):
        """Has an operation answered without moto, by what botocore's model of the service admits."""
        model = SESSION.client(service, region_name=self.region).meta.service_model.operation_model(operation)
        if "Error" not in answer:
            problems = ParamValidator().validate(answer, model.output_shape)
            if problems.has_errors():
                raise AssertionError(f"{service} never answers {operation} so: {problems.generate_report()}")
        self._answers[model.service_model.service_id.hyphenize(), operation] = answer

    def client(self, service, region=None):
        client = super().client(service, region)
        client.meta.events.register_first("before-call", self._before_call, unique_id="test")
        return client

    def _before_call(self, model, **_event):
        CALLED.add(action(model))
        answer = self._answers.get((model.service_model.service_id.hyphenize(), model.name))
        if self.denied is True or self.denied == action(model):
            answer = error("AccessDeniedException")
        if answer is None:
            return None
        return AWSResponse("https://example.com", 403 if "Error" in answer else 200, {}, None), answer


class AccountTest(unittest.TestCase):
    """A test with an empty account."""

    region = REGION

    def setUp(self):
        moto = mock_aws()
        moto.start()
        self.addCleanup(moto.stop)
        self.account = RecordingAccount(self.region)

    def client(self, service, region=None):
        """Returns a client for what a test prepares."""
        return SESSION.client(service, region_name=region or self.region)

    def ask(self, subject, deployment):
        """Returns the finding of a check, which has to apply."""
        check, = (check for check in CHECKS if check.subject == subject)
        self.assertTrue(check.when(deployment), f"{subject} is not asked")
        finding = check.run(deployment, self.account)
        OUTCOMES[subject].add(finding.outcome)
        self.assertNotIn("\n", finding.line())
        return finding

    def right(self, subject, part="", **parameters):
        """Asserts that a check holds, and a part of its line."""
        self._assert("ok", subject, part, parameters)

    def wrong(self, subject, part, **parameters):
        """Asserts that a check finds a fault, and a part of its line."""
        self._assert("wrong", subject, part, parameters)

    def unknown(self, subject, part, **parameters):
        """Asserts that a check cannot be decided, and a part of its line."""
        self._assert("unknown", subject, part, parameters)

    def _assert(self, outcome, subject, part, parameters):
        deployment = parameters.pop("deployment", None) or plan(self.region, **parameters)
        finding = self.ask(subject, deployment)
        self.assertEqual(finding.outcome, outcome, finding.line())
        self.assertIn(part, finding.text)
