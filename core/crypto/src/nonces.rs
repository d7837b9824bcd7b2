//! Nonces drawn in batches: one call for randomness serves many values.

use crate::Provider;
use std::{fmt, process, sync::Arc, thread};

/// How many nonces are drawn at once.
const BATCH: usize = 256;

/// Nonces not yet used, bound to the process and the thread that drew them. After a fork or a move to
/// another thread they are dropped, never used: a forked child would repeat its parent's.
pub(crate) struct Nonces {
    provider: Arc<dyn Provider>,
    owner: Owner,
    bytes: Vec<u8>,
    next: usize,
}

type Owner = (u32, thread::ThreadId);

fn here() -> Owner {
    (process::id(), thread::current().id())
}

impl Nonces {
    pub(crate) fn new(provider: Arc<dyn Provider>) -> Self {
        Self { provider, owner: here(), bytes: Vec::new(), next: 0 }
    }

    /// To be called before each batch of values: drops what another process or thread drew. Within a
    /// batch neither can change, and asking the system once per value would cost more than sealing it.
    pub(crate) fn check_owner(&mut self) {
        self.check_owner_is(here());
    }

    fn check_owner_is(&mut self, owner: Owner) {
        if self.owner != owner {
            self.owner = owner;
            self.next = self.bytes.len();
        }
    }

    pub(crate) fn draw(&mut self) -> [u8; 12] {
        if self.next + 12 > self.bytes.len() {
            self.bytes.resize(BATCH * 12, 0);
            self.provider.fill(&mut self.bytes);
            self.next = 0;
        }
        let mut nonce = [0; 12];
        nonce.copy_from_slice(&self.bytes[self.next..self.next + 12]);
        self.next += 12;
        nonce
    }
}

impl fmt::Debug for Nonces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Nonces(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::{BATCH, Nonces, here};
    use std::{collections::HashSet, thread};

    #[test]
    fn no_nonce_comes_twice() {
        let mut nonces = Nonces::new(crate::aws_lc());
        let drawn: HashSet<_> = (0..BATCH * 3).map(|_| nonces.draw()).collect();
        assert_eq!(drawn.len(), BATCH * 3);
    }

    #[test]
    fn another_process_or_thread_drops_what_was_drawn() {
        let mut nonces = Nonces::new(crate::aws_lc());
        nonces.draw();
        let would_come: HashSet<_> = nonces.bytes[nonces.next..].chunks(12).map(<[u8]>::to_vec).collect();
        let (process, thread) = here();
        nonces.check_owner_is((process, thread));
        assert!(would_come.contains(nonces.draw().as_slice()), "the same owner goes on");
        nonces.check_owner_is((process.wrapping_add(1), thread));
        for _ in 0..BATCH {
            assert!(!would_come.contains(nonces.draw().as_slice()), "a child repeats its parent");
        }
        nonces.draw();
        let left: HashSet<_> = nonces.bytes[nonces.next..].chunks(12).map(<[u8]>::to_vec).collect();
        let elsewhere = move || {
            nonces.check_owner();
            nonces
        };
        let mut moved =
            thread::Builder::new().spawn(elsewhere).expect("a thread").join().expect("the thread ends");
        assert!(!left.contains(moved.draw().as_slice()), "a thread uses another's nonces");
    }
}
