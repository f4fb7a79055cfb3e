"""The VPC: one that is made, and one that exists."""

import unittest

from moto.core import DEFAULT_ACCOUNT_ID
from moto.ec2 import ec2_backends

from support import AccountTest, existing, plan

KAFKA_ARN = "arn:aws:kafka:eu-west-1:123456789012:cluster/course/0f0f0f0f-1111-2222-3333-444444444444-1"


class ZonesTest(AccountTest):
    region = "us-east-1"

    def test_three_zones_of_the_region_are_taken(self):
        self.right("zones", "us-east-1b", AvailabilityZones="us-east-1b,us-east-1c,us-east-1d")

    def test_the_zone_where_msk_makes_no_broker_is_refused_by_its_id(self):
        zones = self.client("ec2").describe_availability_zones()["AvailabilityZones"]
        without, = (zone["ZoneName"] for zone in zones if zone["ZoneId"] == "use1-az3")
        others = [zone["ZoneName"] for zone in zones if zone["ZoneName"] != without][:3]
        self.wrong("zones", f'{without}, whose id is use1-az3: set "AvailabilityZones={",".join(others)}"',
                   AvailabilityZones=f"{without},{others[0]},{others[1]}")

    def test_a_third_subnet_that_is_not_made_is_not_looked_at(self):
        zones = self.client("ec2").describe_availability_zones()["AvailabilityZones"]
        without, = (zone["ZoneName"] for zone in zones if zone["ZoneId"] == "use1-az3")
        others = [zone["ZoneName"] for zone in zones if zone["ZoneName"] != without][:2]
        self.right("zones", AvailabilityZones=f"{others[0]},{others[1]},{without}", BrokerCount="2")

    def test_a_zone_of_another_region_and_a_zone_that_is_given_twice_are_refused(self):
        self.wrong("zones", "no zone us-east-1z", AvailabilityZones="us-east-1a,us-east-1b,us-east-1z")
        self.wrong("zones", "two subnets would be in one zone", AvailabilityZones="us-east-1b,us-east-1c,us-east-1c")

    def test_the_first_three_zones_are_those_that_have_a_default_subnet(self):
        ec2 = self.client("ec2")
        first = ec2.describe_subnets(Filters=[{"Name": "default-for-az", "Values": ["true"]},
                                              {"Name": "availability-zone", "Values": ["us-east-1a"]}])["Subnets"]
        ec2.delete_subnet(SubnetId=first[0]["SubnetId"])
        self.assertTrue(self.ask("zones", plan(self.region)).text.find("us-east-1b") >= 0)
        self.assertNotIn("us-east-1a (", self.ask("zones", plan(self.region)).text)


class TwoZonesTest(AccountTest):
    region = "us-west-1"

    def test_a_region_of_two_zones_takes_two_brokers(self):
        first, second = (zone["ZoneName"] for zone in self.client("ec2").describe_availability_zones()["AvailabilityZones"])
        advised = f"{first},{second},{second}"
        self.wrong("zones", f'set "AvailabilityZones={advised}" and "BrokerCount=2"')
        self.right("zones", second, AvailabilityZones=advised, BrokerCount="2")
        self.wrong("zones", "choose another region", Cluster="serverless")


