"""MSK: a cluster that is made, one that exists, and MSK Connect."""

from support import AccountTest, error, plan

ARN = "arn:aws:kafka:eu-west-1:123456789012:cluster/course/0f0f0f0f-1111-2222-3333-444444444444-1"
PLUGIN = "arn:aws:kafkaconnect:eu-west-1:123456789012:custom-plugin/s3-sink/0f0f0f0f-1111-2222-3333-444444444444-1"


class NewClusterTest(AccountTest):
    def versions(self, **status):
        self.account.answer("kafka", "ListKafkaVersions", {
            "KafkaVersions": [{"Version": name, "Status": state} for name, state in status.items()]})

    def test_a_version_that_msk_offers_is_taken(self):
        wanted = plan()["KafkaVersion"]
        self.versions(**{"2.8.1": "DEPRECATED", wanted: "ACTIVE"})
        self.right("version of Kafka", wanted)

    def test_a_version_that_msk_does_not_offer_is_answered_with_those_it_does(self):
        self.versions(**{"2.8.1": "DEPRECATED", "0.0.1": "ACTIVE", "4.1.x.kraft": "ACTIVE"})
        self.wrong("version of Kafka", "to one of 4.1.x.kraft")
        self.versions(**{"0.0.1": "ACTIVE"})
        self.wrong("version of Kafka", "none, since the template admits no version")

    def test_a_version_that_is_deprecated_makes_no_new_cluster(self):
        self.versions(**{plan()["KafkaVersion"]: "DEPRECATED", "9.9.x": "ACTIVE"})
        self.wrong("version of Kafka", "which is DEPRECATED")

    def test_a_type_is_looked_for_in_the_zones_that_are_given(self):
        def offerings(*zones):
            self.account.answer("ec2", "DescribeInstanceTypeOfferings", {"InstanceTypeOfferings": [
                {"InstanceType": "m7g.large", "LocationType": "availability-zone", "Location": zone} for zone in zones]})

        chosen = {"BrokerType": "kafka.m7g.large", "AvailabilityZones": "eu-west-1a,eu-west-1b,eu-west-1c"}
        offerings("eu-west-1a", "eu-west-1b", "eu-west-1c")
        self.right("type of the brokers", "m7g.large in eu-west-1a", **chosen)
        offerings("eu-west-1a", "eu-west-1b")
        self.wrong("type of the brokers", "eu-west-1c has no m7g.large", **chosen)
        offerings()
        self.wrong("type of the brokers", "eu-west-1 has no m7g.large", **chosen)

    def test_the_quota_of_brokers_counts_those_of_all_clusters(self):
        self.account.answer("service-quotas", "GetServiceQuota", {"Quota": {"Value": 6.0}})
        self.provisioned("first", 3)
        self.right("quota of brokers", "3 of 6 brokers in use, 3 more needed")
        self.provisioned("second", 2)
        self.wrong("quota of brokers", "raise the quota L-EDD31C36 of kafka")
        self.wrong("quota of brokers", "5 of 6 brokers in use, 2 more needed", BrokerCount="2")

    def provisioned(self, name, brokers):
        self.client("kafka").create_cluster_v2(ClusterName=name, Provisioned={
            "BrokerNodeGroupInfo": {"ClientSubnets": ["subnet-1"], "InstanceType": "kafka.t3.small"},
            "KafkaVersion": "3.9.x", "NumberOfBrokerNodes": brokers})

    def test_the_quota_of_configurations(self):
        self.account.answer("service-quotas", "GetServiceQuota", {"Quota": {"Value": 1.0}})
        self.account.answer("kafka", "ListConfigurations", {"Configurations": []})
        self.right("quota of configurations", "0 of 1")
        self.account.answer("kafka", "ListConfigurations", {"Configurations": [configuration("other")]})
        self.wrong("quota of configurations", "L-B2FDE22A")

    def test_serverless_clusters_are_few_and_not_in_every_region(self):
        self.right("MSK Serverless", "0 of 10", Cluster="serverless")
        for number in range(10):
            self.client("kafka").create_cluster_v2(ClusterName=f"other-{number}", Serverless={"VpcConfigs": [{"SubnetIds": ["subnet-1"]}]})
        self.wrong("MSK Serverless", "10 of 10 serverless clusters", Cluster="serverless")

    def test_a_region_that_may_lack_serverless_is_named(self):
        self.region = "af-south-1"
        self.account.answer("kafka", "ListClustersV2", {"ClusterInfoList": []})
        self.unknown("MSK Serverless", "af-south-1 is not among the regions", Cluster="serverless")


