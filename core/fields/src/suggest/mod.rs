//! Which fields of a dataset look sensitive, from their names and from sampled values.
//!
//! A suggestion is for a person to judge: it has a confidence and a reason, and the reason repeats no value. What
//! has a check digit or a strict form is believed by its values alone; what has none (names, national phone
//! numbers, dates of birth) needs the field's name beside them. Values that contradict a name win over it.

mod names;
mod secrets;
#[cfg(test)]
mod tests;
mod values;

use crate::{Mode, Path};
use crypto::blind_index::suggest_bits;
use std::{collections::HashSet, fmt};

/// A field and some of its values: a few hundred from all over the data are plenty.
#[derive(Debug, Clone)]
pub struct Sample {
    /// The field.
    pub path: Path,
    /// Values of it as text, nulls left out.
    pub values: Vec<String>,
}

/// What a field seems to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// E-mail addresses.
    Email,
    /// Payment card numbers (ISO/IEC 7812).
    Card,
    /// International bank account numbers (ISO 13616).
    Iban,
    /// United States social security numbers.
    Ssn,
    /// Telephone numbers.
    Phone,
    /// IP addresses.
    Ip,
    /// Names of people.
    Name,
    /// Passwords, tokens, API keys and private keys.
    Secret,
    /// Dates of birth.
    BirthDate,
}

