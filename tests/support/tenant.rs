//! A tenant of the cluster: a namespace, and what tests do to its connectors and Secrets as an administrator would.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{ApiResource, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::{Api, Client};
use salesforce_connector_operator::api::status::LoginStatus;
use salesforce_connector_operator::api::{SalesforceConnector, SalesforceConnectorStatus, names};
use serde_json::{Value, json};
use testbed::{TestNamespace, eventually};

use crate::leak::{self, Channel};

/// The PKCE verifier of the logins of these tests.
pub(crate) const VERIFIER: &str = "canary-verifier-dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1";

pub(crate) struct Tenant {
    /// As administrator.
    pub(crate) client: Client,
    pub(crate) namespace: TestNamespace,
    /// How long it waits for anything.
    deadline: Duration,
    /// Everything that was put into input Secrets: none of it may be seen anywhere else.
    inputs: Mutex<Vec<String>>,
}

impl Tenant {
    pub(crate) fn new(client: Client, namespace: TestNamespace, deadline: Duration) -> Self {
        Self {
            client,
            namespace,
            deadline,
            inputs: Mutex::default(),
        }
    }

    pub(crate) fn connectors(&self) -> Api<SalesforceConnector> {
        Api::namespaced(self.client.clone(), self.namespace.name())
    }

    /// For a connector that the types can't express, too.
    pub(crate) fn untyped_connectors(&self) -> Api<DynamicObject> {
        let resource = ApiResource::erase::<SalesforceConnector>(&());
        Api::namespaced_with(self.client.clone(), self.namespace.name(), &resource)
    }

    pub(crate) fn secrets(&self) -> Api<Secret> {
        Api::namespaced(self.client.clone(), self.namespace.name())
    }

    pub(crate) fn events(&self) -> Api<Event> {
        Api::namespaced(self.client.clone(), self.namespace.name())
    }

    /// Creates or replaces a Secret with these values.
    pub(crate) async fn input(&self, name: &str, values: &[(&str, &str)]) {
        self.inputs
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend(values.iter().map(|(_, value)| (*value).to_owned()));
        let data = values
            .iter()
            .map(|(key, value)| ((*key).to_owned(), ByteString(value.as_bytes().to_vec())));
        let secret = Secret {
            metadata: ObjectMeta {
                name: Some(name.to_owned()),
                ..ObjectMeta::default()
            },
            data: Some(data.collect()),
            ..Secret::default()
        };
        let params = PatchParams::apply("test").force();
        self.secrets()
            .patch(name, &params, &Patch::Apply(&secret))
            .await
            .unwrap();
    }

