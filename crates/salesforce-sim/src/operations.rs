//! What can an administrator, a user or time do to the simulated Salesforce?

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest;

use crate::app::{AppStanding, PreviousSecret};
use crate::authorizations::Code;
use crate::authorize::CODE_LIFETIME;
use crate::clock::later;
use crate::fault::FaultRule;
use crate::log::LogEntry;
use crate::user::Standing;
use crate::vault::{Grant, GrantEnd};
use crate::world::World;
use crate::{Endpoint, Secret, ids};

/// A refresh token family, as seen from outside.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct GrantState {
    /// Number of the grant, as in [`crate::RefreshTokenLabel`].
    pub number: u64,
    pub client_id: String,
    pub username: String,
    pub rotation: u64,
    pub ended: Option<GrantEnd>,
}

impl World {
    pub fn advance(&mut self, by: Duration) {
        self.clock.advance(by);
    }

    /// Makes a user approve an app, and hands out the refresh token. Counts as an approval: five per user and app.
    ///
    /// # Panics
    /// When the app or the user does not exist.
    #[track_caller]
    pub fn grant_refresh_token(&mut self, client_id: &str, username: &str) -> String {
        let app = self.app(client_id).clone();
        let user = self.user(username).clone();
        let org_id = self.org(&user.org_host).id.clone();
        let now = self.now();
        let grant = Grant {
            number: 0,
            client_id: app.client_id,
            username: user.username,
            org_id,
            scopes: app.scopes,
            rotation: 0,
            approved_at: now,
            last_used: now,
            ended: None,
            sessions: Vec::new(),
            busy: false,
            contested: false,
        };
        let limit = self.switches.approval_limit;
        self.vault.approve(grant, limit).1
    }

    /// The code of a login that this user has finished and approved in a browser, for the challenge of this verifier. The
    /// callback is the first one of the app.
    pub fn approved_code(&mut self, client_id: &str, username: &str, verifier: &str) -> String {
        let app = self.app(client_id).clone();
        let code = format!("aPrx{}==", ids::random(60));
        let hash = digest::digest(&digest::SHA256, verifier.as_bytes());
        let approved = Code {
            client_id: app.client_id,
            username: username.to_owned(),
            redirect_uri: app.callbacks.first().cloned().unwrap_or_default(),
            challenge: Some(URL_SAFE_NO_PAD.encode(hash)),
            scopes: app.scopes,
            expires_at: later(self.now(), CODE_LIFETIME),
            used: false,
        };
        self.authorizations.codes.insert(code.clone(), approved);
        code
    }

    /// How often a code was presented that had been exchanged already.
    pub fn codes_presented_again(&self) -> u32 {
        self.authorizations.presented_again
    }

    /// Ends all sessions of a user (Session Management); refresh tokens stay good. Returns how many.
    pub fn revoke_sessions(&mut self, username: &str) -> usize {
        self.revoke_where(|session| session.username.eq_ignore_ascii_case(username))
    }

    /// Ends all sessions of an app; refresh tokens stay good. Returns how many.
    pub fn revoke_app_sessions(&mut self, client_id: &str) -> usize {
        self.revoke_where(|session| session.client_id == client_id)
    }

    /// Ends all sessions of all orgs. Returns how many.
    pub fn revoke_all_sessions(&mut self) -> usize {
        self.revoke_where(|_| true)
    }

    fn revoke_where(&mut self, fits: impl Fn(&crate::vault::Session) -> bool) -> usize {
        let now = self.now();
        let mut revoked = 0;
        for session in self
            .vault
            .sessions_mut()
            .filter(|session| session.alive(now) && fits(session))
        {
            session.revoked = true;
            revoked += 1;
        }
        revoked
    }

    /// Revokes all approvals of a user for an app (OAuth Connected Apps page). Returns how many.
    pub fn revoke_grants(&mut self, client_id: &str, username: &str) -> usize {
        self.vault.end_grants_where(GrantEnd::Revoked, |grant| {
            grant.client_id == client_id && grant.username.eq_ignore_ascii_case(username)
        })
    }

    /// Locks, freezes, deactivates or restores a user. Freezing and deactivating end the user's sessions.
    #[track_caller]
    pub fn set_standing(&mut self, username: &str, standing: Standing) {
        let user = self.user(username);
        user.standing = standing;
        if standing == Standing::Active {
            user.failed_logins = 0;
        }
        if matches!(standing, Standing::Frozen | Standing::Inactive) {
            self.revoke_sessions(username);
        }
    }

