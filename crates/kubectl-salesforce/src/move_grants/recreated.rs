//! Which stored grant belongs to a connector that was deleted and created again in the same cluster? The latest one of its namespace
//! and name whose own connector is gone, for the same app at the same host.

use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;
use kube::api::{DynamicObject, ListParams};
use salesforce_connector_operator::api::names;
use salesforce_connector_operator::api::spec::SalesforceConnectorSpec;
use salesforce_connector_operator::core::grant::moving::{OAuthClient, StoredGrant, stored_grant};
use salesforce_connector_operator::core::validate::login_host_name;
use serde_json::Value;

use crate::cluster::Cluster;
use crate::command_error::CommandError;
use crate::move_grants::route::{Route, bootstrap_in_the_way, data};

/// Takes the grant of the deleted connector over, or says why it stays.
pub(super) async fn taken_over(
    route: &Route<'_>,
    heir: &DynamicObject,
) -> Result<Result<(), String>, CommandError> {
    if let Some(why) = bootstrap_in_the_way(heir) {
        return Ok(Err(why));
    }
    let home = Cluster {
        client: route.here.client.clone(),
        namespace: heir.namespace().unwrap_or_default(),
    };
    let living = home.list(None).await?;
    let uids: Vec<String> = living.iter().filter_map(ResourceExt::uid).collect();
    let mut left = Vec::new();
    for (secret, grant) in stored(route).await? {
        let place = (&*grant.connector.namespace, &*grant.connector.name);
        if place != (&home.namespace, &heir.name_any()) {
            continue;
        }
        if Some(&*grant.connector.uid) == heir.uid().as_deref() {
            return Ok(Err("it has a stored grant of its own".to_owned()));
        }
        if !uids.iter().any(|uid| **uid == *grant.connector.uid) {
            left.push((secret, grant));
        }
    }
    let Some((secret, grant)) = left.into_iter().max_by_key(|(_, grant)| grant.refreshed_at) else {
        return Ok(Err(
            "no deleted connector of this name has left a stored grant".to_owned()
        ));
    };
    if let Some(why) = other_client(&home, heir, &grant).await? {
        return Ok(Err(why));
    }
    route.give(secret, None, heir).await
}

/// All stored grants that can be read.
async fn stored(route: &Route<'_>) -> Result<Vec<(Secret, StoredGrant)>, CommandError> {
    let of_grants = ListParams::default().labels(&format!("{}={}", names::PURPOSE, names::STATE));
    let found = route.own_secrets(&route.here).list(&of_grants).await;
    let found = found.map_err(|error| route.refused("list", error))?;
    let read = |secret: Secret| {
        let grant = stored_grant(&data(&secret))?;
        (names::state_name(&grant.connector.uid) == secret.name_any()).then_some((secret, grant))
    };
    Ok(found.items.into_iter().filter_map(read).collect())
}

/// Salesforce accepts a grant from the app that it was given to only, and a refresh token goes nowhere but to the host that gave
/// it. Says where the connector differs from that.
async fn other_client(
    home: &Cluster,
    heir: &DynamicObject,
    grant: &StoredGrant,
) -> Result<Option<String>, CommandError> {
    let spec = heir.data.get("spec").cloned().unwrap_or(Value::Null);
    let Ok(spec) = serde_json::from_value::<SalesforceConnectorSpec>(spec) else {
        return Ok(Some("this version of the plugin can't read its spec".to_owned()));
    };
    let client_id = match (&spec.app.client_id, &spec.app.client_id_ref) {
        (Some(client_id), _) => client_id.clone(),
        (None, Some(reference)) => home.value_of(reference).await?,
        (None, None) => String::new(),
    };
    Ok(difference(
        &client_id,
        login_host_name(&spec),
        grant.granted_to.as_ref(),
    ))
}

fn difference(client_id: &str, host: &str, granted_to: Option<&OAuthClient>) -> Option<String> {
    let Some(granted_to) = granted_to else {
        return Some("it is not known which app the grant is of".to_owned());
    };
    if *granted_to.client_id != *client_id {
        return Some("the grant is of another app than spec.app names".to_owned());
    }
    (*granted_to.host != *host).then(|| format!("the grant is of another host than {host}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_goes_only_to_the_app_and_the_host_that_it_is_known_to_be_of() {
        let granted_to = OAuthClient {
            host: "acme.my.salesforce.com".into(),
            client_id: "3MVG9".into(),
        };
        let cases = [
            ("3MVG9", "acme.my.salesforce.com", true),
            ("3MVG9", "login.salesforce.com", false),
            ("other", "acme.my.salesforce.com", false),
        ];
        for (client_id, host, fits) in cases {
            let found = difference(client_id, host, Some(&granted_to));
            assert_eq!(found.is_none(), fits, "{client_id} at {host}: {found:?}");
        }
        assert!(difference("3MVG9", "acme.my.salesforce.com", None).is_some());
    }
}
