//! What webrtc-dtls is not to be asked about a ClientHello: whether it is one, and its SRTP
//! profiles.

const RECORD_HEADER: usize = 13;
const HANDSHAKE_HEADER: usize = 12;
const VERSION_AND_RANDOM: usize = 2 + 32;
/// RFC 5764 §4.1.1.
const USE_SRTP: u16 = 14;

/// The SRTP profiles that the client offers, in its order, none if it offers none; `None` when the
/// hello is not well-formed, on which webrtc-dtls panics. The hello must be the first message of
/// the datagram, in one fragment.
pub(super) fn offered_srtp_profiles(datagram: &[u8]) -> Option<Vec<u16>> {
    let mut extensions = extensions(datagram)?;
    let mut offered = Vec::new();
    while !extensions.is_empty() {
        let (kind, rest) = extensions.split_first_chunk()?;
        extensions = rest;
        let mut extension = vector::<2>(&mut extensions)?;
        if u16::from_be_bytes(*kind) == USE_SRTP {
            let profiles = vector::<2>(&mut extension)?.chunks_exact(2);
            offered.extend(profiles.map(|pair| u16::from_be_bytes([pair[0], pair[1]])));
        }
    }
    Some(offered)
}

/// RFC 5246 §7.4.1.2, RFC 6347 §4.2.1.
fn extensions(datagram: &[u8]) -> Option<&[u8]> {
    let len = u16::from_be_bytes([*datagram.get(11)?, *datagram.get(12)?]);
    let record = datagram.get(RECORD_HEADER..RECORD_HEADER + usize::from(len))?;
    let mut hello = record.get(HANDSHAKE_HEADER + VERSION_AND_RANDOM..)?;
    let _session_id = vector::<1>(&mut hello)?;
    let _cookie = vector::<1>(&mut hello)?;
    let _cipher_suites = vector::<2>(&mut hello)?;
    let _compression_methods = vector::<1>(&mut hello)?;
    if hello.is_empty() {
        return Some(&[]);
    }
    let extensions = vector::<2>(&mut hello)?;
    hello.is_empty().then_some(extensions)
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
