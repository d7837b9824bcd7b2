//! Parquet, with pyarrow on the other side: it writes what we protect, and reads what we write.

use crate::{python, world::World};
use fields::{
    Error, FieldPolicy,
    formats::{Format, parquet::INPUT_KEY},
};
use serde_json::{Value, json};

/// Asks pyarrow, by `oracle/arrow.py`.
fn arrow(request: &Value) -> Value {
    python::ask("arrow.py", request)
}

fn bytes(value: &Value) -> Vec<u8> {
    crypto::text::decode(value.as_str().expect("text"), "file").expect("base64url")
}

/// A file of every type, in three row groups.
fn everything(options: &Value) -> Vec<u8> {
    bytes(&arrow(&json!({ "do": "make", "options": options })))
}

const ALL: [&str; 18] = [
    "text",
    "long",
    "small",
    "unsigned",
    "real",
    "half",
    "flag",
    "day",
    "clock",
    "when",
    "zoned",
    "money",
    "raw",
    "fixed",
    "$.home.city",
    "$.items[*].sku",
    "$.tags[*]",
    "$.map[*].value",
];

#[test]
fn every_type_comes_back_as_pyarrow_wrote_it() {
    let world = World::new();
    let policy = FieldPolicy::aead(ALL).expect("a policy");
    for options in [
        json!({}),
        json!({ "compression": "zstd", "data_page_version": "2.0" }),
        json!({ "compression": "gzip", "use_dictionary": false, "version": "1.0" }),
        json!({ "compression": "lz4", "use_deprecated_int96_timestamps": true, "store_schema": false }),
        json!({ "compression": "brotli", "store_decimal_as_integer": true, "write_page_index": true }),
    ] {
        let input = everything(&options);
        let (output, manifest) =
            world.protect_file(Format::Parquet, &input, &policy, 10_000).expect("it protects");
        let manifest = world.signed(&manifest).expect("it verifies");
        let back = world.reveal_file(&output, &manifest, None, 9_999).expect("it reveals");
        let verdict = arrow(&json!({
            "do": "compare",
            "input": crypto::text::encode(&input),
            "protected": crypto::text::encode(&output),
            "back": crypto::text::encode(&back),
            "marker": INPUT_KEY,
        }));
        assert_eq!(verdict, json!({ "rows": manifest.output.rows(), "wrong": [] }), "{options}");
        assert_eq!(manifest.output.rows(), 300);
    }
}

#[test]
fn a_part_is_revealed_and_the_rest_stays_sealed() {
    let world = World::new();
    let input = everything(&json!({}));
    let policy = FieldPolicy::aead(["text", "long", "$.items[*].sku"]).expect("a policy");
    let (output, manifest) =
        world.protect_file(Format::Parquet, &input, &policy, 1 << 20).expect("it protects");
    let part =
        world.reveal_file(&output, &manifest, Some(&["long".to_owned()]), 1 << 20).expect("it reveals");
    let types = arrow(&json!({ "do": "types", "input": crypto::text::encode(&part) }));
    assert_eq!((types["long"].as_str(), types["text"].as_str()), (Some("int64"), Some("string")));
    let verdict = arrow(&json!({
        "do": "columns",
        "input": crypto::text::encode(&input),
        "other": crypto::text::encode(&part),
    }));
    let differ =
        verdict["differ"].as_array().expect("a list").iter().filter_map(Value::as_str).collect::<Vec<_>>();
    assert_eq!(differ, ["text", "items"]);
}

#[test]
fn values_of_no_policy_are_in_no_byte_of_the_output() {
    let world = World::new();
    let input = everything(&json!({ "compression": "none", "use_dictionary": false }));
    let canary = b"canary-text-17";
    let has = |file: &[u8]| file.windows(canary.len()).any(|window| window == canary);
    assert!(has(&input));
    let policy = FieldPolicy::aead(["text"]).expect("a policy");
    let (output, _) = world.protect_file(Format::Parquet, &input, &policy, 4_096).expect("it protects");
    assert!(!has(&output));
}

