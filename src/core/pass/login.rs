//! How does a login go, by the methods that can always log in again?
//!
//! A password is sent by one connector at a time for a user, and never if it was refused before, or may have been a short time
//! ago, unless somebody asked for it: an answer that was lost may have been a refusal, which Salesforce has counted.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use salesforce_client::{Failure, Introspection, Refusal, Sent, TokenResponse};

use crate::api::reasons::OwnReason;
use crate::core::model::connector::{Connector, LoginMethod};
use crate::core::model::decision::MintReason;
use crate::core::model::digest::{Digest, DigestKey};
use crate::core::model::held_token::{HeldToken, Identity};
use crate::core::model::observed::Observed;
use crate::core::model::outcome::Problem;
use crate::core::model::rejection::{Rejection, explain};
use crate::core::pass::effect::{PassEffect, PassReply, TokenReply};
use crate::core::pass::progress::PartProgress;
use crate::core::pass::unexpected::UnexpectedReply;
use crate::core::schedule::backoff::unclear_password_wait;
use crate::core::schedule::expiry;
use crate::core::schedule::password_memory::PasswordMemory;
use crate::core::schedule::time::{later, since, whole_seconds};
use crate::core::validate::identity::check_organization;

/// What a login comes to: the token, or why there is none.
pub(super) type LoginEnd = Result<HeldToken, Problem>;

pub(super) struct Login {
    connector: Arc<Connector>,
    method: LoginMethod,
    password: Option<SentPassword>,
    step: LoginStep,
}

/// The password of a login, as far as it is remembered.
struct SentPassword {
    digest: Digest,
    username: String,
    /// The request to renew that it is sent for, if somebody asked.
    request: Option<String>,
}

enum LoginStep {
    Reserving,
    ReadingAnswer,
    Recalling,
    Requesting,
    Introspecting(Box<TokenResponse>, Identity),
    Recording(LoginEnd),
    Releasing(LoginEnd),
}

/// Why a token request brought nothing that can be used.
struct Refused {
    problem: Problem,
    /// What was answered, or not; nothing where nothing was sent, or where a token came that is not to be used.
    failure: Option<Box<Failure>>,
}

impl Login {
    pub(super) fn begin(
        observed: &Observed,
        connector: &Arc<Connector>,
        method: &LoginMethod,
        why: MintReason,
        key: &DigestKey,
        now: Timestamp,
    ) -> (Self, PassEffect) {
        let password = match method {
            LoginMethod::Password(login) => Some(SentPassword {
                digest: login.refusal_digest(key),
                username: login.username.clone(),
                request: observed
                    .requests
                    .renew
                    .clone()
                    .filter(|_| why == MintReason::Requested),
            }),
            LoginMethod::ClientCredentials | LoginMethod::JwtBearer { .. } => None,
        };
        let login = Self {
            connector: connector.clone(),
            method: method.clone(),
            password,
            step: LoginStep::Reserving,
        };
        match &login.password {
            Some(password) => {
                let username = password.username.clone();
                (login, PassEffect::ReserveUser { username })
            }
            None => login.request(now),
        }
    }

    /// Takes the reply to the last effect, and goes on.
    pub(super) fn on(
        mut self,
        reply: PassReply,
        observed: &Observed,
        now: Timestamp,
    ) -> Result<PartProgress<Self, LoginEnd>, UnexpectedReply> {
        let step = std::mem::replace(&mut self.step, LoginStep::Requesting);
        match (step, reply) {
            (LoginStep::Reserving, PassReply::Done) => self.look_back(),
            (LoginStep::ReadingAnswer, PassReply::RequestAnswer(Some(problem))) => {
                Ok(self.release(Err(problem)))
            }
            (LoginStep::ReadingAnswer, PassReply::RequestAnswer(None)) => Ok(self.asks_for_token(now)),
            (LoginStep::Recalling, PassReply::Password(memory)) => {
                match memory.filter(|memory| memory.forbids(now)) {
                    Some(memory) => {
                        let problem = remembered(&self.connector, memory, now);
                        Ok(self.release(Err(problem)))
                    }
                    None => Ok(self.asks_for_token(now)),
                }
            }
            (LoginStep::Requesting, PassReply::Token(reply)) => Ok(self.answered(reply, observed, now)),
            (LoginStep::Introspecting(token, identity), PassReply::Introspection(answer)) => {
                let held = held(&self.connector, observed, *token, identity, answer, now);
                Ok(self.accepted(held))
            }
            (LoginStep::Recording(end), PassReply::Done) => Ok(self.release(end)),
            (LoginStep::Releasing(end), PassReply::Done) => Ok(PartProgress::Ended(end)),
            _ => Err(UnexpectedReply),
        }
    }

    /// Somebody who asks once has the password sent once, whatever becomes of the status that says so.
    fn look_back(mut self) -> Result<PartProgress<Self, LoginEnd>, UnexpectedReply> {
        let password = self.password.as_ref().ok_or(UnexpectedReply)?;
        let digest = password.digest.clone();
        let (step, effect) = match password.request.clone() {
            Some(request) => (
                LoginStep::ReadingAnswer,
                PassEffect::ReadRequestAnswer { digest, request },
            ),
            None => (LoginStep::Recalling, PassEffect::RecallPassword { digest }),
        };
        self.step = step;
        Ok(PartProgress::Asks(self, effect))
    }

    fn request(mut self, now: Timestamp) -> (Self, PassEffect) {
        self.step = LoginStep::Requesting;
        let effect = PassEffect::RequestToken {
            connector: self.connector.clone(),
            request: Box::new(self.method.token_request(now)),
        };
        (self, effect)
    }

