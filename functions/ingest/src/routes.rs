//! The table of routes, and the search in it: clients add slashes, and gateways prepend a stage or a base path.

use std::{borrow::Cow, iter};

use http::Method;
use percent_encoding::percent_decode_str;

use crate::{app::App, error::Error, page};

/// The handler of a route's method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Endpoint {
    Root,
    /// Students post rows to the stage's root. The error names the right path.
    NotFound,
    Health,
    Topics,
    Topic,
    Partitions,
    Partition,
    Offsets,
    TopicRecords,
    PartitionRecords,
    Brokers,
    Produce,
    V3Clusters,
    V3Records,
    V3Batch,
    Streams,
    Stream,
    PutStreamRecord,
    PutStreamRecords,
    Consumers,
    OpenApi,
    Docs,
    DocsFile,
}

/// A path, with an endpoint for each of its methods. GET includes HEAD.
#[derive(Debug)]
pub(crate) struct Route {
    /// Parameters are in braces, `{*rest}` is for one or more segments.
    segments: &'static [&'static str],
    /// In the order of `Allow`.
    methods: &'static [(Method, Endpoint)],
}

/// The whole API, except for the CORS preflight, which every path answers. Of several routes that match, the first one counts.
static ROUTES: [Route; 23] = [
    Route {
        segments: &["topics", "{topic}"],
        methods: &[(Method::POST, Endpoint::Produce), (Method::GET, Endpoint::Topic)],
    },
    Route {
        segments: &["topics", "{topic}", "partitions", "{partition}"],
        methods: &[(Method::POST, Endpoint::Produce), (Method::GET, Endpoint::Partition)],
    },
    Route {
        segments: &["v3", "clusters", "{cluster_id}", "topics", "{topic}", "records"],
        methods: &[(Method::POST, Endpoint::V3Records)],
    },
    Route {
        segments: &["v3", "clusters", "{cluster_id}", "topics", "{topic}", "records:batch"],
        methods: &[(Method::POST, Endpoint::V3Batch)],
    },
    Route { segments: &["streams"], methods: &[(Method::GET, Endpoint::Streams)] },
    // Before `{stream}`: the stream's name is in the query.
    Route { segments: &["streams", "record"], methods: PUT_STREAM_RECORD },
    Route { segments: &["streams", "records"], methods: PUT_STREAM_RECORDS },
    Route { segments: &["streams", "{stream}"], methods: &[(Method::GET, Endpoint::Stream)] },
    Route { segments: &["streams", "{stream}", "record"], methods: PUT_STREAM_RECORD },
    Route { segments: &["streams", "{stream}", "records"], methods: PUT_STREAM_RECORDS },
    Route { segments: &["health"], methods: &[(Method::GET, Endpoint::Health)] },
    Route { segments: &["topics"], methods: &[(Method::GET, Endpoint::Topics)] },
    Route { segments: &["topics", "{topic}", "partitions"], methods: &[(Method::GET, Endpoint::Partitions)] },
    Route {
        segments: &["topics", "{topic}", "partitions", "{partition}", "offsets"],
        methods: &[(Method::GET, Endpoint::Offsets)],
    },
    Route { segments: &["topics", "{topic}", "records"], methods: &[(Method::GET, Endpoint::TopicRecords)] },
    Route {
        segments: &["topics", "{topic}", "partitions", "{partition}", "records"],
        methods: &[(Method::GET, Endpoint::PartitionRecords)],
    },
    Route { segments: &["brokers"], methods: &[(Method::GET, Endpoint::Brokers)] },
    Route { segments: &["v3", "clusters"], methods: &[(Method::GET, Endpoint::V3Clusters)] },
    Route { segments: &["consumers"], methods: CONSUMERS },
    Route { segments: &["consumers", "{*rest}"], methods: CONSUMERS },
    Route { segments: &["openapi.json"], methods: &[(Method::GET, Endpoint::OpenApi)] },
    Route { segments: &["docs"], methods: &[(Method::GET, Endpoint::Docs)] },
    Route { segments: &[], methods: &[(Method::GET, Endpoint::Root), (Method::POST, Endpoint::NotFound)] },
];

/// Matches the names of the page's files, and other names only if nothing else matches: paths below a base path `docs` can be
/// routes.
static DOCS_FILE: Route = Route { segments: &["docs", "{file}"], methods: &[(Method::GET, Endpoint::DocsFile)] };

const PUT_STREAM_RECORD: &[(Method, Endpoint)] =
    &[(Method::PUT, Endpoint::PutStreamRecord), (Method::POST, Endpoint::PutStreamRecord)];

const PUT_STREAM_RECORDS: &[(Method, Endpoint)] =
    &[(Method::PUT, Endpoint::PutStreamRecords), (Method::POST, Endpoint::PutStreamRecords)];

/// The methods of the REST Proxy's consumer routes.
const CONSUMERS: &[(Method, Endpoint)] =
    &[(Method::GET, Endpoint::Consumers), (Method::POST, Endpoint::Consumers), (Method::DELETE, Endpoint::Consumers)];

/// The error of a path whose percent-encoded bytes are not UTF-8.
const NOT_UTF8: &str = "the path's percent-encoded bytes are not UTF-8";

/// The topic and partition of a v2 path.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) topic: String,
    pub(crate) partition: Option<i32>,
}

/// A path with its route.
#[derive(Debug)]
pub(crate) struct Found<'p> {
    /// `None` if no route matches.
    route: Option<&'static Route>,
    /// The segments that the route matches, without a stage or base path; all segments if none matches.
    segments: Vec<&'p str>,
}

