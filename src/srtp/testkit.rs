//! What the tests of SRTP share.

use super::*;
use crate::random::Random;

/// Keys of RFC 7714 §16 and §17.
pub(super) const AES_128: &str = "000102030405060708090a0b0c0d0e0f";
pub(super) const AES_256: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

/// Bytes of hexadecimal digits.
pub(super) fn hex(digits: &str) -> Vec<u8> {
    let pair = |at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
    (0..digits.len()).step_by(2).map(pair).collect()
}

pub(super) fn material(profile: SrtpProfile, seed: u64) -> SrtpKeyingMaterial {
    let mut random = Random::from_number(seed);
    let bytes = std::iter::repeat_with(|| random.bytes::<1>()[0]);
    let bytes = bytes.take(profile.keying_material_len()).collect();
    SrtpKeyingMaterial::new(profile, bytes).unwrap()
}

/// The DTLS client and the server of one transport.
pub(super) fn pair(profile: SrtpProfile, seed: u64) -> (Contexts, Contexts) {
    let material = material(profile, seed);
    let contexts = |side| Contexts::new(&material, side, Config::default()).unwrap();
    (contexts(Side::Client), contexts(Side::Server))
}

/// A packet of RTP in clear text, whose payload tells its index.
pub(super) fn rtp(ssrc: u32, index: u64, payload: usize) -> Vec<u8> {
    let mut packet = vec![0x80, 96];
    packet.extend((index as u16).to_be_bytes());
    packet.extend((index as u32).wrapping_mul(3_000).to_be_bytes());
    packet.extend(ssrc.to_be_bytes());
    packet.extend(index.to_be_bytes().iter().cycle().take(payload));
    packet
}

/// A receiver report of `ssrc` about nobody, with a profile-specific word.
pub(super) fn rtcp(ssrc: u32, word: u32) -> Vec<u8> {
    let mut packet = vec![0x80, 201, 0, 2];
    packet.extend(ssrc.to_be_bytes());
    packet.extend(word.to_be_bytes());
    packet
}

impl SendContext {
    /// The packet, protected.
    pub(super) fn sealed(&mut self, packet: &[u8]) -> Result<Vec<u8>, ProtectError> {
        let mut buffer = packet.to_vec();
        buffer.resize(packet.len() + self.profile().rtcp_overhead(), 0xEE);
        let len = self.protect(&mut buffer, packet.len())?;
        buffer.truncate(len);
        Ok(buffer)
    }
}

impl ReceiveContext {
    /// The packet in clear text.
    pub(super) fn opened(&mut self, packet: &[u8]) -> Result<Vec<u8>, UnprotectError> {
        let mut buffer = packet.to_vec();
        let (_, len) = self.unprotect(&mut buffer)?;
        buffer.truncate(len);
        Ok(buffer)
    }
}
