//! How is the grant of an authorizationCode connector spent without being lost? By the redeem protocol: this shell
//! carries out what a [`Session`] asks for, one effect at a time, and decides nothing.
//!
//! A session runs in a task of its own. Neither a reconcile that is dropped nor a lost lease ends it, and from the intent
//! on shutdown waits for it: between Salesforce's answer and the write of the new refresh token nothing may come. Reads are
//! live, writes are tried once, and no layer below retries.

mod driver;
mod inputs;
mod kubernetes;
mod ledger;
mod memory;
mod replies;
mod salesforce;
mod shutdown;
mod unstored;

use std::sync::Arc;

use redeem::Session;
use tracing::Instrument as _;

use driver::SessionDriver;

use crate::core::grant::session_report::SessionReport;
use crate::core::model::owner::Owner;
use crate::core::pass::{SessionOrder, SessionReply};
use crate::shell::context::Context;
use crate::shell::error::Error;

pub(crate) use kubernetes::{claim, place, read_state, record_revocation, understood};
pub use memory::{Grants, Place};
pub(crate) use replies::KUBERNETES_LIMIT;

/// Runs a session for a connector, and waits for it.
pub(crate) async fn run(
    context: &Arc<Context>,
    owner: &Owner,
    order: SessionOrder,
) -> Result<SessionReply, Error> {
    let place = kubernetes::place(context).await?;
    let (connector, prepaid) = (order.connector.clone(), order.prepaid);
    let (revoke_at, login) = (order.revoke_at.clone(), order.login.clone());
    let inputs = inputs::inputs(context, owner, order, place)?;
    let host = connector.host.name();
    if prepaid && let Err(wait) = context.budget.take(host, owner, context.clock.steady()) {
        return Ok(SessionReply::BudgetSpent(wait));
    }
    let memory = context.grants.memory().remove(&owner.uid).unwrap_or_default();
    let driver = SessionDriver {
        context: context.clone(),
        owner: owner.clone(),
        connector: connector.clone(),
        revoke_at,
        login,
        login_failure: None,
        known: None,
        refusals: Vec::new(),
        unanswered: None,
        unavailable: None,
        requests: 0,
        sent: false,
        unstored: None,
        announced: false,
    };
    let session = driver.run(Session::begin(inputs, memory)).in_current_span();
    let session = tokio::spawn(session);
    let ended = session.await.map_err(|_| Error::Session)?;
    let (outcome, driver) = ended.ok_or(Error::Stopping)?;
    let now = context.clock.steady();
    context
        .budget
        .charge_or_refund(host, owner, prepaid.into(), driver.requests, now);
    context
        .grants
        .memory()
        .insert(owner.uid.clone(), outcome.memory.clone());
    Ok(SessionReply::Ended(SessionReport {
        outcome,
        granted: driver.sent,
        refusals: driver.refusals,
        unanswered: driver.unanswered,
        unavailable: driver.unavailable,
        login_failure: driver.login_failure,
    }))
}
