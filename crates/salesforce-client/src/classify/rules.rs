//! The words of Salesforce that we know, in order: the first rule that fits decides.
//!
//! Sources: Salesforce's help page "OAuth 2.0 Authorization Errors" and its Mobile SDK's list of error values
//! (`OAuthErrorCode.kt`), the REST API guide's status codes, and public reports of real orgs where those are silent.

use crate::grant::GrantKind::{
    self, AuthorizationCode, ClientCredentials, JwtBearer, Password, RefreshToken,
};
use crate::refusal::Refusal as R;

/// Descriptions, wherever they occur: they are more telling, and more stable, than the codes they come with.
/// `None` is any grant.
const DESCRIPTIONS: &[(&str, Option<GrantKind>, R)] = &[
    ("authentication failure", Some(Password), R::WrongPassword),
    ("authentication failure", None, R::AuthenticationFailed),
    (
        "expired access/refresh token",
        Some(RefreshToken),
        R::RefreshTokenExpired,
    ),
    // A token past its fixed lifetime: jetstreamapp/jetstream, `shared-constants.ts`.
    (
        "token validity expired",
        Some(RefreshToken),
        R::RefreshTokenExpired,
    ),
    ("activation secret", Some(RefreshToken), R::RefreshTokenExpired),
    // A login has no refresh token: Force.com-Toolkit-for-NET issue 12.
    ("expired access/refresh token", Some(Password), R::WrongPassword),
    ("expired access/refresh token", None, R::AuthenticationFailed),
    (
        "token request is already being processed",
        None,
        R::TokenRequestInProgress,
    ),
    (
        "expired authorization code",
        Some(AuthorizationCode),
        R::AuthorizationCodeExpired,
    ),
    // A JWT whose `exp` lies in the past by Salesforce's clock: simple-salesforce issue 491.
    ("expired authorization code", Some(JwtBearer), R::AssertionExpired),
    // The text of a concurrent refresh until Winter '25 corrected it: action-destinations pull 2300.
    (
        "expired authorization code",
        Some(RefreshToken),
        R::TokenRequestInProgress,
    ),
    ("invalid authorization code", None, R::AuthorizationCodeInvalid),
    ("code verifier", None, R::CodeVerifierInvalid),
    (
        "ip restricted by app developer",
        None,
        R::IpRestrictedByAppDeveloper,
    ),
    ("login hours", None, R::IpOrLoginHoursRestricted),
    ("ip restricted", None, R::IpRestricted),
    ("approved this consumer", None, R::UserNotApproved),
    ("not admin approved", None, R::UserNotAdminApproved),
    ("no client credentials user enabled", None, R::RunAsUserMissing),
    (
        "client credentials flow not enabled",
        None,
        R::ClientCredentialsFlowDisabled,
    ),
    ("no valid scopes", None, R::NoValidScopes),
    (
        "request not supported on this domain",
        None,
        R::DomainNotSupported,
    ),
    ("audience validation failed", None, R::AudienceInvalid),
    ("audience is invalid", None, R::AudienceInvalid),
    ("invalid assertion", Some(JwtBearer), R::AssertionInvalid),
    ("inactive user", None, R::UserInactive),
    ("user is inactive", None, R::UserInactive),
    ("inactive org", None, R::OrgInactive),
    ("client identifier invalid", None, R::ClientIdInvalid),
    // JWT bearer sends no secret: salesforce.stackexchange.com question 53662.
    ("invalid client credentials", Some(JwtBearer), R::AssertionInvalid),
    ("invalid client credentials", None, R::ClientSecretInvalid),
    ("app must be installed into org", None, R::AppNotInstalled),
    ("client app is not installed", None, R::AppNotFound),
    ("oauth plugin is disabled", None, R::AppDisabled),
    (
        "scope parameter not supported",
        None,
        R::ScopeParameterNotSupported,
    ),
    (
        "refresh_token scope is required",
        None,
        R::RefreshTokenScopeRequired,
    ),
    ("missing required code challenge", None, R::CodeChallengeMissing),
    ("redirect_uri must match", None, R::RedirectUriMismatch),
    ("login rate exceeded", None, R::LoginRateExceeded),
    ("retry your request", None, R::SalesforceUnknownError),
];

