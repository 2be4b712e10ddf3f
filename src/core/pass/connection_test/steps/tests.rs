use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::core::model::rejection::explain;
use crate::core::testing::fixtures;
use crate::core::testing::fixtures::{
    ORGANIZATION, USER, connector, failure, hidden, identity, identity_answer, organization, spec, versions,
};

const ROBOT: &str = "robot@acme.example";

fn plain() -> Arc<Connector> {
    connector(&spec(json!({})))
}

fn api() -> Vec<String> {
    vec!["api".to_owned()]
}

/// The steps as `Name: Result`, with the reason where there is one.
fn in_words(report: &TestReport) -> Vec<String> {
    let step = |step: &TestStep| match &step.reason {
        Some(reason) => format!("{:?}: {:?} ({reason})", step.name, step.result),
        None => format!("{:?}: {:?}", step.name, step.result),
    };
    report.steps.iter().map(step).collect()
}

/// A test whose host answers, and whose token is accepted.
fn up_to_identity(connector: &Arc<Connector>) -> Steps {
    let mut steps = Steps::new(connector.clone());
    assert_eq!(steps.host_answers(Ok(versions())), Flow::Continue);
    assert_eq!(
        steps.identity(&identity(), Ok(identity_answer(ROBOT))),
        Flow::Continue
    );
    steps
}

/// What a failed test says, in one piece.
fn failed(reason: impl Into<Reason>, particulars: &str) -> TestVerdict {
    let reason = reason.into();
    TestVerdict::Failed {
        reason,
        message: explain(reason, particulars),
        retry_after: None,
    }
}

const PASSED: [&str; 8] = [
    "HostAnswers: Passed",
    "TokenAccepted: Passed",
    "IdentityExpected: Passed",
    "ApiEnabled: Passed",
    "Scopes: Passed",
    "OrgFacts: Passed",
    "EnvironmentMatches: Passed",
    "ApiUsage: Passed",
];

#[test]
fn all_is_well() {
    let report = fixtures::passed(&plain());
    assert_eq!(in_words(&report), PASSED);
    assert_eq!(report.message(), "Connection test succeeded");
    assert_eq!(report.result_label(), "Succeeded");
    assert!(report.environment_holds());
    let facts = OrgFacts {
        name: "Acme".into(),
        edition: "Enterprise Edition".into(),
        instance_name: Some("SWE42".into()),
        environment: Environment::Live,
    };
    assert_eq!(
        (report.verdict, report.facts, report.username, report.api_usage),
        (
            TestVerdict::Succeeded,
            Some(facts),
            Some(ROBOT.to_owned()),
            Some(ApiUsageStatus {
                used: 18,
                allowed: 15_000
            })
        )
    );
}

#[test]
fn the_host_does_not_answer_as_salesforce() {
    let connector = plain();
    let mut steps = Steps::new(connector.clone());
    assert_eq!(
        steps.host_answers(Err(failure(Refusal::UnexpectedPage))),
        Flow::Stop
    );
    let report = steps.finish();
    assert_eq!(
        report.steps,
        [TestStep {
            name: StepName::HostAnswers,
            result: StepResult::Failed,
            reason: Some("UnexpectedPage".into()),
            message: Some("The host answered with a page instead of data (as Salesforce puts it)".into()),
            remedy: Some(Reason::from(Refusal::UnexpectedPage).remedy().into()),
            latency_milliseconds: None,
        }]
    );
    assert_eq!(
        report.verdict,
        failed(Refusal::UnexpectedPage, "as Salesforce puts it")
    );
    assert_eq!(report.result_label(), "UnexpectedPage");
    assert!(!report.environment_holds());
}

#[test]
fn the_org_does_not_offer_the_api_version() {
    let connector = connector(&spec(json!({ "connectionTest": { "apiVersion": "68.0" } })));
    let mut steps = Steps::new(connector.clone());
    assert_eq!(steps.host_answers(Ok(versions())), Flow::Stop);
    assert_eq!(
        steps.finish().verdict,
        failed(
            OwnReason::ApiVersionUnsupported,
            "spec.connectionTest.apiVersion 68.0; the newest offered is 67.0"
        )
    );
}

