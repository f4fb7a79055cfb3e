"""The stack, and the names that its resources take."""

import json
import pathlib
import re

from preflight.checks import CHECKS, names
from preflight.checks.stacks import REMEDIES, SAM_STACK, find
from preflight.plan import UNSEEN

from support import STACK, AccountTest, existing, plan
from test_kafka import PLUGIN, configuration

QUEUE = json.dumps({"Parameters": {"UserIds": {"Type": "String"}}, "Resources": {"FailedRuns": {"Type": "AWS::SQS::Queue"}}})


# The properties that name a resource, of the types that the template has and of those that it may have once.
NAMING = {"AlarmName", "BucketName", "ClusterName", "ConnectorName", "DBClusterIdentifier", "DBInstanceIdentifier", "DashboardName",
          "DatabaseInput", "GroupName", "LogGroupName", "ManagedPolicyName", "Name", "QueueName", "RoleName", "TopicName"}

# The types whose names may be shared, with the reason.
SHARED_NAMES = {
    "AWS::Athena::NamedQuery": "a query is found by its id",
    "AWS::Glue::Table": "a table is one of the stack's own database",
    "AWS::KafkaConnect::Connector": "its name holds the cluster's own id",
    "AWS::Serverless::Api": "an API is found by its id",
}


class StackTest(AccountTest):
    def test_a_name_is_short_and_in_lower_case(self):
        self.right("name of the stack", stack_name="a" * 53)
        self.wrong("name of the stack", "lower case", stack_name="Demo")
        self.wrong("name of the stack", "53 characters", stack_name="a" * 54)

    def test_a_stack_that_takes_no_deployment_is_answered_with_what_to_do(self):
        self.right("state of the stack", "there is no demo-stack yet")
        self.right("state of the stack", deployment=plan(stack=existing()))
        self.right("state of the stack", deployment=plan(stack=existing(status="UPDATE_ROLLBACK_COMPLETE")))
        self.right("state of the stack", "--disable-rollback", deployment=plan(stack=existing(status="CREATE_FAILED")))
        self.right("state of the stack", deployment=plan(stack=existing(status="REVIEW_IN_PROGRESS")))
        self.wrong("state of the stack", "wait", deployment=plan(stack=existing(status="UPDATE_IN_PROGRESS")))
        for status, remedy in REMEDIES.items():
            self.wrong("state of the stack", remedy, deployment=plan(stack=existing(status=status)))
        self.unknown("state of the stack", "no right to cloudformation:DescribeStacks", deployment=plan(stack=UNSEEN))

    def test_the_stack_of_sams_bucket_is_looked_at_too(self):
        self.right("bucket of SAM", "makes its bucket")
        self.client("cloudformation").create_stack(StackName=SAM_STACK, TemplateBody=QUEUE,
                                                   Parameters=[{"ParameterKey": "UserIds", "ParameterValue": "demo"}])
        self.right("bucket of SAM", "CREATE_COMPLETE")
        self.account.answer("cloudformation", "DescribeStacks", {"Stacks": [
            {"StackName": SAM_STACK, "CreationTime": 0, "StackStatus": "ROLLBACK_COMPLETE"}]})
        self.wrong("bucket of SAM", f"{SAM_STACK} is ROLLBACK_COMPLETE")

    def test_a_stack_is_found_with_its_parameters_and_resources(self):
        self.assertIsNone(find(self.account, STACK))
        self.client("cloudformation").create_stack(StackName=STACK, TemplateBody=QUEUE,
                                                   Parameters=[{"ParameterKey": "UserIds", "ParameterValue": "former"}])
        found = find(self.account, STACK)
        self.assertEqual(found.parameters, {"UserIds": "former"})
        self.assertEqual(found.resources["FailedRuns"][0], "AWS::SQS::Queue")


