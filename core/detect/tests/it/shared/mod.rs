//! On the shared data: every rule loads, what they match is pinned, rule by event, and another engine
//! comes to the same.

mod generated;
mod reach;

use detect::{Pack, RuleText};
use events::{Record, Redactor};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The folder beside the checkout that these tests need.
fn folder() -> PathBuf {
    let folder = match option_env!("NEXORA_SHARED_DATA") {
        Some(named) => PathBuf::from(named),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
    };
    assert!(folder.is_dir(), "these tests need the shared data in {}", folder.display());
    folder
}

fn files(under: &Path, extension: &str, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(under).expect("the folder can be read") {
        let path = entry.expect("the folder can be read").path();
        if path.is_dir() {
            files(&path, extension, found);
        } else if path.extension().is_some_and(|found| found == extension) {
            found.push(path);
        }
    }
    found.sort();
}

fn rules() -> Vec<(String, String)> {
    let mut paths = Vec::new();
    files(&folder().join("sigma"), "yml", &mut paths);
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).expect("a rule can be read");
        (path.display().to_string(), text)
    };
    paths.into_iter().map(read).collect()
}

fn invictus() -> String {
    let path = folder().join("cloudtrail-invictus.ndjson.zst");
    let bytes = std::fs::read(path).expect("the log can be read");
    let bytes = zstd::decode_all(bytes.as_slice()).expect("the log is zstd");
    String::from_utf8(bytes).expect("the log is text")
}

#[test]
fn every_rule_loads() {
    let rules = rules();
    assert_eq!(rules.len(), 293);
    let texts: Vec<_> = rules.iter().map(|(path, text)| RuleText { path, text }).collect();
    let (pack, skipped) = Pack::compile(&texts);
    assert!(skipped.is_empty(), "{skipped:#?}");
    assert_eq!(pack.rules().len(), 293);
}

#[test]
fn matches_on_the_recorded_attack_are_pinned() {
    let rules = rules();
    let texts: Vec<_> = rules.iter().map(|(path, text)| RuleText { path, text }).collect();
    let (pack, _) = Pack::compile(&texts);
    let log = invictus();
    let mut found: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (index, line) in log.lines().enumerate() {
        let record = Record::read(line.as_bytes(), &Redactor::off()).expect("a CloudTrail event");
        let activity = record.activity(pack.fields()).expect("an activity");
        for rule in pack.matches(&activity) {
            found.entry(rule.id.clone()).or_default().push(index);
        }
    }
    assert_eq!(log.lines().count(), 2_900);
    let found: String = found.iter().map(|(id, events)| format!("{id}: {events:?}\n")).collect();
    assert_eq!(found, include_str!("../invictus.txt"), "\n{found}");
}

/// The recorded attacks, one event a line.
fn stratus() -> Vec<String> {
    let mut paths = Vec::new();
    files(&folder().join("stratus"), "json", &mut paths);
    let events = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).expect("a recording can be read");
        let events: Vec<serde_json::Value> = serde_json::from_str(&text).expect("a list of events");
        events.into_iter().map(|event| event.to_string())
    };
    paths.into_iter().flat_map(events).collect()
}

/// Every event of the shared data is judged alike by an engine that nobody here wrote, told the same log
/// source.
#[test]
fn another_engine_agrees() {
    let rules = rules();
    let texts: Vec<_> = rules.iter().map(|(path, text)| RuleText { path, text }).collect();
    let (pack, _) = Pack::compile(&texts);
    let mut oracle = rsigma_eval::Engine::new();
    for (path, text) in &rules {
        let rules = rsigma_parser::parse_sigma_yaml(text).unwrap_or_else(|error| panic!("{path}: {error}"));
        oracle.add_collection(&rules).unwrap_or_else(|error| panic!("{path}: {error}"));
    }
    let source = rsigma_parser::LogSource {
        product: Some("aws".to_owned()),
        service: Some("cloudtrail".to_owned()),
        ..rsigma_parser::LogSource::default()
    };
    let log = invictus();
    let mut matched = 0;
    let recorded = stratus();
    assert!(recorded.len() > 100, "{} recorded events", recorded.len());
    for line in log.lines().map(str::to_owned).chain(recorded) {
        let record = Record::read(line.as_bytes(), &Redactor::off()).expect("a CloudTrail event");
        let activity = record.activity(pack.fields()).expect("an activity");
        let ours: Vec<_> = pack.matches(&activity).into_iter().map(|rule| rule.id.clone()).collect();
        let value = serde_json::from_str(&line).expect("JSON");
        let event = rsigma_eval::event::JsonEvent::borrow(&value);
        let theirs = oracle.evaluate_with_logsource(&event, &source).into_iter();
        let mut theirs: Vec<_> = theirs.filter_map(|result| result.header.rule_id).collect();
        theirs.sort();
        assert_eq!(ours, theirs, "{line}");
        matched += ours.len();
    }
    assert!(matched > 100, "{matched} matches were compared");
}
