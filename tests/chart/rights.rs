//! What may the installed service account do? Asked of the API server, rule by rule; anything more is a failure.

mod features;

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::authentication::v1::TokenReview;
use k8s_openapi::api::authorization::v1::{ResourceRule, SelfSubjectRulesReview, SubjectAccessReview};
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::api::rbac::v1::ClusterRole;
use kube::api::{Api, ListParams, ObjectMeta, PostParams, WatchParams};
use kube::runtime::events::{Event, EventType, Recorder, Reporter};
use kube::{Client, Resource as _, ResourceExt as _};
use salesforce_connector_operator::api::{SalesforceConnector, names};
use serde_json::json;
use testbed::eventually;

use crate::release::{Release, SOON};

const CONNECTORS: [&str; 3] = [
    "events.events.k8s.io: create patch",
    "salesforceconnectors.salesforce-connector.dev: get watch",
    "salesforceconnectors/status.salesforce-connector.dev: patch update",
];
const LEASES: [&str; 2] = [
    "leases.coordination.k8s.io salesforce-connector-operator: get update",
    "leases.coordination.k8s.io: create",
];
const SECRETS_BY_NAME: &str = "secrets: create delete get update";

#[tokio::test]
async fn by_default_secrets_are_neither_listed_nor_watched_outside_the_own_namespace() {
    let release = Release::install(&[]).await;
    let elsewhere = release.plane.namespace("tenant").await;

    let namespaces = own_namespaces(&release);
    let everywhere = [CONNECTORS.as_slice(), &[&namespaces]].concat();
    assert_rights(
        &release,
        &elsewhere,
        &[&everywhere[..], &[SECRETS_BY_NAME]].concat(),
    )
    .await;
    let own = [&["secrets: create delete get list patch update"], &LEASES[..]].concat();
    assert_rights(&release, &release.namespace, &[&everywhere[..], &own].concat()).await;
    release.uninstall().await;
}

#[tokio::test]
async fn secrets_are_watched_where_secret_watch_says_so() {
    let release = Release::install(&["--set", "secretWatch=Watch"]).await;
    let elsewhere = release.plane.namespace("tenant").await;

    let namespaces = own_namespaces(&release);
    let secrets = [&namespaces, "secrets: create delete get update watch"];
    assert_rights(&release, &elsewhere, &[&CONNECTORS[..], &secrets].concat()).await;
    release.uninstall().await;
}

#[tokio::test]
async fn nothing_is_readable_outside_the_watched_namespaces() {
    let plane = testbed::ControlPlane::shared().await;
    let watched = [plane.namespace("watched").await, plane.namespace("watched").await];
    let elsewhere = plane.namespace("tenant").await;
    let list = format!("watchNamespaces={{{},{}}}", &*watched[0], &*watched[1]);
    let release = Release::install(&["--set", &list]).await;

    let namespaces = own_namespaces(&release);
    let there = [&CONNECTORS[..], &[&namespaces, SECRETS_BY_NAME]].concat();
    for namespace in &watched {
        assert_rights(&release, namespace, &there).await;
    }
    assert_rights(&release, &elsewhere, &[&namespaces]).await;
    let own = [
        &[&namespaces, "secrets: create delete get list patch update"],
        &LEASES[..],
    ]
    .concat();
    assert_rights(&release, &release.namespace, &own).await;

    let operator = release.operator().await;
    let refusals = [
        refusal(
            Api::<SalesforceConnector>::all(operator.clone())
                .watch(&WatchParams::default(), "0")
                .await,
        ),
        refusal(Api::<Secret>::namespaced(operator, &elsewhere).get("any").await),
    ];
    assert_eq!(refusals, [Some(403), Some(403)]);
    release.uninstall().await;
}

#[tokio::test]
async fn the_service_account_can_do_what_the_operator_does() {
    let release = Release::install(&[]).await;
    let tenant = release.plane.namespace("tenant").await;
    let operator = release.operator().await;
    assert_rights_known(&release, &tenant).await;
    let _ = release.plane.apply(&connector(&tenant)).await.stdout();

    let everywhere: Api<SalesforceConnector> = Api::all(operator.clone());
    drop(everywhere.watch(&WatchParams::default(), "0").await.unwrap());
    let theirs: Api<SalesforceConnector> = Api::namespaced(operator.clone(), &tenant);
    let connector = theirs.get("crm").await.unwrap();
    theirs
        .replace_status("crm", &PostParams::default(), &connector)
        .await
        .unwrap();
    let recorder = Recorder::new(
        operator.clone(),
        Reporter {
            controller: "test".to_owned(),
            instance: None,
        },
    );
    for _ in 0..2 {
        recorder
            .publish(&event(), &connector.object_ref(&()))
            .await
            .unwrap(); // created, then patched
    }
    hold_a_lease(&operator, &release.namespace).await;
    release.uninstall().await;
}

