//! Whose token is it, and may it do what it is for? What is not as declared never reaches the consumer.

use salesforce_connector_operator::api::names;
use salesforce_connector_operator::api::status::{StepName, StepResult};
use salesforce_sim::{Endpoint, Fault, FaultRule, OrgKind, PermittedUsers, default_world as world};
use serde_json::json;

use crate::healing::{TARGET, by_name, crm, remedy, tested_often};
use crate::outages::tested;
use crate::stage::{Stage, client_credentials, condition, status, value};

fn run_as(stage: &Stage, username: &str) {
    stage
        .sim
        .world(|world| world.app(world::ECA).run_as = Some(username.to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_token_of_an_org_of_another_kind_is_withheld() {
    let stage = by_name().await;
    // Its host doesn't tell: the rules of the resource would refuse one that does.
    stage
        .sim
        .world(|world| world.org(world::PRODUCTION).kind = OrgKind::Sandbox);
    crm(&stage, |spec| spec["environment"] = json!("Live")).await;
    let connector = stage.stalled("crm", "EnvironmentMismatch").await;
    let message = condition(&connector, "Ready").2;
    assert!(
        message.contains("spec.environment is Live, the org is Sandbox"),
        "{message}"
    );
    assert!(message.contains(remedy("EnvironmentMismatch")), "{message}");
    stage.settle().await;
    assert!(!stage.has_secret(TARGET).await, "the token is withheld");
    assert_eq!(stage.token_calls(), 1);

    stage
        .merge("crm", json!({ "spec": { "environment": "Sandbox" } }))
        .await;
    stage.ready("crm").await;
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_token_of_an_unexpected_organization_or_user_is_withheld() {
    let stage = by_name().await;
    let organization = stage.sim.world(|world| world.org(world::PRODUCTION).id.clone());
    crm(&stage, |spec| {
        spec["expect"] = json!({ "organizationId": "00D000000000001" });
    })
    .await;
    let connector = stage.stalled("crm", "UnexpectedOrganization").await;
    let message = condition(&connector, "Ready").2;
    assert!(
        message.contains("00D000000000001") && message.contains(&organization),
        "{message}"
    );
    let expect = json!({ "organizationId": organization, "username": "somebody.else@green-itr.example" });
    stage.merge("crm", json!({ "spec": { "expect": expect } })).await;
    let connector = stage.stalled("crm", "UnexpectedUser").await;
    let message = condition(&connector, "Ready").2;
    assert!(message.contains("somebody.else@green-itr.example"), "{message}");
    stage.settle().await;
    assert!(!stage.has_secret(TARGET).await, "the token is withheld");

    let expect = json!({ "username": world::INTEGRATION_USER.to_uppercase() });
    stage.merge("crm", json!({ "spec": { "expect": expect } })).await;
    stage.ready("crm").await;
    assert_eq!(stage.token_calls(), 3, "one for each change of what is expected");
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_who_may_not_read_the_organization_is_ready_with_unverified_steps() {
    let stage = by_name().await;
    run_as(&stage, world::API_ONLY_USER);
    crm(&stage, |_| {}).await;
    let connector = stage.ready("crm").await;
    let found = status(&connector);
    let unverified: Vec<_> = found
        .connection_test
        .unwrap()
        .steps
        .into_iter()
        .filter(|step| step.result == StepResult::Unverified)
        .map(|step| (step.name, step.message.unwrap_or_default()))
        .collect();
    let expected = [
        (
            StepName::OrgFacts,
            "the user may not read the Organization object".to_owned(),
        ),
        (StepName::EnvironmentMatches, "judged by the host only".to_owned()),
    ];
    assert_eq!(unverified, expected);
    let identity = found.identity.unwrap();
    assert_eq!((identity.environment, identity.organization_name), (None, None));
    assert_eq!(identity.username.as_deref(), Some(world::API_ONLY_USER));
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_without_api_enabled_is_stalled_with_the_remedy() {
    let stage = by_name().await;
    run_as(&stage, world::NO_API_USER);
    crm(&stage, |_| {}).await;
    let connector = stage.stalled("crm", "ApiDisabled").await;
    let message = condition(&connector, "Ready").2;
    assert!(
        message.contains("Give the user API Enabled")
            && message.contains("The REST API is not enabled for this Organization."),
        "{message}"
    );
    assert!(!stage.has_secret(TARGET).await);
    // Mended in Salesforce: an hour at most, and at once where somebody asks.
    stage
        .sim
        .world(|world| world.user(world::NO_API_USER).api_enabled = true);
    stage.annotate("crm", names::RENEW_REQUESTED_AT, "1").await;
    stage.ready("crm").await;
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_sandbox_refresh_another_org_id_than_expected_is_refused() {
    let stage = by_name().await;
    let organization = stage.sim.world(|world| world.org(world::SANDBOX).id.clone());
    stage
        .input("app", &[("client-secret", world::SANDBOX_ECA_SECRET)])
        .await;
    let mut spec = client_credentials("app");
    spec["host"] = json!(world::SANDBOX);
    spec["environment"] = json!("Sandbox");
    spec["app"]["clientId"] = json!(world::SANDBOX_ECA);
    spec["expect"] = json!({ "organizationId": organization });
    tested_often(&mut spec);
    stage.create("crm", spec).await;
    stage.ready("crm").await;
    let before = stage.secret(TARGET).await;
    let refreshed = stage.sim.world(|world| world.refresh_sandbox(world::SANDBOX));
    let connector = stage.stalled("crm", "UnexpectedOrganization").await;
    let message = condition(&connector, "Ready").2;
    assert!(
        message.contains(&organization) && message.contains(&refreshed),
        "{message}"
    );
    stage.settle().await;
    assert_eq!(stage.token_calls(), 2);
    assert_eq!(
        stage.secret(TARGET).await.data,
        before.data,
        "its token is withheld"
    );

    let expect = json!({ "expect": { "organizationId": refreshed } });
    stage.merge("crm", json!({ "spec": expect })).await;
    let connector = stage.ready("crm").await;
    assert_eq!(
        status(&connector).identity.unwrap().organization_id,
        Some(refreshed)
    );
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jwt_bearer_works_with_keys_of_both_forms_and_refuses_another_key() {
    let stage = by_name().await;
    for (name, key) in [
        ("pkcs8", world::JWT_KEY_PKCS8),
        ("pkcs1", world::JWT_KEY_PKCS1),
        ("wrong", world::WRONG_KEY_PKCS8),
    ] {
        stage.input(name, &[("key.pem", key)]).await;
        let spec = json!({
            "host": world::PRODUCTION,
            "app": { "clientId": world::JWT },
            "auth": { "jwtBearer": {
                "username": world::INTEGRATION_USER,
                "privateKeyRef": { "name": name, "key": "key.pem" },
            } },
        });
        stage.create(name, spec).await;
    }
    for name in ["pkcs8", "pkcs1"] {
        let connector = stage.ready(name).await;
        let username = status(&connector).identity.unwrap().username;
        assert_eq!(username.as_deref(), Some(world::INTEGRATION_USER));
    }
    let connector = stage.not_ready("wrong", "AssertionInvalid").await;
    let message = condition(&connector, "Ready").2;
    assert!(message.contains(remedy("AssertionInvalid")), "{message}");
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consumer_key_through_a_reference_logs_in_and_is_never_printed() {
    const KEY: &str = "3MVG9ConsumerKeyFromASecret";
    let stage = by_name().await;
    stage.sim.world(|world| {
        let mut app = world.app(world::ECA).clone();
        app.client_id = KEY.to_owned();
        world.add_app(app);
    });
    let values = [("client-id", KEY), ("client-secret", world::ECA_SECRET)];
    stage.input("app", &values).await;
    let mut spec = client_credentials("app");
    spec["app"]["clientId"].take();
    spec["app"]["clientIdRef"] = json!({ "name": "app", "key": "client-id" });
    tested_often(&mut spec);
    stage.create("crm", spec).await;
    stage.ready("crm").await;
    let sent = stage
        .sim
        .log()
        .iter()
        .filter(|entry| entry.client_id.as_deref() == Some(KEY))
        .count();
    assert!(sent > 0, "it was sent to Salesforce");

    // Nor when Salesforce refuses the app.
    stage.sim.world(|world| world.block_app(KEY));
    stage.annotate("crm", names::RENEW_REQUESTED_AT, "1").await;
    stage
        .until("the renewal is refused", "crm", |connector| {
            let handled = status(connector).last_handled?.renew_requested_at?;
            (handled == "1" && status(connector).failures.is_some()).then_some(())
        })
        .await;
    assert!(stage.inputs().contains(&KEY.to_owned()), "the scan knows it");
    stage.finish().await;
}

/// A token obtained at the shared login host outlives the address that came with it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_rename_of_my_domain_one_login_brings_the_new_address() {
    let stage = by_name().await;
    stage.sim.world(|sim| {
        let app = sim.app(world::CONNECTED);
        app.permitted_users = PermittedUsers::AdminApproved;
        app.pre_authorized.insert(world::INTEGRATION_USER.to_owned());
    });
    stage.input("jwt", &[("key.pem", world::JWT_KEY_PKCS8)]).await;
    let spec = json!({
        "host": "login.salesforce.com",
        "app": { "clientId": world::CONNECTED },
        "auth": { "jwtBearer": {
            "username": world::INTEGRATION_USER,
            "privateKeyRef": { "name": "jwt", "key": "key.pem" },
        } },
        "connectionTest": { "interval": "24h" },
    });
    stage.create("crm", spec).await;
    stage.ready("crm").await;
    let target = "crm-salesforce";
    let address = value(&stage.secret(target).await, "instance_url");
    assert_eq!(address, format!("https://{}", world::PRODUCTION));

    stage
        .sim
        .world(|sim| sim.rename_my_domain(world::PRODUCTION, "greener-itr.my.salesforce.com"));
    stage.annotate("crm", names::TEST_REQUESTED_AT, "1").await;
    stage
        .until_secret("the Secret has the new address", target, |secret| {
            (value(secret, "instance_url") == "https://greener-itr.my.salesforce.com").then_some(())
        })
        .await;
    tested(&stage, "1").await;
    stage.ready("crm").await;
    assert_eq!(stage.token_calls(), 2);

    // Where a new token leads nowhere either, that is a finding, and no reason to log in with every test.
    stage
        .sim
        .world(|sim| sim.add_fault(FaultRule::always(Fault::NoRoute).on(Endpoint::Versions)));
    for (number, calls) in [("2", 3), ("3", 3)] {
        let connector = tested(&stage, number).await;
        assert_eq!(condition(&connector, "ConnectionTested").1, "HostNotRouted");
        assert_eq!(stage.token_calls(), calls);
    }
    stage.finish().await;
}
