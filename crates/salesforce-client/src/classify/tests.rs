use std::collections::BTreeSet;

use super::*;
use crate::grant::GrantKind::{AuthorizationCode, ClientCredentials, JwtBearer, Password, RefreshToken};
use crate::refusal::Refusal::*;

const GRANTS: [GrantKind; 5] = [
    ClientCredentials,
    JwtBearer,
    RefreshToken,
    Password,
    AuthorizationCode,
];
const SENDS_SECRET: [GrantKind; 4] = [ClientCredentials, RefreshToken, Password, AuthorizationCode];
const JSON: Option<&str> = Some("application/json;charset=UTF-8");
const HTML: Option<&str> = Some("text/html; charset=UTF-8");
const PAGE: &[u8] = include_bytes!("../../tests/data/maintenance.html");

/// The token endpoint's rows: for these grants, `error` and `error_description`.
const OAUTH: &[(&[GrantKind], &str, &str, Refusal)] = &[
    (
        &[Password],
        "invalid_grant",
        "authentication failure",
        WrongPassword,
    ),
    (
        &[ClientCredentials, JwtBearer, RefreshToken, AuthorizationCode],
        "invalid_grant",
        "authentication failure",
        AuthenticationFailed,
    ),
    (
        &[RefreshToken],
        "invalid_grant",
        "expired access/refresh token",
        RefreshTokenExpired,
    ),
    (
        &[RefreshToken],
        "invalid_grant",
        "token validity expired",
        RefreshTokenExpired,
    ),
    (
        &[RefreshToken],
        "invalid_grant",
        "activation secret invalid",
        RefreshTokenExpired,
    ),
    (
        &[RefreshToken],
        "invalid_grant",
        "activation secret missing",
        RefreshTokenExpired,
    ),
    (
        &[RefreshToken],
        "invalid_grant",
        "activation secret not expected",
        RefreshTokenExpired,
    ),
    (
        &[ClientCredentials, JwtBearer],
        "invalid_grant",
        "expired access/refresh token",
        AuthenticationFailed,
    ),
    (
        &[Password],
        "invalid_grant",
        "expired access/refresh token",
        WrongPassword,
    ),
    (&GRANTS, "temporarily_unavailable", "", SalesforceUnavailable),
    (
        &[RefreshToken],
        "invalid_grant",
        "token request is already being processed",
        TokenRequestInProgress,
    ),
    (
        &[AuthorizationCode],
        "invalid_grant",
        "expired authorization code",
        AuthorizationCodeExpired,
    ),
    (
        &[JwtBearer],
        "invalid_grant",
        "expired authorization code",
        AssertionExpired,
    ),
    (
        &[RefreshToken],
        "invalid_grant",
        "expired authorization code",
        TokenRequestInProgress,
    ),
    (
        &[AuthorizationCode],
        "invalid_grant",
        "invalid authorization code",
        AuthorizationCodeInvalid,
    ),
    (
        &[AuthorizationCode],
        "invalid_grant",
        "invalid code verifier",
        CodeVerifierInvalid,
    ),
    (
        &[AuthorizationCode],
        "invalid_request",
        "Invalid Code Verifier",
        CodeVerifierInvalid,
    ),
    (&GRANTS, "invalid_grant", "ip restricted", IpRestricted),
    (
        &GRANTS,
        "invalid_grant",
        "ip restricted or invalid login hours",
        IpOrLoginHoursRestricted,
    ),
    (
        &GRANTS,
        "invalid_grant",
        "ip restricted by app developer",
        IpRestrictedByAppDeveloper,
    ),
    (
        &GRANTS,
        "invalid_grant",
        "user hasn't approved this consumer",
        UserNotApproved,
    ),
    (
        &GRANTS,
        "invalid_app_access",
        "user is not admin approved to access this app",
        UserNotAdminApproved,
    ),
    (&GRANTS, "invalid_app_access", "", UserNotAdminApproved),
    (
        &GRANTS,
        "invalid_grant",
        "no client credentials user enabled",
        RunAsUserMissing,
    ),
    (
        &GRANTS,
        "invalid_grant",
        "client credentials flow not enabled",
        ClientCredentialsFlowDisabled,
    ),
    (&GRANTS, "invalid_grant", "no valid scopes", NoValidScopes),
    (
        &GRANTS,
        "invalid_grant",
        "request not supported on this domain",
        DomainNotSupported,
    ),
    (
        &GRANTS,
        "invalid_grant",
        "Audience validation failed",
        AudienceInvalid,
    ),
    (&GRANTS, "invalid_grant", "audience is invalid", AudienceInvalid),
    (
        &[JwtBearer],
        "invalid_grant",
        "invalid assertion",
        AssertionInvalid,
    ),
    (&GRANTS, "invalid_grant", "inactive user", UserInactive),
    (&GRANTS, "inactive_user", "user is inactive", UserInactive),
    (&GRANTS, "inactive_user", "", UserInactive),
    (&GRANTS, "inactive_org", "", OrgInactive),
    (&GRANTS, "invalid_grant", "inactive organization", OrgInactive),
    (
        &GRANTS,
        "invalid_client_id",
        "client identifier invalid",
        ClientIdInvalid,
    ),
    (
        &SENDS_SECRET,
        "invalid_client",
        "invalid client credentials",
        ClientSecretInvalid,
    ),
    (
        &[JwtBearer],
        "invalid_client",
        "invalid client credentials",
        AssertionInvalid,
    ),
    (&[JwtBearer], "invalid_client", "", AssertionInvalid),
    (
        &SENDS_SECRET,
        "invalid_client_credentials",
        "",
        ClientSecretInvalid,
    ),
    (&GRANTS, "bad_jti_claim", "", SalesforceUnknownError),
    (&GRANTS, "client_blocked", "", AppBlocked),
    (&GRANTS, "app_attest_failed_retry", "", AppBlocked),
    (&GRANTS, "invalid_distribution_state", "", AppDistributionInvalid),
    (
        &GRANTS,
        "invalid_request",
        "words of the future",
        RequestMalformed,
    ),
    (
        &GRANTS,
        "invalid_client",
        "app must be installed into org",
        AppNotInstalled,
    ),
    (
        &GRANTS,
        "app_not_found",
        "External client app is not installed in this org",
        AppNotFound,
    ),
    (&GRANTS, "OAUTH_EC_APP_NOT_FOUND", "", AppNotFound),
    (
        &GRANTS,
        "oauth_flow_disabled",
        "The external client app or the OAuth plugin is disabled.",
        AppDisabled,
    ),
    (&GRANTS, "app_blocked", "", AppBlocked),
    (&GRANTS, "OAUTH_APP_BLOCKED", "", AppBlocked),
    (&GRANTS, "fail_close_app_blocked", "", AppBlockCheckFailed),
    (&GRANTS, "OAUTH_APPROVAL_ERROR_GENERIC", "", AppApprovalFailed),
    (&GRANTS, "ecapp_policy_not_found", "", AppPolicyMissing),
    (&GRANTS, "installation_error", "", AppInstallationFailed),
    (
        &GRANTS,
        "access_denied",
        "end-user denied authorization",
        AccessDenied,
    ),
    (&GRANTS, "access-denied", "", AccessDenied),
    (
        &GRANTS,
        "invalid_request",
        "scope parameter not supported",
        ScopeParameterNotSupported,
    ),
    (
        &[JwtBearer],
        "invalid_request",
        "refresh_token scope is required and the connected app should be installed and preauthorized",
        RefreshTokenScopeRequired,
    ),
    (
        &GRANTS,
        "invalid_request",
        "missing required code challenge",
        CodeChallengeMissing,
    ),
    (
        &GRANTS,
        "redirect_uri_mismatch",
        "redirect_uri must match configuration",
        RedirectUriMismatch,
    ),
    (&GRANTS, "redirect_uri_mismatch", "", RedirectUriMismatch),
    (&GRANTS, "redirect_uri_missing", "", RedirectUriMissing),
    (
        &[Password],
        "unsupported_grant_type",
        "grant type not supported",
        PasswordFlowBlocked,
    ),
    (
        &[ClientCredentials],
        "unsupported_grant_type",
        "grant type not supported",
        ClientCredentialsFlowDisabled,
    ),
    (
        &[ClientCredentials],
        "unauthorized_client",
        "",
        ClientCredentialsFlowDisabled,
    ),
    (
        &[JwtBearer, RefreshToken],
        "unsupported_grant_type",
        "grant type not supported",
        GrantTypeNotSupported,
    ),
    (&GRANTS, "invalid_scope", "", ScopeInvalid),
    (&GRANTS, "invalid_session_level", "", SessionLevelTooLow),
    (&GRANTS, "unsupported_token_type", "", TokenTypeNotSupported),
    (&GRANTS, "invalid_token", "", TokenInvalid),
    (&GRANTS, "use_dpop_nonce", "", DpopRequired),
    (
        &GRANTS,
        "invalid_basic_auth_header",
        "",
        ClientAuthenticationMalformed,
    ),
    (&GRANTS, "unsupported_response_type", "", RequestMalformed),
    (&GRANTS, "rate_limit_exceeded", "", LoginRateExceeded),
    (&GRANTS, "invalid_grant", "login rate exceeded", LoginRateExceeded),
    (
        &GRANTS,
        "unknown_error",
        "retry your request",
        SalesforceUnknownError,
    ),
    (&GRANTS, "server_error", "", SalesforceServerError),
    (&GRANTS, "service_unavailable", "", SalesforceUnavailable),
    (&GRANTS, "system_down", "", SalesforceDown),
    (&GRANTS, "slow_down", "", SlowDown),
    (
        &GRANTS,
        "a_value_of_the_future",
        "with words of its own",
        UnknownRefusal,
    ),
    (&GRANTS, "invalid_grant", "a text of the future", UnknownRefusal),
    (&GRANTS, "invalid_grant", "", UnknownRefusal),
    (
        &[ClientCredentials, Password],
        "invalid_grant",
        "expired authorization code",
        UnknownRefusal,
    ),
];

