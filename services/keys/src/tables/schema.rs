//! The tables and their migrations.

use crate::State;
use sea_orm::sea_query::ColumnDef;
use store::{Change, Guard, Migration, Schema};

pub(crate) const SCHEMA: Schema = Schema {
    service: "keys",
    migrations: &[
        Migration { name: "keys and producers", up: first },
        Migration { name: "the life of a key", up: life },
        Migration { name: "breaches, shreds and recovery", up: crate::custody::tables },
        Migration { name: "acts on the root of trust", up: crate::custody::root_acts },
        Migration { name: "requests to set up recovery", up: crate::custody::recovery_requests_table },
        Migration { name: "cancelled requests", up: crate::custody::recovery_requests_cancelled },
        Migration { name: "keys that packages lack", up: crate::custody::recoveries_left_out },
    ],
};

pub(super) fn first(guard: &Guard) -> Vec<Change> {
    vec![
        guard.table("keys", &["id"], |table| {
            table
                .col(ColumnDef::new("id").blob().not_null())
                .col(ColumnDef::new("purpose").text().not_null())
                .col(ColumnDef::new("dataset").blob())
                .col(ColumnDef::new("version").integer().not_null())
                .col(ColumnDef::new("algorithm").text().not_null())
                .col(ColumnDef::new("public").blob().not_null())
                .col(ColumnDef::new("private").blob().not_null())
                .col(ColumnDef::new("created_at").big_integer().not_null())
        }),
        guard.unique("keys_by_use", "keys", &["purpose", "dataset", "version"]),
        guard.table("producers", &["id"], |table| {
            table
                .col(ColumnDef::new("id").blob().not_null())
                .col(ColumnDef::new("name").text().not_null())
                .col(ColumnDef::new("algorithm").text().not_null())
                .col(ColumnDef::new("public").blob().not_null())
                .col(ColumnDef::new("thumbprint").text().not_null())
                .col(ColumnDef::new("created_at").big_integer().not_null())
        }),
        guard.unique("producers_by_name", "producers", &["name"]),
        guard.unique("producers_by_thumbprint", "producers", &["thumbprint"]),
    ]
}

fn life(guard: &Guard) -> Vec<Change> {
    let mut changes = vec![
        // One dataset has many field keys of version 1; `line` tells them apart.
        guard.without_index("keys_by_use", "keys"),
        guard.column("keys", ColumnDef::new("line").blob()),
        guard.column("keys", ColumnDef::new("field").text().not_null().default("")),
        guard.column("keys", ColumnDef::new("value_id").big_integer().not_null().default(0)),
        guard.column("keys", ColumnDef::new("state").text().not_null().default(State::Active.as_str())),
        guard.column("keys", ColumnDef::new("before").text()),
        guard.column("keys", ColumnDef::new("over").blob()),
        guard.column("keys", ColumnDef::new("uses").big_integer().not_null().default(0)),
    ];
    for name in [
        "activated_at",
        "rewrapped_at",
        "handed_out_at",
        "rotate_every",
        "rotate_uses",
        "rotate_at",
        "exported_at",
        "exported_version",
    ] {
        changes.push(guard.column("keys", ColumnDef::new(name).big_integer()));
    }
    changes.push(guard.column("keys", ColumnDef::new("exported_to").text()));
    changes.extend([
        guard.unique("keys_by_line", "keys", &["line", "version"]),
        guard.index("keys_by_subject", "keys", &["purpose", "dataset", "field", "version"]),
        guard.index("keys_by_dataset", "keys", &["dataset", "id"]),
        guard.index("keys_by_purpose", "keys", &["purpose", "id"]),
        guard.index("keys_by_state", "keys", &["state", "id"]),
        guard.index("keys_by_purpose_and_state", "keys", &["purpose", "state", "id"]),
        guard.index("keys_by_over", "keys", &["over", "purpose", "state"]),
        guard.index("keys_by_rotation", "keys", &["state", "rotate_at"]),
        guard.column("producers", ColumnDef::new("revoked_at").big_integer()),
        guard.table("key_references", &["key", "kind", "referrer"], |table| {
            table
                .col(ColumnDef::new("key").blob().not_null())
                .col(ColumnDef::new("kind").text().not_null())
                .col(ColumnDef::new("referrer").blob().not_null())
        }),
        guard.table("wraps", &["unit"], |table| {
            table
                .col(ColumnDef::new("unit").text().not_null())
                .col(ColumnDef::new("count").big_integer().not_null())
        }),
        guard.table("exports", &["id"], |table| {
            table
                .col(ColumnDef::new("id").blob().not_null())
                .col(ColumnDef::new("key").blob().not_null())
                .col(ColumnDef::new("suite").text().not_null())
                .col(ColumnDef::new("recipient").blob().not_null())
                .col(ColumnDef::new("requested_by").blob().not_null())
                .col(ColumnDef::new("requested_at").big_integer().not_null())
                .col(ColumnDef::new("expires_at").big_integer().not_null())
                .col(ColumnDef::new("approved_by").blob())
                .col(ColumnDef::new("approved_at").big_integer())
                .col(ColumnDef::new("document").blob())
        }),
        guard.index("exports_by_expiry", "exports", &["expires_at"]),
    ]);
    changes
}
