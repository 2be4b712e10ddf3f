//! What is so? Reads of Kubernetes, by name, turned into values.

use std::collections::HashMap;

use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;
use kube::runtime::reflector::Store;
use secrecy::SecretString;

use super::context::namespace;
use super::{Context, Error, passwords, secrets};
use crate::api::{SalesforceConnector, names};
use crate::decide::grant::{self, GrantView};
use crate::decide::inputs::{Input, Inputs, references};
use crate::decide::observed::{Activity, Knowledge, Observed, Requests};
use crate::decide::schedule::resync_period;
use crate::decide::secret::{Owner, read_back};
use crate::decide::siblings::{self, Peer, Siblings};
use crate::decide::target::{Target, owning_connector};
use crate::decide::validate::{Connector, Method, validate};
use crate::settings::SecretWatch;

/// In mode `Watch` changes are noticed at once; the sweep is only the safety net.
const SAFETY_NET: std::time::Duration = std::time::Duration::from_hours(1);

/// Observes one connector.
pub async fn observe(context: &Context, connector: &SalesforceConnector) -> Result<Observed, Error> {
    let owner = Owner {
        name: connector.name_any(),
        namespace: namespace(connector),
        uid: connector.uid().unwrap_or_default(),
    };
    let inputs = read_inputs(context, connector).await?;
    let checked = validate(
        &owner.name,
        &connector.spec,
        &inputs,
        &context.allow_list,
        &context.digest_key,
    );
    let target = match &checked {
        Ok(checked) => {
            let found = secrets::read(context, &owner.namespace, &checked.template.name).await?;
            Target::judge(found, &owner, &checked.template)
        }
        Err(_) => Target::Absent,
    };
    let former = match (&target, &checked) {
        (Target::Absent, Ok(checked)) => former(context, &owner, connector, checked).await?,
        (Target::Absent | Target::Ours(_) | Target::Refused(_), _) => None,
    };
    let ours = target.ours().or(former.as_ref());
    let noted = ours.and_then(|secret| read_back(secret, &context.digest_key));
    let grant = match &checked {
        Ok(Connector {
            method: Method::AuthorizationCode { brought, .. },
            ..
        }) => Some(view(context, connector, ours, brought.as_ref()).await?),
        Ok(_) | Err(_) => None,
    };
    let held = match (&grant, &checked) {
        (Some(grant), Ok(checked)) => grant
            .state()
            .and_then(|state| grant::held(state, noted.as_ref(), checked)),
        (Some(_) | None, Ok(_) | Err(_)) => noted,
    };
    let knowledge = knowledge(context, checked.as_ref().ok()).await?;
    Ok(Observed {
        owner,
        generation: connector.metadata.generation.unwrap_or_default(),
        requests: requests(connector),
        activity: if connector.spec.suspend {
            Activity::Suspended
        } else {
            Activity::Active
        },
        status: connector.status.clone().unwrap_or_default(),
        connector: checked,
        target,
        held,
        grant,
        knowledge,
        siblings: siblings(context, connector),
        claim_told: context.claim_told(connector),
        last_test: context.last_test(connector),
        resync_period: sweep(context),
    })
}

/// Our Secret of before a change of `secret.name`, which holds the token until the new one exists.
async fn former(
    context: &Context,
    owner: &Owner,
    connector: &SalesforceConnector,
    checked: &Connector,
) -> Result<Option<Secret>, Error> {
    let status = connector.status.as_ref();
    let in_status = status.and_then(|status| status.secret_name.as_deref());
    for name in context.former_secrets(&owner.uid, in_status, &checked.template.name) {
        let found = secrets::read(context, &owner.namespace, &name).await?;
        let ours = found.filter(|secret| owning_connector(secret) == Some(&owner.uid));
        if ours.is_some() {
            return Ok(ours);
        }
    }
    Ok(None)
}

