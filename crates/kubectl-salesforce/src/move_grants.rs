//! How does a stored grant get to a connector that was created again? Its refresh token is taken out of the operator's store, and put
//! where the operator imports it, if Salesforce calls it active. It is never in both places.

mod recreated;
mod route;

use std::fmt::Write as _;
use std::process::ExitCode;

use kube::ResourceExt as _;
use kube::api::{DynamicObject, ListParams};
use salesforce_connector_operator::api::names;
use serde_json::Value;

use crate::cli::{AccessFlags, MoveArgs};
use crate::cluster::{Cluster, refusal};
use crate::command_error::CommandError;
use crate::move_grants::route::{Route, bootstrap_in_the_way};
use crate::show;
use crate::words::visible;

pub async fn run(access: &AccessFlags, args: &MoveArgs) -> Result<ExitCode, CommandError> {
    let here = Cluster::connect(access).await?;
    let there = if args.recreated {
        here.clone()
    } else {
        other_cluster(access, args).await?
    };
    let route = Route {
        operator_namespace: &args.operator_namespace,
        here,
        there,
    };
    route.operators_are_stopped().await?;
    let (mut said, mut stayed) = (String::new(), false);
    for connector in connectors(&route.here, args).await? {
        let title = format!(
            "{}/{}",
            connector.namespace().unwrap_or_default(),
            connector.name_any()
        );
        let moved = if args.recreated {
            recreated::taken_over(&route, &connector).await
        } else {
            moved(&route, &connector).await
        };
        let what = match moved {
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

async fn other_cluster(access: &AccessFlags, args: &MoveArgs) -> Result<Cluster, CommandError> {
    Cluster::connect(&AccessFlags {
        context: args.to_context.clone(),
        kubeconfig: args.to_kubeconfig.clone().or_else(|| access.kubeconfig.clone()),
        cluster: None,
        user: None,
        ..access.clone()
    })
    .await
}

async fn connectors(here: &Cluster, args: &MoveArgs) -> Result<Vec<DynamicObject>, CommandError> {
    let (api, namespace) = if args.all_namespaces {
        (here.connectors_everywhere(), None)
    } else {
        (here.connectors(), Some(&*here.namespace))
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
async fn moved(route: &Route<'_>, connector: &DynamicObject) -> Result<Result<(), String>, CommandError> {
    let namespace = connector.namespace().unwrap_or_default();
    let there = Cluster {
        client: route.there.client.clone(),
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
    let store = route.own_secrets(&route.here);
    let found = store.get_opt(&name).await;
    let Some(state) = found.map_err(|error| route.refused("get", error))? else {
        return Ok(Err("it has no stored grant".to_owned()));
    };
    let serial = connector
        .data
        .pointer("/status/grantSerial")
        .and_then(Value::as_u64);
    route.give(state, serial, &heir).await
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
    bootstrap_in_the_way(heir)
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
