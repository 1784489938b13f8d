//! The receiving direction.

use std::fmt;
use std::ops::Range;

use super::config::Config;
use super::counters::ReceiveCounters;
use super::error::{KeyError, UnprotectError};
use super::keying::SrtpProfile;
use super::stream::{Full, RtcpWindow, RtpStream, Streams, first_index};
use super::transform::{SessionKeys, Transform};
use super::window::Stale;
use crate::demux::{Media, media};
use crate::rtp::header_len;

/// The largest packet for whose first index there is a second guess: more than a path carries.
const MAX_GUESSED: usize = 2_048;

/// What a peer protected with its master key: authenticated, decrypted in place, each packet once.
///
/// A packet is first looked at (is it new?), then authenticated, and only then does it change
/// what is known of its SSRC; what is not authentic leaves no trace but a count. In the steady
/// state nothing is allocated.
pub struct ReceiveContext {
    profile: SrtpProfile,
    keys: SessionKeys,
    rtp: Streams<RtpStream>,
    rtcp: Streams<RtcpWindow>,
    counters: ReceiveCounters,
}

/// A packet that was unprotected where it lay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unprotected {
    /// Whether it is RTP or RTCP.
    pub kind: Media,
    /// Where it lies in the batch, in clear text and without its tag.
    pub range: Range<usize>,
}

impl ReceiveContext {
    /// From the master key and master salt of the *peer*.
    ///
    /// # Errors
    /// [`KeyError`] when they are not of the profile's lengths.
    pub fn new(
        profile: SrtpProfile,
        master_key: &[u8],
        master_salt: &[u8],
        config: Config,
    ) -> Result<ReceiveContext, KeyError> {
        Ok(ReceiveContext {
            profile,
            keys: SessionKeys::new(profile, master_key, master_salt)?,
            rtp: Streams::new(config.max_streams),
            rtcp: Streams::new(config.max_streams),
            counters: ReceiveCounters::default(),
        })
    }

    /// The profile.
    pub fn profile(&self) -> SrtpProfile {
        self.profile
    }

    /// What was counted.
    pub fn counters(&self) -> &ReceiveCounters {
        &self.counters
    }

    /// How many SSRCs there is state for, of RTP and of RTCP.
    pub fn streams(&self) -> (usize, usize) {
        (self.rtp.len(), self.rtcp.len())
    }

    /// Unprotects a batch of datagrams that lie back to back, each of `segment_size` bytes but the
    /// last (0: there is one). What is authentic is appended to `opened`, in order; the rest is
    /// counted and its bytes are worth nothing.
    pub fn unprotect_batch(
        &mut self,
        batch: &mut [u8],
        segment_size: usize,
        opened: &mut Vec<Unprotected>,
    ) {
        let segment_size = if segment_size == 0 {
            batch.len()
        } else {
            segment_size
        };
        // An empty batch has no segments, and chunks of no size do not exist.
        for (number, packet) in batch.chunks_mut(segment_size.max(1)).enumerate() {
            if let Ok((kind, len)) = self.unprotect(packet) {
                let start = number * segment_size;
                let range = start..start + len;
                opened.push(Unprotected { kind, range });
            }
        }
    }

    /// Unprotects one datagram in place, whatever it is (RFC 5761 §4), and returns the length of
    /// what is in clear text.
    ///
    /// # Errors
    /// [`UnprotectError`]; the contents are worth nothing then.
    pub fn unprotect(&mut self, packet: &mut [u8]) -> Result<(Media, usize), UnprotectError> {
        let kind = media(packet);
        let opened = match kind {
            Some(Media::Rtp) => self.open_rtp(packet),
            Some(Media::Rtcp) => self.open_rtcp(packet),
            None => Err(UnprotectError::Malformed),
        };
        match (kind, opened) {
            (Some(kind), Ok(len)) => {
                self.counters.unprotected.count(kind, len);
                Ok((kind, len))
            }
            (_, Ok(_)) => Err(UnprotectError::Malformed),
            (_, Err(error)) => {
                self.counters.refused(error);
                Err(error)
            }
        }
    }

