use axum::{Router, body::Body, middleware::from_fn_with_state, routing::get};
use http_body_util::BodyExt;
use tower::ServiceExt;

use super::*;

fn guard(listen: &str, hosts: &[&str], origins: &[&str]) -> Guard {
    let hosts = hosts.iter().map(|host| host.parse().unwrap()).collect();
    Guard::new(listen.parse().unwrap(), hosts, origins.iter().map(|origin| origin.parse().unwrap()).collect())
}

/// Returns the response of a server with `ingest`'s CORS headers.
async fn answer(guard: &Guard, request: http::request::Builder) -> Response {
    let handler =
        async || ([(CORS[0].clone(), "*"), (CORS[1].clone(), "POST"), (CORS[2].clone(), "Content-Type")], "served");
    let router = Router::new().route("/", get(handler).post(handler).options(handler));
    let router = router.layer(from_fn_with_state(guard.clone(), reject_foreign));
    router.oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
}

async fn status(guard: &Guard, request: http::request::Builder) -> u16 {
    answer(guard, request).await.status().as_u16()
}

fn to(host: &str) -> http::request::Builder {
    Request::get("/").header(header::HOST, host)
}

#[tokio::test]
async fn a_server_accepts_its_own_names_and_the_allowed_ones() {
    const LOOPBACK: &[&str] = &[
        "127.0.0.1:8082",
        "127.0.0.2",
        "localhost:8082",
        "LocalHost.",
        "app.localhost",
        "[::1]:8082",
        "[::ffff:127.0.0.1]",
        "host.docker.internal:8082",
    ];
    const FOREIGN: &[&str] =
        &["evil.example:8082", "localhost.evil.example", "notlocalhost", "127.0.0.1.evil.example", "8.8.8.8"];
    for (listen, allowed, served, refused) in [
        ("127.0.0.1:8082", &[][..], &[][..], &["192.168.1.7", "0.0.0.0", "my-laptop.lan", "[fe80::1]"][..]),
        ("192.168.1.7:8082", &[], &["192.168.1.7:8082"], &["192.168.1.8", "my-laptop.lan"]),
        ("127.0.0.1:8082", &["My-Laptop.lan", "fe80::1"], &["my-laptop.lan:8082", "[fe80::1]:8082"], &["other.lan"]),
    ] {
        let guard = guard(listen, allowed, &[]);
        for host in LOOPBACK.iter().chain(served) {
            assert_eq!(status(&guard, to(host)).await, 200, "{listen} {allowed:?}: {host}");
        }
        for host in FOREIGN.iter().chain(refused) {
            assert_eq!(status(&guard, to(host)).await, 421, "{listen} {allowed:?}: {host}");
        }
    }
}

/// Names can be rebound to another address; addresses cannot.
#[tokio::test]
async fn a_server_on_all_addresses_accepts_every_address_and_no_other_name() {
    for listen in ["0.0.0.0:8082", "[::]:8082"] {
        let guard = guard(listen, &[], &[]);
        for (host, expected) in
            [("192.168.1.7:8082", 200), ("[fe80::1]", 200), ("0.0.0.0:8082", 200), ("my-laptop.lan", 421)]
        {
            assert_eq!(status(&guard, to(host)).await, expected, "{listen}: {host}");
        }
    }
}

#[tokio::test]
async fn a_request_without_exactly_one_valid_host_is_rejected() {
    let guard = guard("127.0.0.1:8082", &[], &[]);
    assert_eq!(status(&guard, Request::get("/")).await, 400, "none");
    assert_eq!(status(&guard, Request::get("/").version(Version::HTTP_10)).await, 200, "HTTP/1.0 has none");
    assert_eq!(status(&guard, to("localhost").header(header::HOST, "localhost")).await, 400, "two");
    for host in [
        "",
        "user@localhost",
        "local host",
        "localhost/",
        ":8082",
        ".",
        ".localhost",
        "localhost:99999999",
        "localhost:x",
        "*",
    ] {
        assert_eq!(status(&guard, to(host)).await, 400, "`{host}`");
    }
    let proxied = |uri: &str| Request::get(uri).header(header::HOST, "localhost");
    assert_eq!(status(&guard, proxied("http://127.0.0.1:8082/")).await, 200);
    assert_eq!(status(&guard, proxied("http://evil.example/")).await, 421, "the first line counts");
}

