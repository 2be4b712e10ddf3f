//! May a stored grant be taken to a connector that was created again, in another cluster or in this one, and which token is it then?

use std::collections::BTreeMap;

use jiff::Timestamp;
pub use redeem::OAuthClient;
use redeem::{ConnectorRef, RefreshToken, Serial, State};

/// Why a grant stays where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unmovable {
    #[error("its stored grant can't be read")]
    Unreadable,
    #[error("its stored grant is older than its status")]
    RolledBack,
    #[error("it has no grant that works")]
    NoGrant,
    #[error("a refresh or a login is under way. Start the former operator until it has ended")]
    Open,
}

/// The refresh token to present next. `state` is the data of its Secret, `in_status` the copy of its serial. Nothing may be open:
/// whether such a token is spent is known only where the attempt is.
pub fn token_to_move(
    state: &BTreeMap<String, Vec<u8>>,
    in_status: Option<u64>,
) -> Result<RefreshToken, Unmovable> {
    let state = State::from_data(state).map_err(|_| Unmovable::Unreadable)?;
    let floor = in_status.and_then(Serial::of_copy).unwrap_or_default();
    if state.is_rolled_back(&state.cluster, floor) {
        return Err(Unmovable::RolledBack);
    }
    if state.candidate.is_some() || state.grants().any(|grant| grant.attempt.is_some()) {
        return Err(Unmovable::Open);
    }
    let current = state.current.filter(|grant| !grant.is_dead());
    current.map(|grant| grant.refresh_token).ok_or(Unmovable::NoGrant)
}

/// Whose stored grant this is, and as which app and at which host it was obtained.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredGrant {
    pub connector: ConnectorRef,
    pub granted_to: Option<OAuthClient>,
    /// When it was last refreshed.
    pub refreshed_at: Option<Timestamp>,
}

/// Reads the data of the Secret of a stored grant; nothing if it can't be read.
pub fn stored_grant(state: &BTreeMap<String, Vec<u8>>) -> Option<StoredGrant> {
    let state = State::from_data(state).ok()?;
    let grant = state.current.as_ref();
    Some(StoredGrant {
        granted_to: grant.and_then(|grant| grant.granted_to.clone()),
        refreshed_at: grant.and_then(|grant| Some(grant.access.as_ref()?.received_at)),
        connector: state.connector,
    })
}

#[cfg(test)]
mod tests;
