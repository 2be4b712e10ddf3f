//! In which words does Salesforce refuse?

use hyper::StatusCode;
use serde_json::json;

use crate::http::Reply;

/// A refusal of the token endpoint and its siblings: `{"error": …, "error_description": …}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OAuthRefusal {
    pub status: u16,
    pub error: &'static str,
    /// Value of `error_description`; the field is left out when empty.
    pub description: &'static str,
}

/// A refusal of the REST API: `[{"message": …, "errorCode": …}]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RestRefusal {
    pub status: u16,
    pub error_code: &'static str,
    pub message: &'static str,
}

const fn oauth(error: &'static str, description: &'static str) -> OAuthRefusal {
    OAuthRefusal {
        status: 400,
        error,
        description,
    }
}

const fn rest(status: u16, error_code: &'static str, message: &'static str) -> RestRefusal {
    RestRefusal {
        status,
        error_code,
        message,
    }
}

impl OAuthRefusal {
    pub(crate) fn reply(self) -> Reply {
        oauth_reply(self.status, self.error, self.description)
    }
}

/// Errors carry `Cache-Control: no-store`. docs/salesforce.md#error-response
pub(crate) fn oauth_reply(status: u16, error: &str, description: &str) -> Reply {
    let body = if description.is_empty() {
        json!({ "error": error })
    } else {
        json!({ "error": error, "error_description": description })
    };
    Reply::json(
        StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST),
        &body,
    )
    .with("cache-control", "no-store")
    .noting(error)
}

impl RestRefusal {
    pub(crate) fn reply(self) -> Reply {
        rest_reply(self.status, self.error_code, self.message)
    }
}

/// REST errors are an array. docs/salesforce.md#rest-errors
pub(crate) fn rest_reply(status: u16, error_code: &str, message: &str) -> Reply {
    let body = json!([{ "message": message, "errorCode": error_code }]);
    Reply::json(
        StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST),
        &body,
    )
    .noting(error_code)
}

// docs/salesforce.md#token-endpoint-errors
pub(crate) const AUTHENTICATION_FAILURE: OAuthRefusal = oauth("invalid_grant", "authentication failure");
pub(crate) const EXPIRED_TOKEN: OAuthRefusal = oauth("invalid_grant", "expired access/refresh token");
/// docs/salesforce.md#dead-refresh-token
pub(crate) const VALIDITY_EXPIRED: OAuthRefusal = oauth("invalid_grant", "token validity expired");
pub(crate) const ALREADY_PROCESSED: OAuthRefusal =
    oauth("invalid_grant", "token request is already being processed");
pub(crate) const EXPIRED_CODE: OAuthRefusal = oauth("invalid_grant", "expired authorization code");
pub(crate) const INVALID_CODE: OAuthRefusal = oauth("invalid_grant", "invalid authorization code");
pub(crate) const MISSING_VERIFIER: OAuthRefusal = oauth("invalid_grant", "invalid code verifier");
pub(crate) const WRONG_VERIFIER: OAuthRefusal = oauth("invalid_request", "invalid code verifier");
pub(crate) const IP_RESTRICTED: OAuthRefusal = oauth("invalid_grant", "ip restricted");
pub(crate) const LOGIN_HOURS: OAuthRefusal = oauth("invalid_grant", "ip restricted or invalid login hours");
pub(crate) const IP_BY_DEVELOPER: OAuthRefusal = oauth("invalid_grant", "ip restricted by app developer");
pub(crate) const NOT_APPROVED: OAuthRefusal = oauth("invalid_grant", "user hasn't approved this consumer");
pub(crate) const NOT_ADMIN_APPROVED: OAuthRefusal = oauth(
    "invalid_app_access",
    "user is not admin approved to access this app",
);
pub(crate) const NO_RUN_AS_USER: OAuthRefusal = oauth("invalid_grant", "no client credentials user enabled");
pub(crate) const CLIENT_CREDENTIALS_OFF: OAuthRefusal =
    oauth("invalid_grant", "client credentials flow not enabled");
