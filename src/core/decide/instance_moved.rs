//! Has the org moved away from the address of the held token? After a My Domain rename the old address leads nowhere, and
//! only a new token tells the new one.

use salesforce_client::{InstanceUrl, Refusal};

use crate::api::Reason;
use crate::api::status::{StepName, TestStep};
use crate::core::model::connector::LoginMethod;
use crate::core::model::decision::Decision;
use crate::core::model::observed::{Observed, Source};
use crate::core::pass::connection_test::{TestReport, TestVerdict};

/// Whether a test has just found the instance of the held token gone, so that one login at another host is worth a try. Once:
/// where the test before found the same, that login was made. Never for a person's grant or a password, which cost more than
/// an address is worth; nor where the login host is what is gone.
pub fn instance_is_gone(observed: &Observed, decision: &Decision, report: &TestReport) -> bool {
    let (Source::Login(source), Some(held), Decision::Keep { .. }) =
        (&observed.source, &observed.held, decision)
    else {
        return false;
    };
    let free = match source.method {
        LoginMethod::ClientCredentials | LoginMethod::JwtBearer(_) => true,
        LoginMethod::Password(_) => false,
    };
    let instance = held.instance_url.parse::<InstanceUrl>();
    let elsewhere = instance.is_ok_and(|instance| instance.host() != &source.connector.host);
    let before = observed.status.connection_test.as_ref();
    let known = before.is_some_and(|test| test.steps.last().is_some_and(says_gone));
    let failed = matches!(report.verdict, TestVerdict::Failed { .. });
    free && elsewhere && !known && failed && report.steps.last().is_some_and(says_gone)
}

/// What an address that leads nowhere looks like: no such name, no route at Salesforce's edge, sent elsewhere, or, as after
/// Enhanced Domains, a page (docs/salesforce.md#edge-no-route, docs/salesforce.md#open-unknown-host,
/// docs/salesforce.md#my-domain-change). REST also says so itself.
#[must_use]
pub fn says_gone(step: &TestStep) -> bool {
    const GONE: [Refusal; 5] = [
        Refusal::HostNotFound,
        Refusal::HostNotRouted,
        Refusal::RedirectRefused,
        Refusal::ForbiddenByNetwork,
        Refusal::UnexpectedPage,
    ];
    let Some(Reason::Salesforce(refusal)) = step.reason.as_deref().and_then(Reason::parse) else {
        return false;
    };
    let at_host = step.name == StepName::HostAnswers && GONE.contains(&refusal);
    at_host || refusal == Refusal::InstanceAddressOutdated
}

#[cfg(test)]
mod tests {
    use salesforce_client::{Failure, Sent};
    use serde_json::{Value, json};

    use super::*;
    use crate::api::status::{ConnectionTestStatus, TestResult};
    use crate::core::model::decision::TestReason;
    use crate::core::pass::connection_test::{Flow, Steps};
    use crate::core::testing::fixtures;
    use crate::core::testing::fixtures::{jwt, now, of, password, settled, spec};

    const KEEP: Decision = Decision::Keep {
        test: Some(TestReason::Interval),
    };

    /// A token of an org with an address of its own, obtained at the shared login host.
    fn logged_in(auth: &Value) -> Observed {
        let fields = json!({ "host": "login.salesforce.com", "auth": auth });
        Observed {
            source: fixtures::source(&spec(fields)),
            ..settled()
        }
    }

    fn test_that_found(observed: &Observed, refusal: Refusal) -> TestReport {
        let mut steps = Steps::new(of(observed).clone());
        let failure = Failure {
            refusal,
            sent: Sent::NotSent,
            http_status: None,
            retry_after: None,
            server_date: None,
            detail: String::new(),
            salvaged_refresh_token: None,
        };
        assert_eq!(steps.host_answers(Err(failure)), Flow::Stop);
        steps.finish()
    }

    #[test]
    fn an_address_that_leads_nowhere_is_worth_one_login() {
        let mut observed = logged_in(&jwt());
        for (refusal, expected) in [
            (Refusal::HostNotRouted, true),
            (Refusal::HostNotFound, true),
            (Refusal::RedirectRefused, true),
            (Refusal::ForbiddenByNetwork, true),
            (Refusal::UnexpectedPage, true),
            (Refusal::InstanceAddressOutdated, true),
            (Refusal::DnsUnavailable, false),
            (Refusal::MaintenancePage, false),
            (Refusal::TimedOut, false),
        ] {
            let report = test_that_found(&observed, refusal);
            assert_eq!(instance_is_gone(&observed, &KEEP, &report), expected, "{refusal}");
        }
        let report = test_that_found(&observed, Refusal::HostNotRouted);
        let login = Decision::Mint {
            why: crate::core::model::decision::MintReason::RenewalDue,
        };
        assert!(
            !instance_is_gone(&observed, &login, &report),
            "a login was made just now"
        );
        observed.status.connection_test = Some(ConnectionTestStatus {
            result: TestResult::Failed,
            message: String::new(),
            last_test_time: k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(now()),
            steps: test_that_found(&observed, Refusal::HostNotFound).steps,
            api_usage: None,
            first_failure_time: None,
            next_test_time: None,
        });
        assert!(!instance_is_gone(&observed, &KEEP, &report), "once");
    }

    #[test]
    fn neither_a_password_nor_a_grant_nor_the_same_host_is_tried() {
        let brought = json!({ "authorizationCode": {} });
        let observed = [logged_in(&password()), logged_in(&brought), settled()];
        for observed in observed {
            let report = test_that_found(&observed, Refusal::HostNotRouted);
            assert!(
                !instance_is_gone(&observed, &KEEP, &report),
                "{:?}",
                of(&observed).host
            );
        }
    }
}
