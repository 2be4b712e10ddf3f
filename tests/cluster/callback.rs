//! The callback page: a login by a link, in a browser of a person, on a real API server; and attacks on it.

use std::net::SocketAddr;
use std::sync::Arc;

use kube::ResourceExt as _;
use kube::api::DeleteParams;
use reqwest::Method;
use salesforce_connector_operator::api::names;
use salesforce_connector_operator::api::status::{LoginResult, LoginStatus};
use salesforce_connector_operator::core::callback::url::CallbackUrl;
use salesforce_connector_operator::server;
use salesforce_connector_operator::settings::SecretWatch;
use salesforce_connector_operator::shell::callback;
use salesforce_connector_operator::shell::context::Context;
use salesforce_sim::default_world as world;
use serde_json::json;
use testbed::eventually;

use crate::browser::hidden;
use crate::stage::{DEADLINE, Stage, condition, value};
use crate::visitor::{PAGE, Visitor};

const KEY: &str = "link-key-0123456789abcdefghijklmnopqrstuvwxyz";
const SECRET: &str = "crm-login-x7k2p";

/// Serves the page as a replica does.
async fn serve(context: Arc<Context>) -> SocketAddr {
    let url: CallbackUrl = PAGE.parse().unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = callback::router(context, url);
    tokio::spawn(server::pages(listener, router, std::future::pending()));
    address
}

/// A stage with the page, and a connector that nobody has authorized yet.
async fn stage_with_page(speed: u32) -> (Stage, SocketAddr) {
    let stage = Stage::at_speed(speed).await;
    prepare(&stage).await;
    let page = serve(stage.context().clone()).await;
    (stage, page)
}

/// The app knows the page, and a connector of it waits for a login.
async fn prepare(stage: &Stage) {
    stage
        .sim
        .world(|w| w.app(world::ROTATING).callbacks.push(format!("{PAGE}/callback")));
    stage
        .input("app", &[("client-secret", world::ROTATING_SECRET)])
        .await;
    unauthorized(stage, "crm").await;
}

async fn unauthorized(stage: &Stage, name: &str) {
    let spec = json!({
        "displayName": "CRM <script>alert(1)</script>",
        "host": world::PRODUCTION,
        "app": { "clientId": world::ROTATING, "clientSecretRef": { "name": "app", "key": "client-secret" } },
        "auth": { "authorizationCode": {} },
    });
    stage.create(name, spec).await;
    stage
        .until("it asks to be authorized", name, |connector| {
            (condition(connector, "Ready").1 == "AuthorizationRequired").then_some(())
        })
        .await;
}

/// Offers a login as `kubectl salesforce login --link` does.
async fn offered(stage: &Stage, connector: &str, secret: &str) {
    let uid = stage.get(connector).await.metadata.uid;
    let values = json!({ (names::LOGIN_LINK_KEY): KEY });
    stage.secret_of_login(secret, uid.as_deref(), &values).await;
    stage.annotate(connector, names::LOGIN_SECRET, secret).await;
}

/// Offers a login, and waits until a replica knows of it.
async fn offer(stage: &Stage, visitor: &Visitor, connector: &str, secret: &str) -> String {
    offered(stage, connector, secret).await;
    let link = link(stage, connector, KEY);
    eventually(DEADLINE, "the page to know the link", async || {
        let page = visitor.get(&link).await;
        (page.status == 200).then_some(()).ok_or(page.body)
    })
    .await;
    link
}

fn link(stage: &Stage, connector: &str, key: &str) -> String {
    let page: CallbackUrl = PAGE.parse().unwrap();
    page.link(stage.namespace.name(), connector, key)
}

fn outcome(login: &LoginStatus) -> (LoginResult, Option<&str>) {
    (login.result, login.reason.as_deref())
}

