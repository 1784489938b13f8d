//! Sessions that are brought into the state in which one of their actors is to die.

use actix_rtc::chaos::{Fault, Moment};
use actix_rtc::{
    ActorKind, DtlsTransportState, IceGathererState, IceServer, IceTransportState, Runtime,
    SctpTransportState, Session, SessionState,
};

use crate::bed::same;
use crate::pair::Pair;
use crate::time_limit::until;

/// A session that is about to be struck, and its peer.
pub(super) struct Victim {
    pub(super) pair: Pair,
    pub(super) struck: Session,
    pub(super) peer: Session,
}

impl Victim {
    /// The one with the shared port is struck.
    fn new(rtc: &Runtime) -> Victim {
        let pair = Pair::new(rtc);
        Victim {
            struck: pair.answerer.clone(),
            peer: pair.offerer.clone(),
            pair,
        }
    }

    /// Waits until the struck session has come so far.
    async fn settles(&self, so_far: impl Fn(&Session) -> bool) {
        until(|| {
            let state = self.struck.state();
            assert!(state != SessionState::Closed, "it closed before");
            so_far(&self.struck)
        })
        .await;
    }

    /// From now on nothing comes from an actor of the peer.
    fn silence(&self, actor: ActorKind) {
        self.peer
            .inject(actor, Fault::Lose(usize::MAX), Moment::Now);
    }
}

/// Which state an actor is in when it is struck.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum When {
    Gatherer(IceGathererState),
    Ice(IceTransportState),
    Dtls(DtlsTransportState),
    Sctp(SctpTransportState),
}

impl When {
    pub(super) fn actor(self) -> ActorKind {
        match self {
            When::Gatherer(_) => ActorKind::Gatherer,
            When::Ice(_) => ActorKind::Ice,
            When::Dtls(_) => ActorKind::Dtls,
            When::Sctp(_) => ActorKind::Sctp,
        }
    }

    fn is_reached(self, session: &Session) -> bool {
        match self {
            When::Gatherer(state) => session.gatherer().state() == state,
            When::Ice(state) => session.ice().state() == state,
            When::Dtls(state) => session.dtls().state() == state,
            When::Sctp(state) => session.sctp().state() == state,
        }
    }

    /// Brings a session there.
    pub(super) async fn reach(self, rtc: &Runtime) -> Victim {
        use {
            DtlsTransportState as Dtls, IceGathererState as Gatherer, IceTransportState as Ice,
            SctpTransportState as Sctp,
        };
        let victim = Victim::new(rtc);
        match self {
            When::Gatherer(Gatherer::New)
            | When::Ice(Ice::New)
            | When::Dtls(Dtls::New)
            | When::Sctp(Sctp::New) => {}
            When::Gatherer(Gatherer::Gathering) => {
                // A server that is there and says nothing.
                let silent = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
                let url = format!("stun:{}", silent.local_addr().unwrap());
                let gatherer = victim.struck.gatherer().clone();
                tokio::spawn(async move {
                    let _ = gatherer.gather(Some(vec![IceServer::stun(&url)])).await;
                    drop(silent);
                });
            }
            When::Ice(Ice::Checking) => {
                victim.silence(ActorKind::Gatherer);
                victim.pair.signal(same, same).await;
            }
            When::Dtls(Dtls::Connecting) => {
                victim.silence(ActorKind::Dtls);
                victim.pair.signal(same, same).await;
                victim
                    .settles(|struck| struck.ice().state() == Ice::Completed)
                    .await;
            }
            When::Sctp(Sctp::Connecting) => {
                victim.silence(ActorKind::Sctp);
                victim.pair.signal(same, same).await;
                victim
                    .settles(|struck| struck.dtls().state() == Dtls::Connected)
                    .await;
            }
            When::Sctp(Sctp::Failed) => {
                victim.silence(ActorKind::Sctp);
                victim.pair.signal(same, same).await;
            }
            When::Dtls(Dtls::Failed) => {
                let wrong = |offer: String| {
                    let line = offer
                        .lines()
                        .find(|l| l.starts_with("a=fingerprint:"))
                        .unwrap();
                    let other = format!("a=fingerprint:sha-256 {}", ["00"; 32].join(":"));
                    offer.replace(line, &other)
                };
                victim.pair.signal(wrong, same).await;
            }
            When::Ice(Ice::Connected) => {
                // As long as more candidates may come, a better pair may.
                let open = |offer: String| offer.replace("a=end-of-candidates\r\n", "");
                victim.pair.signal(open, same).await;
                victim.pair.connected().await;
            }
            When::Ice(Ice::Disconnected | Ice::Failed) => {
                victim.pair.connect().await;
                victim.silence(ActorKind::Gatherer);
            }
            _ => victim.pair.connect().await,
        }
        victim.settles(|struck| self.is_reached(struck)).await;
        // What follows from that has followed, too.
        victim
            .settles(|struck| match self {
                When::Ice(Ice::Disconnected) => struck.state() == SessionState::Disconnected,
                When::Ice(Ice::Failed) | When::Sctp(Sctp::Failed) => {
                    struck.state() == SessionState::Failed
                }
                When::Dtls(Dtls::Failed) => struck.sctp().state() == Sctp::Failed,
                _ => true,
            })
            .await;
        victim
    }
}
