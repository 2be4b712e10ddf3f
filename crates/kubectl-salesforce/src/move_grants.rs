//! How does a stored grant get to another cluster? Its refresh token is taken out of the operator's store here, and put where the
//! operator there imports it, if Salesforce calls it active. It is never in both places.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::ExitCode;

use k8s_openapi::ByteString;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt as _;
use kube::api::{Api, DeleteParams, DynamicObject, ListParams, ObjectMeta, PostParams, Preconditions};
use salesforce_connector_operator::api::names;
use salesforce_connector_operator::core::grant::moving::token_to_move;
use serde_json::Value;

use crate::cli::{AccessFlags, MoveArgs};
use crate::cluster::{Cluster, refusal};
use crate::command_error::CommandError;
use crate::show;
use crate::words::visible;

const OPERATOR: &str = "app.kubernetes.io/name=salesforce-connector-operator";

pub async fn run(access: &AccessFlags, args: &MoveArgs) -> Result<ExitCode, CommandError> {
    let here = Cluster::connect(access).await?;
    let there = Cluster::connect(&AccessFlags {
        context: args.to_context.clone(),
        kubeconfig: args.to_kubeconfig.clone().or_else(|| access.kubeconfig.clone()),
        cluster: None,
        user: None,
        ..access.clone()
    })
    .await?;
    let route = Route {
        operator_namespace: &args.operator_namespace,
        here,
        there,
    };
    route.both_are_stopped().await?;
    let (mut said, mut stayed) = (String::new(), false);
    for connector in route.connectors(args).await? {
        let title = format!(
            "{}/{}",
            connector.namespace().unwrap_or_default(),
            connector.name_any()
        );
        let what = match route.moved(&connector).await {
            Ok(Ok(())) => "moved".to_owned(),
            Ok(Err(why)) => {
                stayed = true;
                format!("stays: {why}. A person must log in there")
            }
            Err(error) => {
                show::print(&said)?;
                return Err(error);
            }
        };
        let _ = writeln!(
            said,
            "{}",
            visible(&format!("{title}: {what}.")).replace('\n', " ")
        );
    }
    show::print(&said)?;
    Ok(ExitCode::from(u8::from(stayed)))
}

struct Route<'a> {
    operator_namespace: &'a str,
    here: Cluster,
    there: Cluster,
}

