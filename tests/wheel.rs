//! The wheels of `make wheel` and `make wheels`: what `pip install` and `uvx` start, on a machine without Rust.

use std::{
    env::consts::ARCH,
    fs::{self, File, Permissions},
    io::{Read, copy},
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    time::Duration,
};

use serde_json::{Value, json};
use shared::kind::GEO;
use tempfile::TempDir;
use tokio::{
    process::Command,
    time::{Instant, sleep, timeout},
};
use zip::ZipArchive;

use crate::support::{
    local::{Local, Process, output, python},
    pipeline::envelope,
    programs::assert_names_no_folder_and_no_date,
    rows::with,
    template::workspace,
};

/// The goal, so that a download takes seconds.
const MAX_WHEEL_BYTES: u64 = 25_000_000;

/// From the command to the record in the archive.
const FIRST_RECORD_TIMEOUT: Duration = Duration::from_secs(10);

const PROGRAM: &str = "pinterest-data-pipeline";

fn wheels() -> Vec<PathBuf> {
    let files = fs::read_dir(workspace("target/wheels")).expect("`make wheel` builds one");
    files.map(|file| file.unwrap().path()).collect()
}

/// The wheel for a machine.
fn wheel(machine: &str) -> PathBuf {
    let is_wanted = |file: &PathBuf| file.to_str().unwrap().ends_with(&format!("_{machine}.whl"));
    wheels().into_iter().find(is_wanted).unwrap_or_else(|| panic!("no wheel for {machine}: `make wheels` builds it"))
}

/// A program that `make wheel` fetches.
fn tool(name: &str) -> PathBuf {
    workspace(".tools/maturin/bin").join(name)
}

/// A command that finds no other program than those of a folder.
fn alone(program: &str, path: PathBuf) -> Command {
    let mut command = Command::new(path.join(program));
    command.env_clear().env("PATH", path);
    command
}

#[tokio::test]
#[ignore = "needs a wheel and Python with requests: make test"]
async fn a_posted_record_is_in_the_archive_within_10_s_of_the_command_of_an_installed_wheel() {
    let venv = TempDir::new().unwrap();
    output(Command::new("python3").args(["-m", "venv"]).arg(venv.path()), "").await;
    let bin = venv.path().join("bin");
    output(Command::new(bin.join("pip")).args(["install", "--no-index", "--no-deps"]).arg(wheel(ARCH)), "").await;

    let begun = Instant::now();
    let mut command = alone(PROGRAM, bin);
    command.args(["--listen", "0", "--posts-per-second", "0"]);
    let local = Local::ready(Process::spawn(&mut command)).await;
    let url = format!("http://{}/topics/demo.geo", local.address);
    let answer = output(python("post_requests.py").arg(url), &envelope(&[&with(&GEO, &[])])).await;
    assert!(answer.starts_with("200 "), "{answer}");
    let archived = async {
        while !local.has_archived("demo.geo") {
            sleep(Duration::from_millis(20)).await;
        }
    };
    let left = FIRST_RECORD_TIMEOUT.saturating_sub(begun.elapsed());
    timeout(left, archived).await.expect("a record in the archive in time");
    println!("{:.1} s from the command to the record in the archive", begun.elapsed().as_secs_f64());

    let ended = local.stop().await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let objects = ended.archive().join("topics/demo.geo/partition=0/*.json");
    let read: Value = serde_json::from_str(&output(python("read_archive.py").arg(objects), "").await).unwrap();
    assert_eq!(read["ind"], ended.archived("demo.geo")[0]["ind"]);
}

#[tokio::test]
#[ignore = "needs a wheel: make test"]
async fn uvx_runs_the_program_of_a_wheel() {
    let cache = TempDir::new().unwrap();
    let mut command = Command::new(tool("uvx"));
    command.args(["--offline", "--cache-dir"]).arg(cache.path()).arg("--from").arg(wheel(ARCH));
    let answer = output(command.args([PROGRAM, "--version"]), "").await;
    assert_eq!(answer, format!("{PROGRAM} {}\n", env!("CARGO_PKG_VERSION")));
}

#[tokio::test]
#[ignore = "needs a wheel: make test"]
async fn each_wheel_is_small_and_runs_with_any_c_library() {
    let wheels = wheels();
    assert!(wheels.contains(&wheel(ARCH)));
    for wheel in wheels {
        let name = wheel.file_name().unwrap().to_str().unwrap();
        let bytes = wheel.metadata().unwrap().len();
        assert!(bytes <= MAX_WHEEL_BYTES, "{name}: {bytes} bytes");
        println!("{name}: {:.1} MB", bytes as f64 / 1e6);
        assert!(name.contains("manylinux_2_17_") && name.contains("musllinux_1_2_"), "{name}");
        let audit = output(Command::new(tool("auditwheel")).args(["show", "--json"]).arg(&wheel), "").await;
        let audit: Value = serde_json::from_str(&audit).unwrap();
        assert_eq!(audit["versioned_symbols"], json!({}), "{audit}");
        assert_eq!(audit["external_libs"], json!({}), "{audit}");
    }
}

#[test]
#[ignore = "needs a wheel: make test"]
fn no_wheel_names_the_folder_or_the_time_of_its_build() {
    let mut wheel = ZipArchive::new(File::open(wheel(ARCH)).unwrap()).unwrap();
    for at in 0..wheel.len() {
        let mut file = wheel.by_index(at).unwrap();
        let name = file.name().unwrap().into_owned();
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).unwrap();
        assert_names_no_folder_and_no_date(&name, &bytes);
    }
}

/// In an emulator, without a C library.
#[tokio::test]
#[ignore = "needs the wheel for arm64 and an emulator: make test-release"]
async fn the_program_for_arm64_archives_what_its_emulator_posts() {
    let folder = TempDir::new().unwrap();
    let program = folder.path().join(PROGRAM);
    let mut wheel = ZipArchive::new(File::open(wheel("aarch64")).unwrap()).unwrap();
    let mut names = wheel.file_names().map(|name| name.unwrap().into_owned());
    let packed = names.find(|name| name.ends_with(&format!("/scripts/{PROGRAM}"))).unwrap();
    drop(names);
    copy(&mut wheel.by_name(&packed).unwrap(), &mut File::create(&program).unwrap()).unwrap();
    fs::set_permissions(&program, Permissions::from_mode(0o755)).unwrap();

    let mut command = Command::new(workspace(".tools/qemu/usr/bin/qemu-aarch64-static"));
    command.arg(&program).env_clear();
    command.args(["--listen", "0", "--for", "5s"]);
    let ended = Process::spawn(&mut command).wait_for_exit().await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.figure(" posts sent") > 0, "{}", ended.summary());
    assert_eq!(ended.figure(" archived"), ended.figure(" records written"));
}
