//! Receiver estimated maximum bit rate (draft-alvestrand-rmcat-remb).

/// How many SSRCs of one REMB are read or written: more than a bundle names.
const MAX_SSRCS: usize = 32;
/// Headers, both SSRCs, the name, count and bit rate.
const FIXED: usize = 20;

/// What the sender of a packet estimates that it can receive, of some sources together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remb {
    /// Who estimates.
    pub sender_ssrc: u32,
    /// Bits a second. Written with 18 significant bits.
    pub bit_rate: u64,
    /// Of which sources, at most 32.
    pub ssrcs: Vec<u32>,
}

impl Remb {
    /// The format of a payload-specific feedback that is the application's (RFC 4585 §6.4).
    pub(super) const FORMAT: u8 = 15;
    const NAME: &[u8; 4] = b"REMB";

    /// From a whole packet of RTCP; `None` when it is something else of that format.
    pub(super) fn parse(packet: &[u8]) -> Option<Remb> {
        let (fixed, ssrcs) = packet.split_first_chunk::<FIXED>()?;
        if fixed[12..16] != *Remb::NAME {
            return None;
        }
        let count = usize::from(fixed[16]);
        let exponent = fixed[17] >> 2;
        let mantissa = u64::from(u32::from_be_bytes([0, fixed[17] & 3, fixed[18], fixed[19]]));
        let ssrcs = ssrcs.get(..count * 4)?.chunks_exact(4).take(MAX_SSRCS);
        let number = |bytes: &[u8]| u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        Some(Remb {
            sender_ssrc: number(&fixed[4..8]),
            // What is beyond 64 bits is no bit rate of this world.
            bit_rate: u64::try_from(u128::from(mantissa) << exponent).unwrap_or(u64::MAX),
            ssrcs: ssrcs.map(number).collect(),
        })
    }

    /// Appends the packet to `out`; SSRCs beyond the 32nd are left out.
    pub fn write(&self, out: &mut Vec<u8>) {
        let ssrcs = &self.ssrcs[..self.ssrcs.len().min(MAX_SSRCS)];
        let exponent = (64 - self.bit_rate.leading_zeros()).saturating_sub(18);
        let [.., high, middle, low] = ((self.bit_rate >> exponent) as u32).to_be_bytes();
        let words = (FIXED / 4 - 1 + ssrcs.len()) as u16;
        out.extend([0x80 | Remb::FORMAT, 206]);
        out.extend(words.to_be_bytes());
        out.extend(self.sender_ssrc.to_be_bytes());
        // The SSRC of the media is 0.
        out.extend([0; 4]);
        out.extend(Remb::NAME);
        out.extend([ssrcs.len() as u8, (exponent as u8) << 2 | high, middle, low]);
        out.extend(ssrcs.iter().flat_map(|ssrc| ssrc.to_be_bytes()));
    }
}

#[cfg(test)]
#[path = "remb_tests.rs"]
mod tests;
