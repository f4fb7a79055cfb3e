//! `--open`, and the commands beside the pipeline: the list of optional parts, and a shell's completions.

use std::{
    collections::BTreeSet,
    fs::{self, Permissions},
    net::TcpListener,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
};

use shared::credentials;
use stack::lambda::built;
use tempfile::TempDir;
use tokio::{process::Command, time::timeout};

use super::FAILURE_TIMEOUT;
use crate::support::local::{Local, Process, output};

async fn program() -> Command {
    Command::new(built("pinterest-data-pipeline").await.unwrap())
}

/// Runs `doctor` with a PATH of one folder, and returns its lines.
async fn doctor(path: &Path, variables: &[(&str, &str)]) -> Vec<String> {
    let mut command = program().await;
    command.arg("doctor").env_clear().env("PATH", path).envs(variables.iter().copied());
    output(&mut command, "").await.lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn the_doctor_names_what_each_optional_part_needs_and_is_content_once_it_is_there() {
    let path = TempDir::new().unwrap();
    let nothing = path.path().join("nothing.pem");
    fs::write(&nothing, "").unwrap();
    // The tests' machine has authorities.
    let no_authorities = [("SSL_CERT_FILE", nothing.to_str().unwrap()), ("SSL_CERT_DIR", "/nowhere")];
    let lines = doctor(path.path(), &no_authorities).await;
    let (last, parts) = lines.split_last().unwrap();
    assert_eq!(last, "The pipeline itself needs none of these.");
    assert!(parts.len() >= 8, "{lines:?}");

    let variables: Vec<_> = credentials::VARIABLES.iter().filter(|one| one.default.is_none()).collect();
    let mut programs = BTreeSet::new();
    for part in parts {
        let (name, needs) = part.split_once(": needs ").unwrap_or_else(|| panic!("not missing: {part}"));
        assert!(name.starts_with("missing  "), "{part}");
        for needed in needs.split(", ").filter(|needed| !needed.contains(' ')) {
            if !variables.iter().any(|variable| variable.name == needed) {
                programs.insert(needed);
            }
        }
    }
    for needed in ["xdg-open", "cargo-lambda", "sam", "cmake", "mvn"] {
        assert!(programs.contains(needed), "{needed} is not named: {lines:?}");
    }
    for program in programs {
        symlink("/bin/true", path.path().join(program)).unwrap();
    }
    let variables: Vec<_> = variables.iter().map(|variable| (variable.name, "x")).collect();
    for part in doctor(path.path(), &variables).await.split_last().unwrap().1 {
        assert!(part.starts_with("ok  ") && !part.contains("needs"), "{part}");
    }
}

/// Bash itself asks the script.
#[tokio::test]
async fn bash_completes_the_flags_and_commands() {
    let script = output(program().await.args(["completions", "bash"]), "").await;
    let ask = "function=$(complete -p pinterest-data-pipeline | sed -E 's/.* -F ([^ ]+) .*/\\1/')
        for word in --posts- doc; do
            COMP_WORDS=(pinterest-data-pipeline $word) COMP_CWORD=1
            $function pinterest-data-pipeline $word pinterest-data-pipeline
            echo \"${COMPREPLY[@]}\"
        done";
    let completed = output(Command::new("bash").args(["-eu", "-c", &format!("{script}\n{ask}")]), "").await;
    assert_eq!(completed, "--posts-per-second\ndoctor\n");
}

#[tokio::test]
async fn a_health_check_of_a_server_that_never_answers_ends() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = server.local_addr().unwrap().to_string();
    let ended = Process::start(&["healthcheck", "--listen", &address]).await.wait_for_exit().await;
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert_eq!(ended.stderr, format!("error: {address} does not answer within 5 s"));
}

#[tokio::test]
async fn nobody_has_to_read_the_output() {
    for (arguments, code) in [(&["doctor"][..], 1), (&["--for", "1s", "--listen", "0"], 0)] {
        let mut command = Command::new("sh");
        command.args(["-c", "\"$@\" > /dev/full", "sh"]).arg(built("pinterest-data-pipeline").await.unwrap());
        let ended = Process::spawn(command.args(arguments)).wait_for_exit().await;
        assert_eq!(ended.code, Some(code), "{}", ended.stderr);
        assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
    }
}

#[tokio::test]
async fn a_flag_beside_a_command_is_an_error() {
    let ended = Process::start(&["--open", "doctor"]).await.wait_for_exit().await;
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{}", ended.stderr);
}

#[tokio::test]
async fn a_port_in_use_is_an_error_that_names_its_process_and_a_free_port() {
    let local = Local::start_without_emulator().await;
    let ended = Process::start(&["--listen", &local.address.to_string()]).await.wait_for_exit().await;
    let expected = format!(
        "error: --listen {}: pinterest-data-pipeline (process {}) listens there; --listen 127.0.0.1:",
        local.address,
        local.process.id()
    );
    let free = ended.stderr.strip_prefix(&expected).unwrap_or_else(|| panic!("not `{expected}`: {}", ended.stderr));
    let free: u16 = free.strip_suffix(" is free").unwrap_or_default().parse().unwrap();
    assert!(free > local.address.port(), "{free}");
}

#[tokio::test]
async fn open_gives_the_pages_address_to_the_browser() {
    let path = TempDir::new().unwrap();
    let (browser, opened) = (path.path().join("xdg-open"), path.path().join("opened"));
    // Reading a named pipe waits for its writer.
    output(Command::new("mkfifo").arg(&opened), "").await;
    fs::write(&browser, format!("#!/bin/sh\nprintf %s \"$1\" > '{}'\n", opened.display())).unwrap();
    fs::set_permissions(&browser, Permissions::from_mode(0o755)).unwrap();
    let mut command = program().await;
    command.args(["--listen", "0", "--posts-per-second", "0", "--open"]).env("PATH", path.path());
    let local = Local::ready(Process::spawn(&mut command)).await;
    let page = timeout(FAILURE_TIMEOUT, tokio::fs::read_to_string(opened)).await.expect("a browser").unwrap();
    assert_eq!(page, format!("http://{}/", local.address));
}

#[tokio::test]
async fn the_pipeline_runs_without_the_browser_that_open_does_not_find() {
    let path = TempDir::new().unwrap();
    let mut command = program().await;
    command.args(["--listen", "0", "--posts-per-second", "0", "--open"]).env("PATH", path.path());
    let mut local = Local::ready(Process::spawn(&mut command)).await;
    let line = local.process.wait_for_line("--open: no browser can be started").await;
    assert!(line.ends_with(&format!("open http://{}/ yourself", local.address)), "{line}");
    assert_eq!(local.stop().await.code, Some(0));
}
