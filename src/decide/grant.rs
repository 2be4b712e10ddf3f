//! How does the stored grant of an authorizationCode connector stand, as far as a decision depends on it?
//!
//! What is done about it is the redeem protocol's business (crate `redeem`); here is only whether there is anything to do.

use jiff::Timestamp;
use redeem::{ClusterUid, Digest as TokenDigest, Serial, State, StateSeen};
use salesforce_client::AccessToken;

use super::digest::Digest;
use super::held::{Expiration, Held, Identity, Renewal};
use super::schedule::signed;
use super::validate::{Connector, Method, OnDelete};
use super::{expiry, whole_seconds};
use crate::api::status::ExpirySource;

/// What was observed of a grant.
#[derive(Debug, Clone)]
pub struct GrantView {
    /// The operator's Secret with the state.
    pub state: StateSeen,
    /// Host that the state says to revoke it at once its connector is gone.
    pub revoke_at: Option<String>,
    /// Digest of the brought refresh token, if there is one.
    pub brought: Option<TokenDigest>,
    /// The highest serial that was copied elsewhere: to the status or to the consumer's Secret.
    pub floor: Serial,
    /// This cluster.
    pub cluster: ClusterUid,
}

/// What there is to do about a grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Business {
    /// Nothing: it stands, and its token can be used.
    None,
    /// Something is open: an import, an attempt, a grant that waits, or trouble to be named.
    Open,
    /// There is no grant, there never was one, and none was brought.
    NobodyCame,
}

impl GrantView {
    /// Whether the redeem protocol has something to do.
    #[must_use]
    pub fn business(&self) -> Business {
        match &self.state {
            StateSeen::Absent if self.brought.is_none() && self.floor == Serial::default() => {
                Business::NobodyCame
            }
            StateSeen::Found(state, _) if self.is_settled(state) => Business::None,
            StateSeen::Absent
            | StateSeen::UnsupportedVersion
            | StateSeen::Unreadable
            | StateSeen::Found(..) => Business::Open,
        }
    }

    fn is_settled(&self, state: &State) -> bool {
        let quiet = state.grants().all(|grant| grant.attempt.is_none()) && state.next.is_none();
        let known = self.brought.is_none() || self.brought == state.imported;
        quiet && known && state.access().is_some() && !state.is_rolled_back(&self.cluster, self.floor)
    }

    /// The state, if it can be read and is not an old one that came back.
    #[must_use]
    pub fn state(&self) -> Option<&State> {
        match &self.state {
            StateSeen::Found(state, _) if !state.is_rolled_back(&self.cluster, self.floor) => Some(state),
            StateSeen::Found(..)
            | StateSeen::Absent
            | StateSeen::UnsupportedVersion
            | StateSeen::Unreadable => None,
        }
    }

    /// Whether the brought token has been imported, so that nobody needs its Secret any more.
    #[must_use]
    pub fn imported(&self) -> bool {
        let imported = self.state().and_then(|state| state.imported.as_ref());
        self.brought.is_some() && self.brought.as_ref() == imported
    }
}

/// Host to revoke the grant at once the connector is gone, if it is to be revoked.
#[must_use]
pub fn revoke_at(connector: &Connector) -> Option<&str> {
    match &connector.method {
        Method::AuthorizationCode { policy, .. } => match policy.on_delete {
            OnDelete::Revoke => Some(connector.host.name()),
            OnDelete::Leave => None,
        },
        Method::ClientCredentials | Method::JwtBearer { .. } | Method::Password(_) => None,
    }
}

/// The token that a state holds. What the consumer's Secret remembers of the same token (its expiration above all) counts.
#[must_use]
pub fn held(state: &State, noted: Option<&Held>, connector: &Connector) -> Option<Held> {
    let access = state.access()?;
    let identity = state.current.as_ref()?.identity.as_ref()?;
    let serial = Some(access.serial.0);
    let token = AccessToken::new(access.token.expose_secret().to_owned());
    if let Some(noted) = noted.filter(|noted| noted.token == token) {
        return Some(Held {
            serial,
            ..noted.clone()
        });
    }
    Some(Held {
        token,
        instance_url: access.instance_url.clone(),
        issue_time: whole_seconds(access.received_at),
        expiration: expiration(access, connector),
        identity: Identity {
            organization_id: identity.organization_id.clone(),
            user_id: identity.user_id.clone(),
        },
        scopes: access.scopes.clone(),
        inputs_digest: noted.map_or_else(
            || connector.inputs_digest.clone(),
            |noted| noted.inputs_digest.clone(),
        ),
        serial,
    })
}

fn expiration(access: &redeem::Access, connector: &Connector) -> Expiration {
    let known = access
        .expiration
        .as_ref()
        .map(|known| (known.time, ExpirySource::TokenClaims));
    let (time, source) = known.unwrap_or_else(|| lifetime(access.received_at, connector));
    Expiration {
        time: whole_seconds(time),
        source,
        renewal: Renewal::Ahead,
    }
}

fn lifetime(from: Timestamp, connector: &Connector) -> (Timestamp, ExpirySource) {
    match connector.lifetime {
        Some(lifetime) => (from + signed(lifetime), ExpirySource::Declared),
        None => (from + signed(expiry::ASSUMED_LIFETIME), ExpirySource::Assumed),
    }
}

/// The digest of a renewed grant's token is that of the inputs it was renewed with.
#[must_use]
pub fn renewed_with(held: Held, inputs: &Digest) -> Held {
    Held {
        inputs_digest: inputs.clone(),
        ..held
    }
}
