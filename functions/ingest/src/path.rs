//! Which path a request means: clients write slashes freely, and some put the gateway's stage in front.

/// The first segments of our routes.
const ROOTS: [&str; 7] = ["topics", "brokers", "v3", "health", "consumers", "openapi.json", "docs"];

/// `path` with single slashes, none at its end, and no stage: `/test//topics/u.pin/` is `/topics/u.pin`.
///
/// The first segment counts as a stage when it is no route of ours and the second is. Nothing else is resolved: `..` is
/// a segment like any other, and leads nowhere.
pub(crate) fn normalize(path: &str) -> String {
    let mut segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    if let [first, second, ..] = segments.as_slice()
        && !ROOTS.contains(first)
        && ROOTS.contains(second)
    {
        segments.remove(0);
    }
    format!("/{}", segments.join("/"))
}

#[cfg(test)]
mod tests {
    use super::normalize;

    #[test]
    fn slashes_and_a_stage_lead_to_the_same_route() {
        for (path, normalized) in [
            ("/topics/u.pin", "/topics/u.pin"),
            ("/topics/u.pin/", "/topics/u.pin"),
            ("//topics///u.pin//", "/topics/u.pin"),
            ("/test/topics/u.pin", "/topics/u.pin"),
            ("/topics/topics/u.pin", "/topics/topics/u.pin"),
            ("/a/b/topics/u.pin", "/a/b/topics/u.pin"),
            ("/topics/../health", "/topics/../health"),
            ("/../health", "/health"),
            ("/prod/health", "/health"),
            ("/prod/openapi.json", "/openapi.json"),
            ("/prod/docs/", "/docs"),
            ("/prod/docs/swagger-ui.css", "/docs/swagger-ui.css"),
            ("/health/health", "/health/health"),
            ("/", "/"),
            ("", "/"),
        ] {
            assert_eq!(normalize(path), normalized, "{path}");
        }
    }
}
