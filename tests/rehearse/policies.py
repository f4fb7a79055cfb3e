"""Holds IAM policies to two lists of what each service's actions take: parliament's, with its other rules, and policy_sentry's."""

import contextlib
import json
import warnings

with warnings.catch_warnings():
    # It asks for its own data by an interface that setuptools has deprecated.
    warnings.simplefilter("ignore")
    import parliament

from policy_sentry.querying.actions import get_action_data
from policy_sentry.util.arns import ARN


def documents(template, resolve):
    """Each policy of each resource: its resource, its place there, and its document, with a text in place of every reference."""
    for name, resource in template["Resources"].items():
        properties = resource.get("Properties", {})
        for at, policy in enumerate(properties.get("Policies", []) if resource["Type"] == "AWS::IAM::Role" else []):
            yield name, f"Properties.Policies.{at}.PolicyDocument", resolve(policy["PolicyDocument"])
        # Neither list has a word on who may take a role: cfn-lint and cdk-preflight do.
        if "PolicyDocument" in properties:
            yield name, "Properties.PolicyDocument", resolve(properties["PolicyDocument"])


def by_parliament(document):
    """The rule and the message of each finding."""
    analyzed = parliament.analyze_policy_string(json.dumps(document), include_community_auditors=False)
    for finding in analyzed.findings:
        yield finding.issue, " ".join(filter(None, [str(finding.detail or ""), json.dumps(place(finding.location))]))


def place(location):
    """The part of a finding's location that does not change with a line."""
    return {key: str(value) for key, value in location.items() if key in ("actions", "resource", "string", "action", "unknown_action")}


def by_policy_sentry(document):
    for statement in listed(document["Statement"]):
        if "Principal" in statement or statement["Effect"] != "Allow":
            continue
        resources = listed(statement["Resource"])
        for action in listed(statement["Action"]):
            service, name = action.split(":")
            known = get_action_data(service, name)
            if not known:
                yield "unknown-action", f"there is no action {action}"
                continue
            forms = {one["resource_arn_format"] for one in known[service]}
            if forms == {"*"} and resources != ["*"]:
                yield "wildcard-only", f"{action} takes no resource but *, and has {', '.join(resources)}"
            elif forms != {"*"} and resources != ["*"]:
                wrong = [resource for resource in resources if not any(fits(resource, form) for form in forms)]
                if wrong:
                    yield "resource-mismatch", f"{action} takes {', '.join(sorted(forms - {'*'}))}, and has {', '.join(wrong)}"


def fits(resource, form):
    # A resource that is no ARN at all is not of the form either.
    with contextlib.suppress(Exception):
        return form != "*" and ARN(resource).same_resource_type(form)
    return False


def listed(value):
    return value if isinstance(value, list) else [value]
