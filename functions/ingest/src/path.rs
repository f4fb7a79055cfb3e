//! Path normalization: clients add slashes, and gateways prepend a stage or a base path.

use std::{borrow::Cow, iter};

use percent_encoding::percent_decode_str;

use crate::page;

/// The router's routes, segment by segment; parameters are in braces, `{*rest}` is for one or more segments.
///
/// `/docs/{file}` is missing: it matches only the names of its files, so other paths below a base path `docs` can be routes.
const ROUTES: [&[&str]; 15] = [
    &["topics", "{topic}"],
    &["topics", "{topic}", "partitions", "{partition}"],
    &["v3", "clusters", "{cluster_id}", "topics", "{topic}", "records"],
    &["v3", "clusters", "{cluster_id}", "topics", "{topic}", "records:batch"],
    &["health"],
    &["topics"],
    &["topics", "{topic}", "partitions"],
    &["topics", "{topic}", "partitions", "{partition}", "offsets"],
    &["brokers"],
    &["v3", "clusters"],
    &["consumers"],
    &["consumers", "{*rest}"],
    &["openapi.json"],
    &["docs"],
    &[],
];

/// Marks a path that comes from the gateway's route, without a base path. An extension of the request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Routed;

/// Normalizes `path` for the router: single slashes, no trailing slash, fixed segments decoded, no stage or base path.
/// `/service/prod//topics/u.pin/` becomes `/topics/u.pin`.
///
/// The longest suffix that is a route wins, so `/topics/health` is the topic `health`, not the health check below a base path
/// `topics`. If the gateway names its route (`is_routed`), a path that begins like a route is not searched for another one.
/// Otherwise a path below `/docs`, which deployments open to everyone, could reach routes that need an API key.
///
/// `..` is a segment like any other, and never part of a base path.
pub(crate) fn normalize(path: &str, is_routed: bool) -> String {
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    let mut end = segments.as_slice();
    loop {
        if let Some(route) = route(end) {
            return filled(route, end);
        }
        match end {
            // The root does not count as a suffix: it would match every path.
            [] | [_] | ["." | "..", ..] => break,
            [first, ..] if is_routed && begins_route(first) => break,
            // The API v3's paths end like those of v2: a client of v3 does not expect their responses.
            [first, second, _, ..] if is_same("v3", first) && is_same("clusters", second) => break,
            [_, rest @ ..] => end = rest,
        }
    }
    format!("/{}", segments.join("/"))
}

/// The route that matches all of these segments.
fn route(segments: &[&str]) -> Option<&'static [&'static str]> {
    let fits = |route: &&&[&str]| {
        let is_long_enough = match route.last() {
            Some(&"{*rest}") => segments.len() >= route.len(),
            _ => segments.len() == route.len(),
        };
        is_long_enough && iter::zip(**route, segments).all(|(of, is)| is_parameter(of) || is_same(of, is))
    };
    ROUTES.iter().find(fits).copied().or_else(|| match segments {
        [docs, file] if is_same("docs", docs) && page::FILES.iter().any(|known| is_same(known.name, file)) => {
            Some(&["docs", "{file}"])
        }
        _ => None,
    })
}

/// The path of a route, with its fixed segments decoded and its parameters as sent.
fn filled(route: &[&str], segments: &[&str]) -> String {
    let mut path = String::new();
    for (at, segment) in segments.iter().enumerate() {
        path.push('/');
        path.push_str(route.get(at).filter(|of| !is_parameter(of)).unwrap_or(segment));
    }
    if path.is_empty() { "/".to_owned() } else { path }
}

fn is_parameter(segment: &str) -> bool {
    segment.starts_with('{')
}

/// Returns whether a sent segment equals a fixed one, percent-encoded or not: `records%3Abatch` is `records:batch`.
fn is_same(of: &str, sent: &str) -> bool {
    of == sent || sent.contains('%') && percent_decode_str(sent).decode_utf8().is_ok_and(|sent| sent == of)
}

/// Returns whether a route begins with this segment.
fn begins_route(segment: &str) -> bool {
    ROUTES.iter().filter_map(|route| route.first()).any(|first| is_same(first, segment))
}

