//! How does a renewal go that presents a stored grant? A session of the redeem protocol does what is to be done with the grant;
//! what it has stored is then delivered.

use std::sync::Arc;

use redeem::{Bootstrap, Expect, Introspectable, RefreshToken, SessionGoal, State, StateSeen, TokenDigest};
use salesforce_client::Introspection;

use crate::api::status::ExpirySource;
use crate::core::grant::candidate::{self, SessionNotes};
use crate::core::grant::keep_alive::{end, outlook};
use crate::core::grant::session_goal::session_goal;
use crate::core::grant::view::{client, copied_serial, renewed_with, revoke_at, token_of_state};
use crate::core::model::connector::Connector;
use crate::core::model::decision::MintReason;
use crate::core::model::digest::DigestKey;
use crate::core::model::held_token::{Expiration, HeldToken};
use crate::core::model::observed::{GrantSource, Observed};
use crate::core::model::outcome::{GrantOutcome, Minted, Problem};
use crate::core::pass::effect::{PassEffect, PassReply, SessionOrder, SessionReply};
use crate::core::pass::login::budget_spent;
use crate::core::pass::unexpected::UnexpectedReply;
use crate::core::schedule::time::whole_seconds;
use crate::core::secret::read_back::read_back;

pub(super) struct GrantRenewal {
    why: MintReason,
    step: RenewalStep,
}

enum RenewalStep {
    InSession,
    Introspecting(Box<HeldToken>, SessionResult),
}

/// What a session came to.
pub(super) struct SessionResult {
    pub(super) minted: Option<Minted>,
    pub(super) grant: Option<Box<GrantOutcome>>,
    pub(super) login: Option<Result<(), Problem>>,
}

pub(super) enum GrantStage {
    Asks(Box<GrantRenewal>, PassEffect),
    Brought {
        held: Box<HeldToken>,
        why: MintReason,
        result: SessionResult,
    },
    /// There is none; the token in use stays as it is.
    BroughtNothing(SessionResult),
}

/// Where the stored grant is to be revoked once the connector is gone, if the state says otherwise so far. Garbage collection
/// finds it with the state.
pub(super) fn revocation_to_record(observed: &Observed) -> Option<PassEffect> {
    let source = observed.grant()?;
    let wanted = revoke_at(&source.connector, &source.settings, &source.view);
    let StateSeen::Found(_, version) = &source.view.state else {
        return None;
    };
    (source.view.revoke_at != wanted).then(|| PassEffect::RecordRevocation {
        host: wanted,
        version: version.clone(),
    })
}

impl GrantRenewal {
    pub(super) fn begin(
        observed: &Observed,
        source: &GrantSource,
        why: MintReason,
        key: &DigestKey,
    ) -> (Self, PassEffect) {
        let connector = &source.connector;
        // Nothing is taken in that nobody wants, or whose token can't be delivered.
        let bootstrap = source
            .settings
            .bootstrap
            .as_ref()
            .filter(|_| observed.is_at_work());
        let login = source.login.code().filter(|_| why == MintReason::Login);
        let order = SessionOrder {
            connector: connector.clone(),
            goal: match login {
                Some(login) => SessionGoal::Login(TokenDigest::of_code(key.ledger(), login.code.expose())),
                None => session_goal(observed, source, why),
            },
            heir_of: source.view.claim.inherited().cloned(),
            login: login.cloned(),
            bootstrap: bootstrap
                .map(|token| Bootstrap::new(key.ledger(), RefreshToken::new(token.expose().to_owned()))),
            expect: Expect {
                organization_id: connector.expect.organization_id.clone(),
                username: connector.expect.username.clone(),
            },
            client: client(connector),
            introspectable: match connector.app.client_secret {
                Some(_) => Introspectable::Possible,
                None => Introspectable::Impossible,
            },
            revoke_at: revoke_at(connector, &source.settings, &source.view),
            // A session that finds out how an attempt ended sends nothing, as a rule, and must not wait: it is charged afterwards.
            prepaid: why != MintReason::GrantOpen || !source.view.has_attempt(),
        };
        let step = RenewalStep::InSession;
        (Self { why, step }, PassEffect::RunSession(Box::new(order)))
    }

