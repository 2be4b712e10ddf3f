//! Logins in Chromium: the callback page of the operator, and the plugin's own callback, as people see them.

use std::io::{BufReader, Write as _};
use std::process::{Child, ChildStderr, Command, Stdio};

use salesforce_connector_operator::api::names;
use salesforce_sim::AppStanding;
use salesforce_sim::default_world as world;
use serde_json::json;

use crate::chromium::Chromium;
use crate::logging_in::{assert_nothing_left, ended, unauthorized, until_address};
use crate::stage::{Stage, run};

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

/// Over the grant that works, by the owner who is still logged in: one browser is closed on the way, and the next login is carried out.
async fn a_second_login_replaces_the_grant(stage: &Stage, browser: &mut Chromium, used: &str) {
    let left = link(stage, "crm", PAGE).await;
    open(browser, "hasty", &left, "Authorize crm");
    browser.click("hasty", BUTTON);
    browser.until("hasty", "Login | Salesforce (simulated)");
    browser.close("hasty");
    stage.until_ready_is("crm", "True", "TokenValid").await;
    let second = link(stage, "crm", PAGE).await;
    open(browser, "owner", &second, "Authorize crm");
    browser.click("owner", BUTTON);
    browser.until("owner", "Allow Access? | Salesforce (simulated)");
    browser.click("owner", "#oaapprove");
    browser.until("owner", "The connector is authorized");
    open(browser, "thief", &left, "There is nothing here");
    open(browser, "thief", used, "There is nothing here");
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

    a_second_login_replaces_the_grant(&stage, &mut browser, &link).await;
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

/// `login` with a callback at a free port of this machine, as far as to the address for the browser.
async fn plugin_that_waits(
    stage: &Stage,
    callback: &str,
    timeout: &str,
) -> (Child, String, BufReader<ChildStderr>) {
    let mut command = stage.command(&["login", "crm", "--callback", callback, "--timeout", timeout]);
    command.env("PATH", "");
    until_address(command).await
}

/// A callback at a free port, which the app has.
fn callback_of(stage: &Stage) -> String {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let callback = format!(
        "http://localhost:{}/OauthRedirect",
        free.local_addr().unwrap().port()
    );
    stage
        .sim
        .world(|w| w.app(world::ROTATING).callbacks.push(callback.clone()));
    callback
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_chromium_a_login_by_the_plugin_that_brings_nothing_says_why() {
    let stage = unauthorized().await;
    let mut browser = Chromium::start(&stage.sim, &[]);
    let callback = callback_of(&stage);
    // A user, and then an org, that the connector does not expect.
    for (person, expect) in [
        ("another", json!({ "username": world::API_ONLY_USER })),
        (
            "elsewhere",
            json!({ "username": null, "organizationId": "00D000000000001EAA" }),
        ),
    ] {
        stage.merge("crm", json!({ "spec": { "expect": expect } })).await;
        let (plugin, address, stderr) = plugin_that_waits(&stage, &callback, "1m").await;
        browser.open(person, &address);
        browser.log_in(person, world::INTEGRATION_USER);
        browser.click(person, "#oaapprove");
        browser.until(person, "kubectl salesforce login");
        let ran = ended(plugin, stderr).await;
        assert_eq!(ran.code, Some(1), "{ran}");
        assert!(
            ran.stdout.starts_with("Login of crm: Failed: WrongIdentity\n"),
            "{ran}"
        );
    }

    // The browser is closed, and then Salesforce shows a page of its own: nobody comes back in time.
    let (plugin, address, stderr) = plugin_that_waits(&stage, &callback, "5s").await;
    browser.open("hasty", &address);
    browser.until("hasty", "Login | Salesforce (simulated)");
    browser.close("hasty");
    let ran = ended(plugin, stderr).await;
    assert!(
        ran.code == Some(3) && ran.stderr.contains("The browser was closed"),
        "{ran}"
    );
    stage
        .sim
        .world(|w| w.app(world::ROTATING).standing = AppStanding::Blocked);
    let (plugin, address, stderr) = plugin_that_waits(&stage, &callback, "5s").await;
    browser.open("blocked", &address);
    browser.until("blocked", "OAuth Error | Salesforce (simulated)");
    let ran = ended(plugin, stderr).await;
    assert!(
        ran.code == Some(3) && ran.stderr.contains("External Client Apps OAuth Usage"),
        "{ran}"
    );
    assert_nothing_left(&stage).await;
}

/// What a command prints at a terminal.
async fn at_a_terminal(stage: &Stage, args: &[&str]) -> String {
    let command = stage.command(args);
    let mut terminal = Command::new("python3");
    terminal
        .args(["-c", "import pty, sys; pty.spawn(sys.argv[1:])"])
        .arg(command.get_program())
        .args(command.get_args())
        .stdin(Stdio::null());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => terminal.env(name, value),
            None => terminal.env_remove(name),
        };
    }
    run(terminal).await.stdout().replace('\r', "")
}

