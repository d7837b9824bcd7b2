//! `serve`.

use crate::cli::{Global, Serve};
use crate::connect::Surroundings;
use crate::failure::Failure;
use crate::output::Output;
use node::{Node, write_private};
use std::collections::BTreeMap;
use std::process::ExitCode;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// The file that holds the administrator secret where standard output is no terminal.
const SECRET_FILE: &str = "administrator.secret";

/// Runs the server until it is told to end.
pub(crate) async fn run(
    global: &Global,
    surroundings: &Surroundings,
    output: Output,
    serve: &Serve,
) -> Result<ExitCode, Failure> {
    let mut flags = BTreeMap::new();
    let mut flag = |name, value: Option<String>| {
        flags.extend(value.map(|value| (name, value)));
    };
    let path = |path: &Option<std::path::PathBuf>| path.as_ref().map(|path| path.display().to_string());
    flag("listen", serve.listen.map(|listen| listen.to_string()));
    flag("tls_certificate", path(&serve.tls_certificate));
    flag("tls_key", path(&serve.tls_key));
    flag("root", path(&serve.root));
    flag("root_passphrase_file", path(&serve.root_passphrase_file));
    flag("ledger_policy", path(&serve.ledger_policy));
    flag("ledger_anchor", path(&serve.ledger_anchor));
    flag("ledger_ca", path(&serve.ledger_ca));
    let destinations: Vec<String> = serve.destination.iter().map(|dir| dir.display().to_string()).collect();
    flag("destinations", (!destinations.is_empty()).then(|| destinations.join(":")));
    let (config, _) = surroundings.config(global, flags)?;
    config.may_listen()?;
    log_to_stderr(&config.log)?;
    let passphrase = surroundings.passphrase(&config)?;
    let ended = |what| signal(what).map_err(|error| Failure::io("signals", &error));
    let (mut terminated, mut interrupted) =
        (ended(SignalKind::terminate())?, ended(SignalKind::interrupt())?);

    let secure = config.tls_certificate.is_some();
    let data = config.data.clone();
    let mut node = Node::start(config, passphrase).await?;
    if let Some(path) = node.generated_passphrase() {
        output.say(&format!(
            "warning: the root of trust was sealed with a generated passphrase, in {}. Whoever has that \
             directory and the data has the keys. Move it elsewhere and name it with --root-passphrase-file.",
            path.display()
        ));
    }
    if node.is_empty() || serve.administrator_secret {
        let secret = node.administrator_secret().await?;
        let how = "It creates one organization, once, within 24 hours:\n  \
                   NEXORA_TOKEN=… nexora organizations create NAME --person YOUR-NAME";
        if output.is_terminal() {
            output.write(&format!("One-time administrator secret: {}\n{how}", secret.expose()))?;
        } else {
            let path = data.join(SECRET_FILE);
            write_private(&path, secret.expose().as_bytes()).map_err(|error| Failure::file(&path, &error))?;
            output.write(&format!("One-time administrator secret in {}\n{how}", path.display()))?;
        }
    }
    let address = node.listen().await?;
    let scheme = if secure { "https" } else { "http" };
    output.write(&format!("Listening on {scheme}://{address} and {}", data.join("nexora.sock").display()))?;
    tokio::select! {
        _ = terminated.recv() => {}
        _ = interrupted.recv() => {}
    }
    output.say("Ending: what was begun is finished and synced.");
    node.drain().await;
    Ok(ExitCode::SUCCESS)
}

/// Logs to standard error, in plain text.
pub(super) fn log_to_stderr(filter: &str) -> Result<(), Failure> {
    let wrong = |error: &dyn std::fmt::Display| {
        Failure::new(base::Kind::BadInput, format!("the log filter `{filter}`: {error}"))
    };
    let filter = EnvFilter::builder().parse(filter).map_err(|error| wrong(&error))?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .try_init()
        .map_err(|error| wrong(&error))
}
