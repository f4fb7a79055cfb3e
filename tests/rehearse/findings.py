"""Findings, the ones that are accepted, and the faults that prove each checker alive."""

import collections
import dataclasses
import pathlib
import re

import tomlkit

ACCEPTED = pathlib.Path(__file__).with_name("accepted.toml")


@dataclasses.dataclass(frozen=True)
class Finding:
    checker: str
    rule: str
    resource: str
    path: str
    message: str
    case: str = dataclasses.field(compare=False)

    def __str__(self):
        where = ".".join(filter(None, [self.resource, self.path]))
        return f"{self.checker} {self.rule} at {where}: {self.message[:400]}"


class Accepted:
    """The entries of accepted.toml. Each is for findings whose every part its expressions match in full."""

    def __init__(self):
        self.entries = tomlkit.parse(ACCEPTED.read_text()).unwrap().get("accepted", [])
        for entry in self.entries:
            needed = {"checker", "rule", "resource", "reason"}
            if not entry.get("reason") or not needed <= entry.keys() <= needed | {"path", "message", "case"}:
                raise ValueError(f"accepted.toml: an entry has checker, rule, resource, reason, and may have path, message and case: {entry}")
        self.used = set()

    def covers(self, finding):
        for at, entry in enumerate(self.entries):
            if all(re.fullmatch(entry[part], getattr(finding, part), re.DOTALL) for part in entry.keys() - {"reason"}):
                self.used.add(at)
                return True
        return False

    def unused(self):
        return [entry for at, entry in enumerate(self.entries) if at not in self.used]


# A template with one fault for each checker, and the rule that has to find it.
SEEDS = {
    "cfn-lint": (
        "E3002",
        {"Bucket": {"Type": "AWS::S3::Bucket", "Properties": {"Colour": "red"}}},
    ),
    "cdk-preflight": (
        "pf-msk-t3-small-not-kraft",
        {
            "Cluster": {
                "Type": "AWS::MSK::Cluster",
                "Properties": {
                    "ClusterName": "pins",
                    "KafkaVersion": "3.9.x.kraft",
                    "NumberOfBrokerNodes": 3,
                    "BrokerNodeGroupInfo": {"InstanceType": "kafka.t3.small", "ClientSubnets": ["subnet-0a1b2c3d4e5f60718"]},
                },
            }
        },
    ),
    "parliament": ("UNKNOWN_ACTION", "s3:PaintObject"),
    "policy_sentry": ("wildcard-only", "kafka:GetBootstrapBrokers"),
}


def seeds():
    """The templates with a fault, as cases."""
    for checker, (rule, fault) in SEEDS.items():
        if isinstance(fault, str):
            statement = {"Effect": "Allow", "Action": fault, "Resource": "arn:aws:s3:::pins/*"}
            policy = {"PolicyName": "Fault", "PolicyDocument": {"Version": "2012-10-17", "Statement": [statement]}}
            fault = {"Role": {"Type": "AWS::IAM::Role", "Properties": {"Policies": [policy]}}}
        yield {"label": seed(checker), "template": {"AWSTemplateFormatVersion": "2010-09-09", "Resources": fault}}


def seed(checker):
    return f"a fault for {checker}"


def judged(findings, checkers, partial):
    """The sentences of what is wrong: findings that are not accepted, entries that nothing needs, checkers that find nothing."""
    accepted, wrong = Accepted(), collections.defaultdict(list)
    planted = {seed(checker) for checker in SEEDS}
    for finding in findings:
        if finding.case not in planted and not accepted.covers(finding):
            wrong[finding].append(finding.case)
    for finding, cases in wrong.items():
        yield f"{finding}\n    in {len(cases)} of the cases, the first of which is {cases[0]}"
    for checker in checkers:
        rule = SEEDS[checker][0]
        if not any((one.checker, one.case, one.rule) == (checker, seed(checker), rule) for one in findings):
            yield f"{checker} does not find the fault that was made for it ({rule})"
    if not partial:
        for entry in accepted.unused():
            yield f"accepted.toml: nothing needs the entry {entry['checker']} {entry['rule']} at {entry['resource']} any more"
