//! The connector's stored grant, where it logs in by one: brought, renewed, kept waiting, refused.

use jiff::Timestamp;
use redeem::{
    Access, ClusterUid, ConnectorRef, Grant, GrantId, GrantIdentity, GrantProblem, GrantValidity, Origin,
    ResourceVersion, Serial, State, StateSeen, TokenDigest,
};
use salesforce_connector_operator::core::grant::keep_alive::{end, outlook};
use salesforce_connector_operator::core::grant::view::{GrantView, copied_serial, works};
use salesforce_connector_operator::core::model::connector::{Connector, Method};
use salesforce_connector_operator::core::model::digest::DigestKey;
use salesforce_connector_operator::core::model::outcome::{GrantOutcome, Minted, Problem};
use salesforce_connector_operator::core::model::owner::Owner;
use salesforce_connector_operator::core::model::rejection::explain;
use std::time::Duration;

/// What the operator keeps in its own namespace.
#[derive(Debug, Default)]
pub(crate) struct Store {
    state: Option<State>,
}

fn cluster() -> ClusterUid {
    ClusterUid::new("this cluster")
}

fn brought(connector: &Connector, key: &DigestKey) -> Option<TokenDigest> {
    let Method::AuthorizationCode { brought, .. } = &connector.method else {
        return None;
    };
    let token = redeem::RefreshToken::new(brought.as_ref()?.expose().to_owned());
    Some(TokenDigest::of(key.hmac(), &token))
}

impl Store {
    /// As the controller observes it; nothing for the other methods.
    pub(crate) fn view(
        &self,
        connector: &Connector,
        key: &DigestKey,
        floor: Option<i64>,
    ) -> Option<GrantView> {
        let Method::AuthorizationCode { .. } = &connector.method else {
            return None;
        };
        let found = |state: &State| StateSeen::Found(Box::new(state.clone()), ResourceVersion::new("1"));
        Some(GrantView {
            state: self.state.as_ref().map_or(StateSeen::Absent, found),
            revoke_at: None,
            brought: brought(connector, key),
            floor: Serial(floor.and_then(|floor| floor.try_into().ok()).unwrap_or_default()),
            cluster: cluster(),
            claimed_elsewhere: false,
        })
    }

    pub(crate) fn state(&self) -> Option<&State> {
        self.state.as_ref()
    }

    /// Salesforce has answered with the access token `token`.
    pub(crate) fn renewed(
        &mut self,
        owner: &Owner,
        connector: &Connector,
        key: &DigestKey,
        token: &str,
        now: Timestamp,
    ) {
        let serial = Serial(self.state.as_ref().map_or(1, |state| state.serial.0 + 1));
        let refresh = redeem::RefreshToken::new(format!("refresh-{}", serial.0));
        let identity = GrantIdentity {
            organization_id: "00D000000000001EAA".to_owned(),
            user_id: "005000000000001EAA".to_owned(),
            username: None,
        };
        let mut grant = Grant::new(GrantId::new("grant"), refresh, Origin::Login);
        grant.identity = Some(identity.clone());
        grant.access = Some(Access {
            token: redeem::AccessToken::new(token.to_owned()),
            serial,
            instance_url: "https://green-itr.my.salesforce.com".to_owned(),
            scopes: vec!["api".to_owned()],
            issued_at: None,
            expiration: None,
            received_at: now,
            begun_at: now,
        });
        let whose = ConnectorRef {
            uid: owner.uid.as_str().into(),
            namespace: owner.namespace.as_str().into(),
            name: owner.name.as_str().into(),
        };
        self.state = Some(State {
            pin: Some(identity),
            imported: brought(connector, key),
            current: Some(grant),
            ..State::new(whose, cluster(), serial)
        });
    }

    /// Salesforce takes the refresh token no more.
    pub(crate) fn died(&mut self) {
        if let Some(grant) = self.state.as_mut().and_then(|state| state.current.as_mut()) {
            grant.validity = GrantValidity::Dead;
        }
    }

    /// What is told of it.
    pub(crate) fn outcome(&self, owner: &Owner, connector: &Connector) -> Option<GrantOutcome> {
        let state = self.state.as_ref()?;
        Some(GrantOutcome {
            serial: copied_serial(state),
            imported: state.imported.clone(),
            outlook: outlook(state, connector, &owner.uid),
            end: end(state, connector),
            works: works(state, &connector.expect),
            incoming: None,
        })
    }
}

/// The protocol has to wait, as for another process that may still present the token.
pub(crate) fn waiting() -> Minted {
    Minted::Waiting {
        length: Duration::from_secs(35),
    }
}

pub(crate) fn refused() -> Problem {
    let reason = GrantProblem::ReauthorizationRequired.into();
    Problem {
        reason,
        message: explain(reason, "words"),
        retry_after: None,
    }
}
