//! Log lines lead from one to the next.

use salesforce_sim::default_world as world;
use serde_json::Value;
use testbed::eventually;

use crate::scene::client_credentials;
use crate::stage::{DEADLINE, Stage, status};
use crate::tenant::Tenant;

/// The number of the pass that a line belongs to.
fn pass(line: &Value) -> Option<u64> {
    let mut spans = line["spans"].as_array()?.iter();
    spans.find_map(|span| span["pass"].as_u64())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_number_leads_from_a_pass_to_its_calls_to_salesforce() {
    let stage = Stage::set().await;
    let operator = stage.start("only");
    stage
        .input("crm-input", &[("client-secret", world::ECA_SECRET)])
        .await;
    Tenant::create(&stage, "crm", client_credentials("crm-input")).await;
    stage
        .until("a token is there", "crm", |connector| status(connector).token)
        .await;
    let connector = format!("{}/crm", stage.namespace.name());
    let obtained = eventually(DEADLINE, "a line about the token", async || {
        let mut lines = operator.lines().into_iter();
        let found = lines.find(|line| line["fields"]["message"] == "Obtained a token");
        found.ok_or_else(String::new)
    })
    .await;
    assert!(obtained["spans"].to_string().contains(&connector), "{obtained}");
    assert!(pass(&obtained).is_some(), "{obtained}");
    let calls: Vec<_> = operator
        .lines()
        .into_iter()
        .filter(|line| line["fields"]["message"] == "Called Salesforce" && pass(line) == pass(&obtained))
        .map(|line| {
            let of = |name: &str| line["fields"][name].as_str().map(str::to_owned);
            (
                line["level"].as_str().map(str::to_owned),
                of("endpoint"),
                of("outcome"),
            )
        })
        .collect();
    let expected = ["DEBUG", "Token", "Succeeded"].map(|word| Some(word.to_owned()));
    assert_eq!(
        calls.first().cloned().map(<[_; 3]>::from),
        Some(expected),
        "{calls:?}"
    );
}
