//! The server: its signalling over HTTP, and what the program can be told.

#[path = "../harness/mod.rs"]
mod harness;
mod options;
mod signalling;
