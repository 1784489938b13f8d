use super::*;

#[test]
fn canonical_addresses_have_one_form() {
    let c = |a: &str| canonical(a.parse().unwrap());
    assert_eq!(c("[::ffff:10.0.0.1]:5"), "10.0.0.1:5".parse().unwrap());
    let global = SocketAddrV6::new("2001:db8::1".parse().unwrap(), 1, 7, 3);
    assert_eq!(canonical(global.into()), "[2001:db8::1]:1".parse().unwrap());
    let link_local = SocketAddrV6::new("fe80::1".parse().unwrap(), 1, 7, 3);
    match canonical(link_local.into()) {
        SocketAddr::V6(a) => assert_eq!((a.scope_id(), a.flowinfo()), (3, 0)),
        SocketAddr::V4(a) => panic!("{a}"),
    }
}

fn datagrams(segments: &[Segments]) -> Vec<Vec<u8>> {
    segments
        .iter()
        .flat_map(|s| s.iter().map(|d| d.to_vec()).collect::<Vec<_>>())
        .collect()
}

#[test]
fn segments_give_back_each_datagram() {
    let s = Segments::new(Bytes::from_static(b"aabbc"), 2);
    assert_eq!(
        datagrams(std::slice::from_ref(&s)),
        [&b"aa"[..], b"bb", b"c"]
    );
    assert_eq!((s.count(), s.len(), s.is_empty()), (3, 5, false));
    assert_eq!(Segments::from(Bytes::new()).count(), 0);
    assert_eq!(Segments::from(Bytes::from_static(b"abc")).count(), 1);
}

#[test]
fn coalescer_joins_equal_sizes_and_lets_only_the_last_be_shorter() {
    let sizes = [5, 5, 5, 3, 3, 4, 4, 2, 9, 1];
    let sent: Vec<Vec<u8>> = sizes
        .iter()
        .enumerate()
        .map(|(i, n)| vec![i as u8 + 1; *n])
        .collect();
    let mut pushed = Coalescer::default();
    let mut written = Coalescer::default();
    for d in &sent {
        pushed.push(d);
        written.push_with(16, |space| {
            space[..d.len()].copy_from_slice(d);
            Some(d.len())
        });
    }
    written.push_with(16, |_| None);
    let (pushed, written) = (pushed.take(), written.take());
    assert_eq!(pushed, written);
    assert_eq!(datagrams(&pushed), sent);
    assert_eq!(
        pushed.iter().map(Segments::count).collect::<Vec<_>>(),
        [4, 1, 3, 2]
    );
}

#[test]
fn coalescer_never_exceeds_what_one_segmented_send_carries() {
    let mut c = Coalescer::default();
    for _ in 0..200 {
        c.push(&[7; 1200]);
        assert!(!c.is_empty());
    }
    let out = c.take();
    assert!(c.is_empty());
    assert_eq!(out.iter().map(Segments::count).sum::<usize>(), 200);
    assert!(out.iter().all(|s| s.count() <= 64 && s.len() <= 65_507));
    assert_eq!(out[0].count(), 54);
}
