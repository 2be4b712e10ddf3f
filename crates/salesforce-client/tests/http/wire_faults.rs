//! What goes wrong on the wire, and whether the request had left by then.

use std::time::Duration;

use salesforce_client::{
    Client, ClientSettings, Failure, Host, HostAllowList, Proxies, RefreshToken, Refusal, Sent, TokenRequest,
    TokenToInspect, TokenToRevoke,
};
use tokio::net::TcpListener;

use crate::fake::{Fake, Reply, json, response};
use crate::{app, host_of, plain_client, plain_settings};

const PAGE: &str = include_str!("../data/maintenance.html");
const ROTATED: &str = include_str!("../data/token-rotated.json");
const MY_DOMAIN: &str = "green-itr.my.salesforce.com";

async fn refresh(client: &Client, host: &Host) -> Result<salesforce_client::TokenResponse, Failure> {
    client
        .token(
            host,
            &app(),
            &TokenRequest::RefreshToken(RefreshToken::new("5Aep861Old".into())),
        )
        .await
}

/// What one reply to a refresh is taken for, and that it was asked for only once.
async fn failure_of(reply: Reply) -> Failure {
    let fake = Fake::plain(vec![reply]).await;
    let failure = refresh(&plain_client(), &host_of(&fake)).await.unwrap_err();
    assert_eq!(fake.requests().len(), 1, "a request must never be repeated");
    failure
}

fn verdict(failure: &Failure) -> (Refusal, Sent, Option<u16>) {
    (failure.refusal, failure.sent, failure.http_status)
}

#[tokio::test]
async fn a_redirect_is_refused_and_not_followed() {
    let target = Fake::plain(vec![json("200 OK", ROTATED)]).await;
    for status in ["302 Found", "307 Temporary Redirect", "308 Permanent Redirect"] {
        let location = format!("Location: http://{}/services/oauth2/token", target.address);
        let failure = failure_of(response(status, &[&location], "")).await;
        assert_eq!(
            (failure.refusal, failure.sent, failure.detail),
            (
                Refusal::RedirectRefused,
                Sent::Answered,
                format!("HTTP {} to {}", &status[..3], target.address)
            ),
            "{status}"
        );
    }
    assert_eq!(target.requests(), Vec::<String>::new());
}

#[tokio::test]
async fn a_redirect_away_from_salesforce_may_stand_in_the_place_of_a_success() {
    for location in ["Location: https://proxy.example/blocked", "X-Nothing: here"] {
        let failure = failure_of(response("302 Found", &[location], "")).await;
        assert_eq!(
            (failure.refusal, failure.sent, failure.detail.as_str()),
            (
                Refusal::RedirectRefused,
                Sent::Unknown,
                "HTTP 302 with an empty body"
            ),
            "{location}"
        );
    }
}

