//! The cryptographic transforms of RFC 3711 §4 and RFC 7714: how one packet of a known index is
//! protected. Nothing here remembers anything.

use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::cipher::EncryptingKey;
use aws_lc_rs::{constant_time, hmac};
use zeroize::Zeroizing;

use super::derivation::{Derivation, Label, counter_mode, encrypt};
use super::error::KeyError;
use super::keying::SrtpProfile;

/// The part of an RTCP packet that stays in clear text: the first header and its SSRC.
pub(super) const RTCP_CLEAR: usize = 8;
/// The flag E of an SRTCP packet: it is encrypted (RFC 3711 §3.4).
const ENCRYPTED: u32 = 1 << 31;
/// The flag E and the index.
const TRAILER: usize = 4;
/// Tag of HMAC-SHA1-80.
const CM_TAG: usize = 10;
/// Tag of AES-GCM.
const GCM_TAG: usize = 16;

/// The packet is not what the holder of the key made, or it is too large for its cipher.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Failed;

/// The session keys of one direction: wiped, by aws-lc-rs and by us, when they are dropped.
pub(super) struct SessionKeys {
    pub(super) rtp: Transform,
    pub(super) rtcp: Transform,
}

impl SessionKeys {
    /// Derives them of a master key and salt of the profile's lengths.
    pub(super) fn new(
        profile: SrtpProfile,
        key: &[u8],
        salt: &[u8],
    ) -> Result<SessionKeys, KeyError> {
        if key.len() != profile.key_len() {
            return Err(KeyError::KeyLength);
        }
        if salt.len() != profile.salt_len() {
            return Err(KeyError::SaltLength);
        }
        let master = Derivation::new(key, salt)?;
        let transform = |encryption, authentication, salt| match profile {
            SrtpProfile::Aes128CmHmacSha1_80 => Transform::counter_mode(
                &*master.derive::<16>(encryption)?,
                &*master.derive::<20>(authentication)?,
                master.derive(salt)?,
            ),
            SrtpProfile::AeadAes128Gcm => {
                Transform::gcm(&*master.derive::<16>(encryption)?, master.derive(salt)?)
            }
            SrtpProfile::AeadAes256Gcm => {
                Transform::gcm(&*master.derive::<32>(encryption)?, master.derive(salt)?)
            }
        };
        use Label::*;
        Ok(SessionKeys {
            rtp: transform(RtpEncryption, RtpAuthentication, RtpSalt)?,
            rtcp: transform(RtcpEncryption, RtcpAuthentication, RtcpSalt)?,
        })
    }
}

/// Cipher and authentication with their keys, each expanded once.
pub(super) enum Transform {
    /// AES in counter mode and HMAC-SHA1 (RFC 3711 §4.1.1, §4.2.1).
    CounterMode(Box<CounterMode>),
    /// AES-GCM (RFC 7714).
    Gcm {
        cipher: LessSafeKey,
        salt: Zeroizing<[u8; 12]>,
    },
}

/// The keys of [`Transform::CounterMode`]: a kilobyte.
pub(super) struct CounterMode {
    cipher: EncryptingKey,
    salt: Zeroizing<[u8; 14]>,
    hmac: hmac::Key,
}

