//! Each grant: the form that is sent, and the response that is read.

use std::collections::BTreeSet;

use jiff::Timestamp;
use salesforce_client::{
    AccessToken, App, Audience, AuthorizationCode, CodeVerifier, Password, PrivateKeyPem, RefreshToken,
    Refusal, SecurityToken, Sent, TokenFormat, TokenRequest, TokenToInspect, TokenToRevoke,
};

use crate::fake::{Fake, json, response};
use crate::{app, host_of, plain_client};

const OPAQUE: &str = include_str!("../data/token-opaque.json");
const ROTATED: &str = include_str!("../data/token-rotated.json");

/// The form a grant sends.
async fn form_of(app: &App, grant: TokenRequest) -> Vec<(String, String)> {
    let fake = Fake::plain(vec![json("200 OK", OPAQUE)]).await;
    plain_client().token(&host_of(&fake), app, &grant).await.unwrap();
    let request = fake.requests().remove(0);
    assert!(
        request.starts_with("POST /services/oauth2/token HTTP/1.1\r\n"),
        "{request}"
    );
    assert!(
        !request.to_ascii_lowercase().contains("\r\nauthorization:"),
        "credentials belong in the body: {request}"
    );
    let mut form = fake.only_form();
    form.sort();
    form
}

fn pairs(of: &[(&str, &str)]) -> Vec<(String, String)> {
    of.iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

#[tokio::test]
async fn client_credentials_send_id_and_secret_in_the_body_and_no_scope() {
    let expected = [
        ("client_id", "3MVG9FakeClient"),
        ("client_secret", "canary-secret-91c2"),
        ("grant_type", "client_credentials"),
    ];
    assert_eq!(
        form_of(&app(), TokenRequest::ClientCredentials).await,
        pairs(&expected)
    );
}

#[tokio::test]
async fn a_refresh_sends_the_token_and_no_secret_where_there_is_none() {
    let public = App {
        client_secret: None,
        ..app()
    };
    let expected = [
        ("client_id", "3MVG9FakeClient"),
        ("grant_type", "refresh_token"),
        ("refresh_token", "5Aep861="),
    ];
    assert_eq!(
        form_of(
            &public,
            TokenRequest::RefreshToken(RefreshToken::new("5Aep861=".into()))
        )
        .await,
        pairs(&expected)
    );
}

#[tokio::test]
async fn the_security_token_is_appended_to_the_password() {
    let grant = TokenRequest::Password {
        username: "me@green-itr.example".into(),
        password: Password::new("p&ss wörd".into()),
        security_token: Some(SecurityToken::new("TOKEN".into())),
    };
    let expected = [
        ("client_id", "3MVG9FakeClient"),
        ("client_secret", "canary-secret-91c2"),
        ("grant_type", "password"),
        ("password", "p&ss wördTOKEN"),
        ("username", "me@green-itr.example"),
    ];
    assert_eq!(form_of(&app(), grant).await, pairs(&expected));
}

#[tokio::test]
async fn a_code_is_redeemed_with_its_verifier_and_the_same_callback() {
    let grant = TokenRequest::AuthorizationCode {
        code: AuthorizationCode::new("aPrx==".into()),
        redirect_uri: "http://localhost:1717/OauthRedirect".into(),
        code_verifier: CodeVerifier::new("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk".into()),
    };
    let expected = [
        ("client_id", "3MVG9FakeClient"),
        ("client_secret", "canary-secret-91c2"),
        ("code", "aPrx=="),
        ("code_verifier", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
        ("grant_type", "authorization_code"),
        ("redirect_uri", "http://localhost:1717/OauthRedirect"),
    ];
    assert_eq!(form_of(&app(), grant).await, pairs(&expected));
}

fn jwt_bearer(key: &str) -> TokenRequest {
    TokenRequest::JwtBearer {
        username: "me@green-itr.example".into(),
        private_key: PrivateKeyPem::new(key.into()),
        audience: Audience::Test,
        now: Timestamp::UNIX_EPOCH,
    }
}

#[tokio::test]
async fn jwt_bearer_sends_an_assertion_and_never_the_secret() {
    let form = form_of(&app(), jwt_bearer(include_str!("../data/test-key-rsa-pkcs8.pem"))).await;
    let (names, values): (Vec<_>, Vec<_>) = form.into_iter().unzip();
    assert_eq!(names, ["assertion", "grant_type"]);
    assert_eq!(values[0].split('.').count(), 3);
    assert_eq!(values[1], "urn:ietf:params:oauth:grant-type:jwt-bearer");
}

#[tokio::test]
async fn a_key_that_can_not_sign_sends_nothing() {
    let fake = Fake::plain(vec![json("200 OK", OPAQUE)]).await;
    let grant = jwt_bearer(include_str!("../data/test-key-ec.pem"));
    let failure = plain_client()
        .token(&host_of(&fake), &app(), &grant)
        .await
        .unwrap_err();
    assert_eq!(
        (failure.refusal, failure.sent),
        (Refusal::PrivateKeyNotRsa, Sent::NotSent)
    );
    assert_eq!(fake.requests(), Vec::<String>::new());
}

#[tokio::test]
async fn an_ordinary_response_is_read_whole() {
    for grant in [
        TokenRequest::ClientCredentials,
        jwt_bearer(include_str!("../data/test-key-rsa-pkcs1.pem")),
    ] {
        let fake = Fake::plain(vec![json("200 OK", OPAQUE)]).await;
        let response = plain_client()
            .token(&host_of(&fake), &app(), &grant)
            .await
            .unwrap();
        assert_eq!(
            response.access_token.expose(),
            "00D5g00000AbCdE!AQkAQFakeAccessToken.Value_1"
        );
        assert_eq!(
            response.instance_url.to_string(),
            "https://green-itr.my.salesforce.com"
        );
        assert_eq!(response.id.organization_id.as_str(), "00Dx0000000BV7zEAG");
        assert_eq!(response.id.user_id.as_str(), "005x00000012Q9PAAU");
        assert_eq!(response.issued_at, Timestamp::from_second(1_795_391_987).unwrap());
        assert_eq!(
            response.scopes,
            BTreeSet::from(["api".to_owned(), "id".to_owned()])
        );
        assert_eq!(response.refresh_token, None);
        assert_eq!(response.token_format, TokenFormat::Opaque);
        assert_eq!(
            response.api_instance_url.unwrap().to_string(),
            "https://api.salesforce.com"
        );
        assert_eq!((response.expires_in, response.claims_exp), (None, None));
    }
}

#[tokio::test]
async fn a_token_for_an_address_that_is_not_allowed_is_refused_and_gives_up_its_refresh_token() {
    let body = |instance: &str| {
        let refresh = r#"{"refresh_token":"5Aep861","#;
        let body = OPAQUE.replacen('{', refresh, 1);
        json(
            "200 OK",
            &body.replace("https://green-itr.my.salesforce.com", instance),
        )
    };
    for instance in ["https://evil.example", "https://anything.salesforce.com"] {
        let grants = [
            TokenRequest::ClientCredentials,
            TokenRequest::RefreshToken(RefreshToken::new("5Aep860".into())),
            jwt_bearer(include_str!("../data/test-key-rsa-pkcs1.pem")),
        ];
        for grant in grants {
            let fake = Fake::plain(vec![body(instance)]).await;
            let answer = plain_client().token(&host_of(&fake), &app(), &grant).await;
            let failure = answer.unwrap_err();
            assert_eq!(
                (failure.refusal, failure.sent, failure.http_status),
                (Refusal::InstanceUrlNotAllowed, Sent::Answered, Some(200)),
                "{instance}"
            );
            assert_eq!(failure.salvaged_refresh_token.unwrap().expose(), "5Aep861");
        }
    }
}

#[tokio::test]
async fn inputs_of_a_mebibyte_send_nothing() {
    let large = "&".repeat(1024 * 1024);
    let fake = Fake::plain(vec![json("200 OK", OPAQUE)]).await;
    let grant = TokenRequest::Password {
        username: "robot@acme.example".into(),
        password: Password::new(large.clone()),
        security_token: Some(SecurityToken::new(large)),
    };
    let answer = plain_client().token(&host_of(&fake), &app(), &grant).await;
    let failure = answer.unwrap_err();
    assert_eq!(
        (failure.refusal, failure.sent),
        (Refusal::RequestNotBuilt, Sent::NotSent)
    );
    assert_eq!(fake.requests(), Vec::<String>::new());
}

#[tokio::test]
async fn a_token_request_can_run_in_a_task_of_its_own() {
    let fake = Fake::plain(vec![json("200 OK", OPAQUE)]).await;
    let (client, host) = (plain_client(), host_of(&fake));
    let task = tokio::spawn(async move {
        client
            .token(&host, &app(), &TokenRequest::ClientCredentials)
            .await
    });
    assert!(task.await.unwrap().is_ok());
}

#[tokio::test]
async fn a_rotated_refresh_token_and_a_jwt_formats_expiry_are_read() {
    // {"scp":"api","exp":1795393787}
    let jwt = "e30.eyJzY3AiOiJhcGkiLCJleHAiOjE3OTUzOTM3ODd9.c2ln";
    let body = ROTATED.replace("00D5g00000AbCdE!AQkAQFakeAccessToken.Value_2", jwt);
    let fake = Fake::plain(vec![json("200 OK", &body)]).await;
    let grant = TokenRequest::RefreshToken(RefreshToken::new("5Aep861Old".into()));
    let response = plain_client()
        .token(&host_of(&fake), &app(), &grant)
        .await
        .unwrap();
    assert_eq!(
        response.refresh_token.unwrap().expose(),
        "5Aep861FakeRotatedRefreshToken"
    );
    assert_eq!(response.token_format, TokenFormat::Jwt);
    assert_eq!(response.claims_exp, Timestamp::from_second(1_795_393_787).ok());
}

#[tokio::test]
async fn a_refusal_keeps_salesforces_words_status_and_clock() {
    let body = r#"{"error":"invalid_grant","error_description":"expired access/refresh token"}"#;
    let headers = [
        "Content-Type: application/json;charset=UTF-8",
        "Date: Mon, 23 Nov 2026 02:00:00 GMT",
    ];
    let fake = Fake::plain(vec![response("400 Bad Request", &headers, body)]).await;
    let grant = TokenRequest::RefreshToken(RefreshToken::new("5Aep861Old".into()));
    let failure = plain_client()
        .token(&host_of(&fake), &app(), &grant)
        .await
        .unwrap_err();
    assert_eq!(failure.refusal, Refusal::RefreshTokenExpired);
    assert_eq!(failure.sent, Sent::Answered);
    assert_eq!(failure.http_status, Some(400));
    assert_eq!(failure.server_date, Some("2026-11-23T02:00:00Z".parse().unwrap()));
    assert_eq!(
        failure.to_string(),
        "RefreshTokenExpired: invalid_grant: expired access/refresh token"
    );
}

#[tokio::test]
async fn a_success_that_lacks_a_field_gives_up_its_refresh_token() {
    for (field, other) in [
        ("instance_url", "instance_link"),
        ("issued_at\":\"1795391987000", "issued_at\":\"soon"),
    ] {
        let body = ROTATED.replace(field, other);
        let fake = Fake::plain(vec![json("200 OK", &body)]).await;
        let grant = TokenRequest::RefreshToken(RefreshToken::new("5Aep861Old".into()));
        let failure = plain_client()
            .token(&host_of(&fake), &app(), &grant)
            .await
            .unwrap_err();
        assert_eq!(
            (failure.refusal, failure.sent),
            (Refusal::UnreadableAnswer, Sent::Unknown),
            "{field}"
        );
        assert_eq!(
            failure.salvaged_refresh_token.unwrap().expose(),
            "5Aep861FakeRotatedRefreshToken",
            "{field}"
        );
    }
}

#[tokio::test]
async fn a_token_is_introspected_with_the_apps_credentials() {
    let fake = Fake::plain(vec![json(
        "200 OK",
        include_str!("../data/introspection-active.json"),
    )])
    .await;
    let token = RefreshToken::new("5Aep861".into());
    let inspect = TokenToInspect::Refresh(&token);
    let said = plain_client()
        .introspect(&host_of(&fake), &app(), inspect)
        .await
        .unwrap();
    assert!(said.active);
    assert_eq!(said.expires_at, Timestamp::from_second(1_795_399_187).ok());
    assert_eq!(said.issued_at, Timestamp::from_second(1_795_391_987).ok());
    assert_eq!(said.username.as_deref(), Some("integration@green-itr.example"));
    assert_eq!(
        said.scopes,
        BTreeSet::from(["api".to_owned(), "refresh_token".to_owned()])
    );
    let expected = [
        ("token", "5Aep861"),
        ("token_type_hint", "refresh_token"),
        ("client_id", "3MVG9FakeClient"),
        ("client_secret", "canary-secret-91c2"),
    ];
    assert_eq!(fake.only_form(), pairs(&expected));
}

#[tokio::test]
async fn a_dead_token_is_inactive_and_rubbish_is_refused() {
    let token = AccessToken::new("00D!x".into());
    let dead = Fake::plain(vec![json("200 OK", r#"{"active":false}"#)]).await;
    let said = plain_client()
        .introspect(&host_of(&dead), &app(), TokenToInspect::Access(&token))
        .await
        .unwrap();
    assert!(!said.active);
    let rubbish = Fake::plain(vec![json(
        "400 Bad Request",
        r#"{"error":"unsupported_token_type"}"#,
    )])
    .await;
    let failure = plain_client()
        .introspect(&host_of(&rubbish), &app(), TokenToInspect::Access(&token))
        .await
        .unwrap_err();
    assert_eq!(failure.refusal, Refusal::TokenTypeNotSupported);
}

#[tokio::test]
async fn a_token_is_revoked_by_possession_alone() {
    let fake = Fake::plain(vec![response("200 OK", &[], "")]).await;
    let token = RefreshToken::new("5Aep861".into());
    plain_client()
        .revoke(&host_of(&fake), TokenToRevoke::Refresh(&token))
        .await
        .unwrap();
    assert_eq!(fake.only_form(), pairs(&[("token", "5Aep861")]));
    let page = Fake::plain(vec![response("200 OK", &["Content-Type: text/html"], "<html>")]).await;
    let failure = plain_client()
        .revoke(&host_of(&page), TokenToRevoke::Refresh(&token))
        .await
        .unwrap_err();
    assert_eq!(failure.refusal, Refusal::UnexpectedPage);
}
