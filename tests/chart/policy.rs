//! Which Secrets does the admission policy let the operator write?

use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;
use kube::api::{Api, DeleteParams, PostParams};
use serde_json::{Value, json};
use testbed::eventually;

use crate::release::{Release, SOON};

const LABEL_NEEDED: &str =
    "the operator may write only Secrets labelled app.kubernetes.io/managed-by=salesforce-connector-operator";
const TYPE_REFUSED: &str =
    "the operator may not write Secrets of types that begin with kubernetes.io/ or bootstrap.kubernetes.io/";
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
    secret["metadata"] = json!({ "name": name, "labels": label });
    secret
}

fn token_of_default(name: &str) -> Value {
    let mut secret = labelled(name, json!({ "type": TOKEN }));
    secret["metadata"]["annotations"] = json!({ "kubernetes.io/service-account.name": "default" });
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
    assert_refused(own.create(&token_of_default("token")).await, TYPE_REFUSED);
    release.uninstall().await;
}
