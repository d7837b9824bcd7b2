//! Arrow batches.

use crate::world::World;
use arrow_array::{
    Array as _, ArrayRef, Int64Array, RecordBatch, StringArray, StructArray, cast::AsArray as _,
};
use arrow_schema::{DataType, Field as ArrowField, Schema};
use fields::{
    Error, Field, FieldPolicy, Mode, Path,
    formats::{Dialect, Format, Protect},
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
    let nested: ArrayRef = Arc::new(StructArray::new_empty_fields(3, None));
    let nested = RecordBatch::try_from_iter([("name", nested)]).expect("a batch");
    let error = protector.batch(&nested).expect_err("its members are to be named");
    assert_eq!(error.to_string(), "column `name` has type Struct(), which mode aead does not take");
    let error =
        protector.batch(&RecordBatch::try_from_iter([("name", plain.column(0).clone())]).expect("a batch"));
    assert_eq!(
        error.expect_err("one run, one type").to_string(),
        "column `name` has type int64 where it was utf8 before, which mode aead does not take"
    );
}

#[test]
fn a_data_key_is_replaced_at_its_limit() {
    let world = World::new();
    let policy = FieldPolicy::aead(["a"]).expect("a policy");
    let protector = world.protector(policy).limited(3);
    let mut protect = Protect::new(Format::Csv(Dialect::default()), protector, None).expect("it begins");
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
    let path = |text: &str| Path::parse(text).expect("a path");
    let field = Field::new(path("name"), Mode::Aead);
    let policy = FieldPolicy::new(vec![field], Some(path("id"))).expect("a policy");
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