#[test]
fn a_refused_token_asks_for_a_new_one() {
    let report = fixtures::failed(&plain(), Refusal::BadOauthToken);
    assert_eq!(
        in_words(&report),
        ["HostAnswers: Passed", "TokenAccepted: Failed (BadOauthToken)"]
    );
    assert_eq!(
        report.verdict,
        TestVerdict::TokenRejected {
            detail: "as Salesforce puts it".into()
        }
    );
    assert_eq!(
        report.message(),
        explain(OwnReason::SessionEnded.into(), "as Salesforce puts it")
    );
    assert_eq!(report.result_label(), "SessionEnded");
}

#[test]
fn an_identity_url_that_refuses_alone_is_no_dead_token() {
    let doubted = |connector: &Arc<Connector>| {
        let mut steps = Steps::new(connector.clone());
        assert_eq!(steps.host_answers(Ok(versions())), Flow::Continue);
        let refused = steps.identity(&fixtures::identity(), Err(failure(Refusal::BadOauthToken)));
        assert_eq!(refused, Flow::Continue);
        steps
    };
    let connector = plain();
    let mut steps = doubted(&connector);
    steps.organization(Ok(organization(false)), &[]);
    let report = steps.finish();
    assert_eq!(
        in_words(&report)[..4],
        [
            "HostAnswers: Passed",
            "TokenAccepted: Passed",
            "IdentityExpected: Unverified",
            "ApiEnabled: Passed"
        ]
    );
    assert_eq!(report.verdict, TestVerdict::Succeeded);
    let named = fixtures::connector(&spec(json!({ "expect": { "username": ROBOT } })));
    let mut steps = doubted(&named);
    steps.organization(Ok(organization(false)), &[]);
    let report = steps.finish();
    assert_eq!(
        report.verdict,
        failed(OwnReason::IdentityNotReadable, "as Salesforce puts it")
    );
    assert!(!report.environment_holds());
}

#[test]
fn every_refusal_of_the_token_that_a_new_one_mends_says_so_at_every_step() {
    let connector = plain();
    for refusal in Refusal::ALL
        .iter()
        .filter(|refusal| Reason::from(**refusal).class() == Class::RenewToken)
    {
        let rejected = TestVerdict::TokenRejected {
            detail: "as Salesforce puts it".into(),
        };
        assert_eq!(fixtures::failed(&connector, *refusal).verdict, rejected);
        let mut steps = up_to_identity(&connector);
        steps.organization(Err(failure(*refusal)), &api());
        assert_eq!(steps.finish().verdict, rejected);
    }
}

#[test]
fn the_token_belongs_to_somebody_else() {
    let other = json!({ "organizationId": "00D000000000001" });
    let same_in_fifteen = json!({ "organizationId": &ORGANIZATION[..15], "username": "Robot@Acme.example" });
    let person = json!({ "username": "person@acme.example" });
    for (expect, verdict) in [
        (same_in_fifteen, TestVerdict::Succeeded),
        (
            other,
            failed(
                OwnReason::UnexpectedOrganization,
                "expected 00D000000000001, found 00Dx0000000BV7zEAG",
            ),
        ),
        (
            person,
            failed(OwnReason::UnexpectedUser, "expected person@acme.example"),
        ),
    ] {
        let connector = connector(&spec(json!({ "expect": expect })));
        let mut steps = Steps::new(connector.clone());
        assert_eq!(steps.host_answers(Ok(versions())), Flow::Continue);
        let flow = steps.identity(&identity(), Ok(identity_answer(ROBOT)));
        assert_eq!(flow == Flow::Continue, verdict == TestVerdict::Succeeded);
        assert_eq!(steps.finish().verdict, verdict);
    }
}

#[test]
fn the_org_that_the_token_names_is_checked_as_well_as_the_one_that_answers() {
    let connector = connector(&spec(json!({ "expect": { "organizationId": ORGANIZATION } })));
    let stranger = held::Identity {
        organization_id: "00D000000000001AAA".into(),
        user_id: USER.into(),
    };
    let mut steps = Steps::new(connector.clone());
    assert_eq!(steps.host_answers(Ok(versions())), Flow::Continue);
    assert_eq!(steps.identity(&stranger, Ok(identity_answer(ROBOT))), Flow::Stop);
    assert_eq!(
        in_words(&steps.finish())[2],
        "IdentityExpected: Failed (UnexpectedOrganization)"
    );
}

