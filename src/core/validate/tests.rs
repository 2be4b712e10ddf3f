mod credentials;
mod digests;
mod signers;

use serde_json::{Value, json};

use std::collections::BTreeSet;

use super::signer::check_signer;
use super::*;
use crate::api::Reason;
use crate::api::spec::ExpectSpec;
use crate::core::model::connector::Credentials;
use crate::core::model::inputs::{Input, references};
use crate::core::testing::fixtures;
use crate::core::testing::fixtures::{connector, inputs, jwt, key, now, password, spec};
use salesforce_client::{ClientSecret, RefreshToken, TokenRequest};
use secrecy::SecretString;

fn check(spec: &SalesforceConnectorSpec) -> Result<(Connector, Method), Rejection> {
    validate(
        "crm",
        "uid",
        spec,
        &inputs(spec),
        &HostAllowList::default(),
        &key(),
    )
}

/// The token request of a connector that logs in.
fn request(spec: &SalesforceConnectorSpec) -> Option<TokenRequest> {
    match fixtures::checked(spec).1 {
        Method::Login(method) => method.start(now()).request(),
        Method::Grant(_) => None,
    }
}

fn rejected(fields: Value) -> (Reason, String) {
    let rejection = check(&spec(fields)).unwrap_err();
    (rejection.reason, rejection.subject)
}

fn sandbox(fields: Value) -> Value {
    let mut all = json!({ "environment": "Sandbox", "host": "acme--uat.sandbox.my.salesforce.com" });
    let Value::Object(fields) = fields else {
        panic!("fields of a spec")
    };
    all.as_object_mut().unwrap().extend(fields);
    all
}

#[test]
fn ten_lines_make_a_whole_connector() {
    let checked = connector(&spec(json!({})));
    assert_eq!(checked.host.name(), "acme.my.salesforce.com");
    let app = App {
        client_id: "3MVG9".into(),
        client_secret: Some(ClientSecret::new("crm-app/client-secret".into())),
    };
    assert_eq!(checked.app, app);
    assert_eq!(request(&spec(json!({}))), Some(TokenRequest::ClientCredentials));
    assert_eq!(checked.template.name, "crm-salesforce");
    assert_eq!(
        (
            checked.environment,
            checked.expect.clone(),
            checked.lifetime,
            checked.renew_before
        ),
        (Environment::Live, ExpectSpec::default(), None, None)
    );
    assert_eq!(
        (
            checked.test_interval,
            checked.test_timeout,
            checked.api_version.as_str()
        ),
        (Duration::from_mins(15), Duration::from_secs(30), "66.0")
    );
}

#[test]
fn what_is_declared_is_taken_over() {
    let checked = connector(&spec(json!({
        "token": { "lifetime": "1h30m", "renewBefore": "10m" },
        "connectionTest": { "interval": "5m", "timeout": "10s", "apiVersion": "65.0" },
        "expect": { "organizationId": fixtures::ORGANIZATION, "username": "robot@acme.example" },
    })));
    let expect = ExpectSpec {
        organization_id: Some(fixtures::ORGANIZATION.into()),
        username: Some("robot@acme.example".into()),
    };
    assert_eq!(
        (
            checked.lifetime,
            checked.renew_before,
            checked.test_interval,
            checked.test_timeout
        ),
        (
            Some(Duration::from_mins(90)),
            Some(Duration::from_mins(10)),
            Duration::from_mins(5),
            Duration::from_secs(10)
        )
    );
    assert_eq!(
        (checked.expect.clone(), checked.api_version.as_str()),
        (expect, "65.0")
    );
}

#[test]
fn without_a_host_the_environment_chooses_the_shared_one() {
    for (environment, host) in [
        ("Live", "login.salesforce.com"),
        ("Sandbox", "test.salesforce.com"),
    ] {
        let spec = spec(json!({ "host": null, "environment": environment, "auth": jwt() }));
        assert_eq!(connector(&spec).host.name(), host);
    }
}

#[test]
fn jwt_bearer_presents_the_key_to_the_audience_of_the_environment() {
    let site = json!({ "jwtBearer": {
        "username": "robot@acme.example", "privateKeyRef": { "name": "key", "key": "tls.key" },
        "audience": "https://acme.my.site.com",
    } });
    for (fields, audience) in [
        (json!({ "auth": jwt() }), Audience::Login),
        (sandbox(json!({ "auth": jwt() })), Audience::Test),
        (
            json!({ "auth": site }),
            Audience::Other("https://acme.my.site.com".into()),
        ),
    ] {
        let wanted = TokenRequest::JwtBearer {
            username: "robot@acme.example".into(),
            private_key: salesforce_client::PrivateKeyPem::new("key/tls.key".into()),
            audience,
            now: now(),
        };
        assert_eq!(request(&spec(fields)), Some(wanted));
    }
}

