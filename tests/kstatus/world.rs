//! One connector with all that it depends on: spec, Secrets, Salesforce, time; and a controller that works on it.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Secret;
use redeem::{SessionEnd, TokenDigest};
use salesforce_client::{
    AccessToken, ApiVersion, AvailableVersion, Failure, HostAllowList, Organization, Refusal, RestAnswer,
    Sent, TokenFormat, TokenResponse, UserIdentity,
};
use salesforce_connector_operator::api::reasons::OwnReason;
use salesforce_connector_operator::api::{Reason, SalesforceConnectorSpec, SalesforceConnectorStatus};
use salesforce_connector_operator::core::grant::shared_session::Siblings;
use salesforce_connector_operator::core::grant::view::token_of_state;
use salesforce_connector_operator::core::inventory::calls::InventoryAnswer;
use salesforce_connector_operator::core::model::connector::Method;
use salesforce_connector_operator::core::model::digest::DigestKey;
use salesforce_connector_operator::core::model::inputs::{Input, Inputs, references};
use salesforce_connector_operator::core::model::login_request::LoginSeen;
use salesforce_connector_operator::core::model::observed::{
    Activity, GrantSource, LoginSource, Observed, Pace, Requests, RotationView, Source,
};
use salesforce_connector_operator::core::model::outcome::SecretOutcome;
use salesforce_connector_operator::core::model::owner::Owner;
use salesforce_connector_operator::core::model::rejection::Rejection;
use salesforce_connector_operator::core::pass::connection_test::{TestAnswer, TestCall};
use salesforce_connector_operator::core::pass::{
    LiveStatus, Pass, PassEffect, PassEnd, PassReply, PasswordNote, SessionReply, TokenReply,
};
use salesforce_connector_operator::core::rotation::calls::CredentialsAnswer;
use salesforce_connector_operator::core::schedule::password_memory::PasswordMemory;
use salesforce_connector_operator::core::secret::ownership::Target;
use salesforce_connector_operator::core::secret::read_back::read_back;
use salesforce_connector_operator::core::sharing::report::SharingReport;
use salesforce_connector_operator::core::validate::validate;
use secrecy::SecretString;
use serde_json::{Value, json};
use transit_client::{SignerFailure, SignerRefusal};

use super::grant::{self, Store};
use super::judge::{Judgement, default_status, kstatus};

const KEY: &[u8] = b"key of the operator";
const INSTANCE: &str = "https://green-itr.my.salesforce.com";
const ORGANIZATION: &str = "00D000000000001EAA";
const USER: &str = "005000000000001EAA";

fn failure(refusal: Refusal) -> Failure {
    Failure {
        refusal,
        sent: Sent::Answered,
        http_status: Some(400),
        retry_after: None,
        server_date: None,
        detail: "words".to_owned(),
        salvaged_refresh_token: None,
    }
}

fn answered<T>(value: T) -> RestAnswer<T> {
    RestAnswer {
        value,
        api_usage: None,
    }
}

/// Numbers that look random and are the same in every run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }

    fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        let limit = u64::try_from(choices.len()).unwrap();
        choices[usize::try_from(self.below(limit)).unwrap()]
    }
}

/// How Salesforce is disposed.
#[derive(Debug, Clone, Copy)]
enum Salesforce {
    Well,
    /// It refuses logins.
    Refuses(Refusal),
    /// It refuses the token in use.
    RejectsTokens,
    /// A later step of the test fails.
    FailsTests(Reason),
    /// It has yet to answer for a grant, so that nothing more is asked meanwhile.
    KeepsGrantsWaiting,
}

/// What an API server and a Salesforce hold, as far as one connector is concerned, and a reconcile in progress.
pub(crate) struct World {
    chance: Chance,
    now: Timestamp,
    generation: i64,
    resource_version: u64,
    spec: Value,
    requests: Requests,
    pub(crate) status: SalesforceConnectorStatus,
    /// Secrets of the namespace by their names, as far as they could be a target.
    targets: Vec<(String, Secret)>,
    grant: Store,
    /// Whether the connector is on its way out; another of its name may come after it.
    deleting: bool,
    /// How many connectors there have been.
    incarnation: u64,
    input: Input,
    salesforce: Salesforce,
    tokens: u64,
    last_test: Option<Timestamp>,
    /// A status on its way to the API server, computed from what was observed.
    under_way: Option<Report>,
    /// The truth: the generation whose reconcile was completed last, and whether it found all well.
    handled: (i64, bool),
    key: DigestKey,
    /// How often a grant had to wait, and was renewed.
    pub(crate) grants: [usize; 2],
}

