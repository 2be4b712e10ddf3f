//! One connector with all that it depends on: spec, Secrets, Salesforce, time; and a controller that works on it.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Secret;
use salesforce_client::{AccessToken, HostAllowList, Refusal};
use salesforce_connector_operator::api::reasons::OwnReason;
use salesforce_connector_operator::api::spec::Environment;
use salesforce_connector_operator::api::status::{ExpirySource, StepName, StepResult, TestStep};
use salesforce_connector_operator::api::{Reason, SalesforceConnectorSpec, SalesforceConnectorStatus};
use salesforce_connector_operator::core::conclude::conclude;
use salesforce_connector_operator::core::decide::decide;
use salesforce_connector_operator::core::decide::test_due::meanwhile;
use salesforce_connector_operator::core::grant::shared_session::Siblings;
use salesforce_connector_operator::core::grant::view::{held, renewed_with};
use salesforce_connector_operator::core::model::connector::Connector;
use salesforce_connector_operator::core::model::decision::{Decision, MintReason};
use salesforce_connector_operator::core::model::digest::DigestKey;
use salesforce_connector_operator::core::model::held_token::{Expiration, HeldToken, Identity, Renewal};
use salesforce_connector_operator::core::model::inputs::{Input, Inputs, references};
use salesforce_connector_operator::core::model::observed::{Activity, Knowledge, Observed, Requests};
use salesforce_connector_operator::core::model::outcome::{Minted, Outcome, Problem, SecretOutcome};
use salesforce_connector_operator::core::model::owner::Owner;
use salesforce_connector_operator::core::model::rejection::{Rejection, explain};
use salesforce_connector_operator::core::pass::connection_test::{OrgFacts, TestReport, Verdict};
use salesforce_connector_operator::core::secret::ownership::Target;
use salesforce_connector_operator::core::secret::read_back::read_back;
use salesforce_connector_operator::core::validate::validate;
use salesforce_connector_operator::shell::act::token_was_rejected;
use secrecy::SecretString;
use serde_json::{Value, json};
use std::time::Duration;