/// Fills in the parameters of a `template` such as `/v1/{proxy+}`. `None` if it is not a path or a parameter is missing.
pub(crate) fn from_template<'a>(template: &'a str, parameter: impl Fn(&str) -> Option<&'a str>) -> Option<String> {
    let segment = |segment: &'a str| match segment.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
        Some(name) => parameter(name.trim_end_matches('+')).map(Cow::Borrowed),
        None => Some(Cow::Borrowed(segment)),
    };
    let segments: Option<Vec<_>> = template.strip_prefix('/')?.split('/').map(segment).collect();
    Some(format!("/{}", segments?.join("/")))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_list_of_routes_matches_the_router() {
        let router = include_str!("router.rs").split(".route(\"").skip(1).filter_map(|rest| rest.split('"').next());
        let ours = ROUTES.iter().map(|route| format!("/{}", route.join("/")));
        assert_eq!(
            ours.chain(["/docs/{file}".to_owned()]).collect::<BTreeSet<_>>(),
            router.map(str::to_owned).collect()
        );
    }

    #[test]
    fn slashes_stages_and_base_paths_are_removed() {
        for (path, normalized) in [
            ("/topics/u.pin", "/topics/u.pin"),
            ("/topics/u.pin/", "/topics/u.pin"),
            ("//topics///u.pin//", "/topics/u.pin"),
            ("/test/topics/u.pin", "/topics/u.pin"),
            ("/topics/topics/u.pin", "/topics/u.pin"),
            ("/v3/topics/u.pin", "/topics/u.pin"),
            ("/docs/topics/u.pin", "/topics/u.pin"),
            ("/docs/topics/u.pin/partitions/0/offsets", "/topics/u.pin/partitions/0/offsets"),
            ("/v3/v3/clusters/c/topics/u.pin/records", "/v3/clusters/c/topics/u.pin/records"),
            ("/v3/clusters/c/topics/u.pin", "/v3/clusters/c/topics/u.pin"),
            ("/prod/v3/clusters/c/brokers", "/prod/v3/clusters/c/brokers"),
            ("/health/health", "/health"),
            ("/docs/docs", "/docs"),
            ("/docs/docs/swagger-ui.css", "/docs/swagger-ui.css"),
            ("/docs/health", "/health"),
            ("/docs/nope", "/docs/nope"),
            ("/a/b/topics/u.pin", "/topics/u.pin"),
            ("/a/b/c/topics/u.pin/partitions/0", "/topics/u.pin/partitions/0"),
            ("/prod/health", "/health"),
            ("/prod/openapi.json", "/openapi.json"),
            ("/prod/docs/", "/docs"),
            ("/prod/docs/swagger-ui.css", "/docs/swagger-ui.css"),
            ("/a/consumers/b/instances/c", "/consumers/b/instances/c"),
            ("/topics/health", "/topics/health"),
            ("/topics/u.pin/x", "/topics/u.pin/x"),
            ("/topics/../health", "/topics/../health"),
            ("/../health", "/../health"),
            ("/./topics/u.pin", "/./topics/u.pin"),
            ("/test", "/test"),
            ("/", "/"),
            ("", "/"),
        ] {
            assert_eq!(normalize(path, false), normalized, "{path}");
        }
    }

    #[test]
    fn fixed_segments_are_decoded_and_parameters_are_kept() {
        for (path, normalized) in [
            ("/v3/clusters/c%20d/topics/u%2Epin/records%3Abatch", "/v3/clusters/c%20d/topics/u%2Epin/records:batch"),
            ("/v3/clusters/c/topics/u.pin/records%3abatch", "/v3/clusters/c/topics/u.pin/records:batch"),
            ("/%74opics/u%2Epin", "/topics/u%2Epin"),
            ("/openapi%2Ejson", "/openapi.json"),
            ("/topics%2Fu.pin", "/topics%2Fu.pin"),
            ("/topics/%ff", "/topics/%ff"),
            ("/%ff/topics/%zz", "/topics/%zz"),
        ] {
            assert_eq!(normalize(path, false), normalized, "{path}");
        }
    }

    #[test]
    fn a_gateways_route_that_begins_like_a_route_reaches_no_other_route() {
        for (path, normalized) in [
            ("/docs/topics/u.pin", "/docs/topics/u.pin"),
            ("/%64ocs/topics/u.pin", "/%64ocs/topics/u.pin"),
            ("/docs/health", "/docs/health"),
            ("/topics/topics/u.pin", "/topics/topics/u.pin"),
            ("/v1/topics/u.pin", "/topics/u.pin"),
            ("/v1/docs/topics/u.pin", "/v1/docs/topics/u.pin"),
        ] {
            assert_eq!(normalize(path, true), normalized, "{path}");
        }
    }

    #[test]
    fn a_template_is_filled_if_it_has_all_its_parameters() {
        let parameter =
            |name: &str| [("proxy", "a/b"), ("topic", "u.pin")].iter().find(|(of, _)| *of == name).map(|of| of.1);
        for (template, path) in [
            ("/{proxy+}", Some("/a/b")),
            ("/v1/{proxy+}", Some("/v1/a/b")),
            ("/topics/{topic}/partitions", Some("/topics/u.pin/partitions")),
            ("/docs", Some("/docs")),
            ("/", Some("/")),
            ("/topics/{other}", None),
            ("$default", None),
            ("", None),
        ] {
            assert_eq!(from_template(template, parameter).as_deref(), path, "{template}");
        }
    }
}
