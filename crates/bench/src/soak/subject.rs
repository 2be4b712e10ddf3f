//! Which connectors are there, and what do they log in to?

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use kube::api::DynamicObject;
use salesforce_sim::{
    App, AppKind, Org, OrgKind, PermittedUsers, RefreshTokenPolicy, User, World, default_world,
};
use serde_json::{Value, json};

use super::cause::Causes;

/// How a connector logs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Method {
    ClientCredentials,
    JwtBearer,
    Password,
    /// A grant whose refresh token is replaced by each use.
    Rotating,
    /// The same for an app without a client secret.
    RotatingPublic,
    /// A grant whose refresh token stays.
    Fixed,
}

impl Method {
    pub(super) const ALL: [Self; 6] = [
        Self::ClientCredentials,
        Self::JwtBearer,
        Self::Password,
        Self::Rotating,
        Self::RotatingPublic,
        Self::Fixed,
    ];

    pub(super) fn words(self) -> &'static str {
        match self {
            Self::ClientCredentials => "clientCredentials",
            Self::JwtBearer => "jwtBearer",
            Self::Password => "password",
            Self::Rotating => "authorizationCode, rotating",
            Self::RotatingPublic => "… without a client secret",
            Self::Fixed => "… not rotating",
        }
    }

    fn of(number: usize) -> Self {
        match number % 20 {
            0..=5 => Self::ClientCredentials,
            6..=9 => Self::JwtBearer,
            10 | 11 => Self::Password,
            12..=15 => Self::Rotating,
            16 | 17 => Self::RotatingPublic,
            _ => Self::Fixed,
        }
    }

    pub(super) fn has_grant(self) -> bool {
        matches!(self, Self::Rotating | Self::RotatingPublic | Self::Fixed)
    }

    pub(super) fn has_client_secret(self) -> bool {
        !matches!(self, Self::JwtBearer | Self::RotatingPublic)
    }
}

/// A connector, with an app and a user of its own.
#[derive(Debug)]
pub(super) struct Subject {
    pub(super) name: String,
    pub(super) method: Method,
    pub(super) org: usize,
    pub(super) client_id: String,
    pub(super) username: String,
    /// What accounts for a missing token, and until when.
    pub(super) causes: Causes,
    /// An answer to a refresh was lost on its way: the grant can't be kept.
    pub(super) answer_lost: bool,
    /// When Salesforce last answered a token request of its app.
    pub(super) answered: Option<Timestamp>,
    /// When a replica was killed last.
    pub(super) killed: Option<Timestamp>,
    /// A person was called and has not come yet.
    pub(super) awaits_person: bool,
}

/// Session timeouts of the orgs, in hours: Salesforce's default, and longer ones.
const TIMEOUTS: [u64; 4] = [2, 2, 8, 24];

pub(super) const ORGS: usize = TIMEOUTS.len();

pub(super) fn host(org: usize) -> String {
    format!("soak-{org}.my.salesforce.com")
}

pub(super) const CLIENT_SECRET: &str = "soak-client-secret";
pub(super) const PASSWORD: &str = "soak-password";

/// Between Salesforce's answer and the write of its result: a second or two of real time on a busy machine.
const WINDOW: SignedDuration = SignedDuration::from_mins(10);

impl Subject {
    /// Whether a replica was killed right after Salesforce had answered: what it had not stored is gone with it.
    pub(super) fn was_killed_within(&self) -> bool {
        let (Some(answered), Some(killed)) = (self.answered, self.killed) else {
            return false;
        };
        answered <= killed && killed.duration_since(answered) < WINDOW
    }

    pub(super) fn new(number: usize) -> Self {
        Self {
            name: format!("soak-{number:03}"),
            method: Method::of(number),
            // Twenty in a row have all methods: each org gets them all.
            org: number / 20 % ORGS,
            client_id: format!("SOAK-APP-{number:03}"),
            username: format!("user-{number:03}@soak.example"),
            causes: Causes::default(),
            answer_lost: false,
            answered: None,
            killed: None,
            awaits_person: false,
        }
    }

