//! The words of Salesforce that we know, in order: the first rule that fits decides.
//!
//! Sources: Salesforce's help page "OAuth 2.0 Authorization Errors" and its Mobile SDK's list of error values
//! (`OAuthErrorCode.kt`), the REST API guide's status codes, and public reports of real orgs where those are silent.

use crate::grant::GrantKind::{
    self, AuthorizationCode, ClientCredentials, JwtBearer, Password, RefreshToken,
};
use crate::refusal::Refusal::{self, *};

/// Descriptions, wherever they occur: they are more telling, and more stable, than the codes they come with.
/// `None` is any grant.
const DESCRIPTIONS: &[(&str, Option<GrantKind>, Refusal)] = &[
    ("authentication failure", Some(Password), WrongPassword),
    ("authentication failure", None, AuthenticationFailed),
    ("expired access/refresh token", None, RefreshTokenExpired),
    (
        "token request is already being processed",
        None,
        TokenRequestInProgress,
    ),
    (
        "expired authorization code",
        Some(AuthorizationCode),
        AuthorizationCodeExpired,
    ),
    // A JWT whose `exp` lies in the past by Salesforce's clock: simple-salesforce issue 491.
    ("expired authorization code", Some(JwtBearer), AssertionExpired),
    // The text of a concurrent refresh until Winter '25 corrected it: action-destinations pull 2300.
    (
        "expired authorization code",
        Some(RefreshToken),
        TokenRequestInProgress,
    ),
    ("invalid authorization code", None, AuthorizationCodeInvalid),
    ("code verifier", None, CodeVerifierInvalid),
    ("ip restricted by app developer", None, IpRestrictedByAppDeveloper),
    ("login hours", None, IpOrLoginHoursRestricted),
    ("ip restricted", None, IpRestricted),
    ("approved this consumer", None, UserNotApproved),
    ("not admin approved", None, UserNotAdminApproved),
    ("no client credentials user enabled", None, RunAsUserMissing),
    (
        "client credentials flow not enabled",
        None,
        ClientCredentialsFlowDisabled,
    ),
    ("no valid scopes", None, NoValidScopes),
    ("request not supported on this domain", None, DomainNotSupported),
    ("audience validation failed", None, AudienceInvalid),
    ("audience is invalid", None, AudienceInvalid),
    ("invalid assertion", Some(JwtBearer), AssertionInvalid),
    ("inactive user", None, UserInactive),
    ("user is inactive", None, UserInactive),
    ("inactive org", None, OrgInactive),
    ("client identifier invalid", None, ClientIdInvalid),
    ("invalid client credentials", None, ClientSecretInvalid),
    ("app must be installed into org", None, AppNotInstalled),
    ("client app is not installed", None, AppNotFound),
    ("oauth plugin is disabled", None, AppDisabled),
    ("scope parameter not supported", None, ScopeParameterNotSupported),
    ("refresh_token scope is required", None, RefreshTokenScopeRequired),
    ("missing required code challenge", None, CodeChallengeMissing),
    ("redirect_uri must match", None, RedirectUriMismatch),
    ("login rate exceeded", None, LoginRateExceeded),
    ("retry your request", None, SalesforceUnknownError),
];

/// Values of `error`, for descriptions that no rule knows.
const ERRORS: &[(&str, Option<GrantKind>, Refusal)] = &[
    ("invalid_app_access", None, UserNotAdminApproved),
    ("inactive_user", None, UserInactive),
    ("inactive_org", None, OrgInactive),
    ("invalid_client_id", None, ClientIdInvalid),
    ("invalid_client_credentials", None, ClientSecretInvalid),
    ("invalid_client", None, ClientSecretInvalid),
    ("invalid_basic_auth_header", None, ClientAuthenticationMalformed),
    ("app_not_found", None, AppNotFound),
    ("oauth_ec_app_not_found", None, AppNotFound),
    ("oauth_flow_disabled", None, AppDisabled),
    ("app_blocked", None, AppBlocked),
    ("oauth_app_blocked", None, AppBlocked),
    ("fail_close_app_blocked", None, AppBlockCheckFailed),
    ("oauth_approval_error_generic", None, AppApprovalFailed),
    ("ecapp_policy_not_found", None, AppPolicyMissing),
    ("oauth_policy_not_found", None, AppPolicyMissing),
    ("installation_error", None, AppInstallationFailed),
    ("access_denied", None, AccessDenied),
    // As one example of Salesforce's help prints it.
    ("access-denied", None, AccessDenied),
    ("redirect_uri_mismatch", None, RedirectUriMismatch),
    ("redirect_uri_missing", None, RedirectUriMissing),
    ("unsupported_grant_type", Some(Password), PasswordFlowBlocked),
    (
        "unsupported_grant_type",
        Some(ClientCredentials),
        ClientCredentialsFlowDisabled,
    ),
    ("unsupported_grant_type", None, GrantTypeNotSupported),
    ("unauthorized_client", Some(Password), PasswordFlowBlocked),
    (
        "unauthorized_client",
        Some(ClientCredentials),
        ClientCredentialsFlowDisabled,
    ),
    ("unauthorized_client", None, GrantTypeNotSupported),
    ("invalid_scope", None, ScopeInvalid),
    ("invalid_session_level", None, SessionLevelTooLow),
    ("unsupported_token_type", None, TokenTypeNotSupported),
    ("invalid_token", None, TokenInvalid),
    ("invalid_dpop_proof", None, DpopRequired),
    ("use_dpop_nonce", None, DpopRequired),
    ("unsupported_response_type", None, RequestMalformed),
    ("invalid_assertion_type", None, RequestMalformed),
    ("rate_limit_exceeded", None, LoginRateExceeded),
    ("unknown_error", None, SalesforceUnknownError),
    ("server_error", None, SalesforceServerError),
    ("service_unavailable", None, SalesforceUnavailable),
    ("system_down", None, SalesforceDown),
    ("slow_down", None, SlowDown),
];

