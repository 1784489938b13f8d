use std::time::Instant;

use metrics::Counter;
use proto::random::Random;
use proto::sctp::{Association, ChannelOptions, Config};

use super::*;
use crate::base::kind::ActorKind;
use crate::kit::address::{Meter, Neighbour};
use crate::metrics::Metrics;

#[test]
fn an_inbox_that_nobody_can_read_any_more_takes_nothing_and_holds_nothing() {
    let mut association = Association::new(Config::default(), Random::from_seed([0; 32]));
    let opened = association.open(Instant::now(), "test".into(), ChannelOptions::default());
    let id = opened.unwrap();
    // An actor that is gone.
    let actor = Neighbour::gone(Meter::new(Metrics::new(1), ActorKind::Sctp));
    let queue = Arc::new(CommandQueue::new(actor, Counter::noop(), 1_000));
    let info = association.channel(id).unwrap();
    let shared = Shared::new(id, info, queue.clone(), 1_000, 1_000);
    let mut next = || Some(Message::from(vec![0; 100]));
    assert!(shared.fill(&mut next).0 > 0);
    assert!(queue.inboxes.is_full());
    shared.abandon();
    assert!(!queue.inboxes.is_full());
    // Messages may still come before the actor hears of it.
    assert_eq!(shared.fill(&mut next), (0, 0));
}
