//! A cluster with one connector, and a Salesforce that answers as it was told to.

use std::collections::VecDeque;
use std::time::Duration;

use redeem::{
    Access, AccessToken, AttemptId, Bootstrap, ClusterUid, CodeAnswer, ConnectorRef, ConnectorSeen, Effect,
    Expect, FreshIds, Grant, GrantId, GrantIdentity, InstallationUid, Introspectable, IntrospectionAnswer,
    LedgerEntry, LedgerKey, Now, OAuthClient, Origin, Read, RedeemAnswer, RefreshToken, Reply,
    ResourceVersion, Serial, Session, SessionGoal, SessionInputs, SessionMemory, SessionOutcome, State,
    StateSeen, TimeLimits, TokenAnswer, Username, WriteReply,
};

pub(crate) type Interfere = Box<dyn FnMut(&Effect) -> Option<Reply>>;

/// More than any session asks for.
const MOST_EFFECTS: u32 = 10_000;

/// Everything around a session.
pub(crate) struct Stage {
    pub(crate) state: Option<State>,
    pub(crate) connector: ConnectorSeen,
    pub(crate) consumer: Option<Serial>,
    /// Says what becomes of an effect instead of what usually does.
    pub(crate) interfere: Interfere,
    /// How many effects were carried out, pauses apart.
    pub(crate) calls: u32,
    /// What becomes of writes of the state, in turn; they land once this is used up.
    pub(crate) writes: VecDeque<Write>,
    pub(crate) ledger: Option<LedgerEntry>,
    /// What Salesforce answers to the refresh tokens presented, in turn.
    pub(crate) answers: VecDeque<RedeemAnswer>,
    /// What it says of the tokens it is asked about, in turn; nothing once this is used up.
    pub(crate) said: VecDeque<IntrospectionAnswer>,
    /// What it says of the users behind access tokens, in turn; no answer once this is used up.
    pub(crate) named: VecDeque<Username>,
    /// The access tokens it was asked about.
    pub(crate) identified: Vec<String>,
    pub(crate) now: Duration,
    /// The refresh tokens presented so far.
    pub(crate) sent: Vec<String>,
    /// How long the answer to each question about a refresh token was waited for.
    pub(crate) asked: Vec<Duration>,
    pub(crate) derived: u32,
    /// What the code of a login brings, in turn.
    pub(crate) codes: VecDeque<CodeAnswer>,
    /// Whether the ledger has entries of other keys.
    pub(crate) other_keys: bool,
    /// Whose connector it was before each claim.
    pub(crate) taken_from: Vec<Option<InstallationUid>>,
    /// How often a code was presented.
    pub(crate) redeemed_codes: u32,
    version: u32,
    sessions: u32,
}

/// What becomes of a write of the state.
pub(crate) enum Write {
    Lands,
    /// Nothing is heard of it, and it never lands.
    Lost,
    /// Nothing is heard of it, and others have written this by the next look, on top of it or instead of it.
    Overtaken(Box<State>),
}

impl Stage {
    /// A connector that this installation has claimed, with this state.
    pub(crate) fn with(state: Option<State>) -> Self {
        let serial = state.as_ref().map_or(Serial(0), |state| state.serial);
        Self {
            state,
            connector: ConnectorSeen {
                uid: "uid".into(),
                resource_version: ResourceVersion::new("1"),
                controller: Some(InstallationUid::new("i")),
                serial: Some(serial),
                taken_over: false,
            },
            consumer: None,
            interfere: Box::new(|_| None),
            calls: 0,
            writes: VecDeque::new(),
            ledger: None,
            answers: VecDeque::new(),
            said: VecDeque::new(),
            named: VecDeque::new(),
            identified: Vec::new(),
            now: Duration::from_secs(1000),
            sent: Vec::new(),
            asked: Vec::new(),
            derived: 0,
            codes: VecDeque::new(),
            other_keys: false,
            taken_from: Vec::new(),
            redeemed_codes: 0,
            version: 1,
            sessions: 0,
        }
    }

