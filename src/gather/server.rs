//! A server as an application configures it.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};
use thiserror::Error;

use super::url::{ServerUrl, UrlError};
use crate::builders::builders;
use crate::turn::Credentials;

/// More URLs than this (over all servers of one call) are refused: each costs a look-up and a
/// transaction or an allocation for every address of ours.
pub const MAX_URLS: usize = 32;

/// RFC 8489 §14.3: USERNAME is shorter than 509 bytes.
pub const MAX_USERNAME_LEN: usize = 508;

/// One STUN or TURN server, or several that take the same credential (W3C webrtc-pc §4.2.4).
///
/// In JSON it has the browser's form, with `urls` as a string or an array:
///
/// ```
/// use actix_rtc_proto::gather::IceServer;
///
/// let server = IceServer::turn("turn:turn.example.com", "user", "secret");
/// let same: Result<IceServer, _> = serde_json::from_str(
///     r#"{"urls": "turn:turn.example.com", "username": "user", "credential": "secret"}"#,
/// );
/// assert_eq!(same.unwrap(), server);
/// ```
#[doc(alias = "RTCIceServer")]
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct IceServer {
    /// Where it is: `stun:`, `turn:` or `turns:` URLs. They are checked when gathering begins.
    #[serde(deserialize_with = "one_or_many")]
    pub urls: Vec<String>,
    /// The user name, for TURN only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// The password, for TURN only. `Debug` does not show it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
}

builders! {
    IceServer {
        urls: impl IntoIterator<Item: Into<String>> => urls.into_iter().map(Into::into).collect(),
        username: impl Into<String> => Some(username.into()),
        credential: impl Into<String> => Some(credential.into()),
    }
}

impl IceServer {
    /// A STUN server.
    pub fn stun(url: impl Into<String>) -> IceServer {
        IceServer {
            urls: vec![url.into()],
            username: None,
            credential: None,
        }
    }

    /// A TURN server.
    pub fn turn(
        url: impl Into<String>,
        username: impl Into<String>,
        credential: impl Into<String>,
    ) -> IceServer {
        IceServer {
            urls: vec![url.into()],
            username: Some(username.into()),
            credential: Some(credential.into()),
        }
    }

    /// Parses the URLs and checks that those of TURN have their credentials, as the W3C's
    /// "validate an ICE server" does.
    ///
    /// # Errors
    ///
    /// The first URL that cannot be used, and why.
    pub fn parse(&self) -> Result<Vec<ServerUrl>, ServerError> {
        if self.urls.is_empty() {
            return Err(ServerError::NoUrls);
        }
        self.urls.iter().map(|text| self.parse_url(text)).collect()
    }

    /// The credentials of long-term authentication (RFC 8489 §9.2), if there are both.
    pub(super) fn credentials(&self) -> Option<Credentials> {
        Some(Credentials::new(
            self.username.clone()?,
            self.credential.clone()?,
        ))
    }

    fn parse_url(&self, text: &str) -> Result<ServerUrl, ServerError> {
        let url: ServerUrl = text.parse().map_err(|error| ServerError::Url {
            url: shorten(text),
            error,
        })?;
        if url.scheme().is_turn() {
            match (&self.username, &self.credential) {
                (Some(name), _) if name.len() > MAX_USERNAME_LEN => {
                    return Err(ServerError::UsernameTooLong { url });
                }
                (Some(name), Some(_)) if !name.is_empty() => {}
                _ => return Err(ServerError::NoCredentials { url }),
            }
        }
        Ok(url)
    }
}

impl From<&str> for IceServer {
    /// A server without credentials.
    fn from(url: &str) -> IceServer {
        IceServer::stun(url)
    }
}

impl fmt::Debug for IceServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IceServer")
            .field("urls", &self.urls)
            .field("username", &self.username)
            .field("credential", &self.credential.as_ref().map(|_| "***"))
            .finish()
    }
}

/// An [`IceServer`] that cannot be used, found before anything is sent.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ServerError {
    /// A server without a URL.
    #[error("an ICE server has no URL")]
    NoUrls,
    /// There are more than [`MAX_URLS`].
    #[error("there are more than {MAX_URLS} URLs of ICE servers")]
    TooManyUrls,
    /// A URL that cannot be read.
    #[error("{url}: {error}")]
    Url {
        /// The URL as it was given, cut if it is very long.
        url: String,
        /// What is wrong with it.
        error: UrlError,
    },
    /// A TURN server without user name or credential.
    #[error("{url}: a TURN server needs a username and a credential")]
    NoCredentials {
        /// The server.
        url: ServerUrl,
    },
    /// The user name has more than [`MAX_USERNAME_LEN`] bytes.
    #[error("{url}: the username is longer than {MAX_USERNAME_LEN} bytes")]
    UsernameTooLong {
        /// The server.
        url: ServerUrl,
    },
}

impl ServerError {
    /// The reason as a metric label.
    pub fn reason(&self) -> &'static str {
        match self {
            ServerError::NoUrls => "no_urls",
            ServerError::TooManyUrls => "too_many_urls",
            ServerError::Url { error, .. } => error.reason(),
            ServerError::NoCredentials { .. } => "no_credentials",
            ServerError::UsernameTooLong { .. } => "username_too_long",
        }
    }
}

/// Why gathering did not start.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum StartError {
    /// A server cannot be used as it is configured.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// It was started before.
    #[error("gathering was started before")]
    AlreadyStarted,
    /// The gatherer is closed.
    #[error("the gatherer is closed")]
    Closed,
}

impl StartError {
    /// The reason as a metric label.
    pub fn reason(&self) -> &'static str {
        match self {
            StartError::Server(error) => error.reason(),
            StartError::AlreadyStarted => "already_started",
            StartError::Closed => "closed",
        }
    }
}

/// Enough of a URL to recognise it: errors end up in logs.
fn shorten(text: &str) -> String {
    const SHOWN: usize = 80;
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn one_or_many<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum OneOrMany {
        One(String),
        Many(Vec<String>),
    }
    Ok(match OneOrMany::deserialize(deserializer)? {
        OneOrMany::One(url) => vec![url],
        OneOrMany::Many(urls) => urls,
    })
}

#[cfg(test)]
#[path = "server_tests.rs"]
mod tests;
