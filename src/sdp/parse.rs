//! Descriptions of the peer, from text.

use sdp_types::{Attribute, Media, Session};

use super::answer::{OfferedSection, SectionRole};
use super::error::{SdpError, excerpt};
use super::left_out::candidates;
use super::media::MediaSection;
use super::offer::Answer;
use super::transport::{Scope, mid};
use super::{DEFAULT_SCTP_PORT, Description, MAX_DESCRIPTION_SIZE, MAX_MEDIA, Offer, Setup};

impl Description {
    /// Reads a peer's offer.
    ///
    /// # Errors
    /// [`SdpError`], when there is no usable offer of data channels in it.
    pub fn parse_offer(text: &str) -> Result<Offer, SdpError> {
        offer(text, Wanted::Data)
    }

    /// Reads a peer's offer of audio, video, data channels, or all of them, whose
    /// [media](Offer::media) can be [answered](Offer::answer_media). Without data channels the
    /// description's SCTP port and largest message mean nothing.
    ///
    /// # Errors
    /// [`SdpError`], also when not all that is offered is in one BUNDLE group, or RTCP is to have a
    /// port of its own.
    pub fn parse_media_offer(text: &str) -> Result<Offer, SdpError> {
        offer(text, Wanted::Media)
    }

    /// Reads the answer to an offer of [ours](Self::to_offer).
    ///
    /// # Errors
    /// [`SdpError`], when the answer does not accept the data channels or cannot be read.
    pub fn parse_answer(text: &str) -> Result<Description, SdpError> {
        answer(text)
    }

    /// Reads the answer to an offer of ours [with media](Self::to_media_offer).
    ///
    /// # Errors
    /// [`SdpError`], also when nothing is accepted, or not all in one BUNDLE group with RTCP on the
    /// same port.
    pub fn parse_media_answer(text: &str) -> Result<Answer, SdpError> {
        media_answer(text)
    }
}

/// What an offer must have in it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    /// Data channels.
    Data,
    /// Data channels, audio or video: one transport for all that is not stopped.
    Media,
}

/// An offer: its data channels, its media, and what the answer must repeat.
fn offer(text: &str, wanted: Wanted) -> Result<Offer, SdpError> {
    let session = session(text, MAX_DESCRIPTION_SIZE, 0)?;
    let data = match wanted {
        Wanted::Data => Some(find_data(&session)?),
        Wanted::Media => find_data(&session)
            .ok()
            .filter(|&index| is_offered(&session.medias[index])),
    };
    // What is looked at for the transport: the data channels, or else the first medium.
    let anchor = match data {
        Some(data) => data,
        None => find_media(&session)?,
    };
    let group = bundle_group(&session, &session.medias[anchor]);
    let carrier = carrier(&session, anchor, &group);
    // RFC 8843 §6: port 0 with `bundle-only` is an m-section that lives in the bundle only. (The
    // carrier of an m-section is never that section itself.)
    if session.medias[anchor].port == 0 && carrier.is_none() {
        return Err(match data {
            Some(_) => SdpError::DataChannelsRejected,
            None => SdpError::NotBundled {
                section: anchor + 1,
            },
        });
    }
    let description = describe(&session, anchor, carrier, Kind::Offer)?;
    let transport = carrier.unwrap_or(anchor);
    // Where the data channels have a transport of their own, nothing else of the group uses it.
    let bundled = tagged(&session, &group) == Some(transport);
    let sections = session.medias.iter().enumerate().map(|(index, media)| {
        let role = if Some(index) == data {
            SectionRole::Data {
                sctpmap: is_sctpmap(media),
            }
        } else if index == transport || bundled && rides(&session, index, transport, &group) {
            SectionRole::Media {
                inactive: inactive(media),
                offered: MediaSection::read(&session, media).map(Box::new),
            }
        } else {
            SectionRole::Rejected
        };
        if wanted == Wanted::Media {
            check_media(media, index, &role)?;
        }
        let fmt = match role {
            SectionRole::Media { .. } => media.fmt.split(' ').next().unwrap_or_default(),
            _ => &media.fmt,
        };
        Ok(OfferedSection {
            media: media.media.clone(),
            proto: media.proto.clone(),
            fmt: fmt.to_owned(),
            mid: mid(media)?,
            role,
        })
    });
    let sections = sections.collect::<Result<_, SdpError>>()?;
    Ok(Offer {
        description,
        sections,
        transport,
        bundle: group.into_iter().map(str::to_owned).collect(),
    })
}

/// Whether an m-section is not stopped.
fn is_offered(media: &Media) -> bool {
    media.port != 0 || media.has_attribute("bundle-only")
}

/// The first m-section of audio or video that is not stopped.
fn find_media(session: &Session) -> Result<usize, SdpError> {
    let is_media = |m: &Media| matches!(m.media.as_str(), "audio" | "video") && is_offered(m);
    let found = session.medias.iter().position(is_media);
    found.ok_or(SdpError::NothingUsable {
        media: session.medias.len(),
    })
}

