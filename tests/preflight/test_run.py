"""The whole program: options, output and exit code, also without a response from AWS."""

import io
import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import unittest
from unittest import mock

from botocore.config import Config

from preflight import account, options, run
from preflight.account import ACTIONS
from preflight.options import Unusable
from preflight.plan import Stack

from support import ACCOUNT, ROOT, TEMPLATE, AccountTest, RecordingAccount, plan

ARGUMENTS = ["--config-file", str(ROOT / "samconfig.toml"), "--template-file", str(ROOT / "template.yaml"), "--region", "eu-west-1"]

# No credentials of this machine may reach AWS.
ENVIRONMENT = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_SESSION_TOKEN": "test",
               "AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull, "AWS_EC2_METADATA_DISABLED": "true"}
ABSENT = [name for name in os.environ if name.startswith("AWS_")]


def environment(**changes):
    """Returns a patch of the environment to one without anything of AWS but what is given."""
    kept = {name: value for name, value in os.environ.items() if name not in ABSENT}
    return mock.patch.dict(os.environ, {**kept, **ENVIRONMENT, **changes}, clear=True)


def answering(denied=False, **answers):
    """Returns a class of accounts that answer what moto lacks."""
    class Answering(RecordingAccount):
        def __init__(self, _session, region):
            super().__init__(region)
            self.answer("kafka", "ListKafkaVersions", {"KafkaVersions": [{"Version": plan()["KafkaVersion"], "Status": "ACTIVE"}]})
            self.answer("kafka", "ListConfigurations", {"Configurations": []})
            self.answer("service-quotas", "GetServiceQuota", {"Quota": {"Value": 100.0}})
            self.answer("lambda", "GetAccountSettings", {
                "AccountLimit": {"ConcurrentExecutions": 1000, "UnreservedConcurrentExecutions": 1000}})
            for name, answer in answers.items():
                service, operation = name.split("__")
                self.answer(service, operation, answer)
            self.denied = denied

    return Answering


