//! What is taken apart as it is read is what would be taken apart at once, however little is held.

use super::{Framed, Frames, HELD, Unreadable};
use crate::{Encoding, Inflater, Limits, frame};

/// The events as texts; in place of one that is not held its size.
fn read(text: &[u8], held: usize) -> (Vec<String>, Option<Unreadable>) {
    let source = Inflater::new(text, Encoding::Plain, Limits::FILE).expect("bytes");
    let mut frames = Frames::holding(source, held);
    let mut found = Vec::new();
    loop {
        match frames.read() {
            Ok(Some(Framed::Event(event))) => found.push(String::from_utf8_lossy(event).into_owned()),
            Ok(Some(Framed::TooLarge { bytes })) => found.push(format!("{bytes} bytes")),
            Ok(None) => return (found, None),
            Err(wrong) => {
                assert!(matches!(frames.read(), Ok(None)), "there is no more");
                return (found, Some(wrong));
            }
        }
    }
}

fn at_once(text: &[u8]) -> Vec<String> {
    let found = frame(text).expect("it is framed");
    found.into_iter().map(|range| String::from_utf8_lossy(&text[range]).into_owned()).collect()
}

/// Several hundred small events of all kinds of values.
fn events() -> Vec<String> {
    let event = |number: usize| match number % 4 {
        0 => format!(r#"{{"n":{number},"t":"a\"b]}}","l":[1,[2,{{}}],null]}}"#),
        1 => format!(r#"{{ "n" : {number} , "o": {{"kind":"x"}} }}"#),
        2 => format!(r#"{{"n":{number},"t":"\\","e":[]}}"#),
        _ => "{}".to_owned(),
    };
    (0..300).map(event).collect()
}

#[test]
fn every_way_of_sending_events_is_read_however_little_is_held() {
    let all = events();
    let list = all.join(",");
    let spread = all.join(" ,\n  ");
    let texts = [
        all.join("\n"),
        format!("\u{feff}\n {}\r\n", all.join("\r\n\r\n")),
        all.concat(),
        format!("[{list}]"),
        format!("[\n{spread}\n]\n[]\n{list}").replace("},{", "}\n{"),
        format!(r#"{{"Records":[{list}]}}"#),
        format!(r#"{{"digest":{{"x":[1]}},"records" : [ {spread} ],"more":{{"a":"]}}"}},"z":1}}"#),
        format!("{{\"logEvents\":[{list}]}}\n{{\"logEvents\":[{list}]}}\n"),
        format!(r#"{{"kind":"EventList","metadata":{{}},"items":[{list}]}}"#),
        format!(r#"{{"items":[{list}],"kind":"EventList"}}"#),
        format!(r#"{{"@odata.context":"x","value":[{list}]}}"#),
        all.iter().map(|event| event.replace(',', "\n,\n")).collect::<Vec<_>>().join("\n"),
        all.iter().map(|event| format!("[{event}]")).collect::<Vec<_>>().join("\n"),
    ];
    for text in &texts {
        let expected = at_once(text.as_bytes());
        assert!(expected.len() >= 300, "{} of {text:.60}", expected.len());
        for held in [160, 173, 255, 1_000, 4_096, HELD] {
            let (found, failed) = read(text.as_bytes(), held);
            assert!(failed.is_none(), "{held}: {failed:?}: {text:.60}");
            assert_eq!(found, expected, "{held}: {text:.60}");
        }
    }
}

#[test]
fn a_broken_line_is_one_event_wherever_it_stands() {
    let all = events();
    for place in [0, 1, 150, 299] {
        for broken in [r#"{"n":"#, r#"{"n":"x"#, "hello", r#"[{"n":1} 2]"#, r#"{"n":]}"#] {
            let mut lines = all.clone();
            lines[place] = broken.to_owned();
            let text = lines.join("\n");
            let Ok(_) = frame(text.as_bytes()) else { continue };
            let expected = at_once(text.as_bytes());
            let (found, failed) = read(text.as_bytes(), 173);
            assert!(failed.is_none(), "{failed:?}");
            assert_eq!(found, expected, "{place} {broken}");
        }
    }
}

#[test]
fn what_is_not_held_is_passed_over_and_counted() {
    let large = format!(r#"{{"t":"{}","d":[{{"a":"}}]"}}]}}"#, "x\\\"".repeat(1_000));
    let size = format!("{} bytes", large.len());
    for text in [
        format!("{{\"a\":1}}\n{large}\n{{\"b\":2}}\n"),
        format!("[{{\"a\":1}},{large} , {{\"b\":2}}]"),
        format!("{{\"a\":1}}{large}{{\"b\":2}}"),
        format!("{{\"Records\":[{{\"a\":1}},{large},{{\"b\":2}}],\"more\":{large}}}"),
        format!("{{\"a\":1}}\n{{\"Records\":[{large}]}}\n{{\"b\":2}}"),
    ] {
        let (found, failed) = read(text.as_bytes(), 256);
        assert!(failed.is_none(), "{failed:?}: {text:.60}");
        assert_eq!(found, [r#"{"a":1}"#, &size, r#"{"b":2}"#], "{text:.60}");
    }
    // A word or a number too, and a line that breaks.
    let number = "7".repeat(3_000);
    let (found, failed) = read(format!("[{{}},{number},{{}}]").as_bytes(), 256);
    assert_eq!(
        (found, failed.is_none()),
        (vec!["{}".to_owned(), "3000 bytes".to_owned(), "{}".to_owned()], true)
    );
    let (found, failed) = read(format!("{{}}\n{number}\n{{}}\n").as_bytes(), 256);
    assert_eq!(
        (found, failed.is_none()),
        (vec!["{}".to_owned(), "3000 bytes".to_owned(), "{}".to_owned()], true)
    );
}

#[test]
fn what_stands_before_a_break_is_read() {
    let all = events();
    let list = all.join(",");
    for text in [
        format!(r#"{{"Records":[{list},{{"cut":"#),
        format!("[{list},{{}} {{}}]"),
        format!("[{list}"),
        format!(r#"{{"Records":[{list}],"rest""#),
        format!("[{list},]"),
    ] {
        for held in [512, HELD] {
            let (found, failed) = read(text.as_bytes(), held);
            assert!(failed.is_some(), "{held}: {text:.60}");
            assert_eq!(found[..300], all[..], "{held}: {text:.60}");
            assert!(found.len() <= 301);
        }
    }
    let (found, failed) = read(format!("hello {list}").as_bytes(), 512);
    assert!(found.is_empty() && failed.is_some());
}

/// A packed file that was cut: whatever came out whole is read, and no part of an event is taken for one.
#[test]
fn what_came_out_of_a_cut_file_is_read() {
    use std::io::Write as _;
    let lines = events();
    for text in [lines.join("\n"), lines.concat(), format!("{{\"Records\":[{}]}}", lines.join(","))] {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text.as_bytes()).expect("memory");
        let whole = encoder.finish().expect("memory");
        for (cut, held) in [(3, 300), (3, HELD), (2, 1_000), (2, HELD)] {
            let sent = &whole[..whole.len() * (cut - 1) / cut];
            let source = Inflater::new(sent, Encoding::Auto, Limits::FILE).expect("it begins");
            let mut frames = Frames::holding(source, held);
            let mut count = 0;
            let wrong = loop {
                match frames.read() {
                    Ok(Some(Framed::Event(event))) => {
                        assert_eq!(event, lines[count].as_bytes(), "{cut} {held}")
                    }
                    Ok(other) => panic!("{other:?}"),
                    Err(wrong) => break wrong,
                }
                count += 1;
            };
            assert!(matches!(wrong, Unreadable::Inflate(_)), "{wrong}");
            assert!(count > 20, "{count} of {cut} held in {held}");
        }
    }
}

/// Anything at all is answered, in time linear in its bytes.
#[test]
fn hostile_bytes_are_answered() {
    let mut seed = 7_u64;
    let alphabet = br#"{}[]",:\ae1 kindRecords"items"value
"#;
    for length in 0..2_000 {
        let text: Vec<u8> = (0..length % 700)
            .map(|_| {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                alphabet[usize::from(seed.to_be_bytes()[1]) % alphabet.len()]
            })
            .collect();
        for held in [16, 64] {
            read(&text, held);
        }
        // What is held whole is taken apart as it is at once.
        let (found, failed) = read(&text, 4_096);
        match frame(&text) {
            Ok(_) => assert_eq!((found, failed.is_none()), (at_once(&text), true)),
            Err(_) => assert!(failed.is_some()),
        }
    }
    read("[".repeat(1 << 20).as_bytes(), 4_096);
    read("{\"a\":".repeat(1 << 18).as_bytes(), 4_096);
}

#[test]
fn a_file_may_have_any_number_of_events() {
    let text = "{}\n".repeat(1_000_001);
    assert!(frame(text.as_bytes()).is_err(), "one batch may not");
    for held in [4_096, HELD] {
        let (found, failed) = read(text.as_bytes(), held);
        assert_eq!((found.len(), failed.is_none()), (1_000_001, true));
    }
}
