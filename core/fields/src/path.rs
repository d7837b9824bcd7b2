//! Which field of a dataset is meant: a column, or a place inside nested values.

use crate::Error;
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// The most steps of a path: deeper data is refused, not walked.
pub const MAX_STEPS: usize = 32;

/// A field's path.
///
/// A column is its name, as it stands in the header. A place inside nested values begins with `$.` or `$[` and
/// follows a subset of JSONPath (RFC 9535): member names (`$.a.b`, `$['a b']`) and all elements of an array
/// (`$.items[*].sku`). A column whose name itself begins so is written as a path: `$['$.a']`.
///
/// Every field has one path: what is read is put into one form (a name stands behind a dot where RFC 9535
/// allows it, else in single quotes; a single name is the column's name alone), and that form stands in the
/// manifest and in the associated data of the field's values.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Path {
    text: String,
    steps: Vec<Step>,
}

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Step {
    /// The member of this name; the first one is a column.
    Member(String),
    /// Every element of an array.
    Items,
}

impl Path {
    /// Reads a path.
    ///
    /// # Errors
    /// [`Error::Policy`] for an empty name, a path that does not begin with a name, one that uses more of
    /// JSONPath than is supported here, or one with more than [`MAX_STEPS`] steps.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let wrong = |why: &str| Err(Error::Policy(format!("`{text}` is no path: {why}")));
        if text.is_empty() {
            return Err(Error::Policy("a field has no name".to_owned()));
        }
        if !text.starts_with("$.") && !text.starts_with("$[") {
            return Ok(Self { text: text.to_owned(), steps: vec![Step::Member(text.to_owned())] });
        }
        let mut steps = Vec::new();
        let mut rest = &text[1..];
        while !rest.is_empty() {
            if steps.len() == MAX_STEPS {
                return wrong("it is too deep");
            }
            let (step, after) = match step(rest) {
                Ok(read) => read,
                Err(why) => return wrong(why),
            };
            steps.push(step);
            rest = after;
        }
        if !matches!(steps.first(), Some(Step::Member(_))) {
            return wrong("it does not begin with a name");
        }
        Ok(Self { text: canonical(&steps), steps })
    }

    /// The path of a column of this name, whatever characters it has.
    ///
    /// # Errors
    /// [`Error::Policy`] where the name is empty.
    pub fn column(name: &str) -> Result<Self, Error> {
        if name.is_empty() {
            return Err(Error::Policy("a field has no name".to_owned()));
        }
        let steps = vec![Step::Member(name.to_owned())];
        Ok(Self { text: canonical(&steps), steps })
    }

    /// Its one form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Its steps: at least one, the first a member.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The name of the column that it begins with.
    #[must_use]
    pub fn top(&self) -> &str {
        match self.steps.first() {
            Some(Step::Member(name)) => name,
            _ => "",
        }
    }

    /// Whether it is a whole column.
    #[must_use]
    pub fn is_column(&self) -> bool {
        self.steps.len() == 1
    }

    /// Whether a row may have several values of it.
    #[must_use]
    pub fn is_repeated(&self) -> bool {
        self.steps.contains(&Step::Items)
    }

    /// Whether one is part of the other, or both are the same.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        self.steps.iter().zip(&other.steps).all(|(mine, theirs)| mine == theirs)
    }
}

/// The first step, and what follows it.
fn step(text: &str) -> Result<(Step, &str), &'static str> {
    if let Some(after) = text.strip_prefix("[*]") {
        return Ok((Step::Items, after));
    }
    if let Some(after) = text.strip_prefix('.') {
        let end = after.find(['.', '[']).unwrap_or(after.len());
        let (name, after) = after.split_at(end);
        return match plain(name) {
            true => Ok((Step::Member(name.to_owned()), after)),
            false => Err("a name behind a dot has letters, digits and `_`; quote others: ['a b']"),
        };
    }
    let quote = match text.as_bytes() {
        [b'[', quote @ (b'\'' | b'"'), ..] => char::from(*quote),
        _ => return Err("names ($.a, $['a']) and all elements ([*]) can be followed, nothing else"),
    };
    let mut name = String::new();
    let mut chars = text[2..].char_indices();
    while let Some((at, next)) = chars.next() {
        if next == quote {
            let after = text[2 + at + 1..].strip_prefix(']').ok_or("a `]` is missing behind a name")?;
            return if name.is_empty() { Err("a name is empty") } else { Ok((Step::Member(name), after)) };
        }
        name.push(match next {
            '\\' => match chars.next() {
                Some((_, escaped @ ('\\' | '\'' | '"'))) => escaped,
                _ => return Err("a backslash stands before a quote or a backslash"),
            },
            plain => plain,
        });
    }
    Err("a quote is left open")
}

