//! The keys for SRTP that a DTLS handshake yields (RFC 5764).

use std::fmt;

use aws_lc_rs::constant_time;
use zeroize::Zeroizing;

/// SRTP protection profiles that can be chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SrtpProfile {
    /// `SRTP_AES128_CM_HMAC_SHA1_80` (RFC 5764 §4.1.2).
    Aes128CmHmacSha1_80,
    /// `SRTP_AEAD_AES_128_GCM` (RFC 7714 §14.2).
    AeadAes128Gcm,
    /// `SRTP_AEAD_AES_256_GCM` (RFC 7714 §14.2).
    AeadAes256Gcm,
}

impl SrtpProfile {
    /// All of them, the preferred first.
    pub const ALL: [SrtpProfile; 3] = [
        SrtpProfile::AeadAes256Gcm,
        SrtpProfile::AeadAes128Gcm,
        SrtpProfile::Aes128CmHmacSha1_80,
    ];

    /// The name in the IANA registry.
    pub fn as_str(self) -> &'static str {
        match self {
            SrtpProfile::Aes128CmHmacSha1_80 => "SRTP_AES128_CM_HMAC_SHA1_80",
            SrtpProfile::AeadAes128Gcm => "SRTP_AEAD_AES_128_GCM",
            SrtpProfile::AeadAes256Gcm => "SRTP_AEAD_AES_256_GCM",
        }
    }

    /// The bytes of one master key.
    pub fn key_len(self) -> usize {
        match self {
            SrtpProfile::Aes128CmHmacSha1_80 | SrtpProfile::AeadAes128Gcm => 16,
            SrtpProfile::AeadAes256Gcm => 32,
        }
    }

    /// The bytes of one master salt.
    pub fn salt_len(self) -> usize {
        match self {
            SrtpProfile::Aes128CmHmacSha1_80 => 14,
            SrtpProfile::AeadAes128Gcm | SrtpProfile::AeadAes256Gcm => 12,
        }
    }

    /// The bytes that a packet of RTP grows by: the authentication tag.
    pub const fn rtp_overhead(self) -> usize {
        match self {
            SrtpProfile::Aes128CmHmacSha1_80 => 10,
            SrtpProfile::AeadAes128Gcm | SrtpProfile::AeadAes256Gcm => 16,
        }
    }

    /// The bytes that a packet of RTCP grows by: the tag, and the index with the flag E.
    pub const fn rtcp_overhead(self) -> usize {
        self.rtp_overhead() + 4
    }

    /// The bytes of keying material for both directions.
    pub fn keying_material_len(self) -> usize {
        2 * (self.key_len() + self.salt_len())
    }
}

/// The keys for SRTP of both directions, wiped when it is dropped. Its `Debug` shows the profile
/// only.
#[derive(Clone)]
pub struct SrtpKeyingMaterial {
    profile: SrtpProfile,
    material: Zeroizing<Vec<u8>>,
}

impl SrtpKeyingMaterial {
    /// From the output of the exporter, `None` when its length is not that of the profile.
    pub fn new(profile: SrtpProfile, material: Vec<u8>) -> Option<SrtpKeyingMaterial> {
        let material = Zeroizing::new(material);
        (material.len() == profile.keying_material_len())
            .then_some(SrtpKeyingMaterial { profile, material })
    }

    /// The profile that was chosen.
    pub fn profile(&self) -> SrtpProfile {
        self.profile
    }

    /// The whole output of the exporter, in the order of RFC 5764 §4.2: client key, server key,
    /// client salt, server salt.
    pub fn as_bytes(&self) -> &[u8] {
        &self.material
    }

    /// Master key and master salt of what the DTLS client sends.
    pub fn client(&self) -> (&[u8], &[u8]) {
        self.side(0)
    }

    /// Master key and master salt of what the DTLS server sends.
    pub fn server(&self) -> (&[u8], &[u8]) {
        self.side(1)
    }

    fn side(&self, index: usize) -> (&[u8], &[u8]) {
        let (key, salt) = (self.profile.key_len(), self.profile.salt_len());
        let (keys, salts) = self.material.split_at(2 * key);
        (&keys[index * key..][..key], &salts[index * salt..][..salt])
    }
}

impl PartialEq for SrtpKeyingMaterial {
    /// Takes the same time whatever differs.
    fn eq(&self, other: &SrtpKeyingMaterial) -> bool {
        let same = constant_time::verify_slices_are_equal(&self.material, &other.material);
        self.profile == other.profile && same.is_ok()
    }
}

impl Eq for SrtpKeyingMaterial {}

impl fmt::Debug for SrtpKeyingMaterial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SrtpKeyingMaterial")
            .field("profile", &self.profile)
            .finish_non_exhaustive()
    }
}
