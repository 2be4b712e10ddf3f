//! What do the Secrets hold that a connector's spec mentions?

use std::collections::HashMap;

use crate::api::SalesforceConnector;
use crate::core::model::inputs::{Input, Inputs, references};
use crate::shell::context::{Context, namespace};
use crate::shell::error::Error;
use crate::shell::kubernetes::consumer_secret;
use crate::shell::kubernetes::found_secret::FoundSecret;

/// Each Secret that the spec mentions is read once, and only the mentioned keys are kept.
pub(super) async fn read(context: &Context, connector: &SalesforceConnector) -> Result<Inputs, Error> {
    let mut found: HashMap<&str, Option<FoundSecret>> = HashMap::new();
    let mut inputs = Inputs::default();
    for reference in references(&connector.spec) {
        if !found.contains_key(reference.name.as_str()) {
            let secret = consumer_secret::find(context, &namespace(connector), &reference.name).await?;
            found.insert(&reference.name, secret);
        }
        let secret = found.get(reference.name.as_str()).and_then(Option::as_ref);
        inputs.insert(
            reference,
            secret.map_or(Input::SecretMissing, |secret| secret.value(&reference.key)),
        );
    }
    Ok(inputs)
}
