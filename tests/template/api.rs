//! The HTTP API: authentication, and the gateway's own responses.

use axum::{
    body::Body,
    http::{Request, header},
};
use ingest::error::Error;
use serde_json::{Value, json};

use super::cases::{every, with};
use crate::support::{
    openapi::OpenApi,
    pipeline::{Answer, answer},
    recorder::Recorder,
    template::{Stack, stack},
};

/// All gateway responses of a REST API, except for those of authorizers, which the API does not use:
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html>.
const GATEWAY_RESPONSES: [&str; 19] = [
    "ACCESS_DENIED",
    "API_CONFIGURATION_ERROR",
    "BAD_REQUEST_BODY",
    "BAD_REQUEST_PARAMETERS",
    "DEFAULT_4XX",
    "DEFAULT_5XX",
    "EXPIRED_TOKEN",
    "INTEGRATION_FAILURE",
    "INTEGRATION_TIMEOUT",
    "INVALID_API_KEY",
    "INVALID_SIGNATURE",
    "MISSING_AUTHENTICATION_TOKEN",
    "QUOTA_EXCEEDED",
    "REQUEST_TOO_LARGE",
    "RESOURCE_NOT_FOUND",
    "THROTTLED",
    "UNAUTHORIZED",
    "UNSUPPORTED_MEDIA_TYPE",
    "WAF_FILTERED",
];

/// The paths that need no key: the documentation page.
const PUBLIC_PATHS: [&str; 3] = ["/docs", "/docs/{proxy+}", "/openapi.json"];

#[tokio::test]
#[ignore = "needs SAM: make test"]
async fn gateway_responses_have_our_error_format_and_retry_after() {
    let stack = stack(&with(&[])).await;
    let answers = &stack.properties("Api")["Body"]["x-amazon-apigateway-gateway-responses"];
    assert_eq!(answers.as_object().unwrap().keys().collect::<Vec<_>>(), GATEWAY_RESPONSES);
    for (name, answer) in answers.as_object().unwrap() {
        let status = match name.as_str() {
            "DEFAULT_4XX" => 400,
            "DEFAULT_5XX" => 500,
            _ => answer["statusCode"].as_u64().unwrap(),
        };
        let header = |name: &str| answer["responseParameters"][format!("gatewayresponse.header.{name}")].as_str();
        assert_eq!(
            header("Access-Control-Allow-Origin"),
            Some("'*'"),
            "{name}: a browser would not show it to a script"
        );
        let retry_after = header("Retry-After").map(|seconds| seconds.trim_matches('\'').parse::<u64>().unwrap());
        assert_eq!(retry_after.is_some(), status == 429 || status >= 500, "{name}: {retry_after:?}");
        // The gateway inserts a quoted string here.
        let body = answer["responseTemplates"]["application/json"].as_str().unwrap();
        let body: Value = serde_json::from_str(&body.replace("$context.error.messageString", "\"why\"")).unwrap();
        assert_eq!(body["error_code"], status, "{name}");
        assert!(body["message"].is_string() && body.as_object().unwrap().len() == 2, "{name}: {body}");
        if name == "REQUEST_TOO_LARGE" {
            assert_eq!(body["message"], Error::BodyTooLarge.to_string(), "the gateway and `ingest` answer alike");
        }
    }
}

#[tokio::test]
#[ignore = "needs SAM: make test"]
async fn responses_are_compressed_from_the_same_size_as_in_local() {
    let stack = stack(&with(&[])).await;
    assert_eq!(stack.properties("Api")["MinimumCompressionSize"], ingest::MIN_COMPRESSED_BYTES);
}

