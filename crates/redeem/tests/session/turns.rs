//! Which grant is redeemed when two could be, and what becomes of an answer that is only half understood.

use redeem::{
    Answer, Conclusion, Effect, GrantId, Introspection, LedgerEntry, LedgerPhase, Memory, Read, RefreshToken,
    Refusal, Reply, State, StateSeen, Want, WriteReply,
};

use crate::stage::{SEEN, Stage, answer, brought, in_use, inputs, user, with_next};

/// A stage with this state, whose consumer has the token in use, and whose brought token was entered as used.
fn stage(kept: State) -> Stage {
    let mut stage = Stage::with(Some(kept));
    stage.consumer = SEEN;
    stage.ledger = Some(LedgerEntry {
        connector_uid: "uid".into(),
        phase: LedgerPhase::Used(GrantId::new("waiting")),
    });
    stage
}

fn granted(access: &str, refresh: &str, of: &str) -> Answer {
    Answer::Granted(Box::new(answer(access, Some(refresh), user(of))))
}

/// Refresh token and access token of a grant.
fn tokens(grant: Option<&redeem::Grant>) -> Option<(&str, Option<&str>)> {
    let grant = grant?;
    let access = grant.access.as_ref().map(|access| access.token.expose_secret());
    Some((grant.refresh_token.expose_secret(), access))
}

#[test]
fn a_brought_token_that_salesforce_refuses_keeps_nobody_from_renewing_the_grant_in_use() {
    let mut stage = stage(with_next(in_use()));
    stage.answers = [
        granted("access-1", "current-1", "u"),
        Answer::Refused(Refusal::Unspent),
    ]
    .into();
    let outcome = stage.run(inputs(Want::Renew { seen: SEEN }), Memory::default());
    assert_eq!(stage.sent, ["current-0", "brought-0"]);
    assert_eq!(outcome.conclusion, Conclusion::Unspent, "to be tried again");
    let kept = stage.state.unwrap();
    assert_eq!(
        tokens(kept.current.as_ref()),
        Some(("current-1", Some("access-1")))
    );
    assert_eq!(tokens(kept.next.as_ref()), Some(("brought-0", None)));
}

#[test]
fn a_grant_in_use_that_salesforce_refuses_keeps_nobody_from_taking_in_what_was_brought() {
    let mut stage = stage(with_next(in_use()));
    stage.answers = [
        Answer::Refused(Refusal::Unspent),
        granted("brought access", "brought-1", "u"),
    ]
    .into();
    let outcome = stage.run(inputs(Want::Renew { seen: SEEN }), Memory::default());
    assert_eq!(stage.sent, ["current-0", "brought-0"]);
    assert_eq!(outcome.conclusion, Conclusion::Ready);
    let kept = stage.state.unwrap();
    assert_eq!(
        tokens(kept.current.as_ref()),
        Some(("brought-1", Some("brought access")))
    );
}

#[test]
fn an_unclear_answer_to_one_grant_leaves_the_attempt_open_while_the_other_is_redeemed() {
    let mut stage = stage(with_next(in_use()));
    stage.answers = [Answer::Unclear, granted("brought access", "brought-1", "w")].into();
    stage.run(inputs(Want::Renew { seen: SEEN }), Memory::default());
    let current = stage.state.unwrap().current.unwrap();
    assert_eq!(
        (current.refresh_token.expose_secret(), current.stage()),
        ("current-0", redeem::Stage::OutcomeUnknown)
    );
}

#[test]
fn a_brought_token_that_is_not_due_for_renewal_is_redeemed_alone() {
    let mut stage = stage(with_next(in_use()));
    stage.answers = [granted("brought access", "brought-1", "u")].into();
    let outcome = stage.run(inputs(Want::Settle), Memory::default());
    assert_eq!(stage.sent, ["brought-0"]);
    assert_eq!(outcome.conclusion, Conclusion::Ready);
}

#[test]
fn a_token_rescued_from_the_first_redeem_is_stored_and_presented_by_the_next_session() {
    let mut kept = with_next(in_use());
    kept.current = None;
    kept.pin = None;
    let mut stage = stage(kept);
    stage.answers = [
        Answer::Rescued(RefreshToken::new("brought-1")),
        granted("brought access", "brought-2", "u"),
    ]
    .into();
    let first = stage.run(inputs(Want::Settle), Memory::default());
    assert_eq!(first.conclusion, Conclusion::Unspent, "to be tried again");
    let second = stage.run(inputs(Want::Settle), first.memory);
    assert_eq!(second.conclusion, Conclusion::Ready);
    assert_eq!(stage.sent, ["brought-0", "brought-1"]);
    let kept = stage.state.unwrap();
    assert_eq!(
        tokens(kept.current.as_ref()),
        Some(("brought-2", Some("brought access")))
    );
}

#[test]
fn a_rescued_token_brings_no_identity_and_takes_no_place() {
    let mut stage = stage(with_next(in_use()));
    stage.answers = [
        Answer::Rescued(RefreshToken::new("brought-1")),
        granted("brought access", "brought-2", "w"),
    ]
    .into();
    let first = stage.run(inputs(Want::Settle), Memory::default());
    let kept = stage.state.clone().unwrap();
    let next = kept.next.as_ref();
    assert_eq!(tokens(next), Some(("brought-1", None)));
    assert_eq!(next.and_then(|next| next.identity.as_ref()), None);
    assert_eq!(
        tokens(kept.current.as_ref()),
        Some(("current-0", Some("access-0")))
    );
    // Whose it is turns out later: another user's, which leaves the old grant as it was.
    let second = stage.run(inputs(Want::Settle), first.memory);
    assert_eq!(second.next, Some(redeem::GrantTrouble::WrongIdentity));
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
        Answer::Rescued(RefreshToken::new("current-1")),
        granted("access-2", "current-2", "u"),
    ]
    .into();
    let first = stage.run(inputs(Want::Renew { seen: SEEN }), Memory::default());
    assert_eq!(first.conclusion, Conclusion::Unspent, "to be tried again");
    assert_eq!(
        tokens(stage.state.as_ref().unwrap().current.as_ref()),
        Some(("current-1", Some("access-0")))
    );
    let second = stage.run(inputs(Want::Renew { seen: SEEN }), first.memory);
    assert_eq!(second.conclusion, Conclusion::Ready);
    assert_eq!(stage.sent, ["current-0", "current-1"]);
}

#[test]
fn a_brought_token_that_another_session_takes_in_meanwhile_is_not_called_used_or_inactive() {
    // Our first look is from before; the other session has created the entry, or spends the token while we ask about it.
    for inactive in [false, true] {
        let mut kept = with_next(in_use());
        kept.next = None;
        let mut stage = stage(kept);
        let mut first = Some(StateSeen::Absent);
        stage.interfere = Box::new(move |effect| match effect {
            Effect::ReadState => Some(Reply::State(Read::Is(first.take()?))),
            Effect::CreateLedger { .. } if !inactive => Some(Reply::Write(WriteReply::Conflict)),
            _ => None,
        });
        stage.said = [Introspection::Inactive].into();
        let mut inputs = inputs(Want::Settle);
        inputs.bootstrap = Some(brought());
        stage.connector.serial = None;
        stage.consumer = None;
        let outcome = stage.run(inputs, Memory::default());
        assert_eq!(
            (outcome.conclusion, outcome.bootstrap),
            (Conclusion::Ready, Some(redeem::BootstrapNote::Imported))
        );
    }
}
