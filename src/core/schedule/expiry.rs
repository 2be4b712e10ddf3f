//! When does a token expire, how is that known, and when is it renewed? (docs/salesforce.md#lifetimes)

use std::time::Duration;

use jiff::Timestamp;
use salesforce_client::{Introspection, TokenResponse};

use crate::api::status::ExpirySource;
use crate::core::model::held_token::{Expiration, HeldToken, Renewal};
use crate::core::schedule::jitter::jittered;
use crate::core::schedule::time::{later, signed, whole_seconds};

/// The shortest session timeout that can be set in Salesforce: an assumption that can only be too careful.
pub const ASSUMED_LIFETIME: Duration = Duration::from_mins(15);
/// A renewed Secret reaches running pods after 30 to 100 seconds; with a retry or two that makes five minutes.
const MARGIN_SHORTEST: Duration = Duration::from_mins(5);
/// Renewing a day-long session more than an hour ahead gains nothing.
const MARGIN_LONGEST: Duration = Duration::from_hours(1);

/// Expiration of the token that a login has just returned. `earlier` is the token held before it.
pub fn of_new_token(
    token: &TokenResponse,
    introspection: Option<&Introspection>,
    declared: Option<Duration>,
    earlier: Option<&HeldToken>,
    now: Timestamp,
) -> Expiration {
    let (time, source) = known_expiry(token, introspection, declared, now);
    let told = matches!(source, ExpirySource::Introspected | ExpirySource::TokenClaims);
    match earlier.filter(|held| held.token == token.access_token) {
        None => Expiration {
            time,
            source,
            renewal: Renewal::Ahead,
        },
        Some(held) if told && time > held.expiration.time => Expiration {
            time,
            source,
            renewal: Renewal::Ahead,
        },
        // The session lives on, for how long nobody says: what was stated stays, and the next try is at its end.
        Some(held) if held.expiration.time > now => Expiration {
            renewal: Renewal::AtExpiry,
            ..held.expiration
        },
        // It has outlived what was stated, kept alive by use, and whoever states an end states one that has passed; it
        // lasts at least the shortest timeout from its last use. An end in the past would be renewed at every look.
        Some(held) => Expiration {
            time: whole_seconds(later(now, ASSUMED_LIFETIME)),
            source: held.expiration.source,
            renewal: Renewal::AtExpiry,
        },
    }
}

fn known_expiry(
    token: &TokenResponse,
    introspection: Option<&Introspection>,
    declared: Option<Duration>,
    now: Timestamp,
) -> (Timestamp, ExpirySource) {
    if let Some(exp) = token.claims_exp {
        return (whole_seconds(exp), ExpirySource::TokenClaims);
    }
    if let Some(exp) = introspection
        .filter(|answer| answer.active)
        .and_then(|answer| answer.expires_at)
    {
        return (whole_seconds(exp), ExpirySource::Introspected);
    }
    // Counted from our own clock: `issued_at` is Salesforce's, and is old when a living session is returned again.
    match declared {
        Some(lifetime) => (whole_seconds(later(now, lifetime)), ExpirySource::Declared),
        None => (whole_seconds(later(now, ASSUMED_LIFETIME)), ExpirySource::Assumed),
    }
}

/// When to renew a token that was issued at `issue` and expires as `expiration` says.
pub fn renewal_time(
    issue: Timestamp,
    expiration: &Expiration,
    renew_before: Option<Duration>,
    uid: &str,
) -> Timestamp {
    if expiration.renewal == Renewal::AtExpiry {
        return expiration.time;
    }
    let life = crate::core::schedule::time::since(issue, expiration.time);
    let margin = renew_before
        .unwrap_or_else(|| (life / 3).clamp(MARGIN_SHORTEST, MARGIN_LONGEST))
        .min(life / 2);
    // Jitter lengthens the margin: tokens that were issued together are not renewed together, and none is late.
    whole_seconds(expiration.time - signed(jittered(margin, uid, 0).min(life / 2)))
}

#[cfg(test)]
mod tests;
