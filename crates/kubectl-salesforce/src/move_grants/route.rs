//! How is a token carried from the store of one operator to where the operator of its heir imports it, so that it is never in both?

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt as _;
use kube::api::{Api, DeleteParams, DynamicObject, ListParams, ObjectMeta, PostParams, Preconditions};
use salesforce_connector_operator::api::names;
use salesforce_connector_operator::core::grant::moving::token_to_move;

use crate::cluster::{Cluster, refusal};
use crate::command_error::CommandError;

const OPERATOR: &str = "app.kubernetes.io/name=salesforce-connector-operator";

pub(super) struct Route<'a> {
    pub(super) operator_namespace: &'a str,
    pub(super) here: Cluster,
    pub(super) there: Cluster,
}

impl Route<'_> {
    pub(super) fn own_secrets(&self, cluster: &Cluster) -> Api<Secret> {
        Api::namespaced(cluster.client.clone(), self.operator_namespace)
    }

    /// What two operators know of a token would differ.
    pub(super) async fn operators_are_stopped(&self) -> Result<(), CommandError> {
        for (cluster, which) in [(&self.here, "this"), (&self.there, "the other")] {
            let api: Api<Deployment> = Api::namespaced(cluster.client.clone(), self.operator_namespace);
            let found = api.list(&ListParams::default().labels(OPERATOR)).await;
            let found = found
                .map_err(|error| refusal("list", "deployments", Some(self.operator_namespace), error))?;
            let runs = |deployment: &Deployment| {
                let wanted = deployment.spec.as_ref().and_then(|spec| spec.replicas) != Some(0);
                let pods = deployment.status.as_ref().and_then(|status| status.replicas);
                wanted || pods.unwrap_or_default() > 0
            };
            if let Some(running) = found.items.iter().find(|deployment| runs(deployment)) {
                return Err(CommandError::Unwell(format!(
                    "the operator of {which} cluster runs. Stop it: kubectl scale deployment {} --namespace {} --replicas=0",
                    running.name_any(),
                    self.operator_namespace
                )));
            }
        }
        Ok(())
    }

    /// Takes the token of a stored grant to its heir, or says why it stays.
    pub(super) async fn give(
        &self,
        state: Secret,
        serial: Option<u64>,
        heir: &DynamicObject,
    ) -> Result<Result<(), String>, CommandError> {
        let token = match token_to_move(&data(&state), serial) {
            Ok(token) => token,
            Err(why) => return Ok(Err(why.to_string())),
        };
        let target = self.own_secrets(&self.there);
        let place = self.place(&target, heir).await?;
        if data(&place).contains_key(names::MOVED_TOKEN) {
            let name = place.name_any();
            return Ok(Err(format!(
                "its Secret {name} has a token already. Start the operator there, or delete that Secret if it is not the latest"
            )));
        }
        let store = self.own_secrets(&self.here);
        self.carry(&store, state, &target, with_token(place, token.expose_secret()))
            .await
            .map(Ok)
    }

    /// The Secret that the token goes into. It is there before the token is taken out here: a place that can't be made costs nothing.
    async fn place(&self, target: &Api<Secret>, heir: &DynamicObject) -> Result<Secret, CommandError> {
        let place = place(heir);
        match target.create(&PostParams::default(), &place).await {
            Err(kube::Error::Api(status)) if status.is_already_exists() => {
                let found = target.get(&place.name_any()).await;
                found.map_err(|error| self.refused("get", error))
            }
            created => created.map_err(|error| self.refused("create", error)),
        }
    }

    /// Takes a state away here, at the version that was read, and puts its token into its place there, at the version that was made.
    /// If that fails, the place goes, so that a write that is late finds none, and the state comes back. Where an answer was lost, a
    /// look says what came of it.
    async fn carry(
        &self,
        store: &Api<Secret>,
        state: Secret,
        target: &Api<Secret>,
        filled: Secret,
    ) -> Result<(), CommandError> {
        let name = state.name_any();
        let taken = store.delete(&name, &at_version(&state)).await;
        if let Err(error) = taken
            && (matches!(error, kube::Error::Api(_)) || !matches!(store.get_opt(&name).await, Ok(None)))
        {
            return Err(self.refused("delete", error));
        }
        let place = filled.name_any();
        let put = target.replace(&place, &PostParams::default(), &filled).await;
        let Err(error) = put else { return Ok(()) };
        // Where the token is in it by now, its version is another one.
        let emptied = target.delete(&place, &at_version(&filled)).await;
        let gone = match emptied {
            Ok(_) => true,
            Err(kube::Error::Api(status)) if status.is_not_found() => true,
            Err(_) => matches!(target.get_opt(&place).await, Ok(None)),
        };
        if gone {
            let back = store.create(&PostParams::default(), &again(state)).await;
            back.map_err(|error| self.refused("create", error))?;
            return Err(self.refused("update", error));
        }
        match target.get(&place).await {
            Ok(found) if data(&found).contains_key(names::MOVED_TOKEN) => Ok(()),
            _ => Err(CommandError::Cluster(format!(
                "the other cluster does not answer. If its Secret {place} is missing or empty, a person must log in there"
            ))),
        }
    }

    pub(super) fn refused(&self, verb: &str, error: kube::Error) -> CommandError {
        refusal(verb, "secrets", Some(self.operator_namespace), error)
    }
}

pub(super) fn data(secret: &Secret) -> BTreeMap<String, Vec<u8>> {
    let values = secret.data.iter().flatten();
    values
        .map(|(key, value)| (key.clone(), value.0.clone()))
        .collect()
}

/// The same Secret, to be created once more.
fn again(secret: Secret) -> Secret {
    let ObjectMeta {
        name,
        labels,
        annotations,
        ..
    } = secret.metadata;
    Secret {
        metadata: ObjectMeta {
            name,
            labels,
            annotations,
            ..ObjectMeta::default()
        },
        ..secret
    }
}

/// Why a connector gets no grant beside its bootstrap token.
pub(super) fn bootstrap_in_the_way(heir: &DynamicObject) -> Option<String> {
    let has = |path| heir.data.pointer(path).is_some_and(|value| !value.is_null());
    (has("/spec/auth/authorizationCode/bootstrap") && !has("/spec/app/clientSecretRef")).then(|| {
        "remove spec.auth.authorizationCode.bootstrap there first, because nobody could ask whether its token is spent"
            .to_owned()
    })
}

fn at_version(secret: &Secret) -> DeleteParams {
    DeleteParams::default().preconditions(Preconditions {
        uid: secret.uid(),
        resource_version: secret.resource_version(),
    })
}

/// The Secret by which the operator of the other cluster gets the token for its connector, without the token.
fn place(heir: &DynamicObject) -> Secret {
    let labels = [
        (names::MANAGED_BY, names::MANAGED_BY_VALUE),
        (names::PURPOSE, names::MOVED),
    ];
    let name = format!("{}{}", names::MOVED_PREFIX, heir.uid().unwrap_or_default());
    Secret {
        metadata: ObjectMeta {
            name: Some(name),
            labels: Some(
                labels
                    .map(|(key, value)| (key.to_owned(), value.to_owned()))
                    .into(),
            ),
            ..ObjectMeta::default()
        },
        ..Secret::default()
    }
}

fn with_token(place: Secret, token: &str) -> Secret {
    let token = ByteString(token.as_bytes().to_vec());
    Secret {
        data: Some(BTreeMap::from([(names::MOVED_TOKEN.to_owned(), token)])),
        ..place
    }
}
