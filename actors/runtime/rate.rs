//! How fast each source may open sessions: a token bucket an address.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use crate::base::config::RateLimit;

/// How many sources are remembered. Beyond that those are forgotten that may open a whole burst
/// again; should there be none, new sources have to wait.
const MAX_SOURCES: usize = 65_536;

/// The buckets of all sources that have opened sessions lately.
#[derive(Debug)]
pub(crate) struct RateLimiter {
    limit: RateLimit,
    buckets: Mutex<HashMap<IpAddr, Bucket>>,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    tokens: f64,
    at: Instant,
}

impl RateLimiter {
    pub(crate) fn new(limit: RateLimit) -> RateLimiter {
        RateLimiter {
            limit,
            buckets: Mutex::default(),
        }
    }

    /// Counts an attempt; `false` when it is one too many.
    pub(crate) fn admits(&self, source: IpAddr) -> bool {
        self.admits_at(source, Instant::now())
    }

    fn admits_at(&self, source: IpAddr, now: Instant) -> bool {
        let source = prefix(source);
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= MAX_SOURCES && !buckets.contains_key(&source) {
            let burst = f64::from(self.limit.burst);
            buckets.retain(|_, bucket| self.filled(*bucket, now) < burst);
            if buckets.len() >= MAX_SOURCES {
                return false;
            }
        }
        let bucket = buckets.entry(source).or_insert(Bucket {
            tokens: f64::from(self.limit.burst),
            at: now,
        });
        bucket.tokens = self.filled(*bucket, now);
        bucket.at = now;
        let admitted = bucket.tokens >= 1.0;
        if admitted {
            bucket.tokens -= 1.0;
        }
        admitted
    }

    fn filled(&self, bucket: Bucket, now: Instant) -> f64 {
        let since = now.saturating_duration_since(bucket.at).as_secs_f64();
        (bucket.tokens + since * self.limit.per_second).min(f64::from(self.limit.burst))
    }
}

/// What counts as one source: an IPv4 address, or the /64 that a subscriber of IPv6 gets.
fn prefix(source: IpAddr) -> IpAddr {
    match source.to_canonical() {
        IpAddr::V4(ip) => ip.into(),
        IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() & !u128::from(u64::MAX)).into(),
    }
}

#[cfg(test)]
#[path = "rate_tests.rs"]
mod tests;
