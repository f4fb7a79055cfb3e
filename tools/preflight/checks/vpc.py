"""A VPC that exists: its subnets, the way to S3, and the security groups in it."""

from preflight.check import Check, Unsure, Wrong
from preflight.facts import ADDRESSES_PER_SUBNET, ZONES_WITHOUT_MSK

KAFKA_PORT = 9098


def subnet_ids(plan):
    """Returns the ids of SubnetIds."""
    return [one for one in plan["SubnetIds"].split(",") if one]


def vpc(plan, account):
    """The VPC itself, with the name server by which functions find brokers."""
    name = plan["VpcId"]
    if not account.call("ec2", "describe_vpcs", absent={"InvalidVpcID.NotFound", "InvalidVpcID.Malformed"}, VpcIds=[name]):
        raise Wrong(f"{plan.region} has no VPC {name}: look for its id, and for the region that it is in")
    answer = account.call("ec2", "describe_vpc_attribute", VpcId=name, Attribute="enableDnsSupport")
    if not answer["EnableDnsSupport"]["Value"]:
        raise Wrong(f"{name} resolves no names, so functions find no broker: "
                    f"aws ec2 modify-vpc-attribute --vpc-id {name} --enable-dns-support")
    return f"{name} is there and resolves names"


def subnets(plan, account):
    """The subnets: whose they are, and whether brokers and functions fit into them."""
    answer = account.call("ec2", "describe_subnets", absent={"InvalidSubnetID.NotFound", "InvalidSubnetID.Malformed"},
                          SubnetIds=subnet_ids(plan))
    if not answer:
        raise Wrong(f"{plan.region} has not all of the subnets {plan['SubnetIds']}: look for their ids")
    found = answer["Subnets"]
    foreign = [one["SubnetId"] for one in found if one["VpcId"] != plan["VpcId"]]
    if foreign:
        raise Wrong(f"{', '.join(foreign)} is not a subnet of {plan['VpcId']}: VpcId and SubnetIds have to belong together")
    zones = {one["AvailabilityZone"] for one in found}
    if len(zones) < len(found):
        raise Wrong(f"two of the subnets are in one zone ({', '.join(sorted(zones))}): give one subnet for each zone")
    full = [one["SubnetId"] for one in found if one["AvailableIpAddressCount"] < ADDRESSES_PER_SUBNET]
    if full:
        raise Wrong(f"{', '.join(full)} has fewer than {ADDRESSES_PER_SUBNET} free addresses: give a larger subnet")
    if plan.adds("ProvisionedCluster") and int(plan["BrokerCount"]) % len(found):
        raise Wrong(f"MSK spreads brokers evenly, and {plan['BrokerCount']} brokers do not spread over {len(found)} subnets: "
                    "give as many subnets as BrokerCount")
    if plan.makes("ProvisionedCluster") or plan.makes("ServerlessCluster"):
        without = [one for one in found if one["AvailabilityZoneId"] in ZONES_WITHOUT_MSK]
        if without:
            raise Wrong(f"MSK makes no broker in the zone of {without[0]['SubnetId']}, whose id is "
                        f"{without[0]['AvailabilityZoneId']}: give a subnet of another zone")
    return f"{len(found)} of {plan['VpcId']}, each in its own zone"


def tables_of(plan, account):
    """Returns each subnet's route table: its own, or else the VPC's main one."""
    tables = account.pages("ec2", "describe_route_tables", "RouteTables", Filters=[{"Name": "vpc-id", "Values": [plan["VpcId"]]}])
    links = [(link, table) for table in tables for link in table["Associations"]]
    main = next((table for link, table in links if link.get("Main")), None)
    own = {link["SubnetId"]: table for link, table in links if link.get("SubnetId")}
    return {subnet: own.get(subnet, main) for subnet in subnet_ids(plan)}


