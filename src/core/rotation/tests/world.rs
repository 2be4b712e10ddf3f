//! A Salesforce and a Kubernetes for the tests of rotations: what is stored there survives the process.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use redeem::ResourceVersion;
use salesforce_client::{
    App, ClientSecret, Consumer, Failure, HostAllowList, Refusal, Sent, StagedCredentials, StagedState,
};
use secrecy::SecretString;
use serde_json::json;

use crate::api::status::{CredentialRotationStatus, SalesforceConnectorStatus};
use crate::api::{SalesforceConnectorSpec, names};
use crate::core::conclude::EventKind;
use crate::core::model::connector::Method;
use crate::core::model::inputs::Input;
use crate::core::model::observed::{LoginSource, Observed, RotationView, Source};
use crate::core::pass::{Pass, PassEffect, PassEnd, PassReply, TokenReply};
use crate::core::rotation::calls::{CredentialsAnswer, CredentialsRequest};
use crate::core::rotation::input::InputFault;
use crate::core::rotation::state::{RotationSeen, RotationState};
use crate::core::rotation::stored::StoredCredentials;
use crate::core::secret::ownership::Target;
use crate::core::secret::read_back::read_back;
use crate::core::testing::driver::{token, well};
use crate::core::testing::fixtures::{self, failure, fresh, now};
use crate::core::validate::validate;

pub(super) const APP_ID: &str = "0xIxx0000000001AAA";
const CONSUMER: &str = "888xx0000000001AAA";

/// Where something goes wrong: at an effect, counted from the first one of all passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mishap {
    /// The process dies before it.
    DiesBefore(usize),
    /// The process dies after it: nobody takes its reply.
    DiesAfter(usize),
    /// It is carried out, and its answer is lost on the way.
    AnswerLost(usize),
}

/// What stands beside the credentials in use.
#[derive(Debug, Clone)]
pub(super) struct Slot {
    pub(super) id: String,
    pub(super) app: App,
    pub(super) state: StagedState,
}

pub(super) struct World {
    pub(super) now: Timestamp,
    pub(super) primary: App,
    /// Those from before the last rotation, which are accepted until then.
    former: Option<(App, Timestamp)>,
    pub(super) slot: Option<Slot>,
    made: u32,
    /// Whether staged secrets are shown again.
    pub(super) shows_secrets: bool,
    /// Whether calls that change something are refused.
    pub(super) refuses: Option<Refusal>,
    /// The Secret that the connector names.
    pub(super) input: App,
    pub(super) consent: Option<&'static str>,
    pub(super) permitted: bool,
    pub(super) spec: SalesforceConnectorSpec,
    state: Option<(BTreeMap<String, Vec<u8>>, u32)>,
    status: SalesforceConnectorStatus,
    target: Option<Secret>,
    last_test: Option<Timestamp>,
    /// Names of all effects, in order.
    pub(super) effects: Vec<&'static str>,
    pub(super) events: Vec<(EventKind, &'static str)>,
    mishaps: Vec<Mishap>,
}

pub(super) fn pair(name: &str) -> App {
    App {
        client_id: format!("key-{name}"),
        client_secret: Some(ClientSecret::new(format!("secret-{name}"))),
    }
}

pub(super) fn spec() -> SalesforceConnectorSpec {
    let reference = |key: &str| json!({ "name": "app", "key": key });
    fixtures::spec(json!({ "app": {
        "clientIdRef": reference("client-id"),
        "clientSecretRef": reference("client-secret"),
        "rotation": { "appId": APP_ID, "interval": "2160h" },
    } }))
}

impl World {
    pub(super) fn new(mishaps: &[Mishap]) -> Self {
        Self {
            now: now(),
            primary: pair("0"),
            former: None,
            slot: None,
            made: 0,
            shows_secrets: true,
            refuses: None,
            input: pair("0"),
            consent: Some("crm"),
            permitted: true,
            spec: spec(),
            state: None,
            status: fresh().status,
            target: None,
            last_test: None,
            effects: Vec::new(),
            events: Vec::new(),
            mishaps: mishaps.to_vec(),
        }
    }

    pub(super) fn accepts(&self, app: &App) -> bool {
        let former = self.former.as_ref();
        *app == self.primary || former.is_some_and(|(former, until)| former == app && self.now < *until)
    }

