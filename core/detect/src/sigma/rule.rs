//! A rule as written: what it says about itself, and its detection compiled over paths.

use super::Reason;
use super::condition::{self, Condition};
use super::correlation::{self, Correlation};
use super::expr::Expr;
use super::modifier::{Modifiers, joined};
use super::text::{Place, Text};
use crate::pack::Options;
use base::{Severity, digest};
use serde::Deserialize as _;
use serde_yaml_ng::{Mapping, Value};

/// How large the text of a rule may be, in bytes.
pub(crate) const MAX_TEXT: usize = 1 << 20;

/// Where the events of a rule come from. Lower case; `None` where the rule does not say.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Pattern {
    /// Such as `aws`.
    pub product: Option<String>,
    /// Such as `cloudtrail`.
    pub service: Option<String>,
    /// Such as `application`.
    pub category: Option<String>,
}

impl Pattern {
    /// Whether events of this log source concern the rule: what the rule names must be so.
    #[must_use]
    pub fn takes(&self, source: events::Logsource) -> bool {
        let same = |wanted: &Option<String>, found: &str| {
            wanted.as_ref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(found))
        };
        same(&self.product, source.product)
            && (same(&self.service, source.service)
                || source.also.iter().any(|service| same(&self.service, service)))
            && same(&self.category, source.category)
    }
}

/// A compiled rule.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Its id, usually a UUID; its path where it has none.
    pub id: String,
    /// By which correlations and filters may refer to it.
    pub name: Option<String>,
    /// Its title.
    pub title: String,
    /// What it finds and why that matters.
    pub description: String,
    /// How bad a match is; medium where the rule does not say.
    pub severity: Severity,
    /// All tags, in order.
    pub tags: Vec<String>,
    /// What may look like it and be benign.
    pub false_positives: Vec<String>,
    /// Which logs it reads.
    pub logsource: Pattern,
    /// Where it was found.
    pub path: String,
    /// The rule as written.
    pub text: String,
    pub(crate) expr: Expr,
    /// SHA-256 of its document, and of those of the filters that further hold of it: what it means.
    pub(crate) mark: [u8; 32],
}

impl Rule {
    /// Whether it has this id, name or title.
    pub(crate) fn is_called(&self, name: &str) -> bool {
        self.id == name || self.name.as_deref() == Some(name) || self.title == name
    }

    /// The ATT&CK tags.
    pub fn attack(&self) -> impl Iterator<Item = &str> {
        self.tags.iter().map(String::as_str).filter(|tag| tag.starts_with("attack."))
    }

    /// The OWASP tags.
    pub fn owasp(&self) -> impl Iterator<Item = &str> {
        self.tags.iter().map(String::as_str).filter(|tag| tag.starts_with("owasp."))
    }
}

/// The slots of a pack while it is compiled: one for each path. And what of Sigma its rules may use.
#[derive(Debug, Default)]
pub(crate) struct Slots {
    paths: Vec<String>,
    pub(crate) options: Options,
}

impl Slots {
    pub(crate) const fn with(options: Options) -> Self {
        Self { paths: Vec::new(), options }
    }

    pub(crate) fn of(&mut self, path: &str) -> usize {
        self.paths.iter().position(|known| known == path).unwrap_or_else(|| {
            self.paths.push(path.to_owned());
            self.paths.len() - 1
        })
    }

    pub(crate) fn into_paths(self) -> Vec<String> {
        self.paths
    }
}

/// What a file holds.
#[derive(Debug, Default)]
pub(crate) struct Documents {
    pub(crate) rules: Vec<Rule>,
    pub(crate) filters: Vec<Filter>,
    pub(crate) correlations: Vec<Correlation>,
}

/// A condition that further holds of each match of the rules it names.
#[derive(Debug, Clone)]
pub(crate) struct Filter {
    pub(crate) path: String,
    /// Ids, names or titles; `None` for every rule.
    pub(crate) rules: Option<Vec<String>>,
    logsource: Pattern,
    pub(crate) expr: Expr,
    /// SHA-256 of its document.
    pub(crate) mark: [u8; 32],
}

