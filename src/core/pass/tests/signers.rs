//! Logins by a key that a signer has.

use jiff::SignedDuration;
use salesforce_client::{TokenRequest, UnsignedAssertion};
use serde_json::json;
use transit_client::{SignerFailure, SignerRefusal};

use super::*;
use crate::api::Reason;

fn by_signer() -> Observed {
    let spec = fixtures::spec(json!({ "auth": fixtures::jwt_by_signer(), "app": { "clientId": "3MVG9" } }));
    Observed {
        source: fixtures::source(&spec),
        ..fresh()
    }
}

fn refuses(refusal: SignerRefusal) -> impl Fn(&PassEffect) -> Option<PassReply> {
    move |effect| match effect {
        PassEffect::Sign { .. } => Some(PassReply::Signature(Err(SignerFailure {
            refusal,
            detail: "HTTP 503".to_owned(),
            retry_after: None,
        }))),
        _ => None,
    }
}

#[test]
fn the_signer_signs_what_is_sent_at_once_and_the_message_names_the_version_where_salesforce_refuses_it() {
    let mut signed = None;
    let ran = run_with(&by_signer(), now(), |effect| match effect {
        PassEffect::Sign { key, assertion } => {
            signed = Some((key.key.name.clone(), assertion.clone()));
            None
        }
        PassEffect::RequestToken { request, .. } => {
            let (name, assertion) = signed.clone().expect("it is signed first");
            let audience = salesforce_client::Audience::Login;
            let expected = UnsignedAssertion::new("3MVG9", "robot@acme.example", &audience, now());
            assert_eq!((name.as_str(), &assertion), ("salesforce", &expected));
            let request = TokenRequest::clone(request);
            assert_eq!(
                request,
                TokenRequest::SignedAssertion {
                    username: "robot@acme.example".to_owned(),
                    assertion: expected.signed(&[7; 256]),
                }
            );
            let refused = Box::new(failure(Refusal::AssertionInvalid));
            Some(PassReply::Token(TokenReply::Refused(refused)))
        }
        _ => None,
    });
    let first = ["Sign", "RequestToken"];
    assert_eq!(
        ran.effects
            .iter()
            .filter(|name| first.contains(name))
            .collect::<Vec<_>>(),
        [&"Sign", &"RequestToken"]
    );
    let failures = ran.left.status.failures.expect("a failure");
    assert!(
        failures
            .message
            .ends_with("The signer signed with version 2 of the key."),
        "{}",
        failures.message
    );
}

#[test]
fn without_a_signature_salesforce_hears_nothing_and_every_refusal_is_tried_again() {
    for refusal in SignerRefusal::ALL.iter().copied() {
        let ran = run_with(&by_signer(), now(), refuses(refusal));
        assert!(
            !ran.effects.contains(&"RequestToken"),
            "{refusal}: {:?}",
            ran.effects
        );
        let failures = ran.left.status.failures.expect("a failure");
        assert_eq!(failures.reason, refusal.as_str());
        let next = failures.next_attempt_time.expect("another attempt").0;
        let wait = next.duration_since(now());
        assert!(
            wait > SignedDuration::ZERO && wait <= SignedDuration::from_mins(3),
            "{refusal}: {wait}"
        );
        let wanted = format!(
            "(https://vault.example.com:8200: HTTP 503). {}",
            Reason::from(refusal).remedy()
        );
        assert!(failures.message.ends_with(&wanted), "{}", failures.message);
    }
}
