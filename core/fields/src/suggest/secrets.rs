//! Whether a value is a key, a token or a password hash.

/// What may stand behind a prefix.
#[derive(Clone, Copy)]
enum Of {
    Hex,
    Upper,
    /// Letters, digits, `_` and `-`, with dots.
    Url,
}

/// Prefixes by which issuers make their secrets known, with the least that follows them.
const PREFIXES: [(&str, Of, usize); 32] = [
    // Ours: `docs/formats/credential.md`.
    ("nxa_", Of::Url, 114),
    ("AKIA", Of::Upper, 16),
    ("ASIA", Of::Upper, 16),
    ("ghp_", Of::Url, 36),
    ("gho_", Of::Url, 36),
    ("ghu_", Of::Url, 36),
    ("ghs_", Of::Url, 36),
    ("ghr_", Of::Url, 36),
    ("github_pat_", Of::Url, 40),
    ("glpat-", Of::Url, 20),
    ("xoxb-", Of::Url, 20),
    ("xoxp-", Of::Url, 20),
    ("xoxa-", Of::Url, 20),
    ("xoxs-", Of::Url, 20),
    ("sk_live_", Of::Url, 16),
    ("sk_test_", Of::Url, 16),
    ("rk_live_", Of::Url, 16),
    ("sk-ant-", Of::Url, 20),
    ("sk-", Of::Url, 32),
    ("AIza", Of::Url, 35),
    ("ya29.", Of::Url, 20),
    ("npm_", Of::Url, 36),
    ("pypi-AgEI", Of::Url, 40),
    ("hf_", Of::Url, 30),
    ("dop_v1_", Of::Hex, 64),
    ("shpat_", Of::Hex, 32),
    ("SG.", Of::Url, 60),
    ("hvs.", Of::Url, 24),
    ("AGE-SECRET-KEY-1", Of::Upper, 58),
    ("dckr_pat_", Of::Url, 20),
    ("lin_api_", Of::Url, 32),
    ("sq0atp-", Of::Url, 22),
];

/// Beginnings of password hashes (PHC strings and crypt(3)).
const HASHES: [&str; 8] =
    ["$argon2id$", "$argon2i$", "$2a$", "$2b$", "$2y$", "$scrypt$", "$pbkdf2-sha256$", "$6$"];

/// A secret whose form is known.
pub(super) fn known(value: &str) -> bool {
    private_key(value)
        || json_web_token(value)
        || HASHES.iter().any(|head| value.starts_with(head) && value.len() >= head.len() + 20)
        || PREFIXES.iter().any(|(head, of, least)| {
            let rest = value.strip_prefix(head);
            rest.is_some_and(|rest| {
                rest.len() >= *least && rest.bytes().all(|byte| of.takes(byte)) && varied(rest)
            })
        })
}

impl Of {
    const fn takes(self, byte: u8) -> bool {
        match self {
            Self::Hex => byte.is_ascii_hexdigit(),
            Self::Upper => byte.is_ascii_uppercase() || byte.is_ascii_digit(),
            Self::Url => byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'),
        }
    }
}

fn private_key(value: &str) -> bool {
    value.starts_with("-----BEGIN ") && value.contains("PRIVATE KEY-----")
}

/// Three parts in base64url, the first of which begins an object with a name.
fn json_web_token(value: &str) -> bool {
    let parts = value.split('.').collect::<Vec<_>>();
    parts.len() == 3
        && parts[0].starts_with("eyJ")
        && parts.iter().all(|part| {
            part.len() >= 10 && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
        })
}

/// Not a placeholder such as `ghp_xxxxxxxx`.
fn varied(text: &str) -> bool {
    let mut seen = [false; 128];
    text.bytes().filter(|byte| !std::mem::replace(&mut seen[usize::from(*byte & 0x7f)], true)).count() >= 6
}

/// Long text of all sorts of characters with at least 4 bits of entropy in each (Shannon's, over the text itself):
/// keys in base 64 or base 62. Hexadecimal is left out, because digests and ids are written so, and hardly a key is.
pub(super) fn random(value: &str) -> bool {
    let takes = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=_-".contains(&byte);
    let has = |test: fn(&u8) -> bool| value.bytes().any(|byte| test(&byte));
    (24..=512).contains(&value.len())
        && value.bytes().all(takes)
        && has(u8::is_ascii_uppercase)
        && has(u8::is_ascii_lowercase)
        && has(u8::is_ascii_digit)
        // Words set together are as long, and change case seldom.
        && value.as_bytes().windows(2).filter(|pair| sort(pair[0]) != sort(pair[1])).count() * 5 >= value.len() * 2
        && entropy(value) >= 4.0
}

fn sort(byte: u8) -> u8 {
    match byte {
        b'a'..=b'z' => 0,
        b'A'..=b'Z' => 1,
        b'0'..=b'9' => 2,
        _ => 3,
    }
}

fn entropy(text: &str) -> f64 {
    let mut counts = [0_u16; 256];
    text.bytes().for_each(|byte| counts[usize::from(byte)] += 1);
    let length = f64::from(u16::try_from(text.len()).unwrap_or(u16::MAX));
    let share = |count: &u16| f64::from(*count) / length;
    counts.iter().filter(|count| **count > 0).map(share).map(|share| -share * share.log2()).sum()
}

/// What a field of secrets could hold: text without spaces that is no plain word of a language of states, no small
/// number, and no date.
pub(super) fn may_be(value: &str) -> bool {
    let mixed = value.chars().any(|c| c.is_ascii_digit()) || value.chars().any(|c| !c.is_alphanumeric());
    let length = value.chars().count();
    let number = value.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | '-' | ':' | '/' | 'T' | 'Z'));
    length >= 6 && !value.contains(' ') && !number && (mixed || length >= 20 || cases(value))
}

fn cases(value: &str) -> bool {
    value.chars().skip(1).any(char::is_uppercase) && value.chars().any(char::is_lowercase)
}
