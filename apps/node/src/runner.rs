//! Background work: named steps, woken by a doorbell or a slow poll, restarted when they fail, drained.
//!
//! A step reads where it stands from the store each time, so a lost doorbell costs latency and a failed
//! step is simply taken again.

use base::{Context, Id, noun};
use futures::FutureExt as _;
use std::error::Error;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::time::Duration;
use store::Doorbell;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How long a task waits after its first failure; twice as long after each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// How long it waits at most.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// What a step says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// There is more to do at once.
    More,
    /// There is more to do once another task has gone on: at once, and then after ever longer pauses.
    Soon,
    /// Nothing is left to do until the doorbell rings.
    Idle,
}

/// Why a step failed.
pub(crate) type StepError = Box<dyn Error + Send + Sync>;

/// When a task wakes.
pub(crate) struct Wake {
    /// What rings when there is work.
    pub(crate) doorbell: Option<Doorbell>,
    /// How long it sleeps at most.
    pub(crate) poll: Duration,
    /// How long it lets more gather after a ring: zero for what someone waits for.
    pub(crate) gather: Duration,
}

/// Runs the tasks of a node.
#[derive(Debug, Clone)]
pub(crate) struct Runner {
    tasks: TaskTracker,
    drain: CancellationToken,
}

/// The context of a background task: nobody asked for it by name.
#[expect(clippy::disallowed_methods, reason = "the background runner makes the contexts of background work")]
pub(crate) fn background(
    organization: Id<noun::Organization>,
    task: &'static str,
    request: Id<noun::Request>,
) -> Context {
    debug_assert!(audit::search::TASKS.contains(&task), "{task} is a task that no search knows");
    Context::background(organization, task, request)
}

impl Runner {
    pub(crate) fn new(drain: CancellationToken) -> Self {
        Self { tasks: TaskTracker::new(), drain }
    }

    /// Runs a step until the drain, again and again.
    pub(crate) fn run<S, F>(&self, task: &'static str, wake: Wake, step: S)
    where
        S: FnMut() -> F + Send + 'static,
        F: Future<Output = Result<Progress, StepError>> + Send + 'static,
    {
        self.tasks.spawn(repeat(task, wake, step, self.drain.clone()));
    }

    /// Waits until every task has ended after the drain began.
    pub(crate) async fn drained(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }
}

async fn repeat<S, F>(task: &'static str, mut wake: Wake, mut step: S, drain: CancellationToken)
where
    S: FnMut() -> F + Send,
    F: Future<Output = Result<Progress, StepError>> + Send,
{
    let mut pause = FIRST_PAUSE;
    while !drain.is_cancelled() {
        // A step that panics is a step that failed: the task goes on.
        let result = AssertUnwindSafe(step()).catch_unwind().await;
        let wait = match result {
            Ok(Ok(Progress::More)) => {
                pause = FIRST_PAUSE;
                continue;
            }
            Ok(Ok(Progress::Soon)) => {
                let wait = pause;
                pause = (pause * 2).min(wake.poll);
                wait
            }
            Ok(Ok(Progress::Idle)) => {
                pause = FIRST_PAUSE;
                wake.poll
            }
            failed => {
                let why = match failed {
                    Ok(Err(error)) => chain(&*error),
                    _ => "it panicked".to_owned(),
                };
                metrics::counter!("nexora_task_failures_total", "task" => task).increment(1);
                tracing::warn!(task, error = why, pause = ?pause, "a background step failed; it is taken again");
                let wait = pause;
                // Never longer than its poll: what goes on by a heartbeat is there again as soon as it can be.
                pause = (pause * 2).min(LONGEST_PAUSE).min(wake.poll);
                tokio::select! {
                    () = drain.cancelled() => return,
                    () = tokio::time::sleep(wait) => continue,
                }
            }
        };
        let rung = async {
            match &mut wake.doorbell {
                Some(doorbell) => doorbell.wait().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = drain.cancelled() => return,
            () = rung => {
                tokio::select! {
                    () = drain.cancelled() => return,
                    () = tokio::time::sleep(wake.gather) => {}
                }
            }
            () = tokio::time::sleep(wait) => {}
        }
    }
}

/// An error and its sources, in one line.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{Progress, Runner, Wake};
    use std::sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    };
    use std::time::Duration;
    use tokio_util::sync::CancellationToken;

    #[tokio::test(start_paused = true)]
    async fn a_step_that_fails_or_panics_is_taken_again_and_the_drain_ends_it() {
        let drain = CancellationToken::new();
        let runner = Runner::new(drain.clone());
        let steps = Arc::new(AtomicU32::new(0));
        let taken = Arc::clone(&steps);
        let wake = Wake { doorbell: None, poll: Duration::from_secs(1), gather: Duration::ZERO };
        runner.run("test", wake, move || {
            let step = taken.fetch_add(1, Ordering::SeqCst);
            async move {
                assert!(step != 1, "the second step panics");
                match step {
                    0 => Err("the first step fails".into()),
                    2 => Ok(Progress::More),
                    _ => Ok(Progress::Idle),
                }
            }
        });
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert!((6..=9).contains(&steps.load(Ordering::SeqCst)), "{steps:?}");
        drain.cancel();
        runner.drained().await;
        let at_the_end = steps.load(Ordering::SeqCst);
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert_eq!(steps.load(Ordering::SeqCst), at_the_end);
    }
}
