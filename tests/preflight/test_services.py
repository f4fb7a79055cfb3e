"""Lambda, API Gateway, RDS, Secrets Manager, KMS and SNS."""

from botocore.awsrequest import AWSResponse

from support import ACCOUNT, AccountTest, error, existing, plan

ROLE = "arn:aws:iam::123456789012:role/gateway"


class ConcurrencyTest(AccountTest):
    def limits(self, limit, free):
        self.account.answer("lambda", "GetAccountSettings", {
            "AccountLimit": {"ConcurrentExecutions": limit, "UnreservedConcurrentExecutions": free}})

    def test_a_new_account_can_reserve_none_and_is_warned(self):
        self.limits(10, 10)
        self.right("concurrency of Lambda", "10 environments at once for all functions of the account, which is few")
        self.wrong("concurrency of Lambda", "ReservedConcurrency is 1, and the account may set 0 aside", ReservedConcurrency="1")
        self.wrong("concurrency of Lambda", "ProvisionedConcurrency is 1", ProvisionedConcurrency="1")

    def test_lambda_keeps_a_hundred_for_other_functions(self):
        self.limits(1000, 150)
        self.right("concurrency of Lambda", ReservedConcurrency="50")
        self.wrong("concurrency of Lambda", "may set 50 aside", ReservedConcurrency="51")
        self.right("concurrency of Lambda", ReservedConcurrency="50", ProvisionedConcurrency="50")

    def test_what_the_stack_has_reserved_it_may_reserve_again(self):
        self.limits(1000, 100)
        self.wrong("concurrency of Lambda", "may set 0 aside", ReservedConcurrency="40")
        self.right("concurrency of Lambda", deployment=plan(stack=existing(ReservedConcurrency="40")))

    def test_no_more_are_kept_ready_than_are_reserved(self):
        self.account.denied = True
        self.wrong("concurrency of Lambda", "more than ReservedConcurrency", ReservedConcurrency="5", ProvisionedConcurrency="6")


class LoggingRoleTest(AccountTest):
    def role(self, name):
        self.account.answer("apigateway", "GetAccount", {"cloudwatchRoleArn": name} if name else {})

    def test_an_access_log_has_one_role(self):
        self.role(None)
        self.right("role for the access log", AccessLog="on-and-make-role")
        self.wrong("role for the access log", 'set "AccessLog=on-and-make-role"', AccessLog="on")
        self.role(ROLE)
        self.right("role for the access log", ROLE, AccessLog="on")
        self.wrong("role for the access log", 'set "AccessLog=on"', AccessLog="on-and-make-role")

    def test_the_stacks_own_role_is_no_other(self):
        self.role(ROLE)
        own = existing(("GatewayAccount", "AWS::ApiGateway::Account", "account"))
        self.right("role for the access log", deployment=plan(stack=own, AccessLog="on-and-make-role"))


class NewDatabaseTest(AccountTest):
    def versions(self, *versions):
        self.account.answer("rds", "DescribeDBEngineVersions", {"DBEngineVersions": [
            {"Engine": "mysql", "EngineVersion": version} for version in versions]})

    def test_the_version_and_the_class_go_together(self):
        version = plan()["DatabaseVersion"]
        self.versions(version)
        self.account.answer("rds", "DescribeOrderableDBInstanceOptions", {"OrderableDBInstanceOptions": [{"EngineVersion": version}]})
        self.right("version of MySQL", "db.t4g.micro", Database="create")
        self.account.answer("rds", "DescribeOrderableDBInstanceOptions", {"OrderableDBInstanceOptions": []})
        self.wrong("version of MySQL", "set another DatabaseClass", Database="create")

    def test_a_version_that_is_gone_is_answered_with_those_there_are(self):
        asked = []

        def answer(model, params, **_event):
            asked.append(params)
            offered = [{"EngineVersion": "8.4.99"}, {"EngineVersion": "9.1.0"}]
            versions = [] if "EngineVersion" in params["body"] else offered
            return AWSResponse("", 200, {}, None), {"DBEngineVersions": versions}

        self.account.client("rds").meta.events.register_first("before-call.rds.DescribeDBEngineVersions", answer)
        self.wrong("version of MySQL", "set DatabaseVersion to one of 8.4.99", Database="create")
        self.assertEqual(len(asked), 2)

    def test_the_quota_of_databases_is_what_rds_reports(self):
        def quotas(used):
            self.account.answer("rds", "DescribeAccountAttributes", {"AccountQuotas": [
                {"AccountQuotaName": "AllocatedStorage", "Used": 9, "Max": 9}, {"AccountQuotaName": "DBInstances", "Used": used, "Max": 3}]})

        quotas(2)
        self.right("quota of databases", "2 of 3", Database="create")
        quotas(3)
        self.wrong("quota of databases", "L-7B6409FD", Database="create")


