//! What a node is told: each value, and where it came from.
//!
//! Four layers, the later over the earlier: defaults, a file in TOML, the environment, flags. Nothing here
//! reads the environment: `main` hands it in.

use crate::Error;
use base::{Fault, Kind};
use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider, providers::Format as _, providers::Toml};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// The port that a server listens on unless told otherwise.
pub const PORT: u16 = 7733;

/// What a node is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The data directory.
    pub data: PathBuf,
    /// Where to listen. Other than this machine itself only with a certificate.
    pub listen: SocketAddr,
    /// The certificate chain, in PEM.
    #[serde(default)]
    pub tls_certificate: Option<PathBuf>,
    /// The certificate's private key, in PEM.
    #[serde(default)]
    pub tls_key: Option<PathBuf>,
    /// The directory of the root of trust; else it stands beside the data directory, which no backup of the data has.
    #[serde(default)]
    pub root: Option<PathBuf>,
    /// The file with the passphrase of the root of trust; else one is made beside the root's record.
    #[serde(default)]
    pub root_passphrase_file: Option<PathBuf>,
    /// Directories in which this node may write protected outputs anew; without one, none.
    #[serde(default)]
    pub destinations: Vec<PathBuf>,
    /// The C2SP tlog-policy that says which witnesses cosign this node's logs, with their URLs; else nobody does.
    #[serde(default)]
    pub ledger_policy: Option<PathBuf>,
    /// Certificates to trust for witnesses instead of the system's, in PEM.
    #[serde(default)]
    pub ledger_ca: Option<PathBuf>,
    /// A file outside the data directory to which published checkpoints are appended; else none.
    #[serde(default)]
    pub ledger_anchor: Option<PathBuf>,
    /// Where the files of ledgers go: `s3://BUCKET/PREFIX`, `gs://…` or `az://…`; else below the data directory.
    #[serde(default)]
    pub ledger_storage: Option<String>,
    /// The file with the options of that storage, one `name = value` a line; credentials stand here, if anywhere.
    #[serde(default)]
    pub ledger_storage_options: Option<PathBuf>,
    /// Whether the checkpoints of ledgers are given to whoever asks. Everything else of them never is.
    #[serde(default)]
    pub ledger_public_checkpoints: bool,
    /// How many connections at once.
    pub connections: usize,
    /// What is logged to standard error, as a filter such as `info` or `nexora=debug,warn`.
    pub log: String,
}

/// What the text of a setting is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Text,
    Number,
    /// `true` or `false`.
    Flag,
    /// Paths, with `:` between them.
    Paths,
}

/// The names of all settings, and the form of each.
const SETTINGS: [(&str, Form); 15] = [
    ("data", Form::Text),
    ("listen", Form::Text),
    ("tls_certificate", Form::Text),
    ("tls_key", Form::Text),
    ("root", Form::Text),
    ("root_passphrase_file", Form::Text),
    ("destinations", Form::Paths),
    ("ledger_policy", Form::Text),
    ("ledger_ca", Form::Text),
    ("ledger_anchor", Form::Text),
    ("ledger_storage", Form::Text),
    ("ledger_storage_options", Form::Text),
    ("ledger_public_checkpoints", Form::Flag),
    ("connections", Form::Number),
    ("log", Form::Text),
];

/// What the layers above the defaults say.
#[derive(Debug, Clone, Default)]
pub struct Given {
    /// The file named by flag or environment; it must be there.
    pub file: Option<PathBuf>,
    /// The environment's variables.
    pub environment: BTreeMap<String, String>,
    /// Flags, by the setting's name.
    pub flags: BTreeMap<&'static str, String>,
}

/// One effective value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Effective {
    /// The setting.
    pub name: &'static str,
    /// Its value; absent where none is set.
    pub value: Option<String>,
    /// Where it came from.
    pub source: String,
}

/// A configuration that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum WrongConfig {
    /// A value of the wrong form, or a setting that is none.
    #[error("the configuration is wrong: {0}")]
    Value(String),
    /// A file that is named and not there.
    #[error("there is no configuration file {}", .0.display())]
    NoFile(PathBuf),
}

impl Fault for WrongConfig {
    fn kind(&self) -> Kind {
        match self {
            Self::Value(_) => Kind::BadInput,
            Self::NoFile(_) => Kind::NotFound,
        }
    }
}

/// A layer that is not a file.
struct Layer {
    name: &'static str,
    values: Dict,
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.name)
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Profile::Default.collect(self.values.clone()))
    }
}

/// The environment variable of a setting.
#[must_use]
pub fn variable(setting: &str) -> String {
    format!("NEXORA_{}", setting.to_uppercase())
}

