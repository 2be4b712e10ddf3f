//! What is so? Reads of Kubernetes, by name, turned into values.

mod inputs;

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;
use kube::runtime::reflector::Store;
use redeem::{Serial, StateSeen};
use salesforce_client::{InstanceUrl, RefreshToken};

use crate::api::{SalesforceConnector, SalesforceConnectorStatus, names};
use crate::core::grant::shared_session as siblings;
use crate::core::grant::shared_session::{Peer, Siblings};
use crate::core::grant::view::{GrantView, of_connector, token_of_state};
use crate::core::model::connector::{Connector, LoginMethod, Method};
use crate::core::model::held_token::HeldToken;
use crate::core::model::inputs::Inputs;
use crate::core::model::limits;
use crate::core::model::login_request::LoginSeen;
use crate::core::model::observed::{
    Activity, GrantSource, LoginSource, Observed, Pace, Requests, RotationView, Source,
};
use crate::core::model::owner::Owner;
use crate::core::model::rejection::Rejection;
use crate::core::rotation::stored::StoredCredentials;
use crate::core::schedule::resync::resync_period as period_for;
use crate::core::schedule::time::later;
use crate::core::secret::ownership::{Target, owning_connector};
use crate::core::secret::read_back::read_back;
use crate::core::validate::login::login_seen;
use crate::core::validate::signer::check_signer;
use crate::core::validate::{check_namespace, validate};
use crate::settings::SecretWatch;
use crate::shell::context::{Context, namespace};
use crate::shell::error::Error;
use crate::shell::kubernetes::consumer_secret;
use crate::shell::rotation;
use crate::shell::salesforce::refused_passwords as passwords;

/// In mode `Watch` changes are noticed at once; the resync is only the safety net.
const SAFETY_NET: std::time::Duration = std::time::Duration::from_hours(1);

pub async fn observe(context: &Context, connector: &SalesforceConnector) -> Result<Observed, Error> {
    let owner = Owner {
        name: connector.name_any(),
        namespace: namespace(connector),
        uid: connector.uid().unwrap_or_default(),
    };
    let rotation = rotation::look(context, connector).await?;
    let (checked, missing) = check(context, connector, &owner, &rotation).await?;
    let template = checked.as_ref().ok().map(|(connector, _)| &connector.template);
    let target = match template {
        Some(template) => {
            let found = consumer_secret::read(context, &owner.namespace, &template.name).await?;
            Target::judge(found, &owner, template)
        }
        None => Target::Absent,
    };
    let former_secrets = template.map_or_else(Vec::new, |template| {
        let in_status = connector.status.as_ref();
        let in_status = in_status.and_then(|status| status.secret_name.as_deref());
        // Whoever may write the status may write anything here, and it becomes a part of an address.
        let in_status = in_status.filter(|name| names::is_object_name(name));
        context.former_secrets(&owner.uid, in_status, &template.name)
    });
    let former = match &target {
        Target::Absent => former(context, &owner, &former_secrets).await?,
        Target::Ours(_) | Target::Refused(_) => None,
    };
    let ours = target.ours().or(former.as_ref());
    let noted = ours.and_then(|secret| read_back(secret, &context.digest_key));
    let source = source(context, connector, checked, noted.as_ref()).await?;
    let held = held(&source, noted);
    let (status, status_unwritten) = status(context, connector);
    let tests_from = held.as_ref().and_then(|held| tests_from(context, &owner, held));
    let (requests, pace) = paced(context, connector, &status, tests_from);
    let observed = Observed {
        resync_period: resync_period(context, &owner.namespace),
        owner,
        generation: connector.metadata.generation.unwrap_or_default(),
        requests,
        activity: if connector.spec.suspend {
            Activity::Suspended
        } else {
            Activity::Active
        },
        status,
        source,
        target,
        held,
        former_secrets,
        last_test: context.last_test(connector),
        pace,
        status_unwritten,
        rotation,
        missing: None,
    };
    Ok(match missing {
        Some(rejection) => observed.without_input(rejection, context.clock.now()),
        None => observed,
    })
}

/// The token of the stored grant, or else the one that was noted in the Secret.
fn held(source: &Source, noted: Option<HeldToken>) -> Option<HeldToken> {
    match source {
        Source::Grant(source) => {
            let state = source.view.state();
            state.and_then(|state| token_of_state(state, noted.as_ref(), &source.connector))
        }
        Source::Login(_) | Source::Unusable(_) => noted,
    }
}

