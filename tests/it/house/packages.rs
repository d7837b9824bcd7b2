//! The workspace as cargo sees it.

use super::table::Place;
use serde_json::Value;
use std::process::Command;

/// One crate of ours.
pub(crate) struct Package {
    pub(crate) name: String,
    /// Its folder below the root, such as `core/base`.
    pub(crate) folder: String,
    /// The name that code imports, if it has a library.
    pub(crate) library: Option<String>,
    /// What it depends on: ours by folder, others by name.
    pub(crate) dependencies: Vec<Dependency>,
}

/// One dependency, as the manifest states it.
pub(crate) struct Dependency {
    pub(crate) name: String,
    /// What the code calls it.
    pub(crate) alias: String,
    /// The folder of a crate of ours.
    pub(crate) folder: Option<String>,
    /// Only for tests.
    pub(crate) for_tests: bool,
}

impl Package {
    pub(crate) fn place(&self) -> Place {
        Place::of(&self.folder)
    }
}

/// Runs cargo at the root and returns what it says on stdout.
pub(crate) fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .arg("--offline")
        .current_dir(tests::repository())
        .output()
        .expect("cargo runs: it has just built this test");
    let say = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "cargo {arguments:?} failed:\n{}", say(&output.stderr));
    say(&output.stdout)
}

/// Every crate of the workspace.
pub(crate) fn packages() -> Vec<Package> {
    let text = cargo(&["metadata", "--format-version", "1", "--no-deps"]);
    let metadata: Value = serde_json::from_str(&text).expect("cargo metadata is JSON");
    let root = metadata["workspace_root"].as_str().expect("a workspace has a root").to_owned();
    let below = |path: &str| path.strip_prefix(&root).map(|rest| rest.trim_matches('/').to_owned());
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let package = |value: &Value| Package {
        name: text(&value["name"]),
        folder: below(text(&value["manifest_path"]).trim_end_matches("Cargo.toml"))
            .expect("a member stands below the root"),
        library: list(&value["targets"])
            .iter()
            .find(|target| list(&target["kind"]).iter().any(|kind| kind == "lib"))
            .map(|target| text(&target["name"])),
        dependencies: list(&value["dependencies"])
            .iter()
            .map(|dependency| Dependency {
                name: text(&dependency["name"]),
                alias: dependency["rename"]
                    .as_str()
                    .map_or_else(|| text(&dependency["name"]), str::to_owned)
                    .replace('-', "_"),
                folder: dependency["path"].as_str().and_then(below),
                for_tests: dependency["kind"] == "dev",
            })
            // A crate that turns on a feature of its own for its tests.
            .filter(|dependency| !(dependency.for_tests && dependency.name == value["name"]))
            .collect(),
    };
    let packages: Vec<_> = list(&metadata["packages"]).iter().map(package).collect();
    assert!(packages.len() > 1, "cargo metadata lists the workspace");
    packages
}
