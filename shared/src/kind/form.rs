use std::fmt;

/// A form of the table's row that a published client sends, with fields left out, renamed or converted.
#[derive(Debug, Clone, Copy)]
pub struct Form {
    /// The difference, in words that follow "sent".
    pub name: &'static str,
    /// Each key that differs, with its JSON, or `None` if the client leaves it out.
    pub changes: &'static [(&'static str, Option<&'static str>)],
}

impl Form {
    pub(super) const fn new(name: &'static str, changes: &'static [(&'static str, Option<&'static str>)]) -> Self {
        Self { name, changes }
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}
