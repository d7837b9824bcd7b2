//! What a command says: data on standard output in the format that was asked for, the rest on standard
//! error.
//!
//! What comes from outside may hold control characters that a terminal obeys. None reaches one: in a table
//! they are written as escapes, in JSON and YAML they are escaped by the format, and what a format lets
//! through is escaped where the output is a terminal.

use crate::cli::Format;
use crate::failure::Failure;
use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;
use std::fmt::Write as _;
use std::io::{self, IsTerminal as _, Write};

/// Where a command prints.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    format: Format,
    terminal: bool,
}

/// What can be printed in every format.
pub(crate) trait Show: Serialize {
    /// The same for people.
    fn table(&self) -> String;
}

impl Output {
    /// The process's own standard output.
    pub(crate) fn standard(format: Format) -> Self {
        Self { format, terminal: io::stdout().is_terminal() }
    }

    /// Whether standard output is a terminal.
    pub(crate) const fn is_terminal(self) -> bool {
        self.terminal
    }

    /// Prints one document.
    pub(crate) fn show(self, document: &impl Show) -> Result<(), Failure> {
        match self.format {
            Format::Table => self.write(document.table().trim_end()),
            Format::Json | Format::Yaml => self.document(document),
        }
    }

    /// Prints one line of a stream.
    pub(crate) fn line(self, line: &impl Show) -> Result<(), Failure> {
        match self.format {
            Format::Json => self.write(&json(line, false)?),
            Format::Yaml => self.write(&format!("---\n{}", yaml(line)?.trim_end())),
            Format::Table => self.write(line.table().trim_end()),
        }
    }

    /// Prints one document as JSON, or as YAML where that was asked for.
    pub(crate) fn document(self, document: &impl Serialize) -> Result<(), Failure> {
        let text = if self.format == Format::Yaml { yaml(document)? } else { json(document, self.terminal)? };
        self.write(text.trim_end())
    }

    /// Prints one document as one line of JSON, whatever format was asked for.
    pub(crate) fn json_line(self, document: &impl Serialize) -> Result<(), Failure> {
        self.write(&json(document, false)?)
    }

    /// Prints text of our own, with a line's end behind it.
    pub(crate) fn write(self, text: &str) -> Result<(), Failure> {
        let text = if self.terminal { escaped(text, true) } else { text.to_owned() };
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes())
            .and_then(|()| out.write_all(b"\n"))
            .and_then(|()| out.flush())
            .map_err(|error| Failure::stdout(&error))
    }

    /// Prints bytes as they are: data that was asked for, which a pipe takes unchanged.
    pub(crate) fn raw(self, bytes: &[u8]) -> Result<(), Failure> {
        if self.terminal {
            let mut out = io::stdout().lock();
            let text = escaped(&String::from_utf8_lossy(bytes), true);
            return out.write_all(text.as_bytes()).map_err(|error| Failure::stdout(&error));
        }
        io::stdout().lock().write_all(bytes).map_err(|error| Failure::stdout(&error))
    }

    /// Sees to it that what was printed has left this process.
    pub(crate) fn flush(self) -> Result<(), Failure> {
        io::stdout().lock().flush().map_err(|error| Failure::stdout(&error))
    }

    /// Says why the command failed: for people, or, where JSON was asked for, as the error document.
    pub(crate) fn failed(self, failure: &Failure) {
        if failure.is_silent() {
            return;
        }
        match (self.format, serde_json::to_string(failure.problem())) {
            (Format::Json, Ok(document)) => self.say(&document),
            _ => self.say(&format!("nexora: {failure}")),
        }
    }

    /// Says something beside the data, on standard error.
    pub(crate) fn say(self, text: &str) {
        // A reader of standard error that has gone is no failure of the command.
        drop(writeln!(io::stderr().lock(), "{}", escaped(text, true)));
    }
}

fn json(document: &impl Serialize, pretty: bool) -> Result<String, Failure> {
    let text = if pretty { serde_json::to_string_pretty(document) } else { serde_json::to_string(document) };
    text.map_err(|error| Failure::ours(format!("no JSON: {error}")))
}

fn yaml(document: &impl Serialize) -> Result<String, Failure> {
    // By way of JSON values, because YAML knows nothing of raw JSON.
    let value = serde_json::to_value(document).map_err(|error| Failure::ours(format!("no JSON: {error}")))?;
    serde_yaml_ng::to_string(&value).map_err(|error| Failure::ours(format!("no YAML: {error}")))
}

/// Rows under a head, aligned; no cell breaks the table.
pub(crate) fn rows<const N: usize>(head: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> String {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(head.map(str::to_uppercase));
    for row in rows {
        table.add_row(row.map(|cell| escaped(&cell, false)));
    }
    table.lines().map(|line| line.trim_end().to_owned() + "\n").collect()
}

/// Names and values, one a line; what has no value is left out.
pub(crate) fn facts<'a>(facts: impl IntoIterator<Item = (&'a str, Option<String>)>) -> String {
    let facts: Vec<_> = facts.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
    let width = facts.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let mut out = String::new();
    for (name, value) in facts {
        let _ = writeln!(out, "{name:width$}  {}", escaped(&value, false));
    }
    out
}

/// The text with every character that a terminal obeys written as an escape.
pub(crate) fn escaped(text: &str, lines: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' if lines => out.push('\n'),
            // Marks that change the direction of what follows, so that text reads as something else.
            '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                let _ = write!(out, "\\u{:04x}", u32::from(character));
            }
            _ if character.is_control() => {
                let _ = write!(out, "\\u{:04x}", u32::from(character));
            }
            _ => out.push(character),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{escaped, facts, rows};

    #[test]
    fn no_control_character_reaches_a_terminal() {
        let hostile = "\u{1b}[2J\u{1b}]0;title\u{7}a\r\nb\u{9b}31m\u{202e}c\u{7f}";
        for text in [
            escaped(hostile, true),
            rows(["a\u{1b}"], [[hostile.to_owned()]]).replacen("A\u{1b}", "A", 1),
            facts([("name", Some(hostile.to_owned()))]),
        ] {
            let left: Vec<char> = text.chars().filter(|c| c.is_control() && *c != '\n').collect();
            assert!(left.is_empty(), "{left:?}");
            assert!(!text.contains('\u{202e}'));
        }
        assert!(!escaped("a\nb", false).contains('\n'), "a cell stays in its row");
        assert_eq!(escaped("grüße ✓", false), "grüße ✓");
    }
}
