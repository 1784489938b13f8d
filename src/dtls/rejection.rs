//! Telling a peer that it was rejected, again and again.

use bytes::Bytes;

use super::alert::AlertDescription;
use super::record::Summary;

/// How often a peer is told: as often as any stack resends a flight, and not for ever.
const MAX_REPEATS: u32 = 20;

/// The last word to a peer that we do not believe. The peer may not hear it the first time, so it
/// is repeated, byte for byte, for each datagram that shows that the peer still waits.
#[derive(Debug)]
pub struct Rejection {
    datagram: Bytes,
    left: u32,
}

impl Rejection {
    /// The last word, as one datagram.
    pub fn new(datagram: Bytes) -> Rejection {
        Rejection {
            datagram,
            left: MAX_REPEATS,
        }
    }

    /// The alert that the peer is told.
    pub fn alert(&self) -> Option<AlertDescription> {
        Summary::of(&self.datagram)
            .fatal_alert
            .map(AlertDescription)
    }

    /// The datagram to send once more, unless the peer was told often enough.
    pub fn repeat(&mut self) -> Option<&Bytes> {
        self.left = self.left.checked_sub(1)?;
        Some(&self.datagram)
    }
}
