//! Finding out how we can be reached: which candidates to seek, from which servers, in which order
//! (RFC 8445 §5.1.1).
//!
//! [`Gatherer`] is the machine. Its owner has the sockets, the resolver and the TURN clients:
//!
//! 1. Make one, [`add_base`](Gatherer::add_base) each socket, [`start`](Gatherer::start) with the
//!    [`IceServer`]s.
//! 2. Drain it: [`Event::Candidate`]s come at once for the sockets themselves. Answer each
//!    [`Event::Lookup`] with [`handle_lookup`](Gatherer::handle_lookup), and each
//!    [`Event::Allocate`] with [`handle_allocated`](Gatherer::handle_allocated) or
//!    [`handle_allocation_failed`](Gatherer::handle_allocation_failed). Send each [`Transmit`].
//! 3. Offer STUN responses to [`handle_datagram`](Gatherer::handle_datagram) before the ICE agent
//!    gets them, and failed sends to [`handle_unreachable`](Gatherer::handle_unreachable).
//! 4. [`Event::StateChanged`] says [`State::Complete`] when nothing is waited for any more. Sockets
//!    may still come and go then.
//! 5. When ICE has chosen, call [`end_keepalives`](Gatherer::end_keepalives); when what it chose is
//!    lost, and at an ICE restart, [`resume_keepalives`](Gatherer::resume_keepalives).
//!
//! # Design decisions
//!
//! - A server that fails is an event with its URL, code and text, and holds nothing else back: each
//!   look-up, transaction and allocation has its own deadline.
//! - The [`Policy`] is enforced here and nowhere else: with [`Policy::Relay`] no address of ours
//!   leaves this machine, and no `stun:` server is even looked up.
//! - A STUN server is asked once for each socket. A TURN server makes one allocation for each of
//!   our addresses, because an allocation has a socket of its own anyway.

mod allocation;
mod base;
mod binding;
mod config;
mod counters;
mod event;
mod gatherer;
mod job;
mod message;
mod plan;
mod retry;
mod server;
mod url;

pub use base::{ACTIVE_PORT, Base, BaseError, MAX_ANNOUNCED, MAX_BASES};
pub use config::{Config, Policy, Preferences};
pub use counters::Counters;
pub use event::{
    Allocation, AllocationId, Event, FailureReason, Gathered, GatheredKind, Lookup, LookupError,
    LookupId, ServerFailed, State, Transmit,
};
pub use gatherer::{Gatherer, MAX_ADDRESSES, MAX_ATTEMPTS, MAX_CANDIDATES};
pub use server::{IceServer, MAX_URLS, MAX_USERNAME_LEN, ServerError, StartError};
pub use url::{Host, MAX_URL_LEN, Scheme, ServerUrl, Transport, UrlError};
