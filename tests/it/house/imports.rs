//! Who may use whom.

use super::none;
use super::packages::{Package, packages};
use super::sources::{Source, sources};
use super::table::{Place, allows, allows_in_tests};
use std::collections::{BTreeMap, BTreeSet};

/// What a crate in `core` cannot depend on: each of these is a way to do I/O, to wait, or to draw a
/// random number that nobody handed in.
const NOT_PURE: &[&str] = &[
    "async-trait",
    "axum",
    "fs4",
    "futures",
    "getrandom",
    "hyper",
    "hyper-util",
    "metrics",
    "rand",
    "reqwest",
    "rustls",
    "sea-orm",
    "sqlx",
    "tempfile",
    "tokio",
    "tokio-rustls",
    "tokio-util",
];

/// What only `apps` and `backends` may depend on: they alone speak HTTP.
const HTTP: &[&str] =
    &["axum", "http", "http-body", "http-body-util", "hyper", "hyper-util", "reqwest", "tower"];

#[test]
fn each_crate_imports_only_what_the_table_allows() {
    let mut wrong = Vec::new();
    for package in packages() {
        let from = package.place();
        for dependency in &package.dependencies {
            let Some(folder) = &dependency.folder else { continue };
            let to = Place::of(folder);
            let allowed =
                allows(&from, &to) || (dependency.for_tests && from != to && allows_in_tests(&from, &to));
            if !allowed {
                let kind = if dependency.for_tests { "tests of " } else { "" };
                wrong.push(format!("{kind}{} → {folder}", package.folder));
            }
        }
    }
    none(wrong, "imports that the table in ARCHITECTURE.md does not allow");
}

#[test]
fn there_are_no_circles() {
    // Dependencies of tests count: a circle through one builds a crate twice, with two sets of types.
    let edges: BTreeMap<String, BTreeSet<String>> = packages()
        .into_iter()
        .map(|package| {
            let to = package.dependencies.iter().filter_map(|dependency| dependency.folder.clone());
            (package.folder.clone(), to.collect())
        })
        .collect();
    none(circle(&edges).into_iter().collect(), "crates that depend on each other");
}

/// A crate that reaches itself. Crates without dependencies are taken away until none is left, or only
/// circles are.
fn circle(edges: &BTreeMap<String, BTreeSet<String>>) -> Option<String> {
    let mut left = edges.clone();
    loop {
        let done: Vec<String> = left
            .iter()
            .filter(|(_, to)| !to.iter().any(|name| left.contains_key(name)))
            .map(|(name, _)| name.clone())
            .collect();
        if done.is_empty() {
            return (!left.is_empty()).then(|| left.into_keys().collect::<Vec<_>>().join(" ↔ "));
        }
        left.retain(|name, _| !done.contains(name));
    }
}

#[test]
fn a_circle_is_found() {
    let graph = |edges: &[(&str, &str)]| {
        let mut graph: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (from, to) in edges {
            graph.entry((*from).to_owned()).or_default().insert((*to).to_owned());
            graph.entry((*to).to_owned()).or_default();
        }
        graph
    };
    assert_eq!(circle(&graph(&[("a", "b"), ("b", "c"), ("a", "c")])), None);
    assert_eq!(circle(&graph(&[("a", "b"), ("b", "c"), ("c", "b")])).as_deref(), Some("a ↔ b ↔ c"));
}

#[test]
fn core_is_pure() {
    let mut wrong = Vec::new();
    for package in packages().iter().filter(|package| package.place().layer == "core") {
        wrong.extend(depends(package, NOT_PURE));
    }
    const DOORS: &[&str] = &[
        "std::fs",
        "TcpStream",
        "TcpListener",
        "UdpSocket",
        "std::process",
        "std::thread",
        "async fn",
        ".await",
        "thread_rng",
        "RandomState",
    ];
    for source in sources().iter().filter(|source| source.path.starts_with("core/") && !source.is_test()) {
        for door in DOORS {
            wrong.extend(source.lines_with(door));
        }
    }
    none(wrong, "core does no I/O, waits for nothing and draws no random number");
}

