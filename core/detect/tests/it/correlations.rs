//! Correlations and filters: by the specification, and beside an engine that nobody here wrote.

use crate::event;
use base::Timestamp;
use detect::{Correlator, Options, Pack, RuleText};
use serde_json::{Value, json};
use std::collections::BTreeSet;

pub(crate) fn rule(name: &str, selection: &str) -> String {
    format!(
        "title: {name}\nid: id-{name}\nname: {name}\nlogsource: {{product: aws, service: cloudtrail}}\ndetection:\n  \
         sel: {{{selection}}}\n  condition: sel\nlevel: low\n---\n"
    )
}

pub(crate) fn base_rules() -> String {
    rule("failed", "errorCode: AccessDenied")
        + &rule("made", "eventName: CreateAccessKey")
        + &rule("read", "eventName: GetObject")
        + &rule("sized", "requestParameters.bytes|exists: true")
}

pub(crate) fn correlation(id: &str, body: &str) -> String {
    let body: String = body.lines().map(|line| format!("  {line}\n")).collect();
    format!("title: {id}\nid: {id}\nname: {id}\nlevel: high\ncorrelation:\n{body}---\n")
}

pub(crate) fn compile(text: &str) -> Pack {
    let (pack, skipped) = Pack::compile(&[RuleText { path: "c.yml", text }]);
    assert!(skipped.is_empty(), "{skipped:?}\n{text}");
    pack
}

/// The same, with what is a draft of Sigma.
pub(crate) fn compile_drafts(text: &str) -> Pack {
    let options = Options { drafts: true, ..Options::default() };
    let (pack, skipped) = Pack::compile_with(&[RuleText { path: "c.yml", text }], options);
    assert!(skipped.is_empty(), "{skipped:?}\n{text}");
    pack
}

/// Seconds after the start, and the event's fields.
pub(crate) type Timed = (i64, Value);

const START: i64 = 1_772_600_000;

/// Which correlations match at each event.
fn ours(pack: &Pack, events: &[Timed]) -> Vec<BTreeSet<String>> {
    let mut correlator = Correlator::default();
    let observed = events.iter().map(|(seconds, fields)| {
        let time = Timestamp::from_millis((START + seconds) * 1_000);
        let mut fields = fields.clone();
        fields["eventTime"] = json!(time.to_string());
        let record = event(fields);
        let activity = record.activity(pack.fields()).expect("an activity");
        let matched = pack.matches(&activity);
        let hits = correlator.observe(pack, &matched, &activity.fields, activity.time, activity.event_id);
        hits.into_iter().map(|hit| hit.correlation.id.clone()).collect()
    });
    observed.collect()
}

fn theirs(text: &str, events: &[Timed]) -> Vec<BTreeSet<String>> {
    let collection = rsigma_parser::parse_sigma_yaml(text).expect("it parses");
    let mut engine = rsigma_eval::CorrelationEngine::new(rsigma_eval::CorrelationConfig::default());
    engine.add_collection(&collection).expect("it loads");
    let observed = events.iter().map(|(seconds, fields)| {
        let event = rsigma_eval::event::JsonEvent::borrow(fields);
        let result = engine.process_event_at(&event, START + seconds);
        let ids = result.into_iter().filter_map(|result| result.header.rule_id);
        ids.filter(|id| !id.starts_with("id-")).collect()
    });
    observed.collect()
}

/// Events from a seed: few users, few calls, some failures, some with sizes; several in one second.
pub(crate) fn events(seed: u64, count: usize) -> Vec<Timed> {
    let mut state = seed;
    let mut next = move |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let mut seconds = 0;
    let mut found = Vec::new();
    for _ in 0..count {
        seconds += i64::try_from(next(25)).expect("small");
        let name = ["CreateAccessKey", "GetObject", "ListRoles"][usize::try_from(next(3)).expect("small")];
        let region = ["eu-central-1", "us-east-1"][usize::try_from(next(2)).expect("small")];
        let mut fields = json!({
            "eventName": name,
            "sourceIPAddress": format!("192.0.2.{}", next(3)),
            "awsRegion": region,
            "requestParameters": {"bucket": format!("b{}", next(4)), "other": format!("b{}", next(4))},
        });
        if next(3) == 0 {
            fields["errorCode"] = json!("AccessDenied");
        }
        if next(2) == 0 {
            fields["requestParameters"]["bytes"] = json!(next(1_000));
        }
        found.push((seconds, fields));
    }
    found
}

