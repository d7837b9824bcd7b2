//! The name of a log: whose it is, and which of that organization's logs.

use base::{Id, noun};
use std::{fmt, str::FromStr};

/// The first generation of an organization's log. A later one begins only after an older state of the data directory
/// was restored; its entry 0 then names the last known checkpoint of the one before.
pub const FIRST_GENERATION: u32 = 1;

const HOST: &str = "nexora.internal";

/// The name of an organization's log: a schema-less URL, as tlog-checkpoint asks for. `.internal` is reserved for
/// private use, so the name points nowhere; it is unique because the organization's id is. In text
/// `nexora.internal/org_…/1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    /// Whose log.
    pub organization: Id<noun::Organization>,
    /// Which one of theirs, from [`FIRST_GENERATION`].
    pub generation: u32,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{HOST}/{}/{}", self.organization, self.generation)
    }
}

/// A text that names no log of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the name of a log: expected `nexora.internal/org_…/1`")]
pub struct WrongOrigin;

impl FromStr for Origin {
    type Err = WrongOrigin;

    fn from_str(text: &str) -> Result<Self, WrongOrigin> {
        let rest = text.strip_prefix(HOST).and_then(|rest| rest.strip_prefix('/')).ok_or(WrongOrigin)?;
        let (organization, generation) = rest.split_once('/').ok_or(WrongOrigin)?;
        let origin = Self {
            organization: organization.parse().map_err(|_| WrongOrigin)?,
            generation: generation.parse().map_err(|_| WrongOrigin)?,
        };
        // One name, one spelling.
        let plain = origin.generation >= FIRST_GENERATION && origin.to_string() == text;
        if plain { Ok(origin) } else { Err(WrongOrigin) }
    }
}

#[cfg(test)]
mod tests {
    use super::Origin;

    #[test]
    fn one_spelling_reads() {
        let text = "nexora.internal/org_040g2081040g2081040g208104/2";
        assert_eq!(text.parse::<Origin>().map(|origin| origin.to_string()).as_deref(), Ok(text));
        for (from, to) in [
            ("/2", "/02"),
            ("/2", "/0"),
            ("/2", ""),
            ("/2", "/2/"),
            ("org_", "idn_"),
            ("internal", "example"),
            ("/2", "/+2"),
        ] {
            assert!(text.replacen(from, to, 1).parse::<Origin>().is_err(), "{from} as {to}");
        }
    }
}
