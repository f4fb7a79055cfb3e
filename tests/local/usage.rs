//! The command line: flags, their errors, and the steps of a slow start.

use std::{fs, net::TcpListener};

use tempfile::TempDir;

use super::FAILURE_TIMEOUT;
use crate::support::{
    golden::assert_golden,
    local::{Local, Process},
};

#[tokio::test]
async fn wrong_usage_is_a_one_line_error() {
    let busy = TcpListener::bind("127.0.0.1:0").unwrap();
    let busy = busy.local_addr().unwrap().to_string();
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let used = folder.path().join("used");
    fs::create_dir_all(used.join("topics/demo.pin/partition=0")).unwrap();
    fs::write(used.join("topics/demo.pin/partition=0/demo.pin+0+0000000000.json"), "{}\n").unwrap();
    let (file, used) = (file.to_str().unwrap(), used.to_str().unwrap());

    let cases: &[(&[&str], &[&str])] = &[
        (&["--nonsense"], &["--nonsense"]),
        (&["--posts-per-second", "-1"], &["--posts-per-second", "not a number from 0 to 10000"]),
        (&["--order", "backwards"], &["--order", "neither `random` nor `course`"]),
        (&["--listen", "nonsense"], &["--listen", "nonsense"]),
        (&["--listen", &busy], &["--listen", &busy, "listens there"]),
        (&["--user-id", "a b"], &["--user-id", "a b", "letters, digits"]),
        (&["--user-id", "_a"], &["--user-id", "_a", "begins with neither `.` nor `_`: Spark and Athena skip"]),
        (&["--allow-host", "http://a"], &["--allow-host", "http://a", "without a port"]),
        (&["--allow-origin", "localhost:3000"], &["--allow-origin", "localhost:3000", "http://localhost:3000"]),
        (&["--user-id", "a", "--user-id", "a"], &["--user-id", "`a`", "twice"]),
        (&["--bootstrap-servers", "127.0.0.1:1"], &["--bootstrap-servers 127.0.0.1:1: no Kafka broker answered"]),
        (&["--database-url", "mysql://root@127.0.0.1:1/x"], &["--database-url", "127.0.0.1:1"]),
        (&["--database-url", "postgres://u:s3cret@h/d"], &["--database-url: not `mysql://"]),
        (&["--database-url", "mysql://u:s3cret@h"], &["--database-url: the URL names no database"]),
        (&["--database-url", "mysql://u:s3cret@h:port/d"], &["--database-url: not a URL as `mysql://"]),
        (
            &["--bootstrap-servers=a:1", "--ssl-ca-location", file],
            &["--ssl-ca-location has no effect without --security-protocol SASL_SSL"],
        ),
        (
            &["--bootstrap-servers=a:1", "--security-protocol=SASL_SSL", "--ssl-ca-location=/no.pem"],
            &["--ssl-ca-location", "/no.pem cannot be read: No such file"],
        ),
        (&["--archive", "s3://"], &["--archive s3://", "s3://bucket/prefix"]),
        (&["--archive", file], &["--archive", file, "it is not a folder"]),
        (&["--archive", used], &["--archive", used, "choose another place"]),
        (&["--for", "soon"], &["--for", "soon"]),
    ];
    // In parallel: two of them wait for a connection timeout.
    let mut started = Vec::new();
    for (args, _) in cases {
        let listen: &[&str] = if args[0] == "--listen" { &[] } else { &["--listen", "127.0.0.1:0"] };
        started.push(Process::start(&[listen, args].concat()).await);
    }
    for ((args, parts), process) in cases.iter().zip(started) {
        let ended = process.wait_for_exit_within(FAILURE_TIMEOUT).await;
        assert!(matches!(ended.code, Some(1 | 2)), "{args:?}: {:?}\n{}", ended.code, ended.stderr);
        assert_eq!(ended.stdout, "", "{args:?}");
        assert!(!ended.stderr.contains("s3cret"), "{args:?}: {}", ended.stderr);
        // A slow start reports its steps.
        let said: Vec<_> = ended.stderr.lines().filter(|line| !line.starts_with("Starting: ")).collect();
        let said = said.join("\n");
        let (error, hints) = said.split_once('\n').unwrap_or((&said, ""));
        assert!(error.starts_with("error: "), "{args:?}: {}", ended.stderr);
        for part in *parts {
            assert!(error.contains(part), "{args:?}, `{part}`: {error}");
        }
        for hint in hints.lines() {
            let usual = hint.is_empty() || hint.starts_with("Usage: ") || hint == "For more information, try '--help'.";
            assert!(usual, "{args:?}: {}", ended.stderr);
        }
    }
}

#[tokio::test]
async fn a_slow_start_reports_its_step() {
    let mut process = Process::start(&["--listen", "0", "--bootstrap-servers", "127.0.0.1:1"]).await;
    assert_eq!(process.wait_for_line("Starting").await, "Starting: connecting to Kafka at 127.0.0.1:1");
    assert_eq!(process.wait_for_exit().await.code, Some(1));
}

#[tokio::test]
async fn help_describes_every_flag() {
    let ended = Process::start(&["--help"]).await.wait_for_exit().await;
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    assert_golden("help.txt", &ended.stdout);
}

#[tokio::test]
async fn the_health_check_succeeds_while_the_pipeline_runs() {
    let local = Local::start_without_emulator().await;
    let listen = local.address.to_string();
    let check = async || {
        let arguments = ["healthcheck", "--listen", &listen];
        Process::start(&arguments).await.wait_for_exit().await
    };
    let healthy = check().await;
    assert_eq!((healthy.code, &*healthy.stderr), (Some(0), ""));
    local.stop().await;
    let stopped = check().await;
    assert_eq!(stopped.code, Some(1));
    assert!(stopped.stderr.starts_with(&format!("error: nothing listens at {listen}")), "{}", stopped.stderr);
}
