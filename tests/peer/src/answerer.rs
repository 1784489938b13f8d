//! Side B: answers, counts and echoes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use actix_rtc::{DataChannel, Runtime, SendError, Session, SessionOptions};
use serde_json::json;

use crate::{complain, say};

pub(crate) struct Answerer {
    rtc: Runtime,
    /// Dropping the last handle would close the session.
    sessions: Arc<Mutex<HashMap<u64, Session>>>,
}

impl Answerer {
    pub(crate) fn new(rtc: Runtime) -> Answerer {
        Answerer {
            rtc,
            sessions: Arc::default(),
        }
    }

    pub(crate) fn offer(&self, id: u64, sdp: String) {
        let session = match self.rtc.session(SessionOptions::default()) {
            Ok(session) => session,
            Err(error) => return complain(&error.to_string()),
        };
        let sessions = self.sessions.clone();
        session.spawn(move |session| async move {
            match session.accept(&sdp).await {
                Ok(sdp) => say(&json!({"ev": "answer", "id": id, "sdp": sdp})),
                Err(error) => return complain(&error.to_string()),
            }
            sessions
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .insert(id, session.clone());
            while let Some(channel) = session.accept_data_channel().await {
                session.spawn(move |_| serve(channel));
            }
        });
    }
}

async fn serve(channel: DataChannel) {
    if let Err(error) = echo(&channel).await {
        // The peer has gone; there is nobody to be served.
        complain(&error.to_string());
    }
}

async fn echo(channel: &DataChannel) -> Result<(), SendError> {
    let mut remaining = 0u64;
    while let Some(message) = channel.recv().await {
        if remaining > 0 {
            remaining = remaining.saturating_sub(message.len() as u64);
            if remaining == 0 {
                channel.send(vec![2]).await?;
            }
            continue;
        }
        match message.as_bytes() {
            [1, total @ ..] if total.len() == 8 => {
                remaining = total.try_into().map_or(0, u64::from_le_bytes);
            }
            _ => channel.send(message).await?,
        }
    }
    Ok(())
}
