use super::*;
use crate::sctp::engine::path::GROWTH;
use crate::sctp::testing::epoch;

const PACKET: usize = 1_160;
const RTT: Duration = Duration::from_millis(50);

/// A controller whose window is always used, on a path with this round trip.
struct Bench {
    controller: Box<dyn Controller>,
    path: Path,
    now: Instant,
    tsn: u64,
}

impl Bench {
    fn new(kind: CongestionControl) -> Bench {
        let mut bench = Bench {
            controller: controller(kind, PACKET),
            path: Path::new(GROWTH),
            now: epoch(),
            tsn: 1 << 32,
        };
        bench.round(RTT);
        bench
    }

    fn window(&self) -> usize {
        self.controller.window(&self.path)
    }

    /// A round trip in which everything is acknowledged.
    fn round(&mut self, rtt: Duration) {
        let window = self.window();
        let packets = window / PACKET;
        let end = self.tsn + packets as u64;
        for _ in 0..packets {
            self.now += rtt / packets as u32;
            self.tsn += 1;
            let amount = |bytes: usize| crate::sctp::engine::path::Amount {
                bytes: bytes as u64,
                chunks: (bytes / PACKET) as u64,
            };
            self.path
                .on_acknowledged(self.now, rtt, rtt, amount(window), self.tsn * 1_160);
            self.controller.on_acked(
                Acked {
                    now: self.now,
                    bytes: PACKET,
                    in_flight: self.window(),
                    rtt: Some(rtt),
                    newest: self.tsn,
                    next: end,
                    recovering: false,
                },
                &self.path,
            );
        }
    }

    fn lose(&mut self, lost: usize, acked: usize) -> bool {
        self.controller.on_loss(Lost { lost, acked }, &self.path)
    }
}

#[test]
fn slow_start_doubles_the_window_until_the_round_trip_grows() {
    use CongestionControl::{Cubic, NewReno};
    for kind in [Cubic, NewReno] {
        let mut bench = Bench::new(kind);
        let before = bench.window();
        bench.round(RTT);
        assert!((before * 19 / 10..=before * 2).contains(&bench.window()));
    }
    let mut bench = Bench::new(Cubic);
    for _ in 0..2 {
        bench.round(RTT);
    }
    // A queue builds up: first the growth is a quarter, then slow start is over.
    for _ in 0..2 {
        bench.round(RTT * 3 / 2);
    }
    let before = bench.window();
    bench.round(RTT * 3 / 2);
    assert!(bench.window() <= before * 13 / 10, "{before}");
    for _ in 0..6 {
        bench.round(RTT * 3 / 2);
    }
    let before = bench.window();
    bench.round(RTT * 3 / 2);
    assert!(bench.window() < before * 6 / 5, "{before}");
}

#[test]
fn cubic_comes_back_to_where_it_was_and_newreno_by_a_packet_a_round() {
    let mut bench = Bench::new(CongestionControl::NewReno);
    for _ in 0..3 {
        bench.round(RTT);
    }
    let before = bench.window();
    assert!(bench.lose(PACKET, before));
    assert_eq!(bench.window(), before / 2);
    bench.round(RTT);
    bench.round(RTT);
    assert!((before / 2..=before / 2 + 2 * PACKET).contains(&bench.window()));

    let mut bench = Bench::new(CongestionControl::Cubic);
    for _ in 0..3 {
        bench.round(RTT);
    }
    bench.round(2 * RTT);
    let before = bench.window();
    assert!(bench.lose(PACKET, before), "the queue is long");
    assert_eq!(bench.window(), (before as f64 * 0.7) as usize);
    // RFC 9438 §4.1: K is the cube root of 0.3 of the window in packets, over 0.4.
    let k = (before as f64 / PACKET as f64 * 0.3 / 0.4).cbrt();
    let start = bench.now;
    while bench.window() < before {
        bench.round(2 * RTT);
        assert!(bench.now < start + Duration::from_secs(20));
    }
    let took = (bench.now - start).as_secs_f64();
    assert!(
        (k * 0.5..k * 1.3).contains(&took),
        "{took} s instead of {k}"
    );
}

#[test]
fn cubic_takes_a_loss_for_congestion_when_there_is_a_queue_or_many_of_them() {
    let mut bench = Bench::new(CongestionControl::Cubic);
    for _ in 0..3 {
        bench.round(RTT);
    }
    let before = bench.window();
    assert!(!bench.lose(PACKET, before));
    assert_eq!(bench.window(), before);
    assert!(bench.lose(before / 5, before));
    assert!(bench.window() < before);
}

#[test]
fn what_was_no_loss_is_undone_and_a_timeout_begins_anew() {
    use CongestionControl::{Cubic, Model, NewReno};
    for kind in [Cubic, NewReno] {
        let mut bench = Bench::new(kind);
        bench.round(RTT);
        let before = bench.window();
        assert!(bench.lose(before, before));
        assert!(bench.window() < before);
        bench.controller.on_spurious_loss();
        assert_eq!(bench.window(), before);
    }
    for kind in [Cubic, NewReno, Model] {
        let mut bench = Bench::new(kind);
        bench.round(RTT);
        bench.controller.on_timeout(bench.now, &bench.path);
        assert!(bench.window() <= 2 * PACKET, "{kind:?}");
        for _ in 0..3 {
            bench.round(RTT);
        }
        assert!(bench.window() >= 4 * PACKET, "{kind:?}");
    }
}

#[test]
fn a_short_path_is_not_paced_and_a_long_one_is_by_its_window() {
    use CongestionControl::{Cubic, Model, NewReno};
    for kind in [Cubic, NewReno, Model] {
        let mut bench = Bench::new(kind);
        bench.round(RTT);
        let pace = bench.controller.pace(&bench.path).unwrap();
        let per_round = pace * RTT.as_secs_f64() / bench.window() as f64;
        assert!((1.2..=2.1).contains(&per_round), "{kind:?}: {per_round}");
        let short = Path::new(GROWTH);
        assert_eq!(bench.controller.pace(&short), None);
    }
}
