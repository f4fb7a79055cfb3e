//! The output of `make package`, and of `sam build` before it: small arm64 programs that run with Amazon Linux 2023's C
//! library and report missing settings.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use zip::ZipArchive;

use crate::support::{
    programs::assert_names_no_folder_and_no_date,
    template::{parameters, stack, workspace},
};

/// Amazon Linux 2023's glibc: 2.34.
const C_LIBRARY: u32 = 34;

/// The machine field of an ELF header: arm64, little endian.
const ARM64: [u8; 2] = [183, 0];

/// The download is part of a cold start. Nobody waits for one of `tables`.
const MAX_ZIPPED_BYTES: [(&str, u64); 2] = [("ingest", 5_000_000), ("tables", 10_000_000)];

/// The programs by folder. Functions of one folder share one.
async fn programs() -> BTreeMap<String, PathBuf> {
    let stack = stack(&parameters(&[("UserIds", "demo"), ("Database", "create")])).await;
    let mut programs = BTreeMap::new();
    for (function, properties) in stack.of_type("AWS::Lambda::Function") {
        let folder = properties["Code"]["S3Key"].as_str().unwrap().replace("functions/", "");
        let program = workspace(&format!(".aws-sam/build/{function}/bootstrap"));
        if program.exists() {
            programs.insert(folder, program);
        } else {
            programs.entry(folder).or_insert(program);
        }
    }
    programs
}

fn read(program: &Path) -> Vec<u8> {
    fs::read(program).unwrap_or_else(|error| panic!("{}: {error}", program.display()))
}

#[tokio::test]
#[ignore = "needs the built functions: make test"]
async fn every_program_runs_on_arm64_with_amazon_linuxs_c_library() {
    for (function, program) in programs().await {
        let bytes = read(&program);
        assert_eq!(&bytes[..6], b"\x7fELF\x02\x01", "{function}: not a 64-bit program");
        assert_eq!(bytes[18..20], ARM64, "{function}");
        let versions = bytes.windows(8).enumerate().filter(|(_, window)| window == b"GLIBC_2.");
        let digits = |at: usize| bytes[at + 8..].iter().take_while(|byte| byte.is_ascii_digit()).copied().collect();
        let versions = versions.filter_map(|(at, _)| String::from_utf8(digits(at)).unwrap().parse::<u32>().ok());
        let newest = versions.max().expect("a dynamically linked program");
        assert!(newest <= C_LIBRARY, "{function} needs glibc 2.{newest}");
    }
}

#[tokio::test]
#[ignore = "needs the packages: make test"]
async fn each_package_is_one_built_program() {
    for (function, program) in programs().await {
        let package = workspace(&format!("target/package/{function}.zip"));
        let mut package = ZipArchive::new(File::open(package).unwrap()).unwrap();
        assert_eq!(package.len(), 1, "{function}");
        let mut file = package.by_name("bootstrap").unwrap();
        assert_eq!(file.unix_mode(), Some(0o100_755), "{function}: not executable by everybody");
        let mut packaged = Vec::new();
        file.read_to_end(&mut packaged).unwrap();
        assert!(packaged == read(&program), "{function}: not the program that `sam build` left");
    }
}

#[tokio::test]
#[ignore = "needs the built functions: make test"]
async fn no_program_names_the_folder_or_the_time_of_its_build() {
    for (function, program) in programs().await {
        assert_names_no_folder_and_no_date(&function, &read(&program));
    }
}

#[test]
#[ignore = "needs the packages: make test"]
fn packages_are_small_enough_for_a_short_cold_start() {
    for (function, most) in MAX_ZIPPED_BYTES {
        let zipped = workspace(&format!("target/package/{function}.zip")).metadata().unwrap().len();
        assert!(zipped < most, "{function}: {zipped} bytes");
    }
}

/// A folder's files: names and contents.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap());
    files.map(|file| (file.file_name().into_string().unwrap(), fs::read(file.path()).unwrap())).collect()
}

/// Packs the programs of one build: another build of them takes minutes.
#[tokio::test]
#[ignore = "needs the packages: make test"]
async fn the_same_programs_become_the_same_packages_in_another_folder_and_later() {
    let folder = tempfile::tempdir().unwrap();
    let built = folder.path().join("built");
    for program in programs().await.into_values() {
        let copy = built.join(program.parent().unwrap().file_name().unwrap());
        fs::create_dir_all(&copy).unwrap();
        // The copy's time is now, and its mode another.
        fs::write(copy.join("bootstrap"), fs::read(&program).unwrap()).unwrap();
    }
    fs::copy(workspace(".aws-sam/build/template.yaml"), built.join("template.yaml")).unwrap();
    let again = folder.path().join("again");
    let output = Command::new(workspace(".tools/venv/bin/python"))
        .arg(workspace("tools/package.py"))
        .args(["--built".as_ref(), built.as_os_str(), "--output".as_ref(), again.as_os_str()])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let (first, again) = (files(&workspace("target/package")), files(&again));
    assert_eq!(first.keys().collect::<Vec<_>>(), again.keys().collect::<Vec<_>>());
    for (name, bytes) in first {
        assert!(bytes == again[&name], "{name} differs");
    }
}

#[tokio::test]
#[ignore = "needs the built functions: make test"]
async fn the_built_template_keeps_its_loop_over_the_user_ids() {
    let built = fs::read_to_string(workspace(".aws-sam/build/template.yaml")).unwrap();
    assert!(built.contains("Fn::ForEach::MappedUserIds"), "a deployment would use the user ids of the build");
}

/// Starts a program like Lambda, in an emulator of arm64, without environment variables.
fn start(program: &PathBuf) -> Output {
    Command::new(workspace(".tools/qemu/usr/bin/qemu-aarch64-static"))
        .arg("-L")
        .arg(workspace(".tools/qemu"))
        .arg(program)
        .env_clear()
        .output()
        .expect("`make build` fetches an emulator of arm64")
}

#[tokio::test]
#[ignore = "needs the built functions: make test"]
async fn every_program_starts_and_reports_missing_settings() {
    for (function, program) in programs().await {
        let missing = match function.as_str() {
            "ingest" => ingest::Settings::from_lookup(|_| None).unwrap_err().to_string(),
            "emulator" => emulator::Settings::from_lookup(|_| None).unwrap_err().to_string(),
            "archive" => archive::settings::Settings::from_lookup(|_| None).unwrap_err().to_string(),
            "tables" => tables::settings::Settings::from_lookup(|_| None).unwrap_err().to_string(),
            // These have no required variable, and go on to poll Lambda's runtime API.
            _ => "AWS_LAMBDA_".to_owned(),
        };
        let output = start(&program);
        let log = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(!output.status.success(), "{function} runs without settings: {log}");
        assert!(log.contains(&missing), "{function} does not report `{missing}`: {log}");
    }
}
