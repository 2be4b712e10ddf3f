//! Does somebody wait for the next pass over a connector?

use kube::ResourceExt as _;

use crate::api::{SalesforceConnector, names};
use crate::core::model::limits;

/// Whether somebody looks at the status meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Urgency {
    /// Somebody has created or changed the connector, or requested something.
    Awaited,
    /// Its time has come, or nothing is to do.
    Routine,
}

/// As the connector stands: its status shows what was done for whoever waits.
pub fn urgency_of(connector: &SalesforceConnector) -> Urgency {
    let status = connector.status.as_ref();
    let observed = status.and_then(|status| status.observed_generation);
    let handled = status.and_then(|status| status.last_handled.as_ref());
    let login = status.and_then(|status| status.last_login.as_ref());
    let requests = [
        (
            names::TEST_REQUESTED_AT,
            handled.and_then(|handled| handled.test_requested_at.as_ref()),
        ),
        (
            names::RENEW_REQUESTED_AT,
            handled.and_then(|handled| handled.renew_requested_at.as_ref()),
        ),
        (names::LOGIN_SECRET, login.map(|login| &login.secret_name)),
    ];
    let open = requests.iter().any(|(annotation, handled)| {
        let request = connector.annotations().get(*annotation);
        // A longer one is ignored, whoever waits.
        request.is_some_and(|request| request.len() <= limits::REQUEST && Some(request) != *handled)
    });
    if open || observed != connector.metadata.generation {
        Urgency::Awaited
    } else {
        Urgency::Routine
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn connector(annotations: &serde_json::Value, status: &serde_json::Value) -> SalesforceConnector {
        serde_json::from_value(json!({
            "apiVersion": "salesforce-connector.dev/v1alpha1",
            "kind": "SalesforceConnector",
            "metadata": { "name": "crm", "generation": 2, "annotations": annotations },
            "spec": {
                "host": "acme.my.salesforce.com",
                "app": { "clientId": "3MVG9" },
                "auth": { "clientCredentials": {} },
            },
            "status": status,
        }))
        .unwrap()
    }

    #[test]
    fn somebody_waits_for_a_new_or_changed_connector_and_for_an_open_request_alone() {
        let (test, renew, login) = (
            names::TEST_REQUESTED_AT,
            names::RENEW_REQUESTED_AT,
            names::LOGIN_SECRET,
        );
        let long = "1".repeat(limits::REQUEST + 1);
        let handled = json!({ "testRequestedAt": "1", "renewRequestedAt": "2" });
        let last_login = json!({
            "secretName": "l", "result": "Succeeded", "message": "", "loginTime": "2026-01-01T00:00:00Z",
        });
        let done = json!({ "observedGeneration": 2, "conditions": [], "lastHandled": handled, "lastLogin": last_login });
        for (annotations, status, expected) in [
            (json!({}), json!(null), Urgency::Awaited),
            (
                json!({}),
                json!({ "observedGeneration": 1, "conditions": [] }),
                Urgency::Awaited,
            ),
            (json!({}), done.clone(), Urgency::Routine),
            (
                json!({ test: "1", renew: "2", login: "l" }),
                done.clone(),
                Urgency::Routine,
            ),
            (json!({ test: "2" }), done.clone(), Urgency::Awaited),
            (json!({ renew: "3" }), done.clone(), Urgency::Awaited),
            (json!({ login: "m" }), done.clone(), Urgency::Awaited),
            (json!({ test: long }), done.clone(), Urgency::Routine),
        ] {
            let found = urgency_of(&connector(&annotations, &status));
            assert_eq!(found, expected, "{annotations} {status}");
        }
    }
}
