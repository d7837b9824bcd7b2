//! Values, keys and suites in a place that is not theirs.

use crate::{House, NOW, csv, modes::policy};
use base::{Action, Fault as _, Id, Kind, noun};
use crypto::Suite;
use datasets::{Error, Name};
use fields::{Manifest, Output, SignedManifest, formats::Format};
use policy::Resource;

const INPUT: &[u8] = b"id,a,b\n1,one,uno\n2,two,due\n";

fn name(name: &str) -> Name {
    name.parse().expect("a name")
}

/// The cells of a file by row and column.
fn cells(file: &[u8]) -> Vec<Vec<String>> {
    let text = String::from_utf8(file.to_vec()).expect("text");
    text.lines().map(|line| line.split(',').map(str::to_owned).collect()).collect()
}

fn joined(cells: &[Vec<String>]) -> Vec<u8> {
    cells.iter().map(|row| row.join(",") + "\n").collect::<String>().into_bytes()
}

impl House {
    /// A manifest under the signature of the house itself.
    async fn signs(&self, manifest: &Manifest) -> SignedManifest {
        let dataset = manifest.dataset;
        let permit = self.permit(&self.ctx, Action::DatasetsProtect, dataset);
        let (purpose, json) = (keys::Purpose::Manifest, manifest.to_json());
        let jws = self.keys.sign(&self.ctx, purpose, &permit, dataset, fields::TYPE, json).await;
        SignedManifest::from_jws(jws.expect("it signs"))
    }

    /// What a reveal says to a file and a manifest that the house vouches for.
    async fn said(&self, output: &[u8], manifest: &Manifest) -> Error {
        self.reveal(&self.ctx, output, &self.signs(manifest).await, 1_000)
            .await
            .expect_err("it does not open")
    }
}

#[tokio::test]
async fn a_moved_value_does_not_open_and_says_where_it_stands() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    for mode in ["aead", "gcm-siv", "siv", "token"] {
        let fields = Some(policy(&[("a", mode), ("b", mode)]));
        let (output, end) =
            house.protect_as(&name("moved"), fields, csv(), INPUT).await.expect("it protects");
        let mut moved = cells(&output);
        moved[2].swap(1, 2);
        let error = house.reveal(&house.ctx, &joined(&moved), &end.manifest, 1_000).await.expect_err("moved");
        assert!(error.to_string().starts_with("row 2, column `a`"), "{mode}: {error}");
        assert_eq!(error.kind(), Kind::CheckFailed);
        // Into another row of its column: every value opens, and the file is not the one that was signed.
        let mut moved = cells(&output);
        let (one, two) = (moved[1][1].clone(), moved[2][1].clone());
        (moved[1][1], moved[2][1]) = (two, one);
        let error = house.reveal(&house.ctx, &joined(&moved), &end.manifest, 1_000).await.expect_err("moved");
        assert!(matches!(error, Error::Fields(fields::Error::NotAsDescribed(_))), "{mode}: {error}");
    }
    // With a row key a value does not open in another row either.
    let keyed = fields::FieldPolicy::new(
        policy(&[("a", "aead")]).fields().to_vec(),
        Some(fields::Path::parse("id").expect("a path")),
    );
    let keyed = Some(keyed.expect("a policy"));
    let (output, end) = house.protect_as(&name("moved"), keyed, csv(), INPUT).await.expect("it protects");
    let mut moved = cells(&output);
    let (one, two) = (moved[1][1].clone(), moved[2][1].clone());
    (moved[1][1], moved[2][1]) = (two, one);
    let error = house.reveal(&house.ctx, &joined(&moved), &end.manifest, 1_000).await.expect_err("moved");
    assert!(error.to_string().starts_with("row 1, column `a`"), "{error}");
}

/// Puts parts of another run's manifest, or of another dataset's, into one.
type Change = fn(&mut Manifest, &Manifest, &Manifest);

