//! Export of secret keys: asked for by one person, approved by another, sealed to a recipient.
//!
//! What leaves is a Tink keyset, sealed (HPKE) to the recipient's X-Wing public key: `docs/formats/key-export.md`.
//! The key bears the mark of it from then on, and so does every later version of its line: what the recipient can
//! open, this system cannot close again.

use crate::{
    Error, ExportRequest, Keys, Purpose, Scope,
    halves::described,
    scope::person,
    tables::{self, Row, export},
};
use base::{Action, Context, Id, Timestamp, digest, noun};
use crypto::{FieldAlgorithm, FieldKey, Suite, bind, hpke, text, tink};
use ledger::{Entry, Kind};
use policy::{Permit, Resource};
use sea_orm::{QueryOrder, QuerySelect, entity::prelude::*, sea_query::ExprTrait};
use std::time::Duration;
use store::{Queries, Tx};

/// How long after a request it may be approved, and its document be fetched.
pub const EXPORT_EXPIRY: Duration = Duration::from_secs(24 * 60 * 60);

/// The format of the document, and its version.
pub const EXPORT_FORMAT: &str = "nexora/key-export/1";

/// The most requests that are listed, the newest first.
const LISTED: u64 = 1_000;

impl Keys {
    /// Asks to export a version of a key, sealed to a recipient. Nothing leaves before another person approves.
    /// The permit is one for the key.
    ///
    /// # Errors
    /// [`Error::NotAPerson`]; [`Error::NotExportable`] with the reason; [`Error::Closed`]; [`Error::Refused`],
    /// [`Error::NotFound`], [`Error::Store`].
    pub async fn request_export(
        &self,
        ctx: &Context,
        permit: &Permit,
        key: Id<noun::Key>,
        recipient: &hpke::PublicKey,
    ) -> Result<ExportRequest, Error> {
        permit.covers(ctx, Action::KeysExport, Resource::Key(key), self.clock.now())?;
        let by = person(ctx)?;
        if recipient.suite() != Suite::Hybrid768 {
            return Err(Error::NotExportable {
                why: "the recipient's key is no X-Wing key (suite hybrid-768)",
            });
        }
        // Bytes of the right length may still be no key: better said now than to whoever approves.
        hpke::seal(&*self.provider, recipient, &[], &[], &[])?;
        let mut tx = self.store.write(ctx).await?;
        let row = tables::get(&tx, key).await?.ok_or(Error::NotFound { key })?;
        exportable(&row)?;
        self.usable(&tx, &row).await?;
        let now = tx.now();
        let request = export::Model {
            organization: tx.owner(),
            id: Id::<noun::Approval>::fresh(now, crypto::random(&*self.provider)).as_bytes().to_vec(),
            key: key.as_bytes().to_vec(),
            suite: recipient.suite().as_str().to_owned(),
            recipient: recipient.as_bytes().to_vec(),
            requested_by: by.as_bytes().to_vec(),
            requested_at: now.micros(),
            expires_at: (now + EXPORT_EXPIRY).micros(),
            approved_by: None,
            approved_at: None,
            document: None,
        };
        tx.insert(export::ActiveModel::from(request.clone()).reset_all()).await?;
        let request = of_row(&request)?;
        let entry = described(Entry::done(Kind::KeyExportRequested, key), &row)?
            .fact("request", request.id)
            .fact("recipient", request.recipient.clone());
        tx.commit(entry).await?;
        Ok(request)
    }

    /// Approves another person's request: the key is sealed to the recipient and marked, in one commit with its
    /// entry. Gives the document, which the one who asked can fetch too until the request expires.
    ///
    /// # Errors
    /// [`Error::SamePerson`] for whoever asked; [`Error::NotAPerson`], [`Error::NoRequest`], [`Error::Expired`],
    /// [`Error::Approved`]; [`Error::Closed`], [`Error::Refused`], [`Error::Root`], [`Error::Store`].
    pub async fn approve_export(
        &self,
        ctx: &Context,
        permit: &Permit,
        id: Id<noun::Approval>,
    ) -> Result<Vec<u8>, Error> {
        permit.covers(ctx, Action::KeysApproveExport, Resource::Approval(id), self.clock.now())?;
        let by = person(ctx)?;
        let mut tx = self.store.write(ctx).await?;
        let mut request = get(&tx, id).await?.ok_or(Error::NoRequest)?;
        let asked = of_row(&request)?;
        if asked.requested_by == by {
            return Err(Error::SamePerson);
        }
        if asked.approved_by.is_some() {
            return Err(Error::Approved);
        }
        if tx.now() > asked.expires_at {
            return Err(Error::Expired);
        }
        let (key, at) = (asked.key, tx.now());
        let row = tables::get(&tx, key).await?.ok_or(Error::NotFound { key })?;
        let document = self.exported(&tx, ctx, &row, &request).await?;
        // The permit of an act that opens data is asked again, as for every key that is opened.
        permit.check(self.clock.now())?;
        for mut later in tables::all_of(&tx, &row.line()?).await? {
            // The first mark stays: since when a version is out there is what it is for.
            if later.version >= row.version && later.exported_at.is_none() {
                mark(&mut later, &asked, row.version, at);
                tables::save(&mut tx, &later).await?;
            }
        }
        request.approved_by = Some(by.as_bytes().to_vec());
        request.approved_at = Some(at.micros());
        request.document = Some(document.clone());
        save(&mut tx, &request).await?;
        let entry = described(Entry::done(Kind::KeyExported, key), &row)?
            .fact("request", id)
            .fact("requested_by", asked.requested_by)
            .fact("recipient", asked.recipient);
        tx.commit(entry).await?;
        Ok(document)
    }

