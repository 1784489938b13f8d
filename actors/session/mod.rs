//! What the actors of one session share: what they say to each other, what they show to the
//! application, and how many of their batches are under way.

pub(crate) mod connection;
pub(crate) mod control;
pub(crate) mod events;
pub(crate) mod lease;
pub(crate) mod link;
pub(crate) mod member;
pub(crate) mod permits;
pub(crate) mod place;
pub(crate) mod scope;
pub(crate) mod shown;
pub(crate) mod state_cell;
