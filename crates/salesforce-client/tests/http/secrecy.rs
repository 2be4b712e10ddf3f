//! No secret in any text: whatever a server echoes, and whatever is printed with `{:?}`.

use jiff::Timestamp;
use salesforce_client::{
    AccessToken, ApiVersion, App, Audience, AuthorizationCode, ClientSecret, CodeVerifier, Failure,
    Introspection, Password, PrivateKeyPem, RefreshToken, SecurityToken, TokenRequest, TokenToInspect,
    TokenToRevoke,
};

use crate::fake::{Fake, json, response};
use crate::{host_of, plain_client};

const KEY: &str = include_str!("../data/test-key-rsa-pkcs8.pem");

/// Sent or received, and never to be seen.
const CANARIES: [&str; 9] = [
    "canary-client-secret",
    "canary-password",
    "canary-security-token",
    "canary-refresh-token",
    "canary-access-token",
    "canary-code",
    "canary-verifier",
    "canary-client-id",
    "canary-username",
];

fn assert_clean(text: &str) {
    for canary in CANARIES {
        assert!(!text.contains(canary), "{canary} leaked: {text}");
    }
    let key_line = KEY.lines().nth(1).unwrap();
    assert!(!text.contains(key_line), "the private key leaked: {text}");
}

fn app() -> App {
    App {
        client_id: "canary-client-id".into(),
        client_secret: Some(ClientSecret::new("canary-client-secret".into())),
    }
}

fn grants() -> Vec<TokenRequest> {
    vec![
        TokenRequest::ClientCredentials,
        TokenRequest::JwtBearer {
            username: "canary-username".into(),
            private_key: PrivateKeyPem::new(KEY.into()),
            audience: Audience::Login,
            now: Timestamp::UNIX_EPOCH,
        },
        TokenRequest::RefreshToken(RefreshToken::new("canary-refresh-token".into())),
        TokenRequest::Password {
            username: "canary-username".into(),
            password: Password::new("canary-password".into()),
            security_token: Some(SecurityToken::new("canary-security-token".into())),
        },
        TokenRequest::AuthorizationCode {
            code: AuthorizationCode::new("canary-code".into()),
            redirect_uri: "http://localhost:1717/OauthRedirect".into(),
            code_verifier: CodeVerifier::new("canary-verifier".into()),
        },
    ]
}

/// A failure as every place that shows it would print it.
fn shown(failure: &Failure) -> String {
    let source = std::error::Error::source(failure).map(ToString::to_string);
    format!("{failure} {failure:?} {} {source:?}", failure.detail)
}

#[tokio::test]
async fn a_server_that_echoes_the_request_reveals_nothing() {
    for grant in grants() {
        // Learn what is sent, then have all of it said back in every shape an answer can have.
        let spy = Fake::plain(vec![json("400 Bad Request", r#"{"error":"x"}"#)]).await;
        plain_client()
            .token(&host_of(&spy), &app(), &grant)
            .await
            .unwrap_err();
        let raw = spy.requests().remove(0);
        let values: Vec<String> = spy.only_form().into_iter().map(|(_, value)| value).collect();
        for echo in values.into_iter().chain([raw]) {
            // The type of the grant is no secret, and neither is the callback.
            let oauth =
                serde_json::json!({ "error": "invalid_grant", "error_description": echo }).to_string();
            let rest = serde_json::json!([{ "errorCode": "X", "message": echo }]).to_string();
            for reply in [
                json("400 Bad Request", &oauth),
                json("401 Unauthorized", &rest),
                response("403 Forbidden", &["Content-Type: text/plain"], &echo),
                response(
                    "503 Unavailable",
                    &["Content-Type: text/html"],
                    format!("<title>{echo}</title>"),
                ),
                json("200 OK", &oauth),
                json(
                    "200 OK",
                    &format!("{{\"instance_url\":{}}}", serde_json::json!(echo)),
                ),
            ] {
                let fake = Fake::plain(vec![reply]).await;
                let failure = plain_client()
                    .token(&host_of(&fake), &app(), &grant)
                    .await
                    .unwrap_err();
                assert_clean(&shown(&failure));
                assert!(
                    !shown(&failure).contains("eyJ"),
                    "the assertion leaked: {failure:?}"
                );
            }
        }
    }
}

#[tokio::test]
async fn a_success_that_can_not_be_read_reveals_no_token() {
    let body = r#"{"access_token":"canary-access-token","refresh_token":"canary-refresh-token","token_type":"Bearer",
        "instance_url":"canary-access-token","id":"canary-access-token","issued_at":"canary-access-token"}"#;
    for grant in grants() {
        for body in [body, &body[..60], &body.replace("issued_at", "x")] {
            let fake = Fake::plain(vec![json("200 OK", body)]).await;
            let failure = plain_client()
                .token(&host_of(&fake), &app(), &grant)
                .await
                .unwrap_err();
            assert_clean(&shown(&failure));
        }
    }
}

#[tokio::test]
async fn introspection_revocation_and_rest_calls_reveal_nothing_either() {
    let echo = CANARIES.join(" ");
    let body = serde_json::json!({ "error": "x", "error_description": echo }).to_string();
    let fake = Fake::plain(vec![json("400 Bad Request", &body)]).await;
    let (client, host) = (plain_client(), host_of(&fake));
    let access = AccessToken::new("canary-access-token".into());
    let sent = |failure: &Failure| !shown(failure).contains("canary-access-token");
    let introspect = client
        .introspect(&host, &app(), TokenToInspect::Access(&access))
        .await
        .unwrap_err();
    assert!(
        sent(&introspect) && !shown(&introspect).contains("canary-client"),
        "{introspect:?}"
    );
    assert!(sent(
        &client
            .revoke(&host, TokenToRevoke::Access(&access))
            .await
            .unwrap_err()
    ));
    assert!(sent(
        &client
            .organization(&client.base_of(&host), ApiVersion::new(66), &access)
            .await
            .unwrap_err()
    ));
}

#[tokio::test]
async fn debug_of_what_holds_secrets_is_redacted() {
    assert_clean(&format!("{:?}", app().client_secret));
    for grant in grants() {
        let text = format!("{grant:?}").replace("canary-username", "");
        assert_clean(&text);
    }
    let access = AccessToken::new("canary-access-token".into());
    let refresh = RefreshToken::new("canary-refresh-token".into());
    assert_clean(&format!(
        "{:?} {:?}",
        TokenToInspect::Access(&access),
        TokenToInspect::Refresh(&refresh)
    ));
    assert_clean(&format!(
        "{:?} {:?}",
        TokenToRevoke::Access(&access),
        TokenToRevoke::Refresh(&refresh)
    ));

    let body = include_str!("../data/token-rotated.json")
        .replace(
            "00D5g00000AbCdE!AQkAQFakeAccessToken.Value_2",
            "canary-access-token",
        )
        .replace("5Aep861FakeRotatedRefreshToken", "canary-refresh-token");
    let fake = Fake::plain(vec![json("200 OK", &body)]).await;
    let response = plain_client()
        .token(&host_of(&fake), &app(), &TokenRequest::ClientCredentials)
        .await
        .unwrap();
    assert_eq!(response.access_token.expose(), "canary-access-token");
    assert_clean(&format!("{response:?}"));
    let introspection = Introspection {
        active: true,
        expires_at: None,
        issued_at: None,
        scopes: response.scopes.clone(),
        username: None,
        client_id: None,
    };
    assert_clean(&format!("{introspection:?} {:?}", plain_client()));
}
