//! Which connectors does the admission policy admit, and from whom?

use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::rbac::v1::{Role, RoleBinding};
use kube::Api;
use kube::api::{Patch, PatchParams, PostParams};
use salesforce_connector_operator::api::SalesforceConnector;
use serde_json::{Value, json};
use testbed::eventually;

use crate::release::{Release, SOON};

const SECRET_NEEDED: &str = " must be allowed to get Secret \"unreadable\", which spec.";
const OWN_NAMESPACE: &str = "takes no connectors: create the connector in another namespace";

/// Somebody who may do anything with connectors, and read one Secret: `readable`.
async fn author(release: &Release, namespace: &str) -> Api<SalesforceConnector> {
    let admin = release.plane.client().await;
    let post = PostParams::default();
    let accounts: Api<ServiceAccount> = Api::namespaced(admin.clone(), namespace);
    accounts
        .create(&post, &parsed(json!({ "metadata": { "name": "author" } })))
        .await
        .unwrap();
    let of_role: Api<Role> = Api::namespaced(admin.clone(), namespace);
    let rules = json!([
        { "apiGroups": ["salesforce-connector.dev"], "resources": ["salesforceconnectors"], "verbs": ["*"] },
        { "apiGroups": [""], "resources": ["secrets"], "resourceNames": ["readable"], "verbs": ["get"] },
    ]);
    let rights = json!({ "metadata": { "name": "author" }, "rules": rules });
    of_role.create(&post, &parsed(rights)).await.unwrap();
    let bindings: Api<RoleBinding> = Api::namespaced(admin, namespace);
    let binding = json!({
        "metadata": { "name": "author" },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "author" },
        "subjects": [{ "kind": "ServiceAccount", "name": "author", "namespace": namespace }],
    });
    bindings.create(&post, &parsed(binding)).await.unwrap();
    Api::namespaced(release.plane.client_as(namespace, "author").await, namespace)
}

fn parsed<T: serde::de::DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

fn connector(name: &str, app: &Value, auth: &Value) -> SalesforceConnector {
    parsed(json!({
        "apiVersion": "salesforce-connector.dev/v1alpha1",
        "kind": "SalesforceConnector",
        "metadata": { "name": name },
        "spec": { "environment": "Live", "host": "green-itr.my.salesforce.com", "app": app, "auth": auth },
    }))
}

/// By client credentials with this Secret.
fn by(name: &str, secret: &str) -> SalesforceConnector {
    let app = json!({ "clientId": "3MVG9", "clientSecretRef": { "name": secret, "key": "client-secret" } });
    connector(name, &app, &json!({ "clientCredentials": {} }))
}

async fn create(api: &Api<SalesforceConnector>, connector: &SalesforceConnector) -> Result<(), String> {
    said(api.create(&PostParams::default(), connector).await)
}

async fn patch(api: &Api<SalesforceConnector>, name: &str, spec: Value) -> Result<(), String> {
    let patch = Patch::Merge(json!({ "spec": spec }));
    said(api.patch(name, &PatchParams::default(), &patch).await)
}

fn said<T>(result: kube::Result<T>) -> Result<(), String> {
    match result {
        Err(kube::Error::Api(status)) if status.code == 403 => Err(status.message),
        other => other.map(drop).map_err(|error| panic!("{error}")),
    }
}

#[track_caller]
fn assert_refused(result: Result<(), String>, wanted: &str) {
    let message = result.expect_err("this should have been refused");
    assert!(message.contains(wanted), "{message:?} does not say {wanted:?}");
}

/// Waits until rights and policy are in force for the author.
async fn enforced(author: &Api<SalesforceConnector>) {
    eventually(
        SOON,
        "the policy to refuse a Secret that the author may not read",
        async || match create(author, &by("probe", "unreadable")).await {
            Err(message) if message.contains(SECRET_NEEDED) => Ok(()),
            other => {
                let _ = author.delete("probe", &kube::api::DeleteParams::default()).await;
                Err(format!("{other:?}"))
            }
        },
    )
    .await;
    eventually(SOON, "the author to be allowed what the role says", async || {
        create(author, &by("crm", "readable")).await
    })
    .await;
}

