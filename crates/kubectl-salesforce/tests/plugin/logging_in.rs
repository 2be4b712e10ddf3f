//! `login`: a browser logs in at the simulator's own pages, and the operator redeems what it brings.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

use kube::api::ListParams;
use salesforce_sim::default_world as world;
use serde_json::json;
use testbed::{Ran, eventually};

use crate::stage::{DEADLINE, Stage, run};

/// A browser without a window.
struct Browser {
    http: reqwest::Client,
}

impl Browser {
    fn new(stage: &Stage) -> Self {
        let certificate = reqwest::Certificate::from_pem(stage.sim.ca_pem().as_bytes()).unwrap();
        let http = reqwest::Client::builder()
            .tls_certs_only([certificate])
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .resolve(world::PRODUCTION, stage.sim.https_addr())
            .build();
        Self { http: http.unwrap() }
    }

    /// Logs in at this address, decides about the access, and says where it is sent after that.
    async fn log_in(&self, address: &str, username: &str, decision: &str) -> String {
        let here = |path: &str| format!("https://{}{path}", world::PRODUCTION);
        let page = self.http.get(address).send().await.unwrap().text().await.unwrap();
        let form = [
            ("request", request_of(&page)),
            ("un", username),
            ("pw", world::PASSWORD),
        ];
        let consent = self.http.post(here("/login")).form(&form).send().await.unwrap();
        let cookie = consent.headers()["set-cookie"].to_str().unwrap();
        let cookie = cookie.split(';').next().unwrap().to_owned();
        let consent = consent.text().await.unwrap();
        let decided = self
            .http
            .post(here("/setup/secur/RemoteAccessAuthorizationPage.apexp"))
            .header("cookie", cookie)
            .form(&[("request", request_of(&consent)), ("decision", decision)])
            .send()
            .await
            .unwrap();
        decided.headers()["location"].to_str().unwrap().to_owned()
    }

    /// The page at an address of this machine.
    async fn page(&self, address: &str) -> (u16, String) {
        let answer = self.http.get(address).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }
}

/// What a form of the simulator carries along.
fn request_of(page: &str) -> &str {
    let value = page.split("name=\"request\" value=\"").nth(1).unwrap();
    value.split('"').next().unwrap()
}

fn callback_address(callback: &str) -> String {
    let url = url::Url::parse(callback).unwrap();
    format!("127.0.0.1:{}", url.port().unwrap())
}

/// A connector that nobody has authorized yet.
async fn unauthorized() -> Stage {
    let stage = Stage::set().await;
    stage
        .input("app", &[("client-secret", world::ROTATING_SECRET)])
        .await;
    let spec = json!({
        "host": world::PRODUCTION,
        "app": { "clientId": world::ROTATING, "clientSecretRef": { "name": "app", "key": "client-secret" } },
        "auth": { "authorizationCode": { "scopes": ["api", "refresh_token"] } },
    });
    stage.create("crm", spec).await;
    stage
        .until_ready_is("crm", "False", "AuthorizationRequired")
        .await;
    stage
}

/// Nothing of a login is left: no Secret, and no annotation.
async fn assert_nothing_left(stage: &Stage) {
    let secrets = stage
        .secrets()
        .list_metadata(&ListParams::default())
        .await
        .unwrap();
    let names: Vec<_> = secrets
        .items
        .iter()
        .filter_map(|secret| secret.metadata.name.as_deref())
        .collect();
    assert!(names.iter().all(|name| !name.contains("login")), "{names:?}");
    let annotations = stage.get("crm").await.metadata.annotations.unwrap_or_default();
    assert!(
        annotations.keys().all(|key| !key.contains("login")),
        "{annotations:?}"
    );
}

