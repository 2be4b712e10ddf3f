//! What is asked of the cluster for a bundle? What may not be read is noted, and the rest is still collected.

use std::collections::{BTreeMap, BTreeSet};

use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind, ListParams};
use kube::{Client, ResourceExt};
use salesforce_connector_operator::api::names;
use salesforce_connector_operator::core::model::inputs::references;
use serde_json::{Value, json};

use crate::bundle::public;
use crate::cli::{BundleArgs, OutputFormat};
use crate::cluster::{Cluster, refusal};
use crate::command_error::CommandError;
use crate::show;
use crate::status::screen::{self, status};

const OPERATOR: &str = "app.kubernetes.io/name=salesforce-connector-operator";

/// A file of the bundle: path and content.
pub type Entry = (String, String);

/// What of an object is shown.
type Show = fn(&Value) -> Value;

/// Collects the files of a bundle.
pub struct Collector<'a> {
    cluster: &'a Cluster,
    args: &'a BundleArgs,
    entries: Vec<Entry>,
    /// What could not be read, and what helps; once for each kind and namespace.
    missing: Vec<String>,
}

impl<'a> Collector<'a> {
    pub fn new(cluster: &'a Cluster, args: &'a BundleArgs) -> Self {
        Self {
            cluster,
            args,
            entries: Vec::new(),
            missing: Vec::new(),
        }
    }

    /// Connectors must be there; everything else is taken where it can be had.
    pub async fn collect(mut self) -> Result<Vec<Entry>, CommandError> {
        let connectors = self.connectors().await?;
        let mut namespaces: BTreeSet<String> = connectors.iter().filter_map(ResourceExt::namespace).collect();
        namespaces.insert(self.cluster.namespace.clone());
        for connector in &connectors {
            let place = format!(
                "connectors/{}/{}",
                connector.namespace().unwrap_or_default(),
                connector.name_any()
            );
            let value = serde_json::to_value(connector).unwrap_or_default();
            self.add(&format!("{place}.yaml"), &public::connector(&value));
            if let Ok(read) = screen::read(connector) {
                let text = screen::screen(connector, jiff::Timestamp::now(), show::Paint::PLAIN);
                self.entries.push((format!("{place}.txt"), text));
                self.secrets(&place, &read).await;
            }
        }
        for namespace in &namespaces {
            self.events(namespace).await;
        }
        self.operator().await;
        if !self.missing.is_empty() {
            self.entries
                .push(("missing.txt".to_owned(), self.missing.join("\n\n") + "\n"));
        }
        Ok(self.entries)
    }

    async fn connectors(&self) -> Result<Vec<DynamicObject>, CommandError> {
        if self.args.all_namespaces {
            let all = self
                .cluster
                .connectors_everywhere()
                .list(&ListParams::default())
                .await;
            return all
                .map(|list| list.items)
                .map_err(|error| refusal("list", "salesforceconnectors", None, error));
        }
        if self.args.names.is_empty() {
            return self.cluster.list(None).await;
        }
        let mut found = Vec::new();
        for name in &self.args.names {
            found.push(self.cluster.get(name).await?);
        }
        Ok(found)
    }

    /// The metadata of the Secrets that a connector mentions, and whether they are there. Their data is never asked for.
    async fn secrets(
        &mut self,
        place: &str,
        connector: &salesforce_connector_operator::api::SalesforceConnector,
    ) {
        let namespace = connector.namespace().unwrap_or_default();
        let name = connector.name_any();
        let own = connector
            .spec
            .secret
            .name
            .clone()
            .unwrap_or_else(|| names::default_secret_name(&name));
        let mut mentioned: BTreeSet<String> = references(&connector.spec)
            .into_iter()
            .map(|reference| reference.name.clone())
            .collect();
        mentioned.insert(own);
        mentioned.extend(status(connector).secret_name);
        let api = api(&self.cluster.client, "", "v1", "Secret", &namespace);
        let mut secrets = BTreeMap::new();
        for name in mentioned {
            let found = match api.get_metadata_opt(&name).await {
                Ok(Some(found)) => public::secret(&serde_json::to_value(found.metadata).unwrap_or_default()),
                Ok(None) => json!("not found"),
                Err(error) => {
                    self.note("get", "secrets", &namespace, error);
                    continue;
                }
            };
            secrets.insert(name, found);
        }
        self.add(&format!("{place}.secrets.yaml"), &json!(secrets));
    }

    async fn events(&mut self, namespace: &str) {
        let api = api(&self.cluster.client, "events.k8s.io", "v1", "Event", namespace);
        let params = ListParams::default().fields("regarding.kind=SalesforceConnector");
        match api.list(&params).await {
            Ok(events) => self.add_all(
                &format!("events/{namespace}.yaml"),
                &events.items,
                public::connector,
            ),
            Err(error) => self.note("list", "events", namespace, error),
        }
    }

    /// Version and settings, as the Deployment has them: the values of a Helm release are in a Secret.
    async fn operator(&mut self) {
        let namespace = self.args.operator_namespace.clone();
        let client = self.cluster.client.clone();
        let params = ListParams::default().labels(OPERATOR);
        let kinds: [(&str, &str, &str, Show); 2] = [
            ("apps", "Deployment", "deployments", public::deployment),
            ("", "Pod", "pods", public::pod),
        ];
        for (group, kind, plural, show) in kinds {
            match api(&client, group, "v1", kind, &namespace).list(&params).await {
                Ok(found) => self.add_all(&format!("operator/{plural}.yaml"), &found.items, show),
                Err(error) => self.note("list", plural, &namespace, error),
            }
        }
        // One, or one for each shard and one more.
        let leases = api(&client, "coordination.k8s.io", "v1", "Lease", &namespace);
        match leases.list(&ListParams::default()).await {
            Ok(mut found) => {
                found
                    .items
                    .retain(|lease| lease.name_any().starts_with(names::LEASE));
                self.add_all("operator/leases.yaml", &found.items, public::connector);
            }
            Err(error) => self.note("list", "leases", &namespace, error),
        }
        match client.apiserver_version().await {
            Ok(version) => self.add("kubernetes.yaml", &json!({ "version": version.git_version })),
            Err(error) => self.note("get", "version", &namespace, error),
        }
    }

    fn add(&mut self, path: &str, value: &Value) {
        self.entries
            .push((path.to_owned(), show::text(value, OutputFormat::Yaml)));
    }

    fn add_all(&mut self, path: &str, objects: &[DynamicObject], show: Show) {
        let shown = objects
            .iter()
            .map(|object| show(&serde_json::to_value(object).unwrap_or_default()));
        self.add(path, &shown.collect::<Value>());
    }

    fn note(&mut self, verb: &str, resource: &str, namespace: &str, error: kube::Error) {
        let asked = format!("{verb} {resource} in {namespace}: ");
        if !self.missing.iter().any(|note| note.starts_with(&asked)) {
            let note = refusal(verb, resource, Some(namespace), error);
            self.missing.push(format!("{asked}{note}"));
        }
    }
}

fn api(client: &Client, group: &str, version: &str, kind: &str, namespace: &str) -> Api<DynamicObject> {
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
    Api::namespaced_with(client.clone(), namespace, &resource)
}
