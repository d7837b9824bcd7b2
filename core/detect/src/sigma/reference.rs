//! Whether one field's value is, or holds, another's: linear in both, however many values they have.

use super::matcher::text;
use super::text::{Place, Text, fold};
use aho_corasick::{AhoCorasick, Anchored, Input};
use events::Value;
use std::borrow::Cow;
use std::collections::BTreeSet;

/// Up to so many pairs are compared one by one.
const FEW: usize = 64;

/// Whether any of the values stands so to any of those wanted.
pub(crate) fn holds(values: &[Value<'_>], wanted: &[Value<'_>], place: Place, cased: bool) -> bool {
    if values.len().saturating_mul(wanted.len()) > FEW {
        return many(values, wanted, place, cased);
    }
    wanted.iter().filter_map(|&wanted| text(wanted)).any(|wanted| {
        let wanted = Text::plain(&wanted, place, cased);
        values.iter().any(|&value| text(value).is_some_and(|value| wanted.fits(&value)))
    })
}

fn many(values: &[Value<'_>], wanted: &[Value<'_>], place: Place, cased: bool) -> bool {
    let folded = |value: &Value<'_>| {
        let text = text(*value)?;
        Some(if cased { text.into_owned() } else { fold(&text).into_owned() })
    };
    let wanted: BTreeSet<String> = wanted.iter().filter_map(folded).collect();
    let values: Vec<String> = values.iter().filter_map(folded).collect();
    if place == Place::Whole {
        return values.iter().any(|value| wanted.contains(value));
    }
    // What ends with a text begins with it, read backwards.
    let turned = |text: &str| -> Cow<'static, [u8]> {
        let bytes = text.bytes();
        if place == Place::End { bytes.rev().collect() } else { bytes.collect() }
    };
    let Ok(automaton) = AhoCorasick::builder()
        .start_kind(aho_corasick::StartKind::Both)
        .kind(Some(aho_corasick::AhoCorasickKind::NoncontiguousNFA))
        .build(wanted.iter().map(|text| turned(text)))
    else {
        return false;
    };
    let anchored = if place == Place::Anywhere { Anchored::No } else { Anchored::Yes };
    values.iter().any(|value| automaton.is_match(Input::new(&turned(value)).anchored(anchored)))
}

#[cfg(test)]
mod tests {
    use super::{holds, many};
    use crate::sigma::text::Place;
    use events::Value;

    #[test]
    fn many_values_are_compared_as_few_are() {
        let texts = ["", "a", "Ab", "bA", "abc", "cab", "ÄB", "x/abc/y", "c"];
        for place in [Place::Whole, Place::Start, Place::End, Place::Anywhere] {
            for cased in [false, true] {
                for one in texts {
                    for other in texts {
                        let (one, other) = ([Value::Str(one)], [Value::Str(other), Value::Null]);
                        assert_eq!(
                            holds(&one, &other, place, cased),
                            many(&one, &other, place, cased),
                            "{one:?} {other:?} {place:?} {cased}"
                        );
                    }
                }
            }
        }
    }
}
