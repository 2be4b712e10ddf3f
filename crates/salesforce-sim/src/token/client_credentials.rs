//! When does the client credentials flow get a token?
//!
//! docs/salesforce.md#client-credentials,
//! <https://help.salesforce.com/apex/HTViewHelpDoc?id=xcloud.remoteaccess_oauth_client_credentials_flow.htm>

use super::call::Call;
use super::issue::{Issued, issue};
use crate::app::{AppKind, Flow};
use crate::refusal::{self, OAuthRefusal};
use crate::world::{Place, World};

pub(super) fn grant(world: &mut World, call: &Call<'_>) -> Result<Issued, OAuthRefusal> {
    // Only on the org's My Domain host. docs/salesforce.md#client-credentials-host
    if matches!(call.place, Place::Shared(_) | Place::Site(_)) {
        return Err(refusal::WRONG_DOMAIN);
    }
    let app = call.confidential_app(world)?;
    if !app.flows.contains(&Flow::ClientCredentials) {
        return Err(refusal::CLIENT_CREDENTIALS_OFF);
    }
    let run_as = app.run_as.as_deref().ok_or(refusal::NO_RUN_AS_USER)?;
    let user = world.find_user(run_as).ok_or(refusal::NO_RUN_AS_USER)?;
    let org = world.org_of(&user, call.place).ok_or(refusal::NO_RUN_AS_USER)?;
    World::may_log_in(org, &user)?;
    World::may_log_in_from(call.address, &app, &user, Flow::ClientCredentials)?;
    World::app_is_installed_for(&app, &user)?;
    if app.kind == AppKind::ExternalClientApp || world.switches.connected_app_permits_run_as_user {
        World::user_is_permitted(&app, &user)?;
    }
    let scopes: Vec<String> = app
        .scopes
        .iter()
        .filter(|scope| !REMOVED.contains(&scope.as_str()))
        .cloned()
        .collect();
    if scopes.is_empty() {
        return Err(refusal::NO_VALID_SCOPES);
    }
    issue(world, call, app, user, Flow::ClientCredentials, scopes)
}

/// Scopes that Salesforce takes away in this flow. docs/salesforce.md#client-credentials-scopes
const REMOVED: [&str; 4] = ["full", "web", "refresh_token", "offline_access"];