pub(crate) const BODIES: [(&str, &str); 9] = [
    (
        "count",
        "type: event_count\nrules: [failed]\ngroup-by: [sourceIPAddress]\ntimespan: 2m\ncondition: {gte: 4}",
    ),
    (
        "range",
        "type: event_count\nrules: [failed, made]\ngroup-by: [sourceIPAddress, awsRegion]\ntimespan: 90s\ncondition: {gt: 2, lte: 4}",
    ),
    (
        "values",
        "type: value_count\nrules: [read]\ngroup-by: [sourceIPAddress]\ntimespan: 3m\ncondition: {field: requestParameters.bucket, gte: 3}",
    ),
    (
        "both",
        "type: temporal\nrules: [failed, made, read]\ngroup-by: [sourceIPAddress]\ntimespan: 1m\ncondition: {gte: 3}",
    ),
    (
        "after",
        "type: temporal_ordered\nrules: [failed, made, read]\ngroup-by: [sourceIPAddress]\ntimespan: 1m\ncondition: {gte: 3}",
    ),
    (
        "sum",
        "type: value_sum\nrules: [sized]\ngroup-by: [awsRegion]\ntimespan: 1m\ncondition: {field: requestParameters.bytes, gt: 1500}",
    ),
    (
        "average",
        "type: value_avg\nrules: [sized]\ngroup-by: [awsRegion]\ntimespan: 1m\ncondition: {field: requestParameters.bytes, gt: 600}",
    ),
    (
        "median",
        "type: value_median\nrules: [sized]\ngroup-by: [awsRegion]\ntimespan: 2m\ncondition: {field: requestParameters.bytes, lt: 300}",
    ),
    (
        "aliased",
        "type: temporal\nrules: [made, read]\ngroup-by: [thing]\ntimespan: 2m\ncondition: {gte: 2}\naliases:\n  thing:\n    made: requestParameters.bucket\n    read: requestParameters.other",
    ),
];

/// Both engines find the same at each of 900 events, and neither nothing nor nearly all.
fn agrees(pack: &Pack, text: &str, what: &str) {
    let mut matched = 0;
    for seed in 0..6 {
        let events = events(seed, 150);
        let (ours, theirs) = (ours(pack, &events), theirs(text, &events));
        matched += ours.iter().filter(|found| !found.is_empty()).count();
        for (at, (ours, theirs)) in ours.iter().zip(&theirs).enumerate() {
            assert_eq!(ours, theirs, "{what}, seed {seed}, event {at}: {:?}", &events[at]);
        }
    }
    assert!((5..850).contains(&matched), "{what} matched {matched} of 900 times");
}

#[test]
fn another_engine_agrees_on_every_type() {
    for (id, body) in BODIES {
        let text = base_rules() + &correlation(id, body);
        let pack = compile(&text);
        agrees(&pack, &text, id);
    }
}

/// Without a condition all of the rules must match: "all events defined by the rules referred by the rule field must
/// occur". The other engine is content with one.
#[test]
fn a_temporal_correlation_without_a_condition_asks_for_all_of_its_rules() {
    for kind in ["temporal", "temporal_ordered"] {
        let body =
            format!("type: {kind}\nrules: [failed, made, read]\ngroup-by: [sourceIPAddress]\ntimespan: 1m");
        let asked = format!("{body}\ncondition: {{gte: 3}}");
        let (bare, asked) = (
            compile(&(base_rules() + &correlation("c", &body))),
            compile(&(base_rules() + &correlation("c", &asked))),
        );
        let events = events(7, 300);
        assert_eq!(ours(&bare, &events), ours(&asked, &events));
    }
}

/// A temporal correlation with an expression over its rules, as a draft of the specification has it.
fn drafted(kind: &str, condition: &str) -> String {
    let rules = "[failed, made, read, sized]";
    let body = format!(
        "type: {kind}\nrules: {rules}\ngroup-by: [sourceIPAddress]\ntimespan: 1m\ncondition: {condition}"
    );
    base_rules() + &correlation("c", &body)
}

