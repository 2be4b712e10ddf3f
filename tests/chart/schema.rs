//! Does Helm refuse every value of a wrong type and every key that there is not, by its name?

use serde_json::{Map, Value, json};
use testbed::ControlPlane;

use crate::files::{CHART, read, yaml};
use crate::rendered::{deployment, template};

/// Of `null`, Helm takes the default.
fn of_another_type(value: &Value) -> Value {
    match value {
        Value::String(_) => json!(["no text"]),
        Value::Bool(_) | Value::Number(_) => json!("neither a number nor a switch"),
        Value::Array(_) | Value::Object(_) | Value::Null => json!(7),
    }
}

/// The values with each leaf of another type, and the places of the leaves as Helm names them.
fn wrong(path: &str, values: &Map<String, Value>, places: &mut Vec<String>) -> Value {
    let each = values.iter().map(|(key, value)| {
        let place = format!("{path}/{key}");
        let wrong = match value {
            Value::Object(below) if !below.is_empty() => wrong(&place, below, places),
            leaf => {
                places.push(place);
                of_another_type(leaf)
            }
        };
        (key.clone(), wrong)
    });
    each.collect::<Map<_, _>>().into()
}

/// The values with a key that there is not in each object, and the places of the objects.
fn unknown(path: &str, values: &Map<String, Value>, schema: &Value, places: &mut Vec<String>) -> Value {
    let mut changed = Map::new();
    for (key, value) in values {
        let below = &schema["properties"][key];
        let value = match value {
            Value::Object(inside) if below["properties"].is_object() => {
                unknown(&format!("{path}/{key}"), inside, below, places)
            }
            value => value.clone(),
        };
        changed.insert(key.clone(), value);
    }
    changed.insert("noSuchKey".to_owned(), json!(1));
    places.push(path.to_owned());
    changed.into()
}

async fn refusal(values: &Value) -> String {
    let plane = ControlPlane::shared().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("values.yaml");
    std::fs::write(&file, values.to_string()).unwrap(); // JSON is YAML
    let args = ["template", "sfc", CHART, "--values", file.to_str().unwrap()];
    plane.helm(&args).await.refusal()
}

fn values() -> Map<String, Value> {
    yaml(&read("values.yaml")).as_object().unwrap().clone()
}

#[tokio::test]
async fn a_value_of_a_wrong_type_is_refused_by_its_name() {
    let mut places = Vec::new();
    let refusal = refusal(&wrong("", &values(), &mut places)).await;
    assert!(places.len() > 50, "{places:?}");
    let missed: Vec<_> = places
        .iter()
        .filter(|place| !refusal.contains(&format!("at '{place}':")))
        .collect();
    assert!(missed.is_empty(), "{missed:?} are not refused by name: {refusal}");
}

#[tokio::test]
async fn an_unknown_key_is_refused_by_its_place_and_name() {
    let schema: Value = serde_json::from_str(&read("values.schema.json")).unwrap();
    let mut places = Vec::new();
    let refusal = refusal(&unknown("", &values(), &schema, &mut places)).await;
    assert!(places.len() > 10, "{places:?}");
    let missed: Vec<_> = places
        .iter()
        .filter(|place| {
            !refusal.contains(&format!(
                "at '{place}': additional properties 'noSuchKey' not allowed"
            ))
        })
        .collect();
    assert!(missed.is_empty(), "{missed:?} are not refused by name: {refusal}");
}

#[tokio::test]
async fn openshift_chooses_the_ids_of_the_process_itself() {
    let security_of =
        |documents: &[Value]| deployment(documents)["spec"]["template"]["spec"]["securityContext"].clone();
    let elsewhere = template(&[]).await;
    assert_eq!(
        security_of(&elsewhere),
        json!({
            "runAsNonRoot": true, "runAsUser": 65532, "runAsGroup": 65532, "seccompProfile": { "type": "RuntimeDefault" },
        })
    );
    let there = template(&["--api-versions=security.openshift.io/v1"]).await;
    assert_eq!(
        security_of(&there),
        json!({ "runAsNonRoot": true, "seccompProfile": { "type": "RuntimeDefault" } })
    );
}
