//! The table of channels: handles, and stream identifiers by DTLS role.

use std::collections::{HashMap, VecDeque};

use super::channel::Channel;
use crate::sctp::error::OpenError;
use crate::sctp::id::ChannelId;

/// W3C WebRTC §6.1.1: 65,535 is no identifier (it is SCTP's count, not an index).
pub(in crate::sctp) const MAX_STREAM: u16 = 65_534;

/// All channels of an association.
#[derive(Debug, Default)]
pub(in crate::sctp) struct Channels {
    slots: Vec<Slot>,
    /// Free slots, the longest free first, so that a handle is used again as late as possible.
    free: VecDeque<u16>,
    by_stream: HashMap<u16, ChannelId>,
    /// Where the search for a free stream identifier goes on, per parity.
    next_stream: u16,
}

#[derive(Debug, Default)]
struct Slot {
    generation: u16,
    channel: Option<Box<Channel>>,
}

impl Channels {
    /// How many there are.
    pub(in crate::sctp) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    pub(in crate::sctp) fn get(&self, id: ChannelId) -> Option<&Channel> {
        let slot = self.slots.get(id.slot())?;
        slot.channel
            .as_deref()
            .filter(|_| slot.generation == id.generation())
    }

    pub(in crate::sctp) fn get_mut(&mut self, id: ChannelId) -> Option<&mut Channel> {
        let slot = self.slots.get_mut(id.slot())?;
        slot.channel
            .as_deref_mut()
            .filter(|_| slot.generation == id.generation())
    }

    pub(in crate::sctp) fn by_stream(&self, stream: u16) -> Option<ChannelId> {
        self.by_stream.get(&stream).copied()
    }

    pub(in crate::sctp) fn ids(&self) -> Vec<ChannelId> {
        let slots = self.slots.iter().enumerate();
        slots
            .filter(|(_, slot)| slot.channel.is_some())
            // There are no more slots than stream identifiers.
            .map(|(index, slot)| ChannelId::new(index as u16, slot.generation))
            .collect()
    }

    /// Puts a channel into the table; its stream, if it has one, must be free.
    pub(in crate::sctp) fn insert(&mut self, channel: Channel) -> Result<ChannelId, OpenError> {
        let index = match self.free.pop_front() {
            Some(index) => index,
            None => {
                let index = u16::try_from(self.slots.len()).map_err(|_| OpenError::IdsExhausted)?;
                self.slots.push(Slot::default());
                index
            }
        };
        let stream = channel.stream;
        let slot = &mut self.slots[usize::from(index)];
        slot.generation = slot.generation.wrapping_add(1);
        slot.channel = Some(Box::new(channel));
        let id = ChannelId::new(index, slot.generation);
        if let Some(stream) = stream {
            self.by_stream.insert(stream, id);
        }
        Ok(id)
    }

    /// Gives the channel its stream.
    pub(in crate::sctp) fn assign(&mut self, id: ChannelId, stream: u16) {
        if let Some(channel) = self.get_mut(id) {
            channel.stream = Some(stream);
            self.by_stream.insert(stream, id);
        }
    }

    /// The channel no longer has a stream: another may have it.
    pub(in crate::sctp) fn release_stream(&mut self, id: ChannelId) {
        if let Some(stream) = self.get_mut(id).and_then(|channel| channel.stream.take())
            && self.by_stream.get(&stream) == Some(&id)
        {
            self.by_stream.remove(&stream);
        }
    }

    pub(in crate::sctp) fn remove(&mut self, id: ChannelId) {
        self.release_stream(id);
        if let Some(slot) = self.slots.get_mut(id.slot())
            && slot.generation == id.generation()
            && slot.channel.take().is_some()
        {
            self.free.push_back(id.slot() as u16);
        }
    }

    /// RFC 8832 §6: even for the DTLS client, odd for the server. `limit` is how many streams
    /// there are, of which 65,535 is never one; `taken` tells of streams that no channel has and that still cannot be used.
    pub(in crate::sctp) fn free_stream(
        &mut self,
        dtls_client: bool,
        limit: u16,
        taken: impl Fn(u16) -> bool,
    ) -> Option<u16> {
        let first = u16::from(!dtls_client);
        let count = limit.saturating_sub(first).div_ceil(2);
        for step in 0..count {
            // Counted in u32: `next_stream` and `step` are both up to 32,767.
            let number = (u32::from(self.next_stream) + u32::from(step)) % u32::from(count);
            let stream = first + 2 * number as u16;
            if !self.by_stream.contains_key(&stream) && !taken(stream) {
                // Identifiers are used again late: a packet of the old channel may be on its way.
                self.next_stream = ((number + 1) % u32::from(count)) as u16;
                return Some(stream);
            }
        }
        None
    }
}

#[cfg(test)]
#[path = "table_tests.rs"]
mod tests;