class NamesTest(AccountTest):
    """Each name is free in an empty account; then something else has it; then the stack itself has it."""

    def assert_taken(self, subject, part, own, take, **parameters):
        self.right(subject, "free", **parameters)
        take()
        self.wrong(subject, part, **parameters)
        self.unknown(subject, "may be this stack's", deployment=plan(stack=UNSEEN, **parameters))
        deployment = plan(stack=existing(*((name, "", "") for name in own)), **parameters)
        check, = (one for one in CHECKS if one.subject == subject)
        if check.when(deployment):
            self.right(subject, deployment=deployment)

    def test_a_clusters_name_is_taken(self):
        serverless = {"VpcConfigs": [{"SubnetIds": ["subnet-1"]}]}
        self.assert_taken("name of the cluster", f"a cluster {STACK} exists", ["ProvisionedCluster"],
                          lambda: self.client("kafka").create_cluster_v2(ClusterName=STACK, Serverless=serverless))
        self.right("name of the cluster", f"{STACK}-serverless is free", Cluster="serverless")

    def test_a_configurations_name_is_taken(self):
        self.account.answer("kafka", "ListConfigurations", {"Configurations": []})
        taken = plan().properties("AWS::MSK::Configuration", "Name")["ClusterConfiguration"]
        self.assert_taken("name of the configuration", "aws kafka delete-configuration --arn", ["ClusterConfiguration"],
                          lambda: self.account.answer("kafka", "ListConfigurations", {"Configurations": [configuration(taken)]}))

    def test_a_worker_configurations_name_is_taken(self):
        connect = {"Archive": "msk-connect", "ConnectPluginArn": PLUGIN}
        taken = plan(**connect).properties("AWS::KafkaConnect::WorkerConfiguration", "Name")["ConnectorWorkers"]
        self.account.answer("kafkaconnect", "ListWorkerConfigurations", {"workerConfigurations": []})
        self.assert_taken("name of the worker configuration", "aws kafkaconnect delete-worker-configuration", ["ConnectorWorkers"],
                          lambda: self.account.answer("kafkaconnect", "ListWorkerConfigurations", {"workerConfigurations": [
                              {"name": taken, "workerConfigurationArn": "arn"}]}), **connect)

    def test_every_name_that_the_template_gives_is_looked_for(self):
        asked = set(re.findall(r'"(AWS::[\w:]+)"', pathlib.Path(names.__file__).read_text()))
        unlooked = set()
        resources = plan().template["Resources"]
        for declared in resources.values():
            if declared["Type"] in asked | set(SHARED_NAMES):
                continue
            unlooked |= {f"{declared['Type']}.{name}" for name in declared.get("Properties", {}) if name in NAMING}
        self.assertEqual(unlooked, set())
        self.assertEqual(set(SHARED_NAMES) - {declared["Type"] for declared in resources.values()}, set())

    def test_a_log_groups_name_is_taken(self):
        groups = plan().properties("AWS::Logs::LogGroup", "LogGroupName")
        self.assertIn("IngestLog", groups)
        for name in groups.values():
            with self.subTest(name):
                logs = self.client("logs")
                logs.create_log_group(logGroupName=name)
                self.wrong("names of the log groups", f"aws logs delete-log-group --log-group-name {name}")
                logs.delete_log_group(logGroupName=name)
        self.assert_taken("names of the log groups", "a log group", list(groups),
                          lambda: self.client("logs").create_log_group(logGroupName=groups["IngestLog"]))

    def test_a_name_that_the_stack_has_is_not_taken_where_a_change_adds_another(self):
        groups = plan().properties("AWS::Logs::LogGroup", "LogGroupName")
        self.client("logs").create_log_group(logGroupName=groups["IngestLog"])
        owned = existing(("IngestLog", "AWS::Logs::LogGroup", groups["IngestLog"]))
        self.right("names of the log groups", deployment=plan(stack=owned))

    def test_a_workgroups_name_is_taken(self):
        self.assert_taken("name of Athena's workgroup", "choose another stack_name", ["WorkGroup"],
                          lambda: self.client("athena").create_work_group(Name=STACK))

    def test_a_glue_databases_name_is_taken(self):
        self.assert_taken("names of Glue's databases", "demo_stack_demo exists", ["Catalogdemo"],
                          lambda: self.client("glue").create_database(DatabaseInput={"Name": "demo_stack_demo"}))

    def test_a_dashboards_name_is_taken(self):
        def take():
            self.client("cloudwatch").put_dashboard(DashboardName=f"{STACK}-other", DashboardBody="{}")
            self.right("name of the dashboard", "free")
            self.client("cloudwatch").put_dashboard(DashboardName=STACK, DashboardBody="{}")

        self.assert_taken("name of the dashboard", "aws cloudwatch delete-dashboards", ["Dashboard"], take)
