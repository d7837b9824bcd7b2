//! Tables `findings` and `finding_evidence`: rows, and the queries over them.
#![expect(unreachable_pub, reason = "the entity derives make public items; the module is private")]

use crate::{Error, Filter, OnRecord};
use base::{Id, Severity, Timestamp, noun};
use detect::{Detector, Finding};
use sea_orm::{
    ActiveValue::Set,
    FromQueryResult, QueryOrder, QuerySelect, Select,
    entity::prelude::*,
    sea_query::{ColumnDef, OnConflict},
};
use serde_json::value::RawValue;
use std::collections::HashMap;
use store::{Change, Guard, Migration, Queries, Schema, Tx};

pub(crate) const SCHEMA: Schema = Schema {
    service: "findings",
    migrations: &[Migration { name: "findings and their evidence", up: first }],
};

fn first(guard: &Guard) -> Vec<Change> {
    vec![
        guard.table("findings", &["id"], |table| {
            table
                .col(ColumnDef::new("id").blob().not_null())
                .col(ColumnDef::new("position").big_integer().not_null())
                .col(ColumnDef::new("recorded_at").big_integer().not_null())
                .col(ColumnDef::new("detector").text().not_null())
                .col(ColumnDef::new("rule").text().not_null())
                .col(ColumnDef::new("title").text().not_null())
                .col(ColumnDef::new("severity").integer().not_null())
                .col(ColumnDef::new("score").integer().not_null())
                .col(ColumnDef::new("identity").blob())
                .col(ColumnDef::new("principal").text().not_null())
                .col(ColumnDef::new("trigger").text().not_null())
                .col(ColumnDef::new("first_seen").big_integer().not_null())
                .col(ColumnDef::new("last_seen").big_integer().not_null())
                .col(ColumnDef::new("arrival").big_integer().not_null())
                .col(ColumnDef::new("count").big_integer().not_null())
                .col(ColumnDef::new("reasons").text().not_null())
                .col(ColumnDef::new("attack").text().not_null())
                .col(ColumnDef::new("owasp").text().not_null())
        }),
        guard.unique("findings_by_position", "findings", &["position"]),
        guard.index("findings_by_identity", "findings", &["identity", "position"]),
        guard.table("finding_evidence", &["finding", "ordinal"], |table| {
            table
                .col(ColumnDef::new("finding").blob().not_null())
                .col(ColumnDef::new("ordinal").integer().not_null())
                .col(ColumnDef::new("event_id").text().not_null())
                .col(ColumnDef::new("event").text().not_null())
        }),
    ]
}

mod finding {
    use super::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, Eq)]
    #[sea_orm(table_name = "findings")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub organization: Vec<u8>,
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Vec<u8>,
        pub position: i64,
        pub recorded_at: i64,
        pub detector: String,
        pub rule: String,
        pub title: String,
        pub severity: i32,
        pub score: i32,
        pub identity: Option<Vec<u8>>,
        pub principal: String,
        pub trigger: String,
        pub first_seen: i64,
        pub last_seen: i64,
        pub arrival: i64,
        pub count: i64,
        pub reasons: String,
        pub attack: String,
        pub owasp: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

mod evidence_row {
    use super::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, Eq)]
    #[sea_orm(table_name = "finding_evidence")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub organization: Vec<u8>,
        #[sea_orm(primary_key, auto_increment = false)]
        pub finding: Vec<u8>,
        #[sea_orm(primary_key, auto_increment = false)]
        pub ordinal: i32,
        pub event_id: String,
        pub event: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Ids per query; SQLite binds at most 32,766 values to one.
const CHUNK: usize = 1_000;

pub(crate) fn all() -> Select<finding::Entity> {
    finding::Entity::find()
}

pub(crate) async fn by_ids(
    door: &impl Queries,
    ids: impl IntoIterator<Item = Id<noun::Finding>>,
) -> Result<HashMap<Id<noun::Finding>, OnRecord>, Error> {
    let ids: Vec<_> = ids.into_iter().map(|id| id.as_bytes().to_vec()).collect();
    let mut found = HashMap::new();
    for chunk in ids.chunks(CHUNK) {
        let wanted = finding::Column::Id.is_in(chunk.to_vec());
        for row in door.all(all().filter(wanted)).await? {
            let record = on_record(row)?;
            found.insert(record.finding.id, record);
        }
    }
    Ok(found)
}

