//! Attacks on a login by link, as far as values tell.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use salesforce_client::{CodeVerifier, HostAllowList, Pkce};
use serde_json::{Value, json};

use super::browser::BrowserLogin;
use super::flow::{BegunLogin, Drawn, PageSettings, ReceivedAnswer, begin, may_begin, receive};
use super::notice::Notice;
use super::pages;
use super::request::BroughtBack;
use crate::api::SalesforceConnector;
use crate::core::model::inputs::Input;
use crate::core::testing::fixtures::{after, key, now};

const LINK_KEY: &str = "link-key-0123456789abcdefghijklmnopqrstuvwxyz";
const STATE: &str = "state-0123456789abcdefghijklmnopqrstuvwxyz-state";

fn connector(changes: &[(&str, Value)]) -> SalesforceConnector {
    let object = json!({
        "apiVersion": "salesforce-connector.dev/v1alpha1",
        "kind": "SalesforceConnector",
        "metadata": {
            "name": "crm", "namespace": "sales", "uid": "u-1",
            "annotations": { "salesforce-connector.dev/login-secret": "crm-login-x7k2p" },
        },
        "spec": {
            "host": "acme.my.salesforce.com",
            "app": { "clientId": "3MVG9" },
            "auth": { "authorizationCode": {} },
            "suspend": false,
        },
        "status": {},
    });
    serde_json::from_value(changed(object, changes)).unwrap()
}

fn secret(changes: &[(&str, Value)]) -> Secret {
    let object = json!({
        "metadata": {
            "name": "crm-login-x7k2p", "namespace": "sales", "resourceVersion": "7",
            "creationTimestamp": now().to_string(),
            "annotations": { "salesforce-connector.dev/connector-uid": "u-1" },
        },
        "type": "salesforce-connector.dev/login",
        "data": { "link-key": base64(LINK_KEY) },
    });
    serde_json::from_value(changed(object, changes)).unwrap()
}

fn changed(mut object: Value, changes: &[(&str, Value)]) -> Value {
    for (pointer, value) in changes {
        let (parent, field) = pointer.rsplit_once('/').unwrap();
        object.pointer_mut(parent).unwrap()[field.replace("~1", "/")] = value.clone();
    }
    object
}

fn base64(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}

fn begun_of(
    connector: &SalesforceConnector,
    secret: &Secret,
    id: Option<Input>,
) -> Result<BegunLogin, Notice> {
    let drawn = Drawn {
        state: STATE.to_owned(),
        pkce: Pkce {
            verifier: CodeVerifier::new("verifier".to_owned()),
            challenge: "challenge".to_owned(),
        },
    };
    let page = "https://sfc.example.com".parse().unwrap();
    let place = PageSettings {
        page: &page,
        key: &key(),
        allowed: &HostAllowList::default(),
    };
    begin(connector, secret, &drawn, id, place, now())
}

/// A login that a browser has begun, and that browser's cookie.
fn begun() -> (Secret, BrowserLogin) {
    let begun = begun_of(&connector(&[]), &secret(&[]), None).unwrap();
    let login = BrowserLogin::read(&begun.cookie, &key()).unwrap();
    (begun.secret, login)
}

fn link(
    connector: &SalesforceConnector,
    secret: Option<&Secret>,
    key: &str,
    at: Timestamp,
) -> Result<(), Notice> {
    may_begin(connector, secret, key, at).map(drop)
}

fn code() -> BroughtBack {
    BroughtBack::Code("aPrx".to_owned())
}

/// What comes of an answer with this `state`.
fn answered(
    connector: Option<&SalesforceConnector>,
    secret: Option<&Secret>,
    state: &str,
    at: Timestamp,
) -> Result<ReceivedAnswer, Notice> {
    receive(connector, secret, &begun().1, state, Some(&code()), at)
}

#[test]
fn a_link_sends_one_browser_to_salesforce_and_its_answer_goes_to_the_operator() {
    let begun = begun_of(&connector(&[]), &secret(&[]), None).unwrap();
    assert_eq!(
        begun.address.as_str(),
        format!(
            "https://acme.my.salesforce.com/services/oauth2/authorize?response_type=code&client_id=3MVG9\
             &redirect_uri=https%3A%2F%2Fsfc.example.com%2Fcallback&state={STATE}&code_challenge=challenge\
             &code_challenge_method=S256"
        )
    );
    assert_eq!(begun.cookie_name, "__Host-sfc-login-state-012345");
    assert_eq!(
        begun.secret.metadata.resource_version.as_deref(),
        Some("7"),
        "of the version that was read"
    );
    let login = BrowserLogin::read(&begun.cookie, &key()).unwrap();
    let received = receive(
        Some(&connector(&[])),
        Some(&begun.secret),
        &login,
        STATE,
        Some(&code()),
        after(60),
    );
    let ReceivedAnswer::Write(written) = received.unwrap() else {
        panic!("it should be written")
    };
    let data: Vec<_> = written.data.unwrap().into_iter().collect();
    let data: Vec<_> = data
        .iter()
        .map(|(key, value)| (key.as_str(), std::str::from_utf8(&value.0).unwrap()))
        .collect();
    assert_eq!(
        data,
        [
            ("code", "aPrx"),
            ("code-verifier", "verifier"),
            ("link-key", LINK_KEY),
            ("redirect-uri", "https://sfc.example.com/callback"),
            ("state", STATE),
        ]
    );
}