impl Config {
    /// The effective configuration, and where each value came from.
    ///
    /// # Errors
    /// [`WrongConfig`].
    pub fn load(given: &Given) -> Result<(Self, Vec<Effective>), WrongConfig> {
        let mut figment = Figment::from(Layer { name: "default", values: defaults(&given.environment) });
        if let Some(file) = &given.file {
            if !file.is_file() {
                return Err(WrongConfig::NoFile(file.clone()));
            }
            figment = figment.merge(Toml::file_exact(file));
        }
        let from_environment = SETTINGS.iter().filter_map(|&(name, form)| {
            let text = given.environment.get(&variable(name)).filter(|text| !text.is_empty())?;
            Some((name.to_owned(), value(text, form)))
        });
        figment = figment.merge(Layer { name: "environment", values: from_environment.collect() });
        let from_flags = SETTINGS.iter().filter_map(|&(name, form)| {
            given.flags.get(name).map(|text| (name.to_owned(), value(text, form)))
        });
        figment = figment.merge(Layer { name: "flag", values: from_flags.collect() });
        let config: Self = figment.extract().map_err(|error| WrongConfig::Value(describe(&error, given)))?;
        let effective = SETTINGS.map(|(name, _)| Effective {
            name,
            value: figment.find_value(name).ok().map(|value| shown(&value)),
            source: figment
                .find_metadata(name)
                .map_or_else(|| "default".to_owned(), |from| source(from, name, given)),
        });
        Ok((config, effective.to_vec()))
    }

    /// Whether a server may listen as this says: where other machines reach it, only under TLS; and never in
    /// the clear where half of what TLS needs is given.
    ///
    /// # Errors
    /// [`Error::Clear`]; [`Error::Config`].
    pub fn may_listen(&self) -> Result<(), Error> {
        let tls = self.tls_certificate.is_some();
        if tls != self.tls_key.is_some() {
            let (given, missing) =
                if tls { ("tls_certificate", "tls_key") } else { ("tls_key", "tls_certificate") };
            return Err(WrongConfig::Value(format!("{given} is set and {missing} is not")).into());
        }
        if tls || self.listen.ip().is_loopback() { Ok(()) } else { Err(Error::Clear(self.listen)) }
    }

    /// A configuration for a node without a listener, over a data directory.
    #[must_use]
    pub fn local(data: &Path) -> Self {
        Self {
            data: data.to_owned(),
            listen: SocketAddr::from(([127, 0, 0, 1], PORT)),
            tls_certificate: None,
            tls_key: None,
            root: None,
            root_passphrase_file: None,
            destinations: Vec::new(),
            ledger_policy: None,
            ledger_anchor: None,
            ledger_ca: None,
            ledger_storage: None,
            ledger_storage_options: None,
            ledger_public_checkpoints: false,
            connections: 4_096,
            log: "warn".to_owned(),
        }
    }
}

fn defaults(environment: &BTreeMap<String, String>) -> Dict {
    let set = |name: &str| environment.get(name).filter(|value| !value.is_empty());
    let data = match (set("XDG_DATA_HOME"), set("HOME")) {
        (Some(data), _) => Path::new(data).join("nexora"),
        (None, Some(home)) => Path::new(home).join(".local/share/nexora"),
        (None, None) => PathBuf::from("nexora-data"),
    };
    Dict::from([
        ("data".to_owned(), Value::from(data.to_string_lossy().into_owned())),
        ("listen".to_owned(), Value::from(format!("127.0.0.1:{PORT}"))),
        ("connections".to_owned(), Value::from(4_096_usize)),
        ("log".to_owned(), Value::from("info,sea_orm=error")),
    ])
}

fn value(text: &str, form: Form) -> Value {
    match (form, text.parse::<u64>()) {
        (Form::Number, Ok(count)) => Value::from(count),
        (Form::Flag, _) if text == "true" || text == "false" => Value::from(text == "true"),
        (Form::Paths, _) => Value::from(text.split(':').filter(|path| !path.is_empty()).collect::<Vec<_>>()),
        _ => Value::from(text),
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(_, text) => text.clone(),
        Value::Bool(_, flag) => flag.to_string(),
        Value::Array(_, values) => values.iter().map(shown).collect::<Vec<_>>().join(":"),
        Value::Num(_, number) => {
            number.to_u128().map_or_else(|| format!("{number:?}"), |number| number.to_string())
        }
        other => format!("{other:?}"),
    }
}

fn source(from: &Metadata, name: &str, given: &Given) -> String {
    match from.name.as_ref() {
        "default" => "default".to_owned(),
        "environment" => format!("environment {}", variable(name)),
        "flag" => format!("flag --{}", name.replace('_', "-")),
        _ => format!("file {}", given.file.as_deref().unwrap_or(Path::new("")).display()),
    }
}

