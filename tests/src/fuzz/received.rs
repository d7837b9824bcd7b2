//! What anyone who sends events, rules or a credential sends.

use detect::{Pack, RuleText, ShardState};
use events::{Encoding, FieldSet, Format, Glance, Limits, Record, Redactor, frame, inflate};
use std::sync::LazyLock;

/// What a fuzzed body may become.
const LIMITS: Limits = Limits { input: 1 << 20, output: 4 << 20, ratio: 100 };

/// What rules might ask for.
static FIELDS: LazyLock<FieldSet> =
    LazyLock::new(|| FieldSet::new(["eventName", "userIdentity.arn", "requestParameters.userName", "a.b"]));

/// A body of events: compressed or not, framed, recognised, normalized, redacted.
pub(super) fn events(bytes: &[u8]) -> bool {
    let mut taken = 0;
    for encoding in [Encoding::Auto, Encoding::Plain, Encoding::Gzip, Encoding::Zstd] {
        let Ok(body) = inflate(bytes, encoding, LIMITS) else { continue };
        assert!(body.len() <= LIMITS.output);
        let Ok(ranges) = frame(&body) else { continue };
        for range in ranges {
            glanced(&body[range.clone()]);
            let Ok(record) = Record::read(&body[range], &Redactor::unkeyed()) else { continue };
            // What is kept is read again after a restart.
            let again =
                Record::read(record.text().as_bytes(), &Redactor::unkeyed()).expect("what was kept is read");
            let activity = record.activity(&FIELDS);
            assert_eq!(
                format!("{:?}", again.activity(&FIELDS)),
                format!("{activity:?}"),
                "as it was the first time"
            );
            taken += usize::from(activity.is_ok());
        }
    }
    taken > 0
}

/// What rules see of an event at a glance is what they see of its record.
fn glanced(event: &[u8]) {
    let shown = |sight: &events::Sight<'_>| format!("{sight:?}");
    for format in [Format::AWS_CLOUDTRAIL, Format::named("m365.audit").expect("a format")] {
        let record = Record::read_as(event, format, &Redactor::off());
        let expected = record.map(|record| shown(&record.sight(&FIELDS)));
        assert_eq!(Glance::default().read(event, format, &FIELDS, shown), expected);
    }
}

/// A rule that somebody else wrote.
pub(super) fn rule(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let (pack, skipped) = Pack::compile(&[RuleText { path: "rule.yml", text }]);
    assert!(skipped.len() <= 1);
    for rule in pack.rules() {
        let _ = detect::lint::rule(rule);
    }
    !pack.rules().is_empty()
}

/// What a shard had learned, as a snapshot keeps it.
pub(super) fn shard(bytes: &[u8]) -> bool {
    let Ok(state) = ShardState::from_bytes(bytes) else { return false };
    assert_eq!(state.to_bytes(), bytes, "it has one form");
    true
}

/// A credential's text: it has one spelling.
pub(super) fn credential(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    issuer::parse(text).is_ok()
}
