//! SRTP and SRTCP: protecting and unprotecting packets of RTP and RTCP (RFC 3711), with the
//! profiles of WebRTC: AES-CM with HMAC-SHA1-80, and AES-GCM (RFC 7714).
//!
//! There is no time here and nothing to drain, and so no drive loop: packets go in and come out.
//!
//! 1. [`Contexts::new`] with the [`SrtpKeyingMaterial`] of the DTLS handshake: one context for
//!    each direction.
//! 2. [`ReceiveContext::unprotect_batch`] opens what the peer sent where it lies.
//! 3. [`SendContext::protect_with`] and [`SendContext::protect_batch`] seal in the send buffer.
//!
//! # What a packet can do before it is authentic
//!
//! Nothing but cost its look: at most two runs of the cipher, and only where a sequence number is
//! ambiguous. It makes no state for its SSRC and moves no window. RTCP is authenticated whether it
//! says that it is encrypted or not.
//!
//! # Indexes
//!
//! The index of a packet is its sequence number and a roll-over counter of 32 bits that is not
//! sent. It is guessed as the one nearest to the highest index of the SSRC, which survives any
//! loss of less than 32,768 packets, also across a wrap. Two guesses more than RFC 3711 asks for
//! mend what else would be deaf for good: a stream whose packets before its first wrap were lost,
//! and one that went on unheard for up to 98,304 packets.
//!
//! # What is not done
//!
//! No MKI is negotiated, and packets that carry one are not authentic. No key derivation rate, no
//! encrypted header extensions (RFC 6904, RFC 9335), no F8, no 32-bit tags.

mod config;
mod contexts;
mod counters;
mod derivation;
mod error;
mod keying;
mod receive;
mod send;
mod stream;
mod transform;
mod window;

pub use config::Config;
pub use contexts::{Contexts, Side};
pub use counters::{ReceiveCounters, SendCounters, Traffic};
pub use error::{KeyError, ProtectError, UnprotectError};
pub use keying::{SrtpKeyingMaterial, SrtpProfile};
pub use receive::{ReceiveContext, Unprotected};
pub use send::SendContext;

#[cfg(test)]
mod allocation_tests;
#[cfg(test)]
mod hostile_tests;
#[cfg(test)]
mod mod_tests;
#[cfg(test)]
mod testkit;
