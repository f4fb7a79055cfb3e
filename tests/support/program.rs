//! A program for a terminal, and what it says.

use std::{process::Stdio, time::Duration};

use shared::credentials::VARIABLES;
use stack::lambda::built;
use tokio::{
    process::{Child, Command},
    time::timeout,
};

const PATIENCE: Duration = Duration::from_mins(2);

/// What a program left.
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Starts a program of this workspace.
pub(crate) async fn start(name: &str, args: &[&str]) -> Child {
    start_with(name, args, &[]).await
}

/// Starts it with these variables of AWS's, and no others.
pub(crate) async fn start_with(name: &str, args: &[&str], variables: &[(&str, &str)]) -> Child {
    let mut command = Command::new(built(name).await.unwrap());
    for variable in VARIABLES {
        command.env_remove(variable.name);
    }
    // A proxy that is set for the machine is not meant for an address of the machine itself.
    command.args(args).env("NO_PROXY", "*").envs(variables.iter().copied()).kill_on_drop(true);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Waits for its end.
pub(crate) async fn ended(program: Child) -> Said {
    let output = timeout(PATIENCE, program.wait_with_output()).await.unwrap().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Said { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}
