//! Two nodes over one store: what one closes, the other has in memory, and opens no more.
//!
//! Each node here has opened the store's files, the root's record and its caches by itself, as two processes would; what
//! they share is what is on disk. (An embedded node's data directory and root are one process's: two processes share a
//! store on PostgreSQL, and a root behind a service.) The second node's root has the record of what was shredded still.

use crate::{
    House,
    closed::{protected, shred, suspend},
};
use base::{Action, Clock as _};
use bytes::Bytes;
use datasets::Error;
use keys::{GRACE, HEARTBEAT};
use std::time::Duration;

/// What one node does while the other one reveals.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Act {
    Shred,
    Suspend,
}

#[tokio::test]
async fn what_one_node_closes_another_that_has_it_cached_reveals_no_more() {
    for act in [Act::Shred, Act::Suspend] {
        for hears in [true, false] {
            let dir = tempfile::tempdir().expect("a directory");
            let house = House::new(dir.path()).await;
            let (file, output, end) = protected(&house).await;
            let other = house.another(dir.path()).await;
            let permit = || other.permit(&other.ctx, Action::DatasetsReveal, end.content.dataset);
            let begin = || other.datasets.reveal(&other.ctx, permit(), &end.manifest, None);
            let mut run = begin().await.expect("it begins");
            let (first, rest) = output.split_at(output.len() / 2);
            let plain = run.push(Bytes::copy_from_slice(first)).await.expect("still open");
            assert!(file.starts_with(&plain) && plain.len() > 1_000);
            let cached = other.keys.cached();
            assert!(cached >= 2, "its data keys and its field key are in memory");

            match act {
                Act::Shred => shred(&house, keys::Scope::Dataset(end.content.dataset)).await,
                Act::Suspend => suspend(&house, end.content.recipient).await,
            }
            assert_eq!(
                (house.keys.cached(), other.keys.cached()),
                (0, cached),
                "the other has not heard of it"
            );

            // It hears of it at its next heartbeat; or else it reveals nothing once the grace is over.
            let later = house.clock.forward(if hears { HEARTBEAT } else { GRACE + Duration::from_millis(1) });
            other.standings.refresh(&other.ctx, later).await.expect("it is heard");
            if hears {
                assert!(other.keys.epoch_step(&other.ctx, later).await.expect("it reads"), "the epoch rose");
                assert_eq!(other.keys.cached(), 0, "dropped on every node");
            }
            let what = format!("{act:?}, {hears}");
            let ended = run.push(Bytes::copy_from_slice(rest)).await.expect_err(&what);
            let begun = begin().await.err().expect(&what);
            for error in [ended, begun] {
                let right = matches!(
                    (&error, hears, act),
                    (Error::Keys(keys::Error::EpochUnread { .. }), false, _)
                        | (Error::Keys(keys::Error::Shredded { .. }), true, Act::Shred)
                        | (Error::Keys(keys::Error::Closed { .. }), true, Act::Suspend)
                );
                assert!(right, "{what}: {error}");
            }
            // And once it hears again.
            let later = house.clock.now();
            other.hear(later).await;
            assert!(begin().await.is_err() && other.keys.cached() == 0, "{what}");
        }
    }
}
