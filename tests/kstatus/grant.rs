//! The connector's stored grant, where it has one: imported, renewed, kept waiting, refused.

use std::time::Duration;

use jiff::Timestamp;
use redeem::{
    Access, ClusterUid, ConnectorRef, Grant, GrantId, GrantIdentity, GrantProblem, GrantValidity, Origin,
    ResourceVersion, Serial, SessionEnd, SessionMemory, SessionOutcome, SessionWait, State, StateSeen,
    TokenDigest,
};
use salesforce_connector_operator::core::grant::claim::Claim;
use salesforce_connector_operator::core::grant::session_report::SessionReport;
use salesforce_connector_operator::core::grant::view::GrantView;
use salesforce_connector_operator::core::model::connector::GrantSettings;
use salesforce_connector_operator::core::model::digest::DigestKey;
use salesforce_connector_operator::core::model::owner::Owner;

/// What the operator keeps in its own namespace.
#[derive(Debug, Default)]
pub(crate) struct Store {
    state: Option<State>,
}

fn cluster() -> ClusterUid {
    ClusterUid::new("this cluster")
}

fn digest(settings: &GrantSettings, key: &DigestKey) -> Option<TokenDigest> {
    let token = redeem::RefreshToken::new(settings.bootstrap.as_ref()?.expose().to_owned());
    Some(TokenDigest::of(key.ledger(), &token))
}

impl Store {
    /// As the controller observes it.
    pub(crate) fn view(&self, settings: &GrantSettings, key: &DigestKey, floor: Option<i64>) -> GrantView {
        let found = |state: &State| StateSeen::Found(Box::new(state.clone()), ResourceVersion::new("1"));
        GrantView {
            state: self.state.as_ref().map_or(StateSeen::Absent, found),
            revoke_at: None,
            bootstrap: digest(settings, key),
            floor: Serial(floor.and_then(|floor| floor.try_into().ok()).unwrap_or_default()),
            cluster: cluster(),
            claim: Claim::Open,
        }
    }

    /// Salesforce has answered with the access token `token`.
    pub(crate) fn renewed(
        &mut self,
        owner: &Owner,
        imported: Option<TokenDigest>,
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
            unknown: redeem::UnknownFields::default(),
        });
        let whose = ConnectorRef {
            uid: owner.uid.as_str().into(),
            namespace: owner.namespace.as_str().into(),
            name: owner.name.as_str().into(),
        };
        self.state = Some(State {
            pin: Some(identity),
            imported,
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

    /// What a session reports that has come to this end.
    pub(crate) fn report(&self, end: SessionEnd) -> SessionReport {
        SessionReport {
            outcome: SessionOutcome {
                end,
                bootstrap: None,
                login: None,
                candidate: None,
                state: self.state.clone().map(Box::new),
                memory: SessionMemory::default(),
            },
            granted: end == SessionEnd::Ready,
            refusals: Vec::new(),
            unanswered: None,
            unavailable: None,
            login_failure: None,
        }
    }
}

/// Salesforce has yet to answer.
pub(crate) fn waiting() -> SessionEnd {
    SessionEnd::Waiting {
        why: SessionWait::ForeignAttempt,
        length: Duration::from_secs(15),
    }
}

/// Salesforce has refused the refresh token for good.
pub(crate) fn refused() -> SessionEnd {
    SessionEnd::Problem {
        problem: GrantProblem::ReauthorizationRequired,
        ask_again: None,
    }
}
