//! How does a login go, by the methods that can always log in again?
//!
//! A password is sent by one connector at a time for a user. One that was never accepted is noted as under way before it is sent:
//! a process that dies meanwhile leaves the note, and whoever finds it does not send the password again.

mod password;
mod received;

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use redeem::ResourceVersion;
use salesforce_client::{Failure, Refusal, Sent, TokenRequest, TokenResponse, UnsignedAssertion};
use transit_client::{Signature, SignerAddress, SignerFailure};

use crate::api::reasons::OwnReason;
use crate::api::status::FailuresStatus;
use crate::core::model::connector::{Connector, LoginMethod, LoginStart};
use crate::core::model::decision::MintReason;
use crate::core::model::digest::DigestKey;
use crate::core::model::held_token::Identity;
use crate::core::model::observed::Observed;
use crate::core::model::outcome::Problem;
use crate::core::model::rejection::{Rejection, explain};
use crate::core::pass::credentials::{LoginCredentials, LoginEnd, LoginOutcome};
use crate::core::pass::effect::{PassEffect, PassReply, PasswordNote, TokenReply};
use crate::core::pass::progress::PartProgress;
use crate::core::pass::unexpected::UnexpectedReply;
use crate::core::schedule::backoff::unclear_password_wait;
use crate::core::schedule::password_memory::{PasswordMemory, PasswordOutcome};
use crate::core::schedule::time::{later, since, whole_seconds};
use crate::core::validate::identity::check_organization;

use password::{SentPassword, not_sent, unclear};
use received::{held, identity};

pub(super) struct Login {
    /// With the credentials that are sent.
    connector: Arc<Connector>,
    credentials: LoginCredentials,
    method: LoginMethod,
    password: Option<SentPassword>,
    /// The version of the key that has signed, where a signer has.
    signed_by: Option<u32>,
    step: LoginStep,
}

const MOST_OUTRUN: u8 = 3;

type LoginProgress = PartProgress<Login, LoginOutcome>;

enum LoginStep {
    Reserving,
    Recalling,
    Noting,
    Signing(Box<ToBeSigned>),
    Requesting,
    Introspecting(Box<TokenResponse>, Identity),
    Recording(LoginEnd),
    Releasing(LoginEnd),
}