    /// The document of an approved request, until it expires and for as long as the key is open. Every fetch is on
    /// record before the document is given. The permit is one for the request.
    ///
    /// # Errors
    /// [`Error::NoRequest`], [`Error::NotApproved`], [`Error::Expired`]; [`Error::Closed`], [`Error::Breached`],
    /// [`Error::Shredded`]; [`Error::Refused`], [`Error::Store`].
    pub async fn export_document(
        &self,
        ctx: &Context,
        permit: &Permit,
        id: Id<noun::Approval>,
    ) -> Result<Vec<u8>, Error> {
        permit.covers(ctx, Action::KeysExport, Resource::Approval(id), self.clock.now())?;
        let tx = self.store.write(ctx).await?;
        let request = get(&tx, id).await?.ok_or(Error::NoRequest)?;
        let asked = of_row(&request)?;
        if tx.now() > asked.expires_at {
            return Err(Error::Expired);
        }
        if asked.approved_by.is_none() {
            return Err(Error::NotApproved);
        }
        let row = tables::get(&tx, asked.key).await?.ok_or(Error::NotFound { key: asked.key })?;
        // It is sealed already, so whatever closed the key since would close nothing here by itself.
        self.usable(&tx, &row).await?;
        let document = request.document.ok_or(Error::Expired)?;
        // Waiting for the turn may have taken its time.
        permit.check(self.clock.now())?;
        let entry = described(Entry::done(Kind::KeyExported, asked.key), &row)?
            .reason("fetched")
            .fact("request", id)
            .fact("recipient", asked.recipient);
        tx.commit(entry).await?;
        Ok(document)
    }

    /// Requests to export, the newest first: at most a thousand.
    ///
    /// # Errors
    /// [`Error::Store`], [`Error::Damaged`].
    pub async fn exports(&self, ctx: &Context) -> Result<Vec<ExportRequest>, Error> {
        let read = self.store.read(ctx).await?;
        let select = export::Entity::find().order_by_desc(export::Column::Id).limit(LISTED);
        read.all(select).await?.iter().map(of_row).collect()
    }

    /// Erases the documents of requests that expired: background work. Returns how many.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn exports_step(&self, ctx: &Context, now: Timestamp) -> Result<u64, Error> {
        let old = export::Column::ExpiresAt.lt(now.micros()).and(export::Column::Document.is_not_null());
        let read = self.store.read(ctx).await?;
        let none = read.one(export::Entity::find().filter(old.clone())).await?.is_none();
        drop(read);
        if none {
            return Ok(0);
        }
        let mut tx = self.store.write(ctx).await?;
        let update = export::Entity::update_many()
            .col_expr(export::Column::Document, Expr::value(Option::<Vec<u8>>::None))
            .filter(old);
        let count = tx.update(update).await?;
        // Expiry was decided with the request.
        tx.commit_derived().await?;
        Ok(count)
    }

    /// The document: the key as a Tink keyset, sealed to the recipient of the request.
    async fn exported(
        &self,
        door: &impl Queries,
        ctx: &Context,
        row: &Row,
        request: &export::Model,
    ) -> Result<Vec<u8>, Error> {
        let (organization, key) = (ctx.organization(), row.id()?);
        exportable(row)?;
        let over = self.usable(door, row).await?.ok_or(Error::NotBegun)?;
        let secret = self.open_sealed(organization, row, &over).await?;
        let secret = FieldKey::from_secret(FieldAlgorithm::parse(&row.algorithm)?, row.value_id()?, secret)?;
        let keyset = tink::Keyset::new(vec![tink::TinkKey::try_from(&secret)?])?.to_binary();
        let to = hpke::PublicKey::from_bytes(request.suite.parse()?, &request.recipient)?;
        let info = export_info(organization, key, to.suite());
        let sealed = hpke::seal(&*self.provider, &to, &info, &[], keyset.expose())?;
        let document = serde_json::json!({
            "format": EXPORT_FORMAT,
            "organization": organization,
            "key": key,
            "content": "tink",
            "suite": to.suite().as_str(),
            "recipient": digest::hex(&digest::sha256(to.as_bytes())),
            "sealed": text::encode(&sealed),
        });
        Ok(document.to_string().into_bytes())
    }
}