#[test]
fn who_has_not_the_key_of_a_link_learns_nothing() {
    let nothing = Err(Notice::Nowhere);
    for key in ["", "k", &LINK_KEY[1..], &LINK_KEY.replace("link", "kink")] {
        for at in [now(), after(3600)] {
            assert_eq!(
                link(&connector(&[]), Some(&secret(&[])), key, at),
                nothing,
                "{key}"
            );
            let used = begun().0;
            assert_eq!(link(&connector(&[]), Some(&used), key, at), nothing, "{key}");
        }
    }
    assert_eq!(link(&connector(&[]), None, LINK_KEY, now()), nothing);
    let weak = secret(&[("/data/link-key", json!(base64("short")))]);
    assert_eq!(link(&connector(&[]), Some(&weak), "short", now()), nothing);
    let foreign = secret(&[("/type", json!("Opaque"))]);
    assert_eq!(link(&connector(&[]), Some(&foreign), LINK_KEY, now()), nothing);
}

#[test]
fn a_link_works_once_and_for_15_minutes() {
    let of = |secret: &Secret, at| link(&connector(&[]), Some(secret), LINK_KEY, at);
    assert_eq!(of(&secret(&[]), after(899)), Ok(()));
    assert_eq!(of(&secret(&[]), after(900)), Err(Notice::Expired));
    assert_eq!(of(&begun().0, now()), Err(Notice::LinkUsed));
    let answered = secret(&[("/data/code", json!(base64("aPrx")))]);
    assert_eq!(of(&answered, now()), Err(Notice::LinkUsed));
    let suspended = connector(&[("/spec/suspend", json!(true))]);
    assert_eq!(
        link(&suspended, Some(&secret(&[])), LINK_KEY, now()),
        Err(Notice::Suspended)
    );
}

#[test]
fn an_answer_with_the_state_of_another_login_is_refused() {
    let (own, _) = begun();
    for state in ["", "state", &STATE.replace("abc", "abd"), LINK_KEY] {
        let refused = answered(Some(&connector(&[])), Some(&own), state, now()).unwrap_err();
        assert_eq!(refused, Notice::OtherBrowser, "{state}");
    }
    let unbegun = answered(Some(&connector(&[])), Some(&secret(&[])), STATE, now()).unwrap_err();
    assert_eq!(unbegun, Notice::OtherBrowser);
}

#[test]
fn an_answer_counts_once() {
    let (own, login) = begun();
    let ReceivedAnswer::Write(first) = answered(Some(&connector(&[])), Some(&own), STATE, now()).unwrap()
    else {
        panic!("it should be written")
    };
    let other = BroughtBack::Code("aPrxInjected".to_owned());
    let again = receive(
        Some(&connector(&[])),
        Some(&first),
        &login,
        STATE,
        Some(&other),
        now(),
    );
    assert!(matches!(again, Ok(ReceivedAnswer::Known)), "{again:?}");
    let handled = json!({
        "secretName": "crm-login-x7k2p", "result": "Succeeded", "message": "", "loginTime": now().to_string(),
    });
    let handled = connector(&[("/status/lastLogin", handled)]);
    let gone = receive(Some(&handled), None, &login, STATE, Some(&other), now());
    assert!(matches!(gone, Ok(ReceivedAnswer::Known)), "{gone:?}");
}

#[test]
fn an_answer_that_comes_too_late_or_to_another_connector_is_refused() {
    let (own, _) = begun();
    let refused = |connector: Option<&SalesforceConnector>, secret: Option<&Secret>, at| {
        answered(connector, secret, STATE, at).unwrap_err()
    };
    assert_eq!(
        refused(Some(&connector(&[])), Some(&own), after(900)),
        Notice::Expired
    );
    let recreated = connector(&[("/metadata/uid", json!("u-2"))]);
    let deleted = connector(&[("/metadata/deletionTimestamp", json!(now().to_string()))]);
    let annotation = "/metadata/annotations/salesforce-connector.dev~1login-secret";
    let replaced = connector(&[(annotation, json!("crm-login-later"))]);
    for connector in [None, Some(&recreated), Some(&deleted), Some(&replaced)] {
        assert_eq!(refused(connector, Some(&own), now()), Notice::Superseded);
    }
    let uid = "/metadata/annotations/salesforce-connector.dev~1connector-uid";
    let mut foreign = own.clone();
    let annotations = foreign.metadata.annotations.as_mut().unwrap();
    annotations.insert(
        uid.rsplit('/').next().unwrap().replace("~1", "/"),
        "u-2".to_owned(),
    );
    assert_eq!(
        refused(Some(&connector(&[])), Some(&foreign), now()),
        Notice::Superseded
    );
    assert_eq!(refused(Some(&connector(&[])), None, now()), Notice::Superseded);
}

