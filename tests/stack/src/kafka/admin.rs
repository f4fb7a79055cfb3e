//! Administrative requests: topics, access control lists, cluster metadata.

use std::{io, net::SocketAddr};

use crate::kafka::wire::{Api, Request, Response, call};

const METADATA: Api = Api { key: 3, version: 2 };
const CREATE_TOPICS: Api = Api { key: 19, version: 4 };
const DELETE_TOPICS: Api = Api { key: 20, version: 1 };
const DESCRIBE_ACLS: Api = Api { key: 29, version: 1 };
const CREATE_ACLS: Api = Api { key: 30, version: 1 };
const DELETE_ACLS: Api = Api { key: 31, version: 1 };

/// The controller's time limit for a request.
const TIMEOUT_MS: i32 = 20_000;

const RESOURCE_TOPIC: i8 = 2;

/// The topics that an access control list entry applies to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topics<'a> {
    /// The topic of this name.
    Named(&'a str),
    /// All topics with this prefix.
    Prefixed(&'a str),
}

/// The operations on a topic: `kafka-cluster`'s actions, except for those that Kafka does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i8)]
pub enum Operation {
    /// `ReadData`.
    Read = 3,
    /// `WriteData`. Kafka lets a principal with write access to any topic write idempotently.
    Write = 4,
    /// `CreateTopic`.
    Create = 5,
    /// `DescribeTopic`.
    Describe = 8,
}

/// Allows or denies. A denial outweighs any permission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i8)]
pub(super) enum Permission {
    Deny = 2,
    Allow = 3,
}

/// An access control list entry, for any host.
#[derive(Debug, Clone, Copy)]
pub(super) struct Acl<'a> {
    pub(super) topics: Topics<'a>,
    pub(super) principal: &'a str,
    pub(super) operation: Operation,
    pub(super) permission: Permission,
}

/// A broker's view of its cluster.
#[derive(Debug)]
pub(super) struct Metadata {
    pub(super) cluster_id: Option<String>,
    pub(super) brokers: usize,
    /// The partitions of the requested topic that have a leader.
    pub(super) led_partitions: usize,
}

impl Acl<'_> {
    /// Writes the entry, or the filter that matches exactly this entry: their encodings are alike.
    fn write(self, request: Request) -> Request {
        let (name, pattern) = match self.topics {
            Topics::Named(name) => (name, 3),
            Topics::Prefixed(prefix) => (prefix, 4),
        };
        let principal = format!("User:{}", self.principal);
        request
            .i8(RESOURCE_TOPIC)
            .text(Some(name))
            .i8(pattern)
            .text(Some(&principal))
            .text(Some("*"))
            .i8(self.operation as i8)
            .i8(self.permission as i8)
    }
}

pub(super) async fn metadata(server: SocketAddr, topic: Option<&str>) -> io::Result<Metadata> {
    let request = Request::default().list(topic.iter(), |request, topic| request.text(Some(topic)));
    let mut response = call(server, METADATA, request).await?;
    let brokers = response.list(|broker| {
        broker.i32()?;
        broker.text()?;
        broker.i32()?;
        broker.text()
    })?;
    let cluster_id = response.text()?;
    response.i32()?;
    let topics = response.list(|topic| {
        topic.i16()?;
        topic.text()?;
        topic.i8()?;
        topic.list(|partition| {
            let code = partition.i16()?;
            partition.i32()?;
            let leader = partition.i32()?;
            partition.list(Response::i32)?;
            partition.list(Response::i32)?;
            Ok(code == 0 && leader >= 0)
        })
    })?;
    let led_partitions = topics.iter().flatten().filter(|led| **led).count();
    Ok(Metadata { cluster_id, brokers: brokers.len(), led_partitions })
}

pub(super) async fn create_topic(server: SocketAddr, name: &str, partitions: i32) -> io::Result<()> {
    let request = Request::default()
        .list([name].into_iter(), |request, name| {
            // Replication factor and settings are the cluster's defaults; Kafka assigns the replicas.
            request.text(Some(name)).i32(partitions).i16(-1).i32(0).i32(0)
        })
        .i32(TIMEOUT_MS)
        .i8(0);
    let mut response = call(server, CREATE_TOPICS, request).await?;
    response.i32()?;
    response.list(|topic| {
        topic.text()?;
        outcome(topic)
    })?;
    Ok(())
}

pub(super) async fn delete_topic(server: SocketAddr, name: &str) -> io::Result<()> {
    let request = Request::default().list([name].into_iter(), |request, name| request.text(Some(name))).i32(TIMEOUT_MS);
    let mut response = call(server, DELETE_TOPICS, request).await?;
    response.i32()?;
    response.list(|topic| {
        topic.text()?;
        refused(topic.i16()?, None)
    })?;
    Ok(())
}

pub(super) async fn create_acls(server: SocketAddr, acls: &[Acl<'_>]) -> io::Result<()> {
    let request = Request::default().list(acls.iter(), |request, acl| acl.write(request));
    let mut response = call(server, CREATE_ACLS, request).await?;
    response.i32()?;
    response.list(outcome)?;
    Ok(())
}

pub(super) async fn delete_acls(server: SocketAddr, acls: &[Acl<'_>]) -> io::Result<()> {
    let request = Request::default().list(acls.iter(), |request, acl| acl.write(request));
    let mut response = call(server, DELETE_ACLS, request).await?;
    response.i32()?;
    response.list(|filter| {
        outcome(filter)?;
        filter.list(|deleted| {
            outcome(deleted)?;
            // The entry itself.
            deleted.i8()?;
            deleted.text()?;
            deleted.i8()?;
            deleted.text()?;
            deleted.text()?;
            deleted.i16()
        })
    })?;
    Ok(())
}

/// Returns whether this broker has applied the entry.
pub(super) async fn has_acl(server: SocketAddr, acl: Acl<'_>) -> io::Result<bool> {
    let mut response = call(server, DESCRIBE_ACLS, acl.write(Request::default())).await?;
    response.i32()?;
    outcome(&mut response)?;
    Ok(response.i32()? > 0)
}

fn outcome(response: &mut Response) -> io::Result<()> {
    let code = response.i16()?;
    refused(code, response.text()?)
}

fn refused(code: i16, message: Option<String>) -> io::Result<()> {
    if code == 0 {
        return Ok(());
    }
    let message = message.unwrap_or_else(|| "no message".to_owned());
    Err(io::Error::other(format!("Kafka error {code}: {message}")))
}
