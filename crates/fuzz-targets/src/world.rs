//! Around what does a target put its input? A connector whose every input is one value, and a pass over it.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use redeem::{ClusterUid, ResourceVersion, Serial, State, StateSeen};
use salesforce_client::{
    AccessToken, ApiVersion, AvailableVersion, Failure, HostAllowList, Refusal, RestAnswer, Sent,
    TokenFormat, TokenResponse, UserIdentity,
};
use salesforce_connector_operator::api::SalesforceConnectorSpec;
use salesforce_connector_operator::api::status::SalesforceConnectorStatus;
use salesforce_connector_operator::core::grant::shared_session::Siblings;
use salesforce_connector_operator::core::grant::view::{GrantView, token_of_state};
use salesforce_connector_operator::core::model::connector::{Connector, Method};
use salesforce_connector_operator::core::model::digest::DigestKey;
use salesforce_connector_operator::core::model::held_token::HeldToken;
use salesforce_connector_operator::core::model::inputs::{Input, Inputs, references};
use salesforce_connector_operator::core::model::login_request::LoginSeen;
use salesforce_connector_operator::core::model::observed::{
    Activity, GrantSource, LoginSource, Observed, Pace, Requests, RotationView, Source,
};
use salesforce_connector_operator::core::model::owner::Owner;
use salesforce_connector_operator::core::model::rejection::Rejection;
use salesforce_connector_operator::core::pass::connection_test::{TestAnswer, TestCall};
use salesforce_connector_operator::core::pass::{
    LiveStatus, Pass, PassEffect, PassEnd, PassReply, PasswordNote, SessionReply, TokenReply,
};
use salesforce_connector_operator::core::schedule::password_memory::PasswordMemory;
use salesforce_connector_operator::core::secret::ownership::Target;
use salesforce_connector_operator::core::validate::validate;
use serde_json::{Value, json};
use transit_client::{SignerFailure, SignerRefusal};

use crate::secrecy::assert_no_secret;

/// More effects than any pass asks for.
const MOST_EFFECTS: usize = 60;

pub(crate) fn key() -> DigestKey {
    DigestKey::new("k1", b"the operator's own key")
}

pub(crate) fn owner() -> Owner {
    Owner {
        name: "crm".to_owned(),
        namespace: "sales".to_owned(),
        uid: "2b6f6d6e-3f0c-4c2e-9f8e-0a4d3f1f2a11".to_owned(),
    }
}

pub(crate) fn now() -> Timestamp {
    "2026-11-22T10:00:00Z".parse().expect("a time")
}

/// A spec with this way to log in, all of whose inputs are references.
fn spec(auth: &Value) -> SalesforceConnectorSpec {
    let reference = json!({ "name": "inputs", "key": "value" });
    let spec = json!({
        "host": "acme.my.salesforce.com",
        "app": { "clientIdRef": reference, "clientSecretRef": reference },
        "auth": auth,
    });
    serde_json::from_value(spec).expect("a spec")
}

/// A spec for each way to log in.
pub(crate) fn specs() -> [SalesforceConnectorSpec; 5] {
    let reference = json!({ "name": "inputs", "key": "value" });
    let password =
        json!({ "usernameRef": reference, "passwordRef": reference, "securityTokenRef": reference });
    [
        json!({ "clientCredentials": {} }),
        json!({ "jwtBearer": { "username": "robot@acme.example", "privateKeyRef": reference } }),
        json!({ "password": password }),
        json!({ "authorizationCode": { "bootstrap": { "refreshTokenRef": reference } } }),
        json!({ "authorizationCode": { "bootstrap": { "sfdxAuthUrlRef": reference } } }),
    ]
    .map(|auth| spec(&auth))
}

/// The connector of a spec whose every reference leads to this value.
pub(crate) fn validated(
    spec: &SalesforceConnectorSpec,
    value: &Input,
) -> Result<(Connector, Method), Rejection> {
    let mut inputs = Inputs::default();
    for reference in references(spec) {
        inputs.insert(reference, value.clone());
    }
    let Owner { name, uid, .. } = owner();
    validate(&name, &uid, spec, &inputs, &HostAllowList::default(), &key())
}

/// What is observed of a connector that has this token, or none.
pub(crate) fn observed(
    checked: Result<(Connector, Method), Rejection>,
    status: SalesforceConnectorStatus,
    target: Target,
    held: Option<HeldToken>,
) -> Observed {
    let source = match checked {
        Err(rejection) => Source::Unusable(rejection),
        Ok((connector, Method::Login(method))) => Source::Login(LoginSource {
            connector: Arc::new(connector),
            method,
            password_refused: false,
        }),
        Ok((connector, Method::Grant(settings))) => Source::Grant(Box::new(GrantSource {
            connector: Arc::new(connector),
            settings,
            view: view(StateSeen::Absent),
            login: LoginSeen::None,
            siblings: Siblings::default(),
            claim_reported: false,
        })),
    };
    Observed {
        owner: owner(),
        generation: 1,
        requests: Requests::default(),
        activity: Activity::Active,
        status,
        source,
        target,
        held,
        former_secrets: Vec::new(),
        last_test: None,
        resync_period: Duration::from_mins(1),
        pace: Pace::default(),
        status_unwritten: false,
        rotation: RotationView::default(),
        missing: None,
    }
}

