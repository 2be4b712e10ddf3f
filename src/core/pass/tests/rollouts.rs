//! Restarts of workloads: of which, when, and how often.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde_json::json;

use super::*;
use crate::api::reasons::OwnReason;
use crate::api::status::RolloutRestartStatus;
use crate::core::conclude::EventKind;
use crate::core::rollout::workload::WorkloadFault;
use crate::core::testing::fixtures::workload;

const NOTHING_NEW: [&str; 2] = ["DeleteFormerSecrets", "Record"];
const RENEWAL: [&str; 4] = [
    "RequestToken",
    "Introspect",
    "UpdateSecret",
    "DeleteFormerSecrets",
];

/// Ready, with one workload in the list, which nobody has looked at yet.
fn listed() -> Observed {
    let fields = json!({ "rolloutRestartTargets": [{ "kind": "Deployment", "name": "web" }] });
    Observed {
        source: fixtures::source(&spec(fields)),
        last_test: Some(after(6000)),
        ..settled()
    }
}

/// The same, once it was looked at.
fn seen() -> Observed {
    let seen = run(&listed(), after(1)).left;
    Observed {
        last_test: Some(after(6000)),
        ..seen
    }
}

fn entry(ran: &Ran) -> &RolloutRestartStatus {
    ran.left.status.rollout_restarts.first().unwrap()
}

/// The token that its pods have, and what stands in the way, if anything does.
fn shown(ran: &Ran) -> (Timestamp, Option<&str>) {
    let entry = entry(ran);
    (entry.token_issue_time.0, entry.reason.as_deref())
}

/// Kind, reason and note of each event.
fn events(ran: &Ran) -> Vec<(EventKind, &'static str, &str)> {
    let events = ran.report().events.iter();
    events
        .map(|event| (event.kind, event.reason.as_str(), event.note.as_str()))
        .collect()
}

