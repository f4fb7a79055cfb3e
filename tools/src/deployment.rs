//! The services that a deployed stack uses, on this machine: Kafka with IAM, MySQL with the sample rows, S3 with a bucket.

use std::{collections::BTreeMap, path::PathBuf};

use database::Function as Database;
use lambda_runtime::{Context, LambdaEvent};
use serde_json::json;
use shared::topic::UserIds;
use stack::{
    StackError,
    kafka::{self, Kafka, Operation, Options, Topics},
    mysql::{self, MySql, RdsFront},
    s3::{ACCESS_KEY, S3, SECRET_KEY},
};

/// The region of the S3 stand-in, and therefore of every service.
const REGION: &str = "us-east-1";

/// The archive's bucket.
pub const BUCKET: &str = "pinterest";

/// The running services. They stop when this value is dropped.
#[derive(Debug)]
pub struct Deployment {
    /// The brokers.
    pub kafka: Kafka,
    /// The object store, with [`BUCKET`] in it.
    pub s3: S3,
    rds: RdsFront,
    mysql: MySql,
    user_ids: UserIds,
}

impl Deployment {
    /// Starts every service with the rights that `user_ids` need. It creates no topics.
    ///
    /// # Errors
    /// When a service does not start.
    pub async fn start(user_ids: &UserIds) -> Result<Self, StackError> {
        let options = Options { region: REGION.to_owned(), ..Options::default() };
        let (kafka, s3, mysql) = tokio::try_join!(Kafka::start(options), S3::start(), MySql::start())?;
        s3.create_bucket(BUCKET).await?;
        // One role has all rights: the S3 stand-in has a single identity.
        kafka.add_identity(kafka::Identity::new(ACCESS_KEY, SECRET_KEY, "pipeline"))?;
        let actions = [Operation::Create, Operation::Describe, Operation::Read, Operation::Write];
        for user_id in user_ids.iter() {
            kafka.allow("pipeline", &actions, Topics::Prefixed(&format!("{user_id}."))).await?;
        }
        let identity = mysql::Identity {
            access_key: ACCESS_KEY.to_owned(),
            secret_key: SECRET_KEY.to_owned(),
            session_token: None,
            region: REGION.to_owned(),
        };
        let rds = RdsFront::start(&mysql, identity).await?;
        Ok(Self { kafka, s3, rds, mysql, user_ids: user_ids.clone() })
    }

    /// Runs `database`, which creates the tables, fills them and creates the emulator's user.
    ///
    /// # Errors
    /// When a statement fails.
    pub async fn set_up_database(&self) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        self.mysql
            .execute("CREATE USER admin IDENTIFIED BY 'master'; GRANT ALL ON *.* TO admin WITH GRANT OPTION")
            .await?;
        let authorities = self.mysql.ca_file().display().to_string();
        let lookup = |name: &str| (name == "DATABASE_SSL_CA").then(|| authorities.clone());
        // The half that creates the tables calls no AWS service.
        let aws = aws_config::SdkConfig::builder().behavior_version(aws_config::BehaviorVersion::latest()).build();
        let event = json!({
            "host": self.rds.host(), "port": self.rds.port(),
            "master": {"username": "admin", "password": "master"},
            "database": "pinterest_data", "user": "emulator", "sample": true,
        });
        Database::new(&aws).handle(LambdaEvent::new(event, Context::default()), lookup).await?;
        Ok(())
    }

    /// Returns the URL of the archive below `prefix` in [`BUCKET`].
    #[must_use]
    pub fn archive_url(prefix: &str) -> String {
        format!("s3://{BUCKET}/{prefix}")
    }

    /// Returns the emulator's database URL, without a password.
    pub fn database_url(&self) -> String {
        let (host, port, authorities) = (self.rds.host(), self.rds.port(), self.mysql.ca_file().display());
        format!("mysql://emulator@{host}:{port}/pinterest_data?login=iam&ssl-ca={authorities}")
    }

    /// Returns the file of certificate authorities that Kafka's clients have to trust.
    pub fn authorities(&self) -> PathBuf {
        self.kafka.ca_file().to_owned()
    }

    /// Returns the environment variables that the template and Lambda set for the functions.
    pub fn variables(&self) -> BTreeMap<&'static str, String> {
        let mut variables: BTreeMap<_, _> = self.s3.environment().into_iter().collect();
        variables.extend([
            ("BOOTSTRAP_SERVERS", self.kafka.bootstrap_servers()),
            ("SSL_CA_LOCATION", self.authorities().display().to_string()),
            ("USER_IDS", self.user_ids.to_string()),
            ("DATABASE_URL", self.database_url()),
            ("ARCHIVE_URL", Self::archive_url("archive")),
            ("RUST_LOG", "info,rskafka=warn".to_owned()),
        ]);
        variables
    }
}
