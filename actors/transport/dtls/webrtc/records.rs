//! The records of a datagram.

const HEADER_LEN: usize = 13;

pub(super) const CHANGE_CIPHER_SPEC: u8 = 20;
pub(super) const ALERT: u8 = 21;
pub(super) const HANDSHAKE: u8 = 22;
pub(super) const APPLICATION_DATA: u8 = 23;

/// One record of DTLS 1.2.
pub(super) struct Record<'a> {
    pub(super) content_type: u8,
    pub(super) epoch: u16,
    pub(super) bytes: &'a [u8],
}

impl<'a> Record<'a> {
    pub(super) fn body(&self) -> &'a [u8] {
        &self.bytes[HEADER_LEN..]
    }
}

/// The records of a datagram, up to the first that is not complete.
pub(super) fn records(datagram: &[u8]) -> impl Iterator<Item = Record<'_>> {
    let mut rest = datagram;
    std::iter::from_fn(move || {
        let header = rest.get(..HEADER_LEN)?;
        let len = HEADER_LEN + usize::from(u16::from_be_bytes([header[11], header[12]]));
        let (bytes, after) = rest.split_at_checked(len)?;
        rest = after;
        let epoch = u16::from_be_bytes([header[3], header[4]]);
        Some(Record {
            content_type: header[0],
            epoch,
            bytes,
        })
    })
}
