//! The ports: our implementations pass their suites, and the suites find what is wrong with doubles.

use crate::House;
use base::{Context, Secret};
use bytes::Bytes;
use datasets::{
    Destination, DestinationError, Directories, Location, Source, Stage, Stored, TableVault, TokenVault,
    Values, VaultError, VaultField, conformance,
};
use futures::{
    FutureExt as _,
    future::{BoxFuture, ready},
};
use std::{
    fs,
    panic::AssertUnwindSafe,
    path::Path,
    sync::{Arc, Mutex},
};

#[tokio::test]
async fn the_table_of_tokens_is_a_vault() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    let other = house.organization(8).await;
    let vault = || TableVault::new(house.store.clone(), crypto::aws_lc());
    conformance::vault(vault(), async || vault(), &house.ctx, &other).await;
}

#[tokio::test]
async fn a_value_of_a_damaged_table_does_not_come_out() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    let vault = TableVault::new(house.store.clone(), crypto::aws_lc());
    let field = |key| VaultField {
        dataset: base::Id::from_bytes([1; 16]),
        field: "email".to_owned(),
        key: base::Id::from_bytes([1; 16]),
        secret: crypto::FieldKey::from_secret(crypto::FieldAlgorithm::Token, 1, Secret::new(vec![key; 64]))
            .expect("a key"),
    };
    let values = [Secret::new(b"ada@example.com".to_vec())];
    let tokens = vault.tokens(&house.ctx, &field(1), &values).await.expect("it gives tokens");
    let wrong = vault.values(&house.ctx, &field(2), &tokens).await;
    assert!(matches!(wrong, Err(VaultError::Damaged(_))), "another key under the same name opens nothing");
}

/// How a double is wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Wrong {
    FreshEachTime,
    OneForAll,
    ForgetsAtRestart,
    AnyField,
    AnyOrganization,
    OutOfOrder,
    TokenIsTheValue,
}

/// Place, value and token.
type Known = Vec<(String, Vec<u8>, String)>;

/// A vault in memory that does one thing wrong.
#[derive(Clone)]
struct Double(Wrong, Arc<Mutex<Known>>);

impl Double {
    fn name(&self, ctx: &Context, field: &VaultField) -> String {
        let organization = match self.0 {
            Wrong::AnyOrganization => String::new(),
            _ => ctx.organization().to_string(),
        };
        match self.0 {
            Wrong::AnyField => organization,
            _ => format!("{organization} {} {} {}", field.dataset, field.field, field.key),
        }
    }
}

impl TokenVault for Double {
    fn tokens<'a>(
        &'a self,
        ctx: &'a Context,
        field: &'a VaultField,
        values: &'a [Secret<Vec<u8>>],
    ) -> BoxFuture<'a, Result<Vec<String>, VaultError>> {
        let mut known = self.1.lock().expect("unbroken");
        let name = self.name(ctx, field);
        let token = |value: &Secret<Vec<u8>>| {
            let value = value.expose();
            let found = known.iter().find(|(place, held, _)| *place == name && held == value);
            if let Some((_, _, token)) = found.filter(|_| self.0 != Wrong::FreshEachTime) {
                return token.clone();
            }
            let token = match self.0 {
                Wrong::OneForAll => "0".repeat(20),
                Wrong::TokenIsTheValue => String::from_utf8_lossy(value).into_owned(),
                _ => format!("{:020}", known.len()),
            };
            known.push((name.clone(), value.clone(), token.clone()));
            token
        };
        let tokens = values.iter().map(token).collect();
        ready(Ok(tokens)).boxed()
    }

    fn values<'a>(
        &'a self,
        ctx: &'a Context,
        field: &'a VaultField,
        tokens: &'a [String],
    ) -> BoxFuture<'a, Result<Values, VaultError>> {
        let known = self.1.lock().expect("unbroken");
        let name = self.name(ctx, field);
        let value = |token: &String| {
            let found = known.iter().find(|(place, _, held)| *place == name && held == token);
            found.map(|(_, value, _)| Secret::new(value.clone()))
        };
        let mut values: Vec<_> = tokens.iter().map(value).collect();
        if self.0 == Wrong::OutOfOrder {
            values.reverse();
        }
        ready(Ok(values)).boxed()
    }
}

