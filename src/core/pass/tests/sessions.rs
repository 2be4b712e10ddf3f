//! Scenarios of stored grants: what a session of the redeem protocol leaves, and logins of people.

use super::*;

/// A person has logged in for this connector.
fn logging_in(mut observed: Observed) -> Observed {
    let login = LoginCode {
        code: salesforce_client::AuthorizationCode::new("aPrx".to_owned()),
        code_verifier: salesforce_client::CodeVerifier::new("verifier".to_owned()),
        redirect_uri: "http://localhost:1717/OauthRedirect".to_owned(),
        begun_at: now(),
    };
    grant_mut(&mut observed).login = LoginSeen::Requested(LoginRequest {
        secret_name: "crm-login".to_owned(),
        code: Ok(login),
    });
    observed
}

/// A session that has stored the grant of a login.
fn login_stored(effect: &PassEffect) -> Option<PassReply> {
    let mut reply = renewed_grant(effect)?;
    if let PassReply::Session(session) = &mut reply
        && let SessionReply::Ended(report) = &mut **session
    {
        report.outcome.login = Some(redeem::LoginVerdict::Stored);
    }
    Some(reply)
}

/// A session that finds the code of a login spent, and no grant.
fn code_spent(effect: &PassEffect) -> Option<PassReply> {
    let mut reply = renewed_grant(effect)?;
    if let PassReply::Session(session) = &mut reply
        && let SessionReply::Ended(report) = &mut **session
    {
        report.granted = false;
        report.outcome = redeem::SessionOutcome {
            end: redeem::SessionEnd::Problem {
                problem: redeem::GrantProblem::AuthorizationRequired,
                ask_again: None,
            },
            login: Some(redeem::LoginVerdict::CodeUsed),
            state: None,
            ..report.outcome.clone()
        };
    }
    Some(reply)
}

