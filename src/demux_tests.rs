use super::*;

#[test]
fn the_first_byte_decides() {
    for byte in 0..=255u8 {
        let want = match byte {
            0..=3 => Some(Kind::Stun),
            20..=63 => Some(Kind::Dtls),
            64..=79 => Some(Kind::TurnChannel),
            128..=191 => Some(Kind::Rtp),
            _ => None,
        };
        assert_eq!(classify(&[byte, 0]), want, "{byte}");
    }
    assert_eq!(classify(&[]), None);
}

type Sorted = Vec<(Kind, Vec<Vec<u8>>)>;

fn sorted(segments: Segments) -> (Sorted, usize) {
    let path = Path::udp(
        "192.0.2.1:1".parse().unwrap(),
        "192.0.2.2:2".parse().unwrap(),
    );
    let mut found = Vec::new();
    let unknown = sort(path, segments, |received| {
        assert_eq!(received.path, path);
        let datagrams = received.segments.iter().map(|d| d.to_vec());
        found.push((received.kind, datagrams.collect()));
    });
    (found, unknown)
}

#[test]
fn datagrams_that_came_joined_are_sorted_by_protocol_and_in_order() {
    // Two of DTLS, two of STUN, one of nobody, two of RTP, of which the last is shorter.
    let joined: &[u8] = &[20, 1, 63, 2, 0, 3, 1, 4, 255, 5, 128, 6, 129];
    let (found, unknown) = sorted(Segments::new(joined.to_vec().into(), 2));
    assert_eq!(unknown, 1);
    assert_eq!(
        found,
        [
            (Kind::Dtls, vec![vec![20, 1], vec![63, 2]]),
            (Kind::Stun, vec![vec![0, 3]]),
            (Kind::Stun, vec![vec![1, 4]]),
            (Kind::Rtp, vec![vec![128, 6], vec![129]]),
        ]
    );
}

#[test]
fn a_batch_of_one_protocol_stays_what_it_is() {
    let batch: Vec<u8> = [[20; 100], [22; 100], [23; 100]].concat();
    let segments = Segments::new(batch.into(), 100);
    let contents = segments.contents().clone();
    let path = Path::udp(
        "192.0.2.1:1".parse().unwrap(),
        "192.0.2.2:2".parse().unwrap(),
    );
    let mut count = 0;
    assert_eq!(
        0,
        sort(path, segments, |received| {
            count += 1;
            assert_eq!(received.segments.contents().as_ptr(), contents.as_ptr());
            assert_eq!(received.segments.count(), 3);
        })
    );
    assert_eq!(count, 1);
    assert_eq!(sorted(Segments::new(bytes::Bytes::new(), 0)), (vec![], 0));
}

#[test]
fn the_second_byte_decides_between_rtp_and_rtcp() {
    for first in 0..=255u8 {
        for second in 0..=255u8 {
            let want = match (first, second) {
                (128..=191, 192..=223) => Some(Media::Rtcp),
                (128..=191, _) => Some(Media::Rtp),
                _ => None,
            };
            assert_eq!(media(&[first, second]), want, "{first} {second}");
        }
    }
    assert_eq!(media(&[128]), None);
    assert_eq!(media(&[]), None);
}
