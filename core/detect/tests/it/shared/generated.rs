//! For every shared rule, events made from its own text: one that matches and many that nearly do, judged
//! by another engine too.
//!
//! Each rule is asked in its own log source, by both engines; the events are of a format that has it.
//!
//! # Differences by intent
//!
//! Where both engines were found to differ the specification decides, and the cases stand in
//! [`where_the_engines_differ_the_specification_decides`].

use super::rules;
use detect::{Pack, RuleText};
use events::{Format, Logsource, Record, Redactor};
use serde_json::{Map, Value, json};
use serde_yaml_ng::Value as Yaml;
use std::cell::RefCell;

/// Rules whose match cannot be made from their text: a regular expression or a reference to another field.
fn by_hand(id: &str) -> Option<Value> {
    match id {
        // A role session whose name begins with `aws:`.
        "352a918a-34d8-4882-8470-44830c507aa3" => {
            Some(json!({"userIdentity": {"arn": "arn:aws:sts::1:assumed-role/aws:ec2-instance/i-1"}}))
        }
        _ => None,
    }
}

struct Engines {
    id: String,
    ours: Pack,
    theirs: rsigma_eval::Engine,
    format: Format,
    source: rsigma_parser::LogSource,
    /// What an event must have to be of the rule's log source, where the format has several.
    marks: Value,
    disagreed: RefCell<Vec<String>>,
}

/// What tells the log sources of a format apart.
fn marks() -> Vec<Value> {
    let mut marks =
        vec![json!({}), json!({"loggedByService": "PIM"}), json!({"properties": {"loggedByService": "PIM"}})];
    marks.extend(["SecurityComplianceCenter", "Exchange"].map(|name| json!({"Workload": name})));
    marks.extend(["login", "token", "drive"].map(|name| json!({"id": {"applicationName": name}})));
    marks
}

impl Engines {
    fn of(text: &str) -> Self {
        let (ours, skipped) = Pack::compile(&[RuleText { path: "r", text }]);
        assert!(skipped.is_empty(), "{skipped:?}");
        let mut theirs = rsigma_eval::Engine::new();
        theirs
            .add_collection(&rsigma_parser::parse_sigma_yaml(text).expect("their parser"))
            .expect("their engine");
        let rule = &ours.rules()[0];
        let of = |format: Format, marks: &Value| -> Logsource {
            let record = Record::read_as(marks.to_string().as_bytes(), format, &Redactor::off());
            record.expect("an object").sight(ours.fields()).logsource
        };
        let formats = Format::all().flat_map(|format| marks().into_iter().map(move |marks| (format, marks)));
        let (format, marks) = formats
            .into_iter()
            .find(|(format, marks)| rule.logsource.takes(of(*format, marks)))
            .expect("some format has the rule's logs");
        let source = of(format, &marks);
        // They know one name of a service: the one that the rule uses.
        let service = rule.logsource.service.clone().unwrap_or_else(|| source.service.to_owned());
        let part = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let source = rsigma_parser::LogSource {
            product: part(source.product),
            service: part(&service),
            category: part(source.category),
            ..rsigma_parser::LogSource::default()
        };
        let id = rule.id.clone();
        Self { id, ours, theirs, format, source, marks, disagreed: RefCell::default() }
    }

    /// Whether the event matches; where the other engine does not agree, it is noted.
    fn judge(&self, event: &Value) -> Option<bool> {
        let record = Record::read_as(event.to_string().as_bytes(), self.format, &Redactor::off()).ok()?;
        let sight = record.sight(self.ours.fields());
        if !self.ours.rules()[0].logsource.takes(sight.logsource) {
            return None;
        }
        let ours = !self.ours.sees(&sight).is_empty();
        let borrowed = rsigma_eval::event::JsonEvent::borrow(event);
        let theirs = !self.theirs.evaluate_with_logsource(&borrowed, &self.source).is_empty();
        if ours != theirs {
            self.disagreed.borrow_mut().push(format!("rule {}: {ours} on {event}", self.id));
        }
        Some(ours)
    }
}

/// One field that a selection asks for, with a value that fits.
#[derive(Clone)]
struct Field {
    path: Vec<String>,
    value: Value,
}

