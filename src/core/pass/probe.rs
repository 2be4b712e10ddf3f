//! Can the consumer's Secret be written? Asked by a dry run before another login, where the token of the last one could not be
//! delivered: a quota or a webhook that is in the way must not cost a login for each retry.

use jiff::Timestamp;
use salesforce_client::AccessToken;

use crate::api::Reason;
use crate::api::status::ExpirySource;
use crate::core::model::connector::Connector;
use crate::core::model::digest::DigestKey;
use crate::core::model::held_token::{Expiration, HeldToken, Identity, Renewal};
use crate::core::model::observed::Observed;
use crate::core::pass::effect::PassEffect;
use crate::core::schedule::backoff::is_write_failure;
use crate::core::secret::ownership::Target;

/// The dry run, where one is due.
pub(super) fn write_probe(
    observed: &Observed,
    connector: &std::sync::Arc<Connector>,
    key: &DigestKey,
    now: Timestamp,
) -> Option<PassEffect> {
    let failures = observed.status.failures.as_ref();
    failures.filter(|failures| Reason::parse(&failures.reason).is_some_and(is_write_failure))?;
    let found = match &observed.target {
        Target::Ours(found) => Some(found.clone()),
        Target::Absent => None,
        Target::Refused(_) => return None,
    };
    let held = observed.held.clone().unwrap_or_else(|| stand_in(connector, now));
    Some(PassEffect::ProbeSecret {
        connector: connector.clone(),
        found,
        wanted: Box::new(connector.template.render(&observed.owner, &held, key)),
    })
}

/// A token in the place of the one that is not obtained yet.
fn stand_in(connector: &Connector, now: Timestamp) -> HeldToken {
    HeldToken {
        token: AccessToken::new("dry-run".to_owned()),
        instance_url: format!("https://{}", connector.host),
        issue_time: now,
        expiration: Expiration {
            time: now,
            source: ExpirySource::Assumed,
            renewal: Renewal::Ahead,
        },
        identity: Identity {
            organization_id: String::new(),
            user_id: String::new(),
        },
        scopes: Vec::new(),
        inputs_digest: connector.inputs_digest.clone(),
        serial: None,
    }
}
