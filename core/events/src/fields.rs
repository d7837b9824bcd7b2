//! The raw fields that a compiled pack reads, and their values in one event.
//!
//! A field is a dotted path as Sigma rules write it, such as `requestParameters.userName`. Arrays on the
//! way fan out: the path then has several values. A name that itself contains dots is found too, whether
//! the path's dots fall inside names or between them. Where a path finds nothing as it is written, an element
//! of a list is also found under the name that it bears (`parameters.NEW_VALUE.value`).

use crate::source::Source;
use crate::sources;
use sonic_rs::{JsonContainerTrait as _, JsonNumberTrait as _, JsonType, JsonValueTrait as _};
use std::{collections::HashMap, fmt};

/// Under which of its own fields an element of a list bears its name.
pub(crate) const NAMES: [&str; 6] = ["name", "Name", "key", "Key", "displayName", "DisplayName"];

/// A list of raw paths, compiled to one trie, so that one walk over an event fills all of them.
#[derive(Debug, Clone, Default)]
pub struct FieldSet {
    paths: Vec<String>,
    index: HashMap<String, usize>,
    pub(crate) nodes: Vec<Node>,
    pub(crate) aliases: Vec<Aliases>,
    /// The slots of what tells a log source, behind those that were asked for.
    pub(crate) routed: Vec<(&'static str, usize)>,
}

/// Which slots the names that rules use for one source's fields fill, and from where.
#[derive(Debug, Clone)]
pub(crate) struct Aliases {
    pub(crate) source: &'static str,
    /// The paths meant.
    pub(crate) raw: FieldSet,
    /// A slot of the set, and the slots of `raw` that fill it: the first that has a value.
    pub(crate) fill: Vec<(usize, Vec<usize>)>,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Node {
    /// Sorted by length, then bytes: most names that are not asked for differ in length.
    pub(crate) children: Vec<(Box<str>, usize)>,
    pub(crate) slot: Option<usize>,
    /// Whether a path goes on below one of the children.
    pub(crate) deep: bool,
    /// The children by the hash of their names, each at or behind the place that it says; a power of two long.
    pub(crate) table: Box<[Option<(u32, usize)>]>,
}

/// What a walk over an event found.
#[derive(Default)]
struct Found<'e> {
    plain: Vec<(usize, Value<'e>)>,
    /// Under the names of elements: for slots that the paths as written leave empty.
    named: Vec<(usize, Value<'e>)>,
}

impl<'e> Found<'e> {
    fn push(&mut self, slot: usize, value: Value<'e>, named: bool) {
        if named {
            self.named.push((slot, value));
        } else {
            self.plain.push((slot, value));
        }
    }
}

impl FieldSet {
    /// The set of these paths; a repeated path counts once. Cost: the sum of their lengths.
    #[must_use]
    pub fn new<P: Into<String>>(paths: impl IntoIterator<Item = P>) -> Self {
        let mut set = Self { nodes: vec![Node::default()], ..Self::default() };
        for path in paths {
            let path = path.into();
            if set.index.contains_key(&path) {
                continue;
            }
            let slot = set.paths.len();
            set.lead(&path, slot);
            set.index.insert(path.clone(), slot);
            set.paths.push(path);
        }
        // What tells a log source is not asked for by name, and found in the same pass.
        if !set.paths.is_empty() {
            let mut next = set.paths.len();
            for path in sources::ROUTED {
                let slot = set.index.get(path).copied().unwrap_or_else(|| {
                    set.lead(path, next);
                    next += 1;
                    next - 1
                });
                set.routed.push((path, slot));
            }
        }
        let below = |(_, child): &(Box<str>, usize)| !set.nodes[*child].children.is_empty();
        let deep: Vec<bool> = set.nodes.iter().map(|node| node.children.iter().any(below)).collect();
        for (node, deep) in set.nodes.iter_mut().zip(deep) {
            node.deep = deep;
            node.index();
        }
        set
    }

    /// Makes a path lead to a slot.
    fn lead(&mut self, path: &str, slot: usize) {
        let mut at = 0;
        for name in path.split('.') {
            at = self.descend_or_add(at, name);
        }
        self.nodes[at].slot = Some(slot);
    }

    /// The same set, which also fills a slot whose path is only a name that rules use for a field: from
    /// the field that it means in events of that source (`docs/events.md`). A path that the event itself
    /// has is never replaced.
    #[must_use]
    pub fn with_aliases(mut self) -> Self {
        for source in sources::ALL.iter().filter(|source| !source.aliases.is_empty()) {
            let asked = source.aliases.iter().filter_map(|(name, raw)| Some((self.index(name)?, *raw)));
            let asked: Vec<_> = asked.collect();
            if asked.is_empty() {
                continue;
            }
            let raw = Self::new(asked.iter().flat_map(|(_, paths)| paths.iter().copied()));
            let slots = |paths: &[&str]| paths.iter().filter_map(|path| raw.index(path)).collect();
            let fill = asked.iter().map(|(slot, paths)| (*slot, slots(paths))).collect();
            self.aliases.push(Aliases { source: source.name, raw, fill });
        }
        self
    }

    /// The index of a path's slot.
    #[must_use]
    pub fn index(&self, path: &str) -> Option<usize> {
        self.index.get(path).copied()
    }

    /// The paths, by index.
    #[must_use]
    pub fn paths(&self) -> &[String] {
        &self.paths
    }

    /// How many paths.
    #[must_use]
    pub fn len(&self) -> usize {
        self.paths.len()
    }

    /// Whether it asks for nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.paths.is_empty()
    }

    fn descend_or_add(&mut self, at: usize, name: &str) -> usize {
        match self.nodes[at].position(name) {
            Ok(place) => self.nodes[at].children[place].1,
            Err(place) => {
                let new = self.nodes.len();
                self.nodes.push(Node::default());
                self.nodes[at].children.insert(place, (name.into(), new));
                new
            }
        }
    }

    /// The values of all paths in one event of a source. Visits only what some path leads to.
    pub(crate) fn extract<'e>(&self, event: &'e sonic_rs::Value, source: &Source) -> Slots<'e> {
        let mut slots = self.plain(event);
        for aliases in self.aliases.iter().filter(|aliases| aliases.source == source.name) {
            let found = aliases.raw.plain(event);
            slots.fill(&aliases.fill, &found);
        }
        slots
    }