fn fitting(modifiers: &str, wanted: &Yaml) -> Option<Value> {
    let text = match wanted {
        Yaml::String(text) => text.replace('*', "w"),
        Yaml::Number(number) => return number.as_i64().map(|number| json!(number)),
        Yaml::Bool(value) => return Some(json!(value)),
        _ => return None,
    };
    Some(json!(match modifiers {
        _ if modifiers.contains("contains") => format!("x{text}y"),
        _ if modifiers.contains("startswith") => format!("{text}x"),
        _ if modifiers.contains("endswith") => format!("x{text}"),
        _ => text,
    }))
}

/// The fields of a selection; of a list of alternatives the `choice`th.
fn fields(selection: &Yaml, choice: usize) -> Vec<Field> {
    match selection {
        Yaml::Sequence(parts) => {
            parts.get(choice % parts.len()).map_or_else(Vec::new, |part| fields(part, choice))
        }
        Yaml::Mapping(map) => {
            map.iter().filter_map(|(key, value)| field(key.as_str()?, value, choice)).collect()
        }
        keyword => fitting("contains", keyword)
            .map(|value| Field { path: vec!["additionalEventData".to_owned(), "note".to_owned()], value })
            .into_iter()
            .collect(),
    }
}

fn field(key: &str, value: &Yaml, choice: usize) -> Option<Field> {
    let (path, modifiers) = key.split_once('|').unwrap_or((key, ""));
    let value = match value {
        Yaml::Sequence(values) if modifiers.contains("all") => {
            let parts: Vec<String> =
                values.iter().filter_map(|value| Some(fitting("", value)?.as_str()?.to_owned())).collect();
            json!(parts.join(" and "))
        }
        Yaml::Sequence(values) => fitting(modifiers, &values[choice % values.len()])?,
        one => fitting(modifiers, one)?,
    };
    Some(Field { path: path.split('.').map(str::to_owned).collect(), value })
}

/// Where a field is asked for twice, as by its start and its end, one value with all of it, in order.
fn merged(fields: Vec<Field>) -> Vec<Field> {
    let mut merged: Vec<Field> = Vec::new();
    for field in fields {
        let same = merged.iter_mut().find(|other| other.path == field.path);
        match (same, field.value.as_str()) {
            (Some(other), Some(text)) if other.value.is_string() => {
                other.value = json!(format!("{}{text}", other.value.as_str().unwrap_or_default()));
            }
            _ => merged.push(field),
        }
    }
    merged
}

/// An event with these fields over what its format has anyway, as far as rules look at it.
fn event(marks: &Value, fields: &[Field]) -> Value {
    let mut event = marks.clone();
    for field in fields {
        set(event.as_object_mut().expect("an object"), &field.path, field.value.clone());
    }
    event
}

fn set(object: &mut Map<String, Value>, path: &[String], value: Value) {
    let [name, rest @ ..] = path else { return };
    if rest.is_empty() {
        object.insert(name.clone(), value);
        return;
    }
    let inner = object.entry(name.clone()).or_insert_with(|| json!({}));
    if !inner.is_object() {
        *inner = json!({});
    }
    set(inner.as_object_mut().expect("it was made one"), rest, value);
}

/// Values near a fitting one: wrong, longer, other case, null, empty, in an array, in an array of arrays,
/// in an object, as number, as text, as boolean.
fn near(value: &Value) -> Vec<Value> {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let mut values = vec![
        json!("something else"),
        json!(format!("{text}!")),
        json!(format!("!{text}")),
        json!(text.to_uppercase()),
        json!(text.to_lowercase()),
        json!(text),
        Value::Null,
        json!(""),
        json!([]),
        json!(["other", value]),
        json!(["other", null]),
        json!([{"inner": value}]),
        json!({"inner": value}),
        json!(4_711),
        json!(0),
        json!(1.5),
        json!(true),
        json!(false),
    ];
    values.extend(text.parse::<i64>().ok().map(|number| json!(number)));
    values
}

/// What is near a match in each of these ways: how many events of each were judged, and how many of them did not match.
#[derive(Default, Debug)]
struct Misses {
    wrong: usize,
    missing: usize,
    null: usize,
    array: usize,
    number: usize,
    case: usize,
}