class ExistingDatabaseTest(AccountTest):
    def secret(self, **others):
        return self.client("secretsmanager").create_secret(Name="pinterest-database", SecretString="never read", **others)["ARN"]

    def parameters(self, arn):
        return {"Database": "existing-public", "DatabaseUrl": "mysql://example.com/pinterest_data", "DatabaseSecretArn": arn}

    def test_a_secret_is_there_and_under_awss_own_key(self):
        arn = self.secret()
        self.right("secret of the database", "pinterest-database", **self.parameters(arn))
        self.wrong("secret of the database", "aws secretsmanager list-secrets", **self.parameters(arn[:-6] + "a1B2c3"))
        self.client("secretsmanager").delete_secret(SecretId=arn)
        self.wrong("secret of the database", "restore-secret", **self.parameters(arn))

    def test_a_secret_under_another_key_cannot_be_read_by_the_emulator(self):
        self.wrong("secret of the database", "under AWS's own key",
                   **self.parameters(self.secret(KmsKeyId="arn:aws:kms:eu-west-1:123456789012:key/1")))

    def test_a_database_takes_log_ins_by_iam(self):
        rds = self.client("rds")

        database = rds.create_db_instance(DBInstanceIdentifier="course", DBInstanceClass="db.t4g.micro", Engine="mysql",
                                          AllocatedStorage=20, MasterUsername="admin", MasterUserPassword="never-used",
                                          EnableIAMDatabaseAuthentication=True)["DBInstance"]["DbiResourceId"]

        def parameters(resource):
            return {"Database": "existing-public", "DatabaseUrl": "mysql://emulator@example.com/pinterest_data?login=iam",
                    "DatabaseUserArn": f"arn:aws:rds-db:eu-west-1:{ACCOUNT}:dbuser:{resource}/emulator"}

        self.right("log-in to the database", "emulator", **parameters(database))
        rds.modify_db_instance(DBInstanceIdentifier="course", EnableIAMDatabaseAuthentication=False)
        self.wrong("log-in to the database", "--db-instance-identifier course", **parameters(database))
        self.wrong("log-in to the database", "no database with the resource id db-ABC", **parameters("db-ABC"))


class KeyTest(AccountTest):
    def test_a_key_is_enabled_and_symmetric(self):
        kms = self.client("kms")
        made = kms.create_key()["KeyMetadata"]
        key = made["Arn"]
        self.right("key", KmsKeyArn=key)
        kms.disable_key(KeyId=made["KeyId"])
        self.wrong("key", f"aws kms enable-key --key-id {key}", KmsKeyArn=key)
        signing = kms.create_key(KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["Arn"]
        self.wrong("key", "RSA_2048 for SIGN_VERIFY", KmsKeyArn=signing)
        self.wrong("key", "there is no key", KmsKeyArn=f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/0f0f0f0f-1111-2222-3333-444444444444")


class TopicTest(AccountTest):
    def test_a_topic_is_there_and_cloudwatch_may_use_its_key(self):
        sns = self.client("sns")
        topic = sns.create_topic(Name="alarms")["TopicArn"]
        self.right("topic for alarms", "alarms", AlarmTopicArn=topic)
        sns.set_topic_attributes(TopicArn=topic, AttributeName="KmsMasterKeyId", AttributeValue="alias/aws/sns")
        self.wrong("topic for alarms", "cloudwatch.amazonaws.com", AlarmTopicArn=topic)
        self.wrong("topic for alarms", "aws sns list-topics", AlarmTopicArn=f"arn:aws:sns:eu-west-1:{ACCOUNT}:missing")
        self.account.answer("sns", "GetTopicAttributes", error("NotFound"))
        self.wrong("topic for alarms", "there is no topic", AlarmTopicArn=topic)
