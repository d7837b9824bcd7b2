//! Where things stand, what they are called and how long they get.

use super::none;
use super::packages::packages;
use super::sources::{Source, sources};

/// The longest that a file of the product may be. Above it there is a second idea in it.
const LONGEST: usize = 600;

/// Files that are longer all the same, each with its reason.
const LONGER: &[(&str, &str)] = &[];

/// Folders at the root.
const AT_THE_ROOT: &[&str] =
    &[".ci", "apps", "backends", "bench", "core", "deploy", "docs", "rules", "services", "tests"];

/// Folders below `docs`.
const DOCS: &[&str] = &["architecture", "decisions", "formats"];

/// Names that say nothing about what is inside.
const EMPTY_NAMES: &[&str] =
    &["common", "helper", "helpers", "manager", "misc", "stuff", "type", "types", "util", "utils"];

#[test]
fn every_crate_stands_in_a_room_of_the_house() {
    let mut wrong = Vec::new();
    for package in packages() {
        let place = package.place();
        if !place.is_known() {
            wrong.push(format!("{}: the design has no such room", package.folder));
        }
        let expected = match place.room.as_str() {
            room @ ("nexora" | "bench") => room.to_owned(),
            room => format!("nexora-{room}"),
        };
        if package.name != expected {
            wrong.push(format!("{}: the package is called {}, not {expected}", package.folder, package.name));
        }
        if package.library.as_ref().is_some_and(|library| *library != place.room) {
            wrong.push(format!("{}: the library is not called {}", package.folder, place.room));
        }
    }
    for source in sources() {
        let mut folders: Vec<&str> = source.path.split('/').collect();
        folders.pop();
        let known = match folders.as_slice() {
            [] => true,
            ["docs", folder, ..] => DOCS.contains(folder),
            [layer @ ("core" | "services" | "backends" | "apps"), room, ..] => {
                super::table::Place::of(&format!("{layer}/{room}")).is_known()
            }
            [folder, ..] => AT_THE_ROOT.contains(folder),
        };
        if !known {
            wrong.push(format!("{}: no such folder in the house", source.path));
        }
    }
    none(wrong, "each thing stands in the room that the design gives it");
}

#[test]
fn every_crate_takes_the_workspace_lints() {
    let manifests = sources();
    let manifests = manifests.iter().filter(|source| source.path.ends_with("/Cargo.toml"));
    let mut wrong = Vec::new();
    for manifest in manifests {
        if !takes_workspace_lints(&manifest.text) {
            wrong.push(format!("{}: [lints] workspace = true is missing", manifest.path));
        }
    }
    none(wrong, "no crate chooses its own lints");
}

fn takes_workspace_lints(manifest: &str) -> bool {
    let mut lines = manifest.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.any(|line| line == "[lints]") && lines.next() == Some("workspace = true")
}

#[test]
fn every_lint_has_its_reason() {
    let manifest =
        std::fs::read_to_string(tests::repository().join("Cargo.toml")).expect("the root manifest");
    let mut wrong = Vec::new();
    let mut before = "";
    let mut inside = false;
    for line in manifest.lines() {
        if line.starts_with('[') {
            inside = line.starts_with("[workspace.lints");
        } else if inside && line.contains(" = ") {
            // A comment speaks for the line below it, and for the lines that follow without a gap.
            if before.trim().is_empty()
                || before.starts_with("[workspace.lints") && !line.starts_with("all =")
            {
                wrong.push(line.to_owned());
            }
        }
        before = line;
    }
    let clippy = std::fs::read_to_string(tests::repository().join("clippy.toml")).expect("clippy.toml");
    wrong.extend(
        clippy
            .lines()
            .filter(|line| line.contains("{ path =") && !line.contains("reason = \""))
            .map(str::to_owned),
    );
    none(wrong, "a lint without a sentence that says why");
}

#[test]
fn every_file_says_what_it_is() {
    let mut wrong = Vec::new();
    for source in sources().iter().filter(|source| source.is_rust()) {
        if !has_module_doc(&source.text) {
            wrong.push(source.path.clone());
        }
    }
    none(wrong, "a file begins with `//!` and a sentence");
}

/// Only inner attributes may stand before the doc.
fn has_module_doc(text: &str) -> bool {
    let first = text.lines().find(|line| !line.trim().is_empty() && !line.starts_with("#!["));
    first.and_then(|line| line.strip_prefix("//!")).is_some_and(|words| words.trim().len() > 3)
}

#[test]
fn no_file_is_longer_than_one_idea() {
    let mut wrong = Vec::new();
    for source in sources().iter().filter(|source| is_program(source) && !source.is_test()) {
        let lines = source.text.lines().count();
        match LONGER.iter().find(|(path, _)| *path == source.path) {
            Some(_) if lines <= LONGEST => {
                wrong.push(format!("{}: no longer needs its exception", source.path))
            }
            None if lines > LONGEST => wrong.push(format!("{}: {lines} lines", source.path)),
            _ => {}
        }
    }
    none(wrong, "longer than 600 lines: divide it by idea, or write down the reason");
}

fn is_program(source: &Source) -> bool {
    [".rs", ".py", ".ts", ".tsx", ".go"].iter().any(|ending| source.path.ends_with(ending))
}

#[test]
fn no_module_has_an_empty_name() {
    let mut wrong = Vec::new();
    for source in sources().iter().filter(|source| is_program(source)) {
        let mut names = source.path.split('/').map(|name| name.split('.').next().unwrap_or(name));
        if names.any(|name| EMPTY_NAMES.contains(&name)) {
            wrong.push(source.path.clone());
        }
        for name in EMPTY_NAMES {
            wrong.extend(source.lines_with(&format!("mod {name} {{")));
        }
    }
    none(wrong, "a name that would fit anything: name the thing it does");
}

#[test]
fn the_checks_can_fail() {
    assert!(!has_module_doc("use std::fmt;\n//! too late\n"));
    assert!(!has_module_doc("//!\nfn main() {}\n"));
    assert!(has_module_doc("#![forbid(unsafe_code)]\n//! What it is.\n"));
    assert!(!takes_workspace_lints("[package]\nname = \"x\"\n"));
    assert!(!takes_workspace_lints("[lints.rust]\nunsafe_code = \"allow\"\n"));
    assert!(takes_workspace_lints("[package]\n\n[lints]\nworkspace = true\n"));
}
