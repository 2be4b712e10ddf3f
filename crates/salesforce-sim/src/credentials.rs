//! Which consumer keys and secrets has an external client app, while its credentials are rotated?
//!
//! docs/salesforce.md#credential-rotation, docs/salesforce.md#credentials-resource. That staged credentials are refused before they
//! are rotated in is a guess, and so is what a second rotation by the same id does.

use std::time::Duration;

use jiff::Timestamp;

use crate::clock::later;
use crate::{Secret, ids};

/// How long the former credentials stay good after a rotation, and staged ones wait for theirs.
const OVERLAP: Duration = Duration::from_hours(30 * 24);

/// The credentials that rotations have brought to an app, beside those that it was made with.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rotations {
    /// The one place beside the current credentials: staged ones, or those from before the last rotation.
    slot: Option<Slot>,
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

/// What the place beside the current credentials holds.
#[derive(Debug, Clone)]
pub(crate) struct Slot {
    pub(crate) id: String,
    pub(crate) client_id: String,
    pub(crate) secret: Secret,
    pub(crate) created: Timestamp,
    pub(crate) ends: Timestamp,
    /// They are from before a rotation, and good until they end.
    pub(crate) rotated: bool,
}

impl Slot {
    /// As the REST resource calls it.
    pub(crate) fn state(&self, now: Timestamp) -> &'static str {
        match self.rotated {
            _ if self.ends <= now => "Expired",
            true => "Rotated",
            false => "Active",
        }
    }
}

impl Rotations {
    /// Makes a new consumer key and secret, and replaces what was staged before.
    pub(crate) fn stage(&mut self, id: String, now: Timestamp) -> (String, String) {
        let (client_id, secret) = (format!("3MVG9{}", ids::random(32)), ids::random(32));
        self.slot = Some(Slot {
            id,
            client_id: client_id.clone(),
            secret: Secret::new(secret.clone()),
            created: now,
            ends: later(now, OVERLAP),
            rotated: false,
        });
        (client_id, secret)
    }

    /// Rotates in what the slot holds; false if that is nothing, or over. The former ones, given for the case that they are those that
    /// the app was made with, stay good for a while, and take their place.
    pub(crate) fn apply(&mut self, first: (&str, &Secret), now: Timestamp) -> bool {
        let Some(slot) = self.slot.take_if(|slot| now < slot.ends) else {
            return false;
        };
        let ends = later(now, OVERLAP);
        let (client_id, secret) = if let Some(current) = self.applied.last_mut() {
            current.ends = Some(ends);
            (current.client_id.clone(), current.secret.clone())
        } else {
            self.first_ends = Some(ends);
            (first.0.to_owned(), first.1.clone())
        };
        self.slot = Some(Slot {
            id: slot.id,
            client_id,
            secret,
            created: now,
            ends,
            rotated: true,
        });
        self.applied.push(Pair {
            client_id: slot.client_id,
            secret: slot.secret,
            ends: None,
        });
        true
    }

    /// Ends all former credentials at once.
    pub(crate) fn end_former(&mut self, now: Timestamp) {
        let former = self.applied.iter_mut().map(|pair| &mut pair.ends);
        for ends in former.chain([&mut self.first_ends]).flatten() {
            *ends = now.min(*ends);
        }
        self.slot.take_if(|slot| slot.rotated);
    }

    /// Deletes what the slot holds; former credentials end by that.
    pub(crate) fn empty_slot(&mut self, now: Timestamp) {
        if self.slot.take().is_some_and(|slot| slot.rotated) {
            self.end_former(now);
        }
    }

    pub(crate) fn slot(&self) -> Option<&Slot> {
        self.slot.as_ref()
    }

    /// Every secret that was made.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = &Secret> {
        let applied = self.applied.iter().map(|pair| &pair.secret);
        applied.chain(self.slot.iter().map(|slot| &slot.secret))
    }

    /// The current credentials, where a rotation brought them.
    pub(crate) fn current(&self) -> Option<(&str, &Secret)> {
        self.applied
            .last()
            .map(|pair| (pair.client_id.as_str(), &pair.secret))
    }

    /// Whether the app was made with credentials that are good still.
    pub(crate) fn first_are_good(&self, now: Timestamp) -> bool {
        self.first_ends.is_none_or(|ends| now < ends)
    }

    /// The secret of a consumer key that a rotation brought, while it is good.
    pub(crate) fn secret(&self, client_id: &str, now: Timestamp) -> Option<&Secret> {
        let good = |pair: &&Pair| pair.client_id == client_id && pair.ends.is_none_or(|ends| now < ends);
        self.applied.iter().find(good).map(|pair| &pair.secret)
    }
}