fn connector(namespace: &str) -> String {
    json!({
        "apiVersion": "salesforce-connector.dev/v1alpha1",
        "kind": "SalesforceConnector",
        "metadata": { "name": "crm", "namespace": namespace },
        "spec": {
            "environment": "Live",
            "host": "green-itr.my.salesforce.com",
            "app": { "clientId": "3MVG9", "clientSecretRef": { "name": "crm-app", "key": "client-secret" } },
            "auth": { "clientCredentials": {} },
        },
    })
    .to_string() // JSON is YAML
}

fn event() -> Event {
    Event {
        type_: EventType::Normal,
        reason: "Tested".to_owned(),
        note: None,
        action: "Test".to_owned(),
        secondary: None,
    }
}

/// The operator's own Lease, and no other one.
async fn hold_a_lease(operator: &Client, namespace: &str) {
    let leases: Api<Lease> = Api::namespaced(operator.clone(), namespace);
    for (name, may_replace) in [(names::LEASE, true), ("of-another-component", false)] {
        let metadata = ObjectMeta {
            name: Some(name.to_owned()),
            ..ObjectMeta::default()
        };
        let lease = Lease { metadata, spec: None };
        let lease = leases.create(&PostParams::default(), &lease).await.unwrap();
        let replaced = leases.replace(name, &PostParams::default(), &lease).await;
        assert_eq!(replaced.is_ok(), may_replace, "{name}");
    }
}

#[tokio::test]
async fn replicas_that_share_shards_may_hold_their_leases_and_show_that_they_are_there() {
    let release = Release::install(&["--set", "shards=2"]).await;
    let namespaces = own_namespaces(&release);
    let (lease, of_2) = (
        "leases.coordination.k8s.io",
        "salesforce-connector-operator-shard",
    );
    let shards = format!("{lease} {of_2}-0-of-2 {of_2}-1-of-2: get update");
    let roster = format!("{lease} salesforce-connector-operator-replicas-of-2: patch");
    let leases = [
        shards.as_str(),
        roster.as_str(),
        "leases.coordination.k8s.io: create",
    ];
    let secrets = ["secrets: create delete get list patch update", &namespaces];
    assert_rights(
        &release,
        &release.namespace,
        &[&CONNECTORS[..], &secrets, &leases].concat(),
    )
    .await;
    release.uninstall().await;
}

/// The controller that sums roles up is not part of the test bed: what it would find is looked at instead.
#[tokio::test]
async fn who_may_edit_a_namespace_may_edit_its_connectors() {
    let release = Release::install(&[]).await;
    let kinds = ["salesforceconnectors", "salesforcetokencopies"];
    let may = |verbs: &str| kinds.map(|kind| format!("{kind}.salesforce-connector.dev: {verbs}"));
    assert_eq!(aggregated_to(&release, "view").await, may("get list watch"));
    for role in ["edit", "admin"] {
        let all = may("create delete deletecollection get list patch update watch");
        assert_eq!(aggregated_to(&release, role).await, all);
    }
    release.uninstall().await;
}

/// What one of the cluster's own roles gains by this release.
async fn aggregated_to(release: &Release, role: &str) -> Vec<String> {
    let roles: Api<ClusterRole> = Api::all(release.plane.client().await);
    let selector = format!("rbac.authorization.k8s.io/aggregate-to-{role}=true");
    let found = roles
        .list(&ListParams::default().labels(&selector))
        .await
        .unwrap();
    let ours = found
        .items
        .into_iter()
        .filter(|role| role.name_any().starts_with(&release.cluster_name()));
    let gained = ours.flat_map(|role| role.rules.unwrap_or_default());
    summary(gained.map(|rule| ResourceRule {
        api_groups: rule.api_groups,
        resource_names: rule.resource_names,
        resources: rule.resources,
        verbs: rule.verbs,
    }))
    .into_iter()
    .collect()
}

#[tokio::test]
async fn a_reader_of_tokens_may_read_the_named_ones_and_nothing_else() {
    let plane = testbed::ControlPlane::shared().await;
    let tenant = plane.namespace("tenant").await;
    let account = json!({
        "apiVersion": "v1", "kind": "ServiceAccount", "metadata": { "name": "export", "namespace": &*tenant },
    });
    let _ = plane.apply(&account.to_string()).await.stdout(); // JSON is YAML
    let readers = json!([{
        "name": "crm-token-readers", "namespace": &*tenant, "secrets": ["crm-salesforce"],
        "subjects": [{ "kind": "ServiceAccount", "name": "export", "namespace": &*tenant }],
    }]);
    let release = Release::install(&["--set-json", &format!("rbac.tokenReaders={readers}")]).await;
    let reader = plane.client_as(&tenant, "export").await;
    let wanted = BTreeSet::from(["secrets crm-salesforce: get watch".to_owned()]);
    eventually(SOON, "exactly the right to read that Secret", async || {
        let seen = rights(&reader, &tenant).await;
        if seen == wanted {
            Ok(())
        } else {
            Err(format!("{seen:?}"))
        }
    })
    .await;
    let secrets: Api<Secret> = Api::namespaced(reader, &tenant);
    assert!(secrets.get_opt("crm-salesforce").await.unwrap().is_none());
    let others = [
        refusal(secrets.get("crm-app").await),
        refusal(secrets.list(&ListParams::default()).await),
    ];
    assert_eq!(others, [Some(403), Some(403)]);
    release.uninstall().await;
}

