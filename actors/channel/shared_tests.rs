use std::time::Instant;

use metrics::Counter;

use super::*;
use crate::error::ActorKind;
use crate::mailbox::{Address, Mailbox, Meter};
use crate::metrics::Metrics;
use crate::proto::random::Random;
use crate::proto::sctp::{Association, ChannelOptions, Config};

#[test]
fn an_inbox_that_nobody_can_read_any_more_takes_nothing_and_holds_nothing() {
    let mut association = Association::new(Config::default(), Random::from_seed([0; 32]));
    let opened = association.open(Instant::now(), "test".into(), ChannelOptions::default());
    let id = opened.unwrap();
    // An actor that is gone.
    let (actor, _) = Mailbox::new();
    let meter = Meter::new(Metrics::new(1), ActorKind::Sctp);
    let port = Port::new(Address::with_meter(actor, meter), Counter::noop(), 1_000);
    let port = Arc::new(port);
    let info = association.channel(id).unwrap();
    let shared = Shared::new(id, info, port.clone(), 1_000, 1_000);
    let mut next = || Some(Message::from(vec![0; 100]));
    assert!(shared.fill(&mut next).0 > 0);
    assert!(port.inboxes.is_full());
    shared.abandon();
    assert!(!port.inboxes.is_full());
    // Messages may still come before the actor hears of it.
    assert_eq!(shared.fill(&mut next), (0, 0));
}
