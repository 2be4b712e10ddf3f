//! What is made of the operator's own records, where somebody edited or restored them?
//!
//! An input is a JSON object with the texts of a Secret's data.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use redeem::{
    AttemptId, ClusterUid, ConnectorRef, ConnectorSeen, Effect, Expect, FreshIds, GrantId, InstallationUid,
    Introspectable, IntrospectionAnswer, LedgerEntry, Now, OAuthClient, Read, RedeemAnswer, Reply,
    ResourceVersion, Session, SessionGoal, SessionInputs, SessionMemory, State, StateSeen, TimeLimits,
    Username, WriteReply, ledger_verdict,
};

use crate::secrecy::{CANARY, assert_no_secret};
use crate::world;

type Data = BTreeMap<String, Vec<u8>>;

fn data(input: &[u8]) -> Option<Data> {
    let texts: BTreeMap<String, String> = serde_json::from_slice(input).ok()?;
    Some(
        texts
            .into_iter()
            .map(|(key, text)| (key, text.into_bytes()))
            .collect(),
    )
}

fn size(data: &Data) -> usize {
    data.iter().map(|(key, value)| key.len() + value.len()).sum()
}

pub(crate) fn ledger(input: &[u8]) {
    let Some(data) = data(input) else { return };
    match LedgerEntry::from_data(&data) {
        Ok(entry) => {
            assert_eq!(LedgerEntry::from_data(&entry.to_data()), Ok(entry.clone()));
            assert!(size(&entry.to_data()) <= size(&data) + 64);
            for uid in [&*entry.connector_uid, "another"] {
                let _ = ledger_verdict(&entry, uid, None);
            }
        }
        Err(error) => assert_no_secret(&format!("{error} {error:?}")),
    }
}

pub(crate) fn state(input: &[u8]) {
    let Some(data) = data(input) else { return };
    // The record is no secret; the tokens beside it are.
    let record = data
        .get("record.json")
        .map(|record| String::from_utf8_lossy(record));
    let tells = record.is_some_and(|record| record.contains(CANARY));
    let shown = match State::from_data(&data) {
        Ok(state) => {
            let written = state.to_data().expect("what was read can be written");
            assert_eq!(State::from_data(&written), Ok(state.clone()));
            // Times and defaults are written in full.
            assert!(
                size(&written) <= size(&data) * 2 + 1024,
                "{} of {}",
                size(&written),
                size(&data)
            );
            world::pass_over_grant(&state);
            for goal in [
                SessionGoal::Settle,
                SessionGoal::Renew {
                    seen: state.access().map(|it| it.serial),
                },
            ] {
                run_session(&state, goal);
            }
            format!("{state:?}")
        }
        Err(error) => format!("{error} {error:?}"),
    };
    assert!(tells || !shown.contains(CANARY), "{shown}");
}

/// More effects than any session asks for.
const MOST_EFFECTS: usize = 200;

/// A session of the redeem protocol that finds this state, and no clear answer of Salesforce's.
fn run_session(state: &State, goal: SessionGoal) {
    let mut session = Session::begin(inputs(state, goal), SessionMemory::default());
    let mut clock = Duration::ZERO;
    let mut found = state.clone();
    for _ in 0..MOST_EFFECTS {
        let now = Now {
            monotonic: clock,
            lease_left: Duration::from_secs(40),
        };
        let reply = match session.next(now) {
            Effect::Done(_) => return,
            Effect::ReadState => Reply::State(Read::Is(StateSeen::Found(Box::new(found.clone()), version()))),
            Effect::CreateState { state } | Effect::WriteState { state, .. } => {
                found = *state;
                Reply::Write(WriteReply::Written(version()))
            }
            Effect::Pause { length } => {
                clock += length;
                Reply::Paused
            }
            effect => reply(&effect, state),
        };
        session.on(reply, now);
    }
    unreachable!("a session of more than {MOST_EFFECTS} effects");
}

fn reply(effect: &Effect, state: &State) -> Reply {
    match effect {
        Effect::ReadConnector => Reply::Connector(Read::Is(Some(ConnectorSeen {
            uid: state.connector.uid.clone(),
            resource_version: version(),
            controller: Some(InstallationUid::new("installation")),
            serial: Some(state.reported_serial()),
            taken_over: false,
        }))),
        Effect::ReadConsumer => Reply::Consumer(Read::Is(None)),
        Effect::ReadLedger { .. } => Reply::Ledger(Read::Is(None)),
        Effect::Introspect { .. } => Reply::Introspection(IntrospectionAnswer::Active),
        Effect::Identify { .. } => Reply::Username(Username::NoAnswer),
        Effect::Send { .. } => Reply::Answer(RedeemAnswer::Unclear),
        Effect::Derive { .. } => Reply::Derived,
        _ => Reply::Write(WriteReply::Written(version())),
    }
}

fn version() -> ResourceVersion {
    ResourceVersion::new("1")
}

fn inputs(state: &State, goal: SessionGoal) -> SessionInputs {
    SessionInputs {
        connector: ConnectorRef {
            uid: state.connector.uid.clone(),
            namespace: Arc::from("sales"),
            name: Arc::from("crm"),
        },
        installation: InstallationUid::new("installation"),
        heir_of: None,
        cluster: ClusterUid::new("cluster"),
        goal,
        bootstrap: None,
        expect: Expect::default(),
        client: OAuthClient {
            host: Arc::from("acme.my.salesforce.com"),
            client_id: Arc::from("3MVG9"),
        },
        introspectable: Introspectable::Possible,
        limits: TimeLimits::new(Duration::from_secs(30)).expect("a limit"),
        fresh: FreshIds {
            attempt: AttemptId::new("attempt"),
            grant: GrantId::new("grant"),
        },
    }
}
