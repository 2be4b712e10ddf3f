//! What is a session of the redeem protocol for, by the reason it is begun?

use redeem::{Serial, SessionGoal};

use crate::core::model::decision::MintReason;
use crate::core::model::observed::{GrantSource, Observed};

/// What a session is for. A token is due as the consumer has it; only a grant that is kept alive is due as it stands in the
/// state, whatever became of its token. The token of a grant whose user is not known reaches nobody before the user is: such a
/// grant is spent to keep it alive, or where somebody asks, and otherwise only where Salesforce can't tell without.
pub fn session_goal(observed: &Observed, source: &GrantSource, why: MintReason) -> SessionGoal {
    let view = &source.view;
    let stored = view.state().and_then(|state| Some(state.access()?.serial));
    let delivered = observed.held.as_ref().and_then(|held| held.serial).map(Serial);
    let unnamed = view.is_unnamed(&source.connector.expect);
    match why {
        MintReason::GrantOpen | MintReason::NoToken | MintReason::Login => SessionGoal::Settle,
        MintReason::KeepAlive => SessionGoal::Renew { seen: stored },
        MintReason::Requested => SessionGoal::Renew { seen: delivered },
        MintReason::InputsChanged
        | MintReason::SessionEnded
        | MintReason::CredentialsTrial
        | MintReason::InstanceGone
        | MintReason::RenewalDue
        | MintReason::Retry => {
            if unnamed {
                SessionGoal::Settle
            } else {
                SessionGoal::Renew { seen: delivered }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use redeem::GrantValidity;
    use serde_json::json;

    use super::*;
    use crate::core::testing::fixtures;
    use crate::core::testing::fixtures::{connector, granted, spec};

    fn renew(serial: u64) -> SessionGoal {
        SessionGoal::Renew {
            seen: Some(Serial(serial)),
        }
    }

    #[test]
    fn keep_alive_follows_the_stored_state_and_renewal_the_delivered_token() {
        let mut observed = granted(&json!({}), GrantValidity::Valid);
        // A session has renewed the grant since, and its token was not delivered.
        observed.held.as_mut().unwrap().serial = Some(2);
        for (why, expected) in [
            (MintReason::KeepAlive, renew(3)),
            (MintReason::RenewalDue, renew(2)),
            (MintReason::Retry, renew(2)),
            (MintReason::Requested, renew(2)),
            (MintReason::GrantOpen, SessionGoal::Settle),
        ] {
            assert_eq!(
                session_goal(&observed, fixtures::grant_of(&observed), why),
                expected,
                "{why:?}"
            );
        }
    }

    #[test]
    fn an_unnamed_grant_is_refreshed_only_to_keep_it_alive_or_on_request() {
        let mut observed = granted(&json!({}), GrantValidity::Valid);
        let named = json!({
            "auth": { "authorizationCode": {} },
            "expect": { "username": "anna@acme.example" },
        });
        fixtures::grant_mut(&mut observed).connector = connector(&spec(named));
        for (why, expected) in [
            (MintReason::KeepAlive, renew(3)),
            (MintReason::Requested, renew(3)),
            (MintReason::RenewalDue, SessionGoal::Settle),
            (MintReason::Retry, SessionGoal::Settle),
            (MintReason::InputsChanged, SessionGoal::Settle),
            (MintReason::SessionEnded, SessionGoal::Settle),
        ] {
            assert_eq!(
                session_goal(&observed, fixtures::grant_of(&observed), why),
                expected,
                "{why:?}"
            );
        }
    }
}
