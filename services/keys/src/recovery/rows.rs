//! Between a key's row and its line in a package.

use super::package::PackedKey;
use crate::{
    Error, Scope, State, custody, halves,
    tables::{self, Filter, Line, Row},
};
use base::{Id, Timestamp, noun};
use crypto::text;
use store::Queries;

/// How many keys are read at once.
const BATCH: u64 = 500;

/// The keys that a package is to hold: every one that is neither destroyed nor shredded, by id.
pub(super) async fn packable(door: &impl Queries) -> Result<Vec<Row>, Error> {
    let mut gone = Vec::new();
    for shred in custody::shreds(door).await? {
        if shred.approved_at.is_some() {
            gone.push(shred.scope()?);
        }
    }
    let (mut rows, mut after) = (Vec::new(), None);
    loop {
        let batch = tables::list(door, &Filter::default(), after, BATCH).await?;
        let Some(last) = batch.last() else { break };
        after = Some(last.id()?);
        for row in batch {
            let scope = row.dataset()?.map_or(Scope::Organization, Scope::Dataset);
            let shredded = gone.iter().any(|gone| gone.covers(scope));
            if row.state()? != State::Destroyed && !row.private.is_empty() && !shredded {
                rows.push(row);
            }
        }
    }
    Ok(rows)
}

impl PackedKey {
    pub(super) fn of(row: &Row) -> Result<Self, Error> {
        let damaged = |what| move |_| Error::Damaged { what };
        Ok(Self {
            id: row.id()?,
            purpose: row.purpose()?,
            dataset: row.dataset()?,
            field: row.field.clone(),
            value_id: row.value_id()?,
            version: u32::try_from(row.version).map_err(damaged("key version"))?,
            algorithm: row.algorithm.clone(),
            state: row.state()?,
            before: row.before()?,
            public: text::encode(&row.public),
            over: row.over()?,
            created_at: Timestamp::from_micros(row.created_at),
            activated_at: row.activated_at.map(Timestamp::from_micros),
            exported_at: row.exported_at.map(Timestamp::from_micros),
        })
    }

    pub(super) fn line(&self) -> Line {
        Line {
            purpose: self.purpose,
            dataset: self.dataset,
            field: self.field.clone(),
            algorithm: (self.purpose == crate::Purpose::Field).then(|| self.algorithm.clone()),
        }
    }

    /// What the private half is bound to, sealed and wrapped.
    pub(super) fn bound(&self, organization: Id<noun::Organization>) -> Vec<u8> {
        halves::under(organization, self.id, &self.line(), &self.algorithm, self.value_id)
    }

    /// A row for a key that the database has lost.
    pub(super) fn row(&self, owner: Vec<u8>, wrapped: Vec<u8>) -> Result<Row, Error> {
        let damaged = |_| Error::Damaged { what: "key version" };
        let exported = self.exported_at.is_some();
        Ok(Row {
            organization: owner,
            id: self.id.as_bytes().to_vec(),
            purpose: self.purpose.as_str().to_owned(),
            dataset: self.dataset.map(|dataset| dataset.as_bytes().to_vec()),
            version: i32::try_from(self.version).map_err(damaged)?,
            algorithm: self.algorithm.clone(),
            public: text::decode(&self.public, "recovery package")?,
            private: wrapped,
            created_at: self.created_at.micros(),
            line: Some(self.line().name()),
            field: self.field.clone(),
            value_id: i64::from(self.value_id),
            state: self.state.as_str().to_owned(),
            before: self.before.map(|state| state.as_str().to_owned()),
            over: self.over.map(|over| over.as_bytes().to_vec()),
            uses: 0,
            activated_at: self.activated_at.map(Timestamp::micros),
            rewrapped_at: None,
            // Outputs may exist that this database knows nothing of.
            handed_out_at: Some(self.created_at.micros()),
            rotate_every: None,
            rotate_uses: None,
            rotate_at: None,
            exported_at: self.exported_at.map(Timestamp::micros),
            exported_version: exported.then_some(i64::from(self.version)),
            exported_to: exported.then(String::new),
        })
    }
}
