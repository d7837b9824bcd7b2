//! `keys producer`.

use crate::commands::{next, page};
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

/// `keys producer new`: an ML-DSA-65 key, its private half in a file of its owner's alone, as a JWK.
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

/// The public key in what [`new`] prints, as a table, JSON or YAML, or the bare key.
fn printed(text: &str) -> String {
    let document: Result<serde_json::Value, _> = serde_yaml_ng::from_str(text);
    let of_document = document.ok().and_then(|document| Some(document.get("public_key")?.as_str()?.to_owned()));
    let of_table = || text.lines().find_map(|line| Some(line.strip_prefix("public key")?.trim().to_owned()));
    of_document.or_else(of_table).unwrap_or_else(|| text.trim().to_owned())
}

/// Runs the command.
pub(crate) async fn run(client: &Client, output: Output, command: Producers) -> Result<(), Failure> {
    match command {
        // Made without a client.
        Producers::New { .. } => Ok(()),
        Producers::Add { name, public_key } => {
            let text = fs::read_to_string(&public_key).map_err(|error| Failure::file(&public_key, &error))?;
            let request = AddRequest { name, public_key: printed(&text) };
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

#[cfg(test)]
mod tests {
    use super::{Made, printed};
    use crate::output::Show as _;

    #[test]
    fn what_new_prints_is_what_add_takes() {
        let made = Made { public_key: "AbC-_9".to_owned(), key_file: "a.key".to_owned() };
        let json = serde_json::to_string(&made).expect("JSON");
        let yaml = serde_yaml_ng::to_string(&made).expect("YAML");
        for text in [made.table(), json, yaml, "AbC-_9\n".to_owned()] {
            assert_eq!(printed(&text), "AbC-_9", "{text}");
        }
    }
}
