//! The compact form of a JSON text, built byte by byte.

/// `json` without the whitespace outside of its strings.
pub(crate) fn compact(json: &[u8]) -> Vec<u8> {
    let (mut in_string, mut escaped) = (false, false);
    let mut kept = Vec::new();
    for byte in json {
        if in_string || !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
            kept.push(*byte);
        }
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ => {}
        }
    }
    kept
}
