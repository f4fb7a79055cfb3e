//! The output of `make sbom`: CycloneDX's own schema accepts each list, and each names what its program is built of.

use std::fs;

use serde_json::Value;

use crate::support::{
    local::{output, python},
    programs::assert_names_no_folder_and_no_date,
    template::workspace,
};

/// Each deployed program, and a dependency of it alone among several.
const PROGRAMS: [(&str, &str); 8] = [
    ("archive", "rskafka"),
    ("brokers", "aws-sdk-kafka"),
    ("database", "sqlx"),
    ("emulator", "rdkafka"),
    ("ingest", "rdkafka"),
    ("local", "indicatif"),
    ("tables", "parquet"),
    ("topics", "rskafka"),
];

#[tokio::test]
#[ignore = "needs the lists: make test"]
async fn each_programs_list_of_dependencies_is_valid_and_names_them() {
    for (program, dependency) in PROGRAMS {
        let list = fs::read_to_string(workspace(&format!("target/sbom/{program}.cdx.json"))).unwrap();
        output(&mut python("sbom.py"), &list).await;
        assert_names_no_folder_and_no_date(program, list.as_bytes());
        let list: Value = serde_json::from_str(&list).unwrap();
        assert_eq!(list["metadata"]["component"]["name"], program);
        let names: Vec<_> = list["components"].as_array().unwrap().iter().map(|component| &component["name"]).collect();
        assert!(names.iter().any(|name| *name == dependency), "{program} without {dependency}: {names:?}");
        // A list of what only tests need would alarm for nothing.
        assert!(!names.iter().any(|name| *name == "proptest"), "{program}");
    }
}
