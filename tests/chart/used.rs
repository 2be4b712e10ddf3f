//! Is every right of the chart used? Said by the API server's own audit log.

use std::path::Path;

use kube::Api;
use kube::api::{DeleteParams, PostParams};
use salesforce_connector_operator::api::crd;
use salesforce_connector_operator::api::{SalesforceTokenCopy, names};
use salesforce_connector_operator::core::rights::Right;
use salesforce_sim::{Addresses, Simulator, default_world as world};
use serde_json::{Value, json};
use testbed::{ControlPlane, eventually};

use crate::files::CHART;
use crate::needed::{DEADLINE, needed_by, start};
use crate::release::FULL_NAME;
use crate::tenant::{Tenant, condition, status};
use crate::workloads;

/// A line for each request of a service account, when it arrives: a watch does not end.
fn audit_flags(dir: &Path) -> Vec<String> {
    let (policy, log) = (dir.join("policy.yaml"), log_in(dir));
    let text = json!({
        "apiVersion": "audit.k8s.io/v1", "kind": "Policy",
        "omitStages": ["ResponseStarted", "ResponseComplete"],
        "rules": [
            { "level": "Metadata", "userGroups": ["system:serviceaccounts"] },
            { "level": "None" },
        ],
    });
    std::fs::write(&policy, text.to_string()).unwrap(); // JSON is YAML
    vec![
        format!("--audit-policy-file={}", policy.display()),
        format!("--audit-log-path={}", log.display()),
    ]
}

fn log_in(dir: &Path) -> std::path::PathBuf {
    dir.join("audit.log")
}

/// Those of the rights that an account has not used yet.
fn unused(dir: &Path, account: &str, needed: &[Right]) -> Vec<Right> {
    let text = std::fs::read_to_string(log_in(dir)).unwrap_or_default();
    // The last line may be half written.
    let events: Vec<Value> = text
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .filter(|event: &Value| event["user"]["username"] == account)
        .collect();
    let used = |right: &&Right| events.iter().any(|event| uses(event, right));
    needed.iter().filter(|right| !used(right)).cloned().collect()
}

