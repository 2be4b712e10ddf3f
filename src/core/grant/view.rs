//! How does the stored grant of an authorizationCode connector stand, as far as a decision depends on it?
//!
//! What is done about it is the redeem protocol's business (crate `redeem`); here is only whether there is anything to do.

use jiff::Timestamp;
use redeem::{
    AttemptPhase, ClusterUid, Expect, Grant, GrantProblem, Judgement, OAuthClient, Serial, State, StateSeen,
    TokenDigest,
};
use salesforce_client::{AccessToken, Host};

use crate::api::reasons::OwnReason;
use crate::api::spec::ExpectSpec;
use crate::api::status::ExpirySource;
use crate::core::grant::claim::Claim;
use crate::core::model::connector::{Connector, GrantSettings, OnDelete};
use crate::core::model::digest::Digest;
use crate::core::model::held_token::{Expiration, HeldToken, Identity, Renewal};
use crate::core::model::rejection::Rejection;
use crate::core::schedule::expiry;
use crate::core::schedule::time::{is_ahead, later, whole_seconds};

#[derive(Debug, Clone)]
pub struct GrantView {
    /// The operator's Secret with the state.
    pub state: StateSeen,
    /// Host that the state says to revoke it at once its connector is gone.
    pub revoke_at: Option<String>,
    /// Digest of the brought refresh token, if there is one.
    pub bootstrap: Option<TokenDigest>,
    /// The highest serial that was copied elsewhere: to the status or to the consumer's Secret.
    pub floor: Serial,
    pub cluster: ClusterUid,
    /// Who manages the connector.
    pub claim: Claim,
}

/// What there is to do about a grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Business {
    /// Nothing: it stands, and its token can be used.
    None,
    /// Something is open: a claim to take over, an import, an attempt, a grant that waits, or a problem to be named.
    Open,
    /// There is no grant, there never was one, and none was brought.
    NobodyCame,
}