#[test]
fn only_apps_and_backends_speak_http() {
    let mut wrong = Vec::new();
    for package in packages() {
        match (package.place().layer.as_str(), package.place().room.as_str()) {
            ("core" | "services" | "rules", _) => wrong.extend(depends(&package, HTTP)),
            ("apps", "api") => wrong.extend(depends(&package, &["axum"])),
            _ => {}
        }
    }
    none(wrong, "HTTP belongs to apps and backends, and api knows no server");
}

#[test]
fn only_fields_reads_and_writes_datasets() {
    const FORMATS: &[&str] =
        &["parquet", "csv", "csv-core", "arrow-csv", "arrow-json", "arrow-ipc", "arrow-avro", "orc-rust"];
    let others = packages();
    let others = others.iter().filter(|package| !matches!(package.folder.as_str(), "core/fields" | "bench"));
    let wrong = others.flat_map(|package| depends(package, FORMATS)).collect();
    none(wrong, "`formats` in core/fields is the only reader and writer of datasets and of the lake's files");
}

#[test]
fn no_sql_outside_store() {
    const DIALECT: &[&str] =
        &["SELECT ", "INSERT INTO", "UPDATE SET", "DELETE FROM", "CREATE TABLE", "CREATE INDEX", "PRAGMA "];
    let mut wrong = Vec::new();
    for package in packages().iter().filter(|package| package.folder != "services/store") {
        wrong.extend(depends(package, &["sqlx", "rusqlite", "libsqlite3-sys"]));
    }
    for source in sources() {
        let elsewhere = source.path.starts_with("services/store/") || source.is_test() || !source.is_rust();
        if !elsewhere {
            wrong.extend(DIALECT.iter().flat_map(|words| source.lines_with(words)));
        }
    }
    none(wrong, "only store knows which database it speaks to");
}

#[test]
fn every_dependency_is_in_use() {
    let sources = sources();
    let mut wrong = Vec::new();
    let mut used = BTreeSet::new();
    for package in packages() {
        let own: Vec<&Source> = sources
            .iter()
            .filter(|source| source.is_rust() && source.path.starts_with(&format!("{}/", package.folder)))
            .collect();
        for dependency in &package.dependencies {
            used.insert(dependency.name.clone());
            let words = [
                format!("{}::", dependency.alias),
                format!("use {};", dependency.alias),
                format!("use {} as", dependency.alias),
            ];
            if !own.iter().any(|source| words.iter().any(|word| source.text.contains(word))) {
                wrong.push(format!("{} does not use {}", package.folder, dependency.name));
            }
        }
    }
    let manifest =
        std::fs::read_to_string(tests::repository().join("Cargo.toml")).expect("the root manifest");
    let table = manifest.split("[workspace.dependencies]").nth(1).unwrap_or_default();
    let table = table.split("\n[").next().unwrap_or_default();
    for line in table.lines().filter(|line| !line.starts_with('#')) {
        let Some((alias, value)) = line.split_once(" = ") else { continue };
        let name = value
            .split_once("package = \"")
            .map_or(alias, |(_, rest)| rest.split('"').next().unwrap_or(alias));
        if !used.contains(name) {
            wrong.push(format!("no crate uses the workspace dependency {alias}"));
        }
    }
    none(wrong, "only dependencies in use");
}

/// Which of `names` a crate depends on, outside its tests.
fn depends(package: &Package, names: &[&str]) -> Vec<String> {
    let own = package.dependencies.iter().filter(|dependency| !dependency.for_tests);
    own.filter(|dependency| names.contains(&dependency.name.as_str()))
        .map(|dependency| format!("{} → {}", package.folder, dependency.name))
        .collect()
}
