use std::collections::BTreeMap;

use serde_json::json;

use super::*;
use crate::api::Reason;
use crate::core::model::held_token::Expiration;
use crate::core::secret::merge::in_step;
use crate::core::secret::read_back::read_back;
use crate::core::testing::fixtures;
use crate::core::testing::fixtures::{ORGANIZATION, USER, connector, held, key, owner, spec};

fn template(secret: &serde_json::Value) -> Result<Template, Rejection> {
    Template::new("crm", &spec(json!({ "secret": secret })))
}

fn a_token() -> HeldToken {
    held(&connector(&spec(json!({}))))
}

fn rendered(secret: &serde_json::Value) -> Secret {
    template(secret).unwrap().render(&owner(), &a_token(), &key())
}

fn data(secret: &Secret) -> BTreeMap<String, String> {
    let text = |bytes: &ByteString| String::from_utf8(bytes.0.clone()).unwrap();
    secret
        .data
        .iter()
        .flatten()
        .map(|(name, bytes)| (name.clone(), text(bytes)))
        .collect()
}

fn map<const N: usize>(entries: [(&str, &str); N]) -> BTreeMap<String, String> {
    entries
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
}

#[test]
fn the_secret_says_all_that_a_reader_and_the_operator_need() {
    let secret = rendered(&json!({}));
    let token_digest = token_digest(&key(), &owner().uid, &a_token());
    let inputs_digest = connector(&spec(json!({}))).inputs_digest.clone();
    assert_eq!(
        data(&secret),
        map([
            ("access_token", "00Dx!token-1"),
            ("instance_url", "https://acme.my.salesforce.com"),
            ("token_type", "Bearer"),
            ("issued_at", "2026-11-22T10:00:00Z"),
            ("org_id", ORGANIZATION),
            ("user_id", USER),
            ("api_version", "66.0"),
        ])
    );
    let metadata = ObjectMeta {
        name: Some("crm-salesforce".into()),
        namespace: Some("sales".into()),
        labels: Some(map([
            ("app.kubernetes.io/managed-by", "salesforce-connector-operator"),
            ("salesforce-connector.dev/connector", "crm"),
        ])),
        annotations: Some(map([
            ("salesforce-connector.dev/connector-uid", &owner().uid),
            ("salesforce-connector.dev/issue-time", "2026-11-22T10:00:00Z"),
            ("salesforce-connector.dev/expiration-time", "2026-11-22T12:00:00Z"),
            ("salesforce-connector.dev/expiry-source", "Introspected"),
            ("salesforce-connector.dev/renewal", "Ahead"),
            (
                "salesforce-connector.dev/identity",
                "00Dx0000000BV7zEAG/005x00000012Q9PAAU",
            ),
            (
                "salesforce-connector.dev/instance-url",
                "https://acme.my.salesforce.com",
            ),
            ("salesforce-connector.dev/scopes", "api refresh_token"),
            ("salesforce-connector.dev/inputs-digest", inputs_digest.as_str()),
            ("salesforce-connector.dev/token-digest", token_digest.as_str()),
        ])),
        owner_references: Some(vec![OwnerReference {
            api_version: "salesforce-connector.dev/v1alpha1".into(),
            kind: "SalesforceConnector".into(),
            name: "crm".into(),
            uid: owner().uid,
            controller: Some(true),
            block_owner_deletion: None,
        }]),
        ..ObjectMeta::default()
    };
    assert_eq!(
        (secret.metadata, secret.type_, secret.immutable),
        (metadata, Some("Opaque".into()), None)
    );
}

#[test]
fn the_user_s_name_type_labels_and_annotations_are_added() {
    let secret = rendered(&json!({
        "name": "token", "type": "acme.example/salesforce",
        "labels": { "team": "crm" }, "annotations": { "acme.example/reload": "true" },
    }));
    assert_eq!(secret.metadata.name.as_deref(), Some("token"));
    assert_eq!(secret.type_.as_deref(), Some("acme.example/salesforce"));
    assert_eq!(secret.metadata.labels.unwrap()["team"], "crm");
    assert_eq!(
        secret.metadata.annotations.unwrap()["acme.example/reload"],
        "true"
    );
}

#[test]
fn the_operator_s_own_labels_and_annotations_win() {
    let secret = rendered(&json!({
        "labels": { names::MANAGED_BY: "me" }, "annotations": { names::CONNECTOR_UID: "another" },
    }));
    assert_eq!(
        secret.metadata.labels.unwrap()[names::MANAGED_BY],
        names::MANAGED_BY_VALUE
    );
    assert_eq!(
        secret.metadata.annotations.unwrap()[names::CONNECTOR_UID],
        owner().uid
    );
}

