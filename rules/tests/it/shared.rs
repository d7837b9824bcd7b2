//! Our rules on recorded attacks of others, which none of them was written from.

mod renamed;

use base::{Id, Severity, Timestamp};
use detect::{Detector, Judge, ShardState};
use events::{Record, Redactor};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The folder beside the checkout that these tests need.
fn folder() -> PathBuf {
    let folder = match option_env!("NEXORA_SHARED_DATA") {
        Some(named) => PathBuf::from(named),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data"),
    };
    assert!(folder.is_dir(), "these tests need the shared data in {}", folder.display());
    folder
}

/// The recorded attacks, by technique.
pub(crate) fn recordings() -> Vec<(String, Vec<serde_json::Value>)> {
    let entries = std::fs::read_dir(folder().join("stratus")).expect("the folder can be read");
    let paths = entries.map(|entry| entry.expect("the folder can be read").path());
    let recordings = paths.filter(|path| path.extension().is_some_and(|extension| extension == "json"));
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).expect("a recording can be read");
        let events = serde_json::from_str(&text).expect("a recording is a list of events");
        (path.file_stem().map(|name| name.display().to_string()).unwrap_or_default(), events)
    };
    recordings.map(read).collect()
}

#[test]
fn every_recorded_technique_is_found() {
    let pack = super::pack();
    let mut missed = Vec::new();
    let mut count = 0;
    for (technique, events) in recordings() {
        count += 1;
        let found = events.iter().any(|event| {
            let record =
                Record::read(event.to_string().as_bytes(), &Redactor::unkeyed()).expect("a CloudTrail event");
            let activity = record.activity(pack.fields()).expect("an activity");
            !pack.matches(&activity).is_empty()
        });
        if !found {
            missed.push(technique);
        }
    }
    assert!(count >= 18, "{count} recordings");
    assert!(missed.is_empty(), "not found: {missed:#?}");
}

#[test]
fn the_attacking_key_is_found_by_a_call_that_may_tip() {
    let judge = Judge::new(Arc::new(super::pack()));
    let bytes = std::fs::read(folder().join("cloudtrail-invictus.ndjson.zst")).expect("the log can be read");
    let log = zstd::decode_all(bytes.as_slice()).expect("the log is zstd");
    let arrival = Timestamp::from_millis(1_800_000_000_000);
    let mut state = ShardState::default();
    let mut tipping = Vec::new();
    let mut benign = Vec::new();
    let mut matched = 0;
    let lines = log.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    for line in lines {
        let record = Record::read(line, &Redactor::unkeyed()).expect("a CloudTrail event");
        let activity = record.activity(judge.pack().fields()).expect("an activity");
        let findings = judge.judge(&mut state, &activity, Id::from_bytes([1; 16]), arrival);
        matched += usize::from(!findings.is_empty());
        for finding in findings {
            if finding.severity >= Severity::High && finding.trigger.may_tip() {
                assert_eq!(finding.detector, Detector::Rule);
                let key = activity.actor.session.access_key.unwrap_or_default().to_owned();
                let list = if key == "AKIATFQR7NSC8Q4X20BJ" { &mut tipping } else { &mut benign };
                list.push((key, finding.title));
            }
        }
    }
    assert!(!tipping.is_empty(), "the attacking key is found");
    assert!(benign.is_empty(), "nobody else is: {benign:#?}");
    assert!(matched < 600, "{matched} of 2900 activities with a finding");
}
