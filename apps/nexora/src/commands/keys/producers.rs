//! `keys producer`.

use super::{public_key, text};
use crate::cli::Producers;
use crate::commands::care::goes_on;
use crate::commands::{next, page};
use crate::failure::Failure;
use crate::output::{Output, Show, facts, rows};
use api::producers::{Add, AddRequest, List, ListRequest, Producer, Revoke, RevokeRequest};
use api::{Client, Page};
use base::Kind;
use crypto::Suite;
use crypto::sign::SigningKey;
use serde::Serialize;
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
            ("revoked", self.revoked.map(|at| at.to_string())),
            ("public key", Some(self.public_key.clone())),
        ])
    }
}

impl Show for Page<Producer> {
    fn table(&self) -> String {
        rows(
            ["producer", "name", "added", "revoked"],
            self.items.iter().map(|producer| {
                let revoked = producer.revoked.map_or_else(|| "-".to_owned(), |at| at.to_string());
                [producer.id.to_string(), producer.name.clone(), producer.added.to_string(), revoked]
            }),
        )
    }
}

/// `keys producer new`: an ML-DSA key of a suite, its private half in a file of its owner's alone, as a JWK.
pub(crate) fn new(output: Output, file: &Path, suite: &str) -> Result<ExitCode, Failure> {
    if file.exists() {
        return Err(Failure::new(Kind::Conflict, format!("{} is there already", file.display())));
    }
    let key = SigningKey::generate(&*crypto::aws_lc(), suite.parse::<Suite>()?.signature());
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
            let request = AddRequest { name, public_key: self::public_key(&text(&public_key)?) };
            output.show(&client.call::<Add>(&request).await?)
        }
        Producers::Revoke { producer, care } => {
            let what =
                format!("take {producer} off the register; everything it signed is refused from then on");
            if goes_on(output, care, &what)? {
                output.show(&client.call::<Revoke>(&RevokeRequest { producer }).await?)?;
            }
            Ok(())
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

#[cfg(test)]
mod tests {
    use super::{Made, public_key};
    use crate::output::Show as _;

    #[test]
    fn what_new_prints_is_what_add_takes() {
        let made = Made { public_key: "AbC-_9".to_owned(), key_file: "a.key".to_owned() };
        let json = serde_json::to_string(&made).expect("JSON");
        let yaml = serde_yaml_ng::to_string(&made).expect("YAML");
        for text in [made.table(), json, yaml, "AbC-_9\n".to_owned()] {
            assert_eq!(public_key(&text), "AbC-_9", "{text}");
        }
    }
}