fn uses(event: &Value, right: &Right) -> bool {
    let object = &event["objectRef"];
    let text = |field: &str| object[field].as_str().unwrap_or_default();
    let resource = [text("resource"), text("subresource")];
    let resource = resource.into_iter().filter(|part| !part.is_empty());
    event["verb"] == right.verb
        && text("apiGroup") == right.group
        && resource.collect::<Vec<_>>().join("/") == right.resource
        && right
            .namespace
            .as_deref()
            .is_none_or(|namespace| text("namespace") == namespace)
        && right.name.as_deref().is_none_or(|name| text("name") == name)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_right_of_the_account_is_used() {
    let audit = tempfile::tempdir().unwrap();
    let plane = ControlPlane::start_with(audit_flags(audit.path())).await;
    for crd in &crd::all() {
        plane.install_crd(crd).await;
    }
    let home = plane.namespace("operator").await;
    let tenant = Tenant::new(plane.client().await, plane.namespace("tenant").await, DEADLINE);
    // Another one, whose connector offers its token to the tenant.
    let source = Tenant::new(plane.client().await, plane.namespace("source").await, DEADLINE);
    let both = format!("{},{}", &*tenant.namespace, &*source.namespace);
    let watched = format!("watchNamespaces={{{both}}}");
    let install = ["install", "sfc", CHART, "--namespace", &home, "--set", &watched];
    let set = "--set=crds.install=false,secretWatch=Watch,metrics.authentication=true,rolloutRestarts.enabled=true,sharing.enabled=true";
    let _ = plane.helm(&[&install[..], &[set]].concat()).await.stdout();

    let sim = Simulator::start_on(world::build(), Addresses::default()).unwrap();
    let ca = audit.path().join("ca.pem");
    std::fs::write(&ca, sim.ca_pem()).unwrap();
    let connect_to = format!("*={}", sim.https_addr());
    let args = [
        "--namespace",
        &home,
        "--watch-namespaces",
        &both,
        "--secret-watch=Watch",
        "--authenticate-metrics",
        "--rollout-restarts",
        "--sharing",
        // Garbage is collected every second.
        "--state-retention-hours=0",
        "--connect-to",
        &connect_to,
        "--ca-file",
        ca.to_str().unwrap(),
    ];
    let kubeconfig = plane.kubeconfig_for(&home, FULL_NAME).await;
    let operator = start(&kubeconfig, &args, &audit.path().join("log"));

    misspell(&tenant).await;
    use_all(&tenant, &sim).await;
    share(&source, &tenant).await;
    // Who may not read the metrics is asked about all the same.
    let scraper = plane.token_of(&tenant.namespace, "default").await;
    let answer = operator.get_as("/metrics", Some(&scraper)).await.unwrap();
    assert_eq!(answer.status, "403 Forbidden");

    let account = format!("system:serviceaccount:{}:{FULL_NAME}", &*home);
    let of_tenant = ["--watch-namespaces", &tenant.namespace];
    let needed = needed_by(&home, &[&of_tenant[..], &args[4..8]].concat());
    assert!(needed.len() > 20, "{needed:?}");
    eventually(DEADLINE, "every right to be used", async || {
        let unused = unused(audit.path(), &account, &needed);
        unused
            .is_empty()
            .then_some(())
            .ok_or_else(|| format!("not used: {unused:#?}"))
    })
    .await;
    drop(operator);
}

/// A Secret that is not there, one that lacks the key, and the first mistake again, whose event is counted.
async fn misspell(tenant: &Tenant) {
    tenant.input("lacks", &[("another-key", "")]).await;
    let app = |secret: &str| json!({ "clientId": world::ECA, "clientSecretRef": { "name": secret, "key": "client-secret" } });
    let auth = json!({ "clientCredentials": {} });
    let spec = json!({ "host": world::PRODUCTION, "app": app("none"), "auth": auth });
    tenant.create("misspelt", spec).await;
    for (secret, reason) in [
        ("none", "InputSecretMissing"),
        ("lacks", "InputKeyMissing"),
        ("none", "InputSecretMissing"),
    ] {
        tenant
            .merge("misspelt", json!({ "spec": { "app": app(secret) } }))
            .await;
        tenant
            .until(reason, "misspelt", |connector| {
                (condition(connector, "Ready").1 == reason).then_some(())
            })
            .await;
    }
}

/// The tenant accepts a token.
async fn share(source: &Tenant, tenant: &Tenant) {
    source.input("app", &[("client-secret", world::ECA_SECRET)]).await;
    let reference = json!({ "name": "app", "key": "client-secret" });
    let spec = json!({
        "host": world::PRODUCTION,
        "app": { "clientId": world::ECA, "clientSecretRef": reference },
        "auth": { "clientCredentials": {} },
        "sharing": { "namespaces": [&*tenant.namespace] },
    });
    source.create("shared", spec).await;
    let copies: Api<SalesforceTokenCopy> = Api::namespaced(tenant.client.clone(), &tenant.namespace);
    let copy = json!({
        "apiVersion": "salesforce-connector.dev/v1alpha1", "kind": "SalesforceTokenCopy",
        "metadata": { "name": "shared" },
        "spec": { "from": { "namespace": &*source.namespace, "name": "shared" } },
    });
    let copy = serde_json::from_value(copy).unwrap();
    copies.create(&PostParams::default(), &copy).await.unwrap();
}

/// A grant comes, is renewed twice, moves to another Secret, and goes.
async fn use_all(tenant: &Tenant, sim: &Simulator) {
    let token = sim.world(|sim| sim.grant_refresh_token(world::ROTATING, world::INTEGRATION_USER));
    let values = [
        ("refresh-token", token.as_str()),
        ("client-secret", world::ROTATING_SECRET),
    ];
    tenant.input("grant", &values).await;
    let reference = |key: &str| json!({ "name": "grant", "key": key });
    let spec = json!({
        "host": world::PRODUCTION,
        "app": { "clientId": world::ROTATING, "clientSecretRef": reference("client-secret") },
        "auth": { "authorizationCode": { "bootstrap": { "refreshTokenRef": reference("refresh-token") } } },
        "rolloutRestartTargets": workloads::targets("web"),
    });
    for kind in workloads::KINDS {
        workloads::deploy(&tenant.client, &tenant.namespace, kind, "web", "crm").await;
    }
    tenant.create("crm", spec).await;
    tenant
        .until("the connector becomes Ready", "crm", |connector| {
            (condition(connector, "Ready").0 == "True").then_some(())
        })
        .await;
    for request in ["1", "2"] {
        tenant.annotate("crm", names::RENEW_REQUESTED_AT, request).await;
        tenant
            .until("the renewal is echoed", "crm", |connector| {
                (status(connector).last_handled?.renew_requested_at? == request).then_some(())
            })
            .await;
    }
    tenant
        .merge("crm", json!({ "spec": { "secret": { "name": "other" } } }))
        .await;
    eventually(DEADLINE, "the former Secret to go", async || {
        let former = tenant.secrets().get_metadata_opt("crm-salesforce").await;
        match former.map_err(|error| error.to_string())? {
            None => Ok(()),
            Some(former) => Err(format!("{:?}", former.metadata)),
        }
    })
    .await;
    let deleted = tenant.connectors().delete("crm", &DeleteParams::default()).await;
    deleted.unwrap();
}
