//! A session's events as server-sent events.

use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::http::header;
use actix_web::web::{Bytes, Data, Path};
use futures_util::stream;
use proto::ice::{Candidate, SelectedPair};
use serde_json::{Value, json};

use super::Signalling;
use super::error::Refused;
use super::sessions::find;
use crate::api::session::Session;
use crate::base::error::TransportError;
use crate::base::event::Event;
use crate::base::kind::ActorKind;
use crate::base::transport::gatherer::IceGathererEvent;
use crate::base::transport::ice::IceTransportEvent;
use crate::base::transport::session::{SessionEvent, SessionState};
use crate::session::events::EventStream;

/// A comment at this interval keeps proxies from closing a quiet stream, and notices readers that
/// are gone.
const KEEPALIVE: Duration = Duration::from_secs(15);

/// `GET …/events`. It begins with the states as they are, and ends with `closed`.
pub(super) async fn stream(
    signalling: Data<Signalling>,
    id: Path<String>,
) -> Result<HttpResponse, Refused> {
    let session = find(&signalling, &id)?;
    // Subscribed before the states are read: nothing is missed in between.
    let events = session.events();
    let mid = session.mid();
    let first = snapshot(&session, mid.as_deref());
    // The stream does not hold the session open.
    drop(session);
    let feed = Feed {
        first: Some(first),
        events,
        mid,
        over: false,
    };
    let body = stream::unfold(feed, |mut feed| async move {
        let bytes = feed.next().await?;
        Some((Ok::<_, actix_web::Error>(bytes), feed))
    });
    Ok(HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header(("X-Accel-Buffering", "no"))
        .streaming(body))
}

struct Feed {
    first: Option<String>,
    events: EventStream<Event>,
    /// The media section that the session's candidates belong to.
    mid: Option<String>,
    over: bool,
}

impl Feed {
    async fn next(&mut self) -> Option<Bytes> {
        if let Some(first) = self.first.take() {
            return Some(first.into());
        }
        if self.over {
            return None;
        }
        loop {
            let event = match tokio::time::timeout(KEEPALIVE, self.events.next()).await {
                Err(_) => return Some(Bytes::from_static(b":\n\n")),
                Ok(event) => event,
            };
            let Some(event) = event else {
                self.over = true;
                return Some(message("closed", &json!({})).into());
            };
            let closed = event == Event::Session(SessionEvent::StateChange(SessionState::Closed));
            let Some(mut text) = render(event, self.mid.as_deref()) else {
                continue;
            };
            if closed {
                self.over = true;
                text.push_str(&message("closed", &json!({})));
            }
            return Some(text.into());
        }
    }
}

/// What a late reader has missed, as far as it still holds.
fn snapshot(session: &Session, mid: Option<&str>) -> String {
    let mut out = state("gatherer", session.gatherer().state().as_str());
    out += &state("ice", session.ice().state().as_str());
    out += &state("dtls", session.dtls().state().as_str());
    out += &state("sctp", session.sctp().state().as_str());
    out += &state("session", session.state().as_str());
    for found in session.gatherer().local_candidates() {
        out += &candidate(found, mid);
    }
    if let Some(selected) = session.ice().selected_pair() {
        out += &pair(&selected);
    }
    if session.ice().is_restart_needed() {
        out += &message("icerestartneeded", &json!({}));
    }
    out
}

fn render(event: Event, mid: Option<&str>) -> Option<String> {
    if let Some(new) = event.state_change() {
        let transport = match event.actor() {
            ActorKind::Supervisor => "session",
            transport => transport.as_str(),
        };
        return Some(state(transport, new));
    }
    if let Some(why) = event.error() {
        return Some(error(why));
    }
    Some(match event {
        Event::Gatherer(IceGathererEvent::Candidate(found)) => candidate(found, mid),
        Event::Gatherer(IceGathererEvent::CandidateError(e)) => message(
            "candidateerror",
            &json!({ "url": e.url, "errorCode": e.code, "errorText": e.text }),
        ),
        Event::Ice(IceTransportEvent::SelectedPairChange(selected)) => pair(&selected),
        Event::Ice(IceTransportEvent::RestartNeeded) => message("icerestartneeded", &json!({})),
        _ => return None,
    })
}

fn state(transport: &str, state: &str) -> String {
    message("state", &json!({ "transport": transport, "state": state }))
}

fn error(error: &TransportError) -> String {
    let data = json!({
        "actor": error.actor.as_str(),
        "reason": error.reason.as_str(),
        "message": error.message,
    });
    message("error", &data)
}

/// As a browser's `addIceCandidate` takes it: without a media section it refuses.
fn candidate(mut candidate: Candidate, mid: Option<&str>) -> String {
    candidate.sdp_mid = candidate.sdp_mid.or_else(|| mid.map(str::to_owned));
    message("candidate", &json!(candidate))
}

fn pair(selected: &SelectedPair) -> String {
    let (local, remote) = (selected.local.to_string(), selected.remote.to_string());
    message("selectedpair", &json!({ "local": local, "remote": remote }))
}

/// One event. JSON has no line breaks of its own, so it needs a single `data` line.
fn message(name: &str, data: &Value) -> String {
    format!("event: {name}\ndata: {data}\n\n")
}
