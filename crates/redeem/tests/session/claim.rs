//! A claim never takes back what tells that a state is missing or old.

use redeem::{GrantProblem, Serial, SessionEnd, SessionGoal, SessionMemory};

use crate::stage::{Stage, in_use, inputs};

fn told(problem: GrantProblem) -> SessionEnd {
    SessionEnd::Problem {
        problem,
        ask_again: None,
    }
}

#[test]
fn a_connector_that_was_handed_over_still_tells_that_its_state_is_missing_or_old() {
    let cases = [
        (None, Some(7), Serial(7), told(GrantProblem::GrantLost)),
        (
            Some(in_use()),
            Some(7),
            Serial(7),
            told(GrantProblem::StateRolledBack),
        ),
        (Some(in_use()), Some(2), Serial(3), SessionEnd::Ready),
        (Some(in_use()), None, Serial(3), SessionEnd::Ready),
        (None, None, Serial(0), told(GrantProblem::AuthorizationRequired)),
    ];
    for (kept, copied, claimed, end) in cases {
        let mut stage = Stage::with(kept);
        stage.connector.controller = None;
        stage.connector.serial = copied.map(Serial);
        let outcome = stage.run(inputs(SessionGoal::Settle), SessionMemory::default());
        assert_eq!(
            (stage.connector.serial, outcome.end),
            (Some(claimed), end),
            "copy {copied:?}"
        );
    }
}
