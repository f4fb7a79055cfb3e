//! The catalog of metrics. To add one, add a constant, a line in [`CATALOG`] and a row in docs/deploy.md's table.

use serde::Serialize;

/// A metric in CloudWatch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Metric {
    /// The functions that record it, comma separated.
    pub functions: &'static str,
    /// The name.
    pub name: &'static str,
    /// The unit.
    pub unit: Unit,
    /// The dimension besides the function's name. CloudWatch has one metric for each of its values and one for all together.
    pub dimension: Option<&'static str>,
    /// The meaning, as in docs/deploy.md's table.
    pub meaning: &'static str,
}

/// A unit, with CloudWatch's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Unit {
    Count,
    Milliseconds,
}

/// All metrics.
pub static CATALOG: [&Metric; 23] = [
    &ingest::RECORDS_WRITTEN,
    &ingest::RECORDS_REFUSED,
    &ingest::RECORDS_UNCONFIRMED,
    &ingest::REQUESTS_REFUSED,
    &ingest::PRODUCE_TIME,
    &ingest::COLD_STARTS,
    &producer::CONNECT_TIME,
    &emulator::POSTS_SENT,
    &emulator::RECORDS_WRITTEN,
    &emulator::RECORDS_REFUSED,
    &emulator::RECORDS_UNCONFIRMED,
    &emulator::PRODUCE_TIME,
    &archive::RECORDS_ARCHIVED,
    &archive::OBJECTS_STORED,
    &archive::RECORDS_QUARANTINED,
    &archive::RECORDS_LOST,
    &archive::ARCHIVE_LAG,
    &archive::PARTITIONS_LEFT,
    &archive::PARTITIONS_FAILED,
    &tables::ROWS_ADDED,
    &tables::FILES_ADDED,
    &tables::OFFSETS_SKIPPED,
    &tables::TABLES_BEHIND,
];

const fn count(functions: &'static str, name: &'static str, meaning: &'static str) -> Metric {
    Metric { functions, name, unit: Unit::Count, dimension: None, meaning }
}

const fn time(functions: &'static str, name: &'static str, meaning: &'static str) -> Metric {
    Metric { functions, name, unit: Unit::Milliseconds, dimension: None, meaning }
}

impl Metric {
    const fn by(self, dimension: &'static str) -> Self {
        Self { dimension: Some(dimension), ..self }
    }
}

/// The metrics of `ingest`.
#[expect(missing_docs, reason = "each metric's meaning is its documentation")]
pub mod ingest {
    use super::{Metric, count, time};

    const FUNCTION: &str = "ingest";

    /// The `Kind` of a record in a pass-through topic.
    pub const PASS_THROUGH: &str = "pass-through";

    pub static RECORDS_WRITTEN: Metric = count(
        FUNCTION,
        "RecordsWritten",
        "records that the in-sync replicas hold; `Kind` is `pin`, `geo`, `user` or `pass-through`",
    )
    .by("Kind");
    pub static RECORDS_REFUSED: Metric = count(
        FUNCTION,
        "RecordsRefused",
        "records of requests with an invalid record, and records too large for their topic: not written",
    )
    .by("ErrorCode");
    pub static RECORDS_UNCONFIRMED: Metric =
        count(FUNCTION, "RecordsUnconfirmed", "records that Kafka did not acknowledge in time, or rejected");
    pub static REQUESTS_REFUSED: Metric = count(
        FUNCTION,
        "RequestsRefused",
        "requests that were rejected or had a record that was not written, by the response's `error_code`",
    )
    .by("ErrorCode");
    pub static PRODUCE_TIME: Metric =
        time(FUNCTION, "ProduceTime", "from handing a request's records to the producer until each has its outcome");
    pub static COLD_STARTS: Metric =
        count(FUNCTION, "ColdStarts", "execution environments that were started, reported with their first invocation");
}

/// The metrics of every function with a producer.
#[expect(missing_docs, reason = "each metric's meaning is its documentation")]
pub mod producer {
    use super::{Metric, time};

    pub static CONNECT_TIME: Metric = time(
        "ingest, emulator",
        "ConnectTime",
        "establishing a connection to Kafka, including authentication: at a start and when a connection is replaced",
    );
}

/// The metrics of `emulator`.
#[expect(missing_docs, reason = "each metric's meaning is its documentation")]
pub mod emulator {
    use super::{Metric, count, time};

    const FUNCTION: &str = "emulator";

    pub static POSTS_SENT: Metric = count(FUNCTION, "PostsSent", "posts that were drawn and sent");
    pub static RECORDS_WRITTEN: Metric = count(FUNCTION, "RecordsWritten", "records that the in-sync replicas hold");
    pub static RECORDS_REFUSED: Metric = count(FUNCTION, "RecordsRefused", "invalid rows of the database: not sent");
    pub static RECORDS_UNCONFIRMED: Metric =
        count(FUNCTION, "RecordsUnconfirmed", "records that Kafka did not acknowledge in time, or rejected");
    pub static PRODUCE_TIME: Metric =
        time(FUNCTION, "ProduceTime", "from handing the records of some posts over until each has its outcome");
}

/// The metrics of `archive`.
#[expect(missing_docs, reason = "each metric's meaning is its documentation")]
pub mod archive {
    use super::{Metric, count};

    const FUNCTION: &str = "archive";

    pub static RECORDS_ARCHIVED: Metric = count(FUNCTION, "RecordsArchived", "records stored, one per line");
    pub static OBJECTS_STORED: Metric = count(FUNCTION, "ObjectsStored", "objects stored for these records");
    pub static RECORDS_QUARANTINED: Metric =
        count(FUNCTION, "RecordsQuarantined", "records stored under `quarantine/`: null, or not JSON");
    pub static RECORDS_LOST: Metric =
        count(FUNCTION, "RecordsLost", "offsets that Kafka dropped before they were archived");
    pub static ARCHIVE_LAG: Metric = count(
        FUNCTION,
        "ArchiveLag",
        "offsets that were in the topics when a run began and are not archived when it ends; every run reports it, also 0, \
         unless Kafka or the archive is unavailable",
    );
    pub static PARTITIONS_LEFT: Metric =
        count(FUNCTION, "PartitionsLeft", "partitions that a run had no time for: the next run continues there");
    pub static PARTITIONS_FAILED: Metric = count(
        FUNCTION,
        "PartitionsFailed",
        "partitions that could not be archived; a missing topic or an unavailable Kafka counts as one",
    );
}

/// The metrics of `tables`.
#[expect(missing_docs, reason = "each metric's meaning is its documentation")]
pub mod tables {
    use super::{Metric, count};

    const FUNCTION: &str = "tables";

    pub static ROWS_ADDED: Metric = count(FUNCTION, "RowsAdded", "rows added to the tables");
    pub static FILES_ADDED: Metric = count(FUNCTION, "FilesAdded", "data files added for these rows");
    pub static OFFSETS_SKIPPED: Metric = count(
        FUNCTION,
        "OffsetsSkipped",
        "offsets without an archived line: in quarantine, transaction markers, or lost",
    );
    pub static TABLES_BEHIND: Metric = count(
        FUNCTION,
        "TablesBehind",
        "tables that a run could not bring up to date with the archive, or had no time for; every run reports it, also 0",
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_function_has_two_metrics_of_one_name() {
        for (at, metric) in CATALOG.iter().enumerate() {
            for function in metric.functions.split(", ") {
                let same = |other: &&&Metric| other.name == metric.name && other.functions.contains(function);
                assert_eq!(CATALOG.iter().filter(same).count(), 1, "{at}: {metric:?}");
            }
        }
    }
}
