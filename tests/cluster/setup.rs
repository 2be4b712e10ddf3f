//! The guide of docs/setup.md against the simulator: an app that is set up as it says works, one that lacks a step is refused, and the
//! remedy that the connector then shows names what the step names. Whoever follows it has a connector that is Ready.

use salesforce_connector_operator::api::names;
use salesforce_connector_operator::settings::SecretWatch;
use salesforce_sim::{
    App, AppKind, Flow, IpRestriction, PermittedUsers, Secret, User, World, default_world as world,
};
use serde_json::{Value, json};

use crate::stage::{Stage, condition, status};
use crate::tenant::VERIFIER;

const GUIDE: &str = include_str!("../../docs/setup.md");
const SECRET: &str = "sim-secret-of-the-guide";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Login {
    App,
    Jwt,
    Code,
}

/// A step that was forgotten.
struct Forgotten {
    /// Number of the step in the guide.
    step: usize,
    login: Login,
    /// How the app, its user or its org is without the step.
    undo: fn(&mut World, &Names),
    reason: &'static str,
    /// What both the step and the remedy name.
    words: &'static str,
}

/// What a row has for itself.
struct Names {
    connector: String,
    client_id: String,
    username: String,
    org: &'static str,
}

impl Names {
    /// In an org of its own kind where the org itself lacks something.
    fn of(row: usize, forgotten: Option<&Forgotten>) -> Self {
        let elsewhere = forgotten.is_some_and(|forgotten| forgotten.reason == "IpRestricted");
        Self {
            connector: format!("row-{row}"),
            client_id: format!("3MVG9Guide{row}"),
            username: format!("guide-{row}@green-itr.example"),
            org: if elsewhere {
                world::DEVELOPER
            } else {
                world::PRODUCTION
            },
        }
    }
}

const FORGOTTEN: &[Forgotten] = &[
    Forgotten {
        step: 2,
        login: Login::App,
        undo: |w, names| w.app(&names.client_id).scopes.clear(),
        reason: "NoValidScopes",
        words: "Manage user data via APIs (api)",
    },
    Forgotten {
        step: 2,
        login: Login::Code,
        undo: |w, names| w.app(&names.client_id).scopes.retain(|scope| scope == "api"),
        reason: "LoginWithoutRefreshToken",
        words: "Perform requests at any time (refresh_token, offline_access)",
    },
    Forgotten {
        step: 4,
        login: Login::App,
        undo: |w, names| {
            w.app(&names.client_id)
                .flows
                .retain(|flow| *flow != Flow::ClientCredentials);
        },
        reason: "ClientCredentialsFlowDisabled",
        words: "Enable Client Credentials Flow",
    },
    Forgotten {
        step: 4,
        login: Login::App,
        undo: |w, names| w.app(&names.client_id).run_as = None,
        reason: "RunAsUserMissing",
        words: "Run As",
    },
    Forgotten {
        step: 4,
        login: Login::Jwt,
        undo: |w, names| {
            w.app(&names.client_id)
                .flows
                .retain(|flow| *flow != Flow::JwtBearer);
        },
        reason: "GrantTypeNotSupported",
        words: "OAuth Settings > Flow Enablement",
    },
    Forgotten {
        step: 4,
        login: Login::Jwt,
        undo: |w, names| w.app(&names.client_id).certificate_pem = None,
        reason: "AssertionInvalid",
        words: "Enable JWT Bearer Flow",
    },
    Forgotten {
        step: 5,
        login: Login::Jwt,
        undo: |w, names| w.app(&names.client_id).permitted_users = PermittedUsers::AllMaySelfAuthorize,
        reason: "UserNotApproved",
        words: "Admin approved users are pre-authorized",
    },
    Forgotten {
        step: 5,
        login: Login::Jwt,
        undo: |w, names| w.app(&names.client_id).pre_authorized.clear(),
        reason: "UserNotAdminApproved",
        words: "Policies > App Policies",
    },
    Forgotten {
        step: 6,
        login: Login::App,
        undo: |w, names| w.org(names.org).ip_restriction = IpRestriction::TokenEndpoint,
        reason: "IpRestricted",
        words: "Login IP Ranges",
    },
    Forgotten {
        step: 8,
        login: Login::App,
        undo: |w, names| w.user(&names.username).api_enabled = false,
        reason: "ApiDisabled",
        words: "API Enabled",
    },
    Forgotten {
        step: 9,
        login: Login::App,
        undo: |w, names| w.app(&names.client_id).client_secret = Secret::new("another"),
        reason: "ClientSecretInvalid",
        words: "Consumer Key and Secret",
    },
];

/// Does what the guide says: an app and a user of its own.
fn set_up(w: &mut World, names: &Names) {
    let mut app = App::new(AppKind::ExternalClientApp, names.org, &*names.client_id, SECRET);
    app.callbacks = vec![world::CALLBACK.to_owned()];
    app.run_as = Some(names.username.clone());
    app.certificate_pem = Some(world::JWT_CERTIFICATE.to_owned());
    app.permitted_users = PermittedUsers::AdminApproved;
    app.pre_authorized.insert(names.username.clone());
    app.rotates_refresh_tokens = true;
    w.add_app(app);
    w.add_user(User::new(names.org, &*names.username, world::PASSWORD));
    w.org(names.org).ip_restriction = IpRestriction::None;
}

