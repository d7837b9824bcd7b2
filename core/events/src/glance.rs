//! A glance: one pass over an event's bytes for rules alone. Nothing is built but the values that are asked for, and
//! they are borrowed.
//!
//! It sees what [`Record::read_as`] without redaction and [`Record::sight`] see: whatever it does not understand at
//! once (a name twice or with an escape in it, a message around the event, anything that is no JSON) it leaves to
//! these. It reads every byte as strictly as they do, and allocates nothing but for texts with escapes, once its
//! memory has grown.

mod scan;

use crate::fields::{Aliases, FieldSet, NAMES, Number, Slots, Value};
use crate::record::{MAX_BYTES, Record, Sight};
use crate::source::{Lookup, Source};
use crate::{Format, Reason, Redactor};
use scan::{Scan, Text};

/// What reads event after event in the same memory.
#[derive(Debug, Default)]
pub struct Glance {
    plain: Vec<Spot>,
    named: Vec<Spot>,
    /// The hashes of the names of the objects that are open.
    names: Vec<u32>,
    /// Texts that had escapes, without them.
    texts: String,
    of: Vec<usize>,
    values: Vec<Value<'static>>,
}

/// A value that was asked for, and where it stands.
#[derive(Debug, Clone, Copy)]
struct Spot {
    slot: u32,
    start: u32,
    end: u32,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    /// In the texts without their escapes.
    Unescaped,
    Number,
    True,
    False,
    Null,
    Object,
    EmptyList,
}

/// Not to be understood at a glance.
struct Unclear;

/// Names at the top of what may be a message around the event.
const AROUND: [&[u8]; 5] = [b"detail-type", b"message", b"messageId", b"message_id", b"specversion"];

impl Glance {
    /// Reads one event that is of this format, and hands on what rules see of it.
    ///
    /// # Errors
    /// The [`Reason`] for which [`Record::read_as`] does not take it.
    pub fn read<R>(
        &mut self,
        bytes: &[u8],
        format: Format,
        fields: &FieldSet,
        judge: impl FnOnce(&Sight<'_>) -> R,
    ) -> Result<R, Reason> {
        let bytes = bytes.trim_ascii();
        let seen = match std::str::from_utf8(bytes) {
            Ok(text) if text.len() <= MAX_BYTES && !fields.is_empty() => {
                self.walk(text, fields, true).map(|()| text)
            }
            _ => Err(Unclear),
        };
        let Ok(text) = seen else {
            let record = Record::read_as(bytes, format, &Redactor::off())?;
            return Ok(judge(&record.sight(fields)));
        };
        let source = format.source();
        if fields.aliases.iter().any(|aliases| aliases.source == source.name) {
            return Ok(self.aliased(text, source, fields, judge));
        }
        let (of, values) = (std::mem::take(&mut self.of), std::mem::take(&mut self.values));
        let mut slots = Slots::reusing(fields.len(), of, values.into_iter().map(|_| Value::Null).collect());
        self.fill(text, &mut slots);
        let sight = sight(text, source, fields, slots);
        let answer = judge(&sight);
        (self.of, self.values) = sight.fields.into_memory();
        Ok(answer)
    }

    /// The same, where rules also call fields by names of their own: one more pass for what these mean.
    fn aliased<R>(
        &self,
        text: &str,
        source: &'static Source,
        fields: &FieldSet,
        judge: impl FnOnce(&Sight<'_>) -> R,
    ) -> R {
        let mut others: Vec<(Self, &Aliases)> = Vec::new();
        for aliases in fields.aliases.iter().filter(|aliases| aliases.source == source.name) {
            let mut other = Self::default();
            // What the first pass understood the second does.
            if other.walk(text, &aliases.raw, false).is_ok() {
                others.push((other, aliases));
            }
        }
        let empty = |fields: &FieldSet| Slots::reusing(fields.len(), Vec::new(), Vec::new());
        let mut slots = empty(fields);
        self.fill(text, &mut slots);
        for (other, aliases) in &others {
            let mut raw = empty(&aliases.raw);
            other.fill(text, &mut raw);
            slots.fill(&aliases.fill, &raw);
        }
        judge(&sight(text, source, fields, slots))
    }

    fn walk(&mut self, text: &str, fields: &FieldSet, top: bool) -> Result<(), Unclear> {
        self.plain.clear();
        self.named.clear();
        self.names.clear();
        self.texts.clear();
        let scan = Scan { bytes: text.as_bytes() };
        if scan.byte(0) != Some(b'{') {
            return Err(Unclear);
        }
        let mut walk = Walk { scan, fields, glance: self, top };
        let end = walk.object(0, 0, false, 1, None)?;
        if end == text.len() { Ok(()) } else { Err(Unclear) }
    }

    /// Puts what was found in slots, in their order; what was found by the names of elements only where there is
    /// nothing else.
    fn fill<'e>(&'e self, text: &'e str, slots: &mut Slots<'e>) {
        let mut order: [u16; 64] = [0; 64];
        let few = self.plain.len() <= order.len() && self.named.is_empty();
        if few {
            // By insertion: a handful, most of them in order.
            for at in 0..self.plain.len() {
                let mut place = at;
                while place > 0 && self.slot_at(order[place - 1]) > self.plain[at].slot {
                    order[place] = order[place - 1];
                    place -= 1;
                }
                order[place] = u16::try_from(at).unwrap_or(0);
            }
            for place in &order[..self.plain.len()] {
                self.add(&self.plain[usize::from(*place)], text, slots);
            }
            return;
        }
        let mut spots = self.plain.clone();
        spots.sort_by_key(|spot| spot.slot);
        let there = |slot: u32| spots.binary_search_by_key(&slot, |spot| spot.slot).is_ok();
        let named: Vec<Spot> = self.named.iter().filter(|spot| !there(spot.slot)).copied().collect();
        spots.extend(named);
        spots.sort_by_key(|spot| spot.slot);
        for spot in &spots {
            self.add(spot, text, slots);
        }
    }

    fn slot_at(&self, place: u16) -> u32 {
        self.plain.get(usize::from(place)).map_or(0, |spot| spot.slot)
    }

    fn add<'e>(&'e self, spot: &Spot, text: &'e str, slots: &mut Slots<'e>) {
        let range = spot.start as usize..spot.end as usize;
        let value = match spot.kind {
            Kind::Text => Value::Str(text.get(range).unwrap_or_default()),
            Kind::Unescaped => Value::Str(self.texts.get(range).unwrap_or_default()),
            Kind::Number => Value::Number(number(text.get(range).unwrap_or_default())),
            Kind::True => Value::Bool(true),
            Kind::False => Value::Bool(false),
            Kind::Null => Value::Null,
            Kind::Object => Value::Object,
            Kind::EmptyList => Value::EmptyList,
        };
        slots.add(spot.slot as usize, value);
    }
}

