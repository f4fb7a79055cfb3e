//! Settings from the environment. One error names every wrong setting, and a wrong setting never becomes its default.

use std::{error::Error, fmt, str::FromStr};

use crate::error_chain::one_line;

/// An environment variable that a function reads. A test compares them with the README's table.
#[derive(Debug, Clone, Copy)]
pub struct Variable {
    /// The name in the environment.
    pub name: &'static str,
    /// The value of a variable that is not set; `None` makes it required.
    pub default: Option<&'static str>,
    /// The meaning, with its unit, as in the README's table.
    pub meaning: &'static str,
}

/// All unusable settings, one per line.
#[derive(thiserror::Error)]
#[error("{}", problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct SettingsError {
    problems: Vec<Problem>,
}

/// Same as `Display`, because Rust prints an error of `main` with `Debug`.
impl fmt::Debug for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[derive(Debug)]
enum Problem {
    Missing(&'static Variable),
    Invalid { variable: &'static Variable, reason: String },
    Choice { variables: [&'static Variable; 2], both: bool },
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(Variable { name, meaning, .. }) => write!(f, "{name} is not set: {meaning}"),
            // Without the value, which may hold a password.
            Self::Invalid { variable: Variable { name, meaning, .. }, reason } => {
                write!(f, "{name} cannot be used ({reason}): {meaning}")
            }
            Self::Choice { variables: [one, other], both } => {
                let set = if *both { "are both set" } else { "are not set" };
                write!(f, "{} and {} {set}: exactly one of them has to be", one.name, other.name)
            }
        }
    }
}

/// Reads variables and collects their problems until [`Reader::finish`].
pub struct Reader<F> {
    lookup: F,
    problems: Vec<Problem>,
}

impl<F> fmt::Debug for Reader<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("problems", &self.problems).finish_non_exhaustive()
    }
}

impl<F: Fn(&str) -> Option<String>> Reader<F> {
    /// Creates a reader of `lookup`: the process's environment in `main`, a map in tests.
    pub const fn new(lookup: F) -> Self {
        Self { lookup, problems: Vec::new() }
    }

    /// The variable's value or its default; `None` means that a problem was recorded. An empty value counts as not set,
    /// because a template cannot omit a variable.
    pub fn read<T: FromStr<Err: Error>>(&mut self, variable: &'static Variable) -> Option<T> {
        let set = (self.lookup)(variable.name).filter(|value| !value.is_empty());
        let Some(value) = set.or_else(|| variable.default.map(str::to_owned)) else {
            self.problems.push(Problem::Missing(variable));
            return None;
        };
        match value.parse() {
            Ok(value) => Some(value),
            Err(error) => {
                self.problems.push(Problem::Invalid { variable, reason: one_line(&error) });
                None
            }
        }
    }

    /// The variable's value, or `Some(None)` if it is not set; `None` means that a problem was recorded.
    pub fn read_if_set<T: FromStr<Err: Error>>(&mut self, variable: &'static Variable) -> Option<Option<T>> {
        if self.is_set(variable) { self.read(variable).map(Some) } else { Some(None) }
    }

    /// Records that a variable is unusable because of another one.
    pub fn reject(&mut self, variable: &'static Variable, reason: &str) {
        self.problems.push(Problem::Invalid { variable, reason: reason.to_owned() });
    }

    fn is_set(&self, variable: &Variable) -> bool {
        (self.lookup)(variable.name).is_some_and(|value| !value.is_empty())
    }

    /// The one of two variables that is set; `None` means that a problem was recorded: neither is set, or both are.
    pub fn one_of(&mut self, variables: [&'static Variable; 2]) -> Option<&'static Variable> {
        match variables.map(|variable| self.is_set(variable)) {
            [true, false] => Some(variables[0]),
            [false, true] => Some(variables[1]),
            [one, _] => {
                self.problems.push(Problem::Choice { variables, both: one });
                None
            }
        }
    }

    /// Returns the settings after every variable was read.
    ///
    /// # Errors
    /// When a variable is missing or does not parse. The error has all of them.
    pub fn finish<T>(self, settings: Option<T>) -> Result<T, SettingsError> {
        match settings {
            Some(settings) if self.problems.is_empty() => Ok(settings),
            _ => Err(SettingsError { problems: self.problems }),
        }
    }
}

/// Looks a variable up in the process's environment, for [`Reader::new`]. Our settings are read nowhere else.
#[must_use]
pub fn environment(name: &str) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "this is the place that reads the environment")]
    let value = std::env::var_os(name)?;
    // A value that is not UTF-8 fails to parse, so the error names it.
    Some(value.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    static PORT: Variable = Variable { name: "PORT", default: Some("80"), meaning: "the port" };
    static HOST: Variable = Variable { name: "HOST", default: None, meaning: "the host" };

    fn read(vars: &[(&str, &str)]) -> Result<(u16, String), SettingsError> {
        let mut reader =
            Reader::new(|name: &str| vars.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()));
        let port = reader.read(&PORT);
        let host = reader.read(&HOST);
        reader.finish(port.zip(host))
    }

    #[test]
    fn a_variable_that_is_not_set_takes_its_default() {
        assert_eq!(read(&[("HOST", "a")]).unwrap(), (80, "a".to_owned()));
        assert_eq!(read(&[("HOST", "a"), ("PORT", "")]).unwrap().0, 80);
    }

    #[test]
    fn an_error_names_every_wrong_variable_and_shows_no_value() {
        let error = read(&[("PORT", "s3cret")]).unwrap_err().to_string();
        assert_eq!(error, "PORT cannot be used (invalid digit found in string): the port\nHOST is not set: the host");
    }

    #[test]
    fn of_two_variables_exactly_one_has_to_be_set() {
        for (set, found) in [
            (&["HOST", "PORT"][..], "HOST and PORT are both set: exactly one of them has to be"),
            (&[], "HOST and PORT are not set: exactly one of them has to be"),
            (&["PORT"], "PORT"),
        ] {
            let mut reader = Reader::new(|name: &str| Some(if set.contains(&name) { "1" } else { "" }.to_owned()));
            let one = reader.one_of([&HOST, &PORT]).map(|variable| variable.name.to_owned());
            assert_eq!(reader.finish(one).unwrap_or_else(|error| error.to_string()), found);
        }
    }
}
