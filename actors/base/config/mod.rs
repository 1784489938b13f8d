//! What a runtime can be told, with units and defaults.

pub(crate) mod addresses;
mod check;
pub(crate) mod tls_roots;

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use self::check::ConfigError;
use proto::gather::IceServer;
use proto::{dtls, gather, ice, sctp, turn};

use self::addresses::{AddressFilter, Interfaces};
use self::tls_roots::TlsRoots;
use crate::base::builders::builders;

/// Which implementation of DTLS a session runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum DtlsEngine {
    /// dimpl: DTLS 1.2 and 1.3, no tasks. The default.
    #[default]
    Dimpl,
    /// webrtc-dtls: DTLS 1.2, two tasks a connection. Needs the feature `dtls-webrtc`.
    ///
    /// It is not let near the network by itself: a guard makes up for its hanging when a last
    /// flight is lost, its dying of spoofed records, and its endless echo of alerts. It draws the
    /// nonces of AES-GCM at random and as a server never looks at the client's Finished: so what is
    /// sent after the handshake is sealed here, with counted nonces, and no server is connected
    /// before that Finished was found right. What remains is that a well-formed hello of a
    /// stranger, who knows the addresses, can end a handshake that has not begun.
    WebrtcDtls,
}

impl DtlsEngine {
    /// The name on the command line and in configuration files.
    pub fn as_str(self) -> &'static str {
        match self {
            DtlsEngine::Dimpl => "dimpl",
            DtlsEngine::WebrtcDtls => "webrtc-dtls",
        }
    }
}

/// Where a runtime's UDP traffic flows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum UdpMode {
    /// Each session binds sockets of its own, on ephemeral ports. The default.
    #[default]
    PerSession,
    /// Each worker has one port that all its sessions share: worker `n` binds `port + n`. With
    /// port 0 the system chooses.
    Mux {
        /// The address to bind; a wildcard binds every interface.
        ip: IpAddr,
        /// The first worker's port.
        port: u16,
    },
    /// All workers share one port, for firewalls that open only one: each binds it
    /// (SO_REUSEPORT), and datagrams that the kernel gives to the wrong worker are handed over,
    /// which costs a change of thread. With port 0 the system chooses. Not on Windows.
    SinglePort {
        /// The address to bind; a wildcard binds every interface.
        ip: IpAddr,
        /// The port.
        port: u16,
    },
    /// No UDP candidates: only those of [`Config::tcp`], and relays.
    Off,
}

/// Restart budget of one actor of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct RestartPolicy {
    /// How many restarts are allowed within `window`; one more failure is final. Default 3.
    pub max_restarts: u32,
    /// The sliding window. Default 60 s.
    pub window: Duration,
    /// The pause before the first restart; it doubles with each further one in the window.
    /// Default 50 ms.
    pub backoff: Duration,
}

impl Default for RestartPolicy {
    fn default() -> Self {
        RestartPolicy {
            max_restarts: 3,
            window: Duration::from_secs(60),
            backoff: Duration::from_millis(50),
        }
    }
}

builders! {
    RestartPolicy {
        max_restarts: u32,
        window: Duration,
        backoff: Duration,
    }
}

/// How fast one source address may open sessions.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct RateLimit {
    /// Sessions a second in the long run; more than 0.
    pub per_second: f64,
    /// How many it may open at once after a pause; at least 1.
    pub burst: u32,
}

impl RateLimit {
    /// So many sessions a second in the long run, and so many at once after a pause.
    pub fn new(per_second: f64, burst: u32) -> RateLimit {
        RateLimit { per_second, burst }
    }
}

