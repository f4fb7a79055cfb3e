//! A terminal program and its output.

use std::{process::Stdio, time::Duration};

use shared::credentials::VARIABLES;
use stack::lambda::built;
use tokio::{
    process::{Child, Command},
    time::timeout,
};

const EXIT_TIMEOUT: Duration = Duration::from_mins(2);

/// A program's exit code and output.
pub(crate) struct ProgramOutput {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Starts a program of this workspace.
pub(crate) async fn start(name: &str, args: &[&str]) -> Child {
    start_with(name, args, &[]).await
}

/// Starts it with these AWS variables and no others.
pub(crate) async fn start_with(name: &str, args: &[&str], variables: &[(&str, &str)]) -> Child {
    let mut command = Command::new(built(name).await.unwrap());
    for variable in VARIABLES {
        command.env_remove(variable.name);
    }
    // The machine's proxy must not see requests to loopback.
    command.args(args).env("NO_PROXY", "*").envs(variables.iter().copied()).kill_on_drop(true);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Waits until the program exits.
pub(crate) async fn wait_for_exit(program: Child) -> ProgramOutput {
    let output = timeout(EXIT_TIMEOUT, program.wait_with_output()).await.unwrap().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    ProgramOutput { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}
