//! Forty minutes without an answer from Salesforce, on a clock of the test's own: every wait of the protocol in full, the
//! hold-off and the ever longer pauses between two questions included.
#![expect(clippy::unwrap_used, reason = "this is a test")]

use std::time::Duration;

use jiff::Timestamp;
use redeem::{
    Access, AccessToken, AttemptId, ClusterUid, ConnectorRef, ConnectorSeen, Effect, Expect, FreshIds, Grant,
    GrantId, GrantIdentity, GrantProblem, GrantValidity, InstallationUid, Introspectable,
    IntrospectionAnswer, Now, OAuthClient, Origin, Read, RedeemAnswer, RefreshToken, Reply, ResourceVersion,
    Rotation, Serial, Session, SessionEnd, SessionGoal, SessionInputs, SessionMemory, State, StateSeen,
    TimeLimits, TokenAnswer, WriteReply,
};

const OUTAGE: Duration = Duration::from_mins(40);
const HTTP: Duration = Duration::from_secs(30);

/// One process, one connector, and an API server that does what it is told.
struct World {
    now: Duration,
    salesforce_answers: bool,
    state: State,
    version: u32,
    announced: Serial,
    consumer: Serial,
    memory: SessionMemory,
    sessions: u32,
    /// The refresh tokens that were presented.
    presented: Vec<String>,
    /// Begin and end of each question.
    asked: Vec<(Duration, Duration)>,
}

fn token_answer(number: usize) -> TokenAnswer {
    TokenAnswer {
        access_token: AccessToken::new(format!("access-{number}")),
        refresh_token: Some(RefreshToken::new(format!("refresh-{number}"))),
        instance_url: "https://example.my.salesforce.com".to_owned(),
        identity: GrantIdentity {
            organization_id: "org".into(),
            user_id: "user".into(),
            username: None,
        },
        scopes: Vec::new(),
        issued_at: None,
        expiration: None,
        received_at: Timestamp::UNIX_EPOCH,
    }
}

fn client() -> OAuthClient {
    OAuthClient {
        host: "acme.my.salesforce.com".into(),
        client_id: "app".into(),
    }
}

fn connector() -> ConnectorRef {
    ConnectorRef {
        uid: "uid".into(),
        namespace: "tenant".into(),
        name: "crm".into(),
    }
}

impl World {
    /// A grant in use, whose token was delivered.
    fn with_a_grant() -> Self {
        let answer = token_answer(0);
        let serial = Serial(1);
        let mut state = State::new(connector(), ClusterUid::new("cluster"), serial);
        state.current = Some(Grant {
            id: GrantId::new("grant"),
            refresh_token: RefreshToken::new("refresh-0"),
            origin: Origin::Login,
            access: Some(Access {
                token: answer.access_token,
                serial,
                instance_url: answer.instance_url,
                scopes: Vec::new(),
                issued_at: None,
                expiration: None,
                received_at: answer.received_at,
                begun_at: answer.received_at,
                unknown: redeem::UnknownFields::default(),
            }),
            granted_to: Some(client()),
            identity: Some(answer.identity),
            rotation: Rotation::Rotates,
            attempt: None,
            stored_attempt: None,
            validity: GrantValidity::Valid,
            refused_as: None,
            unknown: redeem::UnknownFields::default(),
        });
        Self {
            now: Duration::from_hours(1),
            salesforce_answers: false,
            state,
            version: 1,
            announced: serial,
            consumer: serial,
            memory: SessionMemory::default(),
            sessions: 0,
            presented: Vec::new(),
            asked: Vec::new(),
        }
    }

    /// One session that is to renew the grant.
    fn renew(&mut self) -> SessionEnd {
        self.sessions += 1;
        let inputs = SessionInputs {
            connector: connector(),
            installation: InstallationUid::new("installation"),
            heir_of: None,
            cluster: ClusterUid::new("cluster"),
            goal: SessionGoal::Renew {
                seen: Some(self.consumer),
            },
            bootstrap: None,
            expect: Expect::default(),
            client: client(),
            introspectable: Introspectable::Possible,
            limits: TimeLimits::new(HTTP).unwrap(),
            fresh: FreshIds {
                attempt: AttemptId::new(format!("attempt-{}", self.sessions)),
                grant: GrantId::new(format!("grant-{}", self.sessions)),
            },
        };
        let mut session = Session::begin(inputs, self.memory.clone());
        loop {
            let effect = session.next(self.moment());
            if let Effect::Done(outcome) = effect {
                self.memory = outcome.memory;
                return outcome.end;
            }
            let reply = self.perform(effect);
            session.on(reply, self.moment());
        }
    }

