//! Both directions of a transport, on a network that loses, repeats and reorders.

use std::collections::BTreeSet;

use super::testkit::*;
use super::*;
use crate::demux::Media;
use crate::net::Coalescer;
use crate::random::Random;

const SSRC: u32 = 0x0BAD_CAFE;

#[test]
fn each_side_opens_what_the_other_sealed_and_nothing_else() {
    for profile in SrtpProfile::ALL {
        let (mut client, mut server) = pair(profile, 1);
        let (packet, report) = (rtp(SSRC, 7, 1_188), rtcp(SSRC, 7));
        let sealed = client.send.sealed(&packet).unwrap();
        assert_eq!(sealed.len(), packet.len() + profile.rtp_overhead());
        assert_ne!(sealed[12..packet.len()], packet[12..]);
        assert_eq!(server.receive.opened(&sealed).unwrap(), packet);
        let sealed = client.send.sealed(&report).unwrap();
        assert_eq!(sealed.len(), report.len() + profile.rtcp_overhead());
        assert_eq!(server.receive.opened(&sealed).unwrap(), report);
        // Reflected to its sender, it is not the peer's.
        let refused = client.receive.opened(&sealed);
        assert_eq!(refused, Err(UnprotectError::NotAuthentic));
        let sealed = server.send.sealed(&packet).unwrap();
        assert_eq!(client.receive.opened(&sealed).unwrap(), packet);
        assert_eq!(client.receive.streams(), (1, 0));
        assert_eq!(server.receive.streams(), (1, 1));
    }
}

#[test]
fn headers_of_every_form_stay_readable() {
    for profile in SrtpProfile::ALL {
        let (mut client, mut server) = pair(profile, 2);
        for (csrcs, extension) in [
            (0, None),
            (3, None),
            (0, Some(2)),
            (15, Some(0)),
            (1, Some(9)),
        ] {
            let mut packet = rtp(SSRC, u64::from(csrcs as u8) + 1, 0);
            packet[0] |= csrcs as u8;
            packet.extend(vec![0xC5; csrcs * 4]);
            if let Some(words) = extension {
                packet[0] |= 0x10;
                packet.extend([0xBE, 0xDE, 0, words]);
                packet.extend(vec![0x10; usize::from(words) * 4]);
            }
            let header = packet.len();
            packet.extend([0xAB; 5]);
            // The sequence numbers differ by the SSRC here.
            packet[11] = header as u8;
            let sealed = client.send.sealed(&packet).unwrap();
            assert_eq!(sealed[..header], packet[..header]);
            assert_ne!(sealed[header..packet.len()], packet[header..]);
            assert_eq!(server.receive.opened(&sealed).unwrap(), packet);
        }
    }
}

/// What happens to packets between the two.
struct Network {
    random: Random,
    /// Packets that were held back, and may come more than once.
    held: Vec<(u64, Vec<u8>)>,
}

impl Network {
    fn carry(&mut self, index: u64, packet: Vec<u8>) -> Vec<(u64, Vec<u8>)> {
        let mut out = Vec::new();
        match self.random.u32() % 10 {
            0 => {}
            1 | 2 => self.held.push((index, packet)),
            3 => out.extend([(index, packet.clone()), (index, packet)]),
            _ => out.push((index, packet)),
        }
        while self.held.len() > 40 || (!self.held.is_empty() && self.random.u32().is_multiple_of(4))
        {
            let at = self.random.u32() as usize % self.held.len();
            out.push(self.held.swap_remove(at));
        }
        out
    }
}

/// Both directions, many SSRCs, several wraps, with gaps of up to 32,700 packets, many of them
/// across a wrap: everything that comes is opened once.
#[test]
fn nothing_is_refused_that_is_new_across_wraps_and_losses() {
    for (seed, profile) in (0..12).zip(SrtpProfile::ALL.into_iter().cycle()) {
        let (client, server) = pair(profile, seed);
        let mut random = Random::from_number(seed);
        for (mut send, mut receive) in
            [(client.send, server.receive), (server.send, client.receive)]
        {
            for stream in 0..3 {
                let ssrc = SSRC + stream;
                let mut network = Network {
                    random: random.fork(),
                    held: Vec::new(),
                };
                let mut seen = BTreeSet::new();
                let mut index = u64::from(random.u32() % 0x1_0000);
                for _ in 0..1_500 {
                    let unheard = index - seen.last().copied().unwrap_or(index);
                    index += match random.u32() % 100 {
                        0 if unheard < 60 => u64::from(random.u32() % 32_700) + 1,
                        // Just over the next wrap.
                        1 if unheard < 60 => (0x1_0000 - index % 0x1_0000 + 3).min(32_700),
                        _ => 1,
                    };
                    let sealed = send.sealed(&rtp(ssrc, index, 20)).unwrap();
                    for (index, packet) in network.carry(index, sealed) {
                        let highest = seen.last().copied().unwrap_or(0);
                        let opened = receive.opened(&packet);
                        if seen.contains(&index) || index + 1_024 <= highest {
                            assert!(opened.is_err(), "seed {seed}, {index}");
                        } else {
                            assert_eq!(opened, Ok(rtp(ssrc, index, 20)), "seed {seed}, {index}");
                            seen.insert(index);
                        }
                    }
                }
                assert!(seen.last().unwrap() >> 16 > 2, "no wraps in seed {seed}");
            }
            assert_eq!(receive.streams().0, 3);
        }
    }
}