#[tokio::test]
#[ignore = "needs SAM: make test"]
async fn every_route_has_the_chosen_authentication_except_for_preflights_and_the_page() {
    let cases = [("api-key", json!([{"api_key": []}])), ("iam", json!([{"sigv4": []}])), ("none", json!([]))];
    for (authentication, expected) in cases {
        let stack = stack(&with(&[("Authentication", authentication)])).await;
        let body = &stack.properties("Api")["Body"];
        let paths = body["paths"].as_object().unwrap();
        assert_eq!(
            paths.keys().collect::<Vec<_>>(),
            ["/", PUBLIC_PATHS[0], PUBLIC_PATHS[1], PUBLIC_PATHS[2], "/{proxy+}"]
        );
        for (path, methods) in paths {
            for (method, asked) in methods.as_object().unwrap() {
                let open = method == "options" || PUBLIC_PATHS.contains(&path.as_str());
                let expected = if open { &json!([]) } else { &expected };
                assert_eq!(asked["security"], *expected, "{authentication}: {method} {path}");
            }
        }
        for scheme in expected.as_array().unwrap().iter().flat_map(|scheme| scheme.as_object().unwrap().keys()) {
            assert!(body["components"]["securitySchemes"][scheme].is_object(), "{scheme}");
        }
        // A key works only with a usage plan for this stage.
        let made = ["ApiKey", "UsagePlan", "UsagePlanKey"].map(|name| stack.resources.contains_key(name));
        assert_eq!(made, [authentication == "api-key"; 3]);
        if authentication == "api-key" {
            assert_eq!(stack.properties("UsagePlan")["ApiStages"][0]["Stage"], stack.parameters["StageName"]);
            assert_eq!(stack.properties("UsagePlanKey")["KeyId"], stack.outputs["ApiKey"]["Value"]);
            let throttle = &stack.properties("UsagePlan")["Throttle"];
            assert_eq!(throttle["RateLimit"], stack.parameters["ThrottleRate"]);
            assert_eq!(throttle["BurstLimit"], stack.parameters["ThrottleBurst"]);
        }
    }
}

#[tokio::test]
#[ignore = "needs SAM: make test"]
async fn routes_without_a_key_are_those_in_the_openapi_document() {
    let stack = stack(&with(&[])).await;
    let paths = &stack.properties("Api")["Body"]["paths"];
    let openapi = OpenApi::of(&Recorder::default().router()).await;
    for operation in openapi.operations() {
        let path = operation.path.replace("{file}", "{proxy+}");
        let methods = paths.get(&path).unwrap_or(&paths["/{proxy+}"]);
        let method = methods.get(operation.method).unwrap_or(&methods["x-amazon-apigateway-any-method"]);
        let asked = method["security"] != json!([]);
        assert_eq!(operation.described.get("security").is_none(), asked, "{} {path}", operation.method);
    }
    let scheme = |components: &Value| components["components"]["securitySchemes"]["api_key"]["name"].clone();
    assert_eq!(scheme(&openapi.0), scheme(&stack.properties("Api")["Body"]));
}

#[tokio::test]
#[ignore = "needs SAM: make test"]
async fn the_gateways_own_responses_are_in_the_openapi_document() {
    let stack = stack(&with(&[])).await;
    let answers = &stack.properties("Api")["Body"]["x-amazon-apigateway-gateway-responses"];
    let openapi = OpenApi::of(&Recorder::default().router()).await;
    let produce = openapi.operation("post", "/topics/{topic}");
    for name in ["INVALID_API_KEY", "THROTTLED", "INTEGRATION_FAILURE", "INTEGRATION_TIMEOUT"] {
        let status = &answers[name]["statusCode"];
        let body = answers[name]["responseTemplates"]["application/json"].as_str().unwrap();
        let body: Value = serde_json::from_str(body).unwrap();
        let response = &produce.described["responses"][status.to_string()];
        let problems = openapi.problems(&response["content"]["application/json"]["schema"], &body);
        assert_eq!(problems, <[String; 0]>::default(), "{name}: {body}");
        let retry_after = answers[name]["responseParameters"].get("gatewayresponse.header.Retry-After").is_some();
        assert_eq!(response["headers"].get("Retry-After").is_some(), retry_after, "{name}");
    }
}

