//! Which consumer keys and secrets has an external client app, while its credentials are rotated?
//!
//! docs/salesforce.md#credential-rotation. That staged credentials are refused before they are rotated in is a guess.

use std::time::Duration;

use jiff::Timestamp;

use crate::clock::later;
use crate::{Secret, ids};

/// How long the former credentials stay good after a rotation.
const OVERLAP: Duration = Duration::from_hours(30 * 24);

/// The credentials that rotations have brought to an app, beside those that it was made with.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rotations {
    staged: Option<Pair>,
    /// Oldest first; the last one is the current one.
    applied: Vec<Pair>,
    /// When the credentials end that the app was made with.
    first_ends: Option<Timestamp>,
}

#[derive(Debug, Clone)]
struct Pair {
    client_id: String,
    secret: Secret,
    ends: Option<Timestamp>,
}

impl Rotations {
    /// Makes a new consumer key and secret, and replaces what was staged before.
    pub(crate) fn stage(&mut self) -> (String, String) {
        let (client_id, secret) = (format!("3MVG9{}", ids::random(32)), ids::random(32));
        self.staged = Some(Pair {
            client_id: client_id.clone(),
            secret: Secret::new(secret.clone()),
            ends: None,
        });
        (client_id, secret)
    }

    /// Rotates the staged credentials in; false if there are none. The former ones stay good for a while.
    pub(crate) fn apply(&mut self, now: Timestamp) -> bool {
        let Some(staged) = self.staged.take() else {
            return false;
        };
        let ends = self
            .applied
            .last_mut()
            .map_or(&mut self.first_ends, |pair| &mut pair.ends);
        *ends = Some(later(now, OVERLAP));
        self.applied.push(staged);
        true
    }

    /// Ends all former credentials at once.
    pub(crate) fn end_former(&mut self, now: Timestamp) {
        let former = self.applied.iter_mut().map(|pair| &mut pair.ends);
        for ends in former.chain([&mut self.first_ends]).flatten() {
            *ends = now.min(*ends);
        }
    }

    /// Whether the app was made with credentials that are good still.
    pub(crate) fn first_are_good(&self, now: Timestamp) -> bool {
        self.first_ends.is_none_or(|ends| now < ends)
    }

    /// The secret of a consumer key that a rotation brought, while it is good.
    pub(crate) fn secret(&self, client_id: &str, now: Timestamp) -> Option<&Secret> {
        let mut applied = self.applied.iter();
        let pair = applied.find(|pair| pair.client_id == client_id)?;
        let good = pair.ends.is_none_or(|ends| now < ends);
        good.then_some(&pair.secret)
    }
}
