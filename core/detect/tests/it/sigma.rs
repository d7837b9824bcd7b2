//! What rules mean, sentence by sentence of the specification.

use crate::event;
use detect::{Options, Pack, RuleText};
use serde_json::{Value, json};

fn rule(id: u32, detection: &str) -> String {
    let detection: String = detection.trim_matches('\n').lines().map(|line| format!("  {line}\n")).collect();
    format!(
        "title: Test {id}\nid: 00000000-0000-4000-8000-{id:012}\nlogsource:\n  product: aws\n  service: cloudtrail\n\
         detection:\n{detection}level: low\n"
    )
}

fn compile(text: &str) -> Pack {
    let (pack, skipped) = Pack::compile(&[RuleText { path: "test.yml", text }]);
    assert!(skipped.is_empty(), "{skipped:?}\n{text}");
    pack
}

fn matches(detection: &str, fields: Value) -> bool {
    let pack = compile(&rule(1, detection));
    let record = event(fields);
    let activity = record.activity(pack.fields()).expect("it is an activity");
    !pack.matches(&activity).is_empty()
}

fn reason(text: &str) -> String {
    let (pack, skipped) = Pack::compile(&[RuleText { path: "test.yml", text }]);
    assert!(pack.rules().is_empty(), "it loaded:\n{text}");
    skipped.first().expect("what does not load is listed").reason.to_string()
}

fn selection(body: &str) -> String {
    let body: String = body.trim_matches('\n').lines().map(|line| format!("  {line}\n")).collect();
    format!("sel:\n{body}condition: sel")
}

#[test]
fn fields_are_joined_by_and_values_by_or_maps_in_a_list_by_or() {
    let both = selection("eventName: [PutX, DeleteX]\nawsRegion: eu-central-1");
    assert!(matches(&both, json!({"eventName": "deletex"})));
    assert!(!matches(&both, json!({"eventName": "GetX"})));
    assert!(!matches(&both, json!({"eventName": "PutX", "awsRegion": "us-east-1"})));
    let either = selection("- eventName: PutX\n- awsRegion: us-east-1");
    assert!(
        matches(&either, json!({"awsRegion": "us-east-1"})) && matches(&either, json!({"eventName": "PutX"}))
    );
    assert!(!matches(&either, json!({})));
}

#[test]
fn all_needs_every_value_even_in_different_elements() {
    let all = selection("requestParameters.names|contains|all: [alpha, beta]");
    assert!(matches(&all, json!({"requestParameters": {"names": "alpha and beta"}})));
    assert!(matches(&all, json!({"requestParameters": {"names": ["x-alpha", "beta-y"]}})));
    assert!(!matches(&all, json!({"requestParameters": {"names": ["alpha", "gamma"]}})));
}

#[test]
fn null_is_missing_or_null_and_not_empty() {
    let null = selection("errorCode: null\neventName: X");
    assert!(matches(&null, json!({"eventName": "X"})));
    let null = selection("requestParameters.a: null\neventName: X");
    for (value, expected) in
        [(json!({}), true), (json!({"a": null}), true), (json!({"a": ""}), false), (json!({"a": []}), false)]
    {
        assert_eq!(
            matches(&null, json!({"eventName": "X", "requestParameters": value})),
            expected,
            "{value}"
        );
    }
    let list = selection("requestParameters.a: [null, one]\neventName: X");
    assert!(matches(&list, json!({"eventName": "X"})));
    assert!(matches(&list, json!({"eventName": "X", "requestParameters": {"a": "ONE"}})));
    assert!(!matches(&list, json!({"eventName": "X", "requestParameters": {"a": "two"}})));
    let empty = selection("requestParameters.a: ''");
    assert!(matches(&empty, json!({"requestParameters": {"a": ""}})));
    assert!(!matches(&empty, json!({"requestParameters": {"a": null}})) && !matches(&empty, json!({})));
}