/// Whether a name may stand behind a dot: `member-name-shorthand` of RFC 9535.
fn plain(name: &str) -> bool {
    let first = |c: char| c.is_ascii_alphabetic() || c == '_' || !c.is_ascii();
    let mut chars = name.chars();
    chars.next().is_some_and(first) && chars.all(|c| first(c) || c.is_ascii_digit())
}

fn canonical(steps: &[Step]) -> String {
    use fmt::Write as _;
    if let [Step::Member(name)] = steps
        && !name.starts_with("$.")
        && !name.starts_with("$[")
    {
        return name.clone();
    }
    let mut text = "$".to_owned();
    for step in steps {
        match step {
            Step::Items => text.push_str("[*]"),
            Step::Member(name) if plain(name) => {
                text.push('.');
                text.push_str(name);
            }
            Step::Member(name) => {
                let escaped = name.replace('\\', "\\\\").replace('\'', "\\'");
                write!(text, "['{escaped}']").expect("a string takes any text");
            }
        }
    }
    text
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Path {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::parse(text)
    }
}

impl TryFrom<String> for Path {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        Self::parse(&text)
    }
}

impl From<Path> for String {
    fn from(path: Path) -> Self {
        path.text
    }
}

impl AsRef<str> for Path {
    fn as_ref(&self) -> &str {
        &self.text
    }
}

impl PartialEq<str> for Path {
    fn eq(&self, other: &str) -> bool {
        self.text == other
    }
}

impl PartialEq<&str> for Path {
    fn eq(&self, other: &&str) -> bool {
        self.text == *other
    }
}

#[cfg(test)]
mod tests {
    use super::{MAX_STEPS, Path, Step};

    #[test]
    fn every_field_has_one_path() {
        for (text, one) in [
            ("email", "email"),
            ("e mail", "e mail"),
            ("$", "$"),
            ("$amount", "$amount"),
            ("a.b", "a.b"),
            ("$.email", "email"),
            ("$['e mail']", "e mail"),
            ("$.a.b", "$.a.b"),
            ("$['a']['b']", "$.a.b"),
            ("$.a[\"b c\"]", "$.a['b c']"),
            ("$['it\\'s'].x", "$['it\\'s'].x"),
            ("$[\"it's\"].x", "$['it\\'s'].x"),
            ("$['$.a']", "$['$.a']"),
            ("$.items[*].sku", "$.items[*].sku"),
            ("$.tags[*]", "$.tags[*]"),
            ("$.größe.x", "$.größe.x"),
            ("$['1'].x", "$['1'].x"),
            ("$['a\\\\b'].x", "$['a\\\\b'].x"),
        ] {
            let path = Path::parse(text).expect(text);
            assert_eq!(path.as_str(), one);
            assert_eq!(Path::parse(one).expect("its own form"), path, "{text}");
        }
        let path = Path::parse("$.items[*]['a b']").expect("a path");
        let member = |name: &str| Step::Member(name.to_owned());
        assert_eq!(path.steps(), [member("items"), Step::Items, member("a b")]);
        assert!(path.is_repeated() && !path.is_column() && path.top() == "items");
        assert_eq!(Path::column("$.a").expect("a column").as_str(), "$['$.a']");
        assert_eq!(Path::column("$.a").expect("a column").top(), "$.a");
    }

    #[test]
    fn what_cannot_be_followed_is_refused() {
        for text in [
            "",
            "$.",
            "$.a.",
            "$..a",
            "$[*]",
            "$[0]",
            "$.a[0]",
            "$.a[1:2]",
            "$.a[?@.b]",
            "$['a'",
            "$['a",
            "$['']",
            "$.a b",
            "$.1",
            "$['a']x",
            "$['\\n']",
            "$.a[*",
            "$.*",
        ] {
            assert!(Path::parse(text).is_err(), "{text}");
        }
        assert!(Path::parse(&format!("$.a{}", "[*]".repeat(MAX_STEPS))).is_err());
    }

    #[test]
    fn a_part_overlaps_its_whole() {
        let path = |text: &str| Path::parse(text).expect("a path");
        assert!(path("a").overlaps(&path("$.a.b")));
        assert!(path("$.a.b").overlaps(&path("$.a.b")));
        assert!(!path("$.a.b").overlaps(&path("$.a.c")));
        assert!(!path("$.a.bc").overlaps(&path("$.a.b")));
    }
}
