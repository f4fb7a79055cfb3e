//! The route that a path means: clients write slashes freely, and gateways put a stage or a base path in front.

use std::{borrow::Cow, iter};

use percent_encoding::percent_decode_str;

use crate::page;

/// The router's routes, segment by segment; a parameter stands in braces, `{*rest}` for one or more segments.
///
/// `/docs/{file}` is missing: its files are known by name, so that any other name below a base path `docs` can be a route.
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

/// Marks a path that the gateway's own route gave: no base path stands in front of it. An extension of the request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Routed;

/// `path` as the router knows it: single slashes, none at the end, fixed segments decoded, and neither stage nor base path in
/// front. `/service/prod//topics/u.pin/` is `/topics/u.pin`.
///
/// The longest end of the path that is a route counts, so `/topics/health` asks for a topic called `health`, not for the
/// health below a base path `topics`. Behind a gateway that names its route this cannot happen: there (`is_routed`) nothing
/// follows a first segment of ours but its own routes. Otherwise a path below `/docs`, which a deployment opens to everybody,
/// would lead to routes that ask for a key.
///
/// `..` is a segment like any other, and no base path.
pub(crate) fn normalize(path: &str, is_routed: bool) -> String {
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    let mut end = segments.as_slice();
    loop {
        if let Some(route) = route(end) {
            return filled(route, end);
        }
        match end {
            // The root alone is no end of a path: everything would be it.
            [] | [_] | ["." | "..", ..] => break,
            [first, ..] if is_routed && is_ours(first) => break,
            [_, rest @ ..] => end = rest,
        }
    }
    format!("/{}", segments.join("/"))
}

/// The route that all of these segments are.
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

/// The path of a route: its own fixed segments, and the parameters as they were sent.
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

/// Whether a segment that was sent is a fixed one of a route, percent-encoded or not: `records%3Abatch` is `records:batch`.
fn is_same(of: &str, sent: &str) -> bool {
    of == sent || sent.contains('%') && percent_decode_str(sent).decode_utf8().is_ok_and(|sent| sent == of)
}

/// Whether routes of ours begin with this segment.
fn is_ours(segment: &str) -> bool {
    ROUTES.iter().filter_map(|route| route.first()).any(|first| is_same(first, segment))
}

/// `template`, such as `/v1/{proxy+}`, with its parameters filled in. `None` when it is no path, or one of them is missing.
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
    fn the_routes_are_those_of_the_router() {
        let router = include_str!("router.rs").split(".route(\"").skip(1).filter_map(|rest| rest.split('"').next());
        let ours = ROUTES.iter().map(|route| format!("/{}", route.join("/")));
        assert_eq!(
            ours.chain(["/docs/{file}".to_owned()]).collect::<BTreeSet<_>>(),
            router.map(str::to_owned).collect()
        );
    }

    #[test]
    fn slashes_a_stage_and_base_paths_lead_to_the_same_route() {
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
    fn a_fixed_segment_may_be_percent_encoded_and_a_parameter_stays_as_it_is() {
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
    fn below_a_first_segment_of_ours_a_gateways_route_leads_nowhere_else() {
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
    fn a_template_is_filled_when_all_its_parameters_are_there() {
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
