//! SRTP and SRTCP against libsrtp, both directions, for each profile: byte for byte where both
//! protect, and each opens what the other sealed, across wraps, losses and reordering.
//!
//! `RTC_AIORTC_PYTHON` names a Python that has pylibsrtp, as one with aiortc has; `tests/run.sh`
//! makes one. Without it the tests say that they are skipped, and fail with `CI=true`.

mod libsrtp;

use actix_rtc_proto::demux::Media;
use actix_rtc_proto::random::Random;
use actix_rtc_proto::srtp::{Config, ReceiveContext, SendContext, SrtpProfile};
use libsrtp::Libsrtp;

const SSRC: u32 = 0x1234_5678;

/// A packet of 12 to 100 bytes, some with an extension, by its index.
fn rtp(ssrc: u32, index: u64) -> Vec<u8> {
    let mut packet = vec![0x80, 96];
    packet.extend((index as u16).to_be_bytes());
    packet.extend((index as u32).wrapping_mul(960).to_be_bytes());
    packet.extend(ssrc.to_be_bytes());
    if index.is_multiple_of(3) {
        packet[0] |= 0x10;
        packet.extend([0xBE, 0xDE, 0, 1, 0x10, b'0', 0, 0]);
    }
    packet.extend((0..index % 89).map(|at| (at + index) as u8));
    packet
}

/// A receiver report with one block.
fn rtcp(ssrc: u32, number: u32) -> Vec<u8> {
    let mut packet = vec![0x81, 201, 0, 7];
    packet.extend(ssrc.to_be_bytes());
    packet.extend((0..6).flat_map(|word: u32| (number * 7 + word).to_be_bytes()));
    packet
}

/// One direction: whoever sends and whoever receives, with one key.
struct Direction {
    peer: Libsrtp,
    send: SendContext,
    receive: ReceiveContext,
}

impl Direction {
    fn new(profile: SrtpProfile, seed: u64) -> Option<Direction> {
        let mut peer = Libsrtp::start()?;
        let mut random = Random::from_number(seed);
        let len = profile.key_len() + profile.salt_len();
        let master: Vec<u8> = (0..len).map(|_| random.bytes::<1>()[0]).collect();
        peer.context("send", true, profile, &master);
        peer.context("receive", false, profile, &master);
        let (key, salt) = master.split_at(profile.key_len());
        let config = Config::default();
        Some(Direction {
            peer,
            send: SendContext::new(profile, key, salt, config).unwrap(),
            receive: ReceiveContext::new(profile, key, salt, config).unwrap(),
        })
    }

    fn seal(&mut self, packet: &[u8]) -> Vec<u8> {
        let mut buffer = packet.to_vec();
        buffer.resize(packet.len() + self.send.profile().rtcp_overhead(), 0);
        let len = self.send.protect(&mut buffer, packet.len()).unwrap();
        buffer.truncate(len);
        buffer
    }

    fn open(&mut self, mut packet: Vec<u8>) -> Option<Vec<u8>> {
        let (_, len) = self.receive.unprotect(&mut packet).ok()?;
        packet.truncate(len);
        Some(packet)
    }

    /// Both seal `packets` alike; each opens, in `order`, what the other sealed.
    fn exchange(&mut self, packets: &[Vec<u8>], order: &[usize]) {
        let theirs = self.peer.call("send", "protect", Media::Rtp, packets);
        let theirs: Vec<_> = theirs.into_iter().map(|packet| packet.unwrap()).collect();
        let ours: Vec<_> = packets.iter().map(|packet| self.seal(packet)).collect();
        assert_eq!(ours, theirs);
        let arrived: Vec<_> = order.iter().map(|at| ours[*at].clone()).collect();
        let opened = self.peer.call("receive", "unprotect", Media::Rtp, &arrived);
        for ((at, packet), opened) in order.iter().zip(arrived).zip(opened) {
            assert_eq!(opened.as_ref(), Some(&packets[*at]), "libsrtp refused {at}");
            assert_eq!(
                self.open(packet).as_ref(),
                Some(&packets[*at]),
                "we refused {at}"
            );
        }
    }
}

