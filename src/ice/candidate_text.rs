//! The candidate line (RFC 8839 §5.1) and the browser's JSON around it.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::candidate::{Address, Candidate, CandidateType, TcpType, foundation};
use crate::net::{Protocol, canonical};

/// The longest candidate line that is read, in bytes. Browsers' lines are below 300.
pub const MAX_CANDIDATE_LINE: usize = 1024;

/// The most extension attributes of a line that are kept. Browsers send five.
const MAX_EXTENSIONS: usize = 16;

/// Why a candidate line was not understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum CandidateError {
    /// Longer than [`MAX_CANDIDATE_LINE`].
    #[error("the candidate line is too long")]
    TooLong,
    /// Does not begin with `candidate:`.
    #[error("the line does not begin with \"candidate:\"")]
    NotACandidate,
    /// Ends before the candidate type.
    #[error("the candidate line is incomplete")]
    Truncated,
    /// The component is not a number from 1 to 256.
    #[error("the component is not a number from 1 to 256")]
    InvalidComponent,
    /// Neither UDP nor TCP.
    #[error("the transport is neither UDP nor TCP")]
    UnknownTransport,
    /// The priority is not a 32-bit number.
    #[error("the priority is not a 32-bit number")]
    InvalidPriority,
    /// Neither an IP address nor a host name.
    #[error("the address is neither an IP address nor a host name")]
    InvalidAddress,
    /// The port is not a 16-bit number.
    #[error("the port is not a 16-bit number")]
    InvalidPort,
    /// Not host, srflx, prflx or relay.
    #[error("the candidate type is not host, srflx, prflx or relay")]
    UnknownType,
    /// The `tcptype` is not active, passive or so (RFC 6544 §4.5).
    #[error("the tcptype is not active, passive or so")]
    UnknownTcpType,
}

impl CandidateError {
    /// The label of metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            CandidateError::TooLong => "too_long",
            CandidateError::NotACandidate => "not_a_candidate",
            CandidateError::Truncated => "truncated",
            CandidateError::InvalidComponent => "invalid_component",
            CandidateError::UnknownTransport => "unknown_transport",
            CandidateError::InvalidPriority => "invalid_priority",
            CandidateError::InvalidAddress => "invalid_address",
            CandidateError::InvalidPort => "invalid_port",
            CandidateError::UnknownType => "unknown_type",
            CandidateError::UnknownTcpType => "unknown_tcp_type",
        }
    }
}

impl FromStr for Candidate {
    type Err = CandidateError;

    /// Reads `candidate:…`, with or without `a=` before it. Attributes that are not known are
    /// kept in [`Candidate::extensions`], as far as they have values and are not too many. A
    /// foundation that is missing or malformed is made up: it only orders checks.
    fn from_str(line: &str) -> Result<Candidate, CandidateError> {
        if line.len() > MAX_CANDIDATE_LINE {
            return Err(CandidateError::TooLong);
        }
        let line = line.trim();
        let line = line.strip_prefix("a=").unwrap_or(line);
        let line = line
            .strip_prefix("candidate:")
            .ok_or(CandidateError::NotACandidate)?;
        let (told, line) = line
            .split_once([' ', '\t'])
            .ok_or(CandidateError::Truncated)?;
        let mut words = line.split_ascii_whitespace();
        let mut word = || words.next().ok_or(CandidateError::Truncated);

        let component = number(word()?, 1..=256).ok_or(CandidateError::InvalidComponent)?;
        let protocol = parse_protocol(word()?)?;
        let priority = word()?
            .parse()
            .map_err(|_| CandidateError::InvalidPriority)?;
        let host = word()?;
        let port = word()?.parse().map_err(|_| CandidateError::InvalidPort)?;
        let address = parse_address(host, port)?;
        if word()? != "typ" {
            return Err(CandidateError::Truncated);
        }
        let kind = parse_kind(word()?)?;
        let foundation = match is_foundation(told) {
            true => told.to_owned(),
            false => foundation(kind, protocol, &host),
        };
        let mut candidate = Candidate {
            foundation,
            component,
            protocol,
            priority,
            address,
            kind,
            related_address: None,
            tcp_type: None,
            generation: None,
            network_cost: None,
            extensions: Vec::new(),
            sdp_mid: None,
            sdp_m_line_index: None,
            username_fragment: None,
        };
        let mut related = Related::default();
        while let (Some(name), Some(value)) = (words.next(), words.next()) {
            candidate.read_extension(name, value, &mut related)?;
        }
        related.finish(&mut candidate);
        Ok(candidate)
    }
}

/// `raddr` and `rport`, which belong together.
#[derive(Default)]
struct Related<'a> {
    address: Option<&'a str>,
    port: Option<&'a str>,
}

impl Related<'_> {
    fn finish(self, candidate: &mut Candidate) {
        let ip = self.address.and_then(parse_ip);
        let port = self.port.and_then(|p| p.parse().ok());
        if let (Some(ip), Some(port)) = (ip, port) {
            candidate.related_address = Some(canonical(SocketAddr::new(ip, port)));
        } else if let (Some(address), Some(port)) = (self.address, self.port) {
            // A name, for instance: of no use to us, and not ours to drop.
            candidate
                .extensions
                .insert(0, ("raddr".into(), address.into()));
            candidate
                .extensions
                .insert(1, ("rport".into(), port.into()));
        }
    }
}