/// The REST API's rows: status, `errorCode`, `message`.
const REST: &[(u16, &str, &str, Refusal)] = &[
    (
        401,
        "INVALID_SESSION_ID",
        "Session expired or invalid",
        SessionExpired,
    ),
    (
        401,
        "INVALID_SESSION_ID",
        "This session is not valid for use with the REST API",
        SessionNotValidForApi,
    ),
    (
        401,
        "INVALID_SESSION_ID",
        "Connected app is not attached to Agent",
        AppNotAttachedToAgent,
    ),
    (
        401,
        "INVALID_AUTH_HEADER",
        "INVALID_HEADER_TYPE",
        AuthHeaderInvalid,
    ),
    (
        403,
        "API_DISABLED_FOR_ORG",
        "The REST API is not enabled for this Organization.",
        ApiDisabled,
    ),
    (
        403,
        "API_DISABLED_FOR_ORG",
        "The REST API is not enabled for this Organization or user type.",
        ApiDisabled,
    ),
    (
        403,
        "API_DISABLED_FOR_ORG",
        "limits resource is not enabled",
        LimitsNotVisible,
    ),
    (
        403,
        "API_CURRENTLY_DISABLED",
        "API is disabled for this User",
        ApiDisabledForUser,
    ),
    (
        403,
        "REQUEST_LIMIT_EXCEEDED",
        "TotalRequests Limit exceeded.",
        ApiLimitExceeded,
    ),
    (
        403,
        "REQUEST_LIMIT_EXCEEDED",
        "ConcurrentPerOrgLongTxn Limit exceeded.",
        ConcurrentRequestLimitExceeded,
    ),
    (403, "INSUFFICIENT_ACCESS", "", InsufficientAccess),
    (403, "A_CODE_OF_THE_FUTURE", "", UnknownRefusal),
    (
        404,
        "NOT_FOUND",
        "The requested resource does not exist",
        ResourceNotFound,
    ),
    (404, "A_CODE_OF_THE_FUTURE", "", ResourceNotFound),
    (410, "UNSUPPORTED_API_VERSION", "", ApiVersionRetired),
    (400, "InvalidVersion", "", ApiVersionRetired),
    (
        400,
        "INVALID_TYPE",
        "sObject type 'Organization' is not supported.",
        ObjectNotReadable,
    ),
    (
        400,
        "INVALID_FIELD",
        "No such column 'NamespacePrefix' on entity 'Organization'.",
        ObjectNotReadable,
    ),
    (400, "MALFORMED_QUERY", "unexpected token: FORM", QueryRefused),
    (403, "FUNCTIONALITY_NOT_ENABLED", "", FunctionalityNotEnabled),
    (
        500,
        "UNKNOWN_EXCEPTION",
        "An unexpected error occurred.",
        SalesforceUnknownError,
    ),
    (
        500,
        "INVALID_OPERATION_WITH_EXPIRED_PASSWORD",
        "The users password has expired",
        PasswordExpired,
    ),
    (503, "SERVER_UNAVAILABLE", "", SalesforceUnavailable),
    (
        400,
        "URL_NOT_RESET",
        "Destination URL not reset. The URL returned from login must be set",
        InstanceAddressOutdated,
    ),
    (403, "TXN_SECURITY_NO_ACCESS", "", TransactionSecurityBlocked),
    (401, "TXN_SECURITY_END_A_SESSION", "", SessionExpired),
    (403, "MUTUAL_AUTHENTICATION_FAILED", "", MutualTlsRequired),
    (400, "QUERY_TIMEOUT", "", TimedOut),
    (500, "A_CODE_OF_THE_FUTURE", "", SalesforceServerError),
];

