//! Parquet through the service: spooled encrypted, types kept, revealed and protected anew.

use crate::{House, modes::policy};
use base::Action;
use bytes::Bytes;
use datasets::{Error, Name};
use fields::{SignedManifest, formats::Format};
use keys::Purpose;
use parquet::{
    data_type::{ByteArray, ByteArrayType, Int64Type},
    file::{
        properties::WriterProperties,
        reader::{FileReader as _, SerializedFileReader},
        writer::SerializedFileWriter,
    },
    schema::parser::parse_message_type,
};
use std::{fs, sync::Arc};

const ROWS: usize = 3_000;

/// What a build with the feature made, or a producer elsewhere, comes to every build: neither opens it, and each says who
/// does.
#[tokio::test]
async fn whole_columns_are_for_a_parquet_reader_in_every_build() {
    let dir = tempfile::tempdir().expect("a directory");
    let spool = tempfile::tempdir().expect("a directory");
    let mut house = House::new(dir.path()).await;
    house.datasets = house.datasets.with_spool(spool.path().to_owned());
    let fields = policy(&[("name", "aead"), ("salary", "aead")]);
    let (output, end) =
        house.protect_as(&name(), Some(fields), Format::Parquet, &file()).await.expect("it protects");
    let mut content = end.content.clone();
    content.policy = policy(&[("name", "parquet-aead"), ("salary", "aead")]);
    let to = house.keys.dataset_key(&house.ctx, content.dataset).await.expect("it is there").public;
    for at in 0..content.keys.len() {
        let info = content.key_info(&content.keys[at]).expect("it names a place");
        let sealed = crypto::hpke::seal(&*crypto::aws_lc(), &to, &info, &[], &[7; 32]);
        content.keys[at].sealed = sealed.expect("it seals");
    }
    let permit = house.permit(&house.ctx, Action::DatasetsProtect, content.dataset);
    let (typ, json) = (fields::TYPE, content.to_json());
    let signed = house.keys.sign(&house.ctx, Purpose::Manifest, &permit, content.dataset, typ, json).await;
    let signed = SignedManifest::from_jws(signed.expect("it signs"));
    let said = house.reveal(&house.ctx, &output, &signed, 10_000).await.expect_err("no build opens it");
    assert!(matches!(said, Error::Fields(fields::Error::Mode { mode: "parquet-aead", .. })), "{said}");
    assert!(said.to_string().contains("nexora keys release"), "{said}");
    let permit = house.permit(&house.ctx, Action::DatasetsReveal, content.dataset);
    let part = ["salary".to_owned()];
    let said = house.datasets.reveal(&house.ctx, permit, &signed, Some(&part)).await.err();
    assert!(said.is_some_and(|said| said.to_string().contains("nexora keys release")), "nor a part of it");
}

/// A file of three row groups: numbers, texts, and a text that is missing in every third row.
pub(crate) fn file() -> Vec<u8> {
    let schema = "message rows { required int64 id; required binary name (string); optional binary card (string); \
                  required int64 salary; }";
    let schema = Arc::new(parse_message_type(schema).expect("a schema"));
    let properties = Arc::new(WriterProperties::builder().build());
    let mut out = Vec::new();
    let mut writer = SerializedFileWriter::new(&mut out, schema, properties).expect("it begins");
    for group in 0..3 {
        let rows: Vec<i64> = (0..1_000).map(|row| group * 1_000 + row).collect();
        let mut group = writer.next_row_group().expect("it goes on");
        let mut column = 0;
        while let Some(mut written) = group.next_column().expect("it goes on") {
            match column {
                0 | 3 => {
                    let values: Vec<i64> = rows.iter().map(|row| row * (column + 1) + 7).collect();
                    written.typed::<Int64Type>().write_batch(&values, None, None).expect("it writes");
                }
                1 => {
                    let text = |row: &i64| ByteArray::from(format!("person {}", row % 17).as_str());
                    let values: Vec<_> = rows.iter().map(text).collect();
                    written.typed::<ByteArrayType>().write_batch(&values, None, None).expect("it writes");
                }
                _ => {
                    let there: Vec<i16> = rows.iter().map(|row| i16::from(row % 3 != 0)).collect();
                    let kept = rows.iter().filter(|row| **row % 3 != 0);
                    let values: Vec<_> = kept
                        .map(|row| ByteArray::from(format!("{:016}", 4_000_000 + row).as_str()))
                        .collect();
                    written
                        .typed::<ByteArrayType>()
                        .write_batch(&values, Some(&there), None)
                        .expect("it writes");
                }
            }
            written.close().expect("it ends");
            column += 1;
        }
        group.close().expect("it ends");
    }
    writer.close().expect("it ends");
    out
}

fn rows(file: &[u8]) -> Vec<String> {
    let reader = SerializedFileReader::new(Bytes::copy_from_slice(file)).expect("a Parquet file");
    reader.get_row_iter(None).expect("rows").map(|row| row.expect("a row").to_string()).collect()
}

fn name() -> Name {
    "salaries".parse().expect("a name")
}

#[tokio::test]
async fn a_parquet_file_goes_out_comes_back_and_is_protected_anew() {
    let dir = tempfile::tempdir().expect("a directory");
    let spool = tempfile::tempdir().expect("a directory");
    let mut house = House::new(dir.path()).await;
    let fields = policy(&[("name", "token"), ("card", "ff1:digits"), ("salary", "aead")]);
    let input = file();
    let refused = house.protect_as(&name(), Some(fields.clone()), Format::Parquet, &input).await;
    assert!(matches!(refused, Err(Error::Spool(_))), "without a place for the spool it is refused");
    house.datasets = house.datasets.with_spool(spool.path().join("made"));
    let (output, end) =
        house.protect_as(&name(), Some(fields), Format::Parquet, &input).await.expect("it protects");
    assert_eq!(end.content.output.rows(), ROWS as u64);
    let (plain, hidden) = (rows(&input), rows(&output));
    assert_eq!(hidden.len(), plain.len());
    for (plain, hidden) in plain.iter().zip(&hidden) {
        assert_ne!(plain, hidden);
        assert!(!hidden.contains("person"), "{hidden}");
    }
    let revealed = house.reveal(&house.ctx, &output, &end.manifest, 10_000).await.expect("it reveals");
    assert_eq!(rows(&revealed), plain);

    let permit = house.permit(&house.ctx, Action::KeysReencrypt, end.content.dataset);
    let mut run = house.datasets.reencrypt(&house.ctx, permit, &end.manifest).await.expect("it begins");
    let mut anew = Vec::new();
    for piece in output.chunks(10_000) {
        anew.extend_from_slice(&run.push(Bytes::copy_from_slice(piece)).await.expect("it goes on"));
    }
    while let Some(more) = run.more().await.expect("it goes on") {
        anew.extend_from_slice(&more);
    }
    let new = run.finish().await.expect("it ends");
    let revealed = house.reveal(&house.ctx, &anew, &new.manifest, 10_000).await.expect("it reveals");
    assert_eq!(rows(&revealed), plain);

    for at in [output.len() / 3, output.len() - 20] {
        let mut altered = output.clone();
        altered[at] ^= 1;
        house.reveal(&house.ctx, &altered, &end.manifest, 10_000).await.expect_err("it was altered");
    }
    house
        .reveal(&house.ctx, &output[..output.len() - 1], &end.manifest, 10_000)
        .await
        .expect_err("it was cut");
    assert_eq!(
        fs::read_dir(spool.path().join("made")).expect("it was made").count(),
        0,
        "no spool has a name"
    );
}
