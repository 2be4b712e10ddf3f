//! Would the scenarios notice if the machine had a fault? Each fault is planted between the machine and the world that answers it,
//! one at a time, and some scenario must fail.

use std::panic::catch_unwind;

use super::{SCENARIOS, inventory, passwords, rollouts, rotations, sessions, sharing};
use crate::core::testing::driver::fault::{Fault, with};

const FAULTS: &[(Fault, &str)] = &[
    (
        Fault::Leaves("RecordRevocation"),
        "it forgets where to revoke the grant",
    ),
    (
        Fault::Leaves("ReserveUser"),
        "two connectors send a password at once",
    ),
    (
        Fault::Leaves("ReleaseUser"),
        "nobody else logs in as that user any more",
    ),
    (
        Fault::Leaves("RecallPassword"),
        "it sends a password that was refused",
    ),
    (
        Fault::Leaves("RecordPassword"),
        "it does not remember a refused password",
    ),
    (
        Fault::Leaves("NotePassword"),
        "a process that is killed has sent a password that nobody knows of",
    ),
    (
        Fault::Leaves("Introspect"),
        "it does not ask when a token expires",
    ),
    (Fault::Leaves("TestIdentity"), "it does not ask whose a token is"),
    (
        Fault::Leaves("TestOrganization"),
        "it does not check the environment",
    ),
    (
        Fault::Leaves("ProbeSecret"),
        "a Secret that can't be written costs a login for each retry",
    ),
    (Fault::Leaves("CreateSecret"), "a token reaches nobody"),
    (Fault::Leaves("UpdateSecret"), "a renewed token reaches nobody"),
    (
        Fault::Leaves("DeleteFormerSecrets"),
        "a Secret stays behind under the old name",
    ),
    (
        Fault::Leaves("ReadStatus"),
        "it overwrites what the redeem protocol has written",
    ),
    (
        Fault::Leaves("Record"),
        "logs, metrics and memory do not hear of it",
    ),
    (Fault::Leaves("WriteStatus"), "the status says nothing"),
    (
        Fault::Leaves("DeleteLoginSecret"),
        "the code of a login stays where it was",
    ),
    (
        Fault::Leaves("ReadDetails"),
        "it takes a ConfigMap over that is another's",
    ),
    (
        Fault::Leaves("TakeInventory"),
        "it does not ask what the org holds",
    ),
    (Fault::Leaves("WriteDetails"), "it writes no details"),
    (
        Fault::Leaves("CopyToken"),
        "other namespaces go on with a token that has expired",
    ),
    (
        Fault::Leaves("ReadWorkload"),
        "it restarts a workload that does not consent",
    ),
    (
        Fault::Leaves("RestartWorkload"),
        "pods go on with a token that has expired",
    ),
    (Fault::Repeats("RestartWorkload"), "it restarts a workload twice"),
    (Fault::Repeats("RequestToken"), "it logs in twice"),
    (Fault::Repeats("RunSession"), "it presents a refresh token twice"),
    (Fault::Repeats("UpdateSecret"), "it writes the Secret twice"),
    (
        Fault::TakesRefusalsForSuccess,
        "it believes that the Secret was written",
    ),
    (Fault::IgnoresRequests, "nobody can ask for a renewal"),
    (Fault::IgnoresSuspend, "it sends while suspended"),
    (Fault::IgnoresBackOff, "it tries again at once"),
    (
        Fault::IgnoresPreviousCredentials,
        "it has nothing to fall back to",
    ),
    (
        Fault::IgnoresRefusedCredentials,
        "it tries refused credentials at every look",
    ),
    (Fault::IgnoresHeldToken, "it logs in at every look"),
    (Fault::ForgetsFormerSecrets, "it does not know the old names"),
    (
        Fault::IgnoresPasswordMemory,
        "it sends a password whose answer was lost",
    ),
];

fn all() -> impl Iterator<Item = &'static (&'static str, fn())> {
    let more = [
        passwords::SCENARIOS,
        sessions::SCENARIOS,
        inventory::SCENARIOS,
        rollouts::SCENARIOS,
        rotations::SCENARIOS,
        sharing::SCENARIOS,
    ];
    SCENARIOS.iter().chain(more.into_iter().flatten())
}

#[test]
fn some_scenario_fails_with_each_fault_and_none_without() {
    for (fault, meaning) in FAULTS {
        let noticed = all()
            .filter(|(_, scenario)| with(Some(*fault), || catch_unwind(scenario).is_err()))
            .count();
        assert!(noticed > 0, "no scenario notices {fault:?}: {meaning}");
    }
    for (name, scenario) in all() {
        assert!(catch_unwind(scenario).is_ok(), "{name} fails without a fault");
    }
    assert!(FAULTS.len() >= 20);
}
