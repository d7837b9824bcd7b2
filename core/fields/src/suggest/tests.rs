//! Columns as they are met, and lookalikes of them.

use super::{Class, Sample, suggest};
use crate::Path;

fn of(name: &str, values: &[&str]) -> Option<(Class, u8, String)> {
    let path = Path::parse(name).expect("a path");
    let values = values.iter().map(|value| (*value).to_owned()).collect();
    let mut found = suggest(&[Sample { path, values }]);
    assert!(found.len() <= 1);
    found.pop().map(|found| (found.class, found.confidence, found.reason))
}

const CARDS: [&str; 5] =
    ["4111 1111 1111 1111", "5555-5555-5555-4444", "378282246310005", "6011111111111117", "30569309025904"];
const IBANS: [&str; 4] = [
    "DE89 3704 0044 0532 0130 00",
    "GB82WEST12345698765432",
    "FR1420041010050500013M02606",
    "NO9386011117947",
];
const EMAILS: [&str; 4] =
    ["ada@example.com", "a.b+c@mail.example.co.uk", "jürgen@bücher.example", "x@xn--p1ai.xn--p1ai"];
const SHA256: [&str; 3] = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
    "486ea46224d1bb4fb680f34f7c9ad96a8f24ec88be73ea8e5a6c65260e9cb8a7",
];
const KEYS: [&str; 4] = [
    "AKIAIOSFODNN7EXAMPLE",
    "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
    "$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHQ$aGFzaGhhc2hoYXNo",
];
const RANDOM: [&str; 3] = [
    "wJalrXUtnFEMI7K0MDENGbPxRfiCY9EXAMPLEKEY",
    "q8Zt3nVx0LmP5rKd7HsYw2AeJ4uGb6Fc9",
    "Xk29fLq7Zp0sWm3vTb8RyE1dHc6NuJ4gAo5",
];

#[test]
fn what_is_sensitive_is_found() {
    for (name, values, class, least) in [
        ("contact", &EMAILS[..], Class::Email, 95),
        ("email", &EMAILS, Class::Email, 99),
        ("notes", &["ada@example.com", "call her", "bob@example.com", "-", "later"], Class::Email, 50),
        ("ref", &CARDS, Class::Card, 95),
        ("$.payment['card number']", &CARDS, Class::Card, 99),
        ("account", &IBANS, Class::Iban, 95),
        ("x", &["123-45-6789", "078-05-1121", "219-09-9998"], Class::Ssn, 70),
        ("ssn", &["123456789", "987654321"], Class::Ssn, 80),
        ("x", &["+49 30 1234567", "+1 (555) 123-4567", "+4915112345678"], Class::Phone, 70),
        ("x", &["(212) 555-0199", "415-555-2671", "1-646-555-0123"], Class::Phone, 70),
        ("telefon", &["030/1234567", "0171 2345678", "089 12345-67"], Class::Phone, 80),
        ("src", &["192.168.0.1", "2001:db8::1", "8.8.8.8"], Class::Ip, 80),
        ("client_ip", &["10.1.2.3"], Class::Ip, 95),
        ("who", &["Ada Lovelace", "Robert Müller", "Maria del Carmen"], Class::Name, 50),
        ("last_name", &["Lovelace", "Müller", "O'Brien", "van der Berg"], Class::Name, 80),
        ("customerName", &["Lovelace, Ada", "Smith, John"], Class::Name, 90),
        ("config", &KEYS, Class::Secret, 95),
        ("log", &["started", "stopped", "AKIAIOSFODNN7EXAMPLE"], Class::Secret, 90),
        ("value", &RANDOM, Class::Secret, 55),
        ("api_key", &RANDOM, Class::Secret, 90),
        (
            "api_key",
            &["550e8400-e29b-41d4-a716-446655440000", "6ba7b810-9dad-11d1-80b4-00c04fd430c8"],
            Class::Secret,
            80,
        ),
        ("password", &["hunter2!", "correcthorse1", "Tr0ub4dor&3"], Class::Secret, 80),
        ("key", &["-----BEGIN PRIVATE KEY-----\nMC4CAQ", "x", "y"], Class::Secret, 90),
        (
            "dob",
            &["1815-12-10T00:00:00", "1985-02-01", "2/12/1970", "01.03.1999", "1964-08-30"],
            Class::BirthDate,
            90,
        ),
        ("iban", &[], Class::Iban, 60),
        ("$.owner.firstName", &[], Class::Name, 60),
    ] {
        let (found, confidence, reason) = of(name, values).unwrap_or_else(|| panic!("{name}: nothing"));
        assert_eq!(found, class, "{name}: {reason}");
        assert!((least..=99).contains(&confidence), "{name}: {confidence} %, {reason}");
        for value in values {
            assert!(value.len() < 6 || !reason.contains(value), "a reason repeats no value: {reason}");
        }
    }
}

