use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use proptest::prelude::*;
use redeem::{GrantValidity, OAuthClient, RefreshToken, StateSeen, TokenDigest};
use serde_json::json;

use super::*;
use crate::api::reasons::OwnReason;
use crate::core::decide::token_due::renewal_of;
use crate::core::model::decision::{MintReason, WaitReason};
use crate::core::model::digest::Digest;
use crate::core::model::observed::{Activity, Source};
use crate::core::model::rejection::Rejection;
use crate::core::schedule::time::signed;
use crate::core::secret::ownership::Target;
use crate::core::testing::fixtures;
use crate::core::testing::fixtures::{
    after, after_failure, asked_to_renew, fresh, granted, now, of, settled, spec,
};

const KEEP: Decision = Decision::Keep { test: None };

fn mint(why: MintReason) -> Decision {
    Decision::Mint { why }
}

#[test]
fn a_good_token_is_kept_until_its_renewal() {
    let observed = settled();
    let due = renewal_of(
        observed.held.as_ref().unwrap(),
        of(&observed),
        &observed.owner.uid,
    );
    let tested = Observed {
        last_test: Some(due),
        ..observed
    };
    assert_eq!(fixtures::decided(&tested, after(1)), KEEP);
    assert_eq!(
        fixtures::decided(&tested, due - signed(std::time::Duration::from_secs(1))),
        KEEP
    );
    assert_eq!(fixtures::decided(&tested, due), mint(MintReason::RenewalDue));
}

/// The current grant was granted at `granted_at`, and the spec names `host` now.
fn moved(granted_at: &str, host: &str) -> Observed {
    let mut observed = asked_to_renew(granted(&json!({}), GrantValidity::Valid));
    fixtures::of_mut(&mut observed).host = host.parse().unwrap();
    let StateSeen::Found(state, _) = &mut fixtures::grant_mut(&mut observed).view.state else {
        panic!("a state")
    };
    state.current.as_mut().unwrap().granted_to = Some(OAuthClient {
        host: granted_at.into(),
        client_id: "3MVG9".into(),
    });
    observed
}

#[test]
fn a_stored_grant_is_presented_at_salesforces_hosts_and_at_the_one_that_granted_it_only() {
    for (granted_at, host) in [
        ("acme.my.salesforce.com", "other.my.salesforce.com"),
        ("sf.example.com", "acme.my.salesforce.com"),
        ("sf.example.com", "sf.example.com"),
    ] {
        let decision = fixtures::decided(&moved(granted_at, host), after(1));
        assert_eq!(decision, mint(MintReason::Requested), "{granted_at} {host}");
    }
    for granted_at in ["acme.my.salesforce.com", "sf.example.com"] {
        let mut observed = moved(granted_at, "x.tenant.example");
        let rejection = Rejection::new(OwnReason::GrantedElsewhere, format!("issued at {granted_at}"));
        assert_eq!(
            fixtures::decided(&observed, after(1)),
            Decision::Reject(rejection)
        );
        // A new authorization is worth a session, which leaves the stored grant alone.
        let key = fixtures::key();
        let brought = TokenDigest::of(key.ledger(), &RefreshToken::new("another"));
        fixtures::grant_mut(&mut observed).view.bootstrap = Some(brought);
        assert_eq!(
            fixtures::decided(&observed, after(1)),
            mint(MintReason::Requested)
        );
    }
}

#[test]
fn each_reason_to_obtain_a_token() {
    assert_eq!(fixtures::decided(&fresh(), now()), mint(MintReason::NoToken));
    assert_eq!(
        fixtures::decided(&asked_to_renew(settled()), after(1)),
        mint(MintReason::Requested)
    );

    let mut other_inputs = settled();
    other_inputs.held.as_mut().unwrap().inputs_digest = Digest::from_text("another");
    assert_eq!(
        fixtures::decided(&other_inputs, after(1)),
        mint(MintReason::InputsChanged)
    );

    for (evidence, why) in [
        (Evidence::TokenRejected, MintReason::SessionEnded),
        (Evidence::InstanceGone, MintReason::InstanceGone),
    ] {
        assert_eq!(decide(&settled(), evidence, after(1)), mint(why));
    }
    assert_eq!(
        fixtures::decided(&settled(), after(7200)),
        mint(MintReason::RenewalDue)
    );
}

