//! What the grants hand out when all is well.

use std::time::Duration;

use salesforce_sim::{AppKind, PermittedUsers, TokenFormat, default_world as dw};
use serde_json::json;

use crate::support::{
    Bench, JWT_BEARER, LOGIN, TEST, claims, client_credentials, full_password, password, refresh, refused,
    sign,
};

#[tokio::test]
async fn client_credentials_answer_has_no_expiry_and_no_refresh_token() {
    let bench = Bench::new();
    let answer = bench
        .client_credentials(dw::PRODUCTION, dw::ECA, dw::ECA_SECRET)
        .await;
    let json = answer.json();
    let mut fields: Vec<_> = json.as_object().unwrap().keys().map(String::as_str).collect();
    fields.sort_unstable();
    assert_eq!(
        fields,
        [
            "access_token",
            "api_instance_url",
            "id",
            "instance_url",
            "issued_at",
            "scope",
            "signature",
            "token_format",
            "token_type"
        ]
    );
    assert_eq!(json["instance_url"], format!("https://{}", dw::PRODUCTION));
    assert_eq!(json["scope"], "api");
    assert_eq!(
        json["issued_at"].as_str().unwrap().len(),
        13,
        "milliseconds as a string"
    );
    assert!(
        json["id"]
            .as_str()
            .unwrap()
            .starts_with("https://login.salesforce.com/id/00D")
    );
}

#[tokio::test]
async fn client_secret_is_taken_from_basic_authentication_too() {
    let bench = Bench::new();
    let request = bench
        .http
        .post(bench.url("/services/oauth2/token"))
        .basic_auth(dw::ECA, Some(dw::ECA_SECRET))
        .form(&[("grant_type", "client_credentials")]);
    assert_eq!(bench.send(dw::PRODUCTION, request).await.unwrap().status, 200);
    let malformed = bench
        .http
        .post(bench.url("/services/oauth2/token"))
        .header("authorization", "Basic ???")
        .form(&[("grant_type", "client_credentials")]);
    let answer = bench.send(dw::PRODUCTION, malformed).await.unwrap();
    assert_eq!(
        answer.refusal(),
        refused(
            400,
            "invalid_basic_auth_header",
            "invalid basic authorization header"
        )
    );
}

#[tokio::test]
async fn the_same_access_token_comes_back_while_its_session_lives() {
    let bench = Bench::new();
    let first = bench.access_token().await;
    assert_eq!(bench.access_token().await, first);
    bench.sim.advance(Duration::from_secs(2 * 3600));
    let second = bench.access_token().await;
    assert_ne!(second, first);
    bench
        .sim
        .world(|world| world.revoke_sessions(dw::INTEGRATION_USER));
    assert_ne!(bench.access_token().await, second);
}

#[tokio::test]
async fn a_switch_makes_every_mint_a_new_access_token() {
    let bench = Bench::with(|world| world.switches.same_token_while_session_lives = false);
    assert_ne!(bench.access_token().await, bench.access_token().await);
}

#[tokio::test]
async fn jwt_is_accepted_with_each_form_of_exp_and_with_both_subjects() {
    let bench = Bench::new();
    let now = jiff::Timestamp::now().as_second();
    for exp in [
        json!(now + 120),
        json!(now - 100),
        json!((now + 180).to_string()),
        json!((now * 1000) + 300),
        json!(now + 86_400 * 365),
    ] {
        let mut claims = claims();
        claims["exp"] = exp.clone();
        claims["prn"] = json!(dw::INTEGRATION_USER);
        claims["sub"] = json!("nobody@green-itr.example");
        let form = [
            ("grant_type", JWT_BEARER),
            ("assertion", &sign(&claims, dw::JWT_KEY_PKCS8)),
        ];
        let answer = bench.token(dw::PRODUCTION, &form).await;
        assert_eq!(answer.status, 200, "exp {exp}: {}", answer.text);
        assert_eq!(answer.json().get("refresh_token"), None);
    }
}

#[tokio::test]
async fn jwt_works_on_the_shared_host_for_a_connected_app_and_with_an_earlier_approval() {
    let bench = Bench::with(|world| {
        world.app(dw::CONNECTED).permitted_users = PermittedUsers::AllMaySelfAuthorize;
        world.grant_refresh_token(dw::CONNECTED, dw::INTEGRATION_USER);
    });
    let mut claims = claims();
    claims["iss"] = json!(dw::CONNECTED);
    let form = [
        ("grant_type", JWT_BEARER),
        ("assertion", &sign(&claims, dw::JWT_KEY_PKCS8)),
    ];
    assert_eq!(bench.token(LOGIN, &form).await.status, 200);
}

