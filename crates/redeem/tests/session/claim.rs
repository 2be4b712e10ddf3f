//! A claim never takes back what tells that a state is missing or old.

use redeem::{Conclusion, GrantTrouble, Memory, Serial, Want};

use crate::stage::{Stage, in_use, inputs};

fn told(trouble: GrantTrouble) -> Conclusion {
    Conclusion::Trouble {
        trouble,
        ask_again: None,
    }
}

#[test]
fn a_connector_that_was_handed_over_still_tells_that_its_state_is_missing_or_old() {
    let cases = [
        (None, Some(7), Serial(7), told(GrantTrouble::GrantLost)),
        (
            Some(in_use()),
            Some(7),
            Serial(7),
            told(GrantTrouble::StateRolledBack),
        ),
        (Some(in_use()), Some(2), Serial(3), Conclusion::Ready),
        (Some(in_use()), None, Serial(3), Conclusion::Ready),
        (None, None, Serial(0), told(GrantTrouble::AuthorizationRequired)),
    ];
    for (kept, copied, claimed, conclusion) in cases {
        let mut stage = Stage::with(kept);
        stage.connector.controller = None;
        stage.connector.serial = copied.map(Serial);
        let outcome = stage.run(inputs(Want::Settle), Memory::default());
        assert_eq!(
            (stage.connector.serial, outcome.conclusion),
            (Some(claimed), conclusion),
            "copy {copied:?}"
        );
    }
}
