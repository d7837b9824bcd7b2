//! A log of ours, read by the programs of others (`tests/go`): fsck over every file of 100,000 entries under
//! either key, and single proofs.

use base::{Actor, Id, Timestamp, noun};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use crypto::sign::{Algorithm, SigningKey};
use ledger::{Entry, Kind, Signer, Stamp, Tree, Unsigned, checkpoint, prove};
use serde_json::{Value, json};
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::{convert::Infallible, fs};
use verify::merkle::Hash;
use verify::tiles::{self, TilePath};
use verify::{Checkpoint, Proof, SignatureType, VerifierKey};

const SIZE: u64 = 100_000;

struct Key {
    named: VerifierKey,
    key: SigningKey,
}

impl Key {
    fn new(organization: Id<noun::Organization>, algorithm: Algorithm, kind: SignatureType) -> Self {
        let key = SigningKey::generate(&*crypto::aws_lc(), algorithm);
        let origin = checkpoint::origin(organization, checkpoint::FIRST_GENERATION);
        let named = VerifierKey::new(&origin, kind, key.verifying_key().as_bytes()).expect("it fits");
        Self { named, key }
    }
}

impl Signer for Key {
    fn verifier_key(&self) -> &VerifierKey {
        &self.named
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Unsigned> {
        Ok(self.key.sign(message))
    }
}

struct Log {
    keys: [Key; 2],
    organization: Id<noun::Organization>,
    note: Vec<u8>,
}

impl Log {
    fn entry(&self, position: u64) -> Vec<u8> {
        let [ed25519, ml_dsa_44] = &self.keys;
        let entry = match position {
            0 => checkpoint::started(self.organization, 1, ed25519.verifier_key(), ml_dsa_44.verifier_key()),
            _ => Entry::done(Kind::IdentityQuarantined, Id::<noun::Identity>::from_bytes([5; 16])),
        };
        let stamp = Stamp {
            organization: self.organization,
            actor: &Actor::System { task: "respond" },
            request: Id::from_bytes([2; 16]),
            position,
            time: Timestamp::from_millis(1_763_800_000_000 + i64::try_from(position).expect("small")),
            nonce: u128::from(position).to_be_bytes(),
            salt: [4; 32],
        };
        entry.seal(&stamp).expect("it fits").json
    }

    /// A log of [`SIZE`] entries in this directory.
    fn write(at: &Path) -> Self {
        let organization = Id::from_bytes([7; 16]);
        let keys = [
            Key::new(organization, Algorithm::Ed25519, SignatureType::Ed25519),
            Key::new(organization, Algorithm::MlDsa44, SignatureType::MlDsa44),
        ];
        let mut log = Self { keys, organization, note: Vec::new() };
        let mut tree = Tree::new();
        let entries: Vec<_> = (0..SIZE).map(|position| log.entry(position)).collect();
        for tile in tree.append(entries.iter().map(Vec::as_slice)).expect("entries of ours fit") {
            let file = at.join(tile.path.to_string());
            fs::create_dir_all(file.parent().expect("it has a folder")).expect("a directory of its own");
            fs::write(file, tile.bytes).expect("it is written");
        }
        let origin = checkpoint::origin(organization, 1);
        let head = Checkpoint { origin, size: SIZE, root: tree.root() };
        let [ed25519, ml_dsa_44] = &log.keys;
        let time = Timestamp::from_millis(1_763_900_000_000);
        log.note = checkpoint::sign(&head, time, &[ed25519, ml_dsa_44]).expect("they sign");
        fs::write(at.join("checkpoint"), &log.note).expect("it is written");
        log
    }

    fn verifiers(&self) -> Vec<String> {
        self.keys.iter().map(|key| key.named.to_string()).collect()
    }
}

struct Files<'a>(&'a Path);

impl prove::Tiles for Files<'_> {
    type Error = Infallible;

    fn tile(&mut self, path: TilePath) -> Result<Vec<Hash>, Infallible> {
        let bytes = fs::read(self.0.join(path.to_string())).expect("the tile is there");
        Ok(tiles::hashes(&bytes).expect("whole hashes"))
    }
}

/// Asks the foreign program.
fn ask(work: &Value) -> Value {
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../foreign");
    assert!(program.is_file(), "{} is missing: run `make test`, which builds it", program.display());
    let mut child = Command::new(program)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the foreign reader starts");
    let input = serde_json::to_vec(work).expect("JSON");
    child.stdin.take().expect("it reads").write_all(&input).expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    serde_json::from_slice(&output.stdout).expect("it answers in JSON")
}

