//! RTP.
mod header;
pub use header::header_len;
