//! Memory that is not written to a swap file while keys are reconstructed.
//!
//! What is locked: the pages of the recovery key, of the recovery key pair's private half and of the opened package,
//! from when a library hands them over until just before they are wiped. What libraries compute with themselves, on
//! their stack and heap, is wiped by them and not locked: nothing of ours reaches it.

use super::RecoveryError;
use region::LockGuard;

/// Locked pages. Declare it after what it locks, or drop it first: what is freed cannot be unlocked.
#[derive(Default)]
#[must_use = "pages are unlocked when this is dropped"]
pub(super) struct Pages(Vec<LockGuard>);

impl Pages {
    /// Locks the pages of these bytes.
    pub(super) fn hold(&mut self, bytes: &[u8]) -> Result<(), RecoveryError> {
        if !bytes.is_empty() {
            self.0.push(region::lock(bytes.as_ptr(), bytes.len()).map_err(RecoveryError::NotLocked)?);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Pages;

    /// How many KiB of this process the kernel says are locked.
    fn locked() -> u64 {
        let status = std::fs::read_to_string("/proc/self/status").expect("Linux says");
        let line = status.lines().find_map(|line| line.strip_prefix("VmLck:")).expect("it has the line");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    }

    #[test]
    fn the_kernel_counts_the_pages_while_they_are_held() {
        let secret = vec![7_u8; 64 * 1024];
        let before = locked();
        let mut pages = Pages::default();
        pages.hold(&secret).expect("64 KiB are within the limit");
        pages.hold(&[]).expect("nothing to lock");
        assert!(locked() >= before + 64);
        drop(pages);
        assert!(locked() < before + 64);
    }
}
