//! Which names of a CloudTrail event hold secrets. Listed for readers in `docs/formats/redaction.md`.

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

#[cfg(test)]
mod tests {
    use super::{SECRET, is_secret};

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
