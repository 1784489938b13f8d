//! Worker threads, where sessions are placed on them, and what lives.

pub(crate) mod certificates;
pub(crate) mod heap;
pub(crate) mod life;
pub(crate) mod live;
pub(crate) mod pool;
pub(crate) mod rate;
#[cfg(feature = "chaos")]
pub(crate) mod visit;
pub(crate) mod worker;