/// The stored grant, and the highest copy of its serial.
async fn view(
    context: &Context,
    connector: &SalesforceConnector,
    ours: Option<&Secret>,
    brought: Option<&salesforce_client::RefreshToken>,
) -> Result<GrantView, Error> {
    let uid = connector.uid().unwrap_or_default();
    let (state, revoke_at) = super::grant::read_state(context, &uid).await?;
    let place = super::grant::place(context).await?;
    let claim = connector
        .status
        .as_ref()
        .and_then(|status| status.installation_uid.as_deref());
    let in_status = connector.status.as_ref().and_then(|status| status.grant_serial);
    let in_status = in_status.and_then(|serial| u64::try_from(serial).ok());
    let in_secret = ours.and_then(|secret| secret.annotations().get(names::SERIAL)?.parse().ok());
    Ok(GrantView {
        state: grant::of_connector(state, &uid),
        revoke_at,
        brought: brought.map(|token| {
            let token = redeem::RefreshToken::new(token.expose().to_owned());
            redeem::TokenDigest::of(context.digest_key.hmac(), &token)
        }),
        floor: redeem::Serial(in_status.max(in_secret).unwrap_or_default()),
        claimed_elsewhere: claim.is_some_and(|claim| claim != place.installation.as_str()),
        cluster: place.cluster,
    })
}

/// Read from the watch: what it says of others' status may be a moment old.
fn siblings(context: &Context, connector: &SalesforceConnector) -> Siblings {
    if !siblings::matter(connector) {
        return Siblings::default();
    }
    let known: Vec<_> = context
        .connectors
        .stores()
        .iter()
        .flat_map(Store::state)
        .collect();
    let parsed = known.iter().filter_map(|guarded| guarded.0.as_ref().ok());
    Siblings::of(connector, parsed.filter_map(Peer::of))
}

/// The period of the sweep as things stand.
pub fn sweep(context: &Context) -> std::time::Duration {
    match context.settings.secret_watch {
        SecretWatch::ByName => resync_period(context.connectors.count()),
        SecretWatch::Watch => SAFETY_NET,
    }
}

fn requests(connector: &SalesforceConnector) -> Requests {
    let annotation = |name: &str| connector.annotations().get(name).cloned();
    Requests {
        test: annotation(names::TEST_REQUESTED_AT),
        renew: annotation(names::RENEW_REQUESTED_AT),
    }
}

/// Each Secret that the spec mentions is read once, and only the mentioned keys are kept.
async fn read_inputs(context: &Context, connector: &SalesforceConnector) -> Result<Inputs, Error> {
    let mut found: HashMap<&str, Option<Secret>> = HashMap::new();
    let mut inputs = Inputs::default();
    for reference in references(&connector.spec) {
        if !found.contains_key(reference.name.as_str()) {
            let secret = secrets::read(context, &namespace(connector), &reference.name).await?;
            found.insert(&reference.name, secret);
        }
        let secret = found.get(reference.name.as_str()).and_then(Option::as_ref);
        inputs.insert(
            reference,
            secret.map_or(Input::SecretMissing, |secret| value(secret, &reference.key)),
        );
    }
    Ok(inputs)
}

fn value(secret: &Secret, key: &str) -> Input {
    let bytes = secret.data.as_ref().and_then(|data| data.get(key));
    let text = bytes
        .and_then(|bytes| std::str::from_utf8(&bytes.0).ok())
        .map(str::trim);
    match text {
        Some(text) if !text.is_empty() => Input::Found(SecretString::from(text)),
        Some(_) | None => Input::KeyMissing,
    }
}

async fn knowledge(context: &Context, connector: Option<&Connector>) -> Result<Knowledge, Error> {
    match connector.map(|connector| (&connector.method, &connector.host)) {
        Some((Method::Password(login), host)) => {
            let digest = login.refusal_digest(host, &context.digest_key);
            // What is merely unclear is for the login: it waits, and says until when.
            Ok(match passwords::recall(context, &digest).await? {
                Some(passwords::Memory::Refused) => Knowledge::PasswordRefusedBefore,
                Some(passwords::Memory::Unclear { .. }) | None => Knowledge::Clean,
            })
        }
        Some(_) | None => Ok(Knowledge::Clean),
    }
}
