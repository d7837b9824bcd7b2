//! Arrow batches.

use crate::world::World;
use arrow_array::{Array as _, Int64Array, RecordBatch, StringArray, cast::AsArray as _};
use arrow_schema::{DataType, Field as ArrowField, Schema};
use fields::{
    Error, Field, FieldPolicy, Mode, Protector,
    formats::csv::{Dialect, Protect},
};
use std::sync::Arc;

fn batch(ids: &[i64], names: &[Option<&str>]) -> RecordBatch {
    let schema = Schema::new(vec![
        ArrowField::new("id", DataType::Int64, false),
        ArrowField::new("name", DataType::Utf8, true),
    ]);
    let columns: Vec<arrow_array::ArrayRef> =
        vec![Arc::new(Int64Array::from(ids.to_vec())), Arc::new(StringArray::from(names.to_vec()))];
    RecordBatch::try_new(Arc::new(schema), columns).expect("a batch")
}

#[test]
fn only_the_policys_columns_change() {
    let world = World::new();
    let mut protector = world.protector(FieldPolicy::aead(["name"]).expect("a policy"));
    let plain = batch(&[1, 2, 3], &[Some("ada"), None, Some("")]);
    let sealed = protector.batch(&plain).expect("it protects");
    assert_eq!(sealed.column(0), plain.column(0));
    let names = sealed.column(1).as_string::<i32>();
    assert!(names.is_null(1) && !names.is_null(2));
    assert_ne!(names.value(0), "ada");

    let error = protector.batch(&plain.project(&[0]).expect("a column")).expect_err("no such column");
    assert!(matches!(error, Error::MissingColumn { .. }));
    let mut other = world.protector(FieldPolicy::aead(["id"]).expect("a policy"));
    let error = other.batch(&plain).expect_err("mode aead takes text here");
    assert_eq!(error.to_string(), "column `id` has type Int64, which mode aead does not take");
}

#[test]
fn a_data_key_is_replaced_at_its_limit() {
    let world = World::new();
    let policy = FieldPolicy::aead(["a"]).expect("a policy");
    let protector =
        Protector::with_key_limit(world.provider.clone(), world.key.clone(), world.run(), policy, 3);
    let mut protect = Protect::new(Dialect::default(), protector.expect("a key"));
    let file = b"a\n1\n2\n3\n\n4\n5\n6\n7\n";
    let mut output = Vec::new();
    for piece in file.chunks(11) {
        protect.push(piece, &mut output).expect("it protects");
    }
    let manifest = protect.finish(&mut output).expect("it ends");
    assert_eq!(manifest.keys.len(), 3, "7 values at 3 each");
    assert_eq!(world.reveal(&output, &manifest, 9).expect("it reveals"), file);
}

#[test]
fn a_row_key_binds_a_value_to_its_row() {
    let world = World::new();
    let field = Field { path: "name".into(), mode: Mode::Aead };
    let policy = FieldPolicy::new(vec![field], Some("id".into())).expect("a policy");
    let (output, manifest) = world.protect(b"id,name\n1,ada\n2,bob\n", policy, 100).expect("it protects");
    assert_eq!(world.reveal(&output, &manifest, 100).expect("it reveals"), b"id,name\n1,ada\n2,bob\n");
    let text = String::from_utf8(output).expect("text");
    let lines = text.lines().collect::<Vec<_>>();
    let (one, two) = (&lines[1][2..], &lines[2][2..]);
    let swapped = format!("id,name\n1,{two}\n2,{one}\n");
    let error = world.reveal(swapped.as_bytes(), &manifest, 100).expect_err("it was moved");
    assert!(matches!(error, Error::Value { row: 1, line: 2, .. }), "{error}");

    let policy = manifest.policy.clone();
    let error = world.protect(b"id,name\n,ada\n", policy, 100).expect_err("a row without a key");
    assert_eq!(error.to_string(), "row 1, column `name`: the row's key column is empty");
}
