//! Private halves: how they go into a row and how they come out.
//!
//! A dataset's private half and a field's key are sealed (HPKE) to the organization's public key first, and
//! everything is then wrapped by the root under its unit's record.

use crate::{
    Error, Keys, Purpose, RootError, State, Unit, rules,
    tables::{self, Fresh, Half, Line, Row},
};
use base::{Id, Secret, noun};
use crypto::{bind, hpke};
use ledger::{Entry, Kind};
use store::{Queries, Tx};

/// A version that is about to be kept.
pub(crate) struct New<'a> {
    pub(crate) line: Line,
    pub(crate) algorithm: &'a str,
    /// The id that values bear; 0 unless it is a field key.
    pub(crate) value_id: u32,
    pub(crate) half: Half<'a>,
    pub(crate) state: State,
    /// The version before it.
    pub(crate) after: Option<&'a Row>,
}

impl Line {
    /// The unit of the root that keys of this line are wrapped under.
    pub(crate) const fn unit(&self, organization: Id<noun::Organization>) -> Unit {
        match (self.dataset, self.purpose) {
            (Some(dataset), _) => Unit::Dataset(organization, dataset),
            (None, Purpose::LogEd25519 | Purpose::LogMlDsa44 | Purpose::Redaction) => Unit::Log(organization),
            (None, _) => Unit::Organization(organization),
        }
    }
}

impl Keys {
    /// Seals (where it must be) and wraps a private half, and adds its row. Gives the row and the entry that says
    /// it was generated.
    pub(crate) async fn keep(&self, tx: &mut Tx, new: New<'_>) -> Result<(Row, Entry), Error> {
        let organization = tx.context().organization();
        let id = Id::fresh(self.clock.now(), crypto::random(&*self.provider));
        let New { line, algorithm, value_id, half, state, after } = new;
        let bound = under(organization, id, &line, algorithm, value_id);
        let unit = line.unit(organization);
        let over = match line.dataset {
            Some(_) => Some(self.over(tx, organization).await?),
            None => None,
        };
        let wrapped = match &over {
            Some((_, to)) => {
                let sealed = hpke::seal(&*self.provider, to, &bound, &[], half.private.expose())?;
                self.wrap(tx, unit, &bound, &Secret::new(sealed)).await?
            }
            None => self.wrap(tx, unit, &bound, half.private).await?,
        };
        let version = after
            .map_or(Ok(1), |row| row.version.checked_add(1).ok_or(Error::Damaged { what: "key version" }))?;
        let fresh = Fresh {
            id,
            line: &line,
            version,
            algorithm,
            value_id,
            state,
            public: half.public,
            wrapped,
            over: over.map(|(over, _)| over),
            after,
        };
        let row = tables::add(tx, fresh).await?;
        let entry = described(Entry::done(Kind::KeyGenerated, id), &row)?;
        Ok((row, entry))
    }

    /// The version of the organization's key pair that is in use, to seal to: one that opens.
    pub(crate) async fn over(
        &self,
        door: &impl Queries,
        organization: Id<noun::Organization>,
    ) -> Result<(Id<noun::Key>, hpke::PublicKey), Error> {
        let line = Line::own(Purpose::Organization);
        let Some(row) = tables::active(door, &line).await? else {
            let newest = tables::newest(door, &line).await?.ok_or(Error::NotBegun)?;
            return Err(Error::Closed { key: newest.id()?, state: newest.state()? });
        };
        let id = row.id()?;
        if !self.known_to_open(door, organization, &row).await? {
            return Err(Error::Locked { key: id });
        }
        Ok((id, hpke::PublicKey::from_bytes(row.suite()?, &row.public)?))
    }

    /// Has the root wrap a secret, and counts it.
    pub(crate) async fn wrap(
        &self,
        tx: &mut Tx,
        unit: Unit,
        bound: &[u8],
        secret: &Secret<Vec<u8>>,
    ) -> Result<Vec<u8>, Error> {
        let count = tables::wraps_of(tx, unit).await? + 1;
        if count > rules::MAX_WRAPS {
            return Err(Error::WornOut { unit });
        }
        tables::set_wraps(tx, unit, count).await?;
        Ok(self.root.wrap(unit, bound, secret).await?)
    }

    /// What the root unwraps of a row: the private half, or what is sealed to the organization's key.
    pub(crate) async fn open_private(
        &self,
        organization: Id<noun::Organization>,
        row: &Row,
    ) -> Result<Secret<Vec<u8>>, Error> {
        let (bound, unit) = (bound(organization, row)?, row.line()?.unit(organization));
        if matches!(unit, Unit::Log(_)) {
            // The first organizations had the keys of their logs under the organization's own unit.
            match self.root.unwrap(unit, &bound, &row.private).await {
                Err(RootError::UnknownUnit { .. } | RootError::DoesNotOpen) => {}
                done => return Ok(done?),
            }
            let unit = Unit::Organization(organization);
            return Ok(self.root.unwrap(unit, &bound, &row.private).await?);
        }
        Ok(self.root.unwrap(unit, &bound, &row.private).await?)
    }