    /// Contains a user, as Salesforce does by itself after calls from suspicious addresses: the user is frozen, sessions end,
    /// and all refresh tokens are revoked. Returns how many. docs/salesforce.md#containment
    #[track_caller]
    pub fn contain_user(&mut self, username: &str) -> usize {
        self.set_standing(username, Standing::Frozen);
        self.vault.end_grants_where(GrantEnd::Revoked, |grant| {
            grant.username.eq_ignore_ascii_case(username)
        })
    }

    /// Changes a password, which resets the security token too. docs/salesforce.md#security-token
    #[track_caller]
    pub fn change_password(&mut self, username: &str, password: &str) -> String {
        let token = ids::random(24);
        let user = self.user(username);
        user.password = Secret::new(password);
        user.security_token = Secret::new(token.clone());
        user.password_expired = false;
        token
    }

    /// Applies a staged consumer secret: all tokens of the app are revoked (by switch), and for `mixed` (Salesforce: up to ten
    /// minutes) old and new secret are each accepted every other time. docs/salesforce.md#secret-rotation
    #[track_caller]
    pub fn rotate_client_secret(&mut self, client_id: &str, secret: &str, mixed: Duration) {
        let until = later(self.now(), mixed);
        let app = self.app(client_id);
        let old = std::mem::replace(&mut app.client_secret, Secret::new(secret));
        app.previous_secret = (!mixed.is_zero()).then_some(PreviousSecret {
            secret: old,
            until,
            attempts: 0,
        });
        if self.switches.secret_rotation_revokes_tokens {
            self.revoke_app_tokens(client_id);
        }
    }

    /// Stages credentials of an external client app. Returns the new consumer key and secret, which are not good yet.
    /// docs/salesforce.md#credential-rotation
    #[track_caller]
    pub fn stage_credentials(&mut self, client_id: &str) -> (String, String) {
        let (id, now) = (self.next_id(ids::STAGED), self.now());
        self.app(client_id).rotations.stage(id, now)
    }

    /// Rotates the staged credentials in; false if there are none. The former ones are good for 30 more days. The app still goes by
    /// the consumer key that it was made with here.
    #[track_caller]
    pub fn rotate_credentials(&mut self, client_id: &str) -> bool {
        let now = self.now();
        let app = self.app(client_id);
        let (first, secret) = (app.client_id.clone(), app.client_secret.clone());
        let applied = app.rotations.apply((&first, &secret), now);
        if applied && self.switches.credential_rotation_revokes_grants {
            self.vault
                .end_grants_where(GrantEnd::Revoked, |grant| grant.client_id == client_id);
        }
        applied
    }

    /// Whether this consumer key and secret are good ones of an app.
    pub fn accepts_client(&self, client_id: &str, secret: &str) -> bool {
        let Some(app) = self.app_of_key(client_id) else {
            return false;
        };
        let rotated = app.rotations.secret(client_id, self.now());
        rotated.unwrap_or(&app.client_secret).reveal() == secret
    }

    /// Deletes the credentials from before the last rotation.
    #[track_caller]
    pub fn end_former_credentials(&mut self, client_id: &str) {
        let now = self.now();
        self.app(client_id).rotations.end_former(now);
    }

    /// Blocks an app: its tokens end and nobody gets new ones.
    #[track_caller]
    pub fn block_app(&mut self, client_id: &str) {
        self.app(client_id).standing = AppStanding::Blocked;
        self.revoke_app_tokens(client_id);
    }

    /// Uninstalls an app from its org: its tokens end.
    #[track_caller]
    pub fn uninstall_app(&mut self, client_id: &str) {
        self.app(client_id).uninstalled = true;
        self.revoke_app_tokens(client_id);
    }

    fn revoke_app_tokens(&mut self, client_id: &str) {
        self.vault
            .end_grants_where(GrantEnd::Revoked, |grant| grant.client_id == client_id);
        self.revoke_app_sessions(client_id);
    }

    /// Renames a My Domain: sessions end, refresh tokens are revoked, and `instance_url` is another from now on. The former host redirects.
    /// docs/salesforce.md#my-domain-change
    #[track_caller]
    pub fn rename_my_domain(&mut self, from: &str, to: &str) {
        let org = self.org(from);
        let (from, to) = (from.to_lowercase(), to.to_lowercase());
        org.host.clone_from(&to);
        let id = org.id.clone();
        self.rename_host(&from, &to);
        self.end_everything_of_org(&id);
    }