/// Values of `error`, for descriptions that no rule knows.
const ERRORS: &[(&str, Option<GrantKind>, R)] = &[
    ("invalid_app_access", None, R::UserNotAdminApproved),
    ("inactive_user", None, R::UserInactive),
    ("inactive_org", None, R::OrgInactive),
    ("invalid_client_id", None, R::ClientIdInvalid),
    ("invalid_client_credentials", Some(JwtBearer), R::AssertionInvalid),
    ("invalid_client_credentials", None, R::ClientSecretInvalid),
    ("invalid_client", Some(JwtBearer), R::AssertionInvalid),
    ("invalid_client", None, R::ClientSecretInvalid),
    (
        "invalid_basic_auth_header",
        None,
        R::ClientAuthenticationMalformed,
    ),
    ("app_not_found", None, R::AppNotFound),
    ("oauth_ec_app_not_found", None, R::AppNotFound),
    ("oauth_flow_disabled", None, R::AppDisabled),
    ("app_blocked", None, R::AppBlocked),
    ("oauth_app_blocked", None, R::AppBlocked),
    ("fail_close_app_blocked", None, R::AppBlockCheckFailed),
    ("oauth_approval_error_generic", None, R::AppApprovalFailed),
    ("ecapp_policy_not_found", None, R::AppPolicyMissing),
    ("oauth_policy_not_found", None, R::AppPolicyMissing),
    ("installation_error", None, R::AppInstallationFailed),
    ("access_denied", None, R::AccessDenied),
    // As one example of Salesforce's help prints it.
    ("access-denied", None, R::AccessDenied),
    ("redirect_uri_mismatch", None, R::RedirectUriMismatch),
    ("redirect_uri_missing", None, R::RedirectUriMissing),
    ("unsupported_grant_type", Some(Password), R::PasswordFlowBlocked),
    (
        "unsupported_grant_type",
        Some(ClientCredentials),
        R::ClientCredentialsFlowDisabled,
    ),
    ("unsupported_grant_type", None, R::GrantTypeNotSupported),
    ("unauthorized_client", Some(Password), R::PasswordFlowBlocked),
    (
        "unauthorized_client",
        Some(ClientCredentials),
        R::ClientCredentialsFlowDisabled,
    ),
    ("unauthorized_client", None, R::GrantTypeNotSupported),
    ("invalid_scope", None, R::ScopeInvalid),
    ("invalid_session_level", None, R::SessionLevelTooLow),
    ("unsupported_token_type", None, R::TokenTypeNotSupported),
    ("invalid_token", None, R::TokenInvalid),
    ("invalid_dpop_proof", None, R::DpopRequired),
    ("use_dpop_nonce", None, R::DpopRequired),
    ("unsupported_response_type", None, R::RequestMalformed),
    ("invalid_assertion_type", None, R::RequestMalformed),
    ("rate_limit_exceeded", None, R::LoginRateExceeded),
    ("unknown_error", None, R::SalesforceUnknownError),
    ("server_error", None, R::SalesforceServerError),
    ("service_unavailable", None, R::SalesforceUnavailable),
    ("temporarily_unavailable", None, R::SalesforceUnavailable),
    ("system_down", None, R::SalesforceDown),
    ("slow_down", None, R::SlowDown),
    // The next assertion is a new one.
    ("bad_jti_claim", None, R::SalesforceUnknownError),
    ("client_blocked", None, R::AppBlocked),
    ("client_blocked_retry", None, R::AppBlocked),
    ("app_attest_failed", None, R::AppBlocked),
    ("app_attest_failed_retry", None, R::AppBlocked),
    ("invalid_distribution_state", None, R::AppDistributionInvalid),
    // Last: most of its descriptions say more.
    ("invalid_request", None, R::RequestMalformed),
];