scenarios! {
    fn what_a_session_has_stored_is_delivered_and_the_status_is_read_again() {
        let tested = Observed { last_test: Some(after(6000)), ..granted(&json!({}), redeem::GrantValidity::Valid) };
        let mut version = None;
        let ran = run_with(&tested, after(6100), |effect| {
            if let PassEffect::WriteStatus { resource_version, .. } = effect {
                version.clone_from(resource_version);
            }
            renewed_grant(effect)
        });
        let expected = ["RunSession", "Introspect", "UpdateSecret", "DeleteFormerSecrets", "ReadStatus", "Record", "WriteStatus"];
        assert_eq!(ran.effects, expected);
        assert_eq!(version.as_deref(), Some("8"));
        assert_eq!(ran.left.status.grant_serial, Some(5));
        let annotations = secret(&ran).metadata.annotations.as_ref().unwrap();
        assert_eq!(annotations[crate::api::names::SERIAL], "5");
    }

    fn a_request_that_another_leader_carried_out_stays_echoed_although_this_pass_did_not_see_it() {
        let due = Observed { last_test: Some(after(6000)), ..granted(&json!({}), redeem::GrantValidity::Valid) };
        let echo = crate::api::status::LastHandledStatus { renew_requested_at: Some("1".to_owned()), test_requested_at: None };
        let ran = run_with(&due, after(6100), |effect| match effect {
            PassEffect::ReadStatus => {
                let status = SalesforceConnectorStatus { last_handled: Some(echo.clone()), ..due.status.clone() };
                let live = Box::new(LiveStatus { leads: true, status, resource_version: Some("8".to_owned()) });
                Some(PassReply::Status(Some(live)))
            }
            effect => renewed_grant(effect),
        });
        assert_eq!(ran.left.status.last_handled, Some(echo));
    }

    fn a_replica_that_no_longer_leads_reports_what_it_obtained_and_nothing_else() {
        let due = Observed { last_test: Some(after(6000)), ..granted(&json!({}), redeem::GrantValidity::Valid) };
        let mut written = Vec::new();
        for obtains in [true, false] {
            let ran = run_with(&due, after(6100), |effect| match effect {
                PassEffect::ReadStatus => {
                    let (status, resource_version) = (due.status.clone(), Some("8".to_owned()));
                    Some(PassReply::Status(Some(Box::new(LiveStatus { leads: false, status, resource_version }))))
                }
                PassEffect::RunSession(_) if !obtains => {
                    Some(PassReply::Session(Box::new(SessionReply::BudgetSpent(std::time::Duration::from_mins(1)))))
                }
                effect => renewed_grant(effect),
            });
            written.push((ran.effects.contains(&"ReadStatus"), ran.effects.contains(&"WriteStatus")));
        }
        assert_eq!(written, [(true, true), (true, false)]);
    }

    fn a_connector_that_is_gone_after_a_session_is_not_written() {
        let due = Observed { last_test: Some(after(6000)), ..granted(&json!({}), redeem::GrantValidity::Valid) };
        let ran = run_with(&due, after(6100), |effect| match effect {
            PassEffect::ReadStatus => Some(PassReply::Status(None)),
            effect => renewed_grant(effect),
        });
        assert!(ran.report.is_none() && !ran.effects.contains(&"WriteStatus"), "{:?}", ran.effects);
    }

    fn a_login_goes_before_everything_else_and_its_end_is_reported_once() {
        let observed = logging_in(granted(&json!({}), redeem::GrantValidity::Dead));
        let mut sent = None;
        let ran = run_with(&observed, after(1), |effect| {
            let PassEffect::RunSession(order) = effect else { return None };
            sent = Some((matches!(order.goal, redeem::SessionGoal::Login(_)), order.login.clone(), order.prepaid));
            login_stored(effect)
        });
        assert_eq!(sent, Some((true, grant_of(&observed).login.code().cloned(), true)));
        assert!(ran.effects.contains(&"TestIdentity"), "a login is tested: {:?}", ran.effects);
        let login = ran.left.status.last_login.clone().unwrap();
        assert_eq!((&*login.secret_name, login.result, login.reason), ("crm-login", LoginResult::Succeeded, None));
        let again = conclude(&ran.left, &Decision::Keep { test: None }, &Outcome::untouched(ran.left.held.clone()), after(60));
        let shown = again.status.map_or(ran.left.status.last_login.clone(), |status| status.last_login);
        assert_eq!(shown, ran.left.status.last_login, "what is reported stays");
    }

    fn a_first_login_whose_code_is_spent_without_a_result_asks_for_another_one_now_and_in_each_later_pass() {
        let nobody_yet = Observed { source: source(&spec(json!({ "auth": { "authorizationCode": {} } }))), ..fresh() };
        let observed = logging_in(nobody_yet);
        let ran = run_with(&observed, after(1), code_spent);
        let login = ran.left.status.last_login.clone().unwrap();
        assert_eq!((login.result, login.reason.as_deref()), (LoginResult::Failed, Some("LoginCodeUsed")));
        assert_eq!(ready_after(&ran), "False ReauthorizationRequired");
        let mut later = Observed { status: ran.left.status, ..observed };
        grant_mut(&mut later).login = LoginSeen::None;
        let ran = run(&later, after(2));
        assert_eq!((ready_after(&ran).as_str(), ran.effects.contains(&"RunSession")), ("False ReauthorizationRequired", false));
        let message = &ran.left.status.conditions.iter().find(|condition| condition.type_ == "Ready").unwrap().message;
        assert!(message.contains("the last login failed") && message.contains("kubectl salesforce login"), "{message}");
    }

    fn a_login_that_cannot_be_carried_out_is_reported_without_a_session() {
        let mut observed = granted(&json!({}), redeem::GrantValidity::Valid);
        let expired = Rejection::new(Refusal::AuthorizationCodeExpired, "Secret \"crm-login\"");
        grant_mut(&mut observed).login = LoginSeen::Requested(LoginRequest { secret_name: "crm-login".to_owned(), code: Err(expired) });
        let ran = run(&observed, after(1));
        assert!(!ran.effects.contains(&"RunSession"), "{:?}", ran.effects);
        let login = ran.left.status.last_login.unwrap();
        assert_eq!((login.result, login.reason.as_deref()), (LoginResult::Failed, Some("AuthorizationCodeExpired")));
    }

    fn a_login_waits_while_the_connector_is_suspended() {
        let observed = Observed { activity: Activity::Suspended, ..logging_in(granted(&json!({}), redeem::GrantValidity::Valid)) };
        let ran = run(&observed, after(1));
        assert!(!ran.effects.contains(&"RunSession") && ran.left.status.last_login.is_none(), "{:?}", ran.effects);
    }

    fn the_secret_of_a_login_that_is_over_is_deleted() {
        let mut observed = Observed { last_test: Some(after(0)), ..granted(&json!({}), redeem::GrantValidity::Valid) };
        grant_mut(&mut observed).login = LoginSeen::Over(LoginSecret { name: "crm-login".to_owned(), uid: "1".to_owned() });
        let mut deleted = None;
        let ran = run_with(&observed, after(1), |effect| {
            if let PassEffect::DeleteLoginSecret(secret) = effect {
                deleted = Some(secret.name.clone());
            }
            None
        });
        assert_eq!((deleted.as_deref(), ran.effects.first()), (Some("crm-login"), Some(&"DeleteLoginSecret")));
    }

    fn where_to_revoke_the_grant_is_recorded_first() {
        let observed = Observed { last_test: Some(after(3600)), ..granted(&json!({ "revokeOnDelete": true }), redeem::GrantValidity::Valid) };
        let mut host = None;
        let ran = run_with(&observed, after(1), |effect| {
            if let PassEffect::RecordRevocation { host: recorded, .. } = effect {
                host.clone_from(recorded);
            }
            None
        });
        assert_eq!(ran.effects.first(), Some(&"RecordRevocation"));
        assert_eq!(host.as_deref(), Some("acme.my.salesforce.com"));
        let mut known = observed;
        grant_mut(&mut known).view.revoke_at = host;
        assert_eq!(run(&known, after(1)).effects, ["DeleteFormerSecrets", "Record", "WriteStatus"]);
    }
}
