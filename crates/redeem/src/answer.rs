//! What a token request or an introspection can come to, as far as the protocol cares.

use jiff::Timestamp;

use crate::identity::GrantIdentity;
use crate::state::AccessExpiration;
use crate::token::{AccessToken, RefreshToken};

/// A readable 200 of the token endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TokenAnswer {
    /// The new access token.
    pub access_token: AccessToken,
    /// The new refresh token; `None` when this grant doesn't rotate.
    pub refresh_token: Option<RefreshToken>,
    /// Base of REST calls; may change with every answer.
    pub instance_url: String,
    /// Org and user of the answer.
    pub identity: GrantIdentity,
    /// Granted scopes.
    pub scopes: Vec<String>,
    /// Salesforce's `issued_at`.
    pub issued_at: Option<Timestamp>,
    /// When the access token ends, where it is known already.
    pub expiration: Option<AccessExpiration>,
    /// Wall time of the answer; schedules the keep-alive, decides nothing.
    pub received_at: Timestamp,
}

/// What became of one token request. Nothing may be left out and nothing guessed: what isn't known is `Unclear`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum RedeemAnswer {
    /// The request never left: DNS, connecting or TLS failed. The token is unspent.
    NotSent,
    /// A readable 200. With a new refresh token the old one is spent; without one it still works.
    Granted(Box<TokenAnswer>),
    /// A 200 that can't be understood but for the new refresh token in it: the old one is spent, this one replaces it.
    /// Whose it is and which access token came with it isn't known.
    Rescued(RefreshToken),
    /// An OAuth error that is understood.
    Refused(RedeemRefusal),
    /// `token request is already being processed`: somebody else is spending the token.
    AlreadyProcessing,
    /// Time-out, reset, 5xx after sending, unreadable 200, unknown error: the token may be spent.
    Unclear,
}

/// What a refusal says about the refresh token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RedeemRefusal {
    /// The token itself is dead (`expired access/refresh token`): a person must authorize again.
    GrantDead,
    /// Something else is wrong (app, user, address, rate); the token is as it was.
    Unspent,
}

/// What Salesforce says about a refresh token without spending it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IntrospectionAnswer {
    /// `active: true`.
    Active,
    /// `active: false`.
    Inactive,
    /// No answer this time; asking again can help.
    NoAnswer,
    /// Salesforce refuses to tell this app (or there is no client secret): asking again doesn't help.
    Impossible,
}

/// What is to be recorded about an attempt: final, held in memory until it is in the state Secret.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum AnswerVerdict {
    /// The result, not to be lost.
    Result(Box<TokenAnswer>),
    /// All that could be saved of a result: the new refresh token. Not to be lost either.
    Rescued(RefreshToken),
    /// The token was not presented, or presenting it changed nothing.
    NotSent,
    /// Salesforce called the token dead.
    GrantDead,
    /// Presented, and what came of it isn't known.
    OutcomeUnknown,
}

impl AnswerVerdict {
    /// Whether it carries a refresh token that stands nowhere else.
    #[must_use]
    pub fn is_result(&self) -> bool {
        match self {
            Self::Result(_) | Self::Rescued(_) => true,
            Self::NotSent | Self::GrantDead | Self::OutcomeUnknown => false,
        }
    }
}
