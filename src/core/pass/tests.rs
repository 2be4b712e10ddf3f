//! Scenarios: what a pass asks for, in order, and what it reports. Each must notice some of the faults at the end.

mod faults;

use salesforce_client::{Refusal, TokenResponse};
use serde_json::json;

use super::*;
use crate::api::reasons::OwnReason;
use crate::api::status::{LoginResult, SalesforceConnectorStatus};
use crate::core::conclude::conclude;
use crate::core::grant::session_report::SessionReport;
use crate::core::model::held_token::Renewal;
use crate::core::model::login_request::{LoginCode, LoginRequest, LoginSecret, LoginSeen};
use crate::core::model::observed::Activity;
use crate::core::model::rejection::Rejection;
use crate::core::pass::connection_test::{TestAnswer, TestCall};
use crate::core::schedule::password_memory::{PasswordAttempt, PasswordMemory, PasswordOutcome};
use crate::core::secret::ownership::Target;
use crate::core::testing::driver::{Ran, run, run_with, secret, token};
use crate::core::testing::fixtures::{
    self, after, asked_to_renew, carrying, failure, fresh, grant_mut, grant_of, granted, held, now, password,
    settled, source, spec,
};

const TEST: [&str; 3] = ["TestVersions", "TestIdentity", "TestOrganization"];

