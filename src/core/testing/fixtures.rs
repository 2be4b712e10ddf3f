//! Where do tests of the pure core start from? Connectors, tokens and observations, each with one thing said about it.

mod answers;
mod grants;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::core::DynamicObject;
use redeem::{
    Access, ClusterUid, ConnectorRef, Grant, GrantId, GrantValidity, OAuthClient, Origin, ResourceVersion,
    Serial, State, StateSeen,
};
use salesforce_client::{
    AccessToken, ApiUsage, ApiVersion, AvailableVersion, Failure, HostAllowList, ObjectList, Organization,
    Refusal, RestAnswer, Sent, UserIdentity,
};
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::api::status::{ExpirySource, FailuresStatus, InventoryPart, SalesforceConnectorStatus};
use crate::api::{Reason, SalesforceConnectorSpec, names};
use crate::core::conclude::{Conclusion, conclude};
use crate::core::decide::decide;
use crate::core::decide::test_due::next_test;
use crate::core::grant::claim::Claim;
use crate::core::grant::shared_session::Siblings;
use crate::core::grant::view as grant;
use crate::core::grant::view::GrantView;
use crate::core::inventory::calls::{InventoryAnswer, InventoryCall};
use crate::core::model::connector::{Connector, Method};
use crate::core::model::decision::{Decision, Evidence, MintReason};
use crate::core::model::digest::DigestKey;
use crate::core::model::held_token as held;
use crate::core::model::held_token::{Expiration, HeldToken, Renewal};
use crate::core::model::inputs::{Input, Inputs, references};
use crate::core::model::login_request::LoginSeen;
use crate::core::model::observed::{
    Activity, GrantSource, LoginSource, Observed, Pace, Requests, RotationView, Source,
};
use crate::core::model::outcome::{Minted, Outcome, Problem, SecretOutcome};
use crate::core::model::owner::Owner;
use crate::core::model::rejection::explain;
use crate::core::pass::connection_test::{Flow, Steps, TestReport};
use crate::core::secret::ownership::Target;
use crate::core::validate::validate;

pub(crate) use answers::*;
pub(crate) use grants::*;

pub(crate) const ORGANIZATION: &str = "00Dx0000000BV7zEAG";
pub(crate) const USER: &str = "005x00000012Q9PAAU";
pub(crate) const RESYNC: Duration = Duration::from_mins(1);

pub(crate) fn now() -> Timestamp {
    "2026-11-22T10:00:00Z".parse().unwrap()
}

pub(crate) fn after(seconds: i64) -> Timestamp {
    now() + SignedDuration::from_secs(seconds)
}

pub(crate) fn key() -> DigestKey {
    DigestKey::new("k1", b"the operator's own key")
}

pub(crate) fn owner() -> Owner {
    Owner {
        name: "crm".into(),
        namespace: "sales".into(),
        uid: "2b6f6d6e-3f0c-4c2e-9f8e-0a4d3f1f2a11".into(),
    }
}

/// A client credentials connector with `fields` of the spec set; a null takes one away.
pub(crate) fn spec(fields: Value) -> SalesforceConnectorSpec {
    let mut spec = json!({
        "host": "acme.my.salesforce.com",
        "app": { "clientId": "3MVG9", "clientSecretRef": { "name": "crm-app", "key": "client-secret" } },
        "auth": { "clientCredentials": {} },
    });
    let Value::Object(fields) = fields else {
        panic!("fields of a spec")
    };
    spec.as_object_mut().unwrap().extend(fields);
    serde_json::from_value(spec).unwrap()
}

pub(crate) fn jwt() -> Value {
    json!({ "jwtBearer": { "username": "robot@acme.example", "privateKeyRef": { "name": "key", "key": "tls.key" } } })
}

pub(crate) fn jwt_by_signer() -> Value {
    json!({ "jwtBearer": { "username": "robot@acme.example", "signer": { "vaultTransit": {
        "address": "https://vault.example.com:8200",
        "keyName": "salesforce",
        "tokenRef": { "name": "vault", "key": "token" },
    } } } })
}

pub(crate) fn password() -> Value {
    json!({ "password": {
        "username": "robot@acme.example",
        "passwordRef": { "name": "user", "key": "password" },
        "securityTokenRef": { "name": "user", "key": "security-token" },
    } })
}

/// An app whose key and secret have been rotated, with the previous ones.
pub(crate) fn rotated(auth: &Value) -> SalesforceConnectorSpec {
    let secret = |key: &str| json!({ "name": "crm-app", "key": key });
    spec(json!({
        "auth": auth,
        "app": {
            "clientId": "new",
            "clientSecretRef": secret("new-secret"),
            "previousCredentials": { "clientId": "old", "clientSecretRef": secret("old-secret") },
        },
    }))
}