use super::grant::{self, Store};
use super::{Judgement, default_status, kstatus};

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
            let brought = json!({ "refreshTokenRef": { "name": "app", "key": "refresh" } });
            json!({ "authorizationCode": { "bootstrap": brought } })
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
            key: DigestKey::new(b"key of the operator"),
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

    /// Observe, decide, act, conclude; the report is an event of its own, so that others can come between.
    fn look(&mut self) -> String {
        if self.deleting {
            return "what is being deleted is left alone".to_owned();
        }
        let mut observed = self.observe();
        let mut decision = decide(&observed, self.now);
        let mut outcome = self.act(&observed, &decision);
        if token_was_rejected(&decision, &outcome) {
            observed.knowledge = Knowledge::TokenRejected;
            let again = decide(&observed, self.now);
            if let Decision::Mint { .. } = again {
                outcome = self.act(&observed, &again).after(outcome);
                decision = again;
            }
        }
        if outcome.tested.is_some() {
            self.last_test = Some(self.now);
        }
        let well = outcome
            .held
            .as_ref()
            .is_some_and(|held| held.expiration.time > self.now)
            && matches!(outcome.secret, SecretOutcome::InStep | SecretOutcome::Untouched)
            && observed.connector.is_ok();
        self.under_way = Some(Report {
            status: conclude(&observed, &decision, &outcome, self.now).status,
            resource_version: self.resource_version,
            generation: observed.generation,
            well,
        });
        format!("looked: {decision:?}")
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
        let connector = validate("crm", &spec, &inputs, &HostAllowList::default(), &self.key);
        let target = connector.as_ref().map_or(Target::Absent, |connector| {
            Target::judge(self.target(&connector.template.name), &owner, &connector.template)
        });
        let view = |connector: &Connector| {
            let floor = self.status.grant_serial;
            self.grant.view(connector, &self.key, floor)
        };
        let grant = connector.as_ref().ok().and_then(view);
        let noted = target.ours().and_then(|secret| read_back(secret, &self.key));
        let held = match (&grant, &connector) {
            (Some(grant), Ok(connector)) => grant
                .state()
                .and_then(|state| held(state, noted.as_ref(), connector)),
            (Some(_) | None, Ok(_) | Err(_)) => noted,
        };
        Observed {
            grant,
            generation: self.generation,
            requests: self.requests.clone(),
            activity: if spec.suspend {
                Activity::Suspended
            } else {
                Activity::Active
            },
            status: self.status.clone(),
            held,
            knowledge: Knowledge::Clean,
            siblings: Siblings::default(),
            claim_told: false,
            last_test: self.last_test,
            resync_period: Duration::from_mins(1),
            owner,
            connector,
            target,
        }
    }

    fn target(&self, name: &str) -> Option<Secret> {
        let found = self.targets.iter().find(|(each, _)| each == name);
        found.map(|(_, secret)| secret.clone())
    }

    /// As the controller acts, against this world.
    fn act(&mut self, observed: &Observed, decision: &Decision) -> Outcome {
        let untouched = Outcome {
            grant: None,
            held: observed.held.clone(),
            minted: None,
            tested: None,
            secret: SecretOutcome::Untouched,
        };
        let Ok(connector) = &observed.connector else {
            return untouched;
        };
        let test_meanwhile = meanwhile(observed, self.now).is_some();
        match decision {
            Decision::Reject(_) if test_meanwhile => self.keep(observed, connector, true),
            Decision::Reject(_) => untouched,
            Decision::Wait(_) if !observed.is_at_work() => untouched,
            Decision::Wait(_) => self.keep(observed, connector, false),
            Decision::Keep { test } => self.keep(observed, connector, test.is_some()),
            Decision::Mint { why } if observed.grant.is_some() => self.renew_grant(observed, connector, *why),
            Decision::Mint { why } => {
                let why = *why;
                if let Salesforce::Refuses(refusal) = self.salesforce {
                    let problem = Problem {
                        reason: refusal.into(),
                        message: explain(refusal.into(), "words"),
                        retry_after: None,
                    };
                    let minted = Some(Minted::Failed { why, problem });
                    let kept = self.keep(observed, connector, test_meanwhile);
                    return Outcome { minted, ..kept };
                }
                let held = self.new_token(connector);
                let report = self.test(connector);
                let secret = self.settle(observed, connector, &held, Some(&report));
                Outcome {
                    grant: None,
                    held: (secret != SecretOutcome::Withheld).then_some(held),
                    minted: Some(Minted::Obtained { why }),
                    tested: Some(report),
                    secret,
                }
            }
        }
    }

    fn renew_grant(&mut self, observed: &Observed, connector: &Connector, why: MintReason) -> Outcome {
        let minted = match self.salesforce {
            Salesforce::KeepsGrantsWaiting => grant::waiting(),
            Salesforce::Refuses(_) => {
                self.grant.died();
                let problem = grant::refused();
                Minted::Failed { why, problem }
            }
            Salesforce::Well | Salesforce::RejectsTokens | Salesforce::FailsTests(_) => {
                Minted::Obtained { why }
            }
        };
        self.grants[0] += usize::from(matches!(minted, Minted::Waiting { .. }));
        if let Minted::Obtained { .. } = minted {
            self.grants[1] += 1;
            self.tokens += 1;
            let token = format!("token-{}", self.tokens);
            self.grant
                .renewed(&observed.owner, connector, &self.key, &token, self.now);
        }
        let told = self.grant.outcome(&observed.owner, connector);
        let noted = observed
            .target
            .ours()
            .and_then(|secret| read_back(secret, &self.key));
        let renewed = self
            .grant
            .state()
            .and_then(|state| held(state, noted.as_ref(), connector));
        let (Some(held), Minted::Obtained { .. }) = (renewed, &minted) else {
            let test_meanwhile = meanwhile(observed, self.now).is_some();
            return Outcome {
                minted: Some(minted),
                tested: test_meanwhile.then(|| self.test(connector)),
                grant: told,
                ..Outcome::untouched(observed.held.clone())
            };
        };
        let held = renewed_with(held, &connector.inputs_digest);
        let report = self.test(connector);
        let secret = self.settle(observed, connector, &held, Some(&report));
        Outcome {
            grant: told,
            held: Some(held),
            minted: Some(minted),
            tested: Some(report),
            secret,
        }
    }

    fn keep(&mut self, observed: &Observed, connector: &Connector, test: bool) -> Outcome {
        let tested = test.then(|| self.test(connector));
        let secret = match &observed.held {
            Some(held) => self.settle(observed, connector, held, tested.as_ref()),
            None => SecretOutcome::Untouched,
        };
        Outcome {
            grant: None,
            held: observed.held.clone(),
            minted: None,
            tested: tested.filter(|_| observed.held.is_some()),
            secret,
        }
    }

    fn settle(
        &mut self,
        observed: &Observed,
        connector: &Connector,
        held: &HeldToken,
        report: Option<&TestReport>,
    ) -> SecretOutcome {
        if !observed.identity_verified(held) && !report.is_some_and(TestReport::environment_holds) {
            return SecretOutcome::Withheld;
        }
        if self.chance.below(20) == 0 {
            return SecretOutcome::Refused(Rejection::new(OwnReason::SecretWriteRefused, "quota"));
        }
        let name = &connector.template.name;
        let secret = connector.template.render(&observed.owner, held, &self.key);
        self.targets.retain(|(each, _)| each != name);
        self.targets.push((name.clone(), secret));
        SecretOutcome::InStep
    }

    fn new_token(&mut self, connector: &Connector) -> HeldToken {
        self.tokens += 1;
        HeldToken {
            token: AccessToken::new(format!("token-{}", self.tokens)),
            instance_url: "https://green-itr.my.salesforce.com".to_owned(),
            issue_time: self.now,
            expiration: Expiration {
                time: self.now + SignedDuration::from_mins(15),
                source: ExpirySource::Assumed,
                renewal: Renewal::Ahead,
            },
            identity: Identity {
                organization_id: "00D000000000001EAA".to_owned(),
                user_id: "005000000000001EAA".to_owned(),
            },
            scopes: vec!["api".to_owned()],
            inputs_digest: connector.inputs_digest.clone(),
            serial: None,
        }
    }

    fn test(&self, connector: &Connector) -> TestReport {
        let step = |name, result, reason: Option<Reason>| TestStep {
            name,
            result,
            reason: reason.map(|reason| reason.as_str().to_owned()),
            message: None,
            remedy: None,
        };
        let mut report = TestReport {
            steps: vec![step(StepName::HostAnswers, StepResult::Passed, None)],
            verdict: Verdict::Succeeded,
            facts: None,
            username: None,
            api_usage: None,
        };
        let failure = match self.salesforce {
            Salesforce::RejectsTokens => {
                let reason = Some(Refusal::SessionExpired.into());
                report
                    .steps
                    .push(step(StepName::TokenAccepted, StepResult::Failed, reason));
                report.verdict = Verdict::TokenRejected {
                    detail: "Session expired or invalid".to_owned(),
                };
                return report;
            }
            Salesforce::FailsTests(reason) => Some(reason),
            Salesforce::Well | Salesforce::Refuses(_) | Salesforce::KeepsGrantsWaiting
                if connector.environment == Environment::Sandbox =>
            {
                Some(OwnReason::EnvironmentMismatch.into())
            }
            Salesforce::Well | Salesforce::Refuses(_) | Salesforce::KeepsGrantsWaiting => None,
        };
        report.steps.push(match failure {
            None => step(StepName::EnvironmentMatches, StepResult::Passed, None),
            Some(reason) => step(StepName::ApiEnabled, StepResult::Failed, Some(reason)),
        });
        match failure {
            None => {
                report.facts = Some(OrgFacts {
                    name: "Green ITR".to_owned(),
                    edition: "Enterprise Edition".to_owned(),
                    instance_name: None,
                    environment: Environment::Live,
                });
            }
            Some(reason) => {
                report.verdict = Verdict::Failed {
                    reason,
                    message: explain(reason, "words"),
                    retry_after: None,
                };
            }
        }
        report
    }

    /// What kstatus says, if that is the truth.
    pub(crate) fn judge(&self) -> Result<Judgement, String> {
        let mut object = json!({ "metadata": { "generation": self.generation }, "status": self.status });
        if self.deleting {
            object["metadata"]["deletionTimestamp"] = json!(self.now);
        }
        let verdict = kstatus(&object);
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
