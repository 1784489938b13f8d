//! In the steady state neither direction allocates.

use allocation_counter::measure;

use super::testkit::*;
use super::*;

const BATCH: usize = 50;
const PAYLOAD: usize = 1_188;

#[test]
fn protecting_and_unprotecting_allocate_nothing() {
    for profile in SrtpProfile::ALL {
        let (mut client, mut server) = pair(profile, 20);
        let mut opened = Vec::with_capacity(BATCH);
        let segment = 12 + PAYLOAD + profile.rtp_overhead();
        let mut batch = vec![0; segment * BATCH];
        let mut report = vec![0; 12 + profile.rtcp_overhead()];
        let packets: Vec<_> = (0..10 * BATCH as u64)
            .map(|number| rtp(number as u32 % 5, 65_400 + number, PAYLOAD))
            .collect();
        for (round, packets) in packets.chunks(BATCH).enumerate() {
            let memory = measure(|| {
                for (packet, space) in packets.iter().zip(batch.chunks_mut(segment)) {
                    space[..packet.len()].copy_from_slice(packet);
                    client.send.protect(space, packet.len()).unwrap();
                }
                report[..12].copy_from_slice(&[0x80, 201, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2]);
                client.send.protect(&mut report, 12).unwrap();
                opened.clear();
                server
                    .receive
                    .unprotect_batch(&mut batch, segment, &mut opened);
                server.receive.unprotect(&mut report).unwrap();
            });
            assert_eq!(opened.len(), BATCH);
            // The first round makes the state of five SSRCs, on each side.
            if round > 0 {
                assert_eq!(memory.count_total, 0, "{profile:?}, round {round}");
            }
        }
    }
}

/// A batch for the network costs its buffer, however many packets are in it.
#[test]
fn a_batch_that_is_sent_costs_a_fixed_number_of_allocations() {
    let (mut client, _) = pair(SrtpProfile::AeadAes128Gcm, 21);
    let mut index = 0;
    let mut cost = |packets: u64| {
        let packets: Vec<_> = (0..packets).map(|at| rtp(1, index + at, PAYLOAD)).collect();
        index += packets.len() as u64;
        let mut out = crate::net::Coalescer::default();
        let memory = measure(|| {
            client.send.protect_batch(&packets, &mut out);
            assert_eq!(out.take().len(), 1);
        });
        memory.count_total
    };
    cost(1);
    let (few, many) = (cost(5), cost(50));
    assert_eq!(few, many);
    assert!(many <= 4, "{many}");
}
