//! May the inputs be sent now?

use jiff::Timestamp;

use crate::core::decide::remembered_failure::standing_failure;
use crate::core::model::connector::Connector;
use crate::core::model::decision::{Decision, MintReason, WaitReason};
use crate::core::model::observed::Observed;

/// Obtains the token, unless these inputs have failed and their next attempt is not due. Other inputs, or somebody who asks,
/// begin again.
pub(super) fn permitted(
    observed: &Observed,
    connector: &Connector,
    why: MintReason,
    now: Timestamp,
) -> Decision {
    if matches!(why, MintReason::Requested | MintReason::Login) {
        return Decision::Mint { why };
    }
    let failures = standing_failure(observed, connector);
    match failures.map(|failures| failures.next_attempt_time.as_ref().map(|time| time.0)) {
        None => Decision::Mint { why },
        Some(Some(next)) if next <= now => Decision::Mint { why },
        Some(Some(next)) => Decision::Wait(WaitReason::BackOff(next)),
        Some(None) => Decision::Wait(WaitReason::InputMustChange),
    }
}