#[tokio::test]
async fn the_vaults_suite_finds_each_wrong_double() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    let other = house.organization(8).await;
    for wrong in [
        Wrong::FreshEachTime,
        Wrong::OneForAll,
        Wrong::ForgetsAtRestart,
        Wrong::AnyField,
        Wrong::AnyOrganization,
        Wrong::OutOfOrder,
        Wrong::TokenIsTheValue,
    ] {
        let double = Double(wrong, Arc::default());
        let same = double.clone();
        let reopen = async || {
            if wrong == Wrong::ForgetsAtRestart { Double(wrong, Arc::default()) } else { same.clone() }
        };
        let run = conformance::vault(double, reopen, &house.ctx, &other);
        assert!(AssertUnwindSafe(run).catch_unwind().await.is_err(), "{wrong:?} passes");
    }
}

fn put(path: &Path, data: &[u8], manifest: &[u8]) -> Location {
    fs::write(path, data).expect("it writes");
    fs::write(manifest_of(path), manifest).expect("it writes");
    path.to_str().expect("text").parse().expect("a location")
}

fn manifest_of(path: &Path) -> std::path::PathBuf {
    path.with_extension("csv.manifest.json")
}

#[tokio::test]
async fn local_directories_are_a_destination() {
    let dir = tempfile::tempdir().expect("a directory");
    let (inside, outside) = (dir.path().join("in"), dir.path().join("out"));
    for made in [&inside, &outside] {
        fs::create_dir(made).expect("it is new");
    }
    let location = put(&inside.join("x.csv"), b"old", b"before");
    let elsewhere = put(&outside.join("x.csv"), b"old", b"before");
    let destination = Directories::new([inside.clone()]);
    std::os::unix::fs::symlink(&outside, inside.join("link")).expect("a link");
    for refused in [
        "x.csv",
        "/",
        &format!("{}/../out/x.csv", inside.display()),
        &format!("{}/link/x.csv", inside.display()),
    ] {
        assert!(!destination.writable(&refused.parse().expect("a location")), "{refused}");
    }
    std::os::unix::fs::symlink(outside.join("x.csv"), inside.join("y.csv")).expect("a link");
    fs::write(inside.join("y.csv.manifest.json"), b"before").expect("it writes");
    let link = inside.join("y.csv").to_str().expect("text").parse().expect("a location");
    assert!(destination.read(&link).await.is_err(), "a link to elsewhere is not followed");
    assert!(destination.stage(&link).await.is_err(), "a link to elsewhere is not followed");
    conformance::destination(destination, &location, &elsewhere).await;
    let left = fs::read_dir(&inside).expect("it reads").map(|entry| entry.expect("an entry").file_name());
    let mut left: Vec<_> = left.map(|name| name.into_string().expect("text")).collect();
    left.sort_unstable();
    assert_eq!(left, ["link", "x.csv", "x.csv.manifest.json", "y.csv", "y.csv.manifest.json"]);
}

/// How the manifest is staged of a pair that replaces `before` by the output `new`.
fn mark() -> String {
    use sha2::Digest as _;
    let cut = |bytes: &[u8]| -> String {
        sha2::Sha256::digest(bytes).iter().take(16).map(|byte| format!("{byte:02x}")).collect()
    };
    format!("{}-{}", cut(b"before"), cut(b"new"))
}

