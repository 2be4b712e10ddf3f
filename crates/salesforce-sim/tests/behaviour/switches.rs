//! What the sources leave open, one way and the other.

use std::collections::BTreeSet;
use std::time::Duration;

use salesforce_sim::{GrantEnd, PermittedUsers, Switches, TokenFormat, default_world as dw};
use serde_json::json;

use crate::support::{Answer, Bench, JWT_BEARER, claims, refused, sign};

/// Runs with a switch off and on, and returns what was seen.
async fn both<T>(look: impl AsyncFn(bool) -> T) -> [T; 2] {
    [look(false).await, look(true).await]
}

async fn introspect(bench: &Bench, token: &str) -> Answer {
    let form = [
        ("token", token),
        ("client_id", dw::ECA),
        ("client_secret", dw::ECA_SECRET),
    ];
    bench
        .post(dw::PRODUCTION, "/services/oauth2/introspect", &form)
        .await
}

#[tokio::test]
async fn a_rotated_secret_revokes_the_apps_tokens_or_leaves_them() {
    let [left, revoked] = both(async |on| {
        let bench = Bench::with(|world| world.switches.secret_rotation_revokes_tokens = on);
        let refresh = bench
            .sim
            .world(|world| world.grant_refresh_token(dw::ECA, dw::INTEGRATION_USER));
        let access = bench.access_token().await;
        bench
            .sim
            .world(|world| world.rotate_client_secret(dw::ECA, "new-secret", Duration::ZERO));
        let status = bench.refresh(dw::ECA, "new-secret", &refresh).await.status;
        (bench.versions_with(&access).await, status)
    })
    .await;
    assert_eq!((left, revoked), ((200, 200), (401, 400)));
}

#[tokio::test]
async fn a_refreshed_sandbox_keeps_its_apps_keys_or_gets_new_ones() {
    let unknown = refused(400, "invalid_client_id", "client identifier invalid");
    let [kept, changed] = both(async |on| {
        let bench = Bench::with(|world| world.switches.sandbox_refresh_changes_app_keys = on);
        bench.sim.world(|world| world.refresh_sandbox(dw::SANDBOX));
        let old = bench
            .client_credentials(dw::SANDBOX, dw::SANDBOX_ECA, dw::SANDBOX_ECA_SECRET)
            .await;
        let credentials: Vec<(String, String)> = bench.sim.world(|world| {
            let of_sandbox = world.apps().filter(|app| app.org_host == dw::SANDBOX);
            of_sandbox
                .filter(|app| app.run_as.is_some())
                .map(|app| (app.client_id.clone(), app.client_secret.reveal().to_owned()))
                .collect()
        });
        let mut present = Vec::new();
        for (id, secret) in &credentials {
            present.push(bench.client_credentials(dw::SANDBOX, id, secret).await.status);
        }
        let elsewhere = bench
            .client_credentials(dw::PRODUCTION, dw::ECA, dw::ECA_SECRET)
            .await;
        (old, present, elsewhere.status)
    })
    .await;
    assert_eq!((kept.0.status, kept.1, kept.2), (200, vec![200, 200], 200));
    assert_eq!(
        (changed.0.refusal(), changed.1, changed.2),
        (unknown, vec![200, 200], 200)
    );
}

async fn with_expiry(bench: &Bench, seconds_ahead: i64) -> Answer {
    let now = bench.sim.world(|world| world.clock.now().as_second());
    let mut claims = claims();
    claims["exp"] = json!(now + seconds_ahead);
    let form = [
        ("grant_type", JWT_BEARER),
        ("assertion", &sign(&claims, dw::JWT_KEY_PKCS8)),
    ];
    bench.token(dw::PRODUCTION, &form).await
}

#[tokio::test]
async fn an_assertion_is_good_for_as_long_as_the_switches_say() {
    let bench = Bench::with(|world| world.clock.freeze());
    let expired = refused(400, "invalid_grant", "expired authorization code");
    assert_eq!(with_expiry(&bench, -179).await.status, 200);
    assert_eq!(with_expiry(&bench, -181).await.refusal(), expired);
    assert_eq!(
        with_expiry(&bench, 100 * 365 * 86_400).await.status,
        200,
        "no cap is seen"
    );
    bench.sim.world(|world| {
        world.switches.jwt_exp_tolerance = Duration::ZERO;
        world.switches.jwt_exp_at_most = Some(Duration::from_secs(300));
    });
    assert_eq!(with_expiry(&bench, 1).await.status, 200);
    assert_eq!(with_expiry(&bench, -1).await.refusal(), expired);
    assert_eq!(with_expiry(&bench, 300).await.status, 200);
    assert_eq!(
        with_expiry(&bench, 301).await.refusal(),
        refused(400, "invalid_grant", "invalid assertion")
    );
}

