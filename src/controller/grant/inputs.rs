//! What a session is told at its start.

use redeem::{Bootstrap, ConnectorRef, Expect, FreshIds, Inputs, Introspectable, Limits, Want};
use ring::rand::{SecureRandom, SystemRandom};

use super::Place;
use crate::controller::{Context, Error};
use crate::decide::MintReason;
use crate::decide::grant::{GrantView, client};
use crate::decide::observed::Observed;
use crate::decide::secret::Owner;
use crate::decide::validate::{Connector, Method};

pub(super) fn inputs(
    context: &Context,
    observed: &Observed,
    connector: &Connector,
    why: MintReason,
    place: Place,
) -> Result<Inputs, Error> {
    let Owner { name, namespace, uid } = &observed.owner;
    let want = want(observed, why);
    let brought = match &connector.method {
        // Nothing is taken in that nobody wants, or whose token can't be delivered.
        Method::AuthorizationCode { brought, .. } => brought.as_ref().filter(|_| observed.is_at_work()),
        Method::ClientCredentials | Method::JwtBearer { .. } | Method::Password(_) => None,
    };
    Ok(Inputs {
        connector: ConnectorRef {
            uid: uid.as_str().into(),
            namespace: namespace.as_str().into(),
            name: name.as_str().into(),
        },
        installation: place.installation,
        cluster: place.cluster,
        want,
        bootstrap: brought.map(|token| {
            Bootstrap::new(
                context.digest_key.hmac(),
                redeem::RefreshToken::new(token.expose().to_owned()),
            )
        }),
        expect: Expect {
            organization_id: connector.expect.organization_id.clone(),
            username: connector.expect.username.clone(),
        },
        client: client(connector),
        introspectable: match connector.app.client_secret {
            Some(_) => Introspectable::Possible,
            None => Introspectable::Impossible,
        },
        limits: Limits::new(context.settings.token_request_limit).map_err(Error::Limits)?,
        fresh: FreshIds {
            attempt: redeem::AttemptId::new(random()?),
            grant: redeem::GrantId::new(random()?),
        },
    })
}

/// What a session is for. A token is due as the consumer has it; only a grant that is kept alive is due as it stands in the
/// state, whatever became of its token.
fn want(observed: &Observed, why: MintReason) -> Want {
    let delivered = observed.held.as_ref().and_then(|held| held.serial);
    let state = observed.grant.as_ref().and_then(GrantView::state);
    let stored = state.and_then(|state| Some(state.access()?.serial));
    match why {
        MintReason::GrantOpen | MintReason::NoToken => Want::Settle,
        MintReason::KeepAlive => Want::Renew { seen: stored },
        MintReason::Requested
        | MintReason::InputsChanged
        | MintReason::SessionEnded
        | MintReason::InstanceGone
        | MintReason::RenewalDue
        | MintReason::Retry => Want::Renew {
            seen: delivered.map(redeem::Serial),
        },
    }
}

/// A name that nobody else makes.
fn random() -> Result<String, Error> {
    use base64::Engine as _;
    let mut bytes = [0; 15];
    SystemRandom::new().fill(&mut bytes).map_err(|_| Error::Random)?;
    Ok(base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes))
}

#[cfg(test)]
mod tests {
    use redeem::{Serial, Standing};
    use serde_json::json;

    use super::*;
    use crate::decide::fixtures::granted;

    #[test]
    fn a_grant_that_is_kept_alive_is_due_as_it_stands_in_the_state_and_a_token_as_it_was_delivered() {
        let mut observed = granted(&json!({}), Standing::Good);
        // A session has renewed the grant since, and its token was not delivered.
        observed.held.as_mut().unwrap().serial = Some(2);
        let renew = |serial| Want::Renew {
            seen: Some(Serial(serial)),
        };
        for (why, expected) in [
            (MintReason::KeepAlive, renew(3)),
            (MintReason::RenewalDue, renew(2)),
            (MintReason::Requested, renew(2)),
            (MintReason::GrantOpen, Want::Settle),
        ] {
            assert_eq!(want(&observed, why), expected, "{why:?}");
        }
    }
}
