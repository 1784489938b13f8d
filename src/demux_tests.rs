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
