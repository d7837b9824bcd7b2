//! The token vault in the organization's own store: `docs/formats/token-vault.md`.
//!
//! One field key, one algorithm, AES-SIV (RFC 5297): a value is found by the synthetic IV of its sealing under its
//! field, and kept sealed under its field and its token. The store alone tells nothing but how many distinct values
//! there are and how long each is; a value put under another token does not open.

use crate::{
    TokenVault, Values, VaultError, VaultField,
    tables::vault::{self, Entry, Of},
};
use base::{Context, Id, Secret, noun};
use crypto::{Provider, bind, siv::Siv};
use futures::future::{BoxFuture, FutureExt as _};
use std::{collections::HashMap, sync::Arc};
use store::Store;

/// The letters of a token: 32 of them, so that each is 5 random bits.
const LETTERS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// The lengths of tokens: of values up to 16 bytes, up to 32, and of longer ones. The shortest holds 80 bits.
const CLASSES: [usize; 3] = [16, 32, 64];

/// Where the synthetic IV stands in a sealed value: behind a version byte and the key's id.
const SYNTHETIC_IV: std::ops::Range<usize> = 5..21;

/// A table of sealed values in the organization's store.
#[derive(Clone)]
pub struct TableVault {
    store: Store,
    provider: Arc<dyn Provider>,
}

impl TableVault {
    /// The vault in this store, among the tables of [`SCHEMA`](crate::SCHEMA).
    #[must_use]
    pub fn new(store: Store, provider: Arc<dyn Provider>) -> Self {
        Self { store, provider }
    }

    async fn find_or_make(
        &self,
        ctx: &Context,
        field: &VaultField,
        values: &[Secret<Vec<u8>>],
    ) -> Result<Vec<String>, VaultError> {
        let mut siv = Siv::for_tokens(&field.secret).map_err(VaultError::Damaged)?;
        let organization = ctx.organization();
        let place_of_all = place(organization, field, None);
        let lookups: Vec<_> =
            values.iter().map(|value| lookup(&mut siv, &place_of_all, value.expose())).collect();
        let mut distinct = HashMap::new();
        for (lookup, value) in lookups.iter().zip(values) {
            distinct.entry(lookup.clone()).or_insert(value);
        }
        let wanted: Vec<_> = distinct.keys().cloned().collect();
        let read = self.store.read(ctx).await?;
        let mut known = HashMap::with_capacity(wanted.len());
        learn(&mut known, vault::by_lookup(&read, of(field), &wanted).await?);
        drop(read);
        let mut missing: Vec<_> = wanted.into_iter().filter(|lookup| !known.contains_key(lookup)).collect();
        if !missing.is_empty() {
            let mut tx = self.store.write(ctx).await?;
            // Another run may have made them while this one waited for its turn; and of two equal tokens one is
            // left out and drawn again.
            loop {
                learn(&mut known, vault::by_lookup(&tx, of(field), &missing).await?);
                missing.retain(|lookup| !known.contains_key(lookup));
                if missing.is_empty() {
                    break;
                }
                let mut entries = Vec::with_capacity(missing.len());
                for lookup in &missing {
                    let value = distinct[lookup].expose();
                    let token = self.token(value.len());
                    let mut sealed = Vec::new();
                    let place = place(organization, field, Some(&token));
                    siv.seal(&place, value, &mut sealed);
                    entries.push(Entry { token, lookup: lookup.clone(), value: sealed });
                }
                vault::add(&mut tx, of(field), entries).await?;
            }
            // No entry of its own: the run that asked for the tokens is on record with its manifest, and tokens
            // that no manifest speaks of stand for nothing.
            tx.commit_derived().await?;
        }
        Ok(lookups.iter().map(|lookup| known[lookup].clone()).collect())
    }

    async fn open(&self, ctx: &Context, field: &VaultField, tokens: &[String]) -> Result<Values, VaultError> {
        let mut siv = Siv::for_tokens(&field.secret).map_err(VaultError::Damaged)?;
        let mut wanted: Vec<_> = tokens.to_vec();
        wanted.sort_unstable();
        wanted.dedup();
        let read = self.store.read(ctx).await?;
        let entries = vault::by_token(&read, of(field), &wanted).await?;
        drop(read);
        let mut known = HashMap::with_capacity(entries.len());
        for entry in entries {
            let mut value = Secret::new(Vec::new());
            let place = place(ctx.organization(), field, Some(&entry.token));
            siv.open(&place, &entry.value, value.expose_mut()).map_err(VaultError::Damaged)?;
            known.insert(entry.token, value);
        }
        Ok(tokens.iter().map(|token| known.get(token).cloned()).collect())
    }

