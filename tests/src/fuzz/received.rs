//! What anyone who sends events, rules or a credential sends.

use detect::{Judge, Pack, RuleText, ShardState};
use events::{
    Encoding, FieldSet, Format, Frames, Glance, Inflater, Limits, Record, Redactor, frame, inflate,
};
use std::sync::{Arc, LazyLock};

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
        as_a_file(&body);
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

/// What is read as a file in pieces is what is framed at once, and any number of bytes held is enough to answer.
fn as_a_file(body: &[u8]) {
    let count = |held: usize| {
        let source = Inflater::new(body, Encoding::Plain, Limits::FILE).expect("bytes");
        let mut frames = Frames::holding(source, held);
        let mut count = 0_usize;
        while let Ok(Some(_)) = frames.read() {
            count += 1;
        }
        count
    };
    count(64);
    if let Ok(events) = frame(body) {
        assert_eq!(count(body.len() + 1), events.len());
    }
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

/// The same bytes with the checksum that they should have: whoever can write a snapshot can make it.
fn sealed(bytes: &[u8]) -> Vec<u8> {
    let mut sealed = bytes[..bytes.len().saturating_sub(8)].to_vec();
    let sum = base::digest::sha256(&sealed);
    sealed.extend(&sum[..8]);
    sealed
}

/// What a shard had learned, as a snapshot keeps it: whatever it says, judging goes on from it.
pub(super) fn shard(bytes: &[u8]) -> bool {
    static JUDGE: LazyLock<Judge> = LazyLock::new(|| Judge::new(Arc::new(Pack::compile(&[]).0)));
    let mut taken = false;
    for bytes in [bytes.to_vec(), sealed(bytes)] {
        let Ok(mut state) = ShardState::from_bytes(&bytes) else { continue };
        assert_eq!(state.to_bytes(), bytes, "it has one form");
        for minute in 0..3 {
            let event = format!(
                r#"{{"eventVersion":"1.08","userIdentity":{{"type":"IAMUser","arn":"arn:aws:iam::111122223333:user/a","accountId":"111122223333","accessKeyId":"AKIAEXAMPLEKEY000001"}},"eventTime":"2026-03-02T08:0{minute}:00Z","eventSource":"iam.amazonaws.com","eventName":"CreateUser{minute}","awsRegion":"eu-central-1","sourceIPAddress":"198.51.100.7","userAgent":"aws-cli/2","readOnly":false,"recipientAccountId":"111122223333","eventType":"AwsApiCall"}}"#
            );
            let record =
                Record::read(event.as_bytes(), &Redactor::unkeyed()).expect("it is a CloudTrail event");
            let activity = record.activity(JUDGE.pack().fields()).expect("an activity");
            drop(JUDGE.judge(&mut state, &activity, base::Id::from_bytes([1; 16]), activity.time));
        }
        detect::behaviour::merge(std::slice::from_mut(&mut state));
        taken = true;
    }
    taken
}

/// What all shards knew together at one point of the log.
pub(super) fn epoch(bytes: &[u8]) -> bool {
    let mut taken = false;
    for bytes in [bytes.to_vec(), sealed(bytes)] {
        let Ok(epoch) = detect::behaviour::Epoch::from_bytes(&bytes) else { continue };
        assert_eq!(epoch.to_bytes(), bytes, "it has one form");
        taken = true;
    }
    taken
}

/// A credential's text: it has one spelling.
pub(super) fn credential(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    issuer::parse(text).is_ok()
}
