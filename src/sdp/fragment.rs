//! Trickle fragments: the body of `PATCH`, `application/trickle-ice-sdpfrag` (RFC 8840 §9).

use sdp_types::Attribute;

use super::error::SdpError;
use super::left_out::candidates;
use super::parse::session;
use super::types::is_token;
use super::write::candidate_attributes;
use super::{IceCredentials, LeftOut, MAX_FRAGMENT_SIZE, SdpWriteError};

/// Puts the fragment into the form of a description, so that one parser does for both.
const PREFIX: &str = "v=0\r\n";

/// RFC 8840 §9.2: the m-line of a fragment only separates; nothing is negotiated by it.
const PSEUDO_M_LINE: &str = "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n";

/// Candidates that were found after the description was sent, or the new credentials of an ICE
/// restart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fragment {
    /// The credentials of the generation that the candidates belong to. Others than those known
    /// so far ask for an ICE restart. `None` when the fragment names none.
    pub ice: Option<IceCredentials>,
    /// The m-section that the candidates are for.
    pub mid: Option<String>,
    /// Candidate lines without `a=`.
    pub candidates: Vec<String>,
    /// No further candidates of this generation will come.
    pub end_of_candidates: bool,
    /// What the fragment had beside this, and what is not used. Not written.
    pub left_out: Vec<LeftOut>,
}

impl Fragment {
    /// Reads what a fragment says of the m-section `mid`: the `mid` of the peer's
    /// [`Description`](super::Description). Candidates of other m-sections belong to transports
    /// that are not used, and are passed over. With `None`, or where the fragment names no mid,
    /// all are taken.
    ///
    /// # Errors
    /// [`SdpError`], when the text is no fragment.
    pub fn parse(text: &str, mid: Option<&str>) -> Result<Fragment, SdpError> {
        if text.len() > MAX_FRAGMENT_SIZE {
            return Err(SdpError::TooLarge {
                size: text.len(),
                limit: MAX_FRAGMENT_SIZE,
            });
        }
        let text = format!("{PREFIX}{text}");
        let session = session(&text, text.len(), 1)?;
        let mut out = Fragment::default();
        let mut levels = vec![&session.attributes];
        for media in &session.medias {
            let named = super::transport::mid(media)?;
            if mid.is_none() || named.is_none() || named.as_deref() == mid {
                out.mid = out.mid.or(named);
                levels.push(&media.attributes);
            }
        }
        let lite = levels
            .iter()
            .any(|level| value(level, "ice-lite").is_some());
        let attributes = levels.iter().flat_map(|level| level.iter());
        (out.candidates, out.left_out) = candidates(attributes);
        for level in &levels {
            out.end_of_candidates |= value(level, "end-of-candidates").is_some();
        }
        // What the m-section says counts more than what stands above it.
        let last = |name| levels.iter().rev().find_map(|level| value(level, name));
        out.ice = match (last("ice-ufrag"), last("ice-pwd")) {
            (None, None) => None,
            (Some(ufrag), Some(pwd)) => Some(IceCredentials { ufrag, pwd, lite }),
            (None, Some(_)) => {
                return Err(SdpError::MissingIceCredential {
                    attribute: "ice-ufrag",
                });
            }
            (Some(_), None) => {
                return Err(SdpError::MissingIceCredential {
                    attribute: "ice-pwd",
                });
            }
        };
        if let Some(ice) = &out.ice {
            ice.check()?;
        }
        Ok(out)
    }

    /// Writes the fragment.
    ///
    /// # Errors
    /// [`SdpWriteError`], when a value is not of its form.
    pub fn to_text(&self) -> Result<String, SdpWriteError> {
        let mut session = Vec::new();
        if let Some(ice) = &self.ice {
            ice.check().map_err(|_| SdpWriteError::IceCredentials)?;
            if ice.lite {
                session.push(Attribute::new("ice-lite"));
            }
            session.push(Attribute::with_value("ice-ufrag", &ice.ufrag));
            session.push(Attribute::with_value("ice-pwd", &ice.pwd));
        }
        let mut media = Vec::new();
        if let Some(mid) = &self.mid {
            if !is_token(mid) {
                return Err(SdpWriteError::Malformed);
            }
            media.push(Attribute::with_value("mid", mid));
        }
        media.extend(candidate_attributes(
            &self.candidates,
            self.end_of_candidates,
        )?);

        let mut out = String::new();
        append(&mut out, &session);
        if !media.is_empty() {
            out.push_str(PSEUDO_M_LINE);
            append(&mut out, &media);
        }
        Ok(out)
    }
}

/// The value of an attribute, empty where it has none.
fn value(level: &[Attribute], name: &str) -> Option<String> {
    let found = level.iter().find(|a| a.attribute == name)?;
    Some(found.value.clone().unwrap_or_default())
}

fn append(out: &mut String, attributes: &[Attribute]) {
    for Attribute { attribute, value } in attributes {
        out.push_str("a=");
        out.push_str(attribute);
        if let Some(value) = value {
            out.push(':');
            out.push_str(value);
        }
        out.push_str("\r\n");
    }
}

#[cfg(test)]
#[path = "fragment_tests.rs"]
mod tests;
