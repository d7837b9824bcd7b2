//! A record: one event, checked, parsed and redacted.

use crate::{Activity, FieldSet, Format, Reason, Redactor, aws, scan};
use sonic_rs::{JsonContainerTrait as _, JsonType, JsonValueMutTrait as _, JsonValueTrait as _};

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
    /// Checks, parses, recognises and redacts one event. Its text stays byte for byte as received unless
    /// something was redacted.
    ///
    /// # Errors
    /// The [`Reason`] for which it cannot be taken.
    pub fn read(bytes: &[u8], redactor: &Redactor) -> Result<Self, Reason> {
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
        let mut value: sonic_rs::Value =
            sonic_rs::from_str(text).map_err(|wrong| Reason::NotJson { at: wrong.offset() })?;
        if !value.is_object() {
            return Err(Reason::NotObject);
        }
        let format = recognise(&value).ok_or(Reason::UnknownFormat)?;
        let secret = match format {
            Format::AwsCloudTrail => aws::redaction::is_secret,
        };
        let any = any_secret(&value, "", secret)?;
        let text = if any && !redactor.is_off() {
            redact(&mut value, "", secret, redactor);
            let text = sonic_rs::to_string(&value).map_err(|_| Reason::NotJson { at: 0 })?;
            // Many short secrets can make it longer than it came; it must be readable from the log again.
            if text.len() > MAX_BYTES {
                return Err(Reason::TooLarge { bytes: text.len() });
            }
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
        match self.format {
            Format::AwsCloudTrail => aws::account(&self.value),
        }
    }

    /// The activity, with the values of `fields`.
    ///
    /// # Errors
    /// [`Reason::Missing`] or [`Reason::Malformed`] where the event lacks what its format always has.
    pub fn activity<'e>(&'e self, fields: &FieldSet) -> Result<Activity<'e>, Reason> {
        match self.format {
            Format::AwsCloudTrail => aws::activity(&self.value, &self.text, fields),
        }
    }
}

fn recognise(value: &sonic_rs::Value) -> Option<Format> {
    aws::recognises(value).then_some(Format::AwsCloudTrail)
}

/// Whether a name, found in an object that itself has the name `parent`, holds a secret.
type IsSecret = fn(parent: &str, name: &str) -> bool;

/// Below so many names, comparing all pairs is cheaper than sorting.
const FEW: usize = 32;

/// One walk over everything: that no object has a name twice, and whether anything is secret.
fn any_secret(value: &sonic_rs::Value, parent: &str, secret: IsSecret) -> Result<bool, Reason> {
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
            any |= secret(parent, name);
            if inner.is_object() || inner.is_array() {
                any |= any_secret(inner, name, secret)?;
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
            if inner.is_object() || inner.is_array() {
                any |= any_secret(inner, parent, secret)?;
            }
        }
    }
    Ok(any)
}

fn twice(name: &str) -> Reason {
    Reason::DuplicateName { name: name.chars().take(64).collect() }
}

fn redact(value: &mut sonic_rs::Value, parent: &str, secret: IsSecret, redactor: &Redactor) {
    match value.get_type() {
        JsonType::Object => {
            for (name, inner) in value.as_object_mut().into_iter().flat_map(|object| object.iter_mut()) {
                if secret(parent, name) {
                    redactor.replace_all(inner);
                } else {
                    redact(inner, name, secret, redactor);
                }
            }
        }
        JsonType::Array => {
            for inner in value.as_array_mut().into_iter().flatten() {
                redact(inner, parent, secret, redactor);
            }
        }
        _ => {}
    }
}
