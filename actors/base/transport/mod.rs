//! The transports that a session is made of: [`table`] describes each of them in one entry, and
//! the files beside it say what each shows to the application, its states and its events.

pub(crate) mod dtls;
pub(crate) mod gatherer;
pub(crate) mod ice;
pub(crate) mod sctp;
pub(crate) mod session;
pub(crate) mod table;
