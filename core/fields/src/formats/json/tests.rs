//! The reader of JSON against `serde_json`.

use super::{
    frame::{Framer, What},
    paths::Paths,
    scan::{Found, Scan, quote, unescape},
};
use crate::Path;

fn paths(paths: &[&str]) -> Paths {
    let paths = paths.iter().map(|path| Path::parse(path).expect("a path")).collect::<Vec<_>>();
    Paths::new(&paths)
}

fn found(text: &str, names: &[&str]) -> Vec<(usize, String)> {
    let paths = paths(names);
    let mut scan = Scan::new(text.as_bytes(), &paths);
    scan.record().expect("a record");
    assert!(scan.is_over());
    scan.into_found().into_iter().map(|Found { path, range, .. }| (path, text[range].to_owned())).collect()
}

#[test]
fn values_are_found_by_path() {
    let text = r#"{"a": {"b": [1, {"c": "x"}], "b c": null}, "\u0061": {"b": 2},
        "list": [{"k": 1.50}, {"k": [true]}, {"z": 0}, 7]}"#;
    assert_eq!(
        found(text, &["$.a.b", "$.list[*].k", "$.a['b c']", "k"]),
        [
            (0, r#"[1, {"c": "x"}]"#.to_owned()),
            (2, "null".to_owned()),
            (0, "2".to_owned()),
            (1, "1.50".to_owned()),
            (1, "[true]".to_owned()),
        ]
    );
    assert_eq!(found(text, &["$.a.b[*].c"]), [(0, "\"x\"".to_owned())]);
    assert_eq!(found("{}", &["a"]), []);
}

/// What `serde_json` says of a record, with its own number arithmetic left out.
fn oracle(text: &[u8]) -> bool {
    #[derive(serde::Deserialize)]
    struct Any<'a>(#[serde(borrow)] &'a serde_json::value::RawValue);
    serde_json::from_slice::<Any<'_>>(text).is_ok_and(|Any(raw)| raw.get().starts_with('{'))
}

fn ours(text: &[u8]) -> bool {
    let paths = paths(&["a"]);
    let mut scan = Scan::new(text, &paths);
    std::str::from_utf8(text).is_ok() && scan.record().is_ok() && scan.is_over()
}

#[test]
fn what_is_json_is_what_serde_json_takes() {
    let seeds = [
        r#"{"a": [1, -0, 0.5, 1e5, 1E-7, 2.5e+3, true, false, null, "x", {}], "b": {"c": []}}"#,
        r#" {"esc": "\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00", "é": "ü😀"} "#,
        r#"{"n": 01, "m": 1., "o": .5, "p": +1, "q": 1e, "r": -}"#,
        "{\"t\": \"a\tb\"}",
        "{,}",
    ];
    let replacements = b" \"\\{}[],:0129.-+eEtfnu\x00\x1f\n\x7f\xc3\xff";
    let mut agreed = [0, 0];
    for seed in seeds {
        let seed = seed.as_bytes();
        for at in 0..=seed.len() {
            let mut tried = vec![seed[..at].to_vec()];
            for &byte in replacements {
                let mut inserted = seed.to_vec();
                inserted.insert(at, byte);
                tried.push(inserted);
                if at < seed.len() {
                    let mut replaced = seed.to_vec();
                    replaced[at] = byte;
                    tried.push(replaced);
                }
            }
            for text in tried {
                let expected = oracle(&text);
                // `serde_json` skips over half a surrogate pair where nobody asks for the string.
                if ours(&text) != expected {
                    let whole = serde_json::from_slice::<serde_json::Value>(&text).is_ok();
                    assert_eq!(ours(&text), whole, "{}", String::from_utf8_lossy(&text));
                }
                agreed[usize::from(expected)] += 1;
            }
        }
    }
    assert!(agreed[0] > 1_000 && agreed[1] > 1_000, "{agreed:?}");
}

#[test]
fn strings_say_what_serde_json_reads() {
    for text in [r#""""#, r#""a\"\\\/\b\f\n\r\t\u0041\u00e9\ud83d\ude00z""#, "\"é😀\"", r#""\u0000\u007f""#]
    {
        let expected: String = serde_json::from_str(text).expect("a string");
        let mut read = Vec::new();
        unescape(&text.as_bytes()[1..text.len() - 1], &mut read);
        assert_eq!(String::from_utf8(read).expect("text"), expected);
        let mut written = Vec::new();
        quote(&expected, &mut written);
        assert_eq!(serde_json::from_slice::<String>(&written).expect("a string"), expected);
    }
}

#[test]
fn nesting_has_a_limit() {
    let nested = |depth: usize| format!("{{\"a\":{}1{}}}", "[".repeat(depth - 1), "]".repeat(depth - 1));
    assert!(ours(nested(64).as_bytes()));
    assert!(!ours(nested(65).as_bytes()));
    // The framer refuses it too, long before its end.
    for (lines, open) in [(false, "["), (false, "")] {
        let mut framer = Framer::new(lines);
        let error =
            framer.push(format!("{open}{{\"a\":{}", "[".repeat(100_000)).as_bytes()).expect_err("too deep");
        assert!(error.to_string().contains("deeper than 64"), "{error}");
    }
}

#[test]
fn pieces_are_the_whole_file_wherever_it_is_cut() {
    let record = r#"{"a": "x,]}[{\"", "b": [1, {"c": 2}]}"#;
    let array = format!("\u{feff} [ {record},\n{record} ,{record}\n] \n");
    let one = format!("\n{record}\n");
    let lines = format!("\u{feff}{record}\n\r\n{record}\r\n{record}");
    for (text, is_lines, records) in
        [(&array, false, 3), (&one, false, 1), (&lines, true, 3), (&"[]".into(), false, 0)]
    {
        for size in 1..=text.len() {
            let mut framer = Framer::new(is_lines);
            let mut pieces = Vec::new();
            for part in text.as_bytes().chunks(size) {
                pieces.extend(framer.push(part).expect("it is whole"));
            }
            pieces.extend(framer.finish().expect("it ends"));
            let together = pieces.iter().flat_map(|piece| piece.bytes.clone()).collect::<Vec<_>>();
            assert_eq!(together, text.as_bytes());
            let paths = paths(&["a"]);
            let mut rows = 0;
            for piece in pieces {
                assert!(piece.what != What::Around || !piece.bytes.contains(&b'{'));
                rows += piece.parse(&paths).expect("records").rows();
            }
            assert_eq!(rows, records, "pieces of {size}");
        }
    }
}
