//! What can be configured of a context.

use crate::builders::builders;

/// Limits of one context.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// How many SSRCs there may be in one direction, of RTP and of RTCP each; 1,024 by default.
    /// One of RTP takes about 200 bytes. When there are as many, packets of others are refused
    /// until the transport is keyed anew: a stream that was forgotten could be replayed.
    pub max_streams: usize,
}

impl Default for Config {
    fn default() -> Self {
        Config { max_streams: 1_024 }
    }
}

builders! {
    Config {
        max_streams: usize,
    }
}
