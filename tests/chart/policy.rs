//! Which Secrets does the admission policy let the operator write?

use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;
use kube::api::{Api, DeleteParams, PostParams};
use serde_json::{Value, json};
use testbed::eventually;

use crate::release::{Release, SOON};

const LABEL_NEEDED: &str =
    "the operator may write only Secrets labelled app.kubernetes.io/managed-by=salesforce-connector-operator";
const TYPE_REFUSED: &str = "the operator may not write Secrets of types that belong to Kubernetes or Helm";
const UID_NEEDED: &str = "annotated with salesforce-connector.dev/connector-uid outside its own namespace";
const NAME_REFUSED: &str = "named sfc-* or salesforce-connector-digest-key in its own namespace";
const NAMESPACE_REFUSED: &str = "the operator may not write Secrets in the namespaces of Kubernetes itself";
const KEY_REFUSED: &str = "the operator may not add labels or annotations of other controllers to Secrets";
const TOKEN: &str = "kubernetes.io/service-account-token";

/// The Secrets of one namespace, as the operator and as the administrator see them.
struct Secrets {
    operator: Api<Secret>,
    admin: Api<Secret>,
}

impl Secrets {
    async fn of(release: &Release, namespace: &str) -> Self {
        Self {
            operator: Api::namespaced(release.operator().await, namespace),
            admin: Api::namespaced(release.plane.client().await, namespace),
        }
    }

    /// What comes of the operator's creating this Secret.
    async fn create(&self, secret: &Value) -> Result<(), String> {
        said(
            self.operator
                .create(&PostParams::default(), &parsed(secret))
                .await
                .map(drop),
        )
    }

    /// What comes of the operator's changing this Secret as it changes its own, label and all.
    async fn update(&self, name: &str) -> Result<(), String> {
        let mut secret = self.admin.get(name).await.unwrap();
        let label = ("app.kubernetes.io/managed-by", "salesforce-connector-operator");
        secret.labels_mut().insert(label.0.to_owned(), label.1.to_owned());
        secret.string_data = Some([("token".to_owned(), "new".to_owned())].into());
        let replaced = self.operator.replace(name, &PostParams::default(), &secret).await;
        said(replaced.map(drop))
    }

    /// What comes of the operator's deleting this Secret.
    async fn delete(&self, name: &str) -> Result<(), String> {
        said(
            self.operator
                .delete(name, &DeleteParams::default())
                .await
                .map(drop),
        )
    }

    /// Creates a Secret that the operator finds.
    async fn given(&self, secret: &Value) -> Secret {
        self.admin
            .create(&PostParams::default(), &parsed(secret))
            .await
            .unwrap()
    }
}

fn said(result: kube::Result<()>) -> Result<(), String> {
    match result {
        Err(kube::Error::Api(status)) if status.code == 403 => Err(status.message),
        other => {
            other.unwrap();
            Ok(())
        }
    }
}

fn parsed(secret: &Value) -> Secret {
    serde_json::from_value(secret.clone()).unwrap()
}

fn plain(name: &str) -> Value {
    json!({ "metadata": { "name": name } })
}

fn labelled(name: &str, mut secret: Value) -> Value {
    let label = json!({ "app.kubernetes.io/managed-by": "salesforce-connector-operator" });
    let uid = json!({ "salesforce-connector.dev/connector-uid": "4f1b7f0c-5a4e-4d5e-9a4f-0c7d1e2b3a4d" });
    secret["metadata"] = json!({ "name": name, "labels": label, "annotations": uid });
    secret
}

fn token_of_default(name: &str) -> Value {
    let mut secret = labelled(name, json!({ "type": TOKEN }));
    secret["metadata"]["annotations"]["kubernetes.io/service-account.name"] = json!("default");
    secret
}

#[track_caller]
fn assert_refused(result: Result<(), String>, wanted: &str) {
    let message = result.expect_err("this should have been refused");
    assert!(message.contains(wanted), "{message:?} does not say {wanted:?}");
}

/// A release whose policy is known to be in force in a namespace.
async fn enforced(release: &Release, namespace: &str) -> Secrets {
    let secrets = Secrets::of(release, namespace).await;
    eventually(
        SOON,
        "the policy to refuse an unlabelled Secret",
        async || match secrets.create(&plain("unlabelled")).await {
            Err(message) if message.contains(LABEL_NEEDED) => Ok(()),
            other => {
                let _ = secrets.admin.delete("unlabelled", &DeleteParams::default()).await;
                Err(format!("{other:?}"))
            }
        },
    )
    .await;
    secrets
}

