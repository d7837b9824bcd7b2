//! How a field is protected.

use crate::Error;
use crypto::{FieldAlgorithm, blind_index::Normalize, ff1::Alphabet, mask::Mask, value::Cipher};
use std::{fmt, str::FromStr};

/// How a field is protected.
///
/// In short form (a policy file's `mode`, a command's `--fields`) it is its code, then behind a colon its
/// parameter and behind each plus a flag: `ff1:digits+luhn`, `blind-index:16+trim+lowercase`, `mask:0-4`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Authenticated encryption with AES-256-GCM under a fresh data key; equal values look different.
    Aead,
    /// As [`Aead`](Self::Aead) with AES-256-GCM-SIV, which loses little where a nonce repeats.
    GcmSiv,
    /// Deterministic AES-256-SIV under a field key: equal values of a field look equal, and can be joined.
    Siv,
    /// Format-preserving encryption with FF1 under a field key: the result has the same form. It cannot detect
    /// a wrong key or a change.
    Ff1 {
        /// The characters that are encrypted, written out; others stay in their place.
        alphabet: String,
        /// Whether the last digit is a Luhn check digit, which is computed anew, not encrypted.
        luhn: bool,
    },
    /// An HMAC-SHA256 under a field key, cut to a few bits: equal values have equal indexes, and so do some
    /// others. It does not open.
    BlindIndex {
        /// Bits of an index, 1 to 256; [`crypto::blind_index::suggest_bits`] says how many are good.
        bits: u16,
        /// What is done to a value before, so that spellings of the same thing meet.
        normalize: Vec<Normalize>,
    },
    /// All but the first and last characters hidden. It does not open.
    Mask {
        /// Characters shown at the start.
        first: u16,
        /// Characters shown at the end.
        last: u16,
        /// What stands for each hidden character.
        with: char,
    },
    /// A random token, whose value a vault keeps.
    Token,
    /// A whole Parquet column by Parquet Modular Encryption (`AES_GCM_V1`) under a fresh data key.
    ParquetAead,
}

/// The key that a mode takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyNeed {
    /// Fresh data keys of a run, sealed to the dataset.
    DataKey(Cipher),
    /// The field's own key, which every run shares, for this algorithm.
    FieldKey(FieldAlgorithm),
    /// A vault that gives and keeps tokens, and has the field's key.
    Vault,
    /// None.
    None,
}

/// The bits of a blind index where nothing is said: about a thousand possible indexes.
const BITS: u16 = 10;

impl Mode {
    /// The codes of all modes.
    pub const CODES: [&str; 8] =
        ["aead", "gcm-siv", "siv", "ff1", "blind-index", "mask", "token", "parquet-aead"];

    /// The mode's code, without its parameters.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Aead => "aead",
            Self::GcmSiv => "gcm-siv",
            Self::Siv => "siv",
            Self::Ff1 { .. } => "ff1",
            Self::BlindIndex { .. } => "blind-index",
            Self::Mask { .. } => "mask",
            Self::Token => "token",
            Self::ParquetAead => "parquet-aead",
        }
    }

    /// The key that it takes.
    #[must_use]
    pub const fn key(&self) -> KeyNeed {
        match self {
            Self::Aead | Self::ParquetAead => KeyNeed::DataKey(Cipher::Gcm),
            Self::GcmSiv => KeyNeed::DataKey(Cipher::GcmSiv),
            Self::Siv => KeyNeed::FieldKey(FieldAlgorithm::AesSiv),
            Self::Ff1 { .. } => KeyNeed::FieldKey(FieldAlgorithm::Ff1),
            Self::BlindIndex { .. } => KeyNeed::FieldKey(FieldAlgorithm::BlindIndex),
            Self::Token => KeyNeed::Vault,
            Self::Mask { .. } => KeyNeed::None,
        }
    }

    /// Whether a producer that holds the dataset's public key alone can follow it.
    ///
    /// # Errors
    /// [`Error::NotOffline`] with the reason: the mode needs a shared secret, with which a producer could also
    /// reveal, or compare what others protected.
    pub const fn offline(&self) -> Result<(), Error> {
        match self.key() {
            KeyNeed::DataKey(_) | KeyNeed::None => Ok(()),
            KeyNeed::FieldKey(_) => {
                Err(Error::NotOffline { mode: self.as_str(), needs: "the field's secret key" })
            }
            KeyNeed::Vault => Err(Error::NotOffline { mode: self.as_str(), needs: "the token vault" }),
        }
    }

    /// Whether what it protects can be revealed.
    #[must_use]
    pub const fn opens(&self) -> bool {
        !matches!(self, Self::BlindIndex { .. } | Self::Mask { .. })
    }

    /// Whether a change, a move or a wrong key is found out when a value is opened.
    #[must_use]
    pub const fn detects(&self) -> bool {
        matches!(self, Self::Aead | Self::GcmSiv | Self::Siv | Self::ParquetAead)
    }

    /// Whether it works on the characters of a value, and so takes values that have a text form only.
    #[must_use]
    pub const fn takes_text(&self) -> bool {
        matches!(self, Self::Ff1 { .. } | Self::BlindIndex { .. } | Self::Mask { .. } | Self::Token)
    }

    /// Its parameters, checked.
    pub(crate) fn check(&self) -> Result<(), String> {
        let text = |error: crypto::Error| error.to_string();
        match self {
            Self::Ff1 { alphabet, luhn } => {
                let alphabet = Alphabet::new(alphabet).map_err(text)?;
                if *luhn && alphabet.as_str() != Alphabet::digits().as_str() {
                    return Err("a Luhn digit needs the alphabet 0123456789".to_owned());
                }
            }
            Self::BlindIndex { bits, .. } if !(1..=256).contains(bits) => {
                return Err("a blind index has 1 to 256 bits".to_owned());
            }
            Self::Mask { first, last, with } => {
                Mask::new(*first, *last, *with).map_err(text)?;
            }
            _ => {}
        }
        Ok(())
    }
}

