//! What the server can be told: on the command line, in the environment, in a file.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use actix_rtc::{AddressFilter, Config, UdpMode};
use clap::Args;
use clap::builder::BoolishValueParser;
use serde::Deserialize;

use crate::options::{Engine, Rate, Server, Span};

/// What is not given on the command line or in the environment comes from the configuration file.
#[derive(Args, Deserialize, Debug, Clone, Default)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Settings {
    /// Address of the HTTP server [default: 127.0.0.1:8080].
    #[arg(long, env = "RTC_BIND")]
    pub(crate) bind: Option<SocketAddr>,
    /// First UDP port; worker n uses the n-th after it [default: chosen by the system].
    #[arg(long, env = "RTC_UDP_PORT")]
    udp_port: Option<u16>,
    /// All workers share that one UDP port, instead of one port each: for firewalls that open one.
    #[arg(long, env = "RTC_SINGLE_PORT", num_args = 0..=1, require_equals = true,
        default_missing_value = "true", value_parser = BoolishValueParser::new())]
    single_port: Option<bool>,
    /// TCP candidates (RFC 6544) as well, on TCP ports of the same numbers.
    #[arg(long, env = "RTC_TCP", num_args = 0..=1, require_equals = true,
        default_missing_value = "true", value_parser = BoolishValueParser::new())]
    tcp: Option<bool>,
    /// Public address to announce in candidates, where this host is behind a 1:1 NAT (repeatable).
    #[arg(long, env = "RTC_ANNOUNCE", value_delimiter = ',')]
    announce: Vec<IpAddr>,
    /// STUN or TURN server to gather with, as URL[,user,credential] (repeatable; in the environment
    /// with spaces between them).
    #[arg(
        long = "ice-server",
        env = "RTC_ICE_SERVERS",
        hide_env_values = true,
        value_delimiter = ' ',
        value_name = "SERVER"
    )]
    ice_servers: Vec<Server>,
    /// DTLS engine [default: dimpl].
    #[arg(long, env = "RTC_ENGINE", value_enum)]
    engine: Option<Engine>,
    /// Worker threads [default: one a core].
    #[arg(long, env = "RTC_WORKERS")]
    workers: Option<usize>,
    /// How long a worker goes on looking for more, as in 100us, before it sleeps: lower delay for
    /// more processor time [default: not at all].
    #[arg(long, env = "RTC_BUSY_POLL")]
    busy_poll: Option<Span>,
    /// Name in front of session ids, by which a balancer finds the node of a session.
    #[arg(long, env = "RTC_NODE")]
    node: Option<String>,
    /// How many sessions there may be; one more is refused [default: 10000].
    #[arg(long, env = "RTC_MAX_SESSIONS")]
    max_sessions: Option<usize>,
    /// How many of them may be connecting at a time [default: 2500].
    #[arg(long, env = "RTC_MAX_HALF_OPEN")]
    max_half_open: Option<usize>,
    /// Sessions a second that one source address may open, and how many at once after a pause, as
    /// PER_SECOND[,BURST] [default: no limit].
    #[arg(long, env = "RTC_SESSION_RATE")]
    session_rate: Option<Rate>,
    /// How long a session may take to connect, as in 90s [default: 60s].
    #[arg(long, env = "RTC_CONNECT_TIMEOUT")]
    connect_timeout: Option<Span>,
    /// How long a session may neither send nor receive a message [default: for ever].
    #[arg(long, env = "RTC_IDLE_TIMEOUT")]
    idle_timeout: Option<Span>,
    /// How long a session whose ICE has failed waits for an ICE restart [default: 30s].
    #[arg(long, env = "RTC_ICE_GRACE")]
    ice_grace: Option<Span>,
    /// How long a session whose DTLS has failed is still there [default: 2s].
    #[arg(long, env = "RTC_FAILURE_LINGER")]
    failure_linger: Option<Span>,
    /// How long the end of a session may take [default: 3s].
    #[arg(long, env = "RTC_CLOSE_TIMEOUT")]
    close_timeout: Option<Span>,
    /// How long a worker thread may show no sign of life before it is replaced [default: 15s].
    #[arg(long, env = "RTC_WORKER_TIMEOUT")]
    worker_timeout: Option<Span>,
    /// How long sessions may go on after SIGTERM or SIGINT [default: 10s].
    #[arg(long, env = "RTC_DRAIN_TIMEOUT")]
    pub(crate) drain_timeout: Option<Span>,
    /// Bytes that a data channel may hold before it makes its sender wait [default: 1048576].
    #[arg(long, env = "RTC_CHANNEL_SEND_LIMIT")]
    channel_send_limit: Option<usize>,
    /// Bytes that a data channel may hold for a reader that is slow [default: 1048576].
    #[arg(long, env = "RTC_CHANNEL_RECEIVE_LIMIT")]
    channel_receive_limit: Option<usize>,
    /// Which of the host's addresses become candidates: in the file only.
    #[arg(skip)]
    addresses: Option<AddressFilter>,
    /// Configuration file (TOML) with the same names, `-` written as `_`; `ice_servers` and
    /// `session_rate` as tables, and `addresses` besides.
    #[arg(long, env = "RTC_CONFIG")]
    #[serde(skip)]
    config: Option<PathBuf>,
}

