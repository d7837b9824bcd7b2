//! CSV files: what is named is protected, what is not leaves byte for byte, and all of it comes back.

use crate::world::World;
use fields::{
    Error, FieldPolicy, Output,
    formats::{Dialect, Format, Protect, Reveal},
};

const FILE: &[u8] = b"\xef\xbb\xbfid,\"email\",note,ssn\r\n\
1,ada@example.com, \"quoted\" inside ,123-45-6789\r\n\
2,,\"a, \"\"b\"\"\r\nc\",\"\"\n\
\r\n\
3,\"x,\"\"y\"\"\",\xff\xfe,000\r\n\
4,\"two\nlines\",last,1";

fn policy() -> FieldPolicy {
    FieldPolicy::aead(["ssn", "email"]).expect("a policy")
}

#[test]
fn a_file_comes_back_whole_however_it_is_cut() {
    let world = World::new();
    for piece in [1, 2, 3, 7, 64, FILE.len()] {
        let (output, manifest) = world.protect(FILE, policy(), piece).expect("it protects");
        let manifest = world.signed(&manifest).expect("it verifies");
        assert_eq!(manifest.output.rows(), 4);
        for piece in [1, 5, output.len()] {
            let back = world.reveal(&output, &manifest, piece).expect("it reveals");
            assert_eq!(back, FILE, "{}", String::from_utf8_lossy(&back));
        }
    }
}

#[test]
fn unnamed_columns_leave_byte_for_byte_and_named_ones_do_not() {
    let world = World::new();
    let (output, _) = world.protect(FILE, policy(), 10).expect("it protects");
    for kept in [
        b"\xef\xbb\xbfid,\"email\",note,ssn\r\n1,".as_slice(),
        b", \"quoted\" inside ,",
        b"\r\n2,,\"a, \"\"b\"\"\r\nc\",",
        b"\n\r\n3,",
        b",\xff\xfe,",
        b",last,",
    ] {
        assert!(output.windows(kept.len()).any(|window| window == kept), "{}", String::from_utf8_lossy(kept));
    }
    for gone in [b"ada@".as_slice(), b"123-45", b"two\nlines", b"\"x,"] {
        assert!(!output.windows(gone.len()).any(|window| window == gone));
    }
}

#[test]
fn null_stays_null_and_empty_text_is_sealed() {
    let world = World::new();
    let (output, manifest) = world.protect(b"a,b\n,1\n\"\",2\n", policy_of("a"), 100).expect("it protects");
    let text = String::from_utf8(output.clone()).expect("text");
    let lines = text.lines().collect::<Vec<_>>();
    assert_eq!(lines[1], ",1");
    assert_eq!(lines[2].len(), 44 + 2, "33 bytes in base64url");
    assert_eq!(world.reveal(&output, &manifest, 100).expect("it reveals"), b"a,b\n,1\n\"\",2\n");
}

#[test]
fn a_single_column_has_empty_rows() {
    let world = World::new();
    let (output, manifest) = world.protect(b"a\n\nx\n", policy_of("a"), 100).expect("it protects");
    assert_eq!(manifest.output.rows(), 2);
    assert_eq!(world.reveal(&output, &manifest, 100).expect("it reveals"), b"a\n\nx\n");
}

#[test]
fn a_header_alone_is_a_file() {
    let world = World::new();
    for file in [b"a,b".as_slice(), b"a,b\r\n"] {
        let (output, manifest) = world.protect(file, policy_of("b"), 1).expect("it protects");
        assert_eq!((output.as_slice(), manifest.output.rows()), (file, 0));
        assert_eq!(world.reveal(&output, &manifest, 1).expect("it reveals"), file);
    }
}

