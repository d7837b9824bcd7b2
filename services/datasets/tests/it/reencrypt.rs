//! Protecting anew after a rotation: a file that is streamed through the node, and outputs in the background.

use crate::{House, csv, modes::policy};
use base::{Action, Fault as _, Id, Kind, Limit, noun};
use bytes::Bytes;
use datasets::{Directories, Error, JobState, Location, Name, Protected};
use fields::{FieldPolicy, SignedManifest, formats::Format};
use policy::Resource;
use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

const INPUT: &[u8] =
    b"id,name,email,card,note\n1,Ada,ada@example.com,4242424242424242,x\n2,Bob,,4242424242424242,y\n";

fn name() -> Name {
    "payments".parse().expect("a name")
}

fn fields() -> FieldPolicy {
    policy(&[("name", "token"), ("email", "aead"), ("card", "ff1:digits"), ("note", "blind-index:8")])
}

impl House {
    /// The same house whose node may write in a directory.
    fn writing_in(mut self, dir: &Path) -> Self {
        self.datasets = self.datasets.with_destination(Arc::new(Directories::new([dir.to_owned()])));
        self
    }

    fn asked(&self, action: Action) -> policy::Permit {
        let resource = Resource::Dataset(name().dataset(self.ctx.organization()));
        self.policy
            .permit(&self.ctx, action, resource, base::Clock::now(&*self.clock))
            .expect("it is allowed")
    }

    /// Protects a file and puts it with its manifest where the run was told.
    async fn put(&self, dir: &Path, file: &str, input: &[u8], format: Format) -> (PathBuf, Protected) {
        let path = dir.join(file);
        let permit = self.asked(Action::DatasetsProtect);
        let begun = self.datasets.protect(&self.ctx, permit, &name(), Some(fields()), format).await;
        let mut run = begun.expect("it begins");
        run.destined(at(&path));
        let mut output = run.push(Bytes::copy_from_slice(input)).await.expect("it protects").to_vec();
        let end = run.finish().await.expect("it ends");
        output.extend_from_slice(&end.rest);
        fs::write(&path, output).expect("it writes");
        fs::write(beside(&path), end.manifest.to_file()).expect("it writes");
        (path, end)
    }

    async fn revealed(&self, path: &Path) -> Result<Vec<u8>, Error> {
        let manifest =
            SignedManifest::read(&fs::read(beside(path)).expect("it is there")).expect("a manifest");
        self.reveal(&self.ctx, &fs::read(path).expect("it is there"), &manifest, 30).await
    }

    /// Rotates the dataset's key pair and all of its field keys.
    async fn rotate(&self) {
        let filter = keys::Filter {
            purpose: None,
            dataset: Some(name().dataset(self.ctx.organization())),
            field: None,
            state: Some(keys::State::Active),
        };
        let all =
            self.keys.versions(&self.ctx, &filter, Limit::default(), None).await.expect("they are there");
        for key in all.items {
            let resource = Resource::Key(key.id);
            let permit = self.policy.permit(&self.ctx, Action::KeysRotate, resource, crate::NOW);
            let permit = permit.expect("it is allowed");
            self.keys.rotate(&self.ctx, &permit, key.id, None).await.expect("it rotates");
        }
    }

    /// How much stands under which version: old and in use.
    async fn under(&self) -> (u64, u64) {
        let shown = self.datasets.show(&self.ctx, &name()).await.expect("it is there");
        let sum =
            |current| shown.outputs.iter().filter(|by| by.current == current).map(|by| by.outputs).sum();
        (sum(false), sum(true))
    }

    /// Runs the background step until there is nothing more to do.
    async fn work(&self) {
        while self.datasets.reencrypt_step(&self.ctx).await.expect("it works") {}
    }

    async fn destroy(&self, key: Id<noun::Key>) -> Result<keys::Key, keys::Error> {
        let permit = self.policy.permit(&self.ctx, Action::KeysDestroy, Resource::Key(key), crate::NOW);
        self.keys.destroy(&self.ctx, &permit.expect("it is allowed"), key).await
    }
}

