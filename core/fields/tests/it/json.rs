//! JSON and NDJSON: what is named is protected, what is not leaves byte for byte, and all of it comes back.

use crate::world::World;
use fields::{Error, Field, FieldPolicy, Mode, Path, formats::Format};
use serde_json::{Value, json};

const ARRAY: &str = "\u{feff}[ {\"id\":1.0, \"email\" : \"ada@example.com\",\"note\":\"\\u0041\\/\",\n\
    \"address\":{\"city\":\"Gr\u{fc}n\",\"zip\":12345678901234567890.10},\"tags\":[\"a\",null,3,{\"x\":true}]} ,\r\n\
    {\"id\":2,\"email\":null,\"address\":{\"zip\":-1e-7},\"tags\":[]},{\"email\":\"odd \\u00e9 \\/\"}\t]\n";

fn policy() -> FieldPolicy {
    FieldPolicy::aead(["email", "$.address.zip", "$.tags[*]"]).expect("a policy")
}

fn lines() -> String {
    let array = ARRAY.trim_start_matches('\u{feff}').trim();
    let inner = array[1..array.len() - 1].replace('\n', " ").replace('\r', "").replace('\t', " ");
    inner.replace(" , {", "\r\n\n{").replace("},{\"email\":\"odd", "}\n{\"email\":\"odd")
}

#[test]
fn a_document_comes_back_to_the_byte_however_it_is_cut() {
    let world = World::new();
    let lines = lines();
    assert_eq!(lines.lines().count(), 4, "{lines}");
    for (format, file) in [(Format::Json, ARRAY), (Format::Ndjson, lines.as_str())] {
        for piece in [1, 2, 3, 7, 64, file.len()] {
            let (output, manifest) =
                world.protect_file(format, file.as_bytes(), &policy(), piece).expect("it protects");
            let manifest = world.signed(&manifest).expect("it verifies");
            assert_eq!((manifest.output.rows(), manifest.output.format()), (3, Ok(format)));
            assert_eq!(manifest.output.bytes(), output.len() as u64);
            for piece in [1, 5, output.len()] {
                let back = world.reveal_file(&output, &manifest, None, piece).expect("it reveals");
                assert_eq!(back, file.as_bytes(), "{}", String::from_utf8_lossy(&back));
            }
        }
    }
}

#[test]
fn what_is_not_named_leaves_as_it_came() {
    let world = World::new();
    let (output, _) = world.protect_file(Format::Json, ARRAY.as_bytes(), &policy(), 9).expect("it protects");
    let text = String::from_utf8(output).expect("text");
    for kept in [
        "\u{feff}[ {\"id\":1.0, \"email\" : \"",
        "\",\"note\":\"\\u0041\\/\",\n\"address\":{\"city\":\"Gr\u{fc}n\",\"zip\":\"",
        "\",null,\"",
        ",\r\n{\"id\":2,\"email\":null,\"address\":{\"zip\":\"",
        "\"},\"tags\":[]},{\"email\":\"",
        "\"}\t]\n",
    ] {
        assert!(text.contains(kept), "{kept}\n{text}");
    }
    for gone in ["ada@", "12345678", "-1e", "\"x\"", "odd"] {
        assert!(!text.contains(gone), "{gone}");
    }
    let document: Value = serde_json::from_str(text.trim_start_matches('\u{feff}')).expect("it is JSON");
    assert!(document[0]["tags"].as_array().is_some_and(|tags| tags.len() == 4 && tags[0] != tags[2]));
}

#[test]
fn a_record_by_itself_and_an_empty_array_are_documents() {
    let world = World::new();
    let policy = FieldPolicy::aead(["a"]).expect("a policy");
    for (file, rows) in [("{\"a\":{\"b\":[1, 2]},\"c\":0}", 1), ("\n[\n]\n", 0), ("[]", 0)] {
        let (output, manifest) =
            world.protect_file(Format::Json, file.as_bytes(), &policy, 4).expect("it protects");
        assert_eq!(manifest.output.rows(), rows);
        assert_eq!(world.reveal_file(&output, &manifest, None, 3).expect("it reveals"), file.as_bytes());
    }
    let (output, manifest) = world.protect_file(Format::Ndjson, b"\n\n", &policy, 4).expect("it protects");
    assert_eq!((output.as_slice(), manifest.output.rows()), (b"\n\n".as_slice(), 0));
}