fn each_profile(test: impl Fn(Direction)) {
    for (seed, profile) in (0..).zip(SrtpProfile::ALL) {
        if let Some(direction) = Direction::new(profile, seed) {
            test(direction);
        }
    }
}

#[test]
fn packets_of_several_ssrcs_are_the_same_byte_for_byte() {
    each_profile(|mut direction| {
        let packets: Vec<_> = (0..600)
            .map(|at| rtp(SSRC + at as u32 % 4, 20_000 + at / 4))
            .collect();
        direction.exchange(&packets, &(0..600).collect::<Vec<_>>());
    });
}

#[test]
fn wraps_reordering_and_loss_at_the_wrap() {
    each_profile(|mut direction| {
        let mut random = Random::from_number(1);
        // Three wraps; before the second and the third everything around the wrap is lost.
        let runs = [65_300..65_900, 98_000..98_500, 130_700..131_020];
        let lost = [161_500..161_900, 193_000..193_300, 197_000..197_200];
        for run in runs.into_iter().chain(lost) {
            let packets: Vec<_> = run.map(|index| rtp(SSRC, index)).collect();
            let mut order: Vec<usize> = (0..packets.len()).collect();
            for at in 0..order.len() {
                let other = (at + random.u32() as usize % 60).min(order.len() - 1);
                order.swap(at, other);
            }
            // A tenth is lost.
            order.retain(|_| !random.u32().is_multiple_of(10));
            direction.exchange(&packets, &order);
        }
    });
}

#[test]
fn reports_both_ways() {
    each_profile(|mut direction| {
        let reports: Vec<_> = (0..300).map(|at| rtcp(SSRC + at % 3, at)).collect();
        let ours: Vec<_> = reports
            .iter()
            .map(|report| direction.seal(report))
            .collect();
        let peer = &mut direction.peer;
        let opened = peer.call("receive", "unprotect", Media::Rtcp, &ours);
        assert!(opened.into_iter().flatten().eq(reports.iter().cloned()));
        let theirs = peer.call("send", "protect", Media::Rtcp, &reports);
        for (packet, report) in theirs.into_iter().zip(reports) {
            assert_eq!(direction.open(packet.unwrap()), Some(report));
        }
    });
}

#[test]
fn what_was_changed_or_repeated_is_refused_by_both() {
    each_profile(|mut direction| {
        for (kind, packets) in [
            (
                Media::Rtp,
                (1..60).map(|at| rtp(SSRC, at)).collect::<Vec<_>>(),
            ),
            (Media::Rtcp, (1..60).map(|at| rtcp(SSRC, at)).collect()),
        ] {
            let sealed: Vec<_> = packets
                .iter()
                .map(|packet| direction.seal(packet))
                .collect();
            let mut forged = sealed.clone();
            for (at, packet) in forged.iter_mut().enumerate() {
                let len = packet.len();
                packet[12 + at * 5 % (len - 12)] ^= 1 << (at % 8);
            }
            let attack = |direction: &mut Direction, packets: &[Vec<u8>]| {
                let peer = &mut direction.peer;
                let opened = peer.call("receive", "unprotect", kind, packets);
                assert_eq!(opened.into_iter().flatten().count(), 0);
                for packet in packets {
                    assert_eq!(direction.open(packet.clone()), None);
                }
            };
            attack(&mut direction, &forged);
            let opened = direction.peer.call("receive", "unprotect", kind, &sealed);
            assert!(opened.iter().all(Option::is_some));
            for (packet, plain) in sealed.iter().zip(packets) {
                assert_eq!(direction.open(packet.clone()), Some(plain));
            }
            attack(&mut direction, &sealed);
        }
    });
}