    pub(super) fn state(&self) -> Option<RotationState> {
        let (data, _) = self.state.as_ref()?;
        RotationState::from_data(data).ok()
    }

    pub(super) fn rotation(&self) -> CredentialRotationStatus {
        self.status.credential_rotation.clone().unwrap()
    }

    pub(super) fn status_has_rotation(&self) -> bool {
        self.status.credential_rotation.is_some()
    }

    /// The reason of what stands in the way.
    pub(super) fn trouble(&self) -> Option<String> {
        Some(self.rotation().failures?.reason)
    }

    pub(super) fn ready(&self) -> (String, String) {
        let mut conditions = self.status.conditions.iter();
        let ready = conditions.find(|condition| condition.type_ == "Ready").unwrap();
        (ready.status.clone(), ready.reason.clone())
    }

    /// What a pass observes. One of the pairs that the connector would log in with is good.
    pub(super) fn observe(&self) -> Observed {
        let seen = match &self.state {
            None => RotationSeen::Absent,
            Some((data, version)) => match RotationState::from_data(data) {
                Ok(state) => RotationSeen::Found(Box::new(state), ResourceVersion::new(version.to_string())),
                Err(fault) => RotationSeen::Unreadable(fault),
            },
        };
        let mut inputs = fixtures::inputs(&self.spec);
        let references = [&self.spec.app.client_id_ref, &self.spec.app.client_secret_ref];
        let secret = self.input.client_secret.as_ref().unwrap().expose();
        for (reference, value) in references
            .into_iter()
            .zip([self.input.client_id.as_str(), secret])
        {
            let input = Input::Found(SecretString::from(value));
            inputs.insert(reference.as_ref().unwrap(), input);
        }
        inputs.stored = seen.state().map(StoredCredentials::of);
        let (allowed, key) = (HostAllowList::default(), fixtures::key());
        let (connector, method) = validate("crm", "uid", &self.spec, &inputs, &allowed, &key).unwrap();
        let Method::Login(method) = method else {
            panic!("a login")
        };
        let previous = connector.previous_credentials.as_ref();
        let previous = previous.and_then(|previous| previous.as_ref().ok());
        let usable = self.accepts(&connector.app) || previous.is_some_and(|it| self.accepts(&it.app));
        assert!(
            usable,
            "no pair of the connector is accepted after {:?}",
            self.effects
        );
        let held = self.target.as_ref().and_then(|secret| read_back(secret, &key));
        Observed {
            source: Source::Login(LoginSource {
                connector: connector.into(),
                method,
                password_refused: false,
            }),
            status: self.status.clone(),
            target: match &self.target {
                Some(secret) => Target::Ours(Box::new(secret.clone())),
                None => Target::Absent,
            },
            held,
            last_test: self.last_test,
            rotation: RotationView {
                permitted: self.permitted,
                seen,
            },
            ..fresh()
        }
    }

    /// Runs a pass, to its end or to the death of the process. Then time passes to the next one.
    pub(super) fn pass(&mut self) {
        let (observed, key) = (self.observe(), fixtures::key());
        let (mut pass, mut effect) = Pass::begin(observed.clone(), &key, self.now);
        let next = loop {
            if let PassEffect::Done(end) = effect {
                let PassEnd::Reported(report) = *end else {
                    panic!("the pass reports")
                };
                let events = report.events.iter();
                self.events
                    .extend(events.map(|event| (event.kind, event.reason.as_str())));
                break report.next;
            }
            let number = self.effects.len();
            if self.mishaps.contains(&Mishap::DiesBefore(number)) {
                self.effects.push("dies");
                break std::time::Duration::from_secs(1);
            }
            self.effects.push(effect.name());
            let reply = self.perform(&effect, &observed);
            self.assert_a_known_pair_is_accepted();
            let reply = if self.mishaps.contains(&Mishap::AnswerLost(number)) {
                lost(&reply)
            } else {
                Some(reply)
            };
            let Some(reply) = reply.filter(|_| !self.mishaps.contains(&Mishap::DiesAfter(number))) else {
                break std::time::Duration::from_secs(1);
            };
            effect = pass.on(reply, self.now).unwrap();
        };
        self.now += SignedDuration::try_from(next).unwrap();
    }