struct Report {
    status: Option<SalesforceConnectorStatus>,
    resource_version: u64,
    generation: i64,
    well: bool,
}

impl World {
    /// Every other world's connector logs in by a grant that somebody brings.
    pub(crate) fn new(seed: u64) -> Self {
        let auth = if seed.is_multiple_of(2) {
            let bootstrap = json!({ "refreshTokenRef": { "name": "app", "key": "refresh" } });
            json!({ "authorizationCode": { "bootstrap": bootstrap } })
        } else {
            json!({ "clientCredentials": {} })
        };
        Self {
            chance: Chance(seed),
            now: Timestamp::from_second(1_800_000_000).unwrap(),
            generation: 1,
            resource_version: 1,
            spec: json!({
                "host": "green-itr.my.salesforce.com",
                "app": { "clientId": "id", "clientSecretRef": { "name": "app", "key": "secret" } },
                "auth": auth,
            }),
            requests: Requests::default(),
            status: serde_json::from_value(default_status()).unwrap(),
            targets: Vec::new(),
            grant: Store::default(),
            deleting: false,
            incarnation: 1,
            input: Input::Found(SecretString::from("one")),
            salesforce: Salesforce::Well,
            tokens: 0,
            last_test: None,
            under_way: None,
            handled: (0, false),
            key: DigestKey::new("k1", KEY),
            grants: [0; 2],
        }
    }

    /// Something happens. Reconciles are half of it, as they follow everything else.
    pub(crate) fn event(&mut self) -> String {
        match self.chance.below(19) {
            0..=4 => self.look(),
            5..=9 => self.report(),
            10 | 11 => self.edit_spec(),
            12 => {
                let value = Some(self.chance.below(1_000_000).to_string());
                if self.chance.below(2) == 0 {
                    self.requests.test = value;
                } else {
                    self.requests.renew = value;
                }
                self.resource_version += 1;
                "somebody asks".to_owned()
            }
            13 => {
                self.input = match self.chance.below(6) {
                    0 => Input::SecretMissing,
                    1 => Input::KeyMissing,
                    2 => Input::Found(SecretString::from("one")),
                    _ => Input::Found(SecretString::from("two")),
                };
                format!("the input is {:?}", self.input)
            }
            14 => self.disturb_target(),
            18 => self.delete_or_create(),
            15 => {
                let refusals = [
                    Refusal::WrongPassword,
                    Refusal::ClientIdInvalid,
                    Refusal::UserInactive,
                    Refusal::MaintenancePage,
                ];
                let findings: [Reason; 3] = [
                    OwnReason::EnvironmentMismatch.into(),
                    Refusal::ApiDisabled.into(),
                    Refusal::BadGateway.into(),
                ];
                let refusal = self.chance.of(&refusals);
                let finding = self.chance.of(&findings);
                self.salesforce = self.chance.of(&[
                    Salesforce::Well,
                    Salesforce::Well,
                    Salesforce::Well,
                    Salesforce::Well,
                    Salesforce::Well,
                    Salesforce::Refuses(refusal),
                    Salesforce::RejectsTokens,
                    Salesforce::FailsTests(finding),
                    Salesforce::KeepsGrantsWaiting,
                ]);
                format!("Salesforce: {:?}", self.salesforce)
            }
            _ => {
                let seconds = self.chance.of(&[1, 20, 60, 150, 400, 4_000]);
                self.now += SignedDuration::from_secs(seconds);
                format!("{seconds} seconds pass")
            }
        }
    }

    fn edit_spec(&mut self) -> String {
        let spec = &mut self.spec;
        match self.chance.below(8) {
            0 => spec["displayName"] = json!(format!("name {}", self.generation)),
            1 => spec["suspend"] = json!(spec["suspend"] != json!(true)),
            2 => {
                let other = if spec["environment"] == "Sandbox" {
                    "Live"
                } else {
                    "Sandbox"
                };
                spec["environment"] = json!(other);
            }
            3 => spec["secret"]["name"] = json!(format!("target-{}", self.chance.below(3))),
            4 => spec["secret"]["labels"] = json!({ "generation": self.generation.to_string() }),
            5 => {
                spec["secret"]["keys"]["orgId"] = json!(self.chance.of(&["org", "user_id"]));
            }
            6 => spec["app"]["clientId"] = json!(format!("id-{}", self.chance.below(2))),
            _ => spec["connectionTest"] = json!({ "interval": format!("{}m", 1 + self.chance.below(60)) }),
        }
        self.generation += 1;
        self.resource_version += 1;
        format!("edited to generation {}: {}", self.generation, self.spec)
    }

