//! Two versions of the operator at work: an upgrade, and a downgrade, in the middle of refreshes. `make test-upgrade` builds the
//! operator of another commit, and names it in `SFC_OTHER_OPERATOR`; without that, the other version is this one.

use std::path::{Path, PathBuf};

use crate::operator::{Operator, PROGRAM, Setup};
use crate::stage::Stage;

/// A connector by the point at which the first version is killed while it refreshes for it.
const POINTS: [(&str, &str); 4] = [
    ("read", "after-ReadState"),
    ("intended", "after-Intent"),
    ("announced", "before-Send"),
    ("stored", "before-Derive"),
];

fn other_version() -> PathBuf {
    std::env::var_os("SFC_OTHER_OPERATOR").map_or_else(|| PROGRAM.into(), PathBuf::from)
}

fn started(stage: &Stage, name: &'static str, program: &Path) -> Operator {
    let setup = Setup {
        program: program.to_path_buf(),
        ..stage.setup(name)
    };
    Operator::start(stage, &setup)
}

/// One version leads and is killed in the middle of refreshes; the other finishes them, renews all, and hands back.
async fn hands_over(first: PathBuf, second: PathBuf) {
    let stage = Stage::set().await;
    let leader = started(&stage, "first", &first);
    leader.leads().await;
    stage.client_credentials("app").await;
    for (name, _) in POINTS {
        stage.bring(name).await;
    }
    for (name, _) in POINTS {
        stage.healthy(name, None).await;
    }
    let follower = started(&stage, "second", &second);
    follower.follows().await;
    for (name, point) in POINTS {
        stage.pause(name, point);
        stage.request_renewal(name, "killed").await;
        stage.reached(name, point).await;
    }
    leader.kill();
    follower.leads().await;
    for (name, _) in POINTS {
        stage.healthy(name, Some("killed")).await;
        stage.request_renewal(name, "second").await;
        stage.healthy(name, Some("second")).await;
    }
    let back = started(&stage, "back", &first);
    back.follows().await;
    follower.terminate();
    back.leads().await;
    for (name, _) in POINTS {
        stage.request_renewal(name, "back").await;
        stage.healthy(name, Some("back")).await;
    }
    stage.until_ready("app").await;
    stage.assert_nothing_burned();
    for operator in [&follower, &back] {
        let errors: Vec<_> = operator
            .lines()
            .into_iter()
            .filter(|line| line["level"] == "ERROR")
            .collect();
        assert!(errors.is_empty(), "{errors:#?}");
    }
    drop((follower, back));
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upgrade_in_the_middle_of_refreshes_finishes_them_and_can_be_taken_back() {
    hands_over(other_version(), PROGRAM.into()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_downgrade_in_the_middle_of_refreshes_finishes_them_and_can_be_taken_back() {
    hands_over(PROGRAM.into(), other_version()).await;
}