impl fmt::Display for Mode {
    /// The short form.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())?;
        match self {
            Self::Ff1 { alphabet, luhn } => {
                let named = Alphabet::names().iter().find(|(_, characters)| characters == alphabet);
                write!(f, ":{}", named.map_or(alphabet.as_str(), |(name, _)| name))?;
                if *luhn { f.write_str("+luhn") } else { Ok(()) }
            }
            Self::BlindIndex { bits, normalize } => {
                write!(f, ":{bits}")?;
                let named = |step: &Normalize| NORMALIZE.iter().find(|(known, _)| known == step);
                normalize.iter().filter_map(named).try_for_each(|(_, name)| write!(f, "+{name}"))
            }
            Self::Mask { first, last, with } => {
                write!(f, ":{first}-{last}")?;
                if *with == MASK { Ok(()) } else { write!(f, "+{with}") }
            }
            _ => Ok(()),
        }
    }
}

const DIGITS: &str = "0123456789";
const MASK: char = '*';

const NORMALIZE: [(Normalize, &str); 4] = [
    (Normalize::Trim, "trim"),
    (Normalize::Nfkc, "nfkc"),
    (Normalize::Lowercase, "lowercase"),
    (Normalize::Digits, "digits"),
];

impl FromStr for Mode {
    type Err = Error;

    /// The short form: `CODE[:PARAMETER][+FLAG…]`.
    fn from_str(text: &str) -> Result<Self, Error> {
        let (head, flags) = text.split_once('+').map_or((text, None), |(head, flags)| (head, Some(flags)));
        let (code, parameter) = head.split_once(':').map_or((head, None), |(code, rest)| (code, Some(rest)));
        let mut form = ModeForm { mode: code.to_owned(), ..ModeForm::default() };
        let wrong = |why: &str| Err(Error::Policy(format!("`{text}` is no mode: {why}")));
        match (code, parameter) {
            (_, None) => {}
            ("ff1", Some(name)) => {
                let Ok(alphabet) = Alphabet::named(name) else {
                    let names = Alphabet::names().iter().map(|(name, _)| *name).collect::<Vec<_>>();
                    return wrong(&format!("an alphabet has one of the names {}", names.join(", ")));
                };
                form.alphabet = Some(alphabet.as_str().to_owned());
            }
            ("blind-index", Some(bits)) => match bits.parse() {
                Ok(bits) => form.bits = Some(bits),
                Err(_) => return wrong("a blind index has 1 to 256 bits: blind-index:16"),
            },
            ("mask", Some(shown)) => {
                let read = shown.split_once('-').map(|(first, last)| (first.parse(), last.parse()));
                let Some((Ok(first), Ok(last))) = read else {
                    return wrong("a mask names how many characters it shows at start and end: mask:0-4");
                };
                (form.first, form.last) = (Some(first), Some(last));
            }
            _ => return wrong("it takes no parameter"),
        }
        for flag in flags.into_iter().flat_map(|flags| flags.split('+')) {
            match (code, flag, NORMALIZE.iter().find(|(_, name)| *name == flag)) {
                ("ff1", "luhn", _) => form.luhn = true,
                ("blind-index", _, Some((step, _))) => form.normalize.get_or_insert_default().push(*step),
                ("mask", with, _) if with.chars().count() == 1 => form.with = with.chars().next(),
                _ => return wrong(&format!("it has no flag `{flag}`")),
            }
        }
        Self::try_from(form)
    }
}

/// A mode and all parameters there are, before anything is known about their fitting together.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct ModeForm {
    pub(crate) mode: String,
    pub(crate) alphabet: Option<String>,
    pub(crate) luhn: bool,
    pub(crate) bits: Option<u16>,
    pub(crate) normalize: Option<Vec<Normalize>>,
    pub(crate) first: Option<u16>,
    pub(crate) last: Option<u16>,
    pub(crate) with: Option<char>,
}

impl TryFrom<ModeForm> for Mode {
    type Error = Error;

