//! The parameters in the documents and `samconfig.toml`, read by SAM's own parser.

use serde_json::{Value, json};

use super::cases::with;
use crate::support::template::{python, stack, workspace};

/// The elements of `parameter_overrides` in `text`, such as `UserIds=demo`, without their quotes.
fn overrides(text: &str) -> Vec<&str> {
    let quoted = text.lines().flat_map(|line| line.split('"').skip(1).step_by(2));
    let is_one = |element: &&str| {
        let name = element.split('=').next().unwrap();
        name.len() < element.len()
            && name.starts_with(|first: char| first.is_ascii_uppercase())
            && name.chars().all(char::is_alphanumeric)
            // The stack's tag.
            && name != "Project"
    };
    quoted.filter(is_one).collect()
}

#[tokio::test]
#[ignore = "needs SAM: make test"]
async fn sam_reads_every_documented_parameter_as_written() {
    let texts = ["docs/deploy.md", "samconfig.toml", "template.yaml"].map(|file| {
        let text = std::fs::read_to_string(workspace(file)).unwrap();
        // In the template only the parameters' descriptions hold examples.
        if file == "template.yaml" { text.split("\nResources:").next().unwrap().to_owned() } else { text }
    });
    let shown: Vec<_> = texts.iter().flat_map(|text| overrides(text)).collect();
    assert!(shown.len() > 8 && shown.iter().any(|element| element.contains(' ')), "{shown:?}");
    let declared = stack(&with(&[])).await.declared.clone();
    for (element, read) in shown.iter().zip(python("overrides.py", &json!(shown)).as_array().unwrap()) {
        let (name, value) = element.split_once('=').unwrap();
        assert!(declared[name].is_object(), "{name} is not a parameter");
        assert_eq!(*read, json!({name: value.trim_matches('\'')}), "{element}");
    }
}

#[tokio::test]
#[ignore = "needs SAM: make test"]
async fn a_rate_without_inner_quotes_is_rejected_with_the_quoted_form() {
    // SAM cuts it at the space and passes the first half on.
    let cut = python("overrides.py", &json!(["EmulatorRate=rate(5 minutes)"]))[0]["EmulatorRate"].clone();
    let refused = stack(&with(&[("EmulatorRate", cut.as_str().unwrap())])).await.refused.clone();
    let [violation] = &refused[..] else { panic!("{refused:?}") };
    let [element] = overrides(violation)[..] else { panic!("{violation} has no example") };
    let read: Value = python("overrides.py", &json!([element]))[0].clone();
    assert_eq!(stack(&with(&[("EmulatorRate", read["EmulatorRate"].as_str().unwrap())])).await.refused, [""; 0]);
}