    fn open_rtp(&mut self, packet: &mut [u8]) -> Result<usize, UnprotectError> {
        let header = header_len(packet).ok_or(UnprotectError::Malformed)?;
        let tag = self.keys.rtp.tag_len();
        let len = packet.len().checked_sub(tag).filter(|len| *len >= header);
        let len = len.ok_or(UnprotectError::Malformed)?;
        let sequence_number = u16::from_be_bytes([packet[2], packet[3]]);
        let ssrc = u32::from_be_bytes([packet[8], packet[9], packet[10], packet[11]]);
        let attempt = |index| Attempt {
            header,
            ssrc,
            index,
        };

        let keys = &self.keys.rtp;
        let outcome = match self.rtp.find(ssrc)? {
            Some(stream) => guess(stream, sequence_number, keys, packet, attempt),
            None => {
                let (first, second) = first_index(sequence_number);
                attempt(first).open_or(second, keys, packet)
            }
        };
        match (outcome, self.rtp.get_mut(ssrc)) {
            (Ok(index), Some(stream)) => stream.accept(index),
            (Ok(index), None) => self.rtp.insert(ssrc, RtpStream::new(index)),
            (Err(_), Some(stream)) => stream.refuse(),
            (Err(_), None) => {}
        }
        outcome.map(|_| len)
    }

    fn open_rtcp(&mut self, packet: &mut [u8]) -> Result<usize, UnprotectError> {
        let (_, index) = self
            .keys
            .rtcp
            .rtcp_index(packet)
            .ok_or(UnprotectError::Malformed)?;
        let index = u64::from(index);
        let len = packet.len() - self.profile.rtcp_overhead();
        let ssrc = u32::from_be_bytes([packet[4], packet[5], packet[6], packet[7]]);

        if let Some(window) = self.rtcp.find(ssrc)? {
            window.check(index)?;
        }
        self.keys
            .rtcp
            .open_rtcp(packet, ssrc)
            .map_err(|_| UnprotectError::NotAuthentic)?;
        match self.rtcp.get_mut(ssrc) {
            Some(window) => window.accept(index),
            None => self.rtcp.insert(ssrc, RtcpWindow::new(index)),
        }
        Ok(len)
    }
}

/// A packet taken for that of an index.
#[derive(Clone, Copy)]
struct Attempt {
    header: usize,
    ssrc: u32,
    index: u64,
}

impl Attempt {
    fn open(self, keys: &Transform, packet: &mut [u8]) -> Result<u64, UnprotectError> {
        match keys.open_rtp(packet, self.header, self.ssrc, self.index) {
            Ok(()) => Ok(self.index),
            Err(_) => Err(UnprotectError::NotAuthentic),
        }
    }

    /// Opens it as the one, or else as the other. A failed attempt may overwrite the packet, and
    /// so there is no second for one that is larger than the copy.
    fn open_or(
        self,
        second: Option<u64>,
        keys: &Transform,
        packet: &mut [u8],
    ) -> Result<u64, UnprotectError> {
        let Some(index) = second else {
            return self.open(keys, packet);
        };
        let mut copy = [0; MAX_GUESSED];
        let Some(copy) = copy.get_mut(..packet.len()) else {
            return self.open(keys, packet);
        };
        copy.copy_from_slice(packet);
        self.open(keys, packet).or_else(|_| {
            packet.copy_from_slice(copy);
            Attempt { index, ..self }.open(keys, packet)
        })
    }
}

/// Opens a packet of a stream that is known, and says which index it has.
fn guess(
    stream: &RtpStream,
    sequence_number: u16,
    keys: &Transform,
    packet: &mut [u8],
    attempt: impl Fn(u64) -> Attempt,
) -> Result<u64, UnprotectError> {
    let first = stream
        .index(sequence_number)
        .ok_or(UnprotectError::NotAuthentic)?;
    let second = stream.second_index(first);
    match (stream.check(first), second) {
        (Ok(()), second) => attempt(first).open_or(second, keys, packet),
        // A sequence number that was seen in this round may be of the next.
        (Err(stale), Some(second)) => attempt(second).open(keys, packet).map_err(|_| stale.into()),
        (Err(stale), None) => Err(stale.into()),
    }
}

impl From<Full> for UnprotectError {
    fn from(Full: Full) -> Self {
        UnprotectError::TooManyStreams
    }
}

impl From<Stale> for UnprotectError {
    fn from(stale: Stale) -> Self {
        match stale {
            Stale::Seen => UnprotectError::Replayed,
            Stale::Below => UnprotectError::TooOld,
        }
    }
}

impl fmt::Debug for ReceiveContext {
    // The keys stay out of logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReceiveContext")
            .field("profile", &self.profile)
            .field("streams", &self.streams())
            .field("counters", &self.counters)
            .finish_non_exhaustive()
    }
}
