#![doc = include_str!("../README.md")]
#![cfg_attr(not(test), warn(clippy::unwrap_used))]

// The floors, from the top down: a room imports only what stands below it (CONTRIBUTING.md).
#[cfg(feature = "web")]
pub mod web;

pub mod commands;

mod api;

mod runtime;

mod supervisor;

mod transport {
    pub(crate) mod dtls;
    pub(crate) mod gatherer;
    pub(crate) mod ice;
    pub(crate) mod sctp;
}

mod ports;

mod session;

mod channel;

mod net;

mod kit;

pub mod metrics;

mod base;

pub extern crate actix_rtc_proto as proto;

/// Settings, with units and defaults.
pub mod config {
    pub use crate::base::config::addresses::*;
    pub use crate::base::config::tls_roots::*;
    pub use crate::base::config::*;
}

/// What the statistics of a session are made of.
pub mod stats {
    pub use crate::api::stats::*;
}

#[cfg(feature = "chaos")]
pub use api::chaos;

/// What benchmarks need; no part of the API.
#[doc(hidden)]
pub mod internals {
    pub use crate::transport::dtls::DtlsLoop;
}

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

pub use api::channel::{DataChannel, Messages};
pub use api::dtls::DtlsTransport;
pub use api::gatherer::IceGatherer;
pub use api::ice::IceTransport;
pub use api::registry::SessionRegistry;
pub use api::runtime::{Runtime, RuntimeBuilder};
pub use api::sctp::SctpTransport;
pub use api::session::Session;
pub use api::signalling::{SignalError, Trickled};
pub use api::stats::SessionStats;
pub use base::channel::{DataChannelState, SendError};
pub use base::config::addresses::{AddressFilter, AddressKind, Interfaces, NetworkInterface};
pub use base::config::tls_roots::{TlsRoots, TlsRootsError};
pub use base::config::{Config, ConfigError, DtlsEngine, RateLimit, RestartPolicy, UdpMode};
pub use base::error::open::{MuxError, OpenError, StartError};
pub use base::error::{
    ConnectError, DtlsError, GatherError, IceError, InvalidState, Reason, SctpError, TransportError,
};
pub use base::event::{Event, TransportEvent};
pub use base::id::SessionId;
pub use base::kind::ActorKind;
pub use base::options::SessionOptions;
pub use base::transport::dtls::{DtlsTransportEvent, DtlsTransportState};
pub use base::transport::gatherer::{IceCandidateError, IceGathererEvent, IceGathererState};
pub use base::transport::ice::{IceTransportEvent, IceTransportState};
pub use base::transport::sctp::{SctpTransportEvent, SctpTransportState};
pub use base::transport::session::{SessionEvent, SessionState};
pub use session::events::EventStream;
pub use supervisor::SessionSupervisor;
