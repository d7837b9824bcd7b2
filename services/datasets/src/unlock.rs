//! The keys of a run: opened by the versions that a manifest names, or those in use.

use crate::{Datasets, Error, VaultField};
use base::{Context, Id, noun};
use crypto::FieldAlgorithm;
use fields::{Field, FieldPolicy, KeyNeed, Keyring, Manifest};
use keys::{FieldUse, Lease};
use policy::Permit;

/// What a run holds.
#[derive(Default)]
pub(crate) struct Unlocked {
    pub(crate) ring: Keyring,
    pub(crate) tokens: Vec<VaultField>,
    /// The versions of field keys.
    pub(crate) versions: Vec<Id<noun::Key>>,
}

impl Unlocked {
    fn add(&mut self, dataset: Id<noun::Dataset>, field: &Field, key: keys::OpenFieldKey) {
        let path = field.path.as_str();
        self.versions.push(key.key);
        if field.mode.key() == KeyNeed::Vault {
            let (field, secret) = (path.to_owned(), key.secret.clone());
            self.tokens.push(VaultField { dataset, field, key: key.key, secret });
        }
        self.ring.field_key(path, key.key, key.secret);
    }
}

/// What a field's own key is for, where its mode takes one.
fn algorithm(field: &Field) -> Option<FieldAlgorithm> {
    match field.mode.key() {
        KeyNeed::FieldKey(algorithm) => Some(algorithm),
        KeyNeed::Vault => Some(FieldAlgorithm::Token),
        KeyNeed::DataKey(_) | KeyNeed::None => None,
    }
}

impl Datasets {
    /// The field keys in use that a policy needs; those that are not there yet are made.
    pub(crate) async fn field_keys(
        &self,
        ctx: &Context,
        permit: &Permit,
        dataset: Id<noun::Dataset>,
        policy: &FieldPolicy,
    ) -> Result<Unlocked, Error> {
        let mut unlocked = Unlocked::default();
        for field in policy.fields() {
            let Some(algorithm) = algorithm(field) else { continue };
            let what = FieldUse { dataset, field: field.path.as_str(), algorithm };
            let key = match self.keys.field_key(ctx, permit, what, None).await {
                Err(keys::Error::NoFieldKey { .. }) => self.make_field_key(ctx, permit, what).await?,
                key => key?,
            };
            unlocked.add(dataset, field, key);
        }
        Ok(unlocked)
    }

    async fn make_field_key(
        &self,
        ctx: &Context,
        permit: &Permit,
        what: FieldUse<'_>,
    ) -> Result<keys::OpenFieldKey, Error> {
        let mut tx = self.store.write(ctx).await?;
        let (key, entry) = self.keys.create_field_key(&mut tx, permit, what).await?;
        if let Some(entry) = entry {
            tx.commit(entry).await?;
        }
        Ok(key)
    }

    /// Opens what these fields of a manifest need, in the versions that it names; `keys` checks the permit at each.
    /// The lease was taken before, so that what closes meanwhile is seen.
    pub(crate) async fn unlock(
        &self,
        ctx: &Context,
        permit: &Permit,
        manifest: &Manifest,
        policy: &FieldPolicy,
    ) -> Result<(Unlocked, Lease), Error> {
        let mut versions = vec![manifest.recipient];
        for field in policy.fields() {
            versions.extend(manifest.field_key(field.path.as_str()).map(|version| version.key));
        }
        let lease = self.keys.lease(ctx, versions).await?;
        let mut unlocked = Unlocked::default();
        let (dataset, recipient) = (manifest.dataset, manifest.recipient);
        for key in manifest.keys.iter().filter(|key| policy.field(&key.field).is_some()) {
            let info = manifest.key_info(key)?;
            let secret = self.keys.open_data_key(ctx, permit, dataset, recipient, &info, &key.sealed).await?;
            unlocked.ring.data_key(&key.field, manifest.data_key(key, &secret)?);
        }
        for field in policy.fields() {
            let Some(algorithm) = algorithm(field) else { continue };
            let path = field.path.as_str();
            let version = manifest.field_key(path).ok_or_else(|| no_version(path))?;
            let what = FieldUse { dataset, field: path, algorithm };
            let key = self.keys.field_key(ctx, permit, what, Some(version.key)).await?;
            unlocked.add(dataset, field, key);
        }
        Ok((unlocked, lease))
    }
}

fn no_version(field: &str) -> fields::Error {
    fields::Error::Manifest(format!("it names no key for field `{field}`"))
}
