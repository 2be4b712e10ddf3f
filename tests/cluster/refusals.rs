//! What Salesforce can refuse, and what a user then reads: one connector for each refusal, all at once.
//!
//! What is expected stands here by hand, from what is known of Salesforce's answers; it is not computed.

use std::collections::BTreeSet;

use futures::StreamExt;
use futures::stream;
use salesforce_connector_operator::api::{Reason, SalesforceConnector};
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
    /// Stalled; tried again now and then, since it is mended in Salesforce and not here.
    Stalled,
    /// Reconciling; it may pass.
    Passing,
}
use Course::{Final, Passing, Stalled};

#[derive(Debug, Clone, Copy)]
enum Login {
    App,
    Jwt,
    Password,
}
use Login::{App, Jwt, Password};

/// A refusal of the token endpoint: login, HTTP status, error, description; and what is expected.
type TokenRow = (Login, u16, &'static str, &'static str, &'static str, Course);

#[rustfmt::skip]
const TOKEN_ROWS: &[TokenRow] = &[
    (App,      400, "invalid_grant", "authentication failure", "AuthenticationFailed", Stalled),
    (Password, 400, "invalid_grant", "authentication failure", "WrongPassword", Final),
    (App,      400, "invalid_grant", "expired access/refresh token", "RefreshTokenExpired", Final),
    (App,      400, "invalid_grant", "token request is already being processed", "TokenRequestInProgress", Passing),
    (Jwt,      400, "invalid_grant", "expired authorization code", "AssertionExpired", Passing),
    (App,      400, "invalid_grant", "invalid authorization code", "AuthorizationCodeInvalid", Final),
    (App,      400, "invalid_grant", "invalid code verifier", "CodeVerifierInvalid", Final),
    (App,      400, "invalid_request", "invalid code verifier", "CodeVerifierInvalid", Final),
    (App,      400, "invalid_grant", "ip restricted", "IpRestricted", Stalled),
    (Password, 400, "invalid_grant", "ip restricted or invalid login hours", "IpOrLoginHoursRestricted", Stalled),
    (App,      400, "invalid_grant", "ip restricted by app developer", "IpRestrictedByAppDeveloper", Stalled),
    (Jwt,      400, "invalid_grant", "user hasn't approved this consumer", "UserNotApproved", Stalled),
    (Jwt,      400, "invalid_app_access", "user is not admin approved to access this app", "UserNotAdminApproved", Stalled),
    (App,      400, "invalid_grant", "no client credentials user enabled", "RunAsUserMissing", Stalled),
    (App,      400, "invalid_grant", "client credentials flow not enabled", "ClientCredentialsFlowDisabled", Stalled),
    (App,      400, "unauthorized_client", "client credentials flow not enabled", "ClientCredentialsFlowDisabled", Stalled),
    (App,      400, "invalid_grant", "no valid scopes", "NoValidScopes", Stalled),
    (App,      400, "invalid_grant", "request not supported on this domain", "DomainNotSupported", Final),
    (Jwt,      400, "invalid_grant", "Audience validation failed", "AudienceInvalid", Final),
    (Jwt,      400, "invalid_grant", "audience is invalid", "AudienceInvalid", Final),
    // The app may not have spread through Salesforce yet.
    (Jwt,      400, "invalid_grant", "invalid assertion", "AssertionInvalid", Passing),
    (App,      400, "invalid_grant", "inactive user", "UserInactive", Stalled),
    (Password, 400, "inactive_user", "user is inactive", "UserInactive", Stalled),
    (App,      400, "inactive_org", "organization is inactive", "OrgInactive", Stalled),
    (App,      400, "invalid_client_id", "client identifier invalid", "ClientIdInvalid", Passing),
    // After a rotation, old and new secret may both fail for some minutes.
    (App,      400, "invalid_client", "invalid client credentials", "ClientSecretInvalid", Passing),
    (App,      400, "invalid_client", "app must be installed into org", "AppNotInstalled", Stalled),
    (App,      400, "app_not_found", "External client app is not installed in this org", "AppNotFound", Stalled),
    (App,      400, "oauth_flow_disabled", "The external client app or the OAuth plugin is disabled.", "AppDisabled", Stalled),
    (App,      400, "app_blocked", "app blocked by admin", "AppBlocked", Stalled),
    (App,      400, "fail_close_app_blocked", "", "AppBlockCheckFailed", Passing),
    (App,      400, "oauth_approval_error_generic", "", "AppApprovalFailed", Stalled),
    (App,      400, "ecapp_policy_not_found", "", "AppPolicyMissing", Passing),
    (App,      400, "installation_error", "", "AppInstallationFailed", Stalled),
    (App,      400, "access_denied", "end-user denied authorization", "AccessDenied", Final),
    (App,      400, "invalid_request", "scope parameter not supported", "ScopeParameterNotSupported", Stalled),
    (Jwt,      400, "invalid_request", "refresh_token scope is required and the connected app should be installed and preauthorized", "RefreshTokenScopeRequired", Stalled),
    (App,      400, "invalid_request", "missing required code challenge", "CodeChallengeMissing", Stalled),
    (App,      400, "redirect_uri_mismatch", "redirect_uri must match configuration", "RedirectUriMismatch", Stalled),
    (App,      400, "redirect_uri_missing", "redirect_uri is required", "RedirectUriMissing", Stalled),
    (App,      400, "unsupported_grant_type", "grant type not supported", "ClientCredentialsFlowDisabled", Stalled),
    (Jwt,      400, "unsupported_grant_type", "grant type not supported", "GrantTypeNotSupported", Stalled),
    (Password, 400, "unsupported_grant_type", "grant type not supported", "PasswordFlowBlocked", Stalled),
    (App,      400, "invalid_scope", "", "ScopeInvalid", Stalled),
    (App,      400, "invalid_session_level", "", "SessionLevelTooLow", Stalled),
    (App,      400, "invalid_dpop_proof", "", "DpopRequired", Stalled),
    (App,      400, "invalid_basic_auth_header", "invalid basic authorization header", "ClientAuthenticationMalformed", Stalled),
    (App,      400, "unsupported_token_type", "this token type is not supported", "TokenTypeNotSupported", Stalled),
    (App,      400, "rate_limit_exceeded", "login rate exceeded", "LoginRateExceeded", Passing),
    (App,      400, "unknown_error", "retry your request", "SalesforceUnknownError", Passing),
    (App,      500, "server_error", "", "SalesforceServerError", Passing),
    (App,      503, "service_unavailable", "", "SalesforceUnavailable", Passing),
    (App,      503, "system_down", "", "SalesforceDown", Passing),
    (App,      400, "slow_down", "", "SlowDown", Passing),
    // What nobody has heard of yet is not taken for final.
    (App,      418, "short_and_stout", "tip me over", "UnknownRefusal", Passing),
];

/// A refusal of the REST API on the org query: HTTP status, error code, message; and what is expected.
type RestRow = (u16, &'static str, &'static str, &'static str, Course);

#[rustfmt::skip]
const REST_ROWS: &[RestRow] = &[
    (401, "INVALID_SESSION_ID", "Session expired or invalid", "FreshTokenRejected", Stalled),
    (401, "INVALID_SESSION_ID", "This session is not valid for use with the REST API", "SessionNotValidForApi", Stalled),
    (401, "INVALID_SESSION_ID", "Connected app is not attached to Agent", "AppNotAttachedToAgent", Stalled),
    (401, "INVALID_AUTH_HEADER", "INVALID_HEADER_TYPE", "AuthHeaderInvalid", Stalled),
    (403, "API_DISABLED_FOR_ORG", "The REST API is not enabled for this Organization.", "ApiDisabled", Stalled),
    (403, "API_DISABLED_FOR_ORG", "The REST API is not enabled for this Organization or user type.", "ApiDisabled", Stalled),
    (403, "API_CURRENTLY_DISABLED", "API is disabled for this User", "ApiDisabledForUser", Stalled),
    (403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.", "ApiLimitExceeded", Passing),
    (403, "REQUEST_LIMIT_EXCEEDED", "ConcurrentPerOrgLongTxn Limit exceeded.", "ConcurrentRequestLimitExceeded", Passing),
    (403, "INSUFFICIENT_ACCESS", "insufficient access rights on cross-reference id", "InsufficientAccess", Stalled),
    (403, "API_DISABLED_FOR_ORG", "limits resource is not enabled", "LimitsNotVisible", Stalled),
    (403, "FUNCTIONALITY_NOT_ENABLED", "REST API is not part of this edition", "FunctionalityNotEnabled", Stalled),
    (400, "INVALID_TYPE", "sObject type 'Organization' is not supported.", "ObjectNotReadable", Stalled),
    (400, "MALFORMED_QUERY", "unexpected token: 'FROM'", "QueryRefused", Stalled),
    (404, "NOT_FOUND", "The requested resource does not exist", "ResourceNotFound", Stalled),
    (410, "UNSUPPORTED_API_VERSION", "The requested API version has been retired", "ApiVersionRetired", Stalled),
    (500, "INVALID_OPERATION_WITH_EXPIRED_PASSWORD", "The users password has expired", "PasswordExpired", Stalled),
    (500, "UNKNOWN_EXCEPTION", "An unexpected error occurred.", "SalesforceUnknownError", Passing),
    (503, "SERVER_UNAVAILABLE", "Server unavailable", "SalesforceUnavailable", Passing),
];

/// Answers that are neither: where, what, Salesforce's words as far as they are shown, and what is expected.
#[rustfmt::skip]
fn wire_rows() -> Vec<(Endpoint, Fault, &'static str, &'static str, Course)> {
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
        (token, Fault::Throttled { retry_after: None }, "Too Many Requests", "TooManyRequests", Passing),
        (token, Fault::Maintenance, "We are down for maintenance.", "MaintenancePage", Passing),
        (token, Fault::BadGateway, "502 Bad Gateway", "BadGateway", Passing),
        (token, Fault::NoRoute, "HTTP 420", "HostNotRouted", Passing),
        (token, answer(504, "text/html", page), "HTTP 504", "GatewayTimeout", Passing),
        (token, answer(503, "text/plain", "busy"), "busy", "SalesforceUnavailable", Passing),
        (token, answer(500, "text/plain", ""), "HTTP 500", "SalesforceServerError", Passing),
        (token, answer(403, "text/html", page), "Your company's proxy", "ForbiddenByNetwork", Passing),
        (token, answer(403, "text/plain", ""), "HTTP 403 with an empty body", "ForbiddenByNetwork", Passing),
        (token, answer(404, "text/html", page), "HTTP 404", "UnexpectedPage", Passing),
        (token, answer(200, "text/html", page), "", "UnexpectedPage", Passing),
        (token, answer(414, "text/plain", ""), "HTTP 414", "RequestTooLarge", Stalled),
        (token, Fault::Redirect { location: elsewhere }, "", "RedirectRefused", Passing),
        (token, Fault::Garbage, "", "UnreadableAnswer", Passing),
        (token, Fault::Oversized { bytes: 3_000_000 }, "", "AnswerTooLarge", Passing),
        (token, Fault::DropBeforeProcessing, "", "ConnectionLost", Passing),
        (token, Fault::NeverAnswer, "", "TimedOut", Passing),
        (identity, answer(403, "text/plain", "Bad_OAuth_Token"), "Bad_OAuth_Token", "FreshTokenRejected", Stalled),
        (identity, answer(403, "text/plain", "Missing_OAuth_Token"), "Missing_OAuth_Token", "MissingOauthToken", Stalled),
        (identity, answer(403, "text/plain", "Wrong_Org"), "Wrong_Org", "WrongOrg", Passing),
        (identity, answer(404, "text/plain", "Bad_Id"), "Bad_Id", "IdentityUnknown", Passing),
        (identity, answer(403, "text/plain", "Inactive_User"), "Inactive_User", "UserInactive", Stalled),
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
}

fn rows() -> Vec<Row> {
    let token = TOKEN_ROWS
        .iter()
        .map(|(login, status, error, description, reason, course)| Row {
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
        });
    let rest = REST_ROWS
        .iter()
        .map(|(status, code, message, reason, course)| Row {
            login: App,
            // Where the query is not allowed, the list of resources is asked instead.
            endpoints: vec![Endpoint::Query, Endpoint::Resources],
            fault: Fault::RestRefusal {
                status: *status,
                error_code: (*code).to_owned(),
                message: (*message).to_owned(),
            },
            words: message,
            reason,
            course: *course,
        });
    let wire = wire_rows()
        .into_iter()
        .map(|(endpoint, fault, words, reason, course)| Row {
            login: App,
            endpoints: vec![endpoint],
            fault,
            words,
            reason,
            course,
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
async fn every_refusal_is_told_with_its_reason_salesforces_words_and_the_remedy() {
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
    let remedy = Reason::parse(row.reason).map_or("no such reason", Reason::remedy);
    if !message.contains(remedy) {
        return wrong("the remedy is missing");
    }
    if !message.contains(row.words) {
        return wrong("Salesforce's words are missing");
    }
    let stalled = condition(connector, "Stalled");
    let reconciling = condition(connector, "Reconciling");
    let (present, absent) = match row.course {
        Final | Stalled => (stalled, reconciling),
        Passing => (reconciling, stalled),
    };
    if (present.0.as_str(), present.1.as_str(), absent.0.as_str()) != ("True", row.reason, "") {
        return wrong("Stalled or Reconciling is not as it should be");
    }
    let again = status(connector)
        .failures
        .and_then(|failures| failures.next_attempt_time);
    if again.is_none() != (row.course == Final) {
        return wrong("the next attempt is not as it should be");
    }
    if condition(connector, "SecretSynced").0 == "True" {
        return wrong("a Secret is said to be in step");
    }
    Ok(())
}
