//! Two associations in memory.

use std::hint::black_box;
use std::time::{Duration, Instant};

use actix_rtc_proto::Machine;
use actix_rtc_proto::random::Random;
use actix_rtc_proto::sctp::{Association, ChannelId, ChannelOptions, Config, Event, Message};
use bytes::Bytes;

pub(crate) struct Pair {
    pub(crate) sides: [Association; 2],
    pub(crate) channel: ChannelId,
    pub(crate) now: Instant,
}

impl Pair {
    pub(crate) fn with(config: &Config, seed: u64) -> Pair {
        #[expect(
            clippy::disallowed_methods,
            reason = "virtual time has to begin somewhere"
        )]
        let now = Instant::now();
        let mut sides = [2 * seed - 1, 2 * seed]
            .map(|seed| Association::new(config.clone(), Random::from_number(seed)));
        for (side, association) in sides.iter_mut().enumerate() {
            association.start(now, side == 0, config.capabilities(), config.local_port);
        }
        let channel = sides[0].open(now, "bench".to_owned(), ChannelOptions::default());
        Pair {
            sides,
            channel: channel.expect("it is the first"),
            now,
        }
    }

    /// Queues as many messages as there is room for.
    pub(crate) fn send(&mut self, message: &Bytes, left: &mut usize) {
        while *left > 0 {
            let message = Message::Binary(message.clone());
            if self.sides[0].send(self.now, self.channel, message).is_err() {
                break;
            }
            *left -= 1;
        }
    }

    pub(crate) fn expire(&mut self) {
        for side in &mut self.sides {
            if side.poll_timeout().is_some_and(|due| due <= self.now) {
                side.handle_timeout(self.now);
            }
        }
    }

    /// One batch in each direction; returns how many messages arrived.
    pub(crate) fn exchange(&mut self) -> usize {
        self.exchange_with(|_, _, _, _| {})
    }

    /// The same; `handle` gets what the sides have to say.
    pub(crate) fn exchange_with(
        &mut self,
        mut handle: impl FnMut(&mut [Association; 2], Instant, usize, Event),
    ) -> usize {
        // A round trip of 100 us, as between two processes of one machine.
        self.now += Duration::from_micros(100);
        let mut received = 0;
        for from in 0..2 {
            let mut batch = Vec::new();
            while let Some(packet) = self.sides[from].poll_transmit(self.now) {
                batch.push(packet);
            }
            let to = 1 - from;
            self.sides[to].handle_packets(self.now, batch);
            while let Some(event) = self.sides[to].poll_event() {
                if let Event::Readable(id) = event {
                    while let Some(message) = self.sides[to].recv(self.now, id) {
                        received += 1;
                        black_box(message);
                    }
                }
                handle(&mut self.sides, self.now, to, event);
            }
        }
        self.expire();
        received
    }

    /// Moves so many messages without a network.
    pub(crate) fn transfer(&mut self, message: &Bytes, count: usize) {
        let (mut left, mut received) = (count, 0);
        while received < count {
            self.send(message, &mut left);
            received += self.exchange();
        }
    }
}
