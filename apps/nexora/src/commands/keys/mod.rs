//! `keys`.

mod breaches;
mod export;
mod life;
pub(super) mod producers;
pub(super) mod recovery;
mod reencrypt;
pub(super) mod root;
mod shreds;

use crate::cli::{Keys, Scope};
use crate::failure::Failure;
use crate::output::{Output, Show, facts};
use api::Client;
use api::datasets::{ReleaseKey, ReleaseRequest, Released};
use std::fs;
use std::path::Path;

impl Show for Released {
    fn table(&self) -> String {
        facts([("key", Some(self.key.expose().to_owned()))])
    }
}

/// Runs the command.
pub(crate) async fn run(client: &Client, output: Output, command: Keys) -> Result<(), Failure> {
    match command {
        Keys::Export(command) => export::run(client, output, command).await,
        Keys::Release { key_name, wrapped_key } => {
            let request = ReleaseRequest { key_name, wrapped_key };
            output.show(&client.call::<ReleaseKey>(&request).await?)
        }
        Keys::Reencrypt(command) => reencrypt::run(client, output, command).await,
        Keys::Breach(command) => breaches::run(client, output, command).await,
        Keys::Shred(command) => shreds::run(client, output, command).await,
        Keys::Producer(command) => producers::run(client, output, command).await,
        Keys::Recovery(command) => recovery::run(client, output, command).await,
        // Without a client.
        Keys::Root(_) => Ok(()),
        command => life::run(client, output, command).await,
    }
}

/// The scope that the command line names.
fn scope(scope: Scope) -> api::breaches::Scope {
    scope.dataset.map_or(api::breaches::Scope::Organization, api::breaches::Scope::Dataset)
}

/// What a scope is, in a sentence.
fn named(scope: &api::breaches::Scope) -> String {
    match scope {
        api::breaches::Scope::Organization => "all keys of the organization".to_owned(),
        api::breaches::Scope::Dataset(name) => format!("the keys of the dataset `{name}`"),
    }
}

/// A file's text.
fn text(path: &Path) -> Result<String, Failure> {
    fs::read_to_string(path).map_err(|error| Failure::file(path, &error))
}

/// A file's JSON.
fn document<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, Failure> {
    let text = text(path)?;
    serde_json::from_str(&text)
        .map_err(|error| Failure::new(base::Kind::BadInput, format!("{}: {error}", path.display())))
}

/// A document as it stands in a file.
fn written(document: &impl serde::Serialize) -> Result<Vec<u8>, Failure> {
    let mut json =
        serde_json::to_vec_pretty(document).map_err(|error| Failure::ours(format!("no JSON: {error}")))?;
    json.push(b'\n');
    Ok(json)
}

/// The public key in what a command of ours printed, as a table, JSON or YAML, or the bare key.
fn public_key(text: &str) -> String {
    let document: Result<serde_json::Value, _> = serde_yaml_ng::from_str(text);
    let of_document =
        document.ok().and_then(|document| Some(document.get("public_key")?.as_str()?.to_owned()));
    let of_table = || text.lines().find_map(|line| Some(line.strip_prefix("public key")?.trim().to_owned()));
    of_document.or_else(of_table).unwrap_or_else(|| text.trim().to_owned())
}
