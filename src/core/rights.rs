//! Which rights does the operator need in its mode? The one list: the start-up check asks for it, and the roles of the chart are
//! compared with it.

use std::collections::BTreeMap;

use k8s_openapi::api::authorization::v1::{ResourceAttributes, ResourceRule};

use crate::api::names;
use crate::settings::{SecretWatch, Settings};

/// A right that the operator needs: one verb on one resource.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Right {
    /// `None` if it is needed cluster-wide.
    pub namespace: Option<String>,
    pub group: &'static str,
    /// With its subresource, as RBAC rules name it.
    pub resource: &'static str,
    /// The only object that it is needed for.
    pub name: Option<String>,
    pub verb: &'static str,
    /// The template of the chart that grants it, and the value that this depends on.
    pub granted_by: &'static str,
}

/// Some verbs on one resource.
type Rule = (&'static str, &'static str, &'static [&'static str]);

/// Wherever connectors are. No `list`: a watch streams what there is when it begins.
const WORK: [Rule; 4] = [
    (names::GROUP, "salesforceconnectors", &["get", "watch"]),
    (names::GROUP, "salesforceconnectors/status", &["patch", "update"]),
    ("events.k8s.io", "events", &["create", "patch"]),
    ("", "secrets", &["create", "delete", "get", "update"]),
];
const WATCHED_SECRETS: Rule = ("", "secrets", &["watch"]);
const WORKLOADS: [Rule; 3] = [
    ("apps", "deployments", &["get", "patch"]),
    ("apps", "statefulsets", &["get", "patch"]),
    ("apps", "daemonsets", &["get", "patch"]),
];
/// No `list`, as above.
const COPIES: [Rule; 2] = [
    (names::GROUP, "salesforcetokencopies", &["get", "watch"]),
    (names::GROUP, "salesforcetokencopies/status", &["update"]),
];
/// In the operator's own namespace.
const OWN: [Rule; 2] = [
    (
        "",
        "secrets",
        &["create", "delete", "get", "list", "patch", "update"],
    ),
    ("coordination.k8s.io", "leases", &["create"]),
];
const LEASE: Rule = ("coordination.k8s.io", "leases", &["get", "update"]);
/// To show that a replica is there, and to see the others.
const ROSTER: Rule = ("coordination.k8s.io", "leases", &["patch"]);
const NAMESPACES: Rule = ("", "namespaces", &["get"]);
const REVIEWS: [Rule; 2] = [
    ("authentication.k8s.io", "tokenreviews", &["create"]),
    ("authorization.k8s.io", "subjectaccessreviews", &["create"]),
];

const BY_WORK: &str = "templates/rbac-work.yaml";
const BY_WATCHED_NAMESPACES: &str = "templates/rbac-work.yaml for each of watchNamespaces";
const BY_SECRET_WATCH: &str = "templates/rbac-work.yaml with secretWatch=Watch";
const BY_ROLLOUTS: &str = "templates/rbac-work.yaml with rolloutRestarts.enabled=true";
const BY_SHARING: &str = "templates/rbac-work.yaml with sharing.enabled=true";
const BY_OWN: &str = "templates/rbac-own.yaml";
const BY_SHARDS: &str = "templates/rbac-own.yaml with shards above 1";
const BY_AUTHENTICATION: &str = "templates/rbac-own.yaml with metrics.authentication=true";