#[tokio::test]
async fn only_a_refusal_in_the_form_of_oauth_says_that_a_token_was_not_spent() {
    let known = r#"{"error":"invalid_client","error_description":"invalid client credentials"}"#;
    let unheard = r#"{"error":"unheard_of","error_description":"nobody knows"}"#;
    let gateway = r#"{"error":"Bad Request"}"#;
    let rest = r#"[{"errorCode":"INSUFFICIENT_ACCESS","message":"no"}]"#;
    let html = "<html><head><title>Blocked by policy</title></head></html>";
    for (reply, sent) in [
        (json("400 Bad Request", known), Sent::Answered),
        (json("400 Bad Request", unheard), Sent::Answered),
        (json("401 Unauthorized", unheard), Sent::Answered),
        (json("403 Forbidden", unheard), Sent::Unknown),
        (json("500 Internal Server Error", unheard), Sent::Unknown),
        (json("400 Bad Request", gateway), Sent::Unknown),
        (json("400 Bad Request", r#"{"error":"slow_down"}"#), Sent::Unknown),
        (
            json("400 Bad Request", r#"{"error":"temporarily_unavailable"}"#),
            Sent::Unknown,
        ),
        (json("403 Forbidden", rest), Sent::Unknown),
        (
            response("403 Forbidden", &["Content-Type: text/html"], html),
            Sent::Unknown,
        ),
        (response("403 Forbidden", &[], ""), Sent::Unknown),
        (
            response("407 Proxy Authentication Required", &[], ""),
            Sent::Unknown,
        ),
        (response("413 Content Too Large", &[], ""), Sent::Unknown),
        (response("420 Unknown", &[], ""), Sent::Answered),
        (response("429 Too Many Requests", &[], ""), Sent::Answered),
    ] {
        let failure = failure_of(reply).await;
        assert_eq!(failure.sent, sent, "{failure:?}");
    }
}

#[tokio::test]
async fn an_answer_over_the_cap_is_not_read_on() {
    let body = format!(r#"{{"padding":"{}"}}"#, "x".repeat(80 * 1024));
    let failure = failure_of(json("200 OK", &body)).await;
    assert_eq!(
        verdict(&failure),
        (Refusal::AnswerTooLarge, Sent::Unknown, Some(200))
    );
}

#[tokio::test]
async fn a_large_error_page_is_judged_by_its_beginning() {
    let page = format!("{PAGE}{}", "x".repeat(80 * 1024));
    let failure = failure_of(response(
        "503 Service Unavailable",
        &["Content-Type: text/html"],
        page,
    ))
    .await;
    assert_eq!(
        verdict(&failure),
        (Refusal::MaintenancePage, Sent::Unknown, Some(503))
    );
}

#[tokio::test]
async fn a_maintenance_page_keeps_its_title_and_retry_after() {
    let headers = ["Content-Type: text/html; charset=UTF-8", "Retry-After: 120"];
    let failure = failure_of(response("503 Service Unavailable", &headers, PAGE)).await;
    assert_eq!(
        verdict(&failure),
        (Refusal::MaintenancePage, Sent::Unknown, Some(503))
    );
    assert_eq!(failure.retry_after, Some(Duration::from_secs(120)));
    assert_eq!(
        failure.detail,
        "HTTP 503 with a page titled: Down for Maintenance"
    );
}

#[tokio::test]
async fn a_page_instead_of_a_token_may_have_spent_the_grant() {
    let failure = failure_of(response("200 OK", &["Content-Type: text/html"], PAGE)).await;
    assert_eq!(
        verdict(&failure),
        (Refusal::MaintenancePage, Sent::Unknown, Some(200))
    );
    let login = "<html><head><title>Login | Salesforce</title></head></html>";
    let failure = failure_of(response("200 OK", &["Content-Type: text/html"], login)).await;
    assert_eq!(
        verdict(&failure),
        (Refusal::UnexpectedPage, Sent::Unknown, Some(200))
    );
}

#[tokio::test]
async fn too_many_requests_were_not_acted_upon() {
    let failure = failure_of(response("429 Too Many Requests", &["Retry-After: 7"], "")).await;
    assert_eq!(
        verdict(&failure),
        (Refusal::TooManyRequests, Sent::Answered, Some(429))
    );
    assert_eq!(failure.retry_after, Some(Duration::from_secs(7)));
}

#[tokio::test]
async fn a_connection_closed_after_the_request_leaves_the_outcome_unknown() {
    assert_eq!(
        verdict(&failure_of(Reply::Close).await),
        (Refusal::ConnectionLost, Sent::Unknown, None)
    );
}

#[tokio::test]
async fn a_broken_answer_leaves_the_outcome_unknown_but_gives_up_its_refresh_token() {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 4000\r\n\r\n";
    let failure = failure_of(Reply::Bytes(format!("{head}{ROTATED}").into_bytes())).await;
    assert_eq!(
        verdict(&failure),
        (Refusal::ConnectionLost, Sent::Unknown, Some(200))
    );
    assert_eq!(
        failure.salvaged_refresh_token.unwrap().expose(),
        "5Aep861FakeRotatedRefreshToken"
    );
}

#[tokio::test]
async fn a_refused_connection_was_not_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host: Host = listener.local_addr().unwrap().to_string().parse().unwrap();
    drop(listener);
    let failure = refresh(&plain_client(), &host).await.unwrap_err();
    assert_eq!(
        verdict(&failure),
        (Refusal::ConnectionFailed, Sent::NotSent, None)
    );
}

#[tokio::test]
async fn silence_is_a_time_out_and_leaves_the_outcome_unknown() {
    let fake = Fake::plain(vec![Reply::Hang]).await;
    let settings = ClientSettings {
        request_timeout: Duration::from_millis(300),
        ..plain_settings()
    };
    let failure = refresh(&Client::new(settings).unwrap(), &host_of(&fake))
        .await
        .unwrap_err();
    assert_eq!(verdict(&failure), (Refusal::TimedOut, Sent::Unknown, None));
}

#[tokio::test]
async fn a_name_that_does_not_exist_was_not_sent() {
    let allow_list = HostAllowList::with_extra(["*.invalid"]).unwrap();
    let client = Client::new(ClientSettings {
        allow_list,
        ..plain_settings()
    })
    .unwrap();
    let failure = refresh(&client, &"gone.my.invalid".parse().unwrap())
        .await
        .unwrap_err();
    // Without a name server on the machine, it can't be known that the name does not exist.
    assert!(
        matches!(failure.refusal, Refusal::HostNotFound | Refusal::DnsUnavailable),
        "{failure:?}"
    );
    assert_eq!(failure.sent, Sent::NotSent);
}

#[tokio::test]
async fn a_foreign_host_is_refused_before_anything_is_sent() {
    let fake = Fake::plain(vec![json("200 OK", ROTATED)]).await;
    let client = Client::new(ClientSettings {
        allow_list: HostAllowList::default(),
        ..plain_settings()
    })
    .unwrap();
    let failure = refresh(&client, &host_of(&fake)).await.unwrap_err();
    assert_eq!(verdict(&failure), (Refusal::HostNotAllowed, Sent::NotSent, None));
    assert_eq!(fake.requests(), Vec::<String>::new());
}

#[tokio::test]
async fn introspection_and_revocation_keep_to_the_allowed_hosts_too() {
    let fake = Fake::plain(vec![json("200 OK", r#"{"active":true}"#)]).await;
    let client = Client::new(ClientSettings {
        allow_list: HostAllowList::default(),
        ..plain_settings()
    })
    .unwrap();
    let token = RefreshToken::new("5Aep861Old".into());
    let asked = client
        .introspect(&host_of(&fake), &app(), TokenToInspect::Refresh(&token))
        .await
        .unwrap_err();
    assert_eq!(verdict(&asked), (Refusal::HostNotAllowed, Sent::NotSent, None));
    let revoked = client
        .revoke(&host_of(&fake), TokenToRevoke::Refresh(&token))
        .await
        .unwrap_err();
    assert_eq!(verdict(&revoked), (Refusal::HostNotAllowed, Sent::NotSent, None));
    assert_eq!(fake.requests(), Vec::<String>::new());
}

#[tokio::test]
async fn a_host_that_no_connect_to_covers_keeps_its_own_address() {
    let fake = Fake::plain(vec![json("200 OK", ROTATED)]).await;
    let settings = ClientSettings {
        allow_list: HostAllowList::with_extra(["*.invalid"]).unwrap(),
        connect_to: vec![format!("*.my.salesforce.com={}", fake.address).parse().unwrap()],
        ..plain_settings()
    };
    let failure = refresh(&Client::new(settings).unwrap(), &"gone.invalid".parse().unwrap())
        .await
        .unwrap_err();
    assert!(
        matches!(failure.refusal, Refusal::HostNotFound | Refusal::DnsUnavailable),
        "{failure:?}"
    );
    assert_eq!(fake.requests(), Vec::<String>::new());
}

fn connect_to(fake: &Fake, extra_ca_pem: Vec<Vec<u8>>) -> Client {
    let connect_to = vec![
        format!("*.my.salesforce.com:443={}", fake.address)
            .parse()
            .unwrap(),
    ];
    Client::new(ClientSettings {
        connect_to,
        extra_ca_pem,
        proxies: Proxies::Never,
        ..ClientSettings::default()
    })
    .unwrap()
}

#[tokio::test]
async fn a_host_is_connected_to_elsewhere_under_its_own_name() {
    let (fake, ca) = Fake::tls(MY_DOMAIN, vec![json("200 OK", ROTATED)]).await;
    let client = connect_to(&fake, vec![ca.into_bytes()]);
    refresh(&client, &MY_DOMAIN.parse().unwrap()).await.unwrap();
    let request = fake.requests().remove(0);
    assert!(
        request.contains(&format!("\r\nhost: {MY_DOMAIN}\r\n")),
        "{request}"
    );
    // The certificate is for one name: another one that is connected to the same place does not pass.
    let failure = refresh(&client, &"other.my.salesforce.com".parse().unwrap())
        .await
        .unwrap_err();
    assert_eq!(verdict(&failure), (Refusal::TlsFailed, Sent::NotSent, None));
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_was_not_sent_to() {
    let (fake, _ca) = Fake::tls(MY_DOMAIN, vec![json("200 OK", ROTATED)]).await;
    let failure = refresh(&connect_to(&fake, Vec::new()), &MY_DOMAIN.parse().unwrap())
        .await
        .unwrap_err();
    assert_eq!(verdict(&failure), (Refusal::TlsFailed, Sent::NotSent, None));
    assert_eq!(fake.requests(), Vec::<String>::new());
}

#[tokio::test]
async fn a_server_that_speaks_no_tls_was_not_sent_to() {
    let fake = Fake::plain(vec![json("200 OK", ROTATED)]).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    // Answers a TLS greeting with plain HTTP.
    let task = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    });
    let connect_to = vec![format!("*={address}").parse().unwrap()];
    let settings = ClientSettings {
        connect_to,
        ..ClientSettings::default()
    };
    let failure = refresh(&Client::new(settings).unwrap(), &MY_DOMAIN.parse().unwrap())
        .await
        .unwrap_err();
    assert_eq!(
        (failure.refusal, failure.sent),
        (Refusal::TlsFailed, Sent::NotSent)
    );
    assert_eq!(fake.requests(), Vec::<String>::new());
    task.await.unwrap();
}

#[tokio::test]
async fn each_refresh_gets_a_connection_of_its_own() {
    // A second request on the same connection would never be answered.
    let keep_alive = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{ROTATED}",
        ROTATED.len()
    );
    let fake = Fake::plain(vec![Reply::BytesThenDeaf(keep_alive.into_bytes())]).await;
    let (client, host) = (plain_client(), host_of(&fake));
    for _ in 0..5 {
        refresh(&client, &host).await.unwrap();
    }
    assert_eq!(fake.requests().len(), 5);
}

#[tokio::test]
async fn grants_that_can_be_presented_again_share_a_connection() {
    let keep_alive = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{ROTATED}",
        ROTATED.len()
    );
    // A second connection would get no answer.
    let fake = Fake::plain(vec![Reply::BytesAgain(keep_alive.into_bytes()), Reply::Close]).await;
    let (client, host) = (plain_client(), host_of(&fake));
    for _ in 0..5 {
        client
            .token(&host, &app(), &TokenRequest::ClientCredentials)
            .await
            .unwrap();
    }
    assert_eq!(fake.requests().len(), 5);
}
