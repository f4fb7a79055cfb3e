//! The OpenAPI document, and checks of requests and answers against it.

use axum::{
    Router,
    body::Body,
    http::{Request, header},
};
use serde_json::{Value, json};

use crate::support::pipeline::{Answer, answer};

/// A router's OpenAPI document.
pub(crate) struct OpenApi(pub(crate) Value);

/// A path, a method and its description.
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

    /// The path templates.
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

    /// The operation of a method and a path template.
    pub(crate) fn operation<'a>(&'a self, method: &str, path: &str) -> Operation<'a> {
        self.operations().find(|operation| (operation.method, operation.path) == (method, path)).unwrap()
    }

    /// Finds a request's operation. Extra slashes and a stage are not removed.
    pub(crate) fn find<'a>(&'a self, method: &str, path: &str) -> Option<Operation<'a>> {
        let parameter = |segment: &str| segment.starts_with('{') && segment.ends_with('}');
        let fits = |template: &str| {
            // `{rest}` matches any number of segments, which OpenAPI cannot express.
            if let Some(before) = template.strip_suffix("{rest}") {
                return path.len() > before.len() && path.starts_with(before);
            }
            let (template, path) = (template.split('/').collect::<Vec<_>>(), path.split('/').collect::<Vec<_>>());
            let mut pairs = template.iter().zip(&path);
            template.len() == path.len()
                && pairs.all(|(expected, actual)| expected == actual || (parameter(expected) && !actual.is_empty()))
        };
        self.operations().find(|at| at.method.to_uppercase() == method && fits(at.path))
    }

    /// Resolves a `$ref`. Any other value is returned unchanged.
    pub(crate) fn resolve<'a>(&'a self, value: &'a Value) -> &'a Value {
        let Some(reference) = value["$ref"].as_str() else { return value };
        self.0.pointer(reference.strip_prefix('#').unwrap()).unwrap_or_else(|| panic!("{reference} does not resolve"))
    }

    /// The path with a value for each parameter: the first one that is listed.
    pub(crate) fn filled(&self, Operation { path, described, .. }: &Operation<'_>) -> String {
        let parameters =
            described["parameters"].as_array().into_iter().flatten().map(|parameter| self.resolve(parameter));
        parameters.fold((*path).to_owned(), |path, parameter| {
            let value = match &parameter["schema"] {
                schema if schema["enum"].is_array() => schema["enum"][0].as_str().unwrap(),
                schema if schema["type"] == "integer" => "0",
                _ => "any",
            };
            path.replace(&format!("{{{}}}", parameter["name"].as_str().unwrap()), value)
        })
    }

    /// Validates a value against a schema of the document and returns the errors.
    pub(crate) fn problems(&self, schema: &Value, value: &Value) -> Vec<String> {
        let schema = json!({ "components": self.0["components"], "allOf": [schema] });
        let schema = jsonschema::draft202012::new(&schema).unwrap();
        schema.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect()
    }

    /// Asserts that an answer matches the operation's description of its status.
    pub(crate) fn assert_describes(&self, operation: &Operation<'_>, answer: &Answer) {
        let context = format!("{} {}: {} {}", operation.method, operation.path, answer.status, answer.body);
        let response = &operation.described["responses"][answer.status.as_str()];
        assert!(response.is_object(), "undocumented status: {context}");
        let response = self.resolve(response);
        let content_type = answer.header(header::CONTENT_TYPE).split(';').next().unwrap();
        let described = &response["content"][content_type];
        assert!(described.is_object(), "undocumented content type {content_type}: {context}");
        if content_type.ends_with("json") {
            // A v3 answer is a sequence of JSON texts.
            for json in serde_json::Deserializer::from_str(&answer.body).into_iter::<Value>() {
                let problems = self.problems(&described["schema"], &json.unwrap());
                assert_eq!(problems, <[String; 0]>::default(), "{context}");
            }
        }
        for name in response["headers"].as_object().into_iter().flat_map(|headers| headers.keys()) {
            assert!(answer.headers.contains_key(name.as_str()), "no {name}: {context}");
        }
    }
}
