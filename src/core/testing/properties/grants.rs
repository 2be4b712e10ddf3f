//! A grant that is good is used before it lapses, whatever else is open: decisions and sessions of the redeem protocol
//! together, on a cluster and a Salesforce that answer at once.

use std::collections::HashMap;

use redeem::{
    Access, Bootstrap, ClusterUid, ConnectorSeen, Effect as Step, FreshIds, GrantId, GrantProblem,
    GrantValidity, InstallationUid, IntrospectionAnswer, LedgerEntry, LedgerPhase, Now, Read, RedeemAnswer,
    RefreshToken, Reply as Answered, ResourceVersion, Serial, Session, SessionMemory, State, StateSeen,
    TimeLimits, TokenAnswer, WriteReply,
};
use serde_json::json;

use super::*;
use crate::api::reasons::OwnReason;
use crate::core::grant::claim::Claim;
use crate::core::grant::session_report::SessionReport;
use crate::core::grant::view::{GrantView, token_of_state};
use crate::core::model::rejection::Rejection;
use crate::core::pass::{LiveStatus, SessionOrder, SessionReply};
use crate::core::schedule::time::signed;
use crate::core::secret::ownership::Target;
use crate::core::secret::read_back::read_back;

/// What was supplied beside the grant in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bootstrapped {
    Nothing,
    /// Another connector has imported it.
    Used,
    /// Salesforce says that it isn't active.
    Inactive,
    /// It is another user's.
    SomebodyElses,
    /// Salesforce refuses the user.
    UserInactive,
    /// It is as it should be.
    Good,
}

impl Bootstrapped {
    fn token(self) -> Option<RefreshToken> {
        (self != Self::Nothing).then(|| RefreshToken::new(format!("{self:?}")))
    }
}

struct World {
    observed: Observed,
    supplied: Bootstrapped,
    state: State,
    version: u64,
    ledger: HashMap<String, LedgerEntry>,
    memory: SessionMemory,
    sessions: u32,
    /// When the grant that was in use at first was presented.
    used: Vec<Timestamp>,
    /// Tokens that Salesforce has granted.
    granted: u32,
    /// What it has refused in the session in progress.
    refusals: Vec<(Option<GrantId>, salesforce_client::Failure)>,
}

impl World {
    fn new(supplied: Bootstrapped, told: Option<(GrantProblem, bool)>) -> Self {
        let mut observed = fixtures::granted(&json!({}), GrantValidity::Valid);
        observed.status.grant_serial = Some(3);
        let bootstrap = supplied
            .token()
            .map(|token| Bootstrap::new(fixtures::key().ledger(), token));
        let mut ledger = HashMap::new();
        if let Some(used) = bootstrap.as_ref().filter(|_| supplied == Bootstrapped::Used) {
            let entry = LedgerEntry {
                connector_uid: "another".into(),
                phase: LedgerPhase::Used(GrantId::new("another")),
            };
            ledger.insert(format!("ledger-{}", used.digest.as_str()), entry);
        }
        fixtures::grant_mut(&mut observed).view.bootstrap = bootstrap.map(|bootstrap| bootstrap.digest);
        if let Some((problem, again)) = told {
            let next = again.then(|| after(900));
            observed.status.failures = Some(fixtures::failures(of(&observed), problem, next));
        }
        Self {
            observed,
            supplied,
            state: fixtures::state(GrantValidity::Valid),
            version: 7,
            ledger,
            memory: SessionMemory::default(),
            sessions: 0,
            used: Vec::new(),
            granted: 0,
            refusals: Vec::new(),
        }
    }

    /// A renewal has broken off: its attempt stands announced, and whoever was at it is gone.
    fn broken_off(mut self) -> Self {
        let attempt = redeem::Attempt {
            id: redeem::AttemptId::new("broken off"),
            serial: Serial(4),
            phase: redeem::AttemptPhase::Open,
            hold_off_seconds: 0,
            client: None,
            unknown: redeem::UnknownFields::default(),
        };
        self.state.serial = attempt.serial;
        self.state.current.as_mut().unwrap().attempt = Some(attempt);
        self.observed.status.grant_serial = Some(4);
        self.look();
        self
    }