class QuotasTest(AccountTest):
    def test_the_quota_of_vpcs_counts_those_there_are(self):
        self.account.answer("service-quotas", "GetServiceQuota", {"Quota": {"Value": 2.0}})
        self.right("quota of VPCs", "1 of 2")
        self.client("ec2").create_vpc(CidrBlock="10.1.0.0/16")
        self.wrong("quota of VPCs", "2 of 2 VPCs in use, 1 more needed: raise the quota L-F678F1CE")

    def test_an_account_without_a_quota_of_its_own_has_the_default(self):
        self.account.answer("service-quotas", "GetServiceQuota", {"Error": {"Code": "NoSuchResourceException"}})
        self.right("quota of VPCs", "1 of 5")

    def test_the_quota_of_gateway_endpoints_counts_gateways_alone(self):
        self.account.answer("service-quotas", "GetServiceQuota", {"Quota": {"Value": 1.0}})
        ec2 = self.client("ec2")
        vpc = ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
        ec2.create_vpc_endpoint(VpcId=vpc, VpcEndpointType="Interface", ServiceName="com.amazonaws.eu-west-1.sts")
        self.right("quota of gateway endpoints", "0 of 1")
        ec2.create_vpc_endpoint(VpcId=vpc, VpcEndpointType="Gateway", ServiceName="com.amazonaws.eu-west-1.s3")
        self.wrong("quota of gateway endpoints", "L-1B52E74A")

    def test_a_stack_that_has_its_vpc_needs_no_other(self):
        stack = existing(("Vpc", "AWS::EC2::VPC", "vpc-1"), ("S3Endpoint", "AWS::EC2::VPCEndpoint", "vpce-1"))
        self.assertFalse(plan(stack=stack).adds("Vpc"))
        self.assertTrue(plan().adds("Vpc"))


