//! How may the connector's Secret be named and shaped?

use super::*;

/// The one rule about a change, which no new object can break.
pub(crate) const TYPE_STAYS: &str = "spec.secret.type: Forbidden: secret.type is immutable, because the type of a Secret is; choose a new secret.name and re-create the connector";

pub(super) fn secret() -> Vec<Case> {
    let labels = "/spec/secret/labels";
    let one = |key: &str, value: &str| json!({ key: value });
    let cases = vec![
        Case {
            accepted: texts("/spec/secret/name", ["a", "crm.token", "crm-token"]),
            refused: texts("/spec/secret/name", ["Crm", "crm_token", "a/b", "-a", "a."]),
            complaint: "spec.secret.name: Invalid value: secret.name must be a valid object name: lower-case letters, digits, - and .",
        },
        Case {
            accepted: texts(
                "/spec/secret/type",
                [
                    "Opaque",
                    "acme.example/salesforce",
                    "servicebinding.io/salesforce",
                ],
            ),
            refused: texts(
                "/spec/secret/type",
                [
                    "kubernetes.io/service-account-token",
                    "kubernetes.io/tls",
                    "bootstrap.kubernetes.io/token",
                ],
            ),
            complaint: "spec.secret.type: Invalid value: secret.type must not be a type of Kubernetes or Helm: they act on such Secrets",
        },
        Case {
            accepted: each(
                labels,
                [one("team", "crm"), one("acme.example/team", ""), json!({})],
            ),
            refused: each(
                labels,
                [
                    one("app.kubernetes.io/managed-by", "me"),
                    one("kubernetes.io/x", "me"),
                    one("x.k8s.io/y", "me"),
                    one("salesforce-connector.dev/connector", "other"),
                ],
            ),
            complaint: "spec.secret.labels: Invalid value: secret.labels must not use keys of kubernetes.io, k8s.io, argoproj.io, helm.sh, fluxcd.io, emberstack.com, mittwald.de, external-secrets.io and salesforce-connector.dev: they are reserved for Kubernetes, the operator or other controllers",
        },
        Case {
            accepted: vec![],
            refused: each(
                labels,
                [one("a b", "x"), one("/x", "x"), one("acme.example/", "x")],
            ),
            complaint: "spec.secret.labels: Invalid value: secret.labels must have keys of the form name or example.com/name: letters, digits, -, _ and ., at most 63 of them after the /",
        },
        Case {
            accepted: vec![],
            refused: each(labels, [one("team", "a b"), one("team", "-x")]),
            complaint: "spec.secret.labels: Invalid value: secret.labels must have valid label values: at most 63 letters, digits, -, _ and ., beginning and ending with a letter or digit",
        },
        Case {
            accepted: each(
                "/spec/secret/formats",
                [json!([]), json!(["Environment", "SalesforceCli", "PubSub"])],
            ),
            refused: each("/spec/secret/formats", [json!(["PubSub", "PubSub"])]),
            complaint: "spec.secret.formats[1]: Duplicate value: \"PubSub\"",
        },
        Case {
            accepted: vec![],
            refused: each("/spec/secret/formats", [json!(["Dotenv"])]),
            complaint: "spec.secret.formats[0]: Unsupported value: \"Dotenv\": supported values: \"Environment\", \"SalesforceCli\", \"PubSub\"",
        },
        Case {
            accepted: texts("/spec/secret/deletionPolicy", ["Delete", "Orphan"]),
            refused: texts("/spec/secret/deletionPolicy", ["Retain"]),
            complaint: "spec.secret.deletionPolicy: Unsupported value: \"Retain\": supported values: \"Delete\", \"Orphan\"",
        },
    ];
    cases.into_iter().chain(annotations()).collect()
}

fn annotations() -> Vec<Case> {
    let annotations = "/spec/secret/annotations";
    let one = |key: &str, value: &str| json!({ key: value });
    vec![
        Case {
            accepted: each(
                annotations,
                [
                    one("reloader.stakater.com/match", "true"),
                    one("note", "any text, ö"),
                ],
            ),
            refused: each(
                annotations,
                [
                    one("kubernetes.io/service-account.name", "admin"),
                    one("salesforce-connector.dev/connector-uid", "other"),
                ],
            ),
            complaint: "spec.secret.annotations: Invalid value: secret.annotations must not use keys of kubernetes.io, k8s.io, argoproj.io, helm.sh, fluxcd.io, emberstack.com, mittwald.de, external-secrets.io and salesforce-connector.dev: they are reserved for Kubernetes, the operator or other controllers",
        },
        Case {
            accepted: vec![],
            refused: each(annotations, [one("a b", "x")]),
            complaint: "spec.secret.annotations: Invalid value: secret.annotations must have keys of the form name or example.com/name: letters, digits, -, _ and ., at most 63 of them after the /",
        },
        Case {
            accepted: each(
                annotations,
                [json!({ "a": "x".repeat(4096), "b": "x".repeat(4094) })],
            ),
            refused: each(
                annotations,
                [json!({ "a": "x".repeat(4096), "b": "x".repeat(4095) })],
            ),
            complaint: "spec.secret.annotations: Invalid value: secret.annotations must have at most 8192 characters in all, keys included",
        },
    ]
}

#[tokio::test]
async fn rules_about_the_secret() {
    check("secret", secret()).await;
}

/// The names that the keys of the Secret may have.
pub(super) fn keys_of_the_secret() -> Vec<Case<String>> {
    let fields = [
        "accessToken",
        "instanceUrl",
        "tokenType",
        "issuedAt",
        "orgId",
        "userId",
        "apiVersion",
    ];
    let renamed = |field: &str| (field.to_owned(), Value::from(format!("{field}.v1")));
    let all: Value = Value::Object(fields.iter().map(|field| renamed(field)).collect());
    let mut cases = vec![Case {
        accepted: vec![with("/spec/secret/keys", all)],
        refused: vec![],
        complaint: String::new(),
    }];
    cases.extend(fields.map(|field| Case {
        accepted: vec![],
        refused: vec![with(&format!("/spec/secret/keys/{field}"), "a b".into())],
        complaint: format!(
            "spec.secret.keys.{field}: Invalid value: secret.keys.{field} must be a valid key of a Secret: letters, digits, -, _ and ., not beginning with .."
        ),
    }));
    cases
}

#[tokio::test]
async fn every_key_of_the_secret_must_be_one_that_a_secret_can_have() {
    check("keys", keys_of_the_secret()).await;
}

#[tokio::test]
async fn the_type_of_the_secret_never_changes_while_its_name_may() {
    let cluster = cluster().await;
    let namespace = cluster.namespace("type").await;
    let _ = create(cluster, &namespace, &connector(), &[]).await.stdout();
    let patch = async |patch: Value| {
        let patch = format!("--patch={patch}");
        cluster
            .kubectl(&[
                "patch",
                "sfc",
                "crm",
                "--namespace",
                &namespace,
                "--type=merge",
                &patch,
            ])
            .await
    };
    let refusal = patch(json!({ "spec": { "secret": { "type": "acme.example/token" } } }))
        .await
        .refusal();
    assert!(refusal.contains(TYPE_STAYS), "{refusal}");
    let _ = patch(json!({ "spec": { "secret": { "name": "other" } } }))
        .await
        .stdout();
}
