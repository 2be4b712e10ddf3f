//! Connectors that are deleted and created again in the same cluster, as by GitOps: `move-grants --recreated` gives them back what
//! their people have granted, or leaves it where it is.

use k8s_openapi::api::core::v1::Secret;
use kube::api::{Api, ListParams};
use salesforce_connector_operator::api::names;
use salesforce_sim::default_world as world;
use serde_json::{Value, json};

use crate::moving::{bootstrapped, by_code, log_in, renewed, secret_is_gone};
use crate::stage::{DEADLINE, Stage};

/// With a connector that a person logged in for, one with a bootstrap token, and one that will be for another app. Each is deleted and
/// created again, and the operator is stopped.
async fn recreated() -> Stage {
    let mut stage = Stage::set().await;
    let names = ["browser", "other", "rotating"];
    for name in ["other", "rotating"] {
        bootstrapped(&stage, name, world::ROTATING, Some(world::ROTATING_SECRET)).await;
    }
    let browser = by_code(world::ROTATING, Some("rotating-grant"), None);
    stage.create("browser", browser.clone()).await;
    stage
        .until_ready_is("browser", "False", "AuthorizationRequired")
        .await;
    log_in(&stage, &stage, "browser", "login").await;
    for name in names {
        stage.until_ready_is(name, "True", "TokenValid").await;
    }
    // Its token is no longer the bootstrap token.
    renewed(&stage, "rotating", "before").await;
    for name in names {
        stage.delete(name).await;
        secret_is_gone(&stage, &format!("{name}-salesforce")).await;
    }
    stage.create("browser", browser).await;
    let rotating = by_code(world::ROTATING, Some("rotating-grant"), Some("rotating-grant"));
    stage.create("rotating", rotating).await;
    let other = by_code(world::CONNECTED, Some("other-grant"), None);
    stage.create("other", other).await;
    for (name, reason) in [
        ("browser", "AuthorizationRequired"),
        ("other", "AuthorizationRequired"),
        ("rotating", "BootstrapTokenUsed"),
    ] {
        stage.until_ready_is(name, "False", reason).await;
    }
    stage.stop_operator().await;
    stage
}

async fn move_grants(stage: &Stage, more: &[&str]) -> (Option<i32>, String) {
    let home = stage.home.name();
    let args = ["move-grants", "--recreated", "--operator-namespace", home];
    let ran = stage.plugin(&[&args, more].concat()).await;
    let said = stage.settled(&format!("{}{}", ran.stdout, ran.stderr));
    (ran.code, said.replace(home, "HOME"))
}

/// The operator's own Secrets for this purpose, by name and content.
async fn kept(stage: &Stage, purpose: &str) -> Vec<(Option<String>, Value)> {
    let api: Api<Secret> = Api::namespaced(stage.plane.client().await, stage.home.name());
    let wanted = ListParams::default().labels(&format!("{}={purpose}", names::PURPOSE));
    let found = api.list(&wanted).await.unwrap();
    let content = |secret: Secret| (secret.metadata.name, json!([secret.metadata.labels, secret.data]));
    found.items.into_iter().map(content).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connector_that_is_created_again_gets_its_grant_back_and_nobody_logs_in() {
    let mut stage = recreated().await;
    let said = "\
NAMESPACE/browser: moved.
NAMESPACE/other: stays: the grant is of another app than spec.app names. A person must log in there.
NAMESPACE/rotating: moved.
";
    assert_eq!(move_grants(&stage, &[]).await, (Some(1), said.to_owned()));
    let said = "\
NAMESPACE/browser: stays: no deleted connector of this name has left a stored grant. A person must log in there.
";
    assert_eq!(
        move_grants(&stage, &["browser"]).await,
        (Some(1), said.to_owned())
    );
    stage.start_operator().await;
    for name in ["browser", "rotating"] {
        stage.until_ready_is(name, "True", "TokenValid").await;
    }
    renewed(&stage, "rotating", "after").await;
    stage.until_ready_is("rotating", "True", "TokenValid").await;
    stage
        .until_ready_is("other", "False", "AuthorizationRequired")
        .await;
    stage.stop_operator().await;
    let said = "NAMESPACE/rotating: stays: it has a stored grant of its own. A person must log in there.\n";
    assert_eq!(
        move_grants(&stage, &["rotating"]).await,
        (Some(1), said.to_owned())
    );
    let (replays, grants) = stage.sim.world(|w| (w.replays(), w.grants()));
    assert_eq!(replays, 0);
    assert!(grants.iter().all(|grant| grant.ended.is_none()), "{grants:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_grant_that_can_not_be_put_where_it_belongs_is_where_it_was() {
    let stage = recreated().await;
    let before = kept(&stage, names::STATE).await;
    for missing in ["create", "update"] {
        may_move_but_not(&stage, missing).await;
        let (code, said) = move_grants(&stage, &["rotating", "--as", missing]).await;
        assert_eq!(code, Some(4), "{said}");
        let refused = format!("cannot {missing} resource \"secrets\"");
        assert!(said.contains(&refused), "{said}");
        assert_eq!(kept(&stage, names::STATE).await, before, "without {missing}");
        assert_eq!(kept(&stage, names::MOVED).await, [], "without {missing}");
    }
    let said = "NAMESPACE/rotating: moved.\n".to_owned();
    assert_eq!(move_grants(&stage, &["rotating"]).await, (Some(0), said));
}

/// Gives the user of this name every right that the command needs, but for this one.
async fn may_move_but_not(stage: &Stage, missing: &str) {
    // What is taken out must be able to come back.
    let verbs: Vec<&str> = ["create", "delete", "get", "list", "update"]
        .into_iter()
        .filter(|verb| *verb != missing)
        .collect();
    let rules = json!([
        { "apiGroups": [""], "resources": ["secrets"], "verbs": verbs },
        { "apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["list"] },
        { "apiGroups": ["salesforce-connector.dev"], "resources": ["salesforceconnectors"], "verbs": ["list"] },
    ]);
    for namespace in [stage.home.name(), stage.namespace.name()] {
        let role = json!({ "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
            "metadata": { "name": missing, "namespace": namespace }, "rules": rules });
        let binding = json!({ "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
            "metadata": { "name": missing, "namespace": namespace },
            "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": missing },
            "subjects": [{ "kind": "User", "name": missing, "apiGroup": "rbac.authorization.k8s.io" }] });
        let _ = stage
            .plane
            .apply(&format!("{role}\n---\n{binding}\n"))
            .await
            .stdout();
        let ask = [
            "auth",
            "can-i",
            "delete",
            "secrets",
            "--as",
            missing,
            "--namespace",
            namespace,
        ];
        testbed::eventually(DEADLINE, "the role is in effect", async || {
            let asked = stage.plane.kubectl(&ask).await;
            (asked.code == Some(0)).then_some(()).ok_or(asked.stdout)
        })
        .await;
    }
}