#[test]
fn an_assertion_is_signed_for_allowed_hosts_only() {
    for (audience, expected) in [
        ("https://acme.my.site.com/customers", Ok(())),
        ("https://sf.example.com", Ok(())),
        ("https://evil.example", Err(Refusal::HostNotAllowed.into())),
        (
            "https://login.salesforce.com@evil.example",
            Err(Refusal::HostNotAllowed.into()),
        ),
        ("https://", Err(Refusal::HostNotAllowed.into())),
    ] {
        let spec = spec(json!({ "auth": { "jwtBearer": {
            "username": "robot@acme.example", "privateKeyRef": { "name": "key", "key": "tls.key" }, "audience": audience,
        } } }));
        let list = HostAllowList::with_extra(["sf.example.com"]).unwrap();
        let checked = validate("crm", "uid", &spec, &inputs(&spec), &list, &key());
        assert_eq!(
            checked.map(drop).map_err(|rejection| rejection.reason),
            expected,
            "{audience}"
        );
    }
}

#[test]
fn password_presents_user_password_and_security_token() {
    let checked = connector(&spec(json!({ "auth": password() })));
    let wanted = TokenRequest::Password {
        username: "robot@acme.example".into(),
        password: Password::new("user/password".into()),
        security_token: Some(SecurityToken::new("user/security-token".into())),
    };
    assert_eq!(request(&spec(json!({ "auth": password() }))), Some(wanted));
    assert_eq!(checked.username_display, UsernameDisplay::Shown);
}

#[test]
fn a_username_that_comes_by_reference_is_hidden() {
    let auth = json!({ "password": {
        "usernameRef": { "name": "user", "key": "name" }, "passwordRef": { "name": "user", "key": "password" },
    } });
    let (checked, method) = fixtures::checked(&spec(json!({ "auth": auth })));
    assert_eq!(checked.username_display, UsernameDisplay::Hidden);
    let Method::Login(LoginMethod::Password(login)) = method else {
        panic!("password")
    };
    assert_eq!(
        (login.username.as_str(), login.security_token),
        ("user/name", None)
    );
}

#[test]
fn authorization_code_works_with_and_without_a_bootstrap_token() {
    let brought = |fields: Value, inputs: &Inputs| {
        let spec = spec(json!({ "auth": { "authorizationCode": fields } }));
        let checked = validate("crm", "uid", &spec, inputs, &HostAllowList::default(), &key()).unwrap();
        match checked.1 {
            Method::Grant(settings) => settings.bootstrap,
            other @ Method::Login(_) => panic!("{other:?}"),
        }
    };
    let bootstrap = json!({ "bootstrap": { "refreshTokenRef": { "name": "brought", "key": "token" } } });
    let with_all = inputs(&spec(json!({ "auth": { "authorizationCode": bootstrap } })));
    let token = RefreshToken::new("brought/token".into());
    assert_eq!(brought(bootstrap.clone(), &with_all), Some(token));
    assert_eq!(brought(json!({}), &with_all), None);
    // After the import its Secret can be deleted.
    let deleted = inputs(&spec(json!({})));
    assert_eq!(brought(bootstrap, &deleted), None);
    assert_eq!(
        brought(
            json!({ "bootstrap": { "sfdxAuthUrlRef": { "name": "x", "key": "y" } } }),
            &deleted
        ),
        None
    );
}

#[test]
fn hosts_that_may_not_be_sent_credentials_are_refused() {
    for (host, reason, particulars) in [
        (
            "acme.example",
            Refusal::HostNotAllowed.into(),
            "spec.host: acme.example is not one of Salesforce's domains and not among the allowed hosts",
        ),
        (
            "salesforce.com.acme.example",
            Refusal::HostNotAllowed.into(),
            "spec.host: salesforce.com.acme.example is not one of Salesforce's domains and not among the allowed hosts",
        ),
        (
            "acme.lightning.force.com",
            Refusal::HostNotAllowed.into(),
            "spec.host: acme.lightning.force.com is a user interface host; use the org's My Domain (Setup > My Domain), such as acme.my.salesforce.com",
        ),
        (
            "https://acme.my.salesforce.com",
            Reason::from(OwnReason::HostInvalid),
            "spec.host: host must be a host name alone, without https:// and without a path, for example acme.my.salesforce.com",
        ),
    ] {
        assert_eq!(
            rejected(json!({ "host": host })),
            (reason, particulars.to_owned())
        );
    }
}

#[test]
fn an_administrator_can_allow_further_hosts() {
    let spec = spec(json!({ "host": "sf.acme.example" }));
    let allowed = HostAllowList::with_extra(["*.acme.example"]).unwrap();
    assert!(validate("crm", "uid", &spec, &inputs(&spec), &allowed, &key()).is_ok());
}

