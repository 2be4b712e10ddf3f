//! Does the chart grant what the operator needs, and nothing else? And is what is missing named?

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use clap::Parser as _;
use kube::Client;
use kube::api::{Api, DynamicObject, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use salesforce_connector_operator::cli::{Cli, Command};
use salesforce_connector_operator::core::rights::{Right, needed};
use salesforce_connector_operator::shell::rights::missing;
use serde_json::{Value, json};
use testbed::{ControlPlane, OperatorProcess, TestNamespace, eventually};

use crate::files::{CHART, path, read, yaml};
use crate::release::{FULL_NAME, Release, SOON};

/// A right without what grants it: namespace, group, resource, object, verb.
type Atom = (Option<String>, String, String, Option<String>, String);

fn atom(right: &Right) -> Atom {
    (
        right.namespace.clone(),
        right.group.to_owned(),
        right.resource.to_owned(),
        right.name.clone(),
        right.verb.to_owned(),
    )
}

/// What an operator with these flags needs.
pub(crate) fn needed_by(namespace: &str, flags: &[&str]) -> Vec<Right> {
    let args = ["operator", "run", "--namespace", namespace];
    let Command::Run(run) = Cli::try_parse_from([&args, flags].concat()).unwrap().command else {
        panic!("not `run`")
    };
    needed(&run.settings(), run.authenticate_metrics)
}

/// The rules of a role, one for each verb, resource and object.
fn atoms(role: &Value) -> Vec<Atom> {
    let namespace = role["metadata"]["namespace"].as_str().map(str::to_owned);
    let list = |rule: &Value, field: &str| -> Vec<String> {
        let items = rule[field].as_array().into_iter().flatten();
        items.map(|item| item.as_str().unwrap().to_owned()).collect()
    };
    let mut atoms = Vec::new();
    for rule in role["rules"].as_array().into_iter().flatten() {
        let mut names: Vec<_> = list(rule, "resourceNames").into_iter().map(Some).collect();
        if names.is_empty() {
            names.push(None);
        }
        for group in list(rule, "apiGroups") {
            for resource in list(rule, "resources") {
                for name in &names {
                    let of_verb = |verb| {
                        (
                            namespace.clone(),
                            group.clone(),
                            resource.clone(),
                            name.clone(),
                            verb,
                        )
                    };
                    atoms.extend(list(rule, "verbs").into_iter().map(of_verb));
                }
            }
        }
    }
    atoms
}

/// What the chart grants the operator's account with these values, each with the template that does.
async fn granted(values: &[&str]) -> BTreeSet<(Atom, String)> {
    let fixed = ["template", "sfc", CHART, "--namespace", "sfc-system"];
    let plane = ControlPlane::shared().await;
    let rendered = plane.helm(&[&fixed, values].concat()).await.stdout();
    let documents: Vec<(String, Value)> = rendered
        .split("\n---\n")
        .map(|text| {
            let source = text.lines().find_map(|line| line.strip_prefix("# Source: "));
            let (_, template) = source.unwrap().split_once('/').unwrap();
            (template.to_owned(), yaml(text))
        })
        .collect();
    let account = json!([{ "kind": "ServiceAccount", "name": FULL_NAME, "namespace": "sfc-system" }]);
    let bound = documents
        .iter()
        .filter(|(_, object)| object["subjects"] == account);
    bound
        .flat_map(|(_, binding)| {
            let mut roles = documents.iter().filter(|(_, role)| {
                role["kind"] == binding["roleRef"]["kind"]
                    && role["metadata"]["name"] == binding["roleRef"]["name"]
                    && role["metadata"]["namespace"] == binding["metadata"]["namespace"]
            });
            let (template, role) = roles.next().expect("the role of a binding");
            atoms(role).into_iter().map(|atom| (atom, template.clone()))
        })
        .collect()
}

#[tokio::test]
async fn the_chart_grants_what_the_operator_needs_and_nothing_else() {
    for (values, flags) in [
        (&[][..], &[][..]),
        (&["--set=secretWatch=Watch"], &["--secret-watch=Watch"]),
        (&["--set=rolloutRestarts.enabled=true"], &["--rollout-restarts"]),
        (&["--set=sharing.enabled=true"], &["--sharing"]),
        (&["--set=shards=3"], &["--shards=3"]),
        (
            &["--set=watchNamespaces={sales,service},rolloutRestarts.enabled=true"],
            &["--watch-namespaces=sales,service", "--rollout-restarts"],
        ),
        (
            &["--set=metrics.authentication=true"],
            &["--authenticate-metrics"],
        ),
        (
            &["--set=watchNamespaces={sales,service},secretWatch=Watch"],
            &["--watch-namespaces=sales,service", "--secret-watch=Watch"],
        ),
    ] {
        let wanted: BTreeSet<_> = needed_by("sfc-system", flags)
            .iter()
            .map(|right| (atom(right), template_of(right)))
            .collect();
        assert_eq!(granted(values).await, wanted, "{values:?}");
    }
}

/// The file that a person is sent to.
fn template_of(right: &Right) -> String {
    let template = right.granted_by.split(' ').next().unwrap();
    assert!(path(template).is_file(), "{template}");
    template.to_owned()
}

/// A role of a release, whose rules a test changes.
struct RoleOfRelease {
    api: Api<DynamicObject>,
    name: String,
    /// As the chart made them.
    atoms: Vec<Atom>,
}

impl RoleOfRelease {
    async fn of(plane: &ControlPlane, namespace: Option<&str>, name: &str) -> Self {
        let kind = if namespace.is_some() {
            "Role"
        } else {
            "ClusterRole"
        };
        let kind = ApiResource::from_gvk(&GroupVersionKind::gvk("rbac.authorization.k8s.io", "v1", kind));
        let client = plane.client().await;
        let api = match namespace {
            Some(namespace) => Api::namespaced_with(client, namespace, &kind),
            None => Api::all_with(client, &kind),
        };
        let role = serde_json::to_value(api.get(name).await.unwrap()).unwrap();
        Self {
            api,
            name: name.to_owned(),
            atoms: atoms(&role),
        }
    }

    /// Leaves it all rules but one.
    async fn without(&self, left_out: Option<&Atom>) {
        let left = self.atoms.iter().filter(|&atom| Some(atom) != left_out);
        let rules = left.map(|(_, group, resource, name, verb)| {
            json!({
                "apiGroups": [group], "resources": [resource], "verbs": [verb],
                "resourceNames": name.iter().collect::<Vec<_>>(),
            })
        });
        let mut role = self.api.get(&self.name).await.unwrap();
        role.data["rules"] = rules.collect();
        self.api
            .replace(&self.name, &PostParams::default(), &role)
            .await
            .unwrap();
    }

    /// Takes each right away in turn, and sees that it is the one that is missed.
    async fn each_is_missed(&self, operator: &Client, needed: &[Right]) {
        assert!(!self.atoms.is_empty(), "{}", self.name);
        for taken in &self.atoms {
            self.without(Some(taken)).await;
            missed(operator, needed, std::slice::from_ref(taken)).await;
        }
        self.without(None).await;
        missed(operator, needed, &[]).await;
    }
}

/// Waits until exactly these are missed.
async fn missed(operator: &Client, needed: &[Right], wanted: &[Atom]) {
    eventually(SOON, &format!("{wanted:?} to be missed"), async || {
        let missing = missing(operator, needed)
            .await
            .map_err(|error| error.to_string())?;
        let found: Vec<_> = missing.iter().map(atom).collect();
        (found == wanted)
            .then_some(())
            .ok_or_else(|| format!("{found:?}"))
    })
    .await;
}

#[tokio::test]
async fn each_right_that_is_taken_from_the_account_is_missed_cluster_wide() {
    let set = "--set=secretWatch=Watch,metrics.authentication=true,rolloutRestarts.enabled=true,sharing.enabled=true";
    let release = Release::install(&[set]).await;
    let needed = needed_by(
        &release.namespace,
        &[
            "--secret-watch=Watch",
            "--authenticate-metrics",
            "--rollout-restarts",
            "--sharing",
        ],
    );
    let operator = release.operator().await;
    missed(&operator, &needed, &[]).await;
    for suffix in ["", "-identity", "-reviews"] {
        let name = format!("{}{suffix}", release.cluster_name());
        let role = RoleOfRelease::of(release.plane, None, &name).await;
        role.each_is_missed(&operator, &needed).await;
    }
    release.uninstall().await;
}

#[tokio::test]
async fn each_right_that_is_taken_from_the_account_is_missed_in_its_namespace() {
    let plane = ControlPlane::shared().await;
    let watched = [plane.namespace("watched").await, plane.namespace("watched").await];
    let namespaces = format!("watchNamespaces={{{}}}", list(&watched));
    let release = Release::install(&["--set", &namespaces, "--set", "shards=2"]).await;
    let needed = needed_by(
        &release.namespace,
        &["--watch-namespaces", &list(&watched), "--shards=2"],
    );
    let operator = release.operator().await;
    missed(&operator, &needed, &[]).await;
    let roles = [
        (&*release.namespace, FULL_NAME.to_owned()),
        (&*watched[1], release.cluster_name()),
    ];
    for (namespace, name) in roles {
        let role = RoleOfRelease::of(plane, Some(namespace), &name).await;
        role.each_is_missed(&operator, &needed).await;
    }
    release.uninstall().await;
}

async fn watching(namespaces: &[TestNamespace]) -> Release {
    let value = format!("watchNamespaces={{{}}}", list(namespaces));
    Release::install(&["--set", &value]).await
}

fn list(namespaces: &[TestNamespace]) -> String {
    let names: Vec<&str> = namespaces.iter().map(TestNamespace::name).collect();
    names.join(",")
}

/// An operator whose minutes are seconds, under this kubeconfig.
pub(crate) fn start(kubeconfig: &std::path::Path, args: &[&str], log: &std::path::Path) -> OperatorProcess {
    let program = env!("CARGO_BIN_EXE_salesforce-connector-operator");
    let mut command = OperatorProcess::command(program, kubeconfig);
    command.args([
        "--clock-speed",
        "60",
        "--log",
        "salesforce_connector_operator=debug",
    ]);
    command.args(args);
    OperatorProcess::start(command, log).unwrap()
}

/// The fields of the lines of a log with this message.
fn said(log: &std::path::Path, message: &str) -> Vec<BTreeMap<String, Value>> {
    let text = std::fs::read_to_string(log).unwrap();
    let lines = text
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines
        .filter(|line| line["fields"]["message"].as_str().unwrap().starts_with(message))
        .map(|line| {
            let mut fields: BTreeMap<_, _> = serde_json::from_value(line["fields"].clone()).unwrap();
            fields.insert("level".to_owned(), line["level"].clone());
            fields
        })
        .collect()
}

pub(crate) const DEADLINE: Duration = Duration::from_mins(1);
const MISSING: &str = "A right is missing";

/// The right that it needs first of all, and without which it is never ready.
#[tokio::test]
async fn a_process_names_the_right_that_is_missing_runs_on_and_says_when_it_is_there() {
    let plane = ControlPlane::shared().await;
    let watched = [plane.namespace("watched").await];
    let release = watching(&watched).await;
    let namespace = &*release.namespace;
    let needed = needed_by(namespace, &["--watch-namespaces", &list(&watched)]);
    let role = RoleOfRelease::of(plane, Some(namespace), FULL_NAME).await;
    let taken = (
        Some(namespace.to_owned()),
        String::new(),
        "secrets".to_owned(),
        None,
        "get".to_owned(),
    );
    role.without(Some(&taken)).await;
    let operator = release.operator().await;
    missed(&operator, &needed, &[taken]).await;

    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let kubeconfig = plane.kubeconfig_for(namespace, FULL_NAME).await;
    let args = ["--namespace", namespace, "--watch-namespaces", &list(&watched)];
    let process = start(&kubeconfig, &args, &log);
    let until = async |path: &str, part: &str| {
        process
            .until(DEADLINE, path, part, |answer| answer.body.contains(part))
            .await;
    };
    until("/metrics", "salesforce_connector_missing_rights 1\n").await;
    until("/readyz", "waiting for: API server, list of connectors\n").await;
    role.without(None).await;
    until("/metrics", "salesforce_connector_missing_rights 0\n").await;
    until("/readyz", "ok\n").await;

    let line = json!({
        "level": "WARN",
        "message": "A right is missing. Grant it to the operator's service account, as the chart does",
        "verb": "get", "resource": "secrets", "namespace": namespace, "granted_by": "templates/rbac-own.yaml",
    });
    assert_eq!(json!(said(&log, MISSING)), json!([line]));
    assert_eq!(said(&log, "No right is missing any more").len(), 1);
    release.uninstall().await;
}

#[tokio::test]
async fn a_check_that_the_api_server_refuses_is_told_once() {
    let plane = ControlPlane::shared().await;
    let namespace = plane.namespace("operator").await;
    plane.service_account(&namespace, "operator").await;
    let kubeconfig = plane.kubeconfig_for(&namespace, "operator").await;
    let mut config: Value = serde_json::from_slice(&std::fs::read(&kubeconfig).unwrap()).unwrap();
    config["users"][0]["user"]["token"] = json!("of nobody");
    std::fs::write(&kubeconfig, config.to_string()).unwrap();

    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let process = start(&kubeconfig, &["--namespace", &namespace], &log);
    eventually(DEADLINE, "two more checks", async || {
        let more = said(&log, "Failed to check the operator's rights again").len();
        (more >= 2).then_some(()).ok_or_else(|| more.to_string())
    })
    .await;
    process
        .until(SOON, "/livez", "ok", |answer| answer.body == "ok\n")
        .await;
    let told = said(&log, "Failed to check the operator's rights, retrying");
    assert_eq!((told.len(), &told[0]["level"]), (1, &json!("WARN")));
    assert_eq!(said(&log, MISSING), []);
}

#[test]
fn the_code_that_needs_a_right_is_named_where_it_is_granted() {
    let mut named = 0;
    for template in ["rbac-own.yaml", "_helpers.tpl"] {
        let text = read(&format!("templates/{template}"));
        for file in text
            .split(|c: char| !(c.is_ascii_alphanumeric() || "/_.".contains(c)))
            .filter(|word| word.starts_with("src/"))
        {
            let file = file.trim_end_matches('.');
            let source = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
            assert!(source.is_file(), "{template} names {file}");
            named += 1;
        }
    }
    assert!(named >= 10, "{named}");
}
