//! What is heard of an actor that dies, in which state, and what becomes of its session.

use actix_rtc::{
    ActorKind, DtlsTransportState as Dtls, IceGathererState as Gatherer, IceTransportState as Ice,
    SctpTransportState as Sctp,
};

use super::victim::When;

/// What becomes of the session.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Then {
    /// It was not connected, and can be now.
    CanConnect,
    /// The same channel goes on after an ICE restart.
    GoesOn,
    /// The peer is silent: no more can be told than what was heard.
    Waits,
    /// It closes soon, and the peer does.
    Ends,
}

pub(super) struct Cell {
    pub(super) when: When,
    pub(super) heard: &'static [&'static str],
    pub(super) then: Then,
}

/// A started ICE transport comes back with another agent, and asks for a restart.
const ICE_COMES_BACK: &[&str] = &[
    "ice error *",
    "ice disconnected",
    "ice restart needed",
    "session disconnected",
];

/// One that had lost its pair already has no other state to go to.
const ICE_COMES_BACK_UNNOTICED: &[&str] = &["ice error *", "ice restart needed"];

const DTLS_DIES: &[&str] = &[
    "dtls error *",
    "dtls failed",
    "session failed",
    "sctp error lower_layer",
    "sctp failed",
];

const SCTP_DIES: &[&str] = &["sctp error *", "sctp failed", "session failed"];

const fn cell(when: When, heard: &'static [&'static str], then: Then) -> Cell {
    Cell { when, heard, then }
}

/// The table. `*` stands for the reason of the fault; `... x` for all up to x, which is ICE's own
/// business, and still the same every time.
pub(super) const MATRIX: &[Cell] = &[
    cell(
        When::Gatherer(Gatherer::New),
        &["gatherer error *"],
        Then::CanConnect,
    ),
    cell(
        When::Gatherer(Gatherer::Gathering),
        &["gatherer error *"],
        Then::Waits,
    ),
    // It heals without anybody's help: the peer's checks find the new socket.
    cell(
        When::Gatherer(Gatherer::Complete),
        &[
            "gatherer error *",
            "gatherer gathering",
            "gatherer complete",
            "ice restart needed",
            "... ice completed",
        ],
        Then::GoesOn,
    ),
    cell(When::Ice(Ice::New), &["ice error *"], Then::CanConnect),
    cell(When::Ice(Ice::Checking), ICE_COMES_BACK, Then::Waits),
    cell(When::Ice(Ice::Connected), ICE_COMES_BACK, Then::GoesOn),
    cell(When::Ice(Ice::Completed), ICE_COMES_BACK, Then::GoesOn),
    cell(
        When::Ice(Ice::Disconnected),
        ICE_COMES_BACK_UNNOTICED,
        Then::Waits,
    ),
    cell(
        When::Ice(Ice::Failed),
        ICE_COMES_BACK_UNNOTICED,
        Then::Waits,
    ),
    cell(When::Dtls(Dtls::New), DTLS_DIES, Then::Ends),
    cell(When::Dtls(Dtls::Connecting), DTLS_DIES, Then::Ends),
    cell(When::Dtls(Dtls::Connected), DTLS_DIES, Then::Ends),
    cell(When::Dtls(Dtls::Failed), &["dtls error *"], Then::Ends),
    cell(When::Sctp(Sctp::New), SCTP_DIES, Then::Ends),
    cell(When::Sctp(Sctp::Connecting), SCTP_DIES, Then::Ends),
    cell(When::Sctp(Sctp::Connected), SCTP_DIES, Then::Ends),
    cell(When::Sctp(Sctp::Failed), &["sctp error *"], Then::Ends),
];

pub(super) fn cells_of(actor: ActorKind) -> impl Iterator<Item = &'static Cell> {
    MATRIX.iter().filter(move |cell| cell.when.actor() == actor)
}
