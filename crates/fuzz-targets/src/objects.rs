//! What is made of objects of Kubernetes: connectors with surprises, and consumers' Secrets that somebody edited?

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use salesforce_client::AccessToken;
use salesforce_connector_operator::api::status::{ExpirySource, SalesforceConnectorStatus};
use salesforce_connector_operator::core::model::held_token::{Expiration, HeldToken, Identity, Renewal};
use salesforce_connector_operator::core::model::inputs::Input;
use salesforce_connector_operator::core::secret::merge::{in_step, merged};
use salesforce_connector_operator::core::secret::ownership::Target;
use salesforce_connector_operator::core::secret::read_back::read_back;
use salesforce_connector_operator::shell::watch::object::Guarded;

use crate::secrecy::{CANARY, assert_no_secret};
use crate::world;

/// A connector as the API server might send it: of another version, edited by hand, with a status that somebody wrote.
pub(crate) fn connector(input: &[u8]) {
    let Ok(Guarded(parsed)) = serde_json::from_slice(input) else {
        return;
    };
    let tells = String::from_utf8_lossy(input).contains(CANARY);
    match parsed {
        Err(unparsable) => assert!(unparsable.error.len() <= 1024, "{}", unparsable.error.len()),
        Ok(connector) => {
            let value = Input::read(Some(b"canary-input"));
            let checked = world::validated(&connector.spec, &value);
            if let Err(rejection) = &checked {
                assert!(tells || !format!("{rejection:?}").contains(CANARY));
            }
            let status = connector.status.unwrap_or_default();
            let observed = world::observed(checked, status, Target::Absent, None);
            if tells {
                return;
            }
            if let Some(status) = world::run_pass(observed) {
                let written = serde_json::to_string(&status).unwrap_or_default();
                assert_no_secret(&written);
                let most = input.len() * 2 + 16 * 1024;
                assert!(written.len() <= most, "{} of {}", written.len(), input.len());
            }
        }
    }
}

/// A consumer's Secret with these annotations in the place of the operator's own. An input is a JSON object with them; under
/// `token`, the token.
pub(crate) fn consumer_secret(input: &[u8]) {
    let Ok(mut edits) = serde_json::from_slice::<BTreeMap<String, String>>(input) else {
        return;
    };
    let token = edits.remove("token");
    let secret = edited(edits, token);
    let (connector, method) =
        world::validated(&world::specs()[0], &Input::read(Some(b"canary-input"))).expect("a valid spec");
    let held = read_back(&secret, &world::key());
    if let Some(held) = &held {
        assert_eq!(format!("{:?}", held.token), "AccessToken([REDACTED])");
    }
    let target = Target::judge(Some(secret), &world::owner(), &connector.template);
    if let (Some(found), Some(held)) = (target.ours(), &held) {
        let wanted = connector.template.render(&world::owner(), held, &world::key());
        let written = merged(found, &wanted);
        assert!(in_step(&written, &wanted), "a Secret that was written is in step");
    }
    let status = SalesforceConnectorStatus::default();
    world::run_pass(world::observed(Ok((connector, method)), status, target, held));
}

fn edited(edits: BTreeMap<String, String>, token: Option<String>) -> Secret {
    let (connector, _) =
        world::validated(&world::specs()[0], &Input::read(Some(b"canary-input"))).expect("a valid spec");
    let held = HeldToken {
        token: AccessToken::new(token.unwrap_or_else(|| "00Dx!canary".to_owned())),
        instance_url: "https://acme.my.salesforce.com".to_owned(),
        issue_time: world::now(),
        expiration: Expiration {
            time: world::now(),
            source: ExpirySource::Introspected,
            renewal: Renewal::Ahead,
        },
        identity: Identity {
            organization_id: "00Dx0000000BV7zEAG".to_owned(),
            user_id: "005x00000012Q9PAAU".to_owned(),
        },
        scopes: vec!["api".to_owned()],
        inputs_digest: connector.inputs_digest.clone(),
        serial: Some(3),
    };
    let mut secret = connector.template.render(&world::owner(), &held, &world::key());
    let annotations = secret.metadata.annotations.get_or_insert_default();
    annotations.extend(edits);
    let data = secret.data.get_or_insert_default();
    data.insert("another".to_owned(), ByteString(vec![0xff; 3]));
    secret
}
