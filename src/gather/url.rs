//! The URLs of STUN and TURN servers (RFC 7064, RFC 7065).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A URL that is longer is refused unread: 253 bytes of host name, a port and a query fit.
pub const MAX_URL_LEN: usize = 512;

/// RFC 1035 §2.3.4, less the two length bytes at the ends.
const MAX_HOST_LEN: usize = 253;

/// The address of a STUN or TURN server, such as `turn:turn.example.com:3478?transport=tcp`.
///
/// ```
/// use actix_rtc_proto::gather::{Host, Scheme, ServerUrl, Transport};
///
/// let url: ServerUrl = "turns:turn.example.com".parse()?;
/// assert_eq!(url.scheme(), Scheme::Turns);
/// assert_eq!(url.host(), &Host::Name("turn.example.com".into()));
/// assert_eq!(url.port(), 5349);
/// assert_eq!(url.transport(), Transport::Tls);
/// # Ok::<(), actix_rtc_proto::gather::UrlError>(())
/// ```
#[doc(alias = "RTCIceServer")]
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ServerUrl {
    text: Arc<str>,
    scheme: Scheme,
    host: Host,
    port: u16,
    transport: Transport,
}

impl ServerUrl {
    /// The URL as it was given: what error events and logs show.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What kind of server it is.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Where it is.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// The port, 3478 when the URL has none (5349 for the secure schemes).
    pub fn port(&self) -> u16 {
        self.port
    }

