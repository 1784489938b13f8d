//! A test that hangs fails instead, and says where.

#![allow(dead_code, reason = "each test uses its part of it")]

use std::time::Duration;

/// How long anything may take that should take milliseconds. A session that is not told of its
/// peer's end ends by itself 60 s later (consent and grace), which is not what a test waits for.
pub(crate) const LIMIT: Duration = Duration::from_secs(50);

#[track_caller]
pub(crate) fn within<T>(future: impl Future<Output = T>) -> impl Future<Output = T> {
    let caller = std::panic::Location::caller();
    async move {
        match tokio::time::timeout(LIMIT, future).await {
            Ok(done) => done,
            Err(_) => panic!("took too long at {caller}"),
        }
    }
}

/// Waits until something is so.
#[track_caller]
pub(crate) fn until(mut is_so: impl FnMut() -> bool) -> impl Future<Output = ()> {
    within(async move {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    })
}
