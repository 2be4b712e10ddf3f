use k8s_openapi::ByteString;
use kube::ResourceExt as _;
use serde_json::json;

use super::*;
use crate::api::SalesforceConnector;
use crate::api::names;
use crate::core::secret::template::Template;
use crate::core::sharing::offer::offers;
use crate::core::testing::fixtures::{after, connector, held, now, owner, spec};

/// A connector that offers its token, and an object of another namespace that accepts it.
fn seen(found: Option<Secret>) -> CopySeen {
    let fields = json!({ "secret": {
        "labels": { "team": "crm" }, "annotations": { "example.com/note": "theirs" }, "formats": ["Environment"],
    } });
    let spec = spec(fields);
    CopySeen {
        taker: Owner {
            name: "sales-crm".to_owned(),
            namespace: "billing".to_owned(),
            uid: "taker".to_owned(),
        },
        from: CopySource {
            namespace: owner().namespace,
            name: owner().name,
        },
        secret_name: "sales-crm-salesforce".to_owned(),
        offer: Offer::Token(Box::new(OfferedToken {
            connector: owner().uid,
            template: Template::of("crm", &spec),
            held: Some(held(&connector(&spec))),
        })),
        found: found.map(Box::new),
    }
}

fn offered(seen: &mut CopySeen) -> &mut OfferedToken {
    let Offer::Token(offered) = &mut seen.offer else {
        panic!("it offers a token")
    };
    offered
}

/// The copy as it is made.
fn made() -> Secret {
    match decide(&seen(None)) {
        CopyStep::Create(secret) => *secret,
        other => panic!("{}", name(&other)),
    }
}

fn changed(change: impl FnOnce(&mut Secret)) -> Secret {
    let mut secret = made();
    change(&mut secret);
    secret
}

fn name(step: &CopyStep) -> String {
    match step {
        CopyStep::Create(_) => "Create".to_owned(),
        CopyStep::Update { .. } => "Update".to_owned(),
        CopyStep::Remove(_) => "Remove".to_owned(),
        CopyStep::Done(state) => format!("{state:?}"),
    }
}

fn step(seen: &CopySeen) -> String {
    name(&decide(seen))
}

#[test]
fn a_copy_has_the_data_that_the_operator_renders_and_no_label_of_the_author() {
    let made = made();
    let keys: Vec<&str> = made.data.as_ref().unwrap().keys().map(String::as_str).collect();
    let wanted = [
        "SALESFORCE_ACCESS_TOKEN",
        "SALESFORCE_INSTANCE_URL",
        "access_token",
        "api_version",
        "instance_url",
        "issued_at",
        "org_id",
        "token_type",
        "user_id",
    ];
    assert_eq!(keys, wanted);
    let metadata = json!({
        "name": "sales-crm-salesforce",
        "namespace": "billing",
        "labels": {
            names::MANAGED_BY: names::MANAGED_BY_VALUE,
            names::CONNECTOR_LABEL: "crm",
            names::NAMESPACE_LABEL: "sales",
        },
        "annotations": {
            names::TOKEN_COPY_UID: "taker",
            names::COPIED_FROM_UID: owner().uid,
            names::ISSUE_TIME: now().to_string(),
            names::EXPIRATION_TIME: after(7200).to_string(),
        },
        "ownerReferences": [{
            "apiVersion": "salesforce-connector.dev/v1alpha1", "kind": "SalesforceTokenCopy",
            "name": "sales-crm", "uid": "taker", "controller": true,
        }],
    });
    assert_eq!(json!(made.metadata), metadata);
}

#[test]
fn a_copy_is_written_only_where_there_is_an_offer_and_a_token() {
    let copied =
        "Copied(CopiedToken { issue_time: 2026-11-22T10:00:00Z, expiration_time: 2026-11-22T12:00:00Z })";
    assert_eq!(step(&seen(Some(made()))), copied);
    let without = |offer: fn() -> Offer, found| CopySeen {
        offer: offer(),
        ..seen(found)
    };
    assert_eq!(step(&without(|| Offer::Nothing, None)), "NotShared");
    assert_eq!(step(&without(|| Offer::Nothing, Some(made()))), "Remove");
    for found in [None, Some(made())] {
        assert_eq!(step(&without(|| Offer::Unknown, found.clone())), "NotAvailable");
        let mut without_token = seen(found);
        offered(&mut without_token).held = None;
        assert_eq!(step(&without_token), "NotAvailable");
    }
}

#[test]
fn a_secret_of_somebody_else_is_neither_changed_nor_removed() {
    let foreign = [
        changed(|secret| secret.metadata.annotations = None),
        changed(|secret| {
            secret
                .annotations_mut()
                .insert(names::TOKEN_COPY_UID.to_owned(), "another".to_owned());
        }),
    ];
    for found in foreign {
        let found = Some(found);
        assert_eq!(step(&seen(found.clone())), "Foreign");
        let offer = Offer::Nothing;
        assert_eq!(step(&CopySeen { offer, ..seen(found) }), "NotShared");
    }
}

#[test]
fn a_copy_is_brought_in_step_and_made_anew_where_it_can_not_be_changed() {
    let with_more = |secret: &mut Secret| {
        let more = ("more".to_owned(), ByteString(b"x".to_vec()));
        secret.data.get_or_insert_default().extend([more]);
    };
    for (found, wanted) in [
        (changed(with_more), "Update"),
        (
            changed(|secret| secret.metadata.owner_references = None),
            "Update",
        ),
        (changed(|secret| secret.metadata.labels = None), "Update"),
        (changed(|secret| secret.immutable = Some(true)), "Remove"),
        (
            changed(|secret| secret.type_ = Some("example.com/other".to_owned())),
            "Remove",
        ),
    ] {
        assert_eq!(step(&seen(Some(found))), wanted);
    }
    let mut renewed = seen(Some(made()));
    offered(&mut renewed).held.as_mut().unwrap().issue_time = after(60);
    assert_eq!(step(&renewed), "Update");
    // Created again under the same name, with or without a token.
    for has_token in [true, false] {
        let mut recreated = seen(Some(made()));
        let offered = offered(&mut recreated);
        offered.connector = "another".to_owned();
        offered.held.take_if(|_| !has_token);
        assert_eq!(step(&recreated), "Remove");
    }
}

#[test]
fn a_connector_offers_its_token_to_the_namespaces_that_it_names_but_its_own() {
    let connector = |deleted: bool| -> SalesforceConnector {
        serde_json::from_value(json!({
            "apiVersion": "salesforce-connector.dev/v1alpha1",
            "kind": "SalesforceConnector",
            "metadata": {
                "name": "crm", "namespace": "sales",
                "deletionTimestamp": deleted.then_some("2026-11-22T11:00:00Z"),
            },
            "spec": spec(json!({ "sharing": { "namespaces": ["billing", "sales"] } })),
        }))
        .unwrap()
    };
    let offered = |deleted| ["billing", "sales", "support"].map(|to| offers(&connector(deleted), to));
    assert_eq!(offered(false), [true, false, false]);
    assert_eq!(offered(true), [false, false, false]);
}
