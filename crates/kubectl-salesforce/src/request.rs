//! How is the operator asked for a test or a new token? By an annotation; its echo in the status is the answer.

use std::process::ExitCode;

use jiff::Timestamp;
use salesforce_connector_operator::api::reasons::Reason;
use salesforce_connector_operator::api::status::TestResult;
use salesforce_connector_operator::api::{SalesforceConnector, names};
use serde_json::json;

use crate::cli::{AccessFlags, RequestArgs};
use crate::cluster::{self, Cluster};
use crate::command_error::CommandError;
use crate::show::{self, Paint};
use crate::status::screen::{condition, is_ready, ladder, read, result, status, truth};
use crate::waiting::until;
use crate::words::{ago, relative};

/// What is asked of the operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    Test,
    Renewal,
}

impl Asked {
    const fn annotation(self) -> &'static str {
        match self {
            Self::Test => names::TEST_REQUESTED_AT,
            Self::Renewal => names::RENEW_REQUESTED_AT,
        }
    }

    const fn noun(self) -> &'static str {
        match self {
            Self::Test => "test",
            Self::Renewal => "renewal",
        }
    }

    fn is_echoed(self, connector: &SalesforceConnector, value: &str) -> bool {
        let handled = status(connector).last_handled.unwrap_or_default();
        let echo = match self {
            Self::Test => handled.test_requested_at,
            Self::Renewal => handled.renew_requested_at,
        };
        echo.as_deref() == Some(value)
    }
}

pub async fn run(access: &AccessFlags, asked: Asked, args: &RequestArgs) -> Result<ExitCode, CommandError> {
    let cluster = Cluster::connect(access).await?;
    let name = &args.name;
    let before = cluster.get(name).await?;
    if cluster::is_suspended(&before) {
        let noun = asked.noun();
        return Err(CommandError::Unwell(format!(
            "{name} is suspended, and a {noun} waits until it is resumed. Run `kubectl salesforce resume {name}` first."
        )));
    }
    let value = Timestamp::now().to_string();
    let annotations = json!({ asked.annotation(): value });
    cluster
        .patch(name, json!({ "metadata": { "annotations": annotations } }))
        .await?;
    let timeout: std::time::Duration = args.timeout.into();
    let waited = tokio::time::timeout(
        timeout,
        until(&cluster, name, |connector| asked.is_echoed(connector, &value)),
    )
    .await;
    let Ok(answered) = waited else {
        return Err(timed_out(&cluster, asked, args).await);
    };
    let (object, connector) = answered?;
    let text = match args.output {
        Some(format) => show::objects(&[object], true, format),
        None => answer(asked, &connector, Timestamp::now(), Paint::of_stdout()),
    };
    show::print(&text)?;
    Ok(ExitCode::from(u8::from(!succeeded(asked, &connector))))
}

/// What the operator says of the connector meanwhile is the likely cause.
async fn timed_out(cluster: &Cluster, asked: Asked, args: &RequestArgs) -> CommandError {
    let (name, noun, timeout) = (&args.name, asked.noun(), args.timeout);
    let seen = cluster.get(name).await.ok().and_then(|object| read(&object).ok());
    let status = seen.as_ref().map(status).unwrap_or_default();
    let hint = match condition(&status, "Ready") {
        None => "No operator has processed this connector. Check that the operator runs and watches this namespace."
            .to_owned(),
        Some(ready) => format!("Ready is {} ({}): {}", ready.status, ready.reason, ready.message),
    };
    CommandError::TimedOut(format!(
        "the operator did not carry out the {noun} of {name} within {timeout:?}. The request stays.\n{hint}"
    ))
}

fn succeeded(asked: Asked, connector: &SalesforceConnector) -> bool {
    let status = status(connector);
    match asked {
        Asked::Test => status
            .connection_test
            .is_some_and(|test| test.result == TestResult::Succeeded),
        Asked::Renewal => status.failures.is_none() && is_ready(connector),
    }
}

/// What came of a request, in words.
pub fn answer(asked: Asked, connector: &SalesforceConnector, now: Timestamp, paint: Paint) -> String {
    let status = status(connector);
    let name = connector.metadata.name.as_deref().unwrap_or_default();
    let test = status.connection_test.as_ref();
    match asked {
        Asked::Test => test.map_or_else(String::new, |test| {
            format!(
                "Test of {name}: {}\n{}",
                result(test.result, paint),
                ladder(test, paint)
            )
        }),
        Asked::Renewal => {
            let tested = test.map_or_else(String::new, |test| {
                format!(
                    "Test {}: {}\n{}",
                    ago(&test.last_test_time, now),
                    result(test.result, paint),
                    ladder(test, paint)
                )
            });
            let outcome = match (&status.failures, &status.token, condition(&status, "Ready")) {
                (Some(failures), _, _) => failed(name, &failures.reason, &failures.message, paint),
                (None, _, Some(ready)) if ready.status != "True" => {
                    failed(name, &ready.reason, &ready.message, paint)
                }
                (None, Some(token), _) => format!(
                    "Renewal of {name}: {}, the token expires {}\n",
                    paint.good("Succeeded"),
                    relative(&token.expiration_time, now)
                ),
                (None, None, _) => format!("Renewal of {name}: {}\n", truth("Unknown", paint)),
            };
            format!("{outcome}{tested}")
        }
    }
}

fn failed(name: &str, reason: &str, message: &str, paint: Paint) -> String {
    let actor = Reason::parse(reason).map_or("someone", |reason| reason.actor().who());
    format!(
        "Renewal of {name}: {}: {reason}\n    {message}\n    Who must act: {actor}\n",
        paint.bad("Failed")
    )
}
