//! `seal`: what sealing a data key to a dataset's public key costs, beside the sum of its parts.
//!
//! Ours is `crypto::hpke::seal` of 32 bytes: the key is read, X-Wing encapsulates, HPKE's key schedule runs, AES-256-GCM
//! seals. The parts are the bare calls of the same library, with every key loaded beforehand: an ML-KEM encapsulation,
//! an X25519 key pair and agreement, one AES-256-GCM seal under a new key. Both in turn, on one thread.

use crate::Failure;
use crate::machine::now;
use crate::report::{Report, quantile};
use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey},
    agreement, kem,
};
use crypto::{
    Provider, Suite,
    hpke::{self, KeyPair},
};
use std::hint::black_box;

/// Seals of a round.
const SEALS: u32 = 64;
const ROUNDS: usize = if cfg!(debug_assertions) { 9 } else { 101 };
/// As long as the `info` of a data key.
const INFO: [u8; 180] = [7; 180];

/// What cannot fail here, but might.
const BROKEN: &str = "a part of the benchmark fails";

/// One suite's medians, in µs.
struct Figures {
    seal: f64,
    open: f64,
    parts: f64,
}

/// Runs it.
pub(crate) fn measure() -> Result<Report, Failure> {
    let provider = crypto::aws_lc();
    let hybrid = one(&*provider, Suite::Hybrid768)?;
    let cnsa = one(&*provider, Suite::Cnsa2)?;
    Ok(Report {
        bench: "seal",
        unit: "µs",
        ours: hybrid.seal,
        other: Some(("the sum of its parts", hybrid.parts)),
        mode: format!(
            "hybrid-768 (X-Wing, HKDF-SHA256, AES-256-GCM), 32 bytes, one thread, medians of {ROUNDS} rounds of {SEALS}"
        ),
        more: vec![
            ("hybrid-768, open", format!("{:.1} µs", hybrid.open)),
            (
                "cnsa-2, seal",
                format!(
                    "{:.1} µs, its parts {:.1}, ratio {:.2}",
                    cnsa.seal,
                    cnsa.parts,
                    cnsa.seal / cnsa.parts
                ),
            ),
            ("cnsa-2, open", format!("{:.1} µs", cnsa.open)),
        ],
    })
}

fn one(provider: &dyn Provider, suite: Suite) -> Result<Figures, Failure> {
    let pair = KeyPair::generate(provider, suite);
    let key: [u8; 32] = crypto::random(provider);
    let sealed = hpke::seal(provider, &pair.public, &INFO, &[], &key)?;
    let parts = Parts::of(suite, pair.public.as_bytes())?;
    let mut times = [Vec::new(), Vec::new(), Vec::new()];
    for round in 0..=ROUNDS {
        let begun = now();
        for _ in 0..SEALS {
            parts.run(black_box(&key))?;
        }
        let floor = begun.elapsed();
        let begun = now();
        for _ in 0..SEALS {
            black_box(hpke::seal(provider, &pair.public, &INFO, &[], black_box(&key))?);
        }
        let seal = begun.elapsed();
        let begun = now();
        for _ in 0..SEALS {
            black_box(hpke::open(provider, &pair.private, &INFO, &[], black_box(&sealed))?);
        }
        let open = begun.elapsed();
        // The first round warms up.
        if round > 0 {
            for (times, time) in times.iter_mut().zip([floor, seal, open]) {
                times.push(time.as_secs_f64() * 1e6 / f64::from(SEALS));
            }
        }
    }
    let [parts, seal, open] = times.map(|mut times| {
        times.sort_by(f64::total_cmp);
        quantile(&times, 0.5)
    });
    Ok(Figures { seal, open, parts })
}

/// The bare calls, with their keys loaded.
struct Parts {
    ml_kem: kem::EncapsulationKey,
    /// The other side's X25519 key, where the suite is a hybrid.
    x25519: Option<agreement::UnparsedPublicKey<Vec<u8>>>,
}

impl Parts {
    fn of(suite: Suite, public: &[u8]) -> Result<Self, Failure> {
        let (set, length) = match suite {
            Suite::Hybrid768 => (&kem::ML_KEM_768, public.len() - 32),
            Suite::Cnsa2 => (&kem::ML_KEM_1024, public.len()),
        };
        let (ml_kem, rest) = public.split_at(length);
        let x25519 =
            (!rest.is_empty()).then(|| agreement::UnparsedPublicKey::new(&agreement::X25519, rest.to_vec()));
        Ok(Self { ml_kem: kem::EncapsulationKey::new(set, ml_kem).map_err(|_| BROKEN)?, x25519 })
    }

    fn run(&self, plain: &[u8; 32]) -> Result<(), Failure> {
        let (ciphertext, shared) = self.ml_kem.encapsulate().map_err(|_| BROKEN)?;
        if let Some(peer) = &self.x25519 {
            let ephemeral = agreement::PrivateKey::generate(&agreement::X25519).map_err(|_| BROKEN)?;
            black_box(ephemeral.compute_public_key().map_err(|_| BROKEN)?);
            agreement::agree(&ephemeral, peer, BROKEN, |secret| {
                black_box(secret);
                Ok(())
            })?;
        }
        let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, shared.as_ref()).map_err(|_| BROKEN)?);
        let mut sealed = plain.to_vec();
        let nonce = Nonce::assume_unique_for_key([0; 12]);
        key.seal_in_place_append_tag(nonce, Aad::empty(), &mut sealed).map_err(|_| BROKEN)?;
        black_box((ciphertext, sealed));
        Ok(())
    }
}