#[test]
fn exists_asks_for_presence_alone() {
    let there = selection("requestParameters.a|exists: true");
    let absent = selection("requestParameters.a|exists: false");
    for (value, expected) in
        [(json!({"a": null}), true), (json!({"a": {}}), true), (json!({"a": 0}), true), (json!({}), false)]
    {
        let fields = json!({"requestParameters": value});
        assert_eq!(matches(&there, fields.clone()), expected, "{fields}");
        assert_eq!(matches(&absent, fields.clone()), !expected, "{fields}");
    }
}

#[test]
fn numbers_booleans_and_texts_meet() {
    let number = selection("requestParameters.n: 22");
    let text = selection("requestParameters.n: '22'");
    for (value, expected) in [
        (json!(22), true),
        (json!("22"), true),
        (json!(22.0), true),
        (json!("022x"), false),
        (json!(null), false),
        (json!([1, 22]), true),
    ] {
        let fields = json!({"requestParameters": {"n": value}});
        assert_eq!(matches(&number, fields.clone()), expected, "{fields}");
        assert_eq!(matches(&text, fields.clone()), expected, "{fields}");
    }
    let truth = selection("requestParameters.b: true");
    let word = selection("requestParameters.b: 'true'");
    for value in [json!(true), json!("true"), json!("TRUE")] {
        let fields = json!({"requestParameters": {"b": value}});
        assert!(matches(&truth, fields.clone()) && matches(&word, fields));
    }
    assert!(!matches(&truth, json!({"requestParameters": {"b": false}})));
    assert!(matches(&selection("requestParameters.n|gte: 10"), json!({"requestParameters": {"n": 10}})));
    assert!(!matches(&selection("requestParameters.n|lt: 10"), json!({"requestParameters": {"n": 10}})));
}

#[test]
fn arrays_fan_out_and_objects_have_no_text() {
    let deep = selection("requestParameters.rules.items.cidr|cidr: 0.0.0.0/0");
    let items = json!({"requestParameters": {"rules": {"items": [{"cidr": "x"}, {"cidr": "10.0.0.1"}]}}});
    assert!(matches(&deep, items));
    let any = selection("requestParameters|contains: '*'");
    assert!(!matches(&any, json!({"requestParameters": {"a": "b"}})));
    assert!(matches(&any, json!({"requestParameters": "text"})));
}

#[test]
fn references_compare_two_fields() {
    let own = selection("userIdentity.userName|fieldref: requestParameters.userName");
    assert!(matches(&own, json!({"requestParameters": {"userName": "BUILD"}})));
    assert!(!matches(&own, json!({"requestParameters": {"userName": "other"}})) && !matches(&own, json!({})));
    let within = selection("userIdentity.arn|fieldref|endswith: requestParameters.userName");
    assert!(matches(&within, json!({"requestParameters": {"userName": ["x", "user/build"]}})));
}

