//! What is done? Salesforce first, then the consumer's Secret; the decision leaves no choice to make here.

use std::sync::Arc;

use crate::core::decide::test_due::{due_test, meanwhile};
use crate::core::grant::candidate as incoming;
use crate::core::grant::keep_alive::{end, outlook};
use crate::core::grant::view::{copied_serial, held as grant_held, renewed_with};
use crate::core::model::connector::Connector;
use crate::core::model::decision::{Decision, MintReason};
use crate::core::model::held_token::Held;
use crate::core::model::observed::{Activity, Observed};
use crate::core::model::outcome::{GrantOutcome, Minted, Outcome, SecretOutcome};
use crate::core::pass::connection_test::{TestReport, Verdict};
use crate::core::secret::merge::in_step;
use crate::core::secret::ownership::Target;
use crate::core::secret::read_back::read_back;
use crate::failpoints::{Failpoint, Side};
use crate::shell::context::Context;
use crate::shell::error::Error;
use crate::shell::grant_session as grant;
use crate::shell::kubernetes::consumer_secret as secrets;
use crate::shell::salesforce::{connection_test as probe, login};

/// Carries out a decision.
pub async fn act(context: &Arc<Context>, observed: &Observed, decision: &Decision) -> Result<Outcome, Error> {
    let untouched = Outcome::untouched(observed.held.clone());
    let Ok(connector) = &observed.connector else {
        return Ok(untouched);
    };
    match decision {
        Decision::Mint { why } => mint(context, observed, connector, *why).await,
        Decision::Keep { test } => keep(context, observed, connector, test.is_some()).await,
        Decision::Wait(_) if !observed.is_at_work() => Ok(Outcome {
            secret: undelivered(observed),
            ..untouched
        }),
        Decision::Wait(_) => keep(context, observed, connector, false).await,
        // Such as a password that was refused before: the token of before is good for as long as it lasts.
        Decision::Reject(_) if test_meanwhile(context, observed) => {
            keep(context, observed, connector, true).await
        }
        Decision::Reject(_) => Ok(untouched),
    }
}

/// Whether a test of the token in use is due although no other one was obtained.
fn test_meanwhile(context: &Context, observed: &Observed) -> bool {
    meanwhile(observed, context.clock.now()).is_some()
}

/// Whether a test of a token that was already held showed that Salesforce refuses it: then one new token is worth a try.
#[must_use]
pub fn token_was_rejected(decision: &Decision, outcome: &Outcome) -> bool {
    let rejected = outcome
        .tested
        .as_ref()
        .is_some_and(|report| matches!(report.verdict, Verdict::TokenRejected { .. }));
    let held_before = match decision {
        Decision::Keep { .. } => true,
        // A grant with something open is settled, which need not bring a token.
        Decision::Mint { .. } => outcome.minted.is_none(),
        Decision::Wait(_) | Decision::Reject(_) => false,
    };
    rejected && held_before
}

impl Outcome {
    /// This outcome, which came after `earlier` in the same reconcile: a test that ran only then still counts.
    #[must_use]
    pub fn after(mut self, earlier: Self) -> Self {
        self.tested = self.tested.or(earlier.tested);
        self.grant = self.grant.or(earlier.grant);
        self
    }
}

/// The Secret is kept in step; the connection is tested before or after, as the token needs it.
async fn keep(
    context: &Context,
    observed: &Observed,
    connector: &Connector,
    test: bool,
) -> Result<Outcome, Error> {
    let Some(held) = observed.held.clone() else {
        return Ok(Outcome::untouched(None));
    };
    let tested = if test {
        Some(probe::probe(context, connector, &held).await)
    } else {
        None
    };
    let secret = settle(context, observed, connector, &held, tested.as_ref()).await?;
    Ok(Outcome {
        tested,
        secret,
        ..Outcome::untouched(Some(held))
    })
}

async fn mint(
    context: &Arc<Context>,
    observed: &Observed,
    connector: &Connector,
    why: MintReason,
) -> Result<Outcome, Error> {
    if observed.grant.is_some() {
        return renew_grant(context, observed, connector, why).await;
    }
    match login::login(context, observed, connector, why).await? {
        Ok(held) => {
            let outcome = deliver(context, observed, connector, held, why).await?;
            let held = outcome.held.filter(|_| outcome.secret != SecretOutcome::Withheld);
            Ok(Outcome {
                held,
                minted: Some(Minted::Obtained { why }),
                ..outcome
            })
        }
        Err(trouble) => {
            let minted = Some(Minted::Failed { why, trouble });
            let test = test_meanwhile(context, observed);
            let kept = keep(context, observed, connector, test).await?;
            Ok(Outcome { minted, ..kept })
        }
    }
}

