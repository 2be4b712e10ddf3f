//! How is a token obtained by the methods that can always log in again? (authorizationCode: see `grant`.)

use std::time::Duration;

use salesforce_client::{AccessToken, Failure, Introspection, Refusal, Sent, TokenResponse, TokenToInspect};

use super::passwords::{self, Memory};
use super::{Context, Error};
use crate::api::reasons::OwnReason;
use crate::api::status::ExpirySource;
use crate::decide::conclude::Trouble;
use crate::decide::held::{Expiration, Held, Identity};
use crate::decide::observed::Observed;
use crate::decide::schedule::{later, since, unclear_password_wait};
use crate::decide::validate::{Connector, Method, PasswordLogin};
use crate::decide::{MintReason, Rejection, expiry, explain, identity, whole_seconds};

/// Logs in. What Salesforce refuses is the inner error.
pub(super) async fn login(
    context: &Context,
    observed: &Observed,
    connector: &Connector,
    why: MintReason,
) -> Result<Result<Held, Trouble>, Error> {
    match &connector.method {
        Method::Password(login) => with_password(context, observed, connector, login, why).await,
        Method::ClientCredentials | Method::JwtBearer { .. } | Method::AuthorizationCode { .. } => {
            Ok(request_token(context, observed, connector)
                .await
                .map_err(|refused| refused.trouble))
        }
    }
}

/// One attempt at a time for a user, and none with a password that was refused before, or may have been a short time ago,
/// unless somebody asked for it. An answer that was lost may have been a refusal, which Salesforce has counted.
async fn with_password(
    context: &Context,
    observed: &Observed,
    connector: &Connector,
    login: &PasswordLogin,
    why: MintReason,
) -> Result<Result<Held, Trouble>, Error> {
    let digest = login.refusal_digest(&connector.host, &context.digest_key);
    let uid = &observed.owner.uid;
    let request = observed.requests.renew.as_deref();
    let request = request.filter(|_| why == MintReason::Requested);
    let lock = context.passwords.of(connector.host.name(), &login.username);
    let _only_one = lock.lock().await;
    if let Some(request) = request {
        // Somebody who asks once has it sent once, whatever becomes of the status that says so.
        if let Some(trouble) = context.passwords.answer(&digest, uid, request) {
            return Ok(Err(trouble));
        }
    } else if let Some(memory) = passwords::recall(context, &digest).await? {
        return Ok(Err(remembered(context, connector, memory)));
    }
    let refused = match request_token(context, observed, connector).await {
        Ok(held) => {
            context.passwords.forget_answer(&digest, uid);
            if why == MintReason::Requested {
                passwords::forget(context, &digest).await?;
            }
            return Ok(Ok(held));
        }
        Err(refused) => refused,
    };
    let (trouble, memory) = in_vain(context, observed, connector, refused);
    if let Some(memory) = memory {
        // First what takes no time: a reconcile that is dropped while it writes has been answered all the same.
        if let Some(request) = request {
            context.passwords.note_answer(&digest, uid, request, &trouble);
        }
        passwords::remember(context, &digest, memory).await;
    }
    Ok(Err(trouble))
}

/// What came of a password that brought no token, and what is to be remembered of it.
fn in_vain(
    context: &Context,
    observed: &Observed,
    connector: &Connector,
    Refused { trouble, answer }: Refused,
) -> (Trouble, Option<Memory>) {
    match answer {
        Some(Failure {
            refusal: Refusal::WrongPassword,
            ..
        }) => (trouble, Some(Memory::Refused)),
        Some(failure) if failure.sent == Sent::Unknown => {
            let failures = observed.status.failures.as_ref();
            let of_this =
                failures.filter(|it| it.inputs_digest.as_deref() == Some(connector.attempt_digest.as_str()));
            let wait = unclear_password_wait(of_this);
            let until = whole_seconds(later(context.clock.now(), wait));
            let particulars = format!("{}: {}", failure.refusal, failure.detail);
            (unclear(wait, &particulars), Some(Memory::Unclear { until }))
        }
        Some(_) | None => (trouble, None),
    }
}

/// Why a password is not sent: what is remembered of it.
fn remembered(context: &Context, connector: &Connector, memory: Memory) -> Trouble {
    let host = format!("host {}", connector.host);
    match memory {
        Memory::Refused => Rejection::new(OwnReason::PasswordRefusedBefore, host).into(),
        Memory::Unclear { until } => unclear(since(context.clock.now(), until), &host),
    }
}