pub(crate) async fn list(
    door: &impl Queries,
    filter: &Filter,
    before: Option<i64>,
    limit: u64,
) -> Result<Vec<OnRecord>, Error> {
    let mut select = all().order_by_desc(finding::Column::Position).limit(limit);
    if let Some(before) = before {
        select = select.filter(finding::Column::Position.lt(before));
    }
    if let Some(identity) = filter.identity {
        select = select.filter(finding::Column::Identity.eq(identity.as_bytes().to_vec()));
    }
    if let Some(severity) = filter.severity {
        select = select.filter(finding::Column::Severity.gte(severity as i32));
    }
    if let Some(detector) = filter.detector {
        select = select.filter(finding::Column::Detector.eq(detector.as_str()));
    }
    if let Some(rule) = &filter.rule {
        select = select.filter(finding::Column::Rule.eq(rule));
    }
    door.all(select).await?.into_iter().map(on_record).collect()
}

pub(crate) async fn since(door: &impl Queries, position: i64, limit: u64) -> Result<Vec<OnRecord>, Error> {
    let select = all()
        .filter(finding::Column::Position.gte(position))
        .order_by_asc(finding::Column::Position)
        .limit(limit);
    door.all(select).await?.into_iter().map(on_record).collect()
}

#[derive(FromQueryResult)]
struct Accused {
    identity: Option<Vec<u8>>,
}

/// Whom findings are held against.
pub(crate) async fn accused(door: &impl Queries) -> Result<Vec<Id<noun::Identity>>, Error> {
    let select = all().select_only().column(finding::Column::Identity).distinct();
    let rows: Vec<Accused> = door.all_as(select).await?;
    let id = |bytes: Vec<u8>| Id::from_slice(&bytes).ok_or(Error::Damaged { what: "identity" });
    rows.into_iter().filter_map(|row| row.identity).map(id).collect()
}

/// Writes what is on record of these findings, without their evidence.
pub(crate) async fn put(tx: &mut Tx, changed: &[(OnRecord, usize)]) -> Result<(), Error> {
    use finding::Column as C;
    let owner = tx.owner();
    let row = |OnRecord { finding, position, recorded_at }: &OnRecord| finding::ActiveModel {
        organization: Set(owner.clone()),
        id: Set(finding.id.as_bytes().to_vec()),
        position: Set(*position),
        recorded_at: Set(recorded_at.micros()),
        detector: Set(finding.detector.as_str().to_owned()),
        rule: Set(finding.rule.clone()),
        title: Set(finding.title.clone()),
        severity: Set(finding.severity as i32),
        score: Set(i32::from(finding.score)),
        identity: Set(finding.identity.map(|identity| identity.as_bytes().to_vec())),
        principal: Set(finding.principal.clone()),
        trigger: Set(json(&finding.trigger)),
        first_seen: Set(finding.first_seen.micros()),
        last_seen: Set(finding.last_seen.micros()),
        arrival: Set(finding.arrival.micros()),
        count: Set(i64::try_from(finding.count).unwrap_or(i64::MAX)),
        reasons: Set(json(&finding.reasons)),
        attack: Set(json(&finding.attack)),
        owasp: Set(json(&finding.owasp)),
    };
    let rows = changed.iter().map(|(record, _)| row(record)).collect();
    let conflict = OnConflict::columns([C::Organization, C::Id])
        .update_columns([
            C::Position,
            C::Severity,
            C::Score,
            C::Trigger,
            C::FirstSeen,
            C::LastSeen,
            C::Arrival,
            C::Count,
            C::Reasons,
        ])
        .to_owned();
    tx.insert_all(rows, conflict).await?;
    Ok(())
}

/// How many events are kept of one finding.
#[derive(FromQueryResult)]
struct Kept {
    finding: Vec<u8>,
    events: i64,
}