/// What is found under the name of the workload.
fn finds(found: Option<(&'static str, Option<Timestamp>)>) -> impl Fn(&PassEffect) -> Option<PassReply> {
    move |effect| match effect {
        PassEffect::ReadWorkload(_) => {
            let found = found.map(|(by, token)| Box::new(workload(by, token)));
            Some(PassReply::Workload(Ok(found)))
        }
        _ => None,
    }
}

/// What a login brings.
fn brings(name: &'static str, at: Timestamp) -> impl Fn(&PassEffect) -> Option<PassReply> {
    move |effect| match effect {
        PassEffect::RequestToken { .. } => {
            Some(PassReply::Token(TokenReply::Granted(Box::new(token(name, at)))))
        }
        _ => None,
    }
}

fn refuses(effect: &PassEffect) -> Option<PassReply> {
    match effect {
        PassEffect::RestartWorkload(_) => {
            let fault = WorkloadFault::Refused("denied by policy".to_owned());
            Some(PassReply::WorkloadRestarted(Err(fault)))
        }
        _ => None,
    }
}

scenarios! {
    fn a_workload_is_restarted_once_after_a_renewal_and_its_token_is_in_the_secret_by_then() {
        let mut applied = Vec::new();
        let ran = run_with(&seen(), after(6100), |effect| {
            if let PassEffect::RestartWorkload(restart) = effect {
                applied.push(restart.applied());
            }
            None
        });
        let restart: &[&str] = &["ReadWorkload", "RestartWorkload", "Record", "WriteStatus"];
        assert_eq!(ran.effects, effects(&[&RENEWAL, restart]));
        let wanted = json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": { "name": "web", "uid": "w", "resourceVersion": "7" },
            "spec": { "template": { "metadata": { "annotations": {
                "restart.salesforce-connector.dev/crm": after(6100).to_string(),
            } } } },
        });
        assert_eq!(applied, [wanted]);
        let wanted = RolloutRestartStatus {
            token_issue_time: Time(after(6100)),
            restart_time: Some(Time(after(6100))),
            ..entry(&ran).clone()
        };
        assert_eq!((entry(&ran), shown(&ran)), (&wanted, (after(6100), None)));
        let [(kind, reason, note)] = events(&ran)[..] else {
            panic!("{:?}", ran.report().events)
        };
        assert_eq!((kind, reason), (EventKind::Normal, "WorkloadsRestarted"));
        assert!(note.contains("(Deployment web)"), "{note}");
        assert_eq!(run(&ran.left, after(6101)).effects, NOTHING_NEW);
    }

    fn a_workload_that_comes_into_the_list_is_looked_at_and_not_restarted() {
        let ran = run(&listed(), after(1));
        assert_eq!(ran.effects, ["DeleteFormerSecrets", "ReadWorkload", "Record", "WriteStatus"]);
        assert_eq!(shown(&ran), (now(), None));
        assert_eq!(events(&ran), []);
        assert_eq!(run(&ran.left, after(2)).effects, NOTHING_NEW);
    }

    fn the_first_token_restarts_nothing() {
        let fields = json!({ "rolloutRestartTargets": [{ "kind": "Deployment", "name": "web" }] });
        let ran = run(&Observed { source: fixtures::source(&spec(fields)), ..fresh() }, now());
        assert!(ran.effects.contains(&"ReadWorkload") && !ran.effects.contains(&"RestartWorkload"));
        assert_eq!((ready_after(&ran).as_str(), shown(&ran)), ("True TokenValid", (now(), None)));
    }

    fn a_workload_with_pods_of_an_earlier_token_is_restarted_although_the_status_does_not_know_it() {
        let ran = run_with(&listed(), after(1), finds(Some(("crm", Some(after(-6000))))));
        assert!(ran.effects.contains(&"RestartWorkload"), "{:?}", ran.effects);
        let ran = run_with(&listed(), after(1), finds(Some(("crm", Some(now())))));
        assert!(!ran.effects.contains(&"RestartWorkload"), "{:?}", ran.effects);
        assert_eq!(events(&ran), []);
    }

    fn a_process_that_dies_after_the_secret_or_after_the_restart_leads_to_one_restart() {
        // The Secret holds the new token, and the status knows the one before.
        let renewed = run(&seen(), after(6100)).left;
        let died = Observed { status: seen().status, ..renewed };
        let ran = run(&died, after(6200));
        let once: &[&str] = &["DeleteFormerSecrets", "ReadWorkload", "RestartWorkload", "Record", "WriteStatus"];
        assert_eq!(ran.effects, once);
        assert_eq!(shown(&ran), (after(6100), None));
        let ran = run_with(&died, after(6200), finds(Some(("crm", Some(after(6100))))));
        assert_eq!(ran.effects, ["DeleteFormerSecrets", "ReadWorkload", "Record", "WriteStatus"]);
        assert_eq!(events(&ran).len(), 1, "nobody has told it yet");
        assert_eq!(run(&ran.left, after(6201)).effects, NOTHING_NEW);
    }

    fn a_token_that_salesforce_returns_again_restarts_nothing() {
        let ran = run_with(&asked_to_renew(seen()), after(60), brings("token-1", now()));
        assert!(ran.effects.contains(&"RequestToken") && !ran.effects.contains(&"ReadWorkload"), "{:?}", ran.effects);
    }

    fn a_workload_that_does_not_consent_is_left_alone_until_it_does() {
        let ran = run_with(&seen(), after(6100), finds(Some(("billing", None))));
        assert!(!ran.effects.contains(&"RestartWorkload"), "{:?}", ran.effects);
        assert_eq!(shown(&ran), (now(), Some("WorkloadNotConsenting")));
        assert_eq!(ready_after(&ran), "True TokenValid");
        let [(kind, reason, note)] = events(&ran)[..] else {
            panic!("{:?}", ran.report().events)
        };
        assert_eq!((kind, reason), (EventKind::Warning, "WorkloadNotConsenting"));
        assert!(note.contains("(Deployment web: salesforce-connector.dev/restarted-by=crm is missing). Set the annotation"), "{note}");
        assert_eq!(ran.report().next, std::time::Duration::from_mins(1));
        assert_eq!(run(&ran.left, after(6159)).effects, NOTHING_NEW, "not yet");

        let again = run_with(&ran.left, after(6160), finds(Some(("billing", None))));
        assert_eq!(events(&again), [], "it was told");
        let consents = run(&again.left, after(6220));
        assert_eq!(shown(&consents), (after(6100), None));
        assert!(consents.effects.contains(&"RestartWorkload"), "{:?}", consents.effects);
    }

    fn a_workload_that_is_missing_is_told_and_starts_with_the_token_of_then() {
        let ran = run_with(&seen(), after(6100), finds(None));
        assert_eq!(shown(&ran), (after(6100), Some("WorkloadMissing")));
        assert_eq!(ready_after(&ran), "True TokenValid");
        assert_eq!(events(&ran).len(), 1);
        let comes = run_with(&ran.left, after(6160), finds(Some(("crm", None))));
        assert_eq!(shown(&comes), (after(6100), None));
        assert!(!comes.effects.contains(&"RestartWorkload"), "{:?}", comes.effects);
    }

    fn a_restart_that_is_refused_is_told_and_tried_again_at_a_bounded_rate() {
        let mut left = seen();
        let (mut tries, mut told) = (0, 0);
        for minute in 0..60 {
            left.last_test = Some(after(6100 + minute * 60));
            let ran = run_with(&left, after(6100 + minute * 60), refuses);
            tries += ran.effects.iter().filter(|effect| **effect == "RestartWorkload").count();
            told += events(&ran).len();
            assert_eq!(ready_after(&ran), "True TokenValid");
            left = ran.left;
        }
        assert_eq!((tries, told), (10, 1));
        let entry = left.status.rollout_restarts.first().unwrap();
        assert!(entry.message.as_ref().unwrap().contains("(Deployment web: denied by policy). Read"), "{entry:?}");
    }

    fn a_workload_that_changes_meanwhile_is_read_again_and_not_for_ever() {
        let outdated = || Some(PassReply::WorkloadRestarted(Err(WorkloadFault::Outdated)));
        let mut left = 2;
        let ran = run_with(&seen(), after(6100), |effect| match effect {
            PassEffect::RestartWorkload(_) if left > 0 => {
                left -= 1;
                outdated()
            }
            _ => None,
        });
        assert_eq!(ran.effects[4..10], ["ReadWorkload", "RestartWorkload"].repeat(3));
        assert_eq!(shown(&ran), (after(6100), None));
        let ran = run_with(&seen(), after(6100), |effect| match effect {
            PassEffect::RestartWorkload(_) => outdated(),
            _ => None,
        });
        assert_eq!(shown(&ran), (now(), Some("WorkloadRestartRefused")));
    }

    fn who_comes_late_with_an_earlier_token_restarts_nothing() {
        let renewed = run(&seen(), after(6100)).left;
        let died = Observed { status: seen().status, ..renewed };
        let restarts = |noted| {
            let ran = run_with(&died, after(6200), finds(Some(("crm", Some(noted)))));
            ran.effects.contains(&"RestartWorkload")
        };
        let noted = [6099, 6100, 6150, 6201].map(|second| restarts(after(second)));
        assert_eq!(noted, [true, false, false, true], "the last is of a clock that was ahead");
    }

    fn a_time_that_a_clock_has_set_which_was_ahead_holds_up_no_attempt() {
        let mut failed = run_with(&seen(), after(6100), refuses).left;
        failed.status.rollout_restarts[0].next_attempt_time = Some(Time(after(1_000_000)));
        assert_eq!(shown(&run(&failed, after(6101))), (after(6100), None));
    }

    fn a_new_token_is_tried_at_once_however_long_the_last_one_could_not_be() {
        let mut failed = run_with(&seen(), after(6100), refuses).left;
        failed.status.rollout_restarts[0].next_attempt_time =
            Some(Time(after(6790)));
        let ran = run_with(&asked_to_renew(failed), after(6200), brings("newer", after(6200)));
        assert_eq!(shown(&ran), (after(6200), None));
    }

    fn a_token_that_is_not_in_the_secret_restarts_nothing() {
        let refused = |effect: &PassEffect| match effect {
            PassEffect::UpdateSecret { .. } => {
                Some(PassReply::Secret(Err(Rejection::new(OwnReason::SecretWriteRefused, "quota"))))
            }
            _ => None,
        };
        let ran = run_with(&seen(), after(6100), refused);
        assert!(ran.effects.contains(&"UpdateSecret") && !ran.effects.contains(&"ReadWorkload"), "{:?}", ran.effects);
    }

    fn a_token_that_has_expired_restarts_nothing() {
        let renewed = run(&seen(), after(6100)).left;
        let died = Observed { status: seen().status, ..renewed };
        let ran = run_with(&died, after(6100 + 7300), refuses_login(Refusal::SalesforceUnavailable));
        assert!(!ran.effects.contains(&"ReadWorkload"), "{:?}", ran.effects);
    }

    fn where_restarts_are_disabled_the_value_of_the_chart_is_named() {
        let disabled = |effect: &PassEffect| match effect {
            PassEffect::ReadWorkload(_) => Some(PassReply::Workload(Err(WorkloadFault::Disabled))),
            _ => None,
        };
        let ran = run_with(&listed(), after(1), disabled);
        assert_eq!(shown(&ran), (now(), Some("RolloutRestartsDisabled")));
        assert_eq!(ready_after(&ran), "True TokenValid");
        let [(_, _, note)] = events(&ran)[..] else {
            panic!("{:?}", ran.report().events)
        };
        assert!(note.contains("Set rolloutRestarts.enabled of the operator's chart to true"), "{note}");
        let again = run_with(&ran.left, after(2), disabled);
        assert_eq!(again.effects, ["DeleteFormerSecrets", "ReadWorkload", "Record"], "nothing new");
        assert_eq!(shown(&run(&ran.left, after(3))), (now(), None), "it was enabled");
    }

    fn a_workload_that_leaves_the_list_leaves_the_status() {
        let left = Observed { source: settled().source, ..seen() };
        let ran = run(&left, after(60));
        assert_eq!(ran.left.status.rollout_restarts, []);
    }
}
