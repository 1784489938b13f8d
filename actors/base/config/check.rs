//! Whether settings can work together.

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use proto::gather;
use proto::gather::MAX_ANNOUNCED;

use super::{Config, UdpMode};

/// The longest time that can be set.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

/// Whoever waits longer can sleep meanwhile.
const LONGEST_BUSY_POLL: Duration = Duration::from_millis(10);

/// A configuration that cannot work, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// No worker thread was asked for.
    #[error("workers is 0: a runtime needs at least one worker thread")]
    NoWorkers,
    /// A range without a port, or with port 0.
    #[error("port_range is from {first} to {last}: it must hold at least one port, and not 0")]
    EmptyPortRange {
        /// Where it begins.
        first: u16,
        /// Where it ends.
        last: u16,
    },
    /// The ports of all workers do not fit below 65,536.
    #[error(
        "UDP ports {port} to {port}+{workers}-1 do not exist: choose a first port of at most {}, or \
         fewer workers",
        65_536_usize.saturating_sub(*workers)
    )]
    PortRange {
        /// The first worker's port.
        port: u16,
        /// How many workers there are.
        workers: usize,
    },
    /// An announced address is of another family than every bound one.
    #[error(
        "announced address {announced} cannot stand for {bound}: they are not of the same family"
    )]
    AnnounceFamily {
        /// The address that was to be announced.
        announced: IpAddr,
        /// The address that is bound.
        bound: IpAddr,
    },
    /// An announced address that no peer could send to.
    #[error("{announced} cannot be announced: no peer can send there")]
    AnnounceUnusable {
        /// The address that was to be announced.
        announced: IpAddr,
    },
    /// An address is announced twice.
    #[error("{announced} is announced twice")]
    AnnounceTwice {
        /// The address.
        announced: IpAddr,
    },
    /// Each announced address is a candidate that every peer has to check.
    #[error("{count} addresses are announced, at most {MAX_ANNOUNCED} can be")]
    AnnounceTooMany {
        /// How many there are.
        count: usize,
    },
    /// The system cannot share a port among sockets.
    #[error("single-port mode needs SO_REUSEPORT, which this system does not have")]
    SinglePortUnsupported,
    /// Announced addresses without a mux.
    #[error("announced addresses need a UDP port that sessions share: set one with `udp_mux`")]
    AnnounceWithoutMux,
    /// The chosen DTLS engine was not compiled in.
    #[error("the DTLS engine webrtc-dtls needs the cargo feature `dtls-webrtc`")]
    EngineNotCompiled,
    /// A limit that would let nothing through, or end everything at once.
    #[error("{setting} is 0, which leaves no session: {instead}")]
    Zero {
        /// The name of the setting.
        setting: &'static str,
        /// What would be right.
        instead: &'static str,
    },
    /// A time that is as good as for ever, beyond what clocks can count.
    #[error("{setting} is {time:?}: it can be a year at most, which is 31536000 s")]
    TooLong {
        /// The name of the setting.
        setting: &'static str,
        /// What it was to be.
        time: Duration,
    },
    /// A busy poll that finds nothing, or that holds a processor all the time.
    #[error("busy_poll is {0:?}: it must be more than 0 and at most 10 ms; leave it out for none")]
    BusyPoll(Duration),
    /// A rate that allows nothing, or that is no number.
    #[error("the session rate needs per_second > 0 and burst >= 1")]
    SessionRate,
    /// A worker that is given no time is lost at once.
    #[error("worker_timeout must be at least one second")]
    WorkerTimeout,
    /// The node name has a character that cannot stand in a URL path.
    #[error("node name {0:?} may contain only letters, digits, '-' and '_', at most 32 of them")]
    NodeName(String),
    /// One of [`Config::ice_servers`] cannot be used as it is configured.
    #[error("ice_servers: {0}")]
    IceServer(String),
}

