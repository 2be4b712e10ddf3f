//! What if the machine's clock is wrong? Salesforce's counts.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::operator::{Operator, Setup};
use crate::stage::{Stage, status};

const CONNECTOR: &str = "crm";
const REPORTED: &str = "after-StatusWrite";
const WRONG: SignedDuration = SignedDuration::from_hours(6);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_clock_of_the_machine_costs_a_renewal_and_then_salesforces_counts() {
    tokio::join!(corrected(WRONG), corrected(-WRONG));
}

/// The first token may still be dated by the wrong clock: one answer is no evidence.
async fn corrected(ahead: SignedDuration) {
    let stage = Stage::set().await;
    let operator = start(&stage, "wrong", ahead);
    let grant = stage.bring(CONNECTOR).await;
    dated_rightly(&stage).await;
    stage.healthy(CONNECTOR, None).await;
    let until_right = stage.presented(grant);
    assert!(until_right <= 2, "the import, and one renewal: {until_right}");
    operator.says(DIFFERS, 1).await;
    stage.request_renewal(CONNECTOR, "1").await;
    stage.healthy(CONNECTOR, Some("1")).await;
    assert_eq!(stage.presented(grant), until_right + 1, "what was asked for");
    dated_rightly(&stage).await;
    assert_eq!(operator.said(DIFFERS).len(), 1);
    stage.assert_nothing_burned();
    stage.finish().await;
}

const DIFFERS: &str = "The clock of this node differs from Salesforce's. Synchronize the clock of the node. Until then the operator uses Salesforce's time";

/// The one before asks nobody for the time, as its clock runs at another speed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_was_dated_by_a_clock_that_was_ahead_is_renewed_by_the_next_process() {
    let stage = Stage::set().await;
    let setup = Setup {
        clock_ahead_seconds: WRONG.as_secs(),
        clock_speed: 2,
        ..stage.setup("wrong")
    };
    stage.pause(CONNECTOR, REPORTED);
    let wrong = Operator::start(&stage, &setup);
    let grant = stage.bring(CONNECTOR).await;
    stage.reached(CONNECTOR, REPORTED).await;
    let issued = stage
        .until("a token is shown", CONNECTOR, |connector| {
            status(connector).token.map(|token| token.issue_time.0)
        })
        .await;
    assert!(
        issued > Timestamp::now() + SignedDuration::from_hours(5),
        "{issued}"
    );
    wrong.kill();
    stage.resume(CONNECTOR, REPORTED);
    let right = stage.start("right");
    dated_rightly(&stage).await;
    stage.healthy(CONNECTOR, None).await;
    assert_eq!(stage.presented(grant), 2, "the import, and one renewal");
    assert_eq!(right.said(DIFFERS), [serde_json::Value::Null; 0]);
    stage.finish().await;
}

fn start(stage: &Stage, name: &'static str, ahead: SignedDuration) -> Operator {
    let setup = Setup {
        clock_ahead_seconds: ahead.as_secs(),
        ..stage.setup(name)
    };
    Operator::start(stage, &setup)
}

async fn dated_rightly(stage: &Stage) {
    stage
        .until("the token is dated rightly", CONNECTOR, |connector| {
            let issued = status(connector).token?.issue_time.0;
            let off = Timestamp::now().duration_since(issued).unsigned_abs();
            (off < Duration::from_mins(5)).then_some(())
        })
        .await;
}
