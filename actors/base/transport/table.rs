//! The one description of the transports. Whatever has to be said of each of them is made from it:
//! `transports!(what)` hands the whole table to the macro `what`.
//!
//! The order is that of starting, from the network up; a session closes the other way round.
//! Each entry says
//!
//! - the kind, the metric label `actor`, and the module in this folder with its state and event;
//! - `stands_on`: the transport below, without which it is not started and before which it closes;
//! - `falls_with`: whether a failure of the one below is its own as well;
//! - `renewed`: whether another can follow it on a session that lives, together with those of the
//!   same [`Connection`](crate::session::connection::Connection);
//! - `counts`: what a session has to do with its state (see [`Counts`](crate::base::kind::Counts));
//! - `restarts`: the restart budget, by the name of its setting; `none` where what is lost with the
//!   actor cannot come back;
//! - `messages`: which [kinds of messages](crate::base::kind::MessageKind) it gets;
//! - `reasons`: for which [reasons](crate::base::error::Reason) it can fail, beside those that every
//!   actor has; `machine` are those of its protocol machine, as variants of `Reason` of their own.

/// See the [module](self).
macro_rules! transports {
    ($what:ident) => {
        $what! {
            /// Owns sockets and gathers candidates.
            Gatherer, "gatherer", gatherer, IceGathererState, IceGathererEvent {
                stands_on: [],
                falls_with: false,
                renewed: false,
                counts: Not,
                restarts: [gatherer_restart],
                messages: [Outbound, Checks, Answer, Command],
                reasons: [SocketBind, SocketLost],
                machine: {},
            }
            /// Runs the ICE agent.
            Ice, "ice", ice, IceTransportState, IceTransportEvent {
                stands_on: [Gatherer],
                falls_with: true,
                renewed: false,
                counts: Always,
                restarts: [ice_restart],
                messages: [Inbound, Outbound, Command],
                reasons: [IceFailed],
                machine: {
                    /// The ICE agent gave up.
                    Ice(proto::ice::FailureReason),
                },
            }
            /// Runs the DTLS endpoint.
            Dtls, "dtls", dtls, DtlsTransportState, DtlsTransportEvent {
                stands_on: [Ice],
                falls_with: false,
                renewed: true,
                counts: Always,
                restarts: [],
                messages: [Inbound, Outbound, Wake, Command],
                reasons: [],
                machine: {
                    /// The DTLS engine would not start.
                    DtlsStart(proto::dtls::StartError),
                    /// The DTLS endpoint gave up.
                    Dtls(proto::dtls::FailureReason),
                },
            }
            /// Runs the SCTP association.
            Sctp, "sctp", sctp, SctpTransportState, SctpTransportEvent {
                stands_on: [Dtls],
                falls_with: true,
                renewed: true,
                counts: Always,
                restarts: [],
                messages: [Inbound, Wake, Command],
                reasons: [],
                machine: {
                    /// The SCTP association gave up.
                    Sctp(proto::sctp::FailureReason),
                },
            }
        }
    };
}
pub(crate) use transports;