#[test]
fn each_missing_input_is_named_by_its_field() {
    let app = json!({
        "clientIdRef": { "name": "a", "key": "id" }, "clientSecretRef": { "name": "b", "key": "secret" },
    });
    let user = json!({ "password": {
        "usernameRef": { "name": "c", "key": "name" }, "passwordRef": { "name": "d", "key": "password" },
        "securityTokenRef": { "name": "e", "key": "token" },
    } });
    let all = |auth: Value| spec(json!({ "app": app, "auth": auth }));
    let (with_password, with_key) = (all(user.clone()), all(jwt()));
    for (spec, field, secret, key_name) in [
        (&with_password, "spec.app.clientIdRef", "a", "id"),
        (&with_password, "spec.app.clientSecretRef", "b", "secret"),
        (&with_password, "spec.auth.password.usernameRef", "c", "name"),
        (&with_password, "spec.auth.password.passwordRef", "d", "password"),
        (
            &with_password,
            "spec.auth.password.securityTokenRef",
            "e",
            "token",
        ),
        (&with_key, "spec.auth.jwtBearer.privateKeyRef", "key", "tls.key"),
    ] {
        let reference = references(spec)
            .into_iter()
            .find(|reference| reference.name == secret)
            .unwrap();
        for (input, wanted) in [
            (
                Input::SecretMissing,
                Rejection::new(
                    OwnReason::InputSecretMissing,
                    format!("{field}: Secret \"{secret}\""),
                ),
            ),
            (
                Input::KeyMissing,
                Rejection::new(
                    OwnReason::InputKeyMissing,
                    format!("{field}: Secret \"{secret}\", key \"{key_name}\""),
                ),
            ),
        ] {
            let mut inputs = inputs(spec);
            inputs.insert(reference, input);
            let found = validate("crm", "uid", spec, &inputs, &HostAllowList::default(), &key());
            assert_eq!(found.unwrap_err(), wanted);
        }
    }
}

#[test]
fn a_bootstrap_secret_that_is_there_and_can_not_be_read_is_named() {
    for (field, name) in [("refreshTokenRef", "token"), ("sfdxAuthUrlRef", "authFile.json")] {
        let auth =
            json!({ "authorizationCode": { "bootstrap": { field: { "name": "boot", "key": name } } } });
        let spec = spec(json!({ "auth": auth }));
        let reference = references(&spec)
            .into_iter()
            .find(|it| it.name == "boot")
            .unwrap();
        let place = format!("spec.auth.authorizationCode.bootstrap.{field}: Secret \"boot\", key \"{name}\"");
        let utf16 = Input::read(Some(&[0xff, 0xfe, b'f', 0]));
        for (input, fault) in [
            (Input::SecretMissing, None),
            (
                Input::KeyMissing,
                Some(Rejection::new(OwnReason::InputKeyMissing, &place)),
            ),
            (
                utf16,
                Some(Rejection::new(
                    OwnReason::InputNotText,
                    format!("{place}: 4 bytes of UTF-16 text; save it as UTF-8"),
                )),
            ),
        ] {
            let mut inputs = inputs(&spec);
            inputs.insert(reference, input);
            let (_, method) =
                validate("crm", "uid", &spec, &inputs, &HostAllowList::default(), &key()).unwrap();
            let Method::Grant(settings) = method else {
                panic!("a stored grant")
            };
            assert_eq!((settings.bootstrap.is_none(), settings.fault), (true, fault));
        }
    }
}

#[test]
fn an_input_that_is_too_long_is_refused_with_field_limit_and_size() {
    let with_password = spec(json!({
        "app": {
            "clientIdRef": { "name": "a", "key": "id" },
            "clientSecretRef": { "name": "b", "key": "secret" },
        },
        "auth": { "password": {
            "usernameRef": { "name": "c", "key": "name" },
            "passwordRef": { "name": "d", "key": "password" },
            "securityTokenRef": { "name": "e", "key": "token" },
        } },
    }));
    let with_key = spec(json!({ "auth": { "jwtBearer": {
        "username": "robot@acme.example",
        "privateKeyRef": { "name": "key", "key": "tls.key" },
    } } }));
    for (spec, field, secret, limit) in [
        (&with_password, "spec.app.clientIdRef", "a", 512),
        (&with_password, "spec.app.clientSecretRef", "b", 1024),
        (&with_password, "spec.auth.password.usernameRef", "c", 80),
        (&with_password, "spec.auth.password.passwordRef", "d", 512),
        (&with_password, "spec.auth.password.securityTokenRef", "e", 512),
        (&with_key, "spec.auth.jwtBearer.privateKeyRef", "key", 16_384),
    ] {
        let mut references = references(spec).into_iter();
        let reference = references.find(|reference| reference.name == secret).unwrap();
        let long = SecretString::from("x".repeat(limit + 1));
        for (input, bytes) in [
            (Input::Found(long), limit + 1),
            (Input::TooLong(1 << 20), 1 << 20),
        ] {
            let mut inputs = inputs(spec);
            inputs.insert(reference, input);
            let found = validate("crm", "uid", spec, &inputs, &HostAllowList::default(), &key());
            let subject = format!("{field}: {bytes} bytes, at most {limit} are allowed");
            assert_eq!(
                found.unwrap_err(),
                Rejection::new(OwnReason::InputTooLong, subject)
            );
        }
    }
}

