//! Rules describe behaviour and not the strings of a sample: what has a name there gets another.

use events::{Record, Redactor};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Fields whose values are words of the provider, the same for everybody.
const VOCABULARY: [&str; 13] = [
    "eventName",
    "eventSource",
    "eventType",
    "eventVersion",
    "eventCategory",
    "eventTime",
    "errorCode",
    "type",
    "tlsVersion",
    "cipherSuite",
    "invokedBy",
    "effect",
    "action",
];

/// Whether what stands in such a field names something of the one who was recorded.
fn names(parent: &str, field: &str) -> bool {
    let field = field.to_lowercase();
    let ends = [
        "name",
        "names",
        "id",
        "ids",
        "arn",
        "useragent",
        "awsregion",
        "sourceipaddress",
        "region",
        "principal",
    ];
    ends.iter().any(|end| field.ends_with(end))
        // Tags, and filters by tags.
        || (parent.to_lowercase().contains("tag") && matches!(field.as_str(), "key" | "value" | "items"))
        || field == "values"
}

/// SplitMix64.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let one = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let two = (one ^ (one >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (two ^ (two >> 31)) % limit
    }

    /// A name of the same shape: letters for letters, digits for digits.
    fn other(&mut self, name: &str) -> String {
        let mut of =
            |from: u8, count: u64| char::from(from + u8::try_from(self.below(count)).expect("small"));
        name.chars()
            .map(|character| match character {
                'a'..='z' => of(b'a', 26),
                'A'..='Z' => of(b'A', 26),
                '0'..='9' => of(b'1', 9),
                other => other,
            })
            .collect()
    }
}

/// The words of a value that are names, and not the provider's own.
fn words(text: &str, found: &mut BTreeSet<String>) {
    // What the provider owns: its policies, its documents, its services.
    if text.starts_with("arn:aws:iam::aws:") || text.starts_with("AWS-") || text.ends_with(".amazonaws.com") {
        return;
    }
    let mut parts: Vec<&str> = Vec::new();
    if text.starts_with("arn:") {
        let mut fields = text.splitn(6, ':').skip(3);
        parts.extend(fields.next());
        parts.extend(fields.next());
        let resource: Vec<&str> = fields.next().unwrap_or_default().split(['/', ':']).collect();
        // What comes first of several says what sort of thing it is.
        parts.extend(if resource.len() > 1 { &resource[1..] } else { &resource[..] });
    } else if text.parse::<std::net::IpAddr>().is_ok() {
        parts.push(text);
    } else {
        parts.extend(text.split(['/', ':', ' ', '.', ',', '(', ')', ';']));
    }
    let long = parts.into_iter().filter(|part| part.len() > 2 && part.chars().any(char::is_alphanumeric));
    found.extend(long.map(str::to_owned));
}

fn collect(value: &Value, parent: &str, field: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::String(text)
            if (names(parent, field) || text.starts_with("arn:")) && !VOCABULARY.contains(&field) =>
        {
            words(text, found);
        }
        Value::Array(elements) => elements.iter().for_each(|element| collect(element, parent, field, found)),
        Value::Object(object) => object.iter().for_each(|(name, inner)| collect(inner, field, name, found)),
        _ => {}
    }
}

/// The text with each name in it replaced, where it stands as a word.
fn renamed(text: &str, names: &BTreeMap<String, String>) -> String {
    let mut out = String::new();
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        let free = !text[..at].ends_with(char::is_alphanumeric);
        // The longest first: the list is in order, and its end is what goes on.
        let found = names.iter().rev().filter(|_| free).find(|(name, _)| {
            rest.starts_with(name.as_str()) && !rest[name.len()..].starts_with(char::is_alphanumeric)
        });
        match found {
            Some((name, other)) => {
                out.push_str(other);
                at += name.len();
            }
            None => {
                let next = rest.chars().next().expect("it is not at its end");
                out.push(next);
                at += next.len_utf8();
            }
        }
    }
    out
}

fn rename(value: &mut Value, field: &str, names: &BTreeMap<String, String>) {
    match value {
        Value::String(text) if !VOCABULARY.contains(&field) && !text.starts_with("arn:aws:iam::aws:") => {
            *text = renamed(text, names);
        }
        Value::Array(elements) => elements.iter_mut().for_each(|element| rename(element, field, names)),
        Value::Object(object) => object.iter_mut().for_each(|(name, inner)| rename(inner, name, names)),
        _ => {}
    }
}

#[test]
fn what_is_found_does_not_hang_on_names() {
    let pack = crate::pack();
    let ids = |event: &Value| -> Vec<String> {
        let record =
            Record::read(event.to_string().as_bytes(), &Redactor::unkeyed()).expect("a CloudTrail event");
        let activity = record.activity(pack.fields()).expect("an activity");
        pack.matches(&activity).into_iter().map(|rule| rule.path.clone()).collect()
    };
    let mut matched = 0;
    for (technique, events) in super::recordings() {
        let mut found = BTreeSet::new();
        events.iter().for_each(|event| collect(event, "", "", &mut found));
        assert!(found.len() > 5, "{technique}: {found:?}");
        for seed in 1..=3 {
            let mut chance = Chance(seed);
            let names = found.iter().map(|name| {
                let other = match name.parse::<std::net::Ipv4Addr>() {
                    Ok(_) => format!("203.0.113.{}", chance.below(250) + 1),
                    Err(_) => chance.other(name),
                };
                (name.clone(), other)
            });
            let names: BTreeMap<String, String> = names.collect();
            for event in &events {
                let mut other = event.clone();
                rename(&mut other, "", &names);
                let text = other.to_string().to_lowercase();
                assert!(!text.contains("stratus") && !text.contains("christophe"), "{technique}: {text}");
                assert_ne!(other["userIdentity"], event["userIdentity"], "{technique}");
                assert_eq!(ids(event), ids(&other), "{technique}: {event}\n{other}");
                matched += ids(event).len();
            }
        }
    }
    assert!(matched > 60, "{matched} matches were compared");
}
