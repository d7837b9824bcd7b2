//! Packages of setups before the one in force. A setup counts once a rehearsal of it has succeeded: until then, the
//! package before it stays as it is, and its custodians open it. It does not follow the keys any more.

use super::{Package, RecoveryError, rows::packable, writing::blocking};
use crate::{Error, Keys, Scope, State, custody, private_file, tables};
use base::{Context, Id, noun};
use std::{collections::BTreeSet, fs, path::PathBuf};
use store::Queries;

impl Keys {
    /// The earlier setups whose packages are still here, the oldest first.
    pub(super) fn earlier(&self, organization: Id<noun::Organization>) -> Vec<Id<noun::Ceremony>> {
        let Ok(entries) = fs::read_dir(self.store.directory(organization)) else { return Vec::new() };
        let setup = |name: &str| name.strip_prefix("recovery.")?.strip_suffix(".package")?.parse().ok();
        let mut found: Vec<_> =
            entries.filter_map(|entry| setup(entry.ok()?.file_name().to_str()?)).collect();
        found.sort_unstable();
        found
    }

    /// Where the package of an earlier setup stands.
    pub(super) fn earlier_path(
        &self,
        organization: Id<noun::Organization>,
        setup: Id<noun::Ceremony>,
    ) -> PathBuf {
        self.store.directory(organization).join(format!("recovery.{setup}.package"))
    }

    /// The package of an earlier setup, as it was when another took its place.
    pub(super) fn earlier_package(
        &self,
        organization: Id<noun::Organization>,
        setup: Id<noun::Ceremony>,
    ) -> Result<Vec<u8>, Error> {
        let read = fs::read(self.earlier_path(organization, setup));
        Ok(read.map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => RecoveryError::NoEarlier { setup },
            _ => RecoveryError::Io(error),
        })?)
    }

    /// Once a rehearsal has succeeded: erases the packages of earlier setups. One that has a key that the package in
    /// place has not stays: nothing but a shredding makes data unreadable.
    pub(super) async fn forget_earlier(&self, ctx: &Context) -> Result<(), Error> {
        let organization = ctx.organization();
        let earlier = self.earlier(organization);
        if earlier.is_empty() {
            return Ok(());
        }
        let Some(package) = self.package_in_place(organization) else { return Ok(()) };
        let held: BTreeSet<_> = package.keys.iter().map(|key| key.id).collect();
        let read = self.store.read(ctx).await?;
        let wanted: BTreeSet<_> =
            packable(&read).await?.iter().map(tables::Row::id).collect::<Result<_, _>>()?;
        for setup in earlier {
            let package = Package::read(&self.earlier_package(organization, setup)?)?;
            if package.keys.iter().all(|key| held.contains(&key.id) || !wanted.contains(&key.id)) {
                let path = self.earlier_path(organization, setup);
                blocking(move || private_file::erase(&path)).await?;
            }
        }
        Ok(())
    }

    /// Erases the packages of earlier setups that have keys of what was shredded; all of them with the organization,
    /// and one that does not read.
    pub(super) async fn erase_earlier(
        &self,
        organization: Id<noun::Organization>,
        shredded: Scope,
    ) -> Result<(), Error> {
        for setup in self.earlier(organization) {
            let stays = shredded != Scope::Organization
                && Package::read(&self.earlier_package(organization, setup)?).is_ok_and(|package| {
                    package.keys.iter().all(|key| key.dataset.map(Scope::Dataset) != Some(shredded))
                });
            if !stays {
                let path = self.earlier_path(organization, setup);
                blocking(move || private_file::erase(&path)).await?;
            }
        }
        Ok(())
    }

    /// The keys that the package in place has and `package` has not, and that open nowhere else: a restore of
    /// `package` would close them.
    pub(super) async fn left_behind(
        &self,
        door: &impl Queries,
        organization: Id<noun::Organization>,
        package: &Package,
    ) -> Result<Vec<Id<noun::Key>>, Error> {
        let Some(here) = self.package_in_place(organization) else { return Ok(Vec::new()) };
        let has: BTreeSet<_> = package.keys.iter().map(|key| key.id).collect();
        let buried = custody::tombstones(door).await?;
        let mut left = Vec::new();
        for key in &here.keys {
            let unit = key.line().unit(organization);
            if has.contains(&key.id) || buried.iter().any(|buried| buried.covers(unit)) {
                continue;
            }
            match tables::get(door, key.id).await? {
                Some(row) if row.state()? == State::Destroyed || row.private.is_empty() => {}
                Some(row) if self.opens_in_place(door, organization, &row).await? => {}
                None if key.purpose.is_of_the_log() => {}
                _ => left.push(key.id),
            }
        }
        Ok(left)
    }

    /// How many earlier packages, and packages and shares of ceremonies under way, hold a version: each brings it back.
    pub(crate) async fn packaged_elsewhere(
        &self,
        door: &impl Queries,
        organization: Id<noun::Organization>,
        key: Id<noun::Key>,
    ) -> Result<u64, Error> {
        let holds = |bytes: &[u8]| {
            let package = Package::read(bytes)?;
            Ok::<_, Error>(package.keys.iter().any(|held| held.id == key))
        };
        let mut count = 0;
        for setup in self.earlier(organization) {
            count += u64::from(holds(&self.earlier_package(organization, setup)?)?);
        }
        for row in custody::ceremonies(door).await? {
            if row.ended_at.is_none() && holds(&row.package)? {
                count += 1 + custody::contributions(door, &row.id).await?.len() as u64;
            }
        }
        Ok(count)
    }
}
