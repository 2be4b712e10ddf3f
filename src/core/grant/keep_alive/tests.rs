use std::time::Duration;

use redeem::GrantValidity;
use serde_json::json;

use super::*;
use crate::api::reasons::Refusal;
use crate::core::conclude::conclude;
use crate::core::model::decision::{Decision, MintReason, WaitReason};
use crate::core::model::observed::Activity;
use crate::core::model::outcome::{Minted, Outcome};
use crate::core::testing::fixtures;
use crate::core::testing::fixtures::{after, carrying, fresh, granted as observed, kept, now, of, settled};

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

fn suspended(observed: Observed) -> Observed {
    Observed {
        activity: Activity::Suspended,
        ..observed
    }
}

const KEEP_ALIVE: Decision = Decision::Mint {
    why: MintReason::KeepAlive,
};
const SUSPENDED: Decision = Decision::Wait(WaitReason::Suspended);

#[test]
fn a_suspended_grant_is_used_between_half_and_two_thirds_of_its_idle_limit() {
    let cases = [
        (json!({}), 30 * DAY),
        (json!({ "refreshTokenIdleLimit": "720h" }), 30 * DAY),
        (json!({ "refreshTokenIdleLimit": "72h" }), 3 * DAY),
        (json!({ "refreshTokenIdleLimit": "1h" }), HOUR),
    ];
    for (settings, idle) in cases {
        let observed = suspended(observed(&settings, GrantValidity::Valid));
        assert_eq!(fixtures::decided(&observed, now()), SUSPENDED, "{settings}");
        assert_eq!(
            fixtures::decided(&observed, after(idle / 2)),
            SUSPENDED,
            "{settings}"
        );
        assert_eq!(
            fixtures::decided(&observed, after(idle * 2 / 3)),
            KEEP_ALIVE,
            "{settings}"
        );
    }
}

#[test]
fn a_grant_at_work_is_used_by_its_renewals_and_in_time_where_tokens_outlive_the_idle_limit() {
    let long = Observed {
        last_test: Some(after(DAY)),
        ..observed(&json!({ "refreshTokenIdleLimit": "1h" }), GrantValidity::Valid)
    };
    let long = {
        let mut held = long.held.clone().unwrap();
        held.expiration.time = after(DAY);
        carrying_grant(long, held)
    };
    assert_eq!(
        fixtures::decided(&long, after(HOUR / 2)),
        Decision::Keep { test: None }
    );
    assert_eq!(fixtures::decided(&long, after(HOUR * 2 / 3)), KEEP_ALIVE);

    let usual = observed(&json!({}), GrantValidity::Valid);
    let renewal = Decision::Mint {
        why: MintReason::RenewalDue,
    };
    assert_eq!(fixtures::decided(&usual, after(HOUR)), renewal);
}

fn carrying_grant(observed: Observed, held: crate::core::model::held_token::HeldToken) -> Observed {
    carrying(observed, held)
}

#[test]
fn a_dead_grant_a_fresh_one_and_other_methods_have_no_keep_alive() {
    let dead = suspended(observed(&json!({}), GrantValidity::Dead));
    assert_eq!(fixtures::decided(&dead, after(29 * DAY)), SUSPENDED);
    let other = suspended(settled());
    assert_eq!(fixtures::decided(&other, after(29 * DAY)), SUSPENDED);
    assert_eq!(observed_outlook(&fresh()), None);
}

#[test]
fn a_keep_alive_that_failed_waits_for_its_next_attempt_also_while_suspended() {
    let mut observed = suspended(observed(&json!({}), GrantValidity::Valid));
    let (due, next) = (after(20 * DAY), after(20 * DAY + 60));
    observed.status.failures = Some(fixtures::failures(
        of(&observed),
        Refusal::SalesforceUnavailable,
        Some(next),
    ));
    let waiting = fixtures::decided(&observed, due);
    assert_eq!(waiting, Decision::Wait(WaitReason::BackOff(next)));
    let conclusion = conclude(&observed, &waiting, &kept(&observed), due);
    assert_eq!(conclusion.next, Duration::from_mins(1));
    assert_eq!(fixtures::decided(&observed, next), KEEP_ALIVE);
}

#[test]
fn a_suspended_connector_is_looked_at_when_its_keep_alive_is_due() {
    let observed = Observed {
        resync_period: Duration::from_hours(24 * 365),
        ..suspended(observed(&json!({}), GrantValidity::Valid))
    };
    let Some(Outlook::Alive(plan)) = observed_outlook(&observed) else {
        panic!("the grant is good")
    };
    let long_expired = after(10 * DAY);
    let conclusion = conclude(&observed, &SUSPENDED, &kept(&observed), long_expired);
    assert_eq!(
        conclusion.next,
        crate::core::schedule::time::since(long_expired, plan.due)
    );
}

