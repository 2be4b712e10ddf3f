//! May this user log in, and is this access token good?

use std::net::IpAddr;
use std::sync::Arc;

use jiff::Timestamp;

use crate::app::{App, AppKind, AppStanding, Flow, PermittedUsers};
use crate::network::{self, IpRelaxation};
use crate::org::{IpRestriction, Org, OrgStatus};
use crate::refusal::{self, OAuthRefusal};
use crate::user::{Standing, User};
use crate::vault::Session;
use crate::world::{Place, World};

impl World {
    /// The session of an access token, if it is good now.
    pub(crate) fn living_session(&self, token: &str) -> Option<&Session> {
        let session = self
            .vault
            .session(token)
            .filter(|session| session.alive(self.now()))?;
        let user = self.find_user(&session.username)?;
        let org = self.org_by_host(&user.org_host)?;
        let usable =
            matches!(user.standing, Standing::Active | Standing::Locked) && org.status == OrgStatus::Active;
        usable.then_some(session)
    }

    /// The app behind a consumer key, as seen from a host. docs/salesforce.md#local-app-host
    pub(crate) fn identify_app(&self, client_id: &str, place: Place) -> Result<Arc<App>, OAuthRefusal> {
        let app = self.app_of_key(client_id).ok_or(refusal::UNKNOWN_CLIENT)?;
        // Changes take 2 to 10 minutes to take effect: until then the app is unknown. docs/salesforce.md#propagation
        if app.known_from.is_some_and(|from| self.now() < from) {
            return Err(refusal::UNKNOWN_CLIENT);
        }
        let home = self.org_index(&app.org_host);
        match (app.kind, place) {
            // A local external client app exists in one org and on no shared host. docs/salesforce.md#local-app-host
            (AppKind::ExternalClientApp, Place::MyDomain(index) | Place::Site(index))
                if Some(index) == home =>
            {
                Ok(app)
            }
            (AppKind::ExternalClientApp, _) => Err(refusal::APP_NOT_FOUND),
            (AppKind::ConnectedApp, Place::MyDomain(index) | Place::Site(index)) => {
                let installed = Some(index) == home
                    || app
                        .installed_in
                        .iter()
                        .any(|host| self.org_index(host) == Some(index));
                if installed {
                    Ok(app)
                } else {
                    Err(refusal::NOT_INSTALLED)
                }
            }
            (AppKind::ConnectedApp, Place::Shared(_) | Place::Unknown) => Ok(app),
        }
    }

    /// Whether the app may be used at all. docs/salesforce.md#token-endpoint-errors
    pub(crate) fn app_is_usable(app: &App) -> Result<(), OAuthRefusal> {
        match app.standing {
            AppStanding::Enabled => Ok(()),
            AppStanding::Blocked => Err(refusal::APP_BLOCKED),
            AppStanding::Disabled => Err(refusal::APP_DISABLED),
        }
    }

    /// Uninstalled connected apps are blocked but for users with the permission. docs/salesforce.md#uninstalled-apps
    pub(crate) fn app_is_installed_for(app: &App, user: &User) -> Result<(), OAuthRefusal> {
        if app.uninstalled && !user.approves_uninstalled_apps {
            return Err(refusal::NOT_INSTALLED);
        }
        Ok(())
    }

    /// Policy "Permitted Users". docs/salesforce.md#permitted-users
    pub(crate) fn user_is_permitted(app: &App, user: &User) -> Result<(), OAuthRefusal> {
        match app.permitted_users {
            PermittedUsers::AllMaySelfAuthorize => Ok(()),
            PermittedUsers::AdminApproved if app.pre_authorized.contains(&user.username) => Ok(()),
            PermittedUsers::AdminApproved => Err(refusal::NOT_ADMIN_APPROVED),
        }
    }

