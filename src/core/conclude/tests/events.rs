//! Of what do events tell?

use super::*;

#[test]
fn events_tell_of_transitions_only() {
    let observed = fresh();
    let down = |observed: &Observed| refused(observed, Refusal::AppBlocked);
    let first = conclude(&observed, &MINT, &down(&observed), now());
    assert_eq!(
        first.events,
        [warning(Refusal::AppBlocked, "as Salesforce puts it")]
    );
    let observed = reported(observed, first);
    let same = conclude(&observed, &MINT, &down(&observed), after(3600));
    assert_eq!(same.events, []);
    let observed = reported(observed, same);
    let other = conclude(
        &observed,
        &MINT,
        &refused(&observed, Refusal::UserInactive),
        after(7200),
    );
    assert_eq!(
        other.events,
        [warning(Refusal::UserInactive, "as Salesforce puts it")]
    );
    let observed = reported(observed, other);
    let mut healed = first_success(&observed);
    healed.held.as_mut().unwrap().expiration.time = after(20_000);
    let good = conclude(&observed, &MINT, &healed, after(10_800));
    assert_eq!(
        good.events,
        [EventDraft {
            kind: EventKind::Normal,
            reason: OwnReason::TokenValid.into(),
            note: "The token is valid and in Secret \"crm-salesforce\".".into(),
        }]
    );
}

#[test]
fn a_session_that_was_replaced_and_another_user_leave_an_event() {
    let observed = settled();
    let obtained = |why| {
        let mut outcome = first_success(&observed);
        outcome.minted = Some(Minted::Obtained { why });
        conclude(&observed, &MINT, &outcome, after(60)).events
    };
    assert_eq!(
        obtained(MintReason::SessionEnded),
        [EventDraft {
            kind: EventKind::Normal,
            reason: OwnReason::SessionReplaced.into(),
            note: explain(OwnReason::SessionReplaced.into(), ""),
        }]
    );
    assert_eq!(obtained(MintReason::RenewalDue), []);

    let mut of_another = settled();
    let known = of_another.status.identity.as_mut().unwrap();
    let now = known.user_id.replace("005000000000099AAA".to_owned()).unwrap();
    let events = conclude(&of_another, &MINT, &first_success(&of_another), after(60)).events;
    assert_eq!(
        events,
        [warning(
            OwnReason::UserChanged,
            &format!("{now} in place of 005000000000099AAA")
        )]
    );
}