    fn plain<'e>(&self, event: &'e sonic_rs::Value) -> Slots<'e> {
        let mut found = Found::default();
        if !self.paths.is_empty() {
            self.walk(0, event, &mut found, false);
        }
        let mut slots = Slots { len: self.paths.len(), ..Slots::default() };
        slots.set(found.plain, found.named);
        slots
    }

    // Recursion is bounded: a record's depth was checked before it was parsed.
    fn walk<'e>(&self, at: usize, value: &'e sonic_rs::Value, found: &mut Found<'e>, named: bool) {
        let node = &self.nodes[at];
        match value.get_type() {
            JsonType::Array => {
                if let Some(array) = value.as_array() {
                    if let (true, Some(slot)) = (array.is_empty(), node.slot) {
                        found.push(slot, Value::EmptyList, named);
                    }
                    for element in array {
                        self.walk(at, element, found, named);
                        if let Some(child) = node.deep.then(|| self.called(at, element)).flatten() {
                            self.walk(child, element, found, true);
                        }
                    }
                }
            }
            JsonType::Object => {
                if let Some(slot) = node.slot {
                    found.push(slot, Value::Object, named);
                }
                if node.children.is_empty() {
                    return;
                }
                for (name, inner) in value.as_object().into_iter().flatten() {
                    if let Some(child) = self.descend(at, name) {
                        self.walk(child, inner, found, named);
                    }
                }
            }
            _ => {
                if let (Some(slot), Some(value)) = (node.slot, scalar(value)) {
                    found.push(slot, value, named);
                }
            }
        }
    }

    /// The node below this one that has the name of the element and on which a path goes on.
    fn called(&self, at: usize, element: &sonic_rs::Value) -> Option<usize> {
        let mut fields = element.as_object()?.into_iter();
        let name = fields.find_map(|(field, value)| value.as_str().filter(|_| NAMES.contains(&field)))?;
        let child = self.descend(at, name)?;
        (!self.nodes[child].children.is_empty()).then_some(child)
    }

    pub(crate) fn descend(&self, at: usize, name: &str) -> Option<usize> {
        if let Ok(place) = self.nodes[at].position(name) {
            return Some(self.nodes[at].children[place].1);
        }
        let (mut at, mut rest) = (at, name);
        while let Some((first, more)) = rest.split_once('.') {
            at = self.child(at, first)?;
            rest = more;
            if let Some(child) = self.child(at, rest) {
                return Some(child);
            }
        }
        None
    }

    fn child(&self, at: usize, name: &str) -> Option<usize> {
        self.nodes[at].position(name).ok().map(|place| self.nodes[at].children[place].1)
    }
}

/// A hash of a name by its ends and its length: names of fields seldom differ in their middle alone.
pub(crate) fn hash_of(name: &[u8]) -> u32 {
    let word = |bytes: &[u8]| {
        let mut word = [0; 8];
        word[..bytes.len()].copy_from_slice(bytes);
        u64::from_le_bytes(word)
    };
    let (first, last) = match (name.first_chunk::<8>(), name.last_chunk::<8>()) {
        (Some(first), Some(last)) => (u64::from_le_bytes(*first), u64::from_le_bytes(*last)),
        _ => (word(name), 0),
    };
    mix(first, last, name.len())
}