impl Filter {
    /// Whether it is about this rule: named, and of the log source that it gives, as far as it gives one.
    pub(crate) fn is_about(&self, rule: &Rule) -> bool {
        let within = |mine: &Option<String>, its: &Option<String>| mine.is_none() || mine == its;
        let source = &rule.logsource;
        self.rules.as_ref().is_none_or(|names| names.iter().any(|name| rule.is_called(name)))
            && within(&self.logsource.product, &source.product)
            && within(&self.logsource.service, &source.service)
            && within(&self.logsource.category, &source.category)
    }
}

/// What rules and correlations say of themselves alike.
pub(crate) struct Head {
    pub(crate) id: String,
    pub(crate) name: Option<String>,
    pub(crate) title: String,
    pub(crate) description: String,
    pub(crate) severity: Severity,
    pub(crate) tags: Vec<String>,
    pub(crate) path: String,
    /// SHA-256 of the document.
    pub(crate) mark: [u8; 32],
}

/// SHA-256 of a document, however it is laid out.
fn mark(document: &Mapping) -> Result<[u8; 32], Reason> {
    let text = serde_yaml_ng::to_string(document).map_err(|error| Reason::Yaml(error.to_string()))?;
    Ok(digest::of_parts("nexora/rule-document/1", &[text.as_bytes()]))
}

/// Reads everything in a YAML text, which may hold several documents.
pub(crate) fn read(path: &str, text: &str, slots: &mut Slots) -> Result<Documents, Reason> {
    if text.len() > MAX_TEXT {
        return Err(Reason::TooLarge { limit: MAX_TEXT });
    }
    let documents = serde_yaml_ng::Deserializer::from_str(text);
    let documents: Result<Vec<_>, _> = documents.map(Value::deserialize).collect();
    let documents = documents.map_err(|error| Reason::Yaml(error.to_string()))?;
    let documents: Vec<_> = documents.iter().filter(|document| !document.is_null()).collect();
    if documents.is_empty() {
        return Err(shape("title", "the file is empty"));
    }
    let mut found = Documents::default();
    for (at, document) in documents.into_iter().enumerate() {
        let rule = document.as_mapping().ok_or_else(|| shape("rule", "is not a mapping"))?;
        if rule.contains_key("action") {
            return Err(Reason::Unsupported("a rule collection (`action`)".to_owned()));
        }
        if rule.contains_key("filter") {
            found.filters.push(filter(path, rule, slots)?);
        } else if rule.contains_key("correlation") {
            found.correlations.push(correlation::read(head(path, at, rule)?, rule, slots)?);
        } else {
            found.rules.push(one(text, head(path, at, rule)?, rule, slots)?);
        }
    }
    Ok(found)
}

fn head(path: &str, at: usize, rule: &Mapping) -> Result<Head, Reason> {
    let unnamed = || if at == 0 { path.to_owned() } else { format!("{path}#{at}") };
    Ok(Head {
        title: string(rule, "title")?.ok_or_else(|| shape("title", "is missing"))?,
        id: string(rule, "id")?.unwrap_or_else(unnamed),
        name: string(rule, "name")?,
        description: string(rule, "description")?.unwrap_or_default(),
        severity: match string(rule, "level")? {
            Some(level) => level.parse().map_err(|_| shape("level", "is none of the five levels"))?,
            None => Severity::Medium,
        },
        tags: strings(rule, "tags")?,
        path: path.to_owned(),
        mark: mark(rule)?,
    })
}

fn filter(path: &str, document: &Mapping, slots: &mut Slots) -> Result<Filter, Reason> {
    let body = document.get("filter").and_then(Value::as_mapping);
    let body = body.ok_or_else(|| shape("filter", "is no mapping"))?;
    let rules = match body.get("rules") {
        Some(Value::String(any)) if any == "any" => None,
        Some(_) => Some(strings(body, "rules")?),
        None => return Err(shape("rules", "is missing in the filter")),
    };
    let mut detection = body.clone();
    detection.remove("rules");
    let source = document.get("logsource").and_then(Value::as_mapping);
    Ok(Filter {
        path: path.to_owned(),
        rules,
        logsource: match source {
            Some(_) => logsource(document)?,
            None => Pattern::default(),
        },
        expr: detect(&detection, slots)?,
        mark: mark(document)?,
    })
}

