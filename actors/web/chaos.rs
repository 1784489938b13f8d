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
    actor: Actor,
    fault: Kind,
    /// After so many messages of the actor's neighbours.
    #[serde(default)]
    after: usize,
}

/// By its name.
#[derive(Deserialize, Clone, Copy)]
#[serde(try_from = "String")]
struct Actor(ActorKind);

impl TryFrom<String> for Actor {
    type Error = &'static str;

    fn try_from(name: String) -> Result<Actor, &'static str> {
        let kind = ActorKind::all_and_supervisor().find(|kind| kind.as_str() == name);
        kind.map(Actor).ok_or("there is no actor of this name")
    }
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
    let Actor(actor) = wanted.actor;
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