    /// Runs a session to its end.
    pub(crate) fn run(&mut self, mut inputs: SessionInputs, memory: SessionMemory) -> SessionOutcome {
        self.sessions += 1;
        inputs.fresh.attempt = AttemptId::new(format!("a{}", self.sessions));
        let mut session = Session::begin(inputs, memory);
        for _ in 0..MOST_EFFECTS {
            let effect = session.next(self.moment());
            if let Effect::Done(outcome) = effect {
                return *outcome;
            }
            if matches!(effect, Effect::Send { .. }) {
                let again = session.next(self.moment());
                assert!(
                    matches!(again, Effect::Pause { .. }),
                    "the token is handed out once"
                );
            }
            let reply = self.reply(effect);
            session.on(reply, self.moment());
        }
        panic!("the session does not end");
    }

    /// The state is written as it is, by somebody else.
    pub(crate) fn restored(&mut self) {
        self.written();
    }

    fn moment(&self) -> Now {
        Now {
            monotonic: self.now,
            lease_left: Duration::from_secs(60),
        }
    }

    fn reply(&mut self, effect: Effect) -> Reply {
        if let Effect::Pause { length } = effect {
            self.now += length;
            return Reply::Paused;
        }
        self.calls += 1;
        if let Some(reply) = (self.interfere)(&effect) {
            return reply;
        }
        match effect {
            Effect::ReadState => Reply::State(Read::Is(match &self.state {
                Some(state) => StateSeen::Found(Box::new(state.clone()), self.current_version()),
                None => StateSeen::Absent,
            })),
            Effect::ReadConnector => Reply::Connector(Read::Is(Some(self.connector.clone()))),
            Effect::ReadConsumer => Reply::Consumer(Read::Is(self.consumer)),
            Effect::ReadLedger { .. } => {
                let entry = self.ledger.clone();
                Reply::Ledger(Read::Is(entry.map(|entry| (entry, self.current_version()))))
            }
            Effect::CreateState { state } | Effect::WriteState { state, .. } => self.write(*state),
            Effect::CreateLedger { .. } if self.ledger.is_some() => Reply::Write(WriteReply::Conflict),
            Effect::CreateLedger { entry, .. } | Effect::MarkLedgerUsed { entry, .. } => {
                self.ledger = Some(entry);
                Reply::Write(WriteReply::Written(self.current_version()))
            }
            Effect::Claim {
                serial, taken_from, ..
            } => {
                self.connector.controller = Some(InstallationUid::new("i"));
                self.connector.taken_over |= taken_from.is_some();
                self.taken_from.push(taken_from);
                self.connector.serial = Some(serial);
                self.written()
            }
            Effect::Announce { serial, .. } => {
                self.connector.serial = Some(serial);
                self.written()
            }
            Effect::FindEntriesOfOtherKeys { .. } | Effect::FindCodeOfOtherKeys { .. } => {
                Reply::EntriesOfOtherKeys(Read::Is(self.other_keys))
            }
            Effect::Introspect { limit, .. } => {
                self.asked.push(limit);
                let said = self.said.pop_front();
                Reply::Introspection(said.unwrap_or(IntrospectionAnswer::NoAnswer))
            }
            Effect::Identify { access } => {
                self.identified.push(access.token.expose_secret().to_owned());
                Reply::Username(self.named.pop_front().unwrap_or(Username::NoAnswer))
            }
            Effect::Send { token, .. } => {
                self.sent.push(token.expose_secret().to_owned());
                Reply::Answer(self.answers.pop_front().expect("an answer prepared"))
            }
            Effect::RedeemCode { .. } => {
                self.redeemed_codes += 1;
                Reply::Code(self.codes.pop_front().expect("an answer prepared"))
            }
            Effect::Derive { .. } => {
                self.derived += 1;
                Reply::Derived
            }
            Effect::Pause { .. } | Effect::Done(_) => Reply::Paused,
        }
    }