/// Media that is offered must be bundled, with RTCP on the same port.
fn check_media(media: &Media, index: usize, role: &SectionRole) -> Result<(), SdpError> {
    let section = index + 1;
    let is_media = matches!(media.media.as_str(), "audio" | "video") && is_offered(media);
    match role {
        SectionRole::Media { .. } if is_media && !media.has_attribute("rtcp-mux") => {
            Err(SdpError::NoRtcpMux { section })
        }
        SectionRole::Rejected if is_media => Err(SdpError::NotBundled { section }),
        _ => Ok(()),
    }
}

/// An answer to an offer of ours.
fn answer(text: &str) -> Result<Description, SdpError> {
    let session = session(text, MAX_DESCRIPTION_SIZE, 0)?;
    let data = find_data(&session)?;
    if session.medias[data].port == 0 {
        return Err(SdpError::DataChannelsRejected);
    }
    let description = describe(&session, data, None, Kind::Answer)?;
    // RFC 8842 §5.3
    match description.setup {
        Setup::ActPass => Err(SdpError::SetupUndecided),
        Setup::Active | Setup::Passive => Ok(description),
    }
}

/// An answer to an offer of ours with media.
fn media_answer(text: &str) -> Result<Answer, SdpError> {
    let session = session(text, MAX_DESCRIPTION_SIZE, 0)?;
    let accepted = |media: &&Media| media.port != 0;
    let data = session
        .medias
        .iter()
        .position(|media| is_data(media) && media.port != 0);
    let anchor = match data {
        Some(data) => data,
        None => find_media(&session)?,
    };
    let group = bundle_group(&session, &session.medias[anchor]);
    let carrier = carrier(&session, anchor, &group);
    let transport = carrier.unwrap_or(anchor);
    let description = describe(&session, anchor, carrier, Kind::Answer)?;
    // RFC 8842 §5.3
    if description.setup == Setup::ActPass {
        return Err(SdpError::SetupUndecided);
    }
    let mut media = Vec::new();
    for (index, of) in session
        .medias
        .iter()
        .enumerate()
        .filter(|(_, m)| accepted(m))
    {
        let Some(read) = MediaSection::read(&session, of) else {
            continue;
        };
        let section = index + 1;
        if !read.rtcp_mux {
            return Err(SdpError::NoRtcpMux { section });
        }
        if index != transport && !group.contains(&read.mid.as_str()) {
            return Err(SdpError::NotBundled { section });
        }
        media.push(read);
    }
    Ok(Answer {
        description,
        data: data.is_some(),
        media,
    })
}

/// The lines of a text of limited size; `skipped` of them are not the peer's.
pub(super) fn session(text: &str, limit: usize, skipped: usize) -> Result<Session, SdpError> {
    if text.len() > limit {
        return Err(SdpError::TooLarge {
            size: text.len(),
            limit,
        });
    }
    let session =
        Session::parse(text.as_bytes()).map_err(|e| SdpError::from_parser(&e, skipped))?;
    if session.medias.len() > MAX_MEDIA {
        return Err(SdpError::TooMany {
            what: "m= lines",
            limit: MAX_MEDIA,
        });
    }
    Ok(session)
}

/// Offers and answers differ in what an absent `a=setup` means.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Offer,
    Answer,
}

/// The description that the m-section `data` makes, with the transport of `carrier` where the
/// data channels share that.
fn describe(
    session: &Session,
    data: usize,
    carrier: Option<usize>,
    kind: Kind,
) -> Result<Description, SdpError> {
    let application = &session.medias[data];
    let index = carrier.unwrap_or(data);
    let transport = Scope {
        session,
        media: &session.medias[index],
    };
    let setup = match transport.value("setup") {
        Some(setup) => setup.parse()?,
        // RFC 4145 §4: the defaults.
        None if kind == Kind::Offer => Setup::Active,
        None => Setup::Passive,
    };
    let (candidates, left_out) = candidates(transport.media.attributes.iter());
    Ok(Description {
        ice: transport.ice()?,
        candidates,
        end_of_candidates: transport.has("end-of-candidates"),
        trickle: transport
            .values("ice-options")
            .any(|options| options.split(' ').any(|option| option == "trickle")),
        fingerprints: transport.fingerprints()?,
        setup,
        sctp_port: sctp_port(application)?,
        max_message_size: max_message_size(application)?,
        mid: mid(transport.media)?,
        // At most MAX_MEDIA.
        m_line_index: index as u16,
        left_out,
    })
}

/// The first m-section for data channels, a rejected one only if there is no other.
fn find_data(session: &Session) -> Result<usize, SdpError> {
    let all = || {
        session
            .medias
            .iter()
            .enumerate()
            .filter(|(_, m)| is_data(m))
    };
    all()
        .find(|(_, m)| is_offered(m))
        .or_else(|| all().next())
        .map(|(index, _)| index)
        .ok_or(SdpError::NoDataChannels {
            media: session.medias.len(),
        })
}

