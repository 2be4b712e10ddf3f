use k8s_openapi::ByteString;
use serde_json::json;

use super::*;
use crate::api::Reason;
use crate::core::testing::fixtures::{connector, held, key, owner, spec};

/// The Secret as the operator writes it.
fn ours() -> Secret {
    let connector = connector(&spec(json!({})));
    connector.template.render(&owner(), &held(&connector), &key())
}

fn judge(secret: Secret) -> Result<Secret, Reason> {
    let template = connector(&spec(json!({}))).template.clone();
    match Target::judge(Some(secret), &owner(), &template) {
        Target::Absent => panic!("there is a Secret"),
        Target::Ours(secret) => Ok(*secret),
        Target::Refused(rejection) => {
            assert_eq!(rejection.subject, "Secret \"crm-salesforce\"");
            Err(rejection.reason)
        }
    }
}

#[test]
fn what_is_not_there_can_be_created() {
    let template = connector(&spec(json!({}))).template.clone();
    assert!(matches!(Target::judge(None, &owner(), &template), Target::Absent));
}

#[test]
fn our_own_secret_can_be_written() {
    assert_eq!(judge(ours()), Ok(ours()));
}

#[test]
fn ownership_is_the_annotation_and_nothing_else() {
    let mut without = ours();
    without
        .metadata
        .annotations
        .as_mut()
        .unwrap()
        .remove(names::CONNECTOR_UID);
    assert!(without.metadata.owner_references.is_some());
    assert_eq!(judge(without), Err(OwnReason::SecretNotOwned.into()));
    assert_eq!(judge(Secret::default()), Err(OwnReason::SecretNotOwned.into()));

    let mut without_reference = ours();
    without_reference.metadata.owner_references = None;
    assert_eq!(judge(without_reference.clone()), Ok(without_reference));
}

#[test]
fn another_connector_keeps_its_secret() {
    let mut others = ours();
    let annotations = others.metadata.annotations.as_mut().unwrap();
    annotations.insert(names::CONNECTOR_UID.into(), "another-uid".into());
    let labels = others.metadata.labels.as_mut().unwrap();
    labels.insert(names::CONNECTOR_LABEL.into(), "another".into());
    assert_eq!(owning_connector(&others), Some("another-uid"));
    assert_eq!(judge(others.clone()), Err(OwnReason::SecretConflict.into()));
    others.metadata.labels = None;
    assert_eq!(judge(others), Err(OwnReason::SecretConflict.into()));
}

#[test]
fn a_secret_left_by_a_namesake_differs_from_one_of_another_connector() {
    let mut left = ours();
    let annotations = left.metadata.annotations.as_mut().unwrap();
    annotations.insert(names::CONNECTOR_UID.into(), "uid-of-before".into());
    assert_eq!(judge(left), Err(OwnReason::SecretLeftBehind.into()));
}

#[test]
fn a_secret_without_the_label_can_t_be_written() {
    for label in [None, Some("somebody-else")] {
        let mut secret = ours();
        let labels = secret.metadata.labels.as_mut().unwrap();
        labels.remove(names::MANAGED_BY);
        labels.extend(label.map(|value| (names::MANAGED_BY.to_owned(), value.to_owned())));
        assert_eq!(judge(secret), Err(OwnReason::SecretLabelRemoved.into()));
    }
}

#[test]
fn an_immutable_secret_and_one_of_another_type_are_refused() {
    let immutable = Secret {
        immutable: Some(true),
        ..ours()
    };
    assert_eq!(judge(immutable), Err(OwnReason::SecretImmutable.into()));
    let mutable = Secret {
        immutable: Some(false),
        ..ours()
    };
    assert_eq!(judge(mutable.clone()), Ok(mutable));
    let other_type = Secret {
        type_: Some("acme.example/token".into()),
        ..ours()
    };
    assert_eq!(judge(other_type), Err(OwnReason::SecretTypeDiffers.into()));
    let untyped = Secret {
        type_: None,
        ..ours()
    };
    assert_eq!(judge(untyped.clone()), Ok(untyped));
}

#[test]
fn debug_shows_no_data() {
    let mut secret = ours();
    secret.data = Some([("access_token".to_owned(), ByteString(b"canary".to_vec()))].into());
    let text = format!("{:?}", Target::Ours(Box::new(secret)));
    assert_eq!(text, "Ours(Some(\"crm-salesforce\"))");
}
