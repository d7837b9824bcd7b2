//! What is written down is there, and is true.

use super::none;
use super::sources::{Source, sources};
use std::collections::BTreeSet;

#[test]
fn every_link_resolves() {
    let sources = sources();
    let mut wrong = Vec::new();
    for page in sources.iter().filter(|source| source.path.ends_with(".md")) {
        for link in links(&page.text) {
            let (target, anchor) = link.split_once('#').unwrap_or((link, ""));
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            let path = if target.is_empty() { page.path.clone() } else { resolve(&page.path, target) };
            let file = sources.iter().find(|source| source.path == path);
            let anchored = anchor.is_empty() || file.is_some_and(|file| anchors(&file.text).contains(anchor));
            let there = file.is_some() || tests::repository().join(&path).exists();
            if !there || !anchored {
                wrong.push(format!("{}: {link}", page.path));
            }
        }
    }
    none(wrong, "a link that leads nowhere");
}

#[test]
fn every_document_that_the_code_names_exists() {
    let mut wrong = Vec::new();
    for source in sources() {
        for (at, _) in source.text.match_indices("docs/") {
            let rest = &source.text[at..];
            let end =
                rest.find(|c: char| !(c.is_ascii_alphanumeric() || "/-_.".contains(c))).unwrap_or(rest.len());
            let path = rest[..end].trim_end_matches('.');
            // A name in capitals stands for any: `docs/formats/NAME.md`.
            let is_one = path.ends_with(".md") && !path.contains("NAME") && !path.contains("NNNN");
            if is_one && !tests::repository().join(path).exists() {
                wrong.push(format!("{}: {path}", source.path));
            }
        }
    }
    none(wrong, "a document that is named and not there");
}

#[test]
fn decision_records_are_numbered_once() {
    let mut numbers = BTreeSet::new();
    let mut wrong = Vec::new();
    for record in sources().iter().filter(|source| source.path.starts_with("docs/decisions/")) {
        let name = record.path.trim_start_matches("docs/decisions/");
        let number = name.split('-').next().unwrap_or_default();
        let well_formed = number.len() == 4 && number.bytes().all(|digit| digit.is_ascii_digit());
        if !well_formed || !name.ends_with(".md") {
            wrong.push(format!("{name}: not NNNN-title.md"));
        } else if !numbers.insert(number.to_owned()) {
            wrong.push(format!("{name}: the number is taken"));
        }
        if !record.text.starts_with("# ") {
            wrong.push(format!("{name}: no title"));
        }
    }
    assert!(!numbers.is_empty(), "the records are found");
    none(wrong, "decision records");
}

#[test]
fn no_path_of_a_machine_is_in_the_tree() {
    // Spelled in halves, because this file is in the tree too.
    let paths = [
        concat!("/wo", "rk/"),
        concat!("/ro", "ot/"),
        concat!("/fa", "rm/"),
        concat!("bash_", "jobs"),
        concat!("/.lib", "rary"),
    ];
    let mut wrong = Vec::new();
    for source in sources() {
        for (number, line) in source.text.lines().enumerate() {
            for path in paths {
                if line.match_indices(path).any(|(at, _)| begins_there(line, at)) {
                    wrong.push(format!("{}:{}: {}", source.path, number + 1, line.trim()));
                }
            }
        }
    }
    none(wrong, "a path that exists on one machine only");
}

/// `DIR/root/x` is a path below something; only one that begins at the root of a machine is meant.
fn begins_there(line: &str, at: usize) -> bool {
    let before = line[..at].chars().next_back();
    before.is_none_or(|character| !(character.is_alphanumeric() || "._-}>)".contains(character)))
}

#[test]
fn every_invariant_names_the_test_that_holds_it() {
    let sources = sources();
    let map = sources.iter().find(|source| source.path == "ARCHITECTURE.md").expect("ARCHITECTURE.md");
    let section = map.text.split("\n## Invariants\n").nth(1).expect("a section named Invariants");
    let section = section.split("\n## ").next().unwrap_or_default();
    let rows: Vec<&str> = section.lines().filter(|line| line.starts_with("| ")).skip(1).collect();
    assert!(rows.len() > 10, "the table is read");
    let mut wrong = Vec::new();
    for row in rows {
        let held_by = row.trim_end_matches('|').rsplit('|').next().unwrap_or_default();
        let names: Vec<&str> = held_by.split('`').skip(1).step_by(2).collect();
        if names.is_empty() {
            wrong.push(format!("no test: {row}"));
        }
        for name in names {
            // `house::doors::a_test` is a module of this crate, `services/store::a_test` a folder.
            let (place, function) = name.rsplit_once("::").unwrap_or(("", name));
            let folder = if place.contains('/') {
                format!("{place}/")
            } else {
                format!("tests/it/{}", place.replace("::", "/"))
            };
            let holds = |source: &Source| {
                source.is_rust()
                    && source.path.starts_with(&folder)
                    && source.text.contains(&format!("fn {function}()"))
                    && source.text.contains("test]")
            };
            if place.is_empty() || !sources.iter().any(holds) {
                wrong.push(format!("no test of that name: {name}"));
            }
        }
    }
    none(wrong, "an invariant that nothing holds");
}

/// The targets of `[text](target)`, outside code.
fn links(page: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut fenced = false;
    for line in page.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        if !fenced {
            found.extend(line.match_indices("](").filter_map(|(at, _)| line[at + 2..].split(')').next()));
        }
    }
    found
}

/// The headings of a page as a browser names them.
fn anchors(page: &str) -> BTreeSet<String> {
    let headings = page.lines().filter(|line| line.starts_with('#'));
    let name = |heading: &str| -> String {
        let kept = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = kept.chars().filter(|c| c.is_alphanumeric() || *c == ' ' || *c == '-' || *c == '_');
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    };
    headings.map(name).collect()
}

/// A relative target, seen from the folder of `page`.
fn resolve(page: &str, target: &str) -> String {
    let mut folders: Vec<&str> = page.split('/').collect();
    folders.pop();
    for step in target.split('/') {
        match step {
            "." | "" => {}
            ".." => {
                folders.pop();
            }
            name => folders.push(name),
        }
    }
    folders.join("/")
}

#[test]
fn links_are_read_as_a_browser_reads_them() {
    assert_eq!(links("see [a](b.md#c) and [d](../e.md)\n```\n[no](f)\n```\n"), ["b.md#c", "../e.md"]);
    assert_eq!(resolve("notes/one/a.md", "../b.md"), "notes/b.md");
    assert!(anchors("## A fresh machine, `make`\n").contains("a-fresh-machine-make"));
    assert!(begins_there("cd /x/", 3) && !begins_there("DIR/x/", 3));
}
