//! A record: one event, checked, parsed and redacted.

use crate::{Activity, FieldSet, Format, Logsource, Reason, Redactor, Slots, envelope, redact, scan, source};
use sonic_rs::{JsonContainerTrait as _, JsonValueTrait as _};

/// The largest event, in bytes as received.
pub const MAX_BYTES: usize = 1 << 20;

/// The deepest event: an object counts one level, its values the next.
pub const MAX_DEPTH: usize = 64;

/// One redacted event: its JSON text and that text parsed.
#[derive(Debug, Clone)]
pub struct Record {
    text: Box<str>,
    value: sonic_rs::Value,
    format: Format,
}

impl Record {
    /// Checks, parses, recognises and redacts one event. An event inside a message of its own (EventBridge,
    /// CloudWatch Logs, Pub/Sub, CloudEvents) is taken out of it. Its text stays byte for byte as received
    /// unless something was redacted.
    ///
    /// # Errors
    /// The [`Reason`] for which it cannot be taken.
    pub fn read(bytes: &[u8], redactor: &Redactor) -> Result<Self, Reason> {
        Self::open(bytes, None, redactor)
    }

    /// The same, of an event that is said to be of this format, whatever it looks like.
    ///
    /// # Errors
    /// The [`Reason`] for which it cannot be taken.
    pub fn read_as(bytes: &[u8], format: Format, redactor: &Redactor) -> Result<Self, Reason> {
        Self::open(bytes, Some(format), redactor)
    }

    fn open(bytes: &[u8], named: Option<Format>, redactor: &Redactor) -> Result<Self, Reason> {
        let (text, value) = parse(bytes)?;
        if named.is_none()
            && let Some(format) = Format::of(&value).filter(|format| !format.is_message())
        {
            return Self::redacted(text, value, format, redactor);
        }
        let mut opened: Option<(String, sonic_rs::Value)> = None;
        for _ in 0..envelope::MAX_LEVELS {
            let outer = opened.as_ref().map_or(&value, |(_, value)| value);
            let Some(inner) = envelope::inner(outer) else { break };
            let (_, value) = parse(inner.as_bytes())?;
            opened = Some((inner, value));
        }
        match opened {
            Some((text, value)) => {
                let format = named.or_else(|| Format::of(&value)).ok_or(Reason::UnknownFormat)?;
                Self::redacted(text.trim(), value, format, redactor)
            }
            None => {
                let format = named.or_else(|| Format::of(&value)).ok_or(Reason::UnknownFormat)?;
                Self::redacted(text, value, format, redactor)
            }
        }
    }

    fn redacted(
        text: &str,
        mut value: sonic_rs::Value,
        format: Format,
        redactor: &Redactor,
    ) -> Result<Self, Reason> {
        let secrets = format.source().secrets;
        let below = (secrets.below)(&value);
        let secret = Secret { named: secrets.named, looks: secrets.looks };
        let any = secret.any(&value, "")? || below.iter().any(|path| stands_at(&value, path));
        let text = if any && !redactor.is_off() {
            let mut text = String::with_capacity(text.len());
            secret.write(&value, "", below, redactor, &mut text);
            // Many short secrets can make it longer than it came; it must be readable from the log again.
            if text.len() > MAX_BYTES {
                return Err(Reason::TooLarge { bytes: text.len() });
            }
            value = sonic_rs::from_str(&text).map_err(|wrong| Reason::NotJson { at: wrong.offset() })?;
            text.into()
        } else {
            Box::from(text)
        };
        Ok(Self { text, value, format })
    }

    /// The redacted event as JSON text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Which log it is from.
    #[must_use]
    pub const fn format(&self) -> Format {
        self.format
    }

    /// The account that the event speaks for: the one whose log reports it.
    #[must_use]
    pub fn account(&self) -> Option<&str> {
        (self.format.source().account)(&self.value)
    }

    /// The activity, with the values of `fields`.
    ///
    /// # Errors
    /// [`Reason::Missing`] or [`Reason::Malformed`] where the event lacks what its format always has.
    pub fn activity<'e>(&'e self, fields: &FieldSet) -> Result<Activity<'e>, Reason> {
        self.format.source().activity(&self.value, &self.text, fields)
    }

    /// What rules read, of an event whose activity may not be readable.
    #[must_use]
    pub fn sight<'e>(&'e self, fields: &FieldSet) -> Sight<'e> {
        let source = self.format.source();
        Sight {
            logsource: (source.logsource)(&|paths| source::text(&self.value, paths)),
            fields: fields.extract(&self.value, source),
            text: &self.text,
        }
    }
}