#[test]
fn modes_that_work_on_text_take_strings() {
    let world = World::new();
    let field = |path: &str, mode: &str| {
        Field::new(Path::parse(path).expect("a path"), mode.parse::<Mode>().expect("a mode"))
    };
    let fields = vec![
        field("card", "ff1:digits+luhn"),
        field("$.in.mail", "siv"),
        field("name", "mask:1-0"),
        field("city", "blind-index:12"),
    ];
    let policy = FieldPolicy::new(fields, None).expect("a policy");
    let file = "{\"card\":\"4111-1111-1111-1111\",\"in\":{\"mail\":\"a@b\"},\"name\":\"Ada\\n\\u00e9\",\"city\":\"x\"}\n\
        {\"card\":\"4012 8888 8888 1881\",\"in\":{\"mail\":\"\\u0061@b\"},\"name\":null,\"city\":\"x\"}\n";
    let (output, manifest) =
        world.protect_file(Format::Ndjson, file.as_bytes(), &policy, 30).expect("it protects");
    let rows = std::str::from_utf8(&output).expect("text").lines();
    let rows = rows.map(|row| serde_json::from_str::<Value>(row).expect("JSON")).collect::<Vec<_>>();
    assert_eq!(rows[0]["name"], json!("A****"), "{}", rows[0]);
    assert_eq!(rows[0]["city"], rows[1]["city"]);
    assert_eq!(
        rows[0]["in"]["mail"], rows[1]["in"]["mail"],
        "equal texts look equal, however they are written"
    );
    let card = rows[0]["card"].as_str().expect("text");
    assert!(card.len() == 19 && card != "4111-1111-1111-1111" && card.as_bytes()[4] == b'-', "{card}");
    let back = world.reveal_file(&output, &manifest, None, 50).expect("it reveals");
    let back = String::from_utf8(back).expect("text");
    assert!(
        back.starts_with("{\"card\":\"4111-1111-1111-1111\",\"in\":{\"mail\":\"a@b\"},\"name\":\"A****\""),
        "{back}"
    );
    assert!(
        back.contains("{\"card\":\"4012 8888 8888 1881\",\"in\":{\"mail\":\"a@b\"},\"name\":null"),
        "{back}"
    );
    let number = b"{\"card\":4111111111111111,\"in\":{\"mail\":1},\"name\":\"a\",\"city\":\"x\"}";
    let error =
        world.protect_file(Format::Ndjson, number, &policy, 99).expect_err("a number has no characters");
    assert!(matches!(&error, Error::Value { row: 1, line: 1, column, .. } if column == "card"), "{error}");
}

#[test]
fn a_value_is_bound_to_its_row_and_place() {
    let world = World::new();
    let fields = vec![Field::new(Path::parse("v").expect("a path"), Mode::Aead)];
    let policy = FieldPolicy::new(fields, Some(Path::parse("$.k.id").expect("a path"))).expect("a policy");
    let file = b"[{\"k\":{\"id\":1},\"v\":\"x\"},{\"k\":{\"id\":\"2\"},\"v\":\"y\"}]";
    let (output, manifest) = world.protect_file(Format::Json, file, &policy, 9).expect("it protects");
    assert_eq!(world.reveal_file(&output, &manifest, None, 9).expect("it reveals"), file);
    let mut document: Vec<Value> = serde_json::from_slice(&output).expect("JSON");
    let moved = document[0]["v"].clone();
    document[0]["v"] = std::mem::replace(&mut document[1]["v"], moved);
    let swapped = serde_json::to_vec(&document).expect("JSON");
    let error = world.reveal_file(&swapped, &manifest, None, 9).expect_err("it was altered");
    assert!(matches!(error, Error::Value { .. } | Error::NotAsDescribed(_)), "{error}");
    let error = world.protect_file(Format::Json, b"[{\"v\":1}]", &policy, 9).expect_err("no row key");
    assert!(error.to_string().contains("key"), "{error}");
}

