//! What is built into the binary, and under which licence.

use super::none;
use super::packages::cargo;
use std::collections::BTreeSet;

/// What goes into the binary in its default build: name and licence of each crate, ours included.
fn in_the_binary() -> BTreeSet<(String, String)> {
    // Compilers and generators that run during the build count: they choose what is built.
    let text = cargo(&[
        "tree",
        "--package",
        "nexora",
        "--edges",
        "normal,build",
        "--prefix",
        "none",
        "--format",
        "{p}|{l}",
    ]);
    let crates = text.lines().filter_map(|line| {
        let (package, licence) = line.split_once('|')?;
        Some((package.split(' ').next()?.to_owned(), licence.trim_end_matches(" (*)").to_owned()))
    });
    let crates: BTreeSet<_> = crates.collect();
    assert!(crates.iter().any(|(name, _)| name == "aws-lc-rs"), "the tree of the binary is read");
    crates
}

/// The strings of a list in `deny.toml`, or the `crate` of each of its tables.
fn denied(list: &str) -> Vec<String> {
    let text = std::fs::read_to_string(tests::repository().join("deny.toml")).expect("deny.toml");
    let start = text.find(&format!("\n{list} = [\n")).expect("deny.toml has the list");
    let lines = text[start..].lines().skip(2).take_while(|line| *line != "]");
    lines.filter_map(|line| line.split('"').nth(1).map(str::to_owned)).collect()
}

#[test]
fn one_crypto_stack_and_nothing_that_is_banned() {
    let banned = denied("deny");
    assert!(["ring", "openssl-sys"].iter().all(|name| banned.iter().any(|known| known == name)));
    let built = in_the_binary();
    let wrong = built.iter().filter(|(name, _)| banned.contains(name)).map(|(name, _)| name.clone());
    none(wrong.collect(), "deny.toml bans it, and the default build has it");
}

#[test]
fn every_licence_is_allowed() {
    let allowed = denied("allow");
    let built = in_the_binary();
    let wrong = built.iter().filter(|(_, licence)| !permits(licence, &allowed));
    none(
        wrong.map(|(name, licence)| format!("{name}: {licence}")).collect(),
        "a licence that deny.toml does not allow",
    );
}

/// Reads an SPDX expression of `OR`, `AND`, parentheses, and the old `/` for `OR`.
fn permits(expression: &str, allowed: &[String]) -> bool {
    let text = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    // "X WITH Y" is one licence.
    let text = text.replace(" WITH ", "~WITH~");
    let words: Vec<&str> = text.split_whitespace().collect();
    let mut at = 0;
    let permitted = any_of(&words, &mut at, allowed);
    permitted && at == words.len()
}

fn any_of(words: &[&str], at: &mut usize, allowed: &[String]) -> bool {
    let mut permitted = all_of(words, at, allowed);
    while words.get(*at) == Some(&"OR") {
        *at += 1;
        permitted |= all_of(words, at, allowed);
    }
    permitted
}

fn all_of(words: &[&str], at: &mut usize, allowed: &[String]) -> bool {
    let mut permitted = one(words, at, allowed);
    while words.get(*at) == Some(&"AND") {
        *at += 1;
        permitted &= one(words, at, allowed);
    }
    permitted
}

fn one(words: &[&str], at: &mut usize, allowed: &[String]) -> bool {
    let Some(word) = words.get(*at) else { return false };
    *at += 1;
    if *word == "(" {
        let permitted = any_of(words, at, allowed);
        *at += 1;
        return permitted;
    }
    allowed.iter().any(|licence| *licence == word.replace("~WITH~", " WITH "))
}

#[test]
fn a_foreign_licence_is_found() {
    let allowed = ["MIT".to_owned(), "ISC".to_owned(), "Apache-2.0 WITH LLVM-exception".to_owned()];
    assert!(permits("MIT OR GPL-3.0-only", &allowed));
    assert!(permits("GPL-2.0/MIT", &allowed));
    assert!(permits("ISC AND (MIT OR LGPL-2.1-or-later)", &allowed));
    assert!(permits("Apache-2.0 WITH LLVM-exception", &allowed));
    assert!(!permits("MIT AND GPL-3.0-only", &allowed));
    assert!(!permits("", &allowed));
}
