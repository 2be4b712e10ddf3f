//! Copies of the token in other namespaces: when they are written, and what the connector says of them.

use serde_json::json;

use super::*;
use crate::api::status::SharingStatus;
use crate::core::sharing::report::{CopyReport, SharingReport};

/// Ready, and offers its token.
fn shared() -> Observed {
    let fields = json!({
        "sharing": { "namespaces": ["billing"] },
        "rolloutRestartTargets": [{ "kind": "Deployment", "name": "web" }],
    });
    Observed {
        source: fixtures::source(&spec(fields)),
        last_test: Some(after(6000)),
        ..settled()
    }
}

fn copies(problems: &'static [Option<&'static str>]) -> impl Fn(&PassEffect) -> Option<PassReply> {
    let report = |(number, problem): (usize, Option<&str>)| CopyReport {
        namespace: "billing".to_owned(),
        name: format!("crm-{number}"),
        problem: problem.map(str::to_owned),
    };
    move |effect| match effect {
        PassEffect::CopyToken => {
            let reports = problems.iter().copied().enumerate().map(report).collect();
            Some(PassReply::Copied(SharingReport::Copies(reports)))
        }
        _ => None,
    }
}

fn told(ran: &Ran) -> (i32, i32, Option<&str>) {
    let sharing = ran.left.status.sharing.as_ref().unwrap();
    (sharing.copies, sharing.ready, sharing.message.as_deref())
}

scenarios! {
    fn copies_follow_the_secret_in_the_same_pass_and_come_before_restarts() {
        let ran = run_with(&shared(), after(6100), copies(&[None]));
        let position = |name| ran.effects.iter().position(|effect| *effect == name).unwrap();
        let order = ["UpdateSecret", "CopyToken", "ReadWorkload", "WriteStatus"].map(position);
        assert!(order.is_sorted(), "{:?}", ran.effects);
        assert_eq!(told(&ran), (1, 1, None));
    }

    fn copies_that_fail_are_counted_and_change_nothing_else() {
        let problems: &[Option<&str>] = &[None, Some("SecretWriteRefused"), Some("CopySecretNotOwned")];
        let ran = run_with(&shared(), after(1), copies(problems));
        let message = "billing/crm-1: SecretWriteRefused, billing/crm-2: CopySecretNotOwned";
        assert_eq!(told(&ran), (3, 1, Some(message)));
        assert_eq!(ready_after(&ran), "True TokenValid");
        assert!(ran.effects.contains(&"ReadWorkload"), "{:?}", ran.effects);
    }

    fn what_is_told_of_very_many_copies_is_bounded() {
        const MANY: [Option<&str>; 1000] = [Some("SecretWriteRefused"); 1000];
        let ran = run_with(&shared(), after(1), copies(&MANY));
        let (copies, ready, message) = told(&ran);
        assert_eq!((copies, ready, message.unwrap().len()), (1000, 0, 1024));
    }

    fn without_sharing_nothing_is_copied_and_the_status_says_nothing_of_it() {
        let mut before = settled();
        before.status.sharing = Some(SharingStatus { copies: 1, ready: 1, message: None });
        let ran = run(&before, after(1));
        assert!(!ran.effects.contains(&"CopyToken"), "{:?}", ran.effects);
        assert_eq!(ran.left.status.sharing, None);
    }
}
