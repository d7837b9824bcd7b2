//! Checkpoints handed to an anchor that takes them twice, late, or not at all; and to a file.

use crate::house::{Fixed, House, Pair, copy};
use audit::{Anchor, AnchorMemory, Error, Fate, FileAnchor, LogKeys, SignedBy, Unreachable, WrongReceipt};
use base::Timestamp;
use futures::{FutureExt as _, future::BoxFuture};
use std::{
    collections::VecDeque,
    fs,
    io::Write as _,
    sync::{Arc, Mutex},
};

/// What a network does with the next checkpoint that it is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mood {
    /// Takes it.
    Takes,
    /// Takes it, and says nothing the first two times it is asked.
    Late,
    /// Takes it, and answers that it did not.
    TakesAndFails,
    /// Loses it; the next time it is given it is taken.
    LosesIt,
    /// Says that it will never take it.
    Refuses,
}

#[derive(Default)]
struct Network {
    moods: Mutex<VecDeque<Mood>>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    accepted: Vec<Vec<u8>>,
    given: Vec<Vec<u8>>,
    silent: u32,
    refused: Option<Vec<u8>>,
}

impl Network {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().expect("nobody panics")
    }
}

impl Anchor for Network {
    fn name(&self) -> String {
        "network double".to_owned()
    }

    fn submit<'a>(&'a self, note: &'a [u8]) -> BoxFuture<'a, Result<(), Unreachable>> {
        let mood = self.moods.lock().expect("nobody panics").pop_front().unwrap_or(Mood::Takes);
        let mut state = self.state();
        state.given.push(note.to_vec());
        if mood != Mood::LosesIt && mood != Mood::Refuses {
            state.accepted.push(note.to_vec());
        }
        if mood == Mood::Refuses {
            state.refused = Some(note.to_vec());
        }
        state.silent = if mood == Mood::Late { 2 } else { 0 };
        let failed = mood == Mood::TakesAndFails;
        let unreachable =
            Unreachable { by: self.name(), why: "the connection was cut".to_owned(), required: true };
        async move { if failed { Err(unreachable) } else { Ok(()) } }.boxed()
    }

    fn fate<'a>(&'a self, note: &'a [u8]) -> BoxFuture<'a, Result<Fate, Unreachable>> {
        let mut state = self.state();
        let fate = if state.silent > 0 {
            state.silent -= 1;
            Fate::Pending
        } else if state.refused.as_deref() == Some(note) {
            Fate::Lost
        } else if state.accepted.iter().any(|known| known == note) {
            Fate::Accepted(note.to_vec())
        } else {
            Fate::Pending
        };
        async move { Ok(fate) }.boxed()
    }

    fn verify(&self, receipt: &[u8], note: &[u8]) -> Result<Option<Timestamp>, WrongReceipt> {
        if receipt == note { Ok(None) } else { Err(WrongReceipt("another note".to_owned())) }
    }

    fn latest<'a>(&'a self, _: &'a str, _: SignedBy) -> BoxFuture<'a, Result<Option<Vec<u8>>, Unreachable>> {
        let last = self.state().accepted.last().cloned();
        async move { Ok(last) }.boxed()
    }
}

fn size(note: &[u8]) -> u64 {
    let text = std::str::from_utf8(note).expect("a note");
    text.lines().nth(1).and_then(|size| size.parse().ok()).expect("a size")
}

#[tokio::test]
async fn one_checkpoint_is_under_way_at_a_time_and_is_given_again_until_its_fate_is_known() {
    let moods = [Mood::Takes, Mood::Late, Mood::TakesAndFails, Mood::LosesIt, Mood::Refuses, Mood::Takes];
    let dir = tempfile::tempdir().expect("a directory");
    let mut house = House::open(dir.path(), None).await;
    house.begin().await;
    let network = Network::default();
    for mood in moods {
        network.moods.lock().expect("nobody panics").extend([mood]);
        let (mut steps, settled) = (0, size_of_accepted(&house, &network).await);
        loop {
            // The log grows and this process starts anew meanwhile: neither lets a second one out.
            house.commit(1).await;
            house.publish().await;
            let before = network.state().given.len();
            let step = house.audit.anchor_step(&house.ctx, &network).await;
            let given = network.state().given.len();
            assert!(given - before <= 1, "one at a time");
            match step {
                Ok(_) | Err(Error::Anchor(_)) => {}
                Err(other) => unreachable!("{other}"),
            }
            let keys = house.keys.clone();
            house.store.close().await;
            house = House::open(dir.path(), Some(keys)).await;
            house.publish().await;
            steps += 1;
            if size_of_accepted(&house, &network).await > settled {
                break;
            }
            assert!(steps < 20, "{mood:?}: it is settled in the end");
        }
    }
    let state = network.state();
    let sizes: Vec<u64> = state.given.iter().map(|note| size(note)).collect();
    assert!(sizes.is_sorted(), "never a smaller one: {sizes:?}");
    for pair in state.given.windows(2) {
        assert!(size(&pair[0]) < size(&pair[1]) || pair[0] == pair[1], "the same size is the same bytes");
    }
    let again = state.given.windows(2).filter(|pair| pair[0] == pair[1]).count();
    assert!(again >= 2, "what nothing is known of is given again: {again}");
}

