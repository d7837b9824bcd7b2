//! An operator with all keys who keeps two histories of one organization's log and has the platform's log record both:
//! proofs out of either are cosigned by a quorum. The platform's log tells.

use super::served::{Answer, from, serve};
use super::{Stranger, fails, text};
use base::{Actor, Id, Timestamp, noun};
use crypto::sign::{Algorithm, SigningKey};
use ledger::{Entry, Kind, Published, Signer, Stamp, Tree, Unsigned, charter, checkpoint};
use node::LedgerDirectory;
use std::fs;
use std::path::{Path, PathBuf};
use verify::{Checkpoint, Origin, Proof, SignatureType, VerifierKey};

const AT: i64 = 1_700_000_000_000;

struct Key {
    verifier: VerifierKey,
    key: SigningKey,
}

impl Key {
    fn named(name: &str, kind: SignatureType) -> Self {
        let algorithm = match kind {
            SignatureType::MlDsa44 => Algorithm::MlDsa44,
            _ => Algorithm::Ed25519,
        };
        let key = SigningKey::generate(&*crypto::aws_lc(), algorithm);
        let verifier = VerifierKey::new(name, kind, key.verifying_key().as_bytes()).expect("it fits");
        Self { verifier, key }
    }
}

impl Signer for Key {
    fn verifier_key(&self) -> &VerifierKey {
        &self.verifier
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Unsigned> {
        Ok(self.key.sign(message))
    }
}

/// A log's keys.
struct Keys {
    origin: Origin,
    pair: [Key; 2],
}

impl Keys {
    fn of(organization: u8) -> Self {
        let origin = Origin { organization: Id::from_bytes([organization; 16]), generation: 1 };
        let named = |kind| Key::named(&origin.to_string(), kind);
        Self { origin, pair: [named(SignatureType::Ed25519), named(SignatureType::MlDsa44)] }
    }

    fn pin(&self) -> String {
        self.pair[0].verifier.to_string()
    }
}

/// A history: what is said in it from entry 1 on.
struct History {
    dir: PathBuf,
    head: Checkpoint,
}

impl History {
    /// Writes one that was signed at its end, cosigned by these.
    fn write(dir: PathBuf, keys: &Keys, said: Vec<Entry>, witnesses: &[&Key]) -> Self {
        let organization = keys.origin.organization;
        let first =
            charter::started(keys.origin, &[keys.pair[0].verifier.clone(), keys.pair[1].verifier.clone()]);
        let sealed = [first].into_iter().chain(said).zip(0_u8..).map(|(entry, position)| {
            let stamp = Stamp {
                organization,
                actor: &Actor::System { task: "store" },
                request: Id::from_bytes([2; 16]),
                position: position.into(),
                time: Timestamp::from_millis(AT + i64::from(position)),
                nonce: [position; 16],
                salt: [4; 32],
            };
            entry.seal(&stamp).expect("it fits").json
        });
        let sealed: Vec<Vec<u8>> = sealed.collect();
        let mut tree = Tree::new();
        for tile in tree.append(sealed.iter().map(Vec::as_slice)).expect("it grows") {
            let path = dir.join(tile.path.to_string());
            fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            fs::write(path, tile.bytes).expect("written");
        }
        let head =
            Checkpoint { origin: keys.origin.to_string(), size: sealed.len() as u64, root: tree.root() };
        let mut signers: Vec<&dyn Signer> = keys.pair.iter().map(|key| -> &dyn Signer { key }).collect();
        for witness in witnesses {
            signers.push(*witness);
        }
        let note = checkpoint::sign(&head, Timestamp::from_millis(AT), &signers).expect("it signs");
        fs::write(dir.join("checkpoint"), note).expect("written");
        Self { dir, head }
    }

    fn prove(&self, index: u64) -> Proof {
        let files = LedgerDirectory::open(&self.dir).expect("it is there");
        Published::open(&files).and_then(|log| log.prove(index)).expect("a proof")
    }
}

/// What an operator has made: the platform's log, and the two histories of an organization's.
struct Scene {
    dir: tempfile::TempDir,
    organization: Keys,
    platform: Keys,
    witness: Key,
}

impl Scene {
    fn new() -> Self {
        Self {
            dir: tempfile::tempdir().expect("a directory"),
            organization: Keys::of(7),
            platform: Keys::of(1),
            witness: Key::named("w.example", SignatureType::MlDsa44),
        }
    }

