//! What a field's name says.

use super::Class;
use crate::{Path, Step};

/// What a name says about a class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hint {
    For,
    Silent,
    Against,
}

/// The words of a path, in lower case: split at what is no letter or digit, and at changes of case.
pub(super) fn words(path: &Path) -> Vec<String> {
    let mut words = Vec::new();
    for step in path.steps() {
        let Step::Member(name) = step else { continue };
        let mut word = String::new();
        let chars = name.chars().collect::<Vec<_>>();
        for (at, &c) in chars.iter().enumerate() {
            let before = at.checked_sub(1).and_then(|at| chars.get(at));
            let after = chars.get(at + 1);
            // camelCase, and the last letter of an abbreviation: `HTTPServer`.
            let lower_before = before.is_some_and(|before| before.is_lowercase() || before.is_ascii_digit());
            let abbreviation_ends = before.is_some_and(|before| before.is_uppercase())
                && after.is_some_and(|after| after.is_lowercase());
            if !c.is_alphanumeric() || (c.is_uppercase() && (lower_before || abbreviation_ends)) {
                words.extend((!word.is_empty()).then(|| std::mem::take(&mut word)));
            }
            if c.is_alphanumeric() {
                word.extend(c.to_lowercase());
            }
        }
        words.extend((!word.is_empty()).then_some(word));
    }
    words
}

/// The names that speak for a class: words that stand one after the other, or run together.
const NAMES: [(Class, &[&[&str]]); 9] = [
    (Class::Email, &[&["email"], &["e", "mail"], &["mail"], &["emails"], &["correo"], &["courriel"]]),
    (
        Class::Card,
        &[
            &["card"],
            &["card", "number"],
            &["credit", "card"],
            &["debit", "card"],
            &["cc", "number"],
            &["cc", "num"],
            &["cc"],
            &["pan"],
            &["kreditkarte"],
            &["tarjeta"],
        ],
    ),
    (Class::Iban, &[&["iban"], &["bank", "account"], &["account", "number"], &["kontonummer"]]),
    (
        Class::Ssn,
        &[
            &["ssn"],
            &["social", "security"],
            &["social", "security", "number"],
            &["social", "sec", "no"],
            &["itin"],
        ],
    ),
    (
        Class::Phone,
        &[
            &["phone"],
            &["tel"],
            &["telephone"],
            &["mobile"],
            &["cell"],
            &["cellphone"],
            &["fax"],
            &["msisdn"],
            &["phone", "number"],
            &["telefon"],
            &["handy"],
            &["telefono"],
            &["rufnummer"],
        ],
    ),
    (
        Class::Ip,
        &[
            &["ip"],
            &["ipv4"],
            &["ipv6"],
            &["ip", "address"],
            &["ip", "addr"],
            &["remote", "addr"],
            &["client", "ip"],
        ],
    ),
    (
        Class::Name,
        &[
            &["first", "name"],
            &["last", "name"],
            &["given", "name"],
            &["family", "name"],
            &["full", "name"],
            &["middle", "name"],
            &["maiden", "name"],
            &["surname"],
            &["firstname"],
            &["lastname"],
            &["fullname"],
            &["customer", "name"],
            &["patient", "name"],
            &["employee", "name"],
            &["contact", "name"],
            &["card", "holder"],
            &["cardholder"],
            &["vorname"],
            &["nachname"],
            &["nombre"],
            &["apellido"],
            &["prenom"],
            &["patient"],
        ],
    ),
    (
        Class::Secret,
        &[
            &["password"],
            &["passwd"],
            &["pwd"],
            &["passphrase"],
            &["secret"],
            &["token"],
            &["api", "key"],
            &["apikey"],
            &["access", "key"],
            &["private", "key"],
            &["secret", "key"],
            &["credential"],
            &["credentials"],
            &["client", "secret"],
            &["auth", "key"],
            &["passwort"],
            &["kennwort"],
        ],
    ),
    (
        Class::BirthDate,
        &[
            &["dob"],
            &["birth"],
            &["birthday"],
            &["birthdate"],
            &["date", "of", "birth"],
            &["born"],
            &["geburtsdatum"],
            &["geboren"],
        ],
    ),
];

/// Words that make a name speak of something about the thing, not of the thing.
const ABOUT: [&str; 32] = [
    "count",
    "counts",
    "sent",
    "verified",
    "valid",
    "status",
    "type",
    "brand",
    "kind",
    "hash",
    "sha1",
    "sha256",
    "md5",
    "expiry",
    "expires",
    "length",
    "enabled",
    "version",
    "rotated",
    "template",
    "total",
    "is",
    "has",
    "subject",
    "quality",
    "limit",
    "policy",
    "digest",
    "checksum",
    "fingerprint",
    "integrity",
    "etag",
];

/// What a name says about a class.
pub(super) fn hint(class: Class, words: &[String]) -> Hint {
    let names = NAMES.iter().find(|(known, _)| *known == class).map_or(&[][..], |(_, names)| names);
    let stands = |name: &&[&str]| {
        words.windows(name.len()).any(|part| part.iter().zip(name.iter()).all(|(word, said)| word == said))
            || (name.len() > 1 && words.contains(&name.concat()))
    };
    let about = words.iter().any(|word| ABOUT.contains(&word.as_str()));
    match (names.iter().any(stands), about) {
        (true, true) => Hint::Against,
        (true, false) => Hint::For,
        // Versions have four numbers and dots too, and digests are as mixed as keys.
        (false, true) if matches!(class, Class::Ip | Class::Secret) => Hint::Against,
        (false, _) => Hint::Silent,
    }
}

#[cfg(test)]
mod tests {
    use super::{Hint, hint, words};
    use crate::{Path, suggest::Class};

    #[test]
    fn names_are_read_as_words() {
        for (path, expected) in [
            ("email", "email"),
            ("Customer E-Mail", "customer e mail"),
            ("cardNumber", "card number"),
            ("HTTPServerIP", "http server ip"),
            ("$.items[*].apiKey2", "items api key2"),
            ("ship_to_name", "ship to name"),
        ] {
            assert_eq!(words(&Path::parse(path).expect("a path")).join(" "), expected);
        }
    }

    #[test]
    fn a_part_of_a_word_says_nothing() {
        let says = |class, name: &str| hint(class, &words(&Path::parse(name).expect("a path")));
        assert_eq!(says(Class::Ip, "shipping"), Hint::Silent);
        assert_eq!(says(Class::Ip, "zip"), Hint::Silent);
        assert_eq!(says(Class::Card, "discard"), Hint::Silent);
        assert_eq!(says(Class::Email, "email_verified"), Hint::Against);
        assert_eq!(says(Class::Ssn, "socialSecurityNumber"), Hint::For);
        assert_eq!(says(Class::Name, "LASTNAME"), Hint::For);
        assert_eq!(says(Class::Card, "$.card.number"), Hint::For);
    }
}
