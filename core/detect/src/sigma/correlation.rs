//! A correlation as written: which rules, grouped by what, within how long, and how many make it match.

use super::Reason;
use super::condition::{self, Condition};
use super::matcher::Relation;
use super::rule::{Head, Slots, shape, string};
use base::Severity;
use serde_yaml_ng::{Mapping, Value};

/// The longest time span, in days.
const MAX_DAYS: i64 = 366;

/// What is counted, or computed, of the events in a window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    /// How many events.
    EventCount,
    /// How many different values of the field.
    ValueCount,
    /// How many of the rules matched.
    Temporal,
    /// The same, where they matched in the order given.
    TemporalOrdered,
    Sum,
    Average,
    /// The value at this percentile, 0 to 100.
    Percentile(f64),
    Median,
}

impl Kind {
    /// Whether it asks which of its rules matched.
    pub(crate) const fn is_temporal(self) -> bool {
        matches!(self, Self::Temporal | Self::TemporalOrdered)
    }

    /// Whether it looks at numbers.
    pub(crate) const fn is_numeric(self) -> bool {
        matches!(self, Self::Sum | Self::Average | Self::Percentile(_) | Self::Median)
    }
}

/// What events are grouped by: a field, or an alias with a field for each rule.
#[derive(Debug, Clone)]
pub(crate) struct GroupBy {
    pub(crate) slot: usize,
    /// A rule's id or name, and the slot that it means.
    pub(crate) aliases: Vec<(String, usize)>,
}

/// A compiled correlation.
#[derive(Debug, Clone)]
pub struct Correlation {
    /// Its id, usually a UUID; its path where it has none.
    pub id: String,
    /// By which others refer to it.
    pub name: Option<String>,
    /// Its title.
    pub title: String,
    /// What it finds and why that matters.
    pub description: String,
    /// How bad a match is; medium where it does not say.
    pub severity: Severity,
    /// All tags, in order.
    pub tags: Vec<String>,
    /// Where it was found.
    pub path: String,
    /// Whether its rules also speak for themselves.
    pub generate: bool,
    pub(crate) kind: Kind,
    /// Rules and correlations by id or name.
    pub(crate) refs: Vec<String>,
    pub(crate) group_by: Vec<GroupBy>,
    /// How long its window is, in microseconds.
    pub(crate) span: i64,
    /// All must hold of what is counted.
    pub(crate) tests: Vec<(Relation, f64)>,
    /// An expression over its rules, and how it is written: a draft of Sigma.
    pub(crate) expression: Option<(Condition, String)>,
    /// The fields whose values are counted or computed.
    pub(crate) fields: Vec<usize>,
    /// SHA-256 of its document and of all that it is made of: what it means.
    pub(crate) mark: [u8; 32],
    /// How many correlations stand on each other below it, at most.
    pub(crate) height: usize,
}

impl Correlation {
    /// Whether what was counted is what it asks for.
    pub(crate) fn holds(&self, value: f64) -> bool {
        self.tests.iter().all(|(relation, wanted)| match relation {
            Relation::Equal => value == *wanted,
            Relation::NotEqual => value != *wanted,
            Relation::Less => value < *wanted,
            Relation::LessOrEqual => value <= *wanted,
            Relation::Greater => value > *wanted,
            Relation::GreaterOrEqual => value >= *wanted,
        })
    }
}

impl Correlation {
    /// What was counted, against what it asks for, in words.
    pub(crate) fn told(&self, value: f64) -> String {
        let what = match self.kind {
            Kind::EventCount => "events",
            Kind::ValueCount => "different values",
            Kind::Temporal => "rules matched",
            Kind::TemporalOrdered => "rules matched one after the other",
            Kind::Sum => "is the sum",
            Kind::Average => "is the average",
            Kind::Percentile(_) => "is the percentile",
            Kind::Median => "is the median",
        };
        let wanted = self.tests.iter().map(|(relation, wanted)| {
            let relation = match relation {
                Relation::Equal => "exactly",
                Relation::NotEqual => "not",
                Relation::Less => "less than",
                Relation::LessOrEqual => "at most",
                Relation::Greater => "more than",
                Relation::GreaterOrEqual => "at least",
            };
            format!("{relation} {wanted}")
        });
        let wanted: Vec<_> = wanted.chain(self.expression.iter().map(|(_, text)| text.clone())).collect();
        format!("{value} {what} within {} s; it asks for {}", self.span / 1_000_000, wanted.join(" and "))
    }
}