/// Error codes of the REST API, with a part of the message where the code alone is ambiguous.
const REST: &[(&str, &str, Refusal)] = &[
    (
        "INVALID_SESSION_ID",
        "not valid for use with the rest api",
        SessionNotValidForApi,
    ),
    (
        "INVALID_SESSION_ID",
        "not attached to agent",
        AppNotAttachedToAgent,
    ),
    ("INVALID_SESSION_ID", "", SessionExpired),
    ("INVALID_AUTH_HEADER", "", AuthHeaderInvalid),
    ("API_DISABLED_FOR_ORG", "limits resource", LimitsNotVisible),
    ("API_DISABLED_FOR_ORG", "", ApiDisabled),
    ("API_CURRENTLY_DISABLED", "", ApiDisabledForUser),
    (
        "REQUEST_LIMIT_EXCEEDED",
        "concurrent",
        ConcurrentRequestLimitExceeded,
    ),
    ("REQUEST_LIMIT_EXCEEDED", "", ApiLimitExceeded),
    ("INSUFFICIENT_ACCESS", "", InsufficientAccess),
    ("INSUFFICIENT_ACCESS_OR_READONLY", "", InsufficientAccess),
    ("NOT_FOUND", "", ResourceNotFound),
    ("UNSUPPORTED_API_VERSION", "", ApiVersionRetired),
    ("InvalidVersion", "", ApiVersionRetired),
    ("INVALID_TYPE", "", ObjectNotReadable),
    // A field that the user may not see is reported as one that does not exist.
    ("INVALID_FIELD", "", ObjectNotReadable),
    ("MALFORMED_QUERY", "", QueryRefused),
    ("FUNCTIONALITY_NOT_ENABLED", "", FunctionalityNotEnabled),
    ("INVALID_OPERATION_WITH_EXPIRED_PASSWORD", "", PasswordExpired),
    ("UNKNOWN_EXCEPTION", "", SalesforceUnknownError),
    ("SERVER_UNAVAILABLE", "", SalesforceUnavailable),
];

/// Bodies of the OAuth and identity endpoints that are a word instead of JSON.
const PLAIN_TEXT: &[(&str, Refusal)] = &[
    ("Bad_OAuth_Token", BadOauthToken),
    ("Missing_OAuth_Token", MissingOauthToken),
    ("Wrong_Org", WrongOrg),
    ("Bad_Id", IdentityUnknown),
    ("Inactive_User", UserInactive),
];

pub(super) fn oauth(grant: Option<GrantKind>, error: &str, description: &str) -> Option<Refusal> {
    let (error, description) = (error.to_ascii_lowercase(), description.to_ascii_lowercase());
    let for_this = |rule: Option<GrantKind>| rule.is_none() || rule == grant;
    let by_description = DESCRIPTIONS
        .iter()
        .find(|(text, rule, _)| for_this(*rule) && description.contains(text));
    let by_error = || {
        ERRORS
            .iter()
            .find(|(code, rule, _)| for_this(*rule) && error == *code)
    };
    by_description.or_else(by_error).map(|(_, _, refusal)| *refusal)
}

pub(super) fn rest(code: &str, message: &str) -> Option<Refusal> {
    let message = message.to_ascii_lowercase();
    let rule = REST
        .iter()
        .find(|(known, part, _)| code == *known && message.contains(part));
    rule.map(|(_, _, refusal)| *refusal)
}

pub(super) fn plain_text(body: &str) -> Option<Refusal> {
    PLAIN_TEXT
        .iter()
        .find(|(word, _)| body.eq_ignore_ascii_case(word))
        .map(|(_, refusal)| *refusal)
}