/// The HPKE `info` of an exported key: `nexora/key-export/1`, organization, key, content (`tink`), suite, each
/// behind its length (`docs/formats/key-export.md`).
#[must_use]
pub fn export_info(organization: Id<noun::Organization>, key: Id<noun::Key>, suite: Suite) -> Vec<u8> {
    bind::parts(&[
        EXPORT_FORMAT.as_bytes(),
        organization.to_string().as_bytes(),
        key.to_string().as_bytes(),
        b"tink",
        suite.as_str().as_bytes(),
    ])
}

/// Whether a key has a form in Tink. Others would leave in a form that no client reads.
fn exportable(row: &Row) -> Result<(), Error> {
    let why = match row.purpose()? {
        Purpose::Field => match FieldAlgorithm::parse(&row.algorithm)? {
            FieldAlgorithm::AesSiv | FieldAlgorithm::BlindIndex | FieldAlgorithm::Token => return Ok(()),
            FieldAlgorithm::Ff1 => "Tink has no FF1",
        },
        Purpose::Dataset => {
            "Tink has no X-Wing or ML-KEM private key; `nexora keys export --public` gives the public half"
        }
        Purpose::Organization => "it opens every dataset: a recovery package holds it",
        Purpose::Manifest | Purpose::LogEd25519 | Purpose::LogMlDsa44 => {
            "a signing key that two hold proves nothing"
        }
        Purpose::Redaction => "it opens nothing",
    };
    Err(Error::NotExportable { why })
}

fn mark(row: &mut Row, asked: &ExportRequest, version: i32, at: Timestamp) {
    row.exported_at = Some(at.micros());
    row.exported_version = Some(version.into());
    row.exported_to = Some(asked.recipient.clone());
}

/// Erases the documents that hold keys of a scope, as part of its shredding.
pub(crate) async fn blank(tx: &mut Tx, scope: Scope) -> Result<(), Error> {
    let select = export::Entity::find().filter(export::Column::Document.is_not_null());
    for mut request in tx.all(select).await? {
        let key = Id::from_slice(&request.key).ok_or(Error::Damaged { what: "request to export" })?;
        let dataset = match tables::get(tx, key).await? {
            Some(row) => row.dataset()?,
            None => None,
        };
        if scope.covers(dataset.map_or(Scope::Organization, Scope::Dataset)) {
            request.document = None;
            save(tx, &request).await?;
        }
    }
    Ok(())
}

async fn get(door: &impl Queries, id: Id<noun::Approval>) -> Result<Option<export::Model>, Error> {
    Ok(door.one(export::Entity::find().filter(export::Column::Id.eq(id.as_bytes().to_vec()))).await?)
}

async fn save(tx: &mut Tx, request: &export::Model) -> Result<(), Error> {
    let update = export::Entity::update_many()
        .col_expr(export::Column::ApprovedBy, Expr::value(request.approved_by.clone()))
        .col_expr(export::Column::ApprovedAt, Expr::value(request.approved_at))
        .col_expr(export::Column::Document, Expr::value(request.document.clone()))
        .filter(export::Column::Id.eq(request.id.clone()));
    tx.update(update).await?;
    Ok(())
}

fn of_row(row: &export::Model) -> Result<ExportRequest, Error> {
    let damaged = Error::Damaged { what: "request to export" };
    let person = |bytes: &[u8]| Id::<noun::Person>::from_slice(bytes);
    let parts = (Id::from_slice(&row.id), Id::from_slice(&row.key), person(&row.requested_by));
    let (Some(id), Some(key), Some(requested_by)) = parts else { return Err(damaged) };
    Ok(ExportRequest {
        id,
        key,
        recipient: digest::hex(&digest::sha256(&row.recipient)),
        requested_by,
        requested_at: Timestamp::from_micros(row.requested_at),
        expires_at: Timestamp::from_micros(row.expires_at),
        approved_by: row.approved_by.as_deref().and_then(person),
    })
}
