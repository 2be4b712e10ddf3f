//! How a grant comes in: always as `candidate`, beside whatever stands there, so that nothing is replaced unproven.

use crate::answer::TokenAnswer;
use crate::ids::{ClusterUid, ConnectorRef, GrantId, OAuthClient, Serial};
use crate::ledger::Bootstrap;
use crate::state::{Access, Grant, Origin, Rotation, State};
use crate::token::RefreshToken;
use crate::unknown_fields::UnknownFields;

/// State with a bootstrap token in it. `current` is the state read live, `floor` the highest copy of its serial.
#[must_use]
pub fn deposit_import(
    current: Option<&State>,
    connector: &ConnectorRef,
    cluster: &ClusterUid,
    floor: Serial,
    bootstrap: &Bootstrap,
    grant: GrantId,
) -> State {
    let origin = Origin::Import(bootstrap.digest.clone());
    let grant = Grant::new(grant, bootstrap.token.clone(), origin);
    let mut state = deposit(current, connector, cluster, floor, grant);
    state.imported = Some(bootstrap.digest.clone());
    state
}

/// State with the result of a login by `client` in it. The answer of an authorization code carries both tokens.
#[must_use]
pub fn deposit_login(
    current: Option<&State>,
    connector: &ConnectorRef,
    cluster: &ClusterUid,
    floor: Serial,
    client: &OAuthClient,
    login: (GrantId, RefreshToken, &TokenAnswer),
) -> State {
    let (id, refresh_token, answer) = login;
    let mut grant = Grant::new(id, refresh_token, Origin::Login);
    grant.granted_to = Some(client.clone());
    grant.identity = Some(answer.identity.clone());
    grant.rotation = Rotation::Unknown;
    let mut state = deposit(current, connector, cluster, floor, grant);
    let serial = state.serial;
    if let Some(candidate) = &mut state.candidate {
        candidate.access = Some(access(answer, serial));
    }
    state
}

/// A state that was rolled back loses its grant here: its token is probably spent and would never be presented. What takes its
/// place begins at the floor, so that every deposit goes above it.
fn deposit(
    current: Option<&State>,
    connector: &ConnectorRef,
    cluster: &ClusterUid,
    floor: Serial,
    grant: Grant,
) -> State {
    let fresh = || State::new(connector.clone(), cluster.clone(), floor);
    let mut state = match current {
        None => fresh(),
        Some(state) if state.is_rolled_back(cluster, floor) => State {
            pin: state.pin.clone(),
            ..fresh()
        },
        Some(state) => state.clone(),
    };
    state.serial = state.serial.next();
    state.candidate = Some(grant);
    state
}

pub(crate) fn access(answer: &TokenAnswer, serial: Serial) -> Access {
    Access {
        token: answer.access_token.clone(),
        serial,
        instance_url: answer.instance_url.clone(),
        scopes: answer.scopes.clone(),
        issued_at: answer.issued_at,
        expiration: answer.expiration.clone(),
        received_at: answer.received_at,
        begun_at: answer.received_at,
        unknown: UnknownFields::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::GrantIdentity;
    use crate::ids::LedgerKey;

    #[test]
    fn what_comes_in_beside_an_old_state_goes_above_the_floor_and_the_pin_outlasts_it() {
        let connector = ConnectorRef {
            uid: "uid".into(),
            namespace: "sales".into(),
            name: "crm".into(),
        };
        let cluster = ClusterUid::new("c");
        let pin = GrantIdentity {
            organization_id: "o".into(),
            user_id: "u".into(),
            username: None,
        };
        let mut old = State::new(connector.clone(), cluster.clone(), Serial(3));
        old.pin = Some(pin.clone());
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, b"the operator's own");
        let bootstrap = Bootstrap::new(&LedgerKey::new("k1", key), RefreshToken::new("bootstrap-0"));
        let grant = || GrantId::new("g");
        for (floor, expected) in [
            (Serial(2), Serial(4)),
            (Serial(3), Serial(4)),
            (Serial(7), Serial(8)),
        ] {
            let state = deposit_import(Some(&old), &connector, &cluster, floor, &bootstrap, grant());
            assert_eq!(
                (state.serial, state.pin),
                (expected, Some(pin.clone())),
                "{floor:?}"
            );
            assert_eq!(state.candidate.map(|grant| grant.id), Some(grant()));
        }
    }
}
