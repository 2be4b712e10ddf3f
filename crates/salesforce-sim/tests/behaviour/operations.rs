//! What administrators and time do.

use std::time::Duration;

use salesforce_sim::default_world as dw;

use crate::support::{Bench, refused};

#[tokio::test]
async fn a_rotated_secret_revokes_the_apps_tokens_and_mixes_for_a_while() {
    let bench = Bench::new();
    let refresh = bench
        .sim
        .world(|world| world.grant_refresh_token(dw::ECA, dw::INTEGRATION_USER));
    let access = bench.access_token().await;
    bench.sim.world(|world| {
        world.clock.freeze();
        world.rotate_client_secret(dw::ECA, "new-secret", Duration::from_secs(600));
    });
    assert_eq!(bench.versions_with(&access).await, 401);
    assert!(!bench.sim.world(|world| world.refresh_token_is_good(&refresh)));
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(
            bench
                .client_credentials(dw::PRODUCTION, dw::ECA, "new-secret")
                .await
                .status,
        );
    }
    assert_eq!(statuses, [400, 200, 400, 200]);
    bench.sim.advance(Duration::from_secs(600));
    for _ in 0..2 {
        assert_eq!(
            bench
                .client_credentials(dw::PRODUCTION, dw::ECA, "new-secret")
                .await
                .status,
            200
        );
        let old = bench
            .client_credentials(dw::PRODUCTION, dw::ECA, dw::ECA_SECRET)
            .await;
        assert_eq!(
            old.refusal(),
            refused(400, "invalid_client", "invalid client credentials")
        );
    }
}

#[tokio::test]
async fn rotated_credentials_of_an_external_client_app_are_good_beside_the_former_ones() {
    let bench = Bench::new();
    let by = async |id: &str, secret: &str| bench.client_credentials(dw::PRODUCTION, id, secret).await;
    let refresh = bench
        .sim
        .world(|world| world.grant_refresh_token(dw::ECA, dw::INTEGRATION_USER));
    let access = bench.access_token().await;
    let (id, secret) = bench.sim.world(|world| world.stage_credentials(dw::ECA));
    let unknown = refused(400, "invalid_client_id", "client identifier invalid");
    let wrong = refused(400, "invalid_client", "invalid client credentials");
    assert_eq!(by(&id, &secret).await.refusal(), unknown);

    assert!(bench.sim.world(|world| world.rotate_credentials(dw::ECA)));
    assert_eq!(by(&id, dw::ECA_SECRET).await.refusal(), wrong);
    assert_eq!(by(dw::ECA, &secret).await.refusal(), wrong);
    let answers = [by(&id, &secret).await, by(dw::ECA, dw::ECA_SECRET).await];
    assert_eq!(
        answers.map(|answer| answer.field("access_token")),
        [&*access, &*access]
    );
    assert!(bench.sim.world(|world| world.refresh_token_is_good(&refresh)));

    bench.sim.world(|world| world.end_former_credentials(dw::ECA));
    assert_eq!(by(dw::ECA, dw::ECA_SECRET).await.refusal(), unknown);
    assert_eq!(by(&id, &secret).await.status, 200);
    assert_eq!(bench.versions_with(&access).await, 200);
}

#[tokio::test]
async fn former_credentials_end_after_30_days_and_by_switch_a_rotation_revokes_grants() {
    let bench = Bench::with(|world| world.switches.credential_rotation_revokes_grants = true);
    let refresh = bench.sim.world(|world| {
        world.clock.freeze();
        let refresh = world.grant_refresh_token(dw::ECA, dw::INTEGRATION_USER);
        world.stage_credentials(dw::ECA);
        world.rotate_credentials(dw::ECA);
        refresh
    });
    assert!(!bench.sim.world(|world| world.refresh_token_is_good(&refresh)));
    let mut statuses = Vec::new();
    for hours in [30 * 24 - 1, 1] {
        bench.sim.advance(Duration::from_hours(hours));
        let answer = bench
            .client_credentials(dw::PRODUCTION, dw::ECA, dw::ECA_SECRET)
            .await;
        statuses.push(answer.status);
    }
    assert_eq!(statuses, [200, 400]);
}

#[tokio::test]
async fn a_renamed_my_domain_ends_sessions_and_gives_another_instance_url() {
    let bench = Bench::new();
    let refresh = bench
        .sim
        .world(|world| world.grant_refresh_token(dw::ECA, dw::INTEGRATION_USER));
    let access = bench.access_token().await;
    let new = "greener-itr.my.salesforce.com";
    bench
        .sim
        .world(|world| world.rename_my_domain(dw::PRODUCTION, new));
    let path = "/services/data/v66.0/?columns=true";
    let moved = bench.get(dw::PRODUCTION, path, &access).await;
    assert_eq!(
        (moved.status, moved.header("location")),
        (301, Some(&*format!("https://{new}{path}")))
    );
    assert!(!bench.sim.world(|world| world.refresh_token_is_good(&refresh)));
    let answer = bench.client_credentials(new, dw::ECA, dw::ECA_SECRET).await;
    assert_eq!(answer.field("instance_url"), format!("https://{new}"));
    let token = answer.field("access_token");
    assert_eq!(bench.get(new, "/services/data/v66.0/", &token).await.status, 200);
}

