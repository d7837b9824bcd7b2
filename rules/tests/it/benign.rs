//! What infrastructure code, controllers, backups and people do all day wakes nobody up.
//!
//! `tests/benign` holds such events, a file for each source, one event a line; lines that begin with `#` say
//! what the next ones are.

use base::Severity;
use events::{Record, Redactor};
use std::path::Path;

#[test]
fn everyday_work_is_at_most_low() {
    let pack = super::pack();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/benign");
    let mut loud = Vec::new();
    let mut count = 0;
    for entry in std::fs::read_dir(folder).expect("the folder can be read") {
        let path = entry.expect("the folder can be read").path();
        let text = std::fs::read_to_string(&path).expect("the events can be read");
        let lines = text.lines().enumerate().filter(|(_, line)| !line.starts_with('#'));
        for (number, line) in lines {
            count += 1;
            let record = Record::read(line.as_bytes(), &Redactor::unkeyed()).expect("an event");
            let activity = record.activity(pack.fields()).expect("an activity");
            let rules = pack.matches(&activity).into_iter().filter(|rule| rule.severity >= Severity::Medium);
            loud.extend(rules.map(|rule| format!("{}:{}: {}", path.display(), number + 1, rule.title)));
        }
    }
    assert!(count >= 190, "{count} events");
    assert!(loud.is_empty(), "{loud:#?}");
}
