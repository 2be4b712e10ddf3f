//! The control API, and worlds from a file.

use salesforce_sim::{Addresses, Simulator, WorldFile, default_world as dw};
use serde_json::{Value, json};

fn start() -> (Simulator, reqwest::Client, String) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let any = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
    let addresses = Addresses {
        control: Some(any),
        ..Addresses::default()
    };
    let sim = Simulator::start_on(dw::build(), addresses).unwrap();
    let certificate = reqwest::Certificate::from_pem(sim.ca_pem().as_bytes()).unwrap();
    let http = reqwest::Client::builder()
        .tls_certs_only([certificate])
        .no_proxy()
        .build()
        .unwrap();
    let base = format!("http://{}/control", sim.control_addr().unwrap());
    (sim, http, base)
}

#[tokio::test]
async fn another_process_can_grant_fault_advance_and_read() {
    let (sim, http, base) = start();
    let post = async |path: &str, body: Value| -> Value {
        let answer = http
            .post(format!("{base}/{path}"))
            .json(&body)
            .send()
            .await
            .unwrap();
        answer.json().await.unwrap()
    };
    let get = async |path: &str| -> Value {
        http.get(format!("{base}/{path}"))
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap()
    };
    let done = json!({ "done": true });
    let whom = json!({ "client_id": dw::ROTATING, "username": dw::INTEGRATION_USER });
    let granted = post("grant", whom.clone()).await;
    assert!(sim.world(|world| world.refresh_token_is_good(granted["refresh_token"].as_str().unwrap())));
    assert_eq!(post("revoke-grants", whom).await, json!({ "revoked": 1 }));
    let fault = json!({ "fault": { "throttled": { "retry_after": { "seconds": 3 } } }, "endpoints": ["token"], "times": 1 });
    assert_eq!(post("faults", fault).await, done);
    let answer = http
        .post(format!("{}/services/oauth2/token", sim.http_url()))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 429);
    assert_eq!(
        post(
            "rotate-secret",
            json!({ "client_id": dw::ECA, "client_secret": "new" })
        )
        .await,
        done
    );
    let credentials =
        async |step: &str| post("credentials", json!({ "client_id": dw::CONNECTED, "step": step })).await;
    let none = json!({ "error": "no credentials are staged" });
    assert_eq!(credentials("rotate").await, none);
    assert!(credentials("stage").await["client_secret"].is_string());
    assert_eq!(credentials("rotate").await, done);
    assert_eq!(credentials("end_former").await, done);
    assert_eq!(
        post(
            "user",
            json!({ "username": dw::NO_API_USER, "api_enabled": true })
        )
        .await,
        done
    );
    assert_eq!(
        post("app", json!({ "client_id": dw::ECA, "standing": "blocked" })).await,
        done
    );
    assert_eq!(
        post("org", json!({ "host": dw::SANDBOX, "refresh_sandbox": true })).await,
        done
    );
    assert_eq!(post("revoke-sessions", json!({})).await, json!({ "revoked": 0 }));
    let before = sim.world(|world| world.clock.now());
    post("advance", json!({ "seconds": 3600 })).await;
    assert!(
        sim.world(|world| world.clock.now())
            .duration_since(before)
            .as_secs()
            >= 3600
    );
    assert_eq!(get("counts").await["requests"], json!({ "token": 1 }));
    assert_eq!(
        get("log").await[0]["outcome"],
        json!({ "answered": { "status": 429, "error": null } })
    );
}

#[tokio::test]
async fn what_is_not_understood_is_named() {
    let (_sim, http, base) = start();
    for (path, body, needle) in [
        (
            "grant",
            r#"{"client_id": "x", "username": "y"}"#,
            "no app with client_id \"x\"",
        ),
        ("advance", r#"{"minutes": 1}"#, "unknown field `minutes`"),
        ("faults", r#"{"fault": "explode"}"#, "unknown variant `explode`"),
        ("nothing", "{}", "there is no POST /control/nothing"),
    ] {
        let answer = http
            .post(format!("{base}/{path}"))
            .body(body)
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 400);
        let text = answer.text().await.unwrap();
        let error = serde_json::from_str::<Value>(&text).unwrap()["error"]
            .as_str()
            .unwrap()
            .to_owned();
        assert!(error.contains(needle), "{error}");
    }
}

#[test]
fn a_world_is_read_from_a_file_and_mistakes_are_named() {
    let text = r#"{
        "switches": { "approval_limit": 4, "refresh_processing": 5 },
        "orgs": [{ "name": "Acme", "host": "acme.my.salesforce.com", "kind": "production", "session_timeout": 900 }],
        "users": [{ "org_host": "acme.my.salesforce.com", "username": "a@acme.example", "password": "p" }],
        "apps": [{ "name": "A", "client_id": "id", "client_secret": "s", "kind": "external_client_app",
                   "org_host": "acme.my.salesforce.com", "flows": ["client_credentials"], "scopes": ["api"],
                   "run_as": "a@acme.example", "refresh_token_policy": { "idle": 60 }, "session_timeout": 1200 }]
    }"#;
    let mut world = WorldFile::parse(text).unwrap().into_world().unwrap();
    assert_eq!(world.org("acme.my.salesforce.com").session_timeout.as_secs(), 900);
    assert_eq!(world.app("id").session_timeout.unwrap().as_secs(), 1200);
    assert!(world.user("a@acme.example").api_enabled);
    assert_eq!(world.switches.approval_limit, 4);

    let wrong = text.replacen("\"org_host\": \"acme", "\"org_host\": \"acne", 1);
    let error = WorldFile::parse(&wrong).unwrap().into_world().unwrap_err();
    assert_eq!(
        error.to_string(),
        "user \"a@acme.example\" has org_host \"acne.my.salesforce.com\", but no org has that host; add it under \"orgs\""
    );
}
