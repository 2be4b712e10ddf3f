//! A leader that is frozen (SIGSTOP) in the middle of a redeem, replaced by another process, and then goes on (SIGCONT).

use salesforce_connector_operator::failpoints::Failpoint;

use crate::kill::{IMPORT, IRREDUCIBLE, RENEWAL, at, bring_all, renew_to};
use crate::operator::Operator;
use crate::stage::Stage;

const CONNECTOR: &str = "crm";

/// A connector whose renewal has come to `point` in the leader, which is frozen there; another process leads now.
struct Replaced {
    frozen: Operator,
    leader: Operator,
    grant: u64,
    /// Last, as the processes print the end of their logs when a test fails, and the logs go with the stage.
    stage: Stage,
}

impl Replaced {
    /// The renewal that was begun has come to a good end, under the other process.
    async fn renewed(&self) {
        self.stage.healthy(CONNECTOR, Some("1")).await;
        self.leader.leads().await;
        self.stage.assert_nothing_burned();
    }

    fn presented(&self) -> usize {
        self.stage.presented(self.grant)
    }

    async fn finish(self) {
        self.stage.finish().await;
    }
}

async fn replaced_at(point: &str) -> Replaced {
    let stage = Stage::set().await;
    let frozen = stage.start("first");
    let grant = stage.bring(CONNECTOR).await;
    stage.healthy(CONNECTOR, None).await;
    let leader = stage.start("second");
    leader.follows().await;
    stage.pause(CONNECTOR, point);
    stage.request_renewal(CONNECTOR, "1").await;
    stage.reached(CONNECTOR, point).await;
    frozen.freeze();
    stage.resume(CONNECTOR, point);
    leader.leads().await;
    Replaced {
        frozen,
        leader,
        grant,
        stage,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_freezes_before_sending_is_replaced_without_a_loss_and_sends_nothing_late() {
    tokio::join!(
        frozen_before_the_check(),
        frozen_before_sending_for_good(),
        frozen_between_check_and_sending(),
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_late_result_of_a_leader_that_froze_with_it_is_stored() {
    tokio::join!(
        woken_while_the_next_one_holds_off(),
        woken_after_the_next_one_gave_up()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_renewal_survives_a_freeze_of_the_leader_before_each_of_its_steps() {
    frozen_while_renewing("before").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_renewal_survives_a_freeze_of_the_leader_after_each_of_its_steps() {
    frozen_while_renewing("after").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_survives_a_freeze_of_the_leader_before_each_of_its_steps() {
    Box::pin(frozen_while_importing("before")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_survives_a_freeze_of_the_leader_after_each_of_its_steps() {
    Box::pin(frozen_while_importing("after")).await;
}

/// A freeze before sending is after the check: it has scenarios of its own, since to go on after that is what can't be helped.
fn frozen_at(side: &str, points: &[Failpoint]) -> Vec<(String, String)> {
    let mut points = at(side, points);
    points.retain(|(_, point)| point != "before-Send");
    points
}

async fn frozen_while_renewing(side: &str) {
    let stage = Stage::set().await;
    let points = frozen_at(side, &RENEWAL);
    let first = stage.start("first");
    bring_all(&stage, &points).await;
    renew_to(&stage, &points).await;
    outlived(&stage, &first, &points, Some("1")).await;
    stage.finish().await;
}

/// In two halves: a process works on 16 connectors at a time.
async fn frozen_while_importing(side: &str) {
    let half = async |points: &[Failpoint]| {
        let stage = Stage::set().await;
        let points = frozen_at(side, points);
        for (connector, point) in &points {
            stage.pause(connector, point);
            stage.bring(connector).await;
        }
        let first = stage.start("first");
        outlived(&stage, &first, &points, None).await;
        stage.finish().await;
    };
    let (early, late) = IMPORT.split_at(IMPORT.len() / 2);
    tokio::join!(half(early), half(late));
}

/// The leader is frozen with each connector at its point, and another process takes over. It makes do with what it finds,
/// and what it can't find out is mended by the first one, which goes on as follower.
async fn outlived(stage: &Stage, first: &Operator, points: &[(String, String)], renewal: Option<&str>) {
    for (connector, point) in points {
        stage.reached(connector, point).await;
    }
    let second = stage.start("second");
    second.follows().await;
    first.freeze();
    for (connector, point) in points {
        stage.resume(connector, point);
    }
    second.leads().await;
    for (connector, point) in points {
        if IRREDUCIBLE.contains(&point.as_str()) {
            stage.not_ready(connector, "ReauthorizationRequired").await;
        } else {
            stage.healthy(connector, renewal).await;
        }
    }
    first.go_on();
    first.follows().await;
    for (connector, _) in points {
        stage.healthy(connector, renewal).await;
    }
    for (connector, _) in points {
        stage.request_renewal(connector, "again").await;
    }
    for (connector, _) in points {
        stage.healthy(connector, Some("again")).await;
    }
    second.leads().await;
    stage.assert_nothing_burned();
}

/// It goes on to the check of the send window, and sends nothing.
async fn frozen_before_the_check() {
    let replaced = replaced_at("after-ReadBack").await;
    replaced.frozen.go_on();
    replaced.frozen.follows().await;
    replaced.renewed().await;
    let answers = replaced.frozen.answers();
    assert_eq!(answers, ["Granted"], "nothing but the import was sent");
    assert_eq!(replaced.presented(), 2, "the import, and one renewal");
    replaced.finish().await;
}

async fn frozen_before_sending_for_good() {
    let replaced = replaced_at("before-Send").await;
    replaced.renewed().await;
    assert_eq!(replaced.presented(), 2, "the import, and one renewal");
    replaced.finish().await;
}

/// It has checked already, and sends; the next one still leaves the attempt alone, and uses what came of it.
async fn frozen_between_check_and_sending() {
    let replaced = replaced_at("before-Send").await;
    replaced.frozen.go_on();
    replaced.frozen.follows().await;
    replaced.renewed().await;
    assert_eq!(replaced.frozen.answers(), ["Granted", "Granted"]);
    replaced.finish().await;
}

async fn woken_while_the_next_one_holds_off() {
    let replaced = replaced_at("after-Send").await;
    replaced.frozen.go_on();
    replaced.frozen.follows().await;
    replaced.renewed().await;
    assert_eq!(replaced.frozen.stored().len(), 2);
    replaced.finish().await;
}

/// Its result heals what the next one called lost.
async fn woken_after_the_next_one_gave_up() {
    let replaced = replaced_at("after-Send").await;
    let stage = &replaced.stage;
    stage.not_ready(CONNECTOR, "ReauthorizationRequired").await;
    replaced.frozen.go_on();
    replaced.frozen.follows().await;
    replaced.renewed().await;
    assert_eq!(replaced.frozen.stored().len(), 2);
    replaced.finish().await;
}
