//! The modifiers behind a field's name, and what they make of a value.

use super::Reason;
use super::matcher::{Matcher, Network, Number, Relation};
use super::text::{Place, Shape, Text, bounded};
use super::time::Part;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_yaml_ng::Value;
use std::collections::BTreeMap;

/// How many variants one value may grow to (`windash`).
const MAX_VARIANTS: usize = 256;
/// How many values one with placeholders may stand for (`expand`).
const MAX_EXPANDED: usize = 65_536;

/// A field's name taken apart: the path and what the modifiers ask for.
#[derive(Debug, Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is one modifier of the specification")]
pub(crate) struct Modifiers {
    /// The field as written, for messages.
    pub(crate) field: String,
    pub(crate) all: bool,
    pub(crate) exists: bool,
    pub(crate) reference: bool,
    pub(crate) unequal: bool,
    pub(crate) cased: bool,
    pub(crate) expand: bool,
    place: Option<Place>,
    relation: Option<Relation>,
    part: Option<Part>,
    regex: bool,
    multi_line: bool,
    dot_all: bool,
    ignore_case: bool,
    cidr: bool,
    windash: bool,
    encodings: Vec<Encoding>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Base64,
    Base64Offset,
    Utf16Le,
    Utf16Be,
    Utf16,
}

impl Modifiers {
    /// Takes `path|modifier|modifier` apart.
    pub(crate) fn read(written: &str) -> Result<(&str, Self), Reason> {
        let mut parts = written.split('|');
        let path = parts.next().unwrap_or_default();
        let mut found = Self { field: written.to_owned(), ..Self::default() };
        for modifier in parts {
            match modifier {
                "contains" => found.place(Place::Anywhere)?,
                "startswith" => found.place(Place::Start)?,
                "endswith" => found.place(Place::End)?,
                "all" => found.all = true,
                "exists" => found.exists = true,
                "fieldref" => found.reference = true,
                "neq" => found.unequal = true,
                "cased" => found.cased = true,
                "expand" => found.expand = true,
                "re" => found.regex = true,
                "i" | "ignorecase" if found.regex => found.ignore_case = true,
                "m" | "multiline" if found.regex => found.multi_line = true,
                "s" | "dotall" if found.regex => found.dot_all = true,
                "cidr" => found.cidr = true,
                "lt" => found.relation(Relation::Less)?,
                "lte" => found.relation(Relation::LessOrEqual)?,
                "gt" => found.relation(Relation::Greater)?,
                "gte" => found.relation(Relation::GreaterOrEqual)?,
                "minute" => found.part(Part::Minute)?,
                "hour" => found.part(Part::Hour)?,
                "day" => found.part(Part::Day)?,
                "week" => found.part(Part::Week)?,
                "month" => found.part(Part::Month)?,
                "year" => found.part(Part::Year)?,
                "windash" => found.windash = true,
                "base64" => found.encodings.push(Encoding::Base64),
                "base64offset" => found.encodings.push(Encoding::Base64Offset),
                "wide" | "utf16le" => found.encodings.push(Encoding::Utf16Le),
                "utf16be" => found.encodings.push(Encoding::Utf16Be),
                "utf16" => found.encodings.push(Encoding::Utf16),
                other => return Err(Reason::Unsupported(format!("the modifier `{other}`"))),
            }
        }
        found.check()?;
        Ok((path, found))
    }

    fn place(&mut self, place: Place) -> Result<(), Reason> {
        match self.place.replace(place) {
            Some(before) if before != place => Err(self.wrong("two modifiers say where the value stands")),
            _ => Ok(()),
        }
    }

    fn relation(&mut self, relation: Relation) -> Result<(), Reason> {
        match self.relation.replace(relation) {
            Some(_) => Err(self.wrong("two modifiers compare numbers")),
            None => Ok(()),
        }
    }

    fn part(&mut self, part: Part) -> Result<(), Reason> {
        match self.part.replace(part) {
            Some(_) => Err(self.wrong("two modifiers ask for a part of a date")),
            None => Ok(()),
        }
    }

