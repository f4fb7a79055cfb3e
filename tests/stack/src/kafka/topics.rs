//! A cluster's topics, and who may do what with them.

use std::{io, net::SocketAddr, time::Duration};

use tokio::time::sleep;

use crate::{
    StackError,
    kafka::{
        Kafka,
        admin::{self, Acl, Operation, Permission, Topics},
    },
};

/// How often a broker is asked whether it knows what the controller knows.
const POLL: Duration = Duration::from_millis(5);

impl Kafka {
    /// Makes a topic and waits until each broker knows it.
    ///
    /// # Errors
    /// When Kafka refuses.
    pub async fn create_topic(&self, name: &str, partitions: i32) -> Result<(), StackError> {
        let failed = || StackError::io(format!("making the topic {name}"));
        admin::create_topic(self.any().await?, name, partitions).await.map_err(failed())?;
        let led = usize::try_from(partitions).unwrap_or(0);
        self.until(async |server| Ok(admin::metadata(server, Some(name)).await?.led_partitions >= led))
            .await
            .map_err(failed())
    }

    /// Deletes a topic and waits until no broker knows it.
    ///
    /// # Errors
    /// When Kafka refuses.
    pub async fn delete_topic(&self, name: &str) -> Result<(), StackError> {
        let failed = || StackError::io(format!("deleting the topic {name}"));
        admin::delete_topic(self.any().await?, name).await.map_err(failed())?;
        self.until(async |server| Ok(admin::metadata(server, Some(name)).await?.led_partitions == 0))
            .await
            .map_err(failed())
    }

    /// Lets a principal do something with topics. Nobody may do anything before that.
    ///
    /// # Errors
    /// When Kafka refuses.
    pub async fn allow(&self, principal: &str, operations: &[Operation], topics: Topics<'_>) -> Result<(), StackError> {
        self.add(&acls(principal, operations, topics, Permission::Allow)).await
    }

    /// Keeps a principal from doing something with topics, whatever else allows it.
    ///
    /// # Errors
    /// When Kafka refuses.
    pub async fn deny(&self, principal: &str, operations: &[Operation], topics: Topics<'_>) -> Result<(), StackError> {
        self.add(&acls(principal, operations, topics, Permission::Deny)).await
    }

    /// Takes back what was allowed or denied in these very words.
    ///
    /// # Errors
    /// When Kafka refuses.
    pub async fn revoke(
        &self,
        principal: &str,
        operations: &[Operation],
        topics: Topics<'_>,
    ) -> Result<(), StackError> {
        let acls = [Permission::Allow, Permission::Deny]
            .map(|permission| acls(principal, operations, topics, permission))
            .concat();
        let failed = || StackError::io(format!("taking back a right of {principal}"));
        admin::delete_acls(self.any().await?, &acls).await.map_err(failed())?;
        for acl in acls {
            self.until(async |server| Ok(!admin::has_acl(server, acl).await?)).await.map_err(failed())?;
        }
        Ok(())
    }

    async fn add(&self, acls: &[Acl<'_>]) -> Result<(), StackError> {
        let failed = || StackError::io("adding a right");
        admin::create_acls(self.any().await?, acls).await.map_err(failed())?;
        for acl in acls {
            self.until(async |server| admin::has_acl(server, *acl).await).await.map_err(failed())?;
        }
        Ok(())
    }

    async fn any(&self) -> Result<SocketAddr, StackError> {
        let first = self.running().await.first().copied();
        first.ok_or_else(|| StackError::io("looking for a broker that runs")(io::ErrorKind::NotConnected.into()))
    }

    /// Waits until each running broker says yes: they learn from the controller a moment after it has answered us.
    async fn until(&self, is_so: impl AsyncFn(SocketAddr) -> io::Result<bool>) -> io::Result<()> {
        for server in self.running().await {
            while !is_so(server).await? {
                sleep(POLL).await;
            }
        }
        Ok(())
    }
}

fn acls<'a>(principal: &'a str, operations: &[Operation], topics: Topics<'a>, permission: Permission) -> Vec<Acl<'a>> {
    operations.iter().map(|operation| Acl { topics, principal, operation: *operation, permission }).collect()
}