impl Transform {
    /// Of session keys, not master keys.
    pub(super) fn counter_mode(
        key: &[u8],
        authentication: &[u8],
        salt: Zeroizing<[u8; 14]>,
    ) -> Result<Transform, KeyError> {
        Ok(Transform::CounterMode(Box::new(CounterMode {
            cipher: counter_mode(key)?,
            salt,
            hmac: hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, authentication),
        })))
    }

    /// Of session keys, not master keys.
    pub(super) fn gcm(key: &[u8], salt: Zeroizing<[u8; 12]>) -> Result<Transform, KeyError> {
        let algorithm = match key.len() {
            16 => &AES_128_GCM,
            32 => &AES_256_GCM,
            _ => return Err(KeyError::KeyLength),
        };
        let key = UnboundKey::new(algorithm, key).map_err(|_| KeyError::Unusable)?;
        Ok(Transform::Gcm {
            cipher: LessSafeKey::new(key),
            salt,
        })
    }

    /// The length of the authentication tag.
    pub(super) fn tag_len(&self) -> usize {
        match self {
            Transform::CounterMode(_) => CM_TAG,
            Transform::Gcm { .. } => GCM_TAG,
        }
    }

    /// Protects an RTP packet in place. `packet` ends with room for the tag; its first `header`
    /// bytes, at least 12, stay in clear text.
    pub(super) fn seal_rtp(
        &self,
        packet: &mut [u8],
        header: usize,
        ssrc: u32,
        index: u64,
    ) -> Result<(), Failed> {
        let end = packet.len().checked_sub(self.tag_len()).ok_or(Failed)?;
        let (clear, rest) = packet.split_at_mut_checked(header).ok_or(Failed)?;
        match self {
            Transform::CounterMode(keys) => {
                let payload = end.checked_sub(header).and_then(|len| rest.get_mut(..len));
                let payload = payload.ok_or(Failed)?;
                keys.encrypt(ssrc, index, payload)?;
                let (packet, tag) = packet.split_at_mut(end);
                tag.copy_from_slice(&keys.rtp_mac(packet, index));
            }
            Transform::Gcm { cipher, salt } => {
                let (payload, tag) = rest.split_last_chunk_mut::<GCM_TAG>().ok_or(Failed)?;
                *tag = seal(cipher, nonce(salt, ssrc, index), clear, payload)?;
            }
        }
        Ok(())
    }

    /// Authenticates an RTP packet, and then decrypts it in place. The tag at its end is left.
    /// What is not authentic may be overwritten.
    pub(super) fn open_rtp(
        &self,
        packet: &mut [u8],
        header: usize,
        ssrc: u32,
        index: u64,
    ) -> Result<(), Failed> {
        let end = packet.len().checked_sub(self.tag_len()).ok_or(Failed)?;
        match self {
            Transform::CounterMode(keys) => {
                let (packet, tag) = packet.split_at_mut(end);
                verify(&keys.rtp_mac(packet, index), tag)?;
                let payload = packet.get_mut(header..).ok_or(Failed)?;
                keys.encrypt(ssrc, index, payload)
            }
            Transform::Gcm { cipher, salt } => {
                let (clear, sealed) = packet.split_at_mut_checked(header).ok_or(Failed)?;
                let aad = Aad::from(&*clear);
                let opened = cipher.open_in_place(nonce(salt, ssrc, index), aad, sealed);
                opened.map(|_| ()).map_err(|_| Failed)
            }
        }
    }

    /// Protects an RTCP packet in place, encrypted (E is 1). `packet` ends with room for tag and
    /// trailer.
    pub(super) fn seal_rtcp(&self, packet: &mut [u8], ssrc: u32, index: u32) -> Result<(), Failed> {
        let trailer = (ENCRYPTED | index).to_be_bytes();
        let overhead = self.tag_len() + TRAILER;
        let end = packet.len().checked_sub(overhead).ok_or(Failed)?;
        let (clear, rest) = packet.split_at_mut_checked(RTCP_CLEAR).ok_or(Failed)?;
        let payload = end
            .checked_sub(RTCP_CLEAR)
            .and_then(|len| rest.get_mut(..len));
        let payload = payload.ok_or(Failed)?;
        match self {
            Transform::CounterMode(keys) => {
                keys.encrypt(ssrc, index.into(), payload)?;
                // RFC 3711 §3.4: the tag covers the trailer, and follows it.
                let (packet, tag) = packet.split_at_mut(end + TRAILER);
                packet[end..].copy_from_slice(&trailer);
                tag.copy_from_slice(&keys.rtcp_mac(packet));
            }
            Transform::Gcm { cipher, salt } => {
                // RFC 7714 §9.2: header and trailer are the associated data.
                let mut aad = [0; RTCP_CLEAR + TRAILER];
                aad[..RTCP_CLEAR].copy_from_slice(clear);
                aad[RTCP_CLEAR..].copy_from_slice(&trailer);
                let tag = seal(cipher, nonce(salt, ssrc, index.into()), &aad, payload)?;
                packet[end..end + GCM_TAG].copy_from_slice(&tag);
                packet[end + GCM_TAG..].copy_from_slice(&trailer);
            }
        }
        Ok(())
    }

    /// Authenticates an RTCP packet, and then decrypts it in place where it says that it is
    /// encrypted. Tag and trailer are left.
    pub(super) fn open_rtcp(&self, packet: &mut [u8], ssrc: u32) -> Result<(), Failed> {
        let (encrypted, index) = self.rtcp_index(packet).ok_or(Failed)?;
        let end = packet.len() - self.tag_len() - TRAILER;
        match self {
            Transform::CounterMode(keys) => {
                let (packet, tag) = packet.split_at_mut(end + TRAILER);
                verify(&keys.rtcp_mac(packet), tag)?;
                if encrypted {
                    let payload = &mut packet[RTCP_CLEAR..end];
                    keys.encrypt(ssrc, index.into(), payload)?;
                }
                Ok(())
            }
            Transform::Gcm { cipher, salt } => {
                let nonce = nonce(salt, ssrc, index.into());
                let (sealed, trailer) = packet.split_at_mut(end + GCM_TAG);
                let opened = if encrypted {
                    let (clear, sealed) = sealed.split_at_mut(RTCP_CLEAR);
                    let mut aad = [0; RTCP_CLEAR + TRAILER];
                    aad[..RTCP_CLEAR].copy_from_slice(clear);
                    aad[RTCP_CLEAR..].copy_from_slice(trailer);
                    cipher.open_in_place(nonce, Aad::from(aad), sealed)
                } else {
                    // RFC 7714 §9.3: the whole packet and the trailer are associated data. They
                    // are made neighbours where the tag was.
                    let mut tag = [0; GCM_TAG];
                    tag.copy_from_slice(&sealed[end..]);
                    sealed[end..end + TRAILER].copy_from_slice(trailer);
                    let aad = Aad::from(&sealed[..end + TRAILER]);
                    return cipher
                        .open_in_place(nonce, aad, &mut tag)
                        .map(|_| ())
                        .map_err(|_| Failed);
                };
                opened.map(|_| ()).map_err(|_| Failed)
            }
        }
    }

    /// The flag E and the index that a protected RTCP packet claims; `None` when it is too short.
    pub(super) fn rtcp_index(&self, packet: &[u8]) -> Option<(bool, u32)> {
        if packet.len() < RTCP_CLEAR + self.tag_len() + TRAILER {
            return None;
        }
        let behind = match self {
            Transform::CounterMode(_) => CM_TAG,
            Transform::Gcm { .. } => 0,
        };
        let (_, trailer) = packet[..packet.len() - behind].split_last_chunk::<TRAILER>()?;
        let trailer = u32::from_be_bytes(*trailer);
        Some((trailer & ENCRYPTED != 0, trailer & !ENCRYPTED))
    }
}