    /// One pass; the time of the next.
    fn reconcile(&mut self, now: Timestamp) -> Timestamp {
        let observed = self.observed.clone();
        let ran = driver::run_with(&observed, now, |effect| match effect {
            PassEffect::RunSession(order) => Some(PassReply::Session(Box::new(self.session(order, now)))),
            PassEffect::ReadStatus => Some(PassReply::Status(Some(Box::new(LiveStatus {
                leads: true,
                status: self.observed.status.clone(),
                resource_version: None,
            })))),
            // Nobody says when a token expires.
            PassEffect::Introspect { .. } => Some(PassReply::Introspection(None)),
            _ => None,
        });
        let next = now + signed(ran.report().next);
        self.observed = ran.left;
        self.look();
        next
    }

    fn look(&mut self) {
        let digest = self
            .supplied
            .token()
            .map(|token| Bootstrap::new(fixtures::key().ledger(), token).digest);
        let copied = self.copied_serial().unwrap_or_default();
        let in_status = self
            .observed
            .status
            .grant_serial
            .and_then(|serial| u64::try_from(serial).ok());
        let view = GrantView {
            state: self.seen(),
            revoke_at: None,
            bootstrap: digest,
            floor: copied.max(Serial(in_status.unwrap_or_default())),
            cluster: fixtures::cluster(),
            claim: Claim::Open,
        };
        fixtures::grant_mut(&mut self.observed).view = view;
        fixtures::grant_mut(&mut self.observed).settings.bootstrap = self
            .supplied
            .token()
            .map(|token| salesforce_client::RefreshToken::new(token.expose_secret().to_owned()));
        let noted = self
            .observed
            .target
            .ours()
            .and_then(|secret| read_back(secret, &fixtures::key()));
        self.observed.held = token_of_state(&self.state, noted.as_ref(), of(&self.observed));
    }

    fn copied_serial(&self) -> Option<Serial> {
        let secret = self.observed.target.ours()?;
        let serial = secret
            .metadata
            .annotations
            .as_ref()?
            .get(crate::api::names::SERIAL)?;
        serial.parse().ok().map(Serial)
    }

    fn seen(&self) -> StateSeen {
        StateSeen::Found(
            Box::new(self.state.clone()),
            ResourceVersion::new(self.version.to_string()),
        )
    }

    fn session(&mut self, order: &SessionOrder, now: Timestamp) -> SessionReply {
        self.sessions += 1;
        let granted = self.granted;
        let inputs = redeem::SessionInputs {
            connector: self.state.connector.clone(),
            installation: InstallationUid::new("ours"),
            heir_of: None,
            cluster: ClusterUid::new(fixtures::cluster().as_str()),
            goal: order.goal.clone(),
            bootstrap: order.bootstrap.clone(),
            expect: order.expect.clone(),
            client: order.client.clone(),
            introspectable: order.introspectable,
            limits: TimeLimits::new(Duration::from_secs(30)).unwrap(),
            fresh: FreshIds {
                attempt: redeem::AttemptId::new(format!("attempt-{}", self.sessions)),
                grant: GrantId::new(format!("grant-{}", self.sessions)),
            },
        };
        let clock = Now {
            monotonic: Duration::from_secs(u64::try_from(now.as_second()).unwrap()),
            lease_left: Duration::MAX,
        };
        let mut session = Session::begin(inputs, std::mem::take(&mut self.memory));
        loop {
            match session.next(clock) {
                Step::Done(outcome) => {
                    self.memory = outcome.memory.clone();
                    return SessionReply::Ended(SessionReport {
                        outcome: *outcome,
                        granted: self.granted > granted,
                        refusals: std::mem::take(&mut self.refusals),
                        unanswered: None,
                        unavailable: None,
                        login_failure: None,
                    });
                }
                step => session.on(self.reply(step, now), clock),
            }
        }
    }