/// Every modifier of the specification (its appendix, 2.1.0), with what it takes and what it leaves.
#[test]
fn every_modifier_of_the_specification_is_there() {
    let yes_and_no = [
        ("contains|all: [b, c]", json!("abcd"), json!("abd")),
        ("startswith: ab", json!("abc"), json!("cab")),
        ("endswith: bc", json!("abc"), json!("bcd")),
        ("contains: b", json!("abc"), json!("acd")),
        ("exists: true", json!(null), json!(["@missing"])),
        ("exists: false", json!(["@missing"]), json!("")),
        ("cased: Ab", json!("Ab"), json!("ab")),
        ("neq: ab", json!("b"), json!("AB")),
        ("neq: 4", json!(5), json!(4)),
        ("contains|neq: b", json!("acd"), json!("abc")),
        ("windash|contains: ' -f'", json!("x /f"), json!("x f")),
        ("re: '^a.c$'", json!("abc"), json!("aBcd")),
        ("re|i: '^A.C$'", json!("abc"), json!("abd")),
        ("re|m: '^b$'", json!("a\nb"), json!("a b")),
        ("re|s: 'a.b'", json!("a\nb"), json!("a\n\nb")),
        ("base64: foobar", json!("Zm9vYmFy"), json!("foobar")),
        ("base64offset|contains: foobar", json!("eGZvb2Jhcnh4"), json!("foobar")),
        ("utf16le|base64offset|contains: ping", json!("cABpAG4AZwA="), json!("ping")),
        ("utf16be|base64offset|contains: ping", json!("AHAAaQBuAGc="), json!("cABpAG4AZwA=")),
        ("utf16|base64|contains: ping", json!("//5wAGkAbgBnAA=="), json!("cABpAG4AZwA=")),
        ("wide|base64offset|contains: ping", json!("cABpAG4AZwA="), json!("ping")),
        ("lt: 5", json!(4), json!(5)),
        ("lte: 5", json!(5), json!(6)),
        ("gt: 5", json!(6), json!(5)),
        ("gte: 5", json!(5), json!(4)),
        ("minute: 6", json!("2026-03-04T05:06:07Z"), json!("2026-03-04T05:07:07Z")),
        ("hour: 5", json!("2026-03-04T05:06:07Z"), json!("2026-03-04T06:06:07Z")),
        ("day: 4", json!("2026-03-04T05:06:07Z"), json!("2026-03-05T05:06:07Z")),
        ("week: 10", json!("2026-03-04T05:06:07Z"), json!("2026-03-12T05:06:07Z")),
        ("month|gte: 3", json!("2026-03-04T05:06:07Z"), json!("2026-02-04T05:06:07Z")),
        ("year|neq: 2025", json!("2026-03-04T05:06:07Z"), json!("2025-03-04T05:06:07Z")),
        ("cidr: 10.0.0.0/8", json!("10.1.2.3"), json!("11.1.2.3")),
        ("cidr: fd00::/8", json!("fd12::1"), json!("fe80::1")),
        ("fieldref: requestParameters.g", json!("other"), json!("another")),
        ("fieldref|startswith: requestParameters.g", json!("other one"), json!("an other")),
        ("fieldref|neq: requestParameters.g", json!("another"), json!("other")),
    ];
    for (modifiers, yes, no) in yes_and_no {
        let detection = selection(&format!("requestParameters.f|{modifiers}"));
        let with = |value: Value| match value {
            Value::Array(_) => json!({"requestParameters": {"g": "other"}}),
            value => json!({"requestParameters": {"f": value, "g": "other"}}),
        };
        assert!(matches(&detection, with(yes)), "{modifiers}");
        assert!(!matches(&detection, with(no)), "{modifiers}");
    }
}