#[tokio::test]
#[ignore = "needs SAM: make test"]
async fn every_request_except_for_preflights_reaches_the_alias_which_the_gateway_may_invoke() {
    for (case, stack) in every().await {
        let alias = "arn:aws:lambda:eu-west-1:123456789012:function:my-pins-IngestFunction-1A2B3C:live";
        let uri = format!("arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/{alias}/invocations");
        for (path, methods) in stack.properties("Api")["Body"]["paths"].as_object().unwrap() {
            let methods = methods.as_object().unwrap();
            // ANY covers each method without an entry of its own.
            let any = "x-amazon-apigateway-any-method";
            assert!(methods.contains_key(any), "{case:?}");
            let mocked = if PUBLIC_PATHS.contains(&path.as_str()) { any } else { "options" };
            for (_, method) in methods.iter().filter(|(method, _)| *method != mocked) {
                let integration = &method["x-amazon-apigateway-integration"];
                assert_eq!(
                    (&integration["type"], &integration["uri"]),
                    (&"aws_proxy".into(), &uri.clone().into()),
                    "{case:?}"
                );
                // Lambda is always invoked with POST.
                assert_eq!(integration["httpMethod"], "POST", "{case:?}");
            }
        }
        let permission = stack.properties("IngestFromApi");
        assert_eq!(permission["FunctionName"], alias, "{case:?}");
        let stage = case.get("StageName").map_or("test", String::as_str);
        let allowed = format!("arn:aws:execute-api:eu-west-1:123456789012:my-pins-Api-1A2B3C/{stage}/*");
        assert_eq!(permission["SourceArn"], allowed, "{case:?}");
        // SAM would add an unthrottled stage named `Stage`.
        for (name, deployment) in stack.of_type("AWS::ApiGateway::Deployment") {
            assert_eq!(deployment["StageName"], Value::Null, "{name}");
        }
    }
}

/// The API's only stage. SAM derives its logical id from the stage's name.
fn stage(stack: &Stack) -> &Value {
    let [(_, stage)] = stack.of_type("AWS::ApiGateway::Stage").collect::<Vec<_>>()[..] else { panic!("not one stage") };
    stage
}

/// Asserts that the mock integration's response for `pattern` equals `by_ingest` in status, body and headers.
fn assert_mocks(method: &Value, pattern: &str, by_ingest: &Answer) {
    let answer = &method["x-amazon-apigateway-integration"]["responses"][pattern];
    let status = by_ingest.status.as_u16().to_string();
    assert_eq!(answer["statusCode"], status);
    assert_eq!(answer["responseTemplates"]["application/json"], by_ingest.body);
    let mut headers = Vec::new();
    for (name, value) in answer["responseParameters"].as_object().unwrap() {
        let name = name.strip_prefix("method.response.header.").unwrap();
        assert!(method["responses"][&status]["headers"][name].is_object(), "{status}: {name} is not passed on");
        headers.push((name.to_lowercase(), value.as_str().unwrap().trim_matches('\'').to_owned()));
    }
    let mut expected: Vec<_> = by_ingest
        .headers
        .iter()
        .filter(|(name, _)| name.as_str().starts_with("access-control-") || *name == header::ALLOW)
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .collect();
    headers.sort();
    expected.sort();
    assert_eq!(headers, expected);
}