    /// What is being deleted goes, and another one of its name is created; otherwise a deletion begins, now and then.
    fn delete_or_create(&mut self) -> String {
        self.resource_version += 1;
        if !self.deleting && self.chance.below(3) > 0 {
            return "an annotation that nobody reads".to_owned();
        }
        self.deleting = !self.deleting;
        if self.deleting {
            return "its deletion begins".to_owned();
        }
        self.incarnation += 1;
        self.generation = 1;
        self.status = serde_json::from_value(default_status()).unwrap();
        self.requests = Requests::default();
        self.grant = Store::default();
        self.last_test = None;
        self.handled = (0, false);
        "it is gone, and another one is created".to_owned()
    }

    fn disturb_target(&mut self) -> String {
        let Some((name, secret)) = self.targets.last_mut() else {
            self.targets.push(("salesforce".to_owned(), Secret::default()));
            return "a foreign Secret appears".to_owned();
        };
        let name = name.clone();
        match self.chance.below(4) {
            0 => {
                secret.metadata.annotations = None;
                format!("{name} is somebody else's now")
            }
            1 => {
                secret.immutable = Some(true);
                format!("{name} is made immutable")
            }
            2 => {
                secret.data = None;
                format!("{name} is emptied")
            }
            _ => {
                self.targets.pop();
                format!("{name} is deleted")
            }
        }
    }

    /// A pass; the report is an event of its own, so that others can come between.
    fn look(&mut self) -> String {
        if self.deleting {
            return "what is being deleted is left alone".to_owned();
        }
        let observed = self.observe();
        let owner = observed.owner.clone();
        let key = DigestKey::new("k1", KEY);
        let (generation, ready_to_use) = (observed.generation, observed.connector().is_some());
        let (mut pass, mut effect) = Pass::begin(observed, &key, self.now);
        let mut effects = Vec::new();
        let mut written = None;
        let report = loop {
            effects.push(effect.name());
            let reply = match effect {
                PassEffect::Done(end) => match *end {
                    PassEnd::Reported(report) => break report,
                    PassEnd::Gone | PassEnd::Deposed | PassEnd::UserBusy => {
                        return "the connector is gone".to_owned();
                    }
                },
                PassEffect::WriteStatus { status, .. } => {
                    written = Some(*status);
                    PassReply::Done
                }
                effect => self.reply(effect, &owner),
            };
            effect = pass.on(reply, self.now).unwrap();
        };
        let held = report.outcome.held.as_ref();
        let well = held.is_some_and(|held| held.expiration.time > self.now)
            && matches!(
                report.outcome.secret,
                SecretOutcome::InStep | SecretOutcome::Untouched
            )
            && ready_to_use;
        self.under_way = Some(Report {
            status: written,
            resource_version: self.resource_version,
            generation,
            well,
        });
        format!("looked: {effects:?}")
    }

    /// The API server takes a status only for the version that was observed.
    fn report(&mut self) -> String {
        let Some(report) = self.under_way.take() else {
            return "nothing to report".to_owned();
        };
        if report.resource_version != self.resource_version {
            return "the report comes too late".to_owned();
        }
        self.handled = (report.generation, report.well);
        if let Some(status) = report.status {
            self.status = status;
            self.resource_version += 1;
        }
        "reported".to_owned()
    }