#[tokio::test]
async fn a_connector_names_only_secrets_that_its_author_may_get() {
    let release = Release::install(&[]).await;
    let tenant = release.plane.namespace("tenant").await;
    let author = author(&release, &tenant).await;
    enforced(&author).await;

    let id = json!({ "clientId": "3MVG9" });
    let app = json!({ "clientId": "3MVG9", "clientSecretRef": key_of("readable") });
    let referenced_app =
        json!({ "clientIdRef": key_of("unreadable"), "clientSecretRef": key_of("readable") });
    let jwt = json!({ "jwtBearer": { "username": "u@example.com", "privateKeyRef": key_of("unreadable") } });
    let signer = json!({ "vaultTransit": { "address": "https://vault.example.com", "keyName": "crm",
        "tokenRef": key_of("unreadable") } });
    let by_signer = json!({ "jwtBearer": { "username": "u@example.com", "signer": signer } });
    let grant =
        |field: &str| json!({ "authorizationCode": { "bootstrap": { field: key_of("unreadable") } } });
    let password = |more: Value| {
        let mut password = json!({ "passwordRef": key_of("readable") });
        let more = more.as_object().unwrap().clone();
        password.as_object_mut().unwrap().extend(more);
        json!({ "password": password })
    };
    let user = json!({ "username": "u@example.com" });
    let mut with_token = user.clone();
    with_token["securityTokenRef"] = key_of("unreadable");
    let mut with_password = user.clone();
    with_password["passwordRef"] = key_of("unreadable");
    let rotated = |field: &str| {
        let mut app = app.clone();
        app["previousCredentials"] = json!({ "clientSecretRef": key_of("readable") });
        app["previousCredentials"][field] = key_of("unreadable");
        app
    };
    let (rotated_id, rotated_secret) = (rotated("clientIdRef"), rotated("clientSecretRef"));
    for (field, app, auth) in [
        (
            "app.clientIdRef",
            &referenced_app,
            json!({ "clientCredentials": {} }),
        ),
        (
            "app.previousCredentials.clientIdRef",
            &rotated_id,
            json!({ "clientCredentials": {} }),
        ),
        (
            "app.previousCredentials.clientSecretRef",
            &rotated_secret,
            json!({ "clientCredentials": {} }),
        ),
        ("auth.jwtBearer.privateKeyRef", &id, jwt),
        ("auth.jwtBearer.signer.vaultTransit.tokenRef", &id, by_signer),
        (
            "auth.authorizationCode.bootstrap.refreshTokenRef",
            &id,
            grant("refreshTokenRef"),
        ),
        (
            "auth.authorizationCode.bootstrap.sfdxAuthUrlRef",
            &id,
            grant("sfdxAuthUrlRef"),
        ),
        (
            "auth.password.usernameRef",
            &app,
            password(json!({ "usernameRef": key_of("unreadable") })),
        ),
        ("auth.password.passwordRef", &app, password(with_password)),
        ("auth.password.securityTokenRef", &app, password(with_token)),
    ] {
        let refusal = create(&author, &connector("refused", app, &auth)).await;
        assert_refused(
            refusal,
            &format!("Secret \"unreadable\", which spec.{field} names"),
        );
    }
    create(&author, &connector("password", &app, &password(user)))
        .await
        .unwrap();
    release.uninstall().await;
}

fn key_of(secret: &str) -> Value {
    json!({ "name": secret, "key": "key" })
}

#[tokio::test]
async fn where_a_secret_is_sent_is_changed_only_by_who_may_get_it() {
    let release = Release::install(&[]).await;
    let tenant = release.plane.namespace("tenant").await;
    let author = author(&release, &tenant).await;
    enforced(&author).await;
    let admin: Api<SalesforceConnector> = Api::namespaced(release.plane.client().await, &tenant);
    create(&admin, &by("theirs", "unreadable")).await.unwrap();

    for spec in [
        json!({ "host": "other.my.salesforce.com" }),
        json!({ "environment": "Sandbox" }),
        json!({ "app": { "clientId": "3MVG8" } }),
        json!({ "app": { "clientSecretRef": { "key": "another" } } }),
    ] {
        assert_refused(patch(&author, "theirs", spec).await, SECRET_NEEDED);
    }
    patch(&author, "theirs", json!({ "suspend": true }))
        .await
        .unwrap();
    patch(&author, "crm", json!({ "host": "other.my.salesforce.com" }))
        .await
        .unwrap();
    release.uninstall().await;
}

#[tokio::test]
async fn a_token_is_offered_only_by_who_may_get_it() {
    let release = Release::install(&[]).await;
    let tenant = release.plane.namespace("tenant").await;
    let author = author(&release, &tenant).await;
    enforced(&author).await;
    let to = |namespaces: &[&str]| json!({ "sharing": { "namespaces": namespaces } });
    let needed =
        |secret: &str| format!("get Secret \"{secret}\", which spec.sharing offers to another namespace");

    let mut offering = by("offering", "readable");
    offering.spec.sharing = Some(parsed(json!({ "namespaces": ["mine"] })));
    assert_refused(create(&author, &offering).await, &needed("offering-salesforce"));
    assert_refused(
        patch(&author, "crm", to(&["mine"])).await,
        &needed("crm-salesforce"),
    );
    // The one that the author may read.
    offering.spec.secret.name = Some("readable".to_owned());
    create(&author, &offering).await.unwrap();

    // Who may not offer it may withdraw it, and leave it as it is.
    let admin: Api<SalesforceConnector> = Api::namespaced(release.plane.client().await, &tenant);
    patch(&admin, "crm", to(&["theirs", "others"])).await.unwrap();
    patch(&author, "crm", json!({ "suspend": true })).await.unwrap();
    assert_refused(
        patch(&author, "crm", to(&["theirs", "mine"])).await,
        &needed("crm-salesforce"),
    );
    patch(&author, "crm", to(&["theirs"])).await.unwrap();
    patch(&author, "crm", json!({ "sharing": null })).await.unwrap();
    release.uninstall().await;
}

#[tokio::test]
async fn one_value_lets_authors_name_any_secret() {
    let off = ["--set", "admissionPolicy.authorsNeedSecretAccess=false"];
    let release = Release::install(&off).await;
    let tenant = release.plane.namespace("tenant").await;
    let author = author(&release, &tenant).await;
    let own: Api<SalesforceConnector> = Api::namespaced(release.plane.client().await, &release.namespace);
    eventually(
        SOON,
        "the policy to refuse connectors in the operator's namespace",
        async || match create(&own, &by("crm", "any")).await {
            Err(message) if message.contains(OWN_NAMESPACE) => Ok(()),
            other => {
                let _ = own.delete("crm", &kube::api::DeleteParams::default()).await;
                Err(format!("{other:?}"))
            }
        },
    )
    .await;

    eventually(SOON, "the author to be allowed what the role says", async || {
        create(&author, &by("crm", "unreadable")).await
    })
    .await;
    release.uninstall().await;
}