#[tokio::test]
#[ignore = "needs SAM: make test"]
async fn mock_integrations_answer_like_ingest() {
    let router = Recorder::default().router();
    let by_ingest = async |method: &str, path: &str| {
        let path = path.replace("{proxy+}", "index.css");
        let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
        answer(&router, request).await
    };
    let stack = stack(&with(&[])).await;
    for (path, methods) in stack.properties("Api")["Body"]["paths"].as_object().unwrap() {
        let page = PUBLIC_PATHS.contains(&path.as_str());
        let method = &methods[if page { "x-amazon-apigateway-any-method" } else { "options" }];
        let integration = &method["x-amazon-apigateway-integration"];
        assert_eq!(integration["type"], "mock", "{path}");
        // The request template sets the status that selects the response.
        let request = &integration["requestTemplates"]["application/json"];
        if page {
            assert_eq!(request, r#"{"statusCode": #if($context.httpMethod == "OPTIONS")200#{else}405#end}"#, "{path}");
            assert_mocks(method, "200", &by_ingest("OPTIONS", path).await);
            for other in ["DELETE", "PATCH", "POST", "PUT"] {
                assert_mocks(method, "default", &by_ingest(other, path).await);
            }
        } else {
            assert_eq!(request, r#"{"statusCode": 200}"#, "{path}");
            assert_mocks(method, "default", &by_ingest("OPTIONS", path).await);
        }
    }
}

#[tokio::test]
#[ignore = "needs SAM: make test"]
async fn the_stage_has_the_chosen_name_throttle_and_log() {
    let stack =
        stack(&with(&[("StageName", "v1"), ("ThrottleRate", "7"), ("ThrottleBurst", "9"), ("AccessLog", "on")])).await;
    let stage = stage(&stack);
    assert_eq!(stage["StageName"], "v1");
    assert!(stack.outputs["ApiUrl"]["Value"].as_str().unwrap().ends_with(".amazonaws.com/v1"));
    // `~1` is an escaped slash. The first entry applies to methods without one of their own.
    let others = json!({"ResourcePath": "/*", "HttpMethod": "*", "ThrottlingRateLimit": 5, "ThrottlingBurstLimit": 1});
    let chosen = |method| json!({"ResourcePath": "/~1{proxy+}", "HttpMethod": method, "ThrottlingRateLimit": "7", "ThrottlingBurstLimit": "9"});
    // The page loads its files in parallel.
    let files = json!({"ResourcePath": "/~1docs~1{proxy+}", "HttpMethod": "GET", "ThrottlingRateLimit": 5, "ThrottlingBurstLimit": 2});
    assert_eq!(stage["MethodSettings"], json!([others, chosen("POST"), chosen("PUT"), chosen("OPTIONS"), files]));
    assert!(stack.properties("Api")["Body"]["paths"]["/docs/{proxy+}"]["get"].is_object());
    // A setting for a missing method is rejected or ignored.
    let methods = &stack.properties("Api")["Body"]["paths"]["/{proxy+}"];
    for method in ["post", "put", "options"] {
        assert!(methods[method].is_object(), "{method}: {methods}");
    }
    // API Gateway inserts each `$context` value without escapes, so each one is between quotes.
    let format = stage["AccessLogSetting"]["Format"].as_str().unwrap();
    let line: Value = serde_json::from_str(format).unwrap_or_else(|error| panic!("{error}: {format}"));
    assert!(line.as_object().unwrap().values().all(|value| value.as_str().unwrap().starts_with("$context.")), "{line}");
    assert!(format.len() <= 3_000, "{} bytes", format.len());
    let alarm = stack.properties("RequestsNotServed");
    let dimension = |at: usize| &alarm["Dimensions"][at]["Value"];
    assert_eq!((dimension(0), dimension(1)), (&stack.properties("Api")["Name"], &stage["StageName"]));
}

#[tokio::test]
#[ignore = "needs SAM: make test"]
async fn a_stage_with_an_access_log_is_created_after_the_logging_role() {
    for (access_log, made) in [("off", false), ("on", false), ("on-and-make-role", true)] {
        let stack = stack(&with(&[("AccessLog", access_log)])).await;
        assert_eq!(stack.resources.contains_key("GatewayAccount"), made, "{access_log}");
        assert_eq!(stage(&stack).get("AccessLogSetting").is_some(), access_log != "off", "{access_log}");
        if made {
            let [(stage, _)] = stack.of_type("AWS::ApiGateway::Stage").collect::<Vec<_>>()[..] else {
                panic!("not one")
            };
            assert!(stack.created_before(stage).contains("GatewayAccount"));
            // An account's API Gateway settings exist only after its first API.
            assert!(stack.created_before("GatewayAccount").contains("Api"));
        }
    }
}
