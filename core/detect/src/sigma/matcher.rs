//! One test of one value of a field.

use super::text::Text;
use super::time::Part;
use events::Value;
use regex::Regex;
use std::borrow::Cow;
use std::net::IpAddr;

/// What string tests see of a value; `None` where it has no text.
pub(crate) fn text(value: Value<'_>) -> Option<Cow<'_, str>> {
    match value {
        Value::Str(text) => Some(Cow::Borrowed(text)),
        Value::Number(number) => Some(Cow::Owned(number.to_string())),
        Value::Bool(true) => Some(Cow::Borrowed("true")),
        Value::Bool(false) => Some(Cow::Borrowed("false")),
        Value::Null | Value::Object | Value::EmptyList => None,
    }
}

/// The number that a value is, if it is one.
pub(crate) fn number(value: Value<'_>) -> Option<Number> {
    match value {
        Value::Str(text) => Number::read(text),
        Value::Number(events::Number::Integer(integer)) => Some(Number::Integer(integer)),
        Value::Number(other) => Some(Number::Float(other.as_f64())),
        _ => None,
    }
}

/// A number of a rule or an event: exact while it is an integer of 64 bits.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Number {
    Integer(i64),
    Float(f64),
}

impl Number {
    /// The number that a text is, if it is one.
    pub(crate) fn read(text: &str) -> Option<Self> {
        // "inf" and "nan" parse as floats and are names to everyone else.
        let numeric = text.bytes().next_back().is_some_and(|byte| byte.is_ascii_digit() || byte == b'.');
        if !numeric {
            return None;
        }
        text.parse().map(Self::Integer).or_else(|_| text.parse().map(Self::Float)).ok()
    }

    /// The nearest float.
    #[expect(clippy::cast_precision_loss, reason = "equal numbers have the same nearest float")]
    fn as_f64(self) -> f64 {
        match self {
            Self::Integer(integer) => integer as f64,
            Self::Float(float) => float,
        }
    }

    /// The same for all numbers that are equal.
    pub(crate) fn bits(self) -> u64 {
        // Nought below nought is nought.
        (self.as_f64() + 0.0).to_bits()
    }

    #[expect(clippy::cast_precision_loss, reason = "only reached where one side is a float already")]
    fn compare(self, other: Self) -> Option<std::cmp::Ordering> {
        match (self, other) {
            (Self::Integer(a), Self::Integer(b)) => Some(a.cmp(&b)),
            (Self::Float(a), Self::Float(b)) => a.partial_cmp(&b),
            (Self::Integer(a), Self::Float(b)) => (a as f64).partial_cmp(&b),
            (Self::Float(a), Self::Integer(b)) => a.partial_cmp(&(b as f64)),
        }
    }
}

/// How two numbers have to stand to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Relation {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Relation {
    fn holds(self, found: Number, wanted: Number) -> bool {
        found.compare(wanted).is_some_and(|order| match self {
            Self::Equal => order.is_eq(),
            Self::NotEqual => order.is_ne(),
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
        })
    }
}

/// A range of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Network {
    base: IpAddr,
    bits: u8,
}

impl Network {
    /// An address and a prefix length, such as `10.0.0.0/8` or `fd00::/8`.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let (base, bits) = text.split_once('/')?;
        let base: IpAddr = base.parse().ok()?;
        let bits: u8 = bits.parse().ok()?;
        (bits <= if base.is_ipv4() { 32 } else { 128 }).then_some(Self { base, bits })
    }

    fn contains(self, address: IpAddr) -> bool {
        let differ = match (self.base, address) {
            (IpAddr::V4(a), IpAddr::V4(b)) => u128::from(a.to_bits() ^ b.to_bits()) << 96,
            (IpAddr::V6(a), IpAddr::V6(b)) => a.to_bits() ^ b.to_bits(),
            _ => return false,
        };
        differ.leading_zeros() >= u32::from(self.bits)
    }
}

/// A test of one value.
#[derive(Debug, Clone)]
pub(crate) enum Matcher {
    Text(Text),
    Regex(Box<Regex>),
    Network(Network),
    Number(Relation, Number),
    /// A part of the date that the value is.
    Part(Part, Relation, Number),
    Bool(bool),
}

impl Matcher {
    /// Whether the value passes.
    pub(crate) fn passes(&self, value: Value<'_>) -> bool {
        match self {
            Self::Text(pattern) => text(value).is_some_and(|text| pattern.fits(&text)),
            Self::Regex(regex) => text(value).is_some_and(|text| regex.is_match(&text)),
            Self::Network(network) => text(value)
                .and_then(|text| text.parse().ok())
                .is_some_and(|address| network.contains(address)),
            Self::Number(relation, wanted) => {
                number(value).is_some_and(|found| relation.holds(found, *wanted))
            }
            Self::Part(part, relation, wanted) => {
                part.of(value).is_some_and(|found| relation.holds(Number::Integer(found), *wanted))
            }
            Self::Bool(wanted) => match value {
                Value::Bool(found) => found == *wanted,
                Value::Str(text) => text.eq_ignore_ascii_case(if *wanted { "true" } else { "false" }),
                _ => false,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Matcher, Network, Number, Relation};
    use events::Value;

    #[test]
    fn numbers_are_compared_as_numbers() {
        let equal = |number, value| Matcher::Number(Relation::Equal, number).passes(value);
        assert!(equal(Number::Integer(403), Value::Number(events::Number::Integer(403))));
        assert!(equal(Number::Integer(403), Value::Number(events::Number::Float(403.0))));
        assert!(equal(Number::Integer(403), Value::Str("403")));
        assert!(!equal(Number::Integer(403), Value::Str("403 Forbidden")));
        assert!(!equal(Number::Integer(i64::MAX), Value::Number(events::Number::Integer(i64::MAX - 1))));
        assert!(!equal(Number::Integer(0), Value::Bool(false)) && !equal(Number::Integer(0), Value::Null));
        let above = Matcher::Number(Relation::Greater, Number::Float(1.5));
        assert!(
            above.passes(Value::Number(events::Number::Integer(2)))
                && !above.passes(Value::Number(events::Number::Float(1.5)))
        );
        assert!(!above.passes(Value::Str("inf")) && !above.passes(Value::Str("")));
    }

    #[test]
    fn addresses_are_compared_by_prefix() {
        let within = |network, address| {
            let network = Network::read(network).expect("a network");
            Matcher::Network(network).passes(Value::Str(address))
        };
        assert!(within("10.0.0.0/8", "10.255.0.1") && !within("10.0.0.0/8", "11.0.0.1"));
        assert!(within("0.0.0.0/0", "8.8.8.8") && !within("0.0.0.0/0", "::1"));
        assert!(within("fd00::/8", "fdff::1") && !within("fd00::/8", "fe80::1"));
        assert!(within("1.2.3.4/32", "1.2.3.4") && !within("1.2.3.4/32", "cloudtrail.amazonaws.com"));
        assert!(Network::read("10.0.0.0/33").is_none() && Network::read("10.0.0.0").is_none());
    }
}
