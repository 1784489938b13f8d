//! Who vouches for the servers that are reached by TLS.

use std::fmt;
use std::sync::{Arc, OnceLock};

use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// The certification authorities that vouch for `turns:` servers. A cheap clone.
///
/// Default: those that the platform trusts, read when the first such server is used. On Unix the
/// environment variables `SSL_CERT_FILE` and `SSL_CERT_DIR` say where they are, where they are not
/// in their usual place.
#[derive(Clone, Default)]
pub struct TlsRoots(Arc<Roots>);

#[derive(Default)]
struct Roots {
    /// Instead of the platform's.
    own: Option<RootCertStore>,
    /// Reading the platform's takes some milliseconds.
    client: OnceLock<Result<Arc<ClientConfig>, String>>,
}

/// Certificates that cannot stand as [`TlsRoots`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TlsRootsError {
    /// There is no certificate in what was given.
    #[error("there is no PEM certificate in it")]
    NoCertificate,
    /// It is not PEM, or a certificate in it makes no sense.
    #[error("a certificate cannot be read: {0}")]
    Unreadable(String),
}

impl TlsRoots {
    /// Those that the platform trusts.
    pub fn platform() -> TlsRoots {
        TlsRoots::default()
    }

    /// These and no others: one or more certificates in PEM, as for servers with a private
    /// authority.
    ///
    /// # Errors
    /// There is none, or one that cannot be read.
    pub fn from_pem(pem: &[u8]) -> Result<TlsRoots, TlsRootsError> {
        let unreadable = |error: &dyn fmt::Display| TlsRootsError::Unreadable(error.to_string());
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate.map_err(|error| unreadable(&error))?;
            roots.add(certificate).map_err(|error| unreadable(&error))?;
        }
        if roots.is_empty() {
            return Err(TlsRootsError::NoCertificate);
        }
        let (own, client) = (Some(roots), OnceLock::new());
        Ok(TlsRoots(Arc::new(Roots { own, client })))
    }

    pub(crate) fn client(&self) -> Result<Arc<ClientConfig>, String> {
        let make = || {
            let roots = match &self.0.own {
                Some(own) => own.clone(),
                None => platform_roots()?,
            };
            ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
                .with_safe_default_protocol_versions()
                .map(|builder| builder.with_root_certificates(roots).with_no_client_auth())
                .map(Arc::new)
                .map_err(|error| error.to_string())
        };
        self.0.client.get_or_init(make).clone()
    }
}

impl fmt::Debug for TlsRoots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.own {
            Some(own) => write!(f, "TlsRoots({} certificates)", own.len()),
            None => f.write_str("TlsRoots(platform)"),
        }
    }
}

fn platform_roots() -> Result<RootCertStore, String> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    // One certificate of a platform's hundred that nobody can read is no reason to trust none.
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let why = found
            .errors
            .first()
            .map_or_else(String::new, |e| format!(": {e}"));
        return Err(format!("this host has no root certificates{why}"));
    }
    Ok(roots)
}

#[cfg(test)]
#[path = "tls_roots_tests.rs"]
mod tests;
