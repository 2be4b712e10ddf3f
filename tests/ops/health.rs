//! Does Argo CD call a connector healthy when it is, and say what is wrong when it is not?

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::generated::assert_generated;
use crate::tools::{over_list, path};
use crate::world::{Judgement, World, kstatus};

const FOLDER: &str = "contrib/argo-cd/salesforce-connector.dev/SalesforceConnector";

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Health {
    status: String,
    message: String,
}

fn health_of(objects: &[Value]) -> Vec<Health> {
    let script = path(FOLDER).join("health.lua");
    over_list(&["health", script.to_str().unwrap()], objects).unwrap()
}

fn is_observed(object: &Value) -> bool {
    object["status"]["observedGeneration"] == object["metadata"]["generation"]
}

fn is_deleted(object: &Value) -> bool {
    object["metadata"].get("deletionTimestamp").is_some()
}

/// What is true of an object, by kstatus's rules, which the tests of kstatus hold to the truth. Argo CD knows suspension besides.
fn truth(object: &Value) -> &'static str {
    match kstatus(object) {
        Judgement::Terminating => "Progressing",
        _ if is_observed(object) && object["spec"]["suspend"] == true => "Suspended",
        Judgement::Current => "Healthy",
        Judgement::InProgress => "Progressing",
        Judgement::Failed => "Degraded",
    }
}

fn message(object: &Value) -> &str {
    if is_deleted(object) {
        return "The connector is being deleted";
    }
    if !is_observed(object) {
        return "Waiting for the operator to process the connector";
    }
    let conditions = object["status"]["conditions"].as_array().unwrap();
    let ready = conditions
        .iter()
        .find(|condition| condition["type"] == "Ready")
        .unwrap();
    ready["message"].as_str().unwrap()
}

/// Connectors at every moment of some lives.
fn moments(lives: u64) -> Vec<Value> {
    let mut objects = Vec::new();
    for seed in 1..=lives {
        let mut world = World::new(seed);
        objects.push(world.object());
        for _ in 0..50 {
            world.event();
            world.judge().unwrap();
            objects.push(world.object());
        }
    }
    objects
}

#[test]
fn the_health_of_a_connector_is_the_truth_at_every_moment() {
    let objects = moments(200);
    let found = health_of(&objects);
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for (object, health) in objects.iter().zip(&found) {
        let wanted = Health {
            status: truth(object).to_owned(),
            message: message(object).to_owned(),
        };
        assert_eq!(*health, wanted, "{object:#}");
        *seen.entry(truth(object)).or_default() += 1;
    }
    assert_eq!(found.len(), objects.len());
    assert!(
        seen.len() == 4 && seen.values().all(|times| *times > 100),
        "{seen:?}"
    );
}

#[test]
fn what_nobody_has_looked_at_is_progressing() {
    let metadata = json!({ "name": "crm", "generation": 1 });
    let health = health_of(&[
        json!({ "metadata": metadata }),
        json!({ "metadata": metadata, "status": {} }),
        json!({ "metadata": metadata, "status": { "observedGeneration": -1 } }),
        json!({ "metadata": metadata, "status": { "observedGeneration": 1, "conditions": [] } }),
    ]);
    let states: Vec<_> = health.iter().map(|health| health.status.as_str()).collect();
    assert_eq!(states, ["Progressing"; 4]);
}

type IsWanted = fn(&Value) -> bool;

/// The files that Argo CD's own repository has beside a health check.
#[test]
fn the_test_data_for_argo_cd_is_generated_from_the_lives_of_connectors() {
    let mut tests = "tests:\n".to_owned();
    let moments = moments(20);
    let wanted: [(&str, IsWanted); 6] = [
        ("healthy", |object| truth(object) == "Healthy"),
        ("progressing", |object| {
            truth(object) == "Progressing" && is_observed(object) && !is_deleted(object)
        }),
        ("progressing_new", |object| {
            !is_observed(object) && !is_deleted(object)
        }),
        ("progressing_deleting", is_deleted),
        ("degraded", |object| truth(object) == "Degraded"),
        ("suspended", |object| truth(object) == "Suspended"),
    ];
    for (name, is_wanted) in wanted {
        let object = moments.iter().find(|object| is_wanted(object)).unwrap();
        let head = "apiVersion: salesforce-connector.dev/v1alpha1\nkind: SalesforceConnector\n";
        let body = serde_yaml::to_string(object).unwrap();
        assert_generated(
            &format!("{FOLDER}/testdata/{name}.yaml"),
            &format!("{head}{}\n", body.trim_end()),
        );
        let (status, message) = (truth(object), json!(message(object)));
        let _ = write!(
            tests,
            "- healthStatus:\n    status: {status}\n    message: {message}\n  inputPath: testdata/{name}.yaml\n"
        );
    }
    assert_generated(&format!("{FOLDER}/health_test.yaml"), &tests);
}

/// What is under contrib/ passes the check that is beside it.
#[test]
fn the_health_check_passes_its_own_test_data() {
    let text = std::fs::read_to_string(path(FOLDER).join("health_test.yaml")).unwrap();
    let tests: Value = serde_yaml::from_str(&text).unwrap();
    let tests = tests["tests"].as_array().unwrap();
    let read = |test: &Value| -> Value {
        let file = path(FOLDER).join(test["inputPath"].as_str().unwrap());
        serde_yaml::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
    };
    let objects: Vec<_> = tests.iter().map(read).collect();
    let wanted: Vec<Health> = tests
        .iter()
        .map(|test| serde_json::from_value(test["healthStatus"].clone()).unwrap())
        .collect();
    assert_eq!(health_of(&objects), wanted);
}