impl CounterMode {
    /// Encrypts or decrypts in place.
    fn encrypt(&self, ssrc: u32, index: u64, payload: &mut [u8]) -> Result<(), Failed> {
        encrypt(&self.cipher, iv(&self.salt, ssrc, index), payload).map_err(|()| Failed)
    }

    /// RFC 3711 §4.2: the tag covers the roll-over counter, which is not sent.
    fn rtp_mac(&self, packet: &[u8], index: u64) -> [u8; CM_TAG] {
        let mut context = hmac::Context::with_key(&self.hmac);
        context.update(packet);
        context.update(&((index >> 16) as u32).to_be_bytes());
        truncated(&context.sign())
    }

    /// `packet` ends with the trailer.
    fn rtcp_mac(&self, packet: &[u8]) -> [u8; CM_TAG] {
        truncated(&hmac::sign(&self.hmac, packet))
    }
}

/// RFC 3711 §5.2: the leftmost 80 bits.
fn truncated(mac: &hmac::Tag) -> [u8; CM_TAG] {
    let mut tag = [0; CM_TAG];
    tag.copy_from_slice(&mac.as_ref()[..CM_TAG]);
    tag
}

/// RFC 3711 §4.1.1: the salt, the SSRC and the packet's index of 48 bits (31 for RTCP); the last
/// two bytes count blocks.
fn iv(salt: &[u8; 14], ssrc: u32, index: u64) -> [u8; 16] {
    let mut iv = [0; 16];
    iv[..14].copy_from_slice(salt);
    xor(&mut iv[4..8], &ssrc.to_be_bytes());
    xor(&mut iv[8..14], &index.to_be_bytes()[2..]);
    iv
}

/// RFC 7714 §8.1 and §9.1: the same for GCM. Both forms put the index at the end.
fn nonce(salt: &[u8; 12], ssrc: u32, index: u64) -> Nonce {
    let mut iv = *salt;
    xor(&mut iv[2..6], &ssrc.to_be_bytes());
    xor(&mut iv[6..12], &index.to_be_bytes()[2..]);
    Nonce::assume_unique_for_key(iv)
}

fn xor(into: &mut [u8], with: &[u8]) {
    for (into, with) in into.iter_mut().zip(with) {
        *into ^= with;
    }
}

fn verify(mac: &[u8; CM_TAG], tag: &[u8]) -> Result<(), Failed> {
    constant_time::verify_slices_are_equal(mac, tag).map_err(|_| Failed)
}

fn seal(
    cipher: &LessSafeKey,
    nonce: Nonce,
    aad: &[u8],
    payload: &mut [u8],
) -> Result<[u8; GCM_TAG], Failed> {
    let tag = cipher
        .seal_in_place_separate_tag(nonce, Aad::from(aad), payload)
        .map_err(|_| Failed)?;
    tag.as_ref().try_into().map_err(|_| Failed)
}

#[cfg(test)]
#[path = "transform_tests.rs"]
mod tests;
