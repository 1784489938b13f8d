//! The client of a TURN relay (RFC 8656): an address on a server, for when there is no direct way.
//!
//! [`Client`] is the machine. It is one allocation on one server over one socket or connection,
//! which its owner has:
//!
//! 1. Make it, and [`allocate`](Client::allocate) (when the connection and TLS on it are there).
//! 2. Feed it what comes: [`handle_datagram`](Client::handle_datagram) or
//!    [`handle_segments`](Client::handle_segments) from a UDP socket,
//!    [`handle_stream`](Client::handle_stream) from a connection;
//!    [`handle_unreachable`](Client::handle_unreachable) and
//!    [`handle_disconnected`](Client::handle_disconnected) when the network says so.
//! 3. [`send`](Client::send) to peers. Permissions and channels come by themselves.
//! 4. Drain it: what goes to the server from `poll_transmit`, and [`Event`]s.
//! 5. [`close`](Client::close) it, and wait for [`Event::Closed`] before the socket goes.
//!
//! # Design decisions
//!
//! - Answers are believed only when they are signed with our password, compared in constant time;
//!   but for those that say which password is wanted. Everything else is counted and dropped.
//! - The codec of `stun-rs` sees only what is signed. What is not (error responses, data of peers)
//!   is read by hand: it is short, bounded work, and one odd attribute does not spoil the rest.
//! - Data of a peer is a slice of what was fed. Data to a peer is copied once, behind its header,
//!   into a buffer that holds a whole batch for GSO.
//! - Time, ports and names are the owner's. A redirection, a lost connection or a mismatch ends
//!   this client; [`gather::Gatherer`](crate::gather::Gatherer) says what to try next.

mod attribute;
mod auth;
mod client;
mod config;
mod credentials;
mod event;
mod exchange;
mod failure;
mod frame;
mod message;
mod output;
mod peers;
mod relay;
mod transaction;

pub use client::{AlreadyStarted, Client};
pub use config::Config;
pub use credentials::Credentials;
pub use event::{Counters, Event, SendError, State};
pub use failure::Failure;
pub use message::Family;
pub use output::Framing;
pub use peers::{MAX_HELD, MAX_PEERS};