#[tokio::test]
async fn being_introspected_extends_a_session_or_does_not() {
    let statuses = both(async |on| {
        let bench = Bench::with(|world| {
            world.clock.freeze();
            world.switches.introspection_extends_sessions = on;
        });
        let token = bench.access_token().await;
        bench.sim.advance(Duration::from_secs(5400));
        assert_eq!(introspect(&bench, &token).await.json()["active"], true);
        bench.sim.advance(Duration::from_secs(5400));
        bench.versions_with(&token).await
    })
    .await;
    assert_eq!(statuses, [401, 200]);
}

#[tokio::test]
async fn sessions_of_jwt_format_tokens_slide_or_do_not() {
    let statuses = both(async |on| {
        let bench = Bench::with(|world| {
            world.clock.freeze();
            world.switches.jwt_tokens_slide = on;
            world.app(dw::ECA).token_format = TokenFormat::Jwt(Duration::from_secs(600));
        });
        let token = bench.access_token().await;
        bench.sim.advance(Duration::from_secs(400));
        assert_eq!(bench.versions_with(&token).await, 200);
        bench.sim.advance(Duration::from_secs(400));
        bench.versions_with(&token).await
    })
    .await;
    assert_eq!(statuses, [401, 200]);
}

#[tokio::test]
async fn logins_without_a_person_push_approvals_out_or_do_not() {
    let seen = both(async |on| {
        let bench = Bench::with(|world| {
            world.switches.logins_count_as_approvals = on;
            world.switches.approval_limit = 2;
        });
        let approve = || {
            bench
                .sim
                .world(|world| world.grant_refresh_token(dw::ECA, dw::INTEGRATION_USER))
        };
        let first = approve();
        approve();
        let access = bench.access_token().await;
        assert_eq!(
            bench.access_token().await,
            access,
            "a session handed back is none anew"
        );
        let good = bench.sim.world(|world| world.refresh_token_is_good(&first));
        let ended = bench.sim.world(|world| world.grants()[0].ended);
        // Two more push out what has come from the login itself.
        approve();
        approve();
        (good, ended, bench.versions_with(&access).await)
    })
    .await;
    assert_eq!(seen, [(true, None, 200), (false, Some(GrantEnd::PushedOut), 401)]);
}

#[tokio::test]
async fn userinfo_tells_a_user_without_the_api_or_does_not() {
    let answers = both(async |on| {
        let bench = Bench::with(|world| {
            world.switches.userinfo_needs_api_enabled = on;
            world.user(dw::INTEGRATION_USER).api_enabled = false;
        });
        let token = bench.access_token().await;
        let answer = bench
            .get(dw::PRODUCTION, "/services/oauth2/userinfo", &token)
            .await;
        (answer.status, answer.text)
    })
    .await;
    assert_eq!(answers[0].0, 200);
    assert_eq!(answers[1], (403, "Bad_OAuth_Token".to_owned()));
}

#[tokio::test]
async fn permitted_users_of_a_connected_app_apply_to_its_run_as_user_or_do_not() {
    let [free, bound] = both(async |on| {
        let bench = Bench::with(|world| {
            world.switches.connected_app_permits_run_as_user = on;
            for app in [dw::CONNECTED, dw::ECA] {
                world.app(app).permitted_users = PermittedUsers::AdminApproved;
            }
        });
        let mut statuses = Vec::new();
        for (id, secret) in [(dw::CONNECTED, dw::CONNECTED_SECRET), (dw::ECA, dw::ECA_SECRET)] {
            statuses.push(bench.client_credentials(dw::PRODUCTION, id, secret).await.status);
        }
        statuses
    })
    .await;
    assert_eq!((free, bound), (vec![200, 400], vec![400, 400]));
}

