//! What a peer says of ICE and DTLS, from its lines.

use sdp_types::{Attribute, Media, Session};

use super::MAX_FINGERPRINTS;
use super::error::{SdpError, excerpt};
use super::types::{Fingerprint, IceCredentials, is_token};

/// An m-section and, where that does not say, the session around it.
pub(super) struct Scope<'a> {
    pub(super) session: &'a Session,
    pub(super) media: &'a Media,
}

impl<'a> Scope<'a> {
    pub(super) fn values(&self, name: &'static str) -> impl Iterator<Item = &'a str> + use<'a> {
        let of = move |a: &'a Attribute| (a.attribute == name).then_some(a.value.as_deref()?);
        let level = match self.media.has_attribute(name) {
            true => &self.media.attributes,
            false => &self.session.attributes,
        };
        level.iter().filter_map(of)
    }

    pub(super) fn value(&self, name: &'static str) -> Option<&'a str> {
        self.values(name).next()
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.media.has_attribute(name) || self.session.has_attribute(name)
    }

    pub(super) fn ice(&self) -> Result<IceCredentials, SdpError> {
        let required = |attribute| {
            let value = self.value(attribute).map(str::to_owned);
            value.ok_or(SdpError::MissingIceCredential { attribute })
        };
        let ice = IceCredentials {
            ufrag: required("ice-ufrag")?,
            pwd: required("ice-pwd")?,
            lite: self.has("ice-lite"),
        };
        ice.check()?;
        Ok(ice)
    }

    pub(super) fn fingerprints(&self) -> Result<Vec<Fingerprint>, SdpError> {
        let lines = self.values("fingerprint");
        let all = lines.take(MAX_FINGERPRINTS + 1).map(str::parse);
        let all = all.collect::<Result<Vec<Fingerprint>, _>>()?;
        match all.len() {
            0 => Err(SdpError::MissingFingerprint),
            n if n > MAX_FINGERPRINTS => Err(SdpError::TooMany {
                what: "fingerprints",
                limit: MAX_FINGERPRINTS,
            }),
            _ => Ok(all),
        }
    }
}

/// The identification of an m-section.
pub(super) fn mid(media: &Media) -> Result<Option<String>, SdpError> {
    match media.get_first_attribute_value("mid").flatten() {
        Some(mid) if !is_token(mid) => Err(SdpError::Mid {
            found: excerpt(mid),
        }),
        mid => Ok(mid.map(str::to_owned)),
    }
}
