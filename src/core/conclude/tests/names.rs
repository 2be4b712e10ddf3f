//! What is shown of org and user, and what is never shown?

use super::*;

#[test]
fn facts_of_another_org_or_user_are_forgotten() {
    let observed = settled();
    let identity = |organization: &str, user: &str| {
        let mut outcome = kept(&observed);
        outcome.held.as_mut().unwrap().identity = crate::core::model::held_token::Identity {
            organization_id: organization.into(),
            user_id: user.into(),
        };
        let conclusion = conclude(&observed, &KEEP, &outcome, after(60));
        let identity = conclusion.status.and_then(|status| status.identity).unwrap();
        (identity.organization_name, identity.username)
    };
    assert_eq!(identity("00D000000000001AAA", fixtures::USER), (None, None));
    assert_eq!(
        identity(fixtures::ORGANIZATION, "005000000000001AAA"),
        (Some("Acme".into()), None)
    );
}

#[test]
fn no_text_that_a_further_host_answers_is_shown() {
    let observed = fresh();
    let mut outcome = first_success(&observed);
    let held = outcome.held.as_mut().unwrap();
    held.instance_url = "https://gateway.acme.example".into();
    held.scopes = vec!["what an internal server says".into()];
    let conclusion = conclude(&observed, &MINT, &outcome, now());
    let status = written(&conclusion);
    let identity = IdentityStatus {
        organization_id: Some(fixtures::ORGANIZATION.into()),
        user_id: Some(fixtures::USER.into()),
        instance_url: Some("https://gateway.acme.example".into()),
        ..IdentityStatus::default()
    };
    assert_eq!(status.identity, Some(identity));
    assert_eq!(status.token.as_ref().unwrap().scopes, Vec::<String>::new());
}

#[test]
fn a_username_that_came_by_reference_is_not_shown() {
    let auth = json!({ "password": {
        "usernameRef": { "name": "user", "key": "name" }, "passwordRef": { "name": "user", "key": "password" },
    } });
    let observed = Observed {
        source: fixtures::source(&spec(json!({ "auth": auth }))),
        ..fresh()
    };
    let conclusion = conclude(&observed, &MINT, &first_success(&observed), now());
    let text = serde_json::to_string(written(&conclusion)).unwrap();
    assert!(!text.contains("robot@acme.example"), "{text}");
}

#[test]
fn a_username_that_came_by_reference_stays_hidden_when_the_spec_names_another() {
    let auth = json!({ "password": {
        "username": "guess@acme.example", "passwordRef": { "name": "user", "key": "password" },
    } });
    let observed = Observed {
        source: fixtures::source(&spec(json!({ "auth": auth }))),
        ..fresh()
    };
    let mut outcome = first_success(&observed);
    outcome.held.as_mut().unwrap().inputs_digest =
        fixtures::connector(&spec(json!({}))).inputs_digest.clone();
    let conclusion = conclude(&observed, &KEEP, &outcome, now());
    let text = serde_json::to_string(written(&conclusion)).unwrap();
    assert!(!text.contains("robot@acme.example"), "{text}");
}