    fn observe(&self) -> Observed {
        let spec: SalesforceConnectorSpec = serde_json::from_value(self.spec.clone()).unwrap();
        let mut inputs = Inputs::default();
        for reference in references(&spec) {
            inputs.insert(reference, self.input.clone());
        }
        let owner = Owner {
            name: "crm".to_owned(),
            namespace: "sales".to_owned(),
            uid: format!("2b6f6d6e-3f0c-4c2e-9f8e-{:012}", self.incarnation),
        };
        let checked = validate("crm", "uid", &spec, &inputs, &HostAllowList::default(), &self.key);
        let target = checked.as_ref().map_or(Target::Absent, |(connector, _)| {
            Target::judge(self.target(&connector.template.name), &owner, &connector.template)
        });
        let source = match checked {
            Err(rejection) => Source::Unusable(rejection),
            Ok((connector, Method::Login(method))) => Source::Login(LoginSource {
                connector: Arc::new(connector),
                method,
                password_refused: false,
            }),
            Ok((connector, Method::Grant(settings))) => Source::Grant(Box::new(GrantSource {
                connector: Arc::new(connector),
                view: self.grant.view(&settings, &self.key, self.status.grant_serial),
                settings,
                login: LoginSeen::None,
                siblings: Siblings::default(),
                claim_reported: false,
            })),
        };
        let noted = target.ours().and_then(|secret| read_back(secret, &self.key));
        let held = match &source {
            Source::Grant(source) => {
                let state = source.view.state();
                state.and_then(|state| token_of_state(state, noted.as_ref(), &source.connector))
            }
            Source::Login(_) | Source::Unusable(_) => noted,
        };
        Observed {
            source,
            generation: self.generation,
            requests: self.requests.clone(),
            activity: if spec.suspend {
                Activity::Suspended
            } else {
                Activity::Active
            },
            status: self.status.clone(),
            held,
            former_secrets: Vec::new(),
            last_test: self.last_test,
            resync_period: Duration::from_mins(1),
            pace: Pace::default(),
            status_unwritten: false,
            rotation: RotationView::default(),
            missing: None,
            owner,
            target,
        }
    }

    fn target(&self, name: &str) -> Option<Secret> {
        let found = self.targets.iter().find(|(each, _)| each == name);
        found.map(|(_, secret)| secret.clone())
    }

