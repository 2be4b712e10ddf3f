//! To whom does a connector offer its token?

use crate::api::SalesforceConnector;
use crate::core::model::held_token::HeldToken;
use crate::core::secret::template::Template;

/// What a connector offers to a namespace.
pub enum Offer {
    /// There is no such connector, or it does not name the namespace. The two are told apart nowhere: a namespace must not learn
    /// which connectors there are.
    Nothing,
    /// This version of the operator can't read the connector, and so does not know.
    Unknown,
    Token(Box<OfferedToken>),
}

pub struct OfferedToken {
    /// Uid of the connector.
    pub connector: String,
    pub template: Template,
    /// The token in the connector's Secret, if there is one.
    pub held: Option<HeldToken>,
}

/// Whether the connector offers its token to the namespace. One that is being deleted offers nothing, and none does to its own
/// namespace, where its Secret is.
pub fn offers(connector: &SalesforceConnector, namespace: &str) -> bool {
    let sharing = connector.spec.sharing.as_ref();
    connector.metadata.deletion_timestamp.is_none()
        && connector.metadata.namespace.as_deref() != Some(namespace)
        && sharing.is_some_and(|sharing| sharing.namespaces.iter().any(|name| name == namespace))
}
