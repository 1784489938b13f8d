//! Signalling over HTTP for actix-web: `.configure(rtc.configure())`.
//!
//! | request | answer |
//! |---|---|
//! | `POST /rtc/sessions`, `application/sdp` | 201 with `Location`, `ETag` and the SDP answer |
//! | `PATCH` of the location, `application/trickle-ice-sdpfrag` | 204; 200 with a fragment for an ICE restart |
//! | `DELETE` of the location | 200 |
//! | `GET …/events` | the session's events, server-sent |
//! | `GET …/stats` | statistics as JSON |
//! | `GET /rtc/sessions` | the sessions as JSON, for operators |
//!
//! The id in a location is a capability: whoever knows it may signal for the session.

#[cfg(feature = "chaos")]
mod chaos;
mod error;
mod events;
mod operations;
pub mod page;
mod sessions;

use std::net::IpAddr;
use std::sync::Arc;

use actix_web::HttpRequest;
use actix_web::dev::{AppService, HttpServiceFactory};
use actix_web::web::{self, ServiceConfig};

pub use operations::health;
#[cfg(feature = "prometheus")]
pub use operations::metrics;

use crate::api::runtime::Runtime;
use crate::base::error::open::OpenError;

/// Where [`Runtime::configure`] puts the sessions.
const PREFIX: &str = "/rtc";

type ClientAddress = Arc<dyn Fn(&HttpRequest) -> Option<IpAddr> + Send + Sync>;
type Authorise = Arc<dyn Fn(&HttpRequest) -> bool + Send + Sync>;

/// The signalling routes of a runtime, to be put into an actix-web app.
#[derive(Clone)]
pub struct Signalling {
    runtime: Runtime,
    authorise: Option<Authorise>,
    client_address: Option<ClientAddress>,
}

impl std::fmt::Debug for Signalling {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signalling")
            .field("runtime", &self.runtime)
            .finish_non_exhaustive()
    }
}

impl Runtime {
    /// The signalling routes at `/rtc`: `App::new().configure(rtc.configure())`.
    pub fn configure(&self) -> impl FnOnce(&mut ServiceConfig) + 'static {
        self.signalling().configure()
    }

    /// The signalling routes, to be set up further.
    pub fn signalling(&self) -> Signalling {
        Signalling {
            runtime: self.clone(),
            authorise: None,
            client_address: None,
        }
    }
}

impl Signalling {
    /// Who may list the sessions, besides callers on loopback: listing gives away their ids.
    pub fn authorise_operators(
        mut self,
        allowed: impl Fn(&HttpRequest) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.authorise = Some(Arc::new(allowed));
        self
    }

    /// Whose request it is, for [`Config::session_rate`](crate::Config::session_rate). Default:
    /// the address that it came from, which behind a reverse proxy is the proxy's. Where this says
    /// `None`, that one counts.
    pub fn client_address(
        mut self,
        address: impl Fn(&HttpRequest) -> Option<IpAddr> + Send + Sync + 'static,
    ) -> Self {
        self.client_address = Some(Arc::new(address));
        self
    }

    /// For `App::configure`: the routes at `/rtc`.
    pub fn configure(self) -> impl FnOnce(&mut ServiceConfig) + 'static {
        move |config| {
            config.service(self.service(PREFIX));
        }
    }

    /// For `App::service`: the routes at a prefix of your own.
    pub fn service(self, prefix: &str) -> impl HttpServiceFactory + 'static {
        Mounted {
            signalling: self,
            prefix: prefix.to_owned(),
        }
    }

    /// Whether a client may open one more session now.
    fn admit(&self, request: &HttpRequest) -> Result<(), OpenError> {
        let named = self.client_address.as_ref().and_then(|of| of(request));
        match named.or_else(|| request.peer_addr().map(|peer| peer.ip())) {
            Some(source) => self.runtime.admit(source),
            // Over a socket without addresses all clients are local.
            None => Ok(()),
        }
    }

    /// Whether a caller may see all sessions.
    fn allows(&self, request: &HttpRequest) -> bool {
        let from_here = request
            .peer_addr()
            .is_some_and(|peer| peer.ip().to_canonical().is_loopback());
        // A proxy on this host passes on the requests of others.
        let proxied = request.headers().contains_key("x-forwarded-for")
            || request.headers().contains_key("forwarded");
        (from_here && !proxied)
            || self
                .authorise
                .as_ref()
                .is_some_and(|allowed| allowed(request))
    }
}

fn routes(config: &mut ServiceConfig) {
    config
        .service(
            web::resource("/sessions")
                .route(web::post().to(sessions::create))
                .route(web::get().to(sessions::list)),
        )
        .service(
            web::resource("/sessions/{id}")
                .name("rtc_session")
                .route(web::patch().to(sessions::trickle))
                .route(web::delete().to(sessions::delete)),
        )
        .route("/sessions/{id}/events", web::get().to(events::stream))
        .route("/sessions/{id}/stats", web::get().to(sessions::stats));
    #[cfg(feature = "chaos")]
    config.route("/sessions/{id}/chaos", web::post().to(chaos::inject));
}

struct Mounted {
    signalling: Signalling,
    prefix: String,
}

impl HttpServiceFactory for Mounted {
    fn register(self, config: &mut AppService) {
        web::scope(&self.prefix)
            .app_data(web::Data::new(self.signalling))
            .configure(routes)
            .register(config);
    }
}