#[tokio::test]
async fn the_identity_url_needs_the_scope_id_or_does_not() {
    let [open, needed] = both(async |on| {
        let bench = Bench::with(|world| world.switches.identity_needs_id_scope = on);
        let mut statuses = Vec::new();
        for scopes in [&["api"][..], &["api", "id"]] {
            bench.sim.world(|world| {
                world.app(dw::ECA).scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
                world.revoke_all_sessions();
            });
            let answer = bench
                .client_credentials(dw::PRODUCTION, dw::ECA, dw::ECA_SECRET)
                .await;
            let id = answer.field("id");
            let path = id.split_once(".com").unwrap().1;
            let shown = bench
                .get(dw::PRODUCTION, path, &answer.field("access_token"))
                .await;
            statuses.push(shown.status);
        }
        statuses
    })
    .await;
    assert_eq!((open, needed), (vec![200, 200], vec![403, 200]));
}

#[tokio::test]
async fn the_limit_header_tells_the_use_of_the_app_or_does_not() {
    let [org, app] = both(async |on| {
        let bench = Bench::with(|world| world.switches.per_app_api_usage = on);
        let token = bench.access_token().await;
        let answer = bench.get(dw::PRODUCTION, "/services/data/v66.0/", &token).await;
        answer.header("sforce-limit-info").unwrap().to_owned()
    })
    .await;
    assert_eq!(org, "api-usage=1/100000");
    assert_eq!(
        app,
        format!(
            "api-usage=1/100000; per-app-api-usage=1/100000(appName={})",
            dw::ECA
        )
    );
}

/// Two refreshes at once: by one grant, or by one grant each.
async fn two_refreshes(bench: &Bench, tokens: [&str; 2]) -> [Answer; 2] {
    let by = |token| bench.refresh(dw::ROTATING, dw::ROTATING_SECRET, token);
    let (first, second) = tokio::join!(by(tokens[0]), by(tokens[1]));
    [first, second]
}

#[tokio::test]
async fn a_refresh_holds_up_those_of_the_whole_app_or_only_of_its_token() {
    let [token, app] = both(async |on| {
        let bench = Bench::with(|world| {
            world.switches.refresh_locks_app = on;
            world.switches.refresh_processing = Duration::from_secs(2);
        });
        let [first, second] = [dw::INTEGRATION_USER, dw::NO_API_USER].map(|user| {
            bench
                .sim
                .world(|world| world.grant_refresh_token(dw::ROTATING, user))
        });
        let answers = two_refreshes(&bench, [&first, &second]).await;
        let mut statuses = answers.map(|answer| answer.status);
        statuses.sort_unstable();
        statuses
    })
    .await;
    assert_eq!((token, app), ([200, 200], [200, 400]));
}

#[tokio::test]
async fn the_loser_of_two_refreshes_ends_the_grant_or_does_not() {
    let [kept, ended] = both(async |on| {
        let bench = Bench::with(|world| {
            world.switches.losing_refresh_ends_grant = on;
            world.switches.refresh_processing = Duration::from_secs(2);
        });
        let token = bench
            .sim
            .world(|world| world.grant_refresh_token(dw::ROTATING, dw::INTEGRATION_USER));
        let answers = two_refreshes(&bench, [&token, &token]).await;
        let next = answers.iter().find(|answer| answer.status == 200).unwrap();
        let next = next.field("refresh_token");
        bench
            .refresh(dw::ROTATING, dw::ROTATING_SECRET, &next)
            .await
            .status
    })
    .await;
    assert_eq!((kept, ended), (200, 400));
}

#[test]
fn the_readme_names_every_switch() {
    let error = serde_json::from_str::<Switches>(r#"{ "no such switch": true }"#).unwrap_err();
    let error = error.to_string();
    let (_, fields) = error.split_once("expected one of ").unwrap();
    let readme = include_str!("../../README.md");
    let (_, table) = readme.split_once("## Switches").unwrap();
    let (table, _) = table.split_once("## Library").unwrap();
    let rows = table.lines().filter_map(|line| line.strip_prefix("| `"));
    let named = rows.filter_map(|row| row.split(" | ").next());
    let named: BTreeSet<&str> = named.flat_map(|cell| cell.split(", ")).map(bare).collect();
    let fields: BTreeSet<&str> = fields
        .split(", ")
        .map(|field| bare(field.split(" at ").next().unwrap_or_default()))
        .collect();
    assert_eq!(named, fields);
}

fn bare(name: &str) -> &str {
    name.trim_matches('`')
}
