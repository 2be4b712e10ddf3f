//! Which cluster is asked, and what do its refusals mean to a person?

use kube::api::{Api, ApiResource, DynamicObject, ListParams, Patch, PatchParams};
use kube::config::{Config, KubeConfigOptions, Kubeconfig};
use kube::runtime::watcher;
use salesforce_connector_operator::api::SalesforceConnector;
use serde_json::Value;

use crate::cli::AccessFlags;
use crate::command_error::CommandError;

/// Field manager of the plugin's writes.
pub const FIELD_MANAGER: &str = "kubectl-salesforce";

/// The API server, and the namespace that is asked about.
#[derive(Clone)]
pub struct Cluster {
    pub client: kube::Client,
    pub namespace: String,
}

/// The resource as an untyped one: an object that this version can't read is still shown.
pub fn resource() -> ApiResource {
    ApiResource::erase::<SalesforceConnector>(&())
}

pub fn is_suspended(object: &DynamicObject) -> bool {
    object.data.pointer("/spec/suspend") == Some(&Value::Bool(true))
}

impl Cluster {
    pub async fn connect(flags: &AccessFlags) -> Result<Self, CommandError> {
        let config = config(flags).await.map_err(|error| {
            CommandError::Cluster(format!("{error}. Check --kubeconfig, KUBECONFIG and --context."))
        })?;
        let namespace = flags
            .namespace
            .clone()
            .unwrap_or_else(|| config.default_namespace.clone());
        let client = kube::Client::try_from(config)
            .map_err(|error| CommandError::Cluster(format!("failed to use the kubeconfig: {error}")))?;
        Ok(Self { client, namespace })
    }

    pub fn connectors(&self) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), &self.namespace, &resource())
    }

    pub fn connectors_everywhere(&self) -> Api<DynamicObject> {
        Api::all_with(self.client.clone(), &resource())
    }

    pub async fn get(&self, name: &str) -> Result<DynamicObject, CommandError> {
        let found = self.connectors().get(name).await;
        found.map_err(|error| self.refusal("get", error))
    }

    pub async fn list(&self, selector: Option<&str>) -> Result<Vec<DynamicObject>, CommandError> {
        let params = ListParams::default().labels(selector.unwrap_or_default());
        let found = self.connectors().list(&params).await;
        found
            .map(|list| list.items)
            .map_err(|error| self.refusal("list", error))
    }

    pub async fn patch(&self, name: &str, patch: Value) -> Result<DynamicObject, CommandError> {
        let params = PatchParams {
            field_manager: Some(FIELD_MANAGER.to_owned()),
            ..PatchParams::default()
        };
        let patched = self.connectors().patch(name, &params, &Patch::Merge(patch)).await;
        patched.map_err(|error| self.refusal("patch", error))
    }

    pub fn refusal(&self, verb: &str, error: kube::Error) -> CommandError {
        refusal(verb, "salesforceconnectors", Some(&self.namespace), error)
    }
}

async fn config(flags: &AccessFlags) -> Result<Config, Box<dyn std::error::Error>> {
    let kubeconfig = match &flags.kubeconfig {
        Some(path) => Kubeconfig::read_from(path)?,
        None => Kubeconfig::read()?,
    };
    let options = KubeConfigOptions {
        context: flags.context.clone(),
        cluster: flags.cluster.clone(),
        user: flags.user.clone(),
    };
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &options).await?;
    if let Some(user) = &flags.impersonate {
        config.auth_info.impersonate = Some(user.clone());
        config.auth_info.impersonate_groups =
            (!flags.impersonate_groups.is_empty()).then(|| flags.impersonate_groups.clone());
    }
    // A person waits: what fails is said at once.
    config.default_retry = false;
    Ok(config)
}

/// An error of a watch that trying again does not end: the API server answers, and refuses.
pub fn final_refusal(error: watcher::Error) -> Option<kube::Error> {
    match error {
        watcher::Error::InitialListFailed(error) | watcher::Error::WatchStartFailed(error) => {
            matches!(&error, kube::Error::Api(status) if (400..429).contains(&status.code) && status.code != 410).then_some(error)
        }
        _ => None,
    }
}

/// What an error of the API server means, and what helps.
pub fn refusal(verb: &str, resource: &str, namespace: Option<&str>, error: kube::Error) -> CommandError {
    let status = match error {
        kube::Error::Api(status) => status,
        error => {
            let cause = salesforce_connector_operator::error_chain::chain(&error);
            return CommandError::Cluster(format!("failed to reach the API server: {cause}"));
        }
    };
    let place = namespace.map_or_else(
        || "in all namespaces".to_owned(),
        |name| format!("in namespace {name}"),
    );
    let named = status
        .details
        .as_ref()
        .is_some_and(|details| !details.name.is_empty());
    match status.code {
        403 if status.reason == "Forbidden" && !named_by_policy(&status.message) => {
            CommandError::Cluster(forbidden(verb, resource, namespace, &status.message))
        }
        404 if named => CommandError::Usage(format!("{} ({place}). Check the name and --namespace.", status.message)),
        404 => CommandError::Cluster(
            "the cluster has no SalesforceConnectors. Install the operator, which installs the CRD, or check --context."
                .to_owned(),
        ),
        _ => CommandError::Cluster(format!("the API server refused the request: {}", status.message)),
    }
}

/// Whether an admission policy refuses, and not a lack of rights.
fn named_by_policy(message: &str) -> bool {
    message.contains("ValidatingAdmissionPolicy") || message.contains("admission webhook")
}

const WITH_CHART: &str = ", which has it if the chart was installed with rbac.aggregateToDefaultRoles";

fn forbidden(verb: &str, resource: &str, namespace: Option<&str>, message: &str) -> String {
    let group = match resource {
        "salesforceconnectors" => "salesforce-connector.dev",
        "events" => "events.k8s.io",
        "deployments" => "apps",
        "leases" => "coordination.k8s.io",
        _ => "",
    };
    let kind = if namespace.is_some() {
        "Role"
    } else {
        "ClusterRole"
    };
    let place = namespace.map_or_else(
        || "for the whole cluster".to_owned(),
        |namespace| format!("in {namespace}"),
    );
    let role = match (resource, verb) {
        ("salesforceconnectors", "get" | "list" | "watch") => {
            format!(", or the ClusterRole view {place}{WITH_CHART}")
        }
        ("salesforceconnectors", _) => format!(", or the ClusterRole edit {place}{WITH_CHART}"),
        _ => String::new(),
    };
    format!(
        "{message}\nThe missing rule of a {kind} is:\n  apiGroups: [\"{group}\"]\n  resources: [\"{resource}\"]\n  verbs: \
         [\"{verb}\"]\nAsk an administrator to bind you a {kind} with this rule{role}."
    )
}