async fn size_of_accepted(house: &House, anchor: &dyn Anchor) -> u64 {
    let receipt = house.audit.anchored(&house.ctx, anchor).await.expect("it answers");
    receipt.map_or(0, |receipt| {
        anchor.verify(&receipt.receipt, &receipt.note).expect("the receipt holds");
        receipt.checkpoint.size
    })
}

#[tokio::test]
async fn a_file_remembers_whatever_a_crash_left_in_it_and_a_restored_log_is_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    let (data, file) = (dir.path().join("data"), dir.path().join("anchor.jsonl"));
    let anchor = FileAnchor::new(&file, Arc::new(Fixed));
    let with = |options: &mut audit::Options| remembered_by(options, &anchor);
    let house = House::open_with(&data, None, with).await;
    house.begin().await;
    house.publish().await;
    assert!(house.audit.anchor_step(&house.ctx, &anchor).await.expect("it is handed over"));
    assert!(!house.audit.anchor_step(&house.ctx, &anchor).await.expect("it is accepted"));
    assert!(!house.audit.anchor_step(&house.ctx, &anchor).await.expect("there is nothing new"));
    let text = fs::read_to_string(&file).expect("it is there");
    assert_eq!(text.lines().count(), 1);
    // A crash cut a line off; the next one is a line of its own.
    fs::OpenOptions::new()
        .append(true)
        .open(&file)
        .expect("it opens")
        .write_all(b"{\"note\":\"bmV4")
        .expect("it writes");
    house.commit(3).await;
    house.publish().await;
    for _ in 0..2 {
        let _ = house.audit.anchor_step(&house.ctx, &anchor).await.expect("it goes on");
    }
    assert_eq!(size_of_accepted(&house, &anchor).await, 4);
    let receipt = house.audit.anchored(&house.ctx, &anchor).await.expect("it answers").expect("one");
    assert!(anchor.verify(&receipt.receipt, b"another note").is_err());
    assert!(anchor.verify(b"{}", &receipt.note).is_err());
    let other = anchor.latest("nexora.internal/other/1", whatever()).await.expect("it answers");
    assert_eq!(other, None, "each origin has its own");

    // What somebody else wrote there, the log has not signed: it is passed over, however much it claims.
    let (text, signatures) = split(&receipt.note);
    for larger in ["100000", "9"] {
        let forged = [text.replacen("\n4\n", &format!("\n{larger}\n"), 1), signatures.clone()].concat();
        anchor.submit(forged.as_bytes()).await.expect("it takes what it is given");
    }
    let keys = house.keys.clone();
    house.store.close().await;
    let backup = dir.path().join("backup");
    copy(&data, &backup);
    let house = House::open_with(&data, Some(keys.clone()), with).await;
    house.commit(5).await;
    assert_eq!(house.publish().await, 5, "the log goes on");
    for _ in 0..2 {
        let _ = house.audit.anchor_step(&house.ctx, &anchor).await.expect("and is handed over");
    }
    assert_eq!(size_of_accepted(&house, &anchor).await, 9);
    house.audit.is_held(&house.ctx, &anchor).await.expect("it has what it took");
    house.store.close().await;

    // The file knows more than the log that the log has signed: an older state.
    fs::remove_dir_all(&data).expect("it goes");
    copy(&backup, &data);
    let house = House::open_with(&data, Some(keys.clone()), with).await;
    house.commit(1).await;
    let refused = house.audit.publish_step(&house.ctx, &house.keys).await;
    assert!(matches!(refused, Err(Error::Behind { known: 9, own: 4, .. })), "{refused:?}");
    house.store.close().await;

    // A file that cannot be read is no file that remembers nothing.
    fs::remove_file(&file).expect("it goes");
    fs::create_dir(&file).expect("a directory in its place");
    let house = House::open_with(&data, Some(keys), with).await;
    let refused = house.audit.publish_step(&house.ctx, &house.keys).await;
    assert!(matches!(refused, Err(Error::Uncompared(_))), "{refused:?}");
}