/// Settings of a [`Runtime`](crate::Runtime); [`RuntimeBuilder`](crate::RuntimeBuilder) has the
/// ones that are set most often.
///
/// ```
/// use std::time::Duration;
///
/// use actix_rtc::{Config, RestartPolicy};
///
/// let config = Config::default()
///     .workers(2)
///     .idle_timeout(Duration::from_secs(600))
///     .ice_restart(RestartPolicy::default().max_restarts(5))
///     .node("eu-1");
/// assert_eq!(config.node.as_deref(), Some("eu-1"));
/// assert!(config.check().is_ok());
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Config {
    /// Worker threads. Default: one a core.
    pub workers: usize,
    /// Sockets. Default: [`UdpMode::PerSession`].
    pub udp: UdpMode,
    /// The ports for the sockets that sessions have of their own, for firewalls that open only
    /// these. Each session takes one for each address of the host. Default `None`: the system
    /// chooses.
    pub port_range: Option<RangeInclusive<u16>>,
    /// Addresses that stand in candidates instead of a bound address, for servers behind a 1:1
    /// NAT. Empty (the default) announces what is bound. Used with [`UdpMode::Mux`] and
    /// [`UdpMode::SinglePort`].
    pub announce: Vec<IpAddr>,
    /// Which of the host's addresses become candidates. Default: all but link-local ones.
    pub addresses: AddressFilter,
    /// Where the host's addresses are found. Default: as the operating system says.
    pub interfaces: Interfaces,
    /// How often the host's addresses are looked at again. One that is new becomes a candidate of
    /// each session (with a mux, only when it is bound to a wildcard and nothing is announced),
    /// those of one that is gone end, and a session that has none left is offered an ICE restart.
    /// Default 5 s; zero turns it off.
    pub interface_interval: Duration,
    /// Whether there are TCP candidates (RFC 6544) beside those of UDP: active ones, and passive
    /// ones on a port that all sessions of a worker share. It has the number of the worker's
    /// shared UDP port; with [`UdpMode::PerSession`] and [`UdpMode::Off`] the system chooses.
    /// Default `false`.
    pub tcp: bool,
    /// How long a `.local` name in a remote candidate is looked for by multicast DNS. Default 3 s;
    /// with `None` such candidates are rejected.
    pub mdns: Option<Duration>,
    /// Whether loopback addresses become candidates. Default `false`; they do anyway when the
    /// host has no other address or when a mux is bound to one.
    pub loopback: bool,
    /// How long a worker goes on looking for more after it has received something, before it
    /// sleeps. To wake a thread takes longer than to handle a datagram: with 100 µs two programs
    /// that answer each other do so several times faster, and with less processor time. The price:
    /// under traffic whose pauses are not longer than this a worker never sleeps and has a
    /// processor to itself, and where busy threads outnumber processors it only takes time from
    /// the others. While nothing comes it costs nothing; after looks in vain a worker looks more
    /// rarely. At most 10 ms. Default `None`: a worker sleeps as soon as it has nothing to do.
    pub busy_poll: Option<Duration>,
    /// Socket buffers, in bytes, each way. Default 2 MiB; the system may grant less.
    pub socket_buffer: usize,
    /// Servers that sessions gather with unless they are given others. Default none: a server with
    /// an address of its own needs none.
    pub ice_servers: Vec<IceServer>,
    /// How candidates are gathered.
    pub gather: gather::Config,
    /// How allocations on TURN servers are made and kept.
    pub turn: turn::Config,
    /// Who vouches for `turns:` servers. Default: whom the platform trusts.
    pub tls_roots: TlsRoots,
    /// ICE timers and bounds.
    pub ice: ice::Config,
    /// DTLS settings.
    pub dtls: dtls::Config,
    /// Which DTLS engine sessions use unless they say otherwise. Default dimpl.
    pub dtls_engine: DtlsEngine,
    /// SCTP settings.
    pub sctp: sctp::Config,
    /// How many bytes a channel may hold that the association has not taken, before `send` waits.
    /// Default 1 MiB. More gives no throughput, only memory and delay. Each message counts
    /// [`MESSAGE_OVERHEAD`](crate::proto::sctp::MESSAGE_OVERHEAD) more than it has.
    pub channel_send_limit: usize,
    /// How many bytes of received messages may wait for the application in a channel's inbox
    /// before the receive window of the association begins to close; all channels of a session
    /// hold at most eight times as much. Default 1 MiB.
    pub channel_receive_limit: usize,
    /// Restart budget of a session's gatherer. DTLS and SCTP are never restarted: their keys and
    /// their state are gone.
    pub gatherer_restart: RestartPolicy,
    /// Restart budget of a session's ICE actor.
    pub ice_restart: RestartPolicy,
    /// How long DTLS and SCTP outlive a failed ICE transport, waiting for an ICE restart.
    /// Default 30 s.
    pub ice_grace: Duration,
    /// How long a session is still there after a failure that nothing can heal, or after its DTLS
    /// transport was stopped: to be looked at, and for a new
    /// [`DtlsTransport`](crate::DtlsTransport::new) to be made where ICE lives on. Default 2 s.
    pub failure_linger: Duration,
    /// How long a close may take before it is cut short. Default 3 s.
    pub close_timeout: Duration,
    /// How long a session may take to connect before it is closed. Default 60 s.
    pub connect_timeout: Duration,
    /// How long a connected session may neither send nor receive a message on any data channel
    /// before it is closed. Default `None`: for ever.
    pub idle_timeout: Option<Duration>,
    /// How long a worker thread may show no sign of life before its sessions fail with
    /// `WorkerLost` and another thread takes its place. Default 15 s. An application callback that
    /// blocks its worker for longer loses all sessions there; below that, they only stand still.
    pub worker_timeout: Duration,
    /// How many sessions a runtime holds; one more is refused. Default 10,000.
    pub max_sessions: usize,
    /// How many sessions may be connecting at a time; one more is refused. Default 2,500.
    pub max_half_open: usize,
    /// How fast one source address may open sessions over HTTP. Default `None`: as fast as it
    /// likes. Behind a reverse proxy, set
    /// [`Signalling::client_address`](crate::web::Signalling::client_address) as well, else all
    /// clients are one source.
    pub session_rate: Option<RateLimit>,
    /// A name in front of session ids, so that a balancer finds the node that owns a session.
    /// Default none.
    pub node: Option<String>,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            workers: std::thread::available_parallelism().map_or(1, usize::from),
            udp: UdpMode::default(),
            port_range: None,
            announce: Vec::new(),
            addresses: AddressFilter::default(),
            interfaces: Interfaces::default(),
            interface_interval: Duration::from_secs(5),
            tcp: false,
            mdns: Some(Duration::from_secs(3)),
            loopback: false,
            busy_poll: None,
            socket_buffer: 2 << 20,
            ice_servers: Vec::new(),
            gather: gather::Config::default(),
            turn: turn::Config::default(),
            tls_roots: TlsRoots::default(),
            ice: ice::Config::default(),
            dtls: dtls::Config::default(),
            dtls_engine: DtlsEngine::default(),
            sctp: sctp::Config::default(),
            channel_send_limit: 1 << 20,
            channel_receive_limit: 1 << 20,
            gatherer_restart: RestartPolicy::default(),
            ice_restart: RestartPolicy::default(),
            ice_grace: Duration::from_secs(30),
            failure_linger: Duration::from_secs(2),
            close_timeout: Duration::from_secs(3),
            connect_timeout: Duration::from_secs(60),
            idle_timeout: None,
            worker_timeout: Duration::from_secs(15),
            max_sessions: 10_000,
            max_half_open: 2_500,
            session_rate: None,
            node: None,
        }
    }
}