#[test]
fn a_row_key_binds_and_paths_that_lead_nowhere_are_named() {
    let world = World::new();
    let input = everything(&json!({}));
    let fields = FieldPolicy::aead(["$.tags[*]", "text"]).expect("a policy");
    let policy = FieldPolicy::new(fields.fields().to_vec(), Some(fields::Path::parse("id").expect("a path")));
    let policy = policy.expect("a policy");
    let (output, manifest) =
        world.protect_file(Format::Parquet, &input, &policy, 7_000).expect("it protects");
    let back = world.reveal_file(&output, &manifest, None, 7_000).expect("it reveals");
    let verdict = arrow(&json!({
        "do": "columns",
        "input": crypto::text::encode(&input),
        "other": crypto::text::encode(&back),
    }));
    assert_eq!(verdict, json!({ "differ": [] }));
    let fault = |path: &str| {
        let policy = FieldPolicy::aead([path]).expect("a policy");
        world.protect_file(Format::Parquet, &input, &policy, 1 << 20).expect_err("it is refused").to_string()
    };
    assert!(fault("nothing").contains("there is no column `nothing`"));
    assert!(fault("home").contains("is a group: name its members (`home.city`"), "{}", fault("home"));
    assert!(fault("tags").contains("is a group"), "{}", fault("tags"));
}

#[test]
fn a_damaged_file_is_an_error() {
    let world = World::new();
    let input = everything(&json!({}));
    let policy = FieldPolicy::aead(["text", "$.items[*].sku", "money"]).expect("a policy");
    let protect = |file: &[u8]| world.protect_file(Format::Parquet, file, &policy, 1 << 20).map(drop);
    let mut errors = 0;
    for cut in (0..input.len()).step_by(input.len() / 20) {
        protect(&input[..cut]).expect_err("it was cut");
    }
    for at in (0..input.len()).step_by(input.len() / 60) {
        for with in [0x00, 0x7f] {
            let mut altered = input.clone();
            altered[at] = with;
            errors += usize::from(protect(&altered).is_err());
        }
    }
    assert!(errors > 5, "{errors} alterations were noticed");
    let fault = |file: &[u8]| protect(file).expect_err("it is refused").to_string();
    assert!(fault(b"a,b\n1,2\n3,4\n").contains("no Parquet"), "{}", fault(b"a,b\n1,2\n3,4\n"));
    assert!(fault(b"PAR1\xff\xff\xff\x7fPAR1").contains("claims a footer of"));
}

#[test]
fn an_altered_or_shortened_output_is_not_revealed() {
    let world = World::new();
    let input = everything(&json!({}));
    let policy = FieldPolicy::aead(["text"]).expect("a policy");
    let (mut output, manifest) =
        world.protect_file(Format::Parquet, &input, &policy, 1 << 20).expect("it protects");
    let reveal = |output: &[u8]| world.reveal_file(output, &manifest, None, 1 << 20);
    assert!(matches!(reveal(&output[..output.len() - 1]), Err(Error::NotAsDescribed(_))));
    let middle = output.len() / 2;
    output[middle] ^= 1;
    assert!(matches!(reveal(&output), Err(Error::NotAsDescribed(_))));
}

#[test]
fn a_sample_names_every_leaf_as_a_policy_does() {
    let world = World::new();
    let input = everything(&json!({}));
    let samples = fields::formats::sample(Format::Parquet, &input).expect("a file");
    let paths = samples.iter().map(|sample| sample.path.as_str()).collect::<Vec<_>>();
    for path in ALL {
        assert!(paths.contains(&path), "{path}: {paths:?}");
    }
    let all = FieldPolicy::aead(paths).expect("a policy");
    world.protect_file(Format::Parquet, &input, &all, 1 << 20).expect("every path leads to its leaf");
    let values =
        |path: &str| &samples.iter().find(|sample| sample.path.as_str() == path).expect("it is there").values;
    assert_eq!(values("text")[1], "canary-text-1");
    assert_eq!(values("$.items[*].sku")[0], "sku-1-0");
}
