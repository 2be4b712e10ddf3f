//! May a stored grant be taken to another cluster, where its connector has been created again, and which token is it then?

use std::collections::BTreeMap;

use redeem::{RefreshToken, Serial, State};

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

#[cfg(test)]
mod tests;