fn at(path: &Path) -> Location {
    path.to_str().expect("text").parse().expect("a location")
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".manifest.json");
    name.into()
}

#[tokio::test]
async fn a_streamed_file_stands_under_the_keys_in_use_and_says_the_same() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    let json = br#"[{"name":"Ada","email":"a@b.c","card":"4242424242424242","note":"x"}]"#;
    for (format, input) in [(csv(), INPUT), (Format::Json, &json[..])] {
        let (old, end) = house.protect_as(&name(), Some(fields()), format, input).await.expect("it protects");
        let before = house.reveal(&house.ctx, &old, &end.manifest, 30).await.expect("it reveals");
        house.rotate().await;
        let run =
            house.datasets.reencrypt(&house.ctx, house.asked(Action::KeysReencrypt), &end.manifest).await;
        let mut run = run.expect("it begins");
        let mut output = Vec::new();
        for piece in old.chunks(40) {
            output.extend_from_slice(&run.push(Bytes::copy_from_slice(piece)).await.expect("it goes on"));
        }
        let new = run.finish().await.expect("it ends");
        output.extend_from_slice(&new.rest);
        let (was, is) = (&end.content, &new.content);
        assert_ne!(was.recipient, is.recipient);
        assert_eq!(was.policy, is.policy, "the policy stays, one-way fields with it");
        for field in ["name", "card"] {
            assert_ne!(
                was.field_key(field).expect("it has one").key,
                is.field_key(field).expect("it has one").key
            );
        }
        assert_eq!(was.field_key("note"), is.field_key("note"), "what is one-way stays under its key");
        let after = house.reveal(&house.ctx, &output, &new.manifest, 30).await.expect("it reveals");
        assert_eq!(after, before);
        assert_eq!(
            house.reveal(&house.ctx, &old, &end.manifest, 30).await.expect("old versions open"),
            before
        );
    }
    let kinds = house.kinds().await;
    assert_eq!(kinds.iter().filter(|kind| *kind == "dataset.reencrypted").count(), 2);
}

#[tokio::test]
async fn what_is_altered_or_cut_is_not_protected_anew() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    let (old, end) = house.protect_as(&name(), Some(fields()), csv(), INPUT).await.expect("it protects");
    let mut altered = old.clone();
    let last = altered.len() - 2;
    altered[last] ^= 1;
    for wrong in [&altered[..], &old[..old.len() - 5]] {
        let run =
            house.datasets.reencrypt(&house.ctx, house.asked(Action::KeysReencrypt), &end.manifest).await;
        let mut run = run.expect("it begins");
        let pushed = run.push(Bytes::copy_from_slice(wrong)).await;
        assert!(pushed.is_err() || run.finish().await.is_err(), "it has no manifest");
    }
    assert!(!house.kinds().await.contains(&"dataset.reencrypted".to_owned()));
    let mask = Some(policy(&[("card", "mask:0-4")]));
    let (_, end) = house.protect_as(&name(), mask, csv(), INPUT).await.expect("it protects");
    let run = house.datasets.reencrypt(&house.ctx, house.asked(Action::KeysReencrypt), &end.manifest).await;
    assert!(matches!(run, Err(Error::OneWay)));
    let run = house.datasets.reencrypt(&house.ctx, house.asked(Action::DatasetsReveal), &end.manifest).await;
    assert!(matches!(run, Err(Error::Refused(_))), "to reveal is another act");
}