proptest! {
    /// By the clock of another replica, or of this one before it was set.
    #[test]
    fn a_clock_that_is_set_to_any_time_holds_up_no_renewal_and_repeats_none(shift in any::<i32>()) {
        let now = after(shift.into());
        let far = !(-120..=7200).contains(&shift);
        for observed in [settled(), granted(&json!({}), GrantValidity::Valid)] {
            let decision = fixtures::decided(&observed, now);
            prop_assert!(!far || decision == mint(MintReason::RenewalDue), "{decision:?}");

            let mut renewed = observed;
            let held = renewed.held.as_mut().unwrap();
            held.issue_time = now;
            held.expiration.time = now + signed(std::time::Duration::from_hours(2));
            if let Source::Grant(source) = &mut renewed.source
                && let StateSeen::Found(state, _) = &mut source.view.state
            {
                state.current.as_mut().unwrap().access.as_mut().unwrap().received_at = now;
            }
            let decision = fixtures::decided(&renewed, now);
            prop_assert!(matches!(decision, Decision::Keep { .. }), "{decision:?}");
            prop_assert!(!far || decision != KEEP, "the test is due as well: {decision:?}");
            renewed.status.connection_test.as_mut().unwrap().last_test_time = Time(now);
            prop_assert_eq!(fixtures::decided(&renewed, now), KEEP);
        }
    }

    /// What failed under a clock that was ahead is tried again, unless only another input helps.
    #[test]
    fn a_wait_that_begins_in_the_future_is_over(ahead in 121..i32::MAX) {
        let now = after(-i64::from(ahead));
        let waiting = after_failure(fresh(), Some(after(600)));
        prop_assert_eq!(fixtures::decided(&waiting, now), mint(MintReason::NoToken));
        let given_up = after_failure(fresh(), None);
        prop_assert_eq!(
            fixtures::decided(&given_up, now),
            Decision::Wait(WaitReason::InputMustChange)
        );
    }
}

#[test]
fn a_request_counts_once() {
    let mut observed = asked_to_renew(settled());
    observed.status.last_handled = Some(crate::api::status::LastHandledStatus {
        renew_requested_at: Some("1".into()),
        test_requested_at: None,
    });
    assert_eq!(fixtures::decided(&observed, after(1)), KEEP);
    observed.requests.renew = Some("2".into());
    assert_eq!(
        fixtures::decided(&observed, after(1)),
        mint(MintReason::Requested)
    );
}

#[test]
fn what_stands_in_the_way_comes_first() {
    let invalid = Rejection::new(
        OwnReason::InputSecretMissing,
        "spec.app.clientSecretRef: Secret \"crm-app\"",
    );
    let foreign = Rejection::new(OwnReason::SecretNotOwned, "Secret \"crm-salesforce\"");
    let suspended = Observed {
        activity: Activity::Suspended,
        ..asked_to_renew(fresh())
    };
    assert_eq!(
        fixtures::decided(&suspended, now()),
        Decision::Wait(WaitReason::Suspended)
    );
    let refused = Observed {
        target: Target::Refused(foreign.clone()),
        ..suspended
    };
    assert_eq!(fixtures::decided(&refused, now()), Decision::Reject(foreign));
    let incomplete = Observed {
        source: Source::Unusable(invalid.clone()),
        ..refused
    };
    assert_eq!(fixtures::decided(&incomplete, now()), Decision::Reject(invalid));
}

#[test]
fn a_failure_is_waited_out() {
    let next = after(60);
    let failed = after_failure(fresh(), Some(next));
    assert_eq!(
        fixtures::decided(&failed, after(59)),
        Decision::Wait(WaitReason::BackOff(next))
    );
    assert_eq!(fixtures::decided(&failed, next), mint(MintReason::NoToken));
    assert_eq!(
        fixtures::decided(&asked_to_renew(failed), after(1)),
        mint(MintReason::Requested)
    );
}

#[test]
fn a_dead_input_is_not_sent_again() {
    let dead = after_failure(fresh(), None);
    assert_eq!(
        fixtures::decided(&dead, after(1_000_000)),
        Decision::Wait(WaitReason::InputMustChange)
    );
    let mended = Observed {
        source: fixtures::source(&spec(json!({ "app": { "clientId": "3MVG8" } }))),
        ..dead.clone()
    };
    assert_eq!(fixtures::decided(&mended, after(1)), mint(MintReason::NoToken));
    let expecting_another = Observed {
        source: fixtures::source(&spec(
            json!({ "expect": { "organizationId": fixtures::ORGANIZATION } }),
        )),
        ..dead.clone()
    };
    assert_eq!(
        fixtures::decided(&expecting_another, after(1)),
        mint(MintReason::NoToken)
    );
    let renamed = Observed {
        source: fixtures::source(&spec(json!({ "secret": { "name": "other" } }))),
        ..dead
    };
    assert_eq!(
        fixtures::decided(&renamed, after(1)),
        Decision::Wait(WaitReason::InputMustChange)
    );
}

#[test]
fn a_password_that_was_refused_is_sent_only_on_request() {
    let mut observed = Observed {
        source: fixtures::source(&spec(json!({ "auth": fixtures::password() }))),
        ..fresh()
    };
    let Source::Login(source) = &mut observed.source else {
        panic!("a password logs in")
    };
    source.password_refused = true;
    let rejection = Rejection::new(OwnReason::PasswordRefusedBefore, "host acme.my.salesforce.com");
    assert_eq!(fixtures::decided(&observed, now()), Decision::Reject(rejection));
    assert_eq!(
        fixtures::decided(&asked_to_renew(observed.clone()), now()),
        mint(MintReason::Requested)
    );
    // The connector that tried it goes on showing what Salesforce said.
    assert_eq!(
        fixtures::decided(&after_failure(observed, None), after(60)),
        Decision::Wait(WaitReason::InputMustChange)
    );
}