/// Every cut while a pair is replaced: what stands there can be read, before and after it is settled.
#[tokio::test]
async fn a_replacement_may_be_cut_off_anywhere() {
    let mark = mark();
    for cut in 0..5 {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("x.csv");
        let location = put(&path, b"old", b"before");
        let staged = dir.path().join("x.csv.reencrypted");
        let part = dir.path().join("x.csv.reencrypted.part");
        let staged_manifest = dir.path().join(format!("x.csv.reencrypted-{mark}.manifest.json"));
        // As a process leaves it that is killed after each of its writes.
        fs::write(&staged, if cut == 0 { &b"ne"[..] } else { b"new" }).expect("it writes");
        match cut {
            0 => {}
            1 => fs::write(&part, b"aft").expect("it writes"),
            _ => fs::write(&staged_manifest, b"after").expect("it writes"),
        }
        if cut >= 3 {
            fs::rename(&staged, &path).expect("it is there");
        }
        if cut == 4 {
            fs::rename(&staged_manifest, manifest_of(&path)).expect("it is there");
        }
        // One whole pair is there, under whichever names.
        let whole = |data: &Path, manifest: &Path| {
            matches!(
                (fs::read(data).ok().as_deref(), fs::read(manifest).ok().as_deref()),
                (Some(b"old"), Some(b"before")) | (Some(b"new"), Some(b"after"))
            )
        };
        let manifest = manifest_of(&path);
        assert!(whole(&path, &manifest) || whole(&path, &staged_manifest), "cut {cut}");

        let destination = Directories::new([dir.path().to_owned()]);
        destination.settle(&location).await.expect("it settles");
        let wanted: (&[u8], &[u8]) = if cut < 2 { (b"old", b"before") } else { (b"new", b"after") };
        let found = (fs::read(&path).expect("it is there"), fs::read(&manifest).expect("it is there"));
        assert_eq!((&*found.0, &*found.1), wanted, "cut {cut}");
        assert_eq!(
            fs::read_dir(dir.path()).expect("it reads").count(),
            2,
            "nothing is left over at cut {cut}"
        );
    }
    // The new output was lost: its manifest does not take the place of the old one.
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("x.csv");
    let location = put(&path, b"old", b"before");
    fs::write(dir.path().join(format!("x.csv.reencrypted-{mark}.manifest.json")), b"after")
        .expect("it writes");
    Directories::new([dir.path().to_owned()]).settle(&location).await.expect("it settles");
    assert_eq!(fs::read(manifest_of(&path)).expect("it is there"), b"before");
    assert_eq!(fs::read_dir(dir.path()).expect("it reads").count(), 2);
    // Another output was put there after the cut: it stays.
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("x.csv");
    let location = put(&path, b"third", b"another");
    fs::write(dir.path().join("x.csv.reencrypted"), b"new").expect("it writes");
    fs::write(dir.path().join(format!("x.csv.reencrypted-{mark}.manifest.json")), b"after")
        .expect("it writes");
    Directories::new([dir.path().to_owned()]).settle(&location).await.expect("it settles");
    assert_eq!(fs::read(&path).expect("it is there"), b"third");
    assert_eq!(fs::read_dir(dir.path()).expect("it reads").count(), 2);
}

/// What stands beside an output may be put there by anyone who can write in the directory.
#[tokio::test]
async fn links_pipes_giants_and_other_outputs_are_not_taken_for_a_pair() {
    let mark = mark();
    let scene = || {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("x.csv");
        let location = put(&path, b"old", b"before");
        let staged_manifest = dir.path().join(format!("x.csv.reencrypted-{mark}.manifest.json"));
        (Directories::new([dir.path().to_owned()]), path, location, staged_manifest, dir)
    };
    // A staged output that is not the one of the staged manifest.
    let (destination, path, location, staged_manifest, dir) = scene();
    fs::write(dir.path().join("x.csv.reencrypted"), b"else").expect("it writes");
    fs::write(&staged_manifest, b"after").expect("it writes");
    destination.settle(&location).await.expect("it settles");
    assert_eq!(fs::read(&path).expect("it is there"), b"old");
    assert_eq!(fs::read(manifest_of(&path)).expect("it is there"), b"before");
    assert_eq!(fs::read_dir(dir.path()).expect("it reads").count(), 2);
    // Links in the place of what is staged.
    let (destination, path, location, staged_manifest, dir) = scene();
    let secret = tempfile::NamedTempFile::new().expect("a file");
    fs::write(secret.path(), b"new").expect("it writes");
    std::os::unix::fs::symlink(secret.path(), dir.path().join("x.csv.reencrypted")).expect("a link");
    fs::write(&staged_manifest, b"after").expect("it writes");
    destination.settle(&location).await.expect("it settles");
    assert_eq!(fs::read(&path).expect("it is there"), b"old");
    fs::write(dir.path().join("x.csv.reencrypted"), b"new").expect("it writes");
    std::os::unix::fs::symlink(secret.path(), &staged_manifest).expect("a link");
    destination.settle(&location).await.expect("it settles");
    assert_eq!(fs::read(&path).expect("it is there"), b"old");
    assert_eq!(fs::read(secret.path()).expect("it is there"), b"new", "what a link names is untouched");
    // A manifest in place that is a link, a pipe that nobody writes to, or larger than any manifest.
    let (destination, path, location, staged_manifest, dir) = scene();
    let manifest = manifest_of(&path);
    for how in ["link", "pipe", "giant"] {
        fs::remove_file(&manifest).expect("it is there");
        match how {
            "link" => {
                fs::write(secret.path(), b"before").expect("it writes");
                std::os::unix::fs::symlink(secret.path(), &manifest).expect("a link");
            }
            "pipe" => {
                let made = std::process::Command::new("mkfifo").arg(&manifest).status();
                assert!(made.expect("mkfifo is there").success());
            }
            _ => fs::File::create(&manifest).expect("it is new").set_len(9 << 20).expect("it grows"),
        }
        let read = destination.read(&location).await;
        assert!(matches!(read, Err(DestinationError::Io { .. })), "{how}");
        fs::write(dir.path().join("x.csv.reencrypted"), b"new").expect("it writes");
        fs::write(&staged_manifest, b"after").expect("it writes");
        destination.settle(&location).await.expect("it settles");
        assert_eq!(fs::read(&path).expect("it is there"), b"old", "{how}");
    }
}

