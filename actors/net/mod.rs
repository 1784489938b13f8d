//! Sockets and names: what the operating system offers, made fit for actors.

pub(crate) mod busy_poll;
pub(crate) mod dns;
pub(crate) mod hosts;
pub(crate) mod interfaces;
pub(crate) mod mdns;
pub(crate) mod readiness;
pub(crate) mod stream;
pub(crate) mod tls;
pub(crate) mod udp;
