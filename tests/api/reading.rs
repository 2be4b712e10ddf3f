//! What do people read: tables, explanations, lists by name, category and field?

use serde_json::{Value, json};

use kube::Api;
use kube::api::{ApiResource, DynamicObject, Patch, PatchParams, PostParams};
use salesforce_connector_operator::api::{SalesforceTokenCopy, crd};
use testbed::ControlPlane;

use super::{changed, cluster, connector, create, with};

async fn write_status(cluster: &ControlPlane, namespace: &str, status: &Value) -> testbed::Ran {
    let patch = format!("--patch={}", json!({ "status": status }));
    let args = [
        "patch",
        "sfc",
        "crm",
        "--namespace",
        namespace,
        "--subresource=status",
        "--type=merge",
    ];
    cluster.kubectl(&[&args[..], &[patch.as_str()]].concat()).await
}

fn healthy() -> Value {
    json!({
        "observedGeneration": 1,
        "conditions": [{
            "type": "Ready", "status": "True", "reason": "TokenValid", "lastTransitionTime": "2026-11-22T10:00:00Z",
            "message": "The token is valid and in Secret \"crm-salesforce\".",
        }],
        "identity": { "organizationName": "Green ITR" },
        "secretName": "crm-salesforce",
        "token": {
            "issueTime": "2026-11-22T10:00:00Z", "expirationTime": "2026-11-22T12:00:00Z",
            "renewalTime": "2026-11-22T11:20:00Z", "expirySource": "Introspected", "scopes": ["api"],
        },
        "connectionTest": {
            "result": "Succeeded", "message": "Connection test succeeded", "lastTestTime": "2026-11-22T10:00:00Z",
            "steps": [{ "name": "HostAnswers", "result": "Passed" }],
        },
    })
}

/// The cells of a table, row by row: kubectl puts at least two spaces between columns.
fn cells(table: &str) -> Vec<Vec<&str>> {
    table
        .lines()
        .map(|line| {
            line.split("  ")
                .map(str::trim)
                .filter(|cell| !cell.is_empty())
                .collect()
        })
        .collect()
}

#[tokio::test]
async fn the_table_answers_whether_it_worked() {
    let cluster = cluster().await;
    let namespace = cluster.namespace("table").await;
    let _ = create(cluster, &namespace, &connector(), &[]).await.stdout();
    let fresh = cluster
        .kubectl(&["get", "sfc", "--namespace", &namespace])
        .await
        .stdout();
    assert_eq!(
        cells(&fresh)[0],
        ["NAME", "READY", "REASON", "ORG", "SECRET", "EXPIRES", "AGE"]
    );
    let _ = write_status(cluster, &namespace, &healthy()).await.stdout();

    let table = cluster
        .kubectl(&["get", "sfc", "--namespace", &namespace])
        .await
        .stdout();
    let row = cells(&table)[1].clone();
    assert_eq!(
        row[..6],
        [
            "crm",
            "True",
            "TokenValid",
            "Green ITR",
            "crm-salesforce",
            "2026-11-22T12:00:00Z"
        ]
    );

    let wide = cluster
        .kubectl(&["get", "sfc", "--namespace", &namespace, "--output=wide"])
        .await
        .stdout();
    let [header, row] = [0, 1].map(|line| cells(&wide)[line].clone());
    assert_eq!(header[7..], ["MESSAGE", "TEST"]);
    assert_eq!(
        row[7..],
        [
            "The token is valid and in Secret \"crm-salesforce\".",
            "Connection test succeeded"
        ]
    );
}

#[tokio::test]
async fn lists_in_status_are_kept_apart_by_their_keys() {
    let cluster = cluster().await;
    let namespace = cluster.namespace("status").await;
    let _ = create(cluster, &namespace, &connector(), &[]).await.stdout();
    for (pointer, doubled, complaint) in [
        (
            "/conditions",
            healthy()["conditions"][0].clone(),
            "status.conditions[1]: Duplicate value: {\"type\":\"Ready\"}",
        ),
        (
            "/connectionTest/steps",
            json!({ "name": "HostAnswers", "result": "Passed" }),
            "status.connectionTest.steps[1]: Duplicate value: {\"name\":\"HostAnswers\"}",
        ),
        (
            "/token/scopes",
            json!("api"),
            "status.token.scopes[1]: Duplicate value: \"api\"",
        ),
    ] {
        let status = changed(healthy(), pointer, json!([doubled, doubled]));
        let refusal = write_status(cluster, &namespace, &status).await.refusal();
        assert!(refusal.contains(complaint), "{refusal}");
    }
}

