//! Whether one field's value is, or holds, another's: linear in both, however many values they have.

use super::matcher::text;
use super::text::{Place, Text, fold};
use events::Value;
use std::collections::{BTreeSet, HashMap, hash_map::DefaultHasher};
use std::hash::BuildHasherDefault;

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
    let turned = |text: &str| -> Vec<u8> {
        let bytes = text.bytes();
        if place == Place::End { bytes.rev().collect() } else { bytes.collect() }
    };
    let tree = Tree::of(wanted.iter().map(|text| turned(text)));
    values.iter().any(|value| tree.is_in(&turned(value), place == Place::Anywhere))
}

/// Texts as a tree of their bytes, in which a search that fails goes on where the longest end of what it has read is
/// the beginning of another text (Aho, Corasick 1975). The library's automata take more than linear time to build, and
/// these texts come from an event.
struct Tree {
    next: HashMap<(usize, u8), usize, BuildHasherDefault<DefaultHasher>>,
    /// Where to go on from each node.
    fallback: Vec<usize>,
    /// Whether a text ends at the node.
    ends: Vec<bool>,
    /// Whether one ends there, or an end of what was read up to there is one.
    within: Vec<bool>,
}

impl Tree {
    fn of(texts: impl Iterator<Item = Vec<u8>>) -> Self {
        let mut tree =
            Self { next: HashMap::default(), fallback: vec![0], ends: vec![false], within: vec![false] };
        // By depth: a fallback is less deep than what it is of.
        let mut levels: Vec<Vec<(usize, u8, usize)>> = Vec::new();
        for text in texts {
            let mut at = 0;
            for (depth, byte) in text.into_iter().enumerate() {
                let new = tree.ends.len();
                let child = *tree.next.entry((at, byte)).or_insert(new);
                if child == new {
                    tree.ends.push(false);
                    tree.within.push(false);
                    tree.fallback.push(0);
                    if levels.len() <= depth {
                        levels.push(Vec::new());
                    }
                    levels[depth].push((at, byte, child));
                }
                at = child;
            }
            tree.ends[at] = true;
        }
        for (parent, byte, child) in levels.into_iter().skip(1).flatten() {
            let fallback = tree.step(tree.fallback[parent], byte);
            tree.fallback[child] = fallback;
            tree.within[child] = tree.ends[child] || tree.within[fallback];
        }
        tree
    }

    fn step(&self, mut at: usize, byte: u8) -> usize {
        loop {
            match self.next.get(&(at, byte)) {
                Some(next) => return *next,
                None if at == 0 => return 0,
                None => at = self.fallback[at],
            }
        }
    }

    /// Whether one of the texts is in the value, anywhere or at its beginning.
    fn is_in(&self, value: &[u8], anywhere: bool) -> bool {
        let mut at = 0;
        if self.ends[at] {
            return true;
        }
        for byte in value {
            at = match (anywhere, self.next.get(&(at, *byte))) {
                (_, Some(next)) => *next,
                (false, None) => return false,
                (true, None) => self.step(at, *byte),
            };
            if self.ends[at] || (anywhere && self.within[at]) {
                return true;
            }
        }
        false
    }
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