#[tokio::test]
async fn jwt_of_a_sandbox_wants_the_audience_of_sandboxes() {
    let bench = Bench::new();
    let mut claims = claims();
    claims["iss"] = json!(dw::SANDBOX_JWT);
    claims["sub"] = json!(dw::SANDBOX_USER);
    let jwt = sign(&claims, dw::JWT_KEY_PKCS8);
    let answer = bench
        .token(dw::SANDBOX, &[("grant_type", JWT_BEARER), ("assertion", &jwt)])
        .await;
    assert_eq!(
        answer.refusal(),
        refused(400, "invalid_grant", "audience is invalid")
    );
    claims["aud"] = json!("https://test.salesforce.com");
    let jwt = sign(&claims, dw::JWT_KEY_PKCS8);
    let answer = bench
        .token(dw::SANDBOX, &[("grant_type", JWT_BEARER), ("assertion", &jwt)])
        .await;
    assert_eq!(answer.field("instance_url"), format!("https://{}", dw::SANDBOX));
}

#[tokio::test]
async fn password_with_security_token_gets_an_access_token_only() {
    let bench = Bench::new();
    for host in [dw::PRODUCTION, LOGIN] {
        let answer = bench
            .token(host, &password(dw::INTEGRATION_USER, &full_password()))
            .await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(answer.json().get("refresh_token"), None);
    }
    bench
        .sim
        .world(|world| world.org(dw::PRODUCTION).caller_ip_trusted = true);
    assert_eq!(
        bench
            .token(LOGIN, &password(dw::INTEGRATION_USER, dw::PASSWORD))
            .await
            .status,
        200
    );
    assert_eq!(
        bench
            .token(TEST, &password(dw::SANDBOX_USER, &full_password()))
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn wrong_passwords_lock_the_user() {
    let bench = Bench::with(|world| world.org(dw::PRODUCTION).failed_logins_before_lockout = 3);
    for _ in 0..3 {
        bench.token(LOGIN, &password(dw::INTEGRATION_USER, "wrong")).await;
    }
    let right = bench
        .token(LOGIN, &password(dw::INTEGRATION_USER, &full_password()))
        .await;
    assert_eq!(
        right.refusal(),
        refused(400, "invalid_grant", "authentication failure")
    );
    let failed = bench.sim.world(|world| {
        let failed = world.user(dw::INTEGRATION_USER).failed_logins;
        world.set_standing(dw::INTEGRATION_USER, salesforce_sim::Standing::Active);
        failed
    });
    assert_eq!(failed, 3);
    assert_eq!(
        bench
            .token(LOGIN, &password(dw::INTEGRATION_USER, &full_password()))
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn a_refresh_without_rotation_keeps_the_refresh_token() {
    let bench = Bench::new();
    let token = bench
        .sim
        .world(|world| world.grant_refresh_token(dw::ECA, dw::INTEGRATION_USER));
    let first = bench.refresh(dw::ECA, dw::ECA_SECRET, &token).await;
    assert_eq!(first.status, 200, "{}", first.text);
    assert_eq!(first.json().get("refresh_token"), None);
    let second = bench.refresh(dw::ECA, dw::ECA_SECRET, &token).await;
    assert_ne!(second.field("access_token"), first.field("access_token"));
    assert_eq!(bench.versions_with(&first.field("access_token")).await, 200);
}

#[tokio::test]
async fn an_app_that_does_not_require_it_refreshes_without_a_secret() {
    let bench = Bench::with(|world| world.app(dw::ECA).secret_for_refresh_flow = false);
    let token = bench
        .sim
        .world(|world| world.grant_refresh_token(dw::ECA, dw::INTEGRATION_USER));
    let mut form = refresh(dw::ECA, "", &token);
    form.retain(|(name, _)| *name != "client_secret");
    assert_eq!(bench.token(dw::PRODUCTION, &form).await.status, 200);
    bench
        .sim
        .world(|world| world.app(dw::ECA).secret_for_refresh_flow = true);
    let answer = bench.token(dw::PRODUCTION, &form).await;
    assert_eq!(
        answer.refusal(),
        refused(400, "invalid_client", "invalid client credentials")
    );
}

#[tokio::test]
async fn scope_is_refused_on_a_refresh() {
    let bench = Bench::new();
    let token = bench
        .sim
        .world(|world| world.grant_refresh_token(dw::ECA, dw::INTEGRATION_USER));
    let mut form = refresh(dw::ECA, dw::ECA_SECRET, &token);
    form.push(("scope", "api"));
    let answer = bench.token(dw::PRODUCTION, &form).await;
    assert_eq!(
        answer.refusal(),
        refused(400, "invalid_request", "scope parameter not supported")
    );
}

#[tokio::test]
async fn jwt_format_access_tokens_carry_their_expiry() {
    let bench = Bench::with(|world| {
        world.app(dw::ECA).token_format = TokenFormat::Jwt(Duration::from_secs(600));
    });
    let answer = bench
        .client_credentials(dw::PRODUCTION, dw::ECA, dw::ECA_SECRET)
        .await;
    assert_eq!(answer.field("token_format"), "jwt");
    let token = answer.field("access_token");
    let claims = token.split('.').nth(1).unwrap();
    let claims = base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, claims).unwrap();
    let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
    assert_eq!(
        claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(),
        600
    );
    assert_eq!(bench.versions_with(&token).await, 200);
    bench.sim.advance(Duration::from_secs(600));
    assert_eq!(bench.versions_with(&token).await, 401);
    let keys = bench.get(dw::PRODUCTION, "/id/keys", "").await.json();
    assert_eq!(keys["keys"][0]["alg"], "RS256");
}

#[tokio::test]
async fn instance_url_is_the_address_called_for_clients_on_loopback() {
    let bench = Bench::new();
    let local = format!("127.0.0.1:{}", bench.sim.http_addr().port());
    let answer = bench.client_credentials(&local, dw::ECA, dw::ECA_SECRET).await;
    assert_eq!(answer.field("instance_url"), bench.sim.http_url());
    bench
        .sim
        .world(|world| world.switches.instance_url = salesforce_sim::InstanceUrl::MyDomain);
    let answer = bench.client_credentials(&local, dw::ECA, dw::ECA_SECRET).await;
    assert_eq!(
        answer.field("instance_url"),
        format!("https://{}", dw::PRODUCTION)
    );
}

#[tokio::test]
async fn https_serves_the_named_hosts_with_the_published_authority() {
    let bench = Bench::new();
    let url = format!(
        "https://{}:{}/services/oauth2/token",
        dw::PRODUCTION,
        bench.sim.https_addr().port()
    );
    let form = client_credentials(dw::ECA, dw::ECA_SECRET);
    let answer = bench.http.post(url).form(&form).send().await.unwrap();
    assert_eq!(answer.status(), 200);
}

#[tokio::test]
async fn a_chunked_body_is_read() {
    let bench = Bench::new();
    let mut stream = tokio::net::TcpStream::connect(bench.sim.http_addr())
        .await
        .unwrap();
    let body = format!(
        "grant_type=client_credentials&client_id={}&client_secret={}",
        dw::ECA,
        dw::ECA_SECRET
    );
    let (first, second) = body.split_at(20);
    let request = format!(
        "POST /services/oauth2/token HTTP/1.1\r\nhost: {}\r\ncontent-type: application/x-www-form-urlencoded\r\n\
         transfer-encoding: chunked\r\nconnection: close\r\n\r\n{:x}\r\n{first}\r\n{:x}\r\n{second}\r\n0\r\n\r\n",
        dw::PRODUCTION,
        first.len(),
        second.len()
    );
    tokio::io::AsyncWriteExt::write_all(&mut stream, request.as_bytes())
        .await
        .unwrap();
    let mut answer = String::new();
    tokio::io::AsyncReadExt::read_to_string(&mut stream, &mut answer)
        .await
        .unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
}

#[tokio::test]
async fn the_answer_comes_as_xml_or_form_when_asked() {
    let bench = Bench::new();
    let mut form = client_credentials(dw::ECA, dw::ECA_SECRET);
    form.push(("format", "urlencoded"));
    let answer = bench.token(dw::PRODUCTION, &form).await;
    assert!(answer.text.starts_with("access_token=00D"), "{}", answer.text);
    form.pop();
    form.push(("format", "xml"));
    let answer = bench.token(dw::PRODUCTION, &form).await;
    assert!(answer.text.contains("<access_token>00D"), "{}", answer.text);
}

#[tokio::test]
async fn a_fleet_of_thousands_is_served() {
    let bench = Bench::with(|world| world.add_fleet(dw::PRODUCTION, 5_000));
    let answer = bench
        .client_credentials(dw::PRODUCTION, "FLEET-APP-04999", "fleet-secret-04999")
        .await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let kinds = bench.sim.world(|world| {
        world
            .apps()
            .filter(|app| app.kind == AppKind::ExternalClientApp)
            .count()
    });
    assert!(kinds >= 5_000);
}