/// The status, and whether that is one that could not be written. What it remembers counts all the same, or whoever makes writes
/// fail, such as by editing the connector all the time, would have refused credentials sent again and again.
fn status(context: &Context, connector: &SalesforceConnector) -> (SalesforceConnectorStatus, bool) {
    let status = connector.status.clone().unwrap_or_default();
    let Some(unwritten) = context.unwritten(connector) else {
        return (status, false);
    };
    let remembered = SalesforceConnectorStatus {
        failures: unwritten.failures,
        credentials_failures: unwritten.credentials_failures,
        last_handled: unwritten.last_handled,
        connection_test: unwritten.connection_test,
        inventory: unwritten.inventory,
        credential_rotation: unwritten.credential_rotation,
        rollout_restarts: unwritten.rollout_restarts,
        ..status
    };
    (remembered, true)
}

/// The requests that count now.
fn paced(
    context: &Context,
    connector: &SalesforceConnector,
    status: &SalesforceConnectorStatus,
    tests_from: Option<Timestamp>,
) -> (Requests, Pace) {
    let handled = status.last_handled.clone().unwrap_or_default();
    let (asked, now) = (requests(connector), context.clock.now());
    let (requests, requests_from) = context
        .carried_out(connector)
        .paced(asked, &handled, tests_from, now);
    let pace = Pace {
        requests_from,
        tests_from,
    };
    (requests, pace)
}

/// From when on the budget of the token's instance has a test for the connector, if it has none now.
fn tests_from(context: &Context, owner: &Owner, held: &HeldToken) -> Option<Timestamp> {
    let instance: InstanceUrl = held.instance_url.parse().ok()?;
    let (host, clock) = (instance.host().name(), &context.clock);
    let wait = context.questions.wait(host, owner, clock.steady())?;
    Some(later(clock.now(), wait))
}

/// Spec and inputs, checked; where an input is missing, what goes without it, and the rejection.
type Checked = (Result<(Connector, Method), Rejection>, Option<Rejection>);

/// The connector, validated with its inputs. Nothing is read for one in the operator's own namespace.
async fn check(
    context: &Context,
    connector: &SalesforceConnector,
    owner: &Owner,
    rotation: &RotationView,
) -> Result<Checked, Error> {
    if let Err(rejection) = check_namespace(&owner.namespace, &context.settings.namespace) {
        return Ok((Err(rejection), None));
    }
    let signers = context.settings.allowed_signers.of(&owner.namespace);
    if let Err(rejection) = check_signer(&connector.spec, signers) {
        return Ok((Err(rejection), None));
    }
    let mut inputs = inputs::read(context, connector).await?;
    inputs.stored = stored_credentials(connector, rotation);
    let checked = |inputs: &Inputs| {
        let allow_list = context.settings.allowed_hosts.of(&owner.namespace);
        validate(
            &owner.name,
            &owner.uid,
            &connector.spec,
            inputs,
            allow_list,
            &context.digest_key,
        )
    };
    Ok(match checked(&inputs) {
        Err(rejection) if rejection.reason.is_about_inputs() => {
            (checked(&inputs.filled(&connector.spec)), Some(rejection))
        }
        checked => (checked, None),
    })
}

/// What rotations have brought for the app, unless the spec names another one by now.
fn stored_credentials(connector: &SalesforceConnector, rotation: &RotationView) -> Option<StoredCredentials> {
    let state = rotation.seen.state()?;
    let asked = connector.spec.app.rotation.as_ref();
    let same = asked.is_none_or(|asked| asked.app_id == state.app_id.as_str());
    same.then(|| StoredCredentials::of(state))
}

async fn source(
    context: &Context,
    object: &SalesforceConnector,
    checked: Result<(Connector, Method), Rejection>,
    noted: Option<&HeldToken>,
) -> Result<Source, Error> {
    let (mut connector, method) = match checked {
        Ok(checked) => checked,
        Err(rejection) => return Ok(Source::Unusable(rejection)),
    };
    match method {
        Method::Login(method) => Ok(Source::Login(LoginSource {
            password_refused: is_refused(context, &method, &namespace(object)).await?,
            connector: Arc::new(connector),
            method,
        })),
        Method::Grant(mut settings) => {
            let mut view = view(context, object, noted, settings.bootstrap.as_ref()).await?;
            if let Some(token) = moved(context, object, &view).await? {
                let digest = digest(context, &token);
                connector.also_attempts_with(digest.as_str(), &context.digest_key);
                view.bootstrap = Some(digest);
                (settings.bootstrap, settings.fault) = (Some(token), None);
            }
            Ok(Source::Grant(Box::new(GrantSource {
                view,
                login: login(context, object).await?,
                siblings: siblings(context, object),
                claim_reported: context.claim_told(object),
                connector: Arc::new(connector),
                settings,
            })))
        }
    }
}

/// A token of `kubectl salesforce move-grants` takes the place of the bootstrap token while nothing is stored for the connector.
async fn moved(
    context: &Context,
    object: &SalesforceConnector,
    view: &GrantView,
) -> Result<Option<RefreshToken>, Error> {
    if !matches!(view.state, StateSeen::Absent) {
        return Ok(None);
    }
    let name = format!("{}{}", names::MOVED_PREFIX, object.uid().unwrap_or_default());
    let found = consumer_secret::read(context, &context.settings.namespace, &name).await?;
    let value = found.and_then(|secret| secret.data?.remove(names::MOVED_TOKEN));
    Ok(value.and_then(|value| Some(RefreshToken::new(String::from_utf8(value.0).ok()?))))
}

