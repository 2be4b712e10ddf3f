//! How is a pass driven in a test? Its effects are answered by a Salesforce and a Kubernetes in which all is well, unless the test
//! answers one itself.

pub(crate) mod fault;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use salesforce_client::{AccessToken, Introspection, TokenFormat, TokenResponse};
use transit_client::Signature;

use crate::core::model::observed::{Observed, Source};
use crate::core::pass::connection_test::{TestAnswer, TestCall};
use crate::core::pass::{
    LiveStatus, Pass, PassEffect, PassEnd, PassReply, PassReport, PasswordNote, TokenReply,
};
use crate::core::schedule::password_memory::PasswordMemory;
use crate::core::schedule::time::signed;
use crate::core::secret::ownership::Target;
use crate::core::secret::read_back::read_back;
use crate::core::sharing::report::SharingReport;
use crate::core::testing::fixtures;

/// What a pass came to.
pub(crate) struct Ran {
    /// What it reported; nothing where the connector was gone.
    pub(crate) report: Option<Arc<PassReport>>,
    /// The names of its effects, in order, without the last.
    pub(crate) effects: Vec<&'static str>,
    /// How everything is afterwards.
    pub(crate) left: Observed,
}

impl Ran {
    pub(crate) fn report(&self) -> &PassReport {
        self.report.as_ref().unwrap()
    }
}

/// Runs a pass in which all is well.
pub(crate) fn run(observed: &Observed, now: Timestamp) -> Ran {
    run_with(observed, now, |_| None)
}

/// Runs a pass; `answer` answers the effects that are not to go well.
pub(crate) fn run_with(
    observed: &Observed,
    now: Timestamp,
    mut answer: impl FnMut(&PassEffect) -> Option<PassReply>,
) -> Ran {
    let key = fixtures::key();
    let (mut pass, mut effect) = Pass::begin(fault::observed(observed.clone()), &key, now);
    let (mut effects, mut left) = (Vec::new(), observed.clone());
    loop {
        if let PassEffect::Done(end) = effect {
            let report = match *end {
                PassEnd::Gone | PassEnd::Deposed | PassEnd::UserBusy => None,
                PassEnd::Reported(report) => Some(report),
            };
            return Ran {
                report,
                effects,
                left: looked_again(left, observed),
            };
        }
        let mut reply = None;
        for _ in 0..fault::times(&effect) {
            effects.push(effect.name());
            let answered = answer(&effect).unwrap_or_else(|| well(&effect, observed, now));
            note(&effect, &answered, &mut left, now);
            reply = Some(answered);
        }
        let reply = reply.unwrap_or_else(|| well(&effect, observed, now));
        effect = pass.on(fault::reply(reply), now).unwrap();
    }
}

/// What the next pass finds of what this one has written.
fn note(effect: &PassEffect, reply: &PassReply, left: &mut Observed, now: Timestamp) {
    match (effect, reply) {
        (
            PassEffect::CreateSecret { wanted, .. } | PassEffect::UpdateSecret { wanted, .. },
            PassReply::Secret(Ok(())),
        ) => left.target = Target::Ours(wanted.clone()),
        (PassEffect::WriteStatus { status, .. }, _) => left.status = (**status).clone(),
        (PassEffect::Test { .. }, _) => left.last_test = Some(now),
        _ => {}
    }
}

/// The held token is that of the Secret, or of the stored grant.
fn looked_again(mut left: Observed, before: &Observed) -> Observed {
    let noted = left
        .target
        .ours()
        .and_then(|secret| read_back(secret, &fixtures::key()));
    left.held = match &before.source {
        Source::Login(_) | Source::Unusable(_) => noted.or_else(|| before.held.clone()),
        Source::Grant(_) => before.held.clone(),
    };
    left
}

/// Of the second version of a key.
fn signature() -> Signature {
    Signature {
        bytes: vec![7; 256],
        key_version: 2,
    }
}