impl Candidate {
    fn read_extension<'a>(
        &mut self,
        name: &'a str,
        value: &'a str,
        related: &mut Related<'a>,
    ) -> Result<(), CandidateError> {
        match name {
            "raddr" => related.address = Some(value),
            "rport" => related.port = Some(value),
            "tcptype" => self.tcp_type = Some(parse_tcp_type(value)?),
            "ufrag" => self.username_fragment = Some(value.to_owned()),
            "generation" if value.parse::<u32>().is_ok() => self.generation = value.parse().ok(),
            "network-cost" if value.parse::<u16>().is_ok() => {
                self.network_cost = value.parse().ok();
            }
            _ if self.extensions.len() >= MAX_EXTENSIONS => {}
            _ => self.extensions.push((name.to_owned(), value.to_owned())),
        }
        Ok(())
    }
}

fn number(word: &str, range: std::ops::RangeInclusive<u16>) -> Option<u16> {
    word.parse().ok().filter(|n| range.contains(n))
}

fn is_foundation(word: &str) -> bool {
    (1..=32).contains(&word.len()) && word.bytes().all(|b| b.is_ascii_graphic())
}

fn parse_protocol(word: &str) -> Result<Protocol, CandidateError> {
    if word.eq_ignore_ascii_case("udp") {
        Ok(Protocol::Udp)
    } else if word.eq_ignore_ascii_case("tcp") {
        Ok(Protocol::Tcp)
    } else {
        Err(CandidateError::UnknownTransport)
    }
}

fn parse_kind(word: &str) -> Result<CandidateType, CandidateError> {
    use CandidateType::*;
    [Host, ServerReflexive, PeerReflexive, Relayed]
        .into_iter()
        .find(|kind| kind.as_str() == word)
        .ok_or(CandidateError::UnknownType)
}

fn parse_tcp_type(word: &str) -> Result<TcpType, CandidateError> {
    [TcpType::Active, TcpType::Passive, TcpType::SimultaneousOpen]
        .into_iter()
        .find(|kind| kind.as_str() == word)
        .ok_or(CandidateError::UnknownTcpType)
}

/// An IP address; the zone of an IPv6 address means something only to its sender.
fn parse_ip(word: &str) -> Option<IpAddr> {
    if let Some((address, _zone)) = word.split_once('%') {
        return address.parse::<Ipv6Addr>().ok().map(IpAddr::V6);
    }
    word.parse().ok()
}

fn parse_address(host: &str, port: u16) -> Result<Address, CandidateError> {
    if let Some(ip) = parse_ip(host) {
        return Ok(Address::Socket(canonical(SocketAddr::new(ip, port))));
    }
    let name = host.len() <= 253
        && host.bytes().any(|b| b.is_ascii_alphabetic())
        && host.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && label
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        });
    if name {
        Ok(Address::Name(host.to_owned(), port))
    } else {
        Err(CandidateError::InvalidAddress)
    }
}

impl fmt::Display for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Candidate {
            foundation,
            component,
            protocol,
            priority,
            ..
        } = self;
        write!(
            f,
            "candidate:{foundation} {component} {protocol} {priority} "
        )?;
        match &self.address {
            Address::Socket(a) => write!(f, "{} {}", a.ip(), a.port())?,
            Address::Name(name, port) => write!(f, "{name} {port}")?,
        }
        write!(f, " typ {}", self.kind)?;
        if let Some(related) = self.related_address {
            write!(f, " raddr {} rport {}", related.ip(), related.port())?;
        }
        if let Some(tcp_type) = self.tcp_type {
            write!(f, " tcptype {}", tcp_type.as_str())?;
        }
        if let Some(generation) = self.generation {
            write!(f, " generation {generation}")?;
        }
        if let Some(ufrag) = &self.username_fragment {
            write!(f, " ufrag {ufrag}")?;
        }
        for (name, value) in &self.extensions {
            write!(f, " {name} {value}")?;
        }
        if let Some(cost) = self.network_cost {
            write!(f, " network-cost {cost}")?;
        }
        Ok(())
    }
}

/// W3C webrtc-pc, RTCIceCandidateInit.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct CandidateInit {
    candidate: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sdp_mid: Option<String>,
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        rename = "sdpMLineIndex"
    )]
    sdp_m_line_index: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    username_fragment: Option<String>,
}

impl CandidateInit {
    fn candidate(self) -> Result<Candidate, CandidateError> {
        let candidate: Candidate = self.candidate.parse()?;
        Ok(Candidate {
            sdp_mid: self.sdp_mid,
            sdp_m_line_index: self.sdp_m_line_index,
            username_fragment: self.username_fragment.or(candidate.username_fragment),
            ..candidate
        })
    }
}

impl Serialize for Candidate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        CandidateInit {
            candidate: self.to_string(),
            sdp_mid: self.sdp_mid.clone(),
            sdp_m_line_index: self.sdp_m_line_index,
            username_fragment: self.username_fragment.clone(),
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Candidate {
    /// An empty `candidate`, which means the end of candidates, is an error here: it is no
    /// candidate. [`CandidateOrEnd`] takes both.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Candidate, D::Error> {
        let init = CandidateInit::deserialize(deserializer)?;
        init.candidate().map_err(de::Error::custom)
    }
}

/// What a browser's `icecandidate` event brings: a candidate or, with an empty `candidate` or as
/// `null`, the end of them (W3C webrtc-pc §4.4.1.6).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CandidateOrEnd(pub Option<Candidate>);

impl From<CandidateOrEnd> for Option<Candidate> {
    fn from(CandidateOrEnd(candidate): CandidateOrEnd) -> Option<Candidate> {
        candidate
    }
}

impl<'de> Deserialize<'de> for CandidateOrEnd {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<CandidateOrEnd, D::Error> {
        let init = Option::<CandidateInit>::deserialize(deserializer)?;
        let init = init.filter(|init| !init.candidate.is_empty());
        let candidate = init.map(CandidateInit::candidate).transpose();
        candidate.map(CandidateOrEnd).map_err(de::Error::custom)
    }
}

#[cfg(test)]
#[path = "candidate_text_tests.rs"]
mod tests;
