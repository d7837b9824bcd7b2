//! Which names hold secrets in the events of every source. Listed for readers in `docs/formats/redaction.md`.

/// Names that hold a secret wherever they stand, without case, `-` and `_`. Sorted.
const SECRET: &[&str] = &[
    "accesstoken",
    "adminpassword",
    "adminuserpassword",
    "apikey",
    "apikeyvalue",
    "authorizationtoken",
    "authtoken",
    "bearertoken",
    "clientsecret",
    "currentpassword",
    "idtoken",
    "keymaterial",
    "masterpassword",
    "masteruserpassword",
    "newpassword",
    "oldpassword",
    "password",
    "passworddata",
    "plaintext",
    "presharedkey",
    "privatekey",
    "privatekeyplaintext",
    "proposedpassword",
    "refreshtoken",
    "samlassertion",
    "secret",
    "secretaccesskey",
    "secretbinary",
    "secrethash",
    "secretkey",
    "secretstring",
    "securitytoken",
    "servicepassword",
    "sessiontoken",
    "sourcepassword",
    "sshprivatekey",
    "targetpassword",
    "temporarypassword",
    "tokencode",
    "userpassword",
    "webidentitytoken",
    "xamzsecuritytoken",
    "xamzsignature",
];

/// The longest name above with room for the marks that are left out.
const LONGEST: usize = 32;

/// For each length, which first letters a secret name of that length has: a bit per letter. Most names of
/// an event end here.
const BEGINNINGS: [u32; LONGEST + 1] = {
    let mut table = [0u32; LONGEST + 1];
    let mut at = 0;
    while at < SECRET.len() {
        let name = SECRET[at].as_bytes();
        table[name.len()] |= 1 << (name[0] - b'a');
        at += 1;
    }
    table
};

/// Whether a name, found in an object that itself has the name `parent`, holds a secret.
pub(crate) fn is_secret(parent: &str, name: &str) -> bool {
    let bytes = name.as_bytes();
    if bytes.len() < 6 || bytes.len() > LONGEST {
        // Values of environment variables, as ECS task definitions list them.
        return name == "value" && (parent == "environment" || parent == "Environment");
    }
    let first = bytes[0].to_ascii_lowercase().wrapping_sub(b'a');
    let likely = first < 26 && BEGINNINGS[bytes.len()] >> first & 1 == 1;
    if !likely && !bytes.iter().any(|byte| matches!(byte, b'-' | b'_')) {
        return false;
    }
    let mut plain = [0u8; LONGEST];
    let mut length = 0;
    for byte in bytes.iter().filter(|byte| !matches!(byte, b'-' | b'_')) {
        plain[length] = byte.to_ascii_lowercase();
        length += 1;
    }
    SECRET.binary_search_by(|known| known.as_bytes().cmp(&plain[..length])).is_ok()
}

/// How the secrets of well-known issuers begin, and how many characters of a token follow at least.
const TOKENS: &[(&str, usize)] = &[
    ("AIza", 30),
    ("dop_v1_", 40),
    ("eyJ", 20),
    ("gho_", 30),
    ("ghp_", 30),
    ("ghr_", 30),
    ("ghs_", 30),
    ("ghu_", 30),
    ("github_pat_", 40),
    ("glpat-", 16),
    ("hvs.", 20),
    ("npm_", 30),
    ("nxa_", 20),
    ("pypi-", 40),
    ("sk-", 20),
    ("sk_live_", 16),
    ("xoxb-", 20),
    ("xoxp-", 20),
];

/// Names before `=` or `:` in running text, whose value is a secret. Lower case.
const ASSIGNED: &[&str] =
    &["password", "passwd", "secret", "token", "api_key", "apikey", "secret_access_key"];

/// Whether a text holds a secret, by its own shape: a private key, a token of a well-known issuer, a password
/// in an address, or one that is assigned to a name. Linear in the text.
pub(crate) fn looks(text: &str) -> bool {
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.+/".contains(&byte);
    let begins = |start: &str, least: usize| {
        text.match_indices(start).any(|(at, _)| {
            let free = at == 0 || !text.as_bytes()[at - 1].is_ascii_alphanumeric();
            // No more is looked at than is asked for: the text may begin so everywhere.
            let rest = text.as_bytes()[at + start.len()..].iter().take(least);
            free && rest.take_while(|byte| token(**byte)).count() >= least
        })
    };
    (text.contains("-----BEGIN ") && text.contains("PRIVATE KEY"))
        || TOKENS.iter().any(|(start, least)| begins(start, *least))
        || begins("Bearer ", 20)
        || in_address(text)
        || assigned(text)
}

/// `scheme://user:password@host`.
fn in_address(text: &str) -> bool {
    text.match_indices("://").any(|(at, _)| {
        let rest = &text[at + 3..];
        let end = rest.find(['/', ' ', '?', '#', '"']).unwrap_or(rest.len());
        rest[..end]
            .rsplit_once('@')
            .is_some_and(|(user, _)| user.split_once(':').is_some_and(|(_, word)| !word.is_empty()))
    })
}

fn assigned(text: &str) -> bool {
    text.match_indices(['=', ':']).any(|(at, _)| {
        let before = text[..at].trim_end_matches(['"', '\'', ' ']);
        let named = ASSIGNED.iter().any(|name| {
            before.len() >= name.len()
                && before.as_bytes()[before.len() - name.len()..].eq_ignore_ascii_case(name.as_bytes())
        });
        let value = text[at + 1..].trim_start_matches(['"', '\'', ' ']);
        named
            && value.bytes().take(6).take_while(|byte| byte.is_ascii_graphic() && *byte != b'"').count() == 6
    })
}

#[cfg(test)]
mod tests {
    use super::{SECRET, is_secret, looks};

    #[test]
    fn secrets_are_seen_by_their_shape() {
        for text in [
            "-----BEGIN RSA PRIVATE KEY-----\nMIIE",
            "use ghp_0123456789abcdefghijABCDEFGHIJ012345 please",
            "Authorization: Bearer 0123456789abcdef0123",
            "postgres://app:hunter22@db.internal/app",
            "export DB_PASSWORD=hunter22",
            r#"{"api_key": "abcdef123456"}"#,
        ] {
            assert!(looks(text), "{text}");
        }
        for text in [
            "list the tokens of this repository",
            "https://example.com/a:b@c",
            "password: ",
            "sk-8",
            "the secret is out",
            "10:30 token ring",
            "eyJ",
        ] {
            assert!(!looks(text), "{text}");
        }
    }

    #[test]
    fn the_list_is_sorted_and_fits() {
        assert!(SECRET.is_sorted());
        assert!(SECRET.iter().all(|name| (6..=super::LONGEST).contains(&name.len())));
    }

    #[test]
    fn spelling_does_not_hide_a_secret() {
        for name in ["sessionToken", "SecretAccessKey", "X-Amz-Security-Token", "master_user_password"] {
            assert!(is_secret("", name), "{name}");
        }
        for name in SECRET {
            assert!(is_secret("", name) && is_secret("", &name.to_uppercase()), "{name}");
        }
        for name in ["passwordPolicy", "passwordResetRequired", "secretId", "sessionContext", "accessKeyId"] {
            assert!(!is_secret("", name), "{name}");
        }
    }
}