async fn version(stage: &Stage, secret: &str) -> Option<String> {
    stage.secret(secret).await.resource_version()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_by_link_makes_the_connector_ready_whichever_replica_answers() {
    let (stage, page) = stage_with_page(1).await;
    let other_page = serve(stage.follower().await).await;
    let visitor = Visitor::new(&stage, page);
    let link = offer(&stage, &visitor, "crm", SECRET).await;
    let before = version(&stage, SECRET).await;
    let offered = visitor.get(&link).await;
    assert!(
        offered.body.contains("CRM &lt;script&gt;alert(1)&lt;/script&gt;"),
        "{}",
        offered.body
    );
    assert_eq!(
        version(&stage, SECRET).await,
        before,
        "a page that is only loaded changes nothing"
    );

    let address = visitor.depart(&link).await;
    assert!(
        address.starts_with(&format!(
            "https://{}/services/oauth2/authorize?",
            world::PRODUCTION
        )),
        "{address}"
    );
    let answer = visitor
        .browser
        .log_in(&address, world::INTEGRATION_USER, "allow")
        .await;
    let visitor = visitor.at(other_page);
    let end = visitor.arrive(&answer, "The connector is authorized").await;
    let name = format!("<dd>{}/crm</dd>", stage.namespace.name());
    for part in [&name, world::INTEGRATION_USER, "Green ITR", "A sixth login"] {
        assert!(end.body.contains(part), "{part}: {}", end.body);
    }
    let login = stage.login_ended("crm", SECRET).await;
    assert_eq!(outcome(&login), (LoginResult::Succeeded, None));
    stage.ready("crm").await;
    let token = value(&stage.secret("crm-salesforce").await, "access_token");
    assert!(stage.sim.world(|w| w.access_token_is_good(&token)));
    assert_eq!(stage.token_calls(), 1);
    stage.secret_gone(SECRET).await;

    // The answer once more, and another one for the same login.
    for again in [answer.clone(), answer.replace("code=", "code=aPrxInjected")] {
        let again = visitor.get(&again).await;
        assert_eq!(
            again.status, 303,
            "what was taken is shown, and not taken again: {}",
            again.body
        );
    }
    assert_eq!(visitor.get(&link).await.status, 404);
    stage.ready("crm").await;
    assert_eq!(stage.token_calls(), 1);
    let metrics = stage.context().metrics.encode();
    let counted = |page: &str| format!("salesforce_connector_callback_requests_total{{page=\"{page}\"}} 1\n");
    assert!(
        metrics.contains(&counted("Departure")),
        "the link was used once: {metrics}"
    );
    assert!(
        !metrics.contains("page=\"Arrival\""),
        "the other replica took the answer: {metrics}"
    );
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_by_link_that_is_refused_says_why_on_the_page_and_in_the_status() {
    let (stage, page) = stage_with_page(1).await;
    let visitor = Visitor::new(&stage, page);
    let link = offer(&stage, &visitor, "crm", SECRET).await;
    let address = visitor.depart(&link).await;
    let denied = visitor
        .browser
        .log_in(&address, world::INTEGRATION_USER, "deny")
        .await;
    let denied = denied.replace("end-user", "%3Cscript%3E");
    let end = visitor.arrive(&denied, "The login brought no access").await;
    assert!(
        end.body.contains("AccessDenied") && end.body.contains("allow the access"),
        "{}",
        end.body
    );
    assert!(!end.body.contains("script"), "{}", end.body);
    let login = stage.login_ended("crm", SECRET).await;
    assert_eq!(outcome(&login), (LoginResult::Failed, Some("AccessDenied")));
    assert!(
        login
            .message
            .contains("the login page answered \"access_denied\""),
        "{}",
        login.message
    );
    stage.secret_gone(SECRET).await;

    // Somebody else's user, over a grant that works.
    for (secret, username, title) in [
        ("second", world::INTEGRATION_USER, "The connector is authorized"),
        ("third", world::API_ONLY_USER, "The login brought no access"),
    ] {
        let link = offer(&stage, &visitor, "crm", secret).await;
        let address = visitor.depart(&link).await;
        let answer = visitor.browser.log_in(&address, username, "allow").await;
        visitor.arrive(&answer, title).await;
    }
    let login = stage.login_ended("crm", "third").await;
    assert_eq!(outcome(&login), (LoginResult::Failed, Some("WrongIdentity")));
    stage.ready("crm").await;
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_that_nobody_uses_ends_and_leaves_no_secret_behind() {
    let (stage, page) = stage_with_page(600).await;
    offered(&stage, "crm", SECRET).await;
    let login = stage.login_ended("crm", SECRET).await;
    assert_eq!(
        outcome(&login),
        (LoginResult::Failed, Some("AuthorizationCodeExpired"))
    );
    let visitor = Visitor::new(&stage, page);
    let late = visitor.get(&link(&stage, "crm", KEY)).await;
    assert!([404, 410].contains(&late.status), "{}", late.body);
    stage.secret_gone(SECRET).await;
    assert_eq!(visitor.get(&link(&stage, "crm", KEY)).await.status, 404);
    assert_eq!(stage.token_calls(), 0);
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_is_for_one_browser_and_an_answer_for_the_browser_that_began() {
    let (stage, page) = stage_with_page(1).await;
    let (owner, thief) = (Visitor::new(&stage, page), Visitor::new(&stage, page));
    let link = offer(&stage, &owner, "crm", SECRET).await;
    assert_no_other_site_presses_the_button(&stage, &owner, &link).await;

    let stolen = thief.get(&link).await;
    let address = owner.depart(&link).await;
    let begun = version(&stage, SECRET).await;
    let late = thief.press(&link, hidden(&stolen.body, "form")).await;
    assert_eq!((late.status, late.title()), (410, "This link was used before"));
    let metrics = stage.context().metrics.encode();
    let refused = "salesforce_connector_callback_requests_total{page=\"LinkUsed\"} 1\n";
    assert!(metrics.contains(refused), "{metrics}");
    assert_eq!(owner.get(&link).await.status, 410);

    let answer = owner
        .browser
        .log_in(&address, world::INTEGRATION_USER, "allow")
        .await;
    let sent = answer.split("state=").nth(1).unwrap();
    let refused = "This browser did not begin this login";
    for (visitor, path) in [
        (&thief, answer.clone()),
        (&thief, format!("{PAGE}/callback?code=aPrx&state={sent}")),
        (
            &owner,
            answer.replace(sent, &format!("{}x", &sent[..sent.len() - 1])),
        ),
        (
            &owner,
            answer.replace(sent, "guessed-0123456789-0123456789-0123456789-01"),
        ),
    ] {
        let visit = visitor.get(&path).await;
        assert_eq!((visit.status, visit.title()), (400, refused), "{path}");
    }
    assert_eq!(
        owner.get(&format!("{PAGE}/callback?state={sent}")).await.status,
        400
    );
    assert_eq!(owner.get(&format!("{PAGE}/callback")).await.status, 400);
    assert_eq!(
        owner
            .get(&format!("{answer}&more={}", "x".repeat(9000)))
            .await
            .status,
        414
    );
    assert_eq!(version(&stage, SECRET).await, begun, "nothing of this is written");

    assert_an_answer_counts_for_its_own_connector(&stage, &owner, &answer).await;
    owner.arrive(&answer, "The connector is authorized").await;
    let outcome = owner.get(&answer).await.header("location").to_owned();
    assert_eq!(thief.get(&outcome).await.status, 404);
    stage.finish().await;
}

/// A form of another site, and one that was sent without a page of ours.
async fn assert_no_other_site_presses_the_button(stage: &Stage, owner: &Visitor, link: &str) {
    let before = version(stage, SECRET).await;
    let form = hidden(&owner.get(link).await.body, "form").to_owned();
    let forms = [
        (form.as_str(), Some("cross-site")),
        (form.as_str(), Some("same-site")),
        ("", None),
        ("another-key-0123456789-0123456789-0123456789", None),
    ];
    for (form, site) in forms {
        let mut request = owner.request(Method::POST, link).form(&[("form", form)]);
        if let Some(site) = site {
            request = request.header("sec-fetch-site", site);
        }
        assert_eq!(owner.send(request).await.status, 400, "{site:?}");
    }
    let stranger = Visitor::new(stage, owner.page);
    assert_eq!(stranger.press(link, &form).await.status, 400);
    let long = owner.request(Method::POST, link).body("x".repeat(100_000));
    assert_eq!(owner.send(long).await.status, 414);
    assert_eq!(version(stage, SECRET).await, before);
}

/// The browser has begun a login of another connector, too, and somebody swaps the answers or the cookies.
async fn assert_an_answer_counts_for_its_own_connector(stage: &Stage, owner: &Visitor, answer: &str) {
    unauthorized(stage, "erp").await;
    let link = offer(stage, owner, "erp", "erp-login").await;
    let address = owner.depart(&link).await;
    let sent_in = |text: &str| {
        text.split("state=")
            .nth(1)
            .unwrap()
            .split('&')
            .next()
            .unwrap()
            .to_owned()
    };
    let (crm, erp) = (sent_in(answer), sent_in(&address));
    let cookie = |state: &str| format!("__Host-sfc-login-{}", &state[..12]);
    let own = owner.cookies().clone();
    let (of_crm, of_erp) = (own[&cookie(&crm)].clone(), own[&cookie(&erp)].clone());
    owner.cookies().insert(cookie(&crm), of_erp);
    assert_eq!(owner.get(answer).await.status, 400, "the cookie of another login");
    let forged = of_crm.replacen("/crm/", "/erp/", 1);
    assert_ne!(forged, of_crm);
    owner.cookies().insert(cookie(&crm), forged);
    assert_eq!(
        owner.get(answer).await.status,
        400,
        "a cookie that nobody here made"
    );
    *owner.cookies() = own;

    // The connector is deleted and created again while its person logs in.
    stage
        .connectors()
        .delete("erp", &DeleteParams::default())
        .await
        .unwrap();
    unauthorized(stage, "erp").await;
    stage.annotate("erp", names::LOGIN_SECRET, "erp-login").await;
    let late = format!("{PAGE}/callback?code=aPrx&state={erp}");
    eventually(DEADLINE, "the page to know the new connector", async || {
        let page = owner.get(&late).await;
        (page.status == 410).then_some(()).ok_or(page.body)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_tells_strangers_nothing_and_every_answer_has_strict_headers() {
    let (stage, page) = stage_with_page(1).await;
    let visitor = Visitor::new(&stage, page);
    let good = offer(&stage, &visitor, "crm", SECRET).await;
    let namespace = stage.namespace.name().to_owned();
    let nothing = visitor.get("/").await;
    assert_eq!((nothing.status, nothing.title()), (404, "There is nothing here"));
    let other_key = KEY.replace("link", "kink");
    for path in [
        link(&stage, "crm", &other_key),
        link(&stage, "crm", "short"),
        link(&stage, "none", KEY),
        format!("/authorize/none/crm/{KEY}"),
        format!("/authorize/{namespace}%2f..%2fkube-system/crm/{KEY}"),
        format!("/authorize/{namespace}/crm%00/{KEY}"),
        format!("/authorize/{namespace}/crm/{KEY}/"),
        format!("//{namespace}/crm/{KEY}"),
        "/outcome/abcdefghijkl".to_owned(),
        "/metrics".to_owned(),
        "/readyz".to_owned(),
    ] {
        let visit = visitor.get(&path).await;
        assert_eq!((visit.status, &visit.body), (404, &nothing.body), "{path}");
    }
    let elsewhere = visitor
        .request(Method::GET, &good)
        .header("host", "evil.example.com");
    let elsewhere = visitor
        .browser
        .http
        .execute(with_host(elsewhere.build().unwrap(), "evil.example.com"));
    assert_eq!(elsewhere.await.unwrap().status().as_u16(), 404);
    assert_eq!(
        visitor.send(visitor.request(Method::DELETE, &good)).await.status,
        404
    );

    for visit in [
        nothing,
        visitor.get(&good).await,
        visitor.get("/callback?code=a&state=b").await,
    ] {
        let policy = visit.header("content-security-policy");
        assert!(
            policy.starts_with("default-src 'none'; style-src 'sha256-"),
            "{policy}"
        );
        assert!(
            policy.ends_with("form-action 'self'; frame-ancestors 'none'; base-uri 'none'"),
            "{policy}"
        );
        let headers = [
            ("cache-control", "no-store"),
            ("referrer-policy", "no-referrer"),
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("strict-transport-security", "max-age=31536000"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
        ];
        for (name, value) in headers {
            assert_eq!(visit.header(name), value, "{name}");
        }
        assert!(
            !visit.body.contains("<script") && !visit.body.contains("src="),
            "{}",
            visit.body
        );
    }
    assert_eq!(visitor.get("/livez").await.body, "ok\n");
    stage.merge("crm", json!({ "spec": { "suspend": true } })).await;
    eventually(DEADLINE, "the page to say that it is suspended", async || {
        let page = visitor.get(&good).await;
        (page.title() == "The connector is suspended")
            .then_some(())
            .ok_or(page.body)
    })
    .await;
    stage.finish().await;
}

fn with_host(mut request: reqwest::Request, host: &str) -> reqwest::Request {
    request.headers_mut().insert("host", host.parse().unwrap());
    request
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_that_is_loaded_again_and_again_is_answered_with_a_pause() {
    let (stage, page) = stage_with_page(1).await;
    let visitor = Visitor::new(&stage, page);
    let link = offer(&stage, &visitor, "crm", SECRET).await;
    let mut busy = None;
    for _ in 0..100 {
        let visit = visitor.get(&link).await;
        if visit.status != 200 {
            assert_eq!(visit.header("retry-after"), "30");
            busy = Some((visit.status, visit.title().to_owned()));
            break;
        }
    }
    assert_eq!(busy, Some((429, "Too many requests".to_owned())));
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_mode_watch_a_login_by_link_is_carried_out_too() {
    let stage = Stage::set(SecretWatch::Watch).await;
    prepare(&stage).await;
    let visitor = Visitor::new(&stage, serve(stage.follower().await).await);
    let link = offer(&stage, &visitor, "crm", SECRET).await;
    let address = visitor.depart(&link).await;
    let answer = visitor
        .browser
        .log_in(&address, world::INTEGRATION_USER, "allow")
        .await;
    visitor.arrive(&answer, "The connector is authorized").await;
    stage.finish().await;
}
