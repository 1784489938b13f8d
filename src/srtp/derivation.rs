//! Session keys out of a master key (RFC 3711 §4.3, RFC 6188 §3, RFC 7714 §11).

use aws_lc_rs::cipher::{AES_128, AES_256, EncryptingKey, EncryptionContext, UnboundCipherKey};
use zeroize::Zeroizing;

use super::error::KeyError;

/// What a derived key is for (RFC 3711 §4.3.2). There is one derivation in a session (the rate is
/// 0, as RFC 5764 §4.1.2 asks), and so no index in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Label {
    RtpEncryption = 0,
    RtpAuthentication = 1,
    RtpSalt = 2,
    RtcpEncryption = 3,
    RtcpAuthentication = 4,
    RtcpSalt = 5,
}

/// The master salt is as long as this; the shorter one of the AEAD profiles is padded with zeros.
const SALT: usize = 14;

/// A master key and its salt, ready to derive from. aws-lc-rs wipes the key schedule.
pub(super) struct Derivation {
    cipher: EncryptingKey,
    salt: Zeroizing<[u8; SALT]>,
}

impl Derivation {
    /// From a master key of 16 or 32 bytes and a salt of at most 14.
    pub(super) fn new(key: &[u8], salt: &[u8]) -> Result<Derivation, KeyError> {
        let mut padded = Zeroizing::new([0; SALT]);
        padded
            .get_mut(..salt.len())
            .ok_or(KeyError::SaltLength)?
            .copy_from_slice(salt);
        Ok(Derivation {
            cipher: counter_mode(key)?,
            salt: padded,
        })
    }

    /// `N` bytes for the purpose of `label`.
    pub(super) fn derive<const N: usize>(
        &self,
        label: Label,
    ) -> Result<Zeroizing<[u8; N]>, KeyError> {
        // RFC 3711 §4.3.1, §4.3.3: the label stands before the 48 bits of the (absent) index, and
        // the last two bytes count blocks.
        let mut iv = [0; 16];
        iv[..SALT].copy_from_slice(&*self.salt);
        iv[7] ^= label as u8;
        let mut out = Zeroizing::new([0; N]);
        encrypt(&self.cipher, iv, &mut *out).map_err(|()| KeyError::Unusable)?;
        Ok(out)
    }
}

/// AES in counter mode, keyed once.
pub(super) fn counter_mode(key: &[u8]) -> Result<EncryptingKey, KeyError> {
    let algorithm = match key.len() {
        16 => &AES_128,
        32 => &AES_256,
        _ => return Err(KeyError::KeyLength),
    };
    UnboundCipherKey::new(algorithm, key)
        .and_then(EncryptingKey::ctr)
        .map_err(|_| KeyError::Unusable)
}

/// Encrypts in place, which decrypts as well.
pub(super) fn encrypt(cipher: &EncryptingKey, iv: [u8; 16], data: &mut [u8]) -> Result<(), ()> {
    match cipher.less_safe_encrypt(data, EncryptionContext::Iv128(iv.into())) {
        Ok(_) => Ok(()),
        Err(_) => Err(()),
    }
}

#[cfg(test)]
#[path = "derivation_tests.rs"]
mod tests;
