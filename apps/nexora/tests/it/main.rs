//! The command line as a process: its help, its exit codes, its streams.
//!
//! That this binary is an integration test also has cargo build `nexora` itself, for the product tests.

use std::path::Path;
use std::process::{Command, Output};

fn nexora(arguments: &[&str], home: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nexora"));
    command.args(arguments).env_clear().env("HOME", home);
    command.output().expect("the binary runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn help_and_version_go_to_stdout_and_usage_to_stderr() {
    let home = tempfile::tempdir().expect("a directory");
    for arguments in
        [&["--help"][..], &["-h"], &["serve", "--help"], &["credentials", "issue", "--help"], &["--version"]]
    {
        let said = nexora(arguments, home.path());
        assert_eq!((said.status.code(), said.stderr.len()), (Some(0), 0), "{arguments:?}");
        assert!(text(&said.stdout).contains("nexora"), "{arguments:?}");
    }
    for arguments in
        [&[][..], &["paint"], &["identities"], &["identities", "show", "nobody"], &["--frobnicate"]]
    {
        let said = nexora(arguments, home.path());
        assert_eq!((said.status.code(), said.stdout.len()), (Some(2), 0), "{arguments:?}");
        assert!(!said.stderr.is_empty(), "{arguments:?}");
    }
}

#[test]
fn what_fails_before_a_server_is_asked_has_the_code_of_its_kind() {
    let home = tempfile::tempdir().expect("a directory");
    let here = home.path().to_str().expect("UTF-8");
    let missing = format!("{here}/missing");
    let cases: [(i32, &[&str]); 6] = [
        // No data directory, no server there, no ledger.
        (5, &["identities", "ls"]),
        (5, &["ledger", "show", &missing]),
        (5, &["config", "show", "--config", &missing]),
        (1, &["identities", "ls", "--server", "http://127.0.0.1:9"]),
        (7, &["identities", "ls", "--server", "http://192.0.2.1"]),
        // A directory without a ledger in it does not verify.
        (8, &["ledger", "verify", here]),
    ];
    for (code, arguments) in cases {
        let said = nexora(arguments, home.path());
        assert_eq!(said.status.code(), Some(code), "{arguments:?}: {}", text(&said.stderr));
        assert!(said.stdout.is_empty() && text(&said.stderr).starts_with("nexora: "), "{arguments:?}");
        let mut json = arguments.to_vec();
        json.extend(["-o", "json"]);
        let said = text(&nexora(&json, home.path()).stderr);
        let document: serde_json::Value = serde_json::from_str(&said).expect("an error document");
        assert!(document["kind"].is_string() && document["message"].is_string(), "{said}");
    }
}

#[test]
fn the_configuration_says_where_each_value_came_from() {
    let home = tempfile::tempdir().expect("a directory");
    let said = nexora(&["config", "show", "-o", "json", "--data", "/srv/nexora"], home.path());
    let shown: serde_json::Value = serde_json::from_slice(&said.stdout).expect("JSON");
    let setting = |name: &str| {
        let rows = shown["settings"].as_array().expect("rows");
        rows.iter().find(|row| row["name"] == name).expect("the setting").clone()
    };
    assert_eq!(
        (&setting("data")["value"], &setting("data")["source"]),
        (&"/srv/nexora".into(), &"flag --data".into())
    );
    assert_eq!(setting("listen")["source"], "default");
}

#[test]
fn our_own_rules_pass_their_samples() {
    let home = tempfile::tempdir().expect("a directory");
    let said = nexora(&["rules", "test", "-o", "json"], home.path());
    assert_eq!(said.status.code(), Some(0), "{}", text(&said.stdout));
    let report: serde_json::Value = serde_json::from_slice(&said.stdout).expect("JSON");
    assert!(report["tested"].as_u64() >= Some(25) && report["failed"] == 0, "{report}");
}

#[test]
fn completions_are_there_for_each_shell() {
    let home = tempfile::tempdir().expect("a directory");
    for shell in ["bash", "zsh", "fish"] {
        let said = nexora(&["completions", shell], home.path());
        assert!(said.status.success() && text(&said.stdout).contains("quarantine"), "{shell}");
    }
}
