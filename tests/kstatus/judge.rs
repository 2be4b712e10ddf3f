//! How does kstatus judge a custom resource, and what is one before anybody has looked at it?

use std::sync::LazyLock;

use salesforce_connector_operator::api::crd;
use serde_json::Value;

/// What kstatus says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Judgement {
    Current,
    InProgress,
    Failed,
    Terminating,
}

/// kstatus's rules for a resource it doesn't know, in its order: an object that is being deleted is terminating; one
/// whose present generation has not been observed is in progress; then Reconciling and Stalled are believed where they
/// are True; then Ready decides; and an object that says nothing is current.
pub(crate) fn kstatus(object: &Value) -> Judgement {
    let metadata = &object["metadata"];
    if metadata.get("deletionTimestamp").is_some() {
        return Judgement::Terminating;
    }
    let status = &object["status"];
    if let Some(observed) = status["observedGeneration"].as_i64()
        && Some(observed) != metadata["generation"].as_i64()
    {
        return Judgement::InProgress;
    }
    let condition = |kind: &str| {
        let conditions = status["conditions"].as_array()?;
        let found = conditions.iter().find(|condition| condition["type"] == kind)?;
        found["status"].as_str()
    };
    if condition("Reconciling") == Some("True") {
        return Judgement::InProgress;
    }
    if condition("Stalled") == Some("True") {
        return Judgement::Failed;
    }
    match condition("Ready") {
        Some("True") | None => Judgement::Current,
        Some(_) => Judgement::InProgress,
    }
}

/// What the API server makes of a status that nobody has written.
pub(crate) fn default_status() -> Value {
    static DEFAULT: LazyLock<Value> = LazyLock::new(|| {
        let crd = serde_json::to_value(crd::crd()).unwrap();
        let path = "/spec/versions/0/schema/openAPIV3Schema/properties/status/default";
        crd.pointer(path).unwrap().clone()
    });
    DEFAULT.clone()
}
