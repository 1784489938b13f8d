//! Reading single attributes by hand: for messages that no key vouches for yet, or never will.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::{Attribute, MAGIC_COOKIE, TransactionId};

/// More of a server's words than this is not kept (RFC 8489 §14.8 allows 128 characters).
const MAX_REASON_CHARS: usize = 128;

impl Attribute<'_> {
    /// The value as ERROR-CODE (RFC 8489 §14.8): a code from 300 to 699, and the sender's words
    /// with control characters replaced.
    pub fn error_code(&self) -> Option<(u16, String)> {
        let (&[_, _, class, number], reason) = self.value.split_first_chunk::<4>()?;
        let class = u16::from(class & 7);
        if !(3..=6).contains(&class) || number > 99 {
            return None;
        }
        let printable = |c: char| if c.is_control() { ' ' } else { c };
        let reason = String::from_utf8_lossy(reason);
        let text = reason
            .chars()
            .take(MAX_REASON_CHARS)
            .map(printable)
            .collect();
        Some((class * 100 + u16::from(number), text))
    }

    /// The value as an address in the form of XOR-MAPPED-ADDRESS (RFC 8489 §14.2).
    pub fn xor_address(&self, transaction_id: TransactionId) -> Option<SocketAddr> {
        let mut mask = [0; 16];
        mask[..4].copy_from_slice(&MAGIC_COOKIE.to_be_bytes());
        mask[4..].copy_from_slice(&transaction_id.0);
        self.masked_address(&mask)
    }

    /// The value as an address in the form of MAPPED-ADDRESS (RFC 8489 §14.1).
    pub fn address(&self) -> Option<SocketAddr> {
        self.masked_address(&[0; 16])
    }

    fn masked_address(&self, mask: &[u8; 16]) -> Option<SocketAddr> {
        let (&[_, family, high, low], ip) = self.value.split_first_chunk::<4>()?;
        let port = u16::from_be_bytes([high ^ mask[0], low ^ mask[1]]);
        let ip: IpAddr = match family {
            1 => {
                let mut octets = <[u8; 4]>::try_from(ip).ok()?;
                octets
                    .iter_mut()
                    .zip(mask)
                    .for_each(|(octet, mask)| *octet ^= mask);
                Ipv4Addr::from(octets).into()
            }
            2 => {
                let mut octets = <[u8; 16]>::try_from(ip).ok()?;
                octets
                    .iter_mut()
                    .zip(mask)
                    .for_each(|(octet, mask)| *octet ^= mask);
                Ipv6Addr::from(octets).into()
            }
            _ => return None,
        };
        Some(SocketAddr::new(ip, port))
    }
}

#[cfg(test)]
#[path = "parse_tests.rs"]
mod tests;
