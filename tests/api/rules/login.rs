//! Which methods, apps and hosts may a connector name?

use super::*;

pub(super) fn login_method() -> Vec<Case> {
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

pub(super) fn authorization_code() -> Vec<Case> {
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
pub(super) fn white_space() -> Vec<Case> {
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

pub(super) fn app_and_references() -> Vec<Case> {
    let reference = json!({ "name": "s", "key": "k" });
    let by_reference = containing("/spec/app/clientIdRef");
    let one_of_both = vec![Case {
        accepted: vec![by_reference],
        refused: vec![
            with("/spec/app/clientId", Value::Null),
            with("/spec/app/clientIdRef", reference.clone()),
        ],
        complaint: "spec.app: Invalid value: exactly one of clientId and clientIdRef must be set",
    }];
    [one_of_both, previous_credentials(&reference), rotation()].concat()
}

fn rotation() -> Vec<Case> {
    let good = json!({ "appId": "0xIxx0000000001AAA" });
    let without = |pointer: &str, value: Value| changed(rotating(good.clone()), pointer, value);
    let by_jwt = changed(
        rotating(good.clone()),
        "/spec/auth",
        json!({ "jwtBearer": { "username": "u@acme.example", "privateKeyRef": { "name": "key", "key": "tls.key" } } }),
    );
    let by_password = json!({ "password": { "username": "u@acme.example", "passwordRef": { "name": "user", "key": "password" } } });
    vec![
        Case {
            accepted: vec![rotating(good.clone()), by_jwt],
            refused: vec![
                without("/spec/auth", by_password),
                without("/spec/auth", json!({ "authorizationCode": {} })),
            ],
            complaint: "spec.app.rotation: Invalid value: app.rotation can be used with clientCredentials and jwtBearer only: an external client app has no username-password flow, and a refresh token belongs to the consumer key that it was issued for",
        },
        Case {
            accepted: vec![],
            refused: vec![
                with("/spec/app/rotation", good.clone()),
                without("/spec/app/clientIdRef/name", "other".into()),
                without("/spec/app/clientIdRef/key", "client-secret".into()),
            ],
            complaint: "spec.app.rotation: Invalid value: app.rotation needs app.clientIdRef and app.clientSecretRef, which name two keys of one Secret: a rotation changes the consumer key and the secret together",
        },
        Case {
            accepted: vec![],
            refused: vec![without(
                "/spec/app/previousCredentials",
                json!({ "clientSecretRef": { "name": "app", "key": "former" } }),
            )],
            complaint: "spec.app.previousCredentials: Invalid value: app.rotation and app.previousCredentials are mutually exclusive: the operator keeps the previous credentials itself",
        },
        Case {
            accepted: vec![rotating(json!({ "appId": "0xIxx0000000001" }))],
            refused: ["3MVG9Green", "0xIxx0000000001A", ""]
                .map(|id| rotating(json!({ "appId": id })))
                .into(),
            complaint: "spec.app.rotation.appId: Invalid value: app.rotation.appId must have 15 or 18 letters and digits and begin with 0x: it is the ID of the external client app, not the consumer key",
        },
        Case {
            accepted: ["744h", "8760h"]
                .map(|interval| rotating(json!({ "appId": "0xIxx0000000001", "interval": interval })))
                .into(),
            refused: ["743h", "8761h", "90d"]
                .map(|interval| rotating(json!({ "appId": "0xIxx0000000001", "interval": interval })))
                .into(),
            complaint: "spec.app.rotation.interval: Invalid value: app.rotation.interval must be a duration from 744h to 8760h, written like 90s, 15m or 1h30m",
        },
    ]
}

fn previous_credentials(reference: &Value) -> Vec<Case> {
    let place = "/spec/app/previousCredentials";
    let without_secret = |previous: Value| {
        let app = changed(jwt(), "/spec/app/clientSecretRef", Value::Null);
        changed(app, place, previous)
    };
    vec![
        Case {
            accepted: vec![
                rotated(json!({ "clientSecretRef": reference })),
                rotated(json!({ "clientId": "3MVG9Former", "clientSecretRef": reference })),
                rotated(json!({ "clientIdRef": reference, "clientSecretRef": reference })),
                without_secret(json!({ "clientId": "3MVG9Former" })),
            ],
            refused: vec![
                rotated(json!({ "clientId": "3MVG9Former" })),
                without_secret(json!({ "clientSecretRef": reference })),
            ],
            complaint: "spec.app.previousCredentials.clientSecretRef: Invalid value: app.previousCredentials.clientSecretRef must be set if app.clientSecretRef is set, and only then",
        },
        Case {
            accepted: vec![],
            refused: vec![rotated(
                json!({ "clientId": "3MVG9Former", "clientIdRef": reference, "clientSecretRef": reference }),
            )],
            complaint: "spec.app.previousCredentials: Invalid value: at most one of clientId and clientIdRef can be set",
        },
        Case {
            accepted: vec![],
            refused: vec![without_secret(json!({}))],
            complaint: "spec.app.previousCredentials: Invalid value: at least one of clientId, clientIdRef and clientSecretRef must be set",
        },
        Case {
            accepted: vec![changed(jwt(), place, json!({ "clientSecretRef": reference }))],
            refused: vec![changed(
                code(json!({})),
                place,
                json!({ "clientSecretRef": reference }),
            )],
            complaint: "spec.app.previousCredentials: Invalid value: app.previousCredentials can't be used with authorizationCode, because a refresh token belongs to the consumer key that it was issued for: remove it, and log in again when you have rotated the credentials",
        },
        Case {
            accepted: vec![],
            refused: vec![rotated(
                json!({ "clientId": "3MVG9 Former", "clientSecretRef": reference }),
            )],
            complaint: "spec.app.previousCredentials.clientId: Invalid value: app.previousCredentials.clientId must not contain white space: remove blanks and line breaks, such as the one that a YAML block scalar (|) adds",
        },
    ]
}

/// The names and keys of every reference.
pub(super) fn references() -> Vec<Case<String>> {
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

pub(super) fn host_and_environment() -> Vec<Case> {
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
