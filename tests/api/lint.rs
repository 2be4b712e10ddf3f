//! Does the linter of the plugin say what the API server says? Every case that `rules` and `limits` put to the server, word for word.

use std::collections::BTreeSet;

use kubectl_salesforce::lint::schema::Contract;
use serde_json::{Value, json};

use super::rules::Case;
use super::{cluster, connector, dry_run, limits, rules, with};

/// Complaints in the form of the API server, in no order.
fn lint(contract: &Contract, object: &Value) -> BTreeSet<String> {
    let (_, objections) = contract.check(object);
    let field = |field: &str| {
        if field.is_empty() {
            "<nil>".to_owned()
        } else {
            field.to_owned()
        }
    };
    objections
        .into_iter()
        .map(|objection| format!("{}: {}", field(&objection.field), objection.text))
        .collect()
}

#[test]
fn the_linter_says_of_every_case_what_the_api_server_says() {
    let contract = Contract::new();
    let mut wrong = Vec::new();
    let mut count = 0;
    for Case {
        accepted,
        refused,
        complaint,
    } in rules::all().into_iter().chain(limits::all())
    {
        let wanted: BTreeSet<String> = complaint.lines().map(str::to_owned).collect();
        let expected = accepted.iter().map(|object| (object, BTreeSet::new()));
        for (object, wanted) in expected.chain(refused.iter().map(|object| (object, wanted.clone()))) {
            count += 1;
            let found = lint(&contract, object);
            if found != wanted {
                wrong.push(format!("{object}\nserver: {wanted:?}\nlinter: {found:?}"));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {count}:\n{}",
        wrong.len(),
        wrong.join("\n\n")
    );
    assert!(count > 300, "only {count} cases");
}

/// What the cases do not have: wrong types, nulls, and several mistakes at once.
#[tokio::test]
async fn the_linter_and_the_api_server_agree_on_wrong_types_and_nulls() {
    let cluster = cluster().await;
    let namespace = cluster.namespace("lint").await;
    let client = cluster.client().await;
    let contract = Contract::new();
    let objects = [
        connector(),
        with("/spec/suspend", json!("yes")),
        with("/spec/host", json!(1)),
        with("/spec/app", json!([])),
        with("/spec/auth", json!({ "password": null })),
        with("/spec/auth", json!({ "clientCredentials": {}, "password": null })),
        with("/spec/connectionTest", json!({ "interval": null })),
        with("/spec/secret/formats", json!({})),
        with("/spec/secret/labels", json!({ "team": 1 })),
        with("/spec/secret/labels", json!({ "team": null })),
        with("/spec/environment", json!("")),
        with("/metadata/name", json!("Crm")),
        json!({
            "apiVersion": "salesforce-connector.dev/v1alpha1", "kind": "SalesforceConnector", "metadata": { "name": "x" },
            "spec": { "host": "ACME", "environment": "Moon", "app": { "clientId": "a b" }, "auth": {}, "secret": { "type": "" } },
        }),
    ];
    for object in objects {
        let server = dry_run(&client, &namespace, &object)
            .await
            .err()
            .unwrap_or_default();
        let told = rules::complaints(server)
            .into_iter()
            .map(|complaint| shortened(&complaint))
            .collect::<BTreeSet<_>>();
        let linter = lint(&contract, &object)
            .into_iter()
            .map(|complaint| shortened(&complaint))
            .collect();
        assert_eq!(told, linter, "{object}");
    }
}

/// The API server adds the regular expression behind a name, which helps nobody.
fn shortened(complaint: &str) -> String {
    complaint.split(" (e.g. ").next().unwrap_or_default().to_owned()
}