fn sight<'e>(text: &'e str, source: &'static Source, fields: &FieldSet, slots: Slots<'e>) -> Sight<'e> {
    let first = |path: &&str| {
        let slot = fields.routed.iter().find(|(known, _)| known == path)?.1;
        slots.get(slot).iter().find_map(|value| match value {
            Value::Str(text) if !text.is_empty() => Some(*text),
            _ => None,
        })
    };
    let lookup: Lookup<'_> = &|paths| paths.iter().find_map(first);
    let logsource = (source.logsource)(lookup);
    Sight { logsource, fields: slots, text }
}

/// The number of a text that is one of JSON.
fn number(text: &str) -> Number {
    let whole = !text.bytes().any(|byte| matches!(byte, b'.' | b'e' | b'E'));
    if whole && let Ok(integer) = text.parse() {
        return Number::Integer(integer);
    }
    if whole && let Ok(integer) = text.parse() {
        return Number::Unsigned(integer);
    }
    Number::Float(text.parse().unwrap_or(f64::NAN))
}

/// One pass.
struct Walk<'w> {
    scan: Scan<'w>,
    fields: &'w FieldSet,
    glance: &'w mut Glance,
    /// Whether names at the top may say that this is a message around the event.
    top: bool,
}

impl Walk<'_> {
    /// A value that some path leads to; answers where it ends. Recursion is bounded by the depth of an event.
    fn value(&mut self, start: usize, node: usize, named: bool, depth: usize) -> Result<usize, Unclear> {
        let slot = self.fields.nodes[node].slot;
        match self.scan.byte(start).ok_or(Unclear)? {
            b'{' => self.object(start, node, named, depth + 1, None),
            b'[' => self.array(start, node, named, depth + 1),
            b'"' => {
                let text = self.scan.string(start)?;
                if let Some(slot) = slot {
                    self.text(slot, start, text, named)?;
                }
                Ok(text.end)
            }
            first => {
                let end = self.scan.scalar(start)?;
                let kind = match first {
                    b't' => Kind::True,
                    b'f' => Kind::False,
                    b'n' => Kind::Null,
                    _ => Kind::Number,
                };
                if let Some(slot) = slot {
                    self.push(slot, start, end, kind, named);
                }
                Ok(end)
            }
        }
    }

    fn text(&mut self, slot: usize, start: usize, text: Text, named: bool) -> Result<(), Unclear> {
        if !text.escaped {
            self.push(slot, start + 1, text.end - 1, Kind::Text, named);
            return Ok(());
        }
        let written = self.scan.bytes.get(start..text.end).ok_or(Unclear)?;
        let plain: String = sonic_rs::from_slice(written).map_err(|_| Unclear)?;
        let from = self.glance.texts.len();
        self.glance.texts.push_str(&plain);
        self.push(slot, from, self.glance.texts.len(), Kind::Unescaped, named);
        Ok(())
    }

    fn push(&mut self, slot: usize, start: usize, end: usize, kind: Kind, named: bool) {
        // All below 2³²: an event has a mebibyte, and its texts without escapes are no longer.
        let small = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let spot = Spot { slot: small(slot), start: small(start), end: small(end), kind };
        if named {
            self.glance.named.push(spot);
        } else {
            self.glance.plain.push(spot);
        }
    }

    /// An object; where it is an element of a list, also the node that its name leads to.
    fn object(
        &mut self,
        start: usize,
        node: usize,
        named: bool,
        depth: usize,
        mut called: Option<&mut Option<usize>>,
    ) -> Result<usize, Unclear> {
        if let Some(slot) = self.fields.nodes[node].slot {
            self.push(slot, start, start, Kind::Object, named);
        }
        if self.fields.nodes[node].children.is_empty() && called.is_none() {
            return self.scan.skip(start, depth - 1, &mut self.glance.names);
        }
        let mark = self.glance.names.len();
        let mut at = self.scan.space(start + 1);
        if self.scan.byte(at) == Some(b'}') {
            return Ok(at + 1);
        }
        loop {
            let (name, hash) = self.scan.name(at)?;
            let (from, to) = (at + 1, name.end - 1);
            self.glance.names.push(hash);
            at = self.scan.colon(name.end)?;
            let written = self.scan.bytes.get(from..to).ok_or(Unclear)?;
            if depth == 1 && self.top && matches!(written.len(), 7..=11) && AROUND.contains(&written) {
                return Err(Unclear);
            }
            let child = match self.fields.nodes[node].find(hash, written) {
                None if name.dotted => {
                    std::str::from_utf8(written).ok().and_then(|name| self.fields.descend(node, name))
                }
                found => found,
            };
            let value = at;
            at = match child {
                Some(child) => self.value(at, child, named, depth)?,
                None => self.scan.skip(at, depth, &mut self.glance.names)?,
            };
            if let Some(found) = &mut called
                && self.scan.byte(value) == Some(b'"')
                && NAMES.iter().any(|name| name.as_bytes() == written)
            {
                **found = self.child(node, value, at);
                called = None;
            }
            at = self.scan.space(at);
            match self.scan.byte(at) {
                Some(b',') => at = self.scan.space(at + 1),
                Some(b'}') => break,
                _ => return Err(Unclear),
            }
        }
        scan::once(&mut self.glance.names, mark)?;
        Ok(at + 1)
    }

    /// The node below this one that has the name which stands there, and on which a path goes on.
    fn child(&self, node: usize, start: usize, end: usize) -> Option<usize> {
        let written = self.scan.bytes.get(start..end)?;
        let child = if written.contains(&b'\\') {
            let name: String = sonic_rs::from_slice(written).ok()?;
            self.fields.descend(node, &name)
        } else {
            let name = written.get(1..written.len().checked_sub(1)?)?;
            self.fields.descend(node, std::str::from_utf8(name).ok()?)
        }?;
        (!self.fields.nodes[child].children.is_empty()).then_some(child)
    }

    fn array(&mut self, start: usize, node: usize, named: bool, depth: usize) -> Result<usize, Unclear> {
        if depth > crate::record::MAX_DEPTH {
            return Err(Unclear);
        }
        let mut at = self.scan.space(start + 1);
        if self.scan.byte(at) == Some(b']') {
            if let Some(slot) = self.fields.nodes[node].slot {
                self.push(slot, start, start, Kind::EmptyList, named);
            }
            return Ok(at + 1);
        }
        loop {
            let element = at;
            at = if self.fields.nodes[node].deep && self.scan.byte(at) == Some(b'{') {
                let mut called = None;
                let end = self.object(element, node, named, depth + 1, Some(&mut called))?;
                if let Some(child) = called {
                    self.object(element, child, true, depth + 1, None)?;
                }
                end
            } else {
                self.value(element, node, named, depth)?
            };
            at = self.scan.space(at);
            match self.scan.byte(at) {
                Some(b',') => at = self.scan.space(at + 1),
                Some(b']') => return Ok(at + 1),
                _ => return Err(Unclear),
            }
        }
    }
}

#[cfg(test)]
mod tests;
