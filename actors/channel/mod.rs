//! The data channels of a session, between the application and the SCTP actor: bounded queues.
//!
//! A handle lives on any thread, its association on the session's worker. Between them stand two
//! bounded queues a channel: what was sent and not yet handed to the association (`send` waits when
//! it is full), and what was received and not yet read (while it is full, the receive window of the
//! association closes). A command wakes the actor once, however many follow before it runs.
//!
//! For each message there are two locks, each held for a push or a pop: that of the session's
//! command queue, since handles send from any thread and in order over all channels, and that of the
//! channel's inbox, since any clone of a handle may read. Both are uncontended unless threads really
//! use one channel at once. States and accounts are atomic. For each batch there are those of the
//! permit that comes back, and of telling senders that there is room.

pub(crate) mod inboxes;
pub(crate) mod offered;
pub(crate) mod queue;
pub(crate) mod shared;
pub(crate) mod stats;
