//! Which organizations there are: a table in the platform's own file.
#![expect(unreachable_pub, reason = "the entity derives make public items; the module is private")]

use crate::{Change, Error, Guard, Migration, Options, Schema, Tx, file::File};
use base::{Id, Timestamp, noun};
use sea_orm::{ActiveValue::Set, entity::prelude::*, sea_query::ColumnDef};
use std::{collections::BTreeMap, fs, io::Write, path::Path};

pub(crate) static SCHEMA: Schema =
    Schema { service: "store.registry", migrations: &[Migration { name: "organizations", up: first }] };

fn first(guard: &Guard) -> Vec<Change> {
    vec![guard.table("organizations", &["id"], |table| {
        table
            .col(ColumnDef::new("id").blob().not_null())
            .col(ColumnDef::new("name").text().not_null())
            .col(ColumnDef::new("created_at").big_integer().not_null())
    })]
}

mod row {
    use super::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, Eq)]
    #[sea_orm(table_name = "organizations")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub organization: Vec<u8>,
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Vec<u8>,
        pub name: String,
        pub created_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// An organization of the registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registered {
    /// Its id.
    pub id: Id<noun::Organization>,
    /// Its name, as given.
    pub name: String,
    /// When it was created.
    pub created_at: Timestamp,
}

pub(crate) async fn load(file: &File) -> Result<BTreeMap<Id<noun::Organization>, Registered>, Error> {
    let rows = row::Entity::find().all(&file.readers).await?;
    rows.into_iter()
        .map(|row| {
            let id = Id::from_slice(&row.id).ok_or(Error::Damaged { what: "organization" })?;
            Ok((id, Registered { id, name: row.name, created_at: Timestamp::from_micros(row.created_at) }))
        })
        .collect()
}

impl Tx {
    /// Adds an organization to the registry. Only in the platform's own transaction; the organization can be
    /// opened once that has committed.
    ///
    /// # Errors
    /// [`Error::NoOrganization`] in another organization's transaction; [`Error::Duplicate`] where the name is
    /// taken.
    pub async fn register(&mut self, organization: &Registered) -> Result<(), Error> {
        if self.context().organization() != self.store().platform() {
            return Err(Error::NoOrganization);
        }
        if self.store().organizations().iter().any(|known| known.name == organization.name) {
            return Err(Error::Duplicate { what: "organization" });
        }
        self.insert(row::ActiveModel {
            organization: Set(self.owner()),
            id: Set(organization.id.as_bytes().to_vec()),
            name: Set(organization.name.clone()),
            created_at: Set(organization.created_at.micros()),
        })
        .await?;
        self.registers(organization.clone());
        Ok(())
    }
}

/// The platform's id: made once, kept in `organizations/platform`.
pub(crate) fn platform(root: &Path, options: &Options) -> Result<Id<noun::Organization>, Error> {
    let path = root.join("platform");
    let failed = |source| Error::Directory { path: path.clone(), source };
    match fs::read_to_string(&path) {
        Ok(text) => text.trim().parse().map_err(|_| Error::Damaged { what: "platform id" }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            // A new one beside organizations that are there would be a platform that knows none of them.
            if fs::read_dir(root).map_err(failed)?.filter_map(Result::ok).any(|entry| entry.path().is_dir()) {
                return Err(Error::Damaged { what: "platform id" });
            }
            let mut random = [0; 10];
            (options.random)(&mut random);
            let id = Id::fresh(options.clock.now(), random);
            let fresh = root.join("platform.new");
            let mut file = fs::File::create(&fresh).map_err(failed)?;
            file.write_all(id.to_string().as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
            fs::rename(&fresh, &path).map_err(failed)?;
            fs::File::open(root).and_then(|dir| dir.sync_all()).map_err(failed)?;
            Ok(id)
        }
        Err(source) => Err(failed(source)),
    }
}
