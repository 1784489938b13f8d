//! The way down: the engine is fed from the queues, streams are reset, and packets leave.

use std::time::Instant;

use super::Association;
use super::life::Phase;
use crate::sctp::channels::ChannelState;
use crate::sctp::event::Event;
use crate::sctp::message::Ppid;

/// How many streams are reset at once: for each sctp-proto looks through everything in flight, and
/// through all others.
const MAX_RESETTING: usize = 64;
/// How many channels are looked at that may not be fed any more, for one that may.
const MAX_PASSED: usize = 16;
/// How often the engine is asked again because it took everything that it was given. Each time it
/// is offered twice as much.
const MAX_ROUNDS: u32 = 10;

impl Association {
    /// Makes packets, if it is time to.
    pub(super) fn transmit(&mut self, now: Instant) {
        let Phase::Connected { engine, .. } = &mut self.phase else {
            return;
        };
        if !engine.is_due(now) {
            return;
        }
        engine.permit(now);
        let mut ahead = 1;
        for _ in 0..MAX_ROUNDS {
            self.reset_streams();
            self.feed(now, ahead);
            let more = !self.scheduler.is_empty();
            let Phase::Connected { engine, closing } = &mut self.phase else {
                return;
            };
            engine.transmit(now, self.unread, more, &mut self.out);
            if closing.is_some() && !more && engine.outstanding() == 0 {
                return self.finish_close();
            }
            // Held back by congestion control, by the peer or by our own limit: the next
            // acknowledgement goes on.
            ahead *= 2;
            let (bytes, chunks) = engine.room(ahead);
            if !more || engine.pending() > 0 || bytes == 0 || chunks == 0 {
                return;
            }
            engine.wake_now();
        }
    }

    /// Gives the engine what it is about to send, and a little more.
    fn feed(&mut self, now: Instant, ahead: usize) {
        let Phase::Connected { engine, .. } = &mut self.phase else {
            return;
        };
        let (mut bytes, mut chunks) = engine.room(ahead);
        let max_payload = self.config.max_payload() as usize;
        let limit = self.config.send_queue_limit;
        let mut passed = Vec::new();
        let interleaved = engine.is_interleaved();
        while chunks > 0 && (bytes > 0 || interleaved) && passed.len() < MAX_PASSED {
            let Some(id) = self.scheduler.next() else {
                break;
            };
            let Some(channel) = self.channels.get_mut(id) else {
                continue;
            };
            if bytes == 0 && !channel.stream.is_some_and(|id| engine.interleaves(id)) {
                passed.push(id);
                continue;
            }
            let mut sent = None;
            while let (Some(queued), Some(stream)) = (channel.front(), channel.stream) {
                let expired = queued.deadline.is_some_and(|deadline| deadline < now);
                if !expired {
                    let delivery = channel.delivery(queued);
                    let (ppid, contents) = (queued.ppid, queued.contents.clone());
                    if engine.write(now, stream, ppid, contents, delivery).is_err() {
                        channel.blocked = true;
                        break;
                    }
                }
                let Some((queued, taken)) = channel.pop(limit) else {
                    break;
                };
                if taken.buffered_amount_low {
                    self.events.push_back(Event::BufferedAmountLow(id));
                }
                if taken.writable && channel.state != ChannelState::Closing {
                    self.events.push_back(Event::Writable(id));
                }
                if expired {
                    self.stats.counters.expired_messages += 1;
                    continue;
                }
                let size = queued.contents.len();
                bytes = bytes.saturating_sub(size);
                chunks = chunks.saturating_sub(size.div_ceil(max_payload));
                if queued.ppid != Ppid::Dcep {
                    self.stats.messages_sent += 1;
                    self.stats.bytes_sent += queued.size as u64;
                }
                sent = Some(size);
                break;
            }
            self.scheduler
                .taken(&mut channel.turn, sent, channel.options.priority);
            if channel.has_queued() && !channel.blocked {
                self.scheduler.add(id, &mut channel.turn);
            }
        }
        for id in passed {
            if let Some(channel) = self.channels.get_mut(id) {
                let priority = channel.options.priority;
                self.scheduler.taken(&mut channel.turn, None, priority);
                self.scheduler.add(id, &mut channel.turn);
            }
        }
    }

    /// Resets the streams of channels that are closing and have nothing left under way, and those
    /// on which a channel was refused.
    fn reset_streams(&mut self) {
        let Phase::Connected { engine, .. } = &mut self.phase else {
            return;
        };
        let channels = &mut self.channels;
        self.draining.retain(|&id| {
            let Some(channel) = channels.get_mut(id) else {
                return false;
            };
            let Some(stream) = channel.stream else {
                return false;
            };
            let drained = !channel.has_queued() && engine.buffered(stream) == 0;
            if !drained || engine.resetting() >= MAX_RESETTING {
                return true;
            }
            engine.reset(stream);
            false
        });
        while engine.resetting() < MAX_RESETTING {
            // Refused again while the last reset is under way: that is another one.
            let mut refused = self.refused.iter().copied();
            let Some(stream) = refused.find(|&stream| !engine.is_resetting(stream)) else {
                break;
            };
            self.refused.remove(&stream);
            engine.reset(stream);
        }
    }
}

#[cfg(test)]
#[path = "transmit_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "reliability_tests.rs"]
mod reliability_tests;

#[cfg(test)]
#[path = "outage_tests.rs"]
mod outage_tests;

#[cfg(test)]
#[path = "fairness_tests.rs"]
mod fairness_tests;
