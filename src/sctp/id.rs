//! What a channel is called.

/// A channel of an association: our own number, not the stream identifier, which is known only
/// when the DTLS role is. It is never that of another channel of the same association, short of
/// 65,536 later ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChannelId(u32);

impl ChannelId {
    pub(super) fn new(slot: u16, generation: u16) -> ChannelId {
        ChannelId(u32::from(generation) << 16 | u32::from(slot))
    }

    pub(super) fn slot(self) -> usize {
        usize::from(self.0 as u16)
    }

    pub(super) fn generation(self) -> u16 {
        (self.0 >> 16) as u16
    }
}

impl std::fmt::Display for ChannelId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)
    }
}