    /// Ends the redirection of a former My Domain: it has no route from now on. False if there was none.
    pub fn end_redirection(&mut self, former: &str) -> bool {
        self.redirections.remove(&former.to_lowercase()).is_some()
    }

    /// Refreshes a sandbox: a new org under the same host, with a new id. All grants are void; production's users are there, under
    /// usernames with the sandbox's suffix; by switch its apps have new consumer keys and secrets. Returns the new organization id.
    /// docs/salesforce.md#sandbox-refresh
    #[track_caller]
    pub fn refresh_sandbox(&mut self, host: &str) -> String {
        let new = self.next_id("00D");
        let old = std::mem::replace(&mut self.org(host).id, new.clone());
        self.end_everything_of_org(&old);
        self.copy_users(host);
        if self.switches.sandbox_refresh_changes_app_keys {
            self.renew_app_keys(host);
        }
        new
    }

    /// Copies the users of the production org that a sandbox belongs to, where the sandbox has them not.
    fn copy_users(&mut self, sandbox: &str) {
        let org = self.org(sandbox).clone();
        let Some(((my_domain, _), suffix)) = org.host.split_once("--").zip(org.sandbox()) else {
            return;
        };
        let production = format!("{my_domain}.my.salesforce.com");
        let users: Vec<_> = self
            .users()
            .filter(|user| user.org_host == production)
            .cloned()
            .collect();
        for mut user in users {
            user.username = format!("{}.{suffix}", user.username);
            user.org_host.clone_from(&org.host);
            user.id.clear();
            if !self.has_user(&user.username) {
                self.add_user(user);
            }
        }
    }

    fn end_everything_of_org(&mut self, org_id: &str) {
        self.vault
            .end_grants_where(GrantEnd::Revoked, |grant| grant.org_id == org_id);
        self.revoke_where(|session| session.org_id == org_id);
    }

    /// Puts a fault in force. Where several match, the oldest strikes.
    pub fn add_fault(&mut self, rule: FaultRule) {
        self.faults.push(rule);
    }

    /// Ends the faults of this rule.
    pub fn end_fault(&mut self, rule: &FaultRule) {
        self.faults.retain(|known| known != rule);
    }

    pub fn clear_faults(&mut self) {
        self.faults.clear();
    }

    /// What the simulator has seen, oldest first.
    pub fn log(&self) -> &[LogEntry] {
        &self.log
    }

    /// Empties the log and the counts; tokens and grants stay.
    pub fn clear_log(&mut self) {
        self.log.clear();
        self.counts.clear();
    }

    /// How many requests an endpoint has seen.
    pub fn count(&self, endpoint: Endpoint) -> u64 {
        self.counts.get(&endpoint).copied().unwrap_or_default()
    }

    /// Presentations of spent refresh tokens.
    pub fn replays(&self) -> usize {
        self.log.iter().filter(|entry| entry.replay).count()
    }

    /// Families of refresh tokens that were killed because a spent token was presented.
    pub fn revoked_families(&self) -> u64 {
        self.revoked_families
    }

    /// All refresh token families, oldest first.
    pub fn grants(&self) -> Vec<GrantState> {
        self.vault.grants().iter().map(GrantState::from).collect()
    }

    /// Every access and refresh token ever issued, and every consumer secret ever staged, for a scan of other programs' output.
    pub fn issued_secrets(&self) -> Vec<String> {
        let tokens = self.vault.issued_secrets().cloned();
        let apps = self.apps().flat_map(|app| app.rotations.secrets());
        tokens
            .chain(apps.map(|secret| secret.reveal().to_owned()))
            .collect()
    }

    pub fn access_token_is_good(&self, token: &str) -> bool {
        self.living_session(token).is_some()
    }

    pub fn refresh_token_is_good(&self, token: &str) -> bool {
        self.vault.present(token).is_some_and(|presented| {
            presented.current
                && self
                    .vault
                    .grant(presented.grant)
                    .is_some_and(|grant| grant.ended.is_none())
        })
    }
}

impl From<&Grant> for GrantState {
    fn from(grant: &Grant) -> Self {
        Self {
            number: grant.number,
            client_id: grant.client_id.clone(),
            username: grant.username.clone(),
            rotation: grant.rotation,
            ended: grant.ended,
        }
    }
}
