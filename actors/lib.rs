#![doc = include_str!("../README.md")]
#![cfg_attr(not(test), warn(clippy::unwrap_used))]

mod alarm;
mod busy_poll;
mod certificates;
mod channel;
#[cfg(feature = "chaos")]
pub mod chaos;
pub mod commands;
pub mod config;
mod connection;
mod dtls;
mod error;
mod event;
mod gatherer;
mod guard;
mod heap;
mod ice;
mod link;
mod mailbox;
mod mdns;
pub mod metrics;
mod mux;
mod observe;
mod pool;
mod ports;
mod rate;
mod registry;
mod runtime;
mod scope;
mod sctp;
mod session;
mod signalling;
mod state;
pub mod stats;
mod supervisor;
mod tcp;
mod turn;
#[cfg(test)]
mod virtual_time;
#[cfg(feature = "web")]
pub mod web;
mod worker;

pub use actix_rtc_proto as proto;

/// What benchmarks need; no part of the API.
#[doc(hidden)]
pub mod internals {
    pub use crate::dtls::DtlsLoop;
}

pub use channel::{DataChannel, DataChannelState, Messages, SendError};
pub use config::{Config, ConfigError, DtlsEngine, RateLimit, RestartPolicy, UdpMode};
pub use dtls::DtlsTransport;
pub use error::{
    ActorKind, DtlsError, GatherError, IceError, InvalidState, Reason, SctpError, TransportError,
};
pub use event::{
    DtlsTransportEvent, Event, EventStream, IceCandidateError, IceGathererEvent, IceTransportEvent,
    SctpTransportEvent, SessionEvent, TransportEvent,
};
pub use gatherer::interfaces::{AddressFilter, AddressKind, Interfaces, NetworkInterface};
pub use gatherer::{IceGatherer, TlsRoots, TlsRootsError};
pub use ice::IceTransport;
pub use mux::MuxError;
pub use proto::dtls::{
    Certificate, Fingerprint as DtlsFingerprint, Parameters as DtlsParameters,
    ParametersRole as DtlsRole,
};
pub use proto::gather::{IceServer, Policy as IceTransportPolicy};
pub use proto::ice::{
    Candidate as IceCandidate, CandidateOrEnd as IceCandidateOrEnd, Parameters as IceParameters,
    Role as IceRole, SelectedPair,
};
pub use proto::sctp::{
    Capabilities as SctpCapabilities, ChannelError, ChannelOptions as DataChannelOptions, Message,
    OpenError as ChannelOpenError, Priority,
};
pub use registry::SessionRegistry;
pub use runtime::{OpenError, Runtime, RuntimeBuilder, StartError};
pub use scope::GatherOptions;
pub use sctp::SctpTransport;
pub use session::{Session, SessionId};
pub use signalling::{SignalError, Trickled};
pub use state::{
    DtlsTransportState, IceGathererState, IceTransportState, SctpTransportState, SessionState,
};
pub use stats::SessionStats;
pub use supervisor::SessionSupervisor;