pub(crate) const NO_VALID_SCOPES: OAuthRefusal = oauth("invalid_grant", "no valid scopes");
pub(crate) const WRONG_DOMAIN: OAuthRefusal = oauth("invalid_grant", "request not supported on this domain");
pub(crate) const WRONG_AUDIENCE: OAuthRefusal = oauth("invalid_grant", "audience is invalid");
pub(crate) const INVALID_ASSERTION: OAuthRefusal = oauth("invalid_grant", "invalid assertion");
pub(crate) const INACTIVE_USER: OAuthRefusal = oauth("inactive_user", "user is inactive");
pub(crate) const INACTIVE_ORG: OAuthRefusal = oauth("inactive_org", "organization is inactive");
pub(crate) const UNKNOWN_CLIENT: OAuthRefusal = oauth("invalid_client_id", "client identifier invalid");
pub(crate) const WRONG_SECRET: OAuthRefusal = oauth("invalid_client", "invalid client credentials");
pub(crate) const NOT_INSTALLED: OAuthRefusal = oauth("invalid_client", "app must be installed into org");
pub(crate) const APP_NOT_FOUND: OAuthRefusal = oauth(
    "app_not_found",
    "External client app is not installed in this org",
);
pub(crate) const APP_DISABLED: OAuthRefusal = oauth(
    "oauth_flow_disabled",
    "The external client app or the OAuth plugin is disabled.",
);
pub(crate) const APP_BLOCKED: OAuthRefusal = oauth("app_blocked", "app blocked by admin");
pub(crate) const SCOPE_NOT_SUPPORTED: OAuthRefusal =
    oauth("invalid_request", "scope parameter not supported");
pub(crate) const REFRESH_SCOPE_REQUIRED: OAuthRefusal = oauth(
    "invalid_request",
    "refresh_token scope is required and the connected app should be installed and preauthorized",
);
pub(crate) const REDIRECT_MISMATCH: OAuthRefusal =
    oauth("redirect_uri_mismatch", "redirect_uri must match configuration");
pub(crate) const REDIRECT_MISSING: OAuthRefusal = oauth("redirect_uri_missing", "redirect_uri is required");
pub(crate) const UNSUPPORTED_GRANT: OAuthRefusal =
    oauth("unsupported_grant_type", "grant type not supported");
pub(crate) const NOT_A_TOKEN: OAuthRefusal =
    oauth("unsupported_token_type", "this token type is not supported");
pub(crate) const INVALID_TOKEN: OAuthRefusal = oauth("invalid_token", "");
pub(crate) const LOGIN_RATE: OAuthRefusal = oauth("rate_limit_exceeded", "login rate exceeded");
pub(crate) const MALFORMED_BASIC: OAuthRefusal =
    oauth("invalid_basic_auth_header", "invalid basic authorization header");
pub(crate) const MUST_POST: OAuthRefusal = oauth("invalid_request", "must use HTTP POST");
pub(crate) const MISSING_CODE: OAuthRefusal = oauth("invalid_request", "missing required code parameter");
pub(crate) const MISSING_REFRESH_TOKEN: OAuthRefusal =
    oauth("invalid_request", "missing required refresh_token parameter");
pub(crate) const MISSING_ASSERTION: OAuthRefusal =
    oauth("invalid_request", "missing required assertion parameter");

/// Every row of docs/salesforce.md#token-endpoint-errors that the token endpoint can be made to say, by a situation or by
/// a fault.
pub const TOKEN_ENDPOINT_CATALOGUE: &[OAuthRefusal] = &[
    AUTHENTICATION_FAILURE,
    EXPIRED_TOKEN,
    VALIDITY_EXPIRED,
    oauth("invalid_grant", "activation secret invalid"),
    ALREADY_PROCESSED,
    EXPIRED_CODE,
    INVALID_CODE,
    MISSING_VERIFIER,
    WRONG_VERIFIER,
    IP_RESTRICTED,
    LOGIN_HOURS,
    IP_BY_DEVELOPER,
    NOT_APPROVED,
    NOT_ADMIN_APPROVED,
    NO_RUN_AS_USER,
    CLIENT_CREDENTIALS_OFF,
    NO_VALID_SCOPES,
    WRONG_DOMAIN,
    oauth("invalid_grant", "Audience validation failed"),
    WRONG_AUDIENCE,
    INVALID_ASSERTION,
    oauth("invalid_grant", "inactive user"),
    INACTIVE_USER,
    INACTIVE_ORG,
    UNKNOWN_CLIENT,
    WRONG_SECRET,
    NOT_INSTALLED,
    APP_NOT_FOUND,
    APP_DISABLED,
    APP_BLOCKED,
    oauth("fail_close_app_blocked", ""),
    SCOPE_NOT_SUPPORTED,
    REFRESH_SCOPE_REQUIRED,
    oauth("invalid_request", "missing required code challenge"),
    REDIRECT_MISMATCH,
    REDIRECT_MISSING,
    UNSUPPORTED_GRANT,
    oauth("unauthorized_client", "client credentials flow not enabled"),
    oauth("invalid_scope", ""),
    oauth("invalid_session_level", ""),
    NOT_A_TOKEN,
    LOGIN_RATE,
    oauth("unknown_error", "retry your request"),
    OAuthRefusal {
        status: 500,
        error: "server_error",
        description: "",
    },
    OAuthRefusal {
        status: 503,
        error: "service_unavailable",
        description: "",
    },
    OAuthRefusal {
        status: 503,
        error: "temporarily_unavailable",
        description: "",
    },
    OAuthRefusal {
        status: 503,
        error: "system_down",
        description: "",
    },
    oauth("slow_down", ""),
];

