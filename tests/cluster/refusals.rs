//! What Salesforce can refuse, and what a user then reads: one connector for each refusal, all at once.
//!
//! What is expected stands here by hand, from what is known of Salesforce's answers; it is not computed.

use std::collections::BTreeSet;

use futures::{StreamExt, stream};
use salesforce_connector_operator::api::SalesforceConnector;
use salesforce_sim::{
    Endpoint, Fault, FaultRule, REST_CATALOGUE, TOKEN_ENDPOINT_CATALOGUE, default_world as world,
};
use serde_json::{Value, json};

use crate::stage::{Stage, condition, status};

/// How a refusal goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Course {
    /// Stalled; nothing is sent again until the input changes.
    Final,
    /// Stalled; tried again every hour, since it is mended in Salesforce, or in the operator, and not here.
    Hourly,
    /// Reconciling; tried again every 2 minutes at first, as long as Salesforce takes to spread a setting.
    Uncertain,
    /// Reconciling; tried again after 10 seconds, then ever later.
    BackOff,
    /// Reconciling; tried again once the hour is over for which Salesforce counts logins.
    OneHour,
}
use Course::{BackOff, Final, Hourly, OneHour, Uncertain};

impl Course {
    fn is_stalled(self) -> bool {
        matches!(self, Final | Hourly)
    }

