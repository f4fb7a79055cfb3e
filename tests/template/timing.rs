//! No string depends on the time at which its functions are evaluated.
//!
//! `AWS::LanguageExtensions` evaluates functions with known arguments, and CloudFormation the rest once the resources exist.
//! A partially evaluated string would be evaluated a second time.

use serde_json::Value;

use crate::support::template::source;

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

#[test]
#[ignore = "needs SAM: make test"]
fn no_string_has_a_literal_placeholder_and_no_base64_refers_to_a_resource() {
    let template = source();
    let mut all = Vec::new();
    intrinsics(&template, &mut all);
    let is_sub = |(name, _): &&(&str, &Value)| *name == "Fn::Sub";
    for (_, argument) in all.iter().filter(is_sub) {
        assert!(!argument.to_string().contains("${!"), "{argument}");
    }
    let encoded: Vec<_> = all.iter().filter(|(name, _)| *name == "Fn::Base64").collect();
    assert!(!encoded.is_empty());
    for (_, argument) in encoded {
        let mut inside = Vec::new();
        intrinsics(argument, &mut inside);
        for name in template["Resources"].as_object().unwrap().keys() {
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
}