/// Error codes of the REST API, with a part of the message where the code alone is ambiguous.
const REST: &[(&str, &str, R)] = &[
    (
        "INVALID_SESSION_ID",
        "not valid for use with the rest api",
        R::SessionNotValidForApi,
    ),
    (
        "INVALID_SESSION_ID",
        "not attached to agent",
        R::AppNotAttachedToAgent,
    ),
    ("INVALID_SESSION_ID", "", R::SessionExpired),
    ("INVALID_AUTH_HEADER", "", R::AuthHeaderInvalid),
    ("API_DISABLED_FOR_ORG", "limits resource", R::LimitsNotVisible),
    ("API_DISABLED_FOR_ORG", "", R::ApiDisabled),
    ("API_CURRENTLY_DISABLED", "", R::ApiDisabledForUser),
    (
        "REQUEST_LIMIT_EXCEEDED",
        "concurrent",
        R::ConcurrentRequestLimitExceeded,
    ),
    ("REQUEST_LIMIT_EXCEEDED", "", R::ApiLimitExceeded),
    ("INSUFFICIENT_ACCESS", "", R::InsufficientAccess),
    ("INSUFFICIENT_ACCESS_OR_READONLY", "", R::InsufficientAccess),
    ("NOT_FOUND", "", R::ResourceNotFound),
    ("UNSUPPORTED_API_VERSION", "", R::ApiVersionRetired),
    ("InvalidVersion", "", R::ApiVersionRetired),
    ("INVALID_TYPE", "", R::ObjectNotReadable),
    // A field that the user may not see is reported as one that does not exist.
    ("INVALID_FIELD", "", R::ObjectNotReadable),
    ("MALFORMED_QUERY", "", R::QueryRefused),
    ("FUNCTIONALITY_NOT_ENABLED", "", R::FunctionalityNotEnabled),
    ("INVALID_OPERATION_WITH_EXPIRED_PASSWORD", "", R::PasswordExpired),
    ("UNKNOWN_EXCEPTION", "", R::SalesforceUnknownError),
    ("SERVER_UNAVAILABLE", "", R::SalesforceUnavailable),
    // The rest is of the `ExceptionCode` values in Salesforce's partner WSDL, as far as a connection can meet them.
    ("CLIENT_NOT_ACCESSIBLE_FOR_USER", "", R::AppBlocked),
    ("EXCEEDED_QUOTA", "", R::ApiLimitExceeded),
    ("LIMIT_EXCEEDED", "", R::ApiLimitExceeded),
    (
        "FUNCTIONALITY_TEMPORARILY_UNAVAILABLE",
        "",
        R::SalesforceUnavailable,
    ),
    ("SSO_SERVICE_DOWN", "", R::SalesforceUnavailable),
    ("INACTIVE_OWNER_OR_USER", "", R::UserInactive),
    ("INACTIVE_PORTAL", "", R::FunctionalityNotEnabled),
    ("OPERATION_NOT_ALLOWED", "", R::FunctionalityNotEnabled),
    ("INVALID_CLIENT", "", R::ClientIdInvalid),
    ("INVALID_LOGIN", "", R::WrongPassword),
    ("PASSWORD_LOCKOUT", "", R::WrongPassword),
    ("LOGIN_MUST_USE_SECURITY_TOKEN", "", R::WrongPassword),
    ("LOGIN_CHALLENGE_ISSUED", "", R::SessionLevelTooLow),
    ("LOGIN_CHALLENGE_PENDING", "", R::SessionLevelTooLow),
    ("LOGIN_DURING_RESTRICTED_DOMAIN", "", R::IpRestricted),
    ("LOGIN_DURING_RESTRICTED_TIME", "", R::IpOrLoginHoursRestricted),
    ("MUTUAL_AUTHENTICATION_FAILED", "", R::MutualTlsRequired),
    ("ORG_LOCKED", "", R::OrgInactive),
    ("TRIAL_EXPIRED", "", R::OrgInactive),
    ("URL_NOT_RESET", "", R::InstanceAddressOutdated),
    ("ORG_NOT_OWNED_BY_INSTANCE", "", R::InstanceAddressOutdated),
    ("PORTAL_NO_ACCESS", "", R::InsufficientAccess),
    (
        "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY",
        "",
        R::InsufficientAccess,
    ),
    ("QUERY_TIMEOUT", "", R::TimedOut),
    ("REQUEST_RUNNING_TOO_LONG", "", R::TimedOut),
    ("UNABLE_TO_LOCK_ROW", "", R::SalesforceUnknownError),
    ("TOO_MANY_APEX_REQUESTS", "", R::ConcurrentRequestLimitExceeded),
    ("UNSUPPORTED_CLIENT", "", R::ApiVersionRetired),
    ("INVALID_QUERY_FILTER_OPERATOR", "", R::QueryRefused),
    ("INVALID_QUERY_LOCATOR", "", R::QueryRefused),
    ("MALFORMED_SEARCH", "", R::QueryRefused),
    ("OPERATION_TOO_LARGE", "", R::QueryRefused),
    ("QUERY_TOO_COMPLICATED", "", R::QueryRefused),
    ("JSON_PARSER_ERROR", "", R::RequestMalformed),
    ("MALFORMED_ID", "", R::RequestMalformed),
    ("METHOD_NOT_ALLOWED", "", R::RequestMalformed),
    ("MISSING_ARGUMENT", "", R::RequestMalformed),
    ("TXN_SECURITY_END_A_SESSION", "", R::SessionExpired),
    ("TXN_SECURITY_NO_ACCESS", "", R::TransactionSecurityBlocked),
    ("TXN_SECURITY_TWO_FA_REQUIRED", "", R::TransactionSecurityBlocked),
    ("TXN_SECURITY_APEX_ERROR", "", R::TransactionSecurityBlocked),
    ("TXN_SECURITY_METERING_ERROR", "", R::TransactionSecurityBlocked),
    (
        "TXN_SECURITY_RUNTIME_EXCEPTION",
        "",
        R::TransactionSecurityBlocked,
    ),
];