    /// A history of the organization's log in which entry 10 is about this identity.
    fn history(&self, name: &str, size: u8, tenth: u8) -> History {
        let identity = |at: u8| Id::<noun::Identity>::from_bytes([at; 16]);
        let said = (1..size).map(|at| {
            Entry::done(Kind::IdentityQuarantined, identity(if at == 10 { tenth } else { at }))
                .reason("finding")
        });
        History::write(self.dir.path().join(name), &self.organization, said.collect(), &[])
    }

    /// The platform's log that names its witness, and then records these from entry 2 on.
    fn recording(&self, name: &str, of: &[&History]) -> History {
        let entry = |history: &&History| {
            charter::checkpoints_recorded(
                self.platform.origin.organization,
                std::slice::from_ref(&history.head),
            )
        };
        let witnesses = format!("witness w {}\nquorum w\n", self.witness.verifier);
        let named = charter::witnesses_set(self.platform.origin, &witnesses);
        let said = std::iter::once(named).chain(of.iter().map(entry)).collect();
        History::write(self.dir.path().join(name), &self.platform, said, &[&self.witness])
    }

    /// The proof of entry 10 of a history, through the platform's entry at this position.
    fn proof(&self, name: &str, history: &History, platform: &History, at: u64) -> String {
        let proof = Proof { platform: Some(Box::new(platform.prove(at))), ..history.prove(10) };
        let path = self.dir.path().join(name);
        fs::write(&path, proof.to_file()).expect("written");
        text(&path).to_owned()
    }