    fn reply(&mut self, step: Step, now: Timestamp) -> Answered {
        match step {
            Step::ReadState => Answered::State(Read::Is(self.seen())),
            Step::ReadConnector => Answered::Connector(Read::Is(Some(self.connector_seen()))),
            Step::ReadConsumer => Answered::Consumer(Read::Is(self.copied_serial())),
            Step::Claim { serial, .. } | Step::Announce { serial, .. } => {
                self.observed.status.grant_serial = Some(i64::try_from(serial.0).unwrap());
                written()
            }
            Step::CreateLedger { name, entry } => {
                if self.ledger.contains_key(name.as_str()) {
                    return Answered::Write(WriteReply::Conflict);
                }
                self.ledger.insert(name.as_str().to_owned(), entry);
                written()
            }
            Step::ReadLedger { name } => {
                let entry = self.ledger.get(name.as_str()).cloned();
                Answered::Ledger(Read::Is(entry.map(|entry| (entry, ResourceVersion::new("1")))))
            }
            Step::FindEntriesOfOtherKeys { .. } | Step::FindCodeOfOtherKeys { .. } => {
                Answered::EntriesOfOtherKeys(Read::Is(false))
            }
            Step::MarkLedgerUsed { name, entry, .. } => {
                self.ledger.insert(name.as_str().to_owned(), entry);
                written()
            }
            Step::CreateState { state } | Step::WriteState { state, .. } => {
                self.state = *state;
                self.version += 1;
                Answered::Write(WriteReply::Written(ResourceVersion::new(
                    self.version.to_string(),
                )))
            }
            Step::Introspect { token, .. } => {
                Answered::Introspection(if token.expose_secret() == "Inactive" {
                    IntrospectionAnswer::Inactive
                } else {
                    IntrospectionAnswer::Active
                })
            }
            Step::Identify { .. } => Answered::Username(redeem::Username::NoAnswer),
            Step::Send { token, .. } => Answered::Answer(self.answer(token.expose_secret(), now)),
            Step::RedeemCode { .. } => Answered::Code(redeem::CodeAnswer::Failed),
            Step::Derive { .. } => Answered::Derived,
            Step::Pause { .. } | Step::Done(_) => Answered::Paused,
        }
    }

    fn connector_seen(&self) -> ConnectorSeen {
        let serial = self
            .observed
            .status
            .grant_serial
            .and_then(|serial| u64::try_from(serial).ok());
        ConnectorSeen {
            uid: self.state.connector.uid.clone(),
            resource_version: ResourceVersion::new("1"),
            controller: Some(InstallationUid::new("ours")),
            serial: serial.map(Serial),
            taken_over: false,
        }
    }

    fn answer(&mut self, token: &str, now: Timestamp) -> RedeemAnswer {
        assert_ne!(token, "Used", "a token that is refused unpresented");
        if token == "UserInactive" {
            let failure = fixtures::failure(Refusal::UserInactive);
            self.refusals.push((None, failure));
            return RedeemAnswer::Refused(redeem::RedeemRefusal::Unspent);
        }
        self.granted += 1;
        let user = if token.starts_with("SomebodyElses") {
            "005000000000001AAA"
        } else {
            fixtures::USER
        };
        if token.starts_with("refresh") {
            self.used.push(now);
        }
        let Access {
            instance_url, scopes, ..
        } = fixtures::access("");
        RedeemAnswer::Granted(Box::new(TokenAnswer {
            access_token: redeem::AccessToken::new(format!("00Dx!{token}+")),
            refresh_token: Some(RefreshToken::new(format!("{token}+"))),
            instance_url,
            identity: fixtures::user(user),
            scopes,
            issued_at: None,
            expiration: None,
            received_at: now,
        }))
    }
}

fn written() -> Answered {
    Answered::Write(WriteReply::Written(ResourceVersion::new("1")))
}

fn supplied() -> impl Strategy<Value = Bootstrapped> {
    use Bootstrapped::{Good, Inactive, Nothing, SomebodyElses, Used, UserInactive};
    proptest::sample::select(vec![Nothing, Used, Inactive, SomebodyElses, UserInactive, Good])
}

