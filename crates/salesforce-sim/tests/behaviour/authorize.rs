//! The authorization code flow, as a browser and an app go through it.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest;
use salesforce_sim::{PermittedUsers, default_world as dw};

use crate::support::{Answer, Bench, LOGIN, refused};

const VERIFIER: &str = "a-verifier-of-more-than-forty-three-characters-0123456789";

fn challenge() -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, VERIFIER.as_bytes()))
}

fn authorize_path(client_id: &str, changes: &[(&str, &str)]) -> String {
    let challenge = challenge();
    let mut params = vec![
        ("response_type", "code"),
        ("client_id", client_id),
        ("redirect_uri", dw::CALLBACK),
        ("state", "s t&ate"),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
    ];
    for (name, value) in changes {
        params.retain(|(known, _)| known != name);
        if !value.is_empty() {
            params.push((name, value));
        }
    }
    let query = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(params)
        .finish();
    format!("/services/oauth2/authorize?{query}")
}

fn hidden_request(page: &str) -> String {
    let start = page
        .find("name=\"request\" value=\"")
        .unwrap_or_else(|| panic!("no form in {page}"))
        + 22;
    page[start..].split('"').next().unwrap().to_owned()
}

fn callback(answer: &Answer) -> Vec<(String, String)> {
    let location = answer
        .header("location")
        .unwrap_or_else(|| panic!("no redirect: {answer:?}"));
    assert!(location.starts_with(dw::CALLBACK), "{location}");
    url::Url::parse(location)
        .unwrap()
        .query_pairs()
        .into_owned()
        .collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

/// Logs in and decides; the answer is the redirect to the callback.
async fn log_in(bench: &Bench, host: &str, client_id: &str, decision: &str) -> Answer {
    let page = bench.get(host, &authorize_path(client_id, &[]), "").await;
    let request = hidden_request(&page.text);
    let form = [
        ("request", request.as_str()),
        ("un", dw::INTEGRATION_USER),
        ("pw", dw::PASSWORD),
    ];
    let consent = bench.post(host, "/login", &form).await;
    let cookie = consent
        .header("set-cookie")
        .unwrap()
        .split(';')
        .next()
        .unwrap()
        .to_owned();
    let form = [
        ("request", hidden_request(&consent.text)),
        ("decision", decision.to_owned()),
    ];
    let call = bench
        .http
        .post(bench.url("/setup/secur/RemoteAccessAuthorizationPage.apexp"));
    bench
        .send(host, call.header("cookie", cookie).form(&form))
        .await
        .unwrap()
}

async fn code(bench: &Bench) -> String {
    let answer = log_in(bench, dw::PRODUCTION, dw::ROTATING, "allow").await;
    let params = callback(&answer);
    assert_eq!(params[1], ("state".to_owned(), "s t&ate".to_owned()));
    params[0].1.clone()
}

fn exchange<'a>(code: &'a str, verifier: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("grant_type", "authorization_code"),
        ("client_id", dw::ROTATING),
        ("client_secret", dw::ROTATING_SECRET),
        ("redirect_uri", dw::CALLBACK),
        ("code", code),
        ("code_verifier", verifier),
    ]
}

#[tokio::test]
async fn login_and_consent_lead_to_a_code_that_is_good_once() {
    let bench = Bench::new();
    let code = code(&bench).await;
    let answer = bench.token(dw::PRODUCTION, &exchange(&code, VERIFIER)).await;
    assert_eq!(answer.field("scope"), "api refresh_token");
    assert_eq!(bench.versions_with(&answer.field("access_token")).await, 200);
    let refreshed = bench
        .refresh(dw::ROTATING, dw::ROTATING_SECRET, &answer.field("refresh_token"))
        .await;
    assert_eq!(refreshed.status, 200);
    let again = bench.token(dw::PRODUCTION, &exchange(&code, VERIFIER)).await;
    assert_eq!(
        again.refusal(),
        refused(400, "invalid_grant", "expired authorization code")
    );
}

#[tokio::test]
async fn a_code_lives_for_fifteen_minutes() {
    let bench = Bench::new();
    let young = code(&bench).await;
    bench.sim.world(|world| world.clock.freeze());
    let old = code(&bench).await;
    bench.sim.advance(Duration::from_secs(14 * 60));
    assert_eq!(
        bench
            .token(dw::PRODUCTION, &exchange(&young, VERIFIER))
            .await
            .status,
        200
    );
    bench.sim.advance(Duration::from_secs(60));
    let answer = bench.token(dw::PRODUCTION, &exchange(&old, VERIFIER)).await;
    assert_eq!(
        answer.refusal(),
        refused(400, "invalid_grant", "expired authorization code")
    );
}