/// Seals packets from `from` on and loses all but those from `until` on.
fn resumed(profile: SrtpProfile, from: u64, until: u64) -> Vec<Result<Vec<u8>, UnprotectError>> {
    let (mut client, mut server) = pair(profile, 3);
    let mut opened = Vec::new();
    for index in from..until + 40 {
        let sealed = client.send.sealed(&rtp(SSRC, index, 4)).unwrap();
        if index == from + 1_000 || index >= until {
            opened.push(server.receive.opened(&sealed));
        }
    }
    opened
}

#[test]
fn a_stream_that_begins_before_a_wrap_may_lose_all_that_came_before_it() {
    for profile in SrtpProfile::ALL {
        let (mut client, mut server) = pair(profile, 4);
        for index in 0xFFF0..0x1_0000 {
            client.send.sealed(&rtp(SSRC, index, 4)).unwrap();
        }
        for index in 0x1_0005..0x1_0100 {
            let sealed = client.send.sealed(&rtp(SSRC, index, 4)).unwrap();
            assert_eq!(server.receive.opened(&sealed), Ok(rtp(SSRC, index, 4)));
        }
    }
}

#[test]
fn after_a_long_loss_a_stream_is_found_again() {
    for profile in SrtpProfile::ALL {
        for lost in [32_000, 33_000, 65_536, 70_000, 98_000] {
            let opened = resumed(profile, 40_000, 41_000 + lost);
            assert!(opened[0].is_ok());
            let refused = opened[1..].iter().filter(|opened| opened.is_err()).count();
            assert_eq!(
                refused,
                if lost < 0x8000 { 0 } else { 16 },
                "{profile:?} {lost}"
            );
            assert!(opened.last().unwrap().is_ok());
        }
    }
}

#[test]
fn a_sender_never_uses_an_index_twice() {
    let (mut client, _) = pair(SrtpProfile::AeadAes128Gcm, 5);
    for index in [2_000, 2_002, 2_001, 979] {
        client.send.sealed(&rtp(SSRC, index, 4)).unwrap();
    }
    let mut error = |index, byte| {
        let mut packet = rtp(SSRC, index, 4);
        packet[12] = byte;
        client.send.sealed(&packet).unwrap_err()
    };
    assert_eq!(error(2_001, 1), ProtectError::Repeated);
    assert_eq!(error(2_002, 2), ProtectError::Repeated);
    assert_eq!(error(979, 2), ProtectError::Repeated);
    assert_eq!(error(978, 2), ProtectError::TooOld);
    assert_eq!(error(900, 2), ProtectError::TooOld);
    let counters = *client.send.counters();
    assert_eq!((counters.repeated, counters.too_old), (3, 2));
    assert_eq!(counters.protected.rtp_packets, 4);
    assert_eq!(counters.protected.rtp_bytes, 4 * 16);
}

#[test]
fn what_cannot_be_protected_is_left_as_it_is() {
    for profile in SrtpProfile::ALL {
        let (mut client, _) = pair(profile, 6);
        let mut protect = |packet: &[u8], len| {
            let mut buffer = packet.to_vec();
            let error = client.send.protect(&mut buffer, len).unwrap_err();
            assert_eq!(buffer, packet);
            error
        };
        let packet = rtp(SSRC, 1, 4);
        assert_eq!(protect(&packet, packet.len()), ProtectError::NoRoom);
        assert_eq!(protect(&packet, packet.len() + 1), ProtectError::NoRoom);
        assert_eq!(protect(&packet, 11), ProtectError::Malformed);
        assert_eq!(protect(&[], 0), ProtectError::Malformed);
        assert_eq!(protect(&[20; 40], 20), ProtectError::Malformed);
        let report = rtcp(SSRC, 1);
        assert_eq!(protect(&report, report.len()), ProtectError::NoRoom);
        assert_eq!(protect(&report, 7), ProtectError::Malformed);
        // An extension that is longer than the packet.
        let mut long = packet.clone();
        long[0] |= 0x10;
        long[14..16].copy_from_slice(&[0, 2]);
        assert_eq!(protect(&long, long.len()), ProtectError::Malformed);
        assert_eq!(client.send.streams(), (0, 0));
    }
}

