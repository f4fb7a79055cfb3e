"""A VPC that is made: its zones and quotas."""

from preflight.check import Check, Wrong, fits
from preflight.facts import GATEWAY_ENDPOINTS, VPCS, ZONES_WITHOUT_MSK
from preflight.intrinsics import MissingZone

SUBNET = "AWS::EC2::Subnet"


def zones_of(account):
    """Returns the ids of the region's zones that can be used, by name."""
    answer = account.call("ec2", "describe_availability_zones", Filters=[
        {"Name": "zone-type", "Values": ["availability-zone"]}, {"Name": "state", "Values": ["available"]}])
    return {zone["ZoneName"]: zone["ZoneId"] for zone in sorted(answer["AvailabilityZones"], key=lambda one: one["ZoneName"])}


def zones(plan, account):
    """The zones of the subnets: those of AvailabilityZones, or the first ones that CloudFormation sees."""
    offered = zones_of(account)
    fit = [name for name, number in offered.items() if number not in ZONES_WITHOUT_MSK]
    remedy = advice(plan, fit)
    # CloudFormation lists only the zones with a default subnet, unless no zone has one.
    defaults = account.pages("ec2", "describe_subnets", "Subnets", Filters=[{"Name": "default-for-az", "Values": ["true"]}])
    listed = sorted({subnet["AvailabilityZone"] for subnet in defaults} & set(offered)) or list(offered)
    try:
        chosen = list(plan.properties(SUBNET, "AvailabilityZone", listed).values())
    except MissingZone:
        raise Wrong(f"{plan.region} has {', '.join(listed)} and no further zone for a subnet: {remedy}") from None
    absent = [name for name in chosen if name not in offered]
    if absent:
        raise Wrong(f"{plan.region} has no zone {', '.join(absent)}: {remedy}")
    if len(set(chosen)) < len(chosen):
        raise Wrong(f"two subnets would be in one zone ({', '.join(chosen)}): {remedy}")
    without = [name for name in chosen if name not in fit]
    if without:
        raise Wrong(f"MSK makes no broker in {without[0]}, whose id is {offered[without[0]]}: {remedy}")
    return ", ".join(f"{name} ({offered[name]})" for name in chosen)


def advice(plan, fit):
    """Returns the zones to give in words."""
    if len(fit) >= 3:
        return f'set "AvailabilityZones={",".join(fit[:3])}"'
    if len(fit) == 2 and plan["Cluster"] != "serverless":
        return f'set "AvailabilityZones={",".join([*fit, fit[1]])}" and "BrokerCount=2"'
    return "choose another region"


def vpcs(_plan, account):
    """The quota of VPCs."""
    return fits(VPCS, account.quota(VPCS), len(account.pages("ec2", "describe_vpcs", "Vpcs")), 1)


def endpoints(_plan, account):
    """The quota of gateway endpoints."""
    used = account.pages("ec2", "describe_vpc_endpoints", "VpcEndpoints", Filters=[
        {"Name": "vpc-endpoint-type", "Values": ["Gateway"]}])
    return fits(GATEWAY_ENDPOINTS, account.quota(GATEWAY_ENDPOINTS), len(used), 1)


CHECKS = [
    Check("zones", zones, lambda plan: plan.adds("Vpc")),
    Check("quota of VPCs", vpcs, lambda plan: plan.adds("Vpc")),
    Check("quota of gateway endpoints", endpoints, lambda plan: plan.adds("S3Endpoint")),
]