    /// Runs passes until this holds.
    pub(super) fn until(&mut self, what: &str, holds: impl Fn(&Self) -> bool) {
        for _ in 0..60 {
            if holds(self) {
                return;
            }
            self.pass();
        }
        panic!(
            "not in 60 passes: {what}: {:?}, {:?}",
            self.effects, self.status.credential_rotation
        );
    }

    /// Runs passes until a rotation has come to its end, and what follows from it.
    pub(super) fn until_rotated(&mut self) {
        self.until("rotated, and all in step", |world| {
            let state = world.state();
            let current = state.as_ref().and_then(|state| state.current.as_ref());
            let rotated = current.is_some_and(|current| current.app == world.primary);
            let written = world.consent != Some("crm") || world.input == world.primary;
            let told = world.status.credential_rotation.as_ref();
            let told = told.is_some_and(|told| told.last_rotation_time.is_some());
            rotated && written && told && state.is_some_and(|state| state.open.is_none())
        });
    }

    /// Whatever the process dies of now, what is stored outside of it suffices to log in.
    fn assert_a_known_pair_is_accepted(&self) {
        let stored = self.state();
        let current = stored.as_ref().and_then(|state| state.current.as_ref());
        let known = [Some(&self.input), current.map(|current| &current.app)];
        let open = stored.as_ref().and_then(RotationState::announced);
        let good = known
            .into_iter()
            .chain([open])
            .flatten()
            .any(|app| self.accepts(app));
        assert!(good, "no stored pair is accepted after {:?}", self.effects);
    }

    fn perform(&mut self, effect: &PassEffect, observed: &Observed) -> PassReply {
        match effect {
            PassEffect::RequestToken { connector, .. } => PassReply::Token(if self.accepts(&connector.app) {
                TokenReply::Granted(Box::new(token(&connector.app.client_id, self.now)))
            } else {
                TokenReply::Refused(Box::new(failure(Refusal::ClientIdInvalid)))
            }),
            PassEffect::CallAppCredentials(call) => {
                PassReply::AppCredentials(Box::new(self.call(&call.request)))
            }
            PassEffect::StoreRotation { state, version } => {
                PassReply::RotationStored(Ok(self.store(state, version.as_ref())))
            }
            PassEffect::ReadInput { .. } => PassReply::Input(Ok(Some(Box::new(self.input_secret())))),
            PassEffect::WriteInput(secret) => {
                self.write_input(secret);
                PassReply::InputWritten(Ok(()))
            }
            _ => {
                let reply = well(effect, observed, self.now);
                match effect {
                    PassEffect::CreateSecret { wanted, .. } | PassEffect::UpdateSecret { wanted, .. } => {
                        self.target = Some((**wanted).clone());
                    }
                    PassEffect::WriteStatus { status, .. } => self.status = (**status).clone(),
                    PassEffect::Test { .. } => self.last_test = Some(self.now),
                    _ => {}
                }
                reply
            }
        }
    }

    fn store(&mut self, state: &RotationState, version: Option<&ResourceVersion>) -> Option<ResourceVersion> {
        let stored = self.state.as_ref().map(|(_, version)| *version);
        let expected = stored.map(|version| ResourceVersion::new(version.to_string()));
        if expected.as_ref() != version {
            return None;
        }
        let next = stored.unwrap_or_default() + 1;
        self.state = Some((state.to_data().unwrap(), next));
        Some(ResourceVersion::new(next.to_string()))
    }

    pub(super) fn damage_state(&mut self) {
        let (data, _) = self.state.as_mut().unwrap();
        data.insert("record".to_owned(), b"{".to_vec());
    }

    fn input_secret(&self) -> Secret {
        let mut secret = Secret::default();
        let consent = self
            .consent
            .map(|names| (names::ROTATED_BY.to_owned(), names.to_owned()));
        secret.metadata.annotations = Some(consent.into_iter().collect());
        secret.data = Some(BTreeMap::from([(
            "other".to_owned(),
            ByteString(b"kept".to_vec()),
        )]));
        secret
    }

    fn write_input(&mut self, secret: &Secret) {
        let text = |key: &str| String::from_utf8(secret.data.as_ref().unwrap()[key].0.clone()).unwrap();
        assert_eq!(text("other"), "kept");
        self.input = App {
            client_id: text("client-id"),
            client_secret: Some(ClientSecret::new(text("client-secret"))),
        };
    }

