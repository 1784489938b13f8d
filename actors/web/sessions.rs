//! Sessions as HTTP resources.

use actix_web::http::header::{self, EntityTag, IfMatch};
use actix_web::web::{self, Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use futures_util::StreamExt;
use proto::sdp::{MAX_DESCRIPTION_SIZE, MAX_FRAGMENT_SIZE};
use serde::Serialize;

use super::Signalling;
use super::error::Refused;
use crate::api::session::Session;
use crate::api::signalling::Trickled;
use crate::base::id::SessionId;
use crate::base::options::SessionOptions;

const SDP: &str = "application/sdp";
const FRAGMENT: &str = "application/trickle-ice-sdpfrag";

/// The session of a location.
pub(super) fn find(signalling: &Signalling, id: &str) -> Result<Session, Refused> {
    signalling
        .runtime
        .registry()
        .get(id)
        .ok_or(Refused::UnknownSession)
}

pub(super) async fn create(
    signalling: Data<Signalling>,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Refused> {
    signalling.admit(&request)?;
    let offer = text(&request, payload, SDP, MAX_DESCRIPTION_SIZE).await?;
    let session = signalling.runtime.session(SessionOptions::default())?;
    let answer = match session.accept(&offer).await {
        Ok(answer) => answer,
        Err(error) => {
            session.begin_close();
            return Err(error.into());
        }
    };
    signalling.runtime.registry().insert(session.clone());
    let location = format!("{}/{}", request.path().trim_end_matches('/'), session.id());
    Ok(HttpResponse::Created()
        .insert_header((header::LOCATION, location))
        .insert_header(header::ETag(tag(session.generation())))
        .insert_header(("Accept-Patch", FRAGMENT))
        .content_type(SDP)
        .body(answer))
}

pub(super) async fn trickle(
    signalling: Data<Signalling>,
    request: HttpRequest,
    id: Path<String>,
    if_match: Option<web::Header<IfMatch>>,
    payload: Payload,
) -> Result<HttpResponse, Refused> {
    let session = find(&signalling, &id)?;
    let fragment = text(&request, payload, FRAGMENT, MAX_FRAGMENT_SIZE).await?;
    let expected = |generation| match &if_match {
        // Browsers leave it out, which reads as an empty list; who sends it means it.
        Some(web::Header(IfMatch::Items(tags))) if !tags.is_empty() => {
            tags.iter().any(|known| known.strong_eq(&tag(generation)))
        }
        _ => true,
    };
    let (trickled, generation) = session.trickle_if(expected, &fragment).await?;
    let etag = header::ETag(tag(generation));
    Ok(match trickled {
        None => {
            return Err(Refused::Stale {
                current: generation,
            });
        }
        Some(Trickled::Candidates) => HttpResponse::NoContent().insert_header(etag).finish(),
        Some(Trickled::Restarted(answer)) => HttpResponse::Ok()
            .insert_header(etag)
            .content_type(FRAGMENT)
            .body(answer),
    })
}

pub(super) async fn delete(
    signalling: Data<Signalling>,
    id: Path<String>,
) -> Result<HttpResponse, Refused> {
    let session = find(&signalling, &id)?;
    session.close().await;
    Ok(HttpResponse::Ok().finish())
}

pub(super) async fn stats(
    signalling: Data<Signalling>,
    id: Path<String>,
) -> Result<HttpResponse, Refused> {
    let session = find(&signalling, &id)?;
    Ok(HttpResponse::Ok().json(session.stats().await))
}

/// A session in the operators' list.
#[derive(Serialize)]
struct Listed {
    id: SessionId,
    state: &'static str,
}

pub(super) async fn list(
    signalling: Data<Signalling>,
    request: HttpRequest,
) -> Result<HttpResponse, Refused> {
    if !signalling.allows(&request) {
        return Err(Refused::Forbidden);
    }
    let mut sessions: Vec<Listed> = signalling
        .runtime
        .registry()
        .sessions()
        .iter()
        .map(|session| Listed {
            id: session.id().clone(),
            state: session.state().as_str(),
        })
        .collect();
    sessions.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(HttpResponse::Ok().json(sessions))
}

fn tag(generation: u64) -> EntityTag {
    EntityTag::new_strong(generation.to_string())
}

/// The body as text, if it is of the right type and not too large.
async fn text(
    request: &HttpRequest,
    mut payload: Payload,
    expected: &'static str,
    limit: usize,
) -> Result<String, Refused> {
    let content_type = request.headers().get(header::CONTENT_TYPE);
    let essence = content_type
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let essence = essence.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case(expected) {
        return Err(Refused::WrongType { expected });
    }
    let mut body = Vec::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|error| Refused::Unreadable(error.to_string()))?;
        if body.len() + chunk.len() > limit {
            return Err(Refused::TooLarge { limit });
        }
        body.extend_from_slice(&chunk);
    }
    String::from_utf8(body).map_err(|_| Refused::NotText)
}