/// Runs `login --no-browser` with a browser elsewhere, whose address a person pastes.
async fn without_browser(stage: &Stage, answer: impl AsyncFnOnce(&Browser, String) -> String) -> Ran {
    let mut command = stage.command(&["login", "crm", "--no-browser"]);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut stderr = std::io::BufReader::new(child.stderr.take().unwrap());
    let (address, stderr) = tokio::task::spawn_blocking(move || {
        let mut lines = std::io::BufRead::lines(&mut stderr).map(Result::unwrap);
        let address = lines.find(|line| line.contains("https://")).unwrap();
        (address.trim().to_owned(), stderr)
    })
    .await
    .unwrap();
    let pasted = answer(&Browser::new(stage), address).await;
    writeln!(stdin, "{pasted}").unwrap();
    drop(stdin);
    tokio::task::spawn_blocking(move || {
        let (mut stderr, mut said) = (stderr, String::new());
        std::io::Read::read_to_string(&mut stderr, &mut said).unwrap();
        let output = child.wait_with_output().unwrap();
        Ran {
            command: "login".to_owned(),
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: said,
        }
    })
    .await
    .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_in_the_browser_makes_the_connector_ready() {
    let stage = unauthorized().await;
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let callback = format!(
        "http://localhost:{}/OauthRedirect",
        free.local_addr().unwrap().port()
    );
    drop(free);
    stage
        .sim
        .world(|w| w.app(world::ROTATING).callbacks.push(callback.clone()));
    // What opens a browser writes the address down.
    let bin = tempfile::tempdir().unwrap();
    let (opener, written) = (bin.path().join("xdg-open"), bin.path().join("address"));
    std::fs::write(
        &opener,
        format!(
            "#!/bin/sh\nprintf %s \"$1\" > {0}.new && mv {0}.new {0}\n",
            written.display()
        ),
    )
    .unwrap();
    std::fs::set_permissions(&opener, std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut command: Command = stage.command(&["login", "crm", "--callback", &callback]);
    command.env("PATH", format!("{}:/usr/bin:/bin", bin.path().display()));

    let browser = async {
        let address = eventually(DEADLINE, "the browser to be opened", async || {
            std::fs::read_to_string(&written).map_err(|error| error.to_string())
        })
        .await;
        let browser = Browser::new(&stage);
        // Somebody asks half a question, and leaves it at that.
        let mut idle = std::net::TcpStream::connect(callback_address(&callback)).unwrap();
        idle.write_all(b"GET / HTTP/1.1\r\n").unwrap();
        let stranger = browser
            .page(&format!("{callback}?code=aPrxStranger&state=guessed"))
            .await;
        assert_eq!(stranger.0, 400, "{}", stranger.1);
        assert_eq!(
            browser
                .page(&callback.replace("OauthRedirect", "favicon.ico"))
                .await
                .0,
            404
        );
        let back = browser.log_in(&address, world::INTEGRATION_USER, "allow").await;
        assert!(back.starts_with(&callback), "{back}");
        (browser.page(&back).await, idle)
    };
    let (ran, ((code, page), _idle)) = tokio::join!(run(command), browser);
    assert_eq!(code, 200);
    assert!(
        page.contains("Salesforce accepted the login. Close this page"),
        "{page}"
    );
    assert_eq!(ran.code, Some(0), "{ran}");
    let first = format!(
        "Login of crm: Succeeded as {} in Green ITR\nTest: Succeeded\n",
        world::INTEGRATION_USER
    );
    assert!(ran.stdout.starts_with(&first), "{ran}");
    stage.until_ready_is("crm", "True", "TokenValid").await;
    assert_nothing_left(&stage).await;
    for secret in [world::ROTATING_SECRET, "aPrx"] {
        assert!(!format!("{ran}").contains(secret), "{ran}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_browser_the_address_is_pasted_and_what_fails_says_what_to_do() {
    let stage = unauthorized().await;
    let denied = without_browser(&stage, async |browser, address| {
        browser.log_in(&address, world::INTEGRATION_USER, "deny").await
    })
    .await;
    assert_eq!(denied.code, Some(1), "{denied}");
    assert!(
        denied
            .stderr
            .contains("the login was not allowed (access_denied: end-user denied authorization)"),
        "{denied}"
    );

    let foreign = without_browser(&stage, async |_, _| {
        format!("{}?code=aPrx&state=another", world::CALLBACK)
    })
    .await;
    assert_eq!(foreign.code, Some(2), "{foreign}");
    assert!(foreign.stderr.contains("its state differs"), "{foreign}");

    let good = without_browser(&stage, async |browser, address| {
        browser.log_in(&address, world::INTEGRATION_USER, "allow").await
    })
    .await;
    assert_eq!(good.code, Some(0), "{good}");
    stage.until_ready_is("crm", "True", "TokenValid").await;

    // Somebody else logs in, over the grant that works.
    let other = without_browser(&stage, async |browser, address| {
        browser.log_in(&address, world::API_ONLY_USER, "allow").await
    })
    .await;
    assert_eq!(other.code, Some(1), "{other}");
    assert!(
        other.stdout.starts_with("Login of crm: Failed: WrongIdentity\n"),
        "{other}"
    );
    stage.until_ready_is("crm", "True", "TokenValid").await;
    assert_nothing_left(&stage).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_browser_that_never_comes_back_ends_with_the_likely_causes() {
    let stage = unauthorized().await;
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let callback = format!(
        "http://localhost:{}/OauthRedirect",
        free.local_addr().unwrap().port()
    );
    let taken = stage.plugin(&["login", "crm", "--callback", &callback]).await;
    assert_eq!(taken.code, Some(1), "{taken}");
    assert!(taken.stderr.contains("End what listens there"), "{taken}");
    drop(free);
    let mut command = stage.command(&["login", "crm", "--callback", &callback, "--timeout", "300ms"]);
    command.env("PATH", "");
    let late = run(command).await;
    assert_eq!(late.code, Some(3), "{late}");
    for cause in [
        "redirect_uri_mismatch",
        "--no-browser",
        "External Client Apps OAuth Usage",
    ] {
        assert!(late.stderr.contains(cause), "{late}");
    }
    assert_nothing_left(&stage).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_not_hand_a_code_over_learns_it_before_the_login() {
    let stage = unauthorized().await;
    let rules = json!([{ "apiGroups": ["salesforce-connector.dev"], "resources": ["salesforceconnectors"], "verbs": ["*"] }]);
    stage.grant("limited", rules).await;
    let account = format!("system:serviceaccount:{}:limited", stage.namespace.name());
    let refused = stage.plugin(&["login", "crm", "--as", &account]).await;
    assert_eq!(refused.code, Some(4), "{refused}");
    assert!(
        refused
            .stderr
            .contains("resources: [\"secrets\"]\n  verbs: [\"create\"]"),
        "{refused}"
    );
    assert!(!refused.stderr.contains("https://"), "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_a_connector_that_can_use_it_is_logged_in_for() {
    let stage = Stage::bare().await;
    stage.connector("crm", &[]).await;
    let other = stage.plugin(&["login", "crm"]).await;
    assert_eq!(other.code, Some(2), "{other}");
    assert!(
        other.stderr.contains("does not use spec.auth.authorizationCode"),
        "{other}"
    );
    let auth = json!({ "authorizationCode": {} });
    stage
        .connector("paused", &[("auth", auth), ("suspend", json!(true))])
        .await;
    let suspended = stage.plugin(&["login", "paused"]).await;
    assert_eq!(suspended.code, Some(1), "{suspended}");
    assert!(
        suspended.stderr.contains("kubectl salesforce resume paused"),
        "{suspended}"
    );
}
