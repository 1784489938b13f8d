use super::*;
use crate::base::id::SessionId;
use crate::base::transport::ice::IceTransportState;
use crate::metrics::tests::{recorded, value};

#[test]
fn a_panic_does_not_make_state_gauges_drift() {
    let (metrics, scrape) = recorded(1);
    let instances = |state: &str| {
        let labels = format!("actor=\"ice\",state=\"{state}\"");
        value(&scrape, &format!("rtc_actor_instances{{{labels}}}"))
    };
    let id = SessionId::random(None, &mut proto::random::Random::from_seed([0; 32]));
    let events = Events::new(id, metrics.clone());
    let cell = StateCell::<IceTransportState>::new(events, metrics.clone());
    assert!(cell.set(IceTransportState::Checking));
    assert_eq!((instances("new"), instances("checking")), (0.0, 1.0));
    let panicked = std::thread::spawn(move || {
        assert!(cell.set(IceTransportState::Connected));
        panic!("with the cell in hand");
    })
    .join();
    assert!(panicked.is_err());
    assert_eq!((instances("checking"), instances("connected")), (0.0, 0.0));
    let moved = r#"rtc_actor_transitions_total{actor="ice",from="checking",to="connected"}"#;
    assert_eq!(value(&scrape, moved), 1.0);
}
