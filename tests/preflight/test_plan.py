"""The template's parameters, rules, conditions and names, as CloudFormation resolves them."""

import pathlib
import re
import unittest

import preflight
from preflight.intrinsics import Unresolved
from preflight.topics import KINDS

from support import TEMPLATE, existing, plan


class ParametersTest(unittest.TestCase):
    def assert_refused(self, part, **parameters):
        objections = plan(**parameters).objections()
        self.assertTrue(any(part in text for text in objections), objections)

    def test_the_defaults_go_together(self):
        self.assertEqual(plan().objections(), [])

    def test_a_parameter_without_a_value_is_named(self):
        deployment = preflight.plan.Plan(TEMPLATE, "demo", "eu-west-1", {})
        self.assertEqual(deployment.objections(), ["UserIds has no value: give it in parameter_overrides"])

    def test_a_parameter_that_the_template_does_not_have_is_named_with_the_one_that_is_meant(self):
        self.assert_refused("is ClusterArn meant?", ClusterARN="")
        self.assert_refused("`sam deploy` ignores it", Nonsense="1")

    def test_values_that_cloudformation_refuses_are_refused(self):
        self.assert_refused("one of provisioned, serverless, existing", Cluster="none")
        self.assert_refused("user ids are letters", UserIds="a b")
        self.assert_refused("user ids are letters", UserIds="good,not.good")
        self.assert_refused("a number from 1 to 100", Partitions="0")
        self.assert_refused("a number from 1 to 100", Partitions="many")
        self.assert_refused("folders, each followed by a slash", ArchivePrefix="query-results/")
        self.assert_refused("UserIds cannot be empty: user ids are letters", UserIds="")
        self.assert_refused("refuses a hyphen: use _ for it", StageName="my-stage")
        self.assertEqual(plan(ArchivePrefix="second/", UserIds="a,b").objections(), [])

    def test_the_other_checks_go_on_with_the_default_of_a_refused_value(self):
        self.assertEqual(plan(Cluster="none")["Cluster"], "provisioned")

    def test_what_does_not_go_together_is_refused_by_the_templates_own_sentence(self):
        self.assert_refused("Cluster is existing: set ClusterArn", Cluster="existing")
        self.assert_refused("set ConnectPluginArn to a custom plugin", Archive="msk-connect")
        self.assert_refused("leave one of them empty", VpcId="vpc-0a", SubnetIds="subnet-0a,subnet-0b",
                            AvailabilityZones="a,b,c")

    def test_a_type_of_broker_that_does_not_run_the_version_is_refused(self):
        self.assert_refused("kafka.t3.small", BrokerType="kafka.t3.small", KafkaVersion="4.1.x.kraft")
        self.assertEqual(plan(BrokerType="kafka.m7g.large", KafkaVersion="4.1.x.kraft").objections(), [])

    def test_every_function_of_the_rules_and_conditions_is_implemented(self):
        scope = plan().scope()
        for name in TEMPLATE["Conditions"]:
            self.assertIn(scope.condition(name), (True, False))
        for rule in TEMPLATE["Rules"].values():
            for part in rule["Assertions"]:
                scope.resolve(part["Assert"])

    def test_a_value_that_is_left_out_is_the_stacks_and_then_the_default(self):
        stack = existing(Partitions="7", Emulator="off")
        deployment = plan(stack=stack, Emulator="on")
        self.assertEqual((deployment["Partitions"], deployment["Emulator"], deployment["BrokerCount"]), ("7", "on", "3"))


