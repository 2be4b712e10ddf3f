//! How is one connector? On one screen: who, which org, the token, what happens next, and who must act.

use std::fmt::Write as _;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::ResourceExt as _;
use kube::api::DynamicObject;
use salesforce_connector_operator::api::reasons::Reason;
use salesforce_connector_operator::api::spec::{AuthSpec, Environment};
use salesforce_connector_operator::api::status::{
    ConnectionTestStatus, IdentityStatus, LoginResult, LoginStatus, StepResult, TestResult, TokenStatus,
};
use salesforce_connector_operator::api::{SalesforceConnector, SalesforceConnectorStatus};
use serde_json::Value;

use crate::show::Paint;
use crate::status::screen::copies::copies;
use crate::status::screen::holdings::holdings;
use crate::status::screen::restarts::restarts;
use crate::status::screen::rotation::rotation;
use crate::words::{ago, relative, span, visible};

mod copies;
mod holdings;
mod restarts;
mod rotation;

const LABEL: usize = 10;
/// Width of the longest name of a step.
const STEP: usize = 18;

/// The connector in an object, or why this version of the plugin can't read it.
pub fn read(object: &DynamicObject) -> Result<SalesforceConnector, String> {
    let mut value = serde_json::to_value(object).map_err(|error| error.to_string())?;
    make_visible(&mut value);
    serde_json::from_value(value).map_err(|error| error.to_string())
}

fn make_visible(value: &mut Value) {
    match value {
        Value::String(text) => *text = visible(text),
        Value::Array(items) => items.iter_mut().for_each(make_visible),
        Value::Object(members) => members.values_mut().for_each(make_visible),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// One connector.
pub fn screen(object: &DynamicObject, now: Timestamp, paint: Paint) -> String {
    match read(object) {
        Ok(connector) => drawn(&connector, now, paint),
        Err(error) => format!(
            "{}: this version of the plugin can't read it: {error}\n",
            object.name_any()
        ),
    }
}

fn drawn(connector: &SalesforceConnector, now: Timestamp, paint: Paint) -> String {
    let status = status(connector);
    let mut rows = Rows::default();
    let display_name = connector
        .spec
        .display_name
        .as_ref()
        .map_or_else(String::new, |name| format!(" ({name})"));
    let namespace = connector.namespace().unwrap_or_default();
    rows.add(
        "Connector",
        &format!(
            "{}{display_name} in namespace {namespace}",
            paint.strong(&connector.name_any())
        ),
    );
    rows.add("Ready", &ready(connector, paint));
    rows.add(
        "Act",
        &who_must_act(&status, now, paint).unwrap_or_else(|| "no one".to_owned()),
    );
    rows.add("Login", &login(connector));
    if let Some(login) = &status.last_login {
        rows.add("", &last_login(login, now, paint));
    }
    if let Some(identity) = &status.identity {
        rows.add("Org", &org(identity));
        rows.add("User", &user(identity));
    }
    if let Some(token) = &status.token {
        rows.add("Token", &token_times(token, now));
        rows.add("Scopes", &token.scopes.join(" "));
    }
    rows.add("Secret", status.secret_name.as_deref().unwrap_or_default());
    if let Some(credentials) = &status.credential_rotation {
        rows.add("Rotation", &rotation(credentials, now, paint));
    }
    if let Some(sharing) = &status.sharing {
        rows.add("Shared", &copies(sharing, paint));
    }
    if let Some(test) = &status.connection_test {
        rows.add("Test", &test_line(test, connector, now, paint));
        rows.add("", ladder(test, paint).trim_end());
        if let Some(usage) = test.api_usage {
            rows.add(
                "API calls",
                &format!("{} of {} in 24 hours", usage.used, usage.allowed),
            );
        }
    }
    if let Some(inventory) = &status.inventory {
        rows.add("Holds", &holdings(inventory, now, paint));
    }
    rows.add("Restarts", &restarts(&status.rollout_restarts, now, paint));
    rows.add("Next", &next(&status, now));
    rows.0
}

#[derive(Default)]
struct Rows(String);

impl Rows {
    /// Nothing where the text is empty; further lines of it stand below the first.
    fn add(&mut self, label: &str, text: &str) {
        for (number, line) in text.lines().enumerate() {
            let label = if number == 0 { label } else { "" };
            let _ = writeln!(self.0, "{label:LABEL$} {line}");
        }
    }
}

pub fn status(connector: &SalesforceConnector) -> SalesforceConnectorStatus {
    connector.status.clone().unwrap_or_default()
}

pub fn condition<'a>(status: &'a SalesforceConnectorStatus, kind: &str) -> Option<&'a Condition> {
    status.conditions.iter().find(|condition| condition.type_ == kind)
}

