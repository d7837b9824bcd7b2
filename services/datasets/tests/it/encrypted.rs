//! Whole columns by Parquet Modular Encryption: pyarrow reads them with the keys that this service releases to it, each
//! under its own permission and on record. In builds that have the feature.

use crate::{House, modes::policy};
use base::{Action, Role};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use crypto::text;
use datasets::{Error, Name};
use fields::{KeyName, formats::Format};
use policy::{Permit, Resource};
use serde_json::{Value, json};
use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Command, Stdio},
};

/// pyarrow with a `KmsClient` that asks the other side of the pipe.
const READER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../core/fields/tests/it/oracle/release.py");

fn name() -> Name {
    "salaries".parse().expect("a name")
}

/// Has pyarrow read what was protected; it is handed what `answer` says to each of its questions for a key.
fn read(input: &[u8], output: &[u8], mut answer: impl FnMut(&Value) -> Value) -> Value {
    let python = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../python/bin/python");
    assert!(python.exists(), "{} is missing: run `make test`", python.display());
    let mut child = Command::new(python)
        .arg(READER)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("Python starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let mut say = |value: Value| stdin.write_all(format!("{value}\n").as_bytes()).expect("it listens");
    say(json!({
        "input": text::encode(input),
        "output": text::encode(output),
        "whole": ["name", "salary"],
        "sealed": ["card"],
        "kept": ["id"],
    }));
    let last = loop {
        let line = lines.next().expect("it answers").expect("text");
        let said: Value = serde_json::from_str(&line).expect("JSON");
        if said.get("key_name").is_none() {
            break said;
        }
        say(answer(&said));
    };
    assert!(child.wait().expect("it ends").success());
    last
}

impl House {
    /// What a key service does with pyarrow's question.
    async fn released(&self, ctx: &base::Context, permit: &Permit, question: &Value) -> Result<Value, Error> {
        let name: KeyName = question["key_name"].as_str().expect("text").parse().expect("a key's name");
        let sealed = STANDARD.decode(question["wrapped_key"].as_str().expect("text")).expect("base64");
        let key = self.datasets.release_key(ctx, permit, &name, &sealed).await?;
        Ok(json!({ "key": text::encode(key.expose()) }))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pyarrow_reads_whole_columns_with_released_keys() {
    let dir = tempfile::tempdir().expect("a directory");
    let spool = tempfile::tempdir().expect("a directory");
    let mut house = House::new(dir.path()).await;
    house.datasets = house.datasets.with_spool(spool.path().to_owned());
    let fields = policy(&[("name", "parquet-aead"), ("salary", "parquet-aead"), ("card", "aead")]);
    let input = crate::parquet::file();
    let (output, end) =
        house.protect_as(&name(), Some(fields), Format::Parquet, &input).await.expect("it protects");
    let dataset = end.content.dataset;
    assert!(!output.windows(9).any(|window| window == b"person 11"));
    let wait = |asked: std::pin::Pin<Box<dyn Future<Output = Result<Value, Error>> + '_>>| {
        tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(asked))
    };

    let permit = house.permit(&house.ctx, Action::KeysRelease, dataset);
    let mut asked = 0;
    let said = read(&input, &output, |question| {
        asked += 1;
        wait(Box::pin(house.released(&house.ctx, &permit, question))).expect("it is released")
    });
    assert_eq!(said, json!({ "wrong": [] }));
    let released = house.kinds().await.iter().filter(|kind| *kind == "key.released").count();
    assert!(asked >= 2 && released == asked, "{released} of {asked} are on record");

    // A permit to reveal is none to take the key away.
    let to_reveal = house.permit(&house.ctx, Action::DatasetsReveal, dataset);
    let said = read(&input, &output, |question| {
        let refused = wait(Box::pin(house.released(&house.ctx, &to_reveal, question)));
        assert!(matches!(refused, Err(Error::Refused(_))));
        json!({ "key": null })
    });
    assert!(said["refused"].is_string() && said["wrong"] == json!([]), "{said}");
    let auditor = crate::person(house.ctx.organization(), Role::Auditor);
    let refused = house.policy.permit(&auditor, Action::KeysRelease, Resource::Dataset(dataset), crate::NOW);
    refused.expect_err("auditors open nothing");

    // A suspended key releases nothing more.
    let key = end.content.recipient;
    let suspends = house.policy.permit(&house.ctx, Action::KeysSuspend, Resource::Key(key), crate::NOW);
    house.keys.suspend(&house.ctx, &suspends.expect("it is allowed"), key).await.expect("it is suspended");
    let said = read(&input, &output, |question| {
        let closed = wait(Box::pin(house.released(&house.ctx, &permit, question)));
        assert!(matches!(closed, Err(Error::Keys(keys::Error::Closed { .. }))));
        json!({ "key": null })
    });
    assert!(said["refused"].is_string() && said["wrong"] == json!([]), "{said}");
}
