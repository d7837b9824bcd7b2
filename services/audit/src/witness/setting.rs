//! Which witnesses a log has, said in the log itself: the entry `ledger.witnesses_set`.

use super::tables::policies;
use crate::Error;
use base::{Context, Id, noun};
use store::{OUTBOX, Queries as _, Store, Tx};
use verify::Origin;
use verify::quorum::Policy;

/// The policy of a log that nobody cosigns.
const NONE: &str = "quorum none\n";

/// The largest policy that an entry holds, in bytes.
const MAX_BYTES: usize = 60_000;

/// What the node's configuration says of witnesses, and which logs have heard it. Cheap to clone.
#[derive(Clone)]
pub struct Settings {
    store: Store,
    /// As the log says it: without comments and addresses.
    text: Option<String>,
    /// The organizations that the policy names; none: the platform alone.
    named: Vec<Id<noun::Organization>>,
}

/// How a log stands with its witnesses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settled {
    /// The position of the entry that says who they are: from the checkpoint on that covers it, they cosign.
    pub position: u64,
    /// Whether the log had others before, who count until then.
    pub replaces: bool,
}

/// A policy that no entry holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the policy has {0} bytes without its comments and addresses; an entry holds {MAX_BYTES}")]
pub struct TooLarge(usize);

impl Settings {
    /// No witnesses: a log that had some is told so.
    #[must_use]
    pub const fn none(store: Store) -> Self {
        Self { store, text: None, named: Vec::new() }
    }

    /// The witnesses of a policy file, which was read as `policy`.
    ///
    /// # Errors
    /// [`TooLarge`].
    pub(super) fn of(store: Store, file: &str, policy: &Policy) -> Result<Self, TooLarge> {
        let text = plain(file);
        if text.len() > MAX_BYTES {
            return Err(TooLarge(text.len()));
        }
        let named = policy.logs().iter().filter_map(|log| log.key.name().parse::<Origin>().ok());
        let named = named.map(|origin| origin.organization).collect();
        Ok(Self { store, text: Some(text), named })
    }

    /// Whether the log of this organization is cosigned: the platform's, unless the policy names others.
    #[must_use]
    pub fn cover(&self, organization: Id<noun::Organization>) -> bool {
        match (&self.text, self.named.as_slice()) {
            (None, _) => false,
            (Some(_), []) => organization == self.store.platform(),
            (Some(_), named) => named.contains(&organization),
        }
    }

    /// Sees to it that the log of this origin says which witnesses it has. None where it has none.
    ///
    /// # Errors
    /// What the store meets.
    pub async fn settle(&self, ctx: &Context, origin: Origin) -> Result<Option<Settled>, Error> {
        let covered = self.cover(ctx.organization());
        let text = self.text.as_deref().filter(|_| covered).unwrap_or(NONE);
        let name = origin.to_string();
        let read = self.store.read(ctx).await?;
        let before = policies::find(&read, &name).await?;
        drop(read);
        let replaces = match before {
            Some((said, settled)) if said == text => return Ok(covered.then_some(settled)),
            Some((said, _)) => said != NONE,
            None if !covered => return Ok(None),
            None => false,
        };
        let mut tx = self.store.write(ctx).await?;
        let settled = Settled { position: next_in_log(&tx).await?, replaces };
        policies::set(&mut tx, &name, text, settled).await?;
        tx.commit(ledger::charter::witnesses_set(origin, text)).await?;
        Ok(covered.then_some(settled))
    }
}

/// The position in the log in use of the first entry that this transaction commits.
pub(crate) async fn next_in_log(tx: &Tx) -> Result<u64, Error> {
    let end = u64::try_from(tx.end(OUTBOX).await?).unwrap_or(0);
    Ok(end.saturating_sub(tx.generation().await?.base))
}

/// The policy as the log says it: what its keys and quorum are, and not where or why.
fn plain(file: &str) -> String {
    let mut text = String::new();
    for line in file.split('\n') {
        let words: Vec<&str> = line.split([' ', '\t']).filter(|word| !word.is_empty()).collect();
        let kept = match words.as_slice() {
            [] => continue,
            [first, ..] if first.starts_with('#') => continue,
            ["log", ..] => words.len().min(2),
            ["witness", ..] => words.len().min(3),
            _ => words.len(),
        };
        text.push_str(&words[..kept].join(" "));
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn the_log_is_told_keys_and_quorum_only() {
        let file =
            "# ours\n\nlog l+1+x https://l/\n  witness\tA  a+1+x http://10.0.0.1/ \ngroup G any A\nquorum G";
        assert_eq!(plain(file), "log l+1+x\nwitness A a+1+x\ngroup G any A\nquorum G\n");
    }
}