/// A destination that does one thing wrong.
struct Careless(Directories, Carelessness);

#[derive(Clone, Copy, Debug, PartialEq)]
enum Carelessness {
    WritesAnywhere,
    WritesInPlace,
    LosesPieces,
    ReplacesAnything,
}

struct CarelessStage {
    how: Carelessness,
    path: std::path::PathBuf,
    held: Vec<u8>,
}

impl Stage for CarelessStage {
    fn write(&mut self, bytes: Bytes) -> BoxFuture<'_, Result<(), DestinationError>> {
        if self.how != Carelessness::LosesPieces || self.held.is_empty() {
            self.held.extend_from_slice(&bytes);
        }
        if self.how == Carelessness::WritesInPlace {
            fs::write(&self.path, &self.held).expect("it writes");
        }
        ready(Ok(())).boxed()
    }

    fn sync(&mut self) -> BoxFuture<'_, Result<(), DestinationError>> {
        ready(Ok(())).boxed()
    }

    fn replace<'a>(
        self: Box<Self>,
        old: &'a [u8],
        manifest: &'a [u8],
    ) -> BoxFuture<'a, Result<(), DestinationError>> {
        let there = fs::read(manifest_of(&self.path)).expect("it is there");
        if self.how != Carelessness::ReplacesAnything && there != old {
            let location = self.path.to_str().expect("text").parse().expect("a location");
            return ready(Err(DestinationError::Replaced { location })).boxed();
        }
        put(&self.path, &self.held, manifest);
        ready(Ok(())).boxed()
    }
}

impl Destination for Careless {
    fn writable(&self, location: &Location) -> bool {
        self.1 == Carelessness::WritesAnywhere || self.0.writable(location)
    }

    fn read<'a>(&'a self, location: &'a Location) -> BoxFuture<'a, Result<Stored, DestinationError>> {
        async move {
            let Stored { manifest, mut data } = self.0.read(location).await?;
            // Whole at once, so that a file written in place does not change under its reader.
            let mut whole = Vec::new();
            while let Some(piece) = data.next().await? {
                whole.extend_from_slice(&piece);
            }
            Ok(Stored { manifest, data: Box::new(Once(Some(whole.into()))) })
        }
        .boxed()
    }

    fn stage<'a>(
        &'a self,
        location: &'a Location,
    ) -> BoxFuture<'a, Result<Box<dyn Stage>, DestinationError>> {
        if !self.writable(location) {
            return ready(Err(DestinationError::NotWritable { location: location.clone() })).boxed();
        }
        let (how, path, held) = (self.1, location.as_str().into(), Vec::new());
        ready(Ok(Box::new(CarelessStage { how, path, held }) as Box<dyn Stage>)).boxed()
    }

    fn settle<'a>(&'a self, location: &'a Location) -> BoxFuture<'a, Result<(), DestinationError>> {
        self.0.settle(location)
    }
}

struct Once(Option<Bytes>);

impl Source for Once {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Bytes>, DestinationError>> {
        ready(Ok(self.0.take())).boxed()
    }
}

#[tokio::test]
async fn the_destinations_suite_finds_each_wrong_double() {
    for how in [
        Carelessness::WritesAnywhere,
        Carelessness::WritesInPlace,
        Carelessness::LosesPieces,
        Carelessness::ReplacesAnything,
    ] {
        let dir = tempfile::tempdir().expect("a directory");
        let (inside, outside) = (dir.path().join("in"), dir.path().join("out"));
        for made in [&inside, &outside] {
            fs::create_dir(made).expect("it is new");
        }
        let location = put(&inside.join("x.csv"), b"old", b"before");
        let elsewhere = put(&outside.join("x.csv"), b"old", b"before");
        let double = Careless(Directories::new([inside]), how);
        let run = conformance::destination(double, &location, &elsewhere);
        assert!(AssertUnwindSafe(run).catch_unwind().await.is_err(), "{how:?} passes");
    }
}
