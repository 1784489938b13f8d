//! Descriptions of our own as text.

use std::net::Ipv4Addr;

use sdp_types::{Attribute, Connection, Media, MediaType, Session, Time, TransportProto};

use super::types::is_token;
use super::{Description, Fingerprint, Origin, SdpWriteError, Setup};

/// The m-section's identification in offers of ours.
const OUR_MID: &str = "0";

impl Description {
    /// Writes an offer of data channels: one m-section in a BUNDLE group of its own (RFC 9429
    /// §5.2.1).
    ///
    /// # Errors
    /// [`SdpWriteError`]; `setup` must be [`Setup::ActPass`] (RFC 8842 §5.2).
    pub fn to_offer(&self, origin: Origin) -> Result<String, SdpWriteError> {
        offer(self, origin)
    }
}

/// An offer with one m-section.
fn offer(local: &Description, origin: Origin) -> Result<String, SdpWriteError> {
    if local.setup != Setup::ActPass {
        return Err(SdpWriteError::Setup(local.setup));
    }
    let mid = local.mid.as_deref().unwrap_or(OUR_MID);
    if !is_token(mid) {
        return Err(SdpWriteError::Malformed);
    }
    let mut out = session(origin, local);
    out.add_attribute_with_value("group", format!("BUNDLE {mid}"));
    let mut media = Media::new(
        MediaType::Application,
        9,
        TransportProto::UdpDtlsSctp,
        "webrtc-datachannel",
    );
    // RFC 8840 §4.1.1: port 9 and 0.0.0.0 stand for "see the candidates".
    media.add_connection(Connection::from_ip_addr(Ipv4Addr::UNSPECIFIED));
    media.add_attribute_with_value("mid", mid);
    media.add_attributes(transport_attributes(local, true)?);
    media.add_attributes(application_attributes(local, false));
    out.add_media(media);
    text(&out)
}

/// The session part: everything above the first m-line but the BUNDLE group.
pub(super) fn session(origin: Origin, local: &Description) -> Session {
    // RFC 9429 §5.2.1: the identifier is below 2^63, and the address says nothing.
    let id = origin.session_id & (u64::MAX >> 1);
    let origin = sdp_types::Origin::with_ip_addr(id, origin.version, Ipv4Addr::LOCALHOST);
    let mut out = Session::new(origin, "-");
    out.add_time(Time::new(0, 0));
    if local.ice.lite {
        out.add_attribute_from_str("ice-lite");
    }
    out
}

/// What describes ICE and DTLS. RFC 8843 §7.1.3 wants it in the m-section alone that carries the
/// transport for a bundle, but Firefox, aiortc, pion and GStreamer look for it in each. Candidates
/// are in the one.
pub(super) fn transport_attributes(
    local: &Description,
    candidates: bool,
) -> Result<Vec<Attribute>, SdpWriteError> {
    local
        .ice
        .check()
        .map_err(|_| SdpWriteError::IceCredentials)?;
    if local.fingerprints.is_empty() {
        return Err(SdpWriteError::NoFingerprints);
    }
    let mut out = vec![
        Attribute::with_value("ice-ufrag", &local.ice.ufrag),
        Attribute::with_value("ice-pwd", &local.ice.pwd),
    ];
    if local.trickle {
        out.push(Attribute::with_value("ice-options", "trickle"));
    }
    for fingerprint in &local.fingerprints {
        let line = fingerprint.to_string();
        line.parse::<Fingerprint>()
            .map_err(|_| SdpWriteError::Malformed)?;
        out.push(Attribute::with_value("fingerprint", line));
    }
    out.push(Attribute::with_value("setup", local.setup));
    if candidates {
        out.extend(candidate_attributes(
            &local.candidates,
            local.end_of_candidates,
        )?);
    }
    Ok(out)
}

/// The candidate lines and their end.
pub(super) fn candidate_attributes(
    candidates: &[String],
    end_of_candidates: bool,
) -> Result<Vec<Attribute>, SdpWriteError> {
    let mut out = Vec::with_capacity(candidates.len() + 1);
    for line in candidates {
        let line = line.strip_prefix("a=").unwrap_or(line);
        match line.strip_prefix("candidate:") {
            Some(value) if !value.contains(['\r', '\n', '\0']) => {
                out.push(Attribute::with_value("candidate", value));
            }
            _ => return Err(SdpWriteError::Malformed),
        }
    }
    if end_of_candidates {
        out.push(Attribute::new("end-of-candidates"));
    }
    Ok(out)
}

/// What describes SCTP, in the m-section of the data channels (RFC 8841 §5, §6).
pub(super) fn application_attributes(local: &Description, sctpmap: bool) -> Vec<Attribute> {
    let mut out = Vec::with_capacity(2);
    if sctpmap {
        // The old form: port, protocol, number of streams.
        let map = format!("{} webrtc-datachannel 65535", local.sctp_port);
        out.push(Attribute::with_value("sctpmap", map));
    } else {
        out.push(Attribute::with_value("sctp-port", local.sctp_port));
    }
    if let Some(size) = local.max_message_size {
        out.push(Attribute::with_value("max-message-size", size));
    }
    out
}

/// The session as text.
pub(super) fn text(session: &Session) -> Result<String, SdpWriteError> {
    let mut out = Vec::with_capacity(1024);
    // Writing to memory does not fail, and what was made of strings is a string.
    session
        .write(&mut out)
        .map_err(|_| SdpWriteError::Malformed)?;
    String::from_utf8(out).map_err(|_| SdpWriteError::Malformed)
}
