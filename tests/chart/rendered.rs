//! What does the chart render to, with which values, and which values does it refuse?

use std::collections::{BTreeMap, BTreeSet};

use clap::{CommandFactory as _, Parser as _};
use salesforce_connector_operator::cli::{Cli, Command};
use salesforce_connector_operator::settings::SecretWatch;
use serde_json::{Value, json};
use testbed::ControlPlane;

use crate::files::{CHART, read, yaml};

/// What the process tells its allocator.
const MALLOC: &str = "glibc.malloc.arena_max=2:glibc.malloc.tcache_count=0";
pub(crate) const ALL_VALUES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/chart/all-values.yaml");

pub(crate) async fn template(args: &[&str]) -> Vec<Value> {
    let fixed = ["template", "sfc", CHART, "--namespace", "sfc-system"];
    let rendered = ControlPlane::shared()
        .await
        .helm(&[&fixed, args].concat())
        .await
        .stdout();
    rendered
        .split("\n---\n")
        .map(yaml)
        .filter(|document| !document.is_null())
        .collect()
}

fn kinds(documents: &[Value]) -> Vec<String> {
    let mut kinds: Vec<_> = documents
        .iter()
        .map(|document| format!("{} {}", document["kind"], document["metadata"]["name"]).replace('"', ""))
        .collect();
    kinds.sort();
    kinds
}

pub(crate) fn deployment(documents: &[Value]) -> &Value {
    documents
        .iter()
        .find(|document| document["kind"] == "Deployment")
        .expect("a Deployment")
}

fn container(documents: &[Value]) -> &Value {
    &deployment(documents)["spec"]["template"]["spec"]["containers"][0]
}

/// Environment of the operator, with the name of the field where a value comes from the pod.
fn environment(documents: &[Value]) -> BTreeMap<String, String> {
    let variables = container(documents)["env"].as_array().unwrap().iter();
    let value = |variable: &Value| match &variable["value"] {
        Value::String(value) => value.clone(),
        _ => variable["valueFrom"]["fieldRef"]["fieldPath"]
            .as_str()
            .unwrap()
            .to_owned(),
    };
    variables
        .map(|variable| (variable["name"].as_str().unwrap().to_owned(), value(variable)))
        .collect()
}

