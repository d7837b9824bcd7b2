//! Whose word counts: C2SP tlog-policy files, and whether a set of cosignatures meets their quorum.
//!
//! ```text
//! log <vkey> [<url>]
//! witness <name> <vkey> [<url>]
//! group <name> all|any|<k> <name>...
//! quorum <name>|none
//! ```
//!
//! A definition refers to names of earlier lines only, and every name is a member at most once, so a policy is a
//! tree and judging it takes one pass.

use crate::vkey::{VerifierKey, WrongKey};
use std::collections::HashMap;
use std::str::FromStr;

/// The largest policy file that is read, in bytes.
pub const MAX_BYTES: usize = 1 << 20;

/// A policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    logs: Vec<Log>,
    witnesses: Vec<Witness>,
    members: Vec<Member>,
    /// Which member decides; none: no witness is asked for.
    quorum: Option<usize>,
}

/// A log that the policy accepts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// Its key; the name is its origin.
    pub key: VerifierKey,
    /// Where it is served, if that is said.
    pub url: Option<String>,
}

/// A witness that the policy knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witness {
    /// What the policy file calls it.
    pub name: String,
    /// Its key.
    pub key: VerifierKey,
    /// Its submission prefix, if that is said.
    pub url: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Member {
    Witness(usize),
    Group { needed: usize, of: Vec<usize> },
}

/// A policy file that cannot be followed: the line, counted from 1, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line} of the policy: {why}")]
pub struct WrongPolicy {
    /// The line; the one behind the last for what is missing.
    pub line: usize,
    /// What is wrong with it.
    pub why: WrongLine,
}

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WrongLine {
    /// A byte that no policy file has.
    #[error("a control character, or the file is larger than 1 MiB or not UTF-8")]
    Text,
    /// Not one of the four kinds of lines, or with too few or too many words.
    #[error(
        "expected `log VKEY [URL]`, `witness NAME VKEY [URL]`, `group NAME all|any|K NAME...` or `quorum NAME`"
    )]
    Shape,
    /// A key that is none.
    #[error(transparent)]
    Key(#[from] WrongKey),
    /// A witness key whose signatures have no timestamp.
    #[error("a witness needs a key that cosigns, of type 0x04 or 0x06")]
    NoCosigner,
    /// The same public key twice.
    #[error("this public key stands on an earlier line")]
    SameKey,
    /// A name that is taken, or `none`.
    #[error("the name `{0}` is taken")]
    Taken(String),
    /// A name that no earlier line defines.
    #[error("no earlier line defines `{0}`")]
    Undefined(String),
    /// A name that is a member of two groups, or twice of one.
    #[error("`{0}` is a member already: each name counts once")]
    MemberTwice(String),
    /// A threshold outside of 1 to the number of members.
    #[error("a threshold is `any`, `all`, or from 1 to the number of members")]
    Threshold,
    /// A second quorum.
    #[error("there is a quorum already")]
    SecondQuorum,
    /// None.
    #[error("there is no quorum line; `quorum none` asks for no witness")]
    NoQuorum,
}

impl Policy {
    /// The logs, in the order of the file.
    #[must_use]
    pub fn logs(&self) -> &[Log] {
        &self.logs
    }

    /// The witnesses, in the order of the file.
    #[must_use]
    pub fn witnesses(&self) -> &[Witness] {
        &self.witnesses
    }

    /// Whether it is about the log of this name: one that names logs is about those alone.
    #[must_use]
    pub fn speaks_of(&self, origin: &str) -> bool {
        self.logs.is_empty() || self.logs.iter().any(|log| log.key.name() == origin)
    }

    /// Whether the quorum is met, if these of the [`witnesses`](Self::witnesses) have cosigned.
    #[must_use]
    pub fn is_met(&self, has_cosigned: impl Fn(&Witness) -> bool) -> bool {
        let Some(quorum) = self.quorum else { return true };
        // Members refer to earlier ones only.
        let mut met: Vec<bool> = Vec::with_capacity(self.members.len());
        for member in &self.members {
            let holds = match member {
                Member::Witness(at) => self.witnesses.get(*at).is_some_and(&has_cosigned),
                Member::Group { needed, of } => {
                    of.iter().filter(|at| met.get(**at) == Some(&true)).count() >= *needed
                }
            };
            met.push(holds);
        }
        met.get(quorum) == Some(&true)
    }
}

impl FromStr for Policy {
    type Err = WrongPolicy;