#[test]
fn fsck_reads_a_log_of_100_000_entries_and_finds_what_was_changed_in_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let log = Log::write(dir.path());
    let keys = log.verifiers();
    let whole = json!({ "root": dir.path(), "keys": keys });
    assert_eq!(ask(&whole), json!({ "size": SIZE }));
    for path in ["tile/entries/200", "tile/0/200", "tile/1/001.p/134", "checkpoint"] {
        let file = dir.path().join(path);
        let kept = fs::read(&file).expect("it is there");
        let mut changed = kept.clone();
        let middle = changed.len() / 2;
        changed[middle] ^= 1;
        fs::write(&file, changed).expect("it is written");
        let answer = ask(&whole);
        assert!(answer["error"].is_string(), "{path}: {answer}");
        fs::write(&file, kept).expect("it is written");
    }
    assert_eq!(ask(&whole), json!({ "size": SIZE }), "every change was taken back");
}

#[test]
fn a_foreign_reader_of_tlog_proofs_accepts_ours_and_no_changed_one() {
    let dir = tempfile::tempdir().expect("a directory");
    let log = Log::write(dir.path());
    for index in [0, 255, 77_777, SIZE - 1] {
        let hashes = prove::inclusion(&mut Files(dir.path()), index, SIZE).expect("a proof");
        let proof =
            Proof { entry: log.entry(index), platform: None, index, hashes, checkpoint: log.note.clone() };
        let asked = |proof: &Proof| {
            ask(&json!({ "keys": log.verifiers(), "proof": STANDARD.encode(proof.to_file()) }))
        };
        assert_eq!(asked(&proof), json!({ "size": SIZE }));
        let mut changed = proof;
        changed.entry[40] ^= 1;
        assert!(asked(&changed)["error"].is_string());
    }
}

/// The second file within a proof is read and followed by the foreign reader too.
#[test]
fn a_foreign_reader_follows_a_proof_through_the_platform_s_log() {
    let dir = tempfile::tempdir().expect("a directory");
    let log = Log::write(dir.path());
    let origin = checkpoint::origin(log.organization, 1);
    let hashes = prove::inclusion(&mut Files(dir.path()), 77_777, SIZE).expect("a proof");
    let root =
        verify::note::read(&log.note).ok().and_then(|note| Checkpoint::read(note.text)).expect("signed").root;
    let (own, elsewhere) = (
        Checkpoint { origin, size: SIZE, root },
        Checkpoint { origin: "nexora.internal/x/1".into(), size: 1, root },
    );
    let platform = Id::from_bytes([0; 16]);
    let keys = [
        Key::new(platform, Algorithm::Ed25519, SignatureType::Ed25519),
        Key::new(platform, Algorithm::MlDsa44, SignatureType::MlDsa44),
    ];
    let above = |recorded: &Checkpoint| {
        let stamp = |position| Stamp {
            organization: platform,
            actor: &Actor::System { task: "platform" },
            request: Id::from_bytes([2; 16]),
            position,
            time: Timestamp::from_millis(1_763_800_000_000),
            nonce: [3; 16],
            salt: [4; 32],
        };
        let started = checkpoint::started(platform, 1, keys[0].verifier_key(), keys[1].verifier_key());
        let first = started.seal(&stamp(0)).expect("it fits").json;
        let entry = ledger::charter::checkpoints_recorded(platform, std::slice::from_ref(recorded));
        let entry = entry.seal(&stamp(1)).expect("it fits").json;
        let before = verify::merkle::leaf(&first);
        let root = verify::merkle::node(&before, &verify::merkle::leaf(&entry));
        let head = Checkpoint { origin: checkpoint::origin(platform, 1), size: 2, root };
        let time = Timestamp::from_millis(1_763_900_000_000);
        let note = checkpoint::sign(&head, time, &[&keys[0], &keys[1]]).expect("they sign");
        Proof { entry, platform: None, index: 1, hashes: vec![before], checkpoint: note }
    };
    let chained = |platform: Proof| Proof {
        entry: log.entry(77_777),
        platform: Some(Box::new(platform)),
        index: 77_777,
        hashes: hashes.clone(),
        checkpoint: log.note.clone(),
    };
    let platform_keys: Vec<_> = keys.iter().map(|key| key.named.to_string()).collect();
    let asked = |proof: &Proof| {
        let file = STANDARD.encode(proof.to_file());
        ask(&json!({ "keys": log.verifiers(), "platform": platform_keys, "proof": file }))
    };
    assert_eq!(asked(&chained(above(&own))), json!({ "size": SIZE }));
    assert!(asked(&chained(above(&elsewhere)))["error"].is_string(), "it records another");
    let mut changed = above(&own);
    changed.hashes[0][0] ^= 1;
    assert!(asked(&chained(changed))["error"].is_string(), "its own proof does not hold");
}
