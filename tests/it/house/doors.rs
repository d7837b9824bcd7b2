//! The few doors of the house, and who holds the key to each.

use super::none;
use super::sources::{Source, sources};

/// Who may call what `clippy.toml` disallows, outside tests: the file, and what it owns.
const OWNERS: &[(&str, &str)] = &[
    ("apps/nexora/src/main.rs", "argv and the environment"),
    ("apps/node/src/clock.rs", "the clock that runs"),
    ("apps/node/src/runner.rs", "the contexts of background work, and its tasks"),
    ("apps/server/src/authenticate.rs", "the contexts of requests"),
    ("core/crypto/src/aws.rs", "the random bytes of the provider"),
];

/// Modules that may hold `unsafe`, each with its reason.
const UNSAFE: &[(&str, &str)] = &[
    (
        "core/crypto/tests/it/deterministic.rs",
        "AWS-LC's deterministic calls, which its safe interface leaves out",
    ),
    ("core/crypto/tests/it/fork.rs", "fork itself: what a child must not repeat is seen only in a child"),
];

#[test]
fn each_disallowed_call_has_one_owner() {
    let mut wrong = Vec::new();
    for source in sources().iter().filter(|source| source.is_rust() && !source.is_test()) {
        let owns = OWNERS.iter().any(|(path, _)| *path == source.path) || is_bench(source);
        if !owns {
            wrong.extend(source.lines_with("clippy::disallowed_methods"));
        }
    }
    none(wrong, "a disallowed call outside its owner: take the value as an argument");
}

#[test]
fn an_owner_still_owns() {
    let sources = sources();
    let mut wrong = Vec::new();
    for (path, what) in OWNERS.iter().chain(UNSAFE) {
        if !sources.iter().any(|source| source.path == *path) {
            wrong.push(format!("{path} ({what}) is gone"));
        }
    }
    none(wrong, "an exception that nothing needs");
}

/// Benchmarks measure with the machine's own clock, and are roots of their own.
fn is_bench(source: &Source) -> bool {
    source.path.starts_with("bench/")
}

#[test]
fn only_respond_sets_a_standing() {
    let mut wrong = Vec::new();
    for source in sources().iter().filter(|source| source.is_rust() && !source.is_test()) {
        let owner =
            ["services/respond/", "services/standing/"].iter().any(|room| source.path.starts_with(room));
        if !owner {
            wrong.extend(
                ["standing.set(", "standings.set(", "standing().set(", "standings().set(", "Standings::set("]
                    .iter()
                    .flat_map(|call| source.lines_with(call)),
            );
        }
    }
    none(wrong, "respond is the only caller of standing.set");
}

#[test]
fn unsafe_code_stands_in_named_modules_only() {
    let mut wrong = Vec::new();
    for source in sources().iter().filter(|source| source.is_rust()) {
        let named = UNSAFE.iter().any(|(path, _)| *path == source.path);
        let words = [
            "unsafe {",
            "unsafe fn",
            "unsafe impl",
            "unsafe extern",
            "allow(unsafe_code)",
            "expect(unsafe_code)",
        ];
        // This file has to spell the words.
        if !named && source.path != "tests/it/house/doors.rs" {
            wrong.extend(words.iter().flat_map(|word| source.lines_with(word)));
        }
        let is_root = source.path.ends_with("/src/lib.rs") || source.path.ends_with("/src/main.rs");
        if is_root && !source.text.contains("#![forbid(unsafe_code)]") {
            wrong.push(format!("{}: #![forbid(unsafe_code)] is missing", source.path));
        }
    }
    none(wrong, "unsafe code outside the named modules");
}

#[test]
fn a_commit_without_an_entry_does_not_compile() {
    // The proof is a `compile_fail` example in `store`, which the compiler runs with the doc tests. What
    // is held here is that the example is still there, and still tries a commit without an entry.
    let sources = sources();
    let tries =
        sources.iter().filter(|source| source.path.starts_with("services/store/src/")).any(|source| {
            let mut examples = source.text.split("```compile_fail").skip(1);
            examples.any(|rest| rest.split("```").next().is_some_and(|example| example.contains(".commit()")))
        });
    assert!(tries, "services/store has no `compile_fail` example that calls `.commit()`");
}

#[test]
fn no_secret_is_logged() {
    const SPEAKS: [&str; 8] =
        ["println!(", "print!(", "info!(", "warn!(", "error!(", "debug!(", "trace!(", "span!("];
    let mut wrong = Vec::new();
    for source in sources().iter().filter(|source| source.is_rust() && !source.is_test()) {
        for (number, line) in source.code() {
            if line.contains(".expose()") && SPEAKS.iter().any(|call| line.contains(call)) {
                wrong.push(format!("{}:{number}: {}", source.path, line.trim()));
            }
        }
    }
    none(wrong, "a secret goes into a log");
}

#[test]
fn no_test_is_left_out() {
    // Spelled in halves, because this file is read too.
    let words = [concat!("#[ign", "ore"), concat!("tod", "o!("), concat!("unimplemen", "ted!(")];
    let mut wrong = Vec::new();
    for source in sources().iter().filter(|source| source.is_rust()) {
        for (number, line) in source.text.lines().enumerate() {
            let said = line.trim_start().starts_with("//");
            if !said && words.iter().any(|word| line.contains(word)) {
                wrong.push(format!("{}:{}: {}", source.path, number + 1, line.trim()));
            }
        }
    }
    none(wrong, "a test that does not run, or work that is not done");
}
