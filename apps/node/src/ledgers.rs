//! Where the files of ledgers are kept, as the configuration says (`ledger_storage`): below the data directory, or in an
//! object storage.

use crate::config::WrongConfig;
use crate::{Config, Error};
use base::Secret;
use objects::{Objects, Place};
use std::sync::Arc;
use tokio::runtime::Handle;

/// The options of publication with the storage that is configured. The storage is not asked for anything yet: one that
/// does not answer stalls publication, and nothing else.
pub(crate) fn kept(config: &Config, mut options: audit::Options) -> Result<audit::Options, Error> {
    let Some(place) = place(config)? else { return Ok(options) };
    let wrong = |error: objects::WrongPlace| {
        let said = match std::error::Error::source(&error) {
            Some(cause) => format!("{error}: {cause}"),
            None => error.to_string(),
        };
        Error::from(WrongConfig::Value(format!("ledger_storage: {said}")))
    };
    let given = match &config.ledger_storage_options {
        Some(path) => crate::read("the options of the ledger's storage", path)?,
        None => Vec::new(),
    };
    options.storage = Arc::new(Objects::open(&place, &Secret::new(given), Handle::current()).map_err(wrong)?);
    options.directory = None;
    Ok(options)
}

/// Where ledgers stand, if that is no directory.
pub(crate) fn place(config: &Config) -> Result<Option<Place>, Error> {
    let Some(text) = &config.ledger_storage else { return Ok(None) };
    let place = text.parse::<Place>();
    Ok(Some(place.map_err(|error| WrongConfig::Value(format!("ledger_storage: {error}")))?))
}