#[test]
fn the_api_is_closed_to_the_user() {
    let connector = plain();
    let mut steps = up_to_identity(&connector);
    let closed = failure(Refusal::ApiDisabledForUser);
    steps.organization(Err(closed), &api());
    let report = steps.finish();
    assert_eq!(
        in_words(&report)[3..],
        ["ApiEnabled: Failed (ApiDisabledForUser)"]
    );
    assert_eq!(
        report.verdict,
        failed(Refusal::ApiDisabledForUser, "as Salesforce puts it")
    );
}

#[test]
fn a_wait_that_salesforce_asks_for_is_kept() {
    let connector = plain();
    let mut steps = up_to_identity(&connector);
    let busy = Failure {
        retry_after: Some(Duration::from_secs(77)),
        ..failure(Refusal::TooManyRequests)
    };
    steps.organization(Err(busy), &api());
    let TestVerdict::Failed { retry_after, .. } = steps.finish().verdict else {
        panic!("should have failed")
    };
    assert_eq!(retry_after, Some(Duration::from_secs(77)));
}

#[test]
fn the_token_has_no_scope_for_the_api() {
    let connector = plain();
    let scopes = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    for (granted, wanted) in [
        (scopes(&["api"]), TestVerdict::Succeeded),
        (scopes(&["full"]), TestVerdict::Succeeded),
        (scopes(&[]), TestVerdict::Succeeded),
        (
            scopes(&["id", "web"]),
            failed(OwnReason::ScopeMissing, "granted: id web"),
        ),
    ] {
        let mut steps = up_to_identity(&connector);
        steps.organization(Ok(organization(false)), &granted);
        assert_eq!(steps.finish().verdict, wanted, "{granted:?}");
    }
}

#[test]
fn the_org_is_of_another_kind() {
    for (declared, is_sandbox, found) in [("Live", true, "Sandbox"), ("Sandbox", false, "Live")] {
        let connector = connector(&spec(json!({ "environment": declared })));
        let mut steps = up_to_identity(&connector);
        steps.organization(Ok(organization(is_sandbox)), &api());
        let report = steps.finish();
        assert!(!report.environment_holds());
        assert_eq!(
            in_words(&report)[6..],
            ["EnvironmentMatches: Failed (EnvironmentMismatch)"]
        );
        let particulars =
            format!("spec.environment is {declared}, the org is {found}, as the org itself says");
        assert_eq!(
            report.verdict,
            failed(OwnReason::EnvironmentMismatch, &particulars)
        );
    }
}

#[test]
fn an_org_that_may_not_be_read_is_judged_by_its_host() {
    let unverified = [
        "OrgFacts: Unverified",
        "EnvironmentMatches: Unverified",
        "ApiUsage: Passed",
    ];
    let refused = [
        "OrgFacts: Unverified",
        "EnvironmentMatches: Failed (EnvironmentMismatch)",
    ];
    for (fields, wanted) in [
        (json!({}), &unverified[..]),
        (
            json!({ "host": "na45.salesforce.com", "auth": fixtures::jwt() }),
            &unverified[..],
        ),
        (
            json!({ "host": "acme--uat.sandbox.my.salesforce.com", "environment": "Sandbox" }),
            &unverified[..],
        ),
        (json!({ "environment": "Sandbox" }), &refused[..]),
        (
            json!({ "host": "acme--uat.sandbox.my.salesforce.com" }),
            &refused[..],
        ),
    ] {
        let connector = connector(&spec(fields.clone()));
        let mut steps = up_to_identity(&connector);
        steps.organization(Ok(hidden()), &api());
        let report = steps.finish();
        assert_eq!(in_words(&report)[5..], *wanted, "{fields}");
        assert_eq!(report.environment_holds(), wanted == unverified, "{fields}");
        assert_eq!(report.facts, None);
    }
}

