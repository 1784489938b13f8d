use super::*;

#[test]
fn a_transport_stands_on_all_that_are_below_it_and_starts_after_them() {
    for (place, kind) in ActorKind::ALL.into_iter().enumerate() {
        assert_eq!(kind as usize, place);
        assert!(kind.stands_on(kind));
        assert!(kind.stands_on(ActorKind::Gatherer));
        if let Some(below) = kind.below() {
            assert!(
                below < kind,
                "{kind} starts before {below}, on which it stands"
            );
            assert!(kind.stands_on(below));
            assert!(!below.stands_on(kind));
        }
        assert!(!ActorKind::Supervisor.stands_on(kind));
    }
}

#[test]
fn what_can_be_renewed_has_nothing_above_it_that_cannot() {
    for kind in ActorKind::ALL {
        if let Some(below) = kind.below()
            && below.is_renewed()
        {
            assert!(kind.is_renewed());
        }
    }
}
