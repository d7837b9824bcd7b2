//! The text of a credential, `docs/formats/credential.md`: it names its organization, so that no lookup
//! happens before there is a context, and carries a checksum, so that a damaged copy is known without one.

use base::{Fault, Id, Kind, Secret, base32, digest, noun};

const PREFIX: &str = "nxa_";
/// `nxa_`, 26 characters, `_`, 26 characters, `_`, 52 characters and 8.
const LENGTH: usize = 4 + 26 + 1 + 26 + 1 + 52 + 8;
const SUM: usize = 8;

/// A credential as somebody presented it: read, and not yet believed.
#[derive(Debug, Clone)]
pub struct Presented {
    /// The organization it names.
    pub organization: Id<noun::Organization>,
    /// The credential it names.
    pub credential: Id<noun::Credential>,
    pub(crate) secret: Secret<[u8; 32]>,
}

/// A text that is no credential. It does not repeat the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Something else altogether.
    #[error("not a credential of Nexora: one begins with `nxa_` and has {LENGTH} characters")]
    Foreign,
    /// It has the shape of one, and a wrong checksum.
    #[error("the credential was damaged in copying: its checksum does not fit; copy it again")]
    Damaged,
}

impl Fault for Malformed {
    fn kind(&self) -> Kind {
        Kind::NotSignedIn
    }
}

/// Reads a credential's text. Looks nothing up.
///
/// # Errors
/// [`Malformed`].
pub fn parse(text: &str) -> Result<Presented, Malformed> {
    let rest = text.strip_prefix(PREFIX).ok_or(Malformed::Foreign)?;
    if text.len() != LENGTH || !text.is_ascii() {
        return Err(Malformed::Foreign);
    }
    let (signed, sum) = text.split_at(LENGTH - SUM);
    if sum != checksum(signed) {
        return Err(Malformed::Damaged);
    }
    let mut parts = rest[..rest.len() - SUM].split('_');
    let mut next = || parts.next().ok_or(Malformed::Foreign);
    let organization = Id::from_bare(next()?).map_err(|_| Malformed::Foreign)?;
    let credential = Id::from_bare(next()?).map_err(|_| Malformed::Foreign)?;
    let secret = base32::decode(next()?).map(Secret::new).ok_or(Malformed::Foreign)?;
    Ok(Presented { organization, credential, secret })
}

/// The text of a credential. Shown once.
pub(crate) fn text(
    organization: Id<noun::Organization>,
    credential: Id<noun::Credential>,
    secret: &Secret<[u8; 32]>,
) -> Secret<String> {
    let mut text = Secret::new(String::with_capacity(LENGTH));
    let secret = Secret::new(base32::encode(secret.expose()));
    for part in [PREFIX, &organization.bare(), "_", &credential.bare(), "_", secret.expose()] {
        text.expose_mut().push_str(part);
    }
    let sum = checksum(text.expose());
    text.expose_mut().push_str(&sum);
    text
}

/// The first five bytes of SHA-256 over the text before it.
fn checksum(text: &str) -> String {
    base32::encode(&digest::sha256(text.as_bytes())[..5])
}

#[cfg(test)]
mod tests {
    use super::{LENGTH, Malformed, parse, text};
    use base::{Id, Secret};

    /// Computed from `docs/formats/credential.md` with Python's hashlib.
    const GOLDEN: &str = "nxa_040g2081040g2081040g208104_081040g2081040g2081040g208_000g40r40m30e209185gr38e1w8124gk2gahc5rr34d1p70x3rfgpjmzd1d1";

    #[test]
    fn the_text_is_the_documented_one() {
        let secret = Secret::new(std::array::from_fn(|at| u8::try_from(at).expect("32 bytes")));
        let text = text(Id::from_bytes([1; 16]), Id::from_bytes([2; 16]), &secret);
        assert_eq!(text.expose(), GOLDEN);
        let presented = parse(GOLDEN).expect("it is one");
        assert_eq!(presented.organization, Id::from_bytes([1; 16]));
        assert_eq!(presented.credential, Id::from_bytes([2; 16]));
        assert_eq!(presented.secret.expose(), secret.expose());
    }

    #[test]
    fn every_change_of_one_character_is_noticed() {
        for at in 0..LENGTH {
            for other in ["0", "z", "_", "A", "é"] {
                if &GOLDEN[at..=at] != other {
                    let changed = format!("{}{other}{}", &GOLDEN[..at], &GOLDEN[at + 1..]);
                    assert!(parse(&changed).is_err(), "{at} {other}");
                }
            }
        }
        for end in 0..LENGTH {
            assert_eq!(parse(&GOLDEN[..end]).err(), Some(Malformed::Foreign));
        }
        assert_eq!(parse(&format!("{GOLDEN}0")).err(), Some(Malformed::Foreign));
    }

    #[test]
    fn nothing_of_it_is_printed() {
        let presented = parse(GOLDEN).expect("it is one");
        assert!(!format!("{presented:?}").contains(&GOLDEN[58..70]));
    }
}
