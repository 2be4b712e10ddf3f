//! Each rule of the schema accepts what it should, and refuses the rest in words that help.

use serde_json::{Value, json};

use super::{changed, cluster, connector, create, dry_run, with};

/// One rule: what it takes, what it refuses, and the words it does so with.
pub(super) struct Case<C = &'static str> {
    pub(super) accepted: Vec<Value>,
    pub(super) refused: Vec<Value>,
    /// The whole complaint about `spec.…`, field first, without the value that it may quote; a line for each, if several.
    pub(super) complaint: C,
}

/// Every reference to a key of a Secret, as a JSON pointer.
pub(super) const REFERENCES: [&str; 9] = [
    "/spec/app/clientIdRef",
    "/spec/app/clientSecretRef",
    "/spec/auth/jwtBearer/privateKeyRef",
    "/spec/auth/jwtBearer/signer/vaultTransit/tokenRef",
    "/spec/auth/authorizationCode/bootstrap/refreshTokenRef",
    "/spec/auth/authorizationCode/bootstrap/sfdxAuthUrlRef",
    "/spec/auth/password/usernameRef",
    "/spec/auth/password/passwordRef",
    "/spec/auth/password/securityTokenRef",
];

/// A connector with everything around the place that a JSON pointer names, and a good reference where it names one.
pub(super) fn containing(pointer: &str) -> Value {
    let reference = json!({ "name": "s", "key": "k" });
    if pointer.starts_with("/spec/app/clientIdRef") {
        return changed(
            with("/spec/app/clientId", Value::Null),
            "/spec/app/clientIdRef",
            reference,
        );
    }
    if pointer.starts_with("/spec/auth/jwtBearer/signer") {
        return by_signer();
    }
    if pointer.starts_with("/spec/auth/jwtBearer") {
        return jwt();
    }
    if pointer.starts_with("/spec/auth/password/usernameRef") {
        let without = changed(password(), "/spec/auth/password/username", Value::Null);
        return changed(without, "/spec/auth/password/usernameRef", reference);
    }
    if pointer.starts_with("/spec/auth/password") {
        return changed(password(), "/spec/auth/password/securityTokenRef", reference);
    }
    if let Some(below) = pointer.strip_prefix("/spec/auth/authorizationCode") {
        let bootstrap = below
            .strip_prefix("/bootstrap/")
            .and_then(|below| below.split('/').next());
        return code(bootstrap.map_or_else(|| json!({}), |name| json!({ "bootstrap": { name: reference } })));
    }
    connector()
}

fn jwt() -> Value {
    let auth = json!({ "jwtBearer": { "username": "u@acme.example", "privateKeyRef": { "name": "key", "key": "tls.key" } } });
    with("/spec/auth", auth)
}

fn by_signer() -> Value {
    let transit = json!({ "address": "https://vault.example.com:8200", "keyName": "crm",
        "tokenRef": { "name": "vault", "key": "token" } });
    let auth =
        json!({ "jwtBearer": { "username": "u@acme.example", "signer": { "vaultTransit": transit } } });
    with("/spec/auth", auth)
}

/// Connectors by a signer, with these values in a field of its settings.
fn signers<const N: usize>(field: &str, values: [&str; N]) -> Vec<Value> {
    let pointer = format!("/spec/auth/jwtBearer/signer/vaultTransit/{field}");
    let values = values.into_iter();
    values
        .map(|value| changed(by_signer(), &pointer, value.into()))
        .collect()
}

fn password() -> Value {
    let auth = json!({ "password": { "username": "u@acme.example", "passwordRef": { "name": "user", "key": "password" } } });
    with("/spec/auth", auth)
}

fn code(settings: impl Into<Value>) -> Value {
    with("/spec/auth", json!({ "authorizationCode": settings.into() }))
}

fn each(pointer: &str, values: impl IntoIterator<Item = Value>) -> Vec<Value> {
    values.into_iter().map(|value| with(pointer, value)).collect()
}

fn texts<const N: usize>(pointer: &str, values: [&str; N]) -> Vec<Value> {
    each(pointer, values.map(Value::from))
}