#[test]
fn keys_can_be_renamed_and_formats_added() {
    let secret = rendered(&json!({
        "keys": {
            "accessToken": "token", "instanceUrl": "url", "tokenType": "kind", "issuedAt": "from", "orgId": "org",
            "userId": "user", "apiVersion": "version",
        },
        "formats": ["Environment", "SalesforceCli", "PubSub"],
    }));
    assert_eq!(
        data(&secret),
        map([
            ("token", "00Dx!token-1"),
            ("url", "https://acme.my.salesforce.com"),
            ("kind", "Bearer"),
            ("from", "2026-11-22T10:00:00Z"),
            ("org", ORGANIZATION),
            ("user", USER),
            ("version", "66.0"),
            ("SALESFORCE_ACCESS_TOKEN", "00Dx!token-1"),
            ("SALESFORCE_INSTANCE_URL", "https://acme.my.salesforce.com"),
            ("SF_ACCESS_TOKEN", "00Dx!token-1"),
            ("SF_ORG_INSTANCE_URL", "https://acme.my.salesforce.com"),
            ("accesstoken", "00Dx!token-1"),
            ("instanceurl", "https://acme.my.salesforce.com"),
            ("tenantid", ORGANIZATION),
        ])
    );
}

#[test]
fn two_values_never_share_a_key() {
    for (secret, key) in [
        (json!({ "keys": { "orgId": "same", "userId": "same" } }), "same"),
        (json!({ "keys": { "orgId": "access_token" } }), "access_token"),
        (
            json!({ "keys": { "userId": "tenantid" }, "formats": ["PubSub"] }),
            "tenantid",
        ),
    ] {
        let rejection = Rejection {
            reason: Reason::Own(OwnReason::SecretKeysCollide),
            subject: format!("spec.secret.keys: \"{key}\""),
        };
        assert_eq!(template(&secret), Err(rejection));
    }
    let swapped = json!({ "keys": { "orgId": "user_id", "userId": "org_id" } });
    assert_eq!(data(&rendered(&swapped))["org_id"], USER);
}

#[test]
fn an_orphan_has_no_owner_reference() {
    let orphan = rendered(&json!({ "deletionPolicy": "Orphan" }));
    assert_eq!(orphan.metadata.owner_references, None);
    assert_eq!(
        orphan.metadata.annotations.unwrap()[names::CONNECTOR_UID],
        owner().uid
    );
}

#[test]
fn a_token_is_read_back_from_any_template_with_all_that_is_known_of_it() {
    let token = HeldToken {
        serial: Some(7),
        scopes: vec![],
        expiration: Expiration {
            time: fixtures::after(900),
            source: ExpirySource::Declared,
            renewal: Renewal::AtExpiry,
        },
        ..a_token()
    };
    for secret in [
        json!({}),
        json!({ "keys": { "accessToken": "zzz", "orgId": "access_token" }, "formats": ["PubSub"] }),
    ] {
        let rendered = template(&secret).unwrap().render(&owner(), &token, &key());
        assert_eq!(read_back(&rendered, &key()), Some(token.clone()), "{secret}");
    }
}

#[test]
fn every_source_and_renewal_survives_the_secret() {
    for source in [
        ExpirySource::Introspected,
        ExpirySource::TokenClaims,
        ExpirySource::Declared,
        ExpirySource::Assumed,
    ] {
        for renewal in [Renewal::Ahead, Renewal::AtExpiry] {
            let mut token = a_token();
            token.expiration.source = source;
            token.expiration.renewal = renewal;
            let secret = template(&json!({})).unwrap().render(&owner(), &token, &key());
            assert_eq!(read_back(&secret, &key()), Some(token));
        }
    }
}

