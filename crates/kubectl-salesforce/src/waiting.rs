//! How is the operator waited for? By a watch on one connector, until its status has what was asked for.

use futures::TryStreamExt as _;
use kube::api::DynamicObject;
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::watch_object;
use salesforce_connector_operator::api::SalesforceConnector;

use crate::cluster::{Cluster, final_refusal};
use crate::command_error::CommandError;
use crate::status::screen::read;

/// Waits for a connector of which `done` is true. What breaks a watch is waited out, what forbids it is not. The caller sets the
/// deadline.
pub async fn until(
    cluster: &Cluster,
    name: &str,
    done: impl Fn(&SalesforceConnector) -> bool,
) -> Result<(DynamicObject, SalesforceConnector), CommandError> {
    let mut states = std::pin::pin!(watch_object(cluster.connectors(), name).default_backoff());
    loop {
        match states.try_next().await {
            Ok(Some(Some(object))) => {
                let connector = read(&object).map_err(CommandError::Unwell)?;
                if done(&connector) {
                    return Ok((object, connector));
                }
            }
            Ok(Some(None)) => {
                return Err(CommandError::Usage(format!(
                    "{name} was deleted before the operator answered"
                )));
            }
            Ok(None) => return Err(CommandError::Cluster("the watch ended".to_owned())),
            Err(error) => {
                if let Some(error) = final_refusal(error) {
                    return Err(cluster.refusal("watch", error));
                }
            }
        }
    }
}
