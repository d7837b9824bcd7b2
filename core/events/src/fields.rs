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
const NAMES: [&str; 6] = ["name", "Name", "key", "Key", "displayName", "DisplayName"];

/// A list of raw paths, compiled to one trie, so that one walk over an event fills all of them.
#[derive(Debug, Clone, Default)]
pub struct FieldSet {
    paths: Vec<String>,
    index: HashMap<String, usize>,
    nodes: Vec<Node>,
    aliases: Vec<Aliases>,
}

/// Which slots the names that rules use for one source's fields fill, and from where.
#[derive(Debug, Clone)]
struct Aliases {
    source: &'static str,
    /// The paths meant.
    raw: FieldSet,
    /// A slot of the set, and the slots of `raw` that fill it: the first that has a value.
    fill: Vec<(usize, Vec<usize>)>,
}

#[derive(Debug, Clone, Default)]
struct Node {
    /// Sorted by length, then bytes: most names that are not asked for differ in length.
    children: Vec<(Box<str>, usize)>,
    slot: Option<usize>,
    /// Whether a path goes on below one of the children.
    deep: bool,
}

/// What a walk over an event found.
struct Found<'e> {
    slots: Slots<'e>,
    /// Under the names of elements: for slots that the paths as written leave empty.
    named: Vec<(usize, Value<'e>)>,
}

impl<'e> Found<'e> {
    fn push(&mut self, slot: usize, value: Value<'e>, named: bool) {
        if named {
            self.named.push((slot, value));
        } else {
            self.slots.push(slot, value);
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
            let mut at = 0;
            for name in path.split('.') {
                at = set.descend_or_add(at, name);
            }
            set.nodes[at].slot = Some(slot);
            set.index.insert(path.clone(), slot);
            set.paths.push(path);
        }
        let below = |(_, child): &(Box<str>, usize)| !set.nodes[*child].children.is_empty();
        let deep: Vec<bool> = set.nodes.iter().map(|node| node.children.iter().any(below)).collect();
        for (node, deep) in set.nodes.iter_mut().zip(deep) {
            node.deep = deep;
        }
        set
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
            for (slot, raw) in &aliases.fill {
                if matches!(slots.slots[*slot], Slot::Missing)
                    && let Some(from) = raw.iter().find(|raw| !found.get(**raw).is_empty())
                {
                    slots.slots[*slot] = found.slots[*from].clone();
                }
            }
        }
        slots
    }

    fn plain<'e>(&self, event: &'e sonic_rs::Value) -> Slots<'e> {
        let slots = Slots { slots: vec![Slot::Missing; self.paths.len()] };
        let mut found = Found { slots, named: Vec::new() };
        if !self.paths.is_empty() {
            self.walk(0, event, &mut found, false);
        }
        let Found { mut slots, mut named } = found;
        named.retain(|(slot, _)| matches!(slots.slots[*slot], Slot::Missing));
        for (slot, value) in named {
            slots.push(slot, value);
        }
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

    fn descend(&self, at: usize, name: &str) -> Option<usize> {
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

impl Node {
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
    slots: Vec<Slot<'e>>,
}

#[derive(Debug, Clone, PartialEq)]
enum Slot<'e> {
    Missing,
    One(Value<'e>),
    Many(Vec<Value<'e>>),
}

impl<'e> Slots<'e> {
    /// The values of the field with this index: none where it is missing, several where arrays fan out.
    #[must_use]
    pub fn get(&self, index: usize) -> &[Value<'e>] {
        match self.slots.get(index) {
            None | Some(Slot::Missing) => &[],
            Some(Slot::One(value)) => std::slice::from_ref(value),
            Some(Slot::Many(values)) => values,
        }
    }

    /// How many fields were asked for.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether none was asked for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    fn push(&mut self, index: usize, value: Value<'e>) {
        let slot = &mut self.slots[index];
        match slot {
            Slot::Missing => *slot = Slot::One(value),
            Slot::One(first) => *slot = Slot::Many(vec![*first, value]),
            Slot::Many(values) => values.push(value),
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
