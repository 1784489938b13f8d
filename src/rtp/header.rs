//! The header of an RTP packet (RFC 3550 §5.1).

/// Version, counts and fields up to the SSRC.
const FIXED: usize = 12;

/// The length of a packet's header with its CSRCs and its extension, which is all that SRTP leaves
/// in clear text; `None` when the packet is not of version 2 or ends before its header does.
pub fn header_len(packet: &[u8]) -> Option<usize> {
    let fixed = packet.first_chunk::<FIXED>()?;
    if fixed[0] >> 6 != 2 {
        return None;
    }
    let mut len = FIXED + 4 * usize::from(fixed[0] & 0x0F);
    if fixed[0] & 0x10 != 0 {
        let words = packet.get(len + 2..len + 4)?;
        len += 4 + 4 * usize::from(u16::from_be_bytes([words[0], words[1]]));
    }
    (len <= packet.len()).then_some(len)
}