/// Whether the operator has seen the present spec.
fn is_current(connector: &SalesforceConnector) -> bool {
    status(connector).observed_generation == connector.metadata.generation
}

pub fn is_ready(connector: &SalesforceConnector) -> bool {
    is_current(connector)
        && condition(&status(connector), "Ready").is_some_and(|ready| ready.status == "True")
}

/// Truth, reason and message of Ready.
fn ready(connector: &SalesforceConnector, paint: Paint) -> String {
    let status = status(connector);
    let Some(ready) = condition(&status, "Ready") else {
        return paint.doubtful(
            "Unknown: no operator has processed this connector. Check that the operator runs and watches this namespace.",
        );
    };
    let stale = if is_current(connector) {
        ""
    } else {
        "\nThe operator has not processed the latest change of spec yet."
    };
    format!(
        "{}: {}\n{}{stale}",
        truth(&ready.status, paint),
        ready.reason,
        ready.message
    )
}

pub fn truth(status: &str, paint: Paint) -> String {
    match status {
        "True" => paint.good(status),
        "False" => paint.bad(status),
        _ => paint.doubtful(status),
    }
}

/// Who must act, and by when; nothing where the operator helps itself.
pub fn who_must_act(status: &SalesforceConnectorStatus, now: Timestamp, paint: Paint) -> Option<String> {
    if let Some(stalled) = condition(status, "Stalled").filter(|stalled| stalled.status == "True") {
        let actor = Reason::parse(&stalled.reason).map_or("someone", |reason| reason.actor().who());
        return Some(paint.bad(&format!("{actor} must act: {}", stalled.reason)));
    }
    let time = status.action_required_time.as_ref()?;
    Some(paint.doubtful(&format!(
        "the owner of the connector must act {}: authorize the app again",
        relative(time, now)
    )))
}

fn login(connector: &SalesforceConnector) -> String {
    let spec = &connector.spec;
    let AuthSpec {
        client_credentials: _,
        jwt_bearer,
        authorization_code,
        password,
    } = &spec.auth;
    let method = match (jwt_bearer, authorization_code, password) {
        (Some(_), _, _) => "jwtBearer",
        (_, Some(_), _) => "authorizationCode",
        (_, _, Some(_)) => "password",
        (None, None, None) => "clientCredentials",
    };
    let host = spec.host.as_deref().unwrap_or(match spec.environment {
        Environment::Live => "login.salesforce.com",
        Environment::Sandbox => "test.salesforce.com",
    });
    let suspended = if spec.suspend { ", suspended" } else { "" };
    format!("{method} at {host}{suspended}")
}

/// What came of the last login of a person.
fn last_login(login: &LoginStatus, now: Timestamp, paint: Paint) -> String {
    let when = ago(&login.login_time, now);
    match login.result {
        LoginResult::Succeeded => format!("login of a person {when}: {}", paint.good("Succeeded")),
        LoginResult::Failed => {
            let reason = login.reason.as_deref().unwrap_or_default();
            format!(
                "login of a person {when}: {}: {reason}\n{}",
                paint.bad("Failed"),
                login.message
            )
        }
    }
}

fn org(identity: &IdentityStatus) -> String {
    let environment = identity.environment.map(|environment| format!("{environment:?}"));
    let instance = identity.instance_name.as_ref();
    let maintenance = instance.map_or_else(String::new, |name| {
        format!("\nmaintenance: https://status.salesforce.com/instances/{name}")
    });
    let instance = instance.map(|name| format!("instance {name}"));
    let facts = [
        identity.organization_name.clone(),
        identity.organization_id.clone(),
        environment,
        identity.edition.clone(),
        instance,
    ];
    let facts: Vec<String> = facts.into_iter().flatten().collect();
    let address = identity
        .instance_url
        .as_ref()
        .map_or_else(String::new, |url| format!("\n{url}"));
    format!("{}{address}{maintenance}", facts.join(", "))
}

