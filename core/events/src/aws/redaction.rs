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

/// Whether a name, found in an object that itself has the name `parent`, holds a secret.
pub(crate) fn is_secret(parent: &str, name: &str) -> bool {
    // Values of environment variables, as ECS task definitions list them.
    if name == "value" && (parent == "environment" || parent == "Environment") {
        return true;
    }
    if name.len() < 6 || name.len() > LONGEST {
        return false;
    }
    // Most names of an event fail here: one of these letters groups stands in every secret name.
    let mut plain = [0u8; LONGEST];
    let mut length = 0;
    for byte in name.bytes().filter(|byte| *byte != b'-' && *byte != b'_') {
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
        for name in ["passwordPolicy", "passwordResetRequired", "secretId", "sessionContext", "accessKeyId"] {
            assert!(!is_secret("", name), "{name}");
        }
    }
}