#[test]
fn faults_name_their_place() {
    let world = World::new();
    let policy = FieldPolicy::aead(["a"]).expect("a policy");
    let fault = |format: Format, file: &[u8]| {
        world.protect_file(format, file, &policy, 5).expect_err("it is refused").to_string()
    };
    for (file, expected) in [
        (
            b"".as_slice(),
            "line 1, position 1: the file is empty: an array of records, or a record, is expected",
        ),
        (b" 1", "line 1, position 2: an array of records, or a record, is expected"),
        (b"[{\"a\":1},\n {\"a\":01}]", "line 2, position 8: `,` or `}` is expected"),
        (b"[{\"a\":1},\n 2]", "line 2, position 2: a record is an object: `{` is expected"),
        (b"[{\"a\":1},]", "line 1, position 10: a record is an object: `{` is expected"),
        (b"[{\"a\":1}, ]", "line 1, position 11: a record is an object: `{` is expected"),
        (b"[{\"a\":1} {\"a\":1}]", "line 1, position 10: `,` or `]` is expected"),
        (b"[{\"a\":1}", "line 1, position 2: the document ends before its last bracket"),
        (b"[{\"a\":1}}", "line 1, position 9: `]` is expected"),
        (b"{\"a\":1]", "line 1, position 7: `,` or `}` is expected"),
        (b"{\"a\":1}\nx", "line 2, position 1: something follows the end of the document"),
        (b"{\"a\":\"\xff\"}", "line 1, position 7: it is not UTF-8"),
        (b"{\"a\":\"\n\"}", "line 1, position 7: a control character in a string must be escaped"),
    ] {
        assert_eq!(fault(Format::Json, file), expected, "{}", String::from_utf8_lossy(file));
    }
    for (file, expected) in [
        (b"{\"a\":1}\n{\"a\":\n1}\n".as_slice(), "line 2, position 6: it ends where a value is expected"),
        (
            b"{\"a\":1}\n\n{\"a\":1} {\"a\":1}\n",
            "line 3, position 9: something follows the record on its line",
        ),
        (b"{\"a\":1}\n[1]", "line 2, position 1: a record is an object: `{` is expected"),
    ] {
        assert_eq!(fault(Format::Ndjson, file), expected, "{}", String::from_utf8_lossy(file));
    }
    let error = fault(Format::Ndjson, b"{\"b\":1}\n");
    assert!(error.contains("`a`"), "{error}");
}

#[test]
fn a_record_has_a_limit() {
    let world = World::new();
    let policy = FieldPolicy::aead(["a"]).expect("a policy");
    let long = format!("{{\"a\":\"{}\"}}", "x".repeat(16 << 20));
    for (format, file) in
        [(Format::Ndjson, long.clone()), (Format::Json, long.clone()), (Format::Json, format!("[{long}]"))]
    {
        let error =
            world.protect_file(format, file.as_bytes(), &policy, 1 << 20).map(drop).expect_err("too long");
        assert!(error.to_string().contains("16 MiB"), "{error}");
    }
}

#[test]
fn many_records_go_through_on_threads() {
    let world = World::new();
    let policy = FieldPolicy::aead(["mail"]).expect("a policy");
    let record = |at: usize| {
        format!("{{\"id\":{at},\"mail\":\"{at}@example.com\",\"pad\":\"{}\"}}", "p".repeat(at % 200))
    };
    let records = (0..20_000).map(record).collect::<Vec<_>>();
    for (format, file) in
        [(Format::Ndjson, records.join("\n")), (Format::Json, format!("[{}]", records.join(",\n")))]
    {
        let (output, manifest) =
            world.protect_on_threads(format, file.as_bytes(), &policy).expect("it protects");
        assert_eq!(manifest.output.rows(), 20_000);
        let back = world.reveal_file(&output, &manifest, None, 300_000).expect("it reveals");
        assert!(back == file.as_bytes(), "it came back");
    }
}