#[tokio::test]
async fn the_operator_writes_its_own_secrets_and_no_others() {
    let release = Release::install(&[]).await;
    let tenant = release.plane.namespace("tenant").await;
    let secrets = enforced(&release, &tenant).await;

    secrets.create(&labelled("own", json!({}))).await.unwrap();
    secrets.update("own").await.unwrap();
    secrets.delete("own").await.unwrap();

    let foreign = secrets.given(&plain("foreign")).await;
    assert_refused(secrets.update("foreign").await, LABEL_NEEDED);
    assert_refused(secrets.delete("foreign").await, LABEL_NEEDED);
    let other_label =
        json!({ "metadata": { "name": "other", "labels": { "app.kubernetes.io/managed-by": "Helm" } } });
    secrets.given(&other_label).await;
    assert_refused(secrets.update("other").await, LABEL_NEEDED);
    assert_eq!(secrets.admin.get("foreign").await.unwrap(), foreign);
    release.uninstall().await;
}

#[tokio::test]
async fn secrets_that_kubernetes_gives_a_meaning_to_are_refused_although_labelled() {
    let release = Release::install(&[]).await;
    let tenant = release.plane.namespace("tenant").await;
    let secrets = enforced(&release, &tenant).await;

    assert_refused(secrets.create(&token_of_default("token")).await, TYPE_REFUSED);
    let helm = labelled(
        "sh.helm.release.v1.crm.v2",
        json!({ "type": "helm.sh/release.v1" }),
    );
    assert_refused(secrets.create(&helm).await, TYPE_REFUSED);
    let bootstrap = labelled("bootstrap", json!({ "type": "bootstrap.kubernetes.io/token" }));
    assert_refused(secrets.create(&bootstrap).await, TYPE_REFUSED);
    let given = labelled(
        "tls",
        json!({ "type": "kubernetes.io/tls", "stringData": { "tls.crt": "", "tls.key": "" } }),
    );
    secrets.given(&given).await;
    assert_refused(secrets.delete("tls").await, TYPE_REFUSED);
    let of_the_user = labelled("own-type", json!({ "type": "example.com/salesforce" }));
    secrets.create(&of_the_user).await.unwrap();
    release.uninstall().await;
}

#[tokio::test]
async fn in_its_own_namespace_the_operator_writes_a_secret_whose_label_is_gone() {
    let release = Release::install(&[]).await;
    let tenant = release.plane.namespace("tenant").await;
    enforced(&release, &tenant).await;
    let own = Secrets::of(&release, &release.namespace).await;

    own.given(&plain("sfc-state-stripped")).await;
    own.update("sfc-state-stripped").await.unwrap();
    own.delete("sfc-state-stripped").await.unwrap();
    assert_refused(own.create(&token_of_default("sfc-token")).await, TYPE_REFUSED);
    assert_refused(own.create(&plain("other-component")).await, NAME_REFUSED);
    own.given(&plain("other-component")).await;
    assert_refused(own.update("other-component").await, NAME_REFUSED);
    assert_refused(own.delete("other-component").await, NAME_REFUSED);
    release.uninstall().await;
}

#[tokio::test]
async fn grants_of_another_installation_are_out_of_reach_although_labelled() {
    let release = Release::install(&[]).await;
    let other = release.plane.namespace("operator").await;
    let secrets = enforced(&release, &other).await;

    let mut state = labelled("sfc-state-theirs", json!({}));
    state["metadata"].as_object_mut().unwrap().remove("annotations");
    secrets.given(&state).await;
    assert_refused(secrets.update("sfc-state-theirs").await, UID_NEEDED);
    assert_refused(secrets.delete("sfc-state-theirs").await, UID_NEEDED);
    let system = Secrets::of(&release, "kube-system").await;
    assert_refused(
        system.create(&labelled("crm", json!({}))).await,
        NAMESPACE_REFUSED,
    );
    release.uninstall().await;
}

#[tokio::test]
async fn keys_that_other_controllers_act_on_are_refused_unless_somebody_else_put_them_there() {
    let release = Release::install(&[]).await;
    let tenant = release.plane.namespace("tenant").await;
    let secrets = enforced(&release, &tenant).await;

    for (name, place, key) in [
        ("cluster", "labels", "argocd.argoproj.io/secret-type"),
        (
            "copied",
            "annotations",
            "reflector.v1.k8s.emberstack.com/reflection-auto-namespaces",
        ),
        (
            "replicated",
            "annotations",
            "replicator.v1.mittwald.de/replicate-to",
        ),
    ] {
        let mut secret = labelled(name, json!({}));
        secret["metadata"][place][key] = json!("cluster");
        assert_refused(secrets.create(&secret).await, KEY_REFUSED);
        secrets.given(&secret).await;
        secrets.update(name).await.unwrap();
    }
    release.uninstall().await;
}
