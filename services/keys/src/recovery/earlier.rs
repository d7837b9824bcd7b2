//! Packages that another took the place of and that are kept as they were. A setup counts once a rehearsal of it has
//! succeeded: until then, the package before it stays, and its custodians open it. And a package with keys that the
//! root does not open stays beside the one that lacks them. Neither follows the keys any more.

use super::{Package, RecoveryError, rows::packable, setup::dealt, writing::blocking};
use crate::{Error, Keys, RootError, Scope, ShredRefused, State, Unit, custody, private_file, tables};
use base::{Context, Id, noun};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, fs,
    path::PathBuf,
    str::FromStr,
};
use store::Queries;

/// The name of a package that is kept: `SETUP`, or `SETUP.GENERATION` where the setup has more than one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Earlier {
    /// The setup whose custodians open it.
    pub setup: Id<noun::Ceremony>,
    /// Which writing it is.
    pub generation: Option<u64>,
}

impl From<Id<noun::Ceremony>> for Earlier {
    fn from(setup: Id<noun::Ceremony>) -> Self {
        Self { setup, generation: None }
    }
}

impl fmt::Display for Earlier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.generation {
            Some(generation) => write!(f, "{}.{generation}", self.setup),
            None => write!(f, "{}", self.setup),
        }
    }
}

impl FromStr for Earlier {
    type Err = RecoveryError;

    fn from_str(name: &str) -> Result<Self, RecoveryError> {
        let (setup, generation) = match name.split_once('.') {
            Some((setup, generation)) => (setup, Some(generation.parse().ok())),
            None => (name, None),
        };
        match (setup.parse(), generation) {
            (Ok(setup), None) => Ok(Self { setup, generation: None }),
            (Ok(setup), Some(Some(generation))) => Ok(Self { setup, generation: Some(generation) }),
            _ => Err(RecoveryError::Malformed {
                what: "name of an earlier package",
                why: "it is SETUP or SETUP.GENERATION",
            }),
        }
    }
}

/// Keys that a package has and that are not open, each with the earlier package that has it, or none for the one in
/// place.
pub(super) type Left = Vec<(Id<noun::Key>, Option<Earlier>)>;

impl Keys {
    /// The packages that are kept here, the oldest setup's first.
    pub(super) fn earlier(&self, organization: Id<noun::Organization>) -> Vec<Earlier> {
        let Ok(entries) = fs::read_dir(self.store.directory(organization)) else { return Vec::new() };
        let setup = |name: &str| name.strip_prefix("recovery.")?.strip_suffix(".package")?.parse().ok();
        let mut found: Vec<Earlier> =
            entries.filter_map(|entry| setup(entry.ok()?.file_name().to_str()?)).collect();
        found.sort_unstable();
        found
    }

    /// Where an earlier package stands.
    pub(super) fn earlier_path(&self, organization: Id<noun::Organization>, name: Earlier) -> PathBuf {
        self.store.directory(organization).join(format!("recovery.{name}.package"))
    }

    /// The files of the earlier packages that do not read, below the data directory.
    pub(crate) fn unread(&self, organization: Id<noun::Organization>) -> Vec<String> {
        let reads = |name: &Earlier| {
            let bytes = self.earlier_package(organization, *name);
            bytes.is_ok_and(|bytes| Package::read(&bytes).is_ok())
        };
        let (unread, folder) = (self.earlier(organization).into_iter(), organization.bare());
        let unread = unread.filter(|name| !reads(name));
        unread.map(|name| format!("organizations/{folder}/recovery.{name}.package")).collect()
    }

    /// An earlier package, as it was when another took its place.
    pub(super) fn earlier_package(
        &self,
        organization: Id<noun::Organization>,
        name: Earlier,
    ) -> Result<Vec<u8>, Error> {
        let read = fs::read(self.earlier_path(organization, name));
        Ok(read.map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => RecoveryError::NoEarlier { name },
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
            // One that does not read stays: nobody knows what it has.
            let Ok(package) = Package::read(&self.earlier_package(organization, setup)?) else { continue };
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
                && Package::read(&self.earlier_package(organization, setup)?)
                    .is_ok_and(|package| !package.has_of(shredded));
            if !stays {
                let path = self.earlier_path(organization, setup);
                blocking(move || private_file::erase(&path)).await?;
            }
        }
        Ok(())
    }

