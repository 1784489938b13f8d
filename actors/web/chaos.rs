//! `POST …/chaos?actor=ice&fault=panic&after=100`, for operators of a server under test: the cargo
//! feature `chaos`.

use actix_web::web::{Data, Path, Query};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;

use super::Signalling;
use super::error::Refused;
use super::sessions::find;
use crate::api::chaos::{Fault, Moment};
use crate::base::error::Reason;
use crate::base::kind::ActorKind;

#[derive(Deserialize)]
pub(super) struct Wanted {
    actor: String,
    fault: Kind,
    /// After so many messages of the actor's neighbours.
    #[serde(default)]
    after: usize,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Panic,
    Error,
    Stop,
}

pub(super) async fn inject(
    signalling: Data<Signalling>,
    request: HttpRequest,
    id: Path<String>,
    wanted: Query<Wanted>,
) -> Result<HttpResponse, Refused> {
    if !signalling.allows(&request) {
        return Err(Refused::Forbidden);
    }
    let session = find(&signalling, &id)?;
    let named = |kind: &ActorKind| kind.as_str() == wanted.actor;
    let Some(actor) = ActorKind::all_and_supervisor().find(named) else {
        return Err(Refused::UnknownActor);
    };
    let fault = match wanted.fault {
        Kind::Panic => Fault::Panic,
        Kind::Error => Fault::Error(Reason::SocketLost),
        Kind::Stop => Fault::Stop,
    };
    let moment = match wanted.after {
        0 => Moment::Now,
        messages => Moment::AfterMessages(messages),
    };
    session.inject(actor, fault, moment);
    Ok(HttpResponse::Accepted().finish())
}
