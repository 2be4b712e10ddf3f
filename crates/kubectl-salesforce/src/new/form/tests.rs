use clap::Parser as _;
use serde_json::{Value, json};

use super::*;
use crate::cli::{Plugin, PluginCommand};
use crate::new::manifests;

/// Somebody who answers in this order, and what was asked.
struct Answers(Vec<&'static str>, Vec<String>);

impl Questions for Answers {
    fn ask(&mut self, question: &str, _flag: &str) -> Result<String, CommandError> {
        self.1.push(question.to_owned());
        Ok(self.0.remove(0).to_owned())
    }

    fn ask_secret(&mut self, question: &str, flag: &str) -> Result<SecretString, CommandError> {
        self.ask(&format!("secret: {question}"), flag)
            .map(SecretString::from)
    }

    fn is_patient(&self) -> bool {
        true
    }
}

fn args(flags: &[&str]) -> NewArgs {
    match Plugin::parse_from([&["kubectl-salesforce", "new"], flags].concat()).command {
        PluginCommand::New(args) => *args,
        other => panic!("{other:?}"),
    }
}

/// What is made of flags and answers, and the questions.
fn filled(flags: &[&str], answers: &[&'static str]) -> ([Value; 2], Vec<String>) {
    let mut asks = Answers(answers.to_vec(), Vec::new());
    let form = Form::fill(&args(flags), &mut asks).expect("a form");
    assert!(asks.0.is_empty(), "not asked for: {:?}", asks.0);
    let secret = manifests::secret(&form, Some("demo")).unwrap_or_default();
    (
        [manifests::connector(&form, None)["spec"].clone(), secret],
        asks.1,
    )
}

#[test]
fn a_person_is_asked_for_what_no_flag_gives() {
    let answers = [
        "crm",
        "Acme CRM",
        "1",
        "https://Acme--uat.sandbox.my.salesforce.com/home",
        "3MVG9",
        "",
        "s3cr3t",
    ];
    let ([spec, secret], questions) = filled(&[], &answers);
    assert_eq!(
        spec,
        json!({
            "displayName": "Acme CRM", "environment": "Sandbox", "host": "acme--uat.sandbox.my.salesforce.com",
            "app": { "clientId": "3MVG9", "clientSecretRef": { "name": "crm-app", "key": "client-secret" } },
            "auth": { "clientCredentials": {} },
        })
    );
    assert_eq!(
        secret,
        json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "crm-app", "namespace": "demo" },
            "stringData": { "client-secret": "s3cr3t" },
        })
    );
    assert_eq!(
        questions,
        [
            "Name of the connector",
            "Display name (optional)",
            "Login method: 1 client-credentials, 2 jwt-bearer, 3 authorization-code, 4 password",
            "Host: Setup > My Domain > Current My Domain URL",
            "Client ID (consumer key)",
            "Username that is expected (optional)",
            "secret: Client secret (consumer secret)",
        ]
    );
}

#[test]
fn each_method_has_its_own_settings() {
    let common = [
        "crm",
        "--display-name",
        "x",
        "--client-id",
        "3MVG9",
        "--username",
        "u@acme.example",
    ];
    let with = |flags: &[&'static str], answers: &[&'static str]| {
        let ([spec, secret], _) = filled(&[&common, flags].concat(), answers);
        [
            spec["auth"].clone(),
            spec["app"].clone(),
            spec["expect"].clone(),
            secret["stringData"].clone(),
        ]
    };
    let of = |key: &str| json!({ "name": "crm-app", "key": key });
    let app = json!({ "clientId": "3MVG9", "clientSecretRef": of("client-secret") });
    assert_eq!(
        with(&["--method", "password"], &["", "secret", "pass", "token"]),
        [
            json!({ "password": { "username": "u@acme.example", "passwordRef": of("password"),
                "securityTokenRef": of("security-token") } }),
            app.clone(),
            Value::Null,
            json!({ "client-secret": "secret", "password": "pass", "security-token": "token" }),
        ]
    );
    assert_eq!(
        with(
            &[
                "--method",
                "authorization-code",
                "--host",
                "acme.my.salesforce.com"
            ],
            &[""]
        ),
        [
            json!({ "authorizationCode": {} }),
            json!({ "clientId": "3MVG9" }),
            json!({ "username": "u@acme.example" }),
            Value::Null
        ]
    );
    let existing = ["--method", "jwt-bearer", "--existing-secret", "keys"];
    assert_eq!(
        with(&existing, &[""]),
        [
            json!({ "jwtBearer": { "username": "u@acme.example", "privateKeyRef": { "name": "keys", "key": "private-key" } } }),
            json!({ "clientId": "3MVG9" }),
            Value::Null,
            Value::Null,
        ]
    );
}
