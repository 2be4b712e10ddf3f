//! When the state of a connector that is gone may be removed, and its grant revoked first.

use jiff::{SignedDuration, Timestamp};

use crate::state::State;

/// What one live read of a state's connector came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConnectorRead {
    /// It is there with this uid.
    Found(std::sync::Arc<str>),
    /// 404, with namespace watched, reading allowed and the CRD in place.
    NotFound,
    /// Reading is forbidden.
    Forbidden,
    /// Its namespace is not watched any more.
    NotWatched,
    /// The CRD itself is gone.
    NoCrd,
    /// No answer.
    Failed,
}

/// The first of the two reads, remembered as an annotation of the state Secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GarbageMark {
    /// Wall time of the first read that found the connector gone.
    pub gone_since: Timestamp,
}

/// What garbage collection does with one state Secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GarbageDecision {
    /// Its connector is there: leave it and take a mark away.
    Keep,
    /// Nothing can be said: leave it and leave a mark as it is.
    Undecided,
    /// Gone for the first time: remember when.
    Mark(GarbageMark),
    /// Gone twice, a grace apart: revoke where asked for, then remove, with uid and resourceVersion as preconditions.
    Remove,
}

/// Decides from one live read, made now, and the mark of an earlier one.
///
/// Wall time may jump; the decision needs two reads all the same, and a clock set back only makes it wait.
#[must_use]
pub fn garbage_collection(
    state_uid: &str,
    read: &ConnectorRead,
    mark: Option<GarbageMark>,
    now: Timestamp,
    grace: SignedDuration,
) -> GarbageDecision {
    let gone = match read {
        ConnectorRead::Found(uid) => **uid != *state_uid,
        ConnectorRead::NotFound => true,
        ConnectorRead::Forbidden
        | ConnectorRead::NotWatched
        | ConnectorRead::NoCrd
        | ConnectorRead::Failed => {
            return GarbageDecision::Undecided;
        }
    };
    match mark {
        _ if !gone => GarbageDecision::Keep,
        None => GarbageDecision::Mark(GarbageMark { gone_since: now }),
        Some(mark) if now.duration_since(mark.gone_since) >= grace => GarbageDecision::Remove,
        Some(_) => GarbageDecision::Undecided,
    }
}

/// What becomes of the grants of a state that is being removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Revocation {
    /// Write this state first (it counts the try), then revoke every refresh token in it.
    Try(Box<State>),
    /// Nothing left to do, or tried often enough: remove the state.
    Finished,
}

/// Bounds the tries of an opt-in revocation; deletion never waits longer than these.
#[must_use]
pub fn revocation(state: &State, max_tries: u32) -> Revocation {
    if state.grants().all(crate::state::Grant::is_dead) || state.revocation_tries >= max_tries {
        return Revocation::Finished;
    }
    let mut state = state.clone();
    state.revocation_tries += 1;
    state.serial = state.serial.next();
    Revocation::Try(Box::new(state))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRACE: SignedDuration = SignedDuration::from_hours(24);

    #[test]
    fn state_goes_only_after_two_reads_a_grace_apart() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let now = at("2026-11-23T12:00:00Z");
        let fresh = Some(GarbageMark {
            gone_since: at("2026-11-23T00:00:00Z"),
        });
        let ripe = Some(GarbageMark {
            gone_since: at("2026-11-22T12:00:00Z"),
        });
        let other = ConnectorRead::Found("other".into());
        let cases = [
            (ConnectorRead::Found("uid".into()), ripe, GarbageDecision::Keep),
            (
                ConnectorRead::NotFound,
                None,
                GarbageDecision::Mark(GarbageMark { gone_since: now }),
            ),
            (
                other.clone(),
                None,
                GarbageDecision::Mark(GarbageMark { gone_since: now }),
            ),
            (ConnectorRead::NotFound, fresh, GarbageDecision::Undecided),
            (ConnectorRead::NotFound, ripe, GarbageDecision::Remove),
            (other, ripe, GarbageDecision::Remove),
            (ConnectorRead::Forbidden, ripe, GarbageDecision::Undecided),
            (ConnectorRead::NotWatched, ripe, GarbageDecision::Undecided),
            (ConnectorRead::NoCrd, ripe, GarbageDecision::Undecided),
            (ConnectorRead::Failed, ripe, GarbageDecision::Undecided),
        ];
        for (read, mark, decision) in cases {
            assert_eq!(
                garbage_collection("uid", &read, mark, now, GRACE),
                decision,
                "{read:?} {mark:?}"
            );
        }
    }
}
