//! Do the sources keep their shape? No circles, one name for one type, short functions.
//!
//! `cargo run -p structure -- circles` prints the lines that make a circle; see also `homonyms` and `lengths`.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::path::Path;
use std::sync::LazyLock;

use structure::circles::circles;
use structure::homonyms::homonyms;
use structure::lengths::lengths;
use structure::{Error, Tree};

/// Circles that are still to be cut. A circle that is gone must go from this list too.
const KNOWN_CIRCLES: &[&[&str]] = &[
    &[
        "crates/bench/src/audit.rs",
        "crates/bench/src/bare.rs",
        "crates/bench/src/fleet.rs",
        "crates/bench/src/main.rs",
        "crates/bench/src/measure.rs",
        "crates/bench/src/operator.rs",
        "crates/bench/src/parallel.rs",
        "crates/bench/src/plane.rs",
        "crates/bench/src/process.rs",
        "crates/bench/src/salesforce.rs",
        "crates/bench/src/table.rs",
    ],
    &["crates/redeem/src/ledger.rs", "crates/redeem/src/state.rs"],
    &[
        "crates/redeem/src/settle.rs",
        "crates/redeem/src/settle/naming.rs",
        "crates/redeem/src/settle/standing.rs",
    ],
    &[
        "crates/salesforce-client/src/rest/model.rs",
        "crates/salesforce-client/src/rest/wire.rs",
    ],
    &[
        "crates/salesforce-client/src/token.rs",
        "crates/salesforce-client/src/token/bridge.rs",
        "crates/salesforce-client/src/token/response.rs",
        "crates/salesforce-client/src/transport.rs",
    ],
    &[
        "crates/salesforce-sim/src/authorize.rs",
        "crates/salesforce-sim/src/world.rs",
    ],
    &[
        "crates/salesforce-sim/src/control.rs",
        "crates/salesforce-sim/src/server.rs",
    ],
    &[
        "crates/salesforce-sim/src/simulator.rs",
        "crates/salesforce-sim/src/tls.rs",
    ],
    &[
        "crates/salesforce-sim/src/token.rs",
        "crates/salesforce-sim/src/token/authorization_code.rs",
        "crates/salesforce-sim/src/token/client_credentials.rs",
        "crates/salesforce-sim/src/token/jwt_bearer.rs",
        "crates/salesforce-sim/src/token/password.rs",
        "crates/salesforce-sim/src/token/refresh_token.rs",
        "crates/salesforce-sim/src/token/response.rs",
    ],
    &["src/api/spec.rs", "src/api/status.rs"],
    &[
        "src/controller.rs",
        "src/controller/act.rs",
        "src/controller/context.rs",
        "src/controller/grant.rs",
        "src/controller/grant/calls.rs",
        "src/controller/grant/inputs.rs",
        "src/controller/grant/kubernetes.rs",
        "src/controller/grant/salesforce.rs",
        "src/controller/grant/unstored.rs",
        "src/controller/login.rs",
        "src/controller/observe.rs",
        "src/controller/passwords.rs",
        "src/controller/probe.rs",
        "src/controller/report.rs",
        "src/controller/secrets.rs",
        "src/controller/sweep.rs",
        "src/controller/wake.rs",
    ],
    &[
        "src/decide.rs",
        "src/decide/conclude.rs",
        "src/decide/conclude/findings.rs",
        "src/decide/conclude/next.rs",
        "src/decide/conclude/person.rs",
        "src/decide/conclude/progress.rs",
        "src/decide/conditions.rs",
        "src/decide/expiry.rs",
        "src/decide/grant.rs",
        "src/decide/identity.rs",
        "src/decide/incoming.rs",
        "src/decide/inputs.rs",
        "src/decide/keep_alive.rs",
        "src/decide/ladder.rs",
        "src/decide/mint.rs",
        "src/decide/observed.rs",
        "src/decide/schedule.rs",
        "src/decide/secret.rs",
        "src/decide/target.rs",
        "src/decide/test_due.rs",
        "src/decide/validate.rs",
        "src/decide/validate/sfdx.rs",
    ],
];

/// Names of several types that are still to be told apart.
const KNOWN_HOMONYMS: &[&str] = &[
    "Actor",
    "Answer",
    "Conclusion",
    "Content",
    "Digest",
    "Environment",
    "Expiration",
    "Facts",
    "Finding",
    "Grant",
    "Identity",
    "Inputs",
    "Introspection",
    "Limits",
    "Memory",
    "OauthError",
    "Outcome",
    "Phase",
    "Refusal",
    "Standing",
    "Step",
    "Verdict",
    "WaitReason",
    "Wire",
];

/// Functions that are still to be cut, as `file name`.
const KNOWN_LONG_FUNCTIONS: &[&str] = &[
    "crates/bench/src/table.rs fleet",
    "crates/redeem/src/session/reply.rs on",
    "crates/salesforce-client/src/token.rs request",
    "src/controller/observe.rs observe",
    "src/metrics.rs register",
];

const LONGEST_FUNCTION: usize = 60;

static TREE: LazyLock<Result<Tree, Error>> =
    LazyLock::new(|| Tree::load(Path::new(env!("CARGO_MANIFEST_DIR"))));

fn tree() -> &'static Tree {
    TREE.as_ref().expect("the sources can be read")
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    let found = circles(tree()).into_iter().map(|circle| circle.files);
    let known = KNOWN_CIRCLES
        .iter()
        .map(|files| files.iter().map(ToString::to_string).collect());
    assert_known(found, known);
}

#[test]
fn no_two_types_of_the_product_have_one_name() {
    let found = homonyms(tree()).into_iter().map(|homonym| homonym.name);
    assert_known(found, KNOWN_HOMONYMS.iter().map(ToString::to_string));
}

#[test]
fn functions_are_short() {
    let lengths = lengths(tree());
    assert!(lengths.p50 <= 8, "the median is {} lines", lengths.p50);
    assert!(lengths.p90 <= 24, "the 90th percentile is {} lines", lengths.p90);
    let long = lengths
        .longest
        .into_iter()
        .filter(|function| function.lines > LONGEST_FUNCTION);
    let found = long.map(|function| format!("{} {}", function.file, function.name));
    assert_known(found, KNOWN_LONG_FUNCTIONS.iter().map(ToString::to_string));
}

/// Compares what was found with what is known, which may neither lack something nor be stale.
fn assert_known<T: Ord + Debug>(found: impl Iterator<Item = T>, known: impl Iterator<Item = T>) {
    let (found, known): (BTreeSet<T>, BTreeSet<T>) = (found.collect(), known.collect());
    let new: Vec<&T> = found.difference(&known).collect();
    let gone: Vec<&T> = known.difference(&found).collect();
    assert!(
        new.is_empty() && gone.is_empty(),
        "new: {new:#?}\nno longer there, remove from the list: {gone:#?}"
    );
}