#[tokio::test]
async fn the_exchange_is_refused_in_the_documented_words() {
    let bench = Bench::new();
    let code = code(&bench).await;
    let mut without_verifier = exchange(&code, VERIFIER);
    without_verifier.retain(|(name, _)| *name != "code_verifier");
    let mut elsewhere = exchange(&code, VERIFIER);
    elsewhere[3].1 = "http://localhost:9999/other";
    let mut with_scope = exchange(&code, VERIFIER);
    with_scope.push(("scope", "api"));
    let other_verifier = "another-verifier-of-more-than-forty-three-characters";
    for (form, error, description) in [
        (without_verifier, "invalid_grant", "invalid code verifier"),
        (
            exchange(&code, other_verifier),
            "invalid_request",
            "invalid code verifier",
        ),
        (
            exchange("nothing", VERIFIER),
            "invalid_grant",
            "invalid authorization code",
        ),
        (
            elsewhere,
            "redirect_uri_mismatch",
            "redirect_uri must match configuration",
        ),
        (with_scope, "invalid_request", "scope parameter not supported"),
    ] {
        let answer = bench.token(dw::PRODUCTION, &form).await;
        assert_eq!(answer.refusal(), refused(400, error, description), "{form:?}");
    }
    assert_eq!(
        bench
            .token(dw::PRODUCTION, &exchange(&code, VERIFIER))
            .await
            .status,
        200,
        "still unused"
    );
}

#[tokio::test]
async fn a_refusal_by_the_person_reaches_the_callback() {
    let bench = Bench::new();
    let answer = log_in(&bench, dw::PRODUCTION, dw::ROTATING, "deny").await;
    let expected = [
        ("error", "access_denied"),
        ("error_description", "end-user denied authorization"),
        ("state", "s t&ate"),
    ];
    assert_eq!(callback(&answer), pairs(&expected));
}

#[tokio::test]
async fn bad_requests_reach_the_callback() {
    let bench = Bench::new();
    for (changes, error, description) in [
        (
            vec![("code_challenge", "")],
            "invalid_request",
            "missing required code challenge",
        ),
        (
            vec![("code_challenge_method", "plain")],
            "invalid_request",
            "invalid code challenge method",
        ),
        (
            vec![("response_type", "magic")],
            "unsupported_response_type",
            "response type not supported",
        ),
        (
            vec![("scope", "api wave_api")],
            "invalid_scope",
            "the requested scope is not allowed",
        ),
    ] {
        let answer = bench
            .get(dw::PRODUCTION, &authorize_path(dw::ROTATING, &changes), "")
            .await;
        let expected = [
            ("error", error),
            ("error_description", description),
            ("state", "s t&ate"),
        ];
        assert_eq!(callback(&answer), pairs(&expected));
    }
}

#[tokio::test]
async fn what_concerns_the_app_ends_on_salesforces_own_page() {
    let bench = Bench::new();
    bench.sim.world(|world| {
        world.block_app(dw::ECA);
        world.uninstall_app(dw::CONNECTED);
        world.app(dw::CONNECTED).permitted_users = PermittedUsers::AllMaySelfAuthorize;
    });
    let blocked = bench.get(dw::PRODUCTION, &authorize_path(dw::ECA, &[]), "").await;
    let absent = bench.get(LOGIN, &authorize_path(dw::ROTATING, &[]), "").await;
    for (answer, code) in [
        (&blocked, "OAUTH_APP_BLOCKED"),
        (&absent, "OAUTH_EC_APP_NOT_FOUND"),
    ] {
        let location = answer.header("location").unwrap();
        assert!(
            location.starts_with("/setup/secur/RemoteAccessErrorPage.apexp"),
            "{location}"
        );
        assert!(location.contains(code), "{location}");
    }
    let callback = bench
        .get(
            dw::PRODUCTION,
            &authorize_path(dw::ROTATING, &[("redirect_uri", "http://evil/")]),
            "",
        )
        .await;
    assert_eq!((callback.status, callback.header("location")), (400, None));
    assert!(
        callback.text.contains("redirect_uri_mismatch"),
        "{}",
        callback.text
    );
}

#[tokio::test]
async fn a_wrong_password_in_the_browser_shows_the_login_page_again_and_counts() {
    let bench = Bench::new();
    let page = bench
        .get(dw::PRODUCTION, &authorize_path(dw::ROTATING, &[]), "")
        .await;
    let request = hidden_request(&page.text);
    let form = [
        ("request", request.as_str()),
        ("un", dw::INTEGRATION_USER),
        ("pw", "wrong"),
    ];
    let answer = bench.post(dw::PRODUCTION, "/login", &form).await;
    assert!(
        answer.text.contains("check your username and password"),
        "{}",
        answer.text
    );
    assert_eq!(
        bench
            .sim
            .world(|world| world.user(dw::INTEGRATION_USER).failed_logins),
        1
    );
}

#[tokio::test]
async fn pre_authorized_users_are_not_asked_and_others_are_turned_away() {
    let bench = Bench::new();
    for (username, allowed) in [(dw::INTEGRATION_USER, true), (dw::API_ONLY_USER, false)] {
        let page = bench.get(dw::PRODUCTION, &authorize_path(dw::JWT, &[]), "").await;
        let request = hidden_request(&page.text);
        let form = [
            ("request", request.as_str()),
            ("un", username),
            ("pw", dw::PASSWORD),
        ];
        let answer = bench.post(dw::PRODUCTION, "/login", &form).await;
        let location = answer.header("location").unwrap();
        assert_eq!(location.starts_with(dw::CALLBACK), allowed, "{location}");
        assert_eq!(
            location.contains("OAUTH_APP_ACCESS_DENIED"),
            !allowed,
            "{location}"
        );
    }
}
