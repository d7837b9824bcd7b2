//! The files of the repository, as text.

use std::path::Path;

/// Folders that hold what was built, fetched or recorded, never what was written.
const NOT_OURS: &[&str] = &[".git", "target", ".cache", "node_modules", "__pycache__", "fuzz-corpus"];

/// One text file.
pub(crate) struct Source {
    /// Below the root, with `/` between names.
    pub(crate) path: String,
    pub(crate) text: String,
}

impl Source {
    pub(crate) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Does this file only ever run as a test?
    pub(crate) fn is_test(&self) -> bool {
        let mut names = self.path.split('/').rev();
        let file = names.next().unwrap_or_default();
        file == "tests.rs" || file.ends_with("_tests.rs") || names.any(|folder| folder == "tests")
    }

    /// The lines that run in the product: without comments, and without the unit tests at the end.
    pub(crate) fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let end = self.text.find("\n#[cfg(test)]\nmod ").unwrap_or(self.text.len());
        let lines = self.text[..end].lines().enumerate().map(|(index, line)| (index + 1, line));
        lines.filter(|(_, line)| !line.trim_start().starts_with("//"))
    }

    /// Where `words` stands in the code, as `path:line: text`.
    pub(crate) fn lines_with(&self, words: &str) -> Vec<String> {
        let found = self.code().filter(|(_, line)| line.contains(words));
        found.map(|(number, line)| format!("{}:{number}: {}", self.path, line.trim())).collect()
    }
}

/// Every text file below the root, by path.
pub(crate) fn sources() -> Vec<Source> {
    let mut found = Vec::new();
    visit(tests::repository(), "", &mut found);
    found.sort_by(|one, other| one.path.cmp(&other.path));
    assert!(found.iter().any(|source| source.path == "core/base/src/lib.rs"), "the walk reaches the sources");
    found
}

fn visit(folder: &Path, below: &str, found: &mut Vec<Source>) {
    for entry in std::fs::read_dir(folder).expect("a folder of the repository can be listed") {
        let entry = entry.expect("a folder of the repository can be listed");
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if below.is_empty() { name.clone() } else { format!("{below}/{name}") };
        let kind = entry.file_type().expect("the kind of a file can be read");
        if kind.is_dir() && !NOT_OURS.contains(&name.as_str()) {
            visit(&entry.path(), &path, found);
        } else if kind.is_file()
            && let Ok(text) = std::fs::read_to_string(entry.path())
        {
            found.push(Source { path, text });
        }
    }
}

#[test]
fn tests_are_told_from_the_product() {
    let source = |path: &str, text: &str| Source { path: path.to_owned(), text: text.to_owned() };
    assert!(source("core/detect/tests/it/main.rs", "").is_test());
    assert!(source("core/detect/src/sigma/tests.rs", "").is_test());
    assert!(!source("core/detect/src/sigma/condition.rs", "").is_test());
    let mixed =
        source("x.rs", "// riddle in words\nlet a = riddle(b);\n\n#[cfg(test)]\nmod tests {\n riddle()\n}\n");
    assert_eq!(mixed.lines_with("riddle"), ["x.rs:2: let a = riddle(b);"]);
}
