//! Which access tokens, refresh tokens and approvals exist, and which of them are still good?

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;

use crate::app::{App, Flow, RefreshTokenPolicy, TokenFormat};
use crate::clock::later;
use crate::log::RefreshTokenLabel;
use crate::{Switches, ids};

/// A session: what an access token stands for.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    pub(crate) client_id: String,
    pub(crate) username: String,
    /// Organization id at the time of issue: a sandbox refresh leaves it behind.
    pub(crate) org_id: String,
    pub(crate) scopes: Vec<String>,
    /// From where it was opened. docs/salesforce.md#locked-sessions
    pub(crate) address: IpAddr,
    pub(crate) issued_at: Timestamp,
    pub(crate) last_active: Timestamp,
    pub(crate) timeout: Duration,
    pub(crate) slides: bool,
    pub(crate) revoked: bool,
}

impl Session {
    pub(crate) fn expires_at(&self) -> Timestamp {
        later(self.last_active, self.timeout)
    }

    pub(crate) fn alive(&self, now: Timestamp) -> bool {
        !self.revoked && now < self.expires_at()
    }

    /// Use extends the session; classic Salesforce notes it only once half the timeout has passed.
    /// docs/salesforce.md#sliding-session
    pub(crate) fn touch(&mut self, now: Timestamp, switches: &Switches) {
        let granularity = if switches.half_time_rule {
            self.timeout / 2
        } else {
            Duration::ZERO
        };
        if self.slides && switches.sliding_sessions && now >= later(self.last_active, granularity) {
            self.last_active = now;
        }
    }
}

/// A user's approval of an app, with the family of refresh tokens that came from it.
#[derive(Debug, Clone)]
pub(crate) struct Grant {
    pub(crate) number: u64,
    pub(crate) client_id: String,
    pub(crate) username: String,
    pub(crate) org_id: String,
    pub(crate) scopes: Vec<String>,
    /// Rotations so far; only the refresh token of this rotation is good.
    pub(crate) rotation: u64,
    pub(crate) approved_at: Timestamp,
    pub(crate) last_used: Timestamp,
    pub(crate) ended: Option<GrantEnd>,
    pub(crate) sessions: Vec<String>,
    /// A refresh is being processed. docs/salesforce.md#concurrent-refresh
    pub(crate) busy: bool,
    /// Another refresh was refused meanwhile, and that ends the grant; by switch.
    pub(crate) contested: bool,
}

/// Why a grant is no longer good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum GrantEnd {
    /// Revoked by the client or by an administrator.
    Revoked,
    /// A spent refresh token was presented again: the family was killed. docs/salesforce.md#replay
    Replayed,
    /// A newer approval by the same user and app pushed it out. docs/salesforce.md#approvals
    PushedOut,
    /// Another refresh was refused while one was worked on; by switch. docs/salesforce.md#concurrent-refresh
    Contested,
    /// The refresh token policy ended it. docs/salesforce.md#refresh-token-policy
    Expired,
}

#[derive(Debug, Clone, Copy)]
struct IssuedRefreshToken {
    grant: usize,
    rotation: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Vault {
    sessions: HashMap<String, Session>,
    reusable: HashMap<(String, String, Flow), String>,
    grants: Vec<Grant>,
    refresh_tokens: HashMap<String, IssuedRefreshToken>,
    approvals: HashMap<(String, String), Vec<usize>>,
}

pub(crate) struct Presented {
    pub(crate) grant: usize,
    pub(crate) label: RefreshTokenLabel,
    /// It is the newest of its family.
    pub(crate) current: bool,
}

impl Vault {
    pub(crate) fn session(&self, token: &str) -> Option<&Session> {
        self.sessions.get(token)
    }

    pub(crate) fn session_mut(&mut self, token: &str) -> Option<&mut Session> {
        self.sessions.get_mut(token)
    }

    pub(crate) fn sessions_mut(&mut self) -> impl Iterator<Item = &mut Session> {
        self.sessions.values_mut()
    }

    pub(crate) fn grants(&self) -> &[Grant] {
        &self.grants
    }

    pub(crate) fn grant(&self, index: usize) -> Option<&Grant> {
        self.grants.get(index)
    }

    pub(crate) fn grant_mut(&mut self, index: usize) -> Option<&mut Grant> {
        self.grants.get_mut(index)
    }

    pub(crate) fn issued_secrets(&self) -> impl Iterator<Item = &String> {
        self.sessions.keys().chain(self.refresh_tokens.keys())
    }

    /// The token of a living session that the same app, user and flow already have.
    pub(crate) fn reusable(&self, key: &(String, String, Flow), now: Timestamp) -> Option<String> {
        let token = self.reusable.get(key)?;
        self.sessions
            .get(token)
            .filter(|session| session.alive(now))
            .map(|_| token.clone())
    }

