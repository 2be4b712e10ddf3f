//! How do replicas see each other? Each keeps writing a note on one Lease, and reads those of the others in the answer.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::Lease;
use kube::api::{ObjectMeta, Patch, PatchParams, PostParams};
use kube::{Api, Client};
use serde_json::json;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::api::names;
use crate::clock::boot_time;
use crate::error_chain::chain;
use crate::lease::LeaseSettings;
use crate::lease::elector::RELEASE_LIMIT;
use crate::lease::roster::Roster;
use crate::lease::shard::{Shard, ShardCount};

/// Shows that this replica is there, and tells which shards it should own.
#[derive(Debug)]
pub(super) struct Attendance {
    api: Api<Lease>,
    name: String,
    me: String,
    settings: LeaseSettings,
    shards: ShardCount,
    roster: Roster,
    replicas: BTreeSet<String>,
    /// Whether each shard should be owned by this replica, in their order.
    wanted: Vec<watch::Sender<bool>>,
    /// Whether the last call failed: only the first failure in a row is a warning.
    problem: bool,
}

impl Attendance {
    /// Of a replica called `me`, on the lease `name`.
    pub(super) fn of(
        client: Client,
        namespace: &str,
        name: String,
        me: &str,
        settings: LeaseSettings,
        shards: ShardCount,
    ) -> Self {
        Self {
            api: Api::namespaced(client, namespace),
            name,
            me: me.to_owned(),
            settings,
            shards,
            roster: Roster::new(me, settings),
            replicas: BTreeSet::new(),
            wanted: shards.all().map(|_| watch::Sender::new(false)).collect(),
            problem: false,
        }
    }

    /// Whether this replica should own a shard.
    pub(super) fn wanted(&self, shard: Shard) -> watch::Receiver<bool> {
        let sender = self.wanted.get(shard.index());
        sender.map_or_else(|| watch::channel(false).1, watch::Sender::subscribe)
    }

    /// Is there from when `ready` resolves until `stop` does. From then on others should own what was this replica's.
    pub(super) async fn run(mut self, ready: impl Future<Output = ()>, stop: impl Future<Output = ()>) {
        tokio::select! {
            () = self.show(ready) => {}
            () = stop => {}
        }
        let left = timeout(RELEASE_LIMIT, self.write(&self.roster.leave())).await;
        if !matches!(left, Ok(Ok(_))) {
            tracing::warn!(
                name = self.name,
                "Failed to tell other replicas of the end in time; they take over when the note is old"
            );
        }
    }

    async fn show(&mut self, ready: impl Future<Output = ()>) {
        ready.await;
        loop {
            let began = boot_time();
            self.look().await;
            let spent = boot_time().saturating_sub(began);
            sleep(self.settings.retry.saturating_sub(spent)).await;
        }
    }

    async fn look(&mut self) {
        let note = self.roster.write(Timestamp::now());
        match timeout(self.settings.call_limit(), self.write(&note)).await {
            Ok(Ok(annotations)) => {
                self.problem = false;
                self.roster.see(&annotations, boot_time());
                self.assign();
            }
            Ok(Err(error)) => self.failed(&chain(&error)),
            Err(_) => self.failed("no answer in time"),
        }
    }

    /// Writes annotations, and returns all that there are.
    async fn write(
        &self,
        annotations: &BTreeMap<String, Option<String>>,
    ) -> Result<BTreeMap<String, String>, kube::Error> {
        let patch = Patch::Merge(json!({ "metadata": { "annotations": annotations } }));
        let params = PatchParams {
            field_manager: Some(names::FIELD_MANAGER.to_owned()),
            ..PatchParams::default()
        };
        let written = match self.api.patch(&self.name, &params, &patch).await {
            Err(kube::Error::Api(status)) if status.is_not_found() => {
                let notes = annotations.iter();
                let notes = notes.filter_map(|(key, text)| Some((key.clone(), text.clone()?)));
                self.create(notes.collect()).await?
            }
            written => written?,
        };
        Ok(written.metadata.annotations.unwrap_or_default())
    }

    /// Of several replicas that create it one succeeds; the others come back to it.
    async fn create(&self, notes: BTreeMap<String, String>) -> Result<Lease, kube::Error> {
        let metadata = ObjectMeta {
            name: Some(self.name.clone()),
            annotations: Some(notes),
            ..ObjectMeta::default()
        };
        let lease = Lease { metadata, spec: None };
        self.api.create(&PostParams::default(), &lease).await
    }

    fn assign(&mut self) {
        let replicas = self.roster.replicas();
        if replicas
            .iter()
            .copied()
            .eq(self.replicas.iter().map(String::as_str))
        {
            return;
        }
        let owners = self.shards.owners(&replicas);
        for (owner, wanted) in owners.iter().zip(&self.wanted) {
            let own = *owner == Some(self.me.as_str());
            wanted.send_if_modified(|wanted| std::mem::replace(wanted, own) != own);
        }
        let own = self.shards.all().zip(&owners);
        let own = own.filter(|(_, owner)| **owner == Some(self.me.as_str()));
        let own: Vec<_> = own.map(|(shard, _)| shard.to_string()).collect();
        tracing::info!(
            identity = self.me,
            replicas = replicas.len(),
            shards = own.join(" "),
            "Replicas came or went; this one should own these shards"
        );
        self.replicas = replicas.into_iter().map(str::to_owned).collect();
    }

    fn failed(&mut self, error: &str) {
        let name = &self.name;
        if self.problem {
            tracing::debug!(name, error, "Failed to show that this replica is there");
        } else {
            tracing::warn!(
                name,
                error,
                "Failed to show that this replica is there; it is tried again"
            );
        }
        self.problem = true;
    }
}
