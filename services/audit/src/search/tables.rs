//! The rows of the index.
#![expect(unreachable_pub, reason = "the entity derives make public items; the module is private")]

use sea_orm::{entity::prelude::*, sea_query::ColumnDef};
use store::{Change, Guard, Migration, Schema};

/// The tables of the index.
pub static SCHEMA: Schema = Schema {
    service: "audit.search",
    migrations: &[Migration { name: "terms, bundles, coverage", up: first }],
};

fn first(guard: &Guard) -> Vec<Change> {
    vec![
        guard.table("ledger_terms", &["generation", "term", "bundle"], |table| {
            table
                .col(ColumnDef::new("generation").integer().not_null())
                .col(ColumnDef::new("term").big_integer().not_null())
                .col(ColumnDef::new("bundle").big_integer().not_null())
                .col(ColumnDef::new("entries").blob().not_null())
        }),
        guard.table("ledger_bundles", &["generation", "bundle"], |table| {
            table
                .col(ColumnDef::new("generation").integer().not_null())
                .col(ColumnDef::new("bundle").big_integer().not_null())
                .col(ColumnDef::new("earliest").big_integer().not_null())
                .col(ColumnDef::new("latest").big_integer().not_null())
                .col(ColumnDef::new("terms").blob().not_null())
        }),
        guard.table("ledger_indexed", &["generation"], |table| {
            table
                .col(ColumnDef::new("generation").integer().not_null())
                .col(ColumnDef::new("entries").big_integer().not_null())
                .col(ColumnDef::new("minimum").big_integer().not_null())
        }),
    ]
}

/// In which entries of a bundle a term stands.
pub(crate) mod row {
    use super::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, Eq)]
    #[sea_orm(table_name = "ledger_terms")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub organization: Vec<u8>,
        #[sea_orm(primary_key, auto_increment = false)]
        pub generation: i32,
        #[sea_orm(primary_key, auto_increment = false)]
        pub term: i64,
        #[sea_orm(primary_key, auto_increment = false)]
        pub bundle: i64,
        /// One bit an entry, the first entry's the lowest of the first byte; bytes of zeros at the end are left out.
        pub entries: Vec<u8>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Which bundles are indexed, and when their entries were committed, in microseconds.
pub(crate) mod bundles {
    use super::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, Eq)]
    #[sea_orm(table_name = "ledger_bundles")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub organization: Vec<u8>,
        #[sea_orm(primary_key, auto_increment = false)]
        pub generation: i32,
        #[sea_orm(primary_key, auto_increment = false)]
        pub bundle: i64,
        pub earliest: i64,
        pub latest: i64,
        /// Every term of it, 8 bytes each, big-endian: by them its rows are found when it is pruned, without an index
        /// that would be as large as the table.
        pub terms: Vec<u8>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// How far the index of each log is.
pub(crate) mod indexed {
    use super::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, Eq)]
    #[sea_orm(table_name = "ledger_indexed")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub organization: Vec<u8>,
        #[sea_orm(primary_key, auto_increment = false)]
        pub generation: i32,
        /// Entries before this one are indexed.
        pub entries: i64,
        /// Entries before this one were dropped.
        pub minimum: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}
