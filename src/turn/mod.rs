//! The client of a TURN relay (RFC 8656).

mod credentials;
mod failure;

pub use credentials::Credentials;
pub use failure::Failure;
