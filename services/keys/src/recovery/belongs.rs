//! Whether a package belongs to the organization that it is handed in for: everything in a package that one person
//! made up agrees with itself, so it is held against what the database knows.

use super::{Package, RecoveryError, setup::head_of};
use crate::{
    Error, Purpose, custody,
    tables::{self, Filter, Line},
};
use crypto::text;
use store::Queries;

/// Holds a setup against the one that the database has under its id: they must be the same, to the last share hash,
/// also where that setup has ended. `false` where the database knows no such setup.
pub(super) async fn dealt_here(door: &impl Queries, package: &Package) -> Result<bool, Error> {
    let all = custody::recoveries(door).await?;
    let Some(row) = all.iter().find(|row| row.setup == package.setup.setup.as_bytes()) else {
        return Ok(false);
    };
    if head_of(row)? != package.setup {
        let why = "custodians, quorum, shares or check value are not those that were dealt under its id";
        return Err(RecoveryError::Foreign { why }.into());
    }
    Ok(true)
}

/// Holds a package that is to be restored against the database. Beside its setup, which a database older than the
/// setup cannot know, it must have a version of the organization's key pair that the database has too: that its
/// private half is really in it is checked when it is opened, so whoever wrote the package had that half. Only a
/// database without any key takes a package as it comes.
pub(super) async fn belongs(door: &impl Queries, package: &Package) -> Result<(), Error> {
    dealt_here(door, package).await?;
    for row in tables::all_of(door, &Line::own(Purpose::Organization)).await? {
        let (id, public) = (row.id()?, text::encode(&row.public));
        let same = |key: &&super::PackedKey| key.id == id && key.purpose == Purpose::Organization;
        if package.keys.iter().find(same).is_some_and(|key| key.public == public) {
            return Ok(());
        }
    }
    if tables::list(door, &Filter::default(), None, 1).await?.is_empty() {
        return Ok(());
    }
    Err(RecoveryError::Foreign { why: "it has no version of this organization's key pair" }.into())
}
