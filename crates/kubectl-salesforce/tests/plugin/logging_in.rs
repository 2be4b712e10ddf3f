//! `login`: a browser logs in at the simulator's own pages, and the operator redeems what it brings.

use std::io::{BufReader, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, ChildStderr, Command, Stdio};

use kube::api::ListParams;
use salesforce_sim::default_world as world;
use serde_json::json;
use testbed::{Ran, eventually};

use crate::browser::{Browser, hidden};
use crate::stage::{DEADLINE, Stage, run};

fn callback_address(callback: &str) -> String {
    let url = url::Url::parse(callback).unwrap();
    format!("127.0.0.1:{}", url.port().unwrap())
}

/// A connector that nobody has authorized yet.
pub(crate) async fn unauthorized() -> Stage {
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
pub(crate) async fn assert_nothing_left(stage: &Stage) {
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
    let command = stage.command(&["login", "crm", "--no-browser"]);
    let (mut child, address, stderr) = until_address(command).await;
    let mut stdin = child.stdin.take().unwrap();
    let pasted = answer(&Browser::new(&stage.sim), address).await;
    writeln!(stdin, "{pasted}").unwrap();
    drop(stdin);
    ended(child, stderr).await
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
        let browser = Browser::new(&stage.sim);
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
    assert!(
        ran.stdout
            .contains("A sixth login, here or elsewhere, silently ends the oldest one."),
        "{ran}"
    );
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

/// The plugin's process once it has printed an address, that address, and what it prints after that.
pub(crate) async fn until_address(mut command: Command) -> (Child, String, BufReader<ChildStderr>) {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let (address, stderr) = tokio::task::spawn_blocking(move || {
        let mut lines = std::io::BufRead::lines(&mut stderr).map(Result::unwrap);
        let address = lines.find(|line| line.contains("https://")).unwrap();
        (address.trim().to_owned(), stderr)
    })
    .await
    .unwrap();
    (child, address, stderr)
}

/// What the process printed after that, and how it ended.
pub(crate) async fn ended(child: Child, mut stderr: BufReader<ChildStderr>) -> Ran {
    tokio::task::spawn_blocking(move || {
        let mut said = String::new();
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
async fn a_login_by_a_link_to_the_callback_page_is_waited_for() {
    let stage = unauthorized().await;
    let page = stage.serve_page("https://sfc.example.com").await;
    let callback = "https://sfc.example.com/callback".to_owned();
    stage
        .sim
        .world(|w| w.app(world::ROTATING).callbacks.push(callback));
    for wrong in ["http://sfc.example.com", "https://sfc.example.com/path"] {
        let refused = stage.plugin(&["login", "crm", "--link", wrong]).await;
        assert_eq!(refused.code, Some(2), "{refused}");
    }
    let command = stage.command(&["login", "crm", "--link", "https://sfc.example.com"]);
    let (child, link, stderr) = until_address(command).await;
    let name = stage.namespace.name();
    assert!(
        link.starts_with(&format!("https://sfc.example.com/authorize/{name}/crm/")),
        "{link}"
    );
    let browser = Browser::new(&stage.sim);
    let there = |address: &str| address.replace("https://sfc.example.com", &format!("http://{page}"));
    let ask = |request: reqwest::RequestBuilder| request.header("host", "sfc.example.com").send();
    let cookie = |answer: &reqwest::Response| {
        let cookie = answer.headers()["set-cookie"].to_str().unwrap();
        cookie.split(';').next().unwrap().to_owned()
    };
    let offer = eventually(DEADLINE, "the page to know the link", async || {
        let offer = ask(browser.http.get(there(&link))).await.unwrap();
        if offer.status() == 200 {
            Ok(offer)
        } else {
            Err(offer.text().await.unwrap())
        }
    })
    .await;
    let known = cookie(&offer);
    let form = [("form", hidden(&offer.text().await.unwrap(), "form").to_owned())];
    let begun = ask(browser
        .http
        .post(there(&link))
        .header("cookie", known)
        .form(&form))
    .await
    .unwrap();
    let known = cookie(&begun);
    let departure = begun.text().await.unwrap();
    let address = departure
        .split("content=\"0;url=")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    let back = browser
        .log_in(&address.replace("&amp;", "&"), world::INTEGRATION_USER, "allow")
        .await;
    let taken = ask(browser.http.get(there(&back)).header("cookie", known))
        .await
        .unwrap();
    assert_eq!(taken.status(), 303);
    let ran = ended(child, stderr).await;
    assert_eq!(ran.code, Some(0), "{ran}");
    assert!(ran.stdout.starts_with("Login of crm: Succeeded as "), "{ran}");
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
