//! Which log an event is from: recognised from the event itself, or named.

use crate::{Logsource, source::How, source::Source, sources};
use std::{fmt, hash, str::FromStr};

/// A log format.
#[derive(Clone, Copy)]
pub struct Format(&'static Source);

impl Format {
    /// AWS CloudTrail.
    pub const AWS_CLOUDTRAIL: Self = Self(&sources::aws_cloudtrail::SOURCE);

    /// Every format, in the order in which they are tried on an event.
    pub fn all() -> impl Iterator<Item = Self> {
        sources::ALL.iter().map(|source| Self(source))
    }

    /// The format with this name, or with a name that is also used for it; those included that no event is
    /// recognised as.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::all().find(|Self(source)| source.name == name || source.nicknames.contains(&name))
    }

    /// The format's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.0.name
    }

    /// Whether only rules can judge its events: nothing is known of who acted.
    #[must_use]
    pub const fn rules_only(self) -> bool {
        matches!(self.0.how, How::RulesOnly)
    }

    /// The log sources by which rules are routed to its events.
    pub fn logsources(self) -> impl Iterator<Item = Logsource> {
        let usual = (self.0.logsource)(&|_| None);
        std::iter::once(usual).chain(self.0.further.iter().copied())
    }

    /// Whether an event of this format can have a field that a rule calls by this name: by its own name,
    /// or by one of the names that [`FieldSet::with_aliases`](crate::FieldSet::with_aliases) knows.
    #[must_use]
    pub fn can_have(self, field: &str) -> bool {
        let top = field.split('.').next().unwrap_or_default();
        let there = self.0.tops.is_empty() || self.0.tops.contains(&top) || self.0.tops.contains(&field);
        let within = |(object, names): &(&str, &[&str])| {
            let below = field.strip_prefix(object).and_then(|rest| rest.strip_prefix('.'));
            below.and_then(|below| below.split('.').next()).is_none_or(|name| names.contains(&name))
        };
        (there && self.0.closed.iter().all(within)) || self.0.aliases.iter().any(|(name, _)| *name == field)
    }

    /// The paths that a rule means by this name in events of this format; none where it is the name of a
    /// field, or means nothing.
    #[must_use]
    pub fn meant_by(self, field: &str) -> &'static [&'static str] {
        self.0.aliases.iter().find(|(name, _)| *name == field).map_or(&[], |(_, paths)| paths)
    }

    /// Whether its events may be messages around another event.
    pub(crate) fn is_message(self) -> bool {
        self.0.name == "cloudevents"
    }

    /// The names that rules use for its fields, and the paths they mean.
    #[must_use]
    pub const fn aliases(self) -> &'static [(&'static str, &'static [&'static str])] {
        self.0.aliases
    }

    pub(crate) const fn source(self) -> &'static Source {
        self.0
    }

    pub(crate) fn of(event: &sonic_rs::Value) -> Option<Self> {
        sources::ALL.iter().find(|source| (source.recognises)(event)).map(|source| Self(source))
    }

    fn names(rules_only: bool) -> String {
        let known = Self::all().filter(|format| rules_only || !format.rules_only());
        known.map(Self::as_str).collect::<Vec<_>>().join(", ")
    }

    /// The names of the formats that are recognised, for messages.
    pub(crate) fn recognised() -> String {
        Self::names(false)
    }

    /// The names of all formats, for messages.
    #[must_use]
    pub fn list() -> String {
        Self::names(true)
    }
}

impl PartialEq for Format {
    fn eq(&self, other: &Self) -> bool {
        self.0.name == other.0.name
    }
}

impl Eq for Format {}

impl hash::Hash for Format {
    fn hash<H: hash::Hasher>(&self, state: &mut H) {
        self.0.name.hash(state);
    }
}

impl fmt::Debug for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Format").field(&self.0.name).finish()
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A text that names no format that is recognised from the event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a format known here: expected one of {}", Format::recognised())]
pub struct WrongFormat;

impl FromStr for Format {
    type Err = WrongFormat;

    /// By its name, or one that is also used for it. Only formats that are recognised from the event: what
    /// a log keeps must be readable from the log alone.
    fn from_str(text: &str) -> Result<Self, WrongFormat> {
        Self::named(text).filter(|format| !format.rules_only()).ok_or(WrongFormat)
    }
}
