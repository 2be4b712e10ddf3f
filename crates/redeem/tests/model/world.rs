//! The whole abstract world: cluster, Salesforce, two or three controllers, people, and time.

use std::sync::OnceLock;
use std::time::Duration;

use redeem::{
    AttemptId, AttemptPhase, Bootstrap, ClusterUid, ConnectorRef, Expect, FreshIds, GrantId, InstallationUid,
    Introspectable, LedgerKey, Now, OAuthClient, RefreshToken, Serial, Session, SessionEnd, SessionGoal,
    SessionInputs, SessionMemory, State, TimeLimits,
};
use ring::hmac;

use crate::cluster::{Cluster, Connector, Consumer, Key, Op};
use crate::salesforce::{Family, Salesforce, numbers, token};
use crate::shared::Shared;
use crate::tally::{Event, Tally};
use crate::transitions::Transitions;
use crate::variant::Variant;

/// Bound of one token request in the model.
pub(crate) const HTTP: Duration = Duration::from_secs(30);

/// That of controller 1 where [`Config::unequal`].
const SHORTER: Duration = Duration::from_secs(8);

/// How many controllers there are at most: two replicas, and one more whose session goes on when it should be over.
pub(crate) const CONTROLLERS: usize = 3;

/// Steps within which an undisturbed session ends.
pub(crate) const STEPS: u32 = 200;

/// What stays as it is throughout a schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Config {
    pub(crate) rotates: bool,
    pub(crate) asking: Asking,
    /// Whether `spec.expect` names the expected user, so that Salesforce must be asked who a grant belongs to.
    pub(crate) named: bool,
    /// 1: all controllers are replicas of one installation; 2: the second is an installation of its own.
    pub(crate) installations: usize,
    /// Two, or [`CONTROLLERS`].
    pub(crate) controllers: usize,
    /// Whether controller 1 gives a token request less time than the others do.
    pub(crate) unequal: bool,
    pub(crate) start: Start,
    pub(crate) variant: Variant,
}

impl Config {
    /// Bound of a token request of this controller.
    fn http(self, controller: usize) -> Duration {
        if self.unequal && controller == 1 {
            SHORTER
        } else {
            HTTP
        }
    }
}

/// What Salesforce says when it is asked about a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Asking {
    /// The truth.
    Answered,
    /// There is no client secret to ask with.
    NoSecret,
    /// Nothing: this app may not ask.
    Refused,
}

/// Where a schedule starts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Start {
    /// A grant that was redeemed and derived.
    Redeemed,
    /// A bootstrap token and nothing else.
    NotImported,
}

/// Something that must never be, whatever happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Violation {
    /// The code of a login was presented twice.
    CodeReplayed,
    /// A spent token was presented outside the documented windows, which revokes the family.
    Replay,
    /// A token that stood in the state Secret was replaced by an older one, or dropped.
    StoredResultLost,
    /// Something was derived from a result that was never stored.
    DerivedBeforeStored,
    /// Another user's token reached the consumer.
    WrongUserDerived,
    /// Another user's grant took the place of the one in use.
    WrongUserPromoted,
    /// A session that says that the state is gone or old while nobody has touched it.
    FalseAlarm,
    /// A schedule that doesn't come to rest.
    NeverSettles,
    /// A schedule that comes to rest in a state that what happened doesn't account for.
    WrongEnding,
}

