//! Values on the command line.

use std::str::FromStr;
use std::time::Duration;

use actix_rtc::{DtlsEngine, IceServer, RateLimit};
use serde::de::{Deserialize, Deserializer};

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

/// `URL[,user,credential]`; in a file a table as browsers have it.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(transparent)]
pub(crate) struct Server(pub(crate) IceServer);

impl FromStr for Server {
    type Err = String;

    fn from_str(text: &str) -> Result<Server, String> {
        let mut parts = text.splitn(3, ',').map(str::to_owned);
        let mut server = IceServer::default().urls(parts.next());
        server.username = parts.next();
        server.credential = parts.next();
        server.parse().map_err(|error| error.to_string())?;
        Ok(Server(server))
    }
}

/// A time: seconds, or a number with its unit.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span(pub(crate) Duration);

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Span, String> {
        let bad =
            || format!("{text:?} is no time: give seconds, or a number with us, ms, s, m or h");
        let unit = text.find(|c: char| !c.is_ascii_digit() && c != '.');
        let (number, unit) = text.split_at(unit.unwrap_or(text.len()));
        let seconds = match unit {
            "us" => 0.000_001,
            "ms" => 0.001,
            "" | "s" => 1.0,
            "m" => 60.0,
            "h" => 3_600.0,
            _ => return Err(bad()),
        };
        let number: f64 = number.parse().map_err(|_| bad())?;
        let span = Duration::try_from_secs_f64(number * seconds).map_err(|_| bad())?;
        // What is added to any time, and stays one.
        if span > MAX_SPAN {
            return Err(format!(
                "{text:?} is more than a year: leave it out for no limit"
            ));
        }
        Ok(Span(span))
    }
}

const MAX_SPAN: Duration = Duration::from_secs(365 * 24 * 3_600);

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Span, D::Error> {
        #[derive(serde::Deserialize)]
        #[serde(untagged, expecting = "a number of seconds, or a string with a unit")]
        enum Given {
            Whole(u64),
            Seconds(f64),
            Text(String),
        }
        let text = match Given::deserialize(deserializer)? {
            Given::Whole(seconds) => seconds.to_string(),
            Given::Seconds(seconds) => seconds.to_string(),
            Given::Text(text) => text,
        };
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// `PER_SECOND[,BURST]`; in a file a table with both.
#[derive(Debug, Clone, Copy, serde::Deserialize)]
#[serde(transparent)]
pub(crate) struct Rate(pub(crate) RateLimit);

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Rate, String> {
        let bad = || {
            format!(
                "{text:?} is no rate: give PER_SECOND[,BURST], as in 0.5,10, with a rate above 0 \
                 and a burst of at least 1"
            )
        };
        let (per_second, burst) = match text.split_once(',') {
            Some((per_second, burst)) => (per_second, Some(burst)),
            None => (text, None),
        };
        let per_second: f64 = per_second.trim().parse().map_err(|_| bad())?;
        let burst = match burst {
            Some(burst) => burst.trim().parse().map_err(|_| bad())?,
            // A second's worth.
            None => per_second.ceil().max(1.0) as u32,
        };
        if !(per_second.is_finite() && per_second > 0.0 && burst > 0) {
            return Err(bad());
        }
        Ok(Rate(RateLimit::new(per_second, burst)))
    }
}