/// What is neither: grant, status, content type, body.
type Other = (
    Option<GrantKind>,
    u16,
    Option<&'static str>,
    &'static [u8],
    Refusal,
);
const OTHERS: &[Other] = &[
    (None, 403, Some("text/plain"), b"Bad_OAuth_Token", BadOauthToken),
    (None, 403, HTML, b"Bad_OAuth_Token\n", BadOauthToken),
    (None, 403, None, b"bad_oauth_token", BadOauthToken),
    (None, 403, None, b"Missing_OAuth_Token", MissingOauthToken),
    (None, 403, None, b"Wrong_Org", WrongOrg),
    (None, 403, None, b"Bad_Id", IdentityUnknown),
    (None, 403, None, b"Inactive_User", UserInactive),
    (None, 403, None, b"Inactive", UserInactive),
    (None, 403, None, b"No_Access", InsufficientAccess),
    (None, 404, None, b"No_Site_Endpoint", RequestMalformed),
    (None, 404, None, b"A_Word_Of_The_Future", ResourceNotFound),
    (None, 403, None, b"Request blocked.", ForbiddenByNetwork),
    (None, 403, HTML, PAGE, ForbiddenByNetwork),
    (Some(RefreshToken), 403, HTML, PAGE, ForbiddenByNetwork),
    (None, 403, None, b"", ForbiddenByNetwork),
    (None, 401, None, b"", Unauthorized),
    (Some(RefreshToken), 401, None, b"", UnknownRefusal),
    (Some(RefreshToken), 302, HTML, b"", RedirectRefused),
    // A redirect is one, whatever its body says.
    (
        Some(RefreshToken),
        302,
        JSON,
        br#"{"error":"invalid_grant","error_description":"expired access/refresh token"}"#,
        RedirectRefused,
    ),
    (Some(RefreshToken), 400, HTML, PAGE, UnexpectedPage),
    (Some(RefreshToken), 400, JSON, b"{}", UnknownRefusal),
    (Some(RefreshToken), 400, JSON, b"{", UnknownRefusal),
    (Some(RefreshToken), 400, None, b"\xff\xfe", UnknownRefusal),
    (None, 404, HTML, PAGE, UnexpectedPage),
    (None, 407, HTML, PAGE, ProxyRefused),
    (None, 408, None, b"", TimedOut),
    (None, 410, None, b"", ApiVersionRetired),
    (None, 414, None, b"", RequestTooLarge),
    (None, 431, None, b"", RequestTooLarge),
    (None, 420, None, b"", HostNotRouted),
    (Some(RefreshToken), 420, HTML, PAGE, HostNotRouted),
    (Some(RefreshToken), 429, None, b"", TooManyRequests),
    (
        Some(RefreshToken),
        429,
        JSON,
        br#"{"error":"of_the_future"}"#,
        TooManyRequests,
    ),
    (None, 500, HTML, PAGE, SalesforceServerError),
    (None, 502, HTML, PAGE, BadGateway),
    (None, 503, HTML, PAGE, MaintenancePage),
    (None, 503, JSON, PAGE, MaintenancePage),
    (None, 503, None, b"", SalesforceUnavailable),
    (None, 504, None, b"", GatewayTimeout),
    (None, 599, None, b"", SalesforceServerError),
    (None, 200, HTML, PAGE, MaintenancePage),
    (
        None,
        200,
        HTML,
        b"<html><title>Login</title></html>",
        UnexpectedPage,
    ),
    (None, 200, JSON, b"[", UnreadableAnswer),
    (None, 418, None, b"", UnknownRefusal),
    (None, 418, HTML, PAGE, UnexpectedPage),
];

