//! Does every example work as it stands? Accepted by the API server, and true of the simulator's default world.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use salesforce_connector_operator::api::SalesforceConnector;
use salesforce_connector_operator::core::model::connector::{LoginMethod, Method, SigningKey};
use salesforce_connector_operator::core::model::digest::DigestKey;
use salesforce_connector_operator::core::model::inputs::{Input, Inputs, references};
use salesforce_connector_operator::core::validate::validate;
use salesforce_sim::default_world as world;
use secrecy::SecretString;
use serde_json::Value;

use super::cluster;

fn examples() -> BTreeMap<String, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let files = std::fs::read_dir(folder)
        .expect("examples/")
        .map(|entry| entry.expect("a file").path());
    let yaml = files.filter(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    let read = |path: PathBuf| {
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        (name, std::fs::read_to_string(&path).expect("an example"))
    };
    yaml.map(read).collect()
}

fn documents(text: &str) -> Vec<Value> {
    serde_yaml::from_multiple(text).expect("YAML")
}

#[test]
fn there_is_an_example_for_each_login_method_and_for_a_mistake() {
    let names: Vec<String> = examples().into_keys().collect();
    assert_eq!(
        names,
        [
            "authorization-code.yaml",
            "client-credentials.yaml",
            "inventory.yaml",
            "jwt-bearer.yaml",
            "password.yaml",
            "rollout-restart.yaml",
            "rotated-by-operator.yaml",
            "rotated-credentials.yaml",
            "secret-options.yaml",
            "sharing.yaml",
            "wrong-environment.yaml",
        ]
    );
    let readme = include_str!("../../examples/README.md");
    for name in names {
        assert!(
            readme.contains(&format!("[{name}]({name})")),
            "examples/README.md has nothing about {name}"
        );
    }
}

#[test]
fn no_two_examples_get_in_each_other_s_way() {
    let mut seen = BTreeSet::new();
    for (file, text) in examples() {
        for object in documents(&text) {
            let identity = (object["kind"].to_string(), object["metadata"]["name"].to_string());
            assert!(
                seen.insert(identity.clone()),
                "{file}: {identity:?} is there twice"
            );
        }
    }
}

#[tokio::test]
async fn the_api_server_accepts_every_example_without_a_warning() {
    let cluster = cluster().await;
    let namespace = cluster.namespace("examples").await;
    for file in examples()
        .into_keys()
        .chain(["recipes/", "sharing/", "signer/"].map(str::to_owned))
    {
        let path = format!("{}/examples/{file}", env!("CARGO_MANIFEST_DIR"));
        let args = [
            "create",
            "--dry-run=server",
            "--validate=strict",
            "--namespace",
            &namespace,
            "--filename",
            &path,
        ];
        let ran = cluster.kubectl(&args).await;
        assert_eq!(ran.stderr, "", "{file}");
        let _ = ran.stdout();
    }
}

/// What an example logs in with, as the simulator must know it.
#[derive(Debug, Clone, PartialEq)]
struct Login {
    host: String,
    client_id: String,
    client_secret: Option<String>,
    method: String,
}

