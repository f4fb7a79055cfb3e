//! No string depends on the time at which its functions are evaluated.
//!
//! `AWS::LanguageExtensions` evaluates functions with known arguments, and CloudFormation the rest once the resources exist.
//! A partially evaluated string would be evaluated a second time.

use serde_json::Value;

use super::cases::with;
use crate::support::template::{early, stack};

/// Collects all functions in `value` with their arguments.
fn intrinsics<'a>(value: &'a Value, found: &mut Vec<(&'a str, &'a Value)>) {
    match value {
        Value::Array(values) => values.iter().for_each(|value| intrinsics(value, found)),
        Value::Object(object) => {
            for (key, argument) in object {
                found.push((key.as_str(), argument));
                intrinsics(argument, found);
            }
        }
        _ => {}
    }
}

#[tokio::test]
#[ignore = "needs SAM: make test"]
async fn no_string_has_a_literal_placeholder_and_no_base64_refers_to_a_resource() {
    let stack = stack(&with(&[])).await;
    let Value::Object(template) = early(&with(&[])) else { panic!("no template") };
    let mut all = Vec::new();
    intrinsics(&template["source"], &mut all);
    let is_sub = |(name, _): &&(&str, &Value)| *name == "Fn::Sub";
    for (_, argument) in all.iter().filter(is_sub) {
        assert!(!argument.to_string().contains("${!"), "{argument}");
    }
    let encoded: Vec<_> = all.iter().filter(|(name, _)| *name == "Fn::Base64").collect();
    assert!(encoded.len() > 3, "{encoded:?}");
    for (_, argument) in encoded {
        let mut inside = Vec::new();
        intrinsics(argument, &mut inside);
        for name in template["source"]["Resources"].as_object().unwrap().keys() {
            let named = |(function, argument): &(&str, &Value)| {
                let text = argument.to_string();
                *function == "Fn::GetAtt"
                    || *function == "Ref" && *argument == name
                    || text.contains(&format!("${{{name}}}"))
                    || text.contains(&format!("${{{name}."))
            };
            assert!(!inside.iter().any(named), "{name} is encoded before it exists: {argument}");
        }
    }
    // SAM's early evaluation gives the same result as CloudFormation's late one.
    for view in ["PinView", "GeoView", "UserView"] {
        let text = |properties: &Value| properties["TableInput"]["ViewOriginalText"].clone();
        assert_eq!(text(&template["early"][view]["Properties"]), text(stack.properties(view)), "{view}");
    }
}
