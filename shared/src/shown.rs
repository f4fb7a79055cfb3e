//! A client's own words in an answer or a log line.

/// The most characters that are repeated: enough to find the place, too little to leak a row.
const MAX_CHARS: usize = 64;

/// The beginning of `text`. Control characters are escaped, so that it cannot forge a line of the log.
#[must_use]
pub fn shown(text: &str) -> String {
    let mut shown = String::new();
    let mut chars = text.chars();
    for c in chars.by_ref().take(MAX_CHARS) {
        if c.is_control() { shown.extend(c.escape_default()) } else { shown.push(c) }
    }
    if chars.next().is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn a_text_is_cut_and_stays_on_one_line() {
        assert_eq!(shown("a \"b\" é"), "a \"b\" é");
        assert_eq!(shown("a\nERROR\u{1b}[0m\u{85}"), "a\\nERROR\\u{1b}[0m\\u{85}");
        assert_eq!(shown(&"é".repeat(64)), "é".repeat(64));
        assert_eq!(shown(&"é".repeat(65)), "é".repeat(64) + "…");
    }
}
