//! Where a witness is, and whom to trust for being it.

use http::Uri;
use rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs, version::TLS13};
use rustls_pki_types::{CertificateDer, ServerName, pem::PemObject as _};
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

/// Whom to trust for a witness's certificate.
#[derive(Debug, Clone, Default)]
pub enum Trust {
    /// The certificates that the system trusts.
    #[default]
    System,
    /// These certificates alone, as PEM.
    Pem(Vec<u8>),
}

/// An address of a witness that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WrongAddress {
    /// It is none.
    #[error("expected https://HOST[:PORT][/PREFIX], or http:// on this machine: {0}")]
    Form(&'static str),
    /// There is nobody to trust.
    #[error("TLS: {0}")]
    Tls(String),
}

/// Where a witness is.
pub(crate) struct Address {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
    authority: String,
    prefix: String,
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.authority, self.prefix)
    }
}

impl Address {
    /// Reads a submission prefix.
    pub(crate) fn read(url: &str, trust: &Trust) -> Result<Self, WrongAddress> {
        let wrong = WrongAddress::Form;
        let uri: Uri = url.parse().map_err(|_| wrong("it is no URL"))?;
        let host = uri.host().ok_or(wrong("it names no host"))?;
        let authority = uri.authority().map_or(host, http::uri::Authority::as_str).to_owned();
        if uri.query().is_some() || authority.contains('@') {
            return Err(wrong("it has a query or a user"));
        }
        let bare = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let (port, tls) = match uri.scheme_str() {
            Some("https") => {
                let name = ServerName::try_from(bare.clone());
                let name = name.map_err(|_| wrong("no certificate can name its host"))?;
                (443, Some((config(trust)?, name)))
            }
            // What others could change on the way would stop a log: they could claim that it is behind.
            Some("http") if loopback(&bare) => (80, None),
            _ => return Err(wrong("only this machine itself is asked without TLS")),
        };
        let port = uri.port_u16().unwrap_or(port);
        Ok(Self { host: bare, port, tls, authority, prefix: uri.path().trim_end_matches('/').to_owned() })
    }

    pub(crate) fn authority(&self) -> &str {
        &self.authority
    }

    /// The path below which the protocol's are, without a slash at its end.
    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }
}

/// The client's side of TLS 1.3: X25519MLKEM768 first.
fn config(trust: &Trust) -> Result<Arc<ClientConfig>, WrongAddress> {
    let wrong = |error: &dyn fmt::Display| WrongAddress::Tls(error.to_string());
    let mut roots = RootCertStore::empty();
    match trust {
        Trust::System => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
        Trust::Pem(pem) => {
            for certificate in CertificateDer::pem_slice_iter(pem) {
                roots.add(certificate.map_err(|error| wrong(&error))?).map_err(|error| wrong(&error))?;
            }
        }
    }
    if roots.is_empty() {
        return Err(wrong(&"there are no certificates to trust"));
    }
    let mut provider = aws_lc_rs::default_provider();
    provider.kx_groups = vec![
        aws_lc_rs::kx_group::X25519MLKEM768,
        aws_lc_rs::kx_group::X25519,
        aws_lc_rs::kx_group::SECP256R1,
    ];
    let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&TLS13])
        .map_err(|error| wrong(&error))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// Whether a host is this machine itself.
fn loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::{Address, Trust};

    #[test]
    fn only_addresses_that_nobody_on_the_way_can_speak_for_are_taken() {
        let read = |url: &str| Address::read(url, &Trust::System).map(|address| address.to_string()).ok();
        assert_eq!(read("http://127.0.0.1:7744").as_deref(), Some("127.0.0.1:7744"));
        assert_eq!(read("http://[::1]:1/w/1/").as_deref(), Some("[::1]:1/w/1"));
        for wrong in [
            "http://w.example",
            "http://10.0.0.1:1",
            "ftp://localhost",
            "localhost:1",
            "",
            "http://u@localhost",
            "http://localhost/?a",
            "http://127.0.0.1.example.com",
        ] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
        assert!(Address::read("https://w.example", &Trust::Pem(b"nothing".to_vec())).is_err());
    }
}
