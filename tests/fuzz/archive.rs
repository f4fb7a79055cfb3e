//! The archive of an event source mapping's deliveries.

use std::{collections::BTreeMap, fs, ops::Range, path::Path, sync::LazyLock, time::Duration};

use ::archive::{
    bucket::{ArchiveUrl, Bucket},
    event::{self, KafkaEvent},
    layout::{Folder, TopicPartition},
    reader::{ReadError, Reader},
    record::{ConsumerRecord, Form},
    store::{Archiver, Limits},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use bolero::check;
use serde_json::{Value, json};
use tokio::{
    runtime::{Builder, Runtime},
    time::Instant,
};

use crate::compact::compact;

/// Small, so that an object can end at any record.
const LIMITS: Limits = Limits { records: 3, bytes: 40 };

const TOPIC: &str = "u.pin";

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Builder::new_current_thread().enable_all().build().unwrap());

/// Kafka with one partition that holds these values.
struct Log<'a>(&'a [Option<Vec<u8>>]);

impl Reader for Log<'_> {
    async fn partitions(&self) -> Result<Vec<TopicPartition>, ReadError> {
        Ok(vec![TopicPartition { topic: TOPIC.to_owned(), partition: 0 }])
    }

    async fn bounds(&self, _: &TopicPartition) -> Result<Range<u64>, ReadError> {
        Ok(0..self.0.len() as u64)
    }

    async fn read(&self, _: &TopicPartition, from: u64) -> Result<Vec<ConsumerRecord>, ReadError> {
        let record =
            |(offset, value): (u64, &Option<Vec<u8>>)| ConsumerRecord { offset, value: value.clone().map(Into::into) };
        Ok((0..).zip(self.0).map(record).filter(|record| record.offset >= from).collect())
    }
}

/// The records from `first` on, as Lambda delivers them.
fn delivery(values: &[Option<Vec<u8>>], first: usize) -> KafkaEvent {
    let record = |(offset, value): (usize, &Option<Vec<u8>>)| {
        json!({
            "topic": TOPIC, "partition": 0, "offset": offset, "timestamp": 0, "timestampType": "CREATE_TIME",
            "value": value.as_ref().map(|value| STANDARD.encode(value)), "headers": [],
        })
    };
    let records: Vec<_> = values.iter().enumerate().skip(first).map(record).collect();
    serde_json::from_value(json!({ "eventSource": "aws:kafka", "records": { "u.pin-0": records } })).unwrap()
}

/// The archived form of each offset in `folder`.
fn archived(folder: &Path) -> BTreeMap<u64, Form> {
    let partition = TopicPartition { topic: TOPIC.to_owned(), partition: 0 };
    let mut found = BTreeMap::new();
    let mut add = |offset, form| assert!(found.insert(offset, form).is_none(), "offset {offset} twice");
    for place in [Folder::Topics, Folder::Quarantine] {
        let Ok(entries) = fs::read_dir(folder.join(partition.folder(place).as_ref())) else { continue };
        for entry in entries {
            let path = entry.unwrap().path();
            let bytes = fs::read(&path).unwrap();
            let name = partition.folder(place).join(path.file_name().unwrap().to_str().unwrap());
            let offset = partition.offset_of(place, &name).unwrap();
            match path.extension().unwrap().to_str().unwrap() {
                "json" => {
                    let lines = bytes.strip_suffix(b"\n").unwrap().split(|byte| *byte == b'\n');
                    for (offset, line) in (offset..).zip(lines) {
                        add(offset, Form::Line(line.to_vec().into()));
                    }
                }
                "bin" => add(offset, Form::NotJson(bytes.into())),
                "null" => add(offset, Form::Null),
                other => panic!("a foreign object: {other}"),
            }
        }
    }
    found
}

/// Each record is archived once, even if the first ones are not delivered, or records are redelivered in other batches.
#[test]
fn fuzz() {
    check!(name = "archive").with_type::<(Vec<Option<Vec<u8>>>, u8)>().for_each(|(values, cut)| {
        let folder = tempfile::tempdir().unwrap();
        RUNTIME.block_on(async {
            let url = ArchiveUrl::Folder(folder.path().to_owned());
            let cut = usize::from(*cut) % (values.len() + 1);
            for first in [cut, 0, cut] {
                let archiver = Archiver::new(Bucket::open(&url).await.unwrap(), LIMITS);
                let deadline = Instant::now() + Duration::from_mins(1);
                let report =
                    event::store(&Log(values), &archiver, &[TOPIC.to_owned()], delivery(values, first), deadline).await;
                assert_eq!(report.failures.len(), 0, "{report:?}");
            }
        });
        let form = |value: &Option<Vec<u8>>| match value {
            None => Form::Null,
            Some(value) if serde_json::from_slice::<Value>(value).is_ok() => Form::Line(compact(value).into()),
            Some(value) => Form::NotJson(value.clone().into()),
        };
        let expected = (0..).zip(values.iter().map(form));
        assert_eq!(archived(folder.path()), expected.collect());
    });
}
