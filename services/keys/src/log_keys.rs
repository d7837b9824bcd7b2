//! The keys that sign an organization's log: pairs, of which the newest signs, or did until another log began.

use crate::{
    Error, Keys, Purpose, RootError, State, Unit,
    halves::New,
    tables::{self, Half, Line},
};
use base::Context;
use crypto::sign::SigningKey;
use ledger::Entry;
use store::Tx;

/// A pair of keys that sign a log, Ed25519 first.
pub type LogPair = [SigningKey; 2];

const PURPOSES: [Purpose; 2] = [Purpose::LogEd25519, Purpose::LogMlDsa44];

impl Keys {
    /// The pairs of keys that sign the organization's log or once did, the oldest first: for `node` to hand to
    /// `audit`. Pairs that were lost with another root are left out, if the newest one opens.
    ///
    /// # Errors
    /// [`Error::NotBegun`], [`Error::Root`], [`Error::Store`].
    pub async fn log_keys(&self, ctx: &Context) -> Result<Vec<LogPair>, Error> {
        let read = self.store.read(ctx).await?;
        let [ed25519, ml_dsa_44] = PURPOSES.map(Line::own);
        let (ed25519, ml_dsa_44) =
            (tables::all_of(&read, &ed25519).await?, tables::all_of(&read, &ml_dsa_44).await?);
        drop(read);
        let (mut pairs, mut lost) = (Vec::new(), None);
        for first in &ed25519 {
            // They are made in pairs.
            let Some(second) = ml_dsa_44.iter().find(|row| row.version == first.version) else { continue };
            if first.state()? != State::Destroyed && second.state()? != State::Destroyed {
                let pair = async { Ok([self.signer(ctx, first).await?, self.signer(ctx, second).await?]) };
                match pair.await {
                    Ok(pair) => {
                        pairs.push(pair);
                        lost = None;
                    }
                    Err(error @ Error::Root(RootError::UnknownUnit { .. } | RootError::DoesNotOpen)) => {
                        lost = Some(error);
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        match lost {
            Some(error) => Err(error),
            None if pairs.is_empty() => Err(Error::NotBegun),
            None => Ok(pairs),
        }
    }

    /// Makes the next pair of keys that sign the organization's log, as part of the change that puts them in use; the
    /// caller commits it with the entries that are returned.
    ///
    /// # Errors
    /// [`Error::NotBegun`], [`Error::Root`], [`Error::Store`].
    pub async fn renew_log_keys(&self, tx: &mut Tx) -> Result<(LogPair, Vec<Entry>), Error> {
        // A root that took the place of a lost one does not know the log yet.
        self.root.enroll(Unit::Log(tx.context().organization())).await?;
        let (mut pair, mut entries) = (Vec::new(), Vec::new());
        for purpose in PURPOSES {
            let line = Line::own(purpose);
            let newest = tables::newest(tx, &line).await?.ok_or(Error::NotBegun)?;
            let algorithm = newest.signature()?;
            self.retire(tx, &line).await?;
            let key = SigningKey::generate(&*self.provider, algorithm);
            let half = Half { private: key.as_secret(), public: key.verifying_key().as_bytes() };
            let (algorithm, state) = (algorithm.as_str(), State::Active);
            let new = New { line, algorithm, value_id: 0, half, state, after: Some(&newest) };
            entries.push(self.keep(tx, new).await?.1);
            pair.push(key);
        }
        let pair = pair.try_into().map_err(|_| Error::Damaged { what: "log key" })?;
        Ok((pair, entries))
    }
}
