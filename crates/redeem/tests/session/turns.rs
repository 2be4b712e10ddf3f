//! Which grant is redeemed when two could be, and what becomes of an answer that is only half understood.

use redeem::{
    Effect, GrantId, IntrospectionAnswer, LedgerEntry, LedgerPhase, Read, RedeemAnswer, RedeemRefusal,
    RefreshToken, Reply, SessionEnd, SessionGoal, SessionMemory, State, StateSeen, WriteReply,
};

use crate::stage::{SEEN, Stage, answer, bootstrap, in_use, inputs, user, with_candidate};

/// A stage with this state, whose consumer has the token in use, and whose bootstrap token was entered as used.
fn stage(kept: State) -> Stage {
    let mut stage = Stage::with(Some(kept));
    stage.consumer = SEEN;
    stage.ledger = Some(LedgerEntry {
        connector_uid: "uid".into(),
        phase: LedgerPhase::Used(GrantId::new("waiting")),
    });
    stage
}

fn granted(access: &str, refresh: &str, of: &str) -> RedeemAnswer {
    RedeemAnswer::Granted(Box::new(answer(access, Some(refresh), user(of))))
}

/// Refresh token and access token of a grant.
fn tokens(grant: Option<&redeem::Grant>) -> Option<(&str, Option<&str>)> {
    let grant = grant?;
    let access = grant.access.as_ref().map(|access| access.token.expose_secret());
    Some((grant.refresh_token.expose_secret(), access))
}

#[test]
fn a_bootstrap_token_that_salesforce_refuses_keeps_nobody_from_renewing_the_grant_in_use() {
    let mut stage = stage(with_candidate(in_use()));
    stage.answers = [
        granted("access-1", "current-1", "u"),
        RedeemAnswer::Refused(RedeemRefusal::Unspent),
    ]
    .into();
    let outcome = stage.run(
        inputs(SessionGoal::Renew { seen: SEEN }),
        SessionMemory::default(),
    );
    assert_eq!(stage.sent, ["current-0", "bootstrap-0"]);
    assert_eq!(outcome.end, SessionEnd::Unspent, "to be tried again");
    let kept = stage.state.unwrap();
    assert_eq!(
        tokens(kept.current.as_ref()),
        Some(("current-1", Some("access-1")))
    );
    assert_eq!(tokens(kept.candidate.as_ref()), Some(("bootstrap-0", None)));
}

#[test]
fn a_grant_in_use_that_salesforce_refuses_keeps_nobody_from_taking_in_the_bootstrap_token() {
    let mut stage = stage(with_candidate(in_use()));
    stage.answers = [
        RedeemAnswer::Refused(RedeemRefusal::Unspent),
        granted("bootstrap access", "bootstrap-1", "u"),
    ]
    .into();
    let outcome = stage.run(
        inputs(SessionGoal::Renew { seen: SEEN }),
        SessionMemory::default(),
    );
    assert_eq!(stage.sent, ["current-0", "bootstrap-0"]);
    assert_eq!(outcome.end, SessionEnd::Ready);
    let kept = stage.state.unwrap();
    assert_eq!(
        tokens(kept.current.as_ref()),
        Some(("bootstrap-1", Some("bootstrap access")))
    );
}

#[test]
fn an_unclear_answer_to_one_grant_leaves_the_attempt_open_while_the_other_is_redeemed() {
    let mut stage = stage(with_candidate(in_use()));
    stage.answers = [
        RedeemAnswer::Unclear,
        granted("bootstrap access", "bootstrap-1", "w"),
    ]
    .into();
    stage.run(
        inputs(SessionGoal::Renew { seen: SEEN }),
        SessionMemory::default(),
    );
    let current = stage.state.unwrap().current.unwrap();
    assert_eq!(
        (current.refresh_token.expose_secret(), current.stage()),
        ("current-0", redeem::Stage::OutcomeUnknown)
    );
}

#[test]
fn a_bootstrap_token_that_is_not_due_for_renewal_is_redeemed_alone() {
    let mut stage = stage(with_candidate(in_use()));
    stage.answers = [granted("bootstrap access", "bootstrap-1", "u")].into();
    let outcome = stage.run(inputs(SessionGoal::Settle), SessionMemory::default());
    assert_eq!(stage.sent, ["bootstrap-0"]);
    assert_eq!(outcome.end, SessionEnd::Ready);
}