/// An assertion that is at its signer.
struct ToBeSigned {
    username: String,
    assertion: UnsignedAssertion,
    address: SignerAddress,
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
            LoginMethod::Password(login) => {
                Some(SentPassword::new(login, observed, connector, why, key, now))
            }
            LoginMethod::ClientCredentials | LoginMethod::JwtBearer(_) => None,
        };
        let (credentials, connector) = LoginCredentials::begin(observed, connector, why, now);
        let login = Self {
            connector,
            credentials,
            method: method.clone(),
            password,
            signed_by: None,
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
    ) -> Result<LoginProgress, UnexpectedReply> {
        let step = std::mem::replace(&mut self.step, LoginStep::Requesting);
        match (step, reply) {
            (LoginStep::Reserving, PassReply::Done) => self.look_back(),
            (LoginStep::Recalling, PassReply::Passwords(memory, version)) => {
                self.recalled(memory, version, observed, now)
            }
            (LoginStep::Noting, PassReply::PasswordNoted(note)) => match note {
                PasswordNote::Noted => Ok(self.asks_for_token(now)),
                PasswordNote::Outdated => self.outrun(),
                PasswordNote::TooMany => {
                    let problem = Rejection::new(OwnReason::PasswordsRefusedTooOften, "").into();
                    Ok(self.release(Err(problem)))
                }
            },
            (LoginStep::Signing(unsigned), PassReply::Signature(reply)) => {
                Ok(self.signed(*unsigned, reply, now))
            }
            (LoginStep::Requesting, PassReply::Token(reply)) => Ok(self.answered(reply, observed, now)),
            (LoginStep::Introspecting(token, identity), PassReply::Introspection(answer)) => {
                let held = held(&self.connector, observed, *token, identity, answer, now);
                Ok(self.ended(Ok(held), PasswordOutcome::Accepted, now))
            }
            (LoginStep::Recording(end), PassReply::Done) => Ok(self.release(end)),
            (LoginStep::Releasing(end), PassReply::Done) => {
                Ok(PartProgress::Ended(self.credentials.ended(end)))
            }
            _ => Err(UnexpectedReply),
        }
    }

    /// Others keep changing what is remembered of the user: the next pass may have more luck.
    fn outrun(mut self) -> Result<LoginProgress, UnexpectedReply> {
        let password = self.password.as_mut().ok_or(UnexpectedReply)?;
        password.outrun += 1;
        if password.outrun > MOST_OUTRUN {
            let host = format!("host {}", self.connector.host);
            return Ok(self.release(Err(unclear(Duration::ZERO, &host))));
        }
        self.look_back()
    }

    fn look_back(mut self) -> Result<LoginProgress, UnexpectedReply> {
        let user = self.password.as_ref().ok_or(UnexpectedReply)?.user.clone();
        self.step = LoginStep::Recalling;
        Ok(PartProgress::Asks(self, PassEffect::RecallPassword { user }))
    }

    /// Sends the password if nothing that is remembered speaks against it; one that was never accepted is noted first.
    fn recalled(
        mut self,
        memory: PasswordMemory,
        version: Option<ResourceVersion>,
        observed: &Observed,
        now: Timestamp,
    ) -> Result<LoginProgress, UnexpectedReply> {
        let password = self.password.as_mut().ok_or(UnexpectedReply)?;
        if let Some(veto) = memory.veto(&password.attempt.password, password.order, now) {
            let problem = not_sent(&self.connector, veto, now);
            return Ok(self.release(Err(problem)));
        }
        password.attempt.time = now;
        let wait = unclear_password_wait(last_failure(observed, &self.connector));
        password.attempt.unclear_until = Some(whole_seconds(later(now, wait)));
        password.memory = memory;
        if !password
            .memory
            .needs_note(&password.attempt.password, password.order)
        {
            return Ok(self.asks_for_token(now));
        }
        password.memory = password.memory.begun(password.attempt.clone());
        let effect = PassEffect::NotePassword {
            user: password.user.clone(),
            memory: password.memory.clone(),
            version,
        };
        self.step = LoginStep::Noting;
        Ok(PartProgress::Asks(self, effect))
    }

    fn request(mut self, now: Timestamp) -> (Self, PassEffect) {
        match self.method.start(now) {
            LoginStart::Request(request) => self.send(request),
            LoginStart::Signature(login, remote) => {
                let app = &self.connector.app;
                let assertion = UnsignedAssertion::new(&app.client_id, &login.username, &login.audience, now);
                self.step = LoginStep::Signing(Box::new(ToBeSigned {
                    username: login.username,
                    assertion: assertion.clone(),
                    address: remote.key.address.clone(),
                }));
                (
                    self,
                    PassEffect::Sign {
                        key: remote,
                        assertion,
                    },
                )
            }
        }
    }

    fn send(mut self, request: TokenRequest) -> (Self, PassEffect) {
        self.step = LoginStep::Requesting;
        let effect = PassEffect::RequestToken {
            connector: self.connector.clone(),
            request: Box::new(request),
        };
        (self, effect)
    }

    /// Sends the assertion at once: its time is running. Without a signature Salesforce hears nothing.
    fn signed(
        mut self,
        unsigned: ToBeSigned,
        reply: Result<Signature, SignerFailure>,
        now: Timestamp,
    ) -> LoginProgress {
        match reply {
            Ok(signature) => {
                self.signed_by = Some(signature.key_version);
                let (login, effect) = self.send(TokenRequest::SignedAssertion {
                    assertion: unsigned.assertion.signed(&signature.bytes),
                    username: unsigned.username,
                });
                PartProgress::Asks(login, effect)
            }
            Err(failure) => {
                let problem = Problem::of_signer(&failure, &unsigned.address);
                self.ended(Err(problem), PasswordOutcome::NotCounted, now)
            }
        }
    }

    fn asks_for_token(self, now: Timestamp) -> LoginProgress {
        let (login, effect) = self.request(now);
        PartProgress::Asks(login, effect)
    }

    fn answered(mut self, reply: TokenReply, observed: &Observed, now: Timestamp) -> LoginProgress {
        let token = match checked(reply, &self.connector) {
            Ok(token) => token,
            Err(refused) => match refused
                .failure
                .as_ref()
                .and_then(|it| self.credentials.failed(it))
            {
                // The note about a password stands: what it says was sent is sent once more, and was not judged before.
                Some(connector) => {
                    self.connector = connector;
                    return self.asks_for_token(now);
                }
                None => return self.refused(refused, now),
            },
        };
        let identity = identity(&token);
        // Without a client secret Salesforce can't be asked; a token in JWT format says itself when it expires.
        if token.claims_exp.is_some() || self.connector.app.client_secret.is_none() {
            let held = held(&self.connector, observed, *token, identity, None, now);
            return self.ended(Ok(held), PasswordOutcome::Accepted, now);
        }
        let effect = PassEffect::Introspect {
            connector: self.connector.clone(),
            token: token.access_token.clone(),
        };
        self.step = LoginStep::Introspecting(token, identity);
        PartProgress::Asks(self, effect)
    }

    fn refused(self, refused: Refused, now: Timestamp) -> LoginProgress {
        let Refused { mut problem, failure } = refused;
        if let (Some(version), true) = (self.signed_by, problem.reason == Refusal::AssertionInvalid.into()) {
            let _ = write!(
                problem.message,
                " The signer signed with version {version} of the key."
            );
        }
        let outcome = match (&self.password, failure) {
            (Some(_), Some(failure)) if failure.refusal == Refusal::WrongPassword => PasswordOutcome::Refused,
            (Some(password), Some(failure)) if failure.sent == Sent::Unknown => {
                let until = password.attempt.unclear_until.unwrap_or(now);
                problem = unclear(
                    since(now, until),
                    &format!("{}: {}", failure.refusal, failure.detail),
                );
                PasswordOutcome::Unclear
            }
            _ => PasswordOutcome::NotCounted,
        };
        self.ended(Err(problem), outcome, now)
    }

    /// What came of it is remembered, where that is anything new.
    fn ended(mut self, end: LoginEnd, outcome: PasswordOutcome, now: Timestamp) -> LoginProgress {
        let Some(password) = &self.password else {
            return PartProgress::Ended(self.credentials.ended(end));
        };
        if password.memory.ended(&password.attempt, outcome, now) == password.memory {
            return self.release(end);
        }
        let effect = PassEffect::RecordPassword {
            user: password.user.clone(),
            attempt: password.attempt.clone(),
            outcome,
        };
        self.step = LoginStep::Recording(end);
        PartProgress::Asks(self, effect)
    }

    fn release(mut self, end: LoginEnd) -> LoginProgress {
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

/// The login host has used up the token requests that the operator allows it.
pub(super) fn budget_spent(connector: &Connector, wait: Duration) -> Problem {
    let reason = OwnReason::CallBudgetSpent.into();
    Problem {
        reason,
        message: explain(reason, &format!("host {}", connector.host.name())),
        retry_after: Some(wait),
    }
}

/// The last failure that the status knows, if it was of these inputs.
fn last_failure<'a>(observed: &'a Observed, connector: &Connector) -> Option<&'a FailuresStatus> {
    let failures = observed.status.failures.as_ref();
    failures.filter(|it| it.inputs_digest.as_deref() == Some(connector.attempt_digest.as_str()))
}
