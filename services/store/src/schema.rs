//! Tables and their migrations, as each service hands them to the store.
//!
//! A service describes its tables with sea-query's builders; the store adds the organization's column and
//! the check that holds it, and runs each migration once, inside the transaction that records it.

use base::{Id, noun};
use sea_orm::sea_query::{
    Alias, ColumnDef, Expr, ExprTrait, Index, IndexCreateStatement, IndexDropStatement, Table,
    TableAlterStatement, TableCreateStatement,
};

/// The tables of one service.
#[derive(Debug)]
pub struct Schema {
    /// Whose: the crate's name.
    pub service: &'static str,
    /// From the first on; one that has shipped never changes.
    pub migrations: &'static [Migration],
}

/// One step from a version of the tables to the next; its version is its place in the list, from 1.
#[derive(Debug)]
pub struct Migration {
    /// What it does, in a few words.
    pub name: &'static str,
    /// The changes, in order.
    pub up: fn(&Guard) -> Vec<Change>,
}

/// One change of a schema.
#[derive(Debug)]
pub struct Change(pub(crate) Kind);

#[derive(Debug)]
pub(crate) enum Kind {
    Table(Box<TableCreateStatement>),
    Index(Box<IndexCreateStatement>),
    Alter(Box<TableAlterStatement>),
    Drop(Box<IndexDropStatement>),
}

/// What makes tables, so that none is without its guard.
#[derive(Debug)]
pub struct Guard {
    organization: Id<noun::Organization>,
}

impl Guard {
    pub(crate) const fn new(organization: Id<noun::Organization>) -> Self {
        Self { organization }
    }

    /// A new table. It begins with the column `organization`, 16 bytes, which a check holds to the
    /// organization of this file; the primary key is `organization` and then `key`, the names of columns that
    /// `describe` adds.
    #[must_use]
    pub fn table(
        &self,
        name: &'static str,
        key: &[&'static str],
        describe: impl FnOnce(&mut TableCreateStatement) -> &mut TableCreateStatement,
    ) -> Change {
        let column = Alias::new("organization");
        let mut table = Table::create();
        table.table(Alias::new(name)).col(
            ColumnDef::new(column.clone())
                .blob()
                .not_null()
                .check(Expr::col(column.clone()).eq(self.organization.as_bytes().to_vec())),
        );
        describe(&mut table);
        let mut primary = Index::create();
        primary.col(column);
        for name in key {
            primary.col(Alias::new(*name));
        }
        table.primary_key(&mut primary);
        Change(Kind::Table(Box::new(table)))
    }

    /// A new index over `organization` and then `columns`.
    #[must_use]
    pub fn index(&self, name: &'static str, table: &'static str, columns: &[&'static str]) -> Change {
        Change(Kind::Index(Box::new(index(name, table, columns))))
    }

    /// A new unique index over `organization` and then `columns`.
    #[must_use]
    pub fn unique(&self, name: &'static str, table: &'static str, columns: &[&'static str]) -> Change {
        let mut index = index(name, table, columns);
        index.unique();
        Change(Kind::Index(Box::new(index)))
    }

    /// Without an index that has shipped: another one holds what it held. No row changes.
    #[must_use]
    pub fn without_index(&self, name: &'static str, table: &'static str) -> Change {
        let mut index = Index::drop();
        index.name(name).table(Alias::new(table));
        Change(Kind::Drop(Box::new(index)))
    }

    /// A further column for a table that has shipped.
    #[must_use]
    pub fn column(&self, table: &'static str, column: &mut ColumnDef) -> Change {
        let mut alter = Table::alter();
        alter.table(Alias::new(table)).add_column(column);
        Change(Kind::Alter(Box::new(alter)))
    }
}

fn index(name: &'static str, table: &'static str, columns: &[&'static str]) -> IndexCreateStatement {
    let mut index = Index::create();
    index.name(name).table(Alias::new(table)).col(Alias::new("organization"));
    for column in columns {
        index.col(Alias::new(*column));
    }
    index
}