    /// The private half of a row that is sealed to the organization's key, which is opened with it. Looks at the
    /// state of neither: [`usable`](Self::usable) does.
    pub(crate) async fn open_sealed(
        &self,
        organization: Id<noun::Organization>,
        row: &Row,
        over: &Row,
    ) -> Result<Secret<Vec<u8>>, Error> {
        let with = self.open_private(organization, over).await?;
        let with = hpke::PrivateKey::from_secret(over.suite()?, with)?;
        let between = self.open_private(organization, row).await?;
        Ok(hpke::open(&*self.provider, &with, &bound(organization, row)?, &[], between.expose())?)
    }

    /// The version of the organization's key pair that a row is sealed to.
    pub(crate) async fn over_of(&self, door: &impl Queries, row: &Row) -> Result<Row, Error> {
        let over = match row.over()? {
            Some(id) => tables::get(door, id).await?,
            None => tables::oldest(door, &Line::own(Purpose::Organization)).await?,
        };
        over.ok_or(Error::NotBegun)
    }
}

/// What a row's private half is bound to.
pub(crate) fn bound(organization: Id<noun::Organization>, row: &Row) -> Result<Vec<u8>, Error> {
    Ok(under(organization, row.id()?, &row.line()?, &row.algorithm, row.value_id()?))
}

/// What a stored private half is bound to: another key's, or another organization's, does not open; nor does a
/// field key that was put under another field (`docs/formats/root.md`).
pub(crate) fn under(
    organization: Id<noun::Organization>,
    key: Id<noun::Key>,
    line: &Line,
    algorithm: &str,
    value_id: u32,
) -> Vec<u8> {
    let (organization, key) = (organization.to_string(), key.to_string());
    let mut parts: Vec<&[u8]> = vec![
        b"nexora/private-key/1",
        organization.as_bytes(),
        key.as_bytes(),
        line.purpose.as_str().as_bytes(),
        algorithm.as_bytes(),
    ];
    let (dataset, value_id) = (line.dataset.map(|dataset| dataset.to_string()), value_id.to_be_bytes());
    if line.purpose == Purpose::Field {
        parts.push(dataset.as_deref().unwrap_or_default().as_bytes());
        parts.push(line.field.as_bytes());
        parts.push(&value_id);
    }
    bind::parts(&parts)
}

/// An entry with the facts that every transition of a version has. A field's path is a name: it is a detail.
pub(crate) fn described(entry: Entry, row: &Row) -> Result<Entry, Error> {
    let mut entry = entry
        .fact("purpose", row.purpose()?.as_str())
        .fact("algorithm", row.algorithm.as_str())
        .fact("version", row.version);
    if let Some(dataset) = row.dataset()? {
        entry = entry.fact("dataset", dataset);
    }
    if !row.field.is_empty() {
        entry = entry.details(serde_json::json!({ "field": row.field }));
    }
    Ok(entry)
}

#[cfg(test)]
mod tests {
    use super::{Line, under};
    use crate::Purpose;
    use base::Id;

    /// `docs/formats/root.md`: what is stored opens under these bytes only.
    #[test]
    fn the_bytes_are_the_documented_ones() {
        let (organization, key) = (Id::from_bytes([1; 16]), Id::from_bytes([2; 16]));
        let own = under(organization, key, &Line::own(Purpose::Manifest), "ML-DSA-65", 0);
        let mut expected = b"\0\0\0\x14nexora/private-key/1".to_vec();
        expected.extend_from_slice(b"\0\0\0\x1eorg_040g2081040g2081040g208104");
        expected.extend_from_slice(b"\0\0\0\x1ekey_081040g2081040g2081040g208");
        let head = expected.len();
        expected.extend_from_slice(b"\0\0\0\x08manifest\0\0\0\x09ML-DSA-65");
        assert_eq!(own, expected);

        let line = Line::field(Id::from_bytes([0; 16]), "$.items[*].sku", "aes-256-siv");
        let field = under(organization, key, &line, "aes-256-siv", 0x0102_0304);
        expected.truncate(head);
        expected.extend_from_slice(b"\0\0\0\x05field\0\0\0\x0baes-256-siv");
        expected.extend_from_slice(b"\0\0\0\x1edst_00000000000000000000000000");
        expected.extend_from_slice(b"\0\0\0\x0e$.items[*].sku\0\0\0\x04\x01\x02\x03\x04");
        assert_eq!(field, expected);
    }
}
