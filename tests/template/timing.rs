//! No text depends on when its functions are evaluated.
//!
//! `AWS::LanguageExtensions` evaluates what it knows, and CloudFormation the rest, when the resources are there. A text that
//! the first leaves half done would be read again by the other.

use serde_json::Value;

use super::cases::with;
use crate::support::template::{early, stack};

/// Every function of CloudFormation in `value`, with its argument.
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
async fn no_text_holds_a_literal_placeholder_and_none_is_encoded_with_a_resource_in_it() {
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
            assert!(!inside.iter().any(named), "{name} is encoded before it is there: {argument}");
        }
    }
    // SAM's own code for the transform makes the same of them, early, as CloudFormation does later.
    for view in ["PinView", "GeoView", "UserView"] {
        let text = |properties: &Value| properties["TableInput"]["ViewOriginalText"].clone();
        assert_eq!(text(&template["early"][view]["Properties"]), text(stack.properties(view)), "{view}");
    }
}
