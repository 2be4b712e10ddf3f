//! What does a grant get: a session of its own, or one that lives?

use std::sync::Arc;

use super::call::Call;
use crate::app::{App, Flow, TokenFormat};
use crate::org::Org;
use crate::refusal::{self, OAuthRefusal};
use crate::user::User;
use crate::vault::{self, Grant, Session};
use crate::world::World;
use crate::{access_jwt, ids};

/// What a grant was given.
pub(super) struct Issued {
    pub(super) app: Arc<App>,
    pub(super) user: Arc<User>,
    pub(super) org: Org,
    pub(super) access_token: String,
    pub(super) scopes: Vec<String>,
    pub(super) refresh_token: Option<String>,
    pub(super) flow: Flow,
}

/// Opens a session, or finds the one that is to be handed back.
pub(super) fn issue(
    world: &mut World,
    call: &Call<'_>,
    app: Arc<App>,
    user: Arc<User>,
    flow: Flow,
    scopes: Vec<String>,
) -> Result<Issued, OAuthRefusal> {
    let org = world
        .org_by_host(&user.org_host)
        .cloned()
        .ok_or(refusal::AUTHENTICATION_FAILURE)?;
    world.count_login(&org, &user, call.now)?;
    let reuse = reuse_key(world, &app, &user, flow);
    let found = reuse.as_ref().and_then(|key| world.vault.reusable(key, call.now));
    let access_token = found.unwrap_or_else(|| {
        let (timeout, slides) = vault::lifetime(&app, org.session_timeout, &world.switches);
        let token = match app.token_format {
            TokenFormat::Opaque => ids::access_token(&org.id),
            TokenFormat::Jwt(lifetime) => access_jwt::sign(&org, &user, &app, &scopes, call.now, lifetime),
        };
        let session = Session {
            client_id: app.client_id.clone(),
            username: user.username.clone(),
            org_id: org.id.clone(),
            scopes: scopes.clone(),
            address: call.address,
            issued_at: call.now,
            last_active: call.now,
            timeout,
            slides,
            revoked: false,
        };
        let counts = matches!(flow, Flow::ClientCredentials | Flow::JwtBearer);
        if counts && world.switches.logins_count_as_approvals {
            take_place(world, &session, &token);
        }
        world.vault.open_session(token.clone(), session, reuse);
        token
    });
    Ok(Issued {
        app,
        user,
        org,
        access_token,
        scopes,
        refresh_token: None,
        flow,
    })
}

/// The approval that a session counts as, if it does: the oldest of user and app gives way to it.
/// docs/salesforce.md#open-approvals
fn take_place(world: &mut World, session: &Session, token: &str) {
    let approval = Grant {
        number: 0,
        client_id: session.client_id.clone(),
        username: session.username.clone(),
        org_id: session.org_id.clone(),
        scopes: session.scopes.clone(),
        rotation: 0,
        approved_at: session.issued_at,
        last_used: session.issued_at,
        ended: None,
        sessions: vec![token.to_owned()],
        busy: false,
        contested: false,
    };
    // Its refresh token is told to nobody.
    let _ = world.vault.approve(approval, world.switches.approval_limit);
}

/// JWT bearer and client credentials hand back the token of a living session; others only by switch.
/// docs/salesforce.md#token-reuse
fn reuse_key(world: &World, app: &App, user: &User, flow: Flow) -> Option<(String, String, Flow)> {
    let reuses = match flow {
        Flow::ClientCredentials | Flow::JwtBearer => world.switches.same_token_while_session_lives,
        Flow::RefreshToken => world.switches.refresh_returns_same_token,
        Flow::AuthorizationCode | Flow::Password => false,
    };
    let opaque = matches!(app.token_format, TokenFormat::Opaque);
    (reuses && opaque).then(|| (app.client_id.clone(), user.username.clone(), flow))
}
