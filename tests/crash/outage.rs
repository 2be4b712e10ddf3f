//! Forty minutes without an answer from Salesforce, while renewals are due: a grant that is good stays so.
//!
//! The schedule runs 60 times as fast, so that it is over in 40 seconds; the hold-off, 23 s here, and the questions that
//! follow it run in real time. `crates/redeem/tests/outage.rs` waits for all of them, on a clock of its own.

use std::collections::BTreeSet;
use std::time::Duration;

use salesforce_sim::{Endpoint, Fault, FaultRule, default_world as world};
use testbed::proxy::TcpProxy;
use tokio::time::Instant;

use crate::operator::{Operator, Setup};
use crate::stage::{Stage, ready, status};

const SPEED: u32 = 60;
const OUTAGE: Duration = Duration::from_mins(40);
const CONNECTORS: [&str; 3] = ["crm", "erp", "hr"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forty_minutes_without_answers_cost_no_grant() {
    tokio::join!(
        outage_of(Fault::NeverAnswer),
        outage_of(Fault::DropBeforeProcessing),
        no_way_to_salesforce(),
    );
}

async fn no_way_to_salesforce() {
    let stage = Stage::set().await;
    let link = TcpProxy::to(stage.sim.https_addr()).await;
    let operator = Operator::start(
        &stage,
        &Setup {
            salesforce: link.address(),
            ..fast(&stage)
        },
    );
    all_healthy(&stage, None).await;
    link.cut();
    let told = endure(&stage).await;
    assert!(told.contains("ConnectionFailed"), "{told:?}");
    link.heal();
    all_recover(stage, operator).await;
}

async fn outage_of(fault: Fault) {
    let stage = Stage::set().await;
    let operator = Operator::start(&stage, &fast(&stage));
    all_healthy(&stage, None).await;
    let unanswered = FaultRule::always(fault).client(world::ROTATING);
    stage
        .sim
        .fault(unanswered.on_all(&[Endpoint::Token, Endpoint::Introspect]));
    let told = endure(&stage).await;
    assert!(told.contains("OutcomeUnknown"), "{told:?}");
    stage.sim.clear_faults();
    all_recover(stage, operator).await;
}

fn fast(stage: &Stage) -> Setup {
    Setup {
        clock_speed: SPEED,
        ..stage.setup("first")
    }
}

async fn all_healthy(stage: &Stage, renewal: Option<&str>) {
    for connector in CONNECTORS {
        if renewal.is_none() {
            stage.bring(connector).await;
        }
    }
    for connector in CONNECTORS {
        stage.healthy(connector, renewal).await;
    }
}

/// Asks for renewals again and again, and looks at what people are told until the outage is over.
async fn endure(stage: &Stage) -> BTreeSet<String> {
    let begin = Instant::now();
    let mut told = BTreeSet::new();
    while begin.elapsed() < OUTAGE / SPEED {
        let request = format!("outage-{}", begin.elapsed().as_secs() / 5);
        for connector in CONNECTORS {
            stage.request_renewal(connector, &request).await;
            let found = stage.get(connector).await;
            told.insert(ready(&found).1);
            told.extend(status(&found).failures.map(|failures| failures.reason));
        }
        // The outage itself takes this long; nothing is waited for.
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert!(!told.contains("ReauthorizationRequired"), "{told:?}");
    told
}

async fn all_recover(stage: Stage, operator: Operator) {
    for connector in CONNECTORS {
        stage.request_renewal(connector, "afterwards").await;
    }
    all_healthy(&stage, Some("afterwards")).await;
    stage.assert_nothing_burned();
    drop(operator);
    stage.finish().await;
}
