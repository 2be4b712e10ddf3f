//! What was observed: everything that a decision may depend on, as values.

use jiff::Timestamp;

use super::Rejection;
use super::grant::GrantView;
use super::held::Held;
use super::secret::Owner;
use super::siblings::Siblings;
use super::target::Target;
use super::validate::Connector;
use crate::api::SalesforceConnectorStatus;

/// What was observed of a connector and what it refers to.
#[derive(Debug, Clone)]
pub struct Observed {
    /// Name, namespace and uid.
    pub owner: Owner,
    /// Generation of the spec.
    pub generation: i64,
    /// Requests by annotation.
    pub requests: Requests,
    /// `spec.suspend`.
    pub activity: Activity,
    /// The status as it stands.
    pub status: SalesforceConnectorStatus,
    /// Spec and inputs, checked.
    pub connector: Result<Connector, Rejection>,
    /// The consumer's Secret.
    pub target: Target,
    /// The token that is held: in the consumer's Secret, or in the operator's state for authorizationCode.
    pub held: Option<Held>,
    /// The stored grant (authorizationCode only).
    pub grant: Option<GrantView>,
    /// What is known against sending the inputs as they are.
    pub knowledge: Knowledge,
    /// Connectors whose access token goes with the grant of this one.
    pub siblings: Siblings,
    /// Whether this process has told before that another installation looks after the connector.
    pub claim_told: bool,
    /// When this process last tested the connection; status records an unchanged success only hourly.
    pub last_test: Option<Timestamp>,
    /// Period of the sweep at this time.
    pub resync_period: std::time::Duration,
}

/// Values of the request annotations.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Requests {
    /// salesforce-connector.dev/test-requested-at
    pub test: Option<String>,
    /// salesforce-connector.dev/renew-requested-at
    pub renew: Option<String>,
}

/// Whether the connector is at work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activity {
    /// It is.
    Active,
    /// `spec.suspend` is true.
    Suspended,
}

/// What is known against sending the inputs, or using the token, as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Knowledge {
    /// Nothing.
    Clean,
    /// This password was refused before, for this user at this host.
    PasswordRefusedBefore,
    /// Salesforce has just refused the token that is held.
    TokenRejected,
    /// The instance of the token that is held has just been found to be gone.
    InstanceGone,
}

impl Observed {
    /// Whether a renewal was asked for and not yet carried out.
    #[must_use]
    pub fn renewal_requested(&self) -> bool {
        let handled = self
            .status
            .last_handled
            .as_ref()
            .and_then(|handled| handled.renew_requested_at.as_ref());
        self.requests.renew.is_some() && self.requests.renew.as_ref() != handled
    }

    /// Whether a test was asked for and not yet carried out.
    #[must_use]
    pub fn test_requested(&self) -> bool {
        let handled = self
            .status
            .last_handled
            .as_ref()
            .and_then(|handled| handled.test_requested_at.as_ref());
        self.requests.test.is_some() && self.requests.test.as_ref() != handled
    }

    /// Whether a token is wanted, and can be delivered. If not, all that is done is for the life of a stored grant.
    #[must_use]
    pub fn is_at_work(&self) -> bool {
        self.activity == Activity::Active && !matches!(self.target, Target::Refused(_))
    }

    /// Whether the consumer's Secret already carries a token of the same org and user as the one that is held.
    #[must_use]
    pub fn identity_verified(&self, held: &Held) -> bool {
        let annotations = self
            .target
            .ours()
            .and_then(|secret| secret.metadata.annotations.as_ref());
        annotations.and_then(|map| map.get(crate::api::names::IDENTITY)) == Some(&held.identity.to_text())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::decide::fixtures::{carrying, connector, fresh, held, now, spec};

    /// The app and every value of a login method through a reference.
    fn all_through_references() -> [Value; 4] {
        let reference = |key: &str| json!({ "name": "marker", "key": key });
        let app =
            json!({ "clientIdRef": reference("client-id"), "clientSecretRef": reference("client-secret") });
        let methods = [
            json!({ "clientCredentials": {} }),
            json!({ "jwtBearer": { "username": "u@acme.example", "privateKeyRef": reference("private-key") } }),
            json!({ "password": {
                "usernameRef": reference("username"),
                "passwordRef": reference("password"),
                "securityTokenRef": reference("security-token"),
            } }),
            json!({ "authorizationCode": { "bootstrap": { "refreshTokenRef": reference("refresh-token") } } }),
        ];
        methods.map(|auth| json!({ "app": app, "auth": auth }))
    }

    #[test]
    fn nothing_that_came_from_a_secret_is_in_the_debug_text() {
        for fields in all_through_references() {
            let spec = spec(fields);
            let connector = connector(&spec);
            let grant = connector.method.grant(now());
            let token = held(&connector);
            let observed = Observed {
                connector: Ok(connector),
                ..fresh()
            };
            let observed = carrying(observed, token.clone());
            for text in [
                format!("{observed:?}"),
                format!("{observed:#?}"),
                format!("{grant:?}"),
            ] {
                assert!(!text.contains("marker/"), "{text}");
                assert!(!text.contains(token.token.expose()), "{text}");
            }
        }
    }
}
