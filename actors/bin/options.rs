//! Values on the command line.

use std::str::FromStr;

use actix_rtc::{DtlsEngine, IceServer};

/// `dimpl` or `webrtc-dtls`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Engine {
    /// DTLS 1.2 and 1.3.
    Dimpl,
    /// DTLS 1.2.
    WebrtcDtls,
}

impl From<Engine> for DtlsEngine {
    fn from(engine: Engine) -> DtlsEngine {
        match engine {
            Engine::Dimpl => DtlsEngine::Dimpl,
            Engine::WebrtcDtls => DtlsEngine::WebrtcDtls,
        }
    }
}

/// `URL[,user,credential]`.
#[derive(Debug, Clone)]
pub(crate) struct Server(pub(crate) IceServer);

impl FromStr for Server {
    type Err = String;

    fn from_str(text: &str) -> Result<Server, String> {
        let mut parts = text.splitn(3, ',').map(str::to_owned);
        let server = IceServer {
            urls: parts.next().into_iter().collect(),
            username: parts.next(),
            credential: parts.next(),
        };
        server.parse().map_err(|error| error.to_string())?;
        Ok(Server(server))
    }
}
