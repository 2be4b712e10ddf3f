//! When does a refresh token get an access token, and when does it rotate or die?
//!
//! docs/salesforce.md#refresh-token,
//! <https://help.salesforce.com/s/articleView?id=005316711&language=en_US&type=1>

use super::call::Call;
use super::issue::{Issued, issue};
use crate::app::{Flow, RefreshTokenPolicy};
use crate::refusal::{self, OAuthRefusal};
use crate::vault::{Grant, GrantEnd, Presented};
use crate::world::World;

pub(super) fn grant(world: &mut World, call: &Call<'_>) -> Result<Issued, OAuthRefusal> {
    let app = call.app_with_secret(world, |app| app.secret_for_refresh_flow)?;
    if !app.flows.contains(&Flow::RefreshToken) {
        return Err(refusal::UNSUPPORTED_GRANT);
    }
    let token = call
        .form
        .get("refresh_token")
        .ok_or(refusal::MISSING_REFRESH_TOKEN)?;
    let presented = world.vault.present(token).ok_or(refusal::EXPIRED_TOKEN)?;
    let owner = world
        .vault
        .grant(presented.grant)
        .map(|grant| grant.client_id.clone());
    if owner.as_ref() != Some(&app.client_id) {
        return Err(refusal::EXPIRED_TOKEN);
    }
    let family = living_family(world, &presented)?;
    if family.lapsed(&app, call.now) {
        world.vault.end_grant(presented.grant, GrantEnd::Expired);
        let fixed = matches!(app.refresh_token_policy, RefreshTokenPolicy::After(_));
        return Err(if fixed {
            refusal::VALIDITY_EXPIRED
        } else {
            refusal::EXPIRED_TOKEN
        });
    }
    let user = world.find_user(&family.username).ok_or(refusal::EXPIRED_TOKEN)?;
    let org = world.org_of(&user, call.place).ok_or(refusal::EXPIRED_TOKEN)?;
    World::may_log_in(org, &user)?;
    World::may_log_in_from(call.address, &app, &user, Flow::RefreshToken)?;
    World::user_is_permitted(&app, &user)?;
    World::may_refresh_from(call.address, &app)?;
    let rotates = app.rotates_refresh_tokens;
    let mut issued = issue(world, call, app, user, Flow::RefreshToken, family.scopes)?;
    end_previous_sessions(world, &presented, &issued.access_token);
    world
        .vault
        .session_opened_by(presented.grant, &issued.access_token);
    if let Some(grant) = world.vault.grant_mut(presented.grant) {
        grant.last_used = call.now;
    }
    issued.refresh_token = rotates.then(|| world.vault.rotate(presented.grant));
    Ok(issued)
}

/// The family of a presented token. A spent token kills it: the newest refresh token and the access tokens die, and
/// the user has to approve again. docs/salesforce.md#replay
fn living_family(world: &mut World, presented: &Presented) -> Result<Grant, OAuthRefusal> {
    let family = world
        .vault
        .grant(presented.grant)
        .cloned()
        .ok_or(refusal::EXPIRED_TOKEN)?;
    if !presented.current {
        if family.ended.is_none() && world.switches.replay_kills_family {
            world.vault.end_grant(presented.grant, GrantEnd::Replayed);
            world.revoked_families += 1;
        }
        return Err(refusal::EXPIRED_TOKEN);
    }
    if family.ended.is_some() {
        return Err(refusal::EXPIRED_TOKEN);
    }
    Ok(family)
}

/// Not documented; by switch. docs/salesforce.md#open-refresh-effects
fn end_previous_sessions(world: &mut World, presented: &Presented, but: &str) {
    if !world.switches.refresh_ends_previous_access_token {
        return;
    }
    let sessions = world
        .vault
        .grant(presented.grant)
        .map(|grant| grant.sessions.clone())
        .unwrap_or_default();
    for token in sessions.iter().filter(|token| *token != but) {
        if let Some(session) = world.vault.session_mut(token) {
            session.revoked = true;
        }
    }
}
