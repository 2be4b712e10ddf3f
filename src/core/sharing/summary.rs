//! What does the connector's status say of its copies?

use crate::api::Reason;
use crate::api::reasons::OwnReason;
use crate::api::status::SharingStatus;
use crate::core::conclude::merge::truncate;
use crate::core::model::observed::Observed;
use crate::core::model::outcome::Outcome;
use crate::core::model::rejection::explain;
use crate::core::sharing::report::SharingReport;

/// Most bytes of the message.
const MESSAGE: usize = 1024;

/// What the status shows after a pass.
pub fn sharing_status(observed: &Observed, outcome: &Outcome) -> Option<SharingStatus> {
    let before = observed.status.sharing.clone();
    let Some(connector) = observed.connector() else {
        return before;
    };
    if !connector.is_shared {
        return None;
    }
    match &outcome.sharing {
        None => before,
        Some(SharingReport::Disabled) => Some(SharingStatus {
            copies: 0,
            ready: 0,
            message: Some(explain(Reason::from(OwnReason::SharingDisabled), "")),
        }),
        Some(SharingReport::Copies(copies)) => {
            let failed: Vec<String> = copies
                .iter()
                .filter_map(|copy| {
                    Some(format!(
                        "{}/{}: {}",
                        copy.namespace,
                        copy.name,
                        copy.problem.as_ref()?
                    ))
                })
                .collect();
            let count = |number: usize| i32::try_from(number).unwrap_or(i32::MAX);
            Some(SharingStatus {
                copies: count(copies.len()),
                ready: count(copies.len() - failed.len()),
                message: (!failed.is_empty()).then(|| truncate(&failed.join(", "), MESSAGE).to_owned()),
            })
        }
    }
}