fn user(identity: &IdentityStatus) -> String {
    let parts = [identity.username.clone(), identity.user_id.clone()];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn token_times(token: &TokenStatus, now: Timestamp) -> String {
    let end = if token.expiration_time.0 < now {
        "expired"
    } else {
        "expires"
    };
    format!(
        "issued {}, {end} {} ({:?})",
        ago(&token.issue_time, now),
        relative(&token.expiration_time, now),
        token.expiry_source
    )
}

fn test_line(
    test: &ConnectionTestStatus,
    connector: &SalesforceConnector,
    now: Timestamp,
    paint: Paint,
) -> String {
    let every: std::time::Duration = connector.spec.connection_test.interval.into();
    format!(
        "{} {}, at least every {}",
        result(test.result, paint),
        ago(&test.last_test_time, now),
        span(i64::try_from(every.as_secs()).unwrap_or(i64::MAX)),
    )
}

pub fn result(result: TestResult, paint: Paint) -> String {
    match result {
        TestResult::Succeeded => paint.good("Succeeded"),
        TestResult::Failed => paint.bad("Failed"),
    }
}

/// The steps of a test, each with what came of it, how long the answer took, and the remedy; without steps, what the test says.
pub fn ladder(test: &ConnectionTestStatus, paint: Paint) -> String {
    let mut ladder = String::new();
    for step in &test.steps {
        let mark = match (step.result, &step.remedy) {
            (StepResult::Passed, None) => paint.good("✓"),
            (StepResult::Passed, Some(_)) => paint.doubtful("!"),
            (StepResult::Failed, _) => paint.bad("✗"),
            (StepResult::Unverified, _) => paint.doubtful("?"),
        };
        let reason = step.reason.iter().map(|reason| format!(": {reason}"));
        let name = format!("{:?}{}", step.name, reason.collect::<String>());
        let latency = step
            .latency_milliseconds
            .map_or_else(String::new, |latency| format!("{latency}ms"));
        let line = format!("{mark} {name:STEP$} {latency}");
        let _ = writeln!(ladder, "{}", line.trim_end());
        for text in step.message.iter().chain(&step.remedy) {
            let _ = writeln!(ladder, "    {text}");
        }
    }
    if test.steps.is_empty() {
        let _ = writeln!(ladder, "{}", test.message);
    }
    ladder
}

/// What happens next, the first first.
fn next(status: &SalesforceConnectorStatus, now: Timestamp) -> String {
    let line = |(time, what): &(Time, &str)| format!("{:10} {what}", relative(time, now));
    let lines: Vec<String> = next_events(status, now).iter().map(line).collect();
    lines.join(
        "
",
    )
}

/// What is ahead, the first first.
pub fn next_events(status: &SalesforceConnectorStatus, now: Timestamp) -> Vec<(Time, &'static str)> {
    let (token, failures, test) = (&status.token, &status.failures, &status.connection_test);
    let events = [
        (
            failures
                .as_ref()
                .and_then(|failures| failures.next_attempt_time.clone()),
            "next attempt",
        ),
        (
            token.as_ref().map(|token| token.renewal_time.clone()),
            "renewal of the token",
        ),
        (
            token.as_ref().map(|token| token.expiration_time.clone()),
            "expiry of the token",
        ),
        (
            test.as_ref().and_then(|test| test.next_test_time.clone()),
            "next test",
        ),
        (status.action_required_time.clone(), "someone must act"),
    ];
    let mut ahead: Vec<(Time, &'static str)> = events
        .into_iter()
        .filter_map(|(time, what)| Some((time.filter(|time| time.0 >= now)?, what)))
        .collect();
    ahead.sort_by_key(|(time, _)| time.0);
    ahead
}

#[cfg(test)]
mod tests;
