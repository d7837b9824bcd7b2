//! `witness`: a witness of logs, ours or others'.

use super::serve::log_to_stderr;
use crate::cli::{Global, ServeWitness, Witness};
use crate::failure::Failure;
use crate::output::{Output, Show, facts};
use base::Kind;
use node::witness::{PORT, WitnessConfig, WitnessNode, witness_keys};
use serde::Serialize;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use tokio::signal::unix::{SignalKind, signal};
use verify::VerifierKey;

/// Who a witness is.
#[derive(Debug, Serialize)]
struct Named {
    name: String,
    /// ML-DSA-44 first, then Ed25519 for old clients.
    keys: Vec<String>,
}

impl Named {
    fn of(keys: &[VerifierKey; 2]) -> Self {
        Self { name: keys[0].name().to_owned(), keys: keys.iter().map(ToString::to_string).collect() }
    }
}

impl Show for Named {
    fn table(&self) -> String {
        let mut lines = vec![("name", Some(self.name.clone()))];
        lines.extend(self.keys.iter().map(|key| ("key", Some(key.clone()))));
        facts(lines)
    }
}

/// Runs one command.
pub(crate) async fn run(global: &Global, output: Output, command: &Witness) -> Result<ExitCode, Failure> {
    let data = global.data.as_deref().ok_or_else(|| {
        Failure::new(Kind::BadInput, "a witness has a data directory of its own: give --data DIR")
    })?;
    match command {
        Witness::Show => output.show(&Named::of(&witness_keys(data)?))?,
        Witness::Serve(serve) => self::serve(output, data, serve).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn serve(output: Output, data: &Path, serve: &ServeWitness) -> Result<(), Failure> {
    log_to_stderr("info,sea_orm=error,sqlx=error")?;
    let ended = |what| signal(what).map_err(|error| Failure::io("signals", &error));
    let (mut terminated, mut interrupted) =
        (ended(SignalKind::terminate())?, ended(SignalKind::interrupt())?);
    let tls: Option<(PathBuf, PathBuf)> = serve.tls_certificate.clone().zip(serve.tls_key.clone());
    let scheme = if tls.is_some() { "https" } else { "http" };
    let mut node = WitnessNode::start(WitnessConfig {
        data: data.to_owned(),
        logs: serve.logs.clone(),
        listen: serve.listen.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], PORT))),
        name: serve.name.clone(),
        tls,
    })
    .await?;
    let keys = node.verifier_keys();
    let address = node.listen().await?;
    output.write(&format!("Witness {} is listening on {scheme}://{address}", keys[0].name()))?;
    tokio::select! {
        _ = terminated.recv() => {}
        _ = interrupted.recv() => {}
    }
    node.drain().await;
    Ok(())
}