async fn create(stage: &Stage, names: &Names, login: Login) {
    let secret = format!("{}-input", names.connector);
    let values = [("client-secret", SECRET), ("key.pem", world::JWT_KEY_PKCS8)];
    stage.input(&secret, &values).await;
    let auth = match login {
        Login::App => json!({ "clientCredentials": {} }),
        Login::Jwt => json!({ "jwtBearer": {
            "username": names.username, "privateKeyRef": { "name": secret, "key": "key.pem" } } }),
        Login::Code => json!({ "authorizationCode": {} }),
    };
    let spec: Value = json!({
        "host": names.org,
        "app": { "clientId": names.client_id, "clientSecretRef": { "name": secret, "key": "client-secret" } },
        "auth": auth,
    });
    stage.create(&names.connector, spec).await;
    log_in(stage, names, login, "first").await;
}

/// A person logs in, where it takes one.
async fn log_in(stage: &Stage, names: &Names, login: Login, which: &str) {
    if login == Login::Code {
        let code = stage
            .sim
            .world(|w| w.approved_code(&names.client_id, &names.username, VERIFIER));
        let secret = format!("{}-{which}", names.connector);
        stage.hand_over_login(&names.connector, &secret, &code).await;
    }
}

/// The text of a step, as it is read.
fn step(number: usize) -> String {
    let rest = GUIDE.split(&format!("\n{number}. ")).nth(1).unwrap();
    let text = rest.split(&format!("\n{}. ", number + 1)).next();
    let plain = text.unwrap().replace(['*', '`'], "");
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Why the connector is not ready, or its login failed, and what it tells.
async fn refusal(stage: &Stage, names: &Names) -> (String, String) {
    stage
        .until("it is refused", &names.connector, |connector| {
            let (truth, reason, message) = condition(connector, "Ready");
            let status = status(connector);
            let login = status.last_login.and_then(|login| login.reason);
            let waits = reason == "AuthorizationRequired" && !message.contains("the last login failed");
            (truth == "False" && !waits).then(|| (login.unwrap_or(reason), message))
        })
        .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_app_that_is_set_up_as_the_guide_says_makes_a_connector_ready_by_each_method() {
    let stage = Stage::set(SecretWatch::ByName).await;
    for (row, login) in [Login::App, Login::Jwt, Login::Code].into_iter().enumerate() {
        let names = Names::of(row, None);
        stage.sim.world(|w| set_up(w, &names));
        create(&stage, &names, login).await;
        stage.ready(&names.connector).await;
    }
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_step_of_the_guide_that_was_forgotten_is_what_the_remedy_names_and_doing_it_helps() {
    let stage = Stage::set(SecretWatch::ByName).await;
    let rows: Vec<_> = FORGOTTEN
        .iter()
        .enumerate()
        .map(|(row, forgotten)| (Names::of(row, Some(forgotten)), forgotten))
        .collect();
    for (names, forgotten) in &rows {
        stage.sim.world(|w| {
            set_up(w, names);
            (forgotten.undo)(w, names);
        });
        create(&stage, names, forgotten.login).await;
    }
    let mut told = Vec::new();
    for (names, forgotten) in &rows {
        let (reason, message) = refusal(&stage, names).await;
        let step = step(forgotten.step);
        let named = [&message, &step].map(|text| text.contains(forgotten.words));
        told.push((reason, named, message));
    }
    let reasons: Vec<_> = told
        .iter()
        .map(|(reason, named, _)| (&**reason, *named))
        .collect();
    let expected: Vec<_> = FORGOTTEN
        .iter()
        .map(|forgotten| (forgotten.reason, [true; 2]))
        .collect();
    assert_eq!(reasons, expected, "in remedy and step: {told:#?}");
    for forgotten in FORGOTTEN {
        let row = format!("| {} | `{}` |", forgotten.step, forgotten.reason);
        assert!(GUIDE.contains(&row), "{row}");
    }
    for (names, forgotten) in &rows {
        stage.sim.world(|w| mended(w, names));
        stage
            .annotate(&names.connector, names::RENEW_REQUESTED_AT, "mended")
            .await;
        log_in(&stage, names, forgotten.login, "again").await;
    }
    for (names, _) in &rows {
        stage.ready(&names.connector).await;
    }
    stage.finish().await;
}

/// Does the step that was forgotten.
fn mended(w: &mut World, names: &Names) {
    let username = names.username.clone();
    let app = w.app(&names.client_id);
    app.flows.extend([Flow::ClientCredentials, Flow::JwtBearer]);
    app.scopes = ["api", "refresh_token"].map(str::to_owned).to_vec();
    app.client_secret = Secret::new(SECRET);
    app.certificate_pem = Some(world::JWT_CERTIFICATE.to_owned());
    app.run_as = Some(username.clone());
    app.permitted_users = PermittedUsers::AdminApproved;
    app.pre_authorized.insert(username);
    w.user(&names.username).api_enabled = true;
    w.org(names.org).ip_restriction = IpRestriction::None;
}
