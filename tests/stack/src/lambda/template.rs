//! The deployed settings, read from `template.yaml`.

use std::{fs, io, time::Duration};

use crate::{StackError, tools::workspace};

/// Returns the timeout that the template sets for a function, named as its program: `ingest`.
///
/// # Errors
/// When the template has no such function, or the function no timeout.
pub fn deployed_timeout(program: &str) -> Result<Duration, StackError> {
    let failed = || StackError::io(format!("reading the timeout of {program}"));
    let template = fs::read_to_string(workspace().join("template.yaml")).map_err(failed())?;
    timeout(&template, program).ok_or_else(|| failed()(io::ErrorKind::NotFound.into()))
}

fn timeout(template: &str, program: &str) -> Option<Duration> {
    let first = program.get(..1)?.to_uppercase();
    let resource = format!("  {first}{}Function:", &program[1..]);
    let resource = template.lines().skip_while(|line| line.trim_end() != resource).skip(1);
    let mut lines = resource.take_while(|line| line.starts_with("   ") || line.trim().is_empty());
    let seconds = lines.find_map(|line| line.strip_prefix("      Timeout: "))?;
    Some(Duration::from_secs(seconds.trim().parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_is_that_of_its_function() {
        let template = "Resources:\n  AFunction:\n    Properties:\n      Timeout: 5\n\n  BFunction:\n    Properties:\n      \
                        Timeout: 25\n  CFunction:\n    Type: AWS::Serverless::Function\n  D:\n      Timeout: 1\n";
        let timeouts = ["a", "b", "c", "d"].map(|program| timeout(template, program));
        assert_eq!(timeouts, [Some(Duration::from_secs(5)), Some(Duration::from_secs(25)), None, None]);
    }

    #[test]
    fn the_template_has_the_timeouts_of_the_main_functions() {
        for program in ["ingest", "archive", "emulator"] {
            assert!(deployed_timeout(program).unwrap() > Duration::ZERO, "{program}");
        }
    }
}