    fn token(&self, value: usize) -> String {
        let length = CLASSES.into_iter().find(|class| value <= *class).unwrap_or(CLASSES[2]);
        let mut random = vec![0; length];
        self.provider.fill(&mut random);
        random.iter().map(|byte| char::from(LETTERS[usize::from(byte % 32)])).collect()
    }
}

impl TokenVault for TableVault {
    fn tokens<'a>(
        &'a self,
        ctx: &'a Context,
        field: &'a VaultField,
        values: &'a [Secret<Vec<u8>>],
    ) -> BoxFuture<'a, Result<Vec<String>, VaultError>> {
        self.find_or_make(ctx, field, values).boxed()
    }

    fn values<'a>(
        &'a self,
        ctx: &'a Context,
        field: &'a VaultField,
        tokens: &'a [String],
    ) -> BoxFuture<'a, Result<Values, VaultError>> {
        self.open(ctx, field, tokens).boxed()
    }
}

const fn of(field: &VaultField) -> Of<'_> {
    Of { dataset: field.dataset, field: field.field.as_str(), key: field.key }
}

/// By what a value is found: the synthetic IV of its sealing under its field.
fn lookup(siv: &mut Siv, place: &[u8], value: &[u8]) -> Vec<u8> {
    let mut sealed = Vec::new();
    siv.seal(place, value, &mut sealed);
    sealed[SYNTHETIC_IV].to_vec()
}

/// What a sealing is bound to: the field and its key's version, for finding; the token too, for keeping.
fn place(organization: Id<noun::Organization>, field: &VaultField, token: Option<&str>) -> Vec<u8> {
    let organization = organization.to_string();
    let (dataset, key) = (field.dataset.to_string(), field.key.to_string());
    let kind: &[u8] = if token.is_some() { b"nexora/token/1" } else { b"nexora/token-lookup/1" };
    let mut parts: Vec<&[u8]> =
        vec![kind, organization.as_bytes(), dataset.as_bytes(), field.field.as_bytes(), key.as_bytes()];
    parts.extend(token.map(str::as_bytes));
    bind::parts(&parts)
}

fn learn(known: &mut HashMap<Vec<u8>, String>, entries: Vec<Entry>) {
    known.extend(entries.into_iter().map(|entry| (entry.lookup, entry.token)));
}

#[cfg(test)]
mod tests {
    use super::{lookup, place};
    use crate::VaultField;
    use base::{Id, Secret, digest};
    use crypto::{FieldAlgorithm, FieldKey, siv::Siv};

    /// Written by pyca/cryptography with `make.py` beside it, from `docs/formats/token-vault.md`.
    const GOLDEN: &str = include_str!("../tests/golden/token.json");

    #[test]
    fn a_row_is_the_one_that_the_page_describes() {
        let golden: serde_json::Value = serde_json::from_str(GOLDEN).expect("JSON");
        let text = |name: &str| golden[name].as_str().expect("text");
        let secret = Secret::new((0..64).collect::<Vec<u8>>());
        let field = VaultField {
            dataset: Id::from_bytes([2; 16]),
            field: text("field").to_owned(),
            key: Id::from_bytes([3; 16]),
            secret: FieldKey::from_secret(FieldAlgorithm::Token, 0x0102_0304, secret).expect("a key"),
        };
        let organization = Id::from_bytes([1; 16]);
        let mut siv = Siv::for_tokens(&field.secret).expect("a key for tokens");
        let found = lookup(&mut siv, &place(organization, &field, None), text("plain").as_bytes());
        assert_eq!(digest::hex(&found), text("lookup"));
        let mut value = Vec::new();
        siv.seal(&place(organization, &field, Some(text("token"))), text("plain").as_bytes(), &mut value);
        assert_eq!(digest::hex(&value), text("value"));
    }
}