/// Bodies of the OAuth and identity endpoints that are a word instead of JSON.
const PLAIN_TEXT: &[(&str, R)] = &[
    ("Bad_OAuth_Token", R::BadOauthToken),
    ("Missing_OAuth_Token", R::MissingOauthToken),
    ("Wrong_Org", R::WrongOrg),
    ("Bad_Id", R::IdentityUnknown),
    ("Inactive_User", R::UserInactive),
    ("Inactive", R::UserInactive),
    ("No_Access", R::InsufficientAccess),
    ("No_Site_Endpoint", R::RequestMalformed),
    ("Invalid_Version", R::RequestMalformed),
    ("HTTPS_Required", R::RequestMalformed),
];

/// How many texts of Salesforce are recognised.
#[cfg(test)]
pub(super) fn recognised() -> usize {
    DESCRIPTIONS.len() + ERRORS.len() + REST.len() + PLAIN_TEXT.len()
}

pub(super) fn oauth(grant: Option<GrantKind>, error: &str, description: &str) -> Option<R> {
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

pub(super) fn rest(code: &str, message: &str) -> Option<R> {
    let message = message.to_ascii_lowercase();
    let rule = REST
        .iter()
        .find(|(known, part, _)| code == *known && message.contains(part));
    rule.map(|(_, _, refusal)| *refusal)
}

pub(super) fn plain_text(body: &str) -> Option<R> {
    PLAIN_TEXT
        .iter()
        .find(|(word, _)| body.eq_ignore_ascii_case(word))
        .map(|(_, refusal)| *refusal)
}
