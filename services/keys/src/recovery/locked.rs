//! Memory that is not written to a swap file while keys are reconstructed.
//!
//! What is locked: the stack of the thread that reconstructs ([`apart`]), with what libraries compute there, and wiped at
//! its end; and the pages of shares, of the recovery key pair's private half and of what is secret in itself in the opened
//! package, piece by piece ([`Pages`]), from when a library hands them over until just before they are wiped. A package of
//! any size needs no more locked memory than the organization's own keys take. What a library keeps on its heap for the length of
//! one call is wiped by it and not locked: nothing of ours reaches it.

use super::RecoveryError;
use region::LockGuard;
use std::{
    collections::BTreeMap,
    hint::black_box,
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
};

/// How much of the stack is locked, in bytes. What is done in it needs less than half.
const STACK: usize = 256 * 1024;

/// The stack of the thread: what is locked of it, and what the calls around that need.
const WHOLE: usize = 1024 * 1024;

/// The pages that are locked, by address, and how often. The system does not count: whoever unlocks a page unlocks it
/// for all that stands on it.
static LOCKED: Mutex<BTreeMap<usize, (usize, LockGuard)>> = Mutex::new(BTreeMap::new());

fn locked() -> MutexGuard<'static, BTreeMap<usize, (usize, LockGuard)>> {
    LOCKED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Locked pages. Declare it after what it locks, or drop it first: what is freed cannot be unlocked.
#[derive(Default)]
#[must_use = "pages are unlocked when this is dropped"]
pub(super) struct Pages(Vec<usize>);

impl Pages {
    /// Locks the pages of these bytes.
    pub(super) fn hold(&mut self, bytes: &[u8]) -> Result<(), RecoveryError> {
        self.lock(bytes.as_ptr().addr(), bytes.len())
    }

    fn lock(&mut self, from: usize, length: usize) -> Result<(), RecoveryError> {
        let size = region::page::size();
        let mut page = from - from % size;
        while length > 0 && page < from + length {
            let mut locked = locked();
            match locked.get_mut(&page) {
                Some((count, _)) => *count += 1,
                None => {
                    let at = std::ptr::with_exposed_provenance::<u8>(page);
                    let guard = region::lock(at, size).map_err(RecoveryError::NotLocked)?;
                    locked.insert(page, (1, guard));
                }
            }
            self.0.push(page);
            page += size;
        }
        Ok(())
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        let mut locked = locked();
        for page in self.0.drain(..) {
            if let Some((count, _)) = locked.get_mut(&page) {
                *count -= 1;
                if *count == 0 {
                    locked.remove(&page);
                }
            }
        }
    }
}

/// Does `work` on a thread of its own whose stack is locked, and wiped at the end. Blocks until it is done: what is
/// done here takes milliseconds.
///
/// # Errors
/// [`RecoveryError::NotLocked`], [`RecoveryError::Io`] where there is no thread to be had.
pub(super) fn apart<T: Send>(work: impl FnOnce() -> T + Send) -> Result<T, RecoveryError> {
    thread::scope(|scope| {
        let thread = thread::Builder::new().name("recovery".to_owned()).stack_size(WHOLE);
        let done = thread.spawn_scoped(scope, || {
            let here = black_box(0_u8);
            let mut stack = Pages::default();
            stack.lock((&raw const here).addr() - STACK, STACK)?;
            let done = work();
            wipe();
            drop(stack);
            Ok(done)
        })?;
        done.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// Overwrites the stack below the caller.
#[inline(never)]
fn wipe() {
    let mut room = [0xa5_u8; STACK - 8 * 1024];
    zeroize::Zeroize::zeroize(black_box(&mut room).as_mut_slice());
}

#[cfg(test)]
pub(super) mod tests {
    use super::{Pages, apart};
    use std::hint::black_box;

    /// Whether the kernel says that the page of this address is locked.
    pub(crate) fn is_locked<T>(at: *const T) -> bool {
        let maps = std::fs::read_to_string("/proc/self/smaps").expect("Linux says");
        let mut within = false;
        for line in maps.lines() {
            let range = line.split_once(' ').and_then(|(range, _)| range.split_once('-'));
            if let Some((from, to)) = range
                && let (Ok(from), Ok(to)) = (usize::from_str_radix(from, 16), usize::from_str_radix(to, 16))
            {
                within = (from..to).contains(&at.addr());
            } else if within && let Some(flags) = line.strip_prefix("VmFlags:") {
                return flags.split_whitespace().any(|flag| flag == "lo");
            }
        }
        false
    }

    #[test]
    fn pages_are_locked_for_as_long_as_anything_on_them_is_held() {
        let secret = vec![7_u8; 64 * 1024];
        assert!(!is_locked(secret.as_ptr()));
        let (mut pages, mut others) = (Pages::default(), Pages::default());
        pages.hold(&secret).expect("64 KiB are within the limit");
        pages.hold(&[]).expect("nothing to lock");
        others.hold(&secret[..1]).expect("on the same page");
        let (first, last) = (secret.as_ptr(), &raw const secret[secret.len() - 1]);
        assert!(is_locked(first) && is_locked(last));
        drop(pages);
        assert!(is_locked(first) && !is_locked(last), "another holds the first page");
        drop(others);
        assert!(!is_locked(first));
    }

    #[test]
    fn the_stack_of_what_is_done_apart_is_locked() {
        fn deep(depth: usize) -> bool {
            let here = black_box([depth; 128]);
            is_locked(here.as_ptr()) && (depth == 0 || deep(depth - 1))
        }
        assert!(apart(|| deep(20)).expect("it is locked"));
        let panicked = std::panic::catch_unwind(|| drop(apart(|| assert!(black_box(1) > 1, "no"))));
        assert!(panicked.is_err(), "and a fault in it is no other than elsewhere");
    }
}
