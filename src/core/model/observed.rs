//! What was observed: everything that a decision may depend on, as values.

use std::sync::Arc;

use jiff::Timestamp;

use crate::api::SalesforceConnectorStatus;
use crate::api::status::LastHandledStatus;
use crate::core::grant::shared_session::Siblings;
use crate::core::grant::view::GrantView;
use crate::core::model::connector::{Connector, GrantSettings, LoginMethod};
use crate::core::model::digest::Digest;
use crate::core::model::held_token::HeldToken;
use crate::core::model::login_request::LoginSeen;
use crate::core::model::owner::Owner;
use crate::core::model::rejection::Rejection;
use crate::core::rotation::state::RotationSeen;
use crate::core::secret::ownership::Target;

/// What was observed of a connector and what it refers to.
#[derive(Debug, Clone)]
pub struct Observed {
    pub owner: Owner,
    pub generation: i64,
    pub requests: Requests,
    /// `spec.suspend`.
    pub activity: Activity,
    pub status: SalesforceConnectorStatus,
    pub source: Source,
    pub target: Target,
    /// The token that is held: in the consumer's Secret, or in the operator's state for authorizationCode.
    pub held: Option<HeldToken>,
    /// Names under which a Secret of the connector may still exist, the latest first; not the name that it is to have now.
    pub former_secrets: Vec<String>,
    /// When this process last tested the connection; status records an unchanged success only hourly.
    pub last_test: Option<Timestamp>,
    pub resync_period: std::time::Duration,
    pub pace: Pace,
    /// Whether the status could not be written as it is here: it is written although nothing changes.
    pub status_unwritten: bool,
    /// What is remembered of the app's rotations, and whether there may be one.
    pub rotation: RotationView,
    /// The input that is missing, while a token that the consumer has goes on without it.
    pub missing: Option<Rejection>,
}

/// Where the tokens of a connector come from. A connector that logs in has nothing to do with grants.
#[derive(Debug, Clone)]
pub enum Source {
    /// From nowhere: spec or inputs can't be used.
    Unusable(Rejection),
    /// From a login, which can always be repeated.
    Login(LoginSource),
    Grant(Box<GrantSource>),
}

#[derive(Debug, Clone)]
pub struct LoginSource {
    /// Spec and inputs, checked.
    pub connector: Arc<Connector>,
    pub method: LoginMethod,
    /// Whether Salesforce has refused this password before, for this user at this host.
    pub password_refused: bool,
}

/// A connector with a stored grant, or without one yet.
#[derive(Debug, Clone)]
pub struct GrantSource {
    /// Spec and inputs, checked.
    pub connector: Arc<Connector>,
    pub settings: GrantSettings,
    pub view: GrantView,
    pub login: LoginSeen,
    /// Connectors whose access token goes with the grant of this one.
    pub siblings: Siblings,
    /// Whether this process has reported before that another installation manages the connector.
    pub claim_reported: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Requests {
    /// salesforce-connector.dev/test-requested-at
    pub test: Option<String>,
    /// salesforce-connector.dev/renew-requested-at
    pub renew: Option<String>,
}

impl Requests {
    /// Whether a request is made that the status does not show as carried out.
    pub fn are_open(&self, handled: &LastHandledStatus) -> bool {
        let open = |asked: &Option<String>, handled: &Option<String>| asked.is_some() && asked != handled;
        open(&self.test, &handled.test_requested_at) || open(&self.renew, &handled.renew_requested_at)
    }
}

/// What was observed of the app's rotations.
#[derive(Debug, Clone, Default)]
pub struct RotationView {
    /// Whether the operator may rotate credentials.
    pub permitted: bool,
    pub seen: RotationSeen,
}

/// From when on is carried out what must not be now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pace {
    /// A request that came too soon after another.
    pub requests_from: Option<Timestamp>,
    /// A test that need not be: the budget of the instance is spent.
    pub tests_from: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activity {
    Active,
    /// `spec.suspend` is true.
    Suspended,
}

impl Observed {
    /// While an input is missing, a token that the consumer has goes on as it is until it expires. Without one, nothing can be
    /// done.
    #[must_use]
    pub fn without_input(mut self, rejection: Rejection, now: Timestamp) -> Self {
        let in_use = |held: &&HeldToken| held.expiration.time > now && self.identity_verified(held);
        let Some(held) = self.held.clone().as_ref().filter(in_use).cloned() else {
            return Self {
                source: Source::Unusable(rejection),
                target: Target::Absent,
                held: None,
                former_secrets: Vec::new(),
                ..self
            };
        };
        let failures = self.status.failures.as_ref();
        let attempted = failures.and_then(|failures| failures.inputs_digest.clone());
        let connector = match &mut self.source {
            Source::Unusable(_) => return self,
            Source::Login(source) => &mut source.connector,
            Source::Grant(source) => &mut source.connector,
        };
        // Nobody knows whether the inputs have changed.
        let connector = Arc::make_mut(connector);
        connector.inputs_digest = held.inputs_digest;
        connector.previous_credentials = None;
        if let Some(attempted) = attempted {
            connector.attempt_digest = Digest::from_text(&attempted);
        }
        self.missing = Some(rejection);
        self
    }

