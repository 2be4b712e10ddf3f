//! When is an authorization code exchanged for tokens?
//!
//! docs/salesforce.md#authorization-code,
//! <https://help.salesforce.com/apex/HTViewHelpDoc?id=xcloud.remoteaccess_oauth_web_server_flow_ca.htm>

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest;

use super::call::Call;
use super::issue::{Issued, issue};
use crate::app::{Flow, offers_refresh};
use crate::authorizations::Code;
use crate::refusal::{self, OAuthRefusal};
use crate::vault::Grant;
use crate::world::World;

pub(super) fn grant(world: &mut World, call: &Call<'_>) -> Result<Issued, OAuthRefusal> {
    let app = call.app_with_secret(world, |app| app.secret_for_web_server_flow)?;
    if !app.flows.contains(&Flow::AuthorizationCode) {
        return Err(refusal::UNSUPPORTED_GRANT);
    }
    let given = call.form.get("code").ok_or(refusal::MISSING_CODE)?;
    let code = world
        .authorizations
        .code(given)
        .cloned()
        .ok_or(refusal::INVALID_CODE)?;
    if code.client_id != app.client_id {
        return Err(refusal::INVALID_CODE);
    }
    world.authorizations.presented_again += u32::from(code.used);
    // Fifteen minutes, single use.
    if code.used || call.now >= code.expires_at {
        return Err(refusal::EXPIRED_CODE);
    }
    match call.form.get("redirect_uri") {
        None => return Err(refusal::REDIRECT_MISSING),
        Some(uri) if uri != code.redirect_uri => return Err(refusal::REDIRECT_MISMATCH),
        Some(_) => {}
    }
    check_verifier(&code, call.form.get("code_verifier"))?;
    world.authorizations.use_code(given);
    let user = world
        .find_user(&code.username)
        .ok_or(refusal::AUTHENTICATION_FAILURE)?;
    let org = world.org_of(&user, call.place).ok_or(refusal::INVALID_CODE)?;
    let org_id = org.id.clone();
    World::may_log_in(org, &user)?;
    World::may_log_in_from(call.address, &app, &user, Flow::AuthorizationCode)?;
    World::may_refresh_from(call.address, &app)?;
    let mut issued = issue(world, call, app, user, Flow::AuthorizationCode, code.scopes)?;
    if offers_refresh(&issued.scopes) {
        let refresh_token = approve(world, call, &issued, org_id);
        issued.refresh_token = Some(refresh_token);
    }
    Ok(issued)
}

fn approve(world: &mut World, call: &Call<'_>, issued: &Issued, org_id: String) -> String {
    let grant = Grant {
        number: 0,
        client_id: issued.app.client_id.clone(),
        username: issued.user.username.clone(),
        org_id,
        scopes: issued.scopes.clone(),
        rotation: 0,
        approved_at: call.now,
        last_used: call.now,
        ended: None,
        sessions: vec![issued.access_token.clone()],
        busy: false,
        contested: false,
    };
    world.vault.approve(grant, world.switches.approval_limit).1
}

/// Challenge sent and verifier missing: `invalid_grant`; both there and different: `invalid_request`.
fn check_verifier(code: &Code, verifier: Option<&str>) -> Result<(), OAuthRefusal> {
    let Some(challenge) = &code.challenge else {
        return Ok(());
    };
    let verifier = verifier.ok_or(refusal::MISSING_VERIFIER)?;
    let hash = digest::digest(&digest::SHA256, verifier.as_bytes());
    if URL_SAFE_NO_PAD.encode(hash) == *challenge {
        Ok(())
    } else {
        Err(refusal::WRONG_VERIFIER)
    }
}
