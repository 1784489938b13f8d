use super::*;

#[test]
fn the_transition_table() {
    let table: Vec<String> = State::ALL
        .iter()
        .map(|s| {
            let next: Vec<_> = s.successors().iter().map(|n| n.as_str()).collect();
            format!("{s} -> {}", next.join(" "))
        })
        .collect();
    assert_eq!(
        table,
        [
            "new -> checking closed",
            "checking -> connected failed closed",
            "connected -> completed disconnected closed",
            "completed -> connected disconnected closed",
            "disconnected -> connected checking failed closed",
            "failed -> checking closed",
            "closed -> ",
        ]
    );
}

#[test]
fn every_step_towards_a_state_is_in_the_table_and_gets_there() {
    for from in State::ALL {
        for target in State::ALL {
            if from == target || from == State::Closed || target == State::New {
                continue;
            }
            let mut state = from;
            for _ in 0..4 {
                if state == target {
                    break;
                }
                let next = state.step_towards(target);
                assert!(
                    state.successors().contains(&next),
                    "{from} to {target}: {state} {next}"
                );
                state = next;
            }
            assert_eq!(state, target, "from {from}");
        }
    }
}