builders! {
    Config {
        workers: usize,
        udp: UdpMode,
        port_range: impl Into<Option<RangeInclusive<u16>>>,
        announce: impl Into<Vec<IpAddr>>,
        addresses: AddressFilter,
        interfaces: Interfaces,
        interface_interval: Duration,
        tcp: bool,
        mdns: impl Into<Option<Duration>>,
        loopback: bool,
        busy_poll: impl Into<Option<Duration>>,
        socket_buffer: usize,
        ice_servers: impl Into<Vec<IceServer>>,
        gather: gather::Config,
        turn: turn::Config,
        tls_roots: TlsRoots,
        ice: ice::Config,
        dtls: dtls::Config,
        dtls_engine: DtlsEngine,
        sctp: sctp::Config,
        channel_send_limit: usize,
        channel_receive_limit: usize,
        gatherer_restart: RestartPolicy,
        ice_restart: RestartPolicy,
        ice_grace: Duration,
        failure_linger: Duration,
        close_timeout: Duration,
        connect_timeout: Duration,
        idle_timeout: impl Into<Option<Duration>>,
        worker_timeout: Duration,
        max_sessions: usize,
        max_half_open: usize,
        session_rate: impl Into<Option<RateLimit>>,
        node: impl Into<String> => Some(node.into()),
    }
}
