//! ICE (RFC 8445): finds out which pair of addresses works between two peers, and keeps asking
//! whether it still does.
//!
//! [`Agent`] is one side of one session, with one data stream of one component. It is a
//! [`Machine`](crate::machine::Machine): whoever owns it carries datagrams between it and sockets.
//!
//! The life of an agent:
//!
//! 1. [`Agent::new`] makes the local parameters; [`Agent::add_local_candidate`] tells it of each
//!    address that was gathered. From then on it *answers* authenticated checks, and holds the
//!    triggered checks that they call for.
//! 2. [`Agent::start`] gives it the remote parameters, [`Agent::add_remote_candidate`] the remote
//!    candidates, before or after. Pairs are formed, ordered and checked: one each Ta, triggered
//!    checks and nominations at once.
//! 3. The first pair that works makes the state `connected` and carries data
//!    ([`Agent::send_path`]). The controlling side nominates one; the other side follows.
//! 4. Consent checks (RFC 7675) go on for as long as the session lives. A pair that stops
//!    answering makes the state `disconnected`: all other pairs are tried again, and 30 s after
//!    the last answer the state is `failed`.
//! 5. [`Agent::restart`] begins a new generation; the pair in use carries data until the new
//!    generation has one nominated.
//!
//! ```
//! use std::time::Instant;
//! use actix_rtc_proto::ice::{Agent, Candidate, Config, Role};
//! use actix_rtc_proto::net::Protocol;
//! use actix_rtc_proto::random::Random;
//! use actix_rtc_proto::Machine;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let now = Instant::now();
//! let mut a = Agent::new(Config::default(), Role::Controlling, Random::from_number(1));
//! let b = Agent::new(Config::default(), Role::Controlled, Random::from_number(2));
//!
//! let base = "10.0.0.1:5000".parse()?;
//! a.add_local_candidate(now, Candidate::host(base, Protocol::Udp), base);
//! a.start(now, b.local_parameters().clone())?;
//! a.add_remote_candidate(now, "candidate:1 1 udp 1 10.0.0.2 5000 typ host".parse()?)?;
//!
//! let check = a.poll_transmit(now).expect("the first check is sent at once");
//! assert_eq!(check.path.remote, "10.0.0.2:5000".parse()?);
//! # Ok(())
//! # }
//! ```

mod agent;
mod candidate;
mod candidate_text;
mod checklist;
mod config;
mod event;
mod pair;
mod parameters;
mod pruning;
mod remote_addresses;
mod restraint;
mod state;
mod stats;
mod transactions;

pub use agent::Agent;
pub use candidate::{Address, Candidate, CandidateType, TcpType};
pub use candidate_text::{CandidateError, CandidateOrEnd, MAX_CANDIDATE_LINE};
pub use config::Config;
pub use event::{CandidateRejected, Event, FailureReason, SelectedPair, StartError, Transmit};
pub use pair::{PairCounters, PairState};
pub use parameters::{Parameters, ParametersError};
pub use remote_addresses::{AddressScope, RemoteAddresses};
pub use state::{Role, State};
pub use stats::{Counters, Dropped, PairStats, Stats};

/// The time at which a test begins.
#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "a test needs some instant to begin with"
)]
fn test_clock() -> std::time::Instant {
    std::time::Instant::now()
}
