//! Serial numbers (RFC 9260 §1.6) as counters that do not wrap.

/// The counter nearest to `reference` with these low 32 bits. `reference` is at least 2^31.
pub(super) fn unwrap32(reference: u64, number: u32) -> u64 {
    let distance = number.wrapping_sub(reference as u32) as i32;
    reference.wrapping_add_signed(distance.into())
}

/// The counter nearest to `reference` with these low 16 bits. `reference` is at least 2^31.
pub(super) fn unwrap16(reference: u64, number: u16) -> u64 {
    let distance = number.wrapping_sub(reference as u16) as i16;
    reference.wrapping_add_signed(distance.into())
}

/// Where the counter of a number begins: far enough from 0 that nothing before it is negative.
pub(super) fn start(number: u32) -> u64 {
    (1 << 32) + u64::from(number)
}