#[test]
fn an_edited_or_incomplete_secret_holds_no_token() {
    let whole = rendered(&json!({}));
    assert!(read_back(&whole, &key()).is_some());
    let mut edited = whole.clone();
    let token = ByteString(b"00Dx!token-2".to_vec());
    edited.data.as_mut().unwrap().insert("access_token".into(), token);
    assert_eq!(read_back(&edited, &key()), None);
    assert_eq!(read_back(&whole, &DigestKey::new("k1", b"another key")), None);
    let empty = Secret {
        data: None,
        ..whole.clone()
    };
    assert_eq!(read_back(&empty, &key()), None);
    for annotation in [
        names::CONNECTOR_UID,
        names::TOKEN_DIGEST,
        names::ISSUE_TIME,
        names::EXPIRATION_TIME,
        names::EXPIRY_SOURCE,
        names::RENEWAL,
        names::IDENTITY,
        names::INSTANCE_URL,
        names::SCOPES,
        names::INPUTS_DIGEST,
    ] {
        let mut without = whole.clone();
        without.metadata.annotations.as_mut().unwrap().remove(annotation);
        assert_eq!(read_back(&without, &key()), None, "{annotation}");
        let garbled = annotated(&whole, annotation, "garbled");
        assert_eq!(read_back(&garbled, &key()), None, "{annotation}");
    }
}

fn annotated(secret: &Secret, name: &str, value: &str) -> Secret {
    let mut secret = secret.clone();
    let annotations = secret.metadata.annotations.as_mut().unwrap();
    annotations.insert(name.to_owned(), value.to_owned());
    secret
}

#[test]
fn nobody_can_edit_what_is_remembered_of_a_token_and_have_it_used() {
    let token = HeldToken {
        serial: Some(7),
        ..a_token()
    };
    let whole = template(&json!({})).unwrap().render(&owner(), &token, &key());
    assert_eq!(read_back(&whole, &key()), Some(token));
    for (annotation, value) in [
        (names::INSTANCE_URL, "https://dev-ed.develop.my.salesforce.com"),
        (names::IDENTITY, "00D000000000001AAA/005000000000001AAA"),
        (names::EXPIRATION_TIME, "2030-01-01T00:00:00Z"),
        (names::CONNECTOR_UID, "another"),
        (names::SERIAL, "18446744073709551615"),
    ] {
        assert_eq!(
            read_back(&annotated(&whole, annotation, value), &key()),
            None,
            "{annotation}"
        );
    }
}

#[test]
fn a_secret_of_an_earlier_version_counts_without_its_serial_and_is_written_again() {
    let token = HeldToken {
        serial: Some(7),
        ..a_token()
    };
    let wanted = template(&json!({})).unwrap().render(&owner(), &token, &key());
    let digest = earlier_token_digest(&key(), token.token.expose().as_bytes());
    let earlier = annotated(&wanted, names::TOKEN_DIGEST, digest.as_str());
    let held = HeldToken {
        serial: None,
        ..token
    };
    assert_eq!(read_back(&earlier, &key()), Some(held));
    assert!(!in_step(&earlier, &wanted));
}

#[test]
fn a_secret_is_in_step_until_something_of_ours_differs() {
    type Change = fn(&mut Secret);
    let stays: [(&str, Change); 3] = [
        ("nothing", |_| {}),
        ("a label of somebody else", |secret| {
            secret
                .metadata
                .labels
                .as_mut()
                .unwrap()
                .insert("theirs".into(), "x".into());
        }),
        ("what the API server adds", |secret| {
            secret.metadata.resource_version = Some("7".into());
        }),
    ];
    let breaks: [(&str, Change); 7] = [
        ("an edited value", |secret| {
            secret
                .data
                .as_mut()
                .unwrap()
                .insert("org_id".into(), ByteString(b"x".to_vec()));
        }),
        ("a removed value", |secret| {
            secret.data.as_mut().unwrap().remove("user_id");
        }),
        ("a further value", |secret| {
            secret
                .data
                .as_mut()
                .unwrap()
                .insert("more".into(), ByteString(b"x".to_vec()));
        }),
        ("no data", |secret| secret.data = None),
        ("a changed annotation", |secret| {
            secret
                .metadata
                .annotations
                .as_mut()
                .unwrap()
                .insert(names::SCOPES.into(), "x".into());
        }),
        ("a removed label", |secret| secret.metadata.labels = None),
        ("no owner", |secret| secret.metadata.owner_references = None),
    ];
    let wanted = rendered(&json!({}));
    for (what, change, in_step_wanted) in stays
        .map(|(what, change)| (what, change, true))
        .into_iter()
        .chain(breaks.map(|(what, change)| (what, change, false)))
    {
        let mut found = wanted.clone();
        change(&mut found);
        assert_eq!(in_step(&found, &wanted), in_step_wanted, "{what}");
    }
}

#[test]
fn an_owner_that_shall_go_is_out_of_step() {
    let orphan = rendered(&json!({ "deletionPolicy": "Orphan" }));
    assert!(!in_step(&rendered(&json!({})), &orphan));
}
