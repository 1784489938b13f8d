use super::*;

#[test]
fn from_the_time_since_1970() {
    assert_eq!(NtpTime::from_unix(Duration::ZERO).0, 2_208_988_800 << 32);
    let half = NtpTime::from_unix(Duration::from_millis(1_500));
    assert_eq!(half.0, (2_208_988_801 << 32) | 0x8000_0000);
    assert_eq!(half.middle(), 0x7E81_8000);
    // 2036 wraps.
    let late = NtpTime::from_unix(Duration::from_secs((1 << 32) - 2_208_988_800));
    assert_eq!(late.0, 0);
}

#[test]
fn differences_survive_the_wrap() {
    let (before, after) = (NtpTime(u64::MAX - (1 << 31) + 1), NtpTime(1 << 32));
    assert_eq!(after.since(before), Duration::from_millis(1_500));
    assert_eq!(before.since(after), Duration::ZERO);
}

#[test]
fn the_absolute_send_time_has_18_bits_of_fraction() {
    let time = NtpTime((0x41 << 32) | 0xC000_0000);
    // 1 of 64 seconds, and three quarters.
    assert_eq!(time.absolute_send_time(), [0x07, 0x00, 0x00]);
}

/// The example of RFC 3550 §6.4.1.
#[test]
fn the_round_trip_time_of_the_rfc() {
    let now = NtpTime(0xB710_8000 << 16);
    let passed = round_trip_time(now, 0xB705_2000, 0x0005_4000);
    assert_eq!(passed, Some(Duration::from_millis(6_125)));
}

#[test]
fn reports_that_cannot_be_have_no_round_trip_time() {
    let now = NtpTime(0xB710_8000 << 16);
    assert_eq!(round_trip_time(now, 0, 5), None);
    assert_eq!(round_trip_time(now, 0xB710_8001, 0), None);
    assert_eq!(round_trip_time(now, 0xB705_2000, 0x00FF_0000), None);
    let wrapped = round_trip_time(NtpTime(0x8000 << 16), 0xFFFF_8000, 0x8000);
    assert_eq!(wrapped, Some(Duration::from_millis(500)));
}