    /// What Salesforce has of it.
    fn join(&self, world: &mut World) {
        let host = host(self.org);
        world.add_user(User::new(&host, &self.username, PASSWORD));
        let kind = match self.method {
            Method::Password => AppKind::ConnectedApp,
            _ => AppKind::ExternalClientApp,
        };
        let mut app = App::new(kind, host, &self.client_id, CLIENT_SECRET);
        app.run_as = Some(self.username.clone());
        app.rotates_refresh_tokens = matches!(self.method, Method::Rotating | Method::RotatingPublic);
        app.secret_for_refresh_flow = self.method.has_client_secret();
        app.refresh_token_policy = RefreshTokenPolicy::Idle(Duration::from_hours(30 * 24));
        if self.method == Method::JwtBearer {
            app.certificate_pem = Some(default_world::JWT_CERTIFICATE.to_owned());
            app.permitted_users = PermittedUsers::AdminApproved;
            app.pre_authorized.insert(self.username.clone());
        }
        world.add_app(app);
    }

    pub(super) fn input(&self) -> String {
        format!("{}-input", self.name)
    }

    /// What its input Secret has at first.
    pub(super) fn inputs(&self, world: &mut World) -> Value {
        let mut values = serde_json::Map::new();
        let mut add = |key: &str, value: &str| values.insert(key.to_owned(), value.into());
        if self.method.has_client_secret() {
            add("client-secret", CLIENT_SECRET);
        }
        match self.method {
            Method::ClientCredentials => {}
            Method::JwtBearer => drop(add("tls.key", default_world::JWT_KEY_PKCS8)),
            Method::Password => drop(add("password", PASSWORD)),
            Method::Rotating | Method::RotatingPublic | Method::Fixed => {
                let token = world.grant_refresh_token(&self.client_id, &self.username);
                add("refresh-token", &token);
            }
        }
        Value::Object(values)
    }

    pub(super) fn connector(&self) -> Result<DynamicObject, serde_json::Error> {
        let reference = |key: &str| json!({ "name": self.input(), "key": key });
        let mut app = json!({ "clientId": self.client_id });
        if let (true, Some(app)) = (self.method.has_client_secret(), app.as_object_mut()) {
            app.insert("clientSecretRef".to_owned(), reference("client-secret"));
        }
        let auth = match self.method {
            Method::ClientCredentials => json!({ "clientCredentials": {} }),
            Method::JwtBearer => json!({ "jwtBearer": {
                "username": self.username, "privateKeyRef": reference("tls.key") } }),
            Method::Password => json!({ "password": {
                "username": self.username, "passwordRef": reference("password") } }),
            Method::Rotating | Method::RotatingPublic | Method::Fixed => {
                json!({ "authorizationCode": { "bootstrap": { "refreshTokenRef": reference("refresh-token") } } })
            }
        };
        // Salesforce tells nobody but a client with a secret when a token expires.
        let token = match self.method {
            Method::JwtBearer | Method::RotatingPublic => {
                json!({ "lifetime": format!("{}h", TIMEOUTS.get(self.org).unwrap_or(&2)) })
            }
            _ => json!({}),
        };
        serde_json::from_value(json!({
            "apiVersion": "salesforce-connector.dev/v1alpha1",
            "kind": "SalesforceConnector",
            "metadata": { "name": self.name },
            "spec": { "host": host(self.org), "app": app, "auth": auth, "token": token, "connectionTest": { "interval": "30m" } },
        }))
    }
}

/// The orgs, and in them what the connectors need.
pub(super) fn world(subjects: &[Subject], speed: u32) -> World {
    let mut world = World::empty();
    world.switches.approval_limit = 5;
    for (number, hours) in TIMEOUTS.iter().enumerate() {
        let mut org = Org::new(format!("Soak {number}"), host(number), OrgKind::Production);
        org.session_timeout = Duration::from_hours(*hours);
        org.allows_password_flow = true;
        org.caller_ip_trusted = true;
        org.api_calls_allowed = 10_000_000;
        world.add_org(org);
    }
    for subject in subjects {
        subject.join(&mut world);
    }
    world.clock.run_faster(speed);
    world
}

/// A new secret of any kind.
pub(super) fn fresh(chance: &mut fastrand::Rng) -> String {
    format!("soak-{:016x}", chance.u64(..))
}
