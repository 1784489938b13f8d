use super::*;

fn data(tsn: u32) -> Vec<u8> {
    let mut value = tsn.to_be_bytes().to_vec();
    value.extend_from_slice(&[0; 9]);
    value
}

#[test]
fn chunks_count_from_their_arrival_to_their_reading() {
    let mut held = Held::new(u32::MAX, 640);
    for tsn in [u32::MAX, 0, 1, 1, 0] {
        held.on_data(&data(tsn));
    }
    assert_eq!(held.chunks, 3);
    held.on_read(2);
    assert_eq!(held.chunks, 1);
    held.on_empty();
    held.on_read(5);
    assert_eq!(held.chunks, 0);
}

#[test]
fn it_is_full_at_what_would_cost_the_window_in_whatever_order_they_come() {
    let mut held = Held::new(0, 640);
    for tsn in (0..=9).rev() {
        held.on_data(&data(tsn));
        assert!(!held.is_full());
    }
    held.on_data(&data(10));
    assert!(held.is_full());
    // A leap is believed: the chunks in between may follow.
    let mut held = Held::new(0, 640);
    held.on_data(&data(1 << 30));
    assert!(held.is_full());
    held.on_data(&[]);
}
