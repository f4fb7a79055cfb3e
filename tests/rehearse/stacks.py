"""A case's stack: the template transformed by AWS's own code, without the resources that its conditions exclude.

`references` keeps references between resources, which the linters follow. `texts` replaces each by a fictitious identifier in AWS's
form, for the checkers of policies.
"""

import json
import pathlib
import re
import subprocess
import sys

from samcli.lib.intrinsic_resolver.intrinsic_property_resolver import IntrinsicResolver
from samcli.lib.intrinsic_resolver.intrinsics_symbol_table import IntrinsicsSymbolTable

import choices
import conditions

WORKSPACE = pathlib.Path(__file__).resolve().parents[2]
REGION, ACCOUNT, STACK = "eu-west-1", "123456789012", "my-pins"
PSEUDO = {
    "AWS::Region": REGION,
    "AWS::AccountId": ACCOUNT,
    "AWS::StackName": STACK,
    "AWS::Partition": "aws",
    "AWS::URLSuffix": "amazonaws.com",
}

CLUSTER = f"{STACK}/4f0c1b6e-13ab-4c9d-8e7f-0a1b2c3d4e5f-2"
KAFKA = f"arn:aws:kafka:{REGION}:{ACCOUNT}"
# The attributes of custom resources, for which no checker has a type.
ANSWERS = {
    "Brokers": {
        "BootstrapServers": f"b-1.{STACK}.4f0c1b.c2.kafka.{REGION}.amazonaws.com:9098",
        "ClusterArn": f"{KAFKA}:cluster/{CLUSTER}",
        "ClusterName": STACK,
        "ClusterUuid": CLUSTER.partition("/")[2],
        "Fingerprint": "0a1b2c3d",
        "GroupArnPrefix": f"{KAFKA}:group/{CLUSTER}",
        "TopicArnPrefix": f"{KAFKA}:topic/{CLUSTER}",
        "PassThroughArns": f"{KAFKA}:topic/{CLUSTER}/clicks",
        "TopicArns": ",".join(f"{KAFKA}:topic/{CLUSTER}/demo.{kind}" for kind in ("pin", "geo", "user")),
    },
    "Topics": {"Topics": "demo.pin,demo.geo,demo.user"},
}


def arn(service, kind="", region=REGION, account=ACCOUNT):
    return lambda name: f"arn:aws:{service}:{region}:{account}:{kind}{STACK}-{name}".lower()


# The identifiers of resources, for which SAM CLI knows those of Lambda alone.
IDENTIFIERS = {
    "AWS::S3::Bucket": {"Arn": arn("s3", region="", account="")},
    "AWS::SQS::Queue": {"Arn": arn("sqs")},
    "AWS::IAM::Role": {"Arn": arn("iam", "role/", region="")},
    "AWS::Logs::LogGroup": {"Arn": lambda name: f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/{STACK}/{name}:*"},
    "AWS::MSK::Cluster": {"Ref": lambda _: f"{KAFKA}:cluster/{CLUSTER}", "Arn": lambda _: f"{KAFKA}:cluster/{CLUSTER}"},
    "AWS::MSK::ServerlessCluster": {"Ref": lambda _: f"{KAFKA}:cluster/{CLUSTER}", "Arn": lambda _: f"{KAFKA}:cluster/{CLUSTER}"},
    "AWS::RDS::DBInstance": {
        "DbiResourceId": "db-ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        "MasterUserSecret.SecretArn": f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:rds!db-4f0c1b6e-13ab-a1B2c3",
    },
    "AWS::Lambda::Alias": {"Ref": lambda name: f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{STACK}-{name}:live"},
}


def run(program, given="", template=WORKSPACE / "template.yaml"):
    """The answer of a program of `tests/template`, which runs AWS's own code."""
    command = [sys.executable, WORKSPACE / "tests/template" / program, template]
    # SAM asks for a region, and for nothing in it.
    environment = {"PATH": "/usr/bin:/bin", "AWS_DEFAULT_REGION": REGION}
    result = subprocess.run(command, input=given, capture_output=True, text=True, env=environment)
    if result.returncode:
        raise RuntimeError(f"{program} failed: {result.stderr}")
    return json.loads(result.stdout)


def profiles():
    """The parameters of each profile in samconfig.toml, as SAM reads them."""
    return {name: options["deploy"]["parameter_overrides"] for name, options in run("profiles.py").items()}


def translated(cases, template=WORKSPACE / "template.yaml"):
    """Adds each case's `template`. A value that its own pattern refuses is an error."""
    pseudo = {"region": REGION, "account_id": ACCOUNT, "stack_name": STACK}
    answers = run("translate.py", json.dumps({"pseudo": pseudo, "cases": [case["values"] for case in cases]}), template)
    for case, answer in zip(cases, answers):
        if answer["refused"]:
            raise ValueError(f"{case['label']}: {'; '.join(answer['refused'])}")
        yield case | {"template": references(answer["template"], case["values"])}


def references(template, values):
    """The template that is deployed: what its conditions leave out is gone, and what is known beforehand stands in its place."""
    parameters = conditions.Parameters(template["Parameters"], values, template["Conditions"])
    made = {
        section: {
            name: {key: value for key, value in one.items() if key != "Condition"}
            for name, one in template[section].items()
            if "Condition" not in one or parameters.holds(one["Condition"])
        }
        for section in ("Resources", "Outputs")
    }
    return {
        "AWSTemplateFormatVersion": template["AWSTemplateFormatVersion"],
        "Description": template["Description"],
        **Known(template["Parameters"], parameters).replaced(made),
    }


class Known:
    """Replaces what is known before anything is made: parameters, conditions, what AWS says of the stack, custom resources' answers."""

    def __init__(self, declared, parameters):
        self.parameters = parameters
        known = {"Parameters": {name: one | {"Default": parameters.values[name]} for name, one in declared.items()}}
        self.names = {*ANSWERS, *PSEUDO, *declared}
        self.resolver = IntrinsicResolver(known, IntrinsicsSymbolTable(known, {**ANSWERS, **PSEUDO}))

    def replaced(self, node):
        if isinstance(node, list):
            return [self.replaced(one) for one in node]
        if not isinstance(node, dict):
            return node
        if "Fn::If" in node:
            condition, *branches = node["Fn::If"]
            return self.replaced(branches[not self.parameters.holds(condition)])
        if len(node) == 1 and next(iter(node)).startswith(("Ref", "Fn::")):
            needed = {name.split(".")[0] for name in choices.references(node)}
            if needed and needed <= self.names:
                return self.text(node)
            if "Fn::Sub" in node:
                text, *more = node["Fn::Sub"] if isinstance(node["Fn::Sub"], list) else [node["Fn::Sub"]]
                text = re.sub(r"\$\{([\w:]+)[\w.]*\}", self.known_text, text)
                if not more and not re.search(r"\$\{[^!]", text):
                    return text.replace("${!", "${")
                return {"Fn::Sub": [text, *self.replaced(more)] if more else text}
        return {key: self.replaced(value) for key, value in node.items()}

    def known_text(self, match):
        return self.text({"Fn::Sub": match[0]}) if match[1] in self.names else match[0]

    def text(self, node):
        return self.resolver.resolve_attribute({"value": node})["value"]


def texts(template, node):
    """A part of the template with a text in place of every reference."""
    table = IntrinsicsSymbolTable(template, dict(PSEUDO), default_type_resolver=IDENTIFIERS)
    return IntrinsicResolver(template, table).resolve_attribute({"value": node})["value"]
