//! Who has a copy of the token, in a line or two?

use salesforce_connector_operator::api::status::SharingStatus;

use crate::show::Paint;

/// How many copies there are, and what stands in the way of the others.
pub(super) fn copies(sharing: &SharingStatus, paint: Paint) -> String {
    let SharingStatus {
        copies,
        ready,
        message,
    } = sharing;
    let noun = if *copies == 1 { "copy" } else { "copies" };
    let counted = format!("{ready} of {copies} {noun} in other namespaces current");
    match message {
        Some(message) => format!("{}\n{message}", paint.doubtful(&counted)),
        None => counted,
    }
}