    /// Refuses to shred a dataset while a package that is written anew for that, or erased, has keys of others that
    /// open nowhere else: they would be gone with it.
    pub(crate) async fn may_shred(
        &self,
        door: &impl Queries,
        organization: Id<noun::Organization>,
        scope: Scope,
    ) -> Result<(), Error> {
        let Scope::Dataset(dataset) = scope else { return Ok(()) };
        let mut wanted = BTreeMap::new();
        for row in packable(door).await? {
            if row.dataset()? != Some(dataset) {
                wanted.insert(row.id()?, row);
            }
        }
        if let Some(recovery) = custody::current_recovery(door).await? {
            if let Some(package) = self.package_in_place(organization)
                && let Some((count, first)) = self.closed_of(organization, &package, &wanted).await?
            {
                return Err(ShredRefused::NotWhole { count, first }.into());
            }
            self.root.unwrap(Unit::Log(organization), &dealt(&recovery.head), &recovery.vouched).await?;
        }
        for name in self.earlier(organization) {
            if let Ok(package) = Package::read(&self.earlier_package(organization, name)?)
                && package.has_of(scope)
                && let Some((count, first)) = self.closed_of(organization, &package, &wanted).await?
            {
                return Err(ShredRefused::Alone { name, count, first }.into());
            }
        }
        Ok(())
    }

    /// How many of the wanted keys that a package has the root does not open, and one of them.
    async fn closed_of(
        &self,
        organization: Id<noun::Organization>,
        package: &Package,
        wanted: &BTreeMap<Id<noun::Key>, tables::Row>,
    ) -> Result<Option<(usize, Id<noun::Key>)>, Error> {
        let mut closed = None;
        for key in &package.keys {
            let Some(row) = wanted.get(&key.id) else { continue };
            match self.open_private(organization, row).await {
                Ok(_) => {}
                Err(Error::Root(RootError::UnknownUnit { .. } | RootError::DoesNotOpen)) => {
                    let (count, _) = closed.get_or_insert((0, key.id));
                    *count += 1;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(closed)
    }

    /// The keys that the package in place or an earlier one has and `package` has not, and that open nowhere else: a
    /// restore of `package` would close them.
    pub(super) async fn left_behind(
        &self,
        door: &impl Queries,
        organization: Id<noun::Organization>,
        package: &Package,
    ) -> Result<Left, Error> {
        let mut seen: BTreeSet<_> = package.keys.iter().map(|key| key.id).collect();
        let buried = custody::tombstones(door).await?;
        let mut left = Vec::new();
        let earlier = self.earlier(organization).into_iter().map(Some);
        for name in [None].into_iter().chain(earlier) {
            let here = match name {
                None => self.package_in_place(organization),
                Some(name) => {
                    self.earlier_package(organization, name).ok().and_then(|bytes| Package::read(&bytes).ok())
                }
            };
            for key in here.iter().flat_map(|here| &here.keys) {
                let unit = key.line().unit(organization);
                if !seen.insert(key.id) || buried.iter().any(|buried| buried.covers(unit)) {
                    continue;
                }
                match tables::get(door, key.id).await? {
                    Some(row) if row.state()? == State::Destroyed || row.private.is_empty() => {}
                    Some(row) if self.opens_in_place(door, organization, &row).await? => {}
                    None if key.purpose.is_of_the_log() => {}
                    _ => left.push((key.id, name)),
                }
            }
        }
        Ok(left)
    }

    /// How many earlier packages, and packages and shares of ceremonies under way, hold a version: each brings it back.
    /// An earlier package that does not read may.
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
            let bytes = self.earlier_package(organization, setup);
            count += u64::from(bytes.and_then(|bytes| holds(&bytes)).unwrap_or(true));
        }
        for row in custody::ceremonies(door).await? {
            if row.ended_at.is_none() && holds(&row.package)? {
                count += 1 + custody::contributions(door, &row.id).await?.len() as u64;
            }
        }
        Ok(count)
    }
}
