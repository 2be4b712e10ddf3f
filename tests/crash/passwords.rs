//! What if the process dies, or is replaced, while a password is under way? A password that was never accepted is sent once,
//! however often that happens: Salesforce locks its user after a few wrong ones.

use salesforce_connector_operator::failpoints::Failpoint;
use salesforce_sim::{Endpoint, default_world as world};
use serde_json::json;

use crate::kill::{at, die_at};
use crate::stage::Stage;

/// The points of a login by password, in order.
pub(crate) const PASSWORD: [Failpoint; 3] = [
    Failpoint::NotePassword,
    Failpoint::SendPassword,
    Failpoint::RecordPassword,
];

/// A connector with a wrong password, of a user of its own unless one is named.
async fn by_password(stage: &Stage, name: &str, user: &str) {
    let input = format!("{name}-input");
    let username = format!("{user}@green-itr.example");
    let values = [
        ("client-secret", world::CONNECTED_SECRET),
        ("password", "wrong-password-of-a-killed-process"),
    ];
    stage.input(&input, &values).await;
    let auth = json!({ "password": {
        "username": username,
        "passwordRef": { "name": input, "key": "password" },
    } });
    stage.create(name, world::CONNECTED, auth).await;
}

fn sent(stage: &Stage) -> u64 {
    stage.sim.count(Endpoint::Token)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_that_was_never_accepted_is_sent_once_wherever_the_process_is_killed() {
    let stage = Stage::set().await;
    let points = [at("before", &PASSWORD), at("after", &PASSWORD)].concat();
    for (connector, point) in &points {
        stage.pause(connector, point);
        by_password(&stage, connector, connector).await;
    }
    let first = stage.start("first");
    die_at(&stage, first, &points).await;
    // Not noted yet; noted, and nobody knows whether it was sent; known to be refused.
    let expected = |point: &str| match point {
        "before-NotePassword" => "WrongPassword",
        "after-RecordPassword" => "PasswordRefusedBefore",
        _ => "PasswordOutcomeUnknown",
    };
    let second = stage.start("second");
    for (connector, point) in &points {
        stage.not_ready(connector, expected(point)).await;
    }
    assert_eq!(
        sent(&stage),
        4,
        "twice it was killed between the note and the sending"
    );
    second.kill();

    let third = stage.start("third");
    for (connector, point) in &points {
        let again = format!("again-{connector}");
        by_password(&stage, &again, connector).await;
        let reason = match expected(point) {
            "WrongPassword" => "PasswordRefusedBefore",
            reason => reason,
        };
        stage.not_ready(&again, reason).await;
    }
    assert_eq!(sent(&stage), 4);
    third.kill();
    stage.finish().await;
}

/// The one that froze goes on where it was, when another one has led for a while.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_leaders_send_a_password_once() {
    for (point, reason) in [
        ("before-NotePassword", "WrongPassword"),
        ("before-SendPassword", "PasswordOutcomeUnknown"),
    ] {
        let stage = Stage::set().await;
        stage.pause("crm", point);
        by_password(&stage, "crm", "crm").await;
        let frozen = stage.start("first");
        stage.reached("crm", point).await;
        let leader = stage.start("second");
        leader.follows().await;
        frozen.freeze();
        stage.resume("crm", point);
        leader.leads().await;
        stage.not_ready("crm", reason).await;
        frozen.go_on();
        frozen.follows().await;
        assert!(sent(&stage) <= 1, "{} times", sent(&stage));
        stage.finish().await;
    }
}
