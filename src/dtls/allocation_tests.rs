//! What a record costs in allocations, beyond what dimpl itself allocates for one.

use allocation_counter::{AllocationInfo, measure};
use dimpl::{Dtls, Output};

use super::testkit::*;
use super::*;
use crate::machine::Machine;

const PAYLOAD: [u8; 1_150] = [7; 1_150];
/// As many as leave in one segmented send.
const RECORDS: usize = 50;

/// dimpl by itself: a client and a server.
struct Bare([Dtls; 2]);

impl Bare {
    fn connected(versions: Versions) -> Bare {
        let config = Config {
            versions,
            ..Config::default()
        };
        let end = |role, seed| {
            let mut end = engine::start(&config, &certificate(seed), role, beginning()).unwrap();
            end.handle_timeout(beginning()).unwrap();
            end
        };
        let mut bare = Bare([end(Role::Client, 1), end(Role::Server, 2)]);
        let mut connected = [false; 2];
        while connected != [true; 2] {
            for at in [0, 1] {
                for datagram in bare.sent(at, &mut connected[at]) {
                    bare.0[1 - at].handle_packet(&datagram).unwrap();
                }
            }
        }
        // Acknowledgements of the last flight.
        for at in [1, 0, 1] {
            for datagram in bare.sent(at, &mut connected[at]) {
                bare.0[1 - at].handle_packet(&datagram).unwrap();
            }
        }
        bare
    }

    fn sent(&mut self, at: usize, connected: &mut bool) -> Vec<Vec<u8>> {
        let (mut sent, mut space) = (Vec::new(), [0; 4_096]);
        loop {
            match self.0[at].poll_output(&mut space) {
                Output::Packet(packet) => sent.push(packet.to_vec()),
                Output::Connected => *connected = true,
                Output::Timeout(_) => return sent,
                _ => {}
            }
        }
    }

    /// Seals a batch; the space for it is there already.
    fn seal(&mut self, batch: &mut [[u8; 1_300]]) -> AllocationInfo {
        measure(|| {
            for space in batch {
                self.0[0].send_application_data(&PAYLOAD).unwrap();
                while !matches!(self.0[0].poll_output(space), Output::Timeout(_)) {}
            }
        })
    }

    fn open(&mut self, datagrams: &[Vec<u8>]) -> AllocationInfo {
        let mut space = [0; 1_300];
        measure(|| {
            for datagram in datagrams {
                self.0[1].handle_packet(datagram).unwrap();
                while !matches!(self.0[1].poll_output(&mut space), Output::Timeout(_)) {}
            }
        })
    }
}

/// Of an endpoint: a batch sealed, and a batch opened.
fn endpoint(versions: Versions) -> [AllocationInfo; 2] {
    let mut pair = Pair::of(versions, versions, perfect()).connected();
    pair.assert_alive();
    let now = pair.now;
    let [client, server] = &mut pair.ends;
    let mut batch = None;
    let sealed = measure(|| {
        for _ in 0..RECORDS {
            client.send(now, &PAYLOAD).unwrap();
        }
        batch = client.poll_transmit(now);
    });
    let batch = batch.unwrap();
    assert_eq!(batch.count(), RECORDS);
    let opened = measure(|| {
        server.handle_segments(now, &batch);
        let mut count = 0;
        while let Some(Event::ApplicationData(data)) = server.poll_event() {
            assert_eq!(data.len(), PAYLOAD.len());
            count += 1;
        }
        assert_eq!(count, RECORDS);
    });
    [sealed, opened]
}

#[test]
fn a_batch_takes_a_handful_of_allocations_and_two_buffers_beyond_those_of_dimpl_itself() {
    for versions in [Versions::Only12, Versions::Only13] {
        let mut bare = Bare::connected(versions);
        // What is allocated once is not counted.
        bare.seal(&mut [[0; 1_300]]);
        let bare_sealed = bare.seal(&mut [[0; 1_300]; RECORDS]);
        let mut datagrams = Vec::new();
        for _ in 0..2 * RECORDS {
            bare.0[0].send_application_data(&PAYLOAD).unwrap();
            datagrams.extend(bare.sent(0, &mut true));
        }
        bare.open(&datagrams[..RECORDS]);
        let bare_opened = bare.open(&datagrams[RECORDS..]);
        let [sealed, opened] = endpoint(versions);
        for (what, ours, dimpls) in [("seal", sealed, bare_sealed), ("open", opened, bare_opened)] {
            let count = ours.count_total as i64 - dimpls.count_total as i64;
            let bytes = ours.bytes_total as i64 - dimpls.bytes_total as i64;
            println!(
                "{versions:?}: {what} {RECORDS} records: {} allocations, {count} more than dimpl, \
                 and {bytes} bytes more",
                ours.count_total
            );
            assert!(count <= 16, "{versions:?} {what}: {ours:?} {dimpls:?}");
            // The payloads once, in a buffer that may have grown to it by doubling.
            let payloads = (RECORDS * 1_300) as i64;
            assert!(bytes <= 4 * payloads, "{versions:?} {what}: {bytes}");
        }
    }
}
