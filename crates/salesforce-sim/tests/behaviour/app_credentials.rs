//! The REST resource of an app's credentials: staging, rotating and deleting them, and who may not.

use std::time::Duration;

use reqwest::Method;
use salesforce_sim::{Endpoint, Fault, FaultRule, Outcome, World, default_world as dw};
use serde_json::{Value, json};

use crate::support::{Answer, Bench, refused};

const RESOURCE: &str = "/services/data/v66.0/apps/oauth/credentials";

/// Whoever calls may manage the credentials of apps.
fn allow(world: &mut World) {
    world.clock.freeze();
    world.org(dw::PRODUCTION).shows_consumer_secrets = true;
    world.user(dw::INTEGRATION_USER).manages_app_credentials = true;
}

/// A bench with a token, the path to the credentials of the app, and its consumer.
struct Desk {
    bench: Bench,
    token: String,
    app: String,
    staged: String,
}

impl Desk {
    async fn new(arrange: impl FnOnce(&mut World)) -> Self {
        let bench = Bench::with(|world| {
            allow(world);
            arrange(world);
        });
        let token = bench.access_token().await;
        let id = bench.sim.world(|world| world.app(dw::ECA).id.clone());
        let app = format!("{RESOURCE}/{id}");
        let consumer = id.replacen("0xI", "888", 1);
        let staged = format!("{app}/{consumer}/staged");
        Self {
            bench,
            token,
            app,
            staged,
        }
    }

    async fn try_call(&self, method: Method, path: &str, body: Value) -> Result<Answer, reqwest::Error> {
        let request = self.bench.http.request(method, self.bench.url(path));
        let request = request.bearer_auth(&self.token).json(&body);
        self.bench.send(dw::PRODUCTION, request).await
    }

    async fn call(&self, method: Method, path: &str) -> Answer {
        self.try_call(method, path, json!({})).await.unwrap()
    }

    async fn rotate(&self, id: &str) -> Answer {
        let path = format!("{}/{id}", self.staged);
        self.try_call(Method::PATCH, &path, json!({ "command": "rotate" }))
            .await
            .unwrap()
    }

    /// What is listed as staged, and stands alone.
    async fn listed(&self) -> Value {
        self.call(Method::GET, &self.staged).await.json()["stagedCredentials"].clone()
    }

    async fn current_key(&self) -> String {
        let consumers = self.call(Method::GET, &self.app).await.json();
        consumers["consumers"][0]["key"].as_str().unwrap().to_owned()
    }