    fn from_str(text: &str) -> Result<Self, WrongPolicy> {
        if text.len() > MAX_BYTES {
            return Err(WrongPolicy { line: 1, why: WrongLine::Text });
        }
        let mut reader = Reader::default();
        let mut last = 0;
        for (at, line) in text.split('\n').enumerate() {
            last = at + 1;
            reader.line(line).map_err(|why| WrongPolicy { line: last, why })?;
        }
        reader.end().map_err(|why| WrongPolicy { line: last, why })
    }
}

/// A policy as far as it has been read.
#[derive(Default)]
struct Reader<'t> {
    logs: Vec<Log>,
    witnesses: Vec<Witness>,
    members: Vec<Member>,
    names: HashMap<&'t str, usize>,
    grouped: Vec<bool>,
    quorum: Option<Option<usize>>,
}

impl<'t> Reader<'t> {
    fn line(&mut self, line: &'t str) -> Result<(), WrongLine> {
        if line.bytes().any(|byte| byte != b'\t' && (byte < 0x20 || byte == 0x7f)) {
            return Err(WrongLine::Text);
        }
        let words: Vec<&str> = line.split([' ', '\t']).filter(|word| !word.is_empty()).collect();
        match words.as_slice() {
            [] => Ok(()),
            [first, ..] if first.starts_with('#') => Ok(()),
            ["log", key, url @ ..] => self.log(key, url),
            ["witness", name, key, url @ ..] => self.witness(name, key, url),
            ["group", name, threshold, of @ ..] => self.group(name, threshold, of),
            ["quorum", name] => self.set_quorum(name),
            _ => Err(WrongLine::Shape),
        }
    }

    fn log(&mut self, key: &str, url: &[&str]) -> Result<(), WrongLine> {
        let key: VerifierKey = key.parse()?;
        if self.logs.iter().any(|log| log.key.public_key() == key.public_key()) {
            return Err(WrongLine::SameKey);
        }
        self.logs.push(Log { key, url: one(url)? });
        Ok(())
    }

    fn witness(&mut self, name: &'t str, key: &str, url: &[&str]) -> Result<(), WrongLine> {
        let key: VerifierKey = key.parse()?;
        if !key.kind().is_timestamped() {
            return Err(WrongLine::NoCosigner);
        }
        if self.witnesses.iter().any(|witness| witness.key.public_key() == key.public_key()) {
            return Err(WrongLine::SameKey);
        }
        let member = Member::Witness(self.witnesses.len());
        self.witnesses.push(Witness { name: name.to_owned(), key, url: one(url)? });
        self.define(name, member)
    }

    fn group(&mut self, name: &'t str, threshold: &str, of: &[&str]) -> Result<(), WrongLine> {
        let needed = match threshold {
            "any" => Some(1),
            "all" => Some(of.len()),
            // Decimal as the format has it: no sign, no leading zero.
            number if number.starts_with(['+', '0']) => None,
            number => number.parse().ok(),
        };
        let needed = needed.filter(|needed| (1..=of.len()).contains(needed)).ok_or(WrongLine::Threshold)?;
        let mut members = Vec::new();
        for &member in of {
            let at = *self.names.get(member).ok_or_else(|| WrongLine::Undefined(member.to_owned()))?;
            if std::mem::replace(&mut self.grouped[at], true) {
                return Err(WrongLine::MemberTwice(member.to_owned()));
            }
            members.push(at);
        }
        self.define(name, Member::Group { needed, of: members })
    }

    fn set_quorum(&mut self, name: &str) -> Result<(), WrongLine> {
        if self.quorum.is_some() {
            return Err(WrongLine::SecondQuorum);
        }
        self.quorum = Some(match name {
            "none" => None,
            name => Some(*self.names.get(name).ok_or_else(|| WrongLine::Undefined(name.to_owned()))?),
        });
        Ok(())
    }

    fn define(&mut self, name: &'t str, member: Member) -> Result<(), WrongLine> {
        if name == "none" || self.names.contains_key(name) {
            return Err(WrongLine::Taken(name.to_owned()));
        }
        self.names.insert(name, self.members.len());
        self.members.push(member);
        self.grouped.push(false);
        Ok(())
    }

    fn end(self) -> Result<Policy, WrongLine> {
        let quorum = self.quorum.ok_or(WrongLine::NoQuorum)?;
        Ok(Policy { logs: self.logs, witnesses: self.witnesses, members: self.members, quorum })
    }
}