#[tokio::test]
async fn connectors_are_found_by_short_name_category_and_environment() {
    let cluster = cluster().await;
    let namespace = cluster.namespace("lists").await;
    let sandbox = with("/spec/host", "green-itr--uat.sandbox.my.salesforce.com".into());
    let sandbox = changed(
        changed(sandbox, "/metadata/name", "uat".into()),
        "/spec/environment",
        "Sandbox".into(),
    );
    for object in [connector(), sandbox] {
        let _ = create(cluster, &namespace, &object, &[]).await.stdout();
    }
    let names = async |what: &[&str]| {
        let args = ["get", "--namespace", &namespace, "--output=name"];
        let found = cluster.kubectl(&[&args[..], what].concat()).await.stdout();
        found
            .lines()
            .map(|line| line.rsplit('/').next().unwrap_or_default().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(names(&["sfc"]).await, ["crm", "uat"]);
    assert_eq!(names(&["salesforce"]).await, ["crm", "uat"]);
    assert_eq!(names(&["salesforceconnectors"]).await, ["crm", "uat"]);
    assert_eq!(
        names(&["sfc", "--field-selector=spec.environment=Sandbox"]).await,
        ["uat"]
    );
}

#[tokio::test]
async fn kubectl_explain_reads_like_documentation() {
    let cluster = cluster().await;
    let explained = cluster
        .kubectl(&["explain", "sfc.spec.auth.jwtBearer"])
        .await
        .stdout();
    let words = explained.split_whitespace().collect::<Vec<_>>().join(" ");
    for sentence in [
        "FIELD: jwtBearer <Object>",
        "OAuth JWT bearer flow: the app signs an assertion with a private key and names the user. It needs no shared secret; the user must be pre-authorized for the app.",
        "username <string> -required- Username of the user to log in as. This is not the email address.",
        "privateKeyRef <Object> Key of a Secret that holds the RSA private key in PEM format",
        "audience <string> Audience (aud) of the assertion. Default: `https://login.salesforce.com` for Live",
    ] {
        assert!(words.contains(sentence), "{sentence}\n{explained}");
    }
    let environment = cluster
        .kubectl(&["explain", "sfc.status.identity.environment"])
        .await
        .stdout();
    let words = environment.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("ENUM: Live Sandbox"), "{environment}");
    assert!(
        words.contains("Type of the org as Salesforce reports it. Absent if it could not be verified."),
        "{environment}"
    );
}

#[test]
fn every_field_is_described_and_bounded() {
    let all = serde_json::to_value(crd::all()).unwrap();
    let mut wrong = Vec::new();
    let mut count = 0;
    let mut look = |path: &str, field: &Value| {
        count += 1;
        let described = field["description"]
            .as_str()
            .is_some_and(|text| text.trim_end().ends_with('.'));
        if !described && !path.ends_with("[]") {
            wrong.push(format!("{path} has no sentence that describes it"));
        }
        if field.get("nullable").is_some() {
            wrong.push(format!("{path} is nullable"));
        }
        if let (true, Some(limit)) = (path.starts_with(".spec"), missing_limit(field)) {
            wrong.push(format!("{path} has no {limit}"));
        }
    };
    for crd in all.as_array().unwrap() {
        walk(
            &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"],
            "",
            &mut look,
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count > 80, "only {count} fields were looked at");
}

/// What keeps a value of this type from growing without end, if it is not there.
fn missing_limit(field: &Value) -> Option<&'static str> {
    let limit = match field["type"].as_str()? {
        "string" if field.get("enum").is_none() => "maxLength",
        "array" => "maxItems",
        "object" if field.get("additionalProperties").is_some() => "maxProperties",
        _ => return None,
    };
    field.get(limit).is_none().then_some(limit)
}

fn walk(schema: &Value, path: &str, look: &mut impl FnMut(&str, &Value)) {
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}.{name}");
        look(&path, field);
        walk(field, &path, look);
    }
    for inner in ["items", "additionalProperties"] {
        if let Some(field) = schema.get(inner) {
            let path = format!("{path}[]");
            look(&path, field);
            walk(field, &path, look);
        }
    }
}

/// A copy of a token as it is accepted.
fn copy(name: &str, connector: &str) -> Value {
    json!({
        "apiVersion": "salesforce-connector.dev/v1alpha1",
        "kind": "SalesforceTokenCopy",
        "metadata": { "name": name },
        "spec": { "from": { "namespace": "sales", "name": connector } },
    })
}

#[tokio::test]
async fn what_was_accepted_can_not_be_changed_and_names_are_checked() {
    let cluster = cluster().await;
    let namespace = cluster.namespace("copies").await;
    let resource = ApiResource::erase::<SalesforceTokenCopy>(&());
    let copies: Api<DynamicObject> = Api::namespaced_with(cluster.client().await, &namespace, &resource);
    let create = async |copy: Value| {
        let copy = serde_json::from_value(copy).unwrap();
        copies
            .create(&PostParams::default(), &copy)
            .await
            .map_err(|error| error.to_string())
    };
    let created = create(copy("crm", "crm")).await.unwrap();
    assert_eq!(created.data["status"], json!({ "observedGeneration": -1 }));
    for spec in [
        json!({ "from": { "name": "another" } }),
        json!({ "from": { "namespace": "another" } }),
        json!({ "secret": { "name": "another" } }),
    ] {
        let patch = Patch::Merge(json!({ "spec": spec }));
        let refused = copies
            .patch("crm", &PatchParams::default(), &patch)
            .await
            .unwrap_err();
        let wanted =
            "spec: Forbidden: spec is immutable: delete this SalesforceTokenCopy, and create another one";
        assert!(refused.to_string().contains(wanted), "{refused}");
    }
    let labelled = Patch::Merge(json!({ "metadata": { "labels": { "a": "b" } } }));
    copies
        .patch("crm", &PatchParams::default(), &labelled)
        .await
        .unwrap();

    let mut elsewhere = copy("elsewhere", "../secrets");
    assert!(
        create(elsewhere.clone())
            .await
            .unwrap_err()
            .contains("from.name must be a valid object name")
    );
    elsewhere["spec"]["from"] = json!({ "namespace": "a/b", "name": "crm" });
    assert!(
        create(elsewhere.clone())
            .await
            .unwrap_err()
            .contains("from.namespace must be a valid object name")
    );
    elsewhere["spec"] = json!({ "from": { "namespace": "a", "name": "crm" }, "secret": { "name": ".." } });
    assert!(
        create(elsewhere)
            .await
            .unwrap_err()
            .contains("secret.name must be a valid object name")
    );
    let refused = create(copy(&"n".repeat(64), "crm")).await.unwrap_err();
    assert!(
        refused.contains("metadata.name must have at most 63 characters"),
        "{refused}"
    );
}