    fn moment(&self) -> Now {
        Now {
            monotonic: self.now,
            lease_left: Duration::MAX,
        }
    }

    fn perform(&mut self, effect: Effect) -> Reply {
        match effect {
            Effect::ReadState => Reply::State(Read::Is(StateSeen::Found(
                Box::new(self.state.clone()),
                self.version(),
            ))),
            Effect::ReadConnector => Reply::Connector(Read::Is(Some(ConnectorSeen {
                uid: "uid".into(),
                resource_version: self.version(),
                controller: Some(InstallationUid::new("installation")),
                serial: Some(self.announced),
                taken_over: false,
            }))),
            Effect::ReadConsumer => Reply::Consumer(Read::Is(Some(self.consumer))),
            Effect::Announce { serial, .. } => {
                self.announced = serial;
                self.written()
            }
            Effect::WriteState {
                state,
                resource_version,
            } => {
                assert_eq!(resource_version, self.version());
                self.state = *state;
                self.written()
            }
            Effect::Derive { state } => {
                self.consumer = state.access().unwrap().serial;
                Reply::Derived
            }
            Effect::Pause { length } => {
                self.now += length;
                Reply::Paused
            }
            Effect::Send { token, .. } => {
                self.presented.push(token.expose_secret().to_owned());
                if self.salesforce_answers {
                    let number = self.presented.len();
                    return Reply::Answer(RedeemAnswer::Granted(Box::new(token_answer(number))));
                }
                self.now += HTTP;
                Reply::Answer(RedeemAnswer::Unclear)
            }
            Effect::Introspect { .. } if self.salesforce_answers => {
                Reply::Introspection(IntrospectionAnswer::Active)
            }
            Effect::Introspect { .. } => {
                let begin = self.now;
                self.now += HTTP;
                self.asked.push((begin, self.now));
                Reply::Introspection(IntrospectionAnswer::NoAnswer)
            }
            effect => unreachable!("a renewal does not ask for {effect:?}"),
        }
    }

    fn version(&self) -> ResourceVersion {
        ResourceVersion::new(self.version.to_string())
    }

    fn written(&mut self) -> Reply {
        self.version += 1;
        Reply::Write(WriteReply::Written(self.version()))
    }
}

/// How long it is until the next session, as the operator takes it from a conclusion.
fn rest(end: SessionEnd) -> Duration {
    match end {
        SessionEnd::Waiting { length, .. } => length,
        SessionEnd::Problem { ask_again, .. } => ask_again.expect("asking can mend it"),
        SessionEnd::Ready | SessionEnd::Unspent | SessionEnd::ConnectorGone => {
            unreachable!("Salesforce has not answered: {end:?}")
        }
    }
}

#[test]
fn forty_minutes_without_answers_end_in_no_reauthorization_and_one_presented_token() {
    let mut world = World::with_a_grant();
    let begin = world.now;
    while world.now < begin + OUTAGE {
        let end = world.renew();
        let problem = match end {
            SessionEnd::Problem { problem, .. } => Some(problem),
            _ => None,
        };
        assert!(
            matches!(problem, None | Some(GrantProblem::OutcomeUnknown)),
            "{end:?} after {:?}",
            world.now.saturating_sub(begin)
        );
        world.now += rest(end);
    }
    assert_eq!(world.presented, ["refresh-0"]);
    let pauses: Vec<u64> = world
        .asked
        .windows(2)
        .map(|pair| pair[1].0.saturating_sub(pair[0].1).as_secs())
        .collect();
    assert_eq!(pauses, [15, 30, 60, 120, 240, 480, 900]);

    // Salesforce had never seen the request; now it says that the token is good.
    world.salesforce_answers = true;
    assert_eq!(world.renew(), SessionEnd::Ready);
    assert_eq!(world.presented, ["refresh-0", "refresh-0"]);
    let grant = world.state.current.as_ref().unwrap();
    assert_eq!(grant.refresh_token.expose_secret(), "refresh-2");
    assert_eq!(grant.attempt, None);
    assert_eq!(world.consumer, grant.access.as_ref().unwrap().serial);
}
