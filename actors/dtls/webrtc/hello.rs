//! The SRTP profiles in a ClientHello.

const RECORD_HEADER: usize = 13;
const HANDSHAKE_HEADER: usize = 12;
const VERSION_AND_RANDOM: usize = 2 + 32;
/// RFC 5764 §4.1.1.
const USE_SRTP: u16 = 14;

/// The profiles that the client offers, in its order; none if it offers none. The hello must be
/// the first message of the datagram, in one fragment.
pub(super) fn offered_srtp_profiles(datagram: &[u8]) -> Vec<u16> {
    use_srtp(datagram)
        .unwrap_or_default()
        .chunks_exact(2)
        .map(|pair| u16::from_be_bytes([pair[0], pair[1]]))
        .collect()
}

/// RFC 5246 §7.4.1.2, RFC 6347 §4.2.1.
fn use_srtp(datagram: &[u8]) -> Option<&[u8]> {
    let mut hello = datagram.get(RECORD_HEADER + HANDSHAKE_HEADER + VERSION_AND_RANDOM..)?;
    let _session_id = vector::<1>(&mut hello)?;
    let _cookie = vector::<1>(&mut hello)?;
    let _cipher_suites = vector::<2>(&mut hello)?;
    let _compression_methods = vector::<1>(&mut hello)?;
    let mut extensions = vector::<2>(&mut hello)?;
    while let Some((kind, rest)) = extensions.split_first_chunk() {
        extensions = rest;
        let mut extension = vector::<2>(&mut extensions)?;
        if u16::from_be_bytes(*kind) == USE_SRTP {
            return vector::<2>(&mut extension);
        }
    }
    None
}

/// What has its length before it, of so many bytes.
fn vector<'a, const N: usize>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (len, after) = rest.split_first_chunk::<N>()?;
    let len = len
        .iter()
        .fold(0, |len, byte| len << 8 | usize::from(*byte));
    let (taken, after) = after.split_at_checked(len)?;
    *rest = after;
    Some(taken)
}

#[cfg(test)]
#[path = "hello_tests.rs"]
mod tests;
