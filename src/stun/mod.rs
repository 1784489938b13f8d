//! STUN (RFC 8489) as ICE and TURN need it: a careful edge around the codec of `stun-rs`.
//!
//! What arrives from the network passes four gates, the cheap ones first:
//!
//! 1. [`peek`] looks at the header and [`local_ufrag`] at USERNAME, by hand and without allocating:
//!    enough to route a datagram, or to drop it for nanoseconds.
//! 2. The owner of the session finds the [`Key`].
//! 3. [`verify`] checks FINGERPRINT and MESSAGE-INTEGRITY, by hand and in constant time.
//! 4. Only [`Verified`] bytes are decoded ([`binding::decode`], or [`Verified::decode`] for TURN),
//!    by `stun-rs`, whose parser is thorough and therefore not cheap.
//!
//! Messages of ours are written by [`Builder`].

mod builder;
mod header;
mod integrity;
mod parse;

pub mod attribute;
pub mod binding;

pub use builder::{Builder, xor_address};
pub use header::{
    Attribute, Attributes, Class, Header, TransactionId, attributes, local_ufrag, peek, username,
};
pub use integrity::{
    Integrity, Key, PasswordAlgorithm, Rejected, Verified, decode_unauthenticated, verify,
};

/// The largest STUN message that is looked at, in bytes: what fits the MTU of Ethernet.
pub const MAX_STUN_SIZE: usize = 1500;

/// The most attributes of one message that are looked at: an ICE check has about eight, the
/// longest TURN answer about fifteen. It bounds the cost of a message made of empty attributes.
pub const MAX_ATTRIBUTES: usize = 48;

/// RFC 8489 §5.
pub const MAGIC_COOKIE: u32 = 0x2112_A442;

/// The method of ICE's checks and of server-reflexive discovery (RFC 8489 §18.2).
pub const BINDING: u16 = 0x001;

/// The size of the header, in bytes (RFC 8489 §5).
pub const HEADER_SIZE: usize = 20;