def configuration(name):
    """Returns one of MSK's configurations as it is listed."""
    arn = f"arn:aws:kafka:eu-west-1:123456789012:configuration/{name}/0f0f0f0f-1"
    revision = {"CreationTime": 0, "Revision": 1}
    return {"Arn": arn, "CreationTime": 0, "Description": "", "KafkaVersions": [], "LatestRevision": revision, "Name": name,
            "State": "ACTIVE"}


class ExistingClusterTest(AccountTest):
    def setUp(self):
        super().setUp()
        ec2 = self.client("ec2")
        self.vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        self.subnets = [ec2.create_subnet(VpcId=self.vpc, CidrBlock=f"10.0.{number}.0/24")["Subnet"]["SubnetId"] for number in (0, 1)]

    def cluster(self, state="ACTIVE", iam=True):
        self.account.answer("kafka", "DescribeClusterV2", {"ClusterInfo": {
            "ClusterArn": ARN, "ClusterName": "course", "ClusterType": "PROVISIONED", "CurrentVersion": "K3AEGXETSR30VB", "State": state,
            "Provisioned": {
                "BrokerNodeGroupInfo": {"ClientSubnets": self.subnets, "InstanceType": "kafka.m5.large", "SecurityGroups": ["sg-0aa"]},
                "ClientAuthentication": {"Sasl": {"Iam": {"Enabled": iam}}}, "NumberOfBrokerNodes": 2}}})

    def parameters(self, **others):
        return {"Cluster": "existing", "ClusterArn": ARN, "ClusterSecurityGroupId": "sg-0aa", "VpcId": self.vpc,
                "SubnetIds": ",".join(self.subnets), **others}

    def test_a_cluster_is_there_and_in_use(self):
        self.cluster()
        self.right("state of the cluster", "ACTIVE", **self.parameters())
        self.cluster("MAINTENANCE")
        self.right("state of the cluster", "MAINTENANCE", **self.parameters())
        for state in ("CREATING", "DELETING", "FAILED"):
            self.cluster(state)
            self.wrong("state of the cluster", state, **self.parameters())
        self.account.answer("kafka", "DescribeClusterV2", error("NotFoundException"))
        self.wrong("state of the cluster", "aws kafka list-clusters-v2", **self.parameters())
        self.unknown("access to the cluster", "there is no cluster", **self.parameters())

    def test_a_cluster_takes_log_ins_by_iam(self):
        self.cluster()
        self.right("access to the cluster", **self.parameters())
        self.cluster(iam=False)
        self.wrong("access to the cluster", "--current-version K3AEGXETSR30VB", **self.parameters())

    def test_a_clusters_network_is_the_one_that_is_given(self):
        self.cluster()
        self.right("network of the cluster", self.vpc, **self.parameters())
        self.wrong("network of the cluster", 'set "ClusterSecurityGroupId=sg-0aa"', **self.parameters(ClusterSecurityGroupId="sg-0bb"))
        self.wrong("network of the cluster", f'set "VpcId={self.vpc}"', **self.parameters(VpcId="vpc-0123456789"))

    def test_a_serverless_cluster_has_its_network_elsewhere(self):
        self.account.answer("kafka", "DescribeClusterV2", {"ClusterInfo": {
            "ClusterArn": ARN, "ClusterName": "course", "ClusterType": "SERVERLESS", "State": "ACTIVE", "Serverless": {
                "ClientAuthentication": {"Sasl": {"Iam": {"Enabled": True}}},
                "VpcConfigs": [{"SubnetIds": self.subnets, "SecurityGroupIds": ["sg-0aa"]}]}}})
        self.right("access to the cluster", **self.parameters())
        self.right("network of the cluster", self.vpc, **self.parameters())


class PluginTest(AccountTest):
    def plugin(self, state="ACTIVE"):
        self.account.answer("kafkaconnect", "DescribeCustomPlugin", {
            "customPluginArn": PLUGIN, "customPluginState": state, "latestRevision": {"revision": 2}, "name": "s3-sink"})

    def test_a_plugin_is_active_and_has_the_revision(self):
        parameters = {"Archive": "msk-connect", "ConnectPluginArn": PLUGIN}
        self.plugin()
        self.right("plugin of MSK Connect", "revision 1", **parameters)
        self.wrong("plugin of MSK Connect", 'set "ConnectPluginRevision=2"', **parameters, ConnectPluginRevision="3")
        self.plugin("CREATE_FAILED")
        self.wrong("plugin of MSK Connect", "CREATE_FAILED", **parameters)
        self.account.answer("kafkaconnect", "DescribeCustomPlugin", error("NotFoundException"))
        self.wrong("plugin of MSK Connect", "aws kafkaconnect list-custom-plugins", **parameters)
