//! The sending direction.

use std::fmt;

use super::config::Config;
use super::counters::SendCounters;
use super::error::{KeyError, ProtectError};
use super::keying::SrtpProfile;
use super::stream::{Full, RtpStream, Streams, first_index};
use super::transform::{RTCP_CLEAR, SessionKeys};
use super::window::Stale;
use crate::demux::{Media, media};
use crate::net::Coalescer;
use crate::rtp::header_len;

/// Indexes of RTCP have 31 bits.
const RTCP_INDEXES: u32 = 1 << 31;

/// What we protect with our master key: encrypted in place and authenticated, each sequence number
/// of an SSRC once.
///
/// Packets of an SSRC may come out of order, as a forwarder receives them. In the steady state
/// nothing is allocated.
pub struct SendContext {
    profile: SrtpProfile,
    keys: SessionKeys,
    rtp: Streams<RtpStream>,
    /// The index of the next packet.
    rtcp: Streams<u32>,
    counters: SendCounters,
}

impl SendContext {
    /// From *our* master key and master salt.
    ///
    /// # Errors
    /// [`KeyError`] when they are not of the profile's lengths.
    pub fn new(
        profile: SrtpProfile,
        master_key: &[u8],
        master_salt: &[u8],
        config: Config,
    ) -> Result<SendContext, KeyError> {
        Ok(SendContext {
            profile,
            keys: SessionKeys::new(profile, master_key, master_salt)?,
            rtp: Streams::new(config.max_streams),
            rtcp: Streams::new(config.max_streams),
            counters: SendCounters::default(),
        })
    }

    /// The profile.
    pub fn profile(&self) -> SrtpProfile {
        self.profile
    }

    /// What was counted.
    pub fn counters(&self) -> &SendCounters {
        &self.counters
    }

    /// How many SSRCs there is state for, of RTP and of RTCP.
    pub fn streams(&self) -> (usize, usize) {
        (self.rtp.len(), self.rtcp.len())
    }

    /// Protects a batch of packets, each copied once, into `out`: as few segments as their sizes
    /// allow. What cannot be protected is counted and left out.
    pub fn protect_batch<P: AsRef<[u8]>>(
        &mut self,
        packets: impl IntoIterator<Item = P>,
        out: &mut Coalescer,
    ) {
        for packet in packets {
            let packet = packet.as_ref();
            // What fails is counted.
            let _ = self.protect_with(packet.len(), out, |space| space.copy_from_slice(packet));
        }
    }

    /// Protects a packet of `len` bytes that `write` puts straight into its place in `out`, such
    /// as one that is forwarded with another SSRC.
    ///
    /// # Errors
    /// [`ProtectError`]; nothing is added to `out` then.
    pub fn protect_with(
        &mut self,
        len: usize,
        out: &mut Coalescer,
        write: impl FnOnce(&mut [u8]),
    ) -> Result<(), ProtectError> {
        let mut outcome = Err(ProtectError::Malformed);
        out.push_with(len + self.profile.rtcp_overhead(), |space| {
            write(&mut space[..len]);
            outcome = self.protect(space, len);
            outcome.ok()
        });
        outcome.map(|_| ())
    }

    /// Protects the packet in the first `len` bytes of `buffer` in place, whatever it is
    /// (RFC 5761 §4), and returns its new length. It grows by at most the profile's
    /// [`rtcp_overhead`](SrtpProfile::rtcp_overhead).
    ///
    /// # Errors
    /// [`ProtectError`]; `buffer` is as it was then.
    pub fn protect(&mut self, buffer: &mut [u8], len: usize) -> Result<usize, ProtectError> {
        let packet = buffer.get(..len).ok_or(ProtectError::NoRoom);
        let sealed = packet.map(media).and_then(|kind| match kind {
            Some(Media::Rtp) => self.seal_rtp(buffer, len).map(|total| (Media::Rtp, total)),
            Some(Media::Rtcp) => self
                .seal_rtcp(buffer, len)
                .map(|total| (Media::Rtcp, total)),
            None => Err(ProtectError::Malformed),
        });
        match sealed {
            Ok((kind, total)) => {
                self.counters.protected.count(kind, len);
                Ok(total)
            }
            Err(error) => {
                self.counters.refused(error);
                Err(error)
            }
        }
    }

    fn seal_rtp(&mut self, buffer: &mut [u8], len: usize) -> Result<usize, ProtectError> {
        let header = header_len(&buffer[..len]).ok_or(ProtectError::Malformed)?;
        let total = len + self.keys.rtp.tag_len();
        let packet = buffer.get_mut(..total).ok_or(ProtectError::NoRoom)?;
        let sequence_number = u16::from_be_bytes([packet[2], packet[3]]);
        let ssrc = u32::from_be_bytes([packet[8], packet[9], packet[10], packet[11]]);

        let index = match self.rtp.find(ssrc)? {
            Some(stream) => {
                let index = stream
                    .index(sequence_number)
                    .ok_or(ProtectError::KeyExhausted)?;
                stream.check(index)?;
                index
            }
            None => first_index(sequence_number).0,
        };
        self.keys
            .rtp
            .seal_rtp(packet, header, ssrc, index)
            .map_err(|_| ProtectError::Malformed)?;
        match self.rtp.get_mut(ssrc) {
            Some(stream) => stream.accept(index),
            None => self.rtp.insert(ssrc, RtpStream::new(index)),
        }
        Ok(total)
    }

    fn seal_rtcp(&mut self, buffer: &mut [u8], len: usize) -> Result<usize, ProtectError> {
        if len < RTCP_CLEAR {
            return Err(ProtectError::Malformed);
        }
        let total = len + self.profile.rtcp_overhead();
        let packet = buffer.get_mut(..total).ok_or(ProtectError::NoRoom)?;
        let ssrc = u32::from_be_bytes([packet[4], packet[5], packet[6], packet[7]]);

        // RFC 3711 §3.2.1: the index is 0 before the first packet, and grows after each.
        let index = self.rtcp.find(ssrc)?.copied().unwrap_or(0);
        if index >= RTCP_INDEXES {
            return Err(ProtectError::KeyExhausted);
        }
        self.keys
            .rtcp
            .seal_rtcp(packet, ssrc, index)
            .map_err(|_| ProtectError::Malformed)?;
        match self.rtcp.get_mut(ssrc) {
            Some(next) => *next = index + 1,
            None => self.rtcp.insert(ssrc, index + 1),
        }
        Ok(total)
    }
}

impl From<Full> for ProtectError {
    fn from(Full: Full) -> Self {
        ProtectError::TooManyStreams
    }
}

impl From<Stale> for ProtectError {
    fn from(stale: Stale) -> Self {
        match stale {
            Stale::Seen => ProtectError::Repeated,
            Stale::Below => ProtectError::TooOld,
        }
    }
}

impl fmt::Debug for SendContext {
    // The keys stay out of logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendContext")
            .field("profile", &self.profile)
            .field("streams", &self.streams())
            .field("counters", &self.counters)
            .finish_non_exhaustive()
    }
}
