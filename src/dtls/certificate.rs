//! The certificate that an endpoint presents, with its private key.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair,
    EcdsaSigningAlgorithm,
};
use rcgen::{
    CertificateParams, DistinguishedName, DnType, KeyPair, PKCS_ECDSA_P256_SHA256,
    PKCS_ECDSA_P384_SHA384, PKCS_RSA_SHA256,
};
use x509_cert::der::Decode;

use super::{Fingerprint, HashAlgorithm};
use crate::random::Random;

/// How far before its making a generated certificate is valid: clocks of peers differ.
const CLOCK_SKEW: Duration = Duration::from_secs(24 * 3600);

/// A certificate with its private key. Cheap to clone, and one may serve any number of endpoints.
#[derive(Clone)]
pub struct Certificate(Arc<Contents>);

struct Contents {
    der: Vec<u8>,
    private_key: Vec<u8>,
    key_type: KeyType,
    not_before: SystemTime,
    not_after: SystemTime,
}

/// The kind of key that a certificate has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyType {
    /// ECDSA over P-256: what is generated, and what every browser takes.
    EcdsaP256,
    /// ECDSA over P-384.
    EcdsaP384,
    /// RSA. [`Endpoint`](super::Endpoint) cannot present it.
    Rsa,
    /// Anything else, such as Ed25519, which WebRTC peers do not take.
    Other,
}

impl Certificate {
    /// How long a generated certificate is valid unless told otherwise: 30 days, like a browser's.
    pub const DEFAULT_VALIDITY: Duration = Duration::from_secs(30 * 24 * 3600);

    /// Makes a new P-256 key and a self-signed certificate that is valid from a day before `now`
    /// until `validity` after it. Its serial number comes from `random`, its key from the
    /// operating system.
    ///
    /// # Errors
    ///
    /// [`CertificateError::Generate`], when the operating system has no entropy.
    pub fn generate(
        random: &mut Random,
        now: SystemTime,
        validity: Duration,
    ) -> Result<Certificate, CertificateError> {
        let generate = |_| CertificateError::Generate;
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(generate)?;
        let mut params = CertificateParams::new(Vec::new()).map_err(generate)?;
        let mut name = DistinguishedName::new();
        // RFC 8827 §6.5: the name is to say nothing about the user.
        name.push(DnType::CommonName, "WebRTC");
        params.distinguished_name = name;
        params.not_before = now.checked_sub(CLOCK_SKEW).unwrap_or(now).into();
        params.not_after = now
            .checked_add(validity)
            .ok_or(CertificateError::Generate)?
            .into();
        // Firefox takes two certificates of one serial number and issuer for the same.
        params.serial_number = Some(random.bytes::<16>().to_vec().into());
        let certificate = params.self_signed(&key).map_err(generate)?;
        Certificate::from_der(certificate.der().to_vec(), key.serialize_der())
    }

    /// Reads a certificate and its private key (PKCS #8 or SEC 1) from one PEM text, in any order.
    /// Of several certificates the first is taken.
    ///
    /// # Errors
    ///
    /// When one of them is missing or unreadable, or when they do not belong together.
    pub fn from_pem(pem: &str) -> Result<Certificate, CertificateError> {
        let blocks = pem::parse_many(pem).map_err(|_| CertificateError::Pem)?;
        let find = |wanted: fn(&str) -> bool| {
            blocks
                .iter()
                .find(|b| wanted(b.tag()))
                .map(|b| b.contents().to_vec())
        };
        let der = find(|tag| tag == "CERTIFICATE").ok_or(CertificateError::NoCertificate)?;
        let key = find(|tag| tag == "PRIVATE KEY" || tag.ends_with(" PRIVATE KEY"))
            .ok_or(CertificateError::NoPrivateKey)?;
        Certificate::from_der(der, key)
    }