#[test]
fn on_events_made_from_each_rule_another_engine_agrees() {
    let rules = rules();
    let (mut never, mut few, mut disagreed) = (Vec::new(), Vec::new(), Vec::new());
    for (path, text) in &rules {
        let rule: Yaml = serde_yaml_ng::from_str(text).expect("a rule is YAML");
        let engines = Engines::of(text);
        let detection = rule["detection"].as_mapping().expect("a detection");
        let named = || detection.iter().filter_map(|(name, value)| Some((name.as_str()?, value)));
        let mut candidates: Vec<Vec<Field>> = Vec::new();
        for choice in 0..6 {
            let wanted = named().filter(|(name, _)| *name != "condition" && !name.starts_with("filter"));
            candidates.push(wanted.flat_map(|(_, selection)| fields(selection, choice)).collect());
            let all = named().filter(|(name, _)| *name != "condition");
            candidates.push(all.flat_map(|(_, selection)| fields(selection, choice)).collect());
            candidates.extend(named().map(|(_, selection)| fields(selection, choice)));
        }
        candidates.extend(by_hand(&engines.id).map(|whole| {
            let fields = whole.as_object().expect("an object").iter();
            fields.map(|(name, value)| Field { path: vec![name.clone()], value: value.clone() }).collect()
        }));
        let judge = |fields: &[Field]| engines.judge(&event(&engines.marks, fields));
        let (mut matched, mut words) = (false, false);
        let mut misses = Misses::default();
        for candidate in candidates.into_iter().flat_map(|candidate| [candidate.clone(), merged(candidate)]) {
            if judge(&candidate) != Some(true) {
                continue;
            }
            matched = true;
            let word =
                |field: &Field| field.value.as_str().is_some_and(|text| text.contains(char::is_alphabetic));
            words |= candidate.iter().any(word);
            for (index, field) in candidate.iter().enumerate() {
                let mut without = candidate.clone();
                without.remove(index);
                misses.missing += usize::from(judge(&without).is_some());
                for value in near(&field.value) {
                    let mut changed = candidate.clone();
                    changed[index].value = value.clone();
                    let judged = usize::from(judge(&changed).is_some());
                    match &value {
                        Value::Null => misses.null += judged,
                        Value::Array(_) => misses.array += judged,
                        Value::Number(_) => misses.number += judged,
                        Value::String(text) if text == "something else" => misses.wrong += judged,
                        Value::String(text)
                            if field.value.as_str().is_some_and(|own| own.eq_ignore_ascii_case(text)) =>
                        {
                            misses.case += judged;
                        }
                        _ => {}
                    }
                }
            }
        }
        let Misses { wrong, missing, null, array, number, case } = misses;
        // What asks for numbers and truths alone can be written in no other case.
        if [wrong, missing, null, array, number].contains(&0) || (words && case == 0) {
            few.push((path, misses));
        }
        if !matched {
            never.push(path);
        }
        disagreed.append(&mut engines.disagreed.take());
    }
    assert!(disagreed.is_empty(), "{} events: {:#?}", disagreed.len(), &disagreed[..disagreed.len().min(30)]);
    assert!(never.is_empty(), "no event was made that matches: {never:#?}");
    assert!(few.is_empty(), "not every near miss was made: {few:#?}");
}

/// One detection on one event, in both engines.
fn both(detection: &str, event: Value) -> (bool, bool) {
    let text = format!(
        "title: t\nid: t\nlogsource: {{product: aws, service: cloudtrail}}\ndetection:\n  sel:\n    {detection}\n  condition: sel\n"
    );
    let engines = Engines::of(&text);
    let ours = engines.judge(&event).expect("an event");
    (ours, ours == engines.disagreed.take().is_empty())
}

/// The differences that are ours by intent, each with the sentence of Sigma 2.1.0 that decides. What uses other
/// metacharacters of regular expressions than it names ("Other metacharacters are unsupported and can not be used") is
/// not compared: each engine has its own.
#[test]
fn where_the_engines_differ_the_specification_decides() {
    let cases = [
        // "this check only verifies the presence of a field, not its value, be it empty or null"
        ("f|exists: true", json!({"f": null}), true),
        // "strings that are applied to the full log message": a number is part of it.
        ("- 4711", json!({"f": 4711}), true),
        // "A field reference can be used to compare fields of matched events": of a list any value counts, as it does
        // wherever a field is compared.
        ("f|fieldref: g", json!({"f": "b", "g": ["a", "b"]}), true),
    ];
    for (detection, event, expected) in cases {
        let (ours, theirs) = both(detection, event);
        assert_eq!(ours, expected, "{detection}");
        assert_ne!(ours, theirs, "{detection}: the engines agree now");
    }
}