fn one(text: &str, head: Head, rule: &Mapping, slots: &mut Slots) -> Result<Rule, Reason> {
    let detection = rule.get("detection").and_then(Value::as_mapping);
    let detection = detection.ok_or_else(|| shape("detection", "is missing or no mapping"))?;
    Ok(Rule {
        id: head.id,
        name: head.name,
        title: head.title,
        description: head.description,
        severity: head.severity,
        tags: head.tags,
        false_positives: strings(rule, "falsepositives")?,
        logsource: logsource(rule)?,
        path: head.path,
        text: text.to_owned(),
        expr: detect(detection, slots)?,
        mark: head.mark,
    })
}

fn logsource(rule: &Mapping) -> Result<Pattern, Reason> {
    let source = rule.get("logsource").and_then(Value::as_mapping);
    let source = source.ok_or_else(|| shape("logsource", "is missing or no mapping"))?;
    let part = |key| Ok(string(source, key)?.map(|text| text.to_lowercase()));
    let pattern =
        Pattern { product: part("product")?, service: part("service")?, category: part("category")? };
    if pattern == Pattern::default() {
        return Err(shape("logsource", "names no product, service or category"));
    }
    Ok(pattern)
}

fn detect(detection: &Mapping, slots: &mut Slots) -> Result<Expr, Reason> {
    let mut names = Vec::new();
    let mut selections = Vec::new();
    for (key, value) in detection {
        let name = key.as_str().ok_or_else(|| shape("detection", "has a name that is no text"))?;
        match name {
            "condition" => {}
            "timeframe" => return Err(Reason::Unsupported("`timeframe` in a detection".to_owned())),
            _ => {
                names.push(name.to_owned());
                selections.push(selection(name, value, slots)?);
            }
        }
    }
    let conditions = match detection.get("condition") {
        Some(Value::String(one)) => vec![one.as_str()],
        Some(Value::Sequence(several)) if several.iter().all(Value::is_string) && !several.is_empty() => {
            several.iter().filter_map(Value::as_str).collect()
        }
        _ => return Err(shape("condition", "is missing, or neither a text nor a list of texts")),
    };
    let parts: Result<Vec<_>, Reason> = conditions
        .into_iter()
        .map(|text| Ok(compile(&condition::parse(text, &names)?, &selections)))
        .collect();
    Ok(Expr::any(parts?))
}

fn compile(condition: &Condition, selections: &[Expr]) -> Expr {
    let each = |parts: &[Condition]| parts.iter().map(|part| compile(part, selections)).collect();
    match condition {
        Condition::Selection(index) => selections[*index].clone(),
        Condition::Not(inner) => Expr::Not(Box::new(compile(inner, selections))),
        Condition::All(parts) => Expr::all(each(parts)),
        Condition::Any(parts) => Expr::any(each(parts)),
    }
}

fn selection(name: &str, value: &Value, slots: &mut Slots) -> Result<Expr, Reason> {
    match value {
        Value::Mapping(fields) if !fields.is_empty() => all_fields(fields, slots),
        Value::Sequence(parts) if !parts.is_empty() => {
            let parts: Result<Vec<_>, _> = parts.iter().map(|part| selection(name, part, slots)).collect();
            Ok(Expr::any(parts?))
        }
        Value::String(_) | Value::Number(_) => keyword(name, value),
        _ => Err(shape(name, "is no mapping, no list and no keyword, or is empty")),
    }
}

fn keyword(name: &str, value: &Value) -> Result<Expr, Reason> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return Err(shape(name, "has a keyword that is neither text nor number")),
    };
    Text::new(&text, Place::Anywhere, false)
        .map(Expr::Keyword)
        .map_err(|_| shape(name, "has a keyword that compiles too large"))
}

fn all_fields(fields: &Mapping, slots: &mut Slots) -> Result<Expr, Reason> {
    let parts: Result<Vec<_>, _> = fields
        .iter()
        .map(|(key, value)| {
            let key = key.as_str().ok_or_else(|| shape("detection", "has a field that is no text"))?;
            field(key, value, slots)
        })
        .collect();
    Ok(Expr::all(parts?))
}