/// How many events are kept of each of these findings that has any.
pub(crate) async fn evidence_counts(
    door: &impl Queries,
    ids: impl IntoIterator<Item = Id<noun::Finding>>,
) -> Result<HashMap<Id<noun::Finding>, usize>, Error> {
    use evidence_row::Column as C;
    let ids: Vec<_> = ids.into_iter().map(|id| id.as_bytes().to_vec()).collect();
    let mut counts = HashMap::with_capacity(ids.len());
    for chunk in ids.chunks(CHUNK) {
        let select = evidence_row::Entity::find()
            .select_only()
            .column(C::Finding)
            .column_as(C::Ordinal.count(), "events")
            .filter(C::Finding.is_in(chunk.to_vec()))
            .group_by(C::Finding);
        let rows: Vec<Kept> = door.all_as(select).await?;
        for Kept { finding, events } in rows {
            let id = Id::from_slice(&finding).ok_or(Error::Damaged { what: "id" })?;
            counts.insert(id, usize::try_from(events).unwrap_or(usize::MAX));
        }
    }
    Ok(counts)
}

/// Adds the findings' events, each behind those that are kept of it.
pub(crate) async fn add_evidence(tx: &mut Tx, changed: &[(OnRecord, usize)]) -> Result<(), Error> {
    use evidence_row::Column as C;
    let owner = tx.owner();
    let mut rows = Vec::new();
    for (OnRecord { finding, .. }, kept) in changed {
        let events = finding.event_ids.iter().zip(&finding.evidence).enumerate();
        rows.extend(events.map(|(ordinal, (event_id, event))| evidence_row::ActiveModel {
            organization: Set(owner.clone()),
            finding: Set(finding.id.as_bytes().to_vec()),
            ordinal: Set(i32::try_from(kept + ordinal).unwrap_or(i32::MAX)),
            event_id: Set(event_id.clone()),
            event: Set(event.get().to_owned()),
        }));
    }
    let keep = OnConflict::columns([C::Organization, C::Finding, C::Ordinal]).do_nothing().to_owned();
    tx.insert_all(rows, keep).await?;
    Ok(())
}

pub(crate) async fn evidence(
    door: &impl Queries,
    id: Id<noun::Finding>,
) -> Result<(Vec<String>, Vec<Box<RawValue>>), Error> {
    let rows = door.all(evidence_of(id).order_by_asc(evidence_row::Column::Ordinal)).await?;
    let mut events = (Vec::with_capacity(rows.len()), Vec::with_capacity(rows.len()));
    for row in rows {
        let event = RawValue::from_string(row.event).map_err(|_| Error::Damaged { what: "evidence" })?;
        events.0.push(row.event_id);
        events.1.push(event);
    }
    Ok(events)
}

fn evidence_of(id: Id<noun::Finding>) -> Select<evidence_row::Entity> {
    evidence_row::Entity::find().filter(evidence_row::Column::Finding.eq(id.as_bytes().to_vec()))
}

fn on_record(row: finding::Model) -> Result<OnRecord, Error> {
    let detector = Detector::ALL.into_iter().find(|detector| detector.as_str() == row.detector);
    let severity = usize::try_from(row.severity).ok().and_then(|level| Severity::ALL.get(level).copied());
    let identity =
        row.identity.map(|bytes| Id::from_slice(&bytes).ok_or(Error::Damaged { what: "identity" }));
    let finding = Finding {
        id: Id::from_slice(&row.id).ok_or(Error::Damaged { what: "id" })?,
        detector: detector.ok_or(Error::Damaged { what: "detector" })?,
        rule: row.rule,
        title: row.title,
        severity: severity.ok_or(Error::Damaged { what: "severity" })?,
        score: u8::try_from(row.score).map_err(|_| Error::Damaged { what: "score" })?,
        reasons: parsed(&row.reasons, "reasons")?,
        attack: parsed(&row.attack, "ATT&CK tags")?,
        owasp: parsed(&row.owasp, "OWASP tags")?,
        identity: identity.transpose()?,
        principal: row.principal,
        trigger: parsed(&row.trigger, "trigger")?,
        first_seen: Timestamp::from_micros(row.first_seen),
        last_seen: Timestamp::from_micros(row.last_seen),
        arrival: Timestamp::from_micros(row.arrival),
        count: u64::try_from(row.count).map_err(|_| Error::Damaged { what: "count" })?,
        event_ids: Vec::new(),
        evidence: Vec::new(),
    };
    Ok(OnRecord { finding, position: row.position, recorded_at: Timestamp::from_micros(row.recorded_at) })
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("strings and booleans are JSON")
}

fn parsed<T: serde::de::DeserializeOwned>(text: &str, what: &'static str) -> Result<T, Error> {
    serde_json::from_str(text).map_err(|_| Error::Damaged { what })
}
