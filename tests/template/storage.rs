//! Buckets, clusters, databases and the networks between them.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

use super::cases::{every, with};
use crate::support::template::{list, stack, texts};

#[tokio::test]
#[ignore = "needs SAM: make test"]
async fn every_bucket_is_private_encrypted_tls_only_and_outlives_the_stack() {
    for (case, stack) in every().await {
        for (name, bucket) in stack.of_type("AWS::S3::Bucket") {
            let access = bucket["PublicAccessBlockConfiguration"].as_object().unwrap();
            assert!(access.len() == 4 && access.values().all(|blocked| *blocked == true), "{case:?}: {name}");
            assert_eq!(bucket["OwnershipControls"]["Rules"][0]["ObjectOwnership"], "BucketOwnerEnforced", "{case:?}");
            let rule = &bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"][0];
            let default = &rule["ServerSideEncryptionByDefault"];
            let key = &stack.parameters["KmsKeyArn"];
            if key == "" {
                assert_eq!(*default, json!({"SSEAlgorithm": "AES256"}), "{case:?}");
            } else {
                assert_eq!(*default, json!({"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}), "{case:?}");
            }
            let bucket_arn = format!("arn:aws:s3:::my-pins-{}-1a2b3c", name.to_lowercase());
            let only_by_tls = json!({
                "Sid": "OnlyByTls", "Effect": "Deny", "Principal": "*", "Action": "s3:*",
                "Resource": [bucket_arn, format!("{bucket_arn}/*")],
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            });
            let policy = stack.properties(&format!("{name}Policy"));
            assert_eq!(policy["PolicyDocument"]["Statement"], json!([only_by_tls]), "{case:?}");
            for resource in [name, &format!("{name}Policy")] {
                // A failed first deployment leaves no bucket behind.
                assert_eq!(stack.resource(resource)["DeletionPolicy"], "RetainExceptOnCreate", "{case:?}: {resource}");
                assert_eq!(stack.resource(resource)["UpdateReplacePolicy"], "Retain", "{case:?}: {resource}");
            }
            // Records are kept forever. Only query results, unfinished uploads and what `tables` deleted expire.
            let rules = list(&bucket["LifecycleConfiguration"]["Rules"]);
            let [tables, results, uploads] = &rules[..] else { panic!("{case:?}") };
            let prefix = format!("{}tables/", stack.parameters["ArchivePrefix"].as_str().unwrap());
            assert_eq!((&tables["Prefix"], tables.get("ExpirationInDays")), (&prefix.into(), None), "{case:?}");
            assert_eq!(results["Prefix"], "query-results/", "{case:?}");
            let abort = json!({"Id": "UnfinishedUploads", "Status": "Enabled", "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7}});
            assert_eq!(**uploads, abort, "{case:?}");
        }
    }
}

#[tokio::test]
#[ignore = "needs SAM: make test"]
async fn every_cluster_accepts_only_tls_and_iam() {
    for (case, stack) in every().await {
        for (_, cluster) in stack.of_type("AWS::MSK::Cluster") {
            let authentication = json!({"Sasl": {"Iam": {"Enabled": true}}, "Unauthenticated": {"Enabled": false}});
            assert_eq!(cluster["ClientAuthentication"], authentication, "{case:?}");
            let encryption = &cluster["EncryptionInfo"];
            assert_eq!(
                encryption["EncryptionInTransit"],
                json!({"ClientBroker": "TLS", "InCluster": true}),
                "{case:?}"
            );
            let key = encryption.get("EncryptionAtRest").map(|at_rest| &at_rest["DataVolumeKMSKeyId"]);
            assert_eq!(key.unwrap_or(&json!("")), &stack.parameters["KmsKeyArn"], "{case:?}");
        }
        for (_, cluster) in stack.of_type("AWS::MSK::ServerlessCluster") {
            assert_eq!(cluster["ClientAuthentication"], json!({"Sasl": {"Iam": {"Enabled": true}}}), "{case:?}");
        }
        for (_, connector) in stack.of_type("AWS::KafkaConnect::Connector") {
            assert_eq!(connector["KafkaClusterClientAuthentication"]["AuthenticationType"], "IAM", "{case:?}");
            assert_eq!(connector["KafkaClusterEncryptionInTransit"]["EncryptionType"], "TLS", "{case:?}");
        }
    }
}

#[tokio::test]
#[ignore = "needs SAM: make test"]
async fn there_is_one_broker_per_subnet_and_three_brokers_need_two_in_sync_replicas() {
    for (count, in_sync) in [("2", "1"), ("3", "2")] {
        let stack = stack(&with(&[("BrokerCount", count)])).await;
        let cluster = stack.properties("ProvisionedCluster");
        assert_eq!(cluster["NumberOfBrokerNodes"], count);
        let subnets = texts(&cluster["BrokerNodeGroupInfo"]["ClientSubnets"]);
        assert_eq!(subnets.len().to_string(), count, "{subnets:?}");
        let settings = stack.properties("ClusterConfiguration")["ServerProperties"].as_str().unwrap();
        assert!(settings.contains(&format!("default.replication.factor={count}\n")), "{settings}");
        assert!(settings.contains(&format!("min.insync.replicas={in_sync}\n")), "{settings}");
        // The brokers accept a record as large as a request.
        let largest = settings.lines().find_map(|line| line.strip_prefix("message.max.bytes=")).unwrap();
        assert!(largest.parse::<usize>().unwrap() > ingest::MAX_BODY_BYTES, "{largest}");
        // EC2 rejects overlapping networks.
        let blocks: Vec<_> =
            stack.of_type("AWS::EC2::Subnet").map(|(_, it)| it["CidrBlock"].as_str().unwrap()).collect();
        assert_eq!(blocks, ["10.0.0.0/26", "10.0.0.64/26", "10.0.0.128/26"][..subnets.len()]);
    }
}

#[tokio::test]
#[ignore = "needs SAM: make test"]
async fn a_database_is_private_encrypted_uses_iam_and_leaves_a_snapshot() {
    for (case, stack) in every().await {
        for (name, database) in stack.of_type("AWS::RDS::DBInstance") {
            let is = |property: &str| database[property] == true;
            assert!(
                is("StorageEncrypted") && is("EnableIAMDatabaseAuthentication") && is("ManageMasterUserPassword"),
                "{case:?}"
            );
            assert_eq!(database["PubliclyAccessible"], false, "{case:?}");
            assert!(database.get("MasterUserPassword").is_none(), "{case:?}");
            assert_eq!(stack.resource(name)["DeletionPolicy"], "Snapshot", "{case:?}");
            assert_eq!(stack.resource(name)["UpdateReplacePolicy"], "Snapshot", "{case:?}");
        }
        for (_, queue) in stack.of_type("AWS::SQS::Queue") {
            assert_eq!(queue["SqsManagedSseEnabled"], true, "{case:?}");
        }
    }
}

#[tokio::test]
#[ignore = "needs SAM: make test"]
async fn only_kafka_and_mysql_are_reachable_and_only_from_inside() {
    for (case, stack) in every().await {
        let groups: Vec<_> = stack.of_type("AWS::EC2::SecurityGroup").collect();
        for (name, group) in &groups {
            assert!(group.get("SecurityGroupIngress").is_none(), "{case:?}: {name}");
        }
        for (name, rule) in stack.of_type("AWS::EC2::SecurityGroupIngress") {
            assert!(rule.get("CidrIp").is_none() && rule.get("CidrIpv6").is_none(), "{case:?}: {name}");
            assert_eq!(rule["FromPort"], rule["ToPort"], "{case:?}: {name}");
            let port = rule["FromPort"].as_u64().unwrap();
            assert_eq!(port, if name.contains("Database") { 3306 } else { 9098 }, "{case:?}: {name}");
        }
        for (name, subnet) in stack.of_type("AWS::EC2::Subnet") {
            assert!(!subnet.get("MapPublicIpOnLaunch").is_some_and(|public| *public == true), "{case:?}: {name}");
        }
    }
}

#[tokio::test]
#[ignore = "needs SAM: make test"]
async fn each_kind_of_archive_has_its_own_folder() {
    for (archive, folder) in [("schedule", "second/"), ("msk-connect", "second/connect/4f0c1b6e-13/")] {
        let stack = stack(&with(&[("Archive", archive), ("ArchivePrefix", "second/")])).await;
        let bucket = "s3://my-pins-archivebucket-1a2b3c/";
        assert_eq!(stack.outputs["ArchiveUrl"]["Value"], format!("{bucket}{folder}"));
        if archive == "msk-connect" {
            let connector = &stack.properties("Connector")["ConnectorConfiguration"];
            assert_eq!(connector["topics.dir"], format!("{folder}topics"));
            assert_eq!(connector["topics.regex"], r"(demo|b-2)\.(pin|geo|user)");
            assert!(
                connector.as_object().unwrap().values().all(Value::is_string),
                "MSK Connect requires strings: {connector}"
            );
        } else {
            let variables = &stack.properties("ArchiveFunction")["Environment"]["Variables"];
            assert_eq!(variables["ARCHIVE_URL"], format!("{bucket}{folder}"));
        }
    }
}

/// The client properties for reconnects that MSK Connect allows in a worker configuration:
/// <https://docs.aws.amazon.com/msk/latest/developerguide/msk-connect-supported-worker-config-properties.html>
const RECONNECT: [&str; 6] = [
    "reconnect.backoff.ms",
    "reconnect.backoff.max.ms",
    "consumer.reconnect.backoff.ms",
    "consumer.reconnect.backoff.max.ms",
    "producer.reconnect.backoff.ms",
    "producer.reconnect.backoff.max.ms",
];

#[tokio::test]
#[ignore = "needs SAM: make test"]
async fn a_connectors_workers_wait_a_second_before_they_reconnect() {
    for (case, stack) in every().await {
        let Some(connector) = stack.resources.get("Connector") else { continue };
        let workers = stack.properties("ConnectorWorkers");
        assert_eq!(
            connector["Properties"]["WorkerConfiguration"],
            json!({"WorkerConfigurationArn": "ConnectorWorkers.WorkerConfigurationArn", "Revision": "ConnectorWorkers.Revision"}),
            "{case:?}"
        );
        let file = BASE64_STANDARD.decode(workers["PropertiesFileContent"].as_str().unwrap()).unwrap();
        let file = String::from_utf8(file).unwrap();
        let set: Vec<_> = file.lines().map(|line| line.split_once('=').unwrap()).collect();
        let (converters, reconnect): (Vec<_>, Vec<_>) = set.iter().partition(|(name, _)| name.contains(".converter"));
        assert_eq!(reconnect.iter().map(|(name, _)| *name).collect::<Vec<_>>(), RECONNECT, "{case:?}");
        assert!(reconnect.iter().all(|(_, ms)| ms.parse::<u32>().unwrap() >= 1_000), "{case:?}: {reconnect:?}");
        // A worker configuration has to name converters: these are the connector's own.
        for (name, value) in converters {
            assert_eq!(connector["Properties"]["ConnectorConfiguration"][name], *value, "{case:?}: {name}");
        }
    }
}