pub(crate) fn well(effect: &PassEffect, observed: &Observed, now: Timestamp) -> PassReply {
    match effect {
        PassEffect::RecallPassword { .. } => PassReply::Passwords(PasswordMemory::default(), None),
        PassEffect::NotePassword { .. } => PassReply::PasswordNoted(PasswordNote::Noted),
        PassEffect::RequestToken { .. } => PassReply::Token(TokenReply::Granted(Box::new(token("new", now)))),
        PassEffect::Sign { .. } => PassReply::Signature(Ok(signature())),
        PassEffect::Introspect { .. } => PassReply::Introspection(Some(introspection(now))),
        PassEffect::Test { call, .. } => PassReply::Test(good_answer(call), fixtures::LATENCY),
        PassEffect::CallAppCredentials(_) => panic!("the test has to answer calls about credentials"),
        PassEffect::StoreRotation { .. } => {
            PassReply::RotationStored(Ok(Some(redeem::ResourceVersion::new("9"))))
        }
        PassEffect::ReadInput { .. } => PassReply::Input(Ok(None)),
        PassEffect::WriteInput(_) => PassReply::InputWritten(Ok(())),
        PassEffect::ReadWorkload(_) => {
            PassReply::Workload(Ok(Some(Box::new(fixtures::workload("crm", None)))))
        }
        PassEffect::RestartWorkload(_) => PassReply::WorkloadRestarted(Ok(())),
        PassEffect::CopyToken => PassReply::Copied(SharingReport::Copies(Vec::new())),
        PassEffect::ReadDetails => PassReply::Details(Ok(None)),
        PassEffect::TakeInventory(call) => PassReply::Inventory(Box::new(fixtures::inventory_answer(call))),
        PassEffect::WriteDetails(_) => PassReply::DetailsWritten(Ok(())),
        PassEffect::RunSession(_) => panic!("the test has to answer a session"),
        PassEffect::ProbeSecret { .. }
        | PassEffect::CreateSecret { .. }
        | PassEffect::UpdateSecret { .. } => PassReply::Secret(Ok(())),
        PassEffect::ReadStatus => PassReply::Status(Some(Box::new(LiveStatus {
            leads: true,
            status: observed.status.clone(),
            resource_version: Some("8".to_owned()),
        }))),
        PassEffect::RecordRevocation { .. }
        | PassEffect::DeleteLoginSecret(_)
        | PassEffect::ReserveUser { .. }
        | PassEffect::ReleaseUser
        | PassEffect::RecordPassword { .. }
        | PassEffect::DeleteFormerSecrets { .. }
        | PassEffect::Record(_)
        | PassEffect::WriteStatus { .. }
        | PassEffect::Done(_) => PassReply::Done,
    }
}

/// The answer to a call of a test in which all is well, in a production org.
pub(crate) fn good_answer(call: &TestCall) -> TestAnswer {
    match call {
        TestCall::Versions(_) => TestAnswer::Versions(Ok(fixtures::versions())),
        TestCall::Identity(..) => TestAnswer::Identity(Ok(fixtures::identity_answer("robot@acme.example"))),
        TestCall::Organization(..) => TestAnswer::Organization(Box::new(Ok(fixtures::organization(false)))),
    }
}

/// A token of the org and user of the fixtures.
pub(crate) fn token(name: &str, now: Timestamp) -> TokenResponse {
    let id = format!(
        "https://acme.my.salesforce.com/id/{}/{}",
        fixtures::ORGANIZATION,
        fixtures::USER
    );
    TokenResponse {
        access_token: AccessToken::new(format!("00Dx!{name}")),
        instance_url: "https://acme.my.salesforce.com".parse().unwrap(),
        id: id.parse().unwrap(),
        issued_at: now,
        scopes: ["api".to_owned()].into(),
        refresh_token: None,
        token_format: TokenFormat::Opaque,
        api_instance_url: None,
        expires_in: None,
        claims_exp: None,
    }
}

fn introspection(now: Timestamp) -> Introspection {
    Introspection {
        active: true,
        expires_at: Some(now + signed(Duration::from_hours(2))),
        issued_at: Some(now),
        scopes: ["api".to_owned()].into(),
        username: None,
        client_id: None,
    }
}

/// The Secret that a pass has written.
pub(crate) fn secret(ran: &Ran) -> &Secret {
    ran.left.target.ours().unwrap()
}