#[test]
fn another_engine_agrees_on_drafted_conditions_over_rules() {
    for (kind, condition) in [
        ("temporal", "failed and made"),
        ("temporal", "failed and not read"),
        ("temporal", "(failed or made) and not (read and sized)"),
        ("temporal", "not failed"),
        ("temporal_ordered", "failed and made and read and sized"),
    ] {
        let text = drafted(kind, condition);
        let pack = compile_drafts(&text);
        agrees(&pack, &text, &format!("{kind} {condition}"));
    }
}

/// "`temporal_ordered` behaves like `temporal` and requires in addition that the events appear in the order provided":
/// of those that matched, for an expression need not ask for all. The other engine asks for all in any case.
#[test]
fn a_drafted_condition_in_order_asks_for_the_order_of_what_matched() {
    let one = |text: &str, events: &[&str]| {
        let pack = compile_drafts(text);
        let event = |(at, name): (usize, &&str)| {
            let fields = match *name {
                "failed" => json!({"errorCode": "AccessDenied"}),
                "made" => json!({"eventName": "CreateAccessKey"}),
                _ => json!({"eventName": "GetObject"}),
            };
            (i64::try_from(at).expect("small"), fields)
        };
        let events: Vec<Timed> = events.iter().enumerate().map(event).collect();
        ours(&pack, &events).iter().map(BTreeSet::len).collect::<Vec<_>>()
    };
    let text = drafted("temporal_ordered", "failed and made and not read");
    assert_eq!(one(&text, &["failed", "made", "read", "made"]), [0, 1, 0, 0]);
    assert_eq!(one(&text, &["made", "failed", "made"]), [0, 0, 1]);
    let any = drafted("temporal", "all of *d and not sized");
    assert_eq!(one(&any, &["read", "made", "failed"]), [0, 0, 0], "`sized` is one of `*d` too");
    let any = drafted("temporal", "1 of ma*");
    assert_eq!(one(&any, &["read", "made", "read"]), [0, 1, 1]);
}

/// Chains, by the specification: the outer correlation groups by its own fields of the event that completed the
/// inner one.
#[test]
fn correlations_are_made_of_correlations() {
    let text = base_rules()
        + &correlation(
            "many",
            "type: event_count\nrules: [failed]\ngroup-by: [sourceIPAddress, awsRegion]\ntimespan: 1m\ncondition: {gte: 3}",
        )
        + &correlation(
            "then",
            "type: temporal_ordered\nrules: [many, made]\ngroup-by: [sourceIPAddress]\ntimespan: 5m",
        );
    let pack = compile(&text);
    let failed = |at: i64| {
        (at, json!({"errorCode": "AccessDenied", "eventName": "ListRoles", "sourceIPAddress": "192.0.2.1"}))
    };
    let made = |at: i64, ip: &str| (at, json!({"eventName": "CreateAccessKey", "sourceIPAddress": ip}));
    let shown = |events: &[Timed]| {
        ours(&pack, events)
            .into_iter()
            .map(|found| found.into_iter().collect::<Vec<_>>().join("+"))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        shown(&[
            made(0, "192.0.2.1"),
            failed(1),
            failed(2),
            failed(3),
            made(4, "192.0.2.2"),
            made(5, "192.0.2.1")
        ]),
        ["", "", "", "many", "", "then"]
    );
    assert_eq!(
        shown(&[failed(1), failed(2), failed(3), made(304, "192.0.2.1")]),
        ["", "", "many", ""],
        "too late"
    );
    // What only serves a correlation does not speak for itself.
    let rule = |id: &str| pack.rule(id).expect("it is there");
    assert!(!pack.speaks(rule("id-failed")) && pack.speaks(rule("id-read")));
    let many = pack.correlations().iter().find(|one| one.id == "many").expect("it is there");
    let then = pack.correlations().iter().find(|one| one.id == "then").expect("it is there");
    assert!(!pack.tells(many) && pack.tells(then));
    let generating = text.replace("type: event_count", "generate: true\n  type: event_count");
    let pack = compile(&generating);
    assert!(pack.speaks(pack.rule("id-failed").expect("it is there")));
}