fn view(state: StateSeen) -> GrantView {
    GrantView {
        state,
        revoke_at: None,
        bootstrap: None,
        floor: Serial::default(),
        cluster: ClusterUid::new("cluster"),
        claim: salesforce_connector_operator::core::grant::claim::Claim::Open,
    }
}

/// A pass over a connector whose stored grant is this one.
pub(crate) fn pass_over_grant(state: &State) {
    let auth = json!({ "authorizationCode": { "refreshTokenLifetime": "8760h" } });
    let value = Input::read(Some(b"canary"));
    let (connector, method) = validated(&spec(&auth), &value).expect("a valid spec");
    let held = token_of_state(state, None, &connector);
    let mut observed = observed(
        Ok((connector, method)),
        SalesforceConnectorStatus::default(),
        Target::Absent,
        held,
    );
    if let Source::Grant(source) = &mut observed.source {
        source.view = GrantView {
            cluster: state.cluster.clone(),
            ..view(StateSeen::Found(
                Box::new(state.clone()),
                ResourceVersion::new("1"),
            ))
        };
    }
    run_pass(observed);
}

/// Runs a pass. Salesforce grants tokens, and knows nothing of them when they are tested.
pub(crate) fn run_pass(observed: Observed) -> Option<SalesforceConnectorStatus> {
    let key = key();
    let status = observed.status.clone();
    let (mut pass, mut effect) = Pass::begin(observed, &key, now());
    for _ in 0..MOST_EFFECTS {
        let answer = match effect {
            PassEffect::Done(end) => {
                let PassEnd::Reported(report) = *end else {
                    return None;
                };
                assert!(
                    report.next > Duration::ZERO,
                    "it would look again at once, for ever"
                );
                for event in &report.events {
                    assert_no_secret(&format!("{event:?}"));
                }
                return Some(report.status.clone());
            }
            effect => reply(&effect, &status),
        };
        effect = pass.on(answer, now()).expect("a reply that fits its effect");
    }
    unreachable!("a pass of more than {MOST_EFFECTS} effects");
}

fn reply(effect: &PassEffect, status: &SalesforceConnectorStatus) -> PassReply {
    match effect {
        PassEffect::RecallPassword { .. } => PassReply::Passwords(PasswordMemory::default(), None),
        PassEffect::NotePassword { .. } => PassReply::PasswordNoted(PasswordNote::Noted),
        PassEffect::RequestToken { .. } => PassReply::Token(TokenReply::Granted(Box::new(token()))),
        PassEffect::Sign { .. } => PassReply::Signature(Err(SignerFailure {
            refusal: SignerRefusal::SignerSealed,
            detail: String::new(),
            retry_after: None,
        })),
        PassEffect::Introspect { .. } => PassReply::Introspection(None),
        PassEffect::Test { call, .. } => PassReply::Test(test_answer(call), Duration::from_millis(5)),
        PassEffect::RunSession(_) => {
            PassReply::Session(Box::new(SessionReply::BudgetSpent(Duration::from_secs(1))))
        }
        PassEffect::ProbeSecret { .. }
        | PassEffect::CreateSecret { .. }
        | PassEffect::UpdateSecret { .. } => PassReply::Secret(Ok(())),
        PassEffect::ReadStatus => PassReply::Status(Some(Box::new(LiveStatus {
            leads: true,
            status: status.clone(),
            resource_version: None,
        }))),
        _ => PassReply::Done,
    }
}

fn token() -> TokenResponse {
    TokenResponse {
        access_token: AccessToken::new("00Dx!canary".to_owned()),
        instance_url: "https://acme.my.salesforce.com".parse().expect("an address"),
        id: "https://login.salesforce.com/id/00Dx0000000BV7z/005x00000012Q9P"
            .parse()
            .expect("an identity URL"),
        issued_at: now(),
        scopes: ["api".to_owned()].into(),
        refresh_token: None,
        token_format: TokenFormat::Opaque,
        api_instance_url: None,
        expires_in: None,
        claims_exp: None,
    }
}

fn test_answer(call: &TestCall) -> TestAnswer {
    match call {
        TestCall::Versions(_) => TestAnswer::Versions(Ok(vec![AvailableVersion {
            version: ApiVersion::new(60),
            label: "Spring '24".to_owned(),
        }])),
        TestCall::Identity(_, id, _) => TestAnswer::Identity(Ok(RestAnswer {
            value: UserIdentity {
                organization_id: id.organization_id.clone(),
                user_id: id.user_id.clone(),
                username: "robot@acme.example".to_owned(),
                active: Some(true),
            },
            api_usage: None,
        })),
        TestCall::Organization(..) => TestAnswer::Organization(Box::new(Err(failure()))),
    }
}

fn failure() -> Failure {
    Failure {
        refusal: Refusal::TimedOut,
        sent: Sent::Unknown,
        http_status: None,
        retry_after: Some(Duration::from_hours(24)),
        server_date: None,
        detail: "no answer".to_owned(),
        salvaged_refresh_token: None,
    }
}
