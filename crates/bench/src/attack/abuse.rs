//! What are the twelve kinds of abuse, and who does them?

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use k8s_openapi::api::core::v1::Secret;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use kube::{Api, Client};
use serde_json::{Value, json};
use testbed::TestNamespace;

use crate::Failed;
use crate::fleet::{connector, connectors, secret};
use crate::plane::Plane;
use crate::salesforce::HOST;

/// From one request of a kind to its next.
pub(super) const APART: Duration = Duration::from_millis(100);
/// An org of the abusing tenant that works.
const OWN_HOST: &str = "green-itr--uat.sandbox.my.salesforce.com";
const OWN_APP: &str = "3MVG9GreenItrSandboxApp";
const OWN_SECRET: &str = "sim-secret-sandbox-app";
/// Hosts whose requests go wrong.
const HANGING: &str = "abuse-hangs.my.salesforce.com";
const FLOODING: &str = "abuse-floods.my.salesforce.com";
const REDIRECTING: &str = "abuse-redirects.my.salesforce.com";
/// Just under the most that a Secret holds.
const LARGE: usize = 1_000_000;

/// One kind of abuse.
#[derive(Clone, Copy)]
pub(super) struct Kind {
    /// In the names of its objects.
    name: &'static str,
    pub(super) words: &'static str,
    pub(super) connectors: usize,
    spec: fn(usize) -> Value,
    act: Act,
}

/// What is done again and again, to one connector after another.
#[derive(Clone, Copy)]
enum Act {
    Nothing,
    Annotate(&'static str),
    EditSpec,
    /// The Secret that all connectors of the kind refer to.
    ChangeInput,
    DeleteTokenSecret,
    DeleteAndCreate,
}

/// Its inputs are just under the most that a Secret holds.
pub(super) const LARGE_INPUTS: Kind = Kind {
    name: "large",
    words: "16 connectors with inputs of 1 MB, which change",
    connectors: 16,
    spec: |number| password(&format!("large-{number}@x.example")),
    act: Act::ChangeInput,
};

impl Kind {
    pub(super) const ALL: [Self; 12] = [
        Self {
            name: "hang",
            words: "200 connectors of an org that never answers",
            connectors: 200,
            spec: |_| client_credentials(HANGING),
            act: Act::Nothing,
        },
        Self {
            name: "test",
            words: "connection tests requested of 20 good connectors",
            connectors: 20,
            spec: |_| client_credentials(OWN_HOST),
            act: Act::Annotate("test-requested-at"),
        },
        Self {
            name: "renew",
            words: "renewals requested of 20 good connectors",
            connectors: 20,
            spec: |_| client_credentials(OWN_HOST),
            act: Act::Annotate("renew-requested-at"),
        },
        Self {
            name: "user",
            words: "40 connectors with wrong passwords of one user, which change",
            connectors: 40,
            spec: |_| password("one@x.example"),
            act: Act::ChangeInput,
        },
        Self {
            name: "junk",
            words: "renewals requested of 60 connectors with junk credentials at the login host of the others",
            connectors: 60,
            spec: |_| client_credentials(HOST),
            act: Act::Annotate("renew-requested-at"),
        },
        LARGE_INPUTS,
        Self {
            name: "edit",
            words: "edits of the spec of 20 connectors",
            connectors: 20,
            spec: |_| client_credentials(OWN_HOST),
            act: Act::EditSpec,
        },
        Self {
            name: "delete",
            words: "20 connectors that are deleted and created again",
            connectors: 20,
            spec: |_| client_credentials(OWN_HOST),
            act: Act::DeleteAndCreate,
        },
        Self {
            name: "secret",
            words: "token Secrets of 20 connectors that are deleted",
            connectors: 20,
            spec: |_| client_credentials(OWN_HOST),
            act: Act::DeleteTokenSecret,
        },
        Self {
            name: "import",
            words: "20 connectors with made-up bootstrap tokens, which change",
            connectors: 20,
            spec: |_| bootstrap(),
            act: Act::ChangeInput,
        },
        Self {
            name: "host",
            words: "renewals requested of 200 connectors, each with a login host of its own",
            connectors: 200,
            spec: |number| client_credentials(&format!("abuse-{number}.my.salesforce.com")),
            act: Act::Annotate("renew-requested-at"),
        },
        Self {
            name: "answer",
            words: "renewals requested of 20 connectors of hosts that answer with 8 MB, or redirect",
            connectors: 20,
            spec: |number| {
                client_credentials(if number.is_multiple_of(2) {
                    FLOODING
                } else {
                    REDIRECTING
                })
            },
            act: Act::Annotate("renew-requested-at"),
        },
    ];