fn describe(error: &figment::Error, given: &Given) -> String {
    let name = error.path.join(".");
    let place = error.metadata.as_ref().map(|from| source(from, &name, given));
    match (name.as_str(), place) {
        ("", None) => error.kind.to_string(),
        ("", Some(place)) => format!("{} ({place})", error.kind),
        (name, None) => format!("{name}: {}", error.kind),
        (name, Some(place)) => format!("{name}: {} ({place})", error.kind),
    }
}

#[cfg(test)]
mod tests {
    use super::{Config, Given};
    use std::fs;
    use std::path::PathBuf;

    #[test]
    fn each_layer_covers_the_one_below_and_says_so() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("nexora.toml");
        fs::write(&file, "listen = \"127.0.0.1:1\"\nconnections = 9\nlog = \"debug\"\n").expect("written");
        let mut given = Given { file: Some(file.clone()), ..Given::default() };
        given.environment.insert("HOME".to_owned(), "/home/ada".to_owned());
        given.environment.insert("NEXORA_CONNECTIONS".to_owned(), "10".to_owned());
        given.environment.insert("NEXORA_LISTEN".to_owned(), "127.0.0.1:2".to_owned());
        given.environment.insert("NEXORA_DESTINATIONS".to_owned(), "/a:/b".to_owned());
        given.environment.insert("NEXORA_LEDGER_PUBLIC_CHECKPOINTS".to_owned(), "true".to_owned());
        given.flags.insert("listen", "[::1]:3".to_owned());
        let (config, effective) = Config::load(&given).expect("it is right");
        assert_eq!((config.listen.port(), config.connections, config.log.as_str()), (3, 10, "debug"));
        let seen: Vec<_> = effective
            .iter()
            .map(|value| (value.name, value.value.as_deref().unwrap_or("-"), value.source.as_str()))
            .collect();
        let from_file = format!("file {}", file.display());
        assert_eq!(
            seen,
            [
                ("data", "/home/ada/.local/share/nexora", "default"),
                ("listen", "[::1]:3", "flag --listen"),
                ("tls_certificate", "-", "default"),
                ("tls_key", "-", "default"),
                ("root", "-", "default"),
                ("root_passphrase_file", "-", "default"),
                ("destinations", "/a:/b", "environment NEXORA_DESTINATIONS"),
                ("ledger_policy", "-", "default"),
                ("ledger_ca", "-", "default"),
                ("ledger_anchor", "-", "default"),
                ("ledger_storage", "-", "default"),
                ("ledger_storage_options", "-", "default"),
                ("ledger_public_checkpoints", "true", "environment NEXORA_LEDGER_PUBLIC_CHECKPOINTS"),
                ("connections", "10", "environment NEXORA_CONNECTIONS"),
                ("log", "debug", from_file.as_str()),
            ]
        );
    }

    #[test]
    fn half_of_tls_is_no_permission_to_listen_in_the_clear() {
        let clear = Config::local(std::path::Path::new("data"));
        let certificate = Config { tls_certificate: Some("c.pem".into()), ..clear.clone() };
        let key = Config { tls_key: Some("k.pem".into()), ..clear.clone() };
        let both = Config { tls_key: Some("k.pem".into()), ..certificate.clone() };
        let everywhere = |config: &Config| Config { listen: ([0, 0, 0, 0], 1).into(), ..config.clone() };
        assert!(clear.may_listen().is_ok() && both.may_listen().is_ok());
        assert!(everywhere(&both).may_listen().is_ok());
        for refused in [&certificate, &key, &everywhere(&clear), &everywhere(&key)] {
            assert!(refused.may_listen().is_err(), "{refused:?}");
        }
    }

    #[test]
    fn a_wrong_value_is_named_with_its_place() {
        let message = |given: &Given| Config::load(given).expect_err("it is wrong").to_string();
        let mut given = Given::default();
        given.environment.insert("NEXORA_LISTEN".to_owned(), "everywhere".to_owned());
        let said = message(&given);
        assert!(said.contains("listen") && said.contains("environment NEXORA_LISTEN"), "{said}");
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("nexora.toml");
        fs::write(&file, "lisen = \"127.0.0.1:1\"\n").expect("written");
        let said = message(&Given { file: Some(file), ..Given::default() });
        assert!(said.contains("lisen"), "{said}");
        assert!(
            message(&Given { file: Some(PathBuf::from("/nowhere")), ..Given::default() })
                .contains("/nowhere")
        );
    }
}
