//! Whoever has no key changes nothing.

use allocation_counter::measure;

use super::testkit::*;
use super::*;
use crate::random::Random;

const SSRC: u32 = 0xDEAD_BEEF;

/// A packet that the peer did not send: one of its own changed, cut or spliced, or plain noise.
fn forged(random: &mut Random, genuine: &[Vec<u8>]) -> Vec<u8> {
    let mut pick = || genuine[random.u32() as usize % genuine.len()].clone();
    let (mut packet, other) = (pick(), pick());
    let at = random.u32() as usize % packet.len();
    match random.u32() % 8 {
        0 => packet[at] ^= 1 << (random.u32() % 8),
        // Another SSRC: no state must come of it.
        1 => packet[8..12].copy_from_slice(&random.bytes::<4>()),
        2 => packet[4..8].copy_from_slice(&random.bytes::<4>()),
        // Another sequence number.
        3 => packet[2..4].copy_from_slice(&random.bytes::<2>()),
        4 => packet.truncate(at),
        // As with an MKI before the tag.
        5 => {
            let tag = packet.len() - 10;
            packet.splice(tag..tag, random.bytes::<4>());
        }
        6 => {
            let at = at.min(other.len() - 1);
            packet.truncate(at);
            packet.extend(&other[at..]);
        }
        _ => {
            packet
                .iter_mut()
                .for_each(|byte| *byte = random.bytes::<1>()[0]);
            packet[0] = 0x80 | (packet[0] & 0x3F);
        }
    }
    packet
}

fn traffic(send: &mut SendContext) -> Vec<Vec<u8>> {
    let packets = (0..300).map(|index| rtp(SSRC, 40_000 + index, 60));
    let reports = (0..100).map(|number| rtcp(SSRC, number));
    packets
        .chain(reports)
        .map(|packet| send.sealed(&packet).unwrap())
        .collect()
}

/// 100,000 packets a profile, forged, replayed and out of order: none is accepted, there is no
/// state of the SSRCs that they name, and no memory is taken.
#[test]
fn a_hundred_thousand_forged_and_replayed_packets_change_nothing() {
    const PACKETS: u64 = 100_000;
    for profile in SrtpProfile::ALL {
        let (mut client, mut server) = pair(profile, 10);
        let mut random = Random::from_number(11);
        let genuine = traffic(&mut client.send);
        // Before anything authentic came: not even the SSRC of the peer gets state.
        for _ in 0..1_000 {
            let mut packet = forged(&mut random, &genuine);
            if !genuine.contains(&packet) {
                server.receive.unprotect(&mut packet).unwrap_err();
            }
        }
        assert_eq!(server.receive.streams(), (0, 0));
        for packet in &genuine {
            server.receive.opened(packet).unwrap();
        }
        let before = *server.receive.counters();

        let mut attack: Vec<Vec<u8>> = Vec::with_capacity(1_000);
        let mut allocated = 0;
        let mut refused = 0;
        while refused < PACKETS {
            attack.clear();
            attack.extend((0..1_000).map(|number| match number % 4 {
                // A replay, in any order.
                0 => genuine[random.u32() as usize % genuine.len()].clone(),
                _ => forged(&mut random, &genuine),
            }));
            let receive = &mut server.receive;
            let memory = measure(|| {
                for packet in &mut attack {
                    receive.unprotect(packet).unwrap_err();
                }
            });
            allocated += memory.count_total;
            refused += attack.len() as u64;
        }
        assert_eq!(allocated, 0, "{profile:?}");
        assert_eq!(server.receive.streams(), (1, 1));
        let after = *server.receive.counters();
        assert_eq!(after.unprotected, before.unprotected);
        let refusals = |counters: &ReceiveCounters| {
            [
                counters.malformed,
                counters.replayed,
                counters.too_old,
                counters.not_authentic,
                counters.too_many_streams,
            ]
        };
        let (before, after) = (refusals(&before), refusals(&after));
        assert_eq!(
            after.iter().sum::<u64>() - before.iter().sum::<u64>(),
            refused
        );
        assert!(
            after[0] > 0 && after[1] > PACKETS / 5 && after[3] > PACKETS / 6,
            "{after:?}"
        );

        // And the peer goes on, next to the highest index of its own.
        for index in 300..340 {
            let sealed = client.send.sealed(&rtp(SSRC, 40_000 + index, 60)).unwrap();
            assert_eq!(
                server.receive.opened(&sealed),
                Ok(rtp(SSRC, 40_000 + index, 60))
            );
        }
    }
}

/// A forged packet far ahead moves neither window nor roll-over counter.
#[test]
fn a_forged_jump_does_not_deafen_a_stream() {
    for profile in SrtpProfile::ALL {
        let (mut client, mut server) = pair(profile, 12);
        let mut first = client.send.sealed(&rtp(SSRC, 60_000, 20)).unwrap();
        server.receive.opened(&first).unwrap();
        for sequence_number in (0..=u16::MAX).step_by(97) {
            first[2..4].copy_from_slice(&sequence_number.to_be_bytes());
            assert!(server.receive.opened(&first).is_err());
        }
        for index in [60_001, 59_999, 65_535, 65_536, 65_530] {
            let sealed = client.send.sealed(&rtp(SSRC, index, 20)).unwrap();
            assert_eq!(server.receive.opened(&sealed), Ok(rtp(SSRC, index, 20)));
        }
    }
}

/// Clear text with E = 0 and rubbish, or nothing, for a tag.
#[test]
fn forged_rtcp_that_says_it_is_not_encrypted_is_refused() {
    for profile in SrtpProfile::ALL {
        let (_, mut server) = pair(profile, 13);
        for index in 0..50u32 {
            for tag in [0x00, 0xAA, 0xFF] {
                let mut packet = rtcp(SSRC, 1);
                match profile {
                    SrtpProfile::Aes128CmHmacSha1_80 => {
                        packet.extend(index.to_be_bytes());
                        packet.extend([tag; 10]);
                    }
                    _ => {
                        packet.extend([tag; 16]);
                        packet.extend(index.to_be_bytes());
                    }
                }
                let refused = server.receive.opened(&packet);
                assert_eq!(refused, Err(UnprotectError::NotAuthentic));
            }
        }
        assert_eq!(server.receive.streams(), (0, 0));
    }
}

#[test]
fn rtcp_is_opened_once_and_in_any_order_of_the_window() {
    for profile in SrtpProfile::ALL {
        let (mut client, mut server) = pair(profile, 14);
        let seal = |number| client.send.sealed(&rtcp(SSRC, number)).unwrap();
        let sealed: Vec<_> = (0..200).map(seal).collect();
        let mut open = |number: usize| server.receive.opened(&sealed[number]).err();
        assert_eq!(open(199), None);
        assert_eq!(open(199), Some(UnprotectError::Replayed));
        assert_eq!(open(100), None);
        assert_eq!(open(100), Some(UnprotectError::Replayed));
        assert_eq!(open(72), None);
        assert_eq!(open(71), Some(UnprotectError::TooOld));
    }
}
