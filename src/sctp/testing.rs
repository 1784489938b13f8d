//! Two associations on virtual time over a small simulated link.

use std::cell::Cell;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::wire::init::Offer;
use super::wire::packet;
use super::{
    Association, ChannelId, ChannelOptions, Config, Event, Message, SctpEngine, SendError,
};
use crate::machine::Machine;
use crate::random::Random;

thread_local! {
    /// With which TSN both sides of this thread begin, if the test says so.
    pub(super) static FIRST_TSN: Cell<Option<u32>> = const { Cell::new(None) };
    /// What the test of this thread runs on, if it says so.
    static ENGINE: Cell<Option<SctpEngine>> = const { Cell::new(None) };
}

/// What a side says of itself that has nothing special.
pub(super) fn offer(window: u32) -> Offer {
    Offer {
        window,
        interleaving: false,
        zero_checksum: false,
    }
}

/// Runs a test with every [`Pair`] on this engine.
pub(super) fn on(engine: SctpEngine, test: impl FnOnce()) {
    ENGINE.set(Some(engine));
    test();
}

/// Makes a test of each function for each engine.
macro_rules! on_both_engines {
    ($($test:ident),* $(,)?) => {
        mod on_sctp_proto {
            $(#[test]
            fn $test() {
                $crate::sctp::testing::on($crate::sctp::SctpEngine::SctpProto, super::$test);
            })*
        }

        mod on_native {
            $(#[test]
            fn $test() {
                $crate::sctp::testing::on($crate::sctp::SctpEngine::Native, super::$test);
            })*
        }
    };
}
pub(super) use on_both_engines;

/// What DTLS, UDP and IP add to a packet on the wire.
const OVERHEAD: usize = 37 + 8 + 20;

/// The link, alike in both directions.
#[derive(Debug, Clone)]
pub(super) struct Conditions {
    pub(super) delay: Duration,
    /// Up to so much more delay, drawn for each packet: reorders.
    pub(super) jitter: Duration,
    pub(super) loss: f64,
    pub(super) duplicates: f64,
    /// Bits per second; 0 is without limit.
    pub(super) rate: f64,
    /// What waits in front of the bottleneck, at its rate.
    pub(super) queue: Duration,
}

impl Default for Conditions {
    fn default() -> Self {
        Conditions {
            delay: Duration::from_millis(25),
            jitter: Duration::ZERO,
            loss: 0.0,
            duplicates: 0.0,
            rate: 0.0,
            queue: Duration::from_millis(50),
        }
    }
}

pub(super) struct Side {
    pub(super) association: Association,
    pub(super) events: Vec<Event>,
    /// Messages read, in order, if `reads` is set.
    pub(super) received: Vec<(ChannelId, Message)>,
    /// Whether messages are read as soon as they are readable.
    pub(super) reads: bool,
}

type Filter = Box<dyn FnMut(usize, &Bytes) -> bool>;
type Mender = Box<dyn FnMut(&mut [u8]) -> Option<()>>;

/// Two sides and the link between them.
pub(super) struct Pair {
    pub(super) sides: [Side; 2],
    pub(super) now: Instant,
    start: Instant,
    pub(super) conditions: Conditions,
    random: Random,
    busy: [Instant; 2],
    queue: BinaryHeap<Reverse<(Instant, u64, usize)>>,
    packets: HashMap<u64, Bytes>,
    sequence: u64,
    /// Packets that left the side with this index, lost ones included.
    pub(super) sent: [u64; 2],
    /// Lets a packet from this side pass.
    pub(super) filter: Option<Filter>,
    /// Alters a packet, whose checksum is then made right; `None` leaves it as it is.
    pub(super) mend: Option<Mender>,
    /// The last packet of each side whose chunks belong to an established association.
    last: [Option<Bytes>; 2],
}

#[expect(
    clippy::disallowed_methods,
    reason = "virtual time has to begin somewhere"
)]
pub(super) fn epoch() -> Instant {
    Instant::now()
}

impl Pair {
    pub(super) fn new(config: Config, conditions: Conditions, seed: u64) -> Pair {
        Pair::with([config.clone(), config], conditions, seed)
    }