#[test]
fn a_token_rescued_from_the_first_redeem_is_stored_and_presented_by_the_next_session() {
    let mut kept = with_candidate(in_use());
    kept.current = None;
    kept.pin = None;
    let mut stage = stage(kept);
    stage.answers = [
        RedeemAnswer::Rescued(RefreshToken::new("bootstrap-1")),
        granted("bootstrap access", "bootstrap-2", "u"),
    ]
    .into();
    let first = stage.run(inputs(SessionGoal::Settle), SessionMemory::default());
    assert_eq!(first.end, SessionEnd::Unspent, "to be tried again");
    let second = stage.run(inputs(SessionGoal::Settle), first.memory);
    assert_eq!(second.end, SessionEnd::Ready);
    assert_eq!(stage.sent, ["bootstrap-0", "bootstrap-1"]);
    let kept = stage.state.unwrap();
    assert_eq!(
        tokens(kept.current.as_ref()),
        Some(("bootstrap-2", Some("bootstrap access")))
    );
}

#[test]
fn a_rescued_token_brings_no_identity_and_takes_no_place() {
    let mut stage = stage(with_candidate(in_use()));
    stage.answers = [
        RedeemAnswer::Rescued(RefreshToken::new("bootstrap-1")),
        granted("bootstrap access", "bootstrap-2", "w"),
    ]
    .into();
    let first = stage.run(inputs(SessionGoal::Settle), SessionMemory::default());
    let kept = stage.state.clone().unwrap();
    let candidate = kept.candidate.as_ref();
    assert_eq!(tokens(candidate), Some(("bootstrap-1", None)));
    assert_eq!(candidate.and_then(|candidate| candidate.identity.as_ref()), None);
    assert_eq!(
        tokens(kept.current.as_ref()),
        Some(("current-0", Some("access-0")))
    );
    // Whose it is turns out later: another user's, which leaves the old grant as it was.
    let second = stage.run(inputs(SessionGoal::Settle), first.memory);
    assert_eq!(second.candidate, Some(redeem::GrantProblem::WrongIdentity));
    let kept = stage.state.unwrap();
    assert_eq!(
        tokens(kept.current.as_ref()),
        Some(("current-0", Some("access-0")))
    );
}

#[test]
fn a_rescued_renewal_keeps_the_access_token_and_is_tried_again() {
    let mut stage = stage(in_use());
    stage.answers = [
        RedeemAnswer::Rescued(RefreshToken::new("current-1")),
        granted("access-2", "current-2", "u"),
    ]
    .into();
    let first = stage.run(
        inputs(SessionGoal::Renew { seen: SEEN }),
        SessionMemory::default(),
    );
    assert_eq!(first.end, SessionEnd::Unspent, "to be tried again");
    assert_eq!(
        tokens(stage.state.as_ref().unwrap().current.as_ref()),
        Some(("current-1", Some("access-0")))
    );
    let second = stage.run(inputs(SessionGoal::Renew { seen: SEEN }), first.memory);
    assert_eq!(second.end, SessionEnd::Ready);
    assert_eq!(stage.sent, ["current-0", "current-1"]);
}

#[test]
fn a_bootstrap_token_that_another_session_takes_in_meanwhile_is_not_called_used_or_inactive() {
    // Our first look is from before; the other session has created the entry, or spends the token while we ask about it.
    for inactive in [false, true] {
        let mut kept = with_candidate(in_use());
        kept.candidate = None;
        let mut stage = stage(kept);
        let mut first = Some(StateSeen::Absent);
        stage.interfere = Box::new(move |effect| match effect {
            Effect::ReadState => Some(Reply::State(Read::Is(first.take()?))),
            Effect::CreateLedger { .. } if !inactive => Some(Reply::Write(WriteReply::Conflict)),
            _ => None,
        });
        stage.said = [IntrospectionAnswer::Inactive].into();
        let mut inputs = inputs(SessionGoal::Settle);
        inputs.bootstrap = Some(bootstrap());
        stage.connector.serial = None;
        stage.consumer = None;
        let outcome = stage.run(inputs, SessionMemory::default());
        assert_eq!(
            (outcome.end, outcome.bootstrap),
            (SessionEnd::Ready, Some(redeem::BootstrapNote::Imported))
        );
    }
}