    /// The user's org, where the host called is one of those that may log this user in. docs/salesforce.md#flows-by-host
    pub(crate) fn org_of(&self, user: &User, place: Place) -> Option<&Org> {
        let org = self.org_by_host(&user.org_host)?;
        let fits = match place {
            Place::Shared(host) => org.is_served_at(host),
            Place::MyDomain(index) | Place::Site(index) => self.org_index(&user.org_host) == Some(index),
            Place::Unknown => false,
        };
        fits.then_some(org)
    }

    /// What keeps a user out whatever the flow. Today's texts for locked and frozen users are not confirmed: most appear
    /// as `authentication failure`. docs/salesforce.md#open-user-state-texts
    pub(crate) fn may_log_in(org: &Org, user: &User) -> Result<(), OAuthRefusal> {
        if org.status == OrgStatus::Inactive {
            return Err(refusal::INACTIVE_ORG);
        }
        match user.standing {
            Standing::Active => {}
            Standing::Inactive => return Err(refusal::INACTIVE_USER),
            Standing::Locked | Standing::Frozen => return Err(refusal::AUTHENTICATION_FAILURE),
        }
        if user.outside_login_hours {
            return Err(refusal::LOGIN_HOURS);
        }
        match org.ip_restriction {
            IpRestriction::None | IpRestriction::Rest => Ok(()),
            IpRestriction::TokenEndpoint => Err(refusal::IP_RESTRICTED),
            IpRestriction::TokenEndpointUnnamed => Err(refusal::AUTHENTICATION_FAILURE),
        }
    }

    /// Login IP Ranges of the user's profile: without any, all addresses may log in. docs/salesforce.md#login-ip-ranges
    pub(crate) fn may_log_in_from(
        address: IpAddr,
        app: &App,
        user: &User,
        flow: Flow,
    ) -> Result<(), OAuthRefusal> {
        let relaxed = app.ip_relaxation == IpRelaxation::Relax && flow != Flow::JwtBearer;
        let ranges = &user.login_ip_ranges;
        if relaxed || ranges.is_empty() || network::listed(ranges, address) {
            return Ok(());
        }
        Err(refusal::IP_RESTRICTED)
    }

    /// Only listed addresses complete the web server flow or a refresh, where the app enforces that.
    /// docs/salesforce.md#refresh-token-ip-allowlist
    pub(crate) fn may_refresh_from(address: IpAddr, app: &App) -> Result<(), OAuthRefusal> {
        match &app.refresh_token_ip_allowlist {
            Some(ranges) if !network::listed(ranges, address) => Err(refusal::IP_BY_DEVELOPER),
            Some(_) | None => Ok(()),
        }
    }

    /// Counts a login against the hourly rate. docs/salesforce.md#login-rate
    pub(crate) fn count_login(&mut self, org: &Org, user: &User, now: Timestamp) -> Result<(), OAuthRefusal> {
        let Some(allowed) = org.logins_per_hour else {
            return Ok(());
        };
        let (since, logins) = self.logins.entry(user.username.clone()).or_insert((now, 0));
        if now.duration_since(*since).as_secs() >= 3600 {
            (*since, *logins) = (now, 0);
        }
        if *logins >= allowed {
            return Err(refusal::LOGIN_RATE);
        }
        *logins += 1;
        Ok(())
    }

    /// Is the password right? Wrong ones count, and lock the user in the end.
    pub(crate) fn check_password(&mut self, username: &str, given: &str) -> bool {
        let Some(user) = self.find_user(username) else {
            return false;
        };
        let Some(org) = self.org_by_host(&user.org_host) else {
            return false;
        };
        let (limit, trusted) = (org.failed_logins_before_lockout, org.caller_ip_trusted);
        let with_token = format!("{}{}", user.password.reveal(), user.security_token.reveal());
        let right = given == with_token || (trusted && given == user.password.reveal());
        let user = self.user(username);
        if right {
            user.failed_logins = 0;
            return true;
        }
        user.failed_logins += 1;
        if user.failed_logins >= limit && user.standing == Standing::Active {
            user.standing = Standing::Locked;
        }
        false
    }
}
