//! SCTP associations and data channels (RFC 8831, RFC 8832, RFC 9260).
//!
//! [`Association`] is the machine: packets from DTLS go in, packets for DTLS and events come out,
//! and channels are opened, written, read and closed on it. Below it, an engine
//! ([`Config::sctp_engine`]) retransmits, reassembles and avoids congestion; the handshake, the
//! channels, the queues in front of the association and all limits are the same with each.
//!
//! ```
//! use actix_rtc_proto::Machine;
//! use actix_rtc_proto::random::Random;
//! use actix_rtc_proto::sctp::{Association, Capabilities, ChannelOptions, Config, Event, Message};
//!
//! # #[expect(clippy::disallowed_methods, reason = "an example has to begin at some time")]
//! let now = std::time::Instant::now();
//! let mut client = Association::new(Config::default(), Random::from_number(1));
//! let mut server = Association::new(Config::default(), Random::from_number(2));
//! let channel = client.open(now, "chat".to_owned(), ChannelOptions::default())?;
//! client.send(now, channel, Message::text("hello"))?;
//! client.start(now, true, Capabilities::default(), 5000);
//! server.start(now, false, Capabilities::default(), 5000);
//! // DTLS would carry the packets from one to the other, and a clock would tell the time.
//! for _ in 0..10 {
//!     while let Some(packet) = client.poll_transmit(now) {
//!         server.handle_packet(now, packet);
//!     }
//!     while let Some(packet) = server.poll_transmit(now) {
//!         client.handle_packet(now, packet);
//!     }
//! }
//! while let Some(event) = server.poll_event() {
//!     if let Event::Readable(channel) = event {
//!         assert_eq!(server.recv(now, channel), Some(Message::text("hello")));
//!     }
//! }
//! # assert_eq!(server.stats().messages_received, 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Rooms
//!
//! Each uses those below it only:
//!
//! - `association/`: the machine, by phases; `life.rs`, the way up `receive.rs`, the way down
//!   `transmit.rs`;
//! - `channels/`: a channel with its queue and its inbox, the table of them, whose turn it is;
//! - `engine/`: an established association: retransmission, reassembly, congestion control;
//! - `handshake/`: how it comes to be established;
//! - `wire/`: bytes;
//! - beside them `config`, `error`, `event`, `id`, `message` and `stats`: the words of the public
//!   interface.
//!
//! # How data flows
//!
//! Out: [`send`](Association::send) puts a message into the queue of its channel, which has a
//! limit in bytes. The scheduler takes from the queues, fairly by bytes and priority, as much as
//! the path is about to deliver, and gives it to the engine: what waits there can be neither
//! reordered nor dropped, and each chunk of it costs time. The buffers are never copied.
//!
//! In: messages are put together in one buffer each and wait in the inbox of their channel until
//! [`recv`](Association::recv). What waits there, of all channels together, closes the receive
//! window; reading opens it again at once.
//!
//! # Bounds
//!
//! Everything that the peer can make grow is bounded by [`Config`] or by a constant with its
//! reason beside it: unread messages by [`Config::receive_window`], channels by
//! [`Config::max_channels`], labels of its channels, messages on streams without a channel.

mod association;
mod channels;
mod config;
mod engine;
mod error;
mod event;
mod handshake;
mod id;
mod message;
mod stats;
#[cfg(test)]
mod testing;
mod wire;

pub use association::Association;
pub use channels::{ChannelInfo, ChannelState, MESSAGE_OVERHEAD};
pub use config::{Capabilities, ChannelOptions, Config, CongestionControl, Priority, SctpEngine};
pub use error::{ChannelError, FailureReason, OpenError, SendError};
pub use event::Event;
pub use id::ChannelId;
pub use message::{Message, Text};
pub use stats::{Counters, Stats};
