//! The tables: datasets, their outputs, what protects these anew, and the vault of tokens.
#![expect(unreachable_pub, reason = "the entity derives make public items; the module is private")]

pub(crate) mod datasets;
pub(crate) mod jobs;
pub(crate) mod outputs;
pub(crate) mod vault;

use crate::Error;
use sea_orm::sea_query::ColumnDef;
use store::{Change, Guard, Migration, Schema};

pub(crate) const SCHEMA: Schema = Schema {
    service: "datasets",
    migrations: &[
        Migration { name: "datasets by name", up: first },
        Migration { name: "field policies, outputs, protecting anew, tokens", up: second },
    ],
};

fn first(guard: &Guard) -> Vec<Change> {
    vec![
        guard.table("datasets", &["id"], |table| {
            table
                .col(ColumnDef::new("id").blob().not_null())
                .col(ColumnDef::new("name").text().not_null())
                .col(ColumnDef::new("created_at").big_integer().not_null())
        }),
        guard.unique("datasets_by_name", "datasets", &["name"]),
    ]
}

fn second(guard: &Guard) -> Vec<Change> {
    vec![
        guard.column("datasets", ColumnDef::new("policy").text()),
        guard.table("dataset_outputs", &["run"], |table| {
            table
                .col(ColumnDef::new("run").blob().not_null())
                .col(ColumnDef::new("dataset").blob().not_null())
                .col(ColumnDef::new("key").blob().not_null())
                .col(ColumnDef::new("format").text().not_null())
                .col(ColumnDef::new("rows").big_integer().not_null())
                .col(ColumnDef::new("bytes").big_integer().not_null())
                .col(ColumnDef::new("sha256").text().not_null())
                .col(ColumnDef::new("manifest_sha256").text().not_null())
                .col(ColumnDef::new("location").text())
                .col(ColumnDef::new("created_at").big_integer().not_null())
        }),
        guard.index("dataset_outputs_by_dataset", "dataset_outputs", &["dataset", "run"]),
        // Which versions of keys an output stands under: the key pair's and those of field keys.
        guard.table("dataset_output_keys", &["dataset", "key", "run"], |table| {
            table
                .col(ColumnDef::new("dataset").blob().not_null())
                .col(ColumnDef::new("key").blob().not_null())
                .col(ColumnDef::new("run").blob().not_null())
                .col(ColumnDef::new("rows").big_integer().not_null())
                .col(ColumnDef::new("bytes").big_integer().not_null())
        }),
        guard.index("dataset_output_keys_by_run", "dataset_output_keys", &["run"]),
        guard.table("reencryptions", &["job"], |table| {
            table
                .col(ColumnDef::new("job").blob().not_null())
                .col(ColumnDef::new("dataset").blob().not_null())
                .col(ColumnDef::new("state").text().not_null())
                .col(ColumnDef::new("outputs").big_integer().not_null())
                .col(ColumnDef::new("done").big_integer().not_null())
                .col(ColumnDef::new("failed").big_integer().not_null())
                .col(ColumnDef::new("elsewhere").big_integer().not_null())
                .col(ColumnDef::new("rows").big_integer().not_null())
                .col(ColumnDef::new("bytes").big_integer().not_null())
                .col(ColumnDef::new("total_bytes").big_integer().not_null())
                .col(ColumnDef::new("asked_at").big_integer().not_null())
                .col(ColumnDef::new("moved_at").big_integer().not_null())
        }),
        guard.index("reencryptions_by_dataset", "reencryptions", &["dataset", "job"]),
        guard.table("tokens", &["dataset", "field", "key", "token"], |table| {
            table
                .col(ColumnDef::new("dataset").blob().not_null())
                .col(ColumnDef::new("field").text().not_null())
                .col(ColumnDef::new("key").blob().not_null())
                .col(ColumnDef::new("token").text().not_null())
                .col(ColumnDef::new("lookup").blob().not_null())
                .col(ColumnDef::new("value").blob().not_null())
        }),
        guard.unique("tokens_by_value", "tokens", &["dataset", "field", "key", "lookup"]),
    ]
}

/// A number as a column holds it. What exceeds it is no count of anything here.
pub(crate) fn stored(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A number as it was stored.
pub(crate) fn read(number: i64, what: &'static str) -> Result<u64, Error> {
    u64::try_from(number).map_err(|_| Error::Damaged { what })
}
