//! `fields-aead`: what protecting a value costs in memory, beside the bare cipher.
//!
//! Ours is `Protector::batch` over an Arrow column: keys, random nonces, associated data, null checks, and the
//! protected column put together. The floor is a loop around one AES-256-GCM key of the same library that seals the
//! same values with the same associated data under a counter for a nonce, each in the same buffer, and keeps
//! nothing. Both in turn, on one thread.

use crate::Failure;
use crate::machine::now;
use crate::report::{Report, quantile};
use arrow_array::{ArrayRef, BinaryArray, RecordBatch};
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use base::{Id, Timestamp};
use crypto::bind::Place;
use crypto::{Suite, hpke::KeyPair};
use fields::{DatasetKey, FieldPolicy, Protector, Run};
use std::hint::black_box;
use std::sync::Arc;

const SIZES: [usize; 3] = [16, 64, 1_024];
/// Values of a round.
const VALUES: u32 = 8_192;
/// Bytes of the values of a batch: what comes out of it stays in a core's cache, as it does in a stream.
const BATCH: usize = 256 << 10;
const ROUNDS: usize = if cfg!(debug_assertions) { 15 } else { 101 };

/// One size's figures, in ns per value.
struct Figures {
    size: usize,
    ours: f64,
    text: f64,
    floor: f64,
}

impl Figures {
    fn ratio(&self) -> f64 {
        self.ours / self.floor
    }
}

/// Runs it.
pub(crate) fn measure() -> Result<Report, Failure> {
    let figures = SIZES.iter().map(|size| one(*size)).collect::<Result<Vec<_>, _>>()?;
    let worst = figures.iter().max_by(|a, b| a.ratio().total_cmp(&b.ratio())).ok_or("no figures")?;
    let line = |of: &Figures| {
        let Figures { ours, text, floor, .. } = of;
        format!(
            "{ours:.0} ns a value, the bare cipher {floor:.0}, ratio {:.2}; as text (base64url) {text:.0}",
            of.ratio()
        )
    };
    Ok(Report {
        bench: "fields-aead",
        unit: "ns",
        ours: worst.ours,
        other: Some(("a raw aws-lc-rs seal with a counter nonce", worst.floor)),
        mode: format!(
            "the worst of 16, 64 and 1,024 B: {} B; AES-256-GCM, one thread, batches of at most {} KiB of values, medians \
             of {ROUNDS} rounds of {VALUES} values",
            worst.size,
            BATCH >> 10
        ),
        more: figures.iter().zip(["16 B", "64 B", "1,024 B"]).map(|(of, name)| (name, line(of))).collect(),
    })
}

fn one(size: usize) -> Result<Figures, Failure> {
    let provider = crypto::aws_lc();
    let pair = KeyPair::generate(&*provider, Suite::Hybrid768);
    let to = DatasetKey {
        organization: Id::from_bytes([1; 16]),
        dataset: Id::from_bytes([2; 16]),
        name: "bench".to_owned(),
        key: Id::from_bytes([3; 16]),
        public: pair.public,
    };
    let place =
        Place { organization: to.organization, dataset: to.dataset, field: "email" }.associated_data();
    let mut plain = vec![0; size * VALUES as usize];
    provider.fill(&mut plain);
    let batch = |values: &[u8]| {
        let values: ArrayRef = Arc::new(BinaryArray::from_iter_values(values.chunks(size)));
        RecordBatch::try_from_iter([("email", values)])
    };
    let batches = plain.chunks(BATCH).map(batch).collect::<Result<Vec<_>, _>>()?;
    let protector = |binary: bool| -> Result<Protector, Failure> {
        let run = Run { id: Id::from_bytes([4; 16]), created: Timestamp::from_millis(0) };
        let policy = FieldPolicy::aead(["email"])?;
        let protector = Protector::new(Arc::clone(&provider), to.clone(), run, policy)?;
        Ok(if binary { protector.binary() } else { protector })
    };
    let (mut bytes, mut text) = (protector(true)?, protector(false)?);
    let key: [u8; 32] = crypto::random(&*provider);
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &key).map_err(|_| "no key")?);
    let mut counter = 0_u64;
    let mut times = [Vec::new(), Vec::new(), Vec::new()];
    for round in 0..=ROUNDS {
        let begun = now();
        floor(&key, &mut counter, &place, &plain, size)?;
        let raw = begun.elapsed();
        let begun = now();
        for batch in &batches {
            black_box(bytes.batch(black_box(batch))?);
        }
        let ours = begun.elapsed();
        let begun = now();
        for batch in &batches {
            black_box(text.batch(black_box(batch))?);
        }
        let as_text = begun.elapsed();
        // The first round warms up.
        if round > 0 {
            for (times, time) in times.iter_mut().zip([raw, ours, as_text]) {
                times.push(time.as_secs_f64() * 1e9 / f64::from(VALUES));
            }
        }
    }
    let median = |times: &mut Vec<f64>| {
        times.sort_by(f64::total_cmp);
        quantile(times, 0.5)
    };
    let [raw, ours, as_text] = &mut times;
    Ok(Figures { size, ours: median(ours), text: median(as_text), floor: median(raw) })
}

/// The bare cipher over all values.
fn floor(
    key: &LessSafeKey,
    counter: &mut u64,
    place: &[u8],
    plain: &[u8],
    size: usize,
) -> Result<(), Failure> {
    let mut buffer = Vec::with_capacity(size + AES_256_GCM.tag_len());
    for value in plain.chunks(size) {
        let mut nonce = [0; 12];
        nonce[4..].copy_from_slice(&counter.to_be_bytes());
        *counter += 1;
        buffer.clear();
        buffer.extend_from_slice(value);
        key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(place), &mut buffer)
            .map_err(|_| "it does not seal")?;
        black_box(&buffer);
    }
    Ok(())
}
