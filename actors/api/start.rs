//! What starting is on every transport: the actor takes what it is given, and the state tells what
//! comes of it.

use std::sync::Arc;

use tokio::sync::oneshot;

use crate::base::error::{DtlsError, GatherError, IceError, SctpError, TransportError};
use crate::base::event::Told;
use crate::base::state::Phase;
use crate::session::state_cell::StateCell;

/// An error of `start`, as far as all of them have it.
pub(super) trait StartFailure {
    const CLOSED: Self;
    fn failed(error: TransportError) -> Self;
}

macro_rules! start_failures {
    ($($error:ty),+) => {
        $(impl StartFailure for $error {
            const CLOSED: Self = <$error>::Closed;
            fn failed(error: TransportError) -> Self {
                <$error>::Failed(error)
            }
        })+
    };
}
start_failures!(GatherError, IceError, DtlsError, SctpError);

fn ended<E: StartFailure>(failure: Option<Arc<TransportError>>) -> E {
    failure.map_or(E::CLOSED, |error| E::failed((*error).clone()))
}

/// What the actor says to what it was given. Where it is gone the state says why.
pub(super) async fn taken<S: Told, E: StartFailure>(
    state: &StateCell<S>,
    answer: oneshot::Receiver<Result<(), E>>,
) -> Result<(), E> {
    if let Ok(taken) = answer.await {
        return taken;
    }
    let over = |state: S| matches!(state.phase(), Phase::Failed | Phase::Closed);
    Err(ended(state.wait(over).await.failure))
}

/// Waits until the transport has done what it was started for, or never will.
pub(super) async fn connected<S: Told, E: StartFailure>(state: &StateCell<S>) -> Result<(), E> {
    let done = |state: S| {
        matches!(
            state.phase(),
            Phase::Connected | Phase::Failed | Phase::Closed
        )
    };
    let end = state.wait(done).await;
    match end.state.phase() {
        Phase::Connected => Ok(()),
        _ => Err(ended(end.failure)),
    }
}