/// The redeem protocol does what is to be done with the grant; what it has stored is then delivered.
async fn renew_grant(
    context: &Arc<Context>,
    observed: &Observed,
    connector: &Connector,
    why: MintReason,
) -> Result<Outcome, Error> {
    let settled = grant::settle(context, observed, connector, why).await?;
    let noted = observed
        .target
        .ours()
        .and_then(|secret| read_back(secret, &context.digest_key));
    let held = settled
        .state
        .as_ref()
        .and_then(|state| grant_held(state, noted.as_ref(), connector));
    let came = (settled.minted, settled.state.as_deref(), settled.said);
    let (minted, incoming) = incoming::apart(observed, connector, why, came);
    let grant = settled.state.as_ref().map(|state| GrantOutcome {
        serial: copied_serial(state),
        imported: state.imported.clone(),
        outlook: outlook(state, connector, &observed.owner.uid),
        end: end(state, connector),
        works: incoming::stands(observed, connector, state),
        incoming,
    });
    let only_settled = minted.is_none() && why == MintReason::GrantOpen && !observed.is_at_work();
    let held = held.filter(|_| !only_settled && matches!(minted, None | Some(Minted::Obtained { .. })));
    let Some(held) = held else {
        let outcome = nothing_to_deliver(context, observed, connector).await;
        return Ok(Outcome {
            minted,
            grant,
            ..outcome
        });
    };
    let fresh = noted.is_none_or(|noted| noted.token != held.token);
    let held = if fresh {
        login::with_known_expiry(context, connector, held).await
    } else {
        held
    };
    let held = if minted.is_some() {
        renewed_with(held, &connector.inputs_digest)
    } else {
        held
    };
    let outcome = deliver(context, observed, connector, held, why).await?;
    Ok(Outcome {
        minted,
        grant,
        ..outcome
    })
}

/// The token in use stays as it is, and is tested where that is due.
async fn nothing_to_deliver(context: &Context, observed: &Observed, connector: &Connector) -> Outcome {
    let in_use = observed.held.clone();
    let tested = match in_use.as_ref().filter(|_| test_meanwhile(context, observed)) {
        Some(held) => Some(probe::probe(context, connector, held).await),
        None => None,
    };
    Outcome {
        tested,
        secret: undelivered(observed),
        ..Outcome::untouched(in_use)
    }
}

/// What is to be said of the Secret where nothing new is for it.
fn undelivered(observed: &Observed) -> SecretOutcome {
    match &observed.target {
        Target::Refused(rejection) => SecretOutcome::Refused(rejection.clone()),
        Target::Ours(_) | Target::Absent => SecretOutcome::Untouched,
    }
}

/// A new token goes into the Secret at once where the Secret already carries one of the same org and user; a first one
/// only after the test has shown that the org is the one that is meant.
async fn deliver(
    context: &Context,
    observed: &Observed,
    connector: &Connector,
    held: Held,
    why: MintReason,
) -> Result<Outcome, Error> {
    if observed.identity_verified(&held) {
        let secret = settle(context, observed, connector, &held, None).await?;
        let routine = matches!(
            why,
            MintReason::RenewalDue | MintReason::GrantOpen | MintReason::KeepAlive
        );
        let due = || due_test(observed, connector, context.clock.now()).is_some();
        let test = !routine || (observed.activity == Activity::Active && due());
        let tested = if test {
            Some(probe::probe(context, connector, &held).await)
        } else {
            None
        };
        return Ok(Outcome {
            tested,
            secret,
            ..Outcome::untouched(Some(held))
        });
    }
    let report = probe::probe(context, connector, &held).await;
    let secret = settle(context, observed, connector, &held, Some(&report)).await?;
    Ok(Outcome {
        tested: Some(report),
        secret,
        ..Outcome::untouched(Some(held))
    })
}

/// Brings the consumer's Secret in step with the token, unless the token has yet to be verified.
async fn settle(
    context: &Context,
    observed: &Observed,
    connector: &Connector,
    held: &Held,
    report: Option<&TestReport>,
) -> Result<SecretOutcome, Error> {
    let verified = observed.identity_verified(held) || report.is_some_and(TestReport::environment_holds);
    if !verified {
        return Ok(SecretOutcome::Withheld);
    }
    let wanted = connector
        .template
        .render(&observed.owner, held, &context.digest_key);
    let failpoints = &context.settings.failpoints;
    failpoints
        .at(&observed.owner.name, Side::Before, Failpoint::SecretWrite)
        .await;
    let written = match &observed.target {
        Target::Ours(found) if in_step(found, &wanted) => Ok(()),
        Target::Ours(found) => secrets::update(context, found, &wanted).await?,
        Target::Absent => secrets::create(context, &observed.owner, connector, &wanted).await?,
        Target::Refused(rejection) => Err(rejection.clone()),
    };
    failpoints
        .at(&observed.owner.name, Side::After, Failpoint::SecretWrite)
        .await;
    if let Err(rejection) = written {
        return Ok(SecretOutcome::Refused(rejection));
    }
    delete_former(context, observed, connector).await?;
    Ok(SecretOutcome::InStep)
}

/// After a change of `secret.name` the earlier Secret goes, once the new one exists; after two in a row, of which the status
/// knows the last alone, both go.
async fn delete_former(context: &Context, observed: &Observed, connector: &Connector) -> Result<(), Error> {
    let (owner, name) = (&observed.owner, &connector.template.name);
    context.remember_secret(&owner.uid, name);
    let in_status = observed.status.secret_name.as_deref();
    for former in context.former_secrets(&owner.uid, in_status, name) {
        secrets::delete_former(context, owner, &former).await?;
        context.forget_secret(&owner.uid, &former);
    }
    Ok(())
}
