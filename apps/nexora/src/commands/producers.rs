//! `producers`.

use super::{next, page};
use crate::cli::Producers;
use crate::failure::Failure;
use crate::output::{Output, Show, facts, rows};
use api::producers::{Add, AddRequest, List, ListRequest, Producer};
use api::{Client, Page};
use base::Kind;
use crypto::sign::{Algorithm, SigningKey};
use serde::Serialize;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

/// A producer's key that was just made.
#[derive(Debug, Serialize)]
struct Made {
    public_key: String,
    key_file: String,
}

impl Show for Made {
    fn table(&self) -> String {
        facts([
            ("public key", Some(self.public_key.clone())),
            ("signing key in", Some(self.key_file.clone())),
        ])
    }
}

impl Show for Producer {
    fn table(&self) -> String {
        facts([
            ("producer", Some(self.id.to_string())),
            ("name", Some(self.name.clone())),
            ("added", Some(self.added.to_string())),
            ("public key", Some(self.public_key.clone())),
        ])
    }
}

impl Show for Page<Producer> {
    fn table(&self) -> String {
        rows(
            ["producer", "name", "added"],
            self.items
                .iter()
                .map(|producer| [producer.id.to_string(), producer.name.clone(), producer.added.to_string()]),
        )
    }
}

/// `producers new`: an ML-DSA-65 key, its private half in a file of its owner's alone, as a JWK.
pub(crate) fn new(output: Output, file: &Path) -> Result<ExitCode, Failure> {
    if file.exists() {
        return Err(Failure::new(Kind::Conflict, format!("{} is there already", file.display())));
    }
    let key = SigningKey::generate(&*crypto::aws_lc(), Algorithm::MlDsa65);
    let jwk = key.to_jwk()?;
    node::write_private(file, jwk.expose().as_bytes()).map_err(|error| Failure::file(file, &error))?;
    let public_key = crypto::text::encode(key.verifying_key().as_bytes());
    output.show(&Made { public_key, key_file: file.display().to_string() })?;
    Ok(ExitCode::SUCCESS)
}

/// Runs the command.
pub(crate) async fn run(client: &Client, output: Output, command: Producers) -> Result<(), Failure> {
    match command {
        // Made without a client.
        Producers::New { .. } => Ok(()),
        Producers::Add { name, public_key } => {
            let text = fs::read_to_string(&public_key).map_err(|error| Failure::file(&public_key, &error))?;
            let request = AddRequest { name, public_key: text.trim().to_owned() };
            output.show(&client.call::<Add>(&request).await?)
        }
        Producers::Ls { paging } => {
            let (limit, after) = page(paging);
            let listed = client.call::<List>(&ListRequest { limit, after }).await?;
            output.show(&listed)?;
            next(output, listed.next.as_deref());
            Ok(())
        }
    }
}