    /// Seconds until the next attempt after failure number `count`, without jitter.
    fn wait(self, count: i32) -> Option<i64> {
        match self {
            Final => None,
            Hourly | OneHour => Some(3600),
            Uncertain => Some(120),
            BackOff => Some((10 << (count - 1)).min(600)),
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Login {
    App,
    Jwt,
    Password,
}
use Login::{App, Jwt, Password};

/// A refusal of the token endpoint: login, HTTP status, error, description; and what is expected: reason, course, and words
/// of the remedy that name what is to be done.
type TokenRow = (
    Login,
    u16,
    &'static str,
    &'static str,
    &'static str,
    Course,
    &'static str,
);

#[rustfmt::skip]
const TOKEN_ROWS: &[TokenRow] = &[
    (App,      400, "invalid_grant", "authentication failure", "AuthenticationFailed", Hourly, "locked, frozen or inactive user"),
    (Password, 400, "invalid_grant", "authentication failure", "WrongPassword", Final, "correct the password or security token"),
    (App,      400, "invalid_grant", "expired access/refresh token", "AuthenticationFailed", Hourly, "Login History"),
    (Password, 400, "invalid_grant", "expired access/refresh token", "WrongPassword", Final, "Login History"),
    // Of a refresh token, these say that it has ended; no login has one.
    (App,      400, "invalid_grant", "token validity expired", "UnknownRefusal", Uncertain, "report the text to the maintainers"),
    (App,      400, "invalid_grant", "activation secret invalid", "UnknownRefusal", Uncertain, "report the text to the maintainers"),
    (App,      400, "invalid_grant", "token request is already being processed", "TokenRequestInProgress", BackOff, "the other program that holds this refresh token"),
    (Jwt,      400, "invalid_grant", "expired authorization code", "AssertionExpired", BackOff, "clock of the node"),
    (App,      400, "invalid_grant", "invalid authorization code", "AuthorizationCodeInvalid", Final, "on the same host the code is redeemed at"),
    (App,      400, "invalid_grant", "invalid code verifier", "CodeVerifierInvalid", Final, "another login's verifier"),
    (App,      400, "invalid_request", "invalid code verifier", "CodeVerifierInvalid", Final, "another login's verifier"),
    (App,      400, "invalid_grant", "ip restricted", "IpRestricted", Hourly, "Network Access"),
    (Password, 400, "invalid_grant", "ip restricted or invalid login hours", "IpOrLoginHoursRestricted", Hourly, "Login Hours"),
    (App,      400, "invalid_grant", "ip restricted by app developer", "IpRestrictedByAppDeveloper", Hourly, "Refresh Token IP Allowlist"),
    (Jwt,      400, "invalid_grant", "user hasn't approved this consumer", "UserNotApproved", Hourly, "Admin approved users are pre-authorized"),
    (Jwt,      400, "invalid_app_access", "user is not admin approved to access this app", "UserNotAdminApproved", Hourly, "App Policies: select the user's profile"),
    (App,      400, "invalid_grant", "no client credentials user enabled", "RunAsUserMissing", Hourly, "username in Run As"),
    (App,      400, "invalid_grant", "client credentials flow not enabled", "ClientCredentialsFlowDisabled", Hourly, "Enable Client Credentials Flow in Settings and in Policies"),
    (App,      400, "unauthorized_client", "client credentials flow not enabled", "ClientCredentialsFlowDisabled", Hourly, "Enable Client Credentials Flow in Settings and in Policies"),
    (App,      400, "invalid_grant", "no valid scopes", "NoValidScopes", Hourly, "add Manage user data via APIs (api)"),
    (App,      400, "invalid_grant", "request not supported on this domain", "DomainNotSupported", Final, "My Domain, for example"),
    (Jwt,      400, "invalid_grant", "Audience validation failed", "AudienceInvalid", Final, "https://test.salesforce.com for sandboxes"),
    (Jwt,      400, "invalid_grant", "audience is invalid", "AudienceInvalid", Final, "https://test.salesforce.com for sandboxes"),
    // The app may not have spread through Salesforce yet.
    (Jwt,      400, "invalid_grant", "invalid assertion", "AssertionInvalid", Uncertain, "certificate that belongs to the private key"),
    (App,      400, "invalid_grant", "inactive user", "UserInactive", Hourly, "activate the user"),
    (Password, 400, "inactive_user", "user is inactive", "UserInactive", Hourly, "activate the user"),
    (App,      400, "inactive_org", "organization is inactive", "OrgInactive", Hourly, "Contact Salesforce"),
    (App,      400, "invalid_client_id", "client identifier invalid", "ClientIdInvalid", Uncertain, "check that host is that org's"),
    // After a rotation, old and new secret may both fail for some minutes.
    (App,      400, "invalid_client", "invalid client credentials", "ClientSecretInvalid", Uncertain, "Copy the current secret"),
    (App,      400, "invalid_client", "app must be installed into org", "AppNotInstalled", Hourly, "External Client Apps OAuth Usage > (app): Install"),
    (App,      400, "app_not_found", "External client app is not installed in this org", "AppNotFound", Uncertain, "org that has the app"),
    (App,      400, "oauth_flow_disabled", "The external client app or the OAuth plugin is disabled.", "AppDisabled", Hourly, "enable the app and its OAuth plugin"),
    (App,      400, "app_blocked", "app blocked by admin", "AppBlocked", Hourly, "Unblock"),
    (App,      400, "fail_close_app_blocked", "", "AppBlockCheckFailed", Uncertain, "If it stays"),
    (App,      400, "oauth_approval_error_generic", "", "AppApprovalFailed", Hourly, "Approve Uninstalled Connected Apps"),
    (App,      400, "ecapp_policy_not_found", "", "AppPolicyMissing", Uncertain, "save the policies once"),
    (App,      400, "installation_error", "", "AppInstallationFailed", Hourly, "Install the app's package again"),
    (App,      400, "access_denied", "end-user denied authorization", "AccessDenied", Final, "allow the access"),
    (App,      400, "invalid_request", "scope parameter not supported", "ScopeParameterNotSupported", Hourly, "Report this to the maintainers"),
    (Jwt,      400, "invalid_request", "refresh_token scope is required and the connected app should be installed and preauthorized", "RefreshTokenScopeRequired", Hourly, "add Perform requests at any time"),
    (App,      400, "invalid_request", "missing required code challenge", "CodeChallengeMissing", Hourly, "Report this to the maintainers"),
    (App,      400, "redirect_uri_mismatch", "redirect_uri must match configuration", "RedirectUriMismatch", Hourly, "Callback URL: add the exact address"),
    (App,      400, "redirect_uri_missing", "redirect_uri is required", "RedirectUriMissing", Hourly, "Report this to the maintainers"),
    (App,      400, "unsupported_grant_type", "grant type not supported", "ClientCredentialsFlowDisabled", Hourly, "Enable Client Credentials Flow in Settings and in Policies"),
    (Jwt,      400, "unsupported_grant_type", "grant type not supported", "GrantTypeNotSupported", Hourly, "Flow Enablement"),
    (Password, 400, "unsupported_grant_type", "grant type not supported", "PasswordFlowBlocked", Hourly, "Allow OAuth Username-Password Flows"),
    (App,      400, "invalid_scope", "", "ScopeInvalid", Hourly, "add the scope, or do not ask for it"),
    (App,      400, "invalid_session_level", "", "SessionLevelTooLow", Hourly, "Remove the High Assurance requirement"),
    (App,      400, "invalid_dpop_proof", "", "DpopRequired", Hourly, "do not require DPoP"),
    (App,      400, "invalid_basic_auth_header", "invalid basic authorization header", "ClientAuthenticationMalformed", Hourly, "Report this to the maintainers"),
    (App,      400, "unsupported_token_type", "this token type is not supported", "TokenTypeNotSupported", Hourly, "if the token was revoked already"),
    (App,      400, "rate_limit_exceeded", "login rate exceeded", "LoginRateExceeded", OneHour, "Login History, stop it, and wait an hour"),
    (App,      400, "unknown_error", "retry your request", "SalesforceUnknownError", BackOff, "see status.salesforce.com"),
    (App,      500, "server_error", "", "SalesforceServerError", BackOff, "see status.salesforce.com"),
    (App,      503, "service_unavailable", "", "SalesforceUnavailable", BackOff, "status.salesforce.com for maintenance"),
    (App,      503, "temporarily_unavailable", "", "SalesforceUnavailable", BackOff, "status.salesforce.com for maintenance"),
    (App,      503, "system_down", "", "SalesforceDown", BackOff, "Nothing to do; see status.salesforce.com"),
    (App,      400, "slow_down", "", "SlowDown", BackOff, "The operator retries later"),
    // What nobody has heard of yet is not taken for final.
    (App,      418, "short_and_stout", "tip me over", "UnknownRefusal", Uncertain, "report the text to the maintainers"),
];

/// A refusal of the REST API on the org query: HTTP status, error code, message; and what is expected.
type RestRow = (
    u16,
    &'static str,
    &'static str,
    &'static str,
    Course,
    &'static str,
);

#[rustfmt::skip]
const REST_ROWS: &[RestRow] = &[
    (400, "URL_NOT_RESET", "Destination URL not reset. The URL returned from login must be set", "InstanceAddressOutdated", Uncertain, "My Domain"),
    (401, "INVALID_SESSION_ID", "Session expired or invalid", "FreshTokenRejected", Hourly, "a setting that ends new sessions"),
    (401, "INVALID_SESSION_ID", "This session is not valid for use with the REST API", "SessionNotValidForApi", Hourly, "Add the scope api to the app"),
    (401, "INVALID_SESSION_ID", "Connected app is not attached to Agent", "AppNotAttachedToAgent", Hourly, "Attach the app to the agent"),
    (401, "INVALID_AUTH_HEADER", "INVALID_HEADER_TYPE", "AuthHeaderInvalid", Hourly, "Report this to the maintainers"),
    (403, "API_DISABLED_FOR_ORG", "The REST API is not enabled for this Organization.", "ApiDisabled", Hourly, "edition includes the API"),
    (403, "API_DISABLED_FOR_ORG", "The REST API is not enabled for this Organization or user type.", "ApiDisabled", Hourly, "edition includes the API"),
    (403, "API_CURRENTLY_DISABLED", "API is disabled for this User", "ApiDisabledForUser", Hourly, "Give the user API Enabled: profile or permission set"),
    (403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.", "ApiLimitExceeded", BackOff, "API Requests, Last 24 Hours"),
    (403, "REQUEST_LIMIT_EXCEEDED", "ConcurrentPerOrgLongTxn Limit exceeded.", "ConcurrentRequestLimitExceeded", BackOff, "Reduce long-running calls"),
    (403, "INSUFFICIENT_ACCESS", "insufficient access rights on cross-reference id", "InsufficientAccess", Hourly, "missing permission by a permission set"),
    (403, "API_DISABLED_FOR_ORG", "limits resource is not enabled", "LimitsNotVisible", Hourly, "View Setup and Configuration"),
    (403, "TXN_SECURITY_NO_ACCESS", "", "TransactionSecurityBlocked", Hourly, "Transaction Security"),
    (403, "FUNCTIONALITY_NOT_ENABLED", "REST API is not part of this edition", "FunctionalityNotEnabled", Hourly, "Enable the named feature"),
    (400, "INVALID_TYPE", "sObject type 'Organization' is not supported.", "ObjectNotReadable", Hourly, "read access to the object"),
    (400, "MALFORMED_QUERY", "unexpected token: 'FROM'", "QueryRefused", Hourly, "Report this to the maintainers"),
    (404, "NOT_FOUND", "The requested resource does not exist", "ResourceNotFound", Hourly, "API version exists in this org"),
    (410, "UNSUPPORTED_API_VERSION", "The requested API version has been retired", "ApiVersionRetired", Hourly, "Use a current API version"),
    (500, "INVALID_OPERATION_WITH_EXPIRED_PASSWORD", "The users password has expired", "PasswordExpired", Hourly, "Password Never Expires"),
    (500, "UNKNOWN_EXCEPTION", "An unexpected error occurred.", "SalesforceUnknownError", BackOff, "see status.salesforce.com"),
    (503, "SERVER_UNAVAILABLE", "Server unavailable", "SalesforceUnavailable", BackOff, "status.salesforce.com for maintenance"),
];

/// Answers that are neither: where, what, Salesforce's words as far as they are shown, and what is expected.
#[rustfmt::skip]
fn wire_rows() -> Vec<(Endpoint, Fault, &'static str, &'static str, Course, &'static str)> {
    let answer = |status, content_type: &str, body: &str| Fault::Answer {
        status,
        content_type: content_type.to_owned(),
        body: body.to_owned(),
        headers: Vec::new(),
    };
    let page = "<html><head><title>Your company's proxy</title></head></html>";
    let elsewhere = "https://elsewhere.example/".to_owned();
    let (token, identity) = (Endpoint::Token, Endpoint::Identity);
    vec![
        (token, Fault::Throttled { retry_after: None }, "Too Many Requests", "TooManyRequests", BackOff, "The operator retries later"),
        (token, Fault::Maintenance, "We are down for maintenance.", "MaintenancePage", BackOff, "status.salesforce.com for maintenance"),
        (token, Fault::BadGateway, "502 Bad Gateway", "BadGateway", BackOff, "see status.salesforce.com"),
        (token, Fault::NoRoute, "HTTP 420", "HostNotRouted", Uncertain, "Current My Domain URL"),
        (token, answer(504, "text/html", page), "HTTP 504", "GatewayTimeout", BackOff, "see status.salesforce.com"),
        (token, answer(503, "text/plain", "busy"), "busy", "SalesforceUnavailable", BackOff, "status.salesforce.com for maintenance"),
        (token, answer(500, "text/plain", ""), "HTTP 500", "SalesforceServerError", BackOff, "see status.salesforce.com"),
        (token, answer(403, "text/html", page), "Your company's proxy", "ForbiddenByNetwork", Uncertain, "cluster's egress address"),
        (token, answer(403, "text/plain", ""), "HTTP 403 with an empty body", "ForbiddenByNetwork", Uncertain, "cluster's egress address"),
        (token, answer(404, "text/html", page), "HTTP 404", "UnexpectedPage", Uncertain, "not a Lightning, Setup or web page host"),
        (token, answer(200, "text/html", page), "", "UnexpectedPage", Uncertain, "not a Lightning, Setup or web page host"),
        (token, answer(414, "text/plain", ""), "HTTP 414", "RequestTooLarge", Hourly, "Report this to the maintainers"),
        (token, Fault::Redirect { location: elsewhere }, "", "RedirectRefused", Uncertain, "Set spec.host to the host that the message names"),
        (token, Fault::Garbage, "", "UnreadableAnswer", Uncertain, "nothing between cluster and Salesforce rewrites answers"),
        (token, Fault::Oversized { bytes: 3_000_000 }, "", "AnswerTooLarge", Uncertain, "Check that host is the org's My Domain"),
        (token, Fault::DropBeforeProcessing, "", "ConnectionLost", BackOff, "check proxies and firewalls"),
        (token, Fault::NeverAnswer, "", "TimedOut", BackOff, "the network between"),
        (identity, answer(403, "text/plain", "Missing_OAuth_Token"), "Missing_OAuth_Token", "MissingOauthToken", Hourly, "Report this to the maintainers"),
        (identity, answer(403, "text/plain", "Wrong_Org"), "Wrong_Org", "WrongOrg", Uncertain, "host and credentials belong to the same org"),
        (identity, answer(404, "text/plain", "Bad_Id"), "Bad_Id", "IdentityUnknown", Uncertain, "user still exists in the org"),
        (identity, answer(403, "text/plain", "Inactive_User"), "Inactive_User", "UserInactive", Hourly, "activate the user"),
    ]
}

/// A refusal to be forced on a connector of its own.
struct Row {
    login: Login,
    endpoints: Vec<Endpoint>,
    fault: Fault,
    /// What of Salesforce's words is to be read.
    words: &'static str,
    reason: &'static str,
    course: Course,
    /// What of the remedy is to be read.
    remedy: &'static str,
}

fn rows() -> Vec<Row> {
    let token = TOKEN_ROWS.iter().map(
        |(login, status, error, description, reason, course, remedy)| Row {
            login: *login,
            endpoints: vec![Endpoint::Token],
            fault: Fault::OauthRefusal {
                status: *status,
                error: (*error).to_owned(),
                error_description: (*description).to_owned(),
            },
            words: if description.is_empty() {
                error
            } else {
                description
            },
            reason,
            course: *course,
            remedy,
        },
    );
    let rest = REST_ROWS
        .iter()
        .map(|(status, code, message, reason, course, remedy)| Row {
            login: App,
            // A query that is refused like this shows that the API is open.
            endpoints: match *code {
                "INVALID_TYPE" | "INSUFFICIENT_ACCESS" => vec![Endpoint::Identity],
                _ => vec![Endpoint::Query],
            },
            fault: Fault::RestRefusal {
                status: *status,
                error_code: (*code).to_owned(),
                message: (*message).to_owned(),
            },
            words: message,
            reason,
            course: *course,
            remedy,
        });
    let wire = wire_rows()
        .into_iter()
        .map(|(endpoint, fault, words, reason, course, remedy)| Row {
            login: App,
            endpoints: vec![endpoint],
            fault,
            words,
            reason,
            course,
            remedy,
        });
    token.chain(rest).chain(wire).collect()
}

#[test]
fn every_refusal_of_the_simulators_catalogue_has_its_row() {
    let token: BTreeSet<_> = TOKEN_ROWS
        .iter()
        .map(|(_, status, error, description, ..)| (*status, *error, *description))
        .collect();
    for refusal in TOKEN_ENDPOINT_CATALOGUE {
        let wanted = (refusal.status, refusal.error, refusal.description);
        assert!(token.contains(&wanted), "{wanted:?}");
    }
    let rest: BTreeSet<_> = REST_ROWS
        .iter()
        .map(|(status, code, message, ..)| (*status, *code, *message))
        .collect();
    for refusal in REST_CATALOGUE {
        let wanted = (refusal.status, refusal.error_code, refusal.message);
        assert!(rest.contains(&wanted), "{wanted:?}");
    }
    let reasons: BTreeSet<_> = rows().iter().map(|row| row.reason).collect();
    assert!(reasons.len() >= 40, "{} distinct reasons", reasons.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_refusal_is_reported_with_its_reason_salesforces_words_and_the_remedy() {
    let rows = rows();
    // In real time: what may pass is then still said to be passing when it is looked at.
    let stage = Stage::at_speed(1).await;
    stage
        .sim
        .world(|world| world.add_fleet(world::PRODUCTION, rows.len()));
    for name in ["app", "jwt"] {
        let values = [
            ("client-secret", "unused-secret-of-the-app"),
            ("password", "unused-password"),
            ("key", world::JWT_KEY_PKCS8),
        ];
        stage.input(name, &values).await;
    }
    for (number, row) in rows.iter().enumerate() {
        let rule = FaultRule::always(row.fault.clone())
            .on_all(&row.endpoints)
            .client(&format!("FLEET-APP-{number:05}"));
        stage.sim.fault(rule);
    }
    stream::iter(rows.iter().enumerate())
        .for_each_concurrent(16, async |(number, row)| {
            stage
                .create(&format!("row-{number}"), spec(&stage, number, row).await)
                .await;
        })
        .await;
    let wrong: Vec<String> = stream::iter(rows.iter().enumerate())
        .map(async |(number, row)| {
            let connector = stage.not_ready(&format!("row-{number}"), row.reason).await;
            judge(row, &connector).err()
        })
        .buffer_unordered(rows.len())
        .filter_map(async |wrong| wrong)
        .collect()
        .await;
    assert!(
        wrong.is_empty(),
        "{} of {} rows:\n{}",
        wrong.len(),
        rows.len(),
        wrong.join("\n")
    );
    let reasons: BTreeSet<_> = rows.iter().map(|row| row.reason).collect();
    println!("{} refusals with {} distinct reasons", rows.len(), reasons.len());
    stage.finish().await;
}

async fn spec(stage: &Stage, number: usize, row: &Row) -> Value {
    let input = format!("row-{number}-app");
    let secret = format!("fleet-secret-{number:05}");
    stage.input(&input, &[("client-secret", &secret)]).await;
    let username = format!("row-{number}@green-itr.example");
    let auth = match row.login {
        App => json!({ "clientCredentials": {} }),
        Jwt => json!({ "jwtBearer": {
            "username": username, "privateKeyRef": { "name": "jwt", "key": "key" } } }),
        Password => json!({ "password": {
            "username": username, "passwordRef": { "name": "app", "key": "password" } } }),
    };
    json!({
        "host": world::PRODUCTION,
        "app": {
            "clientId": format!("FLEET-APP-{number:05}"),
            "clientSecretRef": { "name": input, "key": "client-secret" },
        },
        "auth": auth,
    })
}

fn judge(row: &Row, connector: &SalesforceConnector) -> Result<(), String> {
    let (_, reason, message) = condition(connector, "Ready");
    let wrong = |what: &str| {
        Err(format!(
            "{}: {what}: {:?}",
            row.reason,
            status(connector).conditions
        ))
    };
    if reason != row.reason {
        return wrong("another reason");
    }
    if !message.contains(row.remedy) {
        return wrong("the remedy is missing");
    }
    if !message.contains(row.words) {
        return wrong("Salesforce's words are missing");
    }
    let stalled = condition(connector, "Stalled");
    let reconciling = condition(connector, "Reconciling");
    let (present, absent) = if row.course.is_stalled() {
        (stalled, reconciling)
    } else {
        (reconciling, stalled)
    };
    if (present.0.as_str(), present.1.as_str(), absent.0.as_str()) != ("True", row.reason, "") {
        return wrong("Stalled or Reconciling is not as it should be");
    }
    if !next_attempt_is_right(row.course, connector) {
        return wrong(&format!(
            "the next attempt is not as it should be: {:?}",
            status(connector).failures
        ));
    }
    if condition(connector, "SecretSynced").0 == "True" {
        return wrong("a Secret is said to be in step");
    }
    Ok(())
}

/// Both times are written in whole seconds, and jitter lengthens a wait by a tenth at most.
fn next_attempt_is_right(course: Course, connector: &SalesforceConnector) -> bool {
    let Some(failures) = status(connector).failures else {
        return false;
    };
    let next = failures.next_attempt_time;
    let found = next.map(|next| next.0.as_second() - failures.last_failure_time.0.as_second());
    match (course.wait(failures.count), found) {
        (None, None) => true,
        (Some(wait), Some(found)) => (wait..=wait + wait / 10 + 1).contains(&found),
        (None, Some(_)) | (Some(_), None) => false,
    }
}
