//! How one session is to differ from what the configuration says.

use proto::{gather, ice};

use crate::base::builders::builders;
use crate::base::config::DtlsEngine;

/// How a session is to be set up; what is `None` follows the runtime's [`Config`](crate::Config).
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct SessionOptions {
    /// The DTLS engine of this session.
    pub dtls_engine: Option<DtlsEngine>,
    /// Binds sockets of its own even where the runtime has a mux. A side that dials another
    /// runtime's mux wants that: two mux ports share one pair of addresses, so only one session
    /// could run between them. Default `false`.
    pub own_sockets: bool,
    /// Which candidates may be used. With [`IceTransportPolicy::Relay`](crate::IceTransportPolicy)
    /// the session is reached through TURN servers only, and no address of this host is shown.
    /// `None` follows [`Config::gather`](crate::Config::gather).
    #[doc(alias = "iceTransportPolicy")]
    pub policy: Option<gather::Policy>,
    /// STUN and TURN servers of this session. `None` follows [`Config::ice_servers`](crate::Config::ice_servers).
    #[doc(alias = "iceServers")]
    pub ice_servers: Option<Vec<gather::IceServer>>,
    /// The ICE role before anything is decided. Default: controlling.
    pub role: Option<ice::Role>,
}

builders! {
    SessionOptions {
        dtls_engine: impl Into<Option<DtlsEngine>>,
        own_sockets: bool,
        policy: impl Into<Option<gather::Policy>>,
        ice_servers: impl Into<Vec<gather::IceServer>> => Some(ice_servers.into()),
        role: impl Into<Option<ice::Role>>,
    }
}
