//! What is a session told at its start? What the pass orders, and what is the same for all sessions of the process.

use redeem::{ConnectorRef, FreshIds, SessionInputs, TimeLimits};
use ring::rand::{SecureRandom, SystemRandom};

use crate::core::model::owner::Owner;
use crate::core::pass::SessionOrder;
use crate::shell::context::Context;
use crate::shell::error::Error;
use crate::shell::grant_session::memory::Place;

pub(crate) fn inputs(
    context: &Context,
    owner: &Owner,
    order: SessionOrder,
    place: Place,
) -> Result<SessionInputs, Error> {
    Ok(SessionInputs {
        connector: ConnectorRef {
            uid: owner.uid.as_str().into(),
            namespace: owner.namespace.as_str().into(),
            name: owner.name.as_str().into(),
        },
        installation: place.installation,
        heir_of: order.heir_of,
        cluster: place.cluster,
        goal: order.goal,
        bootstrap: order.bootstrap,
        expect: order.expect,
        client: order.client,
        introspectable: order.introspectable,
        limits: TimeLimits::new(context.settings.token_request_limit).map_err(Error::Limits)?,
        fresh: FreshIds {
            attempt: redeem::AttemptId::new(random()?),
            grant: redeem::GrantId::new(random()?),
        },
    })
}

fn random() -> Result<String, Error> {
    use base64::Engine as _;
    let mut bytes = [0; 15];
    SystemRandom::new().fill(&mut bytes).map_err(|_| Error::Random)?;
    Ok(base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes))
}
