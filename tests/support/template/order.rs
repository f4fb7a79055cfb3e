//! CloudFormation's order: it creates a resource after everything that the resource refers to or depends on, and deletes it
//! before.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{Stack, intrinsics::Scope, texts};

/// Each created resource's direct dependencies, without those that a condition leaves out.
pub(super) fn dependencies(scope: Scope<'_>, made: &BTreeMap<String, Value>) -> BTreeMap<String, BTreeSet<String>> {
    let of = |name: &String| {
        let resource = &scope.template["Resources"][name];
        let mut named = BTreeSet::new();
        walk(scope, &resource["Properties"], &mut named);
        named.extend(resource.get("DependsOn").map(texts).unwrap_or_default().into_iter().map(str::to_owned));
        named.retain(|name| made.contains_key(name));
        named
    };
    made.keys().map(|name| (name.clone(), of(name))).collect()
}

fn walk(scope: Scope<'_>, value: &Value, named: &mut BTreeSet<String>) {
    match value {
        Value::Array(values) => values.iter().for_each(|value| walk(scope, value, named)),
        Value::Object(object) => {
            for (key, argument) in object {
                match (key.as_str(), argument) {
                    ("Fn::If", Value::Array(parts)) => {
                        let branch = if scope.holds(parts[0].as_str().unwrap()).unwrap() { 1 } else { 2 };
                        walk(scope, &parts[branch], named);
                    }
                    ("Ref" | "Fn::GetAtt", Value::String(name)) => {
                        named.extend(name.split('.').next().map(str::to_owned));
                    }
                    ("Fn::GetAtt", Value::Array(parts)) => named.extend(parts[0].as_str().map(str::to_owned)),
                    ("Fn::Sub", Value::String(format)) => named.extend(placeholders(format)),
                    ("Fn::Sub", Value::Array(parts)) => {
                        named.extend(placeholders(parts[0].as_str().unwrap()));
                        walk(scope, &parts[1], named);
                    }
                    _ => walk(scope, argument, named),
                }
            }
        }
        _ => {}
    }
}

/// The logical ids in an `Fn::Sub` string, without attributes.
fn placeholders(format: &str) -> impl Iterator<Item = String> {
    let names = format.split("${").skip(1).filter_map(|part| part.split('}').next()?.split('.').next());
    names.map(str::to_owned)
}

impl Stack {
    /// All resources that are created before this one.
    ///
    /// # Panics
    ///
    /// If the resource depends on itself: CloudFormation rejects such a template.
    pub(crate) fn created_before(&self, name: &str) -> BTreeSet<&str> {
        let mut before = BTreeSet::new();
        let mut left: Vec<_> = self.dependencies[name].iter().map(String::as_str).collect();
        while let Some(next) = left.pop() {
            assert_ne!(next, name, "{name} depends on itself");
            if before.insert(next) {
                left.extend(self.dependencies[next].iter().map(String::as_str));
            }
        }
        before
    }
}