/// Reads the correlation of one document.
pub(crate) fn read(head: Head, rule: &Mapping, slots: &mut Slots) -> Result<Correlation, Reason> {
    let body = rule.get("correlation").and_then(Value::as_mapping);
    let body = body.ok_or_else(|| shape("correlation", "is no mapping"))?;
    let refs = texts(body, "rules")?;
    if refs.is_empty() {
        return Err(shape("rules", "names no rule"));
    }
    let condition = body.get("condition");
    let written = condition.and_then(Value::as_str);
    let condition = condition.and_then(Value::as_mapping);
    let kind = kind(body, condition)?;
    let expression = written.map(|text| expression(text, kind, &refs, slots.options.drafts)).transpose()?;
    let fields = condition.map(|condition| texts(condition, "field")).transpose()?.unwrap_or_default();
    if fields.is_empty() && (kind == Kind::ValueCount || kind.is_numeric()) {
        return Err(shape("condition", "names no `field`"));
    }
    if fields.len() > 1 && kind.is_numeric() {
        return Err(shape("condition", "names several fields, of which none is computed"));
    }
    let mut tests = Vec::new();
    for (key, value) in condition.into_iter().flatten() {
        let relation = match key.as_str().unwrap_or_default() {
            "gt" => Relation::Greater,
            "gte" => Relation::GreaterOrEqual,
            "lt" => Relation::Less,
            "lte" => Relation::LessOrEqual,
            "eq" => Relation::Equal,
            "neq" => Relation::NotEqual,
            "field" | "percentile" => continue,
            _ => return Err(shape("condition", "has a key that is no comparison")),
        };
        tests.push((relation, value.as_f64().ok_or_else(|| shape("condition", "compares with no number"))?));
    }
    if tests.is_empty() && expression.is_none() {
        if !kind.is_temporal() {
            return Err(shape("condition", "is missing, or compares with nothing"));
        }
        // All of them.
        let all = u32::try_from(refs.len()).unwrap_or(u32::MAX);
        tests.push((Relation::GreaterOrEqual, f64::from(all)));
    }
    Ok(Correlation {
        id: head.id,
        name: head.name,
        title: head.title,
        description: head.description,
        severity: head.severity,
        tags: head.tags,
        path: head.path,
        generate: match body.get("generate").or_else(|| rule.get("generate")) {
            None => false,
            Some(value) => value.as_bool().ok_or_else(|| shape("generate", "is neither true nor false"))?,
        },
        kind,
        group_by: group_by(body, slots)?,
        span: span(&string(body, "timespan")?.ok_or_else(|| shape("timespan", "is missing"))?)?,
        tests,
        expression,
        fields: fields.iter().map(|field| slots.of(field)).collect(),
        refs,
        mark: head.mark,
        height: 0,
    })
}

/// The drafted condition of what is temporal: `and`, `or`, `not`, parentheses and `1 of` over the names of its rules.
fn expression(text: &str, kind: Kind, refs: &[String], drafts: bool) -> Result<(Condition, String), Reason> {
    if !kind.is_temporal() {
        return Err(shape("condition", "is an expression over rules, which only what is temporal can have"));
    }
    if !drafts {
        return Err(shape("condition", "is an expression over rules: a draft of Sigma, read only on demand"));
    }
    Ok((condition::parse(text, refs)?, text.to_owned()))
}

fn kind(body: &Mapping, condition: Option<&Mapping>) -> Result<Kind, Reason> {
    let percentile = || match condition.and_then(|condition| condition.get("percentile")) {
        None => Ok(50.0),
        Some(value) => value
            .as_f64()
            .filter(|percentile| (0.0..=100.0).contains(percentile))
            .ok_or_else(|| shape("percentile", "is no number from 0 to 100")),
    };
    Ok(match string(body, "type")?.unwrap_or_default().as_str() {
        "event_count" => Kind::EventCount,
        "value_count" => Kind::ValueCount,
        "temporal" => Kind::Temporal,
        "temporal_ordered" => Kind::TemporalOrdered,
        "value_sum" => Kind::Sum,
        "value_avg" => Kind::Average,
        "value_percentile" => Kind::Percentile(percentile()?),
        "value_median" => Kind::Median,
        _ => return Err(shape("type", "is no type of correlation")),
    })
}

fn group_by(body: &Mapping, slots: &mut Slots) -> Result<Vec<GroupBy>, Reason> {
    let aliases = body.get("aliases").and_then(Value::as_mapping);
    let mut found = Vec::new();
    for name in texts(body, "group-by")? {
        let mut meant = Vec::new();
        for (rule, field) in
            aliases.and_then(|aliases| aliases.get(name.as_str())?.as_mapping()).into_iter().flatten()
        {
            let (Some(rule), Some(field)) = (rule.as_str(), field.as_str()) else {
                return Err(shape("aliases", "has a rule or a field that is no text"));
            };
            meant.push((rule.to_owned(), slots.of(field)));
        }
        found.push(GroupBy { slot: slots.of(&name), aliases: meant });
    }
    Ok(found)
}

/// A number and a letter, in microseconds.
fn span(text: &str) -> Result<i64, Reason> {
    let wrong = || shape("timespan", "is no number with s, m, h or d, up to 366 days");
    let unit = match text.as_bytes().last() {
        Some(b's') => 1,
        Some(b'm') => 60,
        Some(b'h') => 3_600,
        Some(b'd') => 86_400,
        _ => return Err(wrong()),
    };
    let number: i64 = text[..text.len() - 1].parse().map_err(|_| wrong())?;
    let seconds = number.checked_mul(unit).filter(|seconds| (1..=MAX_DAYS * 86_400).contains(seconds));
    Ok(seconds.ok_or_else(wrong)? * 1_000_000)
}

/// A text, or a list of texts; empty where it is missing.
fn texts(mapping: &Mapping, key: &str) -> Result<Vec<String>, Reason> {
    match mapping.get(key) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::String(text)) => Ok(vec![text.clone()]),
        Some(Value::Sequence(values)) if values.iter().all(Value::is_string) => {
            Ok(values.iter().filter_map(Value::as_str).map(str::to_owned).collect())
        }
        Some(_) => Err(shape("correlation", "has a list that is none of texts")),
    }
}