/// All that is needed with these settings.
pub fn needed(settings: &Settings, authenticate_metrics: bool) -> Vec<Right> {
    let own = Some(settings.namespace.as_str());
    let mut needed: Vec<_> = rights(own, &OWN, None, BY_OWN).collect();
    for shard in settings.shards.all() {
        let name = settings.shards.lease_of(shard);
        needed.extend(rights(own, &[LEASE], Some(&name), BY_OWN));
    }
    if let Some(name) = settings.shards.roster() {
        needed.extend(rights(own, &[ROSTER], Some(&name), BY_SHARDS));
    }
    let mut identities = vec!["kube-system", settings.namespace.as_str()];
    identities.dedup();
    needed.extend(
        identities
            .into_iter()
            .flat_map(|name| rights(None, &[NAMESPACES], Some(name), BY_OWN)),
    );
    if authenticate_metrics {
        needed.extend(rights(None, &REVIEWS, None, BY_AUTHENTICATION));
    }
    let (watched, granted_by) = if settings.watch_namespaces.is_empty() {
        (vec![None], BY_WORK)
    } else {
        let named = settings.watch_namespaces.iter().map(|name| Some(name.as_str()));
        (named.collect(), BY_WATCHED_NAMESPACES)
    };
    for namespace in watched {
        needed.extend(rights(namespace, &WORK, None, granted_by));
        if settings.secret_watch == SecretWatch::Watch {
            needed.extend(rights(namespace, &[WATCHED_SECRETS], None, BY_SECRET_WATCH));
        }
        if settings.rollout_restarts {
            needed.extend(rights(namespace, &WORKLOADS, None, BY_ROLLOUTS));
        }
        if settings.sharing {
            needed.extend(rights(namespace, &COPIES, None, BY_SHARING));
        }
    }
    needed
}

fn rights(
    namespace: Option<&str>,
    rules: &[Rule],
    name: Option<&str>,
    granted_by: &'static str,
) -> impl Iterator<Item = Right> {
    rules.iter().flat_map(move |&(group, resource, verbs)| {
        verbs.iter().map(move |&verb| Right {
            namespace: namespace.map(str::to_owned),
            group,
            resource,
            name: name.map(str::to_owned),
            verb,
            granted_by,
        })
    })
}

impl Right {
    /// Whether one of these rules, which hold in its namespace, grants it.
    pub fn is_granted_by(&self, rules: &[ResourceRule]) -> bool {
        rules.iter().any(|rule| {
            let objects = rule.resource_names.as_deref().unwrap_or_default();
            let of_its_objects =
                objects.is_empty() || self.name.as_ref().is_some_and(|name| objects.contains(name));
            of_its_objects
                && has(&rule.verbs, self.verb)
                && has(rule.api_groups.as_deref().unwrap_or_default(), self.group)
                && self.is_of(rule.resources.as_deref().unwrap_or_default())
        })
    }

    fn is_of(&self, resources: &[String]) -> bool {
        let (_, subresource) = self.parts();
        has(resources, self.resource)
            || subresource.is_some_and(|subresource| resources.contains(&format!("*/{subresource}")))
    }

    fn parts(&self) -> (&'static str, Option<&'static str>) {
        match self.resource.split_once('/') {
            Some((resource, subresource)) => (resource, Some(subresource)),
            None => (self.resource, None),
        }
    }

    /// What the API server is asked about this right alone.
    pub fn attributes(&self) -> ResourceAttributes {
        let (resource, subresource) = self.parts();
        ResourceAttributes {
            namespace: self.namespace.clone(),
            group: Some(self.group.to_owned()),
            resource: Some(resource.to_owned()),
            subresource: subresource.map(str::to_owned),
            name: self.name.clone(),
            verb: Some(self.verb.to_owned()),
            ..ResourceAttributes::default()
        }
    }

    /// As `kubectl auth can-i` takes it: `resource.group`, with the object that it is about.
    fn subject(&self) -> String {
        let dot = if self.group.is_empty() { "" } else { "." };
        let (resource, subresource) = self.parts();
        let mut text = format!("{resource}{dot}{}", self.group);
        for part in [subresource, self.name.as_deref()].into_iter().flatten() {
            text.push('/');
            text.push_str(part);
        }
        text
    }
}

fn has(list: &[String], wanted: &str) -> bool {
    list.iter().any(|item| item == wanted || item == "*")
}