    /// How the server is reached, by scheme and `?transport=` together (RFC 7065 §3.1, table 1).
    pub fn transport(&self) -> Transport {
        self.transport
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for ServerUrl {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<ServerUrl, UrlError> {
        if text.len() > MAX_URL_LEN {
            return Err(UrlError::TooLong);
        }
        let (scheme, rest) = text.split_once(':').ok_or(UrlError::NoScheme)?;
        let scheme = Scheme::parse(scheme)?;
        if rest.starts_with("//") {
            return Err(UrlError::Slashes);
        }
        let (authority, query) = match rest.split_once('?') {
            Some((authority, query)) => (authority, Some(query)),
            None => (rest, None),
        };
        if authority.contains('@') {
            return Err(UrlError::UserInfo);
        }
        if authority.contains('/') || text.contains('#') {
            return Err(UrlError::PathOrFragment);
        }
        let (host, port) = split_port(authority)?;
        Ok(ServerUrl {
            text: text.into(),
            scheme,
            host: Host::parse(host)?,
            port: match port {
                Some(port) => parse_port(port)?,
                None => scheme.default_port(),
            },
            transport: parse_transport(scheme, query)?,
        })
    }
}

impl Serialize for ServerUrl {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for ServerUrl {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// The scheme of a [`ServerUrl`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// `stun`: STUN over UDP.
    Stun,
    /// `stuns`: STUN over TLS.
    Stuns,
    /// `turn`: TURN over UDP or TCP.
    Turn,
    /// `turns`: TURN over TLS.
    Turns,
}

impl Scheme {
    /// The scheme as it stands in the URL and in metric labels.
    pub fn as_str(self) -> &'static str {
        match self {
            Scheme::Stun => "stun",
            Scheme::Stuns => "stuns",
            Scheme::Turn => "turn",
            Scheme::Turns => "turns",
        }
    }

    /// Whether the server relays, and so wants a user name and a credential.
    pub fn is_turn(self) -> bool {
        matches!(self, Scheme::Turn | Scheme::Turns)
    }

    /// Whether the server's certificate is verified.
    pub fn is_secure(self) -> bool {
        matches!(self, Scheme::Stuns | Scheme::Turns)
    }

    fn parse(text: &str) -> Result<Scheme, UrlError> {
        [Scheme::Stun, Scheme::Stuns, Scheme::Turn, Scheme::Turns]
            .into_iter()
            // RFC 3986 §3.1: schemes are case-insensitive.
            .find(|scheme| text.eq_ignore_ascii_case(scheme.as_str()))
            .ok_or(UrlError::UnknownScheme)
    }

    /// RFC 7064 §3.2, RFC 7065 §3.2.
    fn default_port(self) -> u16 {
        if self.is_secure() { 5349 } else { 3478 }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What carries the messages between us and a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transport {
    /// UDP: one message a datagram.
    Udp,
    /// TCP: a stream of messages.
    Tcp,
    /// TLS over TCP: a stream of messages.
    Tls,
    /// DTLS over UDP (RFC 7350): it can be written, but is not spoken here.
    Dtls,
}

impl Transport {
    /// The name in metric labels.
    pub fn as_str(self) -> &'static str {
        match self {
            Transport::Udp => "udp",
            Transport::Tcp => "tcp",
            Transport::Tls => "tls",
            Transport::Dtls => "dtls",
        }
    }

    /// Whether messages come as a stream of bytes and not as datagrams.
    pub fn is_stream(self) -> bool {
        matches!(self, Transport::Tcp | Transport::Tls)
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The host of a [`ServerUrl`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Host {
    /// A literal address, which needs no look-up.
    Ip(IpAddr),
    /// A name to look up, in lower case.
    Name(Arc<str>),
}

impl Host {
    fn parse(text: &str) -> Result<Host, UrlError> {
        if let Some(literal) = text.strip_prefix('[') {
            let literal = literal.strip_suffix(']').ok_or(UrlError::InvalidIpv6)?;
            let ip: Ipv6Addr = literal.parse().map_err(|_| UrlError::InvalidIpv6)?;
            return Ok(Host::Ip(ip.into()));
        }
        if text.is_empty() {
            return Err(UrlError::NoHost);
        }
        if let Ok(ip) = text.parse::<Ipv4Addr>() {
            return Ok(Host::Ip(ip.into()));
        }
        let name = text.strip_suffix('.').unwrap_or(text);
        let label_is_valid = |label: &str| {
            !label.is_empty()
                && label.len() <= 63
                && label
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        // A last label of digits alone is an IPv4 address that was mistyped, never a domain.
        let is_number = name
            .rsplit('.')
            .next()
            .is_some_and(|l| l.bytes().all(|b| b.is_ascii_digit()));
        if name.len() > MAX_HOST_LEN || is_number || !name.split('.').all(label_is_valid) {
            return Err(UrlError::InvalidHost);
        }
        Ok(Host::Name(text.to_ascii_lowercase().into()))
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Host::Ip(IpAddr::V6(ip)) => write!(f, "[{ip}]"),
            Host::Ip(ip) => ip.fmt(f),
            Host::Name(name) => f.write_str(name),
        }
    }
}

/// What is wrong with a server's URL, and what would be right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum UrlError {
    /// It is longer than [`MAX_URL_LEN`].
    #[error("the URL is longer than {MAX_URL_LEN} bytes")]
    TooLong,
    /// There is no colon.
    #[error("the URL has no scheme: begin with stun:, stuns:, turn: or turns:")]
    NoScheme,
    /// The scheme is none of the four.
    #[error("unknown scheme: use stun:, stuns:, turn: or turns:")]
    UnknownScheme,
    /// `stun://host`.
    #[error("these URLs have no //: write stun:host, not stun://host")]
    Slashes,
    /// `turn:user@host`.
    #[error("user names do not belong into the URL: give username and credential beside it")]
    UserInfo,
    /// Something follows the host that these URLs do not have.
    #[error("these URLs have neither path nor fragment")]
    PathOrFragment,
    /// Nothing stands where the host should.
    #[error("the URL names no host")]
    NoHost,
    /// Not a domain name.
    #[error("the host is neither a domain name nor an IP address")]
    InvalidHost,
    /// Brackets without an IPv6 address in them, or an IPv6 address without brackets.
    #[error("an IPv6 address stands in brackets and without a zone, such as [2001:db8::1]")]
    InvalidIpv6,
    /// Not a number from 1 to 65535.
    #[error("the port is not a number from 1 to 65535")]
    InvalidPort,
    /// A query on a `stun:` or `stuns:` URL (RFC 7064 has none).
    #[error("stun: and stuns: URLs have no query")]
    UnexpectedQuery,
    /// A query other than `transport=`.
    #[error("the only query of these URLs is ?transport=udp or ?transport=tcp")]
    InvalidQuery,
    /// A transport other than `udp` and `tcp`.
    #[error("unknown transport: use ?transport=udp or ?transport=tcp")]
    UnknownTransport,
}

impl UrlError {
    /// The reason as a metric label.
    pub fn reason(self) -> &'static str {
        match self {
            UrlError::TooLong => "too_long",
            UrlError::NoScheme => "no_scheme",
            UrlError::UnknownScheme => "unknown_scheme",
            UrlError::Slashes => "slashes",
            UrlError::UserInfo => "user_info",
            UrlError::PathOrFragment => "path_or_fragment",
            UrlError::NoHost => "no_host",
            UrlError::InvalidHost => "invalid_host",
            UrlError::InvalidIpv6 => "invalid_ipv6",
            UrlError::InvalidPort => "invalid_port",
            UrlError::UnexpectedQuery => "unexpected_query",
            UrlError::InvalidQuery => "invalid_query",
            UrlError::UnknownTransport => "unknown_transport",
        }
    }
}

/// Takes `host:port` apart, where the host may be an IPv6 address in brackets.
fn split_port(authority: &str) -> Result<(&str, Option<&str>), UrlError> {
    if authority.starts_with('[') {
        let end = authority.find(']').ok_or(UrlError::InvalidIpv6)? + 1;
        let (host, rest) = authority.split_at(end);
        return match rest.strip_prefix(':') {
            Some(port) => Ok((host, Some(port))),
            None if rest.is_empty() => Ok((host, None)),
            None => Err(UrlError::InvalidIpv6),
        };
    }
    match authority.split_once(':') {
        Some((_, port)) if port.contains(':') => Err(UrlError::InvalidIpv6),
        Some((host, port)) => Ok((host, Some(port))),
        None => Ok((authority, None)),
    }
}

fn parse_port(text: &str) -> Result<u16, UrlError> {
    // `parse` would take a sign.
    if !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(UrlError::InvalidPort);
    }
    text.parse()
        .ok()
        .filter(|&port| port != 0)
        .ok_or(UrlError::InvalidPort)
}

fn parse_transport(scheme: Scheme, query: Option<&str>) -> Result<Transport, UrlError> {
    let Some(query) = query else {
        return Ok(match scheme {
            Scheme::Stun | Scheme::Turn => Transport::Udp,
            Scheme::Stuns | Scheme::Turns => Transport::Tls,
        });
    };
    if !scheme.is_turn() {
        return Err(UrlError::UnexpectedQuery);
    }
    let value = query
        .strip_prefix("transport=")
        .ok_or(UrlError::InvalidQuery)?;
    // RFC 7065 §3.1: the value is compared without regard to case.
    match (value.to_ascii_lowercase().as_str(), scheme.is_secure()) {
        ("udp", false) => Ok(Transport::Udp),
        ("udp", true) => Ok(Transport::Dtls),
        ("tcp", false) => Ok(Transport::Tcp),
        ("tcp", true) => Ok(Transport::Tls),
        _ => Err(UrlError::UnknownTransport),
    }
}

#[cfg(test)]
#[path = "url_tests.rs"]
mod tests;