fn unclear(wait: Duration, particulars: &str) -> Trouble {
    let reason = OwnReason::PasswordOutcomeUnknown.into();
    Trouble {
        reason,
        message: explain(reason, particulars),
        retry_after: Some(wait),
    }
}

struct Refused {
    trouble: Trouble,
    /// What was answered, or not; nothing where nothing was sent, or where a token came that is not to be used.
    answer: Option<Failure>,
}

impl From<Trouble> for Refused {
    fn from(trouble: Trouble) -> Self {
        Self {
            trouble,
            answer: None,
        }
    }
}

impl From<Rejection> for Refused {
    fn from(rejection: Rejection) -> Self {
        Trouble::from(rejection).into()
    }
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Self {
        Self {
            trouble: trouble(&failure),
            answer: Some(failure),
        }
    }
}

async fn request_token(
    context: &Context,
    observed: &Observed,
    connector: &Connector,
) -> Result<Held, Refused> {
    let now = context.clock.now();
    let Some(grant) = connector.method.grant(now) else {
        return Err(Rejection::new(redeem::GrantProblem::AuthorizationRequired, "").into());
    };
    spend_budget(context, connector)?;
    let answer = context
        .salesforce
        .token(&connector.host, &connector.app, &grant)
        .await;
    let result = answer
        .as_ref()
        .map_or_else(|failure| failure.refusal.as_str(), |_| "Succeeded");
    context.metrics.token_request(connector.method.name(), result);
    let token = answer?;
    let identity = Identity {
        organization_id: token.id.organization_id.to_string(),
        user_id: token.id.user_id.to_string(),
    };
    identity::check_organization(&identity, &connector.expect)?;
    Ok(held(context, observed, connector, token, identity).await)
}

/// Takes a request out of the budget of the login host.
pub(super) fn spend_budget(context: &Context, connector: &Connector) -> Result<(), Trouble> {
    let host = connector.host.name();
    context.budget.take(host, context.clock.now()).map_err(|wait| {
        let reason = OwnReason::CallBudgetSpent.into();
        let message = explain(reason, &format!("host {host}"));
        Trouble {
            reason,
            message,
            retry_after: Some(wait),
        }
    })
}

/// The sentence of a refusal, with Salesforce's own words.
pub(super) fn trouble(failure: &Failure) -> Trouble {
    let reason = failure.refusal.into();
    Trouble {
        reason,
        message: explain(reason, &failure.detail),
        retry_after: failure.retry_after,
    }
}

async fn held(
    context: &Context,
    observed: &Observed,
    connector: &Connector,
    token: TokenResponse,
    identity: Identity,
) -> Held {
    let introspection = match token.claims_exp {
        Some(_) => None,
        None => inspect(context, connector, &token.access_token).await,
    };
    let earlier = observed.held.as_ref();
    let now = context.clock.now();
    let expiration = expiry::of_new_token(&token, introspection.as_ref(), connector.lifetime, earlier, now);
    let issue_time = match earlier {
        Some(earlier) if earlier.token == token.access_token => earlier.issue_time,
        Some(_) | None => whole_seconds(now),
    };
    let scopes = if token.scopes.is_empty() {
        introspection.map(|answer| answer.scopes).unwrap_or_default()
    } else {
        token.scopes
    };
    Held {
        token: token.access_token,
        instance_url: token.instance_url.to_string(),
        issue_time,
        expiration,
        identity,
        scopes: scopes.into_iter().collect(),
        inputs_digest: connector.inputs_digest.clone(),
        serial: None,
    }
}

/// Asks Salesforce about a token, where there is a client secret to ask with. No answer is no trouble.
async fn inspect(context: &Context, connector: &Connector, token: &AccessToken) -> Option<Introspection> {
    connector.app.client_secret.as_ref()?;
    let inspected = TokenToInspect::Access(token);
    context
        .salesforce
        .introspect(&connector.host, &connector.app, inspected)
        .await
        .ok()
}

/// A renewed grant's token with the expiration that Salesforce tells, if it does.
pub(super) async fn with_known_expiry(context: &Context, connector: &Connector, held: Held) -> Held {
    if held.expiration.source == ExpirySource::TokenClaims {
        return held;
    }
    let answer = inspect(context, connector, &held.token)
        .await
        .filter(|answer| answer.active);
    match answer.and_then(|answer| answer.expires_at) {
        Some(time) => {
            let time = whole_seconds(time);
            Held {
                expiration: Expiration {
                    time,
                    source: ExpirySource::Introspected,
                    ..held.expiration
                },
                ..held
            }
        }
        None => held,
    }
}
