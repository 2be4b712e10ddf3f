//! What the state Secret of one connector holds.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::identity::GrantIdentity;
use crate::ids::{AttemptId, ClusterUid, ConnectorRef, GrantId, OAuthClient, Serial, TokenDigest};
use crate::token::{AccessToken, RefreshToken};
use crate::unknown_fields::UnknownFields;

/// Everything the operator must remember of one connector's grants.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    /// Whose state it is.
    pub connector: ConnectorRef,
    /// The cluster it was written on.
    pub cluster: ClusterUid,
    /// Raised by every write.
    pub serial: Serial,
    /// Identity of the first grant that reached the consumer; only `spec.expect` can change it.
    pub pin: Option<GrantIdentity>,
    /// The bootstrap token imported last, so that it is known again.
    pub imported: Option<TokenDigest>,
    /// The current grant.
    pub current: Option<Grant>,
    /// The candidate grant: a login, or an import that is not redeemed or not as expected.
    pub candidate: Option<Grant>,
    /// Tries so far to revoke the grant of a deleted connector.
    pub revocation_tries: u32,
    /// What a newer version wrote beside that.
    pub unknown: UnknownFields,
}

/// One grant and what is known of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Grant {
    /// Its name; a result is stored only where this name still stands.
    pub id: GrantId,
    /// The token to present next.
    pub refresh_token: RefreshToken,
    /// Where it came from.
    pub origin: Origin,
    /// Whom it was granted to; known once a token came. What Salesforce says of it to others doesn't count.
    pub granted_to: Option<OAuthClient>,
    /// The latest access token; `None` until the first redeem of an import.
    pub access: Option<Access>,
    /// Org and user; known with the first answer.
    pub identity: Option<GrantIdentity>,
    /// Whether its refresh token is replaced by each use.
    pub rotation: Rotation,
    /// The redeem that is or was under way.
    pub attempt: Option<Attempt>,
    /// The attempt whose result was stored last.
    pub stored_attempt: Option<AttemptId>,
    /// Whether Salesforce has called it dead.
    pub validity: GrantValidity,
    /// As which app it was presented when Salesforce called it dead: of any other app's token Salesforce says the same.
    pub refused_as: Option<OAuthClient>,
    /// What a newer version wrote beside that; it goes with the grant.
    pub unknown: UnknownFields,
}

/// Where a grant came from.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Origin {
    /// A person logged in.
    Login,
    /// A refresh token from a bootstrap Secret; its ledger entry has this digest.
    Import(TokenDigest),
}

/// An access token and what came with it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Access {
    /// The token.
    pub token: AccessToken,
    /// The serial under which it was stored: names this token without telling it.
    pub serial: Serial,
    /// Base of REST calls.
    pub instance_url: String,
    /// Granted scopes.
    pub scopes: Vec<String>,
    /// Salesforce's `issued_at`.
    pub issued_at: Option<Timestamp>,
    /// When it ends, where known.
    pub expiration: Option<AccessExpiration>,
    /// Wall time of the answer; the keep-alive counts from here.
    pub received_at: Timestamp,
    /// Wall time of the grant's first answer: a policy that ends a grant after a fixed time counts from here.
    pub begun_at: Timestamp,
    /// What a newer version wrote beside that; it goes with the token.
    pub unknown: UnknownFields,
}

/// When an access token ends, and how that is known.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccessExpiration {
    /// The moment.
    pub time: Timestamp,
    /// The operator's name for the source (`Introspected`, `Declared`, …).
    pub source: String,
}

/// Whether a grant's refresh token is replaced by each use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Rotation {
    /// Not redeemed yet: treated as rotating.
    Unknown,
    /// The last answer had a new refresh token.
    Rotates,
    /// The last answer had none: the token can be used again.
    Fixed,
}

/// Whether a grant is valid as far as Salesforce has told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum GrantValidity {
    /// Not as far as is known.
    Valid,
    /// Yes: `expired access/refresh token`.
    Dead,
}

/// A redeem that was announced, and may have been sent.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attempt {
    /// Its name.
    pub id: AttemptId,
    /// The state's serial that this intent was written under.
    pub serial: Serial,
    /// How far it is known to have come.
    pub phase: AttemptPhase,
    /// For how many seconds from the first sight of it others leave it alone, as the limits of its writer demand: another
    /// replica may have shorter ones. Zero where it was written before that was noted.
    #[serde(default)]
    pub hold_off_seconds: u32,
    /// As which app, and where, the token is presented: nobody else's question about it counts. None where it was written
    /// before that was noted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<OAuthClient>,
    /// What a newer version wrote beside that; it goes with the attempt.
    #[serde(flatten)]
    pub unknown: UnknownFields,
}

/// How far an attempt is known to have come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum AttemptPhase {
    /// Its owner may be about to send, or waiting, or dead.
    Open,
    /// Sent, or not known to be unsent, and no clear answer.
    OutcomeUnknown,
    /// Introspection called the token inactive afterwards: only the owner's late result can mend it.
    FoundInactive,
}

