//! What do the digests of a connector cover?

use super::*;

#[test]
fn the_digest_of_an_attempt_tells_nothing_of_values_that_came_in_different_ways() {
    let digest = |uid: &str, app: Value, value: &str| {
        let spec = spec(json!({ "app": app }));
        let mut inputs = Inputs::default();
        for reference in references(&spec) {
            inputs.insert(reference, Input::Found(SecretString::from(value)));
        }
        let checked = validate("crm", uid, &spec, &inputs, &HostAllowList::default(), &key());
        checked.unwrap().0.attempt_digest
    };
    let secret = json!({ "name": "db", "key": "password" });
    let referred = json!({ "clientIdRef": &secret, "clientSecretRef": &secret });
    let guessed = json!({ "clientId": "summer2026", "clientSecretRef": &secret });
    let elsewhere = json!({
        "clientIdRef": { "name": "other", "key": "password" },
        "clientSecretRef": &secret,
    });
    let base = digest("uid", referred.clone(), "summer2026");
    assert_eq!(base, digest("uid", referred.clone(), "summer2026"));
    assert_ne!(base, digest("uid", guessed, "summer2026"), "a guess");
    assert_ne!(base, digest("uid", elsewhere, "summer2026"), "another Secret");
    assert_ne!(base, digest("other", referred, "summer2026"), "another connector");
}

#[test]
fn the_digest_of_inputs_covers_what_determines_the_token_and_nothing_else() {
    let base = connector(&spec(json!({}))).inputs_digest.clone();
    for same in [
        json!({ "displayName": "CRM", "suspend": true, "environment": "Sandbox" }),
        json!({ "secret": { "name": "other", "labels": { "team": "crm" } } }),
        json!({ "token": { "lifetime": "1h" }, "connectionTest": { "apiVersion": "65.0" } }),
        json!({ "expect": { "username": "robot@acme.example" } }),
    ] {
        assert_eq!(connector(&spec(same.clone())).inputs_digest, base, "{same}");
    }
    let mut digests = vec![base];
    let other_key = json!({ "jwtBearer": {
        "username": "robot@acme.example", "privateKeyRef": { "name": "key", "key": "other" },
    } });
    let other_user = json!({ "jwtBearer": {
        "username": "other@acme.example", "privateKeyRef": { "name": "key", "key": "tls.key" },
    } });
    for different in [
        json!({ "host": "other.my.salesforce.com" }),
        json!({ "app": { "clientId": "3MVG8", "clientSecretRef": { "name": "crm-app", "key": "client-secret" } } }),
        json!({ "app": { "clientId": "3MVG9", "clientSecretRef": { "name": "crm-app", "key": "other" } } }),
        json!({ "auth": { "authorizationCode": {} } }),
        json!({ "auth": jwt() }),
        json!({ "auth": other_key }),
        json!({ "auth": other_user }),
        json!({ "auth": password() }),
    ] {
        let digest = connector(&spec(different.clone())).inputs_digest.clone();
        assert!(!digests.contains(&digest), "{different}");
        digests.push(digest);
    }
}

#[test]
fn the_digest_of_an_attempt_also_covers_what_the_token_is_checked_against() {
    let base = connector(&spec(json!({}))).attempt_digest.clone();
    let same = connector(&spec(json!({ "secret": { "name": "other" } })))
        .attempt_digest
        .clone();
    assert_eq!(same, base);
    let mut digests = vec![base];
    for different in [
        json!({ "environment": "Sandbox" }),
        json!({ "expect": { "organizationId": fixtures::ORGANIZATION } }),
        json!({ "expect": { "username": "robot@acme.example" } }),
        json!({ "connectionTest": { "apiVersion": "65.0" } }),
        json!({ "host": "other.my.salesforce.com" }),
    ] {
        let digest = connector(&spec(different.clone())).attempt_digest.clone();
        assert!(!digests.contains(&digest), "{different}");
        digests.push(digest);
    }
}

#[test]
fn a_refused_password_is_known_again_whoever_brings_it_to_whichever_host() {
    let login = |username: &str, password: &str, token: Option<&str>| PasswordLogin {
        username: username.into(),
        password: Password::new(password.into()),
        security_token: token.map(|token| SecurityToken::new(token.into())),
    };
    let known = |login: &PasswordLogin| (login.user_digest(&key()), login.password_id("sales", &key()));
    let base = known(&login("robot@acme.example", "pw", None));
    assert_eq!(known(&login("Robot@Acme.example", "pw", None)), base);
    for other in [
        login("robot@acme.example", "pw2", None),
        login("robot@acme.example", "pw", Some("t")),
    ] {
        let (user, password) = known(&other);
        assert_eq!(user, base.0);
        assert_ne!(password, base.1);
    }
    assert_ne!(known(&login("other@acme.example", "pw", None)).0, base.0);
}
