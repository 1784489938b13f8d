//! `POST …/chaos?actor=ice&fault=panic&after=100`, for operators of a server under test: the cargo
//! feature `chaos`.

use actix_web::web::{Data, Path, Query};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;

use super::Signalling;
use super::error::Refused;
use super::sessions::find;
use crate::chaos::{Fault, Moment};
use crate::error::{ActorKind, Reason};

#[derive(Deserialize)]
pub(super) struct Wanted {
    actor: Actor,
    fault: Kind,
    /// After so many messages of the actor's neighbours.
    #[serde(default)]
    after: usize,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Actor {
    Gatherer,
    Ice,
    Dtls,
    Sctp,
    Supervisor,
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
    let actor = match wanted.actor {
        Actor::Gatherer => ActorKind::Gatherer,
        Actor::Ice => ActorKind::Ice,
        Actor::Dtls => ActorKind::Dtls,
        Actor::Sctp => ActorKind::Sctp,
        Actor::Supervisor => ActorKind::Supervisor,
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