impl Config {
    /// Whether the settings can work together.
    pub fn check(&self) -> Result<(), ConfigError> {
        if self.workers == 0 {
            return Err(ConfigError::NoWorkers);
        }
        if let Some((first, last)) = self.port_range.clone().map(RangeInclusive::into_inner)
            && (first == 0 || last < first)
        {
            return Err(ConfigError::EmptyPortRange { first, last });
        }
        match self.udp {
            UdpMode::Mux { port, .. }
                if port != 0 && usize::from(port).saturating_add(self.workers) > 1 << 16 =>
            {
                return Err(ConfigError::PortRange {
                    port,
                    workers: self.workers,
                });
            }
            UdpMode::SinglePort { .. } if cfg!(not(unix)) => {
                return Err(ConfigError::SinglePortUnsupported);
            }
            UdpMode::Mux { ip, .. } | UdpMode::SinglePort { ip, .. } => {
                check_announced(&self.announce, ip)?;
            }
            UdpMode::PerSession | UdpMode::Off if !self.announce.is_empty() => {
                return Err(ConfigError::AnnounceWithoutMux);
            }
            UdpMode::PerSession | UdpMode::Off => {}
        }
        self.check_limits()?;
        if let Some(rate) = self.session_rate
            && !(rate.per_second.is_finite() && rate.per_second > 0.0 && rate.burst > 0)
        {
            return Err(ConfigError::SessionRate);
        }
        if let Some(time) = self.busy_poll
            && (time.is_zero() || time > LONGEST_BUSY_POLL)
        {
            return Err(ConfigError::BusyPoll(time));
        }
        if self.worker_timeout < Duration::from_secs(1) {
            return Err(ConfigError::WorkerTimeout);
        }
        if let Some(node) = &self.node {
            let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
            if node.is_empty() || node.len() > 32 || !node.chars().all(plain) {
                return Err(ConfigError::NodeName(node.clone()));
            }
        }
        for server in &self.ice_servers {
            let bad = |error: gather::ServerError| ConfigError::IceServer(error.to_string());
            server.parse().map_err(bad)?;
        }
        Ok(())
    }

    /// Whether the limits leave room for a session.
    fn check_limits(&self) -> Result<(), ConfigError> {
        let no_time = |time: Duration| time.is_zero();
        let (count, bytes, time) = ("at least 1", "some thousand bytes", "some seconds");
        let idle = self.idle_timeout.is_some_and(no_time);
        let zero = [
            ("max_sessions", self.max_sessions == 0, count),
            ("max_half_open", self.max_half_open == 0, count),
            ("connect_timeout", no_time(self.connect_timeout), time),
            ("idle_timeout", idle, "leave it out for no limit"),
            ("channel_send_limit", self.channel_send_limit == 0, bytes),
            (
                "channel_receive_limit",
                self.channel_receive_limit == 0,
                bytes,
            ),
        ];
        if let Some((setting, _, instead)) = zero.into_iter().find(|(_, is_zero, _)| *is_zero) {
            return Err(ConfigError::Zero { setting, instead });
        }
        let times = [
            ("connect_timeout", self.connect_timeout),
            ("idle_timeout", self.idle_timeout.unwrap_or_default()),
            ("ice_grace", self.ice_grace),
            ("failure_linger", self.failure_linger),
            ("close_timeout", self.close_timeout),
            ("worker_timeout", self.worker_timeout),
        ];
        match times.into_iter().find(|(_, time)| *time > LONGEST) {
            Some((setting, time)) => Err(ConfigError::TooLong { setting, time }),
            None => Ok(()),
        }
    }
}

/// Whether these addresses can stand for a port that is bound at `bound`.
fn check_announced(announce: &[IpAddr], bound: IpAddr) -> Result<(), ConfigError> {
    if announce.len() > MAX_ANNOUNCED {
        let count = announce.len();
        return Err(ConfigError::AnnounceTooMany { count });
    }
    for (i, &announced) in announce.iter().enumerate() {
        if announced.is_ipv4() != bound.is_ipv4() {
            return Err(ConfigError::AnnounceFamily { announced, bound });
        }
        let broadcast = announced == IpAddr::V4(std::net::Ipv4Addr::BROADCAST);
        // A peer elsewhere would send to itself; on this host there is nothing to announce.
        let loopback = announced.is_loopback() && !bound.is_loopback() && !bound.is_unspecified();
        if announced.is_unspecified() || announced.is_multicast() || broadcast || loopback {
            return Err(ConfigError::AnnounceUnusable { announced });
        }
        if announce[..i].contains(&announced) {
            return Err(ConfigError::AnnounceTwice { announced });
        }
    }
    Ok(())
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
