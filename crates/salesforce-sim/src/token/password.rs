//! When does the username-password flow get a token?
//!
//! docs/salesforce.md#username-and-password,
//! <https://help.salesforce.com/apex/HTViewHelpDoc?id=xcloud.remoteaccess_disable_username_password_flow_ca.htm>

use jiff::civil::date;
use jiff::tz::TimeZone;

use super::call::Call;
use super::issue::{Issued, issue};
use crate::app::Flow;
use crate::refusal::{self, OAuthRefusal};
use crate::user::Standing;
use crate::world::World;

pub(super) fn grant(world: &mut World, call: &Call<'_>) -> Result<Issued, OAuthRefusal> {
    let app = call.confidential_app(world)?;
    if !app.flows.contains(&Flow::Password) || retired(world, call) {
        return Err(refusal::UNSUPPORTED_GRANT);
    }
    let failure = refusal::AUTHENTICATION_FAILURE;
    let username = call.form.get("username").ok_or(failure)?;
    let password = call.form.get("password").ok_or(failure)?;
    let user = world.find_user(username).ok_or(failure)?;
    let org = world.org_of(&user, call.place).ok_or(failure)?.clone();
    // The org blocks the flow: by default since Summer '23. docs/salesforce.md#password-flow-blocked
    if !org.allows_password_flow {
        return Err(failure);
    }
    if user.standing == Standing::Inactive {
        return Err(failure);
    }
    World::may_log_in(&org, &user)?;
    World::may_log_in_from(call.address, &app, &user, Flow::Password)?;
    if !world.check_password(username, password) || user.password_expired {
        return Err(failure);
    }
    World::app_is_installed_for(&app, &user)?;
    World::user_is_permitted(&app, &user)?;
    let scopes = app.scopes.clone();
    issue(world, call, app, user, Flow::Password, scopes)
}

/// The flow retires on 2027-02-20 (docs/salesforce.md#password-flow-retirement); what it then answers is not known
/// (docs/salesforce.md#open-password-answer).
fn retired(world: &World, call: &Call<'_>) -> bool {
    let day = call.now.to_zoned(TimeZone::UTC).date();
    world.switches.password_flow_retires && day >= date(2027, 2, 20)
}