def way_to_s3(plan, account):
    """The way to S3, by which functions answer CloudFormation and the archive is written."""
    tables = tables_of(plan, account)
    if None in tables.values():
        raise Unsure(f"{plan['VpcId']} has no main route table that can be seen")
    needed = sorted({table["RouteTableId"] for table in tables.values()})
    endpoints = account.pages("ec2", "describe_vpc_endpoints", "VpcEndpoints", Filters=[
        {"Name": "vpc-id", "Values": [plan["VpcId"]]}, {"Name": "vpc-endpoint-type", "Values": ["Gateway"]},
        {"Name": "service-name", "Values": [f"com.amazonaws.{plan.region}.s3"]}])
    own = plan.stack.resources.get("S3Endpoint", ("", ""))[1] if plan.stack else ""
    linked = {table: endpoint["VpcEndpointId"] for endpoint in endpoints for table in endpoint.get("RouteTableIds", [])
              if endpoint["VpcEndpointId"] != own}
    given = [one for one in plan["RouteTableIds"].split(",") if one]
    doubled = [table for table in given if table in linked]
    if doubled:
        raise Wrong(f"{doubled[0]} leads to S3 by {linked[doubled[0]]} already, and takes no second endpoint: "
                    "leave it out of RouteTableIds")
    # A NAT gateway leads there too. An internet gateway does not: a function has no public address.
    leading = {table["RouteTableId"] for table in tables.values() if leads_out(table)}
    lacking = [table for table in needed if table not in linked and table not in given and table not in leading]
    if lacking:
        raise Wrong(f"nothing leads from the subnets to S3: set \"RouteTableIds={','.join([*given, *lacking])}\"")
    return f"{', '.join(needed)} leads there" + (" once the endpoint is made" if given else "")


def leads_out(table):
    """Returns whether a route table leads what is not local through a gateway that translates addresses, or to another network."""
    return any(route.get("DestinationCidrBlock") == "0.0.0.0/0" and route.get("State") == "active"
               and not route.get("GatewayId", "").startswith("igw-") for route in table["Routes"])


def group_of(parameter, plan, account):
    """Returns the security group of a parameter, once it is known to be in the VPC."""
    name = plan[parameter]
    answer = account.call("ec2", "describe_security_groups", absent={"InvalidGroup.NotFound", "InvalidGroupId.Malformed"}, GroupIds=[name])
    if not answer:
        raise Wrong(f"{plan.region} has no security group {name}: look for the id that {parameter} has to have")
    group = answer["SecurityGroups"][0]
    if group["VpcId"] != plan["VpcId"]:
        raise Wrong(f"{name} is a security group of {group['VpcId']}, not of {plan['VpcId']}: VpcId and {parameter} have to "
                    "belong together")
    return group


def cluster_group(plan, account):
    """The existing cluster's security group, which the workers of a mapping or a connector use too."""
    group = group_of("ClusterSecurityGroupId", plan, account)
    name = group["GroupId"]
    if plan["Archive"] not in {"event-source-mapping", "msk-connect"}:
        return f"{name} is in {group['VpcId']}"
    if not admits_itself(group):
        raise Wrong(f"Archive is {plan['Archive']}, whose workers use {name}, which does not admit itself at {KAFKA_PORT}: "
                    f"aws ec2 authorize-security-group-ingress --group-id {name} --source-group {name} --protocol tcp "
                    f"--port {KAFKA_PORT}")
    return f"{name} is in {group['VpcId']} and admits itself at {KAFKA_PORT}"


def admits_itself(group):
    """Returns whether a security group has an ingress rule for itself, or for every address, at Kafka's port."""
    for rule in group["IpPermissions"]:
        if rule["IpProtocol"] == "-1":
            admitted = True
        else:
            admitted = rule["IpProtocol"] == "tcp" and rule["FromPort"] <= KAFKA_PORT <= rule["ToPort"]
        sources = {pair.get("GroupId") for pair in rule["UserIdGroupPairs"]} | {one["CidrIp"] for one in rule["IpRanges"]}
        if admitted and sources & {group["GroupId"], "0.0.0.0/0"}:
            return True
    return False


def database_group(plan, account):
    """The existing database's security group."""
    group = group_of("DatabaseSecurityGroupId", plan, account)
    return f"{group['GroupId']} is in {group['VpcId']}"


CHECKS = [
    Check("VPC", vpc, lambda plan: plan["VpcId"]),
    Check("subnets", subnets, lambda plan: plan["VpcId"] and plan["SubnetIds"]),
    Check("way to S3", way_to_s3, lambda plan: plan["VpcId"] and plan["SubnetIds"]),
    Check("security group of the cluster", cluster_group, lambda plan: plan["ClusterSecurityGroupId"]),
    Check("security group of the database", database_group, lambda plan: plan["DatabaseSecurityGroupId"]),
]