fn effects(parts: &[&[&'static str]]) -> Vec<&'static str> {
    parts.concat()
}

/// Ready as `status reason`.
fn ready(status: &SalesforceConnectorStatus) -> String {
    let ready = status
        .conditions
        .iter()
        .find(|condition| condition.type_ == "Ready");
    ready.map_or_else(String::new, |ready| format!("{} {}", ready.status, ready.reason))
}

fn ready_after(ran: &Ran) -> String {
    ready(&ran.left.status)
}

fn refuses_login(refusal: Refusal) -> impl Fn(&PassEffect) -> Option<PassReply> {
    move |effect| match effect {
        PassEffect::RequestToken { .. } => {
            Some(PassReply::Token(TokenReply::Refused(Box::new(failure(refusal)))))
        }
        _ => None,
    }
}

/// Salesforce refuses each token that the connection is tested with.
fn refuses_tokens(effect: &PassEffect) -> Option<PassReply> {
    match effect {
        PassEffect::Test {
            call: TestCall::Identity(..),
            ..
        } => {
            let refused = TestAnswer::Identity(Err(failure(Refusal::SessionExpired)));
            Some(PassReply::Test(refused, fixtures::LATENCY))
        }
        _ => None,
    }
}

/// A connector whose stored grant has one token, and a session that brings the next.
fn renewed_grant(effect: &PassEffect) -> Option<PassReply> {
    let PassEffect::RunSession(_) = effect else {
        return None;
    };
    let mut state = fixtures::state(redeem::GrantValidity::Valid);
    state.serial = redeem::Serial(5);
    let access = state
        .current
        .as_mut()
        .and_then(|grant| grant.access.as_mut())
        .unwrap();
    access.token = redeem::AccessToken::new("00Dx!token-2".to_owned());
    access.serial = redeem::Serial(5);
    Some(PassReply::Session(Box::new(SessionReply::Ended(SessionReport {
        outcome: redeem::SessionOutcome {
            end: redeem::SessionEnd::Ready,
            bootstrap: None,
            login: None,
            candidate: None,
            state: Some(Box::new(state)),
            memory: redeem::SessionMemory::default(),
        },
        granted: true,
        refusals: Vec::new(),
        unanswered: None,
        unavailable: None,
        login_failure: None,
    }))))
}

macro_rules! scenarios {
    ($(fn $name:ident() $body:block)+) => {
        $(#[test] fn $name() $body)+
        /// Every scenario, to be run with a fault planted.
        pub(super) const SCENARIOS: &[(&str, fn())] = &[$((stringify!($name), $name)),+];
    };
}

mod inventory;
mod passwords;
mod rollouts;
mod rotations;
mod sessions;
mod sharing;
mod signers;

scenarios! {
    fn a_first_token_is_tested_before_it_is_written() {
        let ran = run(&fresh(), now());
        let before: &[&str] = &["RequestToken", "Introspect"];
        let then: &[&str] = &["CreateSecret", "DeleteFormerSecrets", "Record", "WriteStatus"];
        assert_eq!(ran.effects, effects(&[before, &TEST, then]));
        assert_eq!(ready_after(&ran), "True TokenValid");
        let token = ran.left.held.as_ref().unwrap();
        assert_eq!((token.token.expose(), token.expiration.time), ("00Dx!new", after(7200)));
        assert_eq!(ran.left.status.token.as_ref().unwrap().expiration_time.0, after(7200));
    }

    fn a_second_pass_over_a_settled_connector_writes_nothing() {
        let ran = run(&settled(), after(1));
        assert_eq!(ran.effects, ["DeleteFormerSecrets", "Record"]);
        assert_eq!(ran.report().events, []);
    }

    fn a_renewed_token_of_the_same_user_is_written_at_once() {
        let tested = Observed { last_test: Some(after(6000)), ..settled() };
        let ran = run(&tested, after(6100));
        let expected = ["RequestToken", "Introspect", "UpdateSecret", "DeleteFormerSecrets", "Record", "WriteStatus"];
        assert_eq!(ran.effects, expected);
        assert_eq!(ran.left.held.as_ref().unwrap().token.expose(), "00Dx!new");
    }

    fn a_token_of_the_wrong_environment_is_withheld_and_forgotten() {
        let sandbox = Observed {
            source: fixtures::source(&spec(json!({ "environment": "Sandbox" }))),
            ..fresh()
        };
        let ran = run(&sandbox, now());
        let before: &[&str] = &["RequestToken", "Introspect"];
        assert_eq!(ran.effects, effects(&[before, &TEST, &["Record", "WriteStatus"]]));
        assert_eq!(ready_after(&ran), "False EnvironmentMismatch");
        assert!(ran.report().outcome.forgot_new_token && ran.report().outcome.held.is_none());
    }

    fn a_refused_login_keeps_the_token_in_use_and_is_counted() {
        let due = Observed { last_test: Some(after(6000)), ..settled() };
        let ran = run_with(&due, after(6100), refuses_login(Refusal::SalesforceUnavailable));
        assert_eq!(ran.effects, ["RequestToken", "DeleteFormerSecrets", "Record", "WriteStatus"]);
        assert_eq!(ready_after(&ran), "True TokenValid");
        let failures = ran.left.status.failures.as_ref().unwrap();
        assert_eq!((failures.count, failures.reason.as_str()), (1, "SalesforceUnavailable"));
    }

    fn within_the_back_off_nothing_is_sent() {
        let waiting = fixtures::after_failure(fresh(), Some(after(60)));
        let ran = run(&waiting, after(30));
        assert_eq!(ran.effects, ["Record", "WriteStatus"]);
        assert_eq!(ran.report().next, std::time::Duration::from_secs(30));
    }

    fn a_session_that_salesforce_has_ended_is_replaced_in_the_same_pass() {
        let mut refused = 0;
        let ran = run_with(&settled(), after(901), |effect| {
            refused += 1;
            refuses_tokens(effect).filter(|_| refused <= 3)
        });
        let first: &[&str] = &["TestVersions", "TestIdentity", "DeleteFormerSecrets"];
        let login: &[&str] = &["RequestToken", "Introspect", "UpdateSecret", "DeleteFormerSecrets"];
        assert_eq!(ran.effects, effects(&[first, login, &TEST, &["Record", "WriteStatus"]]));
        assert_eq!(ready_after(&ran), "True TokenValid");
    }

    fn a_token_that_was_dated_by_a_clock_that_was_ahead_and_is_returned_again_is_dated_anew() {
        let mut held = settled().held.unwrap();
        held.issue_time = after(6 * 3600);
        held.expiration.time = after(8 * 3600);
        let same = held.token.clone();
        let ahead = carrying(settled(), held);
        let ran = run_with(&ahead, after(1), |effect| match effect {
            PassEffect::RequestToken { .. } => {
                let returned = TokenResponse { access_token: same.clone(), ..token("same", after(1)) };
                Some(PassReply::Token(TokenReply::Granted(Box::new(returned))))
            }
            _ => None,
        });
        let held = ran.left.held.clone().unwrap();
        assert_eq!((held.issue_time, held.expiration.renewal), (after(1), Renewal::Ahead));
        let again = run(&ran.left, after(2));
        assert!(!again.effects.contains(&"RequestToken"), "{:?}", again.effects);
    }

    fn a_test_that_was_dated_by_a_clock_that_was_ahead_is_dated_anew_and_made_once() {
        let ran = run(&settled(), after(-6 * 3600));
        let tested = ran.left.status.connection_test.as_ref().unwrap().last_test_time.0;
        assert_eq!(tested, after(-6 * 3600));
        let again = run(&ran.left, after(1 - 6 * 3600));
        assert!(!again.effects.contains(&"TestVersions"), "{:?}", again.effects);
    }

    fn a_fresh_token_that_is_refused_too_is_a_finding_and_no_loop() {
        let ran = run_with(&settled(), after(901), refuses_tokens);
        let logins = ran.effects.iter().filter(|effect| **effect == "RequestToken").count();
        assert_eq!((logins, ready_after(&ran).as_str()), (1, "False FreshTokenRejected"));
        assert_eq!(ran.report().tests, ["SessionEnded", "SessionEnded"]);
    }

    fn a_secret_that_can_not_be_written_is_said_and_the_token_is_tried_again() {
        let ran = run_with(&fresh(), now(), |effect| match effect {
            PassEffect::CreateSecret { .. } => {
                let quota = Rejection::new(crate::api::reasons::OwnReason::SecretWriteRefused, "quota");
                Some(PassReply::Secret(Err(quota)))
            }
            _ => None,
        });
        assert!(!ran.effects.contains(&"DeleteFormerSecrets"), "{:?}", ran.effects);
        assert_eq!(ready_after(&ran), "False SecretWriteRefused");
    }

    fn a_secret_that_could_not_be_written_is_tried_by_a_dry_run_before_another_login() {
        use crate::api::reasons::OwnReason::{SecretWriteFailed, SecretWriteRefused};
        for reason in [SecretWriteRefused, SecretWriteFailed] {
            let denial = || Some(PassReply::Secret(Err(Rejection::new(reason, "denied"))));
            let denies = |effect: &PassEffect| match effect {
                PassEffect::CreateSecret { .. } | PassEffect::ProbeSecret { .. } => denial(),
                _ => None,
            };
            let first = run_with(&fresh(), now(), denies);
            let expected = format!("False {}", crate::api::Reason::from(reason).as_str());
            assert_eq!(ready_after(&first), expected);
            let next = first.left.status.failures.as_ref().unwrap().next_attempt_time.as_ref().unwrap().0;
            assert!(next > now() && next <= after(330), "{next}");
            let again = run_with(&Observed { held: None, ..first.left }, next, denies);
            assert_eq!(again.effects, ["ProbeSecret", "Record", "WriteStatus"]);
            assert_eq!(ready_after(&again), expected);
            assert_eq!(again.left.status.failures.as_ref().unwrap().count, 2);
            let later = again.left.status.failures.as_ref().unwrap().next_attempt_time.as_ref().unwrap().0;
            let healed = run(&Observed { held: None, ..again.left }, later);
            assert_eq!(healed.effects.iter().take(2).collect::<Vec<_>>(), [&"ProbeSecret", &"RequestToken"]);
            assert_eq!(ready_after(&healed), "True TokenValid");
        }
    }

    fn a_renewal_that_can_not_be_delivered_leaves_the_old_token_until_it_expires() {
        let fails = |effect: &PassEffect| match effect {
            PassEffect::UpdateSecret { .. } | PassEffect::ProbeSecret { .. } => {
                let failed = Rejection::new(crate::api::reasons::OwnReason::SecretWriteFailed, "webhook");
                Some(PassReply::Secret(Err(failed)))
            }
            _ => None,
        };
        let tested = Observed { last_test: Some(after(6000)), ..settled() };
        let ran = run_with(&tested, after(6100), fails);
        assert!(ran.effects.contains(&"RequestToken"), "{:?}", ran.effects);
        assert_eq!(ready_after(&ran), "True TokenValid");
        assert_eq!(ran.left.status.token.as_ref().unwrap().expiration_time.0, after(7200));
        let expired = run_with(&ran.left, after(7200), fails);
        assert!(!expired.effects.contains(&"RequestToken"), "{:?}", expired.effects);
        assert_eq!(ready_after(&expired), "False TokenExpired");
    }

    fn a_stored_grant_whose_token_can_not_be_delivered_is_not_renewed_for_that() {
        let tested = Observed { last_test: Some(after(6000)), ..granted(&json!({}), redeem::GrantValidity::Valid) };
        let fails = |effect: &PassEffect| match effect {
            PassEffect::UpdateSecret { .. } => {
                let failed = Rejection::new(crate::api::reasons::OwnReason::SecretWriteRefused, "quota");
                Some(PassReply::Secret(Err(failed)))
            }
            effect => renewed_grant(effect),
        };
        let ran = run_with(&tested, after(6100), fails);
        assert_eq!(ready_after(&ran), "False SecretWriteRefused");
        let mut stored = fixtures::state(redeem::GrantValidity::Valid);
        stored.current.as_mut().unwrap().access.as_mut().unwrap().received_at = after(6100);
        let mut left = ran.left;
        grant_mut(&mut left).view.state = fixtures::found(stored);
        left.held.as_mut().unwrap().expiration.time = after(13_000);
        left.held.as_mut().unwrap().issue_time = after(6100);
        left.held.as_mut().unwrap().token = salesforce_client::AccessToken::new("00Dx!other".to_owned());
        let again = run_with(&left, after(6500), fails);
        assert!(!again.effects.contains(&"RunSession"), "{:?}", again.effects);
        assert!(again.effects.contains(&"UpdateSecret"), "{:?}", again.effects);
        let healed = run(&left, after(6500));
        assert_eq!(healed.left.status.failures, None);
    }

    fn an_input_that_vanishes_leaves_a_good_token_as_it_is_until_it_expires() {
        let gone = |observed: Observed, now| {
            let why = Rejection::new(crate::api::reasons::OwnReason::InputSecretMissing, "spec.app.clientSecretRef");
            observed.without_input(why, now)
        };
        for observed in [settled(), granted(&json!({}), redeem::GrantValidity::Valid)] {
            let mut observed = run(&Observed { last_test: Some(after(0)), ..observed }, after(1)).left;
            observed.held.as_mut().unwrap().expiration.time = after(7200);
            let ran = run(&gone(observed.clone(), after(901)), after(901));
            assert!(ran.effects.contains(&"TestIdentity"), "{:?}", ran.effects);
            let report = ran.report();
            assert_eq!(ready(&report.status), "True TokenValid");
            let message = &report.status.conditions.first().unwrap().message;
            assert!(message.contains("The next renewal needs an input that is not there"), "{message}");
            let synced = |status: &SalesforceConnectorStatus| status.conditions.iter().find(|it| it.type_ == "SecretSynced").cloned();
            assert_eq!(synced(&report.status), synced(&observed.status));
            let due = run(&gone(observed.clone(), after(6100)), after(6100));
            assert!(!due.effects.contains(&"RequestToken") && !due.effects.contains(&"RunSession"), "{:?}", due.effects);
            let expired = run(&gone(observed, after(7200)), after(7200));
            assert_eq!(ready_after(&expired), "False InputSecretMissing");
        }
    }

    fn an_address_that_is_not_the_orgs_is_worth_one_login_and_ready_turns_false_if_that_does_not_help() {
        let logs_in = json!({ "host": "login.salesforce.com", "auth": fixtures::jwt() });
        let observed = Observed { source: fixtures::source(&spec(logs_in)), ..settled() };
        let held = held(&fixtures::connector(&spec(json!({ "host": "login.salesforce.com", "auth": fixtures::jwt() }))));
        let observed = carrying(observed, held);
        let moved = |effect: &PassEffect| match effect {
            PassEffect::Test { call: TestCall::Organization(..), .. } => Some(PassReply::Test(
                TestAnswer::Organization(Box::new(Err(failure(Refusal::InstanceAddressOutdated)))), fixtures::LATENCY
            )),
            _ => None,
        };
        let ran = run_with(&observed, after(901), moved);
        assert_eq!(ran.effects.iter().filter(|effect| **effect == "RequestToken").count(), 1);
        assert_eq!(ready_after(&ran), "True TokenValid");
        let later = run_with(&ran.left, after(901 + 901), moved);
        assert!(!later.effects.contains(&"RequestToken"), "{:?}", later.effects);
        assert_eq!(ready_after(&later), "False InstanceAddressOutdated");
        let healed = run(&later.left, after(901 + 901 + 3700));
        assert_eq!(ready_after(&healed), "True TokenValid");
    }

    fn former_secrets_go_once_the_new_one_exists() {
        let renamed = Observed {
            source: fixtures::source(&spec(json!({ "secret": { "name": "other" } }))),
            target: Target::Absent,
            former_secrets: vec!["crm-salesforce".into()],
            last_test: Some(after(0)),
            ..settled()
        };
        let mut deleted = None;
        let ran = run_with(&renamed, after(1), |effect| {
            if let PassEffect::DeleteFormerSecrets { current, former } = effect {
                deleted = Some((current.clone(), former.clone()));
            }
            None
        });
        let created = ran.effects.iter().position(|effect| *effect == "CreateSecret");
        assert!(created.is_some() && created < ran.effects.iter().position(|effect| *effect == "DeleteFormerSecrets"));
        assert_eq!(deleted, Some(("other".into(), vec!["crm-salesforce".into()])));
        assert_eq!(ran.left.status.secret_name.as_deref(), Some("other"));
    }

    fn while_suspended_nothing_is_sent() {
        let suspended = Observed {
            activity: crate::core::model::observed::Activity::Suspended,
            ..asked_to_renew(fresh())
        };
        let ran = run(&suspended, now());
        assert_eq!(ran.effects, ["Record", "WriteStatus"]);
        assert_eq!(ready_after(&ran), "False Suspended");
    }

    fn a_request_to_renew_is_carried_out_and_echoed() {
        let ran = run(&asked_to_renew(settled()), after(1));
        assert!(ran.effects.contains(&"RequestToken"), "{:?}", ran.effects);
        assert_eq!(ran.left.status.last_handled.as_ref().unwrap().renew_requested_at.as_deref(), Some("1"));
    }

    fn a_spent_budget_is_waited_out() {
        let wait = std::time::Duration::from_secs(90);
        let ran = run_with(&fresh(), now(), |effect| match effect {
            PassEffect::RequestToken { .. } => Some(PassReply::Token(TokenReply::BudgetSpent(wait))),
            _ => None,
        });
        assert_eq!(ran.effects, ["RequestToken", "Record", "WriteStatus"]);
        let failures = ran.left.status.failures.as_ref().unwrap();
        assert_eq!((failures.reason.as_str(), failures.count), ("CallBudgetSpent", 1));
        assert_eq!(failures.next_attempt_time.as_ref().unwrap().0, after(91));
        let again = run_with(&ran.left, after(91), |effect| match effect {
            PassEffect::RequestToken { .. } => Some(PassReply::Token(TokenReply::BudgetSpent(wait))),
            _ => None,
        });
        let failures = again.left.status.failures.as_ref().unwrap();
        assert_eq!(failures.count, 1, "its turn had not come: that is no failure, and doubles nothing");
        assert_eq!(failures.next_attempt_time.as_ref().unwrap().0, after(91 + 91));
    }

    fn a_status_that_could_not_be_written_is_written_although_nothing_changes() {
        let unwritten = Observed { status_unwritten: true, ..run(&settled(), after(1)).left };
        assert_eq!(run(&unwritten, after(1)).effects, ["DeleteFormerSecrets", "Record", "WriteStatus"]);
    }

    fn a_test_that_takes_too_long_fails_and_the_token_stays() {
        let ran = run_with(&settled(), after(901), |effect| match effect {
            PassEffect::Test { call: TestCall::Organization(..), .. } => Some(PassReply::Test(TestAnswer::TimedOut, fixtures::LATENCY)),
            _ => None,
        });
        assert_eq!(ran.effects, effects(&[&TEST, &["DeleteFormerSecrets", "Record", "WriteStatus"]]));
        let test = ran.left.status.connection_test.as_ref().unwrap();
        assert_eq!(test.steps.last().unwrap().reason.as_deref(), Some("TimedOut"));
        assert_eq!(ready_after(&ran), "True TokenValid");
    }

    fn the_token_that_a_login_returns_again_keeps_its_expiry_unless_salesforce_tells_another() {
        let connector = fixtures::connector(&spec(json!({})));
        let mut token = held(&connector);
        token.token = salesforce_client::AccessToken::new("00Dx!new".to_owned());
        token.expiration.time = after(6200);
        let observed = Observed { last_test: Some(after(6000)), ..carrying(settled(), token) };
        let same = run_with(&observed, after(6100), |effect| match effect {
            PassEffect::Introspect { .. } => Some(PassReply::Introspection(None)),
            _ => None,
        });
        let kept = same.left.held.as_ref().unwrap();
        assert_eq!((kept.issue_time, kept.expiration.time), (now(), after(6200)));
        let longer = run(&observed, after(6100));
        assert_eq!(longer.left.held.as_ref().unwrap().expiration.time, after(6100 + 7200));
    }

    fn a_reply_of_another_kind_is_an_error_and_not_a_guess() {
        let key = fixtures::key();
        let (mut pass, effect) = Pass::begin(fresh(), &key, now());
        assert_eq!(effect.name(), "RequestToken");
        assert_eq!(pass.on(PassReply::Secret(Ok(())), now()).err(), Some(UnexpectedReply));
        let tested = settled();
        let (mut pass, effect) = Pass::begin(tested, &key, after(901));
        assert_eq!(effect.name(), "TestVersions");
        let other = PassReply::Test(TestAnswer::Identity(Err(failure(Refusal::SessionExpired))), fixtures::LATENCY);
        assert_eq!(pass.on(other, after(901)).err(), Some(UnexpectedReply));
    }
}