class RunTest(AccountTest):
    def setUp(self):
        super().setUp()
        patch = environment()
        patch.start()
        self.addCleanup(patch.stop)

    def run_with(self, *arguments, accounts=None):
        """Returns the exit code and the lines of a run."""
        out = io.StringIO()
        # Reading the template takes longer than the checks.
        with mock.patch.object(run, "Account", accounts or answering()), mock.patch.object(options, "yaml_parse", lambda _text: TEMPLATE):
            code = run.run(options.read([*ARGUMENTS, *arguments]), out)
        return code, out.getvalue().splitlines()

    def test_an_account_in_which_nothing_is_wrong_exits_with_0(self):
        code, lines = self.run_with()
        self.assertEqual(code, 0, lines)
        self.assertTrue(all(line.startswith("ok       ") for line in lines[:-1]), lines)
        self.assertRegex(lines[-1], rf"^{len(lines) - 1} ok, 0 wrong, 0 unknown, in \d+\.\d s$")
        self.assertIn("ok       region: eu-west-1 is enabled", lines)
        self.assertIn("ok       state of the stack: there is no pinterest-data-pipeline yet", lines)

    def test_one_wrong_answer_exits_with_1_and_the_others_are_printed(self):
        self.client("logs").create_log_group(logGroupName="/pinterest-data-pipeline/ingest")
        code, lines = self.run_with()
        self.assertEqual(code, 1)
        wrong = [line for line in lines if line.startswith("wrong")]
        self.assertEqual(len(wrong), 1, wrong)
        self.assertIn("aws logs delete-log-group --log-group-name /pinterest-data-pipeline/ingest", wrong[0])

    def test_json_has_the_same_findings(self):
        code, lines = self.run_with("--json")
        printed = json.loads("\n".join(lines))
        self.assertEqual((code, printed["wrong"], printed["ok"]), (0, 0, len(printed["findings"])))
        self.assertEqual(set(printed["findings"][0]), {"outcome", "subject", "text"})

    def test_the_profile_of_an_existing_cluster_asks_for_its_ids(self):
        code, lines = self.run_with("--config-env", "drop-in")
        self.assertEqual(code, 1)
        self.assertTrue(any("Cluster is existing: set ClusterArn" in line for line in lines), lines)
        self.assertFalse(any("quota of brokers" in line for line in lines), lines)

    def test_every_single_denied_action_is_named_and_stops_nothing(self):
        for name in sorted(ACTIONS - {"sts:GetCallerIdentity"}):
            with self.subTest(name):
                code, lines = self.run_with("--parameter-overrides", "UserIds=demo", "AccessLog=on-and-make-role",
                                            accounts=answering(denied=name))
                self.assertEqual(code, 0, lines)
                unknown = [line for line in lines if line.startswith("unknown")]
                self.assertEqual(all(name in line or "see the stack" in line for line in unknown), True, unknown)

    def test_credentials_that_aws_refuses_are_one_line(self):
        code, lines = self.run_with(accounts=answering(sts__GetCallerIdentity={"Error": {"Code": "InvalidClientTokenId", "Message": "m"}}))
        self.assertEqual((code, len(lines)), (1, 2), lines)
        self.assertIn("wrong    credentials: ", lines[0])
        self.assertIn("aws sts get-caller-identity", lines[0])

    def test_a_page_in_place_of_an_answer_is_cut_short(self):
        page = {"Error": {"Code": "404", "Message": "<html>\n" + "not found " * 100}}
        _, lines = self.run_with(accounts=answering(kafka__ListKafkaVersions=page))
        unknown, = (line for line in lines if line.startswith("unknown"))
        self.assertTrue(unknown.startswith("unknown  version of Kafka: kafka answers ListKafkaVersions with 404: <html> not found"))
        self.assertLess(len(unknown), 250)

    def test_a_region_that_is_not_enabled_is_one_line(self):
        code, lines = self.run_with(accounts=answering(ec2__DescribeRegions={
            "Regions": [{"RegionName": "af-south-1", "OptInStatus": "not-opted-in"}]}))
        self.assertEqual((code, len(lines)), (1, 2), lines)
        self.assertIn("aws account enable-region", lines[0])
        code, lines = self.run_with(accounts=answering(ec2__DescribeRegions={"Regions": []}))
        self.assertEqual((code, len(lines)), (1, 2), lines)

    def test_a_stack_that_exists_is_asked_about_what_a_change_adds(self):
        resources = {name: (declared["Type"], "") for name, declared in plan().template["Resources"].items()}
        stack = Stack("CREATE_COMPLETE", {"Partitions": "7"}, resources)
        with mock.patch.object(run, "find", lambda _account, _name: stack):
            code, lines = self.run_with()
        self.assertEqual(code, 0, lines)
        subjects = {line[9:].split(":")[0] for line in lines}
        self.assertEqual(subjects & {"quota of VPCs", "names of the log groups", "version of Kafka", "zones"}, set())

    def test_the_lines_in_deploy_are_its_own(self):
        deploy = (ROOT / "docs/deploy.md").read_text()
        block = deploy.split("```text\n", 1)[1].split("```", 1)[0].splitlines()
        self.assertEqual([line.split()[0] for line in block], ["ok", "wrong", "unknown"])
        with mock.patch.object(run, "find", lambda _account, _name: Stack("ROLLBACK_COMPLETE")):
            code, lines = self.run_with(accounts=answering(denied="servicequotas:GetServiceQuota"))
        self.assertEqual(code, 1)
        self.assertEqual([line for line in block if line not in lines], [])

    def test_arns_of_another_region_or_account_are_refused(self):
        cluster = f"arn:aws:kafka:us-east-1:{ACCOUNT}:cluster/course/0f-1"
        self.assertIn("ClusterArn is of us-east-1", " ".join(run.arns(plan(ClusterArn=cluster))))
        other = "arn:aws:kafka:eu-west-1:999999999999:cluster/course/0f-1"
        self.assertIn("of the account 999999999999", " ".join(run.arns(plan(ClusterArn=other))))
        self.assertEqual(list(run.arns(plan(ClusterArn=cluster.replace("us-east-1", "eu-west-1")))), [])


class NobodyAnswersTest(unittest.TestCase):
    def test_a_service_that_never_answers_costs_two_timeouts(self):
        self.assertEqual((account.CONFIG.connect_timeout, account.CONFIG.read_timeout), (5, 10))
        self.assertEqual(account.CONFIG.retries["total_max_attempts"], 2)
        short = account.CONFIG.merge(Config(read_timeout=0.2, connect_timeout=0.2))
        with socket.create_server(("127.0.0.1", 0)) as silent:
            address = f"http://127.0.0.1:{silent.getsockname()[1]}"
            with environment(AWS_ENDPOINT_URL=address), mock.patch.object(account, "CONFIG", short):
                out = io.StringIO()
                self.assertEqual(run.run(options.read(ARGUMENTS), out), 1)
        line = out.getvalue().splitlines()[0]
        self.assertRegex(line, "^wrong    credentials: sts did not answer GetCallerIdentity: .*a proxy")