/// The connector of an example, checked against the Secrets of the same file as the operator would.
fn login(text: &str) -> Login {
    let mut connector = None;
    let mut secrets: BTreeMap<(String, String), String> = BTreeMap::new();
    for object in documents(text) {
        let name = object["metadata"]["name"].as_str().expect("a name").to_owned();
        if object["kind"] == "Secret" {
            for (key, value) in object["stringData"].as_object().expect("stringData") {
                let value = value.as_str().expect("text").trim().to_owned();
                secrets.insert((name.clone(), key.clone()), value);
            }
        } else if object["kind"] == "SalesforceConnector" {
            let parsed: SalesforceConnector = serde_json::from_value(object).expect("a connector");
            connector = Some((name, parsed.spec));
        }
    }
    let (name, spec) = connector.expect("a connector");
    let mut inputs = Inputs::default();
    for reference in references(&spec) {
        let value = &secrets[&(reference.name.clone(), reference.key.clone())];
        inputs.insert(reference, Input::Found(SecretString::from(value.clone())));
    }
    let checked = validate(
        &name,
        "uid",
        &spec,
        &inputs,
        &salesforce_client::HostAllowList::default(),
        &DigestKey::new("k1", b"k"),
    );
    let (checked, method) = checked.expect("a valid connector");
    // New credentials are not known yet where there are previous ones.
    let app = match checked.previous_credentials {
        Some(previous) => previous.expect("previous credentials").app,
        None => checked.app,
    };
    Login {
        host: checked.host.to_string(),
        client_id: app.client_id,
        client_secret: app.client_secret.map(|secret| secret.expose().to_owned()),
        method: match method {
            Method::Login(LoginMethod::ClientCredentials) => "clientCredentials".to_owned(),
            Method::Login(LoginMethod::JwtBearer(login)) => {
                let audience = login.audience.as_str();
                match login.key {
                    SigningKey::Local(key) => {
                        assert_eq!(key.expose(), world::JWT_KEY_PKCS8.trim());
                        format!("jwtBearer {} {audience}", login.username)
                    }
                    SigningKey::Remote(remote) => format!(
                        "jwtBearer {} {audience} {} {} {}",
                        login.username, remote.key.address, remote.key.mount, remote.key.name
                    ),
                }
            }
            Method::Grant(settings) => {
                let bootstrap = settings.bootstrap.expect("a bootstrap token");
                format!("authorizationCode {}", bootstrap.expose())
            }
            Method::Login(LoginMethod::Password(login)) => format!(
                "password {} {} {}",
                login.username,
                login.password.expose(),
                login.security_token.expect("a security token").expose()
            ),
        },
    }
}

#[test]
fn every_example_logs_in_with_what_the_simulator_knows() {
    let production = |client_id: &str, secret: Option<&str>, method: String| Login {
        host: world::PRODUCTION.to_owned(),
        client_id: client_id.to_owned(),
        client_secret: secret.map(str::to_owned),
        method,
    };
    let user = world::INTEGRATION_USER;
    let client_credentials = production(
        world::ECA,
        Some(world::ECA_SECRET),
        "clientCredentials".to_owned(),
    );
    let password = format!("password {user} {} {}", world::PASSWORD, world::SECURITY_TOKEN);
    let wanted = [
        // `make demo` replaces this placeholder.
        (
            "authorization-code.yaml",
            production(
                world::ROTATING,
                Some(world::ROTATING_SECRET),
                "authorizationCode REFRESH_TOKEN".to_owned(),
            ),
        ),
        (
            "inventory.yaml",
            production(
                world::ECA,
                Some(world::ECA_SECRET),
                "clientCredentials".to_owned(),
            ),
        ),
        (
            "rotated-by-operator.yaml",
            production(
                world::ECA,
                Some(world::ECA_SECRET),
                "clientCredentials".to_owned(),
            ),
        ),
        (
            "rotated-credentials.yaml",
            production(
                world::ECA,
                Some(world::ECA_SECRET),
                "clientCredentials".to_owned(),
            ),
        ),
        (
            "rollout-restart.yaml",
            production(
                world::ECA,
                Some(world::ECA_SECRET),
                "clientCredentials".to_owned(),
            ),
        ),
        (
            "sharing.yaml",
            production(
                world::ECA,
                Some(world::ECA_SECRET),
                "clientCredentials".to_owned(),
            ),
        ),
        ("client-credentials.yaml", client_credentials),
        (
            "jwt-bearer.yaml",
            production(
                world::JWT,
                None,
                format!("jwtBearer {user} https://login.salesforce.com"),
            ),
        ),
        (
            "password.yaml",
            production(world::CONNECTED, Some(world::CONNECTED_SECRET), password),
        ),
        (
            "secret-options.yaml",
            Login {
                host: world::SANDBOX.to_owned(),
                client_id: world::SANDBOX_ECA.to_owned(),
                client_secret: Some(world::SANDBOX_ECA_SECRET.to_owned()),
                method: "clientCredentials".to_owned(),
            },
        ),
        (
            "wrong-environment.yaml",
            production(
                world::ECA,
                Some(world::ECA_SECRET),
                "clientCredentials".to_owned(),
            ),
        ),
    ];
    let examples = examples();
    for (file, login_wanted) in wanted {
        assert_eq!(login(&examples[file]), login_wanted, "{file}");
    }
}
