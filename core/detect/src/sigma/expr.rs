//! What a rule compiles to: a tree of tests over slots, which can name the values that every match has.

use super::keywords;
use super::matcher::{Matcher, Relation};
use super::reference;
use super::text::{Place, Text};
use events::{Slots, Value};

/// A condition that one activity meets or not. Evaluation allocates nothing but what folding needs.
#[derive(Debug, Clone)]
pub(crate) enum Expr {
    All(Box<[Expr]>),
    Any(Box<[Expr]>),
    Not(Box<Expr>),
    /// Any value in the slot passes.
    Test {
        slot: usize,
        matcher: Matcher,
    },
    /// The slot is missing, or there is nothing but null in it.
    Null {
        slot: usize,
    },
    /// The field is there, or is not.
    Exists {
        slot: usize,
        wanted: bool,
    },
    /// Any value in the slot holds, or is, any value in the other.
    Reference {
        slot: usize,
        other: usize,
        place: Place,
        cased: bool,
    },
    /// Any value of the event holds the text.
    Keyword(Text),
}

/// Something that a match must have; texts are folded.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Anchor {
    /// A value of this slot is this text.
    Text(usize, Box<str>),
    /// A value of this slot is this number, by the bits of its nearest float.
    Number(usize, u64),
    /// A value of this slot has this text in it, in ASCII.
    Part(usize, Box<str>),
    /// A value of the event has this text in it, in ASCII.
    Keyword(Box<str>),
}

impl Anchor {
    /// How much dearer it is to look for than an exact value.
    pub(crate) const fn cost(&self) -> usize {
        match self {
            Self::Text(..) | Self::Number(..) => 0,
            Self::Part(..) => 20,
            Self::Keyword(_) => 10_000,
        }
    }
}

impl Expr {
    pub(crate) fn all(parts: Vec<Self>) -> Self {
        Self::one_or(parts, Self::All)
    }

    pub(crate) fn any(parts: Vec<Self>) -> Self {
        Self::one_or(parts, Self::Any)
    }

    fn one_or(mut parts: Vec<Self>, join: fn(Box<[Self]>) -> Self) -> Self {
        if parts.len() == 1 {
            return parts.swap_remove(0);
        }
        // Cheap questions first; the answer does not depend on the order.
        parts.sort_by_key(Self::cost);
        join(parts.into_boxed_slice())
    }

    fn cost(&self) -> u32 {
        match self {
            Self::Null { .. } | Self::Exists { .. } => 0,
            Self::Test { matcher: Matcher::Text(text), .. } if text.exact().is_some() => 1,
            Self::Test { matcher: Matcher::Regex(_), .. } => 10,
            Self::Test { .. } => 2,
            Self::Reference { .. } => 5,
            Self::Keyword(_) => 1_000,
            Self::Not(inner) => inner.cost(),
            Self::All(parts) | Self::Any(parts) => parts.iter().map(Self::cost).sum(),
        }
    }

