//! The framing of RFC 4571 means the same however the stream is cut, and holds no more than it may.
#![no_main]

use actix_rtc_proto::framing::{Deframer, TooLong, frame};
use bytes::{Bytes, BytesMut};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((&cut, stream)) = input.split_first() else { return };
    let whole = run(stream.chunks(stream.len().max(1)));
    let pieces = run(stream.chunks(usize::from(cut) + 1));
    assert_eq!(whole, pieces);

    // What came out goes in again.
    let mut framed = BytesMut::new();
    for datagram in &whole.0 {
        frame(&datagram.clone().into(), &mut framed);
    }
    let again = run(std::iter::once(&framed[..]));
    assert_eq!(again, (whole.0, None));
});

fn run<'a>(reads: impl Iterator<Item = &'a [u8]>) -> (Vec<Bytes>, Option<TooLong>) {
    let mut deframer = Deframer::new(1500);
    let mut found = Vec::new();
    for read in reads {
        deframer.push(read);
        loop {
            match deframer.next_datagram() {
                Ok(Some(datagram)) => found.push(datagram),
                Ok(None) => break,
                Err(error) => return (found, Some(error)),
            }
        }
    }
    (found, None)
}