/// Finds the route of `path`, ignoring extra slashes and a stage or base path in front of it. `/service/prod//topics/u.pin/` has
/// the route of `/topics/u.pin`.
///
/// The longest suffix that is a route wins, so `/topics/health` is the topic `health`, not the health check below a base path
/// `topics`. If the gateway names its route (`is_routed`), a path that begins like a route is not searched for another one.
/// Otherwise a path below `/docs`, which deployments open to everyone, could reach routes that need an API key.
///
/// `..` is a segment like any other, and never part of a base path.
pub(crate) fn find(path: &str, is_routed: bool) -> Found<'_> {
    let mut segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    let mut start = 0;
    let route = loop {
        let suffix = &segments[start..];
        if let Some(route) = route(suffix) {
            break Some(route);
        }
        match suffix {
            // The root does not count as a suffix: it would match every path.
            [] | [_] | ["." | "..", ..] => break None,
            [first, ..] if is_routed && begins_route(first) => break None,
            // The API v3's paths end like those of v2: a client of v3 does not expect their responses.
            [first, second, _, ..] if is_same("v3", first) && is_same("clusters", second) => break None,
            _ => start += 1,
        }
    };
    if route.is_some() {
        segments.drain(..start);
    }
    let is_below_docs = || matches!(segments[..], [docs, _] if is_same("docs", docs));
    let route = route.or_else(|| is_below_docs().then_some(&DOCS_FILE));
    Found { route, segments }
}

impl Found<'_> {
    /// Returns whether the path is one of the API v3.
    pub(crate) fn is_v3(&self) -> bool {
        self.segments.len() > 1 && is_same("v3", self.segments[0])
    }

    /// Returns whether the path is one of the streams.
    pub(crate) fn is_stream(&self) -> bool {
        self.route.is_some_and(|route| route.segments.first() == Some(&"streams"))
    }

    /// Returns the handler of `method` on this path.
    pub(crate) fn endpoint<P, C>(&self, method: &Method, app: &App<P, C>) -> Result<Endpoint, Error> {
        let route = self.route.ok_or_else(|| Error::NotFound { topics: app.topic_names() })?;
        let method = if *method == Method::HEAD { &Method::GET } else { method };
        if let Some((_, endpoint)) = route.methods.iter().find(|(allowed, _)| allowed == method) {
            return Ok(*endpoint);
        }
        let allow = route.allow();
        let is_fixed = matches!(route.segments, ["streams"] | ["streams", "{stream}"]);
        Err(if is_fixed { Error::FixedStream { allow } } else { Error::MethodNotAllowed { allow } })
    }

    /// Returns the topic, and the partition if the route has one.
    pub(crate) fn target(&self) -> Result<Target, Error> {
        let topic = self.parameter("{topic}")?.unwrap_or_default().into_owned();
        let partition = self.parameter("{partition}")?.map(|partition| {
            // `parse` accepts a sign.
            let digits = partition.bytes().all(|byte| byte.is_ascii_digit());
            let partition = partition.parse().ok().filter(|_| digits);
            partition.ok_or(Error::NoSuchPath("a partition is a whole number from 0 to 2147483647"))
        });
        Ok(Target { topic, partition: partition.transpose()? })
    }

    /// Returns the decoded segment of a parameter, if the route has it.
    pub(crate) fn parameter(&self, name: &str) -> Result<Option<Cow<'_, str>>, Error> {
        let position = self.route.and_then(|route| route.segments.iter().position(|segment| *segment == name));
        let segment = position.and_then(|position| self.segments.get(position));
        let decoded = segment.map(|segment| percent_decode_str(segment).decode_utf8());
        decoded.transpose().map_err(|_| Error::NoSuchPath(NOT_UTF8))
    }
}

impl Route {
    /// The value of `Allow`.
    fn allow(&self) -> String {
        let head = |method: &Method| (*method == Method::GET).then_some(Method::HEAD.as_str());
        let names = self.methods.iter().flat_map(|(method, _)| [Some(method.as_str()), head(method)]);
        names.flatten().collect::<Vec<_>>().join(",")
    }
}

/// The route that matches all of these segments.
fn route(segments: &[&str]) -> Option<&'static Route> {
    let fits = |route: &&Route| {
        let is_long_enough = match route.segments.last() {
            Some(&"{*rest}") => segments.len() >= route.segments.len(),
            _ => segments.len() == route.segments.len(),
        };
        is_long_enough
            && iter::zip(route.segments, segments)
                .all(|(pattern, segment)| is_parameter(pattern) || is_same(pattern, segment))
    };
    ROUTES.iter().find(fits).or_else(|| match segments {
        [docs, file] if is_same("docs", docs) && page::FILES.iter().any(|known| is_same(known.name, file)) => {
            Some(&DOCS_FILE)
        }
        _ => None,
    })
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
    ROUTES.iter().filter_map(|route| route.segments.first()).any(|first| is_same(first, segment))
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
    use super::*;

    /// The path with the fixed segments of its route decoded and its parameters as sent, without a stage or base path.
    fn normalize(path: &str, is_routed: bool) -> String {
        let Found { route, segments } = find(path, is_routed);
        let fixed = |at: usize| route.and_then(|route| route.segments.get(at)).filter(|of| !is_parameter(of));
        let segments = segments.iter().enumerate().map(|(at, sent)| *fixed(at).unwrap_or(sent));
        format!("/{}", segments.collect::<Vec<_>>().join("/"))
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