/// How far a grant has come, for people: the stages of the diagram in `docs/redeem.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// A bootstrap token that no access token has come of yet.
    Imported,
    /// It has an access token and nothing stands open.
    Redeemed,
    /// An intent stands: the token is being presented, or its owner died.
    Open,
    /// It was, or may have been, presented, and nobody knows the answer.
    OutcomeUnknown,
    /// Introspection called the token inactive after such an attempt.
    FoundInactive,
    /// Salesforce called the token dead.
    Dead,
}

impl Stage {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Imported,
        Self::Redeemed,
        Self::Open,
        Self::OutcomeUnknown,
        Self::FoundInactive,
        Self::Dead,
    ];

    /// What it means, in a few words.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Imported => "imported, no access token yet",
            Self::Redeemed => "has an access token, nothing open",
            Self::Open => "intent written, perhaps sent",
            Self::OutcomeUnknown => "perhaps spent, not presented",
            Self::FoundInactive => "spent, its result is lost or late",
            Self::Dead => "refused by Salesforce for good",
        }
    }
}

impl State {
    /// An empty state, for a first grant. `floor` is the highest copy of a serial found anywhere.
    #[must_use]
    pub fn new(connector: ConnectorRef, cluster: ClusterUid, floor: Serial) -> Self {
        Self {
            connector,
            cluster,
            serial: floor,
            pin: None,
            imported: None,
            current: None,
            candidate: None,
            revocation_tries: 0,
            unknown: UnknownFields::default(),
        }
    }

    /// The grant of that name, wherever it stands.
    #[must_use]
    pub fn grant(&self, id: &GrantId) -> Option<&Grant> {
        self.grants().find(|grant| grant.id == *id)
    }

    /// Both grants, the current one first.
    pub fn grants(&self) -> impl Iterator<Item = &Grant> {
        self.current.iter().chain(self.candidate.iter())
    }

    pub(crate) fn grant_mut(&mut self, id: &GrantId) -> Option<&mut Grant> {
        self.current
            .iter_mut()
            .chain(self.candidate.iter_mut())
            .find(|grant| grant.id == *id)
    }

    /// The access token to derive from, if the current grant has one.
    #[must_use]
    pub fn access(&self) -> Option<&Access> {
        self.current.as_ref().and_then(|grant| grant.access.as_ref())
    }

    /// The serial that may be copied to status by whoever reports this state: below that of every attempt that stands. To
    /// copy the serial of an intent is to announce it, and only who is about to send does that.
    #[must_use]
    pub fn reported_serial(&self) -> Serial {
        let attempts = self.grants().filter_map(|grant| grant.attempt.as_ref());
        let below = attempts.map(|attempt| Serial(attempt.serial.0.saturating_sub(1)));
        below.fold(self.serial, Serial::min)
    }

    /// Whether this state is older than a copy derived from it, or was written on another cluster.
    #[must_use]
    pub fn is_rolled_back(&self, cluster: &ClusterUid, floor: Serial) -> bool {
        self.serial < floor || self.cluster != *cluster
    }
}

impl Grant {
    /// A grant as it comes in, not redeemed yet.
    #[must_use]
    pub fn new(id: GrantId, refresh_token: RefreshToken, origin: Origin) -> Self {
        Self {
            id,
            refresh_token,
            origin,
            granted_to: None,
            access: None,
            identity: None,
            rotation: Rotation::Unknown,
            attempt: None,
            stored_attempt: None,
            validity: GrantValidity::Valid,
            refused_as: None,
            unknown: UnknownFields::default(),
        }
    }

    /// How far it has come.
    #[must_use]
    pub fn stage(&self) -> Stage {
        match (self.validity, self.attempt.as_ref().map(|attempt| attempt.phase)) {
            (GrantValidity::Dead, _) => Stage::Dead,
            (GrantValidity::Valid, Some(AttemptPhase::Open)) => Stage::Open,
            (GrantValidity::Valid, Some(AttemptPhase::OutcomeUnknown)) => Stage::OutcomeUnknown,
            (GrantValidity::Valid, Some(AttemptPhase::FoundInactive)) => Stage::FoundInactive,
            (GrantValidity::Valid, None) if self.access.is_none() => Stage::Imported,
            (GrantValidity::Valid, None) => Stage::Redeemed,
        }
    }

    /// Whether it is known to have been granted to another app than this, or at another login host.
    #[must_use]
    pub fn is_of_another(&self, client: &OAuthClient) -> bool {
        self.granted_to
            .as_ref()
            .is_some_and(|granted_to| granted_to != client)
    }

    /// Whether its token must not be presented any more by this app. A grant that never brought anything may be of another app
    /// than the one that was refused; nobody has a newer token of it that this could cost.
    #[must_use]
    pub fn is_dead_for(&self, client: &OAuthClient) -> bool {
        let untried = self.access.is_none() && self.granted_to.is_none() && self.attempt.is_none();
        let another = self.refused_as.as_ref().is_some_and(|refused| refused != client);
        self.is_dead() && !(untried && another)
    }

    /// Whether its token must not be presented any more, as far as is known.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        let inactive = self
            .attempt
            .as_ref()
            .is_some_and(|attempt| attempt.phase == AttemptPhase::FoundInactive);
        inactive || self.validity == GrantValidity::Dead
    }
}