fn pairs(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|&(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

#[tokio::test]
async fn helm_finds_nothing_to_complain_of() {
    let plane = ControlPlane::shared().await;
    let _ = plane.helm(&["lint", "--strict", CHART]).await.stdout();
    let _ = plane
        .helm(&["lint", "--strict", CHART, "--values", ALL_VALUES])
        .await
        .stdout();
}

#[tokio::test]
async fn by_default_there_is_all_that_is_needed() {
    let documents = template(&[]).await;
    let full = "sfc-salesforce-connector-operator";
    let mut wanted = vec![
        format!("ClusterRole {full}.sfc-system"),
        format!("ClusterRole {full}.sfc-system-edit"),
        format!("ClusterRole {full}.sfc-system-identity"),
        format!("ClusterRole {full}.sfc-system-view"),
        format!("ClusterRoleBinding {full}.sfc-system"),
        format!("ClusterRoleBinding {full}.sfc-system-identity"),
        "CustomResourceDefinition salesforceconnectors.salesforce-connector.dev".to_owned(),
        "CustomResourceDefinition salesforcetokencopies.salesforce-connector.dev".to_owned(),
        format!("Deployment {full}"),
        format!("NetworkPolicy {full}"),
        format!("Role {full}"),
        format!("RoleBinding {full}"),
        format!("Service {full}-metrics"),
        format!("ServiceAccount {full}"),
        format!("ValidatingAdmissionPolicy {full}.sfc-system"),
        format!("ValidatingAdmissionPolicy {full}.sfc-system-connectors"),
        format!("ValidatingAdmissionPolicyBinding {full}.sfc-system"),
        format!("ValidatingAdmissionPolicyBinding {full}.sfc-system-connectors"),
    ];
    wanted.sort();
    assert_eq!(kinds(&documents), wanted);
    assert_eq!(container(&documents)["args"], json!(["run"]));
    let image = concat!("salesforce-connector-operator:", env!("CARGO_PKG_VERSION"));
    assert_eq!(container(&documents)["image"], image);
    let wanted = pairs(&[
        ("GLIBC_TUNABLES", MALLOC),
        ("SFC_CONNECTOR_SERIES_LIMIT", "2000"),
        ("SFC_LEASE_DURATION_SECONDS", "40"),
        ("SFC_LEASE_RENEW_DEADLINE_SECONDS", "20"),
        ("SFC_LEASE_RETRY_SECONDS", "2"),
        ("SFC_LOG", "info"),
        ("SFC_LOG_FORMAT", "json"),
        ("SFC_NAMESPACE", "metadata.namespace"),
        ("SFC_SECRET_WATCH", "ByName"),
        ("SFC_STATE_RETENTION_HOURS", "24"),
        ("SFC_TOKEN_REQUESTS_PER_HOUR", "3600"),
    ]);
    assert_eq!(environment(&documents), wanted);
}

#[tokio::test]
async fn every_value_takes_effect() {
    let (given, defaults) = (
        yaml(&std::fs::read_to_string(ALL_VALUES).unwrap()),
        yaml(&read("values.yaml")),
    );
    assert_all_differ("", &defaults, &given);

    let documents = template(&["--values", ALL_VALUES]).await;
    let wanted = [
        "ClusterRole salesforce.sfc-system-identity",
        "ClusterRole salesforce.sfc-system-metrics-reader",
        "ClusterRole salesforce.sfc-system-reviews",
        "ClusterRoleBinding salesforce.sfc-system-identity",
        "ClusterRoleBinding salesforce.sfc-system-reviews",
        "ConfigMap salesforce-dashboard",
        "Deployment salesforce",
        "HTTPRoute salesforce-callback",
        "Ingress salesforce-callback",
        "PodDisruptionBudget salesforce",
        "PodMonitor salesforce",
        "PrometheusRule salesforce",
        "Role crm-token-readers",
        "Role salesforce",
        "Role salesforce.sfc-system",
        "Role salesforce.sfc-system",
        "RoleBinding crm-token-readers",
        "RoleBinding salesforce",
        "RoleBinding salesforce.sfc-system",
        "RoleBinding salesforce.sfc-system",
        "Service salesforce-callback",
        "Service salesforce-metrics",
        "ServiceMonitor salesforce",
    ];
    assert_eq!(kinds(&documents), wanted);
    let wanted = pairs(&[
        ("HTTPS_PROXY", "http://proxy.example.com:3128"),
        ("HTTP_PROXY", "http://proxy.example.com:3129"),
        ("GLIBC_TUNABLES", MALLOC),
        ("NO_PROXY", ".example.com"),
        ("RUST_BACKTRACE", "1"),
        ("SFC_AUTHENTICATE_METRICS", "true"),
        ("SFC_ALLOW_HOST", "sales=sf.example.com,*=gateway.example.net"),
        (
            "SFC_ALLOW_SIGNER",
            "sales=https://vault.example.com:8200,*=https://bao.example.net",
        ),
        ("SFC_SIGNER_CA_FILE", "/etc/salesforce-connector/signer-ca/ca.crt"),
        ("SFC_CALLBACK_URL", "https://salesforce-login.example.com"),
        ("SFC_CA_FILE", "/etc/salesforce-connector/ca/ca.crt"),
        (
            "SFC_CONNECT_TO",
            "*.my.salesforce.com=192.0.2.7:8443,login.salesforce.com=[2001:db8::7]:8443",
        ),
        ("SFC_CONNECTOR_SERIES_LIMIT", "0"),
        ("SFC_CREDENTIAL_ROTATION", "true"),
        ("SFC_LEASE_DURATION_SECONDS", "60"),
        ("SFC_LEASE_RENEW_DEADLINE_SECONDS", "45"),
        ("SFC_LEASE_RETRY_SECONDS", "5"),
        ("SFC_LOG", "salesforce_connector_operator=debug"),
        ("SFC_LOG_FORMAT", "human"),
        ("SFC_NAMESPACE", "metadata.namespace"),
        ("SFC_ROLLOUT_RESTARTS", "true"),
        ("SFC_SECRET_WATCH", "Watch"),
        ("SFC_SHARDS", "3"),
        ("SFC_SHARING", "true"),
        ("SFC_STATE_RETENTION_HOURS", "72"),
        ("SFC_TAKE_OVER_CLAIMS_OF", "0b5c6f4e-2f0e-4c52-9d0c-0d8a3f1b7a11"),
        ("SFC_TOKEN_REQUESTS_PER_HOUR", "1000000"),
        ("SFC_WATCH_NAMESPACES", "sales,service"),
    ]);
    assert_eq!(environment(&documents), wanted);
    assert_pod(&documents);
}

fn assert_pod(documents: &[Value]) {
    let (deployment, container) = (deployment(documents), container(documents));
    let pod = &deployment["spec"]["template"];
    assert_eq!(deployment["spec"]["replicas"], 0);
    let digest = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    assert_eq!(
        container["image"],
        format!("registry.example.com/salesforce-connector-operator@{digest}")
    );
    assert_eq!(container["imagePullPolicy"], "Always");
    assert_eq!(container["args"], json!(["run", "--listen=0.0.0.0:8080"]));
    let resources =
        json!({ "requests": { "cpu": "50m", "memory": "64Mi" }, "limits": { "memory": "512Mi" } });
    assert_eq!(container["resources"], resources);
    assert_eq!(pod["metadata"]["annotations"]["example.com/team"], "crm");
    assert_eq!(pod["metadata"]["labels"]["example.com/tier"], "integration");
    assert_eq!(pod["metadata"]["labels"]["app.kubernetes.io/name"], "connector");
    let spec = &pod["spec"];
    assert_eq!(spec["serviceAccountName"], "connector-account");
    assert_eq!(spec["imagePullSecrets"], json!([{ "name": "registry" }]));
    assert_eq!(spec["priorityClassName"], "high");
    assert_eq!(spec["nodeSelector"], json!({ "kubernetes.io/os": "linux" }));
    assert_eq!(
        spec["tolerations"],
        json!([{ "key": "dedicated", "operator": "Exists" }])
    );
    let spread = json!([{ "maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "ScheduleAnyway" }]);
    assert_eq!(spec["topologySpreadConstraints"], spread);
    assert_eq!(spec["affinity"], json!({ "podAntiAffinity": {} }));
    let volume = json!({ "name": "company-ca", "items": [{ "key": "bundle.pem", "path": "ca.crt" }] });
    let signers = json!({ "name": "vault-ca", "items": [{ "key": "vault.pem", "path": "ca.crt" }] });
    let volumes =
        json!([{ "name": "ca", "configMap": volume }, { "name": "signer-ca", "configMap": signers }]);
    assert_eq!(spec["volumes"], volumes);
    assert_eq!(
        container["volumeMounts"][0]["mountPath"],
        "/etc/salesforce-connector/ca"
    );
}

/// That nothing of the defaults is missing in the values given, or the same.
fn assert_all_differ(path: &str, defaults: &Value, given: &Value) {
    match defaults.as_object() {
        Some(below) if !below.is_empty() => {
            for (key, below) in below {
                assert_all_differ(&format!("{path}.{key}"), below, &given[key]);
            }
        }
        _ => assert!(
            !given.is_null() && given != defaults,
            "{ALL_VALUES} should set {path}"
        ),
    }
}

#[tokio::test]
async fn annotations_and_the_port_come_to_what_is_created() {
    let documents = template(&[
        "--set-string=serviceAccount.annotations.role=connector,metrics.service.annotations.scrape=true",
        "--set=metrics.service.port=8080,serviceAccount.name=account",
        "--set=networkPolicy.metricsFrom[0].namespaceSelector.matchLabels.team=monitoring",
    ])
    .await;
    let named = |kind: &str| {
        documents
            .iter()
            .find(|document| document["kind"] == kind)
            .unwrap()
    };
    assert_eq!(named("ServiceAccount")["metadata"]["name"], "account");
    assert_eq!(
        named("ServiceAccount")["metadata"]["annotations"],
        json!({ "role": "connector" })
    );
    assert_eq!(
        named("Service")["metadata"]["annotations"],
        json!({ "scrape": "true" })
    );
    assert_eq!(named("Service")["spec"]["ports"][0]["port"], 8080);
    let monitoring = json!({
        "ports": [{ "port": "metrics", "protocol": "TCP" }],
        "from": [{ "namespaceSelector": { "matchLabels": { "team": "monitoring" } } }],
    });
    assert_eq!(named("NetworkPolicy")["spec"]["ingress"], json!([monitoring]));
}

#[tokio::test]
async fn browsers_reach_the_callback_page_and_nobody_else_does() {
    let documents = template(&[
        "--set=callback.url=https://login.example.com:8443,callback.ingress.enabled=true,callback.ingress.tlsSecret=tls",
        "--set=callback.httpRoute.enabled=true,callback.httpRoute.parentRefs[0].name=internal",
        "--set=networkPolicy.callbackFrom[0].namespaceSelector.matchLabels.team=ingress",
    ])
    .await;
    let named = |kind: &str, suffix: &str| {
        let mut found = documents.iter().filter(|document| {
            let name = document["metadata"]["name"].as_str().unwrap_or_default();
            document["kind"] == kind && name.ends_with(suffix)
        });
        found.next().unwrap()
    };
    let name = "sfc-salesforce-connector-operator-callback";
    let service = json!([{ "name": "http", "port": 80, "targetPort": "callback", "protocol": "TCP" }]);
    assert_eq!(named("Service", "-callback")["spec"]["ports"], service);
    let backend = json!({ "service": { "name": name, "port": { "name": "http" } } });
    let ingress = json!({
        "tls": [{ "hosts": ["login.example.com"], "secretName": "tls" }],
        "rules": [{
            "host": "login.example.com",
            "http": { "paths": [{ "path": "/", "pathType": "Prefix", "backend": backend }] },
        }],
    });
    assert_eq!(named("Ingress", "-callback")["spec"], ingress);
    let route = json!({
        "parentRefs": [{ "name": "internal" }],
        "hostnames": ["login.example.com"],
        "rules": [{ "backendRefs": [{ "name": name, "port": 80 }] }],
    });
    assert_eq!(named("HTTPRoute", "-callback")["spec"], route);
    let allowed = json!([
        { "ports": [{ "port": "metrics", "protocol": "TCP" }] },
        {
            "ports": [{ "port": "callback", "protocol": "TCP" }],
            "from": [{ "namespaceSelector": { "matchLabels": { "team": "ingress" } } }],
        },
    ]);
    assert_eq!(named("NetworkPolicy", "operator")["spec"]["ingress"], allowed);
    let port = json!({ "name": "callback", "containerPort": 8081, "protocol": "TCP" });
    assert!(container(&documents)["ports"].as_array().unwrap().contains(&port));
    assert_eq!(
        environment(&documents)["SFC_CALLBACK_URL"],
        "https://login.example.com:8443"
    );
}

#[tokio::test]
async fn the_binary_understands_every_setting_and_the_chart_has_every_one() {
    let documents = template(&["--values", ALL_VALUES]).await;
    let environment = environment(&documents);
    let rendered: BTreeSet<_> = environment
        .keys()
        .filter(|name| name.starts_with("SFC_"))
        .map(String::as_str)
        .collect();

    let command = Cli::command();
    let run = command.find_subcommand("run").expect("a subcommand `run`");
    let settings = run.get_arguments().filter(|argument| !argument.is_hide_set());
    let (mut known, mut flags) = (BTreeSet::new(), vec!["operator".to_owned(), "run".to_owned()]);
    for setting in settings {
        let Some(name) = setting.get_env().and_then(|name| name.to_str()) else {
            continue;
        };
        known.insert(name.to_owned());
        if let Some(value) = environment.get(name) {
            flags.push(format!("--{}={value}", setting.get_long().expect("a flag")));
        }
    }
    // The probes and the Services rely on their defaults.
    known
        .retain(|name| !["SFC_LISTEN", "SFC_METRICS_LISTEN", "SFC_CALLBACK_LISTEN"].contains(&name.as_str()));
    assert_eq!(rendered, known.iter().map(String::as_str).collect());

    let Command::Run(run) = Cli::try_parse_from(flags).unwrap().command else {
        panic!("not `run`")
    };
    let settings = run.settings();
    assert_eq!(settings.watch_namespaces, ["sales", "service"]);
    assert_eq!(settings.secret_watch, SecretWatch::Watch);
    assert_eq!((run.allow_host.len(), run.connect_to.len()), (2, 2));
    assert_eq!(run.allow_signer.len(), 2);
    let page = run.callback_url.map(|url| url.redirect_uri());
    assert_eq!(
        page.as_deref(),
        Some("https://salesforce-login.example.com/callback")
    );
}

/// Helm tells of all wrong values at once.
#[tokio::test]
async fn a_wrong_value_is_refused_by_name() {
    let at_once = [
        ("secretWatch=Sometimes", "at '/secretWatch'"),
        ("watchNamespaces={Sales}", "at '/watchNamespaces/0'"),
        ("replicas=11", "at '/replicas'"),
        ("logging.format=xml", "at '/logging/format'"),
        ("image.pullPolicy=Sometimes", "at '/image/pullPolicy'"),
        ("image.digest=sha256:abc", "at '/image/digest'"),
        ("allowHosts={https://example.com}", "at '/allowHosts/0'"),
        ("allowSigners={sales=http://vault}", "at '/allowSigners/0'"),
        ("connectTo={login.salesforce.com}", "at '/connectTo/0'"),
        ("proxy.httpsProxy=proxy:3128", "at '/proxy/httpsProxy'"),
        ("stateRetentionHours=-1", "at '/stateRetentionHours'"),
        (
            "leaderElection.leaseDurationSeconds=5",
            "at '/leaderElection/leaseDurationSeconds'",
        ),
        ("callback.url=http://sfc.example.com", "at '/callback/url'"),
        ("callback.service.port=0", "at '/callback/service/port'"),
        ("metrics.service.port=70000", "at '/metrics/service/port'"),
        (
            "crds.instal=false",
            "at '/crds': additional properties 'instal' not allowed",
        ),
        (
            "watchNamespace={sales}",
            "additional properties 'watchNamespace' not allowed",
        ),
    ];
    let refusal = refusal_of(&at_once.map(|(value, _)| value)).await;
    for (value, wanted) in at_once {
        assert!(
            refusal.contains(wanted),
            "{value} is not refused by {wanted:?}: {refusal}"
        );
    }
    for (value, wanted) in [
        ("watchNamespaces={sales,sales}", "at '/watchNamespaces'"),
        ("watchNamespaces=sales", "at '/watchNamespaces'"),
        ("serviceAccount.create=false", "serviceAccount.name must be given"),
        ("callback.ingress.enabled=true", "callback.url must be given"),
        (
            "callback.url=https://a.example,callback.httpRoute.enabled=true",
            "callback.httpRoute.parentRefs must name a Gateway",
        ),
    ] {
        let refusal = refusal_of(&[value]).await;
        assert!(
            refusal.contains(wanted),
            "{value} is not refused by {wanted:?}: {refusal}"
        );
    }
}

pub(crate) async fn refusal_of(values: &[&str]) -> String {
    let sets = values
        .iter()
        .flat_map(|value| ["--set", value])
        .collect::<Vec<_>>();
    let plane = ControlPlane::shared().await;
    plane
        .helm(&[&["template", "sfc", CHART], &sets[..]].concat())
        .await
        .refusal()
}