    fn connector_name(&self, number: usize) -> String {
        format!("{}-{number:03}", self.name)
    }

    /// The one Secret with the inputs of all connectors of the kind.
    fn inputs(&self, round: u64) -> Value {
        let password = if self.name == "large" {
            format!("{round}").repeat(LARGE / format!("{round}").len() - 1)
        } else {
            format!("made-up-{round}")
        };
        let app_secret = if self.name == "junk" { "junk" } else { OWN_SECRET };
        json!({ "client-secret": app_secret, "value": password })
    }

    fn object(&self, number: usize) -> Result<kube::api::DynamicObject, kube::Error> {
        let mut object = connector(number, &json!(false)).map_err(kube::Error::SerdeError)?;
        object.metadata.name = Some(self.connector_name(number));
        let mut spec = (self.spec)(number);
        for reference in REFERENCES {
            if let Some(name) = spec.pointer_mut(reference) {
                *name = json!(self.name);
            }
        }
        object.data = json!({ "spec": spec });
        Ok(object)
    }
}

/// Where a spec names the Secret of its kind.
const REFERENCES: [&str; 3] = [
    "/app/clientSecretRef/name",
    "/auth/password/passwordRef/name",
    "/auth/authorizationCode/bootstrap/refreshTokenRef/name",
];

fn spec(host: &str, auth: &Value) -> Value {
    let environment = if host == OWN_HOST { "Sandbox" } else { "Live" };
    let app = json!({ "clientId": OWN_APP, "clientSecretRef": { "name": "", "key": "client-secret" } });
    json!({ "host": host, "environment": environment, "app": app, "auth": auth })
}

fn client_credentials(host: &str) -> Value {
    spec(host, &json!({ "clientCredentials": {} }))
}

/// A reference to the Secret of the kind; its name is put in with the object.
fn value() -> Value {
    json!({ "name": "", "key": "value" })
}

fn password(username: &str) -> Value {
    spec(
        OWN_HOST,
        &json!({ "password": { "username": username, "passwordRef": value() } }),
    )
}

fn bootstrap() -> Value {
    spec(
        OWN_HOST,
        &json!({ "authorizationCode": { "bootstrap": { "refreshTokenRef": value() } } }),
    )
}

/// The tenant that abuses.
pub(super) struct Abuser {
    clients: Vec<Client>,
    namespace: TestNamespace,
    requests: Vec<Arc<AtomicU64>>,
}

impl Abuser {
    pub(super) async fn new(plane: &Plane) -> Self {
        Self {
            clients: plane.clients.clone(),
            namespace: plane.another_namespace().await,
            requests: Kind::ALL.iter().map(|_| Arc::default()).collect(),
        }
    }

    /// Requests so far, by kind.
    pub(super) fn requests(&self) -> Vec<u64> {
        let count = |requests: &Arc<AtomicU64>| requests.load(Ordering::Relaxed);
        self.requests.iter().map(count).collect()
    }

    pub(super) fn namespace(&self) -> &str {
        self.namespace.name()
    }

    fn actor(&self, kind: Kind, client: &Client, requests: &Arc<AtomicU64>) -> Actor {
        Actor {
            kind,
            client: client.clone(),
            namespace: self.namespace().to_owned(),
            requests: requests.clone(),
        }
    }

    /// Creates what this kind begins with.
    pub(super) async fn only_create(&self, kind: Kind) -> Result<(), Failed> {
        let client = self.clients.first().ok_or("there is no client")?;
        Ok(self.actor(kind, client, &Arc::default()).create().await?)
    }