#[test]
fn a_percentile_is_compared_with_the_threshold() {
    let body = "type: value_percentile\nrules: [sized]\ngroup-by: [awsRegion]\ntimespan: 1m\ncondition: {field: requestParameters.bytes, percentile: 75, gte: 30}";
    let pack = compile(&(base_rules() + &correlation("p", body)));
    let sized = |at: i64, bytes: i64| (at, json!({"eventName": "X", "requestParameters": {"bytes": bytes}}));
    // Of 10, 20, 30 the value at three quarters is 25; of 10, 20, 30, 40 it is 32.5.
    let found = ours(&pack, &[sized(0, 10), sized(1, 20), sized(2, 30), sized(3, 40)]);
    assert_eq!(found.iter().map(BTreeSet::len).collect::<Vec<_>>(), [0, 0, 0, 1]);
}

#[test]
fn what_a_correlation_cannot_be_is_refused_by_name() {
    let reasons = |text: &str| {
        let (pack, skipped) = Pack::compile(&[RuleText { path: "c.yml", text }]);
        assert!(pack.correlations().is_empty(), "{text}");
        skipped.into_iter().map(|skipped| skipped.reason.to_string()).collect::<Vec<_>>().join("; ")
    };
    let refused = |body: &str, expected: &str| {
        let said = reasons(&(base_rules() + &correlation("c", body)));
        assert!(said.contains(expected), "{said}");
    };
    refused("type: near\nrules: [made]\ntimespan: 1m\ncondition: {gte: 1}", "`type`");
    refused("type: event_count\nrules: [made]\ntimespan: 1x\ncondition: {gte: 1}", "`timespan`");
    refused("type: event_count\nrules: [made]\ntimespan: 400d\ncondition: {gte: 1}", "`timespan`");
    refused("type: event_count\nrules: [made]\ntimespan: 1m", "`condition`");
    refused("type: value_count\nrules: [made]\ntimespan: 1m\ncondition: {gte: 1}", "`field`");
    refused("type: event_count\nrules: [made]\ntimespan: 1m\ncondition: {about: 1}", "`condition`");
    let drafted = "type: temporal\nrules: [made, read]\ntimespan: 1m\ncondition: made and not read";
    refused(drafted, "an expression over rules: a draft of Sigma, read only on demand");
    refused(
        &drafted.replace("temporal", "event_count"),
        "an expression over rules, which only what is temporal can have",
    );
    let text = base_rules() + &correlation("c", &drafted.replace("not read", "not failed"));
    let options = Options { drafts: true, ..Options::default() };
    let (_, skipped) = Pack::compile_with(&[RuleText { path: "c.yml", text: &text }], options);
    assert!(skipped[0].reason.to_string().contains("there is no selection `failed`"), "{skipped:?}");
    refused("type: event_count\nrules: [nobody]\ntimespan: 1m\ncondition: {gte: 1}", "refers to nobody");
    refused("type: event_count\nrules: [c]\ntimespan: 1m\ncondition: {gte: 1}", "is made of it");
}

/// However many groups an attacker invents, memory stays bounded, and what is given up is counted.
#[test]
fn windows_are_bounded() {
    let body =
        "type: event_count\nrules: [made]\ngroup-by: [sourceIPAddress]\ntimespan: 1d\ncondition: {gte: 3}";
    let pack = compile(&(base_rules() + &correlation("c", body)));
    let mut correlator = Correlator::default();
    let mut add = |ip: &str, seconds: i64| {
        let record = event(json!({"eventName": "CreateAccessKey", "sourceIPAddress": ip}));
        let activity = record.activity(pack.fields()).expect("an activity");
        let matched = pack.matches(&activity);
        let time = Timestamp::from_millis((START + seconds) * 1_000);
        let hits = correlator.observe(&pack, &matched, &activity.fields, time, None).len();
        (hits, correlator.len(), correlator.evicted())
    };
    for number in 0..detect::correlate::MAX_WINDOWS + 1_000 {
        add(&number.to_string(), i64::try_from(number).expect("small") / 10);
    }
    let (_, open, evicted) = add("again", 7_000);
    assert!(open <= detect::correlate::MAX_WINDOWS && evicted > 1_000, "{open} open, {evicted} evicted");
    for _ in 0..detect::correlate::MAX_ENTRIES + 10 {
        add("loud", 7_001);
    }
    let (hits, _, later) = add("loud", 7_002);
    assert!(hits == 1 && later > evicted);
}

