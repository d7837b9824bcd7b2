//! One group's change: identities, findings and the cursor, in one transaction with their entries.

use crate::{CURSOR, Failure, Shared};
use base::Context;
use detect::Finding;
use identities::Sighting;
use store::Queries as _;

impl Failure {
    /// What the store said, if it was the store.
    pub(crate) const fn store(&self) -> Option<&store::Error> {
        match self {
            Self::Store(error)
            | Self::Findings(findings::Error::Store(error))
            | Self::Identities(identities::Error::Store(error)) => Some(error),
            _ => None,
        }
    }
}

/// Commits what judging the log from `from` up to `next` gave. The cursor must stand at `from`: what was
/// judged before is not judged again.
pub(crate) async fn commit(
    shared: &Shared,
    ctx: &Context,
    sightings: &[Sighting],
    found: Vec<Finding>,
    next: u64,
    from: u64,
) -> Result<(), Failure> {
    let options = &shared.options;
    let mut tx = options.store.write(ctx).await?;
    let cursor = u64::try_from(tx.cursor(CURSOR).await?).unwrap_or(0);
    if cursor != from {
        return Err(Failure::Behind { log: from, store: cursor });
    }
    // Whom something is held against does not leave the inventory: not in this change, and not later.
    let accused: Vec<_> = found.iter().filter_map(|finding| finding.identity).collect();
    let known = options.identities.known();
    let hold = |accused: &[_]| accused.iter().for_each(|id| known.hold(ctx.organization(), *id));
    hold(&accused);
    let discovered = match sightings {
        [] => None,
        sightings => Some(options.identities.discover(&mut tx, sightings).await?),
    };
    let recorded = match found.is_empty() {
        true => None,
        false => Some(options.findings.record(&mut tx, found).await?),
    };
    tx.set_cursor(CURSOR, i64::try_from(next).unwrap_or(i64::MAX)).await?;
    let mut entries = discovered.as_ref().map_or_else(Vec::new, identities::Discovered::entries);
    entries.extend(recorded.as_ref().and_then(findings::Recorded::entry));
    let entries: Vec<_> = entries.into_iter().map(|entry| entry.fact("through", next)).collect();
    let identities = discovered.as_ref().map_or(0, identities::Discovered::count);
    if entries.is_empty() {
        tx.commit_derived().await?;
    } else {
        let committed = tx.commit_all(entries).await?;
        if let Some(discovered) = discovered {
            discovered.publish(&committed);
        }
        hold(&accused);
    }
    let mut counts = shared.counts();
    counts.identities += identities as u64;
    counts.findings += recorded.map_or(0, |recorded| recorded.count()) as u64;
    Ok(())
}