    /// Creates what each kind begins with, and goes on by itself until the control plane ends.
    pub(super) async fn begin(&self, plane: &Plane) -> Result<(), Failed> {
        for fault in [
            json!({ "fault": "never_answer", "host": HANGING }),
            json!({ "fault": { "oversized": { "bytes": 8_000_000 } }, "host": FLOODING }),
            json!({ "fault": { "redirect": { "location": format!("https://{HOST}/") } }, "host": REDIRECTING }),
        ] {
            plane.salesforce.fault(&fault).await?;
        }
        // The first client is for the other tenants.
        let clients = self.clients.iter().skip(1).cycle();
        for ((kind, requests), client) in Kind::ALL.into_iter().zip(&self.requests).zip(clients) {
            let actor = self.actor(kind, client, requests);
            tokio::spawn(async move { actor.go_on().await });
        }
        Ok(())
    }
}

/// One kind at work.
struct Actor {
    kind: Kind,
    client: Client,
    namespace: String,
    requests: Arc<AtomicU64>,
}

impl Actor {
    /// Until a request fails as one does where the control plane has ended.
    async fn go_on(self) {
        if let Err(error) = self.create().await {
            eprintln!("bench: {} could not begin: {error}", self.kind.name);
            return;
        }
        let mut ticks = tokio::time::interval(APART);
        for round in 0_u64.. {
            ticks.tick().await;
            match self.act(round).await {
                Ok(()) | Err(kube::Error::Api(_)) => {}
                Err(_) => return,
            }
        }
    }

    fn count(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    async fn create(&self) -> Result<(), kube::Error> {
        let secrets: Api<Secret> = Api::namespaced(self.client.clone(), &self.namespace);
        let inputs = secret(self.kind.name, &self.kind.inputs(0)).map_err(kube::Error::SerdeError)?;
        secrets.create(&PostParams::default(), &inputs).await?;
        self.count();
        let api = connectors(self.client.clone(), &self.namespace);
        for number in 0..self.kind.connectors {
            api.create(&PostParams::default(), &self.kind.object(number)?)
                .await?;
            self.count();
        }
        Ok(())
    }

    async fn act(&self, round: u64) -> Result<(), kube::Error> {
        let api = connectors(self.client.clone(), &self.namespace);
        let secrets: Api<Secret> = Api::namespaced(self.client.clone(), &self.namespace);
        let number = usize::try_from(round).unwrap_or_default() % self.kind.connectors;
        let name = self.kind.connector_name(number);
        let params = PatchParams::default();
        match self.kind.act {
            Act::Nothing => return Ok(()),
            Act::Annotate(annotation) => {
                let annotations =
                    json!({ format!("salesforce-connector.dev/{annotation}"): round.to_string() });
                let patch = Patch::Merge(json!({ "metadata": { "annotations": annotations } }));
                api.patch(&name, &params, &patch).await?;
            }
            Act::EditSpec => {
                let patch = Patch::Merge(json!({ "spec": { "displayName": format!("Edited {round}") } }));
                api.patch(&name, &params, &patch).await?;
            }
            Act::ChangeInput => {
                let patch = Patch::Merge(json!({ "stringData": self.kind.inputs(round) }));
                secrets.patch(self.kind.name, &params, &patch).await?;
            }
            Act::DeleteTokenSecret => {
                let secret = format!("{name}-salesforce");
                secrets.delete(&secret, &DeleteParams::default()).await?;
            }
            Act::DeleteAndCreate => {
                api.delete(&name, &DeleteParams::default()).await?;
                self.count();
                api.create(&PostParams::default(), &self.kind.object(number)?)
                    .await?;
            }
        }
        self.count();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_objects_of_its_own_that_refer_to_its_secret() {
        for kind in &Kind::ALL {
            let object = kind.object(7).unwrap();
            assert_eq!(object.metadata.name, Some(format!("{}-007", kind.name)));
            let text = object.data.to_string();
            assert!(!text.contains("\"name\":\"\""), "{text}");
        }
        let names: std::collections::BTreeSet<_> = Kind::ALL.iter().map(|kind| kind.name).collect();
        assert_eq!(names.len(), Kind::ALL.len());
    }
}