#[test]
fn password_and_security_token_share_one_limit() {
    let spec = spec(json!({ "auth": { "password": {
        "username": "robot@acme.example",
        "passwordRef": { "name": "d", "key": "password" },
        "securityTokenRef": { "name": "e", "key": "token" },
    } } }));
    let mut inputs = inputs(&spec);
    let of_password = references(&spec).into_iter().find(|it| it.name == "d").unwrap();
    inputs.insert(of_password, Input::Found(SecretString::from("x".repeat(512))));
    let found = validate("crm", "uid", &spec, &inputs, &HostAllowList::default(), &key());
    assert_eq!(found.unwrap_err().reason, OwnReason::InputTooLong.into());
}

#[test]
fn a_bootstrap_token_that_is_too_long_is_a_fault_and_not_a_missing_one() {
    for (field, name) in [
        (
            "refreshTokenRef",
            "spec.auth.authorizationCode.bootstrap.refreshTokenRef",
        ),
        (
            "sfdxAuthUrlRef",
            "spec.auth.authorizationCode.bootstrap.sfdxAuthUrlRef",
        ),
    ] {
        let spec = spec(json!({ "auth": { "authorizationCode": { "bootstrap": {
            field: { "name": "brought", "key": "token" },
        } } } }));
        let mut inputs = inputs(&spec);
        inputs.insert(references(&spec).pop().unwrap(), Input::TooLong(1 << 20));
        let checked = validate("crm", "uid", &spec, &inputs, &HostAllowList::default(), &key());
        let Method::Grant(settings) = checked.unwrap().1 else {
            panic!("a grant")
        };
        let subject = format!("{name}: 1048576 bytes, at most 8192 are allowed");
        assert_eq!(
            (settings.bootstrap, settings.fault),
            (None, Some(Rejection::new(OwnReason::InputTooLong, subject)))
        );
    }
}

#[test]
fn what_the_api_server_would_have_refused_is_no_panic() {
    let no_id = json!({ "app": { "clientSecretRef": { "name": "a", "key": "b" } } });
    let wanted = (
        Reason::from(OwnReason::InputKeyMissing),
        "spec.app.clientId".to_owned(),
    );
    assert_eq!(rejected(no_id), wanted);
    let no_user = json!({ "auth": { "password": { "passwordRef": { "name": "a", "key": "b" } } } });
    let wanted = (
        Reason::from(OwnReason::InputKeyMissing),
        "spec.auth.password.username".to_owned(),
    );
    assert_eq!(rejected(no_user), wanted);
}

#[test]
fn two_data_keys_of_one_name_are_refused() {
    let colliding = json!({ "secret": { "keys": { "orgId": "id", "userId": "id" } } });
    assert_eq!(
        rejected(colliding),
        (
            Reason::from(OwnReason::SecretKeysCollide),
            "spec.secret.keys: \"id\"".to_owned()
        )
    );
}

#[test]
fn an_auth_url_of_another_org_is_refused() {
    let spec = spec(json!({ "auth": { "authorizationCode": { "bootstrap": {
        "sfdxAuthUrlRef": { "name": "brought", "key": "url" },
    } } } }));
    let mut inputs = inputs(&spec);
    let reference = references(&spec).pop().unwrap();
    let url = SecretString::from("force://3MVG9:s:5Aep@other.my.salesforce.com");
    inputs.insert(reference, Input::Found(url));
    let checked = validate("crm", "uid", &spec, &inputs, &HostAllowList::default(), &key()).unwrap();
    let Method::Grant(settings) = checked.1 else {
        panic!("{:?}", checked.1)
    };
    let expected = Rejection::new(
        OwnReason::SfdxAuthUrlMismatch,
        "spec.auth.authorizationCode.bootstrap.sfdxAuthUrlRef: its host is not acme.my.salesforce.com",
    );
    assert_eq!((settings.bootstrap, settings.fault), (None, Some(expected)));
}

#[test]
fn debug_of_a_connector_shows_no_secret() {
    for auth in [json!({ "clientCredentials": {} }), jwt(), password()] {
        let text = format!("{:?}", connector(&spec(json!({ "auth": auth }))));
        for secret in [
            "crm-app/client-secret",
            "key/tls.key",
            "user/password",
            "user/security-token",
        ] {
            assert!(!text.contains(secret), "{text}");
        }
    }
}
