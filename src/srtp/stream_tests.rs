use super::*;
use crate::random::Random;

#[test]
fn the_nearest_index_is_meant() {
    let index = |highest: u64, sequence_number| RtpStream::new(highest).index(sequence_number);
    assert_eq!(index(10, 11), Some(11));
    assert_eq!(index(10, 9), Some(9));
    assert_eq!(index(0xFFFF, 0), Some(0x1_0000));
    assert_eq!(index(0x1_0000, 0xFFFF), Some(0xFFFF));
    // Half a round ahead is the last that counts as ahead.
    assert_eq!(index(0x5_8000, 0xFFFF), Some(0x5_FFFF));
    assert_eq!(index(0x5_8000, 0x0000), Some(0x5_0000));
    assert_eq!(index(0x5_8001, 0x0000), Some(0x6_0000));
    // Nothing lies before the beginning.
    assert_eq!(index(5, 0xFFFF), Some(0xFFFF));
}

#[test]
fn the_indexes_end() {
    let stream = RtpStream::new(INDEXES - 2);
    assert_eq!(stream.index(0xFFFF), Some(INDEXES - 1));
    assert_eq!(stream.index(0), None);
}

/// RFC 3711 appendix A, word for word.
fn appendix_a(s_l: u16, roc: u32, seq: u16) -> u64 {
    let (s_l, seq, roc) = (i64::from(s_l), i64::from(seq), i64::from(roc));
    let v = if s_l < 32_768 {
        if seq - s_l > 32_768 { roc - 1 } else { roc }
    } else if s_l - 32_768 > seq {
        roc + 1
    } else {
        roc
    };
    (v * 65_536 + seq) as u64
}

#[test]
fn the_guess_is_that_of_appendix_a() {
    let mut random = Random::from_number(7);
    for _ in 0..100_000 {
        let highest = (1 << 16) + (u64::from(random.u32()) << 8) + u64::from(random.u32() % 256);
        let sequence_number = random.u32() as u16;
        // Where both directions are equally far, the appendix depends on the half.
        if sequence_number.wrapping_sub(highest as u16) == 0x8000 {
            continue;
        }
        assert_eq!(
            RtpStream::new(highest).index(sequence_number),
            Some(appendix_a(
                highest as u16,
                (highest >> 16) as u32,
                sequence_number
            ))
        );
    }
}

#[test]
fn the_next_round_is_tried_only_after_a_row_of_refusals() {
    let mut stream = RtpStream::new(100);
    for _ in 0..LOST {
        assert_eq!(stream.second_index(90), None);
        stream.refuse();
    }
    assert_eq!(stream.second_index(90), Some(65_626));
    stream.accept(101);
    assert_eq!(stream.second_index(90), None);
    for _ in 0..1_000 {
        stream.refuse();
    }
    assert!(stream.second_index(90).is_some());
}
