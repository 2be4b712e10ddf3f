//! Where do log lines go, and in which form? To standard error, as JSON or for people.

use tracing_subscriber::EnvFilter;

use crate::cli::LogFormat;

/// A log filter that can't be parsed.
#[derive(Debug, thiserror::Error)]
#[error("invalid --log {0:?}; use a filter such as info or salesforce_connector_operator=debug")]
pub struct InvalidFilter(String);

pub fn start(format: LogFormat, filter: &str) -> Result<(), InvalidFilter> {
    let filter = EnvFilter::try_new(filter).map_err(|_| InvalidFilter(filter.to_owned()))?;
    // It logs the bodies of answers that it can't parse, Secrets among them.
    let filter = match "kube_client::client=off".parse() {
        Ok(directive) => filter.add_directive(directive),
        Err(_) => filter,
    };
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    match format {
        LogFormat::Json => subscriber.json().init(),
        LogFormat::Human => subscriber.init(),
    }
    Ok(())
}
