use tokio::sync::oneshot;

use super::*;
use crate::kit::control::OnShutdown;
use crate::kit::faults::Bare;
use crate::kit::guard::Exit;
use crate::kit::mailbox::Mailbox;
use crate::metrics::tests::{recorded, value};

/// Waits in its handler for as long as it is told.
#[derive(Default)]
struct Slow {
    scope: Bare,
    exit: Exit,
}

impl Actor for Slow {
    type Context = Context<Self>;
}

impl Supervised for Slow {}

impl OnShutdown for Slow {
    fn on_shutdown(&mut self, ctx: &mut Context<Self>) {
        ctx.stop();
    }
}

/// Tells that it is being handled.
#[derive(Message)]
#[rtype(result = "()")]
struct Work(oneshot::Sender<()>);

impl Letter for Work {
    fn kind(&self) -> MessageKind {
        MessageKind::Inbound
    }
}

#[derive(Message)]
#[rtype(result = "()")]
struct Stop;

impl Letter for Stop {}

metered!(Slow, ActorKind::Ice, [Work, Stop]);

impl Handler<Work> for Slow {
    type Result = ();

    fn handle(&mut self, Work(done): Work, _: &mut Context<Self>) {
        let _ = done.send(());
    }
}

impl Handler<Stop> for Slow {
    type Result = ();

    fn handle(&mut self, _: Stop, ctx: &mut Context<Self>) {
        ctx.stop();
    }
}

#[actix::test]
async fn what_waits_is_counted_and_what_is_handled_is_timed() {
    let (metrics, scrape) = recorded(1);
    let meter = Meter::new(metrics.clone(), ActorKind::Ice);
    let (actor, mailbox) = Mailbox::new();
    let address = Address::new(actor, meter.clone());
    let of_ice = |name: &str| value(&scrape, &format!("rtc_actor_{name}{{actor=\"ice\"}}"));
    let handled = |kind: &str| {
        let labels = format!("actor=\"ice\",message=\"{kind}\"");
        value(
            &scrape,
            &format!("rtc_actor_handle_seconds_count{{{labels}}}"),
        )
    };

    // Nobody runs yet.
    let (done, first) = oneshot::channel();
    address.do_send(Work(done));
    let (done, second) = oneshot::channel();
    address.neighbour::<Work>().do_send(Work(done));
    assert_eq!(meter.waiting(), 2);
    metrics.show();
    assert_eq!(of_ice("mailbox_messages"), 2.0);
    assert_eq!(of_ice("mailbox_wait_seconds_count"), 0.0);

    mailbox.into_context().run(Slow::default());
    first.await.unwrap();
    second.await.unwrap();
    for _ in 2..16 {
        let (done, more) = oneshot::channel();
        address.do_send(Work(done));
        more.await.unwrap();
    }
    // What the handler tells comes just before the handling ends.
    tokio::task::yield_now().await;
    assert_eq!(meter.waiting(), 0);
    metrics.show();
    assert_eq!(of_ice("mailbox_messages"), 0.0);
    assert_eq!(of_ice("mailbox_wait_seconds_count"), 2.0);
    assert_eq!((handled("inbound"), handled("command")), (2.0, 0.0));

    // Behind the one that stops the actor, a message finds nobody.
    let (done, third) = oneshot::channel();
    address.do_send(Stop);
    address.do_send(Work(done));
    assert!(third.await.is_err());
    assert_eq!(handled("command"), 1.0);
    metrics.show();
    assert_eq!(of_ice("mailbox_messages"), 0.0);
    let rejected = |reason: &str| {
        let labels = format!("actor=\"ice\",reason=\"{reason}\"");
        value(
            &scrape,
            &format!("rtc_actor_messages_rejected_total{{{labels}}}"),
        )
    };
    assert_eq!((rejected("closed"), rejected("full")), (1.0, 0.0));
    address.neighbour::<Work>().refuse();
    assert_eq!((rejected("closed"), rejected("full")), (1.0, 1.0));
}
