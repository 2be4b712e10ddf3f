//! Which other connectors lose their access token with the grant of this one, when that is revoked?
//!
//! Salesforce may give all who log in as the same user by the same app the same session.

use crate::api::SalesforceConnector;

/// Names that are shown; the rest are "others".
const SHOWN: usize = 3;

/// What of a connector tells whether it shares a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer<'a> {
    uid: &'a str,
    namespace: &'a str,
    name: &'a str,
    organization_id: &'a str,
    user_id: &'a str,
    /// Where the spec says it itself; a reference may lead to the same.
    client_id: Option<&'a str>,
}

impl<'a> Peer<'a> {
    /// A connector that is known to have logged in, and is to stay.
    pub fn of(connector: &'a SalesforceConnector) -> Option<Self> {
        let metadata = &connector.metadata;
        if metadata.deletion_timestamp.is_some() {
            return None;
        }
        let identity = connector.status.as_ref()?.identity.as_ref()?;
        Some(Self {
            uid: metadata.uid.as_deref()?,
            namespace: metadata.namespace.as_deref()?,
            name: metadata.name.as_deref()?,
            organization_id: identity.organization_id.as_deref()?,
            user_id: identity.user_id.as_deref()?,
            client_id: connector.spec.app.client_id.as_deref(),
        })
    }

    fn may_share(&self, other: &Self) -> bool {
        let same_app = match (self.client_id, other.client_id) {
            (Some(own), Some(other)) => own == other,
            (None, _) | (_, None) => true,
        };
        same_app
            && self.organization_id == other.organization_id
            && self.user_id == other.user_id
            && self.uid != other.uid
    }
}

/// Whether the grant of a connector is revoked when it is deleted; the siblings of any other don't matter.
pub fn matter(connector: &SalesforceConnector) -> bool {
    let code = connector.spec.auth.authorization_code.as_ref();
    code.is_some_and(|code| code.revoke_on_delete)
}

/// Connectors that may share a session with one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Siblings {
    /// In its own namespace: their names, in order.
    here: Vec<String>,
    /// Whether there are some in other namespaces, whose names are not for everybody.
    elsewhere: bool,
}

impl Siblings {
    /// The siblings of a connector, where they matter.
    pub fn of<'a>(connector: &SalesforceConnector, others: impl Iterator<Item = Peer<'a>>) -> Self {
        let own = Peer::of(connector).filter(|_| matter(connector));
        let Some(own) = own else { return Self::default() };
        let mut found = Self::default();
        for other in others.filter(|other| own.may_share(other)) {
            if other.namespace == own.namespace {
                found.here.push(other.name.to_owned());
            } else {
                found.elsewhere = true;
            }
        }
        found.here.sort();
        found
    }

    /// A sentence for Ready, if there is anything to say.
    pub fn note(&self) -> Option<String> {
        let names = self.here.get(..SHOWN).unwrap_or(&self.here).join(", ");
        let rest = if self.here.len() > SHOWN {
            " and others"
        } else {
            ""
        };
        let whose = match (self.here.is_empty(), self.elsewhere) {
            (true, false) => return None,
            (true, true) => "connectors in other namespaces".to_owned(),
            (false, false) => format!("{names}{rest}"),
            (false, true) => format!("{names}{rest}, and of connectors in other namespaces"),
        };
        Some(format!(
            " Deleting this connector revokes its grant (revokeOnDelete), which may end the access tokens of {whose}: they \
             log in as the same user by the same app."
        ))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn connector(namespace: &str, name: &str, changes: &Value) -> SalesforceConnector {
        let mut connector = json!({
            "apiVersion": "salesforce-connector.dev/v1alpha1",
            "kind": "SalesforceConnector",
            "metadata": { "name": name, "namespace": namespace, "uid": format!("{namespace}/{name}") },
            "spec": {
                "app": { "clientId": "3MVG9" },
                "auth": { "authorizationCode": { "revokeOnDelete": true } },
            },
            "status": { "identity": { "organizationId": "00D000000000001AAA", "userId": "005000000000001AAA" } },
        });
        for (pointer, value) in changes.as_object().unwrap() {
            *connector.pointer_mut(pointer).unwrap() = value.clone();
        }
        serde_json::from_value(connector).unwrap()
    }

    fn note(own: &SalesforceConnector, others: &[SalesforceConnector]) -> Option<String> {
        Siblings::of(own, others.iter().filter_map(Peer::of)).note()
    }

    fn same(namespace: &str, name: &str) -> SalesforceConnector {
        connector(namespace, name, &json!({}))
    }

    #[test]
    fn who_has_the_same_user_and_may_have_the_same_app_is_a_sibling() {
        let own = same("sales", "crm");
        let is_sibling = |changes: Value| note(&own, &[connector("sales", "other", &changes)]).is_some();
        assert!(is_sibling(json!({})));
        assert!(is_sibling(
            json!({ "/spec/app": { "clientIdRef": { "name": "app", "key": "id" } } })
        ));
        assert!(is_sibling(json!({ "/spec/auth": { "clientCredentials": {} } })));
        for other in [
            json!({ "/spec/app/clientId": "3MVG8" }),
            json!({ "/status/identity/userId": "005000000000002AAA" }),
            json!({ "/status/identity/organizationId": "00D000000000002AAA" }),
            json!({ "/status": {} }),
            json!({ "/metadata/uid": "sales/crm" }),
        ] {
            assert!(!is_sibling(other.clone()), "{other}");
        }
        let mut going = same("sales", "other");
        let now = k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(crate::core::testing::fixtures::now());
        going.metadata.deletion_timestamp = Some(now);
        assert_eq!(note(&own, &[going]), None);
        // Where deleting it revokes nothing, there is nothing to warn of.
        let harmless = connector(
            "sales",
            "crm",
            &json!({ "/spec/auth": { "authorizationCode": {} } }),
        );
        assert_eq!(note(&harmless, &[same("sales", "other")]), None);
    }

    #[test]
    fn siblings_of_the_same_namespace_are_named_in_order_and_those_of_others_only_mentioned() {
        let own = same("sales", "crm");
        let whose = |others: &[(&str, &str)]| {
            let others: Vec<_> = others
                .iter()
                .map(|(namespace, name)| same(namespace, name))
                .collect();
            let note = note(&own, &others).unwrap();
            let (_, rest) = note.split_once("access tokens of ").unwrap();
            let (whose, _) = rest.split_once(": they").unwrap();
            whose.to_owned()
        };
        assert_eq!(whose(&[("sales", "b"), ("sales", "a")]), "a, b");
        assert_eq!(
            whose(&[("sales", "d"), ("sales", "b"), ("sales", "a"), ("sales", "c")]),
            "a, b, c and others"
        );
        assert_eq!(whose(&[("hr", "payroll")]), "connectors in other namespaces");
        assert_eq!(
            whose(&[("hr", "payroll"), ("sales", "a")]),
            "a, and of connectors in other namespaces"
        );
    }
}