    pub(crate) fn open_session(
        &mut self,
        token: String,
        session: Session,
        reuse: Option<(String, String, Flow)>,
    ) {
        if let Some(key) = reuse {
            self.reusable.insert(key, token.clone());
        }
        self.sessions.insert(token, session);
    }

    /// A new approval with its first refresh token; the oldest beyond the limit ends without a word.
    /// docs/salesforce.md#approvals
    pub(crate) fn approve(&mut self, grant: Grant, limit: usize) -> (usize, String) {
        let index = self.grants.len();
        let approvals = self
            .approvals
            .entry((grant.client_id.clone(), grant.username.clone()))
            .or_default();
        approvals.retain(|earlier| {
            self.grants
                .get(*earlier)
                .is_some_and(|grant| grant.ended.is_none())
        });
        let surplus = (approvals.len() + 1).saturating_sub(limit);
        let pushed_out: Vec<usize> = approvals.drain(..surplus).collect();
        approvals.push(index);
        for oldest in pushed_out {
            self.end_grant(oldest, GrantEnd::PushedOut);
        }
        self.grants.push(Grant {
            number: index as u64 + 1,
            ..grant
        });
        (index, self.issue_refresh_token(index))
    }

    fn issue_refresh_token(&mut self, grant: usize) -> String {
        let token = ids::refresh_token();
        let rotation = self.grants.get(grant).map_or(0, |grant| grant.rotation);
        self.refresh_tokens
            .insert(token.clone(), IssuedRefreshToken { grant, rotation });
        token
    }

    /// The next refresh token of a family; the present one is void from now on.
    pub(crate) fn rotate(&mut self, grant: usize) -> String {
        if let Some(grant) = self.grants.get_mut(grant) {
            grant.rotation += 1;
        }
        self.issue_refresh_token(grant)
    }

    pub(crate) fn present(&self, token: &str) -> Option<Presented> {
        let issued = self.refresh_tokens.get(token)?;
        let grant = self.grants.get(issued.grant)?;
        Some(Presented {
            grant: issued.grant,
            label: RefreshTokenLabel {
                grant: grant.number,
                rotation: issued.rotation,
            },
            current: issued.rotation == grant.rotation,
        })
    }

    /// Ends a grant and the access tokens that came from it.
    pub(crate) fn end_grant(&mut self, index: usize, end: GrantEnd) {
        let Some(grant) = self.grants.get_mut(index) else {
            return;
        };
        grant.ended.get_or_insert(end);
        for token in &grant.sessions {
            if let Some(session) = self.sessions.get_mut(token) {
                session.revoked = true;
            }
        }
    }

    pub(crate) fn end_grants_where(&mut self, end: GrantEnd, fits: impl Fn(&Grant) -> bool) -> usize {
        let matching: Vec<usize> = (0_usize..)
            .zip(&self.grants)
            .filter(|(_, grant)| grant.ended.is_none() && fits(grant))
            .map(|(index, _)| index)
            .collect();
        for index in &matching {
            self.end_grant(*index, end);
        }
        matching.len()
    }

    pub(crate) fn has_live_grant(&self, client_id: &str, username: &str) -> bool {
        self.approvals
            .get(&(client_id.to_owned(), username.to_owned()))
            .is_some_and(|indexes| {
                indexes
                    .iter()
                    .any(|index| self.grants.get(*index).is_some_and(|grant| grant.ended.is_none()))
            })
    }

    pub(crate) fn session_opened_by(&mut self, grant: usize, token: &str) {
        let Some(grant) = self.grants.get_mut(grant) else {
            return;
        };
        if !grant.sessions.iter().any(|known| known == token) {
            grant.sessions.push(token.to_owned());
        }
    }
}

impl Grant {
    /// Has the app's refresh token policy ended it? docs/salesforce.md#refresh-token-policy
    pub(crate) fn lapsed(&self, app: &App, now: Timestamp) -> bool {
        app.refresh_token_policy == RefreshTokenPolicy::Immediately
            || self.ends(app).is_some_and(|end| now >= end)
    }

    /// When it ends if it is not used before.
    pub(crate) fn ends(&self, app: &App) -> Option<Timestamp> {
        let by_policy = match app.refresh_token_policy {
            RefreshTokenPolicy::UntilRevoked | RefreshTokenPolicy::Immediately => None,
            RefreshTokenPolicy::Idle(limit) => Some(later(self.last_used, limit)),
            RefreshTokenPolicy::After(limit) => Some(later(self.approved_at, limit)),
        };
        let idle = app.idle_limit.map(|limit| later(self.last_used, limit));
        by_policy.into_iter().chain(idle).min()
    }
}

/// How long a new session lasts, and whether use extends it.
pub(crate) fn lifetime(app: &App, org_timeout: Duration, switches: &Switches) -> (Duration, bool) {
    match app.token_format {
        TokenFormat::Opaque => (app.session_timeout.unwrap_or(org_timeout), true),
        TokenFormat::Jwt(lifetime) => (lifetime, switches.jwt_tokens_slide),
    }
}