/// What was once told of the grant, and is over; whether another attempt was promised.
fn told() -> impl Strategy<Value = Option<(GrantProblem, bool)>> {
    let problem = proptest::sample::select(GrantProblem::ALL.to_vec());
    prop_oneof![Just(None), (problem, any::<bool>()).prop_map(Some)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_good_grant_is_used_before_its_token_expires_and_the_connector_stays_or_becomes_ready(
        supplied in supplied(), told in told(), begin in 1..300_i64,
    ) {
        let mut world = World::new(supplied, told);
        let mut now = after(begin);
        let mut ready = true;
        // A new token is taken to live for a quarter of an hour.
        while now < after(3 * 3600) {
            let expires = world.observed.held.as_ref().unwrap().expiration.time;
            prop_assert!(now < expires, "the token has expired at {now}: {supplied:?} {told:?}");
            now = world.reconcile(now);
            let condition = &world.observed.status.conditions[0];
            ready = condition.status == "True";
            prop_assert!(ready || told.is_some_and(|(_, again)| again) && now <= after(1800), "{condition:?} at {now}");
        }
        prop_assert!(ready);
        let enough = if supplied == Bootstrapped::Good { 0 } else { 12 };
        prop_assert!(world.used.len() >= enough, "{:?}", world.used);
        // What is refused is said, and looked into seldom.
        let said = world.observed.status.candidate_grant_failures.map(|failures| failures.reason);
        let expected = match supplied {
            Bootstrapped::Nothing | Bootstrapped::Good => None,
            Bootstrapped::Used => Some("BootstrapTokenUsed"),
            Bootstrapped::Inactive => Some("BootstrapTokenInactive"),
            Bootstrapped::SomebodyElses => Some("WrongIdentity"),
            Bootstrapped::UserInactive => Some("UserInactive"),
        };
        prop_assert_eq!(said.as_deref(), expected);
        prop_assert!(world.sessions < 30, "{} sessions", world.sessions);
    }

    #[test]
    fn a_renewal_that_broke_off_is_made_up_for_before_its_token_expires(
        told in told(), begin in 1..700_i64,
    ) {
        let mut world = World::new(Bootstrapped::Nothing, told).broken_off();
        // Neither the resync nor a test comes to the rescue.
        world.observed.resync_period = Duration::from_hours(1);
        fixtures::of_mut(&mut world.observed).test_interval = Duration::from_hours(24);
        let (mut now, mut looks) = (after(begin), 0);
        while now < after(3 * 3600) {
            let expires = world.observed.held.as_ref().unwrap().expiration.time;
            prop_assert!(now < expires, "the token has expired at {now}: {told:?}");
            now = world.reconcile(now);
            looks += 1;
        }
        // A renewal comes with two, and the first with a few more.
        prop_assert!(looks < 60, "{looks} looks");
        prop_assert!(world.used.len() >= 12, "{:?}", world.used);
    }

    #[test]
    fn an_interrupted_renewal_is_resolved_even_if_its_token_is_not_wanted(
        told in told(), supplied in supplied(), suspended in any::<bool>(), begin in 1..700_i64,
    ) {
        let mut world = World::new(supplied, told).broken_off();
        world.observed.resync_period = Duration::from_hours(1);
        if suspended {
            world.observed.activity = Activity::Suspended;
        } else {
            world.observed.target = Target::Refused(Rejection::new(OwnReason::SecretNotOwned, ""));
        }
        let (begin, mut now, mut looks) = (after(begin), after(begin), 0);
        while now < begin + signed(Duration::from_hours(3)) {
            now = world.reconcile(now);
            looks += 1;
            if now > begin + signed(Duration::from_mins(1)) {
                let attempt = world.state.current.as_ref().unwrap().attempt.as_ref();
                prop_assert_eq!(attempt, None, "{} {:?} {:?}", now, told, supplied);
            }
        }
        prop_assert!(looks < 12, "{looks} looks");
        prop_assert_eq!((world.used, world.granted), (vec![], 0), "nothing is presented");
    }
}
