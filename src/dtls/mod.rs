//! DTLS 1.2 and 1.3 for WebRTC (RFC 6347, RFC 9147, RFC 8827 §6.5), over [dimpl](https://docs.rs/dimpl).
//!
//! An [`Endpoint`] is one side of one DTLS connection. It follows the crate's
//! [drive loop](crate#the-drive-loop):
//!
//! 1. [`Endpoint::new`] with a [`Config`] and a [`Certificate`]. Datagrams that arrive already now
//!    are held, in a bounded buffer.
//! 2. [`Endpoint::start`] with the [`Role`] and the peer's [`Fingerprint`]s, once the transport
//!    below can carry data: the handshake deadline runs from the peer's first datagram on.
//! 3. [`Endpoint::handle_datagram`], [`Endpoint::send`], [`Endpoint::close`], each followed by the
//!    drain of [`Machine`](crate::machine::Machine).
//!
//! # Verification before belief
//!
//! The peer's certificate is compared with the signalled fingerprints *before* anything else that
//! the peer sent is believed. On a mismatch the endpoint is over in the same call: no byte of
//! application data and no key ever leaves it, and the peer is told, again for each of its
//! resends, as far as its protocol version allows it: DTLS 1.2 by a `bad_certificate` alert; in
//! DTLS 1.3 a server closes what its client already takes for a connection, and a client, whose
//! server still waits for it, stays silent (a plaintext alert is ignored there). The other way
//! round, a peer that closes or falls silent where it ought to have confirmed our certificate is
//! [`FailureReason::PeerRejected`].
//!
//! # After establishment
//!
//! Only authenticated records change anything. Spoofed plaintext, replays, garbage and records of
//! epochs that do not exist are dropped and counted in [`Counters`].
//!
//! # What dimpl lacks
//!
//! ECDSA certificates only (P-256 and P-384), one per endpoint: a server that has another engine
//! beside it can choose by the client's [`ClientOffer`]; a fixed list of SRTP profiles; no
//! generic exporter. Explicit nonces of AES-GCM in DTLS 1.2 are random 64-bit numbers.

mod alert;
mod certificate;
mod client_offer;
mod config;
mod counters;
mod early;
mod endpoint;
mod engine;
mod error;
mod event;
mod fingerprint;
mod inbox;
mod live;
mod reassembly;
pub mod record;
mod rejection;
mod role;

pub use alert::AlertDescription;
pub use certificate::{Certificate, CertificateError, KeyType};
pub use client_offer::ClientOffer;
pub use config::{Config, Versions, WallClock};
pub use counters::Counters;
pub use early::EarlyBuffer;
pub use endpoint::Endpoint;
pub use error::{ExportError, FailureReason, SendError, StartError};
pub use event::{Event, State};
pub use fingerprint::{
    Fingerprint, FingerprintError, FingerprintSet, HashAlgorithm, MAX_FINGERPRINTS,
};
pub use record::{MAX_RECORD_OVERHEAD, MAX_RECORD_PLAINTEXT, Version, cipher_suite_name};
pub use rejection::Rejection;
pub use role::{Parameters, ParametersRole, Role, RoleConflict};

pub use crate::srtp::{SrtpKeyingMaterial, SrtpProfile};

#[cfg(test)]
mod allocation_tests;
#[cfg(test)]
mod injection_tests;
#[cfg(test)]
mod mismatch_tests;
#[cfg(test)]
mod patience_tests;
#[cfg(test)]
mod testkit;