    /// Refuses modifiers that contradict each other, so that none is silently without effect.
    fn check(&self) -> Result<(), Reason> {
        let string = self.place.is_some() || self.windash || !self.encodings.is_empty();
        let kinds = [
            string && !self.reference,
            self.relation.is_some() || self.part.is_some(),
            self.regex,
            self.cidr,
            self.exists,
            self.reference,
        ];
        let no_text = self.exists || self.reference || self.relation.is_some() || self.part.is_some();
        let one = kinds.iter().filter(|&&used| used).count() <= 1;
        let text_only =
            self.regex || self.cidr || self.exists || self.relation.is_some() || self.part.is_some();
        let reference = self.reference && (self.windash || !self.encodings.is_empty());
        let encoded_last = match self.encodings.as_slice() {
            [] | [_] => true,
            [first, Encoding::Base64 | Encoding::Base64Offset] => {
                !matches!(first, Encoding::Base64 | Encoding::Base64Offset)
            }
            _ => false,
        };
        // UTF-16 has no text form: only as base64 can it stand in an event.
        let bytes =
            matches!(self.encodings.last(), Some(Encoding::Utf16 | Encoding::Utf16Be | Encoding::Utf16Le));
        if one
            && !reference
            && encoded_last
            && !bytes
            && !(self.cased && text_only)
            && !(self.expand && no_text)
        {
            Ok(())
        } else {
            Err(self.wrong("these modifiers do not go together"))
        }
    }

    /// A value that this field cannot take.
    pub(crate) fn wrong(&self, problem: impl Into<String>) -> Reason {
        Reason::Value { field: self.field.clone(), problem: problem.into() }
    }

    /// Where the text of a reference has to stand.
    pub(crate) fn reference_place(&self) -> Place {
        self.place.unwrap_or(Place::Whole)
    }

    /// The tests that one value of the rule stands for, of which one must pass. Null, `exists` and
    /// `fieldref` ask about more than a value and are handled by the caller.
    pub(crate) fn matchers(&self, value: &Value) -> Result<Vec<Matcher>, Reason> {
        if let Some(part) = self.part {
            let number = number(value).ok_or_else(|| self.wrong("it needs a number"))?;
            return Ok(vec![Matcher::Part(part, self.relation.unwrap_or(Relation::Equal), number)]);
        }
        if let Some(relation) = self.relation {
            let number = number(value).ok_or_else(|| self.wrong("it needs a number"))?;
            return Ok(vec![Matcher::Number(relation, number)]);
        }
        let plain =
            self.place.is_none() && !self.regex && !self.cidr && !self.windash && self.encodings.is_empty();
        let text = match value {
            Value::Number(_) if plain => {
                let number = number(value).ok_or_else(|| self.wrong("it is no usable number"))?;
                return Ok(vec![Matcher::Number(Relation::Equal, number)]);
            }
            Value::Bool(wanted) if plain => return Ok(vec![Matcher::Bool(*wanted)]),
            Value::Number(number) => number.to_string(),
            Value::Bool(wanted) => wanted.to_string(),
            Value::String(text) => text.clone(),
            _ => return Err(self.wrong("it needs a text, a number or a boolean")),
        };
        if self.regex {
            let regex = bounded(&text, |builder| {
                builder.case_insensitive(self.ignore_case);
                builder.multi_line(self.multi_line);
                builder.dot_matches_new_line(self.dot_all);
            });
            return regex
                .map(|regex| vec![Matcher::Regex(Box::new(regex))])
                .map_err(|error| self.wrong(brief(&error)));
        }
        if self.cidr {
            let network =
                Network::read(&text).ok_or_else(|| self.wrong("it needs a network such as 10.0.0.0/8"))?;
            return Ok(vec![Matcher::Network(network)]);
        }
        let place = self.place.unwrap_or(Place::Whole);
        if !self.encodings.is_empty() {
            let texts = self.encoded(&text, place).into_iter();
            return Ok(texts
                .map(|(text, place)| Matcher::Text(Text::plain(&text, place, self.cased)))
                .collect());
        }
        let variants = if self.windash { self.dashes(&text)? } else { vec![text] };
        let texts = variants.iter().map(|text| {
            Text::new(text, place, self.cased).map(Matcher::Text).map_err(|error| self.wrong(brief(&error)))
        });
        texts.collect()
    }

