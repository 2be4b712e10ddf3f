//! Which workloads are restarted after a new token, in a line each?

use jiff::Timestamp;
use salesforce_connector_operator::api::status::RolloutRestartStatus;

use crate::show::Paint;
use crate::words::ago;

/// When each was restarted, or why it can't be.
pub(super) fn restarts(restarts: &[RolloutRestartStatus], now: Timestamp, paint: Paint) -> String {
    let lines = restarts.iter().map(|entry| {
        let workload = format!("{} {}", entry.kind.as_str(), entry.name);
        match (&entry.reason, &entry.restart_time) {
            (Some(reason), _) => {
                let message = entry.message.as_deref().unwrap_or_default();
                paint.doubtful(&format!("? {workload}: {reason}: {message}"))
            }
            (None, Some(time)) => format!("{workload}, {}", ago(time, now)),
            (None, None) => format!("{workload}, not yet"),
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}