/// Every reference leads to the value `NAME/KEY`.
pub(crate) fn inputs(spec: &SalesforceConnectorSpec) -> Inputs {
    let mut inputs = Inputs::default();
    for reference in references(spec) {
        let value = format!("{}/{}", reference.name, reference.key);
        inputs.insert(reference, Input::Found(SecretString::from(value)));
    }
    inputs
}

pub(crate) fn connector(spec: &SalesforceConnectorSpec) -> Arc<Connector> {
    Arc::new(checked(spec).0)
}

/// Spec and inputs, and how tokens are obtained.
pub(crate) fn checked(spec: &SalesforceConnectorSpec) -> (Connector, Method) {
    validate(
        "crm",
        "uid",
        spec,
        &inputs(spec),
        &HostAllowList::default(),
        &key(),
    )
    .unwrap()
}

/// Where the tokens of a connector come from: for authorizationCode a grant that nobody has authorized yet.
pub(crate) fn source(spec: &SalesforceConnectorSpec) -> Source {
    let (connector, method) = checked(spec);
    let connector = Arc::new(connector);
    match method {
        Method::Login(method) => Source::Login(LoginSource {
            connector,
            method,
            password_refused: false,
        }),
        Method::Grant(settings) => Source::Grant(Box::new(GrantSource {
            connector,
            settings,
            view: no_grant(),
            login: LoginSeen::None,
            siblings: Siblings::default(),
            claim_reported: false,
        })),
    }
}

/// Nobody has authorized the connector yet.
fn no_grant() -> GrantView {
    GrantView {
        state: StateSeen::Absent,
        revoke_at: None,
        bootstrap: None,
        floor: Serial::default(),
        cluster: cluster(),
        claim: Claim::Open,
    }
}

/// The decision where no test of this pass has shown anything.
pub(crate) fn decided(observed: &Observed, now: Timestamp) -> Decision {
    decide(observed, Evidence::None, now)
}

/// The connector of an observation that has one, to change it.
pub(crate) fn of_mut(observed: &mut Observed) -> &mut Connector {
    let connector = match &mut observed.source {
        Source::Login(source) => &mut source.connector,
        Source::Grant(source) => &mut source.connector,
        Source::Unusable(_) => panic!("no connector"),
    };
    Arc::make_mut(connector)
}

/// The grant of an observation that has one, to change it.
pub(crate) fn grant_mut(observed: &mut Observed) -> &mut GrantSource {
    let Source::Grant(source) = &mut observed.source else {
        panic!("no grant")
    };
    source
}

pub(crate) fn identity() -> held::Identity {
    held::Identity {
        organization_id: ORGANIZATION.into(),
        user_id: USER.into(),
    }
}

/// A token issued now for two hours.
pub(crate) fn held(connector: &Connector) -> HeldToken {
    HeldToken {
        token: AccessToken::new("00Dx!token-1".into()),
        instance_url: "https://acme.my.salesforce.com".into(),
        issue_time: now(),
        expiration: Expiration {
            time: after(7200),
            source: ExpirySource::Introspected,
            renewal: Renewal::Ahead,
        },
        identity: identity(),
        scopes: vec!["api".into(), "refresh_token".into()],
        inputs_digest: connector.inputs_digest.clone(),
        serial: None,
    }
}

/// A Deployment that consents to restarts by these connectors, and was restarted for this token.
pub(crate) fn workload(restarted_by: &str, token: Option<Timestamp>) -> DynamicObject {
    let token = token.map(|token| token.to_string());
    let workload = json!({
        "metadata": { "name": "web", "uid": "w", "resourceVersion": "7", "annotations": { names::RESTARTED_BY: restarted_by } },
        "spec": { "template": { "metadata": { "annotations": { "restart.salesforce-connector.dev/crm": token } } } },
    });
    serde_json::from_value(workload).unwrap()
}

/// A connector that was just created.
pub(crate) fn fresh() -> Observed {
    Observed {
        owner: owner(),
        generation: 1,
        requests: Requests::default(),
        activity: Activity::Active,
        status: SalesforceConnectorStatus {
            observed_generation: Some(-1),
            ..SalesforceConnectorStatus::default()
        },
        source: source(&spec(json!({}))),
        target: Target::Absent,
        held: None,
        former_secrets: Vec::new(),
        last_test: None,
        resync_period: RESYNC,
        pace: Pace::default(),
        status_unwritten: false,
        missing: None,
        rotation: RotationView::default(),
    }
}