#[test]
fn a_link_leads_to_hosts_alone_that_credentials_may_be_sent_to() {
    for host in [
        "evil.example.com",
        "acme.my.salesforce.com.evil.example",
        "acme.my.salesforce.com@evil.example",
    ] {
        let connector = connector(&[("/spec/host", json!(host))]);
        let refused = begun_of(&connector, &secret(&[]), None).unwrap_err();
        assert!(
            matches!(&refused, Notice::Unusable(why) if why.contains("spec.host")),
            "{refused:?}"
        );
    }
}

#[test]
fn a_link_shows_no_value_of_a_secret_that_is_not_the_id_of_an_app() {
    let app = json!({ "clientIdRef": { "name": "any", "key": "any" } });
    let connector = connector(&[("/spec/app", app)]);
    let of = |value: &str| {
        begun_of(
            &connector,
            &secret(&[]),
            Some(Input::read(Some(value.as_bytes()))),
        )
    };
    let address = of("3MVG9Id_1.a").unwrap().address;
    assert!(address.as_str().contains("client_id=3MVG9Id_1.a&"), "{address}");
    for value in [
        "hunter2",
        "3MVG9 and a password",
        "-----BEGIN PRIVATE KEY-----",
        "",
    ] {
        let refused = of(value).unwrap_err();
        assert!(
            matches!(&refused, Notice::Unusable(why) if value.is_empty() || !why.contains(value)),
            "{refused:?}"
        );
    }
}

#[test]
fn a_page_tells_for_whom_and_what_and_escapes_the_words_of_others() {
    let offered = connector(&[
        ("/spec/displayName", json!("<script>alert(1)</script>")),
        ("/spec/expect", json!({ "username": "it@acme.example" })),
    ]);
    let html = pages::offer(&offered, "form-key").html();
    for part in [
        "<h1>Authorize &lt;script&gt;alert(1)&lt;/script&gt;</h1>",
        "<dt>Connector</dt><dd>sales/crm</dd>",
        "<dt>Log in as</dt><dd>it@acme.example</dd>",
        "<form method=\"post\"><input type=\"hidden\" name=\"form\" value=\"form-key\"><button>Continue to Salesforce</button>",
    ] {
        assert!(html.contains(part), "{html}");
    }
    assert!(!html.contains("<script"), "{html}");
}

#[test]
fn the_outcome_is_that_of_the_login_of_this_browser() {
    let (_, login) = begun();
    let shown = |connector: Option<&SalesforceConnector>, at| pages::outcome(connector, &login, at).html();
    let waiting = shown(Some(&connector(&[])), now());
    assert!(
        waiting.contains("The operator redeems the login") && waiting.contains("content=\"2\""),
        "{waiting}"
    );
    assert!(!shown(Some(&connector(&[])), after(1200)).contains("http-equiv"));
    let last = |result: &str| {
        json!({
            "secretName": "crm-login-x7k2p", "result": result, "reason": "WrongIdentity",
            "message": "It is <b>another</b> user's.", "loginTime": now().to_string(),
        })
    };
    let failed = shown(Some(&connector(&[("/status/lastLogin", last("Failed"))])), now());
    assert!(
        failed.contains("The login brought no access") && failed.contains("WrongIdentity"),
        "{failed}"
    );
    assert!(
        failed.contains("It is &lt;b&gt;another&lt;/b&gt; user&#39;s."),
        "{failed}"
    );
    let identity =
        json!({ "username": "it@acme.example", "organizationName": "Acme", "organizationId": "00D" });
    let ready = json!([{
        "type": "Ready", "status": "True", "reason": "TokenValid", "message": "All is well.",
        "lastTransitionTime": now().to_string(),
    }]);
    let succeeded = connector(&[
        ("/status/lastLogin", last("Succeeded")),
        ("/status/identity", identity),
        ("/status/conditions", ready),
    ]);
    let succeeded = shown(Some(&succeeded), now());
    for part in [
        "The connector is authorized",
        "<dd>it@acme.example</dd>",
        "<dd>Acme (00D)</dd>",
        "A sixth login",
    ] {
        assert!(succeeded.contains(part), "{succeeded}");
    }
    let recreated = connector(&[("/metadata/uid", json!("u-2"))]);
    for other in [None, Some(&recreated)] {
        assert!(shown(other, now()).contains("This login was replaced or withdrawn"));
    }
}