/// Keys of after a rotation are not known to a directory of before it: what they sign counts all the same.
#[tokio::test]
async fn what_was_anchored_after_a_rotation_is_seen_from_before_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let (data, backup) = (dir.path().join("data"), dir.path().join("backup"));
    let anchor = FileAnchor::new(&dir.path().join("anchor.jsonl"), Arc::new(Fixed));
    let with = |options: &mut audit::Options| remembered_by(options, &anchor);
    let anchored = async |house: &House| {
        house.publish().await;
        for _ in 0..2 {
            let _ = house.audit.anchor_step(&house.ctx, &anchor).await.expect("it is handed over");
        }
        size_of_accepted(house, &anchor).await
    };
    let (first, second) = (Pair::fresh(), Pair::fresh());
    let house = House::open_with(&data, None, with).await;
    let organization = house.ctx.organization();
    let keys = |pairs: &[&Pair]| {
        LogKeys::of(organization, 1, pairs.iter().map(|pair| pair.keys()).collect()).expect("pairs")
    };
    let house = House { keys: keys(&[&first]), ..house };
    house.begin().await;
    assert_eq!(anchored(&house).await, 1);
    house.store.close().await;
    copy(&data, &backup);

    let house = House::open_with(&data, Some(keys(&[&first])), with).await;
    house.publish().await;
    let mut tx = house.store.write(&house.ctx).await.expect("the door opens");
    let entry = house.audit.rotate(&mut tx, &house.keys, &second.keys()).await.expect("both sign");
    let _ = tx.commit(entry).await.expect("it commits");
    let house = House { keys: keys(&[&first, &second]), ..house };
    house.commit(3).await;
    assert_eq!(anchored(&house).await, 5, "by the keys of after the rotation");
    house.store.close().await;
    let house = House::open_with(&data, Some(keys(&[&first, &second])), with).await;
    house.commit(1).await;
    assert_eq!(house.publish().await, 1, "whoever knows them goes on");
    house.store.close().await;

    fs::remove_dir_all(&data).expect("it goes");
    copy(&backup, &data);
    let house = House::open_with(&data, Some(keys(&[&first])), with).await;
    house.commit(1).await;
    let refused = house.audit.publish_step(&house.ctx, &house.keys).await;
    let Err(Error::Behind { by, known: 5, own: 1 }) = refused else { unreachable!("{refused:?}") };
    assert!(by.contains("by keys that are not known here"), "{by}");
    let mut tx = house.store.write(&house.ctx).await.expect("the door opens");
    let _ = house.audit.restart(&mut tx, &Pair::fresh().keys(), false).await.expect("another log leads on");
}

/// A note's text, and its signatures.
fn split(note: &[u8]) -> (String, String) {
    let text = String::from_utf8(note.to_vec()).expect("a note");
    let (text, signatures) = text.split_once("\n\n").expect("a note");
    (format!("{text}\n\n"), signatures.to_owned())
}

/// Whoever takes every line at its word.
fn whatever() -> SignedBy {
    Arc::new(|_| true)
}

fn remembered_by(options: &mut audit::Options, anchor: &FileAnchor) {
    let memory = AnchorMemory::new(Arc::new(anchor.clone()), options.store.clone());
    options.memories.push(Arc::new(memory));
}

