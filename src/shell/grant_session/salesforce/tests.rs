use super::*;

fn failure(sent: Sent, refusal: Refusal) -> Failure {
    Failure {
        refusal,
        sent,
        http_status: None,
        retry_after: None,
        server_date: None,
        detail: String::new(),
        salvaged_refresh_token: None,
    }
}

#[test]
fn only_what_salesforce_says_clearly_decides_about_a_token() {
    use redeem::RedeemRefusal::{GrantDead, Unspent};
    let cases = [
        (Sent::NotSent, Refusal::HostNotFound, RedeemAnswer::NotSent),
        (Sent::Unknown, Refusal::TimedOut, RedeemAnswer::Unclear),
        (Sent::Unknown, Refusal::UnreadableAnswer, RedeemAnswer::Unclear),
        (
            Sent::Answered,
            Refusal::UnknownRefusal,
            RedeemAnswer::Refused(Unspent),
        ),
        (
            Sent::Answered,
            Refusal::RedirectRefused,
            RedeemAnswer::Refused(Unspent),
        ),
        (
            Sent::Answered,
            Refusal::TokenRequestInProgress,
            RedeemAnswer::AlreadyProcessing,
        ),
        (
            Sent::Answered,
            Refusal::RefreshTokenExpired,
            RedeemAnswer::Refused(GrantDead),
        ),
        (
            Sent::Answered,
            Refusal::UserInactive,
            RedeemAnswer::Refused(Unspent),
        ),
    ];
    for (sent, refusal, answer) in cases {
        assert_eq!(
            understood(&failure(sent, refusal)),
            answer,
            "{sent:?} {refusal:?}"
        );
    }
}

#[test]
fn a_refresh_token_found_in_an_unreadable_answer_is_all_that_is_taken_from_it() {
    let unreadable = Failure {
        salvaged_refresh_token: Some(RefreshToken::new("the only one that lives".to_owned())),
        ..failure(Sent::Unknown, Refusal::UnreadableAnswer)
    };
    assert_eq!(
        understood(&unreadable),
        RedeemAnswer::Rescued(redeem::RefreshToken::new("the only one that lives"))
    );
}

#[test]
fn a_bootstrap_token_is_presented_unchecked_only_if_the_app_may_not_introspect() {
    use IntrospectionAnswer::{Active, Impossible, Inactive, NoAnswer};
    let cases = [
        (Sent::Answered, Refusal::TokenTypeNotSupported, Inactive),
        (Sent::Answered, Refusal::InsufficientAccess, Impossible),
        (Sent::Answered, Refusal::ResourceNotFound, Impossible),
        (Sent::Unknown, Refusal::ResourceNotFound, NoAnswer),
        (Sent::Answered, Refusal::ClientSecretInvalid, NoAnswer),
        (Sent::Answered, Refusal::UnknownRefusal, NoAnswer),
        (Sent::Unknown, Refusal::TimedOut, NoAnswer),
        (Sent::NotSent, Refusal::HostNotFound, NoAnswer),
    ];
    for (sent, refusal, expected) in cases {
        assert_eq!(
            said(Err(&failure(sent, refusal))),
            expected,
            "{sent:?} {refusal:?}"
        );
    }
    assert_eq!((said(Ok(true)), said(Ok(false))), (Active, Inactive));
}

#[test]
fn an_access_token_has_ended_only_where_salesforce_says_that_a_new_one_helps() {
    let of = |refusal| named(Err(&failure(Sent::Answered, refusal)));
    assert_eq!(
        named(Ok("anna@example.com")),
        Username::Is("anna@example.com".to_owned())
    );
    for ended in [
        Refusal::BadOauthToken,
        Refusal::SessionExpired,
        Refusal::Unauthorized,
    ] {
        assert_eq!(of(ended), Username::AccessEnded, "{ended}");
    }
    for silent in [
        Refusal::HostNotFound,
        Refusal::TimedOut,
        Refusal::ApiDisabled,
        Refusal::UnknownRefusal,
    ] {
        assert_eq!(of(silent), Username::NoAnswer, "{silent}");
    }
}

#[test]
fn no_stored_refresh_token_goes_to_a_host_that_has_not_granted_it() {
    let connector = redeem::ConnectorRef {
        uid: "u".into(),
        namespace: "sales".into(),
        name: "crm".into(),
    };
    let mut state = redeem::State::new(connector, redeem::ClusterUid::new("c"), redeem::Serial(3));
    let stored = redeem::RefreshToken::new("stored");
    let id = redeem::GrantId::new("g");
    let mut grant = redeem::Grant::new(id, stored.clone(), redeem::Origin::Login);
    grant.granted_to = Some(redeem::OAuthClient {
        host: "acme.my.salesforce.com".into(),
        client_id: "3MVG9".into(),
    });
    state.current = Some(grant);
    let refused = |token: &redeem::RefreshToken, host: &str| {
        let failure = away_from_home(Some(&state), token, &host.parse().unwrap());
        failure.map(|failure| (failure.refusal, failure.sent))
    };
    let not_sent = Some((Refusal::HostNotAllowed, Sent::NotSent));
    assert_eq!(refused(&stored, "x.tenant.example"), not_sent);
    assert_eq!(refused(&stored, "other.my.salesforce.com"), None);
    let brought = redeem::RefreshToken::new("brought");
    assert_eq!(
        refused(&brought, "x.tenant.example"),
        None,
        "it is the user's own"
    );
}
