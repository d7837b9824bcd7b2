//! The server's side of TLS: version 1.3 alone, X25519MLKEM768 first.

use rustls::{ServerConfig, crypto::aws_lc_rs, version::TLS13};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
use std::sync::Arc;

/// A certificate or key that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum WrongCertificate {
    /// The certificate's file holds none that can be read.
    #[error("the certificate file holds no certificate in PEM: {0}")]
    Certificate(String),
    /// The key's file holds none that can be read.
    #[error("the key file holds no private key in PEM (PKCS#8, SEC1 or PKCS#1): {0}")]
    Key(String),
    /// The two do not go together, or the key is of a sort that is not spoken.
    #[error("the certificate and the key cannot be used: {0}")]
    Pair(String),
}

/// The configuration for a certificate chain and its key, both in PEM.
///
/// # Errors
/// [`WrongCertificate`].
pub fn config(chain: &[u8], key: &[u8]) -> Result<Arc<ServerConfig>, WrongCertificate> {
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(chain)
        .collect::<Result<_, _>>()
        .map_err(|error| WrongCertificate::Certificate(error.to_string()))?;
    if chain.is_empty() {
        return Err(WrongCertificate::Certificate("it is empty".to_owned()));
    }
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| WrongCertificate::Key(error.to_string()))?;
    let mut provider = aws_lc_rs::default_provider();
    provider.kx_groups = vec![
        aws_lc_rs::kx_group::X25519MLKEM768,
        aws_lc_rs::kx_group::X25519,
        aws_lc_rs::kx_group::SECP256R1,
        aws_lc_rs::kx_group::SECP384R1,
    ];
    let mut config = ServerConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&TLS13])
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .map_err(|error| WrongCertificate::Pair(error.to_string()))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
