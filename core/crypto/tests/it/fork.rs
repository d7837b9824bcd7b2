//! A fork: the child begins with a copy of all that its parent had prepared, and must repeat none of it.
#![expect(unsafe_code, reason = "fork: what a child repeats is seen only in a child")]

use crypto::{
    Provider, Suite, aws_lc, envelope,
    hpke::{self, KeyPair, PublicKey},
    value::{Cipher, DataKey, Sealer},
};
use std::{
    collections::HashSet,
    io::{Read as _, Write as _},
    process::Command,
    sync::Arc,
};

/// Set where this test runs as a process of its own.
const ALONE: &str = "NEXORA_TEST_FORKS";
const NAME: &str = "fork::parent_and_child_repeat_no_nonce";
/// More than two batches of nonces.
const VALUES: usize = 600;

/// All that draws randomness, with some of it drawn and the rest of the batch still lying there.
struct Prepared {
    provider: Arc<dyn Provider>,
    sealers: Vec<Sealer>,
    wrapping: base::Secret<[u8; 32]>,
    public: PublicKey,
}

impl Prepared {
    fn new() -> Self {
        let provider = aws_lc();
        let sealers = [Cipher::Gcm, Cipher::GcmSiv]
            .map(|cipher| Sealer::new(provider.clone(), &DataKey::generate(&*provider, cipher)));
        let wrapping = crypto::secret(&*provider);
        let public = KeyPair::generate(&*provider, Suite::Hybrid768).public;
        Self { provider, sealers: sealers.into(), wrapping, public }
    }

    /// Seals, and gives what must be fresh of each: nonces, and the ephemeral keys of HPKE.
    fn seal(&mut self, values: usize) -> Vec<[u8; 12]> {
        let mut fresh = Vec::new();
        let mut keep = |bytes: &[u8]| fresh.push(*bytes.first_chunk().expect("12 bytes"));
        for sealer in &mut self.sealers {
            let mut batch = sealer.batch();
            for _ in 0..values {
                let mut value = Vec::new();
                batch.seal(b"place", b"value", &mut value).expect("below the limit");
                keep(&value[5..]);
            }
        }
        for _ in 0..10 {
            keep(&envelope::wrap(&*self.provider, &self.wrapping, b"", b"key")[1..]);
            let sealed = hpke::seal(&*self.provider, &self.public, b"", b"", b"key").expect("a key");
            keep(&sealed);
            keep(&sealed[1_088..]);
            keep(DataKey::generate(&*self.provider, Cipher::Gcm).as_secret().expose());
        }
        fresh
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a test is its own composition root")]
fn parent_and_child_repeat_no_nonce() {
    if std::env::var_os(ALONE).is_some() {
        return alone();
    }
    // In a process of its own: in this one another test's thread might hold a lock at the moment of the fork,
    // and the child would wait for it for ever.
    let test = std::env::current_exe().expect("this test's own path");
    let output = Command::new(test)
        .args(["--exact", NAME, "--test-threads=1", "--nocapture"])
        .env(ALONE, "1")
        .output()
        .expect("this test's own binary runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}{}", text(&output.stderr));
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn alone() {
    let mut prepared = Prepared::new();
    let before = prepared.seal(10);
    let (mut from_child, mut to_parent) = std::io::pipe().expect("a pipe");
    // SAFETY: no other thread of this process runs; the child seals, writes and ends without unwinding.
    let child = unsafe { libc::fork() };
    assert!(child >= 0, "the system forks");
    if child == 0 {
        let written = to_parent.write_all(prepared.seal(VALUES).as_flattened());
        // SAFETY: ends the child here, so that it reports no test of its own.
        unsafe { libc::_exit(i32::from(written.is_err())) }
    }
    drop(to_parent);
    let parents = prepared.seal(VALUES);
    let mut bytes = Vec::new();
    from_child.read_to_end(&mut bytes).expect("the child's nonces");
    let mut status = -1;
    // SAFETY: waits for the child that was made above; the pointer is valid.
    let ended = unsafe { libc::waitpid(child, &raw mut status, 0) };
    assert_eq!((ended, status), (child, 0), "the child ends well");
    let (childs, rest) = bytes.as_chunks::<12>();
    assert_eq!((childs.len(), rest.len()), (2 * VALUES + 40, 0), "the child sealed everything");
    let mut seen = HashSet::new();
    for (who, nonces) in [("before", &*before), ("parent", &*parents), ("child", childs)] {
        for nonce in nonces {
            assert!(seen.insert(*nonce), "{who} repeats {nonce:02x?}");
        }
    }
}