    async fn logs_in(&self, key: &str, secret: &str) -> bool {
        let answer = self.bench.client_credentials(dw::PRODUCTION, key, secret).await;
        answer.status == 200
    }
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

#[tokio::test]
async fn staged_credentials_are_rotated_in_and_the_former_ones_take_their_place() {
    let desk = Desk::new(|_| {}).await;
    assert_eq!(
        (desk.current_key().await.as_str(), desk.listed().await),
        (dw::ECA, json!([]))
    );
    let answer = desk.call(Method::POST, &desk.staged).await;
    let staged = answer.json()["stagedCredentials"][0].clone();
    let (id, key, secret) = (text(&staged, "id"), text(&staged, "key"), text(&staged, "secret"));
    assert_eq!(
        (text(&staged, "state"), desk.listed().await[0].clone()),
        ("Active", staged.clone())
    );
    assert!(!desk.logs_in(key, secret).await && desk.current_key().await == dw::ECA);

    let answer = desk.rotate(id).await;
    assert_eq!((answer.status, text(&answer.json(), "state")), (200, "Rotated"));
    assert_eq!(desk.current_key().await, key);
    let former = desk.listed().await;
    assert_eq!(
        (text(&former[0], "key"), text(&former[0], "state")),
        (dw::ECA, "Rotated")
    );
    assert!(desk.logs_in(key, secret).await && desk.logs_in(dw::ECA, dw::ECA_SECRET).await);

    desk.bench.sim.advance(Duration::from_hours(30 * 24));
    assert!(desk.logs_in(key, secret).await && !desk.logs_in(dw::ECA, dw::ECA_SECRET).await);
}

#[tokio::test]
async fn a_consumer_has_one_place_for_staged_credentials_and_deleting_makes_room() {
    let desk = Desk::new(|_| {}).await;
    let staged = desk.call(Method::POST, &desk.staged).await.json()["stagedCredentials"][0].clone();
    let taken = refused(
        400,
        "INVALID_INPUT",
        "The consumer has staged credentials already.",
    );
    assert_eq!(desk.call(Method::POST, &desk.staged).await.rest_refusal(), taken);
    let path = format!("{}/{}", desk.staged, text(&staged, "id"));
    assert_eq!(desk.call(Method::DELETE, &path).await.status, 204);
    assert_eq!(
        (desk.call(Method::DELETE, &path).await.status, desk.listed().await),
        (404, json!([]))
    );

    let staged = desk.call(Method::POST, &desk.staged).await.json()["stagedCredentials"][0].clone();
    desk.rotate(text(&staged, "id")).await;
    assert_eq!(desk.call(Method::POST, &desk.staged).await.rest_refusal(), taken);
    let former = desk.listed().await[0].clone();
    let path = format!("{}/{}", desk.staged, text(&former, "id"));
    assert_eq!(desk.call(Method::DELETE, &path).await.status, 204);
    assert!(
        !desk.logs_in(dw::ECA, dw::ECA_SECRET).await,
        "deleted credentials end"
    );
    assert_eq!(desk.call(Method::POST, &desk.staged).await.status, 200);
}

#[tokio::test]
async fn a_rotation_that_is_repeated_blindly_turns_the_credentials_back() {
    let desk = Desk::new(|_| {}).await;
    let staged = desk.call(Method::POST, &desk.staged).await.json()["stagedCredentials"][0].clone();
    for expected in [text(&staged, "key"), dw::ECA] {
        desk.rotate(text(&staged, "id")).await;
        assert_eq!(desk.current_key().await, expected);
    }
    assert!(desk.logs_in(text(&staged, "key"), text(&staged, "secret")).await);
    assert!(desk.logs_in(dw::ECA, dw::ECA_SECRET).await);
}

#[tokio::test]
async fn who_lacks_the_setting_or_the_permission_or_names_another_app_is_refused() {
    let not_enabled = refused(
        403,
        "FUNCTIONALITY_NOT_ENABLED",
        "This feature is not currently enabled for this user.",
    );
    let desk = Desk::new(|world| world.org(dw::PRODUCTION).shows_consumer_secrets = false).await;
    assert_eq!(
        desk.call(Method::GET, &desk.app).await.rest_refusal(),
        not_enabled
    );
    let desk = Desk::new(|world| world.user(dw::INTEGRATION_USER).manages_app_credentials = false).await;
    let answer = desk.call(Method::POST, &desk.staged).await.rest_refusal();
    assert_eq!((answer.0, answer.1.as_str()), (403, "INSUFFICIENT_ACCESS"));
    let desk = Desk::new(|world| world.app(dw::ECA).scopes = vec!["openid".to_owned()]).await;
    assert_eq!(desk.call(Method::GET, &desk.app).await.status, 401);

    let desk = Desk::new(|_| {}).await;
    let connected = format!("{RESOURCE}/0H4000000000001AAA");
    let old = desk.app.replacen("v66.0", "v64.0", 1);
    for path in [&connected, &old, &desk.app.replacen("0xI", "0xJ", 1)] {
        assert_eq!(desk.call(Method::GET, path).await.status, 404, "{path}");
    }
    assert_eq!(desk.call(Method::PUT, &desk.staged).await.status, 405);
    let short = desk.app[..desk.app.len() - 3].to_owned();
    assert_eq!(desk.call(Method::GET, &short).await.status, 200);
}

#[tokio::test]
async fn an_answer_that_is_lost_has_staged_or_rotated_all_the_same() {
    let desk = Desk::new(|_| {}).await;
    let drop_after = |endpoint| {
        let rule = FaultRule::once(Fault::ProcessThenDrop).on(endpoint);
        desk.bench.sim.fault(rule);
    };
    drop_after(Endpoint::StageCredentials);
    let lost = desk.try_call(Method::POST, &desk.staged, json!({})).await;
    assert!(lost.is_err(), "{lost:?}");
    let staged = desk.listed().await[0].clone();
    assert_eq!(text(&staged, "state"), "Active");
    drop_after(Endpoint::RotateCredentials);
    let path = format!("{}/{}", desk.staged, text(&staged, "id"));
    let lost = desk
        .try_call(Method::PATCH, &path, json!({ "command": "rotate" }))
        .await;
    assert!(lost.is_err(), "{lost:?}");
    assert_eq!(desk.current_key().await, text(&staged, "key"));
    let endpoints = [Endpoint::StageCredentials, Endpoint::RotateCredentials];
    let log = desk.bench.sim.log();
    let lost = log.iter().filter(|entry| endpoints.contains(&entry.endpoint));
    let lost: Vec<_> = lost.map(|entry| entry.outcome.clone()).collect();
    assert_eq!(
        lost,
        [
            Outcome::ReplyLost {
                status: 200,
                error: None
            },
            Outcome::ReplyLost {
                status: 200,
                error: None
            }
        ]
    );
}

#[tokio::test]
async fn by_switch_a_staged_secret_is_shown_only_once() {
    let desk = Desk::new(|world| world.switches.staged_secrets_are_shown_again = false).await;
    let staged = desk.call(Method::POST, &desk.staged).await.json()["stagedCredentials"][0].clone();
    assert!(staged["secret"].is_string());
    assert_eq!(desk.listed().await[0]["secret"], Value::Null);
}
