use std::collections::BTreeSet;

use proptest::prelude::*;
use salesforce_client::{AccessToken, IdentityUrl, InstanceUrl, TokenFormat};
use serde_json::json;

use super::*;
use crate::core::testing::fixtures;
use crate::core::testing::fixtures::{ORGANIZATION, USER, after, connector, now, owner, spec};

fn response(token: &str) -> TokenResponse {
    TokenResponse {
        access_token: AccessToken::new(token.into()),
        instance_url: "https://acme.my.salesforce.com".parse::<InstanceUrl>().unwrap(),
        id: IdentityUrl {
            organization_id: ORGANIZATION.parse().unwrap(),
            user_id: USER.parse().unwrap(),
        },
        issued_at: now(),
        scopes: BTreeSet::new(),
        refresh_token: None,
        token_format: TokenFormat::Opaque,
        api_instance_url: None,
        expires_in: None,
        claims_exp: None,
    }
}

fn introspected(active: bool, expires_at: Option<Timestamp>) -> Introspection {
    Introspection {
        active,
        expires_at,
        issued_at: None,
        scopes: BTreeSet::new(),
        username: None,
        client_id: None,
    }
}

fn expires(at: Timestamp, source: ExpirySource, renewal: Renewal) -> Expiration {
    Expiration {
        time: at,
        source,
        renewal,
    }
}

/// The token `held` by `fixtures`, expiring then.
fn earlier(at: Timestamp, source: ExpirySource) -> HeldToken {
    HeldToken {
        expiration: expires(at, source, Renewal::Ahead),
        ..fixtures::held(&connector(&spec(json!({}))))
    }
}

const HOUR: Duration = Duration::from_hours(1);

#[test]
fn the_best_source_wins() {
    let told = introspected(true, Some(after(7200)));
    let jwt = TokenResponse {
        claims_exp: Some(after(1800)),
        ..response("new")
    };
    let opaque = response("new");
    let dead = introspected(false, Some(after(7200)));
    let silent = introspected(true, None);
    for (token, introspection, declared, wanted) in [
        (
            &jwt,
            Some(&told),
            Some(HOUR),
            (after(1800), ExpirySource::TokenClaims),
        ),
        (
            &opaque,
            Some(&told),
            Some(HOUR),
            (after(7200), ExpirySource::Introspected),
        ),
        (
            &opaque,
            Some(&dead),
            Some(HOUR),
            (after(3600), ExpirySource::Declared),
        ),
        (
            &opaque,
            Some(&silent),
            Some(HOUR),
            (after(3600), ExpirySource::Declared),
        ),
        (&opaque, None, Some(HOUR), (after(3600), ExpirySource::Declared)),
        (&opaque, None, None, (after(900), ExpirySource::Assumed)),
    ] {
        let found = of_new_token(token, introspection, declared, None, now());
        assert_eq!(found, expires(wanted.0, wanted.1, Renewal::Ahead));
    }
}

#[test]
fn a_declared_lifetime_counts_from_our_clock_and_in_whole_seconds() {
    let stale = TokenResponse {
        issued_at: after(-5000),
        ..response("new")
    };
    let now = now() + signed(Duration::from_millis(700));
    let found = of_new_token(&stale, None, Some(HOUR), None, now);
    assert_eq!(
        found,
        expires(after(3600), ExpirySource::Declared, Renewal::Ahead)
    );
}

#[test]
fn another_token_forgets_what_was_known_of_the_one_before() {
    let held = earlier(after(60), ExpirySource::Introspected);
    let found = of_new_token(&response("new"), None, None, Some(&held), now());
    assert_eq!(found, expires(after(900), ExpirySource::Assumed, Renewal::Ahead));
}

#[test]
fn the_same_token_before_its_end_keeps_its_expiration_and_is_tried_again_at_its_end() {
    let same = response("00Dx!token-1");
    let declared = earlier(after(600), ExpirySource::Declared);
    let found = of_new_token(&same, None, Some(HOUR), Some(&declared), now());
    assert_eq!(
        found,
        expires(after(600), ExpirySource::Declared, Renewal::AtExpiry)
    );

    let told = earlier(after(600), ExpirySource::Introspected);
    let no_later = introspected(true, Some(after(600)));
    let found = of_new_token(&same, Some(&no_later), None, Some(&told), now());
    assert_eq!(
        found,
        expires(after(600), ExpirySource::Introspected, Renewal::AtExpiry)
    );
}

#[test]
fn the_same_token_with_a_later_introspected_expiration_starts_over() {
    let same = response("00Dx!token-1");
    let held = earlier(after(600), ExpirySource::Introspected);
    let extended = introspected(true, Some(after(7200)));
    let found = of_new_token(&same, Some(&extended), None, Some(&held), now());
    assert_eq!(
        found,
        expires(after(7200), ExpirySource::Introspected, Renewal::Ahead)
    );
}

#[test]
fn the_same_token_at_and_after_its_end_lives_for_the_shortest_timeout_at_least() {
    let same = response("00Dx!token-1");
    for end in [0, -3600] {
        let held = earlier(after(end), ExpirySource::Declared);
        let found = of_new_token(&same, None, Some(HOUR), Some(&held), now());
        assert_eq!(
            found,
            expires(after(900), ExpirySource::Declared, Renewal::AtExpiry),
            "{end}"
        );
    }
}

#[test]
fn the_same_token_past_the_end_that_salesforce_states_is_not_asked_for_at_every_look() {
    let same = response("00Dx!token-1");
    let held = earlier(after(-60), ExpirySource::Introspected);
    let old = introspected(true, Some(after(-60)));
    let found = of_new_token(&same, Some(&old), None, Some(&held), now());
    assert_eq!(
        found,
        expires(after(900), ExpirySource::Introspected, Renewal::AtExpiry)
    );
}

#[test]
fn renewal_comes_well_ahead() {
    let margin = |life: i64, before: Option<Duration>| {
        let expiration = expires(after(life), ExpirySource::Introspected, Renewal::Ahead);
        let renewal = renewal_time(now(), &expiration, before, &owner().uid);
        after(life).as_second() - renewal.as_second()
    };
    // A third of two hours, and up to a tenth more.
    assert!(
        (2400..=2640).contains(&margin(7200, None)),
        "{}",
        margin(7200, None)
    );
    // At least five minutes, at most one hour.
    assert!((300..=330).contains(&margin(900, None)), "{}", margin(900, None));
    assert!(
        (3600..=3960).contains(&margin(86_400, None)),
        "{}",
        margin(86_400, None)
    );
    // As declared, but never more than half its life.
    assert!((1200..=1320).contains(&margin(7200, Some(Duration::from_mins(20)))));
    assert_eq!(margin(900, Some(HOUR)), 450);
    assert_eq!(margin(60, None), 30);
}

#[test]
fn a_token_that_came_back_unchanged_is_renewed_at_its_end() {
    let expiration = expires(after(600), ExpirySource::Assumed, Renewal::AtExpiry);
    assert_eq!(renewal_time(now(), &expiration, Some(HOUR), "uid"), after(600));
}

proptest! {
    #[test]
    fn renewal_is_never_before_half_of_life_and_never_late(life in 1..200_000_i64, before in 0..100_000_u64, uid in ".{0,36}") {
        let expiration = expires(after(life), ExpirySource::Declared, Renewal::Ahead);
        let before = (before > 0).then(|| Duration::from_secs(before));
        let renewal = renewal_time(now(), &expiration, before, &uid);
        prop_assert!(renewal <= after(life) && renewal >= after(life / 2));
    }
}