fn oauth_body(error: &str, description: &str) -> Vec<u8> {
    serde_json::to_vec(&serde_json::json!({ "error": error, "error_description": description })).unwrap()
}

#[test]
fn the_token_endpoints_words_are_understood_for_each_grant() {
    for (grants, error, description, expected) in OAUTH {
        for grant in *grants {
            let refusal = classify(Some(*grant), 400, JSON, &oauth_body(error, description));
            assert_eq!(refusal, *expected, "{grant:?}: {error}: {description}");
        }
    }
}

#[test]
fn neither_case_nor_content_type_of_the_words_matters() {
    for (grants, error, description, expected) in OAUTH {
        let body = oauth_body(&error.to_ascii_uppercase(), &description.to_ascii_uppercase());
        assert_eq!(
            classify(Some(grants[0]), 400, HTML, &body),
            *expected,
            "{error}: {description}"
        );
    }
}

#[test]
fn the_rest_apis_words_are_understood() {
    for (status, code, message, expected) in REST {
        let body = serde_json::json!([{ "errorCode": code, "message": message }]).to_string();
        assert_eq!(
            classify(None, *status, JSON, body.as_bytes()),
            *expected,
            "{status} {code}: {message}"
        );
    }
}

#[test]
fn pages_texts_and_bare_statuses_are_understood() {
    for (grant, status, content_type, body, expected) in OTHERS {
        let refusal = classify(*grant, *status, *content_type, body);
        assert_eq!(
            refusal,
            *expected,
            "{status} {content_type:?} {:?}",
            String::from_utf8_lossy(body)
        );
    }
}

