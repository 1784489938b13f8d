//! How an application hears of a transport: in the same ways on each handle.

/// Gives a handle its events: as a stream, sent to an actor, or to callbacks.
macro_rules! observed {
    ($handle:ty, $kind:expr, $event:ident, $state:ty) => {
        impl $handle {
            /// What happens from now on.
            pub fn events(&self) -> $crate::session::events::EventStream<$event> {
                self.lease().scope.events.stream()
            }

            /// Sends its events from now on to an actix actor: see
            /// [`Session::subscribe`](crate::Session::subscribe).
            pub fn subscribe(
                &self,
                recipient: actix::Recipient<$crate::base::event::TransportEvent>,
            ) {
                let events = &self.lease().scope.events;
                events.subscribe_actor(recipient, Some($kind));
            }

            /// Calls `f` at each state change, on the session's worker thread: it must not block.
            pub fn on_state_change(&self, mut f: impl FnMut($state) + Send + 'static) {
                self.lease().scope.listen(move |event: $event| {
                    if let $event::StateChange(state) = event {
                        f(state);
                    }
                });
            }

            /// Calls `f` at each error, on the session's worker thread: it must not block.
            pub fn on_error(
                &self,
                mut f: impl FnMut($crate::base::error::TransportError) + Send + 'static,
            ) {
                self.lease().scope.listen(move |event: $event| {
                    if let $event::Error(error) = event {
                        f(error);
                    }
                });
            }
        }
    };
}
pub(crate) use observed;