#[tokio::test]
async fn outputs_are_protected_anew_in_the_background_and_old_keys_can_go() {
    let dir = tempfile::tempdir().expect("a directory");
    let out = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await.writing_in(out.path());
    let (one, first) = house.put(out.path(), "one.csv", INPUT, csv()).await;
    let (two, _) = house
        .put(
            out.path(),
            "two.ndjson",
            b"{\"name\":\"Ada\",\"email\":\"a\",\"card\":\"4242424242\",\"note\":\"x\"}\n",
            Format::Ndjson,
        )
        .await;
    // Elsewhere: one that was streamed away, and one where this node may not write.
    let (away, gone) = house.protect_as(&name(), Some(fields()), csv(), INPUT).await.expect("it protects");
    house.put(dir.path(), "not-here.csv", INPUT, csv()).await;
    assert_eq!(house.under().await, (0, 16), "four outputs under four keys each");
    let asked =
        house.datasets.reencrypt_outputs(&house.ctx, house.asked(Action::KeysReencrypt), &name()).await;
    let nothing = asked.expect("it is asked");
    assert_eq!((nothing.state, nothing.outputs, nothing.elsewhere), (JobState::Done, 0, 0));

    // Jobs are told apart by when they were asked for.
    house.clock.forward(std::time::Duration::from_millis(1));
    let before =
        (house.revealed(&one).await.expect("it reveals"), house.revealed(&two).await.expect("it reveals"));
    house.rotate().await;
    assert_eq!(house.under().await, (16, 0));
    let old =
        house.datasets.outputs(&house.ctx, &name(), true, Limit::try_from(3).expect("a limit"), None).await;
    let old = old.expect("they are there");
    assert_eq!((old.items.len(), old.next.is_some()), (3, true));
    let next = old.next.map(|run| run.parse().expect("a run"));
    let rest = house
        .datasets
        .outputs(&house.ctx, &name(), true, Limit::default(), next)
        .await
        .expect("they are there");
    assert_eq!((rest.items.len(), rest.next), (1, None));
    let all = [old.items, rest.items].concat();
    let mut here: Vec<_> =
        all.iter().filter(|output| output.writable).map(|output| output.location.clone()).collect();
    here.sort_unstable();
    assert_eq!(here, [Some(at(&one)), Some(at(&two))]);

    let job = house.datasets.reencrypt_outputs(&house.ctx, house.asked(Action::KeysReencrypt), &name()).await;
    let job = job.expect("it begins");
    assert_eq!((job.state, job.outputs, job.elsewhere), (JobState::Running, 2, 2));
    let again =
        house.datasets.reencrypt_outputs(&house.ctx, house.asked(Action::KeysReencrypt), &name()).await;
    assert_eq!(again.expect_err("it runs already").kind(), Kind::Conflict);
    let mut seen = Vec::new();
    while house.datasets.reencrypt_step(&house.ctx).await.expect("it works") {
        let progress = house.datasets.reencryption(&house.ctx, &name()).await.expect("it reads");
        let progress = progress.expect("it is shown");
        assert_eq!(progress.job, job.job);
        seen.push(progress.bytes);
    }
    assert!(seen.is_sorted() && seen.last() > seen.first(), "it is seen to go on: {seen:?}");
    let done = house.datasets.reencryption(&house.ctx, &name()).await.expect("it reads").expect("it is kept");
    assert_eq!((done.state, done.done, done.failed), (JobState::Done, 2, 0));
    assert_eq!((done.bytes, done.rows), (done.total_bytes, 3));

    assert_eq!(house.revealed(&one).await.expect("it reveals"), before.0);
    assert_eq!(house.revealed(&two).await.expect("it reveals"), before.1);
    let left = fs::read_dir(out.path()).expect("it reads").count();
    assert_eq!(left, 4, "nothing is left over");
    // One-way fields stay under their key: two outputs by one key each, and the two elsewhere by all four.
    assert_eq!(house.under().await, (8 + 2, 2 * 3));

    // The old key pair is needed by the two elsewhere, and says so.
    let refused = house.destroy(first.content.recipient).await.expect_err("it is needed");
    assert!(matches!(refused, keys::Error::Referred { .. }), "{refused}");
    let permit = house.asked(Action::KeysReencrypt);
    let elsewhere = house.datasets.outputs(&house.ctx, &name(), true, Limit::default(), None).await;
    let elsewhere = elsewhere.expect("they are there").items;
    for output in elsewhere.iter().filter(|output| !output.writable) {
        house.datasets.forget_output(&house.ctx, &permit, &name(), output.run).await.expect("it is known");
    }
    let again = house.datasets.forget_output(&house.ctx, &permit, &name(), gone.content.run).await;
    assert!(matches!(again, Err(Error::NoOutput(_))));
    house.destroy(first.content.recipient).await.expect("nothing needs it");
    let lost = house.reveal(&house.ctx, &away, &gone.manifest, 30).await.expect_err("its key was destroyed");
    assert!(matches!(lost, Error::Keys(keys::Error::Closed { .. })), "{lost}");
    house.revealed(&one).await.expect("what was protected anew opens");
}