    /// Takes the reply to the last effect, and goes on.
    pub(super) fn on(
        self,
        reply: PassReply,
        observed: &Observed,
        connector: &Arc<Connector>,
        key: &DigestKey,
    ) -> Result<GrantStage, UnexpectedReply> {
        let why = self.why;
        match (self.step, reply) {
            (RenewalStep::InSession, PassReply::Session(reply)) => {
                session_ended(why, *reply, observed, connector, key)
            }
            (RenewalStep::Introspecting(held, result), PassReply::Introspection(answer)) => {
                let held = with_known_expiry(*held, answer);
                Ok(with_token(held, why, result, connector))
            }
            _ => Err(UnexpectedReply),
        }
    }
}

/// What is left to do when the session has ended.
fn session_ended(
    why: MintReason,
    reply: SessionReply,
    observed: &Observed,
    connector: &Arc<Connector>,
    key: &DigestKey,
) -> Result<GrantStage, UnexpectedReply> {
    let source = observed.grant().ok_or(UnexpectedReply)?;
    let (minted, state, notes, login) = match reply {
        SessionReply::BudgetSpent(wait) => {
            let problem = budget_spent(connector, wait);
            // An import that waits keeps no grant beside it from being used.
            let state = source.view.state().filter(|_| why == MintReason::GrantOpen);
            (
                Some(Minted::Failed { why, problem }),
                state.cloned().map(Box::new),
                SessionNotes::default(),
                None,
            )
        }
        SessionReply::Ended(report) => {
            let (minted, login) = (report.minted(connector, why), report.login());
            let notes = SessionNotes {
                bootstrap: report.outcome.bootstrap,
                candidate: report.outcome.candidate,
            };
            (minted, report.outcome.state, notes, login)
        }
    };
    let ours = observed.target.ours();
    let in_secret = ours.and_then(|secret| read_back(secret, key));
    let held = state
        .as_deref()
        .and_then(|state| token_of_state(state, in_secret.as_ref(), connector));
    let (minted, candidate) = candidate::apart(observed, source, why, (minted, state.as_deref(), notes));
    let grant = state
        .as_deref()
        .map(|state| Box::new(grant_outcome(state, observed, source, candidate)));
    let only_looked_after = minted.is_none() && why == MintReason::GrantOpen && !observed.is_at_work();
    let usable = !only_looked_after && matches!(minted, None | Some(Minted::Obtained { .. }));
    let result = SessionResult { minted, grant, login };
    let Some(held) = held.filter(|_| usable) else {
        return Ok(GrantStage::BroughtNothing(result));
    };
    let fresh =
        in_secret.is_none_or(|known| known.token != held.token || known.issue_time != held.issue_time);
    let introspectable = connector.app.client_secret.is_some();
    if fresh && introspectable && held.expiration.source != ExpirySource::TokenClaims {
        let effect = PassEffect::Introspect {
            connector: connector.clone(),
            token: held.token.clone(),
        };
        let step = RenewalStep::Introspecting(Box::new(held), result);
        return Ok(GrantStage::Asks(Box::new(GrantRenewal { why, step }), effect));
    }
    Ok(with_token(held, why, result, connector))
}

fn with_token(held: HeldToken, why: MintReason, result: SessionResult, connector: &Connector) -> GrantStage {
    let held = if result.minted.is_some() {
        renewed_with(held, &connector.inputs_digest)
    } else {
        held
    };
    GrantStage::Brought {
        held: Box::new(held),
        why,
        result,
    }
}

fn grant_outcome(
    state: &State,
    observed: &Observed,
    source: &GrantSource,
    candidate: Option<Problem>,
) -> GrantOutcome {
    let policy = &source.settings.policy;
    GrantOutcome {
        serial: copied_serial(state),
        imported: state.imported.clone(),
        outlook: outlook(state, policy, &observed.owner.uid),
        end: end(state, policy),
        works: candidate::stands(source, state),
        candidate,
    }
}

/// A renewed grant's token with the expiration that Salesforce tells, if it does.
fn with_known_expiry(held: HeldToken, answer: Option<Introspection>) -> HeldToken {
    let told = answer
        .filter(|answer| answer.active)
        .and_then(|answer| answer.expires_at);
    match told {
        Some(time) => HeldToken {
            expiration: Expiration {
                time: whole_seconds(time),
                source: ExpirySource::Introspected,
                ..held.expiration
            },
            ..held
        },
        None => held,
    }
}
