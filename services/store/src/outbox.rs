//! The store's own tables in every organization's file: entries on their way to the ledger, their details,
//! positions and cursors.
#![expect(unreachable_pub, reason = "the entity derives make public items; the module is private")]

use crate::{Guard, Migration, Schema};
use sea_orm::{FromQueryResult, entity::prelude::*, sea_query::ColumnDef};

pub(crate) static SCHEMA: Schema =
    Schema { service: "store", migrations: &[Migration { name: "outbox, positions, cursors", up: first }] };

fn first(guard: &Guard) -> Vec<crate::Change> {
    vec![
        guard.table("outbox", &["position"], |table| {
            table
                .col(ColumnDef::new("position").big_integer().not_null())
                .col(ColumnDef::new("entry").blob().not_null())
        }),
        guard.table("entry_details", &["position"], |table| {
            table
                .col(ColumnDef::new("position").big_integer().not_null())
                .col(ColumnDef::new("salted").blob().not_null())
        }),
        guard.table("positions", &["topic"], |table| {
            table
                .col(ColumnDef::new("topic").text().not_null())
                .col(ColumnDef::new("next").big_integer().not_null())
        }),
        guard.table("cursors", &["reader"], |table| {
            table
                .col(ColumnDef::new("reader").text().not_null())
                .col(ColumnDef::new("position").big_integer().not_null())
        }),
    ]
}

/// An entry that was committed and may not be in the ledger's files yet.
pub(crate) mod entry {
    use super::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, Eq)]
    #[sea_orm(table_name = "outbox")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub organization: Vec<u8>,
        #[sea_orm(primary_key, auto_increment = false)]
        pub position: i64,
        pub entry: Vec<u8>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// The details an entry commits to, behind their salt.
pub(crate) mod details {
    use super::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, Eq)]
    #[sea_orm(table_name = "entry_details")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub organization: Vec<u8>,
        #[sea_orm(primary_key, auto_increment = false)]
        pub position: i64,
        pub salted: Vec<u8>,
    }

    /// What is not erased: an erased row is blank.
    pub(crate) fn kept() -> sea_orm::sea_query::SimpleExpr {
        // The salt alone decides: 32 random bytes are not zero.
        let salt = sea_orm::sea_query::Func::cust("substr").arg(Expr::col(Column::Salted)).arg(1).arg(32);
        sea_orm::sea_query::ExprTrait::ne(Expr::expr(salt), vec![0_u8; 32])
    }

    /// Where there are details, without them.
    #[derive(Debug, FromQueryResult)]
    pub struct At {
        pub position: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// The next position of each topic.
pub(crate) mod position {
    use super::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, Eq)]
    #[sea_orm(table_name = "positions")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub organization: Vec<u8>,
        #[sea_orm(primary_key, auto_increment = false)]
        pub topic: String,
        pub next: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// How far each reader has come.
pub(crate) mod cursor {
    use super::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, Eq)]
    #[sea_orm(table_name = "cursors")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub organization: Vec<u8>,
        #[sea_orm(primary_key, auto_increment = false)]
        pub reader: String,
        pub position: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}