class TopicsTest(unittest.TestCase):
    def assert_refused_once(self, part, **parameters):
        objection, = plan(**parameters).objections()
        self.assertIn(part, objection)

    def test_names_that_differ_in_letters_and_digits_are_accepted(self):
        self.assertEqual(plan(UserIds="a,B,a-c,b_d", PassThroughTopics="clicks,views.v1,views.v2,_x,pin,a-pin").objections(), [])

    def test_user_ids_that_sam_cannot_tell_apart_are_refused(self):
        self.assert_refused_once("`a` is given twice, and `sam build` or Glue refuses it", UserIds="a,b,a")
        self.assert_refused_once("`a-b` and `a_b` differ only in case, - and _", UserIds="a-b,c,a_b")
        self.assert_refused_once("`Ab` and `aB` differ only in case, - and _", UserIds="Ab,c,aB")
        self.assertEqual(len(plan(UserIds="a,a,a").objections()), 2)

    def test_pass_through_topics_that_the_functions_or_kafka_refuse_are_refused(self):
        self.assert_refused_once("`demo.pin`: it is a user id's topic", PassThroughTopics="demo.pin")
        self.assert_refused_once("`__x`: topics that begin with __ are Kafka's own", PassThroughTopics="clicks,__x")
        self.assert_refused_once("`a`: it is given twice", PassThroughTopics="a,b,a")
        self.assert_refused_once("`.`: Kafka has no such topic", PassThroughTopics=".")
        self.assert_refused_once("`..`: Kafka has no such topic", PassThroughTopics="..")
        self.assert_refused_once("from `a.b` only in . and _", PassThroughTopics="a.b,c,a_b")
        self.assert_refused_once("from `demo.geo` only in . and _", PassThroughTopics="demo_geo")

    def test_shared_streams_that_ingest_refuses_are_refused(self):
        self.assertEqual(plan(UserIds="a,b", SharedStreams="all=a,others=b").objections(), [])
        self.assert_refused_once("`all`: `c` is not one of UserIds", UserIds="a,b", SharedStreams="all=c")
        self.assert_refused_once("`all`: it is given twice", UserIds="a,b", SharedStreams="all=a,all=b")
        self.assert_refused_once("`records`: the path /streams/records is another one", UserIds="a", SharedStreams="records=a")
        self.assert_refused_once("`streaming-a-pin`: the streams of single topics", UserIds="a", SharedStreams="streaming-a-pin=a")

    def test_the_kinds_are_those_of_the_template(self):
        mapped = TEMPLATE["Resources"]["Fn::ForEach::MappedUserIds"][2]["Fn::ForEach::MappedKinds"]
        self.assertEqual(list(KINDS), mapped[1])


class NamesTest(unittest.TestCase):
    def test_names_are_those_of_the_template(self):
        deployment = plan()
        self.assertEqual(deployment.properties("AWS::MSK::Cluster", "ClusterName"), {"ProvisionedCluster": "demo-stack"})
        self.assertEqual(deployment.properties("AWS::Glue::Database", "DatabaseInput"), {"Catalogdemo": {"Name": "demo_stack_demo"}})
        self.assertEqual(plan(Archive="none").properties("AWS::Glue::Database", "DatabaseInput"), {})

    def test_what_only_a_deployed_resource_has_is_not_guessed(self):
        with self.assertRaises(Unresolved):
            plan().scope().resolve({"Fn::GetAtt": ["Brokers", "ClusterArn"]})
        with self.assertRaises(Unresolved):
            plan().scope().resolve({"Fn::ImportValue": "other"})

    def test_every_parameter_and_resource_that_the_checks_name_is_in_the_template(self):
        sources = "\n".join(file.read_text() for file in pathlib.Path(preflight.__path__[0]).rglob("*.py"))
        parameters = set(re.findall(r'plan\["(\w+)"\]|plan\.former\("(\w+)"\)', sources))
        parameters = {name for pair in parameters for name in pair if name}
        resources = set(re.findall(r'plan\.(?:adds|makes|owns)\("(\w+)"\)', sources))
        self.assertGreater(len(parameters), 15)
        self.assertGreater(len(resources), 5)
        self.assertEqual(parameters - set(TEMPLATE["Parameters"]), set())
        self.assertEqual(resources - set(TEMPLATE["Resources"]), set())