#[tokio::test]
async fn an_output_that_cannot_be_done_stays_as_it_was_and_the_others_are_done() {
    let dir = tempfile::tempdir().expect("a directory");
    let out = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await.writing_in(out.path());
    let (one, _) = house.put(out.path(), "one.csv", INPUT, csv()).await;
    let (two, _) = house.put(out.path(), "two.csv", INPUT, csv()).await;
    let (three, _) = house.put(out.path(), "three.csv", INPUT, csv()).await;
    house.rotate().await;
    let mut altered = fs::read(&one).expect("it is there");
    altered[40] ^= 1;
    fs::write(&one, &altered).expect("it writes");
    fs::remove_file(&two).expect("it is there");
    let job = house.datasets.reencrypt_outputs(&house.ctx, house.asked(Action::KeysReencrypt), &name()).await;
    assert_eq!(job.expect("it begins").outputs, 3);
    house.work().await;
    let done = house.datasets.reencryption(&house.ctx, &name()).await.expect("it reads").expect("it is kept");
    assert_eq!((done.state, done.done, done.failed), (JobState::Done, 1, 2));
    assert_eq!(fs::read(&one).expect("it is there"), altered);
    house.revealed(&three).await.expect("it was done");
    assert_eq!(fs::read_dir(out.path()).expect("it reads").count(), 5, "nothing is left over");
}

#[tokio::test]
async fn a_job_ends_with_its_persons_permit_and_with_the_process_and_goes_on_when_asked_again() {
    let dir = tempfile::tempdir().expect("a directory");
    let out = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await.writing_in(out.path());
    for file in ["one.csv", "two.csv"] {
        house.put(out.path(), file, INPUT, csv()).await;
    }
    house.rotate().await;
    let ask = async || {
        house.datasets.reencrypt_outputs(&house.ctx, house.asked(Action::KeysReencrypt), &name()).await
    };
    let progress =
        async || house.datasets.reencryption(&house.ctx, &name()).await.expect("it reads").expect("kept");
    ask().await.expect("it begins");
    // The node hears nothing of standings: what opens data is refused, to a job too.
    house.clock.forward(std::time::Duration::from_secs(6));
    house.work().await;
    assert_eq!((progress().await.state, progress().await.done), (JobState::Interrupted, 0));
    house.hear(house.clock.forward(std::time::Duration::ZERO)).await;

    // A process that ends in the middle: the next one finds its job running.
    house.clock.forward(std::time::Duration::from_millis(1));
    ask().await.expect("it begins anew");
    house.datasets.reencrypt_step(&house.ctx).await.expect("it works");
    let next = datasets::Datasets::new(
        house.store.clone(),
        house.keys.clone(),
        house.policy.clone(),
        crypto::aws_lc(),
        house.clock.clone(),
    )
    .with_destination(Arc::new(Directories::new([out.path().to_owned()])));
    assert_eq!(
        next.reencryption(&house.ctx, &name()).await.expect("it reads").expect("kept").state,
        JobState::Running
    );
    assert!(!next.reencrypt_step(&house.ctx).await.expect("it works"), "nobody's permit, no work");
    let seen = next.reencryption(&house.ctx, &name()).await.expect("it reads").expect("kept");
    assert_eq!(seen.state, JobState::Interrupted);
    house.clock.forward(std::time::Duration::from_millis(1));
    let job = next.reencrypt_outputs(&house.ctx, house.asked(Action::KeysReencrypt), &name()).await;
    assert_eq!(job.expect("it begins").outputs, 2);
    while next.reencrypt_step(&house.ctx).await.expect("it works") {}
    let done = next.reencryption(&house.ctx, &name()).await.expect("it reads").expect("kept");
    assert_eq!((done.state, done.done), (JobState::Done, 2));
    for file in ["one.csv", "two.csv"] {
        house.revealed(&out.path().join(file)).await.expect("it reveals");
    }
}