impl Class {
    /// Its code.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Card => "card",
            Self::Iban => "iban",
            Self::Ssn => "ssn",
            Self::Phone => "phone",
            Self::Ip => "ip",
            Self::Name => "name",
            Self::Secret => "secret",
            Self::BirthDate => "birth-date",
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A field that looks sensitive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suggestion {
    /// The field.
    pub path: Path,
    /// What it seems to hold.
    pub class: Class,
    /// How sure that is, in percent.
    pub confidence: u8,
    /// Why, for people.
    pub reason: String,
    /// The mode to begin with: the one that gives away least. Others keep the form or allow joins.
    pub mode: Mode,
    /// Bits that a blind index of this field should have, should one be wanted: from the number of distinct values
    /// in the sample ([`crypto::blind_index::suggest_bits`]). The whole column has no fewer, so that with these bits
    /// at least two values share an index on expectation, however many more come.
    pub index_bits: u16,
}

/// What looks sensitive, in the order of the fields; at most one suggestion for each. Suggestions of less than 50 %
/// are left out.
#[must_use]
pub fn suggest(samples: &[Sample]) -> Vec<Suggestion> {
    samples.iter().filter_map(one).collect()
}

const LEAST: u8 = 50;

/// What speaks for a class.
struct Rule {
    class: Class,
    /// What a value must be, as a reason says it of many.
    what: &'static str,
    /// Whether a value is one.
    is: fn(&str) -> bool,
    /// Whether a value could be one, where the name says that it is.
    may_be: fn(&str) -> bool,
    /// The least share of the values, in percent, that must be ones for them to speak.
    share: usize,
    /// The confidence where the values speak alone, where name and values do, and where the values could be ones
    /// and the name says it.
    alone: u8,
    both: u8,
    named: u8,
}

const RULES: [Rule; 10] = [
    Rule {
        class: Class::Secret,
        what: "known forms of keys, tokens or password hashes",
        is: secrets::known,
        may_be: secrets::may_be,
        share: 0,
        alone: 95,
        both: 99,
        named: 80,
    },
    Rule {
        class: Class::Iban,
        what: "IBANs of a country's length with a check number that holds",
        is: values::iban,
        may_be: |_| false,
        share: 20,
        alone: 97,
        both: 99,
        named: 0,
    },
    Rule {
        class: Class::Card,
        what: "card numbers by issuer, length and check digit",
        is: values::card,
        may_be: |_| false,
        share: 50,
        alone: 95,
        both: 99,
        named: 0,
    },
    Rule {
        class: Class::Email,
        what: "e-mail addresses",
        is: values::email,
        may_be: |_| false,
        share: 5,
        alone: 96,
        both: 99,
        named: 0,
    },
    Rule {
        class: Class::Ip,
        what: "IP addresses",
        is: values::ip,
        may_be: |_| false,
        share: 50,
        alone: 80,
        both: 97,
        named: 0,
    },
    Rule {
        class: Class::Ssn,
        what: "social security numbers by their form",
        is: values::ssn,
        may_be: values::nine_digits,
        share: 50,
        alone: 75,
        both: 98,
        named: 85,
    },
    Rule {
        class: Class::Phone,
        what: "phone numbers by their form",
        is: values::phone,
        may_be: values::may_be_phone,
        share: 50,
        alone: 75,
        both: 96,
        named: 85,
    },
    Rule {
        class: Class::Name,
        what: "names with a common given name",
        is: values::name,
        may_be: values::may_be_name,
        share: 50,
        alone: 70,
        both: 95,
        named: 80,
    },
    Rule {
        class: Class::BirthDate,
        what: "dates on which living people were born",
        is: |_| false,
        may_be: values::birth_date,
        share: 50,
        alone: 0,
        both: 0,
        named: 92,
    },
    Rule {
        class: Class::Secret,
        what: "long and as mixed as random keys",
        is: secrets::random,
        may_be: |_| false,
        share: 80,
        alone: 55,
        both: 96,
        named: 0,
    },
];

/// The confidence of a name whose values were not seen.
const UNSEEN: u8 = 60;

fn one(sample: &Sample) -> Option<Suggestion> {
    let words = names::words(&sample.path);
    let values = sample.values.iter().map(|value| value.trim()).filter(|value| !value.is_empty());
    let values = values.collect::<Vec<_>>();
    let judged = RULES.iter().filter_map(|rule| judge(rule, &words, &values));
    // Of two that are as sure the earlier, stricter rule.
    let (rule, confidence, reason) = judged.reduce(|best, next| if next.1 > best.1 { next } else { best })?;
    let distinct = values.iter().collect::<HashSet<_>>().len();
    (confidence >= LEAST).then(|| Suggestion {
        path: sample.path.clone(),
        class: rule.class,
        confidence,
        reason,
        mode: Mode::Aead,
        index_bits: suggest_bits(distinct as u64),
    })
}

fn judge<'r>(rule: &'r Rule, words: &[String], values: &[&str]) -> Option<(&'r Rule, u8, String)> {
    let named = match names::hint(rule.class, words) {
        names::Hint::For => true,
        names::Hint::Silent => false,
        // `email_verified` holds no address, whatever it looks like.
        names::Hint::Against => return None,
    };
    let count = values.len();
    if count == 0 {
        return named.then(|| (rule, UNSEEN, "its name says so; no value was seen".to_owned()));
    }
    let share = |test: fn(&str) -> bool| values.iter().filter(|value| test(value)).count();
    let hits = share(rule.is);
    if hits > 0 && hits * 100 >= rule.share * count {
        let (full, also) = if named { (rule.both, ", and its name says so") } else { (rule.alone, "") };
        // Some of many say less than all, and one or two values less than many; a single secret is one.
        let few = if count < 3 && !named { 15 } else { 0 };
        let partly = if rule.share == 0 { 0 } else { (count - hits) * 40 / count };
        let less = u8::try_from(few + partly).unwrap_or(u8::MAX);
        return Some((
            rule,
            full.saturating_sub(less),
            format!("{} are {}{also}", of(hits, count), rule.what),
        ));
    }
    let could = share(rule.may_be);
    (named && could * 100 >= 80 * count).then(|| {
        let reason = format!("its name says so, and {} could be", of(could, count));
        (rule, rule.named, reason)
    })
}

fn of(hits: usize, count: usize) -> String {
    if hits == count {
        format!("all {count} sampled values")
    } else {
        format!("{hits} of {count} sampled values")
    }
}