#[tokio::test]
async fn the_former_my_domain_redirects_until_the_next_rename_or_until_that_is_ended() {
    let bench = Bench::with(|world| world.switches.redirection_status = 307);
    let status = async |host: &str| bench.get(host, "/services/data/", "").await.status;
    let (second, third) = ("green-2.my.salesforce.com", "green-3.my.salesforce.com");
    bench
        .sim
        .world(|world| world.rename_my_domain(dw::PRODUCTION, second));
    assert_eq!((status(dw::PRODUCTION).await, status(second).await), (307, 200));
    bench.sim.world(|world| world.rename_my_domain(second, third));
    assert_eq!(
        (
            status(dw::PRODUCTION).await,
            status(second).await,
            status(third).await
        ),
        (420, 307, 200)
    );
    assert!(bench.sim.world(|world| world.end_redirection(second)));
    assert_eq!(status(second).await, 420);
    assert!(!bench.sim.world(|world| world.end_redirection(second)));
}

#[tokio::test]
async fn a_refreshed_sandbox_is_another_org_under_the_same_host() {
    let bench = Bench::new();
    let before = bench
        .client_credentials(dw::SANDBOX, dw::SANDBOX_ECA, dw::SANDBOX_ECA_SECRET)
        .await;
    let id = bench.sim.world(|world| world.refresh_sandbox(dw::SANDBOX));
    let path = "/services/data/v66.0/";
    assert_eq!(
        bench
            .get(dw::SANDBOX, path, &before.field("access_token"))
            .await
            .status,
        401
    );
    let after = bench
        .client_credentials(dw::SANDBOX, dw::SANDBOX_ECA, dw::SANDBOX_ECA_SECRET)
        .await;
    assert!(after.field("id").contains(&id), "{}", after.text);
    assert!(!before.field("id").contains(&id));
    assert_eq!(after.field("instance_url"), before.field("instance_url"));
}

#[tokio::test]
async fn a_refreshed_sandbox_has_productions_users_under_names_and_addresses_with_its_suffix() {
    let bench = Bench::with(|world| {
        let app = world.app(dw::SANDBOX_ECA);
        app.run_as = Some(format!("{}.uat", dw::NO_API_USER));
    });
    let run_as = format!("{}.uat", dw::NO_API_USER);
    assert!(!bench.sim.world(|world| world.has_user(&run_as)));
    bench.sim.world(|world| world.refresh_sandbox(dw::SANDBOX));
    let token = bench
        .client_credentials(dw::SANDBOX, dw::SANDBOX_ECA, dw::SANDBOX_ECA_SECRET)
        .await
        .field("access_token");
    let told = bench.get(dw::SANDBOX, "/services/oauth2/userinfo", &token).await;
    assert_eq!(
        (told.field("preferred_username"), told.field("email")),
        (run_as, "no-api@example.com.uat".to_owned())
    );
}

#[tokio::test]
async fn killing_sessions_leaves_refresh_tokens_good() {
    let bench = Bench::new();
    let refresh = bench
        .sim
        .world(|world| world.grant_refresh_token(dw::ECA, dw::INTEGRATION_USER));
    let access = bench
        .refresh(dw::ECA, dw::ECA_SECRET, &refresh)
        .await
        .field("access_token");
    assert_eq!(
        bench
            .sim
            .world(|world| world.revoke_sessions(dw::INTEGRATION_USER)),
        1
    );
    assert_eq!(bench.versions_with(&access).await, 401);
    assert_eq!(bench.refresh(dw::ECA, dw::ECA_SECRET, &refresh).await.status, 200);
}

#[tokio::test]
async fn a_changed_password_changes_the_security_token_too() {
    let bench = Bench::new();
    let token = bench
        .sim
        .world(|world| world.change_password(dw::INTEGRATION_USER, "new-password"));
    let old = format!("new-password{}", dw::SECURITY_TOKEN);
    let answer = bench
        .token(
            dw::PRODUCTION,
            &crate::support::password(dw::INTEGRATION_USER, &old),
        )
        .await;
    assert_eq!(
        answer.refusal(),
        refused(400, "invalid_grant", "authentication failure")
    );
    let new = format!("new-password{token}");
    assert_eq!(
        bench
            .token(
                dw::PRODUCTION,
                &crate::support::password(dw::INTEGRATION_USER, &new)
            )
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn an_idle_refresh_token_lapses_and_a_used_one_does_not() {
    let bench = Bench::with(|world| {
        world.clock.freeze();
        let month = Duration::from_secs(30 * 24 * 3600);
        world.app(dw::ECA).refresh_token_policy = salesforce_sim::RefreshTokenPolicy::Idle(month);
    });
    let refresh = bench
        .sim
        .world(|world| world.grant_refresh_token(dw::ECA, dw::INTEGRATION_USER));
    for _ in 0..3 {
        bench.sim.advance(Duration::from_secs(29 * 24 * 3600));
        assert_eq!(bench.refresh(dw::ECA, dw::ECA_SECRET, &refresh).await.status, 200);
    }
    bench.sim.advance(Duration::from_secs(30 * 24 * 3600));
    let answer = bench.refresh(dw::ECA, dw::ECA_SECRET, &refresh).await;
    assert_eq!(
        answer.refusal(),
        refused(400, "invalid_grant", "expired access/refresh token")
    );
}

#[tokio::test]
async fn the_date_header_tells_the_simulated_time() {
    let bench = Bench::with(|world| world.clock.freeze());
    bench.sim.advance(Duration::from_secs(3600));
    let now = bench.sim.world(|world| world.clock.now());
    let answer = bench.get(dw::PRODUCTION, "/services/data/", "").await;
    assert_eq!(
        answer.header("date"),
        Some(now.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string().as_str())
    );
}