#[test]
fn a_person_is_asked_for_only_where_the_grant_can_not_be_renewed() {
    let by = |observed: &Observed, minted: Option<Minted>| {
        let outcome = Outcome {
            minted,
            ..kept(observed)
        };
        let decision = Decision::Wait(WaitReason::InputMustChange);
        let status = conclude(observed, &decision, &outcome, after(1))
            .status
            .unwrap_or(observed.status.clone());
        status.action_required_time.map(|time| time.0)
    };
    let failed = |observed: &Observed| fixtures::refused(observed, Refusal::SalesforceUnavailable).minted;
    let good = observed(&json!({}), GrantValidity::Valid);
    assert_eq!(by(&good, None), None);
    assert_eq!(by(&suspended(good.clone()), None), None);
    assert_eq!(by(&good, failed(&good)), Some(after(30 * DAY)));
    let dead = observed(&json!({}), GrantValidity::Dead);
    let expires = dead.held.as_ref().unwrap().expiration.time;
    assert_eq!(by(&dead, failed(&dead)), Some(expires));
    let other = settled();
    assert_eq!(by(&other, failed(&other)), None);
}

#[test]
fn a_grant_that_salesforce_ends_at_a_fixed_time_names_the_day_by_which_a_person_is_needed() {
    let settings = json!({ "refreshTokenLifetime": "2160h" });
    let observed = observed(&settings, GrantValidity::Valid);
    let needed = |observed: &Observed| {
        let conclusion = conclude(
            observed,
            &Decision::Keep { test: None },
            &kept(observed),
            after(60),
        );
        conclusion.status.unwrap().action_required_time.map(|time| time.0)
    };
    assert_eq!(needed(&observed), Some(after(90 * DAY)));
    let endless = fixtures::granted(&json!({}), GrantValidity::Valid);
    let conclusion = conclude(
        &endless,
        &Decision::Keep { test: None },
        &kept(&endless),
        after(60),
    );
    assert_eq!(
        conclusion.status.and_then(|status| status.action_required_time),
        None
    );
}

#[test]
fn where_only_a_person_helps_the_status_says_since_when_or_until_when_the_token_lasts() {
    use redeem::GrantProblem::{
        AuthorizationRequired, BootstrapTokenUsed, GrantLost, OutcomeUnknown, ReauthorizationRequired,
        StateRolledBack, StateUnreadable, UnsupportedStateVersion,
    };
    let needed = |observed: &Observed, decision: &Decision, at: i64| {
        let status = conclude(observed, decision, &kept(observed), after(at)).status;
        status
            .unwrap_or(observed.status.clone())
            .action_required_time
            .map(|time| time.0)
    };
    let wait = Decision::Wait(WaitReason::InputMustChange);
    for (problem, state) in [
        (GrantLost, redeem::StateSeen::Absent),
        (BootstrapTokenUsed, redeem::StateSeen::Absent),
        (StateUnreadable, redeem::StateSeen::Unreadable),
        (UnsupportedStateVersion, redeem::StateSeen::UnsupportedVersion),
        (StateRolledBack, {
            let mut old = fixtures::state(GrantValidity::Valid);
            old.serial = redeem::Serial(1);
            fixtures::found(old)
        }),
    ] {
        let mut lost = observed(&json!({}), GrantValidity::Valid);
        fixtures::grant_mut(&mut lost).view.state = state;
        lost.held = None;
        lost.status.failures = Some(fixtures::failures(of(&lost), problem, None));
        assert_eq!(needed(&lost, &wait, 60), Some(after(60)), "{problem:?}");
        // It is not put off at every look.
        lost.status.action_required_time =
            Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(after(60)));
        assert_eq!(needed(&lost, &wait, 600), Some(after(60)), "{problem:?}");
    }
    for problem in [ReauthorizationRequired, OutcomeUnknown] {
        let mut dead = observed(&json!({}), GrantValidity::Dead);
        if problem == OutcomeUnknown {
            let mut state = fixtures::state(GrantValidity::Valid);
            state.current.as_mut().unwrap().attempt = Some(redeem::Attempt {
                id: redeem::AttemptId::new("attempt"),
                serial: redeem::Serial(3),
                phase: redeem::AttemptPhase::OutcomeUnknown,
                hold_off_seconds: 45,
                client: None,
                unknown: redeem::UnknownFields::default(),
            });
            fixtures::grant_mut(&mut dead).view.state = fixtures::found(state);
        }
        dead.status.failures = Some(fixtures::failures(of(&dead), problem, None));
        let expires = dead.held.as_ref().unwrap().expiration.time;
        assert_eq!(needed(&dead, &wait, 60), Some(expires), "{problem:?}");
        // Its session was ended as well: nobody has a token any more, and it is not put off at every look.
        let report = fixtures::failed(of(&dead), Refusal::SessionExpired);
        let refused = |observed: &Observed, at: i64| {
            let tested = Outcome {
                tested: Some(report.clone()),
                ..kept(observed)
            };
            let status = conclude(observed, &wait, &tested, after(at)).status.unwrap();
            status.action_required_time
        };
        let since = refused(&dead, 60);
        assert_eq!(since.as_ref().map(|time| time.0), Some(after(60)), "{problem:?}");
        dead.status.action_required_time.clone_from(&since);
        assert_eq!(refused(&dead, 600), since, "{problem:?}");
    }
    let mut nobody = observed(&json!({}), GrantValidity::Valid);
    fixtures::grant_mut(&mut nobody).view.state = redeem::StateSeen::Absent;
    fixtures::grant_mut(&mut nobody).view.floor = redeem::Serial(0);
    nobody.held = None;
    let decision = fixtures::decided(&nobody, after(60));
    let rejection = crate::core::model::rejection::Rejection::new(AuthorizationRequired, "");
    assert_eq!(decision, Decision::Reject(rejection));
    assert_eq!(needed(&nobody, &decision, 60), Some(after(60)));
}