#[test]
fn a_filter_holds_further_of_the_rules_it_names() {
    let filter = |rules: &str, source: &str| {
        format!(
            "title: f\nlogsource: {source}\nfilter:\n  rules: {rules}\n  ours: {{awsRegion: eu-central-1}}\n  condition: not ours\n"
        )
    };
    let aws = "{product: aws}";
    let matched = |filter: &str, fields: Value| {
        let text = base_rules() + filter;
        let (pack, _) = Pack::compile(&[RuleText { path: "c.yml", text: &text }]);
        let record = event(fields.clone());
        let activity = record.activity(pack.fields()).expect("an activity");
        let ours: BTreeSet<String> =
            pack.matches(&activity).into_iter().map(|rule| rule.id.clone()).collect();
        let collection = rsigma_parser::parse_sigma_yaml(&text).expect("it parses");
        let mut engine = rsigma_eval::Engine::new();
        engine.add_collection(&collection).expect("it loads");
        let whole: Value = serde_json::from_str(record.text()).expect("JSON");
        let event = rsigma_eval::event::JsonEvent::borrow(&whole);
        let theirs: BTreeSet<String> =
            engine.evaluate(&event).into_iter().filter_map(|result| result.header.rule_id).collect();
        assert_eq!(ours, theirs, "{filter}");
        ours.len()
    };
    let home = json!({"eventName": "GetObject"});
    let away = json!({"eventName": "GetObject", "awsRegion": "us-east-1"});
    for (rules, source, at_home) in [
        ("[id-read]", aws, 0),
        ("[read]", aws, 0),
        ("any", aws, 0),
        ("[id-made]", aws, 1),
        ("[id-read]", "{product: azure}", 1),
        ("[id-read]", "{product: aws, service: cloudtrail}", 0),
    ] {
        assert_eq!(matched(&filter(rules, source), home.clone()), at_home, "{rules} {source}");
        assert_eq!(matched(&filter(rules, source), away.clone()), 1, "{rules} {source}");
    }
    let text = base_rules() + &filter("[nobody]", aws);
    let (_, skipped) = Pack::compile(&[RuleText { path: "c.yml", text: &text }]);
    assert!(skipped[0].reason.to_string().contains("refers to nobody"), "{skipped:?}");
}

#[test]
fn parts_of_a_date_are_compared() {
    let matches = |modifier: &str, value: &str| {
        let text = rule("timed", &format!("eventTime|{modifier}: {value}"));
        let pack = compile(&text);
        let record = event(json!({"eventTime": "2026-03-04T05:06:07Z"}));
        let activity = record.activity(pack.fields()).expect("an activity");
        let ours = !pack.matches(&activity).is_empty();
        if !modifier.contains('|') {
            let mut engine = rsigma_eval::Engine::new();
            engine
                .add_collection(&rsigma_parser::parse_sigma_yaml(&text).expect("it parses"))
                .expect("it loads");
            let whole: Value = serde_json::from_str(record.text()).expect("JSON");
            assert_eq!(
                ours,
                !engine.evaluate(&rsigma_eval::event::JsonEvent::borrow(&whole)).is_empty(),
                "{modifier}"
            );
        }
        ours
    };
    for (part, right, wrong) in [
        ("minute", "6", "7"),
        ("hour", "5", "6"),
        ("day", "4", "3"),
        ("week", "10", "9"),
        ("month", "3", "2"),
        ("year", "2026", "2025"),
    ] {
        assert!(matches(part, right) && !matches(part, wrong), "{part}");
    }
    assert!(matches("hour", "[1, 5]") && matches("hour|lt", "6") && !matches("hour|gte", "6"));
}