    fn call(&mut self, request: &CredentialsRequest) -> CredentialsAnswer {
        let changes = matches!(
            request,
            CredentialsRequest::Stage { .. } | CredentialsRequest::Rotate { .. }
        );
        if let Some(refusal) = self.refuses.filter(|_| changes) {
            return CredentialsAnswer::Refused(Box::new(failure(refusal)));
        }
        match request {
            CredentialsRequest::Consumers => CredentialsAnswer::Consumers(vec![Consumer {
                id: CONSUMER.parse().unwrap(),
                client_id: self.primary.client_id.clone(),
            }]),
            CredentialsRequest::Staged { .. } => {
                let slot = self.slot.iter().map(|slot| listed(slot, self.shows_secrets));
                CredentialsAnswer::Staged(slot.collect())
            }
            CredentialsRequest::Stage { .. } if self.slot.is_some() => {
                CredentialsAnswer::Refused(Box::new(failure(Refusal::SalesforceUnknownError)))
            }
            CredentialsRequest::Stage { .. } => {
                self.made += 1;
                let slot = Slot {
                    id: format!("0iSxx000000000{}AAA", self.made),
                    app: pair(&self.made.to_string()),
                    state: StagedState::Active,
                };
                let answer = listed(&slot, true);
                self.slot = Some(slot);
                CredentialsAnswer::Credentials(answer)
            }
            CredentialsRequest::Rotate { staged, .. } => self.rotate(staged.as_str()),
            CredentialsRequest::Delete { staged, .. } => {
                let slot = self.slot.take_if(|slot| slot.id == staged.as_str());
                match slot.map(|slot| slot.state) {
                    Some(StagedState::Rotated) => panic!("former credentials are never ended"),
                    Some(_) => CredentialsAnswer::Done,
                    None => CredentialsAnswer::Refused(Box::new(failure(Refusal::ResourceNotFound))),
                }
            }
        }
    }

    /// The former credentials take the place of the new ones under the same id: who repeats it turns them back.
    pub(super) fn rotate(&mut self, id: &str) -> CredentialsAnswer {
        let Some(slot) = self.slot.take_if(|slot| slot.id == id) else {
            return CredentialsAnswer::Refused(Box::new(failure(Refusal::ResourceNotFound)));
        };
        let former = std::mem::replace(&mut self.primary, slot.app);
        let until = self.now + SignedDuration::from_hours(30 * 24);
        self.former = Some((former.clone(), until));
        self.slot = Some(Slot {
            id: slot.id,
            app: former,
            state: StagedState::Rotated,
        });
        CredentialsAnswer::Done
    }

    /// Time passes, in which nothing happens; the former credentials end, and with them the token.
    pub(super) fn sleep(&mut self, hours: i64) {
        self.now += SignedDuration::from_hours(hours);
        let over = self.former.as_ref().is_some_and(|(_, until)| *until <= self.now);
        if over {
            self.slot.take_if(|slot| slot.state == StagedState::Rotated);
        }
    }
}

fn listed(slot: &Slot, with_secret: bool) -> StagedCredentials {
    StagedCredentials {
        id: slot.id.parse().unwrap(),
        client_id: slot.app.client_id.clone(),
        client_secret: slot.app.client_secret.clone().filter(|_| with_secret),
        state: slot.state,
    }
}

/// What becomes of a reply on a way that loses it: Salesforce may have acted. A write to Kubernetes ends the pass.
fn lost(reply: &PassReply) -> Option<PassReply> {
    let unknown = || {
        Box::new(Failure {
            sent: Sent::Unknown,
            ..failure(Refusal::SalesforceUnavailable)
        })
    };
    match reply {
        PassReply::AppCredentials(_) => Some(PassReply::AppCredentials(Box::new(
            CredentialsAnswer::Refused(unknown()),
        ))),
        PassReply::Token(_) => Some(PassReply::Token(TokenReply::Refused(unknown()))),
        PassReply::InputWritten(_) => Some(PassReply::InputWritten(Err(InputFault::Refused(
            "no answer".to_owned(),
        )))),
        PassReply::RotationStored(_) => Some(PassReply::RotationStored(Err("no answer".to_owned()))),
        _ => None,
    }
}
