//! A login whose username must be asked for reaches the consumer only as the expected user.
#![expect(clippy::unwrap_used, reason = "a test: what panics here fails it")]

use std::time::Duration;

use redeem::{
    AccessToken, AttemptId, ClusterUid, Conclusion, ConnectorRef, ConnectorSeen, Effect, Expect, FreshIds,
    GrantId, GrantTrouble, Identity, Inputs, InstallationUid, Introspectable, Limits, Memory, Now, Outcome,
    Read, RefreshToken, Reply, ResourceVersion, Serial, Session, StateSeen, TokenAnswer, Want, WriteReply,
};

fn login() -> (RefreshToken, TokenAnswer) {
    let answer = TokenAnswer {
        access_token: AccessToken::new("access"),
        refresh_token: None,
        instance_url: "https://green-itr.my.salesforce.com".into(),
        identity: Identity {
            organization_id: "o".into(),
            user_id: "u".into(),
            username: None,
        },
        scopes: Vec::new(),
        issued_at: None,
        expiration: None,
        received_at: jiff::Timestamp::UNIX_EPOCH,
    };
    (RefreshToken::new("refresh"), answer)
}

fn inputs() -> Inputs {
    Inputs {
        connector: ConnectorRef {
            uid: "uid".into(),
            namespace: "sales".into(),
            name: "crm".into(),
        },
        installation: InstallationUid::new("i"),
        cluster: ClusterUid::new("c"),
        want: Want::Deposit(Box::new(login())),
        bootstrap: None,
        expect: Expect {
            organization_id: None,
            username: Some("anna@example.com".into()),
        },
        introspectable: Introspectable::Possible,
        limits: Limits::new(Duration::from_secs(30)).unwrap(),
        fresh: FreshIds {
            attempt: AttemptId::new("a"),
            grant: GrantId::new("g"),
        },
    }
}

/// Runs a session on an otherwise empty cluster; says how it ended and how often something was derived.
fn run(username: Option<&str>) -> (Outcome, u32) {
    let mut session = Session::begin(inputs(), Memory::default());
    let (mut state, mut version, mut derived) = (StateSeen::Absent, 0, 0);
    loop {
        let now = Now {
            monotonic: Duration::from_secs(1),
            lease_left: Duration::from_secs(60),
        };
        let reply = match session.next(now) {
            Effect::ReadState => Reply::State(Read::Is(state.clone())),
            Effect::ReadConnector => Reply::Connector(Read::Is(Some(ConnectorSeen {
                uid: "uid".into(),
                resource_version: ResourceVersion::new("1"),
                controller: Some(InstallationUid::new("i")),
                serial: Some(Serial(0)),
            }))),
            Effect::ReadConsumer => Reply::Consumer(Read::Is(None)),
            Effect::CreateState { state: new } | Effect::WriteState { state: new, .. } => {
                version += 1;
                let at = ResourceVersion::new(version.to_string());
                state = StateSeen::Found(new, at.clone());
                Reply::Write(WriteReply::Written(at))
            }
            Effect::Identify { access } => {
                assert_eq!(access.token.expose_secret(), "access");
                Reply::Username(username.map(Into::into))
            }
            Effect::Derive { .. } => {
                derived += 1;
                Reply::Derived
            }
            Effect::Done(outcome) => return (*outcome, derived),
            other => unreachable!("{other:?}"),
        };
        session.on(reply, now);
    }
}

#[test]
fn the_expected_user_becomes_ready() {
    let (outcome, derived) = run(Some("Anna@example.com"));
    assert_eq!((outcome.conclusion, derived), (Conclusion::Ready, 1));
}

#[test]
fn another_user_is_refused_and_nothing_is_derived() {
    let (outcome, derived) = run(Some("bob@example.com"));
    let wrong = Conclusion::Trouble {
        trouble: GrantTrouble::WrongIdentity,
        ask_again: None,
    };
    assert_eq!((outcome.conclusion, derived), (wrong, 0));
    assert_eq!(outcome.next, Some(GrantTrouble::WrongIdentity));
}

#[test]
fn nothing_is_derived_while_the_user_is_not_known() {
    let (outcome, derived) = run(None);
    assert!(
        matches!(outcome.conclusion, Conclusion::Waiting { .. }),
        "{outcome:?}"
    );
    assert_eq!(derived, 0);
}