    pub(super) fn with(configs: [Config; 2], conditions: Conditions, seed: u64) -> Pair {
        let now = epoch();
        let mut random = Random::from_number(seed);
        let sides = configs
            .map(|config| Config {
                sctp_engine: ENGINE.get().unwrap_or(config.sctp_engine),
                ..config
            })
            .map(|config| Side {
                association: Association::new(config, random.fork()),
                events: Vec::new(),
                received: Vec::new(),
                reads: true,
            });
        Pair {
            sides,
            now,
            start: now,
            conditions,
            random,
            busy: [now; 2],
            queue: BinaryHeap::new(),
            packets: HashMap::new(),
            sequence: 0,
            sent: [0; 2],
            filter: None,
            mend: None,
            last: [None, None],
        }
    }

    /// A pair that is connected.
    pub(super) fn connected(config: Config, conditions: Conditions, seed: u64) -> Pair {
        let mut pair = Pair::new(config, conditions, seed);
        pair.connect();
        pair
    }

    pub(super) fn connect(&mut self) {
        self.start_side(0);
        self.start_side(1);
        assert!(self.run_until(Duration::from_secs(30), |pair| {
            (0..2).all(|i| pair.is_connected(i))
        }));
    }

    pub(super) fn start_side(&mut self, side: usize) {
        let remote = self.sides[1 - side].association.config().capabilities();
        let port = self.sides[1 - side].association.config().local_port;
        let now = self.now;
        self.sides[side]
            .association
            .start(now, side == 0, remote, port);
        self.drain();
    }

    pub(super) fn is_connected(&self, side: usize) -> bool {
        self.sides[side].events.contains(&Event::Connected)
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.now - self.start
    }

    pub(super) fn open(&mut self, side: usize, label: &str, options: ChannelOptions) -> ChannelId {
        let now = self.now;
        let id = self.sides[side]
            .association
            .open(now, label.to_owned(), options)
            .unwrap();
        self.drain();
        id
    }

    pub(super) fn send(
        &mut self,
        side: usize,
        id: ChannelId,
        message: impl Into<Message>,
    ) -> Result<(), SendError> {
        let now = self.now;
        let result = self.sides[side].association.send(now, id, message.into());
        self.drain();
        result
    }

    /// The channels that the other side opened, in order.
    pub(super) fn incoming(&self, side: usize) -> Vec<ChannelId> {
        let events = self.sides[side].events.iter();
        events
            .filter_map(|event| match event {
                Event::ChannelIncoming(id) => Some(*id),
                _ => None,
            })
            .collect()
    }

    pub(super) fn has(&self, side: usize, event: Event) -> bool {
        self.sides[side].events.contains(&event)
    }

    /// Moves everything that is ready, without time passing.
    pub(super) fn drain(&mut self) {
        loop {
            let mut quiet = true;
            for side in 0..2 {
                while let Some(packet) = self.sides[side].association.poll_transmit(self.now) {
                    quiet = false;
                    self.transmit(side, packet);
                }
                while let Some(event) = self.sides[side].association.poll_event() {
                    quiet = false;
                    self.sides[side].events.push(event);
                    if let Event::Readable(id) = event
                        && self.sides[side].reads
                    {
                        self.read(side, id);
                    }
                }
            }
            if quiet {
                return;
            }
        }
    }

    /// Reads all of a channel.
    pub(super) fn read(&mut self, side: usize, id: ChannelId) {
        let side = &mut self.sides[side];
        while let Some(message) = side.association.recv(self.now, id) {
            side.received.push((id, message));
        }
    }

    /// A packet as if from this side, with one chunk. The side has sent something before.
    pub(super) fn forge(&self, from: usize, kind: u8, value: &[u8]) -> Bytes {
        let last = self.last[from].as_ref().unwrap();
        packet::Builder::like(last).chunk(kind, 0, value).finish()
    }

