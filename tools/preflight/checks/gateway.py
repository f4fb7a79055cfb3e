"""API Gateway's role for logs, one for all APIs of the account in a region."""

from preflight.check import Check, Wrong


def logging_role(plan, account):
    """The role, without which a stage that logs is refused, and which a stack must not take from other APIs."""
    role = account.call("apigateway", "get_account").get("cloudwatchRoleArn")
    if plan["AccessLog"] == "on" and not role:
        raise Wrong('API Gateway has no role for logs in this region: set "AccessLog=on-and-make-role"')
    if plan.adds("GatewayAccount") and role:
        raise Wrong(f'API Gateway logs by {role} already, which the stack would replace for all APIs: set "AccessLog=on"')
    return f"API Gateway logs by {role}" if role else "the stack makes the role"


CHECKS = [Check("role for the access log", logging_role, lambda plan: plan["AccessLog"] != "off")]
