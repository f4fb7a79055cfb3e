//! Shortens text from a client before a response or log line repeats it.

/// The maximum number of characters that are repeated: enough to find the place, too few to leak a row.
const MAX_CHARS: usize = 64;

/// The start of `text`, with control characters escaped so that it cannot forge a log line.
#[must_use]
pub fn excerpt(text: &str) -> String {
    let mut excerpt = String::new();
    let mut chars = text.chars();
    for c in chars.by_ref().take(MAX_CHARS) {
        if c.is_control() { excerpt.extend(c.escape_default()) } else { excerpt.push(c) }
    }
    if chars.next().is_some() {
        excerpt.push('…');
    }
    excerpt
}

#[cfg(test)]
mod tests {
    use super::excerpt;

    #[test]
    fn an_excerpt_is_truncated_and_stays_on_one_line() {
        assert_eq!(excerpt("a \"b\" é"), "a \"b\" é");
        assert_eq!(excerpt("a\nERROR\u{1b}[0m\u{85}"), "a\\nERROR\\u{1b}[0m\\u{85}");
        assert_eq!(excerpt(&"é".repeat(64)), "é".repeat(64));
        assert_eq!(excerpt(&"é".repeat(65)), "é".repeat(64) + "…");
    }
}
