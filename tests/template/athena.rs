//! SQL with Athena: databases, tables and saved queries. [`analytics`](crate::analytics) runs the queries on the tables with Trino.

use std::{collections::BTreeSet, fs};

use serde_json::Value;
use shared::kind::CATALOG;

use super::cases::{every, with};
use crate::{
    analytics::questions,
    support::{
        golden::assert_same,
        template::{Stack, stack, workspace},
    },
};

/// A user id's database.
fn database(user_id: &str) -> String {
    format!("my_pins_{}", user_id.replace('-', "_"))
}

/// The tables that a stack should have: database, name and location.
fn expected_tables(stack: &Stack) -> BTreeSet<[String; 3]> {
    let Some(url) = stack.outputs.get("TablesUrl").map(|output| output["Value"].as_str().unwrap()) else {
        return BTreeSet::new();
    };
    let of = |user_id| {
        let table = move |kind| [database(user_id), format!("{kind}_rows"), format!("{url}{user_id}/{kind}")];
        CATALOG.iter().map(table)
    };
    stack.user_ids().into_iter().flat_map(of).collect()
}

#[tokio::test]
#[ignore = "needs SAM: make test"]
async fn athena_has_a_database_for_each_user_id_with_the_tables_that_the_function_writes() {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    for (case, stack) in every().await {
        let tables = stack.of_type("AWS::Glue::Table").map(|(_, table)| {
            let input = &table["TableInput"];
            assert_eq!(input["Parameters"]["table_type"], "DELTA", "{case:?}");
            [&table["DatabaseName"], &input["Name"], &input["StorageDescriptor"]["Location"]].map(text)
        });
        let (tables, expected): (BTreeSet<_>, _) = (tables.collect(), expected_tables(&stack));
        assert_eq!(tables, expected, "{case:?}");
        let made = stack.of_type("AWS::Glue::Database").map(|(_, made)| text(&made["DatabaseInput"]["Name"]));
        let (made, expected): (BTreeSet<_>, _) =
            (made.collect(), tables.into_iter().map(|[database, ..]| database).collect());
        assert_eq!(made, expected, "{case:?}");
        let counts = ["AWS::Athena::WorkGroup", "AWS::Athena::NamedQuery"].map(|kind| stack.of_type(kind).count());
        assert_eq!(counts, if made.is_empty() { [0, 0] } else { [1, questions().len()] }, "{case:?}");
    }
}

#[tokio::test]
#[ignore = "needs SAM: make test"]
async fn each_saved_query_is_a_question_to_the_first_user_ids_database() {
    let stack = stack(&with(&[])).await;
    let queries = stack.of_type("AWS::Athena::NamedQuery").map(|(_, query)| query);
    let found =
        queries.map(|query| ["Name", "QueryString", "Database"].map(|name| query[name].as_str().unwrap().to_owned()));
    let expected = questions().into_iter();
    let expected = expected.map(|(name, text)| [name, text, database("demo")]);
    assert_eq!(found.collect::<BTreeSet<_>>(), expected.collect::<BTreeSet<_>>());
}

#[test]
fn the_template_has_the_questions_texts() {
    let template = fs::read_to_string(workspace("template.yaml")).unwrap();
    let (before, _) = template.split_once("\nMappings:\n").unwrap();
    let mut expected = format!("{before}\nMappings:\n  Questions:\n");
    for (name, text) in questions() {
        expected.extend(["    ", &name, ":\n      Text: |\n"]);
        expected.extend(text.lines().map(|line| format!("        {line}\n")));
    }
    assert_same("template.yaml", &expected);
}
