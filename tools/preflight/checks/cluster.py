"""A cluster that exists."""

from preflight.check import Check, Unsure, Wrong

UNUSABLE = {"CREATING", "DELETING", "FAILED"}


def describe(plan, account, absence=Unsure):
    """Returns the cluster's description. Where there is none, it is wrong once, and the other checks are undecided."""
    arn = plan["ClusterArn"]
    answer = account.call("kafka", "describe_cluster_v2", absent={"NotFoundException"}, ClusterArn=arn)
    if not answer:
        raise absence(f"there is no cluster {arn}: aws kafka list-clusters-v2 lists those there are")
    return answer["ClusterInfo"]


def state(plan, account):
    """The cluster's state."""
    found = describe(plan, account, Wrong)
    if found["State"] in UNUSABLE:
        raise Wrong(f"{found['ClusterName']} is {found['State']}: wait until it is ACTIVE, or name another one")
    return f"{found['ClusterName']} is {found['State']}"


def access(plan, account):
    """IAM access control, by which functions log in."""
    found = describe(plan, account)
    settings = (found.get("Provisioned") or found.get("Serverless") or {}).get("ClientAuthentication", {})
    if not settings.get("Sasl", {}).get("Iam", {}).get("Enabled"):
        raise Wrong(f"{found['ClusterName']} has IAM access control switched off: "
                    f"aws kafka update-security --cluster-arn {plan['ClusterArn']} --current-version {found['CurrentVersion']} "
                    "--client-authentication 'Sasl={Iam={Enabled=true}}', with the other ways that it has")
    return f"{found['ClusterName']} takes log-ins by IAM"


def place(plan, account):
    """The cluster's security groups and VPC, in which the functions have to be."""
    found = describe(plan, account)
    if "Provisioned" in found:
        nodes = found["Provisioned"]["BrokerNodeGroupInfo"]
        groups, subnets = nodes.get("SecurityGroups", []), nodes["ClientSubnets"]
    else:
        networks = found["Serverless"]["VpcConfigs"]
        groups = [group for one in networks for group in one.get("SecurityGroupIds", [])]
        subnets = [subnet for one in networks for subnet in one["SubnetIds"]]
    if groups and plan["ClusterSecurityGroupId"] not in groups:
        raise Wrong(f"{found['ClusterName']} has the security groups {', '.join(groups)}, and not "
                    f"{plan['ClusterSecurityGroupId']}: set \"ClusterSecurityGroupId={groups[0]}\"")
    vpcs = {one["VpcId"] for one in account.call("ec2", "describe_subnets", SubnetIds=subnets)["Subnets"]}
    if plan["VpcId"] not in vpcs:
        raise Wrong(f"{found['ClusterName']} is in {', '.join(sorted(vpcs))}, and not in {plan['VpcId']}: "
                    f"set \"VpcId={min(vpcs)}\" and SubnetIds to its subnets, such as {','.join(subnets)}")
    return f"{found['ClusterName']} is in {plan['VpcId']} with {plan['ClusterSecurityGroupId']}"


def existing(plan):
    """Returns whether the deployment uses a cluster that exists."""
    return plan["Cluster"] == "existing" and plan["ClusterArn"]


CHECKS = [
    Check("state of the cluster", state, existing),
    Check("access to the cluster", access, existing),
    Check("network of the cluster", place, existing),
]