/// A terminal with a command and what it printed, as a page. The browser has one font, which has neither columns nor ticks.
fn as_page(typed: &str, printed: &str) -> String {
    use std::fmt::Write as _;
    let marks = [
        ("\x1b[0m", "</b>"),
        ("\x1b[1m", "<b>"),
        ("\x1b[32m", "<b class=good>"),
        ("\x1b[33m", "<b class=doubt>"),
        ("\x1b[31m", "<b class=bad>"),
    ];
    let (mut text, mut rest) = (String::new(), printed);
    while let Some(letter) = rest.chars().next() {
        if let Some((code, mark)) = marks.iter().find(|(code, _)| rest.starts_with(code)) {
            text.push_str(mark);
            rest = &rest[code.len()..];
            continue;
        }
        rest = &rest[letter.len_utf8()..];
        match letter {
            '\n' => text.push('\n'),
            '✓' => text.push_str("<i><svg width=9 height=9><path d='M1 5 4 8 8 1'/></svg></i>"),
            letter => {
                let _ = write!(text, "<i>&#{};</i>", u32::from(letter));
            }
        }
    }
    format!("{PAGE_OF_A_TERMINAL}$ {typed}\n{text}</pre>")
}

const PAGE_OF_A_TERMINAL: &str = "<!doctype html><meta charset=utf-8><title>terminal</title><style>
    :root { color-scheme: light dark } body { margin: 0 }
    pre { margin: 0; padding: 16px; font: 13px/1.4 sans-serif; color: light-dark(#1f2328, #d1d7e0); background: light-dark(#f6f8fa, #212830) }
    i { display: inline-block; width: 8px; text-align: center; font-style: normal; white-space: pre }
    path { fill: none; stroke: currentColor; stroke-width: 1.5 } b[class] { font-weight: normal }
    .good { color: light-dark(#1a7f37, #57ab5a) } .doubt { color: light-dark(#9a6700, #c69026) }
    .bad { color: light-dark(#cf222e, #f47067) }</style><pre>";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_chromium_status_and_test_are_pictured_as_a_terminal_shows_them() {
    let stage = Stage::set().await;
    stage
        .connector("crm", &[("displayName", json!("Green CRM"))])
        .await;
    stage.until_ready_is("crm", "True", "TokenValid").await;
    let mut browser = Chromium::start(&stage.sim, &[]);
    let folder = tempfile::tempdir().unwrap();
    for command in ["status", "test"] {
        let printed = at_a_terminal(&stage, &[command, "crm"]).await;
        let printed = printed.replace(stage.namespace.name(), "sales");
        assert!(printed.contains("\x1b[32mSucceeded\x1b[0m"), "{printed:?}");
        let page = folder.path().join(command);
        let page = page.with_extension("html");
        std::fs::write(
            &page,
            as_page(&format!("kubectl salesforce {command} crm"), &printed),
        )
        .unwrap();
        browser.open("owner", &format!("file://{}", page.display()));
        browser.picture_of_width("owner", &format!("plugin-{command}"), stage.namespace.name(), 760);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_chromium_the_plugin_receives_the_answer_on_its_own_machine() {
    let stage = unauthorized().await;
    let mut browser = Chromium::start(&stage.sim, &[]);
    let callback = callback_of(&stage);
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
