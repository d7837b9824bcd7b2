//! Rules and events from files that the user names.

use crate::commands::events::Contents;
use crate::failure::Failure;
use base::Kind;
use detect::RuleText;
use std::fs;
use std::path::{Path, PathBuf};

/// The text of a rule file, and where it stands.
pub(crate) struct RuleFile {
    pub(crate) path: String,
    pub(crate) text: String,
}

impl RuleFile {
    pub(crate) fn text(&self) -> RuleText<'_> {
        RuleText { path: &self.path, text: &self.text }
    }
}

/// Every `.yml` and `.yaml` file at or below `dir`, by path.
pub(crate) fn rules(dir: &Path) -> Result<Vec<RuleFile>, Failure> {
    let mut found = Vec::new();
    for path in files(dir)? {
        let named = path.extension().is_some_and(|extension| extension == "yml" || extension == "yaml");
        if named || path == dir {
            let text = fs::read_to_string(&path).map_err(|error| Failure::file(&path, &error))?;
            found.push(RuleFile { path: path.display().to_string(), text });
        }
    }
    if found.is_empty() {
        return Err(Failure::new(Kind::NotFound, format!("no rule (.yml) in {}", dir.display())));
    }
    Ok(found)
}

/// The file itself, or every file below the directory, by path. Names that begin with a dot are passed over.
pub(crate) fn files(place: &Path) -> Result<Vec<PathBuf>, Failure> {
    if place == Path::new("-") || place.is_file() {
        return Ok(vec![place.to_owned()]);
    }
    let mut found = Vec::new();
    let mut waiting = vec![place.to_owned()];
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(&folder).map_err(|error| Failure::file(&folder, &error))? {
            let entry = entry.map_err(|error| Failure::file(&folder, &error))?;
            let hidden = entry.file_name().to_string_lossy().starts_with('.');
            let path = entry.path();
            match (hidden, path.is_dir()) {
                (true, _) => {}
                (false, true) => waiting.push(path),
                (false, false) => found.push(path),
            }
        }
    }
    found.sort();
    Ok(found)
}

/// The events of one file. A file that cannot be read, whatever the reason, is input that cannot be used.
pub(crate) fn events(path: &Path) -> Result<Contents, Failure> {
    Contents::read(path).map_err(|failure| Failure::new(Kind::BadInput, failure.to_string()))
}

/// The format with this name.
pub(crate) fn format(name: Option<&str>) -> Result<Option<events::Format>, Failure> {
    let Some(name) = name else { return Ok(None) };
    let known = || format!("no such format: {name}; known are {}", events::Format::list());
    events::Format::named(name).map(Some).ok_or_else(|| Failure::new(Kind::BadInput, known()))
}
