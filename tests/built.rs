//! What `sam build` leaves is what Lambda starts: programs for arm64 that need no newer C library than Amazon Linux
//! 2023 has, small, and that say what is missing.

use std::{
    collections::BTreeMap,
    fs,
    io::Write,
    path::PathBuf,
    process::{Command, Output},
};

use flate2::{Compression, write::DeflateEncoder};

use crate::support::template::{parameters, stack, workspace};

/// Amazon Linux 2023's glibc: 2.34.
const C_LIBRARY: u32 = 34;

/// Of the machine in a program's header: arm64, in little endian.
const ARM64: [u8; 2] = [183, 0];

/// Lambda fetches an environment's program before it starts it.
const MAX_ZIPPED_BYTES: usize = 6_000_000;

/// Each function's program, by its folder's name. Functions of one folder share one.
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

#[tokio::test]
#[ignore = "needs the built functions: make test"]
async fn every_program_is_for_arm64_and_for_the_c_library_of_amazon_linux() {
    for (function, program) in programs().await {
        let bytes = fs::read(&program).unwrap_or_else(|error| panic!("{}: {error}", program.display()));
        assert_eq!(&bytes[..6], b"\x7fELF\x02\x01", "{function}: no program of 64 bits");
        assert_eq!(bytes[18..20], ARM64, "{function}");
        let versions = bytes.windows(8).enumerate().filter(|(_, window)| window == b"GLIBC_2.");
        let digits = |at: usize| bytes[at + 8..].iter().take_while(|byte| byte.is_ascii_digit()).copied().collect();
        let versions = versions.filter_map(|(at, _)| String::from_utf8(digits(at)).unwrap().parse::<u32>().ok());
        let newest = versions.max().expect("a program that is linked to no C library");
        assert!(newest <= C_LIBRARY, "{function} needs glibc 2.{newest}");
    }
}

#[tokio::test]
#[ignore = "needs the built functions: make test"]
async fn ingest_is_small_so_that_a_cold_start_is_short() {
    let program = fs::read(&programs().await["ingest"]).unwrap();
    let mut zip = DeflateEncoder::new(Vec::new(), Compression::default());
    zip.write_all(&program).unwrap();
    let zipped = zip.finish().unwrap().len();
    assert!(zipped < MAX_ZIPPED_BYTES, "{zipped} bytes, of {}", program.len());
}

#[tokio::test]
#[ignore = "needs the built functions: make test"]
async fn the_built_template_still_has_a_resource_for_each_user_id_to_come() {
    let built = fs::read_to_string(workspace(".aws-sam/build/template.yaml")).unwrap();
    assert!(
        built.contains("Fn::ForEach::MappedUserIds"),
        "what is deployed would be of the user ids of the build alone"
    );
}

/// Starts a program as Lambda does, on another processor's behalf, with no variable set.
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
async fn every_program_starts_and_says_what_is_not_set() {
    for (function, program) in programs().await {
        let missing = match function.as_str() {
            "ingest" => ingest::Settings::from_lookup(|_| None).unwrap_err().to_string(),
            "emulator" => emulator::Settings::from_lookup(|_| None).unwrap_err().to_string(),
            "archive" => archive::settings::Settings::from_lookup(|_| None).unwrap_err().to_string(),
            // These have no variable that is required, and go on to ask Lambda for work.
            _ => "AWS_LAMBDA_".to_owned(),
        };
        let output = start(&program);
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(!output.status.success(), "{function} runs without settings: {said}");
        assert!(said.contains(&missing), "{function} does not say `{missing}`: {said}");
    }
}
