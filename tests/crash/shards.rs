//! Several replicas that share the namespaces: each works in its own, and no grant is lost when shards change hands.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::coordination::v1::Lease;
use kube::api::PostParams;
use kube::{Api, ResourceExt};
use salesforce_connector_operator::api::{SalesforceTokenCopy, names};
use salesforce_connector_operator::lease::shard::ShardCount;
use serde_json::json;
use testbed::eventually;

use crate::operator::{Operator, Setup};
use crate::stage::{DEADLINE, Stage};
use crate::tenant::Tenant;

const SHARDS: u8 = 4;
/// The `SalesforceTokenCopy` of each tenant.
const COPY: &str = "of-another";

/// A stage with a tenant in each shard, each with a connector whose grant rotates.
struct Town {
    stage: Stage,
    /// In the order of the shards.
    tenants: Vec<Tenant>,
    grants: Vec<u64>,
}

impl Town {
    async fn set() -> Self {
        let stage = Stage::set().await;
        let shards = ShardCount::new(SHARDS);
        let mut found = BTreeMap::new();
        while found.len() < SHARDS.into() {
            let namespace = stage.plane.namespace("tenant").await;
            found.entry(shards.shard_of(&namespace)).or_insert(namespace);
        }
        let tenant = |namespace| Tenant::new(stage.client.clone(), namespace, DEADLINE);
        Self {
            tenants: found.into_values().map(tenant).collect(),
            stage,
            grants: Vec::new(),
        }
    }

    fn start(&self, name: &'static str) -> Operator {
        let namespaces = self.tenants.iter();
        let setup = Setup {
            further: namespaces.map(|tenant| tenant.namespace.to_string()).collect(),
            shards: SHARDS,
            ..self.stage.setup(name)
        };
        Operator::start(&self.stage, &setup)
    }

    /// Connectors have names of their own, since a failpoint knows nothing else of them.
    async fn bring(&mut self) {
        for (shard, tenant) in self.tenants.iter().enumerate() {
            self.grants
                .push(self.stage.bring_to(tenant, &connector(shard)).await);
        }
    }

    async fn request_renewals(&self, request: &str) {
        for (shard, tenant) in self.tenants.iter().enumerate() {
            let connector = connector(shard);
            tenant
                .annotate(&connector, names::RENEW_REQUESTED_AT, request)
                .await;
        }
    }

    async fn healthy(&self, renewal: Option<&str>) {
        for (shard, tenant) in self.tenants.iter().enumerate() {
            self.stage.healthy_at(tenant, &connector(shard), renewal).await;
        }
    }

    /// Has each connector's token copied to the next tenant.
    async fn share(&self) {
        for (shard, tenant) in self.tenants.iter().enumerate() {
            let taker = self.taker(shard);
            let offer = json!({ "spec": { "sharing": { "namespaces": [taker.namespace.name()] } } });
            tenant.merge(&connector(shard), offer).await;
            let from = json!({ "namespace": tenant.namespace.name(), "name": connector(shard) });
            let copy = serde_json::from_value(json!({
                "apiVersion": "salesforce-connector.dev/v1alpha1", "kind": "SalesforceTokenCopy",
                "metadata": { "name": COPY }, "spec": { "from": from },
            }));
            let copies: Api<SalesforceTokenCopy> =
                Api::namespaced(self.stage.client.clone(), taker.namespace.name());
            copies
                .create(&PostParams::default(), &copy.unwrap())
                .await
                .unwrap();
        }
    }

    /// The tenant that takes the token of this shard's connector.
    fn taker(&self, shard: usize) -> &Tenant {
        &self.tenants[(shard + 1) % usize::from(SHARDS)]
    }

    /// Waits until every copy is the connector's Secret.
    async fn until_copied(&self) {
        for (shard, tenant) in self.tenants.iter().enumerate() {
            let original = tenant
                .secrets()
                .get(&format!("{}-salesforce", connector(shard)))
                .await;
            let token = original.unwrap().data.unwrap().remove("access_token");
            let secrets = self.taker(shard).secrets();
            let what = format!("the token of {} to be copied", connector(shard));
            eventually(DEADLINE, &what, async || {
                let copy = secrets.get(&format!("{COPY}-salesforce")).await;
                let data = copy.map_err(|error| error.to_string())?.data.unwrap_or_default();
                let copied = data.get("access_token") == token.as_ref();
                copied.then_some(()).ok_or("another token is there".to_owned())
            })
            .await;
        }
    }

    /// Each grant was imported, and renewed so often: nobody has done it twice.
    fn assert_presented(&self, renewals: usize) {
        let presented: Vec<_> = self
            .grants
            .iter()
            .map(|grant| self.stage.presented(*grant))
            .collect();
        assert_eq!(presented, vec![1 + renewals; SHARDS.into()]);
        self.stage.assert_nothing_burned();
    }

    /// Who holds the Lease of each shard.
    async fn holders(&self) -> Vec<String> {
        let leases: Api<Lease> = Api::namespaced(self.stage.client.clone(), self.stage.home.name());
        let mut holders = Vec::new();
        for shard in 0..SHARDS {
            let name = format!("salesforce-connector-operator-shard-{shard}-of-{SHARDS}");
            let holder = leases.get(&name).await.unwrap().spec.unwrap().holder_identity;
            let holder = holder.unwrap_or_default();
            let pod = holder.split_once('_').map(|(pod, _)| pod.to_owned());
            holders.push(pod.unwrap_or(holder));
        }
        holders
    }