class OptionsTest(unittest.TestCase):
    def config(self, text):
        folder = self.enterContext(tempfile.TemporaryDirectory())
        file = pathlib.Path(folder) / "samconfig.toml"
        file.write_text("version = 0.1\n" + text)
        return ["--config-file", str(file), "--template-file", str(ROOT / "template.yaml")]

    def test_the_profile_is_read_as_sam_reads_it(self):
        read = options.read([*ARGUMENTS, "--config-env", "drop-in"])
        self.assertEqual(read.stack_name, "pinterest-data-pipeline-drop-in")
        self.assertEqual(read.overrides["Cluster"], "existing")

    def test_the_list_of_deploy_replaces_the_global_one_and_the_command_lines_both(self):
        arguments = self.config("""
            [default.global.parameters]
            stack_name = "demo"
            region = "eu-north-1"
            parameter_overrides = ["UserIds=global", "Partitions=2"]
            [default.deploy.parameters]
            parameter_overrides = ["UserIds=deploy", "EmulatorRate=\\"rate(5 minutes)\\""]
        """)
        read = options.read(arguments)
        self.assertEqual(read.overrides, {"UserIds": "deploy", "EmulatorRate": "rate(5 minutes)"})
        self.assertEqual((read.stack_name, read.region), ("demo", "eu-north-1"))
        read = options.read([*arguments, "--parameter-overrides", "UserIds=line", "--stack-name", "other", "--region", "eu-west-3"])
        self.assertEqual((read.overrides, read.stack_name, read.region), ({"UserIds": "line"}, "other", "eu-west-3"))

    def test_options_that_do_not_say_what_is_deployed_are_refused(self):
        for arguments, part in (
            ([*ARGUMENTS, "--config-env", "missing"], "it has default, drop-in, serverless"),
            (self.config("[default.deploy.parameters]\nregion = 'eu-west-1'\n"), "has no stack_name"),
            ([*ARGUMENTS, "--template-file", "missing.yaml"], "missing.yaml cannot be read"),
            ([*ARGUMENTS, "--parameter-overrides", "Partitions=2", "UserIds="], "UserIds is empty: give it a value"),
            ([*ARGUMENTS, "--parameter-overrides", "UserIds"], "parameter_overrides"),
            (self.config("[default"), "cannot be read"),
        ):
            with self.subTest(part), self.assertRaisesRegex(Unusable, part):
                options.read(arguments)

    def test_without_credentials_or_a_region_there_is_one_line(self):
        read = options.read(ARGUMENTS)
        with environment():
            del os.environ["AWS_ACCESS_KEY_ID"]
            with self.assertRaisesRegex(Unusable, "there are no credentials"):
                run.session(read)
        nowhere = options.Options(read.template, read.stack_name, None, None, read.overrides, False)
        with environment(), self.assertRaisesRegex(Unusable, "no region is set"):
            run.session(nowhere)
        unknown = options.Options(read.template, read.stack_name, "eu-west-1", "missing", read.overrides, False)
        with environment(), self.assertRaisesRegex(Unusable, "missing.* could not be found"):
            run.session(unknown)


class ProgramTest(unittest.TestCase):
    def program(self, *arguments, python=sys.executable, path=ROOT / "tools"):
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        return subprocess.run([python, "-m", "preflight", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
                              env={**kept, **ENVIRONMENT, "AWS_ACCESS_KEY_ID": "", "PYTHONPATH": str(path)})

    def test_it_ends_with_one_line_where_nothing_can_be_asked(self):
        ended = self.program("--region", "eu-west-1")
        self.assertEqual((ended.returncode, ended.stdout, ended.stderr.count("\n")), (1, "", 1), ended.stderr)
        self.assertTrue(ended.stderr.startswith("wrong    there are no credentials"), ended.stderr)

    def test_its_help_names_every_option(self):
        ended = self.program("--help")
        self.assertEqual(ended.returncode, 0)
        for option in ("--config-env", "--region", "--profile", "--parameter-overrides", "--stack-name", "--json"):
            self.assertIn(option, ended.stdout)

    def test_an_environment_without_sam_is_answered_with_where_it_is(self):
        with tempfile.TemporaryDirectory() as folder:
            (pathlib.Path(folder) / "samcli.py").write_text("raise ModuleNotFoundError('missing', name='samcli')")
            ended = self.program(path=f"{ROOT / 'tools'}:{folder}")
        self.assertEqual(ended.returncode, 1)
        self.assertIn("has no samcli: run it in the environment in which aws-sam-cli is installed", ended.stderr)