    fn asks_for_token(self, now: Timestamp) -> PartProgress<Self, LoginEnd> {
        let (login, effect) = self.request(now);
        PartProgress::Asks(login, effect)
    }

    fn answered(
        mut self,
        reply: TokenReply,
        observed: &Observed,
        now: Timestamp,
    ) -> PartProgress<Self, LoginEnd> {
        let token = match checked(reply, &self.connector) {
            Ok(token) => token,
            Err(refused) => return self.refused(refused, observed, now),
        };
        let identity = identity(&token);
        // Without a client secret Salesforce can't be asked; a token in JWT format says itself when it expires.
        if token.claims_exp.is_some() || self.connector.app.client_secret.is_none() {
            let held = held(&self.connector, observed, *token, identity, None, now);
            return self.accepted(held);
        }
        let effect = PassEffect::Introspect {
            connector: self.connector.clone(),
            token: token.access_token.clone(),
        };
        self.step = LoginStep::Introspecting(token, identity);
        PartProgress::Asks(self, effect)
    }

    fn accepted(mut self, held: HeldToken) -> PartProgress<Self, LoginEnd> {
        let Some(password) = &self.password else {
            return PartProgress::Ended(Ok(held));
        };
        let effect = PassEffect::ForgetPassword {
            digest: password.digest.clone(),
            stored: password.request.is_some(),
        };
        self.step = LoginStep::Recording(Ok(held));
        PartProgress::Asks(self, effect)
    }

    fn refused(
        mut self,
        refused: Refused,
        observed: &Observed,
        now: Timestamp,
    ) -> PartProgress<Self, LoginEnd> {
        let Some(password) = &self.password else {
            return PartProgress::Ended(Err(refused.problem));
        };
        let (problem, memory) = to_remember(refused, observed, &self.connector, now);
        let Some(memory) = memory else {
            return self.release(Err(problem));
        };
        let effect = PassEffect::RecordPassword {
            digest: password.digest.clone(),
            memory,
            answered: password.request.clone().map(|request| (request, problem.clone())),
        };
        self.step = LoginStep::Recording(Err(problem));
        PartProgress::Asks(self, effect)
    }

    fn release(mut self, end: LoginEnd) -> PartProgress<Self, LoginEnd> {
        self.step = LoginStep::Releasing(end);
        PartProgress::Asks(self, PassEffect::ReleaseUser)
    }
}

/// The token of an answer, if it belongs to the expected org.
fn checked(reply: TokenReply, connector: &Connector) -> Result<Box<TokenResponse>, Refused> {
    let token = match reply {
        TokenReply::Granted(token) => token,
        TokenReply::Refused(failure) => {
            return Err(Refused {
                problem: Problem::from(failure.as_ref()),
                failure: Some(failure),
            });
        }
        TokenReply::BudgetSpent(wait) => {
            return Err(Refused {
                problem: budget_spent(connector, wait),
                failure: None,
            });
        }
    };
    match check_organization(&identity(&token), &connector.expect) {
        Ok(()) => Ok(token),
        Err(rejection) => Err(Refused {
            problem: rejection.into(),
            failure: None,
        }),
    }
}

fn identity(token: &TokenResponse) -> Identity {
    Identity {
        organization_id: token.id.organization_id.to_string(),
        user_id: token.id.user_id.to_string(),
    }
}

/// The login host has used up the token requests that the operator allows it.
pub(super) fn budget_spent(connector: &Connector, wait: Duration) -> Problem {
    let reason = OwnReason::CallBudgetSpent.into();
    Problem {
        reason,
        message: explain(reason, &format!("host {}", connector.host.name())),
        retry_after: Some(wait),
    }
}

/// What a refused password's login comes to, and what is to be remembered of the password.
fn to_remember(
    Refused { problem, failure }: Refused,
    observed: &Observed,
    connector: &Connector,
    now: Timestamp,
) -> (Problem, Option<PasswordMemory>) {
    match failure {
        Some(failure) if failure.refusal == Refusal::WrongPassword => {
            (problem, Some(PasswordMemory::Refused))
        }
        Some(failure) if failure.sent == Sent::Unknown => {
            let failures = observed.status.failures.as_ref();
            let of_this =
                failures.filter(|it| it.inputs_digest.as_deref() == Some(connector.attempt_digest.as_str()));
            let wait = unclear_password_wait(of_this);
            let until = whole_seconds(later(now, wait));
            let particulars = format!("{}: {}", failure.refusal, failure.detail);
            (
                unclear(wait, &particulars),
                Some(PasswordMemory::Unclear { until }),
            )
        }
        Some(_) | None => (problem, None),
    }
}

/// Why a password is not sent: what is remembered of it.
fn remembered(connector: &Connector, memory: PasswordMemory, now: Timestamp) -> Problem {
    let host = format!("host {}", connector.host);
    match memory {
        PasswordMemory::Refused => Rejection::new(OwnReason::PasswordRefusedBefore, host).into(),
        PasswordMemory::Unclear { until } => unclear(since(now, until), &host),
    }
}

fn unclear(wait: Duration, particulars: &str) -> Problem {
    let reason = OwnReason::PasswordOutcomeUnknown.into();
    Problem {
        reason,
        message: explain(reason, particulars),
        retry_after: Some(wait),
    }
}

fn held(
    connector: &Connector,
    observed: &Observed,
    token: TokenResponse,
    identity: Identity,
    introspection: Option<Introspection>,
    now: Timestamp,
) -> HeldToken {
    let earlier = observed.held.as_ref();
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
    HeldToken {
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