    /// What was put into input Secrets.
    pub(crate) fn inputs(&self) -> Vec<String> {
        self.inputs.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The same as secrets to look for: a private key by its lines, anything else as a whole.
    pub(crate) fn given(&self) -> Vec<Vec<u8>> {
        let parts = |input: String| -> Vec<Vec<u8>> {
            if input.contains('\n') {
                leak::key_lines(&input)
                    .map(|line| line.as_bytes().to_vec())
                    .collect()
            } else {
                vec![input.into_bytes()]
            }
        };
        self.inputs().into_iter().flat_map(parts).collect()
    }

    pub(crate) async fn create(&self, name: &str, spec: Value) -> SalesforceConnector {
        let object = serde_json::from_value(object(name, &spec));
        self.connectors()
            .create(&PostParams::default(), &object.unwrap())
            .await
            .unwrap()
    }

    pub(crate) async fn get(&self, name: &str) -> SalesforceConnector {
        self.connectors().get(name).await.unwrap()
    }

    pub(crate) async fn merge(&self, name: &str, patch: Value) {
        self.connectors()
            .patch(name, &PatchParams::default(), &Patch::Merge(patch))
            .await
            .unwrap();
    }

    pub(crate) async fn annotate(&self, name: &str, key: &str, value: &str) {
        self.merge(name, json!({ "metadata": { "annotations": { key: value } } }))
            .await;
    }

    pub(crate) async fn delete(&self, name: &str) {
        self.connectors()
            .delete(name, &DeleteParams::default())
            .await
            .unwrap();
    }

    /// Hands a login over as `kubectl salesforce login` does: in a Secret for this one, which the connector then names.
    pub(crate) async fn hand_over_login(&self, connector: &str, secret: &str, code: &str) {
        let uid = self.get(connector).await.metadata.uid;
        self.login_secret(secret, uid.as_deref(), code).await;
        self.annotate(connector, names::LOGIN_SECRET, secret).await;
    }

    /// The Secret of a login for the connector of that uid.
    pub(crate) async fn login_secret(&self, name: &str, uid: Option<&str>, code: &str) {
        let values = json!({
            (names::LOGIN_CODE): code,
            (names::LOGIN_CODE_VERIFIER): VERIFIER,
            (names::LOGIN_REDIRECT_URI): salesforce_sim::default_world::CALLBACK,
        });
        self.secret_of_login(name, uid, &values).await;
    }

    /// The same with these values.
    pub(crate) async fn secret_of_login(&self, name: &str, uid: Option<&str>, values: &Value) {
        let secret = |value: &Value| {
            value
                .as_str()
                .filter(|text| !text.contains("://"))
                .map(str::to_owned)
        };
        let secrets = values
            .as_object()
            .into_iter()
            .flatten()
            .filter_map(|(_, value)| secret(value));
        self.inputs
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend(secrets);
        let secret = json!({
            "metadata": {
                "name": name,
                "labels": { (names::MANAGED_BY): names::MANAGED_BY_VALUE },
                "annotations": { (names::CONNECTOR_UID): uid },
            },
            "type": names::LOGIN_SECRET_TYPE,
            "stringData": values,
        });
        let secret = serde_json::from_value(secret).unwrap();
        let created = self.secrets().create(&PostParams::default(), &secret).await;
        created.unwrap();
    }

    /// What the status says of the login of that Secret, once it does.
    pub(crate) async fn login_ended(&self, connector: &str, secret: &str) -> LoginStatus {
        let of_this = |login: &LoginStatus| login.secret_name == secret;
        self.until("the login is carried out", connector, |connector| {
            status(connector).last_login.filter(of_this)
        })
        .await
    }

    /// Waits until `look` finds what it looks for in the connector.
    pub(crate) async fn until<T>(
        &self,
        what: &str,
        name: &str,
        mut look: impl FnMut(&SalesforceConnector) -> Option<T>,
    ) -> T {
        eventually(self.deadline, &format!("{name}: {what}"), async || {
            let found = self.connectors().get(name).await;
            let connector = found.map_err(|error| error.to_string())?;
            look(&connector).ok_or_else(|| serde_json::to_string_pretty(&connector.status).unwrap())
        })
        .await
    }

    /// What everybody in the namespace may read of the operator's words.
    pub(crate) async fn shown(&self) -> [Channel; 2] {
        let list = ListParams::default();
        let mut connectors = self.untyped_connectors().list(&list).await.unwrap().items;
        for connector in &mut connectors {
            connector.metadata.managed_fields = None;
        }
        let events = self.events().list(&list).await.unwrap().items;
        [
            (
                "the connectors".to_owned(),
                serde_json::to_string(&connectors).unwrap(),
            ),
            ("the events".to_owned(), serde_json::to_string(&events).unwrap()),
        ]
    }
}

/// A connector.
pub(crate) fn object(name: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": "salesforce-connector.dev/v1alpha1",
        "kind": "SalesforceConnector",
        "metadata": { "name": name },
        "spec": spec,
    })
}

pub(crate) fn status(connector: &SalesforceConnector) -> SalesforceConnectorStatus {
    connector.status.clone().unwrap_or_default()
}

/// Status, reason and message of a condition; empty where there is none.
pub(crate) fn condition(connector: &SalesforceConnector, kind: &str) -> (String, String, String) {
    let conditions = status(connector).conditions;
    let found = conditions.into_iter().find(|condition| condition.type_ == kind);
    found.map_or_else(Default::default, |found| {
        (found.status, found.reason, found.message)
    })
}
