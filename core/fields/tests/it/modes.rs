//! Every mode over every type: what goes in comes back in its type, and what is wrong does not open.

use crate::{random::Dice, world::World};
use arrow_array::{
    Array as _, ArrayRef, BooleanArray, FixedSizeBinaryArray, Int64Array, ListArray, RecordBatch,
    StringArray, StructArray, cast::AsArray as _, types::Int64Type,
};
use arrow_schema::{DataType, Field as ArrowField, Schema};
use base::Id;
use fields::{Error, Field, FieldPolicy, Keyring, Manifest, Mode, Path, Protector, Type, Why};
use std::sync::Arc;

fn path(text: &str) -> Path {
    Path::parse(text).expect(text)
}

fn mode(text: &str) -> Mode {
    text.parse().expect(text)
}

fn policy(fields: &[(&str, &str)], row_key: Option<&str>) -> FieldPolicy {
    let fields = fields.iter().map(|(at, how)| Field::new(path(at), mode(how))).collect();
    FieldPolicy::new(fields, row_key.map(path)).expect("a policy")
}

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter(columns).expect("columns of one length")
}

fn texts(values: &[Option<&str>]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

fn integers(values: &[Option<i64>]) -> ArrayRef {
    Arc::new(Int64Array::from(values.to_vec()))
}

/// The manifest of a run whose batches were no file.
fn manifest(protector: Protector) -> Manifest {
    let output =
        fields::Output::Csv { delimiter: ',', rows: protector.rows(), bytes: 0, sha256: String::new() };
    protector.finish(output)
}

fn through(world: &World, policy: &FieldPolicy, plain: &RecordBatch) -> (RecordBatch, Manifest) {
    let mut protector = world.keyed(policy.clone()).expect("keys");
    let sealed = protector.batch(plain).expect("it protects");
    let manifest = world.signed(&manifest(protector)).expect("it is signed");
    (sealed, manifest)
}

fn back(world: &World, manifest: &Manifest, sealed: &RecordBatch) -> Result<RecordBatch, Error> {
    world.revealer(manifest)?.batch(sealed)
}

/// The modes that encrypt values of any type.
const OPEN: [&str; 3] = ["aead", "gcm-siv", "siv"];

#[test]
fn every_type_comes_back_in_every_mode_that_encrypts() {
    let world = World::new();
    for seed in 1..=40_u64 {
        let mut dice = Dice(seed);
        let rows = dice.roll(30);
        for (name, array) in dice.arrays(rows) {
            for how in OPEN {
                let plain = batch(vec![("id", integers(&vec![Some(1); rows])), ("x", array.clone())]);
                for binary in [false, true] {
                    let policy = policy(&[("x", how)], (seed % 2 == 0).then_some("id"));
                    let mut protector = world.keyed(policy).expect("keys");
                    if binary {
                        protector = protector.binary();
                    }
                    let sealed = protector.batch(&plain).expect("it protects");
                    let made = if binary { DataType::Binary } else { DataType::Utf8 };
                    assert_eq!(*sealed.column(1).data_type(), made, "{name} {how}");
                    let null = |array: &ArrayRef| (0..rows).map(|row| array.is_null(row)).collect::<Vec<_>>();
                    assert_eq!(null(sealed.column(1)), null(&array), "null stays null");
                    let manifest = world.signed(&manifest(protector)).expect("signed");
                    let revealed = back(&world, &manifest, &sealed).expect("it reveals");
                    assert_eq!(revealed, plain, "seed {seed}, {name} {how}");
                }
            }
        }
    }
}

#[test]
fn what_has_a_text_comes_back_through_ff1() {
    let world = World::new();
    let columns = vec![
        ("card", texts(&[Some("4111 1111 1111 1111"), None, Some("5500-0000-0000-0004")])),
        ("number", integers(&[Some(1_234_567), Some(-7_654_321), None])),
        ("day", Arc::new(arrow_array::Date32Array::from(vec![Some(0), Some(20_000), None]))),
    ];
    let plain = batch(columns);
    let policy = policy(&[("card", "ff1+luhn"), ("number", "ff1"), ("day", "ff1")], None);
    let (sealed, manifest) = through(&world, &policy, &plain);
    let cards = sealed.column(0).as_string::<i32>();
    assert_eq!(cards.value(0).len(), 19);
    assert!(cards.value(0) != "4111 1111 1111 1111" && cards.value(0).as_bytes()[4] == b' ');
    assert!(crypto::luhn::holds(cards.value(0)), "a check digit that holds");
    let numbers = sealed.column(1).as_string::<i32>();
    assert!(numbers.value(0).len() == 7 && numbers.value(1).starts_with('-'));
    assert_eq!(back(&world, &manifest, &sealed).expect("it reveals"), plain);
    assert_eq!(manifest.field_keys.len(), 3);
    assert!(manifest.keys.is_empty());
}

#[test]
fn equal_values_look_equal_where_they_should() {
    let world = World::new();
    let plain = batch(vec![("id", integers(&[Some(1), Some(2)])), ("x", texts(&[Some("ada"), Some("ada")]))]);
    for (how, equal) in [("aead", false), ("gcm-siv", false), ("siv", true), ("blind-index:16", true)] {
        let (sealed, _) = through(&world, &policy(&[("x", how)], None), &plain);
        let values = sealed.column(1).as_string::<i32>();
        assert_eq!(values.value(0) == values.value(1), equal, "{how}");
    }
    // Bound to the row, an index would be of no use; an encrypted value is bound.
    for (how, equal) in [("siv", false), ("blind-index:16", true)] {
        let (sealed, _) = through(&world, &policy(&[("x", how)], Some("id")), &plain);
        let values = sealed.column(1).as_string::<i32>();
        assert_eq!(values.value(0) == values.value(1), equal, "{how}");
    }
    let spelt = batch(vec![("x", texts(&[Some("Ada@Example.com"), Some(" ada@example.com")]))]);
    let (sealed, _) = through(&world, &policy(&[("x", "blind-index:16+trim+lowercase")], None), &spelt);
    let values = sealed.column(0).as_string::<i32>();
    assert_eq!(values.value(0), values.value(1));
}

#[test]
fn what_has_no_way_back_says_so() {
    let world = World::new();
    let plain = batch(vec![("a", texts(&[Some("4111111111111111")])), ("b", texts(&[Some("x")]))]);
    let policy = policy(&[("a", "mask:0-4"), ("b", "aead")], None);
    let (sealed, manifest) = through(&world, &policy, &plain);
    assert_eq!(sealed.column(0).as_string::<i32>().value(0), "************1111");
    let revealed = back(&world, &manifest, &sealed).expect("the other field opens");
    assert_eq!(revealed.column(0), sealed.column(0));
    assert_eq!(revealed.column(1), plain.column(1));
    let error = manifest.part(Some(&["a".to_owned()])).expect_err("a mask does not open");
    assert!(error.to_string().contains("no way back"), "{error}");
    let only = self::policy(&[("a", "mask:0-4")], None);
    let (_, manifest) = through(&world, &only, &plain);
    assert!(matches!(manifest.part(None), Err(Error::Policy(_))));
}

#[test]
fn nested_and_repeated_fields_come_back() {
    let world = World::new();
    let sku = texts(&[Some("a"), Some("b"), None, Some("d")]);
    let count: ArrayRef = Arc::new(Int64Array::from(vec![1, 2, 3, 4]));
    let item = StructArray::from(vec![
        (Arc::new(ArrowField::new("sku", DataType::Utf8, true)), sku),
        (Arc::new(ArrowField::new("count", DataType::Int64, false)), count),
    ]);
    let field = Arc::new(ArrowField::new("item", item.data_type().clone(), true));
    let offsets = arrow_buffer::OffsetBuffer::from_lengths([2, 0, 0, 2]);
    let valid = arrow_buffer::NullBuffer::from(vec![true, true, false, true]);
    let items = ListArray::new(field, offsets, Arc::new(item), Some(valid));
    let tags = ListArray::from_iter_primitive::<Int64Type, _, _>(vec![
        Some(vec![Some(1), None]),
        None,
        Some(vec![]),
        Some(vec![Some(3)]),
    ]);
    let inner: ArrayRef = Arc::new(BooleanArray::from(vec![Some(true), None, Some(false), Some(true)]));
    let outer = StructArray::try_new(
        vec![ArrowField::new("flag", DataType::Boolean, true)].into(),
        vec![inner],
        Some(vec![true, true, false, true].into()),
    );
    let plain = batch(vec![
        ("id", integers(&[Some(1), Some(2), Some(3), Some(4)])),
        ("items", Arc::new(items)),
        ("tags", Arc::new(tags)),
        ("a b", Arc::new(outer.expect("a struct"))),
    ]);
    for how in OPEN {
        for row_key in [None, Some("id")] {
            let fields = [
                ("$.items[*].sku", how),
                ("$.items[*].count", how),
                ("$.tags[*]", how),
                ("$['a b'].flag", how),
            ];
            let policy = policy(&fields, row_key);
            let (sealed, manifest) = through(&world, &policy, &plain);
            assert_ne!(sealed.schema(), plain.schema());
            assert_eq!(sealed.column(0), plain.column(0));
            assert_eq!(back(&world, &manifest, &sealed).expect("it reveals"), plain, "{how}");
            // A part of the rows, as a slice whose lists begin somewhere in the middle.
            let part = sealed.slice(1, 3);
            assert_eq!(back(&world, &manifest, &part).expect("it reveals"), plain.slice(1, 3), "{how}");
            let (sealed, manifest) = through(&world, &policy, &plain.slice(1, 3));
            assert_eq!(back(&world, &manifest, &sealed).expect("it reveals"), plain.slice(1, 3), "{how}");
        }
    }
    // What stands in a null struct is no value, and is not sealed.
    let (sealed, _) = through(&world, &policy(&[("$['a b'].flag", "aead")], None), &plain);
    assert!(sealed.column(3).as_struct().column(0).is_null(2));
}

#[test]
fn an_error_names_the_row_of_a_repeated_field() {
    let world = World::new();
    let values = texts(&[Some("123456"), Some("654321"), Some("12")]);
    let field = Arc::new(ArrowField::new("item", DataType::Utf8, true));
    let offsets = arrow_buffer::OffsetBuffer::from_lengths([1, 0, 2]);
    let plain = batch(vec![("n", Arc::new(ListArray::new(field, offsets, values, None)))]);
    let mut protector = world.keyed(policy(&[("$.n[*]", "ff1")], None)).expect("keys");
    let error = protector.batch(&plain).expect_err("a domain of a hundred");
    let Error::Value { row, column, why, .. } = &error else { unreachable!("{error}") };
    assert_eq!((*row, column.as_str()), (3, "$.n[*]"));
    assert!(matches!(why, Why::Crypto(crypto::Error::DomainTooSmall { .. })), "{error}");
}

#[test]
fn dictionaries_are_their_values() {
    let world = World::new();
    let values: arrow_array::DictionaryArray<arrow_array::types::Int8Type> =
        vec![Some("a"), None, Some("b"), Some("a")].into_iter().collect();
    let plain = batch(vec![("x", Arc::new(values))]);
    let (sealed, manifest) = through(&world, &policy(&[("x", "siv")], None), &plain);
    let revealed = back(&world, &manifest, &sealed).expect("it reveals");
    assert_eq!(revealed.column(0), &texts(&[Some("a"), None, Some("b"), Some("a")]));
}

#[test]
fn a_vault_is_asked_for_each_text_once_and_answers_both_ways() {
    let world = World::new();
    let plain = batch(vec![
        ("x", texts(&[Some("ada"), None, Some("bob"), Some("ada")])),
        ("n", integers(&[Some(5), Some(5), None, Some(7)])),
    ]);
    let policy = policy(&[("x", "token"), ("n", "token")], None);
    let mut protector = world.keyed(policy).expect("no keys");
    assert!(matches!(protector.batch(&plain), Err(Error::Mode { mode: "token", .. })));
    let pending = protector.begin(&plain).expect("it begins");
    let asked = pending.wants().map(|wants| wants.texts().to_vec()).collect::<Vec<_>>();
    assert_eq!(asked, [vec!["ada".to_owned(), "bob".to_owned()], vec!["5".to_owned(), "7".to_owned()]]);
    let token = |text: &String| Some(format!("tok_{text}"));
    let answers = asked.iter().map(|texts| texts.iter().map(token).collect()).collect();
    let sealed = pending.complete(answers).expect("all are answered");
    assert_eq!(sealed.column(0), &texts(&[Some("tok_ada"), None, Some("tok_bob"), Some("tok_ada")]));
    let manifest = world.signed(&manifest(protector)).expect("signed");
    let mut revealer = world.revealer(&manifest).expect("no keys");
    let pending = revealer.begin(&sealed).expect("it begins");
    let plain_of = |token: &String| token.strip_prefix("tok_").map(str::to_owned);
    let answers = pending.wants().map(|wants| wants.texts().iter().map(plain_of).collect()).collect();
    assert_eq!(pending.complete(answers).expect("all are answered"), plain);

    let pending = revealer.begin(&sealed).expect("it begins");
    let error = pending.complete(vec![vec![Some("ada".into()), None]]).expect_err("one is not known");
    assert!(matches!(error, Error::Value { row: 7, why: Why::NotInVault, .. }), "{error}");
    let pending = revealer.begin(&sealed).expect("it begins");
    let answers =
        vec![vec![Some("ada".into()), Some("bob".into())], vec![Some("x".into()), Some("7".into())]];
    let error = pending.complete(answers).expect_err("no number");
    assert!(matches!(error, Error::Value { row: 9, why: Why::NotOfType { .. }, .. }), "{error}");
}

/// A dataset of two fields in one mode, and one of another dataset and of another organization with the same
/// field keys: what is moved between them.
#[test]
fn a_value_opens_in_its_place_only_in_every_mode_that_can_tell() {
    for how in OPEN {
        let here = World::new();
        let elsewhere = |organization, dataset| {
            let mut world = World::of(organization, dataset);
            (world.secret, world.pair) = (here.secret, here.pair.clone());
            world.key.public = here.key.public.clone();
            world
        };
        let plain = batch(vec![
            ("id", texts(&[Some("1"), Some("2")])),
            ("a", texts(&[Some("ada"), Some("bob")])),
            ("b", texts(&[Some("eve"), Some("joe")])),
        ]);
        let policy = policy(&[("a", how), ("b", how)], Some("id"));
        let (sealed, manifest) = through(&here, &policy, &plain);
        assert_eq!(back(&here, &manifest, &sealed).expect("as it was"), plain);
        let put = |column: usize, values: ArrayRef| {
            let mut columns = sealed.columns().to_vec();
            columns[column] = values;
            RecordBatch::try_new(sealed.schema(), columns).expect("a batch")
        };
        let refused = |what: &str, batch: &RecordBatch| {
            let error = back(&here, &manifest, batch).expect_err(what);
            let Error::Value { why: Why::Crypto(why), .. } = &error else { unreachable!("{what}: {error}") };
            let told = matches!(why, crypto::Error::DoesNotOpen { .. } | crypto::Error::WrongKeyId { .. });
            assert!(told, "{how}, {what}: {error}");
        };
        refused("another column", &put(1, sealed.column(2).clone()));
        let swapped = sealed.column(1).as_string::<i32>();
        let swapped = texts(&[Some(swapped.value(1)), Some(swapped.value(0))]);
        refused("another row", &put(1, swapped));
        refused("another row's key", &put(0, texts(&[Some("1"), Some("3")])));
        for (what, world) in [("dataset", elsewhere(1, 9)), ("organization", elsewhere(9, 2))] {
            let (theirs, manifest) = through(&world, &policy, &plain);
            refused(what, &put(1, theirs.column(1).clone()));
            // Where the keys are the same, it is the place that tells.
            let mut moved = manifest.clone();
            (moved.organization, moved.dataset) = (here.key.organization, here.key.dataset);
            let keys = world.ring_for(&manifest).expect("keys");
            let part = moved.part(None).expect("all of it");
            let mut revealer =
                fields::Revealer::new(here.provider.clone(), &moved, part, &keys).expect("keys");
            assert!(revealer.batch(&theirs).is_err(), "{how}: moved to another {what}");
        }
        // Another key under the same id.
        let mut other = World::of(1, 2);
        other.pair = here.pair.clone();
        let error = back(&other, &manifest, &sealed);
        assert_eq!(
            error.is_err(),
            how == "siv",
            "{how}: a data key opens with the dataset's key, a field key is another"
        );
    }
}

#[test]
fn every_altered_byte_is_found_in_every_mode_that_can_tell() {
    let world = World::new();
    let plain = batch(vec![("x", texts(&[Some("ada@example.com")]))]);
    for how in OPEN {
        let mut protector = world.keyed(policy(&[("x", how)], None)).expect("keys").binary();
        let sealed = protector.batch(&plain).expect("it protects");
        let manifest = manifest(protector);
        let bytes = sealed.column(0).as_binary::<i32>().value(0).to_vec();
        let open = |bytes: &[u8]| {
            let values: ArrayRef = Arc::new(arrow_array::BinaryArray::from(vec![bytes]));
            back(&world, &manifest, &batch(vec![("x", values)]))
        };
        assert_eq!(open(&bytes).expect("as it was"), plain);
        for at in 0..bytes.len() {
            let mut altered = bytes.clone();
            altered[at] ^= 1;
            assert!(matches!(open(&altered), Err(Error::Value { row: 1, .. })), "{how}: byte {at}");
        }
        for length in 0..bytes.len() {
            assert!(open(&bytes[..length]).is_err(), "{how}: cut to {length}");
        }
    }
}

#[test]
fn keys_of_another_version_or_algorithm_are_refused() {
    let world = World::new();
    let plain = batch(vec![("x", texts(&[Some("1234567")]))]);
    for how in ["siv", "ff1", "blind-index"] {
        let policy = policy(&[("x", how)], None);
        let to = world.key.clone();
        let missing = Protector::with_keys(
            world.provider.clone(),
            to.clone(),
            world.run(),
            policy.clone(),
            &Keyring::new(),
        );
        assert!(matches!(missing, Err(Error::MissingKey { .. })), "{how}");
        let offline = Protector::new(world.provider.clone(), to.clone(), world.run(), policy.clone());
        assert!(matches!(offline, Err(Error::NotOffline { .. })), "{how}");
        let other = if how == "siv" { crypto::FieldAlgorithm::Ff1 } else { crypto::FieldAlgorithm::AesSiv };
        let mut ring = Keyring::new();
        ring.field_key("x", Id::from_bytes([9; 16]), crypto::FieldKey::generate(&*world.provider, other));
        let wrong = Protector::with_keys(world.provider.clone(), to, world.run(), policy.clone(), &ring);
        assert!(matches!(wrong, Err(Error::Key(_))), "{how}: one key serves one algorithm");
        let (_, manifest) = through(&world, &policy, &plain);
        let Ok(part) = manifest.part(None) else { continue };
        let key = crypto::FieldKey::generate(
            &*world.provider,
            match how {
                "siv" => crypto::FieldAlgorithm::AesSiv,
                _ => crypto::FieldAlgorithm::Ff1,
            },
        );
        let mut ring = Keyring::new();
        ring.field_key("x", Id::from_bytes([9; 16]), key);
        let refused = fields::Revealer::new(world.provider.clone(), &manifest, part, &ring);
        assert!(matches!(refused, Err(Error::Manifest(_))), "{how}: another key under the same version");
    }
}

#[test]
fn what_is_not_of_its_type_is_refused() {
    let world = World::new();
    let plain = batch(vec![("x", texts(&[Some("ada")]))]);
    let (sealed, manifest) = through(&world, &policy(&[("x", "aead")], None), &plain);
    let mut json: serde_json::Value = serde_json::from_slice(&manifest.to_json()).expect("JSON");
    for name in ["int64", "bool", "date32", "fixed-binary:4", "float64"] {
        json["policy"]["fields"][0]["type"] = name.into();
        let claims: Manifest = serde_json::from_value(json.clone()).expect("a manifest");
        let error = back(&world, &claims, &sealed).expect_err("three bytes are no such value");
        assert!(matches!(error, Error::Value { row: 1, why: Why::NotOfType { .. }, .. }), "{name}: {error}");
    }
    json["policy"]["fields"][0]["type"] = "binary".into();
    let claims: Manifest = serde_json::from_value(json).expect("a manifest");
    assert!(back(&world, &claims, &sealed).is_ok());
    let bytes: ArrayRef = Arc::new(arrow_array::BinaryArray::from(vec![b"\xff\xfe".as_slice()]));
    let (sealed, manifest) = through(&world, &policy(&[("x", "aead")], None), &batch(vec![("x", bytes)]));
    let mut json: serde_json::Value = serde_json::from_slice(&manifest.to_json()).expect("JSON");
    json["policy"]["fields"][0].as_object_mut().expect("an object").remove("type");
    let claims: Manifest = serde_json::from_value(json).expect("a manifest");
    let error = back(&world, &claims, &sealed).expect_err("it is no text");
    assert!(matches!(error, Error::Value { row: 1, why: Why::NotUtf8, .. }), "{error}");
    for how in ["ff1", "mask", "blind-index", "token"] {
        let flags: ArrayRef =
            Arc::new(FixedSizeBinaryArray::try_from_iter([[1_u8; 8]].iter()).expect("bytes"));
        let mut protector = world.keyed(policy(&[("x", how)], None)).expect("keys");
        let error = protector.begin(&batch(vec![("x", flags)])).expect_err("it has no characters");
        assert!(matches!(error, Error::Type { .. }), "{how}: {error}");
    }
}

#[test]
fn json_values_keep_what_they_are() {
    let world = World::new();
    let values: Vec<Option<&[u8]>> = vec![Some(b"ada"), None, Some(b"\xff12.50"), Some(b"\xff{\"a\":1}")];
    let values: ArrayRef = Arc::new(arrow_array::BinaryArray::from(values));
    let protector = world.keyed(policy(&[("x", "siv")], None)).expect("keys");
    protector.set_type(0, Type::JSON).expect("nothing came before");
    let mut worker = protector.worker().expect("keys");
    let Ok(fields::Ran::Done(sealed)) = worker.values(0, &values, None) else { unreachable!("no vault") };
    let manifest = world.signed(&manifest(protector)).expect("signed");
    assert_eq!(manifest.policy.fields()[0].plain_type(), Type::JSON);
    let revealer = world.revealer(&manifest).expect("keys");
    let mut worker = revealer.worker().expect("keys");
    let Ok(fields::Ran::Done(plain)) = worker.values(0, &sealed, None) else { unreachable!("no vault") };
    assert_eq!(*plain, *values);
    // A text is protected alike in JSON, CSV and Parquet.
    let (other, _) =
        through(&world, &policy(&[("x", "siv")], None), &batch(vec![("x", texts(&[Some("ada")]))]));
    assert_eq!(other.column(0).as_string::<i32>().value(0), sealed.as_string::<i32>().value(0));
    // What works on characters takes strings only.
    let protector = world.keyed(policy(&[("x", "mask")], None)).expect("keys");
    protector.set_type(0, Type::JSON).expect("nothing came before");
    let error = protector.worker().expect("keys").values(0, &values, None).expect_err("a number");
    assert!(matches!(error, Error::Value { row: 3, why: Why::NotText, .. }), "{error}");
}

#[test]
fn workers_of_one_run_have_data_keys_of_their_own() {
    let world = World::new();
    let protector = world.keyed(policy(&[("x", "aead")], None)).expect("keys");
    let values = texts(&[Some("a"), Some("b")]);
    let sealed = std::thread::scope(|scope| {
        let work = |_| {
            let mut worker = protector.worker().expect("keys");
            let values = &values;
            std::thread::Builder::new().spawn_scoped(scope, move || match worker.values(0, values, None) {
                Ok(fields::Ran::Done(sealed)) => sealed,
                other => unreachable!("{other:?}"),
            })
        };
        let threads = (0..3).map(work).collect::<Vec<_>>();
        threads
            .into_iter()
            .map(|thread| thread.expect("a thread").join().expect("it ends"))
            .collect::<Vec<_>>()
    });
    let manifest = world.signed(&manifest(protector)).expect("signed");
    assert_eq!(manifest.keys.len(), 3);
    let schema = Arc::new(Schema::new(vec![ArrowField::new("x", DataType::Utf8, true)]));
    for sealed in sealed {
        let sealed = RecordBatch::try_new(schema.clone(), vec![sealed]).expect("a batch");
        let plain = back(&world, &manifest, &sealed).expect("it reveals");
        assert_eq!(plain.column(0), &values);
    }
}
