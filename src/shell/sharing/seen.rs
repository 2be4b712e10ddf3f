//! What is there of both sides of a copy? From the watches, and the Secrets by name.

use std::sync::Arc;

use kube::runtime::reflector::Store;
use kube::{Api, ResourceExt as _};

use crate::api::{SalesforceConnector, SalesforceTokenCopy};
use crate::core::model::owner::Owner;
use crate::core::secret::ownership::owning_connector;
use crate::core::secret::read_back::read_back;
use crate::core::secret::template::Template;
use crate::core::sharing::decide::CopySeen;
use crate::core::sharing::offer::{Offer, OfferedToken, offers};
use crate::shell::context::Context;
use crate::shell::error::Error;
use crate::shell::kubernetes::consumer_secret;
use crate::shell::turns::Object;
use crate::shell::watch::object::Guarded;
use crate::shell::watch::scope::WatchScope;

pub(super) async fn observe(context: &Context, copy: &SalesforceTokenCopy) -> Result<CopySeen, Error> {
    let taker = Owner {
        name: copy.name_any(),
        namespace: copy.namespace().unwrap_or_default(),
        uid: copy.uid().unwrap_or_default(),
    };
    let secret_name = copy.secret_name();
    let found = consumer_secret::read(context, &taker.namespace, &secret_name).await?;
    let offer = match connector(context, copy).as_deref() {
        None => Offer::Nothing,
        Some(Guarded(Err(_))) => Offer::Unknown,
        Some(Guarded(Ok(connector))) if !offers(connector, &taker.namespace) => Offer::Nothing,
        Some(Guarded(Ok(connector))) => Offer::Token(Box::new(offered(context, connector).await?)),
    };
    Ok(CopySeen {
        taker,
        from: copy.spec.from.clone(),
        secret_name,
        offer,
        found: found.map(Box::new),
    })
}

/// The connector that the copy names, as the watch shows it. No connector of the operator's own namespace counts.
pub(super) fn connector(context: &Context, copy: &SalesforceTokenCopy) -> Option<Arc<Guarded>> {
    let from = &copy.spec.from;
    if from.namespace == context.settings.namespace {
        return None;
    }
    let object = Object::new(&from.name).within(&from.namespace);
    let stores = context.connectors.stores();
    stores
        .iter()
        .find_map(|store: &Store<Guarded>| store.get(&object))
}

/// The token in the connector's Secret, read as a pass reads it: one that somebody edited is none.
async fn offered(context: &Context, connector: &SalesforceConnector) -> Result<OfferedToken, Error> {
    let uid = connector.uid().unwrap_or_default();
    let namespace = connector.namespace().unwrap_or_default();
    let template = Template::of(&connector.name_any(), &connector.spec);
    let secret = consumer_secret::read(context, &namespace, &template.name).await?;
    let ours = secret.filter(|secret| owning_connector(secret) == Some(&uid));
    let held = ours.and_then(|secret| read_back(&secret, &context.digest_key));
    Ok(OfferedToken {
        // Two keys of one name: the connector says so, and is given no new token.
        held: held.filter(|_| template.has_distinct_keys()),
        connector: uid,
        template,
    })
}

/// Whether both sides consent at this moment. The watches may be behind, and what was withdrawn must not come back.
pub(super) async fn consent(
    context: &Context,
    copy: &SalesforceTokenCopy,
    connector_uid: &str,
) -> Result<bool, Error> {
    let namespace = copy.namespace().unwrap_or_default();
    let copies: Api<SalesforceTokenCopy> = Api::namespaced(context.client.clone(), &namespace);
    let accepted = copies.get_opt(&copy.name_any()).await.map_err(Error::ReadCopy)?;
    let accepts =
        |live: &SalesforceTokenCopy| live.uid() == copy.uid() && live.metadata.deletion_timestamp.is_none();
    if !accepted.as_ref().is_some_and(accepts) {
        return Ok(false);
    }
    Ok(offering(context, copy).await?.as_deref() == Some(connector_uid))
}

/// Uid of the connector that offers its token at this moment. Nothing is asked of a namespace that the operator does not watch.
pub(super) async fn offering(context: &Context, copy: &SalesforceTokenCopy) -> Result<Option<String>, Error> {
    let (from, namespace) = (&copy.spec.from, copy.namespace().unwrap_or_default());
    let scopes = WatchScope::of(&context.settings);
    let watched = scopes.iter().any(|scope| scope.covers(&from.namespace));
    if !watched || from.namespace == context.settings.namespace {
        return Ok(None);
    }
    let api: Api<SalesforceConnector> = Api::namespaced(context.client.clone(), &from.namespace);
    let live = api.get_opt(&from.name).await.map_err(Error::ReadConnector)?;
    Ok(live
        .filter(|live| offers(live, &namespace))
        .and_then(|live| live.uid()))
}
