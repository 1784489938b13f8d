use super::*;
use crate::sctp::testing::epoch;

const MS: Duration = Duration::from_millis(1);

/// A bottleneck with as long a queue as it takes, and a sender that uses its whole limit.
struct Bench {
    path: Path,
    now: Instant,
    /// Bytes per second.
    rate: f64,
    rtt: Duration,
    delivered: u64,
}

impl Bench {
    fn new(rate: f64, rtt: Duration) -> Bench {
        Bench {
            path: Path::new(GROWTH_ABOVE),
            now: epoch(),
            rate,
            rtt,
            delivered: 0,
        }
    }

    /// One round trip with so much in flight.
    fn round(&mut self, flight: u64) -> Duration {
        let rtt = self
            .rtt
            .max(Duration::from_secs_f64(flight as f64 / self.rate));
        self.path.on_sent(self.delivered as u32, flight);
        self.now += rtt;
        self.path
            .on_probe(self.now, self.delivered as u32, Some(rtt));
        // Sixteen acknowledgements, each of what was sent a round trip before.
        for part in 1..=16 {
            let total = self.delivered + flight * part / 16;
            let bytes = flight.min(total);
            let delivered = Amount {
                bytes,
                chunks: bytes / 1000,
            };
            self.path
                .on_acknowledged(self.now, rtt, rtt, delivered, total);
        }
        self.delivered += flight;
        rtt
    }

    fn full(&mut self, rounds: usize) -> Duration {
        let mut rtt = Duration::ZERO;
        for _ in 0..rounds {
            self.path.on_limited();
            rtt = self.round(self.path.limit().bytes);
        }
        rtt
    }
}

#[test]
fn the_limit_grows_to_what_the_path_holds_and_a_quarter() {
    let mut bench = Bench::new(10e6, 100 * MS);
    assert_eq!(bench.path.limit(), START);
    let mut longest = Duration::ZERO;
    for _ in 0..20 {
        longest = longest.max(bench.full(1));
    }
    let limit = bench.path.limit();
    assert!((1_240_000..1_260_000).contains(&limit.bytes), "{limit:?}");
    assert!((1_240..1_260).contains(&limit.chunks), "{limit:?}");
    // The queue never held more than two fifths of a round trip, not even while it grew.
    assert!(longest <= 141 * MS, "{longest:?}");
}

#[test]
fn what_a_slow_path_holds_may_be_less_than_the_first_limit_but_not_on_a_short_one() {
    let mut slow = Bench::new(250e3, 50 * MS);
    // Congestion control below lets out little at first.
    slow.round(4000);
    slow.full(20);
    let limit = slow.path.limit().bytes;
    assert!((15_000..16_000).contains(&limit), "{limit}");
    let mut short = Bench::new(250e3, MS);
    short.round(200);
    short.full(20);
    assert_eq!(short.path.limit(), START);
}

#[test]
fn a_sender_with_little_to_send_does_not_lower_the_limit() {
    let mut bench = Bench::new(10e6, 50 * MS);
    bench.full(20);
    let before = bench.path.limit().bytes;
    for _ in 0..100 {
        bench.round(1000);
    }
    // There is no queue any more, so it may even try a little more.
    assert!(bench.path.limit().bytes >= before);
}

#[test]
fn a_faster_path_is_found_within_some_round_trips() {
    let mut bench = Bench::new(2.5e6, 50 * MS);
    bench.full(20);
    bench.rate = 12.5e6;
    bench.full(7);
    let limit = bench.path.limit().bytes;
    assert!(limit >= 625_000, "{limit}");
}

#[test]
fn a_slower_path_is_believed_after_some_round_trips() {
    let mut bench = Bench::new(10e6, 50 * MS);
    bench.full(20);
    bench.rate = 2.5e6;
    bench.full(ROUNDS + 4);
    let limit = bench.path.limit().bytes;
    assert!((150_000..180_000).contains(&limit), "{limit}");
    assert_eq!(bench.path.min_rtt(), Some(50 * MS));
}

#[test]
fn a_longer_path_is_believed_after_a_while_and_costs_no_rate_for_ever() {
    let mut bench = Bench::new(10e6, 50 * MS);
    bench.full(20);
    bench.rtt = 150 * MS;
    let end = bench.now + MIN_RTT_LIFETIME;
    while bench.now < end {
        bench.full(1);
    }
    bench.full(20);
    assert_eq!(bench.path.min_rtt(), Some(150 * MS));
    let limit = bench.path.limit().bytes;
    assert!((1_860_000..1_890_000).contains(&limit), "{limit}");
}

#[test]
fn the_round_trip_is_measured_anew_without_a_queue() {
    let mut bench = Bench::new(10e6, 50 * MS);
    bench.full(20);
    let end = bench.now + MIN_RTT_LIFETIME;
    let mut shortest = Duration::MAX;
    while bench.now < end {
        shortest = shortest.min(bench.full(1));
    }
    assert_eq!(shortest, 50 * MS);
    let limit = bench.path.limit().bytes;
    assert!((620_000..630_000).contains(&limit), "{limit}");
}

#[test]
fn what_leaves_at_once_after_a_pause_is_paced() {
    let mut bench = Bench::new(10e6, 50 * MS);
    assert_eq!(bench.path.burst(1000, MS), (usize::MAX, usize::MAX));
    bench.full(20);
    let (paced, earned) = bench.path.burst(1000, 3 * MS);
    assert!((37_000..38_000).contains(&paced), "{paced}");
    assert_eq!(earned, 1250);
}