#[test]
fn usage_that_is_not_reported_is_no_failure() {
    let connector = plain();
    let mut steps = up_to_identity(&connector);
    let silent = RestAnswer {
        api_usage: None,
        ..organization(false)
    };
    steps.organization(Ok(silent), &api());
    let report = steps.finish();
    assert_eq!(in_words(&report)[7], "ApiUsage: Unverified");
    assert_eq!((report.verdict, report.api_usage), (TestVerdict::Succeeded, None));
}

#[test]
fn a_test_that_takes_too_long_fails_at_the_step_where_it_stands() {
    let connector = plain();
    let passed_deadline = |mut steps: Steps| {
        steps.timed_out(Refusal::TimedOut, "spec.connectionTest.timeout has passed");
        let report = steps.finish();
        assert_eq!(
            report.verdict,
            failed(Refusal::TimedOut, "spec.connectionTest.timeout has passed")
        );
        in_words(&report).pop().unwrap()
    };
    let mut answered = Steps::new(connector.clone());
    assert_eq!(answered.host_answers(Ok(versions())), Flow::Continue);
    assert_eq!(
        passed_deadline(Steps::new(connector.clone())),
        "HostAnswers: Failed (TimedOut)"
    );
    assert_eq!(passed_deadline(answered), "TokenAccepted: Failed (TimedOut)");
    assert_eq!(
        passed_deadline(up_to_identity(&connector)),
        "ApiEnabled: Failed (TimedOut)"
    );
}

#[test]
fn what_was_remembered_wrongly_asks_for_a_new_token() {
    let connector = plain();
    let mut steps = Steps::new(connector.clone());
    steps.unusable("instance URL");
    let report = steps.finish();
    assert_eq!(in_words(&report), ["HostAnswers: Failed (SessionEnded)"]);
    assert_eq!(
        report.verdict,
        TestVerdict::TokenRejected {
            detail: "no usable instance URL".into()
        }
    );
}

#[test]
fn no_step_is_reported_twice() {
    // The status keeps steps as a map by name: the API server would refuse the whole status.
    let connector = plain();
    for refusal in Refusal::ALL {
        let mut steps = up_to_identity(&connector);
        steps.organization(Err(failure(*refusal)), &api());
        let report = steps.finish();
        let mut names: Vec<StepName> = report.steps.iter().map(|step| step.name).collect();
        names.dedup();
        assert_eq!(names.len(), report.steps.len(), "{refusal}");
        assert_eq!(
            serde_json::to_value(report.steps.last()).unwrap()["result"],
            Value::from("Failed")
        );
    }
}

#[test]
fn every_step_tells_how_long_the_answer_took_that_it_was_judged_by() {
    let connector = plain();
    let mut steps = Steps::new(connector.clone());
    steps.answered_after(Duration::from_micros(7_900));
    assert_eq!(steps.host_answers(Ok(versions())), Flow::Continue);
    steps.answered_after(Duration::from_millis(30));
    let refused = steps.identity(&identity(), Err(failure(Refusal::BadOauthToken)));
    assert_eq!(refused, Flow::Continue);
    steps.answered_after(Duration::from_secs(2));
    steps.organization(Ok(hidden()), &api());
    let report = steps.finish();
    let latencies: Vec<_> = report
        .steps
        .iter()
        .map(|step| step.latency_milliseconds)
        .collect();
    let rest = Some(2_000);
    assert_eq!(
        latencies,
        [Some(7), rest, rest, rest, rest, rest, rest, rest],
        "REST cleared the token"
    );
}

#[test]
fn scopes_that_are_too_wide_are_told_and_fail_nothing() {
    let mut steps = up_to_identity(&plain());
    steps.organization(Ok(organization(false)), &["api".to_owned(), "web".to_owned()]);
    let report = steps.finish();
    assert_eq!(
        (in_words(&report), &report.verdict),
        (PASSED.map(str::to_owned).to_vec(), &TestVerdict::Succeeded)
    );
    let told: Vec<_> = report
        .steps
        .iter()
        .filter(|step| step.remedy.is_some())
        .map(|step| step.name)
        .collect();
    assert_eq!(told, [StepName::Scopes]);
}
