//! The OpenAPI document, and what it says of requests and answers.

use axum::{
    Router,
    body::Body,
    http::{Request, header},
};
use serde_json::{Value, json};

use crate::support::pipeline::{Answer, answer};

/// The document of a router.
pub(crate) struct OpenApi(pub(crate) Value);

/// A path with a method.
pub(crate) struct Operation<'a> {
    pub(crate) path: &'a str,
    pub(crate) method: &'a str,
    pub(crate) described: &'a Value,
}

impl OpenApi {
    pub(crate) async fn of(router: &Router) -> Self {
        let request = Request::get("/openapi.json").body(Body::empty()).unwrap();
        let answer = answer(router, request).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        Self(answer.json())
    }

    /// The paths as they stand there.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &str> {
        self.0["paths"].as_object().unwrap().keys().map(String::as_str)
    }

    pub(crate) fn operations(&self) -> impl Iterator<Item = Operation<'_>> {
        let paths = self.0["paths"].as_object().unwrap().iter();
        paths.flat_map(|(path, methods)| {
            let methods = methods.as_object().unwrap().iter();
            methods.map(|(method, described)| Operation { path, method, described })
        })
    }

    /// The operation of a path, as it stands there, and a method.
    pub(crate) fn operation<'a>(&'a self, method: &str, path: &str) -> Operation<'a> {
        self.operations().find(|operation| (operation.method, operation.path) == (method, path)).unwrap()
    }

    /// The operation that a request is for, if it is for one. Slashes and a stage are left as they are.
    pub(crate) fn asked<'a>(&'a self, method: &str, path: &str) -> Option<Operation<'a>> {
        let parameter = |segment: &str| segment.starts_with('{') && segment.ends_with('}');
        let fits = |template: &str| {
            // One parameter for any number of segments, which OpenAPI has no form for.
            if let Some(before) = template.strip_suffix("{rest}") {
                return path.len() > before.len() && path.starts_with(before);
            }
            let (template, path) = (template.split('/').collect::<Vec<_>>(), path.split('/').collect::<Vec<_>>());
            let mut pairs = template.iter().zip(&path);
            template.len() == path.len() && pairs.all(|(of, is)| of == is || (parameter(of) && !is.is_empty()))
        };
        self.operations().find(|at| at.method.to_uppercase() == method && fits(at.path))
    }

    /// What a reference leads to, and anything else as it is.
    pub(crate) fn at<'a>(&'a self, value: &'a Value) -> &'a Value {
        let Some(reference) = value["$ref"].as_str() else { return value };
        self.0.pointer(reference.strip_prefix('#').unwrap()).unwrap_or_else(|| panic!("{reference} leads nowhere"))
    }

    /// The path with a value in place of each parameter, the first of those that are listed.
    pub(crate) fn filled(&self, Operation { path, described, .. }: &Operation<'_>) -> String {
        let parameters = described["parameters"].as_array().into_iter().flatten().map(|parameter| self.at(parameter));
        parameters.fold((*path).to_owned(), |path, parameter| {
            let value = match &parameter["schema"] {
                schema if schema["enum"].is_array() => schema["enum"][0].as_str().unwrap(),
                schema if schema["type"] == "integer" => "0",
                _ => "any",
            };
            path.replace(&format!("{{{}}}", parameter["name"].as_str().unwrap()), value)
        })
    }

    /// What a schema of the document has against a value.
    pub(crate) fn problems(&self, schema: &Value, value: &Value) -> Vec<String> {
        let schema = json!({ "components": self.0["components"], "allOf": [schema] });
        let schema = jsonschema::draft202012::new(&schema).unwrap();
        schema.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect()
    }

    /// Holds an answer of an operation to what the document says of its status.
    pub(crate) fn assert_describes(&self, operation: &Operation<'_>, answer: &Answer) {
        let told = format!("{} {}: {} {}", operation.method, operation.path, answer.status, answer.body);
        let response = &operation.described["responses"][answer.status.as_str()];
        assert!(response.is_object(), "not a status of it: {told}");
        let response = self.at(response);
        let content_type = answer.header(header::CONTENT_TYPE).split(';').next().unwrap();
        let described = &response["content"][content_type];
        assert!(described.is_object(), "not a type of it, {content_type}: {told}");
        if content_type.ends_with("json") {
            // Those of v3 stand one after the other.
            for json in serde_json::Deserializer::from_str(&answer.body).into_iter::<Value>() {
                let problems = self.problems(&described["schema"], &json.unwrap());
                assert_eq!(problems, <[String; 0]>::default(), "{told}");
            }
        }
        for name in response["headers"].as_object().into_iter().flat_map(|headers| headers.keys()) {
            assert!(answer.headers.contains_key(name.as_str()), "no {name}: {told}");
        }
    }
}
