//! When is a connector looked at again?

use super::*;

#[test]
fn once_its_user_is_known_a_connector_whose_grant_is_revoked_is_looked_at_for_others_of_that_user() {
    for (revokes, known, at_once) in [(true, false, true), (true, true, false), (false, false, false)] {
        let settings = json!({ "revokeOnDelete": revokes });
        let mut observed = fixtures::granted(&settings, redeem::GrantValidity::Valid);
        observed.status = if known {
            observed.status
        } else {
            crate::api::SalesforceConnectorStatus {
                identity: None,
                ..observed.status
            }
        };
        let next = conclude(&observed, &KEEP, &kept(&observed), now()).next;
        assert_eq!(next == Duration::from_secs(1), at_once, "{revokes} {known}");
    }
}

#[test]
fn the_next_look_is_at_the_first_interesting_moment() {
    let day = |observed: Observed| Observed {
        resync_period: Duration::from_hours(24),
        ..observed
    };
    let next = |observed: &Observed, at: i64| conclude(observed, &KEEP, &kept(observed), after(at)).next;
    let waiting = |observed: &Observed, at: i64| {
        let decision = Decision::Wait(WaitReason::BackOff(after(at)));
        conclude(observed, &decision, &kept(observed), after(at)).next
    };
    let until = |moment: Timestamp, at: i64| Duration::try_from(moment.duration_since(after(at))).unwrap();
    let observed = day(settled());
    let test = fixtures::next_test_of(&observed);
    assert_eq!(next(&observed, 0), until(test, 0));
    let renewal = observed.status.token.as_ref().unwrap().renewal_time.0;
    let tested = Observed {
        last_test: Some(renewal),
        ..observed.clone()
    };
    assert_eq!(next(&tested, 60), until(renewal, 60));
    let mut failing = day(settled());
    failing.status.failures = Some(fixtures::failures(
        of(&failing),
        Refusal::SalesforceUnavailable,
        Some(after(90)),
    ));
    assert_eq!(waiting(&failing, 60), Duration::from_secs(30));
    let suspended = Observed {
        activity: Activity::Suspended,
        ..failing
    };
    let resting = Decision::Wait(WaitReason::Suspended);
    let rest = conclude(&suspended, &resting, &kept(&suspended), after(60)).next;
    assert_eq!(rest, until(renewal, 60));
    assert_eq!(next(&settled(), 0), jittered(RESYNC, &uid(), 2));
    let sooner = after(0) + signed(Duration::from_millis(1));
    let mut spinning = day(settled());
    spinning.status.failures = Some(fixtures::failures(
        of(&spinning),
        Refusal::SalesforceUnavailable,
        Some(sooner),
    ));
    assert_eq!(waiting(&spinning, 0), Duration::from_secs(1));
}

#[test]
fn the_answer_to_a_login_by_link_is_looked_for_often_and_seldom_where_there_are_many_connectors() {
    let next = |login: LoginSeen, resync_period| {
        let mut observed = fixtures::granted(&json!({}), redeem::GrantValidity::Valid);
        fixtures::grant_mut(&mut observed).login = login;
        let observed = Observed {
            resync_period,
            ..observed
        };
        conclude(&observed, &KEEP, &kept(&observed), after(60)).next
    };
    for (period, wait) in [
        (RESYNC, 5),
        (Duration::from_secs(240), 20),
        (Duration::from_hours(1), 30),
    ] {
        assert_eq!(
            next(LoginSeen::Awaited, period),
            Duration::from_secs(wait),
            "{period:?}"
        );
        assert!(
            next(LoginSeen::None, period) > Duration::from_secs(wait),
            "{period:?}"
        );
    }
    let ended = LoginRequest {
        secret_name: "crm-login".to_owned(),
        code: Err(Rejection::new(OwnReason::LoginSecretInvalid, "")),
    };
    let soon = next(LoginSeen::Requested(ended), RESYNC);
    assert_eq!(soon, Duration::from_secs(1), "its Secret is to go");
}
