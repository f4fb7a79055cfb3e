"""The rights: what is asked is read-only and in the policy, and what is denied is said and stops nothing else."""

import json

import parliament
from policy_sentry.querying.actions import get_action_data

from preflight.account import ACTIONS, POLICY, Account, NotReadOnly
from preflight.check import UNKNOWN
from preflight.checks import CHECKS
from preflight.plan import UNSEEN

from support import ACCOUNT, OUTCOMES, SESSION, AccountTest, plan
from test_kafka import ARN, PLUGIN

# Together they have every check asked.
DEPLOYMENTS = [
    {"AccessLog": "on", "Database": "create", "AlarmTopicArn": f"arn:aws:sns:eu-west-1:{ACCOUNT}:alarms",
     "KmsKeyArn": f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/0f0f0f0f-1111-2222-3333-444444444444"},
    {"Cluster": "serverless"},
    {"Cluster": "existing", "ClusterArn": ARN, "ClusterSecurityGroupId": "sg-0aa", "VpcId": "vpc-0aa",
     "SubnetIds": "subnet-0aa,subnet-0bb", "Archive": "msk-connect", "ConnectPluginArn": PLUGIN, "Database": "existing-private",
     "DatabaseUrl": "mysql://emulator@example.com/pinterest_data?login=iam", "DatabaseSecurityGroupId": "sg-0bb",
     "DatabaseUserArn": f"arn:aws:rds-db:eu-west-1:{ACCOUNT}:dbuser:db-ABC/emulator"},
    {"Database": "existing-public", "DatabaseUrl": "mysql://example.com/pinterest_data",
     "DatabaseSecretArn": f"arn:aws:secretsmanager:eu-west-1:{ACCOUNT}:secret:pinterest-database-a1B2c3"},
]


class DeniedTest(AccountTest):
    def test_a_check_without_rights_says_which_action_is_missing(self):
        self.account.denied = True
        asked = set()
        for parameters in DEPLOYMENTS:
            deployment = plan(stack=UNSEEN, **parameters)
            for check in CHECKS:
                if not check.when(deployment) or check.subject == "name of the stack":
                    continue
                asked.add(check.subject)
                finding = check.run(deployment, self.account)
                OUTCOMES[check.subject].add(finding.outcome)
                with self.subTest(check.subject):
                    self.assertEqual(finding.outcome, UNKNOWN, finding.line())
                    self.assertTrue(finding.text.startswith("no right to "), finding.line())
                    self.assertIn(finding.text.removeprefix("no right to ").split()[0], ACTIONS)
        self.assertEqual(asked | {"name of the stack"}, {check.subject for check in CHECKS})


class ReadOnlyTest(AccountTest):
    def test_an_operation_that_the_policy_does_not_list_is_never_sent(self):
        account = Account(SESSION, "eu-west-1")
        for service, operation, arguments in (
            ("ec2", "create_vpc", {"CidrBlock": "10.0.0.0/24"}), ("sns", "publish", {"TopicArn": "arn", "Message": "text"}),
            ("secretsmanager", "get_secret_value", {"SecretId": "any"}), ("kms", "decrypt", {"CiphertextBlob": b"any"}),
        ):
            with self.subTest(operation), self.assertRaises(NotReadOnly):
                account.call(service, operation, **arguments)
        self.assertEqual(len(account.call("ec2", "describe_vpcs")["Vpcs"]), 1)

    def test_every_listed_action_reads(self):
        for name in ACTIONS:
            self.assertRegex(name, r":(Describe|List|Get|GET$)")
        self.assertNotIn("secretsmanager:GetSecretValue", ACTIONS)

    def test_the_service_authorization_reference_calls_every_listed_action_a_reading_one(self):
        for name in sorted(ACTIONS):
            with self.subTest(name):
                service, action = name.split(":")
                rows = get_action_data(service, action)
                self.assertTrue(rows, "there is no such action")
                self.assertTrue({row["access_level"] for row in rows[service]} <= {"Read", "List"}, rows)

    def test_parliament_finds_nothing_in_the_policy_but_that_it_is_for_every_resource(self):
        findings = parliament.analyze_policy_string(json.dumps(POLICY)).findings
        # On every resource: a deployment's parameters say which ones it is, and what is read describes them only.
        self.assertEqual([one.issue for one in findings if one.issue != "RESOURCE_STAR"], [])