/// At most one word.
fn one(words: &[&str]) -> Result<Option<String>, WrongLine> {
    match words {
        [] => Ok(None),
        [url] => Ok(Some((*url).to_owned())),
        _ => Err(WrongLine::Shape),
    }
}

#[cfg(test)]
mod tests {
    use super::{Policy, WrongLine};
    use crate::vkey::{SignatureType, VerifierKey};

    fn key(name: &str, kind: SignatureType, seed: u8) -> String {
        let public = vec![seed; kind.public_key_bytes()];
        VerifierKey::new(name, kind, &public).expect("it fits").to_string()
    }

    fn witness(name: &str, seed: u8) -> String {
        format!("witness {name} {}", key(&format!("w.example/{name}"), SignatureType::MlDsa44, seed))
    }

    /// The example of the specification, with keys.
    fn example() -> String {
        let log = key("log.example/1", SignatureType::Ed25519, 1);
        let lines = [
            format!("log {log} https://log.example/"),
            "# those of X".into(),
            witness("X1", 2),
            witness("X2", 3),
            witness("X3", 4),
            "group X-witnesses 2 X1 X2 X3".into(),
            String::new(),
            witness("Y1", 5),
            witness("Y2", 6),
            witness("Y3", 7) + " \t https://y3.example/",
            " group\tY-witnesses any Y1 Y2  Y3 ".into(),
            "group X-and-Y all X-witnesses Y-witnesses".into(),
            "quorum X-and-Y".into(),
        ];
        lines.join("\n") + "\n"
    }

    #[test]
    fn the_specification_s_example_is_judged_as_it_says() {
        let policy: Policy = example().parse().expect("a policy");
        assert_eq!((policy.logs().len(), policy.witnesses().len()), (1, 6));
        assert_eq!(policy.witnesses()[5].url.as_deref(), Some("https://y3.example/"));
        for (cosigned, met) in [
            ("X1 X2 Y1", true),
            ("X1 X3 Y3", true),
            ("X1 X2 X3 Y1 Y2 Y3", true),
            ("X1 Y1 Y2 Y3", false),
            ("X1 X2 X3", false),
            ("", false),
        ] {
            let by = |witness: &super::Witness| cosigned.split(' ').any(|name| name == witness.name);
            assert_eq!(policy.is_met(by), met, "{cosigned}");
        }
        let none: Policy = "quorum none".parse().expect("a policy");
        assert!(none.is_met(|_| false));
    }

    #[test]
    fn what_the_specification_forbids_is_refused_with_its_line() {
        let log = key("log.example/1", SignatureType::Ed25519, 1);
        let (a, b) = (witness("A", 2), witness("B", 3));
        let undefined = |name: &str| WrongLine::Undefined(name.to_owned());
        for (text, line, why) in [
            (String::new(), 1, WrongLine::NoQuorum),
            ("quorum A".into(), 1, undefined("A")),
            ("quorum none\nquorum none".into(), 2, WrongLine::SecondQuorum),
            (format!("quorum A\n{a}"), 1, undefined("A")),
            (format!("{a}\n{}", witness("A", 3)), 2, WrongLine::Taken("A".into())),
            (format!("{a}\n{}", witness("B", 2)), 2, WrongLine::SameKey),
            (witness("none", 2), 1, WrongLine::Taken("none".into())),
            (format!("witness A {log}"), 1, WrongLine::NoCosigner),
            (format!("log {log}\nlog {log}"), 2, WrongLine::SameKey),
            (format!("log {log} a b"), 1, WrongLine::Shape),
            (format!("{a}\ngroup G 0 A"), 2, WrongLine::Threshold),
            (format!("{a}\ngroup G 2 A"), 2, WrongLine::Threshold),
            (format!("{a}\ngroup G 01 A"), 2, WrongLine::Threshold),
            (format!("{a}\ngroup G all"), 2, WrongLine::Threshold),
            (format!("{a}\ngroup G all A A"), 2, WrongLine::MemberTwice("A".into())),
            (format!("{a}\n{b}\ngroup G any A\ngroup H any A B"), 4, WrongLine::MemberTwice("A".into())),
            (format!("{a}\ngroup G any G"), 2, undefined("G")),
            ("quorum none\r".into(), 1, WrongLine::Text),
            ("quorums none".into(), 1, WrongLine::Shape),
        ] {
            let error = text.parse::<Policy>().expect_err(&text);
            assert_eq!((error.line, error.why), (line, why), "{text}");
        }
    }
}
