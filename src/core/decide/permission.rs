//! May the inputs be sent now?

use jiff::Timestamp;

use crate::core::decide::remembered_failure::standing_failure;
use crate::core::model::connector::Connector;
use crate::core::model::decision::{Decision, MintReason, WaitReason};
use crate::core::model::observed::Observed;
use crate::core::schedule::backoff::attempt_is_due;

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
    let standing = standing_failure(observed, connector);
    let Some(failures) = standing.filter(|failures| !attempt_is_due(failures, now)) else {
        return Decision::Mint { why };
    };
    Decision::Wait(match &failures.next_attempt_time {
        Some(next) => WaitReason::BackOff(next.0),
        None => WaitReason::InputMustChange,
    })
}
