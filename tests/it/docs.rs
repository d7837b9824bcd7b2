//! The documentation, run. A fenced `console` block is a session: lines that begin with `$ ` are commands
//! (`> ` goes on with one), the lines below a command are what it says. In them `…` stands for any text, and
//! alone on a line for any number of lines. A page's blocks are one shell in one empty directory; every
//! command must succeed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A command of a page, and what the page shows below it.
#[derive(Debug, PartialEq)]
struct Step {
    line: usize,
    command: String,
    shown: Vec<String>,
}

#[test]
fn every_session_in_the_documentation_runs_as_shown() {
    let mut wrong = Vec::new();
    let mut sessions = 0;
    for page in pages() {
        let text = fs::read_to_string(&page).expect("a page of the documentation");
        let steps = steps(&text);
        if !steps.is_empty() {
            sessions += 1;
            wrong.extend(run(&page, &steps));
        }
    }
    assert!(sessions > 0, "the documentation shows sessions");
    assert!(wrong.is_empty(), "what the documentation shows is not what happens:\n{}", wrong.join("\n"));
}

#[test]
fn every_make_target_in_the_documentation_exists() {
    let makefile = fs::read_to_string(tests::repository().join("Makefile")).expect("Makefile");
    let mut found = 0;
    for page in pages() {
        let text = fs::read_to_string(&page).expect("a page of the documentation");
        for (at, _) in text.match_indices("make ") {
            let before = text[..at].chars().next_back().unwrap_or('\n');
            let target: String =
                text[at + 5..].chars().take_while(|c| c.is_ascii_lowercase() || *c == '-').collect();
            // Only what is written as a command: in a code span, or at the start of a line of a block.
            if (before == '`' || before == '\n') && !target.is_empty() {
                found += 1;
                let known = makefile.contains(&format!("\n{target}: "));
                assert!(known, "{}: no such target: make {target}", page.display());
            }
        }
    }
    assert!(found > 3, "the targets are read");
}

#[test]
fn every_command_in_the_documentation_exists() {
    let mut found = 0;
    for page in pages() {
        let text = fs::read_to_string(&page).expect("a page of the documentation");
        for span in text.split('`').filter(|span| span.starts_with("nexora ")) {
            // `nexora findings show ID`: the words before the first argument or option name a command.
            let is_word = |word: &&str| word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
            let words = span.split_whitespace().skip(1).take_while(is_word);
            let words: Vec<&str> = words.take_while(|word| !word.starts_with('-')).collect();
            found += 1;
            let said = tests::server::run(tests::server::nexora(&words).arg("--help"));
            assert_eq!(said.code, Some(0), "{}: no such command: `{span}`\n{}", page.display(), said.err);
        }
    }
    assert!(found > 10, "the commands are read");
}

/// README and everything else that is written for people.
fn pages() -> Vec<PathBuf> {
    let root = tests::repository();
    let mut pages = vec![root.join("README.md"), root.join("ARCHITECTURE.md"), root.join("CONTRIBUTING.md")];
    let mut folders = vec![root.join("docs")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("docs can be listed") {
            let path = entry.expect("docs can be listed").path();
            match path.extension() {
                Some(ending) if ending == "md" => pages.push(path),
                _ if path.is_dir() => folders.push(path),
                _ => {}
            }
        }
    }
    pages.sort();
    pages
}

/// The commands of a page in order.
fn steps(page: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut inside = false;
    for (index, line) in page.lines().enumerate() {
        if let Some(language) = line.strip_prefix("```") {
            inside = language == "console";
        } else if let (true, Some(command)) = (inside, line.strip_prefix("$ ")) {
            steps.push(Step { line: index + 1, command: command.to_owned(), shown: Vec::new() });
        } else if let (true, Some(step)) = (inside, steps.last_mut()) {
            match line.strip_prefix("> ") {
                Some(more) if step.shown.is_empty() => {
                    step.command.push('\n');
                    step.command.push_str(more);
                }
                _ => step.shown.push(line.to_owned()),
            }
        }
    }
    steps
}