#[tokio::test]
async fn the_operator_asks_who_scrapes_where_that_is_turned_on_and_may_not_otherwise() {
    for (enabled, wanted) in [("true", None), ("false", Some(403))] {
        let release = Release::install(&["--set", &format!("metrics.authentication={enabled}")]).await;
        let operator = release.operator().await;
        eventually(SOON, "that right", async || {
            let review: TokenReview = serde_json::from_value(json!({ "spec": { "token": "none" } })).unwrap();
            let reviewed = Api::all(operator.clone())
                .create(&PostParams::default(), &review)
                .await;
            let review: SubjectAccessReview = serde_json::from_value(json!({ "spec": {
                "user": "nobody", "nonResourceAttributes": { "path": "/metrics", "verb": "get" },
            } }))
            .unwrap();
            let access = Api::all(operator.clone())
                .create(&PostParams::default(), &review)
                .await;
            let seen = [refusal(reviewed), refusal(access)];
            if seen == [wanted, wanted] {
                Ok(())
            } else {
                Err(format!("{seen:?}"))
            }
        })
        .await;
        release.uninstall().await;
    }
}

fn own_namespaces(release: &Release) -> String {
    format!("namespaces {} kube-system: get", &*release.namespace)
}

fn refusal<T>(result: kube::Result<T>) -> Option<u16> {
    match result {
        Err(kube::Error::Api(status)) => Some(status.code),
        Ok(_) | Err(_) => None,
    }
}

async fn assert_rights_known(release: &Release, namespace: &str) {
    let namespaces = own_namespaces(release);
    assert_rights(
        release,
        namespace,
        &[&CONNECTORS[..], &[&namespaces, SECRETS_BY_NAME]].concat(),
    )
    .await;
}

/// Waits until the rights in a namespace are these and no others.
async fn assert_rights(release: &Release, namespace: &str, wanted: &[&str]) {
    let operator = release.operator().await;
    let wanted: BTreeSet<_> = wanted.iter().map(|&right| right.to_owned()).collect();
    eventually(SOON, "exactly the rights that are needed", async || {
        let seen = rights(&operator, namespace).await;
        if seen == wanted {
            return Ok(());
        }
        let (missing, surplus) = (wanted.difference(&seen), seen.difference(&wanted));
        Err(format!(
            "in {namespace}: missing {:?}, not needed {:?}",
            missing.collect::<Vec<_>>(),
            surplus.collect::<Vec<_>>()
        ))
    })
    .await;
}

/// Rights of a client in a namespace, as `resource.group names: verbs`, without those that everybody has.
async fn rights(client: &Client, namespace: &str) -> BTreeSet<String> {
    let review =
        serde_json::from_value(json!({ "metadata": {}, "spec": { "namespace": namespace } })).unwrap();
    let reviews: Api<SelfSubjectRulesReview> = Api::all(client.clone());
    let status = reviews
        .create(&PostParams::default(), &review)
        .await
        .unwrap()
        .status
        .unwrap();
    assert!(!status.incomplete, "{status:?}");
    summary(status.resource_rules)
}

fn summary(rules: impl IntoIterator<Item = ResourceRule>) -> BTreeSet<String> {
    let mut verbs_of: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for rule in rules {
        for what in subjects(&rule) {
            verbs_of
                .entry(what)
                .or_default()
                .extend(rule.verbs.iter().cloned());
        }
    }
    let line = |(what, verbs): (String, BTreeSet<String>)| {
        format!("{what}: {}", verbs.into_iter().collect::<Vec<_>>().join(" "))
    };
    verbs_of.into_iter().map(line).collect()
}

/// API groups in which Kubernetes gives rights to each service account: to ask who it is and what it may, and, where the API is
/// served (from 1.37 on), to read bundles of CA certificates.
const OF_EVERYBODY: [&str; 3] = [
    "authentication.k8s.io",
    "authorization.k8s.io",
    "certificates.k8s.io",
];

fn subjects(rule: &ResourceRule) -> Vec<String> {
    let mut names = rule.resource_names.clone().unwrap_or_default();
    names.sort();
    names.insert(0, String::new());
    let names = names.join(" ");
    let groups = rule.api_groups.iter().flatten();
    groups
        .filter(|group| !OF_EVERYBODY.contains(&group.as_str()))
        .flat_map(|group| {
            let dot = if group.is_empty() { "" } else { "." };
            rule.resources
                .iter()
                .flatten()
                .map(move |resource| (resource, dot, group))
        })
        .map(|(resource, dot, group)| format!("{resource}{dot}{group}{names}"))
        .collect()
}