impl GrantView {
    /// Whether the redeem protocol has something to do.
    pub fn business(&self) -> Business {
        if self.claim.inherited().is_some() {
            return Business::Open;
        }
        match &self.state {
            StateSeen::Absent if self.bootstrap.is_none() && self.floor == Serial::default() => {
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
        let quiet = state.grants().all(|grant| grant.attempt.is_none()) && state.candidate.is_none();
        let known = self.bootstrap.is_none() || self.bootstrap == state.imported;
        quiet && known && state.access().is_some() && !state.is_rolled_back(&self.cluster, self.floor)
    }

    /// The state, if it can be read and is not an old one that came back.
    pub fn state(&self) -> Option<&State> {
        match &self.state {
            StateSeen::Found(state, _) if !state.is_rolled_back(&self.cluster, self.floor) => Some(state),
            StateSeen::Found(..)
            | StateSeen::Absent
            | StateSeen::UnsupportedVersion
            | StateSeen::Unreadable => None,
        }
    }

    /// Whether the grant in use can be renewed as it stands, whatever else is open beside it.
    pub fn works(&self, expect: &ExpectSpec) -> bool {
        self.state().is_some_and(|state| works(state, expect))
    }

    /// Whether nobody knows whether the grant in use belongs to the user that `spec.expect` names, as its username is not known.
    pub fn is_unnamed(&self, expect: &ExpectSpec) -> bool {
        let Some(state) = self.state() else { return false };
        let grant = state.current.as_ref();
        grant.and_then(|grant| judged(state, grant, expect)) == Some(Judgement::UsernameUnknown)
    }

    /// Whether an attempt to renew a grant stands open.
    pub fn has_attempt(&self) -> bool {
        self.state()
            .is_some_and(|state| state.grants().any(|grant| grant.attempt.is_some()))
    }

    /// Whether there is a grant that Salesforce has not called dead, in use or waiting.
    pub fn has_life(&self) -> bool {
        self.state()
            .is_some_and(|state| state.grants().any(|grant| !grant.is_dead()))
    }

    /// Whether a problem that was told of the grant may still be there. A late result, an answer about the token, or a
    /// person who restored the state ends it, and no input changes with that.
    pub fn may_still_be(&self, problem: GrantProblem, expect: &ExpectSpec) -> bool {
        if self.works(expect) {
            return false;
        }
        match problem {
            GrantProblem::GrantLost => matches!(self.state, StateSeen::Absent),
            GrantProblem::StateRolledBack => {
                matches!(self.state, StateSeen::Found(..)) && self.state().is_none()
            }
            GrantProblem::UnsupportedStateVersion => matches!(self.state, StateSeen::UnsupportedVersion),
            GrantProblem::StateUnreadable => matches!(self.state, StateSeen::Unreadable),
            GrantProblem::AuthorizationRequired => self.grant().is_none(),
            GrantProblem::BootstrapTokenUsed
            | GrantProblem::BootstrapTokenInactive
            | GrantProblem::BootstrapTokenUnverified
            | GrantProblem::BootstrapTooOften => self.state().is_none_or(|state| state.current.is_none()),
            GrantProblem::OutcomeUnknown => self.grant().is_some_and(is_unknown),
            // Without a grant, the code of a login was spent and brought none.
            GrantProblem::ReauthorizationRequired => self.grant().is_none_or(Grant::is_dead),
            GrantProblem::WrongIdentity => self.state().is_some_and(|state| is_foreign(state, expect)),
            // Another installation's status is not ours to write: it is never remembered there.
            GrantProblem::ClaimedByAnotherInstallation => false,
        }
    }

    /// The grant that a person hears of: the one in use; before there is one, the one that waits.
    fn grant(&self) -> Option<&Grant> {
        self.state()?.grants().next()
    }

    /// Why no session is begun: no stored grant may be presented at the connector's host, and nobody has brought another.
    pub fn away_from_home(&self, connector: &Connector) -> Option<Rejection> {
        let state = self.state()?;
        let at_home = state.grants().any(|grant| is_at_home(grant, &connector.host));
        if at_home || (self.bootstrap.is_some() && !self.imported()) {
            return None;
        }
        granted_elsewhere(state, connector)
    }

    /// Whether the brought token has been imported, so that nobody needs its Secret any more.
    pub fn imported(&self) -> bool {
        let imported = self.state().and_then(|state| state.imported.as_ref());
        self.bootstrap.is_some() && self.bootstrap.as_ref() == imported
    }
}

/// Whether the grant in use can be renewed as it stands.
pub fn works(state: &State, expect: &ExpectSpec) -> bool {
    state.current.as_ref().is_some_and(|grant| {
        grant.access.is_some()
            && grant.attempt.is_none()
            && !grant.is_dead()
            && judged(state, grant, expect) == Some(Judgement::AsExpected)
    })
}

fn is_unknown(grant: &Grant) -> bool {
    let attempt = grant.attempt.as_ref();
    attempt.is_some_and(|attempt| attempt.phase == AttemptPhase::OutcomeUnknown)
}

/// Whether the grant that a person hears of belongs to somebody else. One in use without an identity counts as such.
fn is_foreign(state: &State, expect: &ExpectSpec) -> bool {
    let grant = state.grants().next();
    match grant.and_then(|grant| judged(state, grant, expect)) {
        Some(Judgement::Wrong) => true,
        Some(Judgement::AsExpected | Judgement::UsernameUnknown) => false,
        None => state.current.is_some(),
    }
}

fn judged(state: &State, grant: &Grant, expect: &ExpectSpec) -> Option<Judgement> {
    let expect = Expect {
        organization_id: expect.organization_id.clone(),
        username: expect.username.clone(),
    };
    let identity = grant.identity.as_ref()?;
    Some(redeem::judge(identity, &expect, state.pin.as_ref()))
}

/// The serial to copy to the status: as high as can be, so that an older state is known for one, but below that of an
/// attempt that stands open. Only who is about to present a token copies that one: where it is missing, nothing was sent.
pub fn copied_serial(state: &State) -> i64 {
    i64::try_from(state.reported_serial().0).unwrap_or(i64::MAX)
}

pub fn client(connector: &Connector) -> OAuthClient {
    OAuthClient {
        host: connector.host.name().into(),
        client_id: connector.app.client_id.as_str().into(),
    }
}

/// Whether a grant may be presented at a host: at Salesforce's own, or at the very host that granted it. One that has brought
/// nothing yet was brought for the host that the spec names.
pub fn is_at_home(grant: &Grant, host: &Host) -> bool {
    let untried = grant.granted_to.is_none() && grant.access.is_none();
    let granted_here = grant
        .granted_to
        .as_ref()
        .is_some_and(|client| *client.host == *host.name());
    host.is_salesforces() || granted_here || untried
}

/// What is wrong where Salesforce calls a grant expired and somebody else's word would count: it was granted to another app,
/// or at another host.
pub fn granted_elsewhere(state: &State, connector: &Connector) -> Option<Rejection> {
    let client = client(connector);
    let granted_to = state
        .grants()
        .find(|grant| grant.is_of_another(&client))?
        .granted_to
        .as_ref()?;
    let subject = if granted_to.host == client.host {
        "issued for an app with a different client ID".to_owned()
    } else {
        format!("issued at {}", granted_to.host)
    };
    Some(Rejection::new(OwnReason::GrantedElsewhere, subject))
}

/// Host to revoke the grant at once the connector is gone, if it is to be revoked: where it was granted, if it may not be
/// presented at the host that the spec names.
pub fn revoke_at(connector: &Connector, settings: &GrantSettings, view: &GrantView) -> Option<String> {
    match settings.policy.on_delete {
        OnDelete::Revoke => {
            let grant = view.state().and_then(|state| state.current.as_ref());
            let away = grant.filter(|grant| !is_at_home(grant, &connector.host));
            let home = away.and_then(|grant| grant.granted_to.as_ref());
            Some(
                home.map_or(connector.host.name(), |client| &client.host)
                    .to_owned(),
            )
        }
        OnDelete::Leave => None,
    }
}

/// The state as far as it speaks of this connector: another's, put there by hand, is none of ours to read.
pub fn of_connector(seen: StateSeen, uid: &str) -> StateSeen {
    match seen {
        StateSeen::Found(state, _) if state.connector.uid != uid.into() => StateSeen::Unreadable,
        seen => seen,
    }
}

/// The token that a state holds. What the consumer's Secret remembers of the same token (its expiration above all) counts. A
/// newer token of the same user stays there: the state is an old one that came back and is in use again.
pub fn token_of_state(state: &State, noted: Option<&HeldToken>, connector: &Connector) -> Option<HeldToken> {
    let access = state.access()?;
    let identity = state.current.as_ref()?.identity.as_ref()?;
    let serial = Some(access.serial.0);
    let token = AccessToken::new(access.token.expose_secret().to_owned());
    // A token that was received before it was issued was noted with a clock that was ahead.
    let same = |noted: &&HeldToken| noted.token == token && !is_ahead(noted.issue_time, access.received_at);
    let newer = |noted: &&HeldToken| {
        noted.serial > serial
            && noted.identity.organization_id == identity.organization_id
            && noted.identity.user_id == identity.user_id
    };
    if let Some(noted) = noted.filter(newer) {
        return Some(noted.clone());
    }
    if let Some(noted) = noted.filter(same) {
        return Some(HeldToken {
            serial,
            ..noted.clone()
        });
    }
    Some(HeldToken {
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
        Some(lifetime) => (later(from, lifetime), ExpirySource::Declared),
        None => (later(from, expiry::ASSUMED_LIFETIME), ExpirySource::Assumed),
    }
}

/// The digest of a renewed grant's token is that of the inputs it was renewed with.
pub fn renewed_with(held: HeldToken, inputs: &Digest) -> HeldToken {
    HeldToken {
        inputs_digest: inputs.clone(),
        ..held
    }
}

#[cfg(test)]
mod tests;