    fn write(&mut self, state: State) -> Reply {
        match self.writes.pop_front() {
            None | Some(Write::Lands) => {
                self.state = Some(state);
                self.written()
            }
            Some(Write::Lost) => Reply::Write(WriteReply::Unknown),
            Some(Write::Overtaken(others)) => {
                self.state = Some(*others);
                self.written();
                Reply::Write(WriteReply::Unknown)
            }
        }
    }

    fn written(&mut self) -> Reply {
        self.version += 1;
        Reply::Write(WriteReply::Written(self.current_version()))
    }

    fn current_version(&self) -> ResourceVersion {
        ResourceVersion::new(self.version.to_string())
    }
}

pub(crate) fn user(id: &str) -> GrantIdentity {
    GrantIdentity {
        organization_id: "o".into(),
        user_id: id.into(),
        username: None,
    }
}

pub(crate) fn answer(access: &str, refresh: Option<&str>, of: GrantIdentity) -> TokenAnswer {
    TokenAnswer {
        access_token: AccessToken::new(access),
        refresh_token: refresh.map(RefreshToken::new),
        instance_url: "https://green-itr.my.salesforce.com".into(),
        identity: of,
        scopes: Vec::new(),
        issued_at: None,
        expiration: None,
        received_at: jiff::Timestamp::UNIX_EPOCH,
    }
}

pub(crate) fn inputs(goal: SessionGoal) -> SessionInputs {
    SessionInputs {
        connector: connector(),
        installation: InstallationUid::new("i"),
        heir_of: None,
        cluster: ClusterUid::new("c"),
        goal,
        bootstrap: None,
        expect: Expect::default(),
        client: client(),
        introspectable: Introspectable::Possible,
        limits: limits(),
        fresh: FreshIds {
            attempt: AttemptId::new("a"),
            grant: GrantId::new("g"),
        },
    }
}

/// The app that the grants of these tests were granted to.
pub(crate) fn client() -> OAuthClient {
    OAuthClient {
        host: "acme.my.salesforce.com".into(),
        client_id: "app".into(),
    }
}

fn connector() -> ConnectorRef {
    ConnectorRef {
        uid: "uid".into(),
        namespace: "sales".into(),
        name: "crm".into(),
    }
}

/// The serial of the access token of [`in_use`].
pub(crate) const SEEN: Option<Serial> = Some(Serial(3));

/// A state with the grant of user `u` in use, whose refresh token is `current-0`.
pub(crate) fn in_use() -> State {
    let mut state = State::new(connector(), ClusterUid::new("c"), Serial(3));
    let mut grant = Grant::new(
        GrantId::new("in use"),
        RefreshToken::new("current-0"),
        Origin::Login,
    );
    grant.granted_to = Some(client());
    grant.identity = Some(user("u"));
    grant.rotation = redeem::Rotation::Rotates;
    grant.access = Some(Access {
        token: AccessToken::new("access-0"),
        serial: Serial(3),
        instance_url: "https://green-itr.my.salesforce.com".into(),
        scopes: Vec::new(),
        issued_at: None,
        expiration: None,
        received_at: jiff::Timestamp::UNIX_EPOCH,
        begun_at: jiff::Timestamp::UNIX_EPOCH,
        unknown: redeem::UnknownFields::default(),
    });
    state.pin.clone_from(&grant.identity);
    state.current = Some(grant);
    state
}

/// The operator's key under this id.
pub(crate) fn key(id: &str) -> LedgerKey {
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, b"the operator's own");
    LedgerKey::new(id, key)
}

pub(crate) fn bootstrap() -> Bootstrap {
    Bootstrap::new(&key("k1"), RefreshToken::new("bootstrap-0"))
}

/// The state with a bootstrap token waiting as `candidate`.
pub(crate) fn with_candidate(mut state: State) -> State {
    let bootstrap = bootstrap();
    state.imported = Some(bootstrap.digest.clone());
    state.candidate = Some(Grant::new(
        GrantId::new("waiting"),
        bootstrap.token,
        Origin::Import(bootstrap.digest),
    ));
    state
}

/// The limits of this process.
pub(crate) fn limits() -> TimeLimits {
    TimeLimits::new(Duration::from_secs(30)).unwrap()
}
