//! The cluster's topics and access control lists.

use std::{io, net::SocketAddr, time::Duration};

use tokio::time::sleep;

use crate::{
    StackError,
    kafka::{
        Kafka,
        admin::{self, Acl, Operation, Permission, Topics},
    },
};

/// The interval at which a broker is polled for changes made at the controller.
const POLL_INTERVAL: Duration = Duration::from_millis(5);

impl Kafka {
    /// Creates a topic and waits until each broker knows it.
    ///
    /// # Errors
    /// When Kafka rejects the request.
    pub async fn create_topic(&self, name: &str, partitions: i32) -> Result<(), StackError> {
        let failed = || StackError::io(format!("creating the topic {name}"));
        admin::create_topic(self.any().await?, name, partitions).await.map_err(failed())?;
        let led = usize::try_from(partitions).unwrap_or(0);
        self.until(async |server| Ok(admin::metadata(server, Some(name)).await?.led_partitions >= led))
            .await
            .map_err(failed())
    }

    /// Deletes a topic and waits until no broker knows it.
    ///
    /// # Errors
    /// When Kafka rejects the request.
    pub async fn delete_topic(&self, name: &str) -> Result<(), StackError> {
        let failed = || StackError::io(format!("deleting the topic {name}"));
        admin::delete_topic(self.any().await?, name).await.map_err(failed())?;
        self.until(async |server| Ok(admin::metadata(server, Some(name)).await?.led_partitions == 0))
            .await
            .map_err(failed())
    }

    /// Allows a principal operations on topics. By default nothing is allowed.
    ///
    /// # Errors
    /// When Kafka rejects the request.
    pub async fn allow(&self, principal: &str, operations: &[Operation], topics: Topics<'_>) -> Result<(), StackError> {
        self.add(&acls(principal, operations, topics, Permission::Allow)).await
    }

    /// Denies a principal operations on topics, overriding every permission.
    ///
    /// # Errors
    /// When Kafka rejects the request.
    pub async fn deny(&self, principal: &str, operations: &[Operation], topics: Topics<'_>) -> Result<(), StackError> {
        self.add(&acls(principal, operations, topics, Permission::Deny)).await
    }

    /// Removes matching permissions and denials.
    ///
    /// # Errors
    /// When Kafka rejects the request.
    pub async fn revoke(
        &self,
        principal: &str,
        operations: &[Operation],
        topics: Topics<'_>,
    ) -> Result<(), StackError> {
        let acls = [Permission::Allow, Permission::Deny]
            .map(|permission| acls(principal, operations, topics, permission))
            .concat();
        let failed = || StackError::io(format!("removing access control entries of {principal}"));
        admin::delete_acls(self.any().await?, &acls).await.map_err(failed())?;
        for acl in acls {
            self.until(async |server| Ok(!admin::has_acl(server, acl).await?)).await.map_err(failed())?;
        }
        Ok(())
    }

    async fn add(&self, acls: &[Acl<'_>]) -> Result<(), StackError> {
        let failed = || StackError::io("adding access control entries");
        admin::create_acls(self.any().await?, acls).await.map_err(failed())?;
        for acl in acls {
            self.until(async |server| admin::has_acl(server, *acl).await).await.map_err(failed())?;
        }
        Ok(())
    }

    async fn any(&self) -> Result<SocketAddr, StackError> {
        let first = self.running().await.first().copied();
        first.ok_or_else(|| StackError::io("looking for a running broker")(io::ErrorKind::NotConnected.into()))
    }

    /// Waits until the condition holds on each running broker: changes reach the brokers shortly after the controller's
    /// response.
    async fn until(&self, is_so: impl AsyncFn(SocketAddr) -> io::Result<bool>) -> io::Result<()> {
        for server in self.running().await {
            while !is_so(server).await? {
                sleep(POLL_INTERVAL).await;
            }
        }
        Ok(())
    }
}

fn acls<'a>(principal: &'a str, operations: &[Operation], topics: Topics<'a>, permission: Permission) -> Vec<Acl<'a>> {
    operations.iter().map(|operation| Acl { topics, principal, operation: *operation, permission }).collect()
}