    /// A stranger who knows the witness, and a key of each log.
    fn stranger(&self) -> (Stranger, String) {
        let stranger = Stranger::new();
        for keys in [&self.organization, &self.platform] {
            let _ = stranger.run(&["ledger", "pins", "add", &keys.pin()]).ok();
        }
        let lines = [&self.organization, &self.platform].map(|keys| keys.pin());
        let policy = format!("log {}\nwitness w {}\nquorum w\n", lines[1], self.witness.verifier);
        let policy = stranger.put("policy", policy);
        (stranger, policy)
    }
}

fn verify(stranger: &Stranger, what: &str, more: &[&str]) -> tests::server::Said {
    stranger.run(&[&["ledger", "verify", what], more].concat())
}

fn dir(path: &Path) -> &str {
    text(path)
}

#[test]
fn two_histories_that_a_quorum_cosigned_do_not_both_pass_against_the_platform_s_log() {
    let scene = Scene::new();
    let (a, b) = (scene.history("a", 12, 10), scene.history("b", 13, 99));
    let platform = scene.recording("platform", &[&a, &b]);
    let (of_a, of_b) = (scene.proof("a.proof", &a, &platform, 2), scene.proof("b.proof", &b, &platform, 3));
    // Each by itself meets the quorum, to people who do not meet.
    for proof in [&of_a, &of_b] {
        let (stranger, policy) = scene.stranger();
        let said = verify(&stranger, proof, &["--policy", &policy]).ok();
        assert!(said.out.contains("the quorum of your policy is met"), "{}", said.out);
        assert!(said.out.contains("give --platform"), "{}", said.out);
    }
    // So does each log, and the platform's own sizes only grow.
    for log in [&a, &b, &platform] {
        let _ = verify(&scene.stranger().0, dir(&log.dir), &[]).ok();
    }
    // Against the platform's log neither does: whichever log is shown, the other one was recorded too.
    for log in [&a, &b] {
        let said = verify(&scene.stranger().0, dir(&log.dir), &["--platform", dir(&platform.dir)]);
        fails(
            &said,
            if log.head == a.head { "was cut or restored" } else { "its first 12 entries are not those" },
        );
    }
    for proof in [&of_a, &of_b] {
        let (stranger, policy) = scene.stranger();
        let named = ["--platform", dir(&platform.dir), "--policy", &policy];
        let alone = verify(&stranger, proof, &named);
        assert!(
            alone.code == Some(7) && alone.err.contains("give it with --log"),
            "{:?} {}",
            alone.code,
            alone.err
        );
        for log in [&a, &b] {
            fails(&verify(&stranger, proof, &[&named[..], &["--log", dir(&log.dir)]].concat()), "checkpoint");
        }
    }
}

#[test]
fn two_histories_of_one_size_do_not_pass_either_and_a_larger_one_put_back_does_not() {
    let scene = Scene::new();
    let (a, b) = (scene.history("a", 12, 10), scene.history("b", 12, 99));
    let platform = scene.recording("platform", &[&a, &b]);
    let proof = scene.proof("b.proof", &b, &platform, 3);
    let named = ["--platform", dir(&platform.dir)];
    fails(&verify(&scene.stranger().0, &proof, &named), "there are two of that log");
    fails(&verify(&scene.stranger().0, dir(&b.dir), &named), "there are two of that log");
    let smaller = scene.history("c", 11, 10);
    let platform = scene.recording("shrunk", &[&a, &smaller]);
    let named = ["--platform", dir(&platform.dir)];
    fails(&verify(&scene.stranger().0, dir(&smaller.dir), &named), "put back to an older state");
}

#[test]
fn one_history_passes_with_all_that_is_recorded_of_it() {
    let scene = Scene::new();
    let (begun, grown) = (scene.history("begun", 11, 10), scene.history("grown", 14, 10));
    let platform = scene.recording("platform", &[&begun, &grown]);
    let proof = scene.proof("proof", &begun, &platform, 2);
    let (stranger, policy) = scene.stranger();
    let named = ["--platform", dir(&platform.dir), "--policy", &policy, "-o", "json"];
    let said = verify(&stranger, dir(&grown.dir), &named).ok().json();
    let told = &said["platform"];
    assert_eq!((&told["records"], &told["covers"]), (&2.into(), &14.into()), "{said}");
    assert_eq!(told["witnesses"]["cosigned"][0]["name"], "w", "{said}");
    let said = verify(&stranger, &proof, &[&named[..], &["--log", dir(&grown.dir)]].concat()).ok().json();
    assert_eq!(said["whole"]["platform"]["records"], 2, "{said}");
    // Of a proof whose checkpoint is the only record nothing else is needed.
    let only = scene.recording("only", &[&begun]);
    let proof = scene.proof("only.proof", &begun, &only, 2);
    let _ = verify(&scene.stranger().0, &proof, &["--platform", dir(&only.dir)]).ok();
    // Where nothing is recorded, nothing is excluded; and a log is not its own platform's.
    let nothing = scene.recording("nothing", &[]);
    fails(
        &verify(&scene.stranger().0, dir(&grown.dir), &["--platform", dir(&nothing.dir)]),
        "records nothing of",
    );
    let itself = verify(&stranger, dir(&grown.dir), &["--platform", dir(&begun.dir)]);
    assert_eq!(itself.code, Some(7), "{}", itself.err);
    // It is known by a pin: another platform's log in its place is none that was verified.
    let forged = Scene::new();
    let others = forged.recording("platform", &[&grown]);
    fails(&verify(&stranger, dir(&grown.dir), &["--platform", dir(&others.dir)]), "platform's log");
    // A proof passes through the log that it says, not through any.
    let through = scene.proof("through.proof", &begun, &platform, 2);
    fails(&verify(&scene.stranger().0, &through, &["--platform", dir(&only.dir)]), "cut or restored");
}

/// Witnesses cosign the platform's log alone: the policy that a user brings is met there, and never passed over.
#[test]
fn a_policy_is_met_by_the_platform_s_log_that_records_the_log_or_not_at_all() {
    let scene = Scene::new();
    let log = scene.history("log", 12, 10);
    let platform = scene.recording("platform", &[&log]);
    let (stranger, named) = scene.stranger();
    let unnamed = format!("witness w {}\nquorum w\n", scene.witness.verifier);
    let other = Key::named("w.example", SignatureType::MlDsa44);
    let others = stranger.put("others", format!("witness w {}\nquorum w\n", other.verifier));
    let (unnamed_file, over) = (stranger.put("unnamed", &unnamed), ["--platform", dir(&platform.dir)]);
    let log_dir = dir(&log.dir);
    for policy in [&named, &unnamed_file] {
        // By itself it is not met, whichever logs the policy names, and what would is said.
        fails(&verify(&stranger, log_dir, &["--policy", policy]), "--platform DIR|URL");
        let said = verify(&stranger, log_dir, &[&["--policy", policy][..], &over].concat()).ok();
        assert!(said.out.contains("is met by the platform's log, up to 12 entries"), "{}", said.out);
        // Nor does it hang on what was pinned.
        fails(&verify(&Stranger::new(), log_dir, &["--policy", policy]), "--platform DIR|URL");
        let _ = verify(&Stranger::new(), log_dir, &[&["--policy", policy][..], &over].concat()).ok();
        // The platform's own log meets it itself.
        let said = verify(&stranger, over[1], &["--policy", policy]).ok();
        assert!(said.out.contains("the quorum of your policy is met"), "{}", said.out);
    }
    let unmet = verify(&stranger, log_dir, &[&["--policy", &others][..], &over].concat());
    fails(&unmet, "nor does that of the platform's log");
    // Nor by a platform's log that the policy does not speak of, whoever cosigned that.
    let only = format!("log {}\n{unnamed}", scene.organization.pin());
    let only = stranger.put("only", only);
    let unnamed_log = verify(&stranger, log_dir, &[&["--policy", &only][..], &over].concat());
    fails(&unnamed_log, "the policy has no `log` line of the platform's log");
    // A log's own checkpoint may be cosigned by a witness of the user's whom the log does not name.
    let own = History::write(scene.dir.path().join("own"), &scene.platform, Vec::new(), &[&scene.witness]);
    let said = verify(&Stranger::new(), dir(&own.dir), &["--policy", &unnamed_file]).ok();
    assert!(said.out.contains("the quorum of your policy is met"), "{}", said.out);
    // One that is remembered as well.
    let remembering = Stranger::new();
    let pin = scene.organization.pin();
    let _ = remembering.run(&["ledger", "pins", "add", &pin, "--policy", &unnamed_file]).ok();
    fails(&verify(&remembering, log_dir, &[]), "--platform DIR|URL");
    let said = verify(&remembering, log_dir, &over).ok();
    assert!(said.out.contains("is met by the platform's log, up to 12 entries"), "{}", said.out);

    // A proof: through the platform's log by itself, or held against it.
    let through = scene.proof("through", &log, &platform, 2);
    let plain = scene.dir.path().join("plain");
    fs::write(&plain, log.prove(10).to_file()).expect("written");
    let policy = ["--policy", unnamed_file.as_str()];
    for proof in [through.as_str(), text(&plain)] {
        let all = [&policy[..], &over, &["--log", log_dir]].concat();
        let said = verify(&stranger, proof, &all).ok();
        assert!(said.out.contains("the quorum of your policy is met"), "{}", said.out);
    }
    let _ = verify(&stranger, &through, &policy).ok();
    fails(&verify(&stranger, &through, &["--policy", &only]), "of which the policy has no `log` line");
    fails(&verify(&stranger, text(&plain), &policy), "--platform");
    // Without the platform's key its witnesses count for nothing; which key that is, is said.
    let knows_one = Stranger::new();
    let said = verify(&knows_one, &through, &[&policy[..], &["--key", &pin]].concat());
    fails(&said, "no key of that is known: bring one with --key");
    assert!(said.err.contains(&scene.platform.origin.to_string()), "{}", said.err);
}

/// A server that shows the platform's log can leave it out the next time.
#[test]
fn a_platform_s_log_that_is_withheld_later_is_no_accident() {
    let scene = Scene::new();
    let log = scene.history("log", 12, 10);
    let platform = scene.recording("platform", &[&log]);
    let served = |shown: Option<&History>| {
        let (log, shown) = (from(log.dir.clone()), shown.map(|shown| shown.dir.clone()));
        let name = scene.platform.origin.organization.to_string();
        let (url, _) = serve(move |path| match path.trim_start_matches('/').split_once('/') {
            Some((first, file)) if first == name || first == "platform" => {
                shown.clone().map_or(Answer::Status("404 Not Found"), |dir| from(dir)(file))
            }
            _ => log(path),
        });
        url
    };
    let (stranger, _) = scene.stranger();
    // Who never saw it is told that it is not there.
    let said = verify(&stranger, &served(None), &[]).ok();
    assert!(said.out.contains("the server shows no platform's log"), "{}", said.out);
    let said = verify(&stranger, &served(Some(&platform)), &[]).ok();
    assert!(said.out.contains("records one history of this log"), "{}", said.out);
    fails(&verify(&stranger, &served(None), &[]), "was held against the platform's log");
    let said = verify(&stranger, dir(&log.dir), &[]).ok();
    assert!(said.out.contains("name where that is with --platform"), "{}", said.out);
    // Another platform's log is no better, not even one that the user names.
    let mut other = Scene::new();
    other.platform = Keys::of(2);
    let other = other.recording("platform", &[&log]);
    let named = ["--platform", dir(&other.dir)];
    fails(&verify(&stranger, dir(&log.dir), &named), "was held against the platform's log");
    let _ = verify(&stranger, &served(None), &["--forget-platform"]).ok();
    let _ = verify(&stranger, &served(None), &[]).ok();
    let _ = verify(&stranger, dir(&log.dir), &named).ok();
}