// docs/salesforce.md#rest-errors
/// docs/salesforce.md#url-not-reset
pub(crate) const URL_NOT_RESET: RestRefusal = rest(
    400,
    "URL_NOT_RESET",
    "Destination URL not reset. The URL returned from login must be set",
);
pub(crate) const SESSION_EXPIRED: RestRefusal = rest(401, "INVALID_SESSION_ID", "Session expired or invalid");
pub(crate) const SESSION_NOT_FOR_REST: RestRefusal = rest(
    401,
    "INVALID_SESSION_ID",
    "This session is not valid for use with the REST API",
);
pub(crate) const NOT_ATTACHED_TO_AGENT: RestRefusal = rest(
    401,
    "INVALID_SESSION_ID",
    "Connected app is not attached to Agent",
);
pub(crate) const MALFORMED_HEADER: RestRefusal = rest(401, "INVALID_AUTH_HEADER", "INVALID_HEADER_TYPE");
pub(crate) const ORG_API_DISABLED: RestRefusal = rest(
    403,
    "API_DISABLED_FOR_ORG",
    "The REST API is not enabled for this Organization.",
);
pub(crate) const USER_TYPE_API_DISABLED: RestRefusal = rest(
    403,
    "API_DISABLED_FOR_ORG",
    "The REST API is not enabled for this Organization or user type.",
);
pub(crate) const USER_API_DISABLED: RestRefusal =
    rest(403, "API_CURRENTLY_DISABLED", "API is disabled for this User");
pub(crate) const REQUEST_LIMIT: RestRefusal =
    rest(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.");
pub(crate) const LIMITS_NOT_ALLOWED: RestRefusal =
    rest(403, "API_DISABLED_FOR_ORG", "limits resource is not enabled");
pub(crate) const NOT_FOUND: RestRefusal = rest(404, "NOT_FOUND", "The requested resource does not exist");
pub(crate) const VERSION_RETIRED: RestRefusal = rest(
    410,
    "UNSUPPORTED_API_VERSION",
    "The requested API version has been retired",
);
pub(crate) const CREDENTIALS_NOT_ENABLED: RestRefusal = rest(
    403,
    "FUNCTIONALITY_NOT_ENABLED",
    "This feature is not currently enabled for this user.",
);
pub(crate) const CREDENTIALS_NOT_ALLOWED: RestRefusal = rest(
    403,
    "INSUFFICIENT_ACCESS",
    "You don't have access to manage the credentials of external client apps.",
);
pub(crate) const CREDENTIALS_STAGED: RestRefusal = rest(
    400,
    "INVALID_INPUT",
    "The consumer has staged credentials already.",
);
pub(crate) const METHOD_NOT_ALLOWED: RestRefusal = rest(
    405,
    "METHOD_NOT_ALLOWED",
    "HTTP Method not allowed. Allowed are HEAD,GET",
);

/// Every row of docs/salesforce.md#rest-errors that the REST API can be made to say, by a situation or by a fault.
pub const REST_CATALOGUE: &[RestRefusal] = &[
    URL_NOT_RESET,
    SESSION_EXPIRED,
    SESSION_NOT_FOR_REST,
    NOT_ATTACHED_TO_AGENT,
    MALFORMED_HEADER,
    ORG_API_DISABLED,
    USER_TYPE_API_DISABLED,
    USER_API_DISABLED,
    REQUEST_LIMIT,
    rest(
        403,
        "REQUEST_LIMIT_EXCEEDED",
        "ConcurrentPerOrgLongTxn Limit exceeded.",
    ),
    rest(
        403,
        "INSUFFICIENT_ACCESS",
        "insufficient access rights on cross-reference id",
    ),
    LIMITS_NOT_ALLOWED,
    // Its status and text are not known.
    rest(403, "TXN_SECURITY_NO_ACCESS", ""),
    NOT_FOUND,
    VERSION_RETIRED,
    rest(500, "UNKNOWN_EXCEPTION", "An unexpected error occurred."),
    rest(503, "SERVER_UNAVAILABLE", "Server unavailable"),
];
