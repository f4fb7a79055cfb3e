//! Every metric there is. Adding one is a constant and a line in [`CATALOG`]; docs/deploy.md's table follows.

use serde::Serialize;

/// A metric of CloudWatch's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Metric {
    /// The functions that write it, comma separated.
    pub functions: &'static str,
    /// Its name.
    pub name: &'static str,
    /// Its unit.
    pub unit: Unit,
    /// The dimension beside the function's name. There is a metric for each of its values, and one for all of them together.
    pub dimension: Option<&'static str>,
    /// What it tells, in the words of docs/deploy.md's table.
    pub meaning: &'static str,
}

/// A unit, by CloudWatch's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Unit {
    Count,
    Milliseconds,
}

/// All of them.
pub static CATALOG: [&Metric; 19] = [
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

/// What `ingest` writes.
#[expect(missing_docs, reason = "each metric's meaning is its documentation")]
pub mod ingest {
    use super::{Metric, count, time};

    const FUNCTION: &str = "ingest";

    /// The `Kind` of a record that is of none.
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
        "records of requests with one that is not valid, and those too large for their topic: not written",
    )
    .by("ErrorCode");
    pub static RECORDS_UNCONFIRMED: Metric =
        count(FUNCTION, "RecordsUnconfirmed", "records that Kafka did not take, or not in time");
    pub static REQUESTS_REFUSED: Metric = count(
        FUNCTION,
        "RequestsRefused",
        "requests that were refused, or of which a record was not written, by their answer's `error_code`",
    )
    .by("ErrorCode");
    pub static PRODUCE_TIME: Metric =
        time(FUNCTION, "ProduceTime", "from handing a request's records to the producer until each has its answer");
    pub static COLD_STARTS: Metric =
        count(FUNCTION, "ColdStarts", "execution environments that were started, reported with their first invocation");
}

/// What every function with a producer writes.
#[expect(missing_docs, reason = "each metric's meaning is its documentation")]
pub mod producer {
    use super::{Metric, time};

    pub static CONNECT_TIME: Metric = time(
        "ingest, emulator",
        "ConnectTime",
        "a new connection to Kafka until it can be written to, the log-in included; at a start and when one is replaced",
    );
}

/// What `emulator` writes.
#[expect(missing_docs, reason = "each metric's meaning is its documentation")]
pub mod emulator {
    use super::{Metric, count, time};

    const FUNCTION: &str = "emulator";

    pub static POSTS_SENT: Metric = count(FUNCTION, "PostsSent", "posts that were drawn and sent");
    pub static RECORDS_WRITTEN: Metric = count(FUNCTION, "RecordsWritten", "records that the in-sync replicas hold");
    pub static RECORDS_REFUSED: Metric =
        count(FUNCTION, "RecordsRefused", "rows of the database that are not valid: not sent");
    pub static RECORDS_UNCONFIRMED: Metric =
        count(FUNCTION, "RecordsUnconfirmed", "records that Kafka did not take, or not in time");
    pub static PRODUCE_TIME: Metric =
        time(FUNCTION, "ProduceTime", "from handing the records of some posts over until each has its answer");
}

/// What `archive` writes.
#[expect(missing_docs, reason = "each metric's meaning is its documentation")]
pub mod archive {
    use super::{Metric, count};

    const FUNCTION: &str = "archive";

    pub static RECORDS_ARCHIVED: Metric = count(FUNCTION, "RecordsArchived", "records stored, a line each");
    pub static OBJECTS_STORED: Metric = count(FUNCTION, "ObjectsStored", "objects that these made");
    pub static RECORDS_QUARANTINED: Metric =
        count(FUNCTION, "RecordsQuarantined", "records stored under `quarantine/`: null, or not JSON");
    pub static RECORDS_LOST: Metric =
        count(FUNCTION, "RecordsLost", "offsets that Kafka dropped before they were archived");
    pub static ARCHIVE_LAG: Metric = count(
        FUNCTION,
        "ArchiveLag",
        "offsets that were in the topics as a run began and are not archived as it ends; each run tells it, 0 as well, \
         unless Kafka or the archive could not be asked",
    );
    pub static PARTITIONS_LEFT: Metric =
        count(FUNCTION, "PartitionsLeft", "partitions that a run had too little time for: the next one goes on there");
    pub static PARTITIONS_FAILED: Metric = count(
        FUNCTION,
        "PartitionsFailed",
        "partitions that could not be archived; a topic that is missing and a Kafka that is away count as one",
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_has_each_name_once() {
        for (at, metric) in CATALOG.iter().enumerate() {
            for function in metric.functions.split(", ") {
                let same = |other: &&&Metric| other.name == metric.name && other.functions.contains(function);
                assert_eq!(CATALOG.iter().filter(same).count(), 1, "{at}: {metric:?}");
            }
        }
    }
}
