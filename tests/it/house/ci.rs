//! `.ci/run` ends on one line that tells the truth.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

/// Runs `.ci/run` with a `make` that says `said` for each target and ends with `code`; gives the last line
/// and whether it succeeded.
fn run(lint: &str, test: &str, shared: &str) -> (String, bool) {
    let folder = tempfile::tempdir().expect("a directory");
    let make = folder.path().join("make");
    let script =
        format!("#!/bin/sh\ncase $1 in\nlint) {lint};;\ntest) {test};;\ntest-shared) {shared};;\nesac\n");
    fs::write(&make, script).expect("written");
    fs::set_permissions(&make, fs::Permissions::from_mode(0o755)).expect("it can be run");
    let output = Command::new("bash")
        .arg(tests::repository().join(".ci/run"))
        .env("PATH", format!("{}:/usr/local/bin:/usr/bin:/bin", folder.path().display()))
        .output()
        .expect("bash runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    (said.lines().last().unwrap_or_default().to_owned(), output.status.success())
}

#[test]
fn ci_ends_on_one_line_that_sums_every_result() {
    let ok =
        |passed: u32| format!("echo 'test result: ok. {passed} passed; 0 failed; 0 ignored; 9 filtered out'");
    let failed = "echo 'test result: FAILED. 4 passed; 2 failed; 0 ignored'; exit 1";
    assert_eq!(
        run("true", &format!("{}; {}", ok(3), ok(4)), &ok(5)),
        ("12 passed, 0 failed".to_owned(), true)
    );
    assert_eq!(run("true", failed, &ok(5)), ("9 passed, 2 failed".to_owned(), false));
    // What breaks without a failed test is a failure all the same: a lint, a compile error, a missing folder.
    assert_eq!(run("exit 1", &ok(3), &ok(5)), ("8 passed, 1 failed".to_owned(), false));
    assert_eq!(run("true", "exit 2", "exit 2"), ("0 passed, 2 failed".to_owned(), false));
}