/// Runs all cases, and fails with everything that is not as it should be.
pub(super) async fn check<C: AsRef<str>>(prefix: &str, cases: Vec<Case<C>>) {
    let cluster = cluster().await;
    let namespace = cluster.namespace(prefix).await;
    let client = cluster.client().await;
    let mut wrong = Vec::new();
    for Case {
        accepted,
        refused,
        complaint,
    } in cases
    {
        for object in accepted {
            if let Err(complaints) = dry_run(&client, &namespace, &object).await {
                wrong.push(format!("should be accepted: {object}\n{}", complaints.join("\n")));
            }
        }
        for object in refused {
            let found = complaints(
                dry_run(&client, &namespace, &object)
                    .await
                    .err()
                    .unwrap_or_default(),
            );
            let complaint = complaint.as_ref();
            if found.join("\n") != complaint {
                wrong.push(format!(
                    "should be refused: {object}\nwanted: {complaint}\nfound:  {}",
                    found.join("\n        ")
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// The complaints without the values that they quote, and without the remark that there may be more.
pub(super) fn complaints(answer: Vec<String>) -> Vec<String> {
    let all = answer.into_iter();
    all.filter(|line| !line.contains("some validation rules were not checked"))
        .map(without_value)
        .collect()
}

/// `field: Invalid value: "x": why` without the value, which may be long.
fn without_value(line: String) -> String {
    let Some((field, rest)) = line.split_once(": Invalid value: ") else {
        return line;
    };
    let mut values = serde_json::Deserializer::from_str(rest).into_iter::<Value>();
    let Some(Ok(_)) = values.next() else { return line };
    let why = rest.get(values.byte_offset()..).unwrap_or_default();
    format!("{field}: Invalid value{why}")
}

fn login_method() -> Vec<Case> {
    let reference = json!({ "name": "s", "key": "k" });
    let both = json!({ "clientCredentials": {}, "authorizationCode": {} });
    vec![
        Case {
            accepted: vec![connector(), jwt(), password(), code(json!({}))],
            refused: each("/spec/auth", [json!({}), both]),
            complaint: "spec.auth: Invalid value: exactly one of clientCredentials, jwtBearer, authorizationCode and password must be set",
        },
        Case {
            accepted: vec![],
            refused: vec![with("/spec/host", Value::Null)],
            complaint: "spec.host: Required value: host is required with clientCredentials: Salesforce refuses this flow on the shared login hosts; give your org's My Domain, such as acme.my.salesforce.com",
        },
        Case {
            accepted: vec![
                changed(jwt(), "/spec/host", Value::Null),
                changed(jwt(), "/spec/host", "login.salesforce.com".into()),
            ],
            refused: texts("/spec/host", ["login.salesforce.com"]),
            complaint: "spec.host: Invalid value: clientCredentials needs the org's My Domain host, such as acme.my.salesforce.com: Salesforce refuses this flow on login.salesforce.com and test.salesforce.com",
        },
        Case {
            accepted: vec![changed(jwt(), "/spec/app/clientSecretRef", Value::Null)],
            refused: vec![with("/spec/app/clientSecretRef", Value::Null)],
            complaint: "spec.app.clientSecretRef: Required value: app.clientSecretRef is required with clientCredentials",
        },
        Case {
            accepted: vec![changed(code(json!({})), "/spec/app/clientSecretRef", Value::Null)],
            refused: vec![changed(password(), "/spec/app/clientSecretRef", Value::Null)],
            complaint: "spec.app.clientSecretRef: Required value: app.clientSecretRef is required with password",
        },
        Case {
            accepted: vec![
                code(json!({ "bootstrap": { "refreshTokenRef": reference } })),
                code(json!({ "bootstrap": { "sfdxAuthUrlRef": reference } })),
            ],
            refused: vec![
                code(json!({ "bootstrap": {} })),
                code(json!({ "bootstrap": { "sfdxAuthUrlRef": reference, "refreshTokenRef": reference } })),
            ],
            complaint: "spec.auth.authorizationCode.bootstrap: Invalid value: exactly one of refreshTokenRef and sfdxAuthUrlRef must be set",
        },
        Case {
            accepted: vec![changed(
                changed(password(), "/spec/auth/password/username", Value::Null),
                "/spec/auth/password/usernameRef",
                reference.clone(),
            )],
            refused: vec![
                changed(password(), "/spec/auth/password/username", Value::Null),
                changed(password(), "/spec/auth/password/usernameRef", reference.clone()),
            ],
            complaint: "spec.auth.password: Invalid value: exactly one of username and usernameRef must be set",
        },
        Case {
            accepted: vec![changed(
                jwt(),
                "/spec/auth/jwtBearer/audience",
                "https://acme.my.site.com".into(),
            )],
            refused: vec![changed(
                jwt(),
                "/spec/auth/jwtBearer/audience",
                "acme.my.site.com".into(),
            )],
            complaint: "spec.auth.jwtBearer.audience: Invalid value: audience must begin with https://",
        },
    ]
}

fn authorization_code() -> Vec<Case> {
    vec![
        Case {
            accepted: vec![
                code(json!({ "refreshTokenIdleLimit": "1h", "revokeOnDelete": true })),
                code(json!({ "refreshTokenIdleLimit": "720h" })),
                code(json!({ "refreshTokenIdleLimit": "87600h", "revokeOnDelete": false })),
            ],
            refused: ["59m", "87601h", "30d", ""]
                .map(|limit| code(json!({ "refreshTokenIdleLimit": limit })))
                .into(),
            complaint: "spec.auth.authorizationCode.refreshTokenIdleLimit: Invalid value: authorizationCode.refreshTokenIdleLimit must be a duration from 1h to 87600h, written like 90s, 15m or 1h30m",
        },
        Case {
            accepted: vec![code(json!({ "refreshTokenLifetime": "2160h" }))],
            refused: ["59m", "87601h", "90d"]
                .map(|end| code(json!({ "refreshTokenLifetime": end })))
                .into(),
            complaint: "spec.auth.authorizationCode.refreshTokenLifetime: Invalid value: authorizationCode.refreshTokenLifetime must be a duration from 1h to 87600h, written like 90s, 15m or 1h30m",
        },
        Case {
            accepted: vec![
                code(json!({ "scopes": ["api", "refresh_token"] })),
                code(json!({ "scopes": ["offline_access"] })),
            ],
            refused: vec![code(json!({ "scopes": ["api refresh_token", "refresh_token"] }))],
            complaint: "spec.auth.authorizationCode.scopes: Invalid value: scopes must have one scope in each entry, such as api, without spaces",
        },
        Case {
            accepted: vec![],
            refused: vec![code(json!({ "scopes": ["api"] })), code(json!({ "scopes": [] }))],
            complaint: "spec.auth.authorizationCode.scopes: Invalid value: scopes must include refresh_token: without it, Salesforce issues no refresh token",
        },
        Case {
            accepted: vec![],
            refused: vec![code(json!({ "scopes": ["refresh_token", "api", "api"] }))],
            complaint: "spec.auth.authorizationCode.scopes[2]: Duplicate value: \"api\"",
        },
    ]
}

#[tokio::test]
async fn rules_about_the_login_method() {
    check("auth", login_method()).await;
    check("code", authorization_code()).await;
}

/// White space in a literal.
fn white_space() -> Vec<Case> {
    vec![
        Case {
            accepted: vec![],
            refused: [
                "u@acme.example ",
                "u@acme.example\n",
                "\u{a0}u@acme.example",
                "\u{feff}u@acme.example",
            ]
            .map(|name| changed(jwt(), "/spec/auth/jwtBearer/username", name.into()))
            .into(),
            complaint: "spec.auth.jwtBearer.username: Invalid value: jwtBearer.username must not contain white space: remove blanks and line breaks, such as the one that a YAML block scalar (|) adds",
        },
        Case {
            accepted: vec![],
            refused: vec![changed(
                password(),
                "/spec/auth/password/username",
                "u@acme.example ".into(),
            )],
            complaint: "spec.auth.password.username: Invalid value: password.username must not contain white space: remove blanks and line breaks, such as the one that a YAML block scalar (|) adds",
        },
        Case {
            accepted: vec![],
            refused: vec![changed(
                jwt(),
                "/spec/auth/jwtBearer/audience",
                "https://acme.my.site.com\n".into(),
            )],
            complaint: "spec.auth.jwtBearer.audience: Invalid value: audience must not contain white space: remove blanks and line breaks, such as the one that a YAML block scalar (|) adds",
        },
        Case {
            accepted: vec![],
            refused: texts("/spec/expect/username", ["u@acme.example "]),
            complaint: "spec.expect.username: Invalid value: expect.username must not contain white space: remove blanks and line breaks, such as the one that a YAML block scalar (|) adds",
        },
        Case {
            accepted: vec![],
            refused: texts(
                "/spec/app/clientId",
                ["3MVG9Green\n", "3MVG9Green ", "3MVG9 Green"],
            ),
            complaint: "spec.app.clientId: Invalid value: app.clientId must not contain white space: remove blanks and line breaks, such as the one that a YAML block scalar (|) adds",
        },
    ]
}

#[tokio::test]
async fn literals_have_no_white_space() {
    check("blanks", white_space()).await;
}

fn app_and_references() -> Vec<Case> {
    let reference = json!({ "name": "s", "key": "k" });
    let by_reference = containing("/spec/app/clientIdRef");
    vec![Case {
        accepted: vec![by_reference],
        refused: vec![
            with("/spec/app/clientId", Value::Null),
            with("/spec/app/clientIdRef", reference.clone()),
        ],
        complaint: "spec.app: Invalid value: exactly one of clientId and clientIdRef must be set",
    }]
}

/// The names and keys of every reference.
fn references() -> Vec<Case<String>> {
    let cases = |path: &str| {
        let of = |member: &str, values: &[&str]| {
            let place = format!("{path}/{member}");
            let with = |value: &&str| changed(containing(path), &place, Value::from(*value));
            values.iter().map(with).collect::<Vec<_>>()
        };
        let field = path[1..].replace('/', ".");
        let names = [
            "../x",
            "../../kube-system/secrets/x",
            "x?watch=1",
            "Crm",
            "crm_app",
            "-a",
        ];
        let keys = ["a/b", "a b", ".", "..", "..data", "ö"];
        [
            Case {
                accepted: of("name", &["a", "crm-app.v2"]),
                refused: of("name", &names),
                complaint: format!(
                    "{field}.name: Invalid value: name must be a valid object name: lower-case letters, digits, - and ."
                ),
            },
            Case {
                accepted: of("key", &["k", "client_secret", "tls.key", ".env"]),
                refused: of("key", &keys),
                complaint: format!(
                    "{field}.key: Invalid value: key must be a valid key of a Secret: letters, digits, -, _ and ., not beginning with .."
                ),
            },
        ]
    };
    REFERENCES.iter().flat_map(|path| cases(path)).collect()
}

#[tokio::test]
async fn rules_about_every_reference() {
    check("references", references()).await;
}

#[tokio::test]
async fn rules_about_the_app_and_references() {
    check("app", app_and_references()).await;
}

fn host_and_environment() -> Vec<Case> {
    let host = "/spec/host";
    let sandbox = |host: &str| {
        changed(
            with("/spec/environment", "Sandbox".into()),
            "/spec/host",
            host.into(),
        )
    };
    let with_jwt = |environment: &str, host: &str| {
        changed(
            changed(jwt(), "/spec/environment", environment.into()),
            "/spec/host",
            host.into(),
        )
    };
    vec![
        Case {
            accepted: texts(
                host,
                [
                    "acme.my.salesforce.com",
                    "acme.my.site.com",
                    "acme.my.salesforce.mil",
                ],
            ),
            refused: texts(
                host,
                [
                    "https://acme.my.salesforce.com",
                    "acme.my.salesforce.com/",
                    "acme.my.salesforce.com:443",
                ],
            ),
            complaint: "spec.host: Invalid value: host is a bare name, such as acme.my.salesforce.com: remove scheme, port and path",
        },
        Case {
            accepted: vec![],
            refused: texts(
                host,
                [
                    "Acme.my.salesforce.com",
                    "acme",
                    "acme..com",
                    "-acme.my.salesforce.com",
                    "acme_x.com",
                ],
            ),
            complaint: "spec.host: Invalid value: host must be a DNS name in lower case, such as acme.my.salesforce.com",
        },
        Case {
            accepted: vec![],
            refused: texts(host, ["acme.lightning.force.com", "acme.my.salesforce-setup.com"]),
            complaint: "spec.host: Invalid value: this is a host of the user interface; give the My Domain host instead, which ends in .my.salesforce.com",
        },
        Case {
            accepted: vec![
                sandbox("acme--uat.sandbox.my.salesforce.com"),
                with_jwt("Sandbox", "test.salesforce.com"),
                // Only a login tells what this is: an example that is wrong on purpose needs it to pass.
                sandbox("acme.my.salesforce.com"),
            ],
            refused: [
                texts(
                    host,
                    [
                        "acme--uat.sandbox.my.salesforce.com",
                        "acme.scratch.my.salesforce.com",
                    ],
                ),
                vec![with_jwt("Live", "test.salesforce.com")],
            ]
            .concat(),
            complaint: "spec.environment: Invalid value: this host belongs to a sandbox or scratch org: set environment to Sandbox, or give the host of the production org",
        },
        Case {
            accepted: texts(host, ["acme.develop.my.salesforce.com"]),
            refused: vec![
                sandbox("acme.develop.my.salesforce.com"),
                with_jwt("Sandbox", "login.salesforce.com"),
            ],
            complaint: "spec.environment: Invalid value: this host belongs to a production or Developer Edition org: set environment to Live, or give the host of the sandbox, such as acme--uat.sandbox.my.salesforce.com",
        },
        Case {
            accepted: vec![],
            refused: texts("/spec/environment", ["Production"]),
            complaint: "spec.environment: Unsupported value: \"Production\": supported values: \"Live\", \"Sandbox\"",
        },
    ]
}

#[tokio::test]
async fn rules_about_host_and_environment() {
    check("host", host_and_environment()).await;
}

fn token_and_test() -> Vec<Case> {
    let renew_within = json!({ "lifetime": "20m", "renewBefore": "20m" });
    let bad_both = |lifetime: &str| json!({ "lifetime": lifetime, "renewBefore": "10m" });
    vec![
        Case {
            accepted: texts("/spec/token/lifetime", ["15m", "24h", "1h30m", "1.5h", "5400s"]),
            refused: [
                texts(
                    "/spec/token/lifetime",
                    ["14m", "25h", "2 hours", "90", "-1h", "999999h", ""],
                ),
                each("/spec/token", [bad_both("soon")]),
            ]
            .concat(),
            complaint: "spec.token.lifetime: Invalid value: token.lifetime must be a duration from 15m to 24h, written like 90s, 15m or 1h30m",
        },
        Case {
            accepted: texts("/spec/token/renewBefore", ["2m", "12h"]),
            refused: texts("/spec/token/renewBefore", ["1m", "13h", "x"]),
            complaint: "spec.token.renewBefore: Invalid value: token.renewBefore must be a duration from 2m to 12h, written like 90s, 15m or 1h30m",
        },
        Case {
            accepted: each(
                "/spec/token",
                [json!({ "lifetime": "20m", "renewBefore": "19m" })],
            ),
            refused: each("/spec/token", [renew_within]),
            complaint: "spec.token.renewBefore: Invalid value: renewBefore must be shorter than lifetime",
        },
        Case {
            accepted: texts("/spec/connectionTest/interval", ["1m", "24h"]),
            refused: texts("/spec/connectionTest/interval", ["59s", "25h", "daily"]),
            complaint: "spec.connectionTest.interval: Invalid value: connectionTest.interval must be a duration from 1m to 24h, written like 90s, 15m or 1h30m",
        },
        Case {
            accepted: texts("/spec/connectionTest/timeout", ["1s", "2m"]),
            refused: texts("/spec/connectionTest/timeout", ["999ms", "121s"]),
            complaint: "spec.connectionTest.timeout: Invalid value: connectionTest.timeout must be a duration from 1s to 2m, written like 90s, 15m or 1h30m",
        },
        Case {
            accepted: texts("/spec/connectionTest/apiVersion", ["31.0", "66.0", "100.0"]),
            refused: texts(
                "/spec/connectionTest/apiVersion",
                ["30.0", "v66", "66", "66.1", ""],
            ),
            complaint: "spec.connectionTest.apiVersion: Invalid value: connectionTest.apiVersion must be written like 66.0 and be 31.0 or later: Salesforce has retired the earlier ones",
        },
        Case {
            accepted: texts(
                "/spec/expect/organizationId",
                ["00Dx0000000BV7z", "00Dx0000000BV7zEAG"],
            ),
            refused: texts(
                "/spec/expect/organizationId",
                ["005x0000000BV7z", "00Dx0000000BV7zE", "00D"],
            ),
            complaint: "spec.expect.organizationId: Invalid value: expect.organizationId must have 15 or 18 letters and digits and begin with 00D; see Setup, Company Information",
        },
    ]
}

#[tokio::test]
async fn rules_about_token_and_test() {
    check("times", token_and_test()).await;
}

fn secret() -> Vec<Case> {
    let labels = "/spec/secret/labels";
    let one = |key: &str, value: &str| json!({ key: value });
    let cases = vec![
        Case {
            accepted: texts("/spec/secret/name", ["a", "crm.token", "crm-token"]),
            refused: texts("/spec/secret/name", ["Crm", "crm_token", "a/b", "-a", "a."]),
            complaint: "spec.secret.name: Invalid value: secret.name must be a valid object name: lower-case letters, digits, - and .",
        },
        Case {
            accepted: texts(
                "/spec/secret/type",
                [
                    "Opaque",
                    "acme.example/salesforce",
                    "servicebinding.io/salesforce",
                ],
            ),
            refused: texts(
                "/spec/secret/type",
                [
                    "kubernetes.io/service-account-token",
                    "kubernetes.io/tls",
                    "bootstrap.kubernetes.io/token",
                ],
            ),
            complaint: "spec.secret.type: Invalid value: secret.type must not be a type of Kubernetes or Helm: they act on such Secrets",
        },
        Case {
            accepted: each(
                labels,
                [one("team", "crm"), one("acme.example/team", ""), json!({})],
            ),
            refused: each(
                labels,
                [
                    one("app.kubernetes.io/managed-by", "me"),
                    one("kubernetes.io/x", "me"),
                    one("x.k8s.io/y", "me"),
                    one("salesforce-connector.dev/connector", "other"),
                ],
            ),
            complaint: "spec.secret.labels: Invalid value: secret.labels must not use keys of kubernetes.io, k8s.io, argoproj.io, helm.sh, fluxcd.io, emberstack.com, mittwald.de, external-secrets.io and salesforce-connector.dev: they are reserved for Kubernetes, the operator or other controllers",
        },
        Case {
            accepted: vec![],
            refused: each(
                labels,
                [one("a b", "x"), one("/x", "x"), one("acme.example/", "x")],
            ),
            complaint: "spec.secret.labels: Invalid value: secret.labels must have keys of the form name or example.com/name: letters, digits, -, _ and ., at most 63 of them after the /",
        },
        Case {
            accepted: vec![],
            refused: each(labels, [one("team", "a b"), one("team", "-x")]),
            complaint: "spec.secret.labels: Invalid value: secret.labels must have valid label values: at most 63 letters, digits, -, _ and ., beginning and ending with a letter or digit",
        },
        Case {
            accepted: each(
                "/spec/secret/formats",
                [json!([]), json!(["Environment", "SalesforceCli", "PubSub"])],
            ),
            refused: each("/spec/secret/formats", [json!(["PubSub", "PubSub"])]),
            complaint: "spec.secret.formats[1]: Duplicate value: \"PubSub\"",
        },
        Case {
            accepted: vec![],
            refused: each("/spec/secret/formats", [json!(["Dotenv"])]),
            complaint: "spec.secret.formats[0]: Unsupported value: \"Dotenv\": supported values: \"Environment\", \"SalesforceCli\", \"PubSub\"",
        },
        Case {
            accepted: texts("/spec/secret/deletionPolicy", ["Delete", "Orphan"]),
            refused: texts("/spec/secret/deletionPolicy", ["Retain"]),
            complaint: "spec.secret.deletionPolicy: Unsupported value: \"Retain\": supported values: \"Delete\", \"Orphan\"",
        },
    ];
    cases.into_iter().chain(annotations()).collect()
}

fn annotations() -> Vec<Case> {
    let annotations = "/spec/secret/annotations";
    let one = |key: &str, value: &str| json!({ key: value });
    vec![
        Case {
            accepted: each(
                annotations,
                [
                    one("reloader.stakater.com/match", "true"),
                    one("note", "any text, ö"),
                ],
            ),
            refused: each(
                annotations,
                [
                    one("kubernetes.io/service-account.name", "admin"),
                    one("salesforce-connector.dev/connector-uid", "other"),
                ],
            ),
            complaint: "spec.secret.annotations: Invalid value: secret.annotations must not use keys of kubernetes.io, k8s.io, argoproj.io, helm.sh, fluxcd.io, emberstack.com, mittwald.de, external-secrets.io and salesforce-connector.dev: they are reserved for Kubernetes, the operator or other controllers",
        },
        Case {
            accepted: vec![],
            refused: each(annotations, [one("a b", "x")]),
            complaint: "spec.secret.annotations: Invalid value: secret.annotations must have keys of the form name or example.com/name: letters, digits, -, _ and ., at most 63 of them after the /",
        },
        Case {
            accepted: each(
                annotations,
                [json!({ "a": "x".repeat(4096), "b": "x".repeat(4094) })],
            ),
            refused: each(
                annotations,
                [json!({ "a": "x".repeat(4096), "b": "x".repeat(4095) })],
            ),
            complaint: "spec.secret.annotations: Invalid value: secret.annotations must have at most 8192 characters in all, keys included",
        },
    ]
}

#[tokio::test]
async fn rules_about_the_secret() {
    check("secret", secret()).await;
}

/// The names that the keys of the Secret may have.
fn keys_of_the_secret() -> Vec<Case<String>> {
    let fields = [
        "accessToken",
        "instanceUrl",
        "tokenType",
        "issuedAt",
        "orgId",
        "userId",
        "apiVersion",
    ];
    let renamed = |field: &str| (field.to_owned(), Value::from(format!("{field}.v1")));
    let all: Value = Value::Object(fields.iter().map(|field| renamed(field)).collect());
    let mut cases = vec![Case {
        accepted: vec![with("/spec/secret/keys", all)],
        refused: vec![],
        complaint: String::new(),
    }];
    cases.extend(fields.map(|field| Case {
        accepted: vec![],
        refused: vec![with(&format!("/spec/secret/keys/{field}"), "a b".into())],
        complaint: format!(
            "spec.secret.keys.{field}: Invalid value: secret.keys.{field} must be a valid key of a Secret: letters, digits, -, _ and ., not beginning with .."
        ),
    }));
    cases
}

#[tokio::test]
async fn every_key_of_the_secret_must_be_one_that_a_secret_can_have() {
    check("keys", keys_of_the_secret()).await;
}

fn inventory() -> Vec<Case> {
    let inventories = |values: &[Value]| each("/spec/inventory", values.iter().cloned());
    let counts = |names: Value| json!({ "recordCounts": names });
    let percent = |percent: i64| json!({ "limitWarningPercent": percent });
    vec![
        Case {
            accepted: inventories(&[
                json!({}),
                counts(json!([])),
                counts(json!(["Account", "ns__Invoice__c"])),
            ]),
            refused: inventories(&[counts(json!(["Account,Lead"])), counts(json!(["../Account"]))]),
            complaint: "spec.inventory.recordCounts: Invalid value: inventory.recordCounts must have one API name in each entry, such as Account or Invoice__c",
        },
        Case {
            accepted: vec![],
            refused: inventories(&[counts(json!(["Account", "Account"]))]),
            complaint: "spec.inventory.recordCounts[1]: Duplicate value: \"Account\"",
        },
        Case {
            accepted: inventories(&[percent(1), percent(100)]),
            refused: inventories(&[percent(0), percent(101)]),
            complaint: "spec.inventory.limitWarningPercent: Invalid value: inventory.limitWarningPercent must be from 1 to 100",
        },
        Case {
            accepted: inventories(&[json!({ "details": "ConfigMap" }), json!({ "details": "None" })]),
            refused: inventories(&[json!({ "details": "Secret" })]),
            complaint: "spec.inventory.details: Unsupported value: \"Secret\": supported values: \"ConfigMap\", \"None\"",
        },
    ]
}

#[tokio::test]
async fn rules_about_the_inventory() {
    check("inventory", inventory()).await;
}

fn rollout_targets() -> Vec<Case> {
    let lists = |values: &[Value]| each("/spec/rolloutRestartTargets", values.iter().cloned());
    let target = |kind: &str, name: &str| json!({ "kind": kind, "name": name });
    let web = || target("Deployment", "web");
    vec![
        Case {
            accepted: lists(&[
                json!([]),
                json!([web(), target("StatefulSet", "web"), target("DaemonSet", "a.b")]),
            ]),
            refused: lists(&[json!([target("CronJob", "web")])]),
            complaint: "spec.rolloutRestartTargets[0].kind: Unsupported value: \"CronJob\": supported values: \"Deployment\", \"StatefulSet\", \"DaemonSet\"",
        },
        Case {
            accepted: vec![],
            refused: lists(&[json!([target("Deployment", "../web")])]),
            complaint: "spec.rolloutRestartTargets[0].name: Invalid value: name must be a valid object name: lower-case letters, digits, - and .",
        },
        Case {
            accepted: vec![],
            refused: lists(&[json!([web(), web()])]),
            complaint: "spec.rolloutRestartTargets[1]: Duplicate value: {\"kind\":\"Deployment\",\"name\":\"web\"}",
        },
    ]
}

#[tokio::test]
async fn rules_about_the_workloads_to_restart() {
    check("rollouts", rollout_targets()).await;
}

fn sharing() -> Vec<Case> {
    let lists = |values: &[Value]| each("/spec/sharing", values.iter().cloned());
    let to = |names: &[&str]| json!({ "namespaces": names });
    vec![
        Case {
            accepted: lists(&[to(&[]), to(&["billing"]), to(&["a", "b-1"])]),
            refused: lists(&[to(&["Billing"]), to(&["a.b"]), to(&["-a"]), to(&["billing", "*"])]),
            complaint: "spec.sharing.namespaces: Invalid value: sharing.namespaces must have the name of one namespace in each entry: lower-case letters, digits and -",
        },
        Case {
            accepted: vec![],
            refused: lists(&[to(&["a", "b", "a"])]),
            complaint: "spec.sharing.namespaces[2]: Duplicate value: \"a\"",
        },
    ]
}

#[tokio::test]
async fn rules_about_sharing() {
    check("sharing", sharing()).await;
}

fn names() -> Vec<Case> {
    vec![Case {
        accepted: vec![with("/metadata/name", "n".repeat(63).into())],
        refused: vec![with("/metadata/name", "n".repeat(64).into())],
        complaint: "<nil>: Invalid value: metadata.name must have at most 63 characters: it becomes a label and part of the Secret's name",
    }]
}

#[tokio::test]
async fn a_connector_s_name_has_at_most_63_characters() {
    check("names", names()).await;
}

/// The one rule about a change, which no new object can break.
pub(super) const TYPE_STAYS: &str = "spec.secret.type: Forbidden: secret.type is immutable, because the type of a Secret is; choose a new secret.name and re-create the connector";

/// Every case of this file.
pub(super) fn all() -> Vec<Case<String>> {
    let fixed = [
        login_method(),
        white_space(),
        authorization_code(),
        app_and_references(),
        host_and_environment(),
        token_and_test(),
        secret(),
        inventory(),
        rollout_targets(),
        sharing(),
        names(),
    ];
    let fixed = fixed.into_iter().flatten().map(|case| Case {
        accepted: case.accepted,
        refused: case.refused,
        complaint: case.complaint.to_owned(),
    });
    fixed.chain(references()).chain(keys_of_the_secret()).collect()
}

#[tokio::test]
async fn the_type_of_the_secret_never_changes_while_its_name_may() {
    let cluster = cluster().await;
    let namespace = cluster.namespace("type").await;
    let _ = create(cluster, &namespace, &connector(), &[]).await.stdout();
    let patch = async |patch: Value| {
        let patch = format!("--patch={patch}");
        cluster
            .kubectl(&[
                "patch",
                "sfc",
                "crm",
                "--namespace",
                &namespace,
                "--type=merge",
                &patch,
            ])
            .await
    };
    let refusal = patch(json!({ "spec": { "secret": { "type": "acme.example/token" } } }))
        .await
        .refusal();
    assert!(refusal.contains(TYPE_STAYS), "{refusal}");
    let _ = patch(json!({ "spec": { "secret": { "name": "other" } } }))
        .await
        .stdout();
}

#[tokio::test]
async fn rules_about_signers() {
    let reference = json!({ "name": "key", "key": "tls.key" });
    let cases = vec![
        Case {
            accepted: vec![jwt(), by_signer()],
            refused: vec![
                changed(jwt(), "/spec/auth/jwtBearer/privateKeyRef", Value::Null),
                changed(by_signer(), "/spec/auth/jwtBearer/privateKeyRef", reference),
            ],
            complaint: "spec.auth.jwtBearer: Invalid value: exactly one of privateKeyRef and signer must be set",
        },
        Case {
            accepted: vec![by_signer()],
            refused: vec![changed(by_signer(), "/spec/auth/jwtBearer/signer", json!({}))],
            complaint: "spec.auth.jwtBearer.signer: Invalid value: exactly one kind of signer must be set: vaultTransit",
        },
        Case {
            accepted: signers(
                "address",
                [
                    "https://vault",
                    "https://vault.example.com",
                    "https://10.0.0.1:8200",
                ],
            ),
            refused: signers(
                "address",
                [
                    "http://vault.example.com",
                    "https://vault.example.com/",
                    "https://vault.example.com/v1/sys",
                    "https://user@vault.example.com",
                    "https://vault.example.com:8200?x=1",
                    "https://Vault.example.com",
                    "https://vault.example.com:0",
                ],
            ),
            complaint: "spec.auth.jwtBearer.signer.vaultTransit.address: Invalid value: address must be https://NAME or https://NAME:PORT, such as https://vault.example.com:8200, in lower case and without a path",
        },
        Case {
            accepted: signers("mount", ["transit", "team-a/transit", "a.b_c"]),
            refused: signers(
                "mount",
                [
                    "/transit", "transit/", "a//b", "../sys", "a/../b", "a?b", "a%2Fb", "a b",
                ],
            ),
            complaint: "spec.auth.jwtBearer.signer.vaultTransit.mount: Invalid value: mount must be a path without a leading or trailing slash, such as team-a/transit: letters, digits, -, _ and .",
        },
        Case {
            accepted: signers("keyName", ["crm", "crm.v2_x-1"]),
            refused: signers("keyName", ["a/b", "..", "crm?", "crm#", "-crm", "crm%2F"]),
            complaint: "spec.auth.jwtBearer.signer.vaultTransit.keyName: Invalid value: keyName must have letters, digits, -, _ and . only, and begin and end with a letter or digit",
        },
        Case {
            accepted: signers("namespace", ["admin", "admin/team-a"]),
            refused: signers("namespace", ["../x", "a b", "x/"]),
            complaint: "spec.auth.jwtBearer.signer.vaultTransit.namespace: Invalid value: namespace must be a path without a leading or trailing slash, such as team-a/transit: letters, digits, -, _ and .",
        },
    ];
    check("signers", cases).await;
}