#[test]
fn every_refusal_is_reached_by_some_answer_or_made_by_the_client_itself() {
    let own = [
        PrivateKeyEncrypted,
        PrivateKeyNotRsa,
        PrivateKeyInvalid,
        HostNotAllowed,
        InstanceUrlNotAllowed,
        HostNotFound,
        DnsUnavailable,
        AnswerTooLarge,
        ConnectionFailed,
        ConnectTimedOut,
        TlsFailed,
        ConnectionLost,
        RequestNotBuilt,
    ];
    let reached: BTreeSet<Refusal> = own
        .into_iter()
        .chain(OAUTH.iter().map(|row| row.3))
        .chain(REST.iter().map(|row| row.3))
        .chain(OTHERS.iter().map(|row| row.4))
        .collect();
    let all: BTreeSet<Refusal> = Refusal::ALL.iter().copied().collect();
    assert_eq!(
        all.difference(&reached).collect::<Vec<_>>(),
        Vec::<&Refusal>::new()
    );
}

#[test]
fn the_words_are_the_answers_own_or_a_title() {
    let said = |status, content_type, body: &[u8]| judge(None, status, content_type, body).said;
    assert_eq!(
        said(400, JSON, &oauth_body("invalid_grant", "ip restricted")),
        "invalid_grant: ip restricted"
    );
    assert_eq!(said(400, JSON, br#"{"error":"app_blocked"}"#), "app_blocked");
    assert_eq!(
        said(
            401,
            JSON,
            br#"[{"errorCode":"X","message":"m"},{"errorCode":"Y"}]"#
        ),
        "X: m"
    );
    assert_eq!(
        said(503, HTML, PAGE),
        "HTTP 503 with a page titled: Down for Maintenance"
    );
    assert_eq!(said(503, HTML, b"<p>"), "HTTP 503 with a page");
    assert_eq!(said(503, None, b" "), "HTTP 503 with an empty body");
    assert_eq!(
        said(400, JSON, b"{\"a\":1}"),
        "HTTP 400 with JSON of an unknown form"
    );
    assert_eq!(said(403, None, b"Bad_OAuth_Token"), "Bad_OAuth_Token");
}

#[test]
fn at_least_160_texts_are_recognised() {
    let recognised = rules::recognised();
    assert!(recognised >= 160, "{recognised}");
}

#[test]
fn a_text_that_nobody_knows_is_shown_with_its_status_and_salesforces_words() {
    let judged = judge(
        Some(RefreshToken),
        400,
        JSON,
        br#"{"error":"invalid_grant","error_description":"the moon is full"}"#,
    );
    assert_eq!(
        (judged.refusal, judged.said.as_str(), judged.oauth),
        (UnknownRefusal, "HTTP 400: invalid_grant: the moon is full", true)
    );
}
