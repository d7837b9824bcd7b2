//! What can be wrong with a key, a sealed value or a signature.

use base::{Fault, Kind};

/// A failure of cryptography. No variant repeats secret or untrusted bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A suite id that this version does not know.
    #[error("unknown suite `{id}`: this version knows hybrid-768 and cnsa-2; a newer version may know it")]
    UnknownSuite {
        /// The id as read, cut to 32 characters.
        id: String,
    },
    /// A signature algorithm that this version does not know.
    #[error("unknown signature algorithm `{name}`: expected Ed25519, ML-DSA-44, ML-DSA-65 or ML-DSA-87")]
    UnknownAlgorithm {
        /// The name as read, cut to 32 characters.
        name: String,
    },
    /// Bytes of the wrong length.
    #[error("{what} has {got} bytes, expected {expected}")]
    WrongLength {
        /// What the bytes should have been.
        what: &'static str,
        /// The length it has.
        expected: usize,
        /// The length found.
        got: usize,
    },
    /// Bytes of the right length that are no such key.
    #[error("not a valid {what}")]
    NotAKey {
        /// What the bytes should have been.
        what: &'static str,
    },
    /// A document that does not follow its format.
    #[error("not a valid {what}: {why}")]
    Malformed {
        /// What the document should have been.
        what: &'static str,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Authentication failed: wrong key, wrong place, or altered.
    #[error("{what} does not open: it was altered, moved from elsewhere, or sealed under another key")]
    DoesNotOpen {
        /// What was to be opened.
        what: &'static str,
    },
    /// A value that names another key than the one at hand.
    #[error("the value names key {got:08x}, which is not among the keys at hand")]
    WrongKeyId {
        /// The id in the value.
        got: u32,
    },
    /// The data key sealed as many values as it may.
    #[error("the data key has sealed its last value: seal further ones under a fresh key")]
    Exhausted,
    /// A signature that does not fit.
    #[error("the signature of {what} does not verify")]
    WrongSignature {
        /// What was signed.
        what: &'static str,
    },
    /// A field algorithm that this version does not know.
    #[error("unknown field algorithm `{name}`: a newer version may know it")]
    UnknownFieldAlgorithm {
        /// The name as read, cut to 32 characters.
        name: String,
    },
    /// A field key that is for something else: one key serves one algorithm.
    #[error("the key is for {got} and serves nothing else; this needs one for {expected}")]
    WrongAlgorithm {
        /// What the key should have been for.
        expected: &'static str,
        /// What it is for.
        got: &'static str,
    },
    /// Parameters of a field's protection that cannot be.
    #[error("not a valid {what}: {why}")]
    Parameter {
        /// Which parameter.
        what: &'static str,
        /// What is wrong with it, and what is expected.
        why: &'static str,
    },
    /// A value too short for FF1 (SP 800-38G Rev. 1, section 5.1).
    #[error(
        "the value has {got} characters of an alphabet of {radix}, so fewer than the 10^6 possible values that FF1 asks for: it needs {needed} or more"
    )]
    DomainTooSmall {
        /// Characters to encrypt.
        got: usize,
        /// Characters in the alphabet.
        radix: usize,
        /// The least number of characters.
        needed: usize,
    },
    /// A value longer than its protection takes.
    #[error("the value has {got} {unit}, and {most} is the most that its protection takes")]
    TooLong {
        /// How many it has.
        got: usize,
        /// How many it may have.
        most: usize,
        /// Of what.
        unit: &'static str,
    },
    /// A letter or digit that the alphabet does not have.
    #[error(
        "character {at} of the value is a letter or digit that its alphabet does not have: only separators may stay as they are"
    )]
    NotOfAlphabet {
        /// Which character, from 1.
        at: usize,
    },
    /// A number whose last digit is not its Luhn check digit.
    #[error("the last digit of the value is not its Luhn check digit, so that it could not be restored")]
    NotLuhn,
    /// Shares that do not give a secret.
    #[error("the shares do not combine: {why}")]
    Shares {
        /// What is wrong with them.
        why: &'static str,
    },
    /// A wrong passphrase, or an altered file: the two cannot be told apart.
    #[error("the passphrase does not open the file: it is another passphrase, or the file was altered")]
    WrongPassphrase,
}

impl Error {
    /// At most 32 characters of an untrusted name.
    pub(crate) fn cut(name: &str) -> String {
        name.chars().take(32).collect()
    }
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::DoesNotOpen { .. } | Self::WrongKeyId { .. } | Self::WrongSignature { .. } => {
                Kind::CheckFailed
            }
            Self::Exhausted => Kind::Internal,
            _ => Kind::BadInput,
        }
    }
}
