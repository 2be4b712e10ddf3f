//! Logins in Chromium: the callback page of the operator, and the plugin's own callback, as people see them.

use std::io::Write as _;

use salesforce_connector_operator::api::names;
use salesforce_sim::AppStanding;
use salesforce_sim::default_world as world;
use serde_json::json;

use crate::chromium::Chromium;
use crate::logging_in::{ended, unauthorized, until_address};
use crate::stage::Stage;

const PAGE: &str = "sfc.example.com";
/// The same page at a replica whose clock is 20 minutes ahead.
const LATE: &str = "late.example.com";
const BUTTON: &str = "button";

async fn stage_with_browser() -> (Stage, Chromium) {
    let stage = unauthorized().await;
    let pages = [
        (PAGE, stage.serve_page(&format!("https://{PAGE}")).await),
        (LATE, stage.serve_page_late(&format!("https://{LATE}")).await),
    ];
    stage.sim.world(|w| {
        let callbacks = &mut w.app(world::ROTATING).callbacks;
        callbacks.extend(pages.map(|(name, _)| format!("https://{name}/callback")));
    });
    let browser = Chromium::start(&stage.sim, &pages);
    (stage, browser)
}

/// Offers a login by a link, as the plugin does, without anybody who waits for it.
async fn link(stage: &Stage, connector: &str, page: &str) -> String {
    let key = salesforce_client::generate_state();
    let secret = format!("{connector}-{}", key.to_lowercase().replace(['-', '_'], ""));
    let uid = stage.get(connector).await.metadata.uid;
    let values = json!({ (names::LOGIN_LINK_KEY): key });
    stage.secret_of_login(&secret, uid.as_deref(), &values).await;
    stage.annotate(connector, names::LOGIN_SECRET, &secret).await;
    format!(
        "https://{page}/authorize/{}/{connector}/{key}",
        stage.namespace.name()
    )
}