#[tokio::test]
async fn a_file_that_has_less_than_its_receipts_say_is_no_file_that_remembers_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    let (data, file) = (dir.path().join("data"), dir.path().join("anchor.jsonl"));
    let anchor = FileAnchor::new(&file, Arc::new(Fixed));
    let with = |options: &mut audit::Options| remembered_by(options, &anchor);
    let mut house = House::open_with(&data, None, with).await;
    house.begin().await;
    let mut states = vec![Vec::new()];
    for _ in 0..2 {
        house.commit(1).await;
        house.publish().await;
        for _ in 0..2 {
            let _ = house.audit.anchor_step(&house.ctx, &anchor).await.expect("it is accepted");
        }
        states.push(fs::read(&file).expect("it is there"));
    }
    let whole = states.pop().expect("the last one");
    // Emptied, and cut to an older state, while the node runs: nothing is added that would hide it.
    house.commit(1).await;
    house.publish().await;
    for less in &states {
        fs::write(&file, less).expect("it is cut");
        let refused = house.audit.anchor_step(&house.ctx, &anchor).await;
        assert!(matches!(refused, Err(Error::Anchor(_))), "{refused:?}");
        assert_eq!(fs::read(&file).expect("it is there"), *less);
    }
    // And before it starts, also where the file is gone: nothing is signed.
    states.insert(0, b"gone".to_vec());
    for less in &states {
        fs::write(&file, less).expect("it is cut");
        if less == b"gone" {
            fs::remove_file(&file).expect("it goes");
        }
        let keys = house.keys.clone();
        house.store.close().await;
        house = House::open_with(&data, Some(keys), with).await;
        house.commit(1).await;
        let refused = house.audit.publish_step(&house.ctx, &house.keys).await;
        let Err(Error::Uncompared(unreachable)) = refused else { unreachable!("{refused:?}") };
        assert!(unreachable.required && unreachable.why.contains("receipt"), "{unreachable}");
    }
    // What it held is back.
    fs::write(&file, whole).expect("it is whole");
    assert!(house.publish().await > 0);
    for _ in 0..2 {
        let _ = house.audit.anchor_step(&house.ctx, &anchor).await.expect("it goes on");
    }
    assert_eq!(fs::read_to_string(&file).expect("it is there").lines().count(), 3);
}

/// A note that says this, signed by nobody who matters here.
fn note(origin: &str, size: u64) -> Vec<u8> {
    format!("{origin}\n{size}\n{}\n\n\u{2014} key AAAAAAAAAAAAAAAA\n", "A".repeat(43) + "=").into_bytes()
}

#[tokio::test]
async fn of_a_file_only_what_was_added_is_read_until_it_is_another_file() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("anchor.jsonl");
    let anchor = FileAnchor::new(&file, Arc::new(Fixed));
    let latest = async |anchor: &FileAnchor, origin: &str| {
        anchor.latest(origin, whatever()).await.expect("it answers")
    };
    for (origin, size) in [("a", 1), ("b", 5), ("b", 6)] {
        anchor.submit(&note(origin, size)).await.expect("it is appended");
        assert_eq!(latest(&anchor, origin).await, Some(note(origin, size)));
    }
    // What was read is not read again: damage before the last line shows only to whoever reads it all.
    let whole = fs::read(&file).expect("it is there");
    let mut damaged = whole.clone();
    damaged[0] = b'!';
    fs::write(&file, &damaged).expect("it is written");
    assert_eq!(latest(&anchor, "a").await, Some(note("a", 1)));
    assert_eq!(latest(&FileAnchor::new(&file, Arc::new(Fixed)), "a").await, None);
    fs::write(&file, &whole).expect("it is written");
    // An older checkpoint that is given again is found, and is not the latest.
    anchor.submit(&note("b", 5)).await.expect("it is appended");
    assert!(matches!(anchor.fate(&note("b", 5)).await, Ok(Fate::Accepted(_))));
    assert_eq!(latest(&anchor, "b").await, Some(note("b", 6)));
    // What another process adds is seen, also without its line's end; so is a file that was exchanged for a longer one.
    let other = FileAnchor::new(&dir.path().join("other"), Arc::new(Fixed));
    for size in 7..20 {
        other.submit(&note("c", size)).await.expect("it is appended");
    }
    let longer = fs::read(dir.path().join("other")).expect("it is there");
    let first = longer.split(|&byte| byte == b'\n').next().expect("a line");
    let mut added = fs::read(&file).expect("it is there");
    added.extend_from_slice(first);
    fs::write(&file, added).expect("it is written");
    assert_eq!(latest(&anchor, "c").await, Some(note("c", 7)));
    anchor.submit(&note("c", 8)).await.expect("it is appended");
    assert_eq!(latest(&anchor, "c").await, Some(note("c", 8)));
    fs::write(&file, longer).expect("it is exchanged");
    assert_eq!((latest(&anchor, "c").await, latest(&anchor, "a").await), (Some(note("c", 19)), None));
}