/// What happened, for judging the ending.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts")]
pub(crate) struct Ghost {
    pub(crate) deleted: bool,
    pub(crate) lapsed: bool,
    pub(crate) restored: bool,
    pub(crate) recreated: bool,
    pub(crate) imported_again: bool,
    /// The second installation was told to take the first one's connectors over.
    pub(crate) handed_over: bool,
    /// A claim was removed.
    pub(crate) unclaimed: bool,
    /// A token of another user came in.
    pub(crate) other_user: bool,
    /// The digest key was replaced: the ledger of before can't be looked into.
    pub(crate) other_key: bool,
    /// A crash or an unclear answer: an attempt may stand unresolved.
    pub(crate) unclear: bool,
    /// The grant that came into the state last.
    pub(crate) newest: Option<Family>,
    /// User of the first token that reached the consumer; the pin goes with the state Secret.
    pub(crate) pinned: Option<usize>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum ControllerPhase {
    Idle,
    Running(Shared<Session>),
    /// The send window was checked; the request isn't on the wire yet.
    Checked {
        session: Shared<Session>,
        token: RefreshToken,
        at: Duration,
    },
    /// The request is under way.
    Sent {
        session: Shared<Session>,
        request: u32,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Controller {
    pub(crate) phase: ControllerPhase,
    pub(crate) memory: Shared<SessionMemory>,
    pub(crate) leads: bool,
    pub(crate) paused: bool,
    pub(crate) sessions: u32,
    pub(crate) last: Option<SessionEnd>,
    /// Its cache: uid, serial of the access token, bootstrap token, login; as old as the last session.
    pub(crate) cache: Cache,
    /// What a broken variant makes up or holds back.
    pub(crate) pretend: Option<Shared<State>>,
    /// How often a broken variant has sent again in this session.
    pub(crate) retries: u8,
}

/// The operator's digest key, and the one that is made where it was lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum DigestKey {
    #[default]
    First,
    Second,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Cache {
    pub(crate) uid: u32,
    pub(crate) seen: Option<Serial>,
    pub(crate) bootstrap: Option<Family>,
    /// A login whose code waits to be redeemed.
    pub(crate) login: Option<Family>,
    /// The digest key.
    pub(crate) digest_key: DigestKey,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct World {
    pub(crate) config: Config,
    pub(crate) now: Duration,
    pub(crate) cluster: Shared<Cluster>,
    pub(crate) salesforce: Shared<Salesforce>,
    pub(crate) controllers: [Shared<Controller>; CONTROLLERS],
    /// The token in the bootstrap Secret: the first of this family.
    pub(crate) bootstrap: Option<Family>,
    /// The login that a person asks to be carried out; nothing once the status says what came of it.
    pub(crate) login: Option<Family>,
    /// The digest key in use.
    pub(crate) digest_key: DigestKey,
    /// The uid given last.
    pub(crate) last_uid: u32,
    /// Earlier contents of state Secrets.
    pub(crate) backups: Shared<Vec<(Key, Shared<State>)>>,
    /// How many backups are kept.
    pub(crate) backups_kept: usize,
    pub(crate) ghost: Ghost,
    pub(crate) violation: Option<Violation>,
    pub(crate) transitions: Transitions,
}

fn limits(http: Duration) -> TimeLimits {
    TimeLimits::new(http).unwrap()
}

impl World {
    pub(crate) fn new(config: Config, backups_kept: usize) -> Self {
        let controller = || Controller {
            phase: ControllerPhase::Idle,
            memory: Shared::new(SessionMemory::default()),
            leads: true,
            paused: false,
            sessions: 0,
            last: None,
            cache: Cache::default(),
            pretend: None,
            retries: 0,
        };
        let mut world = Self {
            config,
            now: Duration::from_secs(1000),
            cluster: Shared::new(Cluster::default()),
            salesforce: Shared::new(Salesforce::new(config.rotates)),
            controllers: std::array::from_fn(|_| Shared::new(controller())),
            bootstrap: None,
            login: None,
            digest_key: DigestKey::First,
            last_uid: 0,
            backups: Shared::new(Vec::new()),
            backups_kept,
            ghost: Ghost::default(),
            violation: None,
            transitions: Transitions::default(),
        };
        let version = world.cluster.new_version();
        world.cluster.connector = Some(Connector {
            uid: 0,
            version,
            controller: None,
            serial: None,
            taken_over: false,
        });
        world.bootstrap = Some(world.salesforce.login(0));
        match config.start {
            Start::NotImported => {}
            Start::Redeemed => world.redeem_first(),
        }
        for c in 0..CONTROLLERS {
            world.refresh_cache(c);
        }
        world
    }

    /// Brings the first grant in through one undisturbed session.
    fn redeem_first(&mut self) {
        let mut tally = Tally::new();
        // Nobody had named a user then.
        let named = std::mem::replace(&mut self.config.named, false);
        let variant = std::mem::replace(&mut self.config.variant, Variant::Shipped);
        self.drive(0, &mut tally, STEPS);
        self.config.variant = variant;
        self.config.named = named;
        self.controllers[0].memory = Shared::new(SessionMemory::default());
        assert_eq!(
            self.controllers[0].last,
            Some(SessionEnd::Ready),
            "the undisturbed start"
        );
    }

    pub(crate) fn installation(&self, controller: usize) -> usize {
        controller % self.config.installations
    }

    pub(crate) fn installation_uid(&self, controller: usize) -> InstallationUid {
        InstallationUid::new(["i0", "i1"][self.installation(controller)])
    }

    pub(crate) fn key(&self, controller: usize, uid: u32) -> Key {
        (self.installation(controller), uid)
    }

    pub(crate) fn uid(&self) -> u32 {
        self.cluster
            .connector
            .as_ref()
            .map_or(self.last_uid, |connector| connector.uid)
    }

    pub(crate) fn now(&self, controller: usize) -> Now {
        let lease_left = Duration::from_secs(if self.controllers[controller].leads {
            600
        } else {
            0
        });
        // Without hold-off, whatever was seen in an earlier session counts as old enough.
        let held_off = match self.config.variant {
            Variant::NoHoldOff => false,
            Variant::OldStateAtOnce => !self.has_old_state(controller),
            _ => true,
        };
        let skew = if held_off {
            Duration::ZERO
        } else {
            TimeLimits::longest_hold_off() * self.controllers[controller].sessions
        };
        Now {
            monotonic: self.now + skew,
            lease_left,
        }
    }

    fn has_old_state(&self, controller: usize) -> bool {
        let key = self.key(controller, self.uid());
        let state = self.cluster.state(key);
        state.is_some_and(|(state, _)| self.is_known_for_old(key, state))
    }

    pub(crate) fn refresh_cache(&mut self, controller: usize) {
        let uid = self.uid();
        let state = self.cluster.state(self.key(controller, uid));
        let seen = state
            .and_then(|(state, _)| state.access())
            .map(|access| access.serial);
        self.controllers[controller].cache = Cache {
            uid,
            seen,
            bootstrap: self.bootstrap,
            login: self.login,
            digest_key: self.digest_key,
        };
    }

    /// How long after its check a request of this controller may be under way.
    pub(crate) fn patience(&self, controller: usize) -> Duration {
        self.config.http(controller) + redeem::HOLD_OFF_MARGIN
    }

    /// Starts a session from the controller's cache.
    pub(crate) fn begin(&mut self, c: usize, renew: bool) {
        let installation = self.installation_uid(c);
        let Config { asking, named, .. } = self.config;
        let heir_of =
            (self.ghost.handed_over && self.installation(c) == 1).then(|| InstallationUid::new("i0"));
        let controller = &mut self.controllers[c];
        let Cache {
            uid,
            seen,
            bootstrap,
            login,
            digest_key,
        } = controller.cache;
        let goal = match login {
            Some(family) => SessionGoal::Login(bootstrap_of(family, digest_key).digest),
            None if renew => SessionGoal::Renew { seen },
            None => SessionGoal::Settle,
        };
        let number = controller.sessions;
        controller.sessions += 1;
        let inputs = SessionInputs {
            connector: ConnectorRef {
                uid: uid_text(uid),
                namespace: "".into(),
                name: "".into(),
            },
            installation,
            heir_of,
            cluster: ClusterUid::new("c"),
            goal,
            bootstrap: bootstrap.map(|family| bootstrap_of(family, digest_key)),
            expect: Expect {
                organization_id: None,
                username: named.then(|| username(0).to_owned()),
            },
            client: OAuthClient {
                host: "".into(),
                client_id: "".into(),
            },
            introspectable: match asking {
                Asking::Answered | Asking::Refused => Introspectable::Possible,
                Asking::NoSecret => Introspectable::Impossible,
            },
            limits: limits(self.config.http(c)),
            fresh: FreshIds {
                attempt: AttemptId::new(format!("a{c}{number}")),
                grant: GrantId::new(format!("g{c}{number}")),
            },
        };
        controller.phase = ControllerPhase::Running(Shared::new(Session::begin(
            inputs,
            SessionMemory::clone(&controller.memory),
        )));
    }

    /// Lands a write of a controller, and checks what must hold of it.
    pub(crate) fn land(&mut self, op: Op, tally: &mut Tally) -> redeem::WriteReply {
        let change = match &op {
            Op::State { key, state, .. } => Some((*key, state.clone())),
            Op::CreateLedger { .. } | Op::MarkLedger { .. } | Op::Claim { .. } | Op::Announce { .. } => None,
        };
        let before = change
            .as_ref()
            .and_then(|(key, _)| Some(self.cluster.state(*key)?.0.clone()));
        let reply = self.cluster.apply(op);
        if reply == redeem::WriteReply::Conflict {
            tally.count(Event::Conflict);
        }
        if let (redeem::WriteReply::Written(_), Some((key, after))) = (&reply, change) {
            self.state_written(key, before, &after, tally);
        }
        reply
    }

    pub(crate) fn state_written(
        &mut self,
        key: Key,
        before: Option<Shared<State>>,
        after: &State,
        tally: &mut Tally,
    ) {
        if before
            .as_ref()
            .is_some_and(|before| self.loses(key, before, after))
        {
            self.violate(Violation::StoredResultLost);
        }
        if let Some(incoming) = incoming(before.as_deref(), after) {
            self.ghost.newest = Some(numbers(&incoming.refresh_token).0);
        }
        let user = |state: &State| {
            let (family, _) = numbers(&state.current.as_ref()?.refresh_token);
            Some(self.salesforce.lines[family].user)
        };
        let users = before.as_deref().and_then(user).zip(user(after));
        let tampered = self.ghost.deleted || self.ghost.restored;
        if !tampered && users.is_some_and(|(old, new)| old != new) {
            self.violate(Violation::WrongUserPromoted);
        }
        tally.note_stages(before.as_deref(), after);
        let unknown = |state: &State| {
            state
                .grants()
                .filter_map(|g| g.attempt.as_ref())
                .any(|a| a.phase == AttemptPhase::OutcomeUnknown)
        };
        if unknown(after) && !before.as_deref().is_some_and(unknown) {
            tally.count(Event::Unknown);
        }
        for grant in after.grants() {
            let (family, number) = numbers(&grant.refresh_token);
            let line = &mut self.salesforce.lines[family];
            line.stored = line.stored.max(number);
        }
        self.backups.extend(before.map(|before| (key, before)));
        let surplus = self.backups.len().saturating_sub(self.backups_kept);
        self.backups.drain(..surplus);
    }

    /// Whether a grant of `before` is older or missing in `after` without a grant that takes its place: one that waited goes
    /// for one that comes in, one in use for the one that waited. A state that is known to be an old one may lose either.
    fn loses(&self, key: Key, before: &State, after: &State) -> bool {
        let id = |grant: Option<&redeem::Grant>| grant.map(|grant| grant.id.clone());
        before.grants().any(|old| {
            if let Some(new) = after.grant(&old.id) {
                return numbers(&new.refresh_token).1 < numbers(&old.refresh_token).1;
            }
            let waited = id(before.candidate.as_ref()) == Some(old.id.clone());
            let accounted = if waited {
                incoming(Some(before), after).is_some()
            } else {
                before.candidate.is_some() && id(after.current.as_ref()) == id(before.candidate.as_ref())
            };
            !accounted && !self.is_known_for_old(key, before)
        })
    }

    /// Whether a state is behind its copies; they are gone with their connector.
    pub(crate) fn is_known_for_old(&self, (_, uid): Key, state: &State) -> bool {
        let connector = self.cluster.connector.as_ref();
        let Some(connector) = connector.filter(|seen| seen.uid == uid) else {
            return self.ghost.restored || self.ghost.deleted;
        };
        let consumer = self.cluster.consumer.as_ref();
        let consumer = consumer.filter(|seen| seen.uid == uid).map(|seen| seen.serial);
        let floor = connector.serial.max(consumer).unwrap_or_default();
        state.is_rolled_back(&ClusterUid::new("c"), floor)
    }

    pub(crate) fn violate(&mut self, violation: Violation) {
        self.violation.get_or_insert(violation);
    }

    /// Writes the consumer's Secret and status from a state; never replaces what carries a higher serial.
    pub(crate) fn derive(&mut self, uid: u32, state: &State, status_too: bool) {
        let Some(access) = state.access() else { return };
        if self.uid() != uid {
            // A Secret of another connector is foreign, and the garbage collector takes what belongs to none.
            return;
        }
        let (family, number) = numbers(&RefreshToken::new(access.token.expose_secret()));
        let (user, stored) = (
            self.salesforce.lines[family].user,
            self.salesforce.lines[family].stored,
        );
        // Whoever takes over without the state has no pin either.
        let ghost = self.ghost;
        let tampered = ghost.deleted || ghost.restored || ghost.recreated || ghost.handed_over;
        if !tampered && *self.ghost.pinned.get_or_insert(user) != user {
            self.violate(Violation::WrongUserDerived);
        }
        if self.config.rotates && number > stored {
            self.violate(Violation::DerivedBeforeStored);
        }
        let newer = |consumer: &Consumer| consumer.uid == uid && consumer.serial > access.serial;
        if !self.cluster.consumer.as_ref().is_some_and(newer) {
            self.cluster.consumer = Some(Consumer {
                uid,
                serial: access.serial,
                access: access.token.expose_secret().to_owned(),
            });
        }
        if status_too {
            self.report(uid, state);
        }
    }

    /// Writes what the status tells of a state.
    pub(crate) fn report(&mut self, uid: u32, state: &State) {
        let serial = match self.config.variant {
            Variant::CopiesIntent => state.serial,
            _ => state.reported_serial(),
        };
        let behind = |connector: &Connector| connector.uid == uid && connector.serial < Some(serial);
        if self.cluster.connector.as_ref().is_some_and(behind) {
            let version = self.cluster.new_version();
            if let Some(connector) = &mut self.cluster.connector {
                connector.serial = Some(serial);
                connector.version = version;
            }
        }
    }
}

/// The grant that a write brings in.
fn incoming<'s>(before: Option<&State>, after: &'s State) -> Option<&'s redeem::Grant> {
    let candidate = after.candidate.as_ref()?;
    let known = before.is_some_and(|before| before.grant(&candidate.id).is_some());
    (!known).then_some(candidate)
}

/// The username of a user.
pub(crate) fn username(user: usize) -> &'static str {
    ["anna@example.com", "bob@example.com"][user]
}

pub(crate) fn uid_text(uid: u32) -> std::sync::Arc<str> {
    static UIDS: OnceLock<Vec<std::sync::Arc<str>>> = OnceLock::new();
    UIDS.get_or_init(|| (0..16).map(|uid| format!("u{uid}").into()).collect())[uid as usize].clone()
}

/// The bootstrap token of a family; digests are made once.
pub(crate) fn bootstrap_of(family: Family, key: DigestKey) -> Bootstrap {
    static MADE: OnceLock<[Vec<Bootstrap>; 2]> = OnceLock::new();
    let made = MADE.get_or_init(|| {
        [("k1", b"the operator's own".as_slice()), ("k2", b"made anew")].map(|(id, bytes)| {
            let key = LedgerKey::new(id, hmac::Key::new(hmac::HMAC_SHA256, bytes));
            let tokens = (0..32).map(|family| Bootstrap::new(&key, token(family, 0)));
            tokens.collect()
        })
    });
    made[key as usize][family].clone()
}
