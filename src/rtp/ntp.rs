//! NTP time, as reports of RTCP and header extensions write it (RFC 3550 §4).

use std::time::Duration;

/// Seconds from 1900 to 1970.
const TO_UNIX: u64 = 2_208_988_800;

/// A time of 32 bits of seconds since 1900 and 32 bits of their fraction, which wraps in 2036.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct NtpTime(pub u64);

impl NtpTime {
    /// From the time since 1970, as the owner's clock has it.
    pub fn from_unix(since: Duration) -> NtpTime {
        let seconds = since.as_secs().wrapping_add(TO_UNIX);
        NtpTime(seconds << 32 | fraction(since.subsec_nanos()))
    }

    /// The middle 32 bits: LSR and DLSR are written so, in units of 1/65,536 s (RFC 3550 §6.4.1).
    pub fn middle(self) -> u32 {
        (self.0 >> 16) as u32
    }

    /// The 24 bits of the abs-send-time extension: 6 of seconds, 18 of their fraction.
    pub fn absolute_send_time(self) -> [u8; 3] {
        let [_, high, middle, low] = ((self.0 >> 14) as u32).to_be_bytes();
        [high, middle, low]
    }

    /// The time that passed since an `earlier` one, at most 68 years; zero when that is later.
    pub fn since(self, earlier: NtpTime) -> Duration {
        let passed = self.0.wrapping_sub(earlier.0) as i64;
        let passed = u64::try_from(passed).unwrap_or(0);
        let nanoseconds = ((passed & 0xFFFF_FFFF) * 1_000_000_000) >> 32;
        Duration::new(passed >> 32, nanoseconds as u32)
    }
}

fn fraction(nanoseconds: u32) -> u64 {
    (u64::from(nanoseconds) << 32) / 1_000_000_000
}

/// The round-trip time that a report block tells its reader (RFC 3550 §6.4.1): `now` is when the
/// block came, in the clock that wrote the sender reports. `None` when the reporter had none of
/// ours yet (LSR is 0), or when its numbers would make the time negative.
pub fn round_trip_time(now: NtpTime, last_sender_report: u32, delay: u32) -> Option<Duration> {
    if last_sender_report == 0 {
        return None;
    }
    let passed = now
        .middle()
        .wrapping_sub(last_sender_report)
        .wrapping_sub(delay);
    if passed >= 1 << 31 {
        return None;
    }
    let nanoseconds = (u64::from(passed) * 1_000_000_000) >> 16;
    Some(Duration::from_nanos(nanoseconds))
}

#[cfg(test)]
#[path = "ntp_tests.rs"]
mod tests;