    fn try_from(form: ModeForm) -> Result<Self, Error> {
        let ModeForm { mode, alphabet, luhn, bits, normalize, first, last, with } = form;
        // What belongs to another mode is not passed over: it was meant.
        let (ff1, index) = (alphabet.is_some() || luhn, bits.is_some() || normalize.is_some());
        let mask = first.is_some() || last.is_some() || with.is_some();
        let strange = match mode.as_str() {
            "ff1" => index || mask,
            "blind-index" => ff1 || mask,
            "mask" => ff1 || index,
            _ => ff1 || index || mask,
        };
        if strange {
            return Err(Error::Policy(format!("mode `{mode}` has a parameter of another mode")));
        }
        let read = match mode.as_str() {
            "aead" => Self::Aead,
            "gcm-siv" => Self::GcmSiv,
            "siv" => Self::Siv,
            "ff1" => Self::Ff1 { alphabet: alphabet.unwrap_or_else(|| DIGITS.to_owned()), luhn },
            "blind-index" => {
                Self::BlindIndex { bits: bits.unwrap_or(BITS), normalize: normalize.unwrap_or_default() }
            }
            "mask" => {
                let (first, last) = (first.unwrap_or(0), last.unwrap_or(0));
                Self::Mask { first, last, with: with.unwrap_or(MASK) }
            }
            "token" => Self::Token,
            "parquet-aead" => Self::ParquetAead,
            other => {
                let codes = Self::CODES.join(", ");
                let other = other.chars().take(32).collect::<String>();
                return Err(Error::Policy(format!("there is no mode `{other}`; there are {codes}")));
            }
        };
        read.check().map_err(|why| Error::Policy(format!("mode `{mode}`: {why}")))?;
        Ok(read)
    }
}

impl From<Mode> for ModeForm {
    fn from(mode: Mode) -> Self {
        let form = Self { mode: mode.as_str().to_owned(), ..Self::default() };
        match mode {
            Mode::Ff1 { alphabet, luhn } => Self { alphabet: Some(alphabet), luhn, ..form },
            Mode::BlindIndex { bits, normalize } => {
                Self { bits: Some(bits), normalize: Some(normalize), ..form }
            }
            Mode::Mask { first, last, with } => {
                Self { first: Some(first), last: Some(last), with: Some(with), ..form }
            }
            _ => form,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{KeyNeed, Mode};
    use crypto::blind_index::Normalize;

    #[test]
    fn the_short_form_says_the_same() {
        let digits = || "0123456789".to_owned();
        for (text, mode, short) in [
            ("aead", Mode::Aead, "aead"),
            ("gcm-siv", Mode::GcmSiv, "gcm-siv"),
            ("siv", Mode::Siv, "siv"),
            ("ff1", Mode::Ff1 { alphabet: digits(), luhn: false }, "ff1:digits"),
            ("ff1:digits+luhn", Mode::Ff1 { alphabet: digits(), luhn: true }, "ff1:digits+luhn"),
            ("ff1+luhn", Mode::Ff1 { alphabet: digits(), luhn: true }, "ff1:digits+luhn"),
            (
                "blind-index:16+trim+lowercase",
                Mode::BlindIndex { bits: 16, normalize: vec![Normalize::Trim, Normalize::Lowercase] },
                "blind-index:16+trim+lowercase",
            ),
            ("blind-index", Mode::BlindIndex { bits: 10, normalize: vec![] }, "blind-index:10"),
            ("mask:2-4", Mode::Mask { first: 2, last: 4, with: '*' }, "mask:2-4"),
            ("mask+#", Mode::Mask { first: 0, last: 0, with: '#' }, "mask:0-0+#"),
            ("token", Mode::Token, "token"),
            ("parquet-aead", Mode::ParquetAead, "parquet-aead"),
        ] {
            assert_eq!(text.parse(), Ok(mode.clone()), "{text}");
            assert_eq!(mode.to_string(), short);
            assert_eq!(short.parse(), Ok(mode));
        }
        for text in [
            "",
            "rot13",
            "aead:1",
            "aead+x",
            "ff1:rot13",
            "ff1:hex+luhn",
            "blind-index:0",
            "blind-index:257",
            "blind-index:x",
            "mask:4",
            "mask:-4",
            "siv+luhn",
            "token+",
            "AEAD",
        ] {
            assert!(text.parse::<Mode>().is_err(), "{text}");
        }
    }

    #[test]
    fn only_what_needs_no_shared_secret_goes_offline() {
        for code in Mode::CODES {
            let mode: Mode = code.parse().expect(code);
            assert_eq!(mode.as_str(), code);
            let secret = matches!(mode.key(), KeyNeed::FieldKey(_) | KeyNeed::Vault);
            assert_eq!(mode.offline().is_err(), secret, "{code}");
        }
        let refused = Mode::Siv.offline().expect_err("it needs the field's key").to_string();
        assert!(refused.contains("siv") && refused.contains("secret key"), "{refused}");
    }
}