    /// What this world makes of an effect.
    fn reply(&mut self, effect: PassEffect, owner: &Owner) -> PassReply {
        match effect {
            PassEffect::RequestToken { .. } => PassReply::Token(self.token()),
            PassEffect::Sign { .. } => PassReply::Signature(Err(SignerFailure {
                refusal: SignerRefusal::SignerSealed,
                detail: String::new(),
                retry_after: None,
            })),
            PassEffect::Introspect { .. } => PassReply::Introspection(None),
            PassEffect::Test { call, .. } => {
                self.last_test = Some(self.now);
                PassReply::Test(self.answer(&call), Duration::from_millis(40))
            }
            PassEffect::RunSession(order) => {
                let imported = order.bootstrap.map(|bootstrap| bootstrap.digest);
                let end = self.session(owner, imported);
                PassReply::Session(Box::new(SessionReply::Ended(self.grant.report(end))))
            }
            PassEffect::CallAppCredentials(_) => {
                PassReply::AppCredentials(Box::new(CredentialsAnswer::Deposed))
            }
            PassEffect::StoreRotation { .. } => PassReply::RotationStored(Ok(None)),
            PassEffect::ReadInput { .. } => PassReply::Input(Ok(None)),
            PassEffect::WriteInput(_) => PassReply::InputWritten(Ok(())),
            PassEffect::ReadWorkload(_) => PassReply::Workload(Ok(None)),
            PassEffect::CopyToken => PassReply::Copied(SharingReport::Disabled),
            PassEffect::RestartWorkload(_) => PassReply::WorkloadRestarted(Ok(())),
            PassEffect::ReadDetails => PassReply::Details(Ok(None)),
            PassEffect::TakeInventory(_) => PassReply::Inventory(Box::new(InventoryAnswer::TimedOut)),
            PassEffect::WriteDetails(_) => PassReply::DetailsWritten(Ok(())),
            PassEffect::ProbeSecret { .. } => PassReply::Secret(Ok(())),
            PassEffect::CreateSecret { wanted, .. } | PassEffect::UpdateSecret { wanted, .. } => {
                PassReply::Secret(self.write(*wanted))
            }
            PassEffect::ReadStatus => PassReply::Status(Some(Box::new(LiveStatus {
                leads: true,
                status: self.status.clone(),
                resource_version: None,
            }))),
            PassEffect::RecallPassword { .. } => PassReply::Passwords(PasswordMemory::default(), None),
            PassEffect::NotePassword { .. } => PassReply::PasswordNoted(PasswordNote::Noted),
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

    fn token(&mut self) -> TokenReply {
        if let Salesforce::Refuses(refusal) = self.salesforce {
            return TokenReply::Refused(Box::new(failure(refusal)));
        }
        self.tokens += 1;
        TokenReply::Granted(Box::new(TokenResponse {
            access_token: AccessToken::new(format!("token-{}", self.tokens)),
            instance_url: INSTANCE.parse().unwrap(),
            id: format!("{INSTANCE}/id/{ORGANIZATION}/{USER}").parse().unwrap(),
            issued_at: self.now,
            scopes: ["api".to_owned()].into(),
            refresh_token: None,
            token_format: TokenFormat::Opaque,
            api_instance_url: None,
            expires_in: None,
            claims_exp: None,
        }))
    }

    fn session(&mut self, owner: &Owner, imported: Option<TokenDigest>) -> SessionEnd {
        match self.salesforce {
            Salesforce::KeepsGrantsWaiting => {
                self.grants[0] += 1;
                grant::waiting()
            }
            Salesforce::Refuses(_) => {
                self.grant.died();
                grant::refused()
            }
            Salesforce::Well | Salesforce::RejectsTokens | Salesforce::FailsTests(_) => {
                self.grants[1] += 1;
                self.tokens += 1;
                let token = format!("token-{}", self.tokens);
                self.grant.renewed(owner, imported, &token, self.now);
                SessionEnd::Ready
            }
        }
    }

    fn write(&mut self, wanted: Secret) -> Result<(), Rejection> {
        if self.chance.below(20) == 0 {
            return Err(Rejection::new(OwnReason::SecretWriteRefused, "quota"));
        }
        let name = wanted.metadata.name.clone().unwrap();
        self.targets.retain(|(each, _)| *each != name);
        self.targets.push((name, wanted));
        Ok(())
    }

    /// What Salesforce answers to a call of the connection test.
    fn answer(&self, call: &TestCall) -> TestAnswer {
        let fails = |reason| matches!(self.salesforce, Salesforce::FailsTests(found) if found == reason);
        let refused = match self.salesforce {
            Salesforce::FailsTests(Reason::Salesforce(refusal)) => Some(refusal),
            _ => None,
        };
        match call {
            TestCall::Versions(_) => TestAnswer::Versions(Ok(vec![AvailableVersion {
                version: ApiVersion::new(66),
                label: String::new(),
            }])),
            TestCall::Identity(..) => TestAnswer::Identity(match self.salesforce {
                Salesforce::RejectsTokens => Err(failure(Refusal::SessionExpired)),
                _ => Ok(answered(UserIdentity {
                    organization_id: ORGANIZATION.parse().unwrap(),
                    user_id: USER.parse().unwrap(),
                    username: "robot@green-itr.example".to_owned(),
                    active: Some(true),
                })),
            }),
            TestCall::Organization(..) => TestAnswer::Organization(Box::new(match refused {
                Some(refusal) => Err(failure(refusal)),
                None => Ok(answered(Some(Organization {
                    id: ORGANIZATION.parse().unwrap(),
                    name: "Green ITR".to_owned(),
                    organization_type: "Enterprise Edition".to_owned(),
                    instance_name: None,
                    is_sandbox: fails(OwnReason::EnvironmentMismatch.into()),
                    trial_expiration_date: None,
                    namespace_prefix: None,
                }))),
            })),
        }
    }

    /// The connector as it stands in the API server.
    pub(crate) fn object(&self) -> Value {
        let metadata = json!({ "name": "crm", "namespace": "sales", "generation": self.generation });
        let mut object = json!({ "metadata": metadata, "spec": self.spec, "status": self.status });
        if self.deleting {
            object["metadata"]["deletionTimestamp"] = json!(self.now);
        }
        object
    }

    /// What kstatus says, if that is the truth.
    pub(crate) fn judge(&self) -> Result<Judgement, String> {
        let verdict = kstatus(&self.object());
        if self.deleting != (verdict == Judgement::Terminating) {
            return Err(format!(
                "called {verdict:?} while being deleted is {}",
                self.deleting
            ));
        }
        if verdict != Judgement::Current {
            return Ok(verdict);
        }
        if self.handled.0 != self.generation {
            return Err(format!(
                "called current at generation {}, handled was {}",
                self.generation, self.handled.0
            ));
        }
        if !self.handled.1 {
            return Err("called current although the reconcile didn't find all well".to_owned());
        }
        let ready = self.status.conditions.iter().any(|condition| {
            condition.type_ == "Ready"
                && condition.status == "True"
                && condition.observed_generation == Some(self.generation)
        });
        if ready {
            Ok(verdict)
        } else {
            Err("called current although Ready isn't True for this generation".to_owned())
        }
    }
}