#[test]
fn faults_name_line_and_column() {
    let world = World::new();
    let fault = |file: &[u8], column: &str| {
        world.protect(file, policy_of(column), 3).expect_err("it is refused").to_string()
    };
    assert_eq!(fault(b"", "a"), "line 1: the file is empty: a header row is expected");
    assert_eq!(fault(b"a,b\n1,2\n", "ssn"), "there is no column `ssn`: the columns are `a`, `b`");
    assert_eq!(fault(b"a,b\n\"1\n\",2\n3\n", "a"), "line 4: the record has 1 cells, the header has 2");
    assert_eq!(fault(b"a,b\n1,2,3\n", "a"), "line 2: the record has 3 cells, the header has 2");
    assert_eq!(fault(b"a,b\n1,2\n\"3,4\n", "a"), "line 3: a quote is never closed");
    assert_eq!(fault(b"a,b\n1,\"2\"x\n", "a"), "line 2: text follows a closing quote");
    assert_eq!(fault(b"a,a\n1,2\n", "a"), "line 1: there are two columns `a`");
    let error = world.protect(b"a,b\n1,2\n\xff,2\n", policy_of("a"), 100).expect_err("it is no text");
    let Error::Value { row, line, column, .. } = error else { unreachable!("{error}") };
    assert_eq!((row, line, column.as_str()), (2, 3, "a"));
}

#[test]
fn any_delimiter() {
    let world = World::new();
    let protector = world.protector(policy_of("b"));
    let dialect = Dialect::new(';').expect("a delimiter");
    let mut out = Vec::new();
    let mut protect = Protect::new(Format::Csv(dialect), protector, None).expect("it begins");
    protect.push(b"a;b\n1,5;\"x;y\"\n", &mut out).expect("it protects");
    let manifest = protect.finish(&mut out).expect("it ends");
    assert!(matches!(manifest.output, Output::Csv { delimiter: ';', rows: 1, .. }));
    assert!(out.starts_with(b"a;b\n1,5;"));
    assert_eq!(world.reveal(&out, &manifest, 4).expect("it reveals"), b"a;b\n1,5;\"x;y\"\n");
    for wrong in ['"', '\n', 'é'] {
        assert!(Dialect::new(wrong).is_err());
    }
}

#[test]
fn a_part_is_revealed_and_the_rest_stays_sealed() {
    let world = World::new();
    let (output, manifest) = world.protect(b"id,email,ssn\n1,a@b,2\n", policy(), 100).expect("it protects");
    let reveal = |fields: &[&str]| {
        let fields = fields.iter().map(|&field| field.to_owned()).collect::<Vec<_>>();
        let revealer = world.revealer_of(&manifest, Some(&fields))?;
        let mut reveal = Reveal::new(&manifest, revealer, None)?;
        let mut out = Vec::new();
        reveal.push(&output, &mut out)?;
        reveal.finish(&mut out)?;
        Ok::<_, Error>(String::from_utf8(out).expect("text"))
    };
    let sealed = String::from_utf8(output.clone()).expect("text");
    let ssn = sealed.trim_end().rsplit(',').next().expect("a cell");
    assert_eq!(reveal(&["email"]), Ok(format!("id,email,ssn\n1,a@b,{ssn}\n")));
    assert_eq!(reveal(&["email", "ssn"]).as_deref(), Ok("id,email,ssn\n1,a@b,2\n"));
    assert!(matches!(reveal(&["id"]), Err(Error::Policy(_))));
    assert!(matches!(reveal(&["ssn", "ssn"]), Err(Error::Policy(_))));
}

fn policy_of(column: &str) -> FieldPolicy {
    FieldPolicy::aead([column]).expect("a policy")
}

#[test]
fn a_long_cell_comes_back_however_it_is_cut() {
    let world = World::new();
    let cell = "a \"\"quoted\"\" word, and\n".repeat(20_000);
    let file = format!("a,b\n\"{cell}\",1\n2,3\n").into_bytes();
    for piece in [10_007, 100_003, file.len()] {
        let (output, manifest) = world.protect(&file, policy_of("a"), piece).expect("it protects");
        assert_eq!(manifest.output.rows(), 2);
        assert_eq!(world.reveal(&output, &manifest, piece).expect("it reveals"), file);
    }
}

#[test]
fn a_header_that_would_fill_the_memory_is_refused() {
    let world = World::new();
    let columns = |count: usize| format!("a{}\n", ",b".repeat(count - 1)).into_bytes();
    world.protect(&columns(16_384), policy_of("a"), 1 << 20).expect("as many as there may be");
    let error = world.protect(&columns(16_385), policy_of("a"), 1 << 20).expect_err("one too many");
    assert_eq!(error.to_string(), "line 1: the header has 16385 columns; there may be 16384");
}
