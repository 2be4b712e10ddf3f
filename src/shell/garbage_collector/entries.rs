//! When is what is remembered of bootstrap tokens and passwords removed? Metadata says it all.

use std::collections::HashSet;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use kube::ResourceExt;
use redeem::{ConnectorRead, GarbageDecision, LEDGER_RETENTION, LedgerPhase, UNPRESENTED_RETENTION};

use crate::api::names;
use crate::core::schedule::password_memory::LOCKOUT_PERIOD;
use crate::core::schedule::time::{signed, since};
use crate::shell::context::Context;
use crate::shell::error::Error;
use crate::shell::garbage_collector::store::{Known, Stored, annotate, delete, mark};
use crate::shell::garbage_collector::views::{IN_VIEW, Views};

/// For how long a refused password is remembered.
const PASSWORD_RETENTION: Duration = Duration::from_hours(90 * 24);

/// An entry names its connector by uid alone, so it takes a watch of the whole cluster to tell that it is gone. One whose token
/// nobody has presented goes by its age: the next import creates it again. So does that of a code: Salesforce takes none that is
/// older than 15 minutes.
pub(super) async fn collect_ledger(
    context: &Context,
    stored: &Stored,
    known: &Known,
    states: &HashSet<String>,
    views: &mut Views,
) -> Result<(), Error> {
    let Some(uid) = stored.labels().get(names::CONNECTOR_UID_LABEL) else {
        return Ok(()); // another version's: not ours to judge
    };
    let (now, ran) = (context.clock.now(), context.clock.running_for());
    if is_short_lived(stored, now) {
        let removable = views.suffice(stored, ran, IN_VIEW);
        return if removable {
            delete(context, stored).await
        } else {
            Ok(())
        };
    }
    let (mark, read) = (mark(stored), existence(uid, known, states));
    match redeem::garbage_collection(uid, &read, mark, now, LEDGER_RETENTION) {
        GarbageDecision::Keep if mark.is_some() => annotate(context, stored, None).await,
        GarbageDecision::Keep | GarbageDecision::Undecided => Ok(()),
        GarbageDecision::Mark(mark) => annotate(context, stored, Some(mark)).await,
        GarbageDecision::Remove if !views.suffice(stored, ran, IN_VIEW) => Ok(()),
        GarbageDecision::Remove => delete(context, stored).await,
    }
}

fn is_short_lived(stored: &Stored, now: Timestamp) -> bool {
    let phase = stored.labels().get(names::PHASE_LABEL).map(String::as_str);
    let short_lived = [LedgerPhase::Importing.as_str(), names::PHASE_OF_CODE];
    phase.is_some_and(|phase| short_lived.contains(&phase)) && age(stored, now) > UNPRESENTED_RETENTION
}

fn age(stored: &Stored, now: Timestamp) -> SignedDuration {
    let created = stored.metadata.creation_timestamp.as_ref();
    created.map_or(SignedDuration::ZERO, |created| now.duration_since(created.0))
}

fn existence(uid: &str, known: &Known, states: &HashSet<String>) -> ConnectorRead {
    if known.has(uid) || states.contains(uid) {
        ConnectorRead::Found(uid.into())
    } else if known.complete {
        ConnectorRead::NotFound
    } else {
        ConnectorRead::NotWatched
    }
}

/// A password that was refused this long ago has been changed, or may cost its user one more refusal. So may one whose namespace
/// has no connectors any more, as soon as the refusal does not count.
pub(super) async fn collect_password(
    context: &Context,
    stored: &Stored,
    known: &Known,
    views: &mut Views,
) -> Result<(), Error> {
    let (now, ran) = (context.clock.now(), context.clock.running_for());
    if is_over(stored, known, now) && views.suffice(stored, ran, IN_VIEW) {
        return delete(context, stored).await;
    }
    Ok(())
}

fn is_over(stored: &Stored, known: &Known, now: Timestamp) -> bool {
    let last = stored.annotations().get(names::LAST_ATTEMPT_TIME);
    let age = match last.and_then(|time| time.parse().ok()) {
        Some(time) => signed(since(time, now)),
        None => age(stored, now),
    };
    let namespace = stored.labels().get(names::NAMESPACE_LABEL);
    let abandoned =
        namespace.is_some_and(|namespace| known.complete && !known.namespaces.contains(namespace));
    age > signed(if abandoned {
        LOCKOUT_PERIOD
    } else {
        PASSWORD_RETENTION
    })
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

    use super::*;

    fn stored(labels: &[(&str, &str)], annotations: &[(&str, &str)]) -> Stored {
        let map = |pairs: &[(&str, &str)]| {
            let pairs = pairs
                .iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
            Some(pairs.collect())
        };
        let mut stored = Stored::default();
        stored.metadata.creation_timestamp = Some(Time(at(0)));
        stored.metadata.labels = map(labels);
        stored.metadata.annotations = map(annotations);
        stored
    }

    fn at(day: i64) -> Timestamp {
        Timestamp::from_second(day * 24 * 3600).unwrap()
    }

    fn known(complete: bool) -> Known {
        Known {
            uids: HashSet::from(["here".to_owned()]),
            namespaces: HashSet::from(["sales".to_owned()]),
            complete,
        }
    }

    #[test]
    fn a_refused_password_is_forgotten_after_90_days_or_with_the_connectors_of_its_namespace() {
        let of = |namespace: &str| {
            let time = at(10).to_string();
            stored(
                &[(names::NAMESPACE_LABEL, namespace)],
                &[(names::LAST_ATTEMPT_TIME, &time)],
            )
        };
        let over = |namespace: &str, complete, day| is_over(&of(namespace), &known(complete), at(day));
        assert!(!over("sales", true, 100) && over("sales", true, 101));
        assert!(!over("gone", true, 11) && over("gone", true, 12));
        assert!(!over("gone", false, 100), "who can't see all namespaces keeps it");
        let unlabelled = stored(&[], &[]);
        assert!(!is_over(&unlabelled, &known(true), at(90)) && is_over(&unlabelled, &known(true), at(91)));
    }

    #[test]
    fn an_entry_of_a_code_or_of_a_token_that_was_never_presented_is_kept_for_a_week() {
        let of = |phase: &str, day| is_short_lived(&stored(&[(names::PHASE_LABEL, phase)], &[]), at(day));
        assert!(!of("importing", 7) && of("importing", 8));
        assert!(!of("code", 7) && of("code", 8));
        assert!(!of("used", 399));
    }

    #[test]
    fn a_connector_is_gone_only_for_who_sees_all_of_them_and_no_state_of_it() {
        let states = HashSet::from(["stored".to_owned()]);
        let found = |uid: &str| ConnectorRead::Found(uid.into());
        assert_eq!(existence("here", &known(true), &states), found("here"));
        assert_eq!(existence("stored", &known(true), &states), found("stored"));
        assert_eq!(existence("gone", &known(true), &states), ConnectorRead::NotFound);
        assert_eq!(
            existence("gone", &known(false), &states),
            ConnectorRead::NotWatched
        );
    }
}