#[test]
fn more_ssrcs_than_allowed_are_refused_and_those_that_are_there_go_on() {
    let profile = SrtpProfile::AeadAes128Gcm;
    let material = material(profile, 7);
    let config = Config { max_streams: 2 };
    let mut server = Contexts::new(&material, Side::Server, config).unwrap();
    let mut client = Contexts::new(&material, Side::Client, Config::default()).unwrap();
    for ssrc in 0..5 {
        for packet in [rtp(ssrc, 1, 4), rtcp(ssrc, 1)] {
            let want = if ssrc < 2 {
                Ok(packet.clone())
            } else {
                Err(UnprotectError::TooManyStreams)
            };
            let sealed = client.send.sealed(&packet).unwrap();
            assert_eq!(server.receive.opened(&sealed), want);
            let sent = server.send.sealed(&packet).err();
            assert_eq!(sent, (ssrc >= 2).then_some(ProtectError::TooManyStreams));
        }
    }
    let sealed = client.send.sealed(&rtp(1, 2, 4)).unwrap();
    assert!(server.receive.opened(&sealed).is_ok());
    assert_eq!(server.receive.streams(), (2, 2));
    assert_eq!(server.receive.counters().too_many_streams, 6);
}

#[test]
fn batches_go_through_whole() {
    for profile in SrtpProfile::ALL {
        let (mut client, mut server) = pair(profile, 8);
        let mut packets: Vec<_> = (1..=20).map(|index| rtp(SSRC, index, 1_000)).collect();
        packets.insert(7, vec![1, 2, 3]);
        packets.push(rtp(SSRC, 21, 100));
        let mut out = Coalescer::default();
        client.send.protect_batch(&packets, &mut out);
        let written = client.send.protect_with(12, &mut out, |space| {
            space.copy_from_slice(&rtcp(SSRC, 9));
        });
        written.unwrap();
        let segments = out.take();
        let counts: Vec<_> = segments.iter().map(|segments| segments.count()).collect();
        assert_eq!(counts, [21, 1]);
        packets.remove(7);
        packets.push(rtcp(SSRC, 9));

        let mut came = Vec::new();
        for segments in segments {
            let mut batch = segments.contents().to_vec();
            // One of them is damaged on the way, and comes again.
            batch[3 * segments.segment_size() % segments.len() + 14] ^=
                (segments.count() > 1) as u8;
            let mut opened = Vec::new();
            let receive = &mut server.receive;
            receive.unprotect_batch(&mut batch, segments.segment_size(), &mut opened);
            for packet in opened {
                let kind = if packet.range.len() == 12 {
                    Media::Rtcp
                } else {
                    Media::Rtp
                };
                assert_eq!(packet.kind, kind);
                came.push(batch[packet.range].to_vec());
            }
        }
        packets.remove(3);
        assert_eq!(came, packets);
        let counters = server.receive.counters();
        assert_eq!(counters.not_authentic, 1);
        assert_eq!(counters.unprotected.rtp_packets, 20);
        assert_eq!(counters.unprotected.rtcp_bytes, 12);
        server.receive.unprotect_batch(&mut [], 0, &mut Vec::new());
    }
}

#[test]
fn keying_material_is_cut_as_rfc_5764_says_and_compared_whole() {
    for profile in SrtpProfile::ALL {
        let (key, salt) = (profile.key_len(), profile.salt_len());
        let bytes: Vec<u8> = (0..profile.keying_material_len() as u8).collect();
        let new = |bytes: &[u8]| SrtpKeyingMaterial::new(profile, bytes.to_vec());
        let material = new(&bytes).unwrap();
        assert_eq!(
            material.client(),
            (&bytes[..key], &bytes[2 * key..][..salt])
        );
        assert_eq!(
            material.server(),
            (&bytes[key..2 * key], &bytes[2 * key + salt..])
        );
        assert_eq!(Some(&material), new(&bytes).as_ref());
        assert_eq!(new(&bytes[1..]), None);
        for at in 0..bytes.len() {
            let mut other = bytes.clone();
            other[at] ^= 1;
            assert_ne!(Some(&material), new(&other).as_ref());
        }
    }
}

#[test]
fn keys_are_not_in_the_debug_text() {
    let material = material(SrtpProfile::AeadAes128Gcm, 9);
    let contexts = Contexts::new(&material, Side::Client, Config::default()).unwrap();
    let text = format!("{material:?} {contexts:?}");
    assert!(text.contains("AeadAes128Gcm"));
    // No bytes are in it.
    assert!(!text.contains('['), "{text}");
}
