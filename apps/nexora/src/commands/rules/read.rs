//! Rules and events from files that the user names.

use crate::cli::Dialect;
use crate::failure::Failure;
use base::Kind;
use detect::{Options, RuleText};
use events::{Encoding, Framed, Frames, Inflater, Limits};
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
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

/// How many bytes are read at once.
const PIECE: usize = 256 << 10;

/// A file of events of any size, plain or compressed, that is read as it is asked for.
pub(crate) struct Events {
    /// Its name, as it was given.
    pub(crate) name: String,
    frames: Frames<Box<dyn BufRead>>,
}

impl Events {
    /// Opens a file, or standard input where its name is `-`. One that cannot be read, whatever the reason, is input
    /// that cannot be used.
    pub(crate) fn open(path: &Path) -> Result<Self, Failure> {
        let name = name(path);
        let reader: Box<dyn BufRead> = if path == Path::new("-") {
            Box::new(BufReader::with_capacity(PIECE, io::stdin()))
        } else {
            let file = File::open(path);
            let file = file.map_err(|error| Failure::new(Kind::BadInput, format!("{name}: {error}")))?;
            Box::new(BufReader::with_capacity(PIECE, file))
        };
        let unreadable = |error: events::inflate::Error| Failure::new(Kind::BadInput, told(&name, &error));
        let source = Inflater::new(reader, Encoding::Auto, Limits::FILE).map_err(unreadable)?;
        Ok(Self { frames: Frames::new(source), name })
    }

    /// The next event; none at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Framed<'_>>, Failure> {
        let name = &self.name;
        self.frames.read().map_err(|error| Failure::new(Kind::BadInput, told(name, &error)))
    }
}

/// What a file is called.
pub(crate) fn name(path: &Path) -> String {
    if path == Path::new("-") { "standard input".to_owned() } else { path.display().to_string() }
}

/// What is wrong with a file, with its causes.
fn told(name: &str, error: &dyn std::error::Error) -> String {
    let mut told = format!("{name}: {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        told.push_str(&format!(": {error}"));
        cause = error.source();
    }
    told
}

/// What rules may use beyond what stands in their text.
pub(crate) fn options(dialect: &Dialect) -> Options {
    let mut options = Options { drafts: dialect.drafts, ..Options::default() };
    for (name, value) in &dialect.placeholders {
        options.placeholders.entry(name.clone()).or_default().push(value.clone());
    }
    options
}

/// The format with this name.
pub(crate) fn format(name: Option<&str>) -> Result<Option<events::Format>, Failure> {
    let Some(name) = name else { return Ok(None) };
    let known = || format!("no such format: {name}; known are {}", events::Format::list());
    events::Format::named(name).map(Some).ok_or_else(|| Failure::new(Kind::BadInput, known()))
}
