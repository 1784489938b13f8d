//! ICE in a simulated world: scenarios 1 to 14, each test named for its scenario.
//!
//! What needs real sockets (busy ports, errors of the operating system) is tested where the
//! sockets are.

#[path = "../harness/simulation/mod.rs"]
mod harness;

mod candidates;
mod connect;
mod consent;
mod forge;
mod hostile;
mod mux;
mod nat;
mod random;
mod restart;
mod roles;
mod round_trips;
mod stop;