#[test]
fn placeholders_are_expanded_to_what_stands_for_them() {
    let expanded = |detection: &str, fields: Value| {
        let text = rule(1, detection);
        let values = |values: &[&str]| values.iter().map(|&value| value.to_owned()).collect::<Vec<_>>();
        let placeholders =
            [("admins", values(&["Alice", "bob*"])), ("end", values(&["1", "2"])), ("none", Vec::new())];
        let placeholders = placeholders.map(|(name, values)| (name.to_owned(), values)).into();
        let options = Options { placeholders, ..Options::default() };
        let (pack, skipped) = Pack::compile_with(&[RuleText { path: "test.yml", text: &text }], options);
        let record = event(fields);
        let activity = record.activity(pack.fields()).expect("it is an activity");
        (!pack.matches(&activity).is_empty(), skipped.first().map(|one| one.reason.to_string()))
    };
    let user = |name: &str| json!({"requestParameters": {"userName": name}});
    let detection = selection("requestParameters.userName|expand: ['%admins%', 'x-%admins%-%end%']");
    for (name, matches) in [
        ("alice", true),
        ("Bobby", true),
        ("x-alice-2", true),
        ("x-bob-2", true),
        ("x-alice-3", false),
        ("%admins%", false),
        ("carol", false),
    ] {
        assert_eq!(expanded(&detection, user(name)), (matches, None), "{name}");
    }
    let within = selection("requestParameters.userName|expand|contains|all: ['%admins%', '%end%']");
    assert_eq!(expanded(&within, user("an alice of 1")), (true, None));
    assert_eq!(expanded(&within, user("an alice of 3")), (false, None));
    let plain = selection("requestParameters.userName: '%admins%'");
    assert_eq!(expanded(&plain, user("%admins%")), (true, None), "without the modifier it is a text");
    let percent = selection("requestParameters.userName|expand|contains: '100% or % %'");
    assert_eq!(expanded(&percent, user("100% or % %")), (true, None));
    for name in ["none", "nobody"] {
        let missing = selection(&format!("requestParameters.userName|expand: '%{name}%'"));
        let (_, reason) = expanded(&missing, user("x"));
        assert!(reason.is_some_and(|reason| reason.contains(&format!("nothing stands for `%{name}%`"))));
    }
    // What a placeholder stands for is part of what a pack is.
    let text = rule(1, &detection);
    let hash = |admin: &str| {
        let placeholders = [("admins", admin), ("end", "1")];
        let placeholders = placeholders.map(|(name, value)| (name.to_owned(), vec![value.to_owned()])).into();
        let options = Options { placeholders, ..Options::default() };
        Pack::compile_with(&[RuleText { path: "test.yml", text: &text }], options).0.hash()
    };
    assert_ne!(hash("a"), hash("b"));
}

#[test]
fn neq_negates_the_field_alone() {
    let other = selection("eventName: X\nawsRegion|neq: [a, b]");
    assert!(matches(&other, json!({"eventName": "X", "awsRegion": "c"})));
    assert!(!matches(&other, json!({"eventName": "X", "awsRegion": "b"})) && !matches(&other, json!({})));
}

#[test]
fn keywords_search_every_value() {
    let keywords = "words:\n  - needle\n  - 4711\ncondition: words";
    assert!(matches(keywords, json!({"requestParameters": {"deep": [{"x": "a NEEDLE b"}]}})));
    assert!(matches(keywords, json!({"requestParameters": {"deep": 4711}})));
    assert!(!matches(keywords, json!({"requestParameters": {"needle": "x"}})));
    let all = "words:\n  '|all':\n    - one\n    - two\ncondition: words";
    assert!(matches(all, json!({"requestParameters": {"a": "one", "b": "two"}})));
    assert!(!matches(all, json!({"requestParameters": {"a": "one"}})));
    let mixed = "sel:\n  - needle\n  - eventName: X\ncondition: sel";
    assert!(matches(mixed, json!({"eventName": "X"})) && matches(mixed, json!({"eventName": "needle"})));
}

#[test]
fn conditions_may_be_a_list_of_which_one_is_enough() {
    let several = "a:\n  eventName: X\nb:\n  eventName: Y\ncondition:\n  - a\n  - b";
    assert!(matches(several, json!({"eventName": "X"})) && matches(several, json!({"eventName": "Y"})));
    let filtered = "sel:\n  eventName: X\nfilter_a:\n  awsRegion: r1\nfilter_b:\n  awsRegion: r2\ncondition: sel and not 1 of filter_*";
    assert!(matches(filtered, json!({"eventName": "X"})));
    assert!(!matches(filtered, json!({"eventName": "X", "awsRegion": "r2"})));
}

#[test]
fn a_rule_is_asked_only_about_its_log_source() {
    let text = |source: &str| {
        rule(1, &selection("eventName: X")).replace("product: aws\n  service: cloudtrail", source)
    };
    let record = event(json!({"eventName": "X"}));
    let asked = |source: &str| {
        let pack = compile(&text(source));
        let activity = record.activity(pack.fields()).expect("it is an activity");
        !pack.matches(&activity).is_empty()
    };
    assert!(
        asked("product: aws") && asked("product: AWS\n  service: cloudtrail") && asked("service: cloudtrail")
    );
    assert!(!asked("product: azure") && !asked("product: aws\n  service: guardduty"));
    assert!(!asked("product: aws\n  category: process_creation"));
}