    /// From the DER of a certificate and of its private key (PKCS #8 or SEC 1).
    ///
    /// # Errors
    ///
    /// When one of them is unreadable, or when they do not belong together.
    pub fn from_der(der: Vec<u8>, private_key: Vec<u8>) -> Result<Certificate, CertificateError> {
        let parsed =
            x509_cert::Certificate::from_der(&der).map_err(|_| CertificateError::Certificate)?;
        let key =
            KeyPair::try_from(private_key.as_slice()).map_err(|_| CertificateError::PrivateKey)?;
        let tbs = parsed.tbs_certificate();
        if key.public_key_raw() != tbs.subject_public_key_info().subject_public_key.raw_bytes() {
            return Err(CertificateError::KeyMismatch);
        }
        let (key_type, private_key) = if key.is_compatible(&PKCS_ECDSA_P256_SHA256) {
            (
                KeyType::EcdsaP256,
                pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &private_key)?,
            )
        } else if key.is_compatible(&PKCS_ECDSA_P384_SHA384) {
            (
                KeyType::EcdsaP384,
                pkcs8(&ECDSA_P384_SHA384_ASN1_SIGNING, &private_key)?,
            )
        } else if key.is_compatible(&PKCS_RSA_SHA256) {
            (KeyType::Rsa, private_key)
        } else {
            (KeyType::Other, private_key)
        };
        let validity = tbs.validity();
        Ok(Certificate(Arc::new(Contents {
            not_before: SystemTime::UNIX_EPOCH + validity.not_before.to_unix_duration(),
            not_after: SystemTime::UNIX_EPOCH + validity.not_after.to_unix_duration(),
            der,
            private_key,
            key_type,
        })))
    }

    /// Both as PEM: the certificate, then the private key (PKCS #8).
    ///
    /// # Errors
    ///
    /// [`CertificateError::PrivateKey`] never happens for a key that was accepted.
    pub fn to_pem(&self) -> Result<String, CertificateError> {
        let key = KeyPair::try_from(self.0.private_key.as_slice())
            .map_err(|_| CertificateError::PrivateKey)?;
        let certificate = pem::encode(&pem::Pem::new("CERTIFICATE", self.0.der.clone()));
        Ok(certificate + &key.serialize_pem())
    }

    /// The certificate in DER.
    pub fn der(&self) -> &[u8] {
        &self.0.der
    }

    /// The private key in DER; PKCS #8 for ECDSA. Whoever has it can pose as this certificate's owner.
    pub fn private_key_der(&self) -> &[u8] {
        &self.0.private_key
    }

    /// The kind of key.
    pub fn key_type(&self) -> KeyType {
        self.0.key_type
    }

    /// What is to be signalled to the peer: the SHA-256 fingerprint.
    pub fn fingerprints(&self) -> Vec<Fingerprint> {
        vec![self.fingerprint(HashAlgorithm::Sha256)]
    }

    /// The fingerprint by any of the hash functions.
    pub fn fingerprint(&self, algorithm: HashAlgorithm) -> Fingerprint {
        Fingerprint::of_certificate(algorithm, &self.0.der)
    }

    /// When the certificate ends to be valid.
    pub fn expires(&self) -> SystemTime {
        self.0.not_after
    }

    /// Whether the certificate is valid at this time.
    pub fn is_valid_at(&self, time: SystemTime) -> bool {
        (self.0.not_before..=self.0.not_after).contains(&time)
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the private key.
        f.debug_struct("Certificate")
            .field("key_type", &self.0.key_type)
            .field(
                "fingerprint",
                &self.fingerprint(HashAlgorithm::Sha256).value,
            )
            .field("expires", &self.0.not_after)
            .finish_non_exhaustive()
    }
}

/// An ECDSA key in PKCS #8, which all engines read, whatever form it came in.
fn pkcs8(
    algorithm: &'static EcdsaSigningAlgorithm,
    private_key: &[u8],
) -> Result<Vec<u8>, CertificateError> {
    EcdsaKeyPair::from_private_key_der(algorithm, private_key)
        .or_else(|_| EcdsaKeyPair::from_pkcs8(algorithm, private_key))
        .ok()
        .and_then(|key| key.to_pkcs8v1().ok())
        .map(|document| document.as_ref().to_vec())
        .ok_or(CertificateError::PrivateKey)
}

/// Why there is no certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// A key or certificate could not be made.
    #[error("the certificate could not be generated")]
    Generate,
    /// The text is not PEM.
    #[error("not a PEM text")]
    Pem,
    /// The PEM text has no certificate.
    #[error("the PEM text has no CERTIFICATE block")]
    NoCertificate,
    /// The PEM text has no private key.
    #[error("the PEM text has no PRIVATE KEY block")]
    NoPrivateKey,
    /// The certificate is not X.509 in DER.
    #[error("the certificate cannot be read")]
    Certificate,
    /// The private key is of no known kind.
    #[error("the private key cannot be read")]
    PrivateKey,
    /// The private key is not that of the certificate.
    #[error("the private key does not belong to the certificate")]
    KeyMismatch,
}

impl CertificateError {
    /// A label for metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            CertificateError::Generate => "generate",
            CertificateError::Pem => "pem",
            CertificateError::NoCertificate => "no_certificate",
            CertificateError::NoPrivateKey => "no_private_key",
            CertificateError::Certificate => "certificate",
            CertificateError::PrivateKey => "private_key",
            CertificateError::KeyMismatch => "key_mismatch",
        }
    }
}

#[cfg(test)]
#[path = "certificate_tests.rs"]
mod tests;