impl Settings {
    /// With what the configuration file says, where there is one.
    pub(crate) fn with_file(self) -> Result<Settings, Box<dyn std::error::Error>> {
        let file = match &self.config {
            Some(path) => read(path)?,
            None => Settings::default(),
        };
        Ok(self.or(file))
    }

    fn or(self, file: Settings) -> Settings {
        fn first<T>(given: Vec<T>, file: Vec<T>) -> Vec<T> {
            if given.is_empty() { file } else { given }
        }
        Settings {
            bind: self.bind.or(file.bind),
            udp_port: self.udp_port.or(file.udp_port),
            single_port: self.single_port.or(file.single_port),
            tcp: self.tcp.or(file.tcp),
            announce: first(self.announce, file.announce),
            ice_servers: first(self.ice_servers, file.ice_servers),
            engine: self.engine.or(file.engine),
            workers: self.workers.or(file.workers),
            busy_poll: self.busy_poll.or(file.busy_poll),
            node: self.node.or(file.node),
            max_sessions: self.max_sessions.or(file.max_sessions),
            max_half_open: self.max_half_open.or(file.max_half_open),
            session_rate: self.session_rate.or(file.session_rate),
            connect_timeout: self.connect_timeout.or(file.connect_timeout),
            idle_timeout: self.idle_timeout.or(file.idle_timeout),
            ice_grace: self.ice_grace.or(file.ice_grace),
            failure_linger: self.failure_linger.or(file.failure_linger),
            close_timeout: self.close_timeout.or(file.close_timeout),
            worker_timeout: self.worker_timeout.or(file.worker_timeout),
            drain_timeout: self.drain_timeout.or(file.drain_timeout),
            channel_send_limit: self.channel_send_limit.or(file.channel_send_limit),
            channel_receive_limit: self.channel_receive_limit.or(file.channel_receive_limit),
            addresses: self.addresses.or(file.addresses),
            config: None,
        }
    }

    pub(crate) fn into_config(self) -> Config {
        let mut config = Config::default();
        let any = match self.announce.first() {
            Some(IpAddr::V6(_)) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
            _ => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        };
        let port = self.udp_port.unwrap_or(0);
        let span = |given: Option<Span>, default| given.map_or(default, |span| span.0);
        config.udp = match self.single_port.unwrap_or(false) {
            true => UdpMode::SinglePort { ip: any, port },
            false => UdpMode::Mux { ip: any, port },
        };
        config.announce = self.announce;
        config.tcp = self.tcp.unwrap_or(false);
        config.addresses = self.addresses.unwrap_or_default();
        config.ice_servers = self.ice_servers.into_iter().map(|s| s.0).collect();
        config.dtls_engine = self.engine.map_or(config.dtls_engine, Into::into);
        config.workers = self.workers.unwrap_or(config.workers);
        config.busy_poll = self.busy_poll.map(|span| span.0);
        config.node = self.node;
        config.max_sessions = self.max_sessions.unwrap_or(config.max_sessions);
        config.max_half_open = self.max_half_open.unwrap_or(config.max_half_open);
        config.session_rate = self.session_rate.map(|rate| rate.0);
        config.connect_timeout = span(self.connect_timeout, config.connect_timeout);
        config.idle_timeout = self.idle_timeout.map(|span| span.0);
        config.ice_grace = span(self.ice_grace, config.ice_grace);
        config.failure_linger = span(self.failure_linger, config.failure_linger);
        config.close_timeout = span(self.close_timeout, config.close_timeout);
        config.worker_timeout = span(self.worker_timeout, config.worker_timeout);
        config.channel_send_limit = self.channel_send_limit.unwrap_or(config.channel_send_limit);
        config.channel_receive_limit = self
            .channel_receive_limit
            .unwrap_or(config.channel_receive_limit);
        config
    }
}

fn read(path: &Path) -> Result<Settings, Box<dyn std::error::Error>> {
    let text = std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
    Ok(toml::from_str(&text).map_err(|e| format!("{}: {e}", path.display()))?)
}
