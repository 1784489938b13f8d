//! A failure is contained, named and, where it can be, healed: the table of what dies and what
//! survives, shown with faults on demand (cargo feature `chaos`).
#![cfg(feature = "chaos")]

mod bed;
#[cfg(feature = "prometheus")]
mod counted;
mod endings;
mod life;
mod limits;
mod matrix;
#[cfg(feature = "prometheus")]
mod measured;
mod messages;
#[cfg(feature = "prometheus")]
mod port;
#[cfg(feature = "prometheus")]
mod renewal;
mod transfer;
mod workers;

#[path = "../harness/pair.rs"]
mod pair;
#[path = "../harness/time_limit.rs"]
mod time_limit;
