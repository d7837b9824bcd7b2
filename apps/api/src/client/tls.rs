//! Whom a client trusts, and the TLS 1.3 it offers: X25519MLKEM768 first.

use super::Error;
use rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs, version::TLS13};
use rustls_pki_types::{CertificateDer, pem::PemObject as _};
use std::sync::Arc;

/// Whom to trust.
#[derive(Debug, Clone, Default)]
pub enum Trust {
    /// The certificates that the system trusts.
    #[default]
    System,
    /// These certificates alone, as PEM.
    Pem(Vec<u8>),
}

/// The client's side of TLS 1.3.
pub(super) fn config(trust: &Trust) -> Result<Arc<ClientConfig>, Error> {
    let mut roots = RootCertStore::empty();
    match trust {
        Trust::System => {
            let found = rustls_native_certs::load_native_certs();
            roots.add_parsable_certificates(found.certs);
            if roots.is_empty() {
                return Err(Error::Tls("the system has no certificates to trust; give --ca FILE".to_owned()));
            }
        }
        Trust::Pem(pem) => {
            for certificate in CertificateDer::pem_slice_iter(pem) {
                let certificate = certificate.map_err(|error| Error::Tls(error.to_string()))?;
                roots.add(certificate).map_err(|error| Error::Tls(error.to_string()))?;
            }
            if roots.is_empty() {
                return Err(Error::Tls("the file of --ca holds no certificate".to_owned()));
            }
        }
    }
    let mut provider = aws_lc_rs::default_provider();
    provider.kx_groups = vec![
        aws_lc_rs::kx_group::X25519MLKEM768,
        aws_lc_rs::kx_group::X25519,
        aws_lc_rs::kx_group::SECP256R1,
    ];
    let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&TLS13])
        .map_err(|error| Error::Tls(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
