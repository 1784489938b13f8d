//! Seals what is sent after the handshake.
//!
//! webrtc-dtls draws the explicit nonce of each record at random, of 64 bits: after 2^32 records
//! two of them are as likely as not the same, which gives AES-GCM's authentication key away. Here
//! they are counted (RFC 5288 §3), and so webrtc-dtls seals nothing but its Finished.

use std::fmt;

use super::secrets::{RecordKey, Secrets, associated_data};

/// RFC 6347 §4.1: the sequence number has 48 bits.
const MAX_SEQUENCE: u64 = (1 << 48) - 1;

/// Header, explicit nonce, tag.
const OVERHEAD: usize = 13 + 8 + 16;

/// Our side of the record layer, in epoch 1.
pub(super) struct Sealer {
    key: RecordKey,
    sequence: u64,
    /// Nonces that webrtc-dtls has used up.
    taken: Vec<[u8; 8]>,
}

impl Sealer {
    /// Goes on where the handshake has ended.
    pub(super) fn new(secrets: &Secrets, client: bool, taken: Vec<[u8; 8]>) -> Option<Sealer> {
        let [of_client, of_server] = secrets.keys()?;
        Some(Sealer {
            key: if client { of_client } else { of_server },
            sequence: secrets.sequence,
            taken,
        })
    }

    /// How much space a record takes.
    pub(super) fn space(payload: usize) -> usize {
        payload + OVERHEAD
    }

    /// Writes one record and returns its length; `None` when there are no numbers left.
    pub(super) fn seal(
        &mut self,
        content_type: u8,
        payload: &[u8],
        space: &mut [u8],
    ) -> Option<usize> {
        let number = self.next_number()?;
        let space = space.get_mut(..Sealer::space(payload.len()))?;
        let fragment = u16::try_from(payload.len() + 8 + 16).ok()?;
        let (header, rest) = space.split_first_chunk_mut::<13>()?;
        header[..3].copy_from_slice(&[content_type, 254, 253]);
        header[3..11].copy_from_slice(&number);
        header[11..].copy_from_slice(&fragment.to_be_bytes());
        let (explicit, rest) = rest.split_first_chunk_mut::<8>()?;
        *explicit = number;
        let (sealed, tag) = rest.split_at_mut(payload.len());
        sealed.copy_from_slice(payload);
        let associated = associated_data(header, payload.len());
        tag.copy_from_slice(&self.key.seal(number, associated, sealed)?);
        Some(Sealer::space(payload.len()))
    }

    /// Epoch and sequence number, which are the nonce, too.
    fn next_number(&mut self) -> Option<[u8; 8]> {
        loop {
            if self.sequence > MAX_SEQUENCE {
                return None;
            }
            let number = (1 << 48 | self.sequence).to_be_bytes();
            self.sequence += 1;
            if !self.taken.contains(&number) {
                return Some(number);
            }
        }
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the key.
        f.debug_struct("Sealer")
            .field("sequence", &self.sequence)
            .finish_non_exhaustive()
    }
}