    async fn finish(self) {
        let leases: Api<Lease> = Api::namespaced(self.stage.client.clone(), self.stage.home.name());
        let leases = leases.list(&kube::api::ListParams::default()).await.unwrap();
        let leases: BTreeSet<_> = leases.items.iter().map(ResourceExt::name_any).collect();
        assert_eq!(leases.len(), usize::from(SHARDS) + 1, "{leases:?}");
        self.stage.finish().await;
    }
}

fn connector(shard: usize) -> String {
    format!("crm-{shard}")
}

/// Waits until these replicas own all shards, with so many each, and returns which.
async fn until_shared(operators: &[&Operator], loads: &[usize]) -> Vec<BTreeSet<u8>> {
    eventually(
        DEADLINE,
        &format!("the shards to be shared as {loads:?}"),
        async || {
            let mut owned = Vec::new();
            for operator in operators {
                owned.push(operator.owned().await?);
            }
            let mut found: Vec<_> = owned.iter().map(BTreeSet::len).collect();
            found.sort_unstable();
            let all: BTreeSet<_> = owned.iter().flatten().collect();
            (found == loads && all.len() == usize::from(SHARDS))
                .then_some(owned.clone())
                .ok_or(format!("{owned:?}"))
        },
    )
    .await
}

/// The shards that a replica has run passes in.
fn worked_in(operator: &Operator) -> BTreeSet<u8> {
    let lines = operator.lines().into_iter();
    let connectors = lines.filter_map(|line| Some(line["span"]["connector"].as_str()?.to_owned()));
    connectors
        .filter_map(|connector| connector.split_once("/crm-")?.1.parse().ok())
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_that_come_die_and_leave_share_the_shards_and_lose_no_grant() {
    let mut town = Town::set().await;
    let first = town.start("first");
    let second = town.start("second");
    let owned = until_shared(&[&first, &second], &[2, 2]).await;
    town.bring().await;
    town.healthy(None).await;
    assert_eq!([worked_in(&first), worked_in(&second)].as_slice(), &owned[..]);
    town.assert_presented(0);

    let mut third = town.start("third");
    until_shared(&[&first, &second, &third], &[1, 1, 2]).await;
    town.request_renewals("1").await;
    town.healthy(Some("1")).await;
    town.assert_presented(1);

    second.kill();
    until_shared(&[&first, &third], &[2, 2]).await;
    town.request_renewals("2").await;
    town.healthy(Some("2")).await;
    town.assert_presented(2);

    third.terminate();
    third.ended().await;
    until_shared(&[&first], &[4]).await;
    town.request_renewals("3").await;
    town.healthy(Some("3")).await;
    town.assert_presented(3);
    town.finish().await;
}

/// A copy is the work of whoever owns the connector's namespace, not its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_gets_to_the_namespace_of_another_replica_and_follows_when_shards_change_hands() {
    let mut town = Town::set().await;
    let first = town.start("first");
    let second = town.start("second");
    until_shared(&[&first, &second], &[2, 2]).await;
    town.bring().await;
    town.healthy(None).await;
    town.share().await;
    town.until_copied().await;
    town.request_renewals("1").await;
    town.healthy(Some("1")).await;
    town.until_copied().await;

    second.kill();
    until_shared(&[&first], &[4]).await;
    town.request_renewals("2").await;
    town.healthy(Some("2")).await;
    town.until_copied().await;
    town.assert_presented(2);
    town.finish().await;
}

/// The replica that should own a shard waits for what is in progress there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shard_is_handed_over_once_the_results_of_its_redeems_are_stored_and_not_before() {
    let mut town = Town::set().await;
    let first = town.start("first");
    town.bring().await;
    town.healthy(None).await;
    for shard in 0..SHARDS.into() {
        town.stage.pause(&connector(shard), "after-Send");
    }
    town.request_renewals("1").await;
    for (shard, tenant) in town.tenants.iter().enumerate() {
        town.stage
            .reached_at(tenant, &connector(shard), "after-Send")
            .await;
    }
    let second = town.start("second");
    second
        .says("Replicas came or went; this one should own these shards", 1)
        .await;
    let kept = eventually(DEADLINE, "the first to begin nothing in two shards", async || {
        let owned = first.owned().await?;
        (owned.len() == 2)
            .then_some(owned.clone())
            .ok_or(format!("{owned:?}"))
    })
    .await;
    // For longer than a lease lasts by itself.
    first_renews(&town, 15).await;
    assert_eq!(town.holders().await, ["first"; SHARDS as usize]);
    assert_eq!(second.owned().await.unwrap(), BTreeSet::new());

    for shard in 0..SHARDS.into() {
        town.stage.resume(&connector(shard), "after-Send");
    }
    let owned = until_shared(&[&first, &second], &[2, 2]).await;
    assert_eq!(owned[0], kept);
    town.healthy(Some("1")).await;
    town.assert_presented(1);
    town.finish().await;
}

/// Waits until the Lease of the first shard was renewed so often.
async fn first_renews(town: &Town, times: usize) {
    let leases: Api<Lease> = Api::namespaced(town.stage.client.clone(), town.stage.home.name());
    let name = format!("salesforce-connector-operator-shard-0-of-{SHARDS}");
    let mut seen = BTreeSet::new();
    eventually(DEADLINE, "the lease to be renewed", async || {
        seen.insert(leases.get(&name).await.unwrap().metadata.resource_version);
        (seen.len() > times)
            .then_some(())
            .ok_or_else(|| format!("{seen:?}"))
    })
    .await;
}
