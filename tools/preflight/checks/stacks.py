"""The stacks: that of the deployment, and the one that keeps SAM's bucket."""

from preflight.check import Check, Unsure, Wrong
from preflight.facts import STACK_NAME_LENGTH
from preflight.plan import UNSEEN, Stack

SAM_STACK = "aws-sam-cli-managed-default"

REMEDIES = {
    "ROLLBACK_COMPLETE": "delete it (`sam delete`), since such a stack takes nothing else",
    "ROLLBACK_FAILED": "delete it (`sam delete`), and keep what cannot be deleted (--retain-resources)",
    "DELETE_FAILED": "delete it again, and keep what cannot be deleted (`aws cloudformation delete-stack --retain-resources`)",
    "UPDATE_ROLLBACK_FAILED": "`aws cloudformation continue-update-rollback`, with --resources-to-skip for what is gone",
}


def find(account, name):
    """Returns a stack as it is now, or nothing where there is none."""
    answer = account.call("cloudformation", "describe_stacks", absent={"ValidationError"}, StackName=name)
    if not answer or not answer["Stacks"]:
        return None
    found = answer["Stacks"][0]
    parameters = {one["ParameterKey"]: one.get("ParameterValue", "") for one in found.get("Parameters", [])}
    resources = account.pages("cloudformation", "list_stack_resources", "StackResourceSummaries", StackName=name)
    return Stack(found["StackStatus"], parameters, {
        one["LogicalResourceId"]: (one["ResourceType"], one.get("PhysicalResourceId", ""))
        for one in resources if one["ResourceStatus"] not in {"DELETE_COMPLETE", "CREATE_FAILED"}
    })


def deployable(name, status):
    """Returns a stack's state in words, or raises that it takes no deployment."""
    if status in REMEDIES:
        raise Wrong(f"{name} is {status}: {REMEDIES[status]}")
    if status.endswith("_IN_PROGRESS") and status != "REVIEW_IN_PROGRESS":
        raise Wrong(f"{name} is {status}: wait until that has ended")
    if status in {"CREATE_FAILED", "UPDATE_FAILED"}:
        return f"{name} is {status}: deploy it with --disable-rollback again"
    return f"{name} is {status}"


def stack_name(plan, _account):
    """The name, of which other names are made."""
    name = plan.stack_name
    if len(name) > STACK_NAME_LENGTH or name != name.lower():
        raise Wrong(f"{name} has to be in lower case and have {STACK_NAME_LENGTH} characters at most: choose another stack_name")
    return f"{name} is in lower case and short enough"


def state(plan, _account):
    """The stack's state, which decides whether it takes a deployment."""
    if plan.stack is UNSEEN:
        raise Unsure("no right to cloudformation:DescribeStacks or cloudformation:ListStackResources")
    if plan.stack is None:
        return f"there is no {plan.stack_name} yet"
    return deployable(plan.stack_name, plan.stack.status)


def sam_bucket(_plan, account):
    """The state of the stack that keeps the bucket for what `sam deploy` uploads."""
    answer = account.call("cloudformation", "describe_stacks", absent={"ValidationError"}, StackName=SAM_STACK)
    if not answer or not answer["Stacks"]:
        return "`sam deploy` makes its bucket"
    return deployable(SAM_STACK, answer["Stacks"][0]["StackStatus"])


CHECKS = [
    Check("name of the stack", stack_name),
    Check("state of the stack", state),
    Check("bucket of SAM", sam_bucket),
]
