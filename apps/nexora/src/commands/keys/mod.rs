//! `keys`.

pub(super) mod producers;

use crate::cli::{Export, Keys};
use crate::failure::Failure;
use crate::output::Output;
use api::Client;
use api::datasets::{PublicKey, PublicKeyRequest};

/// Runs the command.
pub(crate) async fn run(client: &Client, output: Output, command: Keys) -> Result<(), Failure> {
    match command {
        Keys::Export(export) => self::export(client, output, export).await,
        Keys::Producer(command) => producers::run(client, output, command).await,
    }
}

async fn export(client: &Client, output: Output, export: Export) -> Result<(), Failure> {
    // The command line lets none through without.
    let dataset = export.dataset.ok_or_else(|| Failure::ours("no dataset"))?;
    let key = client.call::<PublicKey>(&PublicKeyRequest { dataset }).await?;
    output.document(&key.document)
}