impl Route<'_> {
    fn own_secrets(&self, cluster: &Cluster) -> Api<Secret> {
        Api::namespaced(cluster.client.clone(), self.operator_namespace)
    }

    /// What two operators know of a token would differ.
    async fn both_are_stopped(&self) -> Result<(), CommandError> {
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

    async fn connectors(&self, args: &MoveArgs) -> Result<Vec<DynamicObject>, CommandError> {
        let (api, namespace) = if args.all_namespaces {
            (self.here.connectors_everywhere(), None)
        } else {
            (self.here.connectors(), Some(&*self.here.namespace))
        };
        let found = api.list(&ListParams::default()).await;
        let found = found.map_err(|error| refusal("list", "salesforceconnectors", namespace, error))?;
        let wanted = |object: &DynamicObject| {
            let by_code = object.data.pointer("/spec/auth/authorizationCode").is_some();
            by_code && (args.names.is_empty() || args.names.contains(&object.name_any()))
        };
        Ok(found.items.into_iter().filter(wanted).collect())
    }

    /// Moves the grant of a connector, or says why it stays.
    async fn moved(&self, connector: &DynamicObject) -> Result<Result<(), String>, CommandError> {
        let namespace = connector.namespace().unwrap_or_default();
        let there = Cluster {
            client: self.there.client.clone(),
            namespace,
        };
        let heir = match there.connectors().get_opt(&connector.name_any()).await {
            Ok(Some(heir)) => heir,
            Ok(None) => return Ok(Err("the other cluster has no connector of this name".to_owned())),
            Err(error) => return Err(there.refusal("get", error)),
        };
        if let Some(why) = obstacle(connector, &heir) {
            return Ok(Err(why));
        }
        let name = names::state_name(&connector.uid().unwrap_or_default());
        let store = self.own_secrets(&self.here);
        let found = store.get_opt(&name).await;
        let Some(state) = found.map_err(|error| self.refused("get", error))? else {
            return Ok(Err("it has no stored grant".to_owned()));
        };
        let data: BTreeMap<_, _> = state
            .data
            .iter()
            .flatten()
            .map(|(key, value)| (key.clone(), value.0.clone()))
            .collect();
        let serial = connector
            .data
            .pointer("/status/grantSerial")
            .and_then(Value::as_u64);
        match token_to_move(&data, serial) {
            Ok(token) => {
                let brought = brought(&heir, token.expose_secret());
                self.carry(&store, state, &brought).await.map(Ok)
            }
            Err(why) => Ok(Err(why.to_string())),
        }
    }

    /// Takes a state away here, at the version that was read, and puts its token there. If that fails, the state comes back. Where the
    /// answer was lost, a look says what came of it.
    async fn carry(&self, store: &Api<Secret>, state: Secret, brought: &Secret) -> Result<(), CommandError> {
        let seen = Preconditions {
            uid: state.uid(),
            resource_version: state.resource_version(),
        };
        let name = state.name_any();
        let taken = store
            .delete(&name, &DeleteParams::default().preconditions(seen))
            .await;
        if let Err(error) = taken
            && (matches!(error, kube::Error::Api(_)) || !matches!(store.get_opt(&name).await, Ok(None)))
        {
            return Err(self.refused("delete", error));
        }
        let target = self.own_secrets(&self.there);
        let put = target.create(&PostParams::default(), brought).await;
        let Err(error) = put else { return Ok(()) };
        match target.get_opt(&brought.name_any()).await {
            Ok(Some(_)) => Ok(()),
            Ok(None) => {
                let back = store.create(&PostParams::default(), &again(state)).await;
                back.map_err(|error| self.refused("create", error))?;
                Err(self.refused("create", error))
            }
            Err(_) => Err(CommandError::Cluster(format!(
                "the other cluster does not answer, and its Secret {} may be missing. If it is, its person must log in",
                brought.name_any()
            ))),
        }
    }

    fn refused(&self, verb: &str, error: kube::Error) -> CommandError {
        refusal(verb, "secrets", Some(self.operator_namespace), error)
    }
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

/// Why the connector of that name in the other cluster may not get the grant.
fn obstacle(connector: &DynamicObject, heir: &DynamicObject) -> Option<String> {
    if heir.uid() == connector.uid() {
        return Some("it is the same connector".to_owned());
    }
    for field in ["host", "environment", "app"] {
        let path = format!("/spec/{field}");
        if connector.data.pointer(&path) != heir.data.pointer(&path) {
            return Some(format!("spec.{field} is another one there"));
        }
    }
    let has = |path| heir.data.pointer(path).is_some_and(|value| !value.is_null());
    (has("/spec/auth/authorizationCode/bootstrap") && !has("/spec/app/clientSecretRef")).then(|| {
        "remove spec.auth.authorizationCode.bootstrap there first, because nobody could ask whether its token is spent"
            .to_owned()
    })
}

/// The Secret by which the operator of the other cluster gets the token for its connector.
fn brought(heir: &DynamicObject, token: &str) -> Secret {
    let labels = [
        (names::MANAGED_BY, names::MANAGED_BY_VALUE),
        (names::PURPOSE, names::MOVED),
    ];
    Secret {
        metadata: ObjectMeta {
            name: Some(format!(
                "{}{}",
                names::MOVED_PREFIX,
                heir.uid().unwrap_or_default()
            )),
            labels: Some(
                labels
                    .map(|(key, value)| (key.to_owned(), value.to_owned()))
                    .into(),
            ),
            ..ObjectMeta::default()
        },
        data: Some(BTreeMap::from([(
            names::MOVED_TOKEN.to_owned(),
            ByteString(token.as_bytes().to_vec()),
        )])),
        ..Secret::default()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn connector(uid: &str, spec: &Value) -> DynamicObject {
        let object = json!({
            "apiVersion": "salesforce-connector.dev/v1alpha1", "kind": "SalesforceConnector",
            "metadata": { "name": "crm", "uid": uid }, "spec": spec,
        });
        serde_json::from_value(object).expect("an object")
    }

    #[test]
    fn a_grant_goes_to_no_connector_with_another_host_environment_or_app() {
        let spec = json!({
            "host": "a.my.salesforce.com", "environment": "Any", "app": { "clientId": "1" },
            "auth": { "authorizationCode": {} },
        });
        let here = connector("1", &spec);
        assert_eq!(obstacle(&here, &connector("2", &spec)), None);
        assert!(obstacle(&here, &here).is_some());
        for (field, value) in [
            ("host", json!("b.my.salesforce.com")),
            ("environment", json!("Live")),
            ("app", json!({ "clientId": "2" })),
        ] {
            let mut other = spec.clone();
            other
                .as_object_mut()
                .expect("a spec")
                .insert(field.to_owned(), value);
            let found = obstacle(&here, &connector("2", &other));
            assert_eq!(found, Some(format!("spec.{field} is another one there")));
        }
        let mut unasked = spec;
        *unasked.pointer_mut("/auth/authorizationCode").expect("a method") =
            json!({ "bootstrap": { "refreshTokenRef": {} } });
        let here = connector("1", &unasked);
        assert!(obstacle(&here, &connector("2", &unasked)).is_some_and(|why| why.contains("bootstrap")));
    }
}
