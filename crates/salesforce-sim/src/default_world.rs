//! Which orgs, apps and users are there by default?
//!
//! Three orgs. In each, an app per way of logging in, so that a test can change one without touching another. The
//! credentials are worthless; keys are in this crate's `keys/`.

use crate::{App, AppKind, Org, OrgKind, PermittedUsers, Secret, User, World};

/// My Domain host of the production org "Green ITR"; what `localhost` reaches.
pub const PRODUCTION: &str = "green-itr.my.salesforce.com";
/// My Domain host of its sandbox.
pub const SANDBOX: &str = "green-itr--uat.sandbox.my.salesforce.com";
/// My Domain host of a Developer Edition org.
pub const DEVELOPER: &str = "dev-ed.develop.my.salesforce.com";

/// External client app of the production org: client credentials, run as [`INTEGRATION_USER`]; authorization code
/// and refresh tokens without rotation, callback [`CALLBACK`]. Admin approval is not needed.
pub const ECA: &str = "3MVG9GreenItrExternalClientApp";
pub const ECA_SECRET: &str = "sim-secret-external-client-app";
/// External client app with rotating refresh tokens.
pub const ROTATING: &str = "3MVG9GreenItrRotatingApp";
pub const ROTATING_SECRET: &str = "sim-secret-rotating-app";
/// External client app for JWT bearer: admin approved users, [`INTEGRATION_USER`] is; certificate
/// [`JWT_CERTIFICATE`].
pub const JWT: &str = "3MVG9GreenItrJwtApp";
pub const JWT_SECRET: &str = "sim-secret-jwt-app";
/// Connected app of the production org: the username-password flow, and everything else.
pub const CONNECTED: &str = "3MVG9GreenItrConnectedApp";
pub const CONNECTED_SECRET: &str = "sim-secret-connected-app";
/// External client app of the sandbox, run as [`SANDBOX_USER`].
pub const SANDBOX_ECA: &str = "3MVG9GreenItrSandboxApp";
pub const SANDBOX_ECA_SECRET: &str = "sim-secret-sandbox-app";
/// External client app for JWT bearer in the sandbox: audience `https://test.salesforce.com`.
pub const SANDBOX_JWT: &str = "3MVG9GreenItrSandboxJwtApp";
/// External client app of the Developer Edition org, run as [`DEVELOPER_USER`].
pub const DEVELOPER_ECA: &str = "3MVG9DevEdExternalClientApp";
pub const DEVELOPER_ECA_SECRET: &str = "sim-secret-developer-app";

/// Integration user of the production org: API Enabled, View Setup, reads Organization.
pub const INTEGRATION_USER: &str = "integration@green-itr.example";
pub const NO_API_USER: &str = "no-api@green-itr.example";
/// User with API Enabled who may not read Organization, and has no View Setup.
pub const API_ONLY_USER: &str = "api-only@green-itr.example";
pub const SANDBOX_USER: &str = "integration@green-itr.example.uat";
pub const DEVELOPER_USER: &str = "developer@dev-ed.example";
pub const PASSWORD: &str = "sim-password-1";
pub const SECURITY_TOKEN: &str = "SimSecurityToken";
pub const CALLBACK: &str = "http://localhost:1717/OauthRedirect";

/// Certificate of the apps that allow JWT bearer.
pub const JWT_CERTIFICATE: &str = include_str!("../keys/jwt-test-cert.pem");
pub const JWT_KEY_PKCS8: &str = include_str!("../keys/jwt-test-key.pk8.pem");
pub const JWT_KEY_PKCS1: &str = include_str!("../keys/jwt-test-key.pkcs1.pem");
/// A private key that no app knows, PKCS#8.
pub const WRONG_KEY_PKCS8: &str = include_str!("../keys/jwt-wrong-key.pk8.pem");

pub fn build() -> World {
    let mut world = World::empty();
    add_orgs(&mut world);
    for (host, username) in [
        (PRODUCTION, INTEGRATION_USER),
        (PRODUCTION, NO_API_USER),
        (PRODUCTION, API_ONLY_USER),
        (SANDBOX, SANDBOX_USER),
        (DEVELOPER, DEVELOPER_USER),
    ] {
        let mut user = User::new(host, username, PASSWORD);
        user.security_token = Secret::new(SECURITY_TOKEN);
        user.api_enabled = username != NO_API_USER;
        user.reads_organization = username != API_ONLY_USER;
        user.views_setup = username != API_ONLY_USER;
        world.add_user(user);
    }
    add_apps(&mut world);
    world
}

fn add_orgs(world: &mut World) {
    let mut production = Org::new("Green ITR", PRODUCTION, OrgKind::Production);
    production.custom_objects = ["Invoice__c", "Invoice_Line__c", "Shipment__c"]
        .map(str::to_owned)
        .to_vec();
    production.record_counts = [("Account", 1_280), ("Contact", 3_411), ("Invoice__c", 48_210)]
        .map(|(name, count)| (name.to_owned(), count))
        .into();
    production.data_storage_used_percent = 42;
    production.api_calls_allowed = 100_000;
    // As old as the connected app: the flow is off by default only in orgs made since Summer '23.
    production.allows_password_flow = true;
    world.add_org(production);
    let mut sandbox = Org::new("Green ITR", SANDBOX, OrgKind::Sandbox);
    sandbox.custom_objects = ["Invoice__c", "Invoice_Line__c", "Shipment__c", "Trial__c"]
        .map(str::to_owned)
        .to_vec();
    "EUZ11S".clone_into(&mut sandbox.instance);
    sandbox.allows_password_flow = true;
    world.add_org(sandbox);
    world.add_org(Org::new("Dev Ed", DEVELOPER, OrgKind::Developer));
}

fn add_apps(world: &mut World) {
    let eca = AppKind::ExternalClientApp;
    for (kind, host, client_id, secret, run_as) in [
        (eca, PRODUCTION, ECA, ECA_SECRET, INTEGRATION_USER),
        (eca, PRODUCTION, ROTATING, ROTATING_SECRET, INTEGRATION_USER),
        (eca, PRODUCTION, JWT, JWT_SECRET, INTEGRATION_USER),
        (
            AppKind::ConnectedApp,
            PRODUCTION,
            CONNECTED,
            CONNECTED_SECRET,
            INTEGRATION_USER,
        ),
        (eca, SANDBOX, SANDBOX_ECA, SANDBOX_ECA_SECRET, SANDBOX_USER),
        (
            eca,
            SANDBOX,
            SANDBOX_JWT,
            "sim-secret-sandbox-jwt-app",
            SANDBOX_USER,
        ),
        (
            eca,
            DEVELOPER,
            DEVELOPER_ECA,
            DEVELOPER_ECA_SECRET,
            DEVELOPER_USER,
        ),
    ] {
        let app = App::new(kind, host, client_id, secret);
        // One app is new, the others are older than the defaults of new ones.
        let mut app = if client_id == ROTATING {
            app
        } else {
            app.from_before_2026()
        };
        app.run_as = Some(run_as.to_owned());
        app.callbacks = vec![CALLBACK.to_owned()];
        app.certificate_pem = Some(JWT_CERTIFICATE.to_owned());
        if [JWT, SANDBOX_JWT].contains(&client_id) {
            app.permitted_users = PermittedUsers::AdminApproved;
            app.pre_authorized.insert(run_as.to_owned());
        }
        world.add_app(app);
    }
}
