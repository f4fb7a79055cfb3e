//! The HTTP API: who may ask, and what the gateway answers itself.

use serde_json::{Value, json};

use super::cases::{every, with};
use crate::support::{openapi::OpenApi, recorder::Recorder, template::stack};

/// Every answer that a REST API makes itself:
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html>. Those of
/// authorizers are left out: there are none.
const ANSWERS: [&str; 19] = [
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

#[tokio::test]
#[ignore = "needs SAM: make test"]
async fn what_the_gateway_answers_itself_has_our_form_and_tells_when_to_come_again() {
    let stack = stack(&with(&[])).await;
    let answers = &stack.properties("Api")["Body"]["x-amazon-apigateway-gateway-responses"];
    assert_eq!(answers.as_object().unwrap().keys().collect::<Vec<_>>(), ANSWERS);
    for (name, answer) in answers.as_object().unwrap() {
        let status = match name.as_str() {
            "DEFAULT_4XX" => 400,
            "DEFAULT_5XX" => 500,
            _ => answer["statusCode"].as_u64().unwrap(),
        };
        let header = |name: &str| answer["responseParameters"][format!("gatewayresponse.header.{name}")].as_str();
        assert_eq!(header("Access-Control-Allow-Origin"), Some("'*'"), "{name}: a browser would not see it");
        let again = header("Retry-After").map(|seconds| seconds.trim_matches('\'').parse::<u64>().unwrap());
        assert_eq!(again.is_some(), status == 429 || status >= 500, "{name}: {again:?}");
        // The gateway puts a text in quotes there.
        let body = answer["responseTemplates"]["application/json"].as_str().unwrap();
        let body: Value = serde_json::from_str(&body.replace("$context.error.messageString", "\"why\"")).unwrap();
        assert_eq!(body["error_code"], status, "{name}");
        assert!(body["message"].is_string() && body.as_object().unwrap().len() == 2, "{name}: {body}");
    }
}

#[tokio::test]
#[ignore = "needs SAM: make test"]
async fn answers_are_compressed_from_the_size_on_that_local_compresses_them() {
    let stack = stack(&with(&[])).await;
    assert_eq!(stack.properties("Api")["MinimumCompressionSize"], ingest::MIN_COMPRESSED_BYTES);
}

#[tokio::test]
#[ignore = "needs SAM: make test"]
async fn who_may_ask_is_what_was_chosen_and_a_browser_may_ask_what_it_may() {
    let cases = [("api-key", json!([{"api_key": []}])), ("iam", json!([{"sigv4": []}])), ("none", json!([]))];
    for (authentication, expected) in cases {
        let stack = stack(&with(&[("Authentication", authentication)])).await;
        let body = &stack.properties("Api")["Body"];
        let paths = body["paths"].as_object().unwrap();
        let open = ["/docs", "/docs/{proxy+}", "/openapi.json"];
        assert_eq!(paths.keys().collect::<Vec<_>>(), ["/", open[0], open[1], open[2], "/{proxy+}"]);
        for (path, methods) in paths {
            let any = &methods["x-amazon-apigateway-any-method"]["security"];
            if open.contains(&path.as_str()) {
                // That answers a browser's question too.
                assert_eq!((any, methods.as_object().unwrap().len()), (&json!([]), 1), "{authentication}: {path}");
            } else {
                assert_eq!(*any, expected, "{authentication}: {path}");
                assert_eq!(methods["options"]["security"], json!([]), "{authentication}: {path}");
            }
        }
        for scheme in expected.as_array().unwrap().iter().flat_map(|scheme| scheme.as_object().unwrap().keys()) {
            assert!(body["components"]["securitySchemes"][scheme].is_object(), "{scheme}");
        }
        // A key alone opens nothing: it takes a plan for this stage.
        let made = ["ApiKey", "UsagePlan", "UsagePlanKey"].map(|name| stack.resources.contains_key(name));
        assert_eq!(made, [authentication == "api-key"; 3]);
        if authentication == "api-key" {
            assert_eq!(stack.properties("UsagePlan")["ApiStages"][0]["Stage"], stack.parameters["StageName"]);
            assert_eq!(stack.properties("UsagePlanKey")["KeyId"], stack.outputs["ApiKey"]["Value"]);
        }
    }
}

#[tokio::test]
#[ignore = "needs SAM: make test"]
async fn what_is_asked_for_no_key_is_what_the_document_says() {
    let stack = stack(&with(&[])).await;
    let paths = &stack.properties("Api")["Body"]["paths"];
    let openapi = OpenApi::of(&Recorder::default().router()).await;
    for operation in openapi.operations() {
        let path = operation.path.replace("{file}", "{proxy+}");
        let methods = paths.get(&path).unwrap_or(&paths["/{proxy+}"]);
        let asked = methods["x-amazon-apigateway-any-method"]["security"] != json!([]);
        assert_eq!(operation.described.get("security").is_none(), asked, "{path}");
    }
    let scheme = |components: &Value| components["components"]["securitySchemes"]["api_key"]["name"].clone();
    assert_eq!(scheme(&openapi.0), scheme(&stack.properties("Api")["Body"]));
}

#[tokio::test]
#[ignore = "needs SAM: make test"]
async fn the_gateways_own_answers_are_in_the_document_too() {
    let stack = stack(&with(&[])).await;
    let answers = &stack.properties("Api")["Body"]["x-amazon-apigateway-gateway-responses"];
    let openapi = OpenApi::of(&Recorder::default().router()).await;
    let produce = openapi.operations().find(|operation| operation.path == "/topics/{topic}").unwrap();
    for name in ["INVALID_API_KEY", "THROTTLED", "INTEGRATION_FAILURE", "INTEGRATION_TIMEOUT"] {
        let status = &answers[name]["statusCode"];
        let body = answers[name]["responseTemplates"]["application/json"].as_str().unwrap();
        let body: Value = serde_json::from_str(body).unwrap();
        let response = &produce.described["responses"][status.to_string()];
        let problems = openapi.problems(&response["content"]["application/json"]["schema"], &body);
        assert_eq!(problems, <[String; 0]>::default(), "{name}: {body}");
        let again = answers[name]["responseParameters"].get("gatewayresponse.header.Retry-After").is_some();
        assert_eq!(response["headers"].get("Retry-After").is_some(), again, "{name}");
    }
}

#[tokio::test]
#[ignore = "needs SAM: make test"]
async fn every_request_reaches_the_alias_which_the_gateway_may_invoke() {
    for (case, stack) in every().await {
        let alias = "arn:aws:lambda:eu-west-1:123456789012:function:my-pins-IngestFunction-1A2B3C:live";
        let uri = format!("arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/{alias}/invocations");
        for methods in stack.properties("Api")["Body"]["paths"].as_object().unwrap().values() {
            for method in methods.as_object().unwrap().values() {
                let integration = &method["x-amazon-apigateway-integration"];
                assert_eq!(
                    (&integration["type"], &integration["uri"]),
                    (&"aws_proxy".into(), &uri.clone().into()),
                    "{case:?}"
                );
                // Lambda is invoked by POST, whatever the request is.
                assert_eq!(integration["httpMethod"], "POST", "{case:?}");
            }
        }
        let permission = stack.properties("IngestFromApi");
        assert_eq!(permission["FunctionName"], alias, "{case:?}");
        let stage = case.get("StageName").map_or("test", String::as_str);
        let allowed = format!("arn:aws:execute-api:eu-west-1:123456789012:my-pins-Api-1A2B3C/{stage}/*");
        assert_eq!(permission["SourceArn"], allowed, "{case:?}");
        // SAM would make one called Stage beside it, which nothing throttles.
        for (name, deployment) in stack.of_type("AWS::ApiGateway::Deployment") {
            assert_eq!(deployment["StageName"], Value::Null, "{name}");
        }
    }
}

#[tokio::test]
#[ignore = "needs SAM: make test"]
async fn the_stage_has_the_name_the_throttle_and_the_log_that_were_chosen() {
    let stack =
        stack(&with(&[("StageName", "v1"), ("ThrottleRate", "7"), ("ThrottleBurst", "9"), ("AccessLog", "on")])).await;
    let stage = stack.properties("ApiStage");
    assert_eq!(stage["StageName"], "v1");
    assert!(stack.outputs["ApiUrl"]["Value"].as_str().unwrap().ends_with(".amazonaws.com/v1"));
    let settings = &stage["MethodSettings"][0];
    assert_eq!((&settings["ResourcePath"], &settings["HttpMethod"]), (&"/*".into(), &"*".into()));
    assert_eq!((&settings["ThrottlingRateLimit"], &settings["ThrottlingBurstLimit"]), (&"7".into(), &"9".into()));
    // Each `$context` is a text, a number or `-`, all of which go between quotes; API Gateway escapes none.
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
async fn a_stage_that_logs_waits_for_the_role_that_the_stack_makes() {
    for (access_log, made) in [("off", false), ("on", false), ("on-and-make-role", true)] {
        let stack = stack(&with(&[("AccessLog", access_log)])).await;
        assert_eq!(stack.resources.contains_key("GatewayAccount"), made, "{access_log}");
        assert_eq!(stack.properties("ApiStage").get("AccessLogSetting").is_some(), access_log != "off", "{access_log}");
        if made {
            // By its log, which waits for the account.
            assert_eq!(stack.properties("ApiStage")["AccessLogSetting"]["DestinationArn"], "AccessLogGroup.Arn");
            assert_eq!(stack.properties("AccessLogGroup")["Tags"][0]["Value"], "my-pins-GatewayAccount-1A2B3C");
        }
    }
}