    /// Spec and inputs, if they can be used.
    pub fn connector(&self) -> Option<&Arc<Connector>> {
        match &self.source {
            Source::Unusable(_) => None,
            Source::Login(source) => Some(&source.connector),
            Source::Grant(source) => Some(&source.connector),
        }
    }

    /// The stored grant and what belongs to it, for a connector that has to do with one.
    pub fn grant(&self) -> Option<&GrantSource> {
        match &self.source {
            Source::Grant(source) => Some(source),
            Source::Unusable(_) | Source::Login(_) => None,
        }
    }

    pub fn is_suspended(&self) -> bool {
        self.activity == Activity::Suspended
    }

    /// Whether a renewal was asked for and not yet carried out.
    pub fn renewal_requested(&self) -> bool {
        let handled = self
            .status
            .last_handled
            .as_ref()
            .and_then(|handled| handled.renew_requested_at.as_ref());
        self.requests.renew.is_some() && self.requests.renew.as_ref() != handled
    }

    /// Whether a test was asked for and not yet carried out.
    pub fn test_requested(&self) -> bool {
        let handled = self
            .status
            .last_handled
            .as_ref()
            .and_then(|handled| handled.test_requested_at.as_ref());
        self.requests.test.is_some() && self.requests.test.as_ref() != handled
    }

    /// Whether a token is wanted, and can be delivered. If not, all that is done is for the life of a stored grant.
    pub fn is_at_work(&self) -> bool {
        self.activity == Activity::Active && !matches!(self.target, Target::Refused(_))
    }

    /// Whether the consumer's Secret already carries a token of the same org and user as the one that is held.
    pub fn identity_verified(&self, held: &HeldToken) -> bool {
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
    use crate::core::testing::fixtures::{carrying, connector, fresh, held, now, source, spec};

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
    fn a_request_is_open_until_the_status_shows_its_value() {
        let value = |value: &str| Some(value.to_owned()).filter(|value| !value.is_empty());
        let open = |asked: [&str; 2], handled: [&str; 2]| {
            let [test, renew] = asked.map(value);
            let [test_requested_at, renew_requested_at] = handled.map(value);
            Requests { test, renew }.are_open(&LastHandledStatus {
                test_requested_at,
                renew_requested_at,
            })
        };
        assert!(open(["1", ""], ["", ""]) && open(["", "1"], ["", ""]));
        assert!(open(["2", ""], ["1", ""]) && open(["1", "2"], ["1", "1"]));
        assert!(!open(["", ""], ["", ""]) && !open(["", ""], ["1", "1"]) && !open(["1", "2"], ["1", "2"]));
    }

    #[test]
    fn nothing_that_came_from_a_secret_is_in_the_debug_text() {
        for fields in all_through_references() {
            let spec = spec(fields);
            let source = source(&spec);
            let request = match &source {
                Source::Login(source) => source.method.start(now()).request(),
                Source::Grant(_) | Source::Unusable(_) => None,
            };
            let token = held(&connector(&spec));
            let observed = Observed { source, ..fresh() };
            let observed = carrying(observed, token.clone());
            for text in [
                format!("{observed:?}"),
                format!("{observed:#?}"),
                format!("{request:?}"),
            ] {
                assert!(!text.contains("marker/"), "{text}");
                assert!(!text.contains(token.token.expose()), "{text}");
            }
        }
    }
}
