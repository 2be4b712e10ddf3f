//! When were the app's credentials rotated, when are they next, and what stands in the way?

use jiff::Timestamp;
use salesforce_connector_operator::api::status::CredentialRotationStatus;

use crate::show::Paint;
use crate::words::{ago, relative};

pub(super) fn rotation(credentials: &CredentialRotationStatus, now: Timestamp, paint: Paint) -> String {
    let last = credentials
        .last_rotation_time
        .as_ref()
        .map_or_else(|| "not yet".to_owned(), |last| ago(last, now));
    let next = credentials
        .next_rotation_time
        .as_ref()
        .map_or_else(String::new, |next| format!(", next {}", relative(next, now)));
    let failed = credentials
        .failures
        .as_ref()
        .map_or_else(String::new, |failures| {
            format!(
                "\n{}",
                paint.doubtful(&format!("? {}: {}", failures.reason, failures.message))
            )
        });
    format!("credentials of the app, {last}{next}{failed}")
}
