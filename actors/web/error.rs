//! What goes wrong over HTTP, with a status and a sentence.

use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, ResponseError};

use crate::api::signalling::SignalError;
use crate::base::error::open::OpenError;

/// How long a client is asked to stay away when it gets no session now, in seconds.
const RETRY_AFTER: &str = "5";

/// An error response: a status, and a sentence in the body.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refused {
    #[error("send the body as {expected}")]
    WrongType { expected: &'static str },
    #[error("the body is larger than {limit} bytes")]
    TooLarge { limit: usize },
    #[error("the body could not be read: {0}")]
    Unreadable(String),
    #[error("the body is not UTF-8 text")]
    NotText,
    #[error("there is no such session: it has ended, or never was")]
    UnknownSession,
    #[error("the session has changed meanwhile: its ETag is \"{current}\" now")]
    Stale { current: u64 },
    #[error("only operators may list the sessions: their ids are capabilities")]
    Forbidden,
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Signal(#[from] SignalError),
}

impl ResponseError for Refused {
    fn status_code(&self) -> StatusCode {
        match self {
            Refused::WrongType { .. } => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Refused::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Refused::Unreadable(_) | Refused::NotText => StatusCode::BAD_REQUEST,
            Refused::UnknownSession => StatusCode::NOT_FOUND,
            Refused::Stale { .. } => StatusCode::PRECONDITION_FAILED,
            Refused::Forbidden => StatusCode::FORBIDDEN,
            Refused::Open(OpenError::TooFast) => StatusCode::TOO_MANY_REQUESTS,
            Refused::Open(_) => StatusCode::SERVICE_UNAVAILABLE,
            Refused::Signal(error) if error.is_peers_fault() => StatusCode::BAD_REQUEST,
            Refused::Signal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status_code());
        if matches!(self, Refused::Open(_)) {
            response.insert_header((header::RETRY_AFTER, RETRY_AFTER));
        }
        response
            .content_type("text/plain; charset=utf-8")
            .body(format!("{self}\n"))
    }
}