/// A good signature stands under a manifest with parts of another in it: what was sealed elsewhere does not open.
#[tokio::test]
async fn keys_and_values_of_another_dataset_run_or_suite_do_not_open() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    let fields = || Some(policy(&[("a", "aead"), ("b", "siv")]));
    let protect = async |dataset: &str| {
        let (output, end) =
            house.protect_as(&name(dataset), fields(), csv(), INPUT).await.expect("it protects");
        (output, end.content)
    };
    let ((output, first), (_, second)) = (protect("one").await, protect("one").await);
    let (_, other) = protect("two").await;
    assert_eq!(
        house.reveal(&house.ctx, &output, &house.signs(&first).await, 1_000).await.expect("it is whole"),
        INPUT
    );

    let with = |change: Change| {
        let mut manifest = first.clone();
        change(&mut manifest, &second, &other);
        manifest
    };
    let closed: [(&str, Change); 7] = [
        ("the keys of another run", |manifest, second, _| manifest.keys.clone_from(&second.keys)),
        ("another run", |manifest, second, _| manifest.run = second.run),
        ("another suite", |manifest, _, _| manifest.suite = Suite::Cnsa2),
        ("another dataset's key pair", |manifest, _, other| manifest.recipient = other.recipient),
        ("another dataset's field key", |manifest, _, other| {
            manifest.field_keys.clone_from(&other.field_keys)
        }),
        ("a field key that is none", |manifest, _, _| manifest.field_keys[0].key = manifest.recipient),
        ("a key id that is another", |manifest, _, _| manifest.field_keys[0].id ^= 1),
    ];
    for (what, change) in closed {
        let error = house.said(&output, &with(change)).await;
        assert!(!matches!(error, Error::Refused(_) | Error::Store(_)), "{what}: {error}");
    }
    let mut elsewhere = first.clone();
    elsewhere.dataset = other.dataset;
    house.said(&output, &elsewhere).await;
    let revealed = house.kinds().await.iter().filter(|kind| *kind == "dataset.revealed").count();
    assert_eq!(revealed, 1, "what did not open was not revealed, and is not on record as if it was");
}

/// In every format, a manifest that says more or less than there is, even under a good signature.
#[tokio::test]
async fn a_file_that_is_short_of_rows_or_more_than_described_is_refused_in_every_format() {
    let dir = tempfile::tempdir().expect("a directory");
    let spool = tempfile::tempdir().expect("a directory");
    let mut house = House::new(dir.path()).await;
    house.datasets = house.datasets.with_spool(spool.path().to_owned());
    let parquet = crate::parquet::file();
    let files: [(Format, &str, &[u8]); 4] = [
        (csv(), "a", INPUT),
        (Format::Json, "a", br#"[{"a":"one"},{"a":"two"}]"#),
        (Format::Ndjson, "a", b"{\"a\":\"one\"}\n{\"a\":\"two\"}\n"),
        (Format::Parquet, "name", &parquet),
    ];
    for (format, field, input) in files {
        let code = format.as_str();
        let fields = Some(policy(&[(field, "aead")]));
        let (output, end) =
            house.protect_as(&name("rows"), fields, format, input).await.expect("it protects");
        let as_signed = house.reveal(&house.ctx, &output, &house.signs(&end.content).await, 1_000).await;
        as_signed.unwrap_or_else(|error| panic!("{code}: {error}"));
        for (rows, bytes) in [(1, 0), (-1, 0), (0, 1), (0, -1)] {
            let mut manifest = end.content.clone();
            let change =
                |number: &mut u64, by: i64| *number = number.checked_add_signed(by).expect("a number");
            match &mut manifest.output {
                Output::Csv { rows: r, bytes: b, .. }
                | Output::Json { rows: r, bytes: b, .. }
                | Output::Ndjson { rows: r, bytes: b, .. }
                | Output::Parquet { rows: r, bytes: b, .. } => {
                    change(r, rows);
                    change(b, bytes);
                }
            }
            let error = house.said(&output, &manifest).await;
            assert!(
                matches!(error, Error::Fields(fields::Error::NotAsDescribed(_))),
                "{code}, {rows} rows, {bytes} bytes: {error}"
            );
        }
        let mut manifest = end.content.clone();
        manifest.output = match manifest.output {
            Output::Csv { rows, bytes, sha256, .. } => Output::Ndjson { rows, bytes, sha256 },
            Output::Json { rows, bytes, sha256 } | Output::Ndjson { rows, bytes, sha256 } => {
                Output::Parquet { rows, bytes, sha256 }
            }
            Output::Parquet { rows, bytes, sha256 } => Output::Json { rows, bytes, sha256 },
        };
        house.said(&output, &manifest).await;
        house.said(&output[..output.len() / 2], &end.content).await;
    }
}

#[tokio::test]
async fn a_rotation_changes_the_suite_and_both_open() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    let fields = || Some(policy(&[("a", "aead"), ("b", "siv")]));
    let (old, first) = house.protect_as(&name("one"), fields(), csv(), INPUT).await.expect("it protects");
    assert_eq!(first.content.suite, Suite::Hybrid768);
    let key: Id<noun::Key> = first.content.recipient;
    let permit = house.policy.permit(&house.ctx, Action::KeysRotate, Resource::Key(key), NOW);
    let permit = permit.expect("it is allowed");
    house.keys.rotate(&house.ctx, &permit, key, Some(Suite::Cnsa2)).await.expect("it rotates");
    let (new, second) = house.protect_as(&name("one"), fields(), csv(), INPUT).await.expect("it protects");
    assert_eq!(second.content.suite, Suite::Cnsa2);
    for (output, end) in [(old, first), (new, second)] {
        assert_eq!(house.reveal(&house.ctx, &output, &end.manifest, 1_000).await.expect("it opens"), INPUT);
    }
}
