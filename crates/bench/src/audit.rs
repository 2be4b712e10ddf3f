//! What did the operator ask of the API server? Its lines in the API server's own audit log.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::Failed;

/// Requests by verb and resource, such as `create secrets` and `update salesforceconnectors/status`.
pub(crate) type Requests = BTreeMap<String, u64>;

pub(crate) struct Audit {
    log: PathBuf,
}

impl Audit {
    /// Flags of kube-apiserver for an audit log in `dir` of what `user` does, and nobody else.
    pub(crate) fn flags(dir: &Path, user: &str) -> Result<(Self, Vec<String>), Failed> {
        let (policy, log) = (dir.join("audit-policy.yaml"), dir.join("audit.log"));
        let text = format!(
            "apiVersion: audit.k8s.io/v1\nkind: Policy\nomitStages: [RequestReceived, ResponseStarted]\n\
             rules:\n- level: Metadata\n  users: [\"{user}\"]\n- level: None\n"
        );
        std::fs::write(&policy, text)?;
        let flags = vec![
            format!("--audit-policy-file={}", policy.display()),
            format!("--audit-log-path={}", log.display()),
            "--audit-log-maxsize=0".to_owned(),
        ];
        Ok((Self { log }, flags))
    }

    /// What has been asked up to now; watches count when they end.
    pub(crate) fn so_far(&self) -> Result<Requests, Failed> {
        let text = match std::fs::read_to_string(&self.log) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error.into()),
        };
        let mut requests = Requests::new();
        for line in text.lines() {
            // The last line may be half written.
            let Ok(event) = serde_json::from_str::<Value>(line) else {
                continue;
            };
            *requests.entry(kind(&event)).or_default() += 1;
        }
        Ok(requests)
    }
}

fn kind(event: &Value) -> String {
    let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let (verb, resource) = (text("/verb"), text("/objectRef/resource"));
    match text("/objectRef/subresource") {
        "" => format!("{verb} {resource}"),
        subresource => format!("{verb} {resource}/{subresource}"),
    }
}

/// What has been asked between two looks. Leader election and the reviews of the operator's own rights are left out: they cost
/// the same whatever there is to do.
pub(crate) fn between(before: &Requests, after: &Requests) -> Requests {
    let mut requests = after.clone();
    for (kind, count) in &mut requests {
        *count -= before.get(kind).copied().unwrap_or(0);
    }
    let own = [" leases", " selfsubjectaccessreviews", " selfsubjectrulesreviews"];
    requests.retain(|kind, count| *count > 0 && !own.iter().any(|own| kind.ends_with(own)));
    requests
}

pub(crate) fn total(requests: &Requests) -> u64 {
    requests.values().sum()
}

pub(crate) fn writes(requests: &Requests) -> u64 {
    let reads = ["get ", "list ", "watch "];
    let writing = requests
        .iter()
        .filter(|(kind, _)| !reads.iter().any(|read| kind.starts_with(read)));
    writing.map(|(_, count)| count).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_by_verb_and_resource_and_what_the_operator_needs_for_itself_left_out() {
        let dir = tempfile::tempdir().unwrap();
        let (audit, _) = Audit::flags(dir.path(), "somebody").unwrap();
        let line = |verb: &str, resource: &str, subresource: &str| {
            let reference = serde_json::json!({ "resource": resource, "subresource": subresource });
            serde_json::json!({ "verb": verb, "objectRef": reference }).to_string() + "\n"
        };
        assert_eq!(audit.so_far().unwrap(), Requests::new());
        std::fs::write(&audit.log, line("get", "secrets", "")).unwrap();
        let before = audit.so_far().unwrap();
        let lines = [
            line("get", "secrets", ""),
            line("get", "secrets", ""),
            line("create", "secrets", ""),
            line("update", "leases", ""),
            line("create", "selfsubjectaccessreviews", ""),
            line("create", "selfsubjectrulesreviews", ""),
            line("update", "salesforceconnectors", "status"),
            "{\"verb\":\"get".to_owned(),
        ];
        std::fs::write(&audit.log, lines.concat()).unwrap();
        let requests = between(&before, &audit.so_far().unwrap());
        let expected = [
            ("create secrets", 1),
            ("get secrets", 1),
            ("update salesforceconnectors/status", 1),
        ];
        assert_eq!(
            requests,
            expected.map(|(kind, count)| (kind.to_owned(), count)).into()
        );
        assert_eq!((total(&requests), writes(&requests)), (3, 2));
    }
}