#[tokio::test]
async fn writing_requests_from_pages_of_other_origins_are_rejected() {
    let guard = guard("127.0.0.1:8082", &[], &["http://localhost:3000"]);
    for (origin, expected) in [
        ("http://localhost:8082", 200),
        ("http://LOCALHOST:8082", 200),
        ("http://localhost:3000", 200),
        ("http://localhost:3001", 403),
        ("http://127.0.0.1:8082", 403),
        ("https://evil.example", 403),
        ("null", 403),
        ("", 403),
    ] {
        let request = |method| to("localhost:8082").method(method).header(header::ORIGIN, origin);
        assert_eq!(status(&guard, request(Method::POST)).await, expected, "POST from `{origin}`");
        for method in [Method::GET, Method::OPTIONS] {
            assert_eq!(status(&guard, request(method.clone())).await, 200, "{method} from `{origin}`");
        }
    }
    assert_eq!(status(&guard, to("localhost:8082").method(Method::POST)).await, 200, "from no page");
}

#[tokio::test]
async fn only_pages_of_an_allowed_origin_may_read_responses() {
    let names = |response: &Response| CORS.iter().filter(|name| response.headers().contains_key(*name)).count();
    let allowing = guard("127.0.0.1:8082", &[], &["http://localhost:3000", "null"]);
    for (origin, given) in [("http://localhost:3000", 3), ("null", 3), ("http://evil.example", 0)] {
        let response = answer(&allowing, to("localhost").header(header::ORIGIN, origin)).await;
        assert_eq!(names(&response), given, "{origin}");
        let permitted =
            response.headers().get(header::ACCESS_CONTROL_ALLOW_ORIGIN).map(|origin| origin.to_str().unwrap());
        assert_eq!(permitted, (given > 0).then_some(origin));
        assert_eq!(response.headers()[header::VARY], "origin");
    }
    let response = answer(&guard("127.0.0.1:8082", &[], &[]), to("localhost").header(header::ORIGIN, "null")).await;
    assert_eq!((names(&response), response.headers().contains_key(header::VARY)), (0, false));
    assert_eq!(response.headers()[SAME_ORIGIN.0], SAME_ORIGIN.1);
}

#[tokio::test]
async fn a_star_allows_every_page_as_a_deployed_api_does() {
    let guard = guard("127.0.0.1:8082", &[], &["*"]);
    let response =
        answer(&guard, to("localhost").method(Method::POST).header(header::ORIGIN, "http://evil.example")).await;
    assert_eq!((response.status().as_u16(), &response.headers()[&CORS[0]]), (200, &HeaderValue::from_static("*")));
    assert_eq!(status(&guard, to("evil.example")).await, 421, "foreign names are still rejected");
}

#[tokio::test]
async fn a_rejection_names_the_remedy() {
    let guard = guard("127.0.0.1:8082", &[], &[]);
    let response = answer(&guard, to("my-laptop.lan:8082")).await;
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(
        body,
        r#"{"error_code":421,"message":"Misdirected Request: this server does not accept the host my-laptop.lan: use http://127.0.0.1:8082, or start it with --allow-host my-laptop.lan"}"#
    );
}

#[test]
fn a_flag_takes_a_host_without_a_port_and_an_origin_without_a_path() {
    for (text, good) in [
        ("my-laptop.lan", true),
        ("::1", true),
        ("10.0.0.1", true),
        ("a:1", false),
        ("http://a", false),
        ("", false),
        ("a b", false),
    ] {
        assert_eq!(text.parse::<Host>().is_ok(), good, "{text}");
    }
    for (text, good) in [
        ("http://localhost:3000", true),
        ("https://a.example", true),
        ("null", true),
        ("localhost:3000", false),
        ("http://a/", false),
        ("http://", false),
        ("*", true),
        ("*.a", false),
    ] {
        assert_eq!(text.parse::<Origin>().is_ok(), good, "{text}");
    }
}