/// The hash, where both ends are at hand.
#[expect(clippy::cast_possible_truncation, reason = "the upper half of the product")]
pub(crate) const fn mix(first: u64, last: u64, length: usize) -> u32 {
    let mixed = (first ^ last.rotate_left(29) ^ ((length as u64) << 3)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    ((mixed ^ (mixed >> 29)) >> 24) as u32
}

impl Node {
    /// Fills the table by hashes.
    fn index(&mut self) {
        let size = (self.children.len() * 2).next_power_of_two();
        let mut table = vec![None; if self.children.is_empty() { 0 } else { size }];
        for (place, (name, _)) in self.children.iter().enumerate() {
            let hash = hash_of(name.as_bytes());
            let mut at = hash as usize & (size - 1);
            while table[at].is_some() {
                at = (at + 1) & (size - 1);
            }
            table[at] = Some((hash, place));
        }
        self.table = table.into();
    }

    /// The child of this name, whose hash is known.
    pub(crate) fn find(&self, hash: u32, name: &[u8]) -> Option<usize> {
        let mask = self.table.len().checked_sub(1)?;
        let mut at = hash as usize & mask;
        while let Some((known, place)) = self.table[at] {
            if known == hash && self.children[place].0.as_bytes() == name {
                return Some(self.children[place].1);
            }
            at = (at + 1) & mask;
        }
        None
    }

    fn position(&self, name: &str) -> Result<usize, usize> {
        self.children.binary_search_by(|(known, _)| {
            known.len().cmp(&name.len()).then_with(|| known.as_bytes().cmp(name.as_bytes()))
        })
    }
}

fn scalar(value: &sonic_rs::Value) -> Option<Value<'_>> {
    match value.get_type() {
        JsonType::Null => Some(Value::Null),
        JsonType::Boolean => value.as_bool().map(Value::Bool),
        JsonType::Number => {
            let number = value.as_number()?;
            let number = match (number.as_i64(), number.as_u64()) {
                (Some(integer), _) => Number::Integer(integer),
                (None, Some(integer)) => Number::Unsigned(integer),
                (None, None) => Number::Float(number.as_f64()?),
            };
            Some(Value::Number(number))
        }
        JsonType::String => value.as_str().map(Value::Str),
        JsonType::Object | JsonType::Array => None,
    }
}

/// One value of a field.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'e> {
    /// The field is there and is `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number.
    Number(Number),
    /// A text.
    Str(&'e str),
    /// The path ends at an object: the field exists and has no value of its own.
    Object,
    /// The path ends at an empty array.
    EmptyList,
}

/// A JSON number, as exactly as it can be held.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Number {
    /// An integer that fits.
    Integer(i64),
    /// An integer above `i64::MAX`.
    Unsigned(u64),
    /// Any other number.
    Float(f64),
}

impl Number {
    /// The number for comparison; integers beyond 2⁵³ lose their last digits.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "documented: a comparison value, not an identity")]
    pub const fn as_f64(self) -> f64 {
        match self {
            Self::Integer(integer) => integer as f64,
            Self::Unsigned(integer) => integer as f64,
            Self::Float(float) => float,
        }
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(integer) => integer.fmt(f),
            Self::Unsigned(integer) => integer.fmt(f),
            Self::Float(float) => float.fmt(f),
        }
    }
}

/// The values of a [`FieldSet`]'s fields in one event, by index.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Slots<'e> {
    len: usize,
    /// For each value its slot, rising.
    of: Vec<usize>,
    values: Vec<Value<'e>>,
}

impl<'e> Slots<'e> {
    /// The values of the field with this index: none where it is missing, several where arrays fan out.
    #[must_use]
    pub fn get(&self, index: usize) -> &[Value<'e>] {
        let start = self.of.partition_point(|slot| *slot < index);
        let count = match self.of.get(start..) {
            Some([one, rest @ ..]) if *one == index => {
                // Most fields have one value; of a list with many, the end is searched for.
                if rest.first() == Some(&index) { 1 + rest.partition_point(|slot| *slot == index) } else { 1 }
            }
            _ => 0,
        };
        self.values.get(start..start + count).unwrap_or_default()
    }

    /// Every value with the index of its field, by index.
    pub fn iter(&self) -> impl Iterator<Item = (usize, Value<'e>)> {
        self.of.iter().copied().zip(self.values.iter().copied())
    }