    fn transmit(&mut self, from: usize, mut packet: Bytes) {
        self.sent[from] += 1;
        if packet::Header::read(&packet).is_some_and(|header| header.verification_tag != 0) {
            self.last[from] = Some(packet.clone());
        }
        if let Some(mend) = &mut self.mend {
            let mut copy = packet.to_vec();
            if mend(&mut copy).is_some() {
                packet::seal(&mut copy);
                packet = copy.into();
            }
        }
        // A DTLS record takes no more.
        let limit = self.sides[from].association.config().packet_size();
        assert!(
            packet.len() <= limit,
            "side {from} made {} bytes",
            packet.len()
        );
        if let Some(filter) = &mut self.filter
            && !filter(from, &packet)
        {
            return;
        }
        let copies = if self.random.fraction() < self.conditions.duplicates {
            2
        } else {
            1
        };
        for _ in 0..copies {
            if self.random.fraction() < self.conditions.loss {
                continue;
            }
            let mut at = self.now;
            if self.conditions.rate > 0.0 {
                let free = self.busy[from].max(self.now);
                if free - self.now > self.conditions.queue {
                    continue;
                }
                let bits = (packet.len() + OVERHEAD) as f64 * 8.0;
                at = free + Duration::from_secs_f64(bits / self.conditions.rate);
                self.busy[from] = at;
            }
            let jitter = self.conditions.jitter.mul_f64(self.random.fraction());
            self.sequence += 1;
            self.packets.insert(self.sequence, packet.clone());
            let at = at + self.conditions.delay + jitter;
            self.queue.push(Reverse((at, self.sequence, 1 - from)));
        }
    }

    /// Goes to the next moment at which something happens, but not beyond `limit`. Returns whether
    /// there was one.
    pub(super) fn step(&mut self, limit: Instant) -> bool {
        self.drain();
        let next = [
            self.queue.peek().map(|Reverse((at, ..))| *at),
            self.sides[0].association.poll_timeout(),
            self.sides[1].association.poll_timeout(),
        ];
        let Some(next) = next
            .into_iter()
            .flatten()
            .min()
            .filter(|next| *next <= limit)
        else {
            self.now = self.now.max(limit);
            return false;
        };
        self.now = self.now.max(next);
        for side in 0..2 {
            if self.sides[side]
                .association
                .poll_timeout()
                .is_some_and(|due| due <= self.now)
            {
                self.sides[side].association.handle_timeout(self.now);
            }
        }
        while let Some(Reverse((at, sequence, to))) = self.queue.peek().copied() {
            if at > self.now {
                break;
            }
            self.queue.pop();
            if let Some(packet) = self.packets.remove(&sequence) {
                self.sides[to].association.handle_packet(self.now, packet);
            }
        }
        self.drain();
        true
    }

    pub(super) fn run_for(&mut self, time: Duration) {
        let end = self.now + time;
        while self.step(end) {}
    }

    /// Runs until the condition holds; `false` if it did not within `time`.
    pub(super) fn run_until(
        &mut self,
        time: Duration,
        mut condition: impl FnMut(&mut Pair) -> bool,
    ) -> bool {
        let end = self.now + time;
        loop {
            if condition(self) {
                return true;
            }
            if !self.step(end) {
                return condition(self);
            }
        }
    }

    /// Sends as much as the channel takes, whenever it takes it, until `count` messages were sent
    /// and read by the other side.
    pub(super) fn pump(
        &mut self,
        side: usize,
        id: ChannelId,
        message: &Bytes,
        count: usize,
        time: Duration,
    ) -> bool {
        let mut left = count;
        let before = self.sides[1 - side].received.len();
        self.run_until(time, |pair| {
            while left > 0
                && pair.sides[side]
                    .association
                    .send(pair.now, id, message.clone().into())
                    .is_ok()
            {
                left -= 1;
            }
            pair.drain();
            left == 0 && pair.sides[1 - side].received.len() >= before + count
        })
    }
}

/// Bytes that differ from place to place, so that no two parts of a message are alike.
pub(super) fn pattern(length: usize, seed: u8) -> Bytes {
    (0..length)
        .map(|i| (i.wrapping_mul(31) >> 3) as u8 ^ i as u8 ^ seed)
        .collect()
}
