//! `stream-memory`: what this process holds while ten gigabytes of CSV pass through it, protected and then revealed,
//! beside what it held after the first half gigabyte of each.
//!
//! No file is written: what comes out is counted and dropped. The reveal is handed the same protected rows again and
//! again, so it ends, as it must, with its manifest unmet; what it held until then is what counts.

use crate::Failure;
use crate::machine::resident;
use crate::report::Report;
use base::{Id, Timestamp};
use crypto::{Suite, hpke::KeyPair};
use fields::formats::{Dialect, Format, Protect, Reveal};
use fields::{DatasetKey, FieldPolicy, Keyring, Output, Protector, Revealer, Run};

/// Bytes that pass. Enough in debug to see it work.
const STREAM: u64 = if cfg!(debug_assertions) { 200_000_000 } else { 10_000_000_000 };
/// After which it is looked at first.
const FIRST: u64 = if cfg!(debug_assertions) { 50_000_000 } else { 500_000_000 };
const HEADER: &[u8] = b"id,name,email,card,city,note\n";

/// What the process held, in MB.
struct Held {
    first: f64,
    last: f64,
}

/// Runs it.
pub(crate) fn measure() -> Result<Report, Failure> {
    let provider = crypto::aws_lc();
    let pair = KeyPair::generate(&*provider, Suite::Hybrid768);
    let key = DatasetKey {
        organization: Id::from_bytes([1; 16]),
        dataset: Id::from_bytes([2; 16]),
        name: "customers".to_owned(),
        key: Id::from_bytes([3; 16]),
        public: pair.public.clone(),
    };
    let run = Run { id: Id::from_bytes([4; 16]), created: Timestamp::from_millis(0) };
    let begin = || -> Result<Protect, Failure> {
        let policy = FieldPolicy::aead(["name", "email", "card"])?;
        let protector = Protector::new(provider.clone(), key.clone(), run, policy)?;
        Ok(Protect::new(Format::Csv(Dialect::default()), protector, None)?)
    };
    let rows = rows();
    let (mut protect, mut out) = (begin()?, Vec::new());
    protect.push(HEADER, &mut out)?;
    let protected = pass(&rows, |piece| {
        out.clear();
        Ok(protect.push(piece, &mut out)?)
    })?;
    drop(protect);
    let (mut protect, mut sealed) = (begin()?, Vec::new());
    protect.push(HEADER, &mut sealed)?;
    protect.push(&rows, &mut sealed)?;
    let mut manifest = protect.finish(&mut sealed)?;
    if let Output::Csv { rows, bytes, .. } = &mut manifest.output {
        // A file as long as what will pass; only its hash is another.
        (*rows, *bytes) = (u64::MAX, u64::MAX);
    }
    let mut ring = Keyring::new();
    for key in &manifest.keys {
        ring.data_key(&key.field, manifest.open_key(&*provider, &pair.private, key)?);
    }
    let revealer = Revealer::new(provider.clone(), &manifest, manifest.policy.clone(), &ring)?;
    let mut reveal = Reveal::new(&manifest, revealer, None)?;
    let (header, body) = sealed.split_at(HEADER.len());
    reveal.push(header, &mut out)?;
    let revealed = pass(body, |piece| {
        out.clear();
        Ok(reveal.push(piece, &mut out)?)
    })?;
    if reveal.finish(&mut out).is_ok() {
        return Err("a reveal of other bytes than its manifest's has succeeded".into());
    }
    let most = protected.last.max(revealed.last);
    Ok(Report {
        bench: "stream-memory",
        unit: "MB",
        ours: most,
        other: Some(("after the first part of it", protected.first.max(revealed.first))),
        mode: format!(
            "resident memory of this process after {} MB, beside {} MB, of CSV in pieces of 256 KiB; 3 of 6 columns",
            STREAM / 1_000_000,
            FIRST / 1_000_000
        ),
        more: vec![
            ("protecting", format!("{:.1} MB, then {:.1} MB", protected.first, protected.last)),
            ("revealing", format!("{:.1} MB, then {:.1} MB", revealed.first, revealed.last)),
        ],
    })
}

/// Some megabytes of rows.
fn rows() -> Vec<u8> {
    let mut rows = Vec::new();
    for row in 0..40_000 {
        let text = format!(
            "{row},Person {row},person.{row}@example.com,{row:016},Springfield,a customer of long standing\n"
        );
        rows.extend_from_slice(text.as_bytes());
    }
    rows
}

/// Hands the bytes on again and again, in pieces, until the stream's length has passed.
fn pass(bytes: &[u8], mut push: impl FnMut(&[u8]) -> Result<(), Failure>) -> Result<Held, Failure> {
    let (mut passed, mut first) = (0_u64, None);
    while passed < STREAM {
        for piece in bytes.chunks(256 << 10) {
            push(piece)?;
            passed += piece.len() as u64;
        }
        if first.is_none() && passed >= FIRST {
            first = Some(resident(std::process::id())?.0);
        }
    }
    let last = resident(std::process::id())?.0;
    Ok(Held { first: first.unwrap_or(last), last })
}