    /// How many fields were asked for.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether none was asked for.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Slots for so many fields, in the memory of others.
    pub(crate) fn reusing(len: usize, of: Vec<usize>, values: Vec<Value<'e>>) -> Self {
        Self { len, of, values }
    }

    /// Its memory, without what is in it.
    pub(crate) fn into_memory(mut self) -> (Vec<usize>, Vec<Value<'static>>) {
        self.of.clear();
        self.values.clear();
        // Of nothing: the memory is kept.
        (self.of, self.values.into_iter().map(|_| Value::Null).collect())
    }

    /// Takes the next value; values must come by slot.
    pub(crate) fn add(&mut self, slot: usize, value: Value<'e>) {
        self.of.push(slot);
        self.values.push(value);
    }

    /// What was found, in the order in which it was; what was found by names only where there is nothing else.
    fn set(&mut self, mut plain: Vec<(usize, Value<'e>)>, mut named: Vec<(usize, Value<'e>)>) {
        plain.sort_by_key(|(slot, _)| *slot);
        if !named.is_empty() {
            named.retain(|(slot, _)| plain.binary_search_by_key(slot, |(known, _)| *known).is_err());
            plain.append(&mut named);
            plain.sort_by_key(|(slot, _)| *slot);
        }
        (self.of, self.values) = plain.into_iter().unzip();
    }

    /// Fills what is missing from another set's slots: the first of those named that has a value.
    pub(crate) fn fill(&mut self, fill: &[(usize, Vec<usize>)], from: &Self) {
        for (slot, raw) in fill {
            if self.get(*slot).is_empty()
                && let Some(raw) = raw.iter().find(|raw| !from.get(**raw).is_empty())
            {
                let at = self.of.partition_point(|known| known < slot);
                let values = from.get(*raw);
                self.of.splice(at..at, std::iter::repeat_n(*slot, values.len()));
                self.values.splice(at..at, values.iter().copied());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{FieldSet, Number, Value};

    fn values<'e>(event: &'e sonic_rs::Value, path: &str) -> Vec<Value<'e>> {
        let set = FieldSet::new(["other", path, "other.inner"]);
        set.plain(event).get(set.index(path).expect("asked for")).to_vec()
    }

    #[test]
    fn paths_find_their_values() {
        let event = sonic_rs::from_str(
            r#"{"a":{"b":[{"c":1},{"c":"x"},{"d":0}],"e":null,"f":{},"g":[]},"h.i":true,"j":{"k.l":18446744073709551615}}"#,
        )
        .expect("JSON");
        assert_eq!(values(&event, "a.b.c"), [Value::Number(Number::Integer(1)), Value::Str("x")]);
        assert_eq!(values(&event, "a.e"), [Value::Null]);
        assert_eq!(values(&event, "a.f"), [Value::Object]);
        assert_eq!(values(&event, "a.g"), [Value::EmptyList]);
        assert_eq!(values(&event, "h.i"), [Value::Bool(true)]);
        assert_eq!(values(&event, "j.k.l"), [Value::Number(Number::Unsigned(u64::MAX))]);
        assert_eq!(values(&event, "a.b"), [Value::Object, Value::Object, Value::Object]);
        assert_eq!(values(&event, "a.x"), []);
        assert_eq!(values(&event, "a"), [Value::Object]);
    }

    #[test]
    fn an_element_is_found_under_its_name_where_the_path_finds_nothing() {
        let event = sonic_rs::from_str(
            r#"{"p":[{"name":"NEW","value":"false"},{"name":"OLD","value":"true"},{"name":"NEW","list":["x",7]}],
                "q":[{"Name":"R.S","Value":"y"}],
                "r":[{"name":"t","value":1,"t":{"value":2}}],
                "s":[{"name":"value","value":3}],
                "t":{"name":"u","value":4}}"#,
        )
        .expect("JSON");
        assert_eq!(values(&event, "p.NEW.value"), [Value::Str("false")]);
        assert_eq!(values(&event, "p.OLD.value"), [Value::Str("true")]);
        assert_eq!(values(&event, "p.NEW.list"), [Value::Str("x"), Value::Number(Number::Integer(7))]);
        assert_eq!(values(&event, "q.R.S.Value"), [Value::Str("y")]);
        assert_eq!(values(&event, "p.value"), [Value::Str("false"), Value::Str("true")]);
        // What the path says as it is written is what it means.
        assert_eq!(values(&event, "r.t.value"), [Value::Number(Number::Integer(2))]);
        assert_eq!(values(&event, "s.value"), [Value::Number(Number::Integer(3))]);
        // A name alone is no value, and only elements of lists are found by theirs.
        assert_eq!(values(&event, "p.NEW"), []);
        assert_eq!(values(&event, "t.u.value"), []);
    }
}