/// Runs the commands of one page in one shell, and says where they differ from the page.
fn run(page: &Path, steps: &[Step]) -> Vec<String> {
    let folder = tempfile::tempdir().expect("a directory for the session");
    let binary = tests::binary().expect("the binary is built before the tests run");
    let notes = tempfile::tempdir().expect("a directory for what the session says");
    let note = |name: &str, index: usize| notes.path().join(format!("{name}.{index}"));
    let mut script = String::from("trap 'kill $(jobs -p) 2>/dev/null; wait' EXIT\n");
    for (index, step) in steps.iter().enumerate() {
        // Braces, not a subshell: a variable or a server of one command is there for the next.
        script.push_str(&format!(
            "{{ {}\n}} >'{}' 2>&1\necho $? >'{}'\n",
            step.command,
            note("says", index).display(),
            note("code", index).display(),
        ));
    }
    let path = std::env::join_paths(
        binary
            .parent()
            .map(Path::to_path_buf)
            .into_iter()
            .chain(std::env::split_paths("/usr/local/bin:/usr/bin:/bin")),
    )
    .expect("the folder of the binary can stand in PATH");
    Command::new("bash")
        .args(["-c", &script])
        .current_dir(folder.path())
        .env_clear()
        .env("PATH", path)
        .env("HOME", folder.path())
        .env("LANG", "C.UTF-8")
        .stdin(Stdio::null())
        .status()
        .expect("bash runs");
    let mut wrong = Vec::new();
    for (index, step) in steps.iter().enumerate() {
        let says = fs::read_to_string(note("says", index)).unwrap_or_default();
        let code = fs::read_to_string(note("code", index)).unwrap_or_default();
        let at = format!("{}:{}: $ {}", page.display(), step.line, step.command);
        if code.trim() != "0" {
            wrong.push(format!("{at}\nended with {}:\n{says}", code.trim()));
        } else if !step.shown.is_empty() && !matches(&step.shown, &says.lines().collect::<Vec<_>>()) {
            wrong.push(format!("{at}\nshows:\n{}\nsays:\n{says}", step.shown.join("\n")));
        }
    }
    wrong
}

/// Do the lines say what the page shows? Blank lines at the end of what is shown are layout.
fn matches(shown: &[String], says: &[&str]) -> bool {
    match shown.split_first() {
        None => says.is_empty(),
        Some((first, rest)) if rest.is_empty() && first.is_empty() => says.is_empty(),
        Some((first, rest)) if first.trim() == "…" => {
            (0..=says.len()).any(|skipped| matches(rest, &says[skipped..]))
        }
        Some((first, rest)) => {
            says.split_first().is_some_and(|(line, more)| fits(first, line) && matches(rest, more))
        }
    }
}

/// Does a line fit a pattern in which `…` stands for any text?
fn fits(pattern: &str, line: &str) -> bool {
    let mut parts = pattern.trim_end().split('…');
    let line = line.trim_end();
    let Some(mut rest) = parts.next().and_then(|first| line.strip_prefix(first)) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, between)) = parts.split_last() else { return rest.is_empty() };
    for part in between {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[test]
fn a_session_that_differs_is_found() {
    let page = "text\n```console\n$ echo one\n> echo two\none\n…\n```\n```sh\n$ not run\n```\n";
    let expected =
        Step { line: 3, command: "echo one\necho two".into(), shown: vec!["one".into(), "…".into()] };
    assert_eq!(steps(page), [expected]);
    assert!(fits("id … made", "id fnd_1 made") && fits("a…b…c", "a-b-b-c") && fits("same", "same "));
    assert!(!fits("id … made", "id fnd_1 lost") && !fits("same", "same again"));
    let shown = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>();
    assert!(matches(&shown(&["a", "…", "z", ""]), &["a", "b", "c", "z"]));
    assert!(!matches(&shown(&["a", "z"]), &["a", "b", "z"]));
}