/// What rules read of an event.
#[derive(Debug, Clone)]
pub struct Sight<'e> {
    /// Which log it came from.
    pub logsource: Logsource,
    /// The values of the fields that were asked for.
    pub fields: Slots<'e>,
    /// The event as JSON text.
    pub text: &'e str,
}

/// Checks and parses one event.
fn parse(bytes: &[u8]) -> Result<(&str, sonic_rs::Value), Reason> {
    let bytes = bytes.trim_ascii();
    if bytes.len() > MAX_BYTES {
        return Err(Reason::TooLarge { bytes: bytes.len() });
    }
    let text = std::str::from_utf8(bytes).map_err(|wrong| Reason::NotText { at: wrong.valid_up_to() })?;
    let extent = scan::value(bytes, 0, MAX_DEPTH).map_err(|broken| match broken {
        scan::Broken::Unfinished => Reason::NotJson { at: bytes.len() },
        scan::Broken::Mismatch(at) | scan::Broken::NoValue(at) => Reason::NotJson { at },
    })?;
    if let Some(at) = extent.too_deep_at {
        return Err(Reason::TooDeep { at });
    }
    if extent.end != bytes.len() {
        return Err(Reason::NotJson { at: extent.end });
    }
    let value: sonic_rs::Value =
        sonic_rs::from_str(text).map_err(|wrong| Reason::NotJson { at: wrong.offset() })?;
    if value.is_object() { Ok((text, value)) } else { Err(Reason::NotObject) }
}

/// What is secret by its name or by itself.
#[derive(Clone, Copy)]
struct Secret {
    named: fn(parent: &str, name: &str) -> bool,
    looks: Option<fn(&str) -> bool>,
}

/// Below so many names, comparing all pairs is cheaper than sorting.
const FEW: usize = 32;

impl Secret {
    fn looks(self, value: &sonic_rs::Value) -> bool {
        self.looks.is_some_and(|looks| value.as_str().is_some_and(looks))
    }

    /// One walk over everything: that no object has a name twice, and whether anything is secret.
    fn any(self, value: &sonic_rs::Value, parent: &str) -> Result<bool, Reason> {
        let mut any = false;
        if let Some(object) = value.as_object() {
            let mut few = [""; FEW];
            let mut count = 0;
            for (name, inner) in object {
                if count < FEW {
                    if few[..count].contains(&name) {
                        return Err(twice(name));
                    }
                    few[count] = name;
                }
                count += 1;
                any |= (self.named)(parent, name) || self.looks(inner);
                if inner.is_object() || inner.is_array() {
                    any |= self.any(inner, name)?;
                }
            }
            if count > FEW {
                let mut names: Vec<_> = object.iter().map(|(name, _)| name).collect();
                names.sort_unstable();
                if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
                    return Err(twice(pair[0]));
                }
            }
        } else if let Some(array) = value.as_array() {
            for inner in array {
                any |= self.looks(inner);
                if inner.is_object() || inner.is_array() {
                    any |= self.any(inner, parent)?;
                }
            }
        }
        Ok(any)
    }

    /// Writes the value with what is secret replaced: its names in their order, always the same.
    fn write(
        self,
        value: &sonic_rs::Value,
        parent: &str,
        below: &[&[&str]],
        redactor: &Redactor,
        out: &mut String,
    ) {
        if let Some(object) = value.as_object() {
            redact::write_list(out, '{', '}', object, |(name, inner), out| {
                redact::write_text(name, out);
                out.push(':');
                let further = |path: &&&[&str]| path.first() == Some(&name);
                let further: Vec<&[&str]> = below.iter().filter(further).map(|path| &path[1..]).collect();
                if (self.named)(parent, name) || further.iter().any(|path| path.is_empty()) {
                    redactor.write_all(inner, out);
                } else {
                    self.write(inner, name, &further, redactor, out);
                }
            });
        } else if let Some(array) = value.as_array() {
            redact::write_list(out, '[', ']', array, |inner, out| {
                self.write(inner, parent, below, redactor, out);
            });
        } else if self.looks(value) {
            redactor.write_all(value, out);
        } else {
            redact::write_scalar(value, out);
        }
    }
}

fn stands_at(value: &sonic_rs::Value, path: &[&str]) -> bool {
    if let Some(array) = value.as_array() {
        return array.iter().any(|inner| stands_at(inner, path));
    }
    match path {
        [] => !value.is_null(),
        [name, rest @ ..] => value.get(name).is_some_and(|inner| stands_at(inner, rest)),
    }
}

fn twice(name: &str) -> Reason {
    Reason::DuplicateName { name: name.chars().take(64).collect() }
}
