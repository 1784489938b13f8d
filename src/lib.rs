//! The protocol machines of [`actix-rtc`](https://crates.io/crates/actix-rtc).
//!
//! Everything here is a plain value: no sockets, no clock, no threads, no async runtime. Bytes and
//! the time come in as arguments, and what the machine wants done is drained from it. The whole
//! stack can therefore run on virtual time over a simulated network, and does so in its tests.
//!
//! # The drive loop
//!
//! Each machine (`ice::Agent`, `turn::Client`, `dtls::Endpoint`, `sctp::Association`)
//! is driven alike, and implements [`Machine`]:
//!
//! 1. Feed it: `handle_…(now, …)` for what came from the network or from the layer beside it, a
//!    command of its own (`start`, `send`, `close`, …) for what the application wants, or
//!    [`Machine::handle_timeout`] when its deadline has passed.
//! 2. Drain it, until both return `None`: [`Machine::poll_transmit`] gives what is to be sent,
//!    [`Machine::poll_event`] what the layer above is to know.
//! 3. Ask [`Machine::poll_timeout`] when it next wants to run, and wait for that or for input.
//!
//! Feeding never blocks and never fails for what a *peer* sent: network noise is counted and
//! dropped. Only a caller's mistake (a message that is too large, a call in the wrong state) is an
//! `Err`. A machine that cannot go on says so once, with an event that carries a typed reason, and
//! is inert from then on.
//!
//! Time never runs backwards for a machine: a `now` that lies before an earlier one is taken as
//! that earlier one.
//!
//! # The machines do not know each other
//!
//! [`ice`], [`dtls`], [`sctp`] and [`srtp`] never import one another, but that [`dtls`] yields the
//! keying material that [`srtp`] defines; whoever owns them (an actor, a test) carries the outputs
//! of one to the inputs of the next. They share the vocabulary of [`net`], [`demux`] and [`timer`].

#![cfg_attr(not(test), warn(clippy::unwrap_used))]

mod builders;
pub mod demux;
pub mod dtls;
pub mod framing;
pub mod gather;
pub mod ice;
mod machine;
pub mod mdns;
pub mod net;
pub mod random;
pub mod route;
pub mod rtp;
pub mod sctp;
pub mod sdp;
pub mod srtp;
pub mod stun;
pub mod timer;
pub mod turn;

pub use machine::Machine;