#[test]
fn what_is_not_supported_is_listed_with_its_reason() {
    let has = |detection: &str, expected: &str| {
        let reason = reason(&rule(1, detection));
        assert!(reason.contains(expected), "{reason}");
    };
    has(&selection("eventName|expand: '%x%'"), "nothing stands for `%x%`");
    has(&selection("eventName|near: X"), "modifier `near` is not supported");
    has("sel:\n  eventName: X\ncondition: sel | count() > 5", "aggregation");
    has("sel:\n  eventName: X\ntimeframe: 5m\ncondition: sel", "`timeframe`");
    has(&selection("eventName|re: '(?=a)b'"), "look-around");
    has(&selection("eventName|re: 'a{1000}{1000}'"), "size");
    has(&selection("sourceIPAddress|cidr: 10.0.0.0"), "needs a network");
    has("sel:\n  eventName: X\ncondition: other", "no selection `other`");
    has("sel: []\ncondition: sel", "`sel`");
    has("sel:\n  eventName: X", "`condition`");
    assert!(reason("title: x\ncorrelation:\n  type: event_count\n").contains("`rules`: names no rule"));
    assert!(reason("title: x\nfilter:\n  rules: any\n").contains("`condition`"));
    assert!(reason("title: x\naction: global\n").contains("a rule collection (`action`)"));
    assert!(reason("a: [").contains("not valid YAML") && reason("").contains("empty"));
    assert!(reason("a: 1\na: 2").contains("not valid YAML"));
    assert!(reason(&format!("title: {}", "x".repeat(1 << 20))).contains("larger"));
}

#[test]
fn an_id_may_be_used_once_and_the_hash_tells_packs_apart() {
    let (one, two) = (rule(1, &selection("eventName: X")), rule(2, &selection("eventName: Y")));
    let text = |path, text| RuleText { path, text };
    let (pack, skipped) = Pack::compile(&[text("a", &one), text("b", &one), text("c", &two)]);
    assert_eq!((pack.rules().len(), skipped.len()), (2, 1));
    let hash = |texts: &[RuleText<'_>]| Pack::compile(texts).0.hash();
    assert_eq!(pack.hash(), hash(&[text("z", &two), text("y", &one)]));
    assert_ne!(pack.hash(), hash(&[text("a", &one)]));
}

/// The index must find what asking every rule finds: rules whose anchors differ in kind, on one event.
#[test]
fn rules_are_found_whatever_they_are_anchored_by() {
    let detections = [
        selection("eventName: ListRoles"),
        selection("eventName|startswith: List"),
        selection("eventName: [GetX, listroles]\nawsRegion: eu-central-1"),
        selection("- eventName: ListRoles\n- awsRegion: nowhere"),
        selection("- eventName: nothing\n- sourceIPAddress|cidr: 198.51.100.0/24"),
        "sel:\n  eventSource: iam.amazonaws.com\nfilter:\n  eventName: GetX\ncondition: sel and not filter"
            .to_owned(),
        "sel:\n  eventName: GetX\ncondition: not sel".to_owned(),
        selection("requestParameters: null"),
        selection("eventName|cased: ListRoles"),
        selection("eventName: nothing"),
    ];
    let texts: Vec<_> = (0..).zip(&detections).map(|(id, detection)| rule(id, detection)).collect();
    let texts: Vec<_> = texts.iter().map(|text| RuleText { path: "t", text }).collect();
    let (pack, skipped) = Pack::compile(&texts);
    assert!(skipped.is_empty(), "{skipped:?}");
    let record = event(json!({}));
    let activity = record.activity(pack.fields()).expect("it is an activity");
    let found: Vec<_> = pack.matches(&activity).iter().map(|rule| rule.title.clone()).collect();
    let expected: Vec<_> = (0..9).map(|id| format!("Test {id}")).collect();
    assert_eq!(found, expected);
}