fn field(written: &str, value: &Value, slots: &mut Slots) -> Result<Expr, Reason> {
    let (path, modifiers) = Modifiers::read(written)?;
    let values = match value {
        Value::Sequence(values) if values.is_empty() => {
            return Err(modifiers.wrong("the list of values is empty"));
        }
        Value::Sequence(values) => values.as_slice(),
        one => std::slice::from_ref(one),
    };
    if path.is_empty() {
        return keywords(values, &modifiers);
    }
    let slot = slots.of(path);
    let parts: Result<Vec<_>, Reason> =
        values.iter().map(|value| test(slot, value, &modifiers, slots)).collect();
    let parts = parts?;
    let expr = if modifiers.all { Expr::all(parts) } else { Expr::any(merged(slot, parts)) };
    Ok(if modifiers.unequal { Expr::Not(Box::new(expr)) } else { expr })
}

/// `'|all': [...]`: keywords that must all be found; without `all` one is enough.
fn keywords(values: &[Value], modifiers: &Modifiers) -> Result<Expr, Reason> {
    let plain = modifiers.field.trim_start_matches('|');
    if !plain.is_empty() && plain != "all" {
        return Err(Reason::Unsupported(format!("`{}` on keywords", modifiers.field)));
    }
    let parts: Result<Vec<_>, _> = values.iter().map(|value| keyword(&modifiers.field, value)).collect();
    Ok(if modifiers.all { Expr::all(parts?) } else { Expr::any(parts?) })
}

fn test(slot: usize, value: &Value, modifiers: &Modifiers, slots: &mut Slots) -> Result<Expr, Reason> {
    if modifiers.exists {
        let wanted = value.as_bool().ok_or_else(|| modifiers.wrong("`exists` needs true or false"))?;
        return Ok(Expr::Exists { slot, wanted });
    }
    if modifiers.reference {
        let other = value.as_str().ok_or_else(|| modifiers.wrong("`fieldref` needs a field's name"))?;
        let (place, cased) = (modifiers.reference_place(), modifiers.cased);
        return Ok(Expr::Reference { slot, other: slots.of(other), place, cased });
    }
    if value.is_null() {
        return Ok(Expr::Null { slot });
    }
    let matchers = match modifiers.expand {
        false => modifiers.matchers(value)?,
        true => {
            let values = modifiers.expanded(value, &slots.options.placeholders)?.into_iter();
            let each: Result<Vec<_>, Reason> = values.map(|value| modifiers.matchers(&value)).collect();
            each?.concat()
        }
    };
    Ok(Expr::any(matchers.into_iter().map(|matcher| Expr::Test { slot, matcher }).collect()))
}

/// Joins the exact texts of one field, of which any may be the value, into one test.
fn merged(slot: usize, parts: Vec<Expr>) -> Vec<Expr> {
    let mut matchers = Vec::new();
    let mut rest = Vec::new();
    for part in parts {
        match part {
            Expr::Test { slot: of, matcher } if of == slot => matchers.push(matcher),
            other => rest.push(other),
        }
    }
    rest.extend(joined(matchers).into_iter().map(|matcher| Expr::Test { slot, matcher }));
    rest
}

pub(super) fn shape(key: &str, problem: &'static str) -> Reason {
    Reason::Shape { key: key.to_owned(), problem }
}

pub(super) fn string(mapping: &Mapping, key: &str) -> Result<Option<String>, Reason> {
    match mapping.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(Value::Number(number)) => Ok(Some(number.to_string())),
        Some(_) => Err(shape(key, "is not a text")),
    }
}

fn strings(mapping: &Mapping, key: &str) -> Result<Vec<String>, Reason> {
    match mapping.get(key) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::String(text)) => Ok(vec![text.clone()]),
        Some(Value::Sequence(values)) if values.iter().all(Value::is_string) => {
            Ok(values.iter().filter_map(Value::as_str).map(str::to_owned).collect())
        }
        Some(_) => Err(shape(key, "is not a list of texts")),
    }
}
