//! Does a token get to another namespace where both sides consent, follow each renewal, and go when either side withdraws?

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::{Api, ResourceExt as _};
use salesforce_connector_operator::api::status::SharingStatus;
use salesforce_connector_operator::api::{SalesforceTokenCopy, names};
use salesforce_connector_operator::settings::SecretWatch;
use salesforce_sim::default_world as world;
use serde_json::{Value, json};
use testbed::{TestNamespace, eventually};

use crate::grants::renew;
use crate::stage::{DEADLINE, Stage, client_credentials, condition, status, value};

/// The namespace that takes the token.
struct Taker {
    namespace: TestNamespace,
    copies: Api<SalesforceTokenCopy>,
    secrets: Api<Secret>,
}

impl Taker {
    async fn of(stage: &mut Stage) -> Self {
        let namespace = stage.plane.namespace("taker").await;
        stage.also_watched.push(namespace.name().to_owned());
        Self {
            copies: Api::namespaced(stage.client.clone(), namespace.name()),
            secrets: Api::namespaced(stage.client.clone(), namespace.name()),
            namespace,
        }
    }

    /// Accepts the token of that connector of the tenant.
    async fn accept(&self, stage: &Stage, name: &str, connector: &str) -> SalesforceTokenCopy {
        let from = json!({ "namespace": stage.namespace.name(), "name": connector });
        let copy = json!({ "metadata": { "name": name }, "spec": { "from": from } });
        let copy = serde_json::from_value(with_kind(copy)).unwrap();
        self.copies.create(&PostParams::default(), &copy).await.unwrap()
    }

    async fn withdraw(&self, name: &str) {
        let _ = self.copies.delete(name, &DeleteParams::default()).await.unwrap();
    }

    /// Waits until Ready has this status and reason.
    async fn until_ready(&self, name: &str, status: &str, reason: &str) -> SalesforceTokenCopy {
        eventually(
            DEADLINE,
            &format!("{name} is {status} for {reason}"),
            async || {
                let copy = self.copies.get(name).await.map_err(|error| error.to_string())?;
                let conditions = copy.status.iter().flat_map(|status| &status.conditions);
                let fits = conditions
                    .filter(|condition| condition.type_ == "Ready")
                    .any(|ready| ready.status == status && ready.reason == reason);
                if fits {
                    Ok(copy)
                } else {
                    Err(format!("{:?}", copy.status))
                }
            },
        )
        .await
    }

    async fn secret(&self, name: &str) -> Secret {
        self.secrets.get(name).await.unwrap()
    }

    async fn until_secret_gone(&self, name: &str) {
        eventually(DEADLINE, &format!("Secret {name} is gone"), async || {
            match self.secrets.get_metadata_opt(name).await {
                Ok(None) => Ok(()),
                other => Err(format!("{other:?}")),
            }
        })
        .await;
    }
}

fn with_kind(mut copy: Value) -> Value {
    copy["apiVersion"] = json!("salesforce-connector.dev/v1alpha1");
    copy["kind"] = json!("SalesforceTokenCopy");
    copy
}

/// A stage whose operator copies tokens. Each login of a connector brings another token.
async fn sharing(mode: SecretWatch) -> (Stage, Taker) {
    let mut stage = Stage::bare(mode).await;
    let taker = Taker::of(&mut stage).await;
    stage
        .sim
        .world(|world| world.switches.same_token_while_session_lives = false);
    stage.sharing = true;
    stage.upgrade("sharing.enabled=true").await;
    stage.start_operator().await;
    (stage, taker)
}

/// A connector that offers its token to these namespaces.
async fn offer(stage: &Stage, name: &str, namespaces: &[&str]) {
    stage.input("app", &[("client-secret", world::ECA_SECRET)]).await;
    let mut spec = client_credentials("app");
    if !namespaces.is_empty() {
        spec["sharing"] = json!({ "namespaces": namespaces });
    }
    spec["connectionTest"] = json!({ "interval": "24h" });
    stage.create(name, spec).await;
}