    /// The value with everything that its placeholders (`%name%`) stand for in their place, each in turn.
    pub(crate) fn expanded(
        &self,
        value: &Value,
        placeholders: &BTreeMap<String, Vec<String>>,
    ) -> Result<Vec<Value>, Reason> {
        let Some(text) = value.as_str() else { return Err(self.wrong("`expand` needs a text")) };
        let mut variants = vec![String::new()];
        let mut rest = text;
        while let Some((before, name, after)) = placeholder(rest) {
            let stands = placeholders.get(name).filter(|values| !values.is_empty());
            let values = stands.ok_or_else(|| self.wrong(format!("nothing stands for `%{name}%`")))?;
            if variants.len() * values.len() > MAX_EXPANDED {
                return Err(self.wrong(format!("`expand` makes more than {MAX_EXPANDED} variants of it")));
            }
            let with =
                |variant: &String| values.iter().map(|value| format!("{variant}{before}{value}")).collect();
            variants = variants.iter().flat_map(|variant| -> Vec<String> { with(variant) }).collect();
            rest = after;
        }
        Ok(variants.into_iter().map(|variant| Value::String(variant + rest)).collect())
    }

    /// The value as it stands where it was encoded with what was around it.
    fn encoded(&self, text: &str, place: Place) -> Vec<(String, Place)> {
        let mut bytes = text.as_bytes().to_vec();
        for encoding in &self.encodings {
            match encoding {
                Encoding::Utf16Le => bytes = text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
                Encoding::Utf16Be => bytes = text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
                Encoding::Utf16 => {
                    bytes = [0xff, 0xfe]
                        .into_iter()
                        .chain(text.encode_utf16().flat_map(u16::to_le_bytes))
                        .collect();
                }
                Encoding::Base64 => return vec![(STANDARD.encode(&bytes), place)],
                Encoding::Base64Offset => return offsets(&bytes),
            }
        }
        Vec::new()
    }

    /// Every way to write the dashes at the start of a word: `-`, `/` and three typographic ones.
    fn dashes(&self, text: &str) -> Result<Vec<String>, Reason> {
        const DASHES: [char; 5] = ['-', '/', '\u{2013}', '\u{2014}', '\u{2015}'];
        let word = |character: Option<char>| character.is_some_and(|c| c.is_alphanumeric() || c == '_');
        let mut variants = vec![String::new()];
        let mut before = None;
        let mut characters = text.chars().peekable();
        while let Some(character) = characters.next() {
            let dash = matches!(character, '-' | '/') && !word(before) && word(characters.peek().copied());
            if dash {
                variants =
                    variants.iter().flat_map(|text| DASHES.map(|dash| format!("{text}{dash}"))).collect();
                if variants.len() > MAX_VARIANTS {
                    return Err(
                        self.wrong(format!("`windash` makes more than {MAX_VARIANTS} variants of it"))
                    );
                }
            } else {
                variants.iter_mut().for_each(|text| text.push(character));
            }
            before = Some(character);
        }
        Ok(variants)
    }
}

/// The first placeholder of a text, and what stands around it. A `\\%` begins none.
fn placeholder(text: &str) -> Option<(&str, &str, &str)> {
    text.match_indices('%').find_map(|(at, _)| {
        let (before, after) = (&text[..at], &text[at + 1..]);
        let (name, rest) = after.split_once('%')?;
        let word = !name.is_empty() && name.chars().all(|one| one.is_alphanumeric() || one == '_');
        (word && !before.ends_with('\\')).then_some((before, name, rest))
    })
}