/// The process ends between the record of the new run and the swap of the pair, or after the swap and before the
/// register knows: the register and the place agree again.
#[tokio::test]
async fn the_register_follows_what_stands_at_a_place() {
    let dir = tempfile::tempdir().expect("a directory");
    let out = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await.writing_in(out.path());
    let (path, _) = house.put(out.path(), "one.csv", INPUT, csv()).await;
    house.rotate().await;
    // A second run registered at the same place, as after the record: the file is still the first one's.
    let kept = (fs::read(&path).expect("it is there"), fs::read(beside(&path)).expect("it is there"));
    let (_, second) = house.put(out.path(), "one.csv", INPUT, csv()).await;
    let swapped = (fs::read(&path).expect("it is there"), fs::read(beside(&path)).expect("it is there"));
    let outputs = async || {
        let page = house.datasets.outputs(&house.ctx, &name(), false, Limit::default(), None).await;
        page.expect("it reads").items
    };
    assert_eq!(outputs().await.len(), 2);
    // The swap was done: the first run is found gone when it is its turn.
    house
        .datasets
        .reencrypt_outputs(&house.ctx, house.asked(Action::KeysReencrypt), &name())
        .await
        .expect("begins");
    house.work().await;
    let left = outputs().await;
    assert_eq!((left.len(), left[0].run, left[0].current), (1, second.content.run, true));
    let done = house.datasets.reencryption(&house.ctx, &name()).await.expect("it reads").expect("it is kept");
    assert_eq!((done.state, done.outputs, done.failed), (JobState::Done, 0, 0), "what is gone is no failure");
    // Somebody puts the old pair back: it opens still, for its keys are kept until they are destroyed.
    fs::write(&path, &kept.0).expect("it writes");
    fs::write(beside(&path), &kept.1).expect("it writes");
    house.revealed(&path).await.expect("it reveals");
    fs::write(&path, &swapped.0).expect("it writes");
    fs::write(beside(&path), &swapped.1).expect("it writes");
    house.revealed(&path).await.expect("it reveals");
}

/// What has no way back stays under its old key, and is no reason to begin again.
#[tokio::test]
async fn protecting_anew_comes_to_an_end_with_a_blind_index() {
    let dir = tempfile::tempdir().expect("a directory");
    let out = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await.writing_in(out.path());
    house.put(out.path(), "one.csv", INPUT, csv()).await;
    house.rotate().await;
    for outputs in [1, 0] {
        house.clock.forward(std::time::Duration::from_millis(1));
        let job =
            house.datasets.reencrypt_outputs(&house.ctx, house.asked(Action::KeysReencrypt), &name()).await;
        assert_eq!(job.expect("it is asked").outputs, outputs);
        house.work().await;
    }
    let old = house.datasets.outputs(&house.ctx, &name(), true, Limit::default(), None).await;
    assert!(old.expect("it reads").items.is_empty());
    assert_eq!(house.under().await, (1, 3), "the version of the blind index is told all the same");
}

/// Where an output stands is the word of who protected it: beside what is not this dataset's, nothing is touched.
#[tokio::test]
async fn nothing_is_settled_beside_a_manifest_that_is_not_registered_there() {
    let dir = tempfile::tempdir().expect("a directory");
    let out = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await.writing_in(out.path());
    let (path, _) = house.put(out.path(), "one.csv", INPUT, csv()).await;
    let (_, other) = house.protect(&house.ctx, crate::FILE, 100).await.expect("it protects");
    fs::write(beside(&path), other.manifest.to_file()).expect("it writes");
    let mine = out.path().join("one.csv.reencrypted");
    fs::write(&mine, b"somebody's").expect("it writes");
    house.rotate().await;
    let job = house.datasets.reencrypt_outputs(&house.ctx, house.asked(Action::KeysReencrypt), &name()).await;
    job.expect("it begins");
    house.work().await;
    let done = house.datasets.reencryption(&house.ctx, &name()).await.expect("it reads").expect("it is kept");
    assert_eq!((done.done, done.failed), (0, 1));
    assert_eq!(fs::read(&mine).expect("it is there"), b"somebody's");
}
