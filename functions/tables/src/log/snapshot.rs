//! The state of a table at a version.

use std::collections::BTreeMap;

use archive::bucket::Bucket;
use bytes::{BufMut, Bytes, BytesMut};
use object_store::path::Path;

use super::{Action, Add, Metadata, Protocol, Remove, Transaction};
use crate::layout::TableName;

/// The state of a table at its last known version.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Snapshot {
    /// The number of versions: the next commit's. 0 if there is no table.
    pub(crate) next: u64,
    /// The version of the last known checkpoint, or 0.
    pub(crate) checkpointed: u64,
    /// The last version as it was read or written; empty if only its checkpoint was read.
    pub(crate) last: Bytes,
    pub(crate) protocol: Option<Protocol>,
    pub(crate) metadata: Option<Metadata>,
    /// By application.
    pub(crate) transactions: BTreeMap<String, Transaction>,
    /// The data files, by path.
    pub(crate) files: BTreeMap<String, Add>,
    /// The removed data files that older versions need, by path.
    pub(crate) tombstones: BTreeMap<String, Remove>,
}

/// A log cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// A request to the storage failed.
    #[error("the table cannot be read or written")]
    Storage(#[from] object_store::Error),
    /// An object of the log is not what it should be.
    #[error("{0} is damaged")]
    Damaged(Path, #[source] Box<dyn std::error::Error + Send + Sync>),
    /// Another program enabled features that this function does not know.
    #[error(
        "the table needs reader version {0} and writer version {1} of Delta's protocol: this function knows 1 and 2"
    )]
    Protocol(i32, i32),
}

impl Snapshot {
    /// Reads the state of a table. A table without a log has the state of [`Default`].
    pub(crate) async fn load(bucket: &Bucket, table: &TableName) -> Result<Self, LogError> {
        let mut snapshot = Self::of_checkpoint(bucket, table).await?;
        snapshot.refresh(bucket, table).await?;
        Ok(snapshot)
    }

    /// Applies the versions that were committed since.
    ///
    /// # Errors
    /// Also when the table needs features that this function does not know: nothing may be written to it, not even a checkpoint.
    pub(crate) async fn refresh(&mut self, bucket: &Bucket, table: &TableName) -> Result<(), LogError> {
        while self.apply_next(bucket, table).await?.is_some() {}
        let Protocol { min_reader_version: reader, min_writer_version: writer } =
            self.protocol.unwrap_or(Protocol::KNOWN);
        if reader > Protocol::KNOWN.min_reader_version || writer > Protocol::KNOWN.min_writer_version {
            return Err(LogError::Protocol(reader, writer));
        }
        Ok(())
    }

    /// Applies the next version. Returns the paths of the data files with new rows that it adds, or `None` if there is no such version.
    pub(crate) async fn apply_next(
        &mut self,
        bucket: &Bucket,
        table: &TableName,
    ) -> Result<Option<Vec<String>>, LogError> {
        let path = table.version(self.next);
        let Some(body) = bucket.read(&path).await? else { return Ok(None) };
        let actions = body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(serde_json::from_slice);
        let actions: Vec<Action> =
            actions.collect::<Result<_, _>>().map_err(|error| LogError::Damaged(path, error.into()))?;
        let added = actions.iter().filter_map(|action| action.add.as_ref()).filter(|add| add.data_change);
        let added = added.map(|add| add.path.clone()).collect();
        self.apply(actions);
        self.last = body;
        Ok(Some(added))
    }

    /// Creates the next version with `actions`, and applies them. Returns `false` if another writer has created it. When this is an
    /// error the version may exist.
    pub(crate) async fn commit(
        &mut self,
        bucket: &Bucket,
        table: &TableName,
        actions: Vec<Action>,
    ) -> Result<bool, LogError> {
        let mut body = BytesMut::new().writer();
        let path = table.version(self.next);
        for action in &actions {
            serde_json::to_writer(&mut body, action).map_err(|error| LogError::Damaged(path.clone(), error.into()))?;
            body.get_mut().put_u8(b'\n');
        }
        let body = body.into_inner().freeze();
        let created = bucket.create(&path, body.clone()).await?;
        if created {
            self.apply(actions);
            self.last = body;
        }
        Ok(created)
    }

    /// Applies one version's actions.
    pub(super) fn apply(&mut self, actions: Vec<Action>) {
        for Action { protocol, meta_data, txn, add, remove, commit_info: _ } in actions {
            self.protocol = protocol.or(self.protocol);
            if meta_data.is_some() {
                self.metadata = meta_data;
            }
            if let Some(transaction) = txn {
                self.transactions.insert(transaction.app_id.clone(), transaction);
            }
            if let Some(add) = add {
                self.tombstones.remove(&add.path);
                self.files.insert(add.path.clone(), add);
            }
            if let Some(remove) = remove {
                self.files.remove(&remove.path);
                self.tombstones.insert(remove.path.clone(), remove);
            }
        }
        self.next += 1;
    }

    /// The version of an application's last transaction.
    pub(crate) fn transaction(&self, application: &str) -> Option<i64> {
        self.transactions.get(application).map(|transaction| transaction.version)
    }

    /// Returns whether a file belongs to the table, or did earlier.
    pub(crate) fn knows(&self, path: &str) -> bool {
        self.files.contains_key(path) || self.tombstones.contains_key(path)
    }
}
