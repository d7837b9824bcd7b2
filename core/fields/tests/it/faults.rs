//! What is wrong with a value is said with its row, its column and the cause.

use crate::{random::Dice, world::World};
use arrow_array::{
    Array as _, ArrayRef, BinaryArray, FixedSizeBinaryArray, FixedSizeListArray, LargeListArray, RecordBatch,
    StringArray, StructArray, cast::AsArray as _, types::Int8Type,
};
use arrow_buffer::OffsetBuffer;
use arrow_schema::{DataType, Field as ArrowField};
use base::Id;
use crypto::{FieldAlgorithm, FieldKey, value::DataKey};
use fields::{
    Error, FieldPolicy, Keyring, Manifest, Output, Protector, Revealer,
    formats::{Dialect, Format, Reveal},
};
use std::sync::Arc;

const FILE: &[u8] = b"id,note,secret\n1,x,123456\n2,\"two\nlines\",654321\n3,z,111222\n";

fn policy(mode: &str) -> FieldPolicy {
    let json = format!(r#"{{"fields":[{{"path":"secret","mode":"{mode}"}}]}}"#);
    serde_json::from_str(&json).expect("a policy")
}

fn protected(world: &World, mode: &str) -> (Vec<u8>, Manifest) {
    let protector = world.keyed(policy(mode)).expect("keys");
    world.protect_by(csv(), FILE, protector, 1_000).expect("it protects")
}

fn csv() -> Format {
    Format::Csv(Dialect::default())
}

/// Reveals with this ring instead of the right one.
fn reveal(world: &World, output: &[u8], manifest: &Manifest, ring: &Keyring) -> Result<Vec<u8>, Error> {
    let part = manifest.part(None)?;
    let revealer = Revealer::new(world.provider.clone(), manifest, part, ring)?;
    let mut reveal = Reveal::new(manifest, revealer, None)?;
    let mut out = Vec::new();
    reveal.push(output, &mut out)?;
    reveal.finish(&mut out)?;
    Ok(out)
}

#[test]
fn a_wrong_key_is_named_with_row_and_column() {
    let world = World::new();
    let (output, manifest) = protected(&world, "aead");
    let id = manifest.keys[0].id;
    let mut ring = Keyring::new();
    // Another key of the same id, and then one of another id.
    let bytes = base::Secret::new(vec![7; 32]);
    ring.data_key("secret", DataKey::from_secret(crypto::value::Cipher::Gcm, id, &bytes).expect("a key"));
    let told = reveal(&world, &output, &manifest, &ring).expect_err("a wrong key").to_string();
    assert_eq!(
        told,
        "row 1, column `secret`: protected value does not open: it was altered, moved from elsewhere, or sealed \
         under another key"
    );
    let mut ring = Keyring::new();
    ring.data_key("secret", DataKey::from_secret(crypto::value::Cipher::Gcm, !id, &bytes).expect("a key"));
    let told = reveal(&world, &output, &manifest, &ring).expect_err("a wrong key").to_string();
    assert_eq!(
        told,
        format!("row 1, column `secret`: the value names key {id:08x}, which is not among the keys at hand")
    );

    let (output, manifest) = protected(&world, "siv");
    let key = FieldKey::from_secret(FieldAlgorithm::AesSiv, 7, base::Secret::new(vec![7; 64]));
    let mut ring = Keyring::new();
    ring.field_key("secret", Id::from_bytes([9; 16]), key.expect("a key"));
    let told = reveal(&world, &output, &manifest, &ring).expect_err("a wrong key").to_string();
    assert!(told.starts_with("row 1, column `secret`: protected value does not open"), "{told}");
}

#[test]
fn ff1_does_not_notice_a_wrong_key_and_so_the_manifest_must() {
    let world = World::new();
    let (output, manifest) = protected(&world, "ff1");
    let wrong = |id: u32, version: u8| {
        let key = FieldKey::from_secret(FieldAlgorithm::Ff1, id, base::Secret::new(vec![7; 32]));
        let mut ring = Keyring::new();
        ring.field_key("secret", Id::from_bytes([version; 16]), key.expect("a key"));
        reveal(&world, &output, &manifest, &ring)
    };
    for (id, version) in [(8, 9), (7, 8)] {
        let told = wrong(id, version).expect_err("the manifest names another");
        assert!(matches!(&told, Error::Manifest(why) if why.contains("`secret`")), "{told}");
    }
    // What nobody could tell: another secret under the name of the right one.
    let plain = wrong(7, 9).expect("nothing says so");
    assert_ne!(plain, FILE);
}

#[test]
fn what_cannot_be_protected_is_named_with_row_line_and_column() {
    let world = World::new();
    let told = |mode: &str, file: &[u8]| {
        let protector = world.keyed(policy(mode)).expect("keys");
        world.protect_by(csv(), file, protector, 1_000).expect_err("it cannot").to_string()
    };
    let short = told("ff1", b"id,secret\n1,123456\n2,12345\n");
    assert!(short.starts_with("row 2, column `secret`: ") && short.contains('5'), "{short}");
    let letter = told("ff1", b"id,secret\n1,123456x\n");
    assert!(letter.starts_with("row 1, column `secret`: character 7"), "{letter}");
    let check = told("ff1:digits+luhn", b"secret\n4111111111111112\n");
    assert!(check.starts_with("row 1, column `secret`: ") && check.contains("Luhn"), "{check}");
    assert_eq!(told("siv", b"id,secret\n1,ok\n2,\xff\n"), "row 2, column `secret`: it is not UTF-8");
}

/// The manifest of a run whose batches were no file.
fn manifest(protector: Protector) -> Manifest {
    let rows = protector.rows();
    protector.finish(Output::Csv { delimiter: ',', rows, bytes: 0, sha256: String::new() })
}

#[test]
fn no_bit_of_any_value_can_be_changed() {
    let world = World::new();
    for seed in 1..=10_u64 {
        let mut dice = Dice(seed);
        for (name, array) in dice.arrays(8) {
            let Some(row) = (0..8).find(|row| array.is_valid(*row)) else { continue };
            let plain = RecordBatch::try_from_iter([("secret", array)]).expect("a batch");
            for mode in ["aead", "gcm-siv", "siv"] {
                let mut protector = world.keyed(policy(mode)).expect("keys").binary();
                let sealed = protector.batch(&plain).expect("it protects");
                let manifest = manifest(protector);
                let values = sealed.column(0).as_binary::<i32>();
                let mut bytes = values.iter().map(|value| value.map(<[u8]>::to_vec)).collect::<Vec<_>>();
                let value = bytes[row].as_mut().expect("it is valid");
                let bit = dice.roll(value.len() * 8);
                value[bit / 8] ^= 1 << (bit % 8);
                let altered: ArrayRef = Arc::new(bytes.iter().map(Option::as_deref).collect::<BinaryArray>());
                let altered = RecordBatch::try_from_iter([("secret", altered)]).expect("a batch");
                let mut revealer = world.revealer(&manifest).expect("keys");
                let told = revealer.batch(&altered).expect_err("it was altered");
                let Error::Value { row: named, column, .. } = &told else { unreachable!("{told}") };
                assert_eq!(
                    (*named, column.as_str()),
                    (row as u64 + 1, "secret"),
                    "seed {seed}, {name} {mode}"
                );
            }
        }
    }
}

#[test]
fn values_without_bytes_are_counted() {
    let world = World::new();
    for nulls in [None, Some(vec![true, false, true].into())] {
        let empty =
            FixedSizeBinaryArray::try_new_with_len(0, Vec::<u8>::new().into(), nulls, 3).expect("an array");
        let plain = RecordBatch::try_from_iter([("secret", Arc::new(empty) as ArrayRef)]).expect("a batch");
        let mut protector = world.keyed(policy("aead")).expect("keys");
        let sealed = protector.batch(&plain).expect("it protects");
        let manifest = manifest(protector);
        assert_eq!(world.revealer(&manifest).expect("keys").batch(&sealed).expect("it reveals"), plain);
    }
}

/// Lists of all sorts inside each other, and a dictionary of nothing.
#[test]
fn values_in_lists_in_lists_come_back() {
    let world = World::new();
    let texts: ArrayRef =
        Arc::new(StringArray::from(vec![Some("a"), None, Some("c"), Some("d"), Some("e"), Some("f")]));
    let field =
        |name: &str, array: &ArrayRef| Arc::new(ArrowField::new(name, array.data_type().clone(), true));
    let pairs: ArrayRef = Arc::new(FixedSizeListArray::new(field("item", &texts), 2, texts, None));
    let named: ArrayRef = Arc::new(StructArray::from(vec![(field("pair", &pairs), pairs)]));
    let offsets = OffsetBuffer::<i64>::from_lengths([1, 0, 2]);
    let lists: ArrayRef = Arc::new(LargeListArray::new(field("item", &named), offsets, named, None));
    let nothing: arrow_array::DictionaryArray<Int8Type> = vec![None, None, None].into_iter().collect();
    let columns: [(&str, ArrayRef); 2] = [("x", lists), ("y", Arc::new(nothing))];
    let plain = RecordBatch::try_from_iter(columns).expect("a batch");
    for mode in ["aead", "siv"] {
        let json = format!(
            r#"{{"fields":[{{"path":"$.x[*].pair[*]","mode":"{mode}"}},{{"path":"y","mode":"{mode}"}}]}}"#
        );
        for plain in [plain.clone(), plain.slice(1, 2)] {
            let policy: FieldPolicy = serde_json::from_str(&json).expect("a policy");
            let mut protector = world.keyed(policy).expect("keys");
            let sealed = protector.batch(&plain).expect("it protects");
            assert_ne!(sealed.schema(), plain.schema());
            let manifest = manifest(protector);
            let back = world.revealer(&manifest).expect("keys").batch(&sealed).expect("it reveals");
            assert_eq!(back.column(0), plain.column(0), "{mode}");
            assert_eq!(
                (back.column(1).data_type(), back.column(1).null_count()),
                (&DataType::Utf8, plain.num_rows())
            );
        }
    }
}
