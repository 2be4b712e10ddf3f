//! Which rights come with a feature that is off by default, and what may they be used for?

use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::ResourceExt as _;
use kube::api::{Api, DeleteParams, Patch, PatchParams, PostParams};
use salesforce_connector_operator::api::names;
use serde_json::{Value, json};
use testbed::eventually;

use super::{CONNECTORS, SECRETS_BY_NAME, assert_rights, own_namespaces, refusal};
use crate::release::{Release, SOON};
use crate::workloads;

#[tokio::test]
async fn config_maps_are_written_where_inventories_are_enabled_and_only_those_of_connectors() {
    let release = Release::install(&["--set", "inventory.enabled=true"]).await;
    let elsewhere = release.plane.namespace("tenant").await;
    let namespaces = own_namespaces(&release);
    let rights = [&namespaces, SECRETS_BY_NAME, "configmaps: create get patch"];
    assert_rights(&release, &elsewhere, &[&CONNECTORS[..], &rights].concat()).await;

    let config_maps =
        async |namespace: &str| -> Api<ConfigMap> { Api::namespaced(release.operator().await, namespace) };
    let created = async |namespace: &str, config_map: Value| {
        let config_map = serde_json::from_value(config_map).unwrap();
        refusal(
            config_maps(namespace)
                .await
                .create(&PostParams::default(), &config_map)
                .await,
        )
    };
    let of_a_connector = |name: &str| {
        json!({ "metadata": { "name": name,
            "labels": { "app.kubernetes.io/managed-by": "salesforce-connector-operator" },
            "annotations": { "salesforce-connector.dev/connector-uid": "u" },
        } })
    };
    let mut attempt = 0;
    eventually(SOON, "the policy is in force", async || {
        attempt += 1;
        match created(
            &elsewhere,
            json!({ "metadata": { "name": format!("foreign-{attempt}-inventory") } }),
        )
        .await
        {
            Some(403) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    assert_eq!(
        created(&elsewhere, of_a_connector("kube-root-ca.crt")).await,
        Some(403)
    );
    assert_eq!(
        created("kube-system", of_a_connector("crm-inventory")).await,
        Some(403)
    );
    assert_eq!(
        created(&release.namespace, of_a_connector("crm-inventory")).await,
        Some(403)
    );
    assert_eq!(created(&elsewhere, of_a_connector("crm-inventory")).await, None);

    let theirs: Api<ConfigMap> = Api::namespaced(release.plane.client().await, &elsewhere);
    let foreign = json!({ "metadata": { "name": "their-inventory" }, "data": { "k": "v" } });
    let foreign = serde_json::from_value(foreign).unwrap();
    theirs.create(&PostParams::default(), &foreign).await.unwrap();
    let ours = Patch::Merge(of_a_connector("their-inventory"));
    let operator = config_maps(&elsewhere).await;
    let patched = operator
        .patch("their-inventory", &PatchParams::default(), &ours)
        .await;
    assert_eq!(refusal(patched), Some(403));
    release.uninstall().await;
}

#[tokio::test]
async fn workloads_are_patched_where_restarts_are_enabled_and_only_in_the_annotation_of_a_restart() {
    let release = Release::install(&["--set", "rolloutRestarts.enabled=true"]).await;
    let elsewhere = release.plane.namespace("tenant").await;
    let namespaces = own_namespaces(&release);
    let rights = [
        &namespaces,
        SECRETS_BY_NAME,
        "daemonsets.apps: get patch",
        "deployments.apps: get patch",
        "statefulsets.apps: get patch",
    ];
    assert_rights(&release, &elsewhere, &[&CONNECTORS[..], &rights].concat()).await;

    let admin = release.plane.client().await;
    for kind in workloads::KINDS {
        workloads::deploy(&admin, &elsewhere, kind, "web", "crm").await;
        workloads::deploy(&admin, &elsewhere, kind, "other", "").await;
        workloads::consent(&admin, &elsewhere, kind, "other", Value::Null).await;
    }
    let operator = release.operator().await;
    let patched = async |kind, name: &str, patch: &Value| {
        let api = workloads::api(&operator, &elsewhere, kind);
        let patch = Patch::Strategic(patch);
        refusal(api.patch(name, &PatchParams::default(), &patch).await)
    };
    let of_template = |annotations: Value| json!({ "spec": { "template": { "metadata": { "annotations": annotations } } } });
    let restart = |token: &str| of_template(json!({ "restart.salesforce-connector.dev/crm": token }));
    let mut attempt = 0;
    eventually(SOON, "the policy is in force", async || {
        attempt += 1;
        let labelled = json!({ "metadata": { "labels": { "attempt": attempt.to_string() } } });
        match patched(workloads::KINDS[0], "web", &labelled).await {
            Some(403) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    let container = |field: Value| {
        let container = [json!({ "name": "main" }), field]
            .into_iter()
            .fold(json!({}), |mut all, more| {
                all.as_object_mut()
                    .unwrap()
                    .extend(more.as_object().unwrap().clone());
                all
            });
        json!({ "spec": { "template": { "spec": { "containers": [container] } } } })
    };
    let refused = [
        container(json!({ "image": "example.com/other" })),
        container(json!({ "securityContext": { "runAsUser": 0 } })),
        json!({ "spec": { "template": { "spec": { "serviceAccountName": "other" } } } }),
        json!({ "spec": { "template": { "spec": { "hostNetwork": true } } } }),
        json!({ "spec": { "template": { "metadata": { "labels": { "another": "label" } } } } }),
        json!({ "spec": { "minReadySeconds": 7 } }),
        json!({ "metadata": { "annotations": { "another": "annotation" } } }),
        json!({ "metadata": { "annotations": { names::RESTARTED_BY: "crm, more" } } }),
        json!({ "metadata": { "finalizers": ["example.com/stay"] } }),
        of_template(json!({ "another": "annotation" })),
        of_template(json!({ "example.com/kept": "changed" })),
        of_template(json!({ "example.com/kept": null })),
    ];
    for kind in workloads::KINDS {
        for patch in &refused {
            assert_eq!(patched(kind, "web", patch).await, Some(403), "{kind:?} {patch}");
        }
        assert_eq!(patched(kind, "other", &restart("1")).await, Some(403), "{kind:?}");
        for token in ["1", "2"] {
            assert_eq!(patched(kind, "web", &restart(token)).await, None, "{kind:?}");
        }
        let found = workloads::api(&admin, &elsewhere, kind).get("web").await.unwrap();
        assert_eq!(workloads::restarted(&found, "crm"), (2, Some("2".to_owned())));
    }
    release.uninstall().await;
}

#[tokio::test]
async fn the_secrets_of_copies_are_written_where_sharing_is_enabled() {
    let of_a_copy = |name: &str| {
        json!({ "metadata": { "name": name,
            "labels": { "app.kubernetes.io/managed-by": "salesforce-connector-operator" },
            "annotations": { (names::TOKEN_COPY_UID): "u" },
        } })
    };
    for enabled in [true, false] {
        let release = Release::install(&["--set", &format!("sharing.enabled={enabled}")]).await;
        let elsewhere = release.plane.namespace("tenant").await;
        let namespaces = own_namespaces(&release);
        let copies = [
            "salesforcetokencopies.salesforce-connector.dev: get watch",
            "salesforcetokencopies/status.salesforce-connector.dev: update",
        ];
        let more: &[&str] = if enabled { &copies } else { &[] };
        let rights = [&[namespaces.as_str(), SECRETS_BY_NAME], more].concat();
        assert_rights(&release, &elsewhere, &[&CONNECTORS[..], &rights].concat()).await;

        let created = async |namespace: &str, secret: Value| {
            let secrets: Api<Secret> = Api::namespaced(release.operator().await, namespace);
            let secret = serde_json::from_value(secret).unwrap();
            refusal(secrets.create(&PostParams::default(), &secret).await)
        };
        let mut attempt = 0;
        eventually(SOON, "the policy is in force", async || {
            attempt += 1;
            let foreign = json!({ "metadata": { "name": format!("foreign-{attempt}") } });
            match created(&elsewhere, foreign).await {
                Some(403) => Ok(()),
                other => Err(format!("{other:?}")),
            }
        })
        .await;
        let wanted = (!enabled).then_some(403);
        assert_eq!(created(&elsewhere, of_a_copy("copy")).await, wanted, "{enabled}");
        assert_eq!(created("kube-system", of_a_copy("copy")).await, Some(403));
        assert_eq!(created(&release.namespace, of_a_copy("copy")).await, Some(403));
        let mut of_helm = of_a_copy("of-helm");
        of_helm["type"] = json!("helm.sh/release.v1");
        assert_eq!(created(&elsewhere, of_helm).await, Some(403));
        release.uninstall().await;
    }
}

#[tokio::test]
async fn the_values_of_secrets_that_consent_are_written_where_rotation_is_enabled() {
    for enabled in [true, false] {
        let release = Release::install(&["--set", &format!("credentialRotation.enabled={enabled}")]).await;
        let elsewhere = release.plane.namespace("tenant").await;
        let namespaces = own_namespaces(&release);
        let rights = [&namespaces, SECRETS_BY_NAME];
        assert_rights(&release, &elsewhere, &[&CONNECTORS[..], &rights].concat()).await;

        let theirs: Api<Secret> = Api::namespaced(release.plane.client().await, &elsewhere);
        let ours: Api<Secret> = Api::namespaced(release.operator().await, &elsewhere);
        let given = async |name: &str, annotations: Value, more: Value| {
            let mut secret = json!({
                "metadata": { "name": name, "annotations": annotations, "labels": { "app": "x" } },
                "stringData": { "client-id": "a", "client-secret": "b" },
            });
            secret
                .as_object_mut()
                .unwrap()
                .extend(more.as_object().unwrap().clone());
            let secret = serde_json::from_value(secret).unwrap();
            theirs.create(&PostParams::default(), &secret).await.unwrap();
        };
        let changed = async |name: &str, change: &dyn Fn(&mut Secret)| {
            let mut secret = ours.get(name).await.unwrap();
            change(&mut secret);
            refusal(ours.replace(name, &PostParams::default(), &secret).await)
        };
        let value = |secret: &mut Secret| {
            let data = secret.data.as_mut().unwrap();
            data.insert("client-id".to_owned(), k8s_openapi::ByteString(b"new".to_vec()));
        };
        given("foreign", json!({}), json!({})).await;
        eventually(SOON, "the policy is in force", async || {
            match changed("foreign", &value).await {
                Some(403) => Ok(()),
                other => Err(format!("{other:?}")),
            }
        })
        .await;
        let consent = json!({ (names::ROTATED_BY): "crm" });
        given("app", consent.clone(), json!({})).await;
        assert_eq!(
            changed("app", &value).await,
            (!enabled).then_some(403),
            "{enabled}"
        );
        let others: [&dyn Fn(&mut Secret); 4] = [
            &|secret| drop(secret.annotations_mut().insert("more".to_owned(), "x".to_owned())),
            &|secret| drop(secret.labels_mut().remove("app")),
            &|secret| drop(secret.data.as_mut().unwrap().remove("client-secret")),
            &|secret| secret.immutable = Some(true),
        ];
        for (number, other) in others.into_iter().enumerate() {
            assert_eq!(changed("app", other).await, Some(403), "{number}");
        }
        let by_itself = |secret: &mut Secret| {
            let consent = (names::ROTATED_BY.to_owned(), "crm".to_owned());
            secret.annotations_mut().extend([consent]);
        };
        assert_eq!(changed("foreign", &by_itself).await, Some(403));
        assert_eq!(
            refusal(ours.delete("app", &DeleteParams::default()).await),
            Some(403)
        );
        let of_helm = json!({ "type": "helm.sh/release.v1" });
        given("of-helm", consent, of_helm).await;
        assert_eq!(changed("of-helm", &value).await, Some(403));
        release.uninstall().await;
    }
}
