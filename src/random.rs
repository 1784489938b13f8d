//! Randomness as a value that the caller seeds.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// A cryptographically secure generator (ChaCha). Seeded with 32 bytes of the operating system's
/// entropy it makes every secret of the machines; seeded with a number, a test can be replayed.
#[derive(Debug)]
pub struct Random(StdRng);

/// RFC 8839 §5.4: ice-char.
const ICE_CHARS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

impl Random {
    /// From 32 bytes of entropy.
    pub fn from_seed(seed: [u8; 32]) -> Random {
        Random(StdRng::from_seed(seed))
    }

    /// 32 bytes of the operating system's entropy, for [`from_seed`](Self::from_seed); `None` when
    /// the system has none to give.
    pub fn entropy() -> Option<[u8; 32]> {
        let mut seed = [0; 32];
        aws_lc_rs::rand::fill(&mut seed).ok()?;
        Some(seed)
    }

    /// From a number: for tests and simulations only, it is no secret.
    pub fn from_number(seed: u64) -> Random {
        Random(StdRng::seed_from_u64(seed))
    }

    /// A generator of its own for a part of the work.
    pub fn fork(&mut self) -> Random {
        Random::from_seed(self.bytes())
    }

    /// `N` random bytes.
    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut out = [0; N];
        self.0.fill(&mut out[..]);
        out
    }

    /// 64 random bits.
    pub fn u64(&mut self) -> u64 {
        u64::from_be_bytes(self.bytes())
    }

    /// 32 random bits.
    pub fn u32(&mut self) -> u32 {
        u32::from_be_bytes(self.bytes())
    }

    /// A fraction, at least 0 and less than 1.
    pub fn fraction(&mut self) -> f64 {
        self.0.random()
    }

    /// `len` characters of RFC 8839's `ice-char`, 6 bits of entropy each.
    pub fn ice_chars(&mut self, len: usize) -> String {
        (0..len)
            .map(|_| ICE_CHARS[(self.bytes::<1>()[0] & 63) as usize] as char)
            .collect()
    }
}