fn digest(context: &Context, token: &RefreshToken) -> redeem::TokenDigest {
    let token = redeem::RefreshToken::new(token.expose().to_owned());
    redeem::TokenDigest::of(context.digest_key.ledger(), &token)
}

/// Our Secret of before a change of `secret.name`, which holds the token until the new one exists.
async fn former(context: &Context, owner: &Owner, names: &[String]) -> Result<Option<Secret>, Error> {
    for name in names {
        let found = consumer_secret::read(context, &owner.namespace, name).await?;
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
    noted: Option<&HeldToken>,
    bootstrap: Option<&RefreshToken>,
) -> Result<GrantView, Error> {
    let uid = connector.uid().unwrap_or_default();
    let (state, revoke_at) = crate::shell::grant_session::read_state(context, &uid).await?;
    let place = crate::shell::grant_session::place(context).await?;
    let in_status = connector.status.as_ref().and_then(|status| status.grant_serial);
    let in_status = in_status.and_then(|serial| Serial::of_copy(u64::try_from(serial).ok()?));
    let in_secret = noted.and_then(|noted| Serial::of_copy(noted.serial?));
    Ok(GrantView {
        state: of_connector(state, &uid),
        revoke_at,
        bootstrap: bootstrap.map(|token| digest(context, token)),
        floor: in_status.max(in_secret).unwrap_or_default(),
        claim: crate::shell::grant_session::claim(context, connector).await?,
        cluster: place.cluster,
    })
}

/// The login that a person asks for. Its Secret is read only where the annotation names one.
async fn login(context: &Context, connector: &SalesforceConnector) -> Result<LoginSeen, Error> {
    let Some(name) = connector.annotations().get(names::LOGIN_SECRET) else {
        return Ok(LoginSeen::None);
    };
    let status = connector.status.as_ref();
    let handled = status.and_then(|status| status.last_login.as_ref());
    let handled = handled.map(|login| login.secret_name.as_str());
    if !names::is_object_name(name) {
        tracing::warn!(
            annotation = names::LOGIN_SECRET,
            "ignored a login: no Secret can have this name"
        );
        return Ok(LoginSeen::None);
    }
    let secret = consumer_secret::find(context, &namespace(connector), name).await?;
    let uid = connector.uid().unwrap_or_default();
    Ok(login_seen(
        name,
        handled,
        secret.as_ref().map(|found| &found.secret),
        &uid,
        context.clock.now(),
    ))
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

pub fn resync_period(context: &Context, namespace: &str) -> std::time::Duration {
    match context.settings.secret_watch {
        SecretWatch::ByName => period_for(context.connectors.population(namespace)),
        SecretWatch::Watch => SAFETY_NET,
    }
}

/// The connector to work on: the cached one, or a live one where the cached one may be out of date in what a request or a
/// write of this process depends on. `None` if it is gone, or going.
///
/// A request that the cached status does not show as carried out may have been carried out by another replica, whose news
/// arrives one event after the other.
pub(crate) async fn latest(
    context: &Context,
    cached: &SalesforceConnector,
) -> Result<Option<SalesforceConnector>, Error> {
    let handled = cached
        .status
        .as_ref()
        .and_then(|status| status.last_handled.clone());
    let asked = requests(cached).are_open(&handled.unwrap_or_default());
    if asked || context.has_replaced(cached) {
        return context.live(cached).await;
    }
    Ok(Some(cached.clone()).filter(|cached| cached.metadata.deletion_timestamp.is_none()))
}

fn requests(connector: &SalesforceConnector) -> Requests {
    let annotation = |name: &str| {
        let value = connector.annotations().get(name)?;
        if value.len() > limits::REQUEST {
            tracing::warn!(
                annotation = name,
                bytes = value.len(),
                "ignored a request: the annotation has more than {} bytes",
                limits::REQUEST
            );
            return None;
        }
        Some(value.clone())
    };
    Requests {
        test: annotation(names::TEST_REQUESTED_AT),
        renew: annotation(names::RENEW_REQUESTED_AT),
    }
}

/// Whether Salesforce has refused this password to the namespace. All else that is remembered is for the login.
async fn is_refused(context: &Context, method: &LoginMethod, namespace: &str) -> Result<bool, Error> {
    let LoginMethod::Password(login) = method else {
        return Ok(false);
    };
    let (memory, _) = passwords::recall(context, &login.user_digest(&context.digest_key)).await?;
    Ok(memory.has_refused(&login.password_id(namespace, &context.digest_key)))
}
