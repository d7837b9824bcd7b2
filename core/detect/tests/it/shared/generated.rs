//! For every shared rule, events made from its own text: one that matches and many that nearly do, judged
//! by another engine too.
//!
//! The rules are told that they read CloudTrail, because only that has a normalizer so far; what their
//! detections mean does not depend on it.

use super::rules;
use detect::{Pack, RuleText};
use events::{Record, Redactor};
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
    source: rsigma_parser::LogSource,
    disagreed: RefCell<Vec<String>>,
}

impl Engines {
    /// The rule in both engines, as one that reads CloudTrail.
    fn of(rule: &Yaml) -> Self {
        let mut rule = rule.clone();
        rule["logsource"] = serde_yaml_ng::from_str("{product: aws, service: cloudtrail}").expect("YAML");
        let text = serde_yaml_ng::to_string(&rule).expect("a rule can be written");
        let (ours, skipped) = Pack::compile(&[RuleText { path: "r", text: &text }]);
        assert!(skipped.is_empty(), "{skipped:?}");
        let mut theirs = rsigma_eval::Engine::new();
        theirs
            .add_collection(&rsigma_parser::parse_sigma_yaml(&text).expect("their parser"))
            .expect("their engine");
        let id = rule["id"].as_str().expect("an id").to_owned();
        let source = rsigma_parser::LogSource {
            product: Some("aws".to_owned()),
            service: Some("cloudtrail".to_owned()),
            ..rsigma_parser::LogSource::default()
        };
        Self { id, ours, theirs, source, disagreed: RefCell::default() }
    }

    /// Whether the event matches; where the other engine does not agree, it is noted. `None` where it is no event of CloudTrail.
    fn judge(&self, event: &Value) -> Option<bool> {
        let record = Record::read(event.to_string().as_bytes(), &Redactor::off()).ok()?;
        let activity = record.activity(self.ours.fields()).ok()?;
        let ours = !self.ours.matches(&activity).is_empty();
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

fn event(fields: &[Field]) -> Value {
    let mut event = json!({
        "eventVersion": "1.08", "eventTime": "2026-03-02T08:00:00Z", "eventSource": "s3.amazonaws.com",
        "eventName": "PutThing", "awsRegion": "eu-central-1", "sourceIPAddress": "198.51.100.7",
        "userAgent": "aws-sdk", "requestID": "r", "eventID": "e", "eventType": "AwsApiCall",
        "recipientAccountId": "111122223333",
        "userIdentity": {"type": "IAMUser", "arn": "arn:aws:iam::111122223333:user/u", "accountId": "111122223333",
                         "accessKeyId": "AKIAEXAMPLEKEY000001", "userName": "u", "principalId": "AIDAEXAMPLE"}
    });
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

#[test]
fn on_events_made_from_each_rule_another_engine_agrees() {
    let rules = rules();
    let mut never = Vec::new();
    let mut judged = 0;
    let mut disagreed = Vec::new();
    for (path, text) in &rules {
        let rule: Yaml = serde_yaml_ng::from_str(text).expect("a rule is YAML");
        let engines = Engines::of(&rule);
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
        let mut matched = false;
        if let Some(by_hand) = by_hand(&engines.id) {
            let mut whole = event(&[]);
            for (name, value) in by_hand.as_object().expect("an object") {
                whole[name] = value.clone();
            }
            matched |= engines.judge(&whole) == Some(true);
        }
        for candidate in candidates.into_iter().flat_map(|candidate| [candidate.clone(), merged(candidate)]) {
            let Some(found) = engines.judge(&event(&candidate)) else { continue };
            matched |= found;
            judged += 1;
            if !found {
                continue;
            }
            for (index, field) in candidate.iter().enumerate() {
                let mut without = candidate.clone();
                without.remove(index);
                judged += usize::from(engines.judge(&event(&without)).is_some());
                for value in near(&field.value) {
                    let mut changed = candidate.clone();
                    changed[index].value = value;
                    judged += usize::from(engines.judge(&event(&changed)).is_some());
                }
            }
        }
        if !matched {
            never.push(path);
        }
        disagreed.append(&mut engines.disagreed.take());
    }
    assert!(disagreed.is_empty(), "{} events: {:#?}", disagreed.len(), &disagreed[..disagreed.len().min(30)]);
    assert!(never.is_empty(), "no event was made that matches: {never:#?}");
    assert!(judged > 10 * rules.len(), "{judged} events were judged");
}