    /// Whether an event with these fields and this JSON text meets it.
    pub(crate) fn holds(&self, slots: &Slots<'_>, json: &str) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.holds(slots, json)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(slots, json)),
            Self::Not(inner) => !inner.holds(slots, json),
            Self::Test { slot, matcher } => slots.get(*slot).iter().any(|&value| matcher.passes(value)),
            Self::Null { slot } => slots.get(*slot).iter().all(|value| *value == Value::Null),
            Self::Exists { slot, wanted } => slots.get(*slot).is_empty() != *wanted,
            Self::Reference { slot, other, place, cased } => {
                reference::holds(slots.get(*slot), slots.get(*other), *place, *cased)
            }
            Self::Keyword(keyword) => keywords::found(json, keyword),
        }
    }

    /// A set of anchors of which every match has at least one; `None` where there is no such set.
    /// `cost` tells how many rules share an anchor: the fewer, the better it selects.
    pub(crate) fn anchors(&self, cost: &impl Fn(&Anchor) -> usize) -> Option<Vec<Anchor>> {
        match self {
            Self::Test { slot, matcher } => Self::anchors_of(*slot, matcher),
            Self::Keyword(text) => {
                // What JSON writes as an escape is not looked for in its text.
                let part = text.part()?;
                let written = part.bytes().all(|byte| byte >= b' ' && !matches!(byte, b'"' | b'\\'));
                written.then(|| vec![Anchor::Keyword(part)])
            }
            Self::All(parts) => {
                let choices = parts.iter().filter_map(|part| part.anchors(cost));
                choices.min_by_key(|anchors| anchors.iter().map(cost).sum::<usize>())
            }
            Self::Any(parts) => {
                let each: Option<Vec<_>> = parts.iter().map(|part| part.anchors(cost)).collect();
                each.map(|each| each.into_iter().flatten().collect())
            }
            _ => None,
        }
    }

    fn anchors_of(slot: usize, matcher: &Matcher) -> Option<Vec<Anchor>> {
        match matcher {
            Matcher::Text(text) => match text.exact() {
                Some(texts) => Some(texts.into_iter().map(|text| Anchor::Text(slot, text)).collect()),
                None => Some(vec![Anchor::Part(slot, text.part()?)]),
            },
            Matcher::Number(Relation::Equal, number) => Some(vec![Anchor::Number(slot, number.bits())]),
            Matcher::Bool(wanted) => Some(vec![Anchor::Text(slot, wanted.to_string().into())]),
            _ => None,
        }
    }

    /// Every anchor that the tree offers anywhere, for counting.
    pub(crate) fn visit_anchors(&self, visit: &mut impl FnMut(Anchor)) {
        match self {
            Self::Test { slot, matcher } => {
                Self::anchors_of(*slot, matcher).into_iter().flatten().for_each(visit);
            }
            Self::All(parts) | Self::Any(parts) => parts.iter().for_each(|part| part.visit_anchors(visit)),
            _ => {}
        }
    }

    /// The slots of every test in the tree, those under a `not` too.
    pub(crate) fn visit_slots(&self, visit: &mut impl FnMut(usize)) {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().for_each(|part| part.visit_slots(visit)),
            Self::Not(inner) => inner.visit_slots(visit),
            Self::Test { slot, .. } | Self::Null { slot } | Self::Exists { slot, .. } => visit(*slot),
            Self::Reference { slot, other, .. } => {
                visit(*slot);
                visit(*other);
            }
            Self::Keyword(_) => {}
        }
    }

    /// Whether some event could meet it in which only slots that `there` allows have a value. May err on the
    /// side of yes.
    pub(crate) fn possible(&self, there: &impl Fn(usize) -> bool) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.possible(there)),
            Self::Any(parts) => parts.iter().any(|part| part.possible(there)),
            Self::Test { slot, .. } | Self::Exists { slot, wanted: true } => there(*slot),
            Self::Reference { slot, other, .. } => there(*slot) && there(*other),
            Self::Not(_) | Self::Null { .. } | Self::Exists { .. } | Self::Keyword(_) => true,
        }
    }

    /// The slots and values that made a match, in the order of evaluation. Only of tests that passed and
    /// stand under no `not`.
    pub(crate) fn evidence<'e>(&self, slots: &Slots<'e>, json: &'e str, found: &mut Vec<(usize, Value<'e>)>) {
        match self {
            Self::All(parts) | Self::Any(parts) => {
                for part in parts.iter().filter(|part| part.holds(slots, json)) {
                    part.evidence(slots, json, found);
                }
            }
            Self::Test { slot, matcher } => {
                let values = slots.get(*slot).iter();
                found
                    .extend(values.copied().find(|&value| matcher.passes(value)).map(|value| (*slot, value)));
            }
            Self::Reference { slot, .. } => {
                found.extend(slots.get(*slot).first().map(|&value| (*slot, value)));
            }
            _ => {}
        }
    }
}
