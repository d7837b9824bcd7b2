//! Waiting for what another process does: asked again until it is so, with a deadline. Nothing here stands
//! in for synchronisation; a condition that never comes is a failure with its name.

use std::thread;
use std::time::{Duration, Instant};

/// The test's own clock: how much time has passed here, which is all that a deadline needs.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "a test is its own composition root")]
pub fn now() -> Instant {
    Instant::now()
}

/// Asks until there is an answer.
///
/// # Panics
/// After `limit`, naming `what` was waited for.
#[expect(clippy::panic, reason = "a condition that never comes fails the test")]
pub fn until<T>(what: &str, limit: Duration, ask: impl FnMut() -> Option<T>) -> T {
    within(limit, ask).unwrap_or_else(|| panic!("waited {limit:?} in vain: {what}"))
}

/// Asks until there is an answer, or `limit` is over.
pub fn within<T>(limit: Duration, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = now() + limit;
    loop {
        if let Some(answer) = ask() {
            return Some(answer);
        }
        if now() >= deadline {
            return None;
        }
        thread::park_timeout(Duration::from_millis(10));
    }
}
