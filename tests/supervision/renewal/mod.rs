//! A DTLS connection cannot be healed, its keys are gone. But ICE lives on, and may carry a new one.

mod deaths;
mod handles;

use std::time::Duration;

use actix_rtc::{
    Config, DataChannelOptions, DtlsError, DtlsTransport, DtlsTransportState, IceGatherer, IceRole,
    IceTransport, IceTransportState, Runtime, SctpTransport, Session, SessionOptions,
};

use crate::measured::Measured;
use crate::pair::{config, dialling, echo};
use crate::time_limit::{until, within};

/// A new connection is made in time, also where the machine is slow.
fn patient() -> Config {
    config(1).failure_linger(Duration::from_secs(6))
}

/// One end of a stack whose application starts it layer by layer.
struct Stack {
    gatherer: IceGatherer,
    ice: IceTransport,
    dtls: DtlsTransport,
    sctp: SctpTransport,
}

impl Stack {
    /// Without a session object.
    fn new(gatherer: IceGatherer) -> Stack {
        let ice = IceTransport::new(&gatherer).unwrap();
        let dtls = DtlsTransport::new(&ice).unwrap();
        let sctp = SctpTransport::new(&dtls).unwrap();
        Stack {
            gatherer,
            ice,
            dtls,
            sctp,
        }
    }

    fn of(session: &Session) -> Stack {
        Stack {
            gatherer: session.gatherer().clone(),
            ice: session.ice().clone(),
            dtls: session.dtls(),
            sctp: session.sctp(),
        }
    }

    /// New transports in the place of those that are over.
    fn renew(&mut self) {
        self.dtls = DtlsTransport::new(&self.ice).unwrap();
        self.sctp = SctpTransport::new(&self.dtls).unwrap();
    }

    async fn start_sctp(&self) {
        let capabilities = SctpTransport::capabilities();
        self.sctp.start(capabilities, None).await.unwrap();
    }
}

struct Stacks {
    a: Stack,
    b: Stack,
}

impl Stacks {
    /// Connects ICE; DTLS and SCTP are there and not started.
    async fn on_ice(a: Stack, b: Stack) -> Stacks {
        let stacks = Stacks { a, b };
        stacks.b.ice.set_role(IceRole::Controlled);
        within(async {
            let (a, b) = (&stacks.a, &stacks.b);
            a.gatherer.gather(Some(vec![])).await.unwrap();
            b.gatherer.gather(Some(vec![])).await.unwrap();
            for (near, far) in [(a, b), (b, a)] {
                for candidate in far.gatherer.local_candidates() {
                    near.ice.add_remote_candidate(candidate);
                }
                near.ice.add_remote_candidate(None);
            }
            let (of_a, of_b) = (a.gatherer.local_parameters(), b.gatherer.local_parameters());
            tokio::try_join!(a.ice.start(of_b), b.ice.start(of_a)).unwrap();
        })
        .await;
        let states = || [&stacks.a, &stacks.b].map(|end| end.ice.state());
        until(|| states() == [IceTransportState::Completed; 2]).await;
        stacks
    }

    /// Without session objects.
    async fn bare(rtc: &Runtime) -> Stacks {
        let a = rtc.gatherer(dialling()).unwrap();
        let b = rtc.gatherer(SessionOptions::default()).unwrap();
        Stacks::on_ice(Stack::new(a), Stack::new(b)).await
    }

    async fn start_dtls(&self) -> Result<((), ()), DtlsError> {
        let (a, b) = (&self.a.dtls, &self.b.dtls);
        let (of_a, of_b) = (a.local_parameters(), b.local_parameters());
        within(async { tokio::try_join!(a.start(of_b), b.start(of_a)) }).await
    }

    /// Connects DTLS and SCTP, and sends something to and fro.
    async fn connect(&self) {
        self.start_dtls().await.unwrap();
        within(async { tokio::join!(self.a.start_sctp(), self.b.start_sctp()) }).await;
        let options = DataChannelOptions::default();
        let ours = within(self.a.sctp.create_data_channel("test", options))
            .await
            .unwrap();
        let theirs = within(self.b.sctp.accept()).await.unwrap();
        within(ours.opened()).await.unwrap();
        echo(&ours, &theirs, "there and back").await;
    }

    /// Brings the DTLS transport of `a` there, and the other one as far as it comes by that.
    async fn reach(&self, state: DtlsTransportState) {
        use DtlsTransportState as S;
        let of_b = self.b.dtls.local_parameters();
        match state {
            // The other one is not started, and does not answer.
            S::Connecting => {
                let dtls = self.a.dtls.clone();
                tokio::spawn(async move { dtls.start(of_b).await });
            }
            S::Connected => self.connect().await,
            S::Failed => {
                let mut wrong = of_b;
                wrong.fingerprints[0].value = ["00"; 32].join(":");
                let of_a = self.a.dtls.local_parameters();
                let (a, b) = (self.a.dtls.clone(), self.b.dtls.clone());
                tokio::spawn(async move { b.start(of_a).await });
                let failed = within(a.start(wrong)).await.unwrap_err();
                assert!(matches!(failed, DtlsError::Failed(_)), "{failed:?}");
            }
            S::New | S::Closed => {}
        }
        until(|| self.a.dtls.state() == state).await;
    }
}

/// No session, route, transport or channel, in whatever state.
async fn nothing_is_left(bed: &Measured) {
    assert_eq!((bed.rtc.session_count(), bed.rtc.half_open_count()), (0, 0));
    within(async {
        while bed.rtc.census().await.routes > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    for state in ["new", "connecting", "connected", "closed", "failed"] {
        for actor in ["gatherer", "ice", "dtls", "sctp"] {
            let series = format!("rtc_actor_instances{{actor=\"{actor}\",state=\"{state}\"}}");
            if bed.find(&series).is_some() {
                bed.until(&series, 0.0).await;
            }
        }
        bed.until(&format!("rtc_sessions{{state=\"{state}\"}}"), 0.0)
            .await;
    }
    for state in ["connecting", "open", "closing"] {
        bed.until(&format!("rtc_sctp_channels{{state=\"{state}\"}}"), 0.0)
            .await;
    }
}