async fn until_shared(stage: &Stage, copies: i32, ready: i32) -> SharingStatus {
    let fits = |sharing: &SharingStatus| (sharing.copies, sharing.ready) == (copies, ready);
    stage
        .until("its copies are counted", "crm", |connector| {
            status(connector).sharing.filter(fits)
        })
        .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_is_copied_where_both_sides_consent_and_follows_a_renewal() {
    let (stage, taker) = sharing(SecretWatch::ByName).await;
    let copy = taker.accept(&stage, "sales", "crm").await;
    taker.until_ready("sales", "False", "TokenNotShared").await;
    offer(&stage, "crm", &[taker.namespace.name()]).await;
    let ready = taker.until_ready("sales", "True", "TokenCopied").await;
    let connector = until_shared_connector(&stage).await;
    let status = ready.status.unwrap();
    assert_eq!(status.secret_name.as_deref(), Some("sales-salesforce"));

    let (original, copied) = (
        stage.secret("crm-salesforce").await,
        taker.secret("sales-salesforce").await,
    );
    assert_eq!(copied.data, original.data);
    assert_eq!(copied.type_, original.type_);
    let labels = json!({
        names::MANAGED_BY: names::MANAGED_BY_VALUE,
        names::CONNECTOR_LABEL: "crm",
        names::NAMESPACE_LABEL: stage.namespace.name(),
    });
    assert_eq!(json!(copied.metadata.labels), labels);
    let times = [names::ISSUE_TIME, names::EXPIRATION_TIME];
    let annotations = json!({
        names::TOKEN_COPY_UID: copy.uid(),
        names::COPIED_FROM_UID: connector,
        times[0]: original.annotations()[times[0]],
        times[1]: original.annotations()[times[1]],
    });
    assert_eq!(json!(copied.metadata.annotations), annotations);
    let owner = json!([{
        "apiVersion": "salesforce-connector.dev/v1alpha1", "kind": "SalesforceTokenCopy", "name": "sales",
        "uid": copy.uid(), "controller": true,
    }]);
    assert_eq!(json!(copied.metadata.owner_references), owner);

    // In the same pass: whoever sees the status of the renewal sees the copy of the new token.
    stage.annotate("crm", names::RENEW_REQUESTED_AT, "1").await;
    stage
        .until("the renewal is echoed", "crm", |connector| {
            (crate::stage::status(connector).last_handled?.renew_requested_at? == "1").then_some(())
        })
        .await;
    let (renewed, copied) = (
        stage.secret("crm-salesforce").await,
        taker.secret("sales-salesforce").await,
    );
    assert_ne!(value(&renewed, "access_token"), value(&original, "access_token"));
    assert_eq!(copied.data, renewed.data);
    assert_eq!(copied.annotations()[times[0]], renewed.annotations()[times[0]]);
    stage.finish().await;
}

/// Waits until the connector counts its copy. Returns its uid.
async fn until_shared_connector(stage: &Stage) -> Option<String> {
    assert_eq!(until_shared(stage, 1, 1).await.message, None);
    stage.get("crm").await.uid()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_goes_when_either_side_withdraws_or_the_connector_is_deleted() {
    let (stage, taker) = sharing(SecretWatch::ByName).await;
    let name = taker.namespace.name().to_owned();
    offer(&stage, "crm", &[&name]).await;
    taker.accept(&stage, "sales", "crm").await;
    taker.until_ready("sales", "True", "TokenCopied").await;

    let withdrawn = json!({ "spec": { "sharing": { "namespaces": ["somebody-else"] } } });
    stage.merge("crm", withdrawn).await;
    let copy = taker.until_ready("sales", "False", "TokenNotShared").await;
    assert!(taker.secrets.get_opt("sales-salesforce").await.unwrap().is_none());
    assert_eq!(copy.status.unwrap().secret_name, None);
    let offered = json!({ "spec": { "sharing": { "namespaces": ["somebody-else", name] } } });
    stage.merge("crm", offered).await;
    taker.until_ready("sales", "True", "TokenCopied").await;

    // Kubernetes collects it.
    taker.withdraw("sales").await;
    taker.until_secret_gone("sales-salesforce").await;
    until_shared(&stage, 0, 0).await;

    taker.accept(&stage, "sales", "crm").await;
    taker.until_ready("sales", "True", "TokenCopied").await;
    stage.delete("crm").await;
    taker.until_ready("sales", "False", "TokenNotShared").await;
    assert!(taker.secrets.get_opt("sales-salesforce").await.unwrap().is_none());
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_withdrawn_while_no_operator_ran_goes_when_one_starts() {
    let (mut stage, taker) = sharing(SecretWatch::ByName).await;
    let name = taker.namespace.name().to_owned();
    for connector in ["crm", "gone", "another"] {
        offer(&stage, connector, &[&name]).await;
        taker.accept(&stage, connector, connector).await;
        taker.until_ready(connector, "True", "TokenCopied").await;
    }
    stage.stop_operator().await;
    let sharing = Value::Null;
    stage
        .merge("crm", json!({ "spec": { "sharing": sharing } }))
        .await;
    for connector in ["gone", "another"] {
        stage.delete(connector).await;
    }
    stage.secret_gone("another-salesforce").await;
    // Of the same name, with the same consent, and no token yet.
    let mut spec = client_credentials("missing");
    spec["sharing"] = json!({ "namespaces": [name] });
    stage.create("another", spec).await;

    stage.start_operator().await;
    for connector in ["crm", "gone"] {
        taker.until_ready(connector, "False", "TokenNotShared").await;
    }
    taker.until_ready("another", "False", "TokenNotAvailable").await;
    let left: Vec<String> = taker
        .secrets
        .list_metadata(&ListParams::default())
        .await
        .unwrap()
        .iter()
        .map(kube::ResourceExt::name_any)
        .collect();
    assert_eq!(left, Vec::<String>::new());
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_goes_if_the_namespace_of_the_connector_is_not_watched_any_more_and_stays_if_its_own_is_not() {
    let (mut stage, taker) = sharing(SecretWatch::ByName).await;
    let name = taker.namespace.name().to_owned();
    offer(&stage, "crm", &[&name]).await;
    taker.accept(&stage, "sales", "crm").await;
    taker.until_ready("sales", "True", "TokenCopied").await;
    let copied = value(&taker.secret("sales-salesforce").await, "access_token");

    stage.stop_operator().await;
    let both = std::mem::take(&mut stage.also_watched);
    stage.start_operator().await;
    renew(&stage, "crm", "1").await;
    assert_ne!(
        value(&stage.secret("crm-salesforce").await, "access_token"),
        copied
    );
    assert_eq!(
        value(&taker.secret("sales-salesforce").await, "access_token"),
        copied
    );

    stage.stop_operator().await;
    stage.watched = both.into_iter().next();
    stage.start_operator().await;
    taker.until_ready("sales", "False", "TokenNotShared").await;
    taker.until_secret_gone("sales-salesforce").await;
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_foreign_secret_in_the_place_of_a_copy_is_left_alone_and_told() {
    let (stage, taker) = sharing(SecretWatch::ByName).await;
    let foreign = json!({ "metadata": { "name": "sales-salesforce", "labels": { (names::MANAGED_BY): names::MANAGED_BY_VALUE } },
        "stringData": { "theirs": "kept" } });
    let foreign = serde_json::from_value(foreign).unwrap();
    taker
        .secrets
        .create(&PostParams::default(), &foreign)
        .await
        .unwrap();
    offer(&stage, "crm", &[taker.namespace.name()]).await;
    taker.accept(&stage, "sales", "crm").await;
    taker.until_ready("sales", "False", "CopySecretNotOwned").await;
    let told = format!("{}/sales: CopySecretNotOwned", taker.namespace.name());
    assert_eq!(until_shared(&stage, 1, 0).await.message, Some(told));
    assert_eq!(condition(&stage.ready("crm").await, "Ready").1, "TokenValid");
    let kept = taker.secret("sales-salesforce").await;
    assert_eq!(
        kept.data,
        Some([("theirs".to_owned(), ByteString(b"kept".to_vec()))].into())
    );

    // Nobody withdraws what is not theirs.
    taker.withdraw("sales").await;
    until_shared(&stage, 0, 0).await;
    assert_eq!(
        taker.secret("sales-salesforce").await.metadata.uid,
        kept.metadata.uid
    );

    // The other copy is made once the place is free; it takes the time of a back-off.
    taker.accept(&stage, "sales", "crm").await;
    taker.until_ready("sales", "False", "CopySecretNotOwned").await;
    taker
        .secrets
        .delete("sales-salesforce", &DeleteParams::default())
        .await
        .unwrap();
    taker.until_ready("sales", "True", "TokenCopied").await;
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_that_somebody_edits_or_deletes_is_made_anew() {
    let (stage, taker) = sharing(SecretWatch::Watch).await;
    offer(&stage, "crm", &[taker.namespace.name()]).await;
    taker.accept(&stage, "sales", "crm").await;
    taker.until_ready("sales", "True", "TokenCopied").await;
    let original = stage.secret("crm-salesforce").await;
    let until_as_it_was = async |what: &str| {
        eventually(DEADLINE, what, async || {
            let found = taker.secrets.get("sales-salesforce").await;
            let found = found.map_err(|error| error.to_string())?;
            let owners = found.owner_references().len();
            if found.data == original.data && owners == 1 && found.immutable != Some(true) {
                Ok(())
            } else {
                Err(format!("{:?}", found.metadata))
            }
        })
        .await;
    };
    let params = DeleteParams::default();
    taker.secrets.delete("sales-salesforce", &params).await.unwrap();
    until_as_it_was("it is there again").await;
    for patch in [
        json!({ "stringData": { "more": "x" } }),
        json!({ "data": { "access_token": null } }),
        json!({ "immutable": true }),
    ] {
        let patched = Patch::Merge(&patch);
        taker
            .secrets
            .patch("sales-salesforce", &PatchParams::default(), &patched)
            .await
            .unwrap();
        until_as_it_was(&format!("{patch} is undone")).await;
    }
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_consent_of_the_connector_a_namespace_gets_nothing_and_learns_nothing() {
    let (mut stage, taker) = sharing(SecretWatch::ByName).await;
    let home = Api::<SalesforceTokenCopy>::namespaced(stage.client.clone(), stage.home.name());
    offer(&stage, "crm", &["somebody-else", stage.home.name()]).await;
    stage.ready("crm").await;
    taker.accept(&stage, "of-a-connector", "crm").await;
    taker.accept(&stage, "of-none", "none").await;
    let told = async |name: &str, connector: &str| {
        let copy = taker.until_ready(name, "False", "TokenNotShared").await;
        let message = copy.status.unwrap().conditions[0].message.clone();
        message.replace(&format!("/{connector})"), "/NAME)")
    };
    assert_eq!(told("of-a-connector", "crm").await, told("of-none", "none").await);

    // Nor does the operator's own namespace, nor the connector's, whatever the connector says.
    stage.stop_operator().await;
    stage.also_watched.push(stage.home.name().to_owned());
    stage.start_operator().await;
    let from = json!({ "namespace": stage.namespace.name(), "name": "crm" });
    let copy = with_kind(json!({ "metadata": { "name": "crm" }, "spec": { "from": from } }));
    let copy: SalesforceTokenCopy = serde_json::from_value(copy).unwrap();
    home.create(&PostParams::default(), &copy).await.unwrap();
    eventually(DEADLINE, "it is refused", async || {
        let found = home.get("crm").await.unwrap().status.unwrap_or_default();
        let refused = found
            .conditions
            .iter()
            .any(|ready| ready.reason == "NamespaceTakesNoCopies");
        if refused {
            Ok(())
        } else {
            Err(format!("{found:?}"))
        }
    })
    .await;
    let secrets: Api<Secret> = Api::namespaced(stage.client.clone(), stage.home.name());
    assert!(secrets.get_opt("crm-salesforce").await.unwrap().is_none());
    let copied = taker
        .secrets
        .list_metadata(&ListParams::default())
        .await
        .unwrap()
        .items;
    assert!(copied.is_empty(), "{copied:?}");
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connector_says_that_sharing_is_disabled() {
    let stage = Stage::set(SecretWatch::ByName).await;
    offer(&stage, "crm", &["somebody-else"]).await;
    let told = until_shared(&stage, 0, 0).await.message.unwrap();
    assert!(
        told.contains("Set sharing.enabled of the operator's chart to true"),
        "{told}"
    );
    stage.ready("crm").await;
    stage.finish().await;
}
