//! Which of Salesforce's uncertain or configurable behaviours are on?

use std::time::Duration;

use serde::Deserialize;

/// Behaviours that differ between orgs, or on which the sources disagree.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each switches one uncertain behaviour"
)]
pub struct Switches {
    /// JWT bearer and client credentials hand back the same access token while its session lives: 8 of 8 in one
    /// measurement. docs/salesforce.md#token-reuse
    pub same_token_while_session_lives: bool,
    /// Refreshing hands back the same access token too; some users saw that. docs/salesforce.md#refresh-returns-same-token
    pub refresh_returns_same_token: bool,
    /// A refresh ends the earlier access token of the grant; not documented. docs/salesforce.md#open-refresh-effects
    pub refresh_ends_previous_access_token: bool,
    /// Use extends a session. docs/salesforce.md#sliding-session
    pub sliding_sessions: bool,
    /// … but only once half of the timeout has passed. docs/salesforce.md#sliding-session
    pub half_time_rule: bool,
    /// Approvals per user and app; sources say 4 or 5. docs/salesforce.md#approvals
    pub approval_limit: usize,
    /// How long a refresh is worked on; a second one in that time is refused. docs/salesforce.md#concurrent-refresh
    #[serde(deserialize_with = "crate::durations::milliseconds")]
    pub refresh_processing: Duration,
    /// A refresh holds up every other one of the same app, and not only of the same token: one connector saw that.
    /// docs/salesforce.md#concurrent-refresh
    pub refresh_locks_app: bool,
    /// A refresh that is refused because another one is worked on ends the token that the other one gets: a comment in a client says
    /// so. docs/salesforce.md#concurrent-refresh
    pub losing_refresh_ends_grant: bool,
    pub instance_url: InstanceUrl,
    /// With which status the former name of a My Domain redirects: 301 or 307. docs/salesforce.md#my-domain-change
    pub redirection_status: u16,
    /// Whether the org's My Domain and sites are an audience of JWT bearer, beside the shared login host. docs/salesforce.md#jwt-audience
    pub my_domain_as_audience: Audience,
    /// In which words a user without API Enabled is refused. docs/salesforce.md#api-disabled
    pub api_disabled_wording: ApiDisabledWording,
    /// A replayed spent refresh token kills its family. docs/salesforce.md#replay
    pub replay_kills_family: bool,
    /// The username-password flow answers `grant type not supported` from 2027-02-20 on; the answer itself is a guess
    /// (docs/salesforce.md#open-password-answer). Off by default, so that tests do not change with the calendar.
    pub password_flow_retires: bool,
    /// Applying a rotated consumer secret revokes all tokens of the app; from one summary of the help pages.
    /// docs/salesforce.md#secret-rotation
    pub secret_rotation_revokes_tokens: bool,
    /// A rotation of the credentials of an external client app revokes its refresh tokens; not documented.
    /// docs/salesforce.md#open-key-rotation
    pub credential_rotation_revokes_grants: bool,
    /// Whoever reads staged credentials again gets their secret, too, as the list of their properties says; whether that holds for those
    /// of another session is not known. docs/salesforce.md#open-credentials-resource
    pub staged_secrets_are_shown_again: bool,
    /// Apps of a refreshed sandbox get new consumer keys and secrets; they "may". docs/salesforce.md#sandbox-refresh
    pub sandbox_refresh_changes_app_keys: bool,
    /// An `exp` of a JWT assertion this far in the past is forgiven. docs/salesforce.md#jwt-exp
    #[serde(deserialize_with = "crate::durations::seconds")]
    pub jwt_exp_tolerance: Duration,
    /// The farthest `exp` of a JWT assertion that is accepted. Guides speak of 3 or 5 minutes, in practice none is seen.
    /// What a later one would be answered is not known. docs/salesforce.md#open-jwt-exp
    #[serde(deserialize_with = "crate::durations::optional_seconds")]
    pub jwt_exp_at_most: Option<Duration>,
    /// Being introspected counts as use, and so extends a session. docs/salesforce.md#open-sliding
    pub introspection_extends_sessions: bool,
    /// Sessions of JWT-format access tokens slide like others, whatever `exp` they carry. docs/salesforce.md#open-sliding
    pub jwt_tokens_slide: bool,
    /// Sessions of JWT bearer and client credentials take up places among the approvals of user and app.
    /// docs/salesforce.md#open-approvals
    pub logins_count_as_approvals: bool,
    /// "Permitted Users" of a connected app applies to the run-as user of client credentials, as that of an external client app does.
    /// docs/salesforce.md#client-credentials
    pub connected_app_permits_run_as_user: bool,
    /// The identity URL needs the scope `id`; how it would refuse is a guess. docs/salesforce.md#open-id-scope
    pub identity_needs_id_scope: bool,
    /// `Sforce-Limit-Info` has `per-app-api-usage` too. docs/salesforce.md#limit-header
    pub per_app_api_usage: bool,
    /// `userinfo` needs API Enabled; how it would refuse is a guess. docs/salesforce.md#open-userinfo
    pub userinfo_needs_api_enabled: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InstanceUrl {
    /// At the org's My Domain, except for clients that called a loopback address: those get the address called.
    #[default]
    ByHostCalled,
    /// Always at the org's My Domain, as with Salesforce.
    MyDomain,
    /// Always at the address called.
    AddressCalled,
}

/// What becomes of a JWT assertion whose audience is the org's own host.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Audience {
    #[default]
    Refused,
    Accepted,
    /// … and the shared login host is refused.
    Demanded,
}

/// In which words a user without API Enabled is refused.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApiDisabledWording {
    /// `API_DISABLED_FOR_ORG`, although the org is fine.
    #[default]
    ForOrg,
    /// `API_DISABLED_FOR_ORG` with `… or user type`.
    ForOrgOrUserType,
    ForUser,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            same_token_while_session_lives: true,
            refresh_returns_same_token: false,
            refresh_ends_previous_access_token: false,
            sliding_sessions: true,
            half_time_rule: true,
            approval_limit: 5,
            refresh_processing: Duration::from_millis(20),
            refresh_locks_app: false,
            losing_refresh_ends_grant: false,
            instance_url: InstanceUrl::ByHostCalled,
            redirection_status: 301,
            my_domain_as_audience: Audience::Refused,
            api_disabled_wording: ApiDisabledWording::ForOrg,
            replay_kills_family: true,
            password_flow_retires: false,
            secret_rotation_revokes_tokens: true,
            credential_rotation_revokes_grants: false,
            staged_secrets_are_shown_again: true,
            sandbox_refresh_changes_app_keys: false,
            jwt_exp_tolerance: Duration::from_secs(180),
            jwt_exp_at_most: None,
            introspection_extends_sessions: false,
            jwt_tokens_slide: false,
            logins_count_as_approvals: false,
            connected_app_permits_run_as_user: true,
            identity_needs_id_scope: false,
            per_app_api_usage: false,
            userinfo_needs_api_enabled: false,
        }
    }
}
