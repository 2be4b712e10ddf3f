//! From where may one log in, refresh and call?

use std::net::IpAddr;

use salesforce_sim::{AddressRange, DEFAULT_CALLER, IpRelaxation, Standing, World, default_world as dw};

use crate::support::{
    Answer, Bench, JWT_BEARER, TOKEN, claims, client_credentials, full_password, password, refresh, refused,
    sign,
};

const ELSEWHERE: &str = "203.0.113.9";

async fn from(bench: &Bench, address: &str, form: &[(&str, &str)]) -> Answer {
    let request = bench
        .http
        .post(bench.url(TOKEN))
        .header("x-forwarded-for", address);
    bench.send(dw::PRODUCTION, request.form(form)).await.unwrap()
}

fn only_elsewhere() -> Vec<AddressRange> {
    vec![AddressRange::only(ELSEWHERE.parse().unwrap())]
}

fn restrict_profile(world: &mut World) {
    world.user(dw::INTEGRATION_USER).login_ip_ranges = only_elsewhere();
}

#[tokio::test]
async fn login_ip_ranges_of_the_profile_refuse_every_flow_from_another_address() {
    let bench = Bench::with(restrict_profile);
    let token = bench
        .sim
        .world(|world| world.grant_refresh_token(dw::ECA, dw::INTEGRATION_USER));
    let jwt = sign(&claims(), dw::JWT_KEY_PKCS8);
    let by_jwt = [("grant_type", JWT_BEARER), ("assertion", &jwt)];
    let here = DEFAULT_CALLER.to_string();
    for form in [
        &client_credentials(dw::ECA, dw::ECA_SECRET)[..],
        &refresh(dw::ECA, dw::ECA_SECRET, &token),
        &password(dw::INTEGRATION_USER, &full_password()),
        &by_jwt,
    ] {
        let answer = from(&bench, &here, form).await;
        assert_eq!(
            answer.refusal(),
            refused(400, "invalid_grant", "ip restricted"),
            "{form:?}"
        );
        assert_eq!(from(&bench, ELSEWHERE, form).await.status, 200, "{form:?}");
    }
}

#[tokio::test]
async fn ip_relaxation_of_the_app_lifts_login_ip_ranges_but_not_for_jwt_bearer() {
    let bench = Bench::with(|world| {
        restrict_profile(world);
        world.app(dw::ECA).ip_relaxation = IpRelaxation::Relax;
        world.app(dw::JWT).ip_relaxation = IpRelaxation::Relax;
    });
    let jwt = sign(&claims(), dw::JWT_KEY_PKCS8);
    let by_jwt = bench
        .token(dw::PRODUCTION, &[("grant_type", JWT_BEARER), ("assertion", &jwt)])
        .await;
    assert_eq!(by_jwt.refusal(), refused(400, "invalid_grant", "ip restricted"));
    let relaxed = bench
        .client_credentials(dw::PRODUCTION, dw::ECA, dw::ECA_SECRET)
        .await;
    assert_eq!(relaxed.status, 200);
}

#[tokio::test]
async fn the_refresh_token_ip_allowlist_refuses_refreshes_and_nothing_else_from_another_address() {
    let bench = Bench::with(|world| {
        world.app(dw::ECA).refresh_token_ip_allowlist = Some(only_elsewhere());
    });
    let token = bench
        .sim
        .world(|world| world.grant_refresh_token(dw::ECA, dw::INTEGRATION_USER));
    assert_eq!(
        bench.refresh(dw::ECA, dw::ECA_SECRET, &token).await.refusal(),
        refused(400, "invalid_grant", "ip restricted by app developer")
    );
    assert_eq!(
        bench
            .client_credentials(dw::PRODUCTION, dw::ECA, dw::ECA_SECRET)
            .await
            .status,
        200
    );
    let elsewhere = from(&bench, ELSEWHERE, &refresh(dw::ECA, dw::ECA_SECRET, &token)).await;
    assert_eq!(elsewhere.status, 200);
}

#[tokio::test]
async fn a_session_that_is_locked_to_its_address_is_invalid_at_every_other_one() {
    let bench = Bench::with(|world| world.org(dw::PRODUCTION).locks_sessions_to_address = true);
    let token = bench.access_token().await;
    let elsewhere = async || {
        let request = bench.http.get(bench.url("/services/data/v66.0/"));
        let request = request.bearer_auth(&token).header("x-forwarded-for", ELSEWHERE);
        bench.send(dw::PRODUCTION, request).await.unwrap()
    };
    assert_eq!(bench.versions_with(&token).await, 200);
    assert_eq!(
        elsewhere().await.rest_refusal(),
        refused(401, "INVALID_SESSION_ID", "Session expired or invalid")
    );
    bench
        .sim
        .world(|world| world.org(dw::PRODUCTION).locks_sessions_to_address = false);
    assert_eq!(elsewhere().await.status, 200);
}

#[tokio::test]
async fn a_contained_user_is_frozen_and_loses_sessions_and_the_refresh_tokens_of_all_apps() {
    let bench = Bench::new();
    let access = bench.access_token().await;
    let tokens = bench.sim.world(|world| {
        [dw::ECA, dw::CONNECTED].map(|app| world.grant_refresh_token(app, dw::INTEGRATION_USER))
    });
    assert_eq!(
        bench.sim.world(|world| world.contain_user(dw::INTEGRATION_USER)),
        2
    );
    assert_eq!(bench.versions_with(&access).await, 401);
    for token in tokens {
        assert!(!bench.sim.world(|world| world.refresh_token_is_good(&token)));
    }
    let refused_login = bench
        .client_credentials(dw::PRODUCTION, dw::ECA, dw::ECA_SECRET)
        .await;
    assert_eq!(
        refused_login.refusal(),
        refused(400, "invalid_grant", "authentication failure")
    );
    bench
        .sim
        .world(|world| world.set_standing(dw::INTEGRATION_USER, Standing::Active));
    assert_eq!(
        bench
            .client_credentials(dw::PRODUCTION, dw::ECA, dw::ECA_SECRET)
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn the_usual_caller_can_move() {
    let bench = Bench::with(restrict_profile);
    let elsewhere: IpAddr = ELSEWHERE.parse().unwrap();
    bench.sim.world(|world| world.caller = elsewhere);
    assert_eq!(
        bench
            .client_credentials(dw::PRODUCTION, dw::ECA, dw::ECA_SECRET)
            .await
            .status,
        200
    );
}