/// A new token was asked for.
pub(crate) fn asked_to_renew(observed: Observed) -> Observed {
    let requests = Requests {
        renew: Some("1".into()),
        ..observed.requests
    };
    Observed { requests, ..observed }
}

/// A test was asked for.
pub(crate) fn asked_to_test(observed: Observed) -> Observed {
    let requests = Requests {
        test: Some("1".into()),
        ..observed.requests
    };
    Observed { requests, ..observed }
}

/// A login has failed in a way that passes; the next one is at this time, or never by itself.
pub(crate) fn after_failure(mut observed: Observed, next: Option<Timestamp>) -> Observed {
    let failed = failures(of(&observed), Refusal::SalesforceUnavailable, next);
    observed.status.failures = Some(failed);
    observed
}

/// The connector of an observation that has one.
pub(crate) fn of(observed: &Observed) -> &Arc<Connector> {
    observed.connector().unwrap()
}

/// The grant of an observation that has one.
pub(crate) fn grant_of(observed: &Observed) -> &GrantSource {
    observed.grant().unwrap()
}

/// The consumer's Secret carries this token.
pub(crate) fn carrying(observed: Observed, held: HeldToken) -> Observed {
    let secret = of(&observed).template.render(&observed.owner, &held, &key());
    Observed {
        target: Target::Ours(Box::new(secret)),
        held: Some(held),
        ..observed
    }
}

/// The first login, its test and its Secret went well.
pub(crate) fn first_success(observed: &Observed) -> Outcome {
    Outcome {
        grant: None,
        credentials_refused: None,
        login: None,
        inventory: None,
        rollouts: Vec::new(),
        rotation: None,
        sharing: None,
        held: Some(held(of(observed))),
        minted: Some(Minted::Obtained {
            why: MintReason::NoToken,
        }),
        tested: Some(passed(of(observed))),
        secret: SecretOutcome::InStep,
        forgot_new_token: false,
    }
}

/// A connector that became Ready now.
pub(crate) fn settled() -> Observed {
    let before = fresh();
    let outcome = first_success(&before);
    let decision = Decision::Mint {
        why: MintReason::NoToken,
    };
    let conclusion = conclude(&before, &decision, &outcome, now());
    let token = outcome.held.unwrap();
    carrying(reported(before, conclusion), token)
}

/// The status of a conclusion has been written.
pub(crate) fn reported(observed: Observed, conclusion: Conclusion) -> Observed {
    Observed {
        status: conclusion.status.unwrap_or(observed.status),
        ..observed
    }
}

/// Nothing was sent and nothing had to be written.
pub(crate) fn kept(observed: &Observed) -> Outcome {
    let secret = match (&observed.held, observed.activity) {
        (None, _) | (_, Activity::Suspended) => SecretOutcome::Untouched,
        (Some(held), Activity::Active) if observed.identity_verified(held) => SecretOutcome::InStep,
        (Some(_), Activity::Active) => SecretOutcome::Withheld,
    };
    Outcome {
        grant: None,
        credentials_refused: None,
        login: None,
        inventory: None,
        rollouts: Vec::new(),
        rotation: None,
        sharing: None,
        held: observed.held.clone(),
        minted: None,
        tested: None,
        secret,
        forgot_new_token: false,
    }
}

/// A login was refused.
pub(crate) fn refused(observed: &Observed, reason: impl Into<Reason>) -> Outcome {
    let reason = reason.into();
    let problem = Problem {
        reason,
        message: explain(reason, "as Salesforce puts it"),
        retry_after: None,
    };
    Outcome {
        grant: None,
        credentials_refused: None,
        login: None,
        inventory: None,
        rollouts: Vec::new(),
        rotation: None,
        sharing: None,
        minted: Some(Minted::Failed {
            why: MintReason::NoToken,
            problem,
        }),
        ..kept(observed)
    }
}

/// An attempt with these inputs has failed before.
pub(crate) fn failures(
    connector: &Connector,
    reason: impl Into<Reason>,
    next: Option<Timestamp>,
) -> FailuresStatus {
    let reason = reason.into();
    FailuresStatus {
        count: 1,
        first_failure_time: Time(now()),
        last_failure_time: Time(now()),
        next_attempt_time: next.map(Time),
        reason: reason.as_str().into(),
        message: explain(reason, ""),
        inputs_digest: Some(connector.attempt_digest.as_str().into()),
    }
}

/// How long each call of a test takes here.
pub(crate) const LATENCY: Duration = Duration::from_millis(40);

/// When the next test is due after the one in the status.
pub(crate) fn next_test_of(observed: &Observed) -> Timestamp {
    let last = observed.status.connection_test.as_ref().unwrap();
    next_test(last, observed.last_test, of(observed), &observed.owner.uid)
}
