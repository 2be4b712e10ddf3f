//! What a session is told at its start.

use redeem::{Bootstrap, ConnectorRef, Expect, FreshIds, Introspectable, SessionInputs, TimeLimits};
use ring::rand::{SecureRandom, SystemRandom};

use super::Place;
use crate::controller::{Context, Error};
use crate::decide::MintReason;
use crate::decide::grant::client;
use crate::decide::observed::Observed;
use crate::decide::secret::Owner;
use crate::decide::validate::{Connector, Method};
use crate::decide::want::want;

pub(super) fn inputs(
    context: &Context,
    observed: &Observed,
    connector: &Connector,
    why: MintReason,
    place: Place,
) -> Result<SessionInputs, Error> {
    let Owner { name, namespace, uid } = &observed.owner;
    let want = want(observed, connector, why);
    let brought = match &connector.method {
        // Nothing is taken in that nobody wants, or whose token can't be delivered.
        Method::AuthorizationCode { brought, .. } => brought.as_ref().filter(|_| observed.is_at_work()),
        Method::ClientCredentials | Method::JwtBearer { .. } | Method::Password(_) => None,
    };
    Ok(SessionInputs {
        connector: ConnectorRef {
            uid: uid.as_str().into(),
            namespace: namespace.as_str().into(),
            name: name.as_str().into(),
        },
        installation: place.installation,
        cluster: place.cluster,
        goal: want,
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
        limits: TimeLimits::new(context.settings.token_request_limit).map_err(Error::Limits)?,
        fresh: FreshIds {
            attempt: redeem::AttemptId::new(random()?),
            grant: redeem::GrantId::new(random()?),
        },
    })
}

/// A name that nobody else makes.
fn random() -> Result<String, Error> {
    use base64::Engine as _;
    let mut bytes = [0; 15];
    SystemRandom::new().fill(&mut bytes).map_err(|_| Error::Random)?;
    Ok(base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes))
}
