//! Events that are made to be slow: any of them is judged in time linear in its bytes.

use detect::{Pack, RuleText};
use events::{Format, Glance, Record, Redactor};
use std::time::{Duration, Instant};

/// Rules that look everywhere: each kind of test on a field that an event can fill with what it likes.
const RULES: &str = r"
title: wildcards
id: wildcards
logsource: {product: aws}
detection:
  a: {requestParameters.t: '*a*a*a*a*a*a*b'}
  b: {requestParameters.t: 'a?a?a*b?a'}
  c: {requestParameters.t|contains: ['aaaaaaaaaaaaaaab', 'xyzzy']}
  d: {requestParameters.t|endswith: 'aaaab'}
  condition: 1 of them
---
title: expressions
id: expressions
logsource: {product: aws}
detection:
  a: {requestParameters.t|re: '(a+)+(a|aa)*[ab]*c$'}
  b: {requestParameters.t|re|i: '.*.*.*=.*c'}
  condition: 1 of them
---
title: references
id: references
logsource: {product: aws}
detection:
  a: {requestParameters.l|fieldref: requestParameters.m}
  b: {requestParameters.l|fieldref|contains: requestParameters.m}
  c: {requestParameters.l|fieldref|endswith: requestParameters.m}
  condition: 1 of them
---
title: lists
id: lists
logsource: {product: aws}
detection:
  a: {requestParameters.l: [v, w], requestParameters.m: never, requestParameters.m|contains: nor}
  b: {requestParameters.l|contains: v, requestParameters.m|all: [nothing, of, this]}
  c: {requestParameters.d.e.f.g: v}
  condition: 1 of them
---
title: keywords
id: keywords
logsource: {product: aws}
detection:
  words: ['aaaaaaaaaaaab', 'needle', 'a*b*c*d']
  condition: words
";

/// Parameters of about so many bytes, in every way that is hard for something.
fn parameters(bytes: usize) -> Vec<(&'static str, String)> {
    let list = |element: &dyn Fn(usize) -> String, each: usize| {
        (0..bytes / each).map(element).collect::<Vec<_>>().join(",")
    };
    let text = |text: &str| format!(r#"{{"t":"{}"}}"#, text.repeat(bytes / text.len()));
    vec![
        ("one letter", text("a")),
        ("nearly", text("aaaaaaaaaaaaaaaaaaaac")),
        ("escapes", text(r"a\u0061\/")),
        ("backslashes", text(r"\\")),
        ("beyond ASCII", text("aÄ\u{212a}")),
        ("assigned", text("token=")),
        ("tokens", text("-eyJ")),
        ("addresses", text("://a:b@")),
        ("values that lead to a rule", {
            let half = list(&|_| r#""v""#.to_owned(), 8);
            format!(r#"{{"l":[{half}],"m":[{}]}}"#, half.replace('v', "w"))
        }),
        ("values to compare with each other", {
            let (one, other) = (list(&|at| format!("\"v{at}\""), 20), list(&|at| format!("\"w{at}\""), 20));
            format!(r#"{{"l":[{one}],"m":[{other}]}}"#)
        }),
        ("lists in lists", {
            let inner = list(&|_| "[[[[\"v\"]],[]],{}]".to_owned(), 40);
            format!(r#"{{"l":[{inner}],"m":[{inner}]}}"#)
        }),
        ("elements with names", {
            let inner = list(
                &|at| format!(r#"{{"name":"e","f":[{{"name":"g","g":{at}}}],"e":[{{"name":"f"}}]}}"#),
                55,
            );
            format!(r#"{{"d":[{inner}]}}"#)
        }),
        ("names", format!("{{{}}}", list(&|at| format!(r#""n{at}":{at}"#), 18))),
        ("names with dots", format!(r#"{{"{}":1}}"#, "d.e.f.".repeat(bytes / 6))),
        ("numbers", format!(r#"{{"l":[{}]}}"#, list(&|at| at.to_string(), 7))),
    ]
}

fn event(parameters: &str) -> String {
    format!(
        r#"{{"eventVersion":"1.08","eventTime":"2026-03-02T08:00:00Z","eventSource":"s3.amazonaws.com","eventName":"X","eventID":"e","userIdentity":{{"type":"IAMUser","arn":"arn:aws:iam::111122223333:user/u","accountId":"111122223333"}},"requestParameters":{parameters}}}"#
    )
}

/// The shortest of a few, as time on a processor where the system tells it: what else runs here does not count.
fn time(mut run: impl FnMut()) -> Duration {
    let runs = (0..3).map(|_| {
        #[expect(clippy::disallowed_methods, reason = "what is measured is time")]
        let begun = (on_processor(), Instant::now());
        run();
        match (begun.0, on_processor()) {
            (Some(begun), Some(now)) => now.saturating_sub(begun),
            _ => begun.1.elapsed(),
        }
    });
    runs.min().expect("there are three")
}

/// How long this thread has run so far.
fn on_processor() -> Option<Duration> {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    told.split_whitespace().next()?.parse().ok().map(Duration::from_nanos)
}

#[test]
fn any_event_is_judged_in_time_linear_in_its_bytes() {
    let (pack, skipped) = Pack::compile(&[RuleText { path: "r", text: RULES }]);
    assert!(skipped.is_empty(), "{skipped:?}");
    let mcp = Format::named("mcp").expect("a format");
    // What is ever slower than this a byte is slow, whatever its shape.
    let small = 100_000;
    let factor = 8;
    for ((name, one), (_, other)) in parameters(small).into_iter().zip(parameters(small * factor)) {
        let (one, other) = (event(&one), event(&other));
        assert!(
            other.len() > 4 * one.len() && other.len() <= events::record::MAX_BYTES,
            "{name}: {}",
            other.len()
        );
        let mut glance = Glance::default();
        let mut judged = |text: &str| {
            time(|| {
                let record = Record::read(text.as_bytes(), &Redactor::unkeyed()).expect("an event");
                let activity = record.activity(pack.fields()).expect("an activity");
                let found = pack.matches(&activity).len();
                let seen = glance.read(text.as_bytes(), Format::AWS_CLOUDTRAIL, pack.fields(), |sight| {
                    pack.sees(sight).len()
                });
                // Nothing here is secret by its name, so that both see the same.
                assert_eq!(seen, Ok(found), "{name}");
                // By its shape it may be: the search for secrets is part of the way.
                drop(Record::read_as(text.as_bytes(), mcp, &Redactor::unkeyed()));
            })
        };
        let (short, long) = (judged(&one), judged(&other));
        // A quadratic step takes 64 times as long; the machine may be busy.
        let limit = short * (3 * 8) + Duration::from_millis(100);
        assert!(long < limit, "{name}: {short:?} for {} bytes, {long:?} for {}", one.len(), other.len());
    }
}