class ExistingVpcTest(AccountTest):
    def setUp(self):
        super().setUp()
        self.ec2 = self.client("ec2")
        self.vpc = self.ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        self.subnets = [self.subnet(f"10.0.{number}.0/24", zone) for number, zone in enumerate("abc")]
        self.main = self.ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [self.vpc]}])["RouteTables"][0]["RouteTableId"]
        self.group = self.ec2.create_security_group(GroupName="brokers", Description="brokers", VpcId=self.vpc)["GroupId"]

    def subnet(self, block, zone, vpc=None):
        answer = self.ec2.create_subnet(VpcId=vpc or self.vpc, CidrBlock=block, AvailabilityZone=f"eu-west-1{zone}")
        return answer["Subnet"]["SubnetId"]

    def endpoint(self):
        return self.ec2.create_vpc_endpoint(VpcId=self.vpc, VpcEndpointType="Gateway", ServiceName="com.amazonaws.eu-west-1.s3",
                                            RouteTableIds=[self.main])["VpcEndpoint"]["VpcEndpointId"]

    def parameters(self, **others):
        return {"VpcId": self.vpc, "SubnetIds": ",".join(self.subnets), **others}

    def test_a_vpc_resolves_names(self):
        self.right("VPC", self.vpc, **self.parameters())
        self.wrong("VPC", "no VPC vpc-0123456789", **self.parameters(VpcId="vpc-0123456789"))
        self.ec2.modify_vpc_attribute(VpcId=self.vpc, EnableDnsSupport={"Value": False})
        self.wrong("VPC", f"--vpc-id {self.vpc} --enable-dns-support", **self.parameters())

    def test_subnets_are_of_the_vpc_and_each_in_its_own_zone(self):
        self.right("subnets", "3 of", **self.parameters())
        other = self.ec2.create_vpc(CidrBlock="10.2.0.0/16")["Vpc"]["VpcId"]
        foreign = self.subnet("10.2.0.0/24", "a", other)
        self.wrong("subnets", f"{foreign} is not a subnet of {self.vpc}", **self.parameters(SubnetIds=f"{foreign},{self.subnets[1]}"))
        double = self.subnet("10.0.9.0/24", "a")
        self.wrong("subnets", "in one zone", **self.parameters(SubnetIds=f"{double},{self.subnets[0]}"))
        self.wrong("subnets", "not all of the subnets", **self.parameters(SubnetIds=f"subnet-0123456789,{self.subnets[0]}"))

    def test_brokers_spread_evenly_over_the_subnets(self):
        two = ",".join(self.subnets[:2])
        self.wrong("subnets", "3 brokers do not spread over 2 subnets", **self.parameters(SubnetIds=two))
        self.right("subnets", **self.parameters(SubnetIds=two, BrokerCount="2"))
        self.right("subnets", **self.parameters(SubnetIds=two, Cluster="existing"))

    def test_a_subnet_without_free_addresses_is_refused(self):
        for subnet in ec2_backends[DEFAULT_ACCOUNT_ID]["eu-west-1"].describe_subnets(subnet_ids=self.subnets[:1]):
            subnet._available_ip_addresses = 3
        self.wrong("subnets", "fewer than 4 free addresses", **self.parameters())

    def test_a_way_to_s3_is_asked_for_by_the_tables_that_lack_it(self):
        self.wrong("way to S3", f'set "RouteTableIds={self.main}"', **self.parameters())
        self.right("way to S3", "once the endpoint is made", **self.parameters(RouteTableIds=self.main))

    def test_an_endpoint_that_exists_is_enough_and_is_not_doubled(self):
        number = self.endpoint()
        self.right("way to S3", self.main, **self.parameters())
        self.wrong("way to S3", f"leads to S3 by {number} already", **self.parameters(RouteTableIds=self.main))
        own = existing(("S3Endpoint", "AWS::EC2::VPCEndpoint", number))
        self.right("way to S3", deployment=plan(stack=own, **self.parameters(RouteTableIds=self.main)))

    def test_each_subnet_is_looked_at_by_its_own_table(self):
        own = self.ec2.create_route_table(VpcId=self.vpc)["RouteTable"]["RouteTableId"]
        self.ec2.associate_route_table(RouteTableId=own, SubnetId=self.subnets[0])
        self.endpoint()
        self.wrong("way to S3", f'set "RouteTableIds={own}"', **self.parameters())

    def test_a_vpc_without_a_table_is_not_called_right(self):
        self.unknown("way to S3", "no main route table", **self.parameters(VpcId="vpc-0123456789"))

    def test_a_nat_gateway_leads_to_s3_and_an_internet_gateway_does_not(self):
        gateway = self.ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        self.ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=self.vpc)
        self.ec2.create_route(RouteTableId=self.main, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
        self.wrong("way to S3", "nothing leads", **self.parameters())
        nat = self.ec2.create_nat_gateway(SubnetId=self.subnets[0])["NatGateway"]["NatGatewayId"]
        self.ec2.replace_route(RouteTableId=self.main, DestinationCidrBlock="0.0.0.0/0", NatGatewayId=nat)
        self.right("way to S3", **self.parameters())

    def test_the_clusters_group_admits_itself_where_workers_use_it(self):
        subject = "security group of the cluster"
        cluster = {"Cluster": "existing", "ClusterArn": KAFKA_ARN, "ClusterSecurityGroupId": self.group}
        self.right(subject, self.group, **self.parameters(**cluster))
        for archive in ("event-source-mapping", "msk-connect"):
            self.wrong(subject, f"--group-id {self.group} --source-group {self.group} --protocol tcp --port 9098",
                       **self.parameters(**cluster, Archive=archive))
        self.ec2.authorize_security_group_ingress(GroupId=self.group, IpPermissions=[
            {"IpProtocol": "tcp", "FromPort": 9000, "ToPort": 9097, "UserIdGroupPairs": [{"GroupId": self.group}]}])
        self.wrong(subject, "does not admit itself", **self.parameters(**cluster, Archive="msk-connect"))
        self.ec2.authorize_security_group_ingress(GroupId=self.group, IpPermissions=[
            {"IpProtocol": "tcp", "FromPort": 9092, "ToPort": 9098, "UserIdGroupPairs": [{"GroupId": self.group}]}])
        self.right(subject, "admits itself at 9098", **self.parameters(**cluster, Archive="msk-connect"))

    def test_a_group_is_one_of_the_vpc(self):
        other = self.ec2.create_vpc(CidrBlock="10.2.0.0/16")["Vpc"]["VpcId"]
        foreign = self.ec2.create_security_group(GroupName="other", Description="other", VpcId=other)["GroupId"]
        database = {"Database": "existing-private", "DatabaseUrl": "mysql://emulator@example.com/pinterest_data?login=iam"}
        self.right("security group of the database", self.group, **self.parameters(**database, DatabaseSecurityGroupId=self.group))
        self.wrong("security group of the database", f"{foreign} is a security group of {other}",
                   **self.parameters(**database, DatabaseSecurityGroupId=foreign))
        self.wrong("security group of the database", "no security group sg-0123456789",
                   **self.parameters(**database, DatabaseSecurityGroupId="sg-0123456789"))


if __name__ == "__main__":
    unittest.main()