/// RFC 8841 §4, and the form of the drafts before it (`DTLS/SCTP 5000` with `a=sctpmap`).
fn is_data(media: &Media) -> bool {
    media.media == "application"
        && match media.proto.as_str() {
            "UDP/DTLS/SCTP" | "TCP/DTLS/SCTP" => media.fmt == "webrtc-datachannel",
            "DTLS/SCTP" => {
                let map = media.get_first_attribute_value("sctpmap").flatten();
                media.fmt == "webrtc-datachannel"
                    || map.is_some_and(|map| map.split(' ').nth(1) == Some("webrtc-datachannel"))
            }
            _ => false,
        }
}

/// Whether the SCTP port is the format of the m-line.
fn is_sctpmap(media: &Media) -> bool {
    media.proto == "DTLS/SCTP" && media.fmt != "webrtc-datachannel"
}

/// The mids of the BUNDLE group (RFC 8843 §5) that has `media` in it; empty when none has.
fn bundle_group<'a>(session: &'a Session, media: &Media) -> Vec<&'a str> {
    let Some(mid) = media.get_first_attribute_value("mid").flatten() else {
        return Vec::new();
    };
    session
        .get_attribute_values("group")
        .flatten()
        .filter_map(|group| group.strip_prefix("BUNDLE "))
        // There are no more m-sections than that.
        .map(|mids| {
            mids.split_ascii_whitespace()
                .take(MAX_MEDIA)
                .collect::<Vec<_>>()
        })
        .find(|mids| mids.contains(&mid))
        .unwrap_or_default()
}

/// The first m-section of a group that is not rejected: its transport is the group's (RFC 8843
/// §7.2.1).
fn tagged(session: &Session, group: &[&str]) -> Option<usize> {
    let by_mid = |mid: &str| {
        let has = |m: &Media| m.get_first_attribute_value("mid").flatten() == Some(mid);
        session.medias.iter().position(has)
    };
    group
        .iter()
        .filter_map(|mid| by_mid(mid))
        .find(|&index| session.medias[index].port != 0)
}

/// Whether an m-section has the ICE credentials of another, or none of its own.
fn shares(session: &Session, index: usize, other: usize) -> bool {
    let credentials = |index: usize| {
        let media: &Media = &session.medias[index];
        let value = |name| media.get_first_attribute_value(name).flatten();
        (value("ice-ufrag"), value("ice-pwd"))
    };
    let own = credentials(index);
    own == (None, None) || own == credentials(other)
}

/// The other m-section whose transport carries the data channels, if there is one: that of their
/// group, when they have the same ICE credentials or none of their own.
fn carrier(session: &Session, data: usize, group: &[&str]) -> Option<usize> {
    let tagged = tagged(session, group)?;
    (tagged != data && shares(session, data, tagged)).then_some(tagged)
}

/// Whether an m-section of audio or video uses the transport of the group.
fn rides(session: &Session, index: usize, transport: usize, group: &[&str]) -> bool {
    let media = &session.medias[index];
    let grouped = media
        .get_first_attribute_value("mid")
        .flatten()
        .is_some_and(|mid| group.contains(&mid));
    grouped
        && media.proto.contains("RTP/SAVP")
        && is_offered(media)
        && shares(session, index, transport)
}

/// What an inactive answer names of an m-section, as the offer described it: its first payload
/// type, and the header extensions that tell m-sections and layers apart. Chromium would offer no
/// others later, when the m-section may be accepted.
fn inactive(media: &Media) -> Vec<Attribute> {
    let payload_type = media.fmt.split(' ').next().unwrap_or_default();
    let describes = |a: &&Attribute| match (a.attribute.as_str(), a.value.as_deref()) {
        ("rtpmap" | "fmtp", Some(value)) => value.split(' ').next() == Some(payload_type),
        ("extmap", Some(value)) => value.contains(" urn:ietf:params:rtp-hdrext:sdes:"),
        _ => false,
    };
    media.attributes.iter().filter(describes).cloned().collect()
}

fn sctp_port(media: &Media) -> Result<u16, SdpError> {
    let text = match is_sctpmap(media) {
        true => Some(media.fmt.as_str()),
        false => media.get_first_attribute_value("sctp-port").flatten(),
    };
    match text.map(|text| (text, text.trim().parse())) {
        None => Ok(DEFAULT_SCTP_PORT),
        // RFC 8841 §5.1: 0 would mean that there is no association.
        Some((text, Ok(0) | Err(_))) => Err(SdpError::SctpPort {
            found: excerpt(text),
        }),
        Some((_, Ok(port))) => Ok(port),
    }
}

fn max_message_size(media: &Media) -> Result<Option<u32>, SdpError> {
    let Some(text) = media
        .get_first_attribute_value("max-message-size")
        .flatten()
    else {
        return Ok(None);
    };
    // Larger numbers than ours are as good as our largest.
    let size = text.trim().parse::<u64>();
    let size = size.map_err(|_| SdpError::MaxMessageSize {
        found: excerpt(text),
    })?;
    Ok(Some(u32::try_from(size).unwrap_or(u32::MAX)))
}

#[cfg(test)]
#[path = "parse_tests.rs"]
mod tests;
