//! Audio and video in descriptions: what a peer offers, and what is accepted of it.

mod answer;
mod codec;
mod offer;
mod section;

pub use answer::{MediaAnswer, Sending};
pub use codec::Codec;
pub use offer::MediaOffer;
pub use section::{Direction, ExtensionMap, MediaKind, MediaSection, Rid, SsrcGroup};