/// Opens a link until the page knows it, and shows this title.
fn open(browser: &mut Chromium, person: &str, link: &str, title: &str) {
    let deadline = std::time::Instant::now() + crate::stage::DEADLINE;
    loop {
        browser.open(person, link);
        let seen = browser.look(person);
        if seen.title == title {
            return;
        }
        assert!(std::time::Instant::now() < deadline, "{seen:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_chromium_a_link_leads_one_browser_through_a_login() {
    let (stage, mut browser) = stage_with_browser().await;
    let command = stage.command(&["login", "crm", "--link", &format!("https://{PAGE}")]);
    let (plugin, link, stderr) = until_address(command).await;
    open(&mut browser, "owner", &link, "Authorize crm");
    browser.picture("owner", "callback-offer", stage.namespace.name());
    browser.click("owner", BUTTON);
    let login = browser.until("owner", "Login | Salesforce (simulated)");

    // Somebody else has the link, and the address of the login.
    browser.open("thief", &link);
    let used = browser.until("thief", "This link was used before");
    assert!(used.text.contains("check who that was"), "{used:?}");
    browser.open("thief", &login.url);
    browser.log_in("thief", world::API_ONLY_USER);
    browser.click("thief", "#oaapprove");
    browser.until("thief", "This browser did not begin this login");
    browser.picture("thief", "callback-other-browser", stage.namespace.name());

    browser.log_in("owner", world::INTEGRATION_USER);
    browser.click("owner", "#oaapprove");
    let end = browser.until("owner", "The connector is authorized");
    let address = format!("https://{PAGE}/outcome/");
    assert!(
        end.url.starts_with(&address) && !end.url.contains("code"),
        "{end:?}"
    );
    for part in [world::INTEGRATION_USER, "Green ITR", "five approvals"] {
        assert!(end.text.contains(part), "{end:?}");
    }
    let ran = ended(plugin, stderr).await;
    assert_eq!(ran.code, Some(0), "{ran}");
    let identity = stage.get("crm").await.status.unwrap().identity.unwrap();
    assert_eq!(identity.username.as_deref(), Some(world::INTEGRATION_USER));
    browser.picture("owner", "callback-authorized", stage.namespace.name());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_chromium_a_login_by_link_that_brings_nothing_says_why() {
    let (stage, mut browser) = stage_with_browser().await;
    let command = stage.command(&["login", "crm", "--link", &format!("https://{PAGE}")]);
    let (plugin, denied, stderr) = until_address(command).await;
    open(&mut browser, "owner", &denied, "Authorize crm");
    browser.click("owner", BUTTON);
    browser.log_in("owner", world::INTEGRATION_USER);
    browser.click("owner", "#oadeny");
    let end = browser.until("owner", "The login brought no access");
    assert!(
        end.text.contains("AccessDenied") && end.text.contains("allow the access"),
        "{end:?}"
    );
    browser.picture("owner", "callback-denied", stage.namespace.name());
    let ran = ended(plugin, stderr).await;
    assert_eq!(ran.code, Some(1), "{ran}");
    assert!(
        ran.stdout.starts_with("Login of crm: Failed: AccessDenied\n"),
        "{ran}"
    );

    // Nobody has used this one in time.
    let late = link(&stage, "crm", LATE).await;
    open(&mut browser, "owner", &late, "The time for this login is up");

    // A user, and then an org, that the connector does not expect.
    for expect in [
        json!({ "username": world::API_ONLY_USER }),
        json!({ "username": null, "organizationId": "00D000000000001EAA" }),
    ] {
        stage.merge("crm", json!({ "spec": { "expect": expect } })).await;
        let wrong = link(&stage, "crm", PAGE).await;
        open(&mut browser, "owner", &wrong, "Authorize crm");
        browser.click("owner", BUTTON);
        browser.until("owner", "Allow Access? | Salesforce (simulated)");
        browser.click("owner", "#oaapprove");
        let end = browser.until("owner", "The login brought no access");
        assert!(end.text.contains("WrongIdentity"), "{end:?}");
    }

    // Salesforce shows a page of its own, and nobody comes back.
    stage
        .sim
        .world(|w| w.app(world::ROTATING).standing = AppStanding::Blocked);
    let blocked = link(&stage, "crm", PAGE).await;
    open(&mut browser, "owner", &blocked, "Authorize crm");
    browser.click("owner", BUTTON);
    browser.until("owner", "OAuth Error | Salesforce (simulated)");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_chromium_the_plugin_receives_the_answer_on_its_own_machine() {
    let stage = unauthorized().await;
    let mut browser = Chromium::start(&stage.sim, &[]);
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let callback = format!("http://localhost:{port}/OauthRedirect");
    stage
        .sim
        .world(|w| w.app(world::ROTATING).callbacks.push(callback.clone()));
    for (person, decision, page, code) in [
        ("reluctant", "#oadeny", "Salesforce did not allow the access", 1),
        ("willing", "#oaapprove", "Salesforce accepted the login", 0),
    ] {
        let mut command = stage.command(&["login", "crm", "--callback", &callback]);
        command.env("PATH", "");
        let (plugin, address, stderr) = until_address(command).await;
        browser.open(person, &address);
        browser.log_in(person, world::INTEGRATION_USER);
        browser.click(person, decision);
        let end = browser.until(person, "kubectl salesforce login");
        assert!(end.text.contains(page), "{end:?}");
        if code == 0 {
            browser.picture(person, "login-plugin", stage.namespace.name());
        }
        let ran = ended(plugin, stderr).await;
        assert_eq!(ran.code, Some(code), "{ran}");
    }

    // Elsewhere nobody listens, and the person pastes the address.
    let command = stage.command(&["login", "crm", "--no-browser"]);
    let (mut plugin, address, stderr) = until_address(command).await;
    browser.open("elsewhere", &address);
    browser.log_in("elsewhere", world::INTEGRATION_USER);
    let address = browser.sent_by("elsewhere", "#oaapprove", world::CALLBACK);
    writeln!(plugin.stdin.take().unwrap(), "{address}").unwrap();
    let ran = ended(plugin, stderr).await;
    assert_eq!(ran.code, Some(0), "{ran}");
}
