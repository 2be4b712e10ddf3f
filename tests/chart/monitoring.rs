//! What does the chart create for Prometheus and Grafana, and for whoever reads tokens?

use serde_json::{Value, json};

use crate::files::{read, yaml};
use crate::rendered::{ALL_VALUES, refusal_of, template};

const FULL_NAME: &str = "sfc-salesforce-connector-operator";

fn named<'a>(documents: &'a [Value], kind: &str) -> &'a Value {
    let mut found = documents.iter().filter(|document| document["kind"] == kind);
    let first = found.next().unwrap_or_else(|| panic!("no {kind}"));
    assert!(found.next().is_none(), "one {kind}");
    first
}

#[tokio::test]
async fn a_monitor_finds_the_metrics_and_keeps_the_namespace_of_a_connector() {
    let documents = template(&[
        "--set=metrics.podMonitor.enabled=true,metrics.podMonitor.interval=15s",
        "--set=metrics.serviceMonitor.enabled=true,metrics.service.enabled=false",
        "--set-string=metrics.podMonitor.labels.release=prometheus",
    ])
    .await;
    let selector = json!({ "matchLabels": {
        "app.kubernetes.io/name": "salesforce-connector-operator", "app.kubernetes.io/instance": "sfc",
    } });
    let endpoint = json!({ "port": "metrics", "path": "/metrics", "honorLabels": true });
    let mut often = endpoint.clone();
    often["interval"] = json!("15s");
    let of_pods = named(&documents, "PodMonitor");
    assert_eq!(
        of_pods["spec"],
        json!({ "selector": selector, "podMetricsEndpoints": [often] })
    );
    assert_eq!(of_pods["metadata"]["labels"]["release"], "prometheus");
    assert_eq!(of_pods["metadata"]["name"], FULL_NAME);
    let of_service = named(&documents, "ServiceMonitor");
    assert_eq!(
        of_service["spec"],
        json!({ "selector": selector, "endpoints": [endpoint] })
    );
    // What it selects is there, with that port.
    let service = named(&documents, "Service");
    for (label, value) in selector["matchLabels"].as_object().unwrap() {
        assert_eq!(service["metadata"]["labels"][label], *value);
    }
    assert_eq!(service["spec"]["ports"][0]["name"], "metrics");
}

#[tokio::test]
async fn a_monitor_presents_the_token_where_metrics_are_authenticated() {
    let documents = template(&["--values", ALL_VALUES]).await;
    let authorization = json!({ "type": "Bearer", "credentials": { "name": "scraper", "key": "bearer" } });
    let of_pods = &named(&documents, "PodMonitor")["spec"]["podMetricsEndpoints"][0];
    assert_eq!(of_pods["authorization"], authorization);
    let of_service = &named(&documents, "ServiceMonitor")["spec"]["endpoints"][0];
    assert_eq!(of_service["authorization"], authorization);
    for monitor in ["podMonitor", "serviceMonitor"] {
        let enabled = format!("metrics.{monitor}.enabled=true");
        let refusal = refusal_of(&["metrics.authentication=true", &enabled]).await;
        assert!(
            refusal.contains("metrics.tokenSecret.name must be given"),
            "{refusal}"
        );
    }
}

#[tokio::test]
async fn the_rule_and_the_dashboard_are_the_files_of_the_chart() {
    let documents = template(&["--values", ALL_VALUES]).await;
    let rule = named(&documents, "PrometheusRule");
    assert_eq!(rule["spec"], yaml(&read("files/alerts.yaml")));
    assert_eq!(rule["metadata"]["labels"]["release"], "prometheus");
    let map = named(&documents, "ConfigMap");
    let dashboard = map["data"]["salesforce-connector-operator.json"]
        .as_str()
        .unwrap();
    let file: Value = serde_json::from_str(&read("files/dashboard.json")).unwrap();
    assert_eq!(serde_json::from_str::<Value>(dashboard).unwrap(), file);
    assert_eq!(map["metadata"]["labels"]["grafana_dashboard"], "yes");
    assert_eq!(map["metadata"]["annotations"]["grafana_folder"], "Salesforce");
    let defaults = template(&["--set=metrics.dashboard.enabled=true"]).await;
    assert_eq!(
        named(&defaults, "ConfigMap")["metadata"]["labels"]["grafana_dashboard"],
        "1"
    );
}

#[tokio::test]
async fn a_reader_of_tokens_reads_the_secrets_that_are_named_and_no_others() {
    let documents = template(&["--values", ALL_VALUES]).await;
    let of_readers = |kind: &str| {
        let mut found = documents.iter().filter(|document| {
            document["kind"] == kind && document["metadata"]["name"] == "crm-token-readers"
        });
        found.next().unwrap().clone()
    };
    let role = of_readers("Role");
    assert_eq!(role["metadata"]["namespace"], "sales");
    assert_eq!(
        role["rules"],
        json!([{
            "apiGroups": [""], "resources": ["secrets"], "resourceNames": ["crm-salesforce"], "verbs": ["get", "watch"],
        }])
    );
    let binding = of_readers("RoleBinding");
    assert_eq!(binding["metadata"]["namespace"], "sales");
    assert_eq!(
        binding["roleRef"],
        json!({ "apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "crm-token-readers" })
    );
    assert_eq!(
        binding["subjects"],
        json!([{ "kind": "ServiceAccount", "name": "export", "namespace": "sales" }])
    );
}