/// The three forms that bytes take inside base64, by their offset in a group of three, without the
/// characters that also depend on what stands around.
fn offsets(bytes: &[u8]) -> Vec<(String, Place)> {
    (0..3)
        .map(|offset| {
            let padded: Vec<u8> = std::iter::repeat_n(b' ', offset).chain(bytes.iter().copied()).collect();
            let encoded = STANDARD.encode(&padded);
            let start = [0, 2, 3][offset];
            let end = [0, 3, 2][padded.len() % 3];
            (encoded[start..encoded.len() - end].to_owned(), Place::Anywhere)
        })
        .collect()
}

fn number(value: &Value) -> Option<Number> {
    match value {
        Value::Number(number) => {
            number.as_i64().map(Number::Integer).or_else(|| number.as_f64().map(Number::Float))
        }
        Value::String(text) => Number::read(text),
        _ => None,
    }
}

/// The last line of a regex error, which says what is wrong; the others draw the pattern.
fn brief(error: &regex::Error) -> String {
    let text = error.to_string();
    text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned()
}

/// Joins exact texts of one field into one test, which is asked once however long the list is.
pub(crate) fn joined(matchers: Vec<Matcher>) -> Vec<Matcher> {
    let mut rest = Vec::new();
    let mut texts: Vec<Box<str>> = Vec::new();
    for matcher in matchers {
        match matcher {
            Matcher::Text(Text { shape: Shape::Exact(text), cased: false }) => texts.push(text),
            other => rest.push(other),
        }
    }
    texts.sort_unstable();
    texts.dedup();
    let shape = match texts.len() {
        0 => return rest,
        1 => Shape::Exact(texts.swap_remove(0)),
        _ => Shape::OneOf(texts.into_boxed_slice()),
    };
    rest.insert(0, Matcher::Text(Text { shape, cased: false }));
    rest
}

#[cfg(test)]
mod tests {
    use super::Modifiers;
    use serde_yaml_ng::Value;

    fn passes(field: &str, value: &str, event: &str) -> bool {
        let (_, modifiers) = Modifiers::read(field).expect("the modifiers go together");
        let matchers = modifiers.matchers(&Value::String(value.to_owned())).expect("the value fits");
        matchers.iter().any(|matcher| matcher.passes(events::Value::Str(event)))
    }

    #[test]
    fn base64_forms_are_found_in_what_another_encoder_made() {
        // printf 'xx<text>yy' | base64
        assert!(passes("f|base64", "foobar", "Zm9vYmFy"));
        for event in ["Zm9vYmFyeHg=", "eGZvb2Jhcnh4", "eHhmb29iYXJ4eA=="] {
            assert!(passes("f|base64offset|contains", "foobar", event), "{event}");
        }
        assert!(!passes("f|base64offset|contains", "foobar", "Zm9vYmF6"));
        assert!(passes("f|wide|base64offset|contains", "ping", "cABpAG4AZwA="));
    }

    #[test]
    fn dashes_regexes_and_networks() {
        assert!(passes("f|windash|contains", " -param-name", "x /param-name y"));
        assert!(passes("f|windash|contains", " -param-name", "x \u{2013}param-name"));
        assert!(!passes("f|windash|contains", " -param-name", "x /param/name"));
        assert!(passes("f|re", ".+:assumed-role/aws:.+", "arn:aws:sts::1:assumed-role/aws:ec2/i-1"));
        assert!(!passes("f|re", "^Admin", "admin") && passes("f|re|i", "^Admin", "admin"));
        assert!(passes("f|cidr", "10.0.0.0/8", "10.1.2.3"));
    }

    #[test]
    fn what_is_not_supported_or_does_not_go_together_is_refused() {
        for field in [
            "f|exists|expand",
            "f|hour|day",
            "f|re|contains",
            "f|contains|startswith",
            "f|lt|gt",
            "f|utf16le",
            "f|base64|base64",
            "f|exists|contains",
            "f|fieldref|base64",
        ] {
            assert!(Modifiers::read(field).is_err(), "{field}");
        }
        let (_, modifiers) = Modifiers::read("f|re").expect("the modifiers go together");
        for pattern in ["(?<=a)b", "(", "((a{1000}){1000}){1000}"] {
            assert!(modifiers.matchers(&Value::String(pattern.to_owned())).is_err(), "{pattern}");
        }
    }
}