#[test]
fn lookalikes_are_left_alone() {
    let orders: Vec<String> = (0..40_u64).map(|n| (4_000_123_400_000_000 + n * 7_919).to_string()).collect();
    let orders = orders.iter().map(String::as_str).collect::<Vec<_>>();
    for (name, values) in [
        ("order_number", &orders[..]),
        // An IMEI has a Luhn digit, and no issuer's range.
        ("device", &["490154203237518", "356938035643809", "013977000323877"]),
        ("timestamp", &["1700000000000", "1700000000001", "1700000000002"]),
        ("ean", &["4006381333931", "4012345678901", "4000417025005"]),
        ("card_type", &["visa", "mastercard", "visa"]),
        ("card", &["0000000000000000", "4111111111111112"]),
        ("sha256", &SHA256),
        ("commit", &["9fceb02d0ae598e95dc970b74767f19372d61af8", "83baae61804e65cc73a7201a7252750c76066a30"]),
        ("content", &SHA256),
        (
            "integrity",
            &["47DEQpj8HBSa/TImW5JCeuQeRkm5NMpJWZG3hSuFU", "LPJNul/wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ="],
        ),
        ("id", &["550e8400-e29b-41d4-a716-446655440000", "6ba7b810-9dad-11d1-80b4-00c04fd430c8"]),
        ("class", &["AbstractSingletonProxyFactoryBean2", "InternalFrameTitlePaneMaximizeButton1"]),
        ("email_verified", &["true", "false", "true"]),
        ("email_count", &["3", "17", "0", "2"]),
        ("token_count", &["1024", "77"]),
        ("tokens", &["1024", "77", "4096"]),
        ("secret", &["true", "false", "false", "true"]),
        ("password_updated", &["2023-01-01", "2024-01-01"]),
        ("package", &["lodash@4.17.21", "react@18.2.0", "left-pad@1.3.0"]),
        ("image", &["icon@2x.png", "logo@3x.png", "bg@2x.jpg"]),
        ("handle", &["@ada", "@bob", "@eve"]),
        ("host", &["ada@server", "root@localhost", "x@y"]),
        ("app_version", &["1.2.3.4", "10.0.1.7", "4.19.0.2"]),
        ("build", &["10.0.19041.1", "6.1.7601.17514", "10.0.22000.318"]),
        ("zip", &["12345-6789", "02134-0001", "94105-1234"]),
        ("day", &["2023-01-15", "2024-12-31", "1999-09-09"]),
        ("phone_model", &["Pixel 8", "iPhone 15", "Galaxy S24"]),
        ("amount", &["+12.50", "-3.99", "+100000000.25"]),
        ("isbn", &["978-3-16-148410-0", "978-0-306-40615-7"]),
        ("product_name", &["Desk Lamp", "Office Chair", "Oak Table"]),
        ("city", &["Berlin", "Paris", "San Francisco", "New York"]),
        ("file_name", &["report.pdf", "photo.jpg"]),
        ("status", &["active", "closed", "pending"]),
        ("ssn", &["yes", "no", "yes"]),
        ("x", &["000-12-3456", "666-12-3456", "900-12-3456", "123-00-4567", "123-45-0000"]),
        ("iban", &["DE89370400440532013001", "XX82WEST12345698765432", "DE8937040044053201300"]),
        ("placeholder", &["ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "sk_test_0000000000000000"]),
        ("birth_weight", &["3.4", "2.9", "4.1"]),
        ("shipping", &["standard", "express"]),
    ] {
        assert_eq!(of(name, values), None, "{name}");
    }
}

#[test]
fn every_field_is_looked_at_and_none_twice() {
    let sample = |name: &str, values: &[&str]| Sample {
        path: Path::parse(name).expect("a path"),
        values: values.iter().map(|value| (*value).to_owned()).collect(),
    };
    let found = suggest(&[
        sample("id", &["1", "2", "3"]),
        sample("$.items[*].card", &CARDS),
        sample("email", &EMAILS),
        sample("empty", &["", " "]),
    ]);
    let classes = found.iter().map(|found| (found.path.as_str(), found.class)).collect::<Vec<_>>();
    assert_eq!(classes, [("$.items[*].card", Class::Card), ("email", Class::Email)]);
    assert_eq!(
        found[0].reason,
        "all 5 sampled values are card numbers by issuer, length and check digit, and its name says so"
    );
    assert!(suggest(&[]).is_empty());
}

#[test]
fn any_text_is_judged_without_a_fault() {
    let odd = [
        "", "\u{0}", "é", "🦀🦀", "+", "-", "@", "a@", ".", "::", "eyJ", "$2a$", "DE", "ß9", "(((", "1-",
        "ſs-n",
    ];
    for name in ["email", "card", "iban", "ssn", "phone", "ip", "first_name", "password", "dob", "é"] {
        for value in odd {
            of(name, &[value, value, value]);
            of(name, &[&value.repeat(40)]);
        }
    }
}

#[test]
fn a_blind_index_has_bits_for_the_values_that_were_seen() {
    let path = || Path::parse("email").expect("a path");
    let bits = |distinct: usize, times: usize| {
        let value = |at: usize| format!("user{}@example.com", at % distinct);
        let values = (0..distinct * times).map(value).collect();
        suggest(&[Sample { path: path(), values }]).pop().expect("e-mail addresses").index_bits
    };
    assert_eq!((bits(2, 1), bits(4, 1), bits(256, 1), bits(300, 3)), (1, 1, 7, 7));
}