/// Missing rights of one verb on one resource, as the log tells of them.
#[derive(Debug, PartialEq, Eq)]
pub struct MissingRight {
    pub verb: &'static str,
    pub resource: String,
    /// The first namespaces, and how many there are besides.
    pub namespace: String,
    pub granted_by: &'static str,
}

/// So many namespaces are named.
const NAMED: usize = 10;

/// One line of the log for each verb and resource, however many namespaces it is missing in.
pub fn told(missing: &[Right]) -> Vec<MissingRight> {
    let mut namespaces: BTreeMap<_, Vec<&str>> = BTreeMap::new();
    for right in missing {
        let kind = (right.subject(), right.verb, right.granted_by);
        let namespace = right.namespace.as_deref().unwrap_or("cluster-wide");
        namespaces.entry(kind).or_default().push(namespace);
    }
    let told = namespaces
        .into_iter()
        .map(|((resource, verb, granted_by), namespaces)| {
            let (first, rest) = namespaces.split_at(namespaces.len().min(NAMED));
            let more = match rest.len() {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            MissingRight {
                verb,
                resource,
                namespace: first.join(", ") + &more,
                granted_by,
            }
        });
    told.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn right(resource: &'static str, name: Option<&str>) -> Right {
        rights(
            Some("sales"),
            &[("example.com", resource, &["get"])],
            name,
            "a template",
        )
        .next()
        .unwrap()
    }

    fn rule(groups: &[&str], resources: &[&str], names: &[&str], verbs: &[&str]) -> ResourceRule {
        let list = |items: &[&str]| items.iter().map(|&item| item.to_owned()).collect::<Vec<_>>();
        ResourceRule {
            api_groups: Some(list(groups)),
            resources: Some(list(resources)),
            resource_names: (!names.is_empty()).then(|| list(names)),
            verbs: list(verbs),
        }
    }

    #[test]
    fn a_rule_grants_what_rbac_lets_it_grant() {
        let (things, status, one) = (
            right("things", None),
            right("things/status", None),
            right("things", Some("one")),
        );
        let group = &["example.com"][..];
        for (rule, wanted) in [
            (
                rule(group, &["things"], &[], &["list", "get"]),
                [true, false, true],
            ),
            (rule(&["*"], &["*"], &[], &["*"]), [true, true, true]),
            (rule(group, &["*/status"], &[], &["get"]), [false, true, false]),
            (
                rule(group, &["things/status"], &[], &["get"]),
                [false, true, false],
            ),
            (
                rule(group, &["things"], &["two", "one"], &["get"]),
                [false, false, true],
            ),
            (
                rule(group, &["things"], &["two"], &["get"]),
                [false, false, false],
            ),
            (rule(group, &["things"], &[], &["list"]), [false, false, false]),
            (rule(&[""], &["things"], &[], &["get"]), [false, false, false]),
        ] {
            let found =
                [&things, &status, &one].map(|right| right.is_granted_by(std::slice::from_ref(&rule)));
            assert_eq!(found, wanted, "{rule:?}");
        }
    }

    #[test]
    fn a_right_that_is_missing_in_many_namespaces_is_one_line() {
        let mut missing: Vec<Right> = (10..22)
            .map(|number| Right {
                namespace: Some(format!("ns{number}")),
                ..right("things/status", None)
            })
            .collect();
        missing.push(Right {
            namespace: None,
            ..right("things", Some("one"))
        });
        let line = |resource: &str, namespace: &str| MissingRight {
            verb: "get",
            resource: resource.to_owned(),
            namespace: namespace.to_owned(),
            granted_by: "a template",
        };
        assert_eq!(
            told(&missing),
            [
                line("things.example.com/one", "cluster-wide"),
                line(
                    "things.example.com/status",
                    "ns10, ns11, ns12, ns13, ns14, ns15, ns16, ns17, ns18, ns19 and 2 more"
                ),
            ]
        );
    }
}
