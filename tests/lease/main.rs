//! Leader election on a real API server: races, partitions, calls that hang, hand-over, and what a follower leaves alone.

#![expect(clippy::unwrap_used, reason = "this is a test")]

#[path = "../support/context.rs"]
mod context;
#[path = "../support/leak.rs"]
mod leak;
mod process;

use std::future::ready;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::join_all;
use k8s_openapi::api::coordination::v1::Lease;
use kube::api::PostParams;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Config};
use salesforce_client::ClientSettings;
use salesforce_connector_operator::api::{SalesforceConnector, crd, names};
use salesforce_connector_operator::clock::Clock;
use salesforce_connector_operator::lease::shard::ShardCount;
use salesforce_connector_operator::lease::{Electors, LeaseSettings, LeaseState, Role};
use salesforce_connector_operator::shell::context::Context;
use salesforce_connector_operator::shell::controller;
use serde_json::json;
use testbed::proxy::TcpProxy;
use testbed::{ControlPlane, TestNamespace, eventually};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// How long a test waits for anything.
const DEADLINE: Duration = Duration::from_mins(1);

/// 2 s, 1.5 s, 0.2 s.
fn short() -> LeaseSettings {
    let millis = Duration::from_millis;
    LeaseSettings::new(millis(2_000), millis(1_500), millis(200)).unwrap()
}

/// A lease that does not expire within a test: who gets it was handed it.
fn endless() -> LeaseSettings {
    let seconds = Duration::from_secs;
    LeaseSettings::new(seconds(3_000), seconds(2_000), Duration::from_millis(200)).unwrap()
}

async fn config(kubeconfig: &Path) -> Config {
    let kubeconfig = Kubeconfig::read_from(kubeconfig).unwrap();
    let options = KubeConfigOptions::default();
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &options)
        .await
        .unwrap();
    config.proxy_url = None;
    config
}

/// Who became what, in order.
type Log = Arc<Mutex<Vec<(&'static str, Role)>>>;

struct Candidate {
    state: LeaseState,
    stop: oneshot::Sender<()>,
    drained: oneshot::Sender<()>,
    election: JoinHandle<()>,
}

impl Candidate {
    fn start(
        name: &'static str,
        config: Config,
        namespace: &str,
        settings: LeaseSettings,
        log: &Log,
    ) -> Self {
        let electors = Electors::new(config, namespace, name, settings, ShardCount::ONE).unwrap();
        let state = electors.ownership().first_lease();
        let (stop, stopped) = oneshot::channel::<()>();
        let (drained, drain) = oneshot::channel::<()>();
        let election = tokio::spawn(electors.run(
            ready(()),
            |_| ready(()),
            async { drop(stopped.await) },
            async { drop(drain.await) },
        ));
        let (mut changes, log) = (state.clone(), log.clone());
        tokio::spawn(async move {
            loop {
                let role = changes.changed().await;
                log.lock().unwrap().push((name, role));
            }
        });
        Self {
            state,
            stop,
            drained,
            election,
        }
    }

    async fn until(&self, role: Role) {
        eventually(DEADLINE, &format!("the candidate to be {role:?}"), async || {
            (self.state.role() == role)
                .then_some(())
                .ok_or_else(|| format!("{:?}", self.state.role()))
        })
        .await;
    }

    /// Stops it as SIGTERM does, with nothing in progress.
    async fn leave(self) {
        drop(self.drained);
        drop(self.stop);
        tokio::time::timeout(DEADLINE, self.election)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(self.state.role(), Role::Follower);
        assert_eq!(self.state.lease_left(), Duration::ZERO);
    }
}

/// Looks all the time whether both lead at once.
fn watch_for_two(one: &Candidate, other: &Candidate) -> JoinHandle<()> {
    let (one, other) = (one.state.clone(), other.state.clone());
    tokio::spawn(async move {
        loop {
            // The first is asked again, since the lease may pass on between two questions.
            assert!(!(one.leads() && other.leads() && one.leads()), "two leaders");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
}

async fn leases(plane: &ControlPlane, namespace: &TestNamespace) -> Api<Lease> {
    Api::namespaced(plane.client().await, namespace.name())
}

/// Holder and transitions.
async fn record(leases: &Api<Lease>) -> (String, i32) {
    let spec = leases.get(names::LEASE).await.unwrap().spec.unwrap();
    (spec.holder_identity.unwrap(), spec.lease_transitions.unwrap())
}

/// Waits until the lease was renewed `times`.
async fn renewals(leases: &Api<Lease>, times: usize) {
    let mut seen = std::collections::BTreeSet::new();
    eventually(DEADLINE, "the lease to be renewed", async || {
        let lease = leases
            .get(names::LEASE)
            .await
            .map_err(|error| error.to_string())?;
        seen.insert(lease.metadata.resource_version);
        (seen.len() > times)
            .then_some(())
            .ok_or_else(|| format!("{seen:?}"))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_candidates_for_an_expired_lease_exactly_one_wins_every_race() {
    let plane = ControlPlane::shared().await;
    let config = config(plane.kubeconfig_path()).await;
    let race = async |_: usize| {
        let namespace = plane.namespace("race").await;
        let leases = leases(plane, &namespace).await;
        let expired = json!({
            "metadata": { "name": names::LEASE },
            "spec": { "holderIdentity": "gone", "leaseDurationSeconds": 1, "leaseTransitions": 7 },
        });
        let expired = serde_json::from_value(expired).unwrap();
        leases.create(&PostParams::default(), &expired).await.unwrap();

        let log = Log::default();
        let one = Candidate::start("one", config.clone(), &namespace, endless(), &log);
        let other = Candidate::start("other", config.clone(), &namespace, endless(), &log);
        let two = watch_for_two(&one, &other);
        eventually(DEADLINE, "a winner", async || {
            let roles = [one.state.role(), other.state.role()];
            roles
                .contains(&Role::Leader)
                .then_some(())
                .ok_or_else(|| format!("{roles:?}"))
        })
        .await;
        renewals(&leases, 3).await; // the other has looked meanwhile
        let winner = if one.state.leads() { "one" } else { "other" };
        assert_eq!(record(&leases).await, (winner.to_owned(), 8));
        assert_eq!(*log.lock().unwrap(), [(winner, Role::Leader)]);
        two.abort();
        assert!(two.await.unwrap_err().is_cancelled(), "there were two leaders");
        one.leave().await;
        other.leave().await;
    };
    join_all((0..20).map(race)).await;
}

#[derive(Debug, Clone, Copy)]
enum Fault {
    Cut,
    Blackhole,
}

/// The leader is parted from the API server, the other takes over, the link heals, the other leaves.
async fn a_parted_leader_steps_down_before_the_other_takes_over(fault: Fault) {
    let plane = ControlPlane::shared().await;
    let namespace = plane.namespace("parted").await;
    let leases = leases(plane, &namespace).await;
    let proxy = TcpProxy::to(plane.api_server_address()).await;
    let through = plane.kubeconfig_through(plane.kubeconfig_path(), proxy.address());
    let log = Log::default();

    let first = Candidate::start("first", config(&through).await, &namespace, short(), &log);
    first.until(Role::Leader).await;
    let direct = config(plane.kubeconfig_path()).await;
    let second = Candidate::start("second", direct, &namespace, short(), &log);
    let two = watch_for_two(&first, &second);
    renewals(&leases, 3).await;
    log.lock().unwrap().clear();

    match fault {
        Fault::Cut => proxy.cut(),
        Fault::Blackhole => proxy.blackhole(),
    }
    let parted = std::time::Instant::now();
    first.until(Role::Follower).await;
    let down = parted.elapsed();
    second.until(Role::Leader).await;
    println!(
        "{fault:?}: stepped down after {down:?}, taken over after {:?}",
        parted.elapsed()
    );
    // Those who are told of a change hear of it a little later.
    eventually(DEADLINE, "both changes to be told", async || {
        let told = log.lock().unwrap().clone();
        (told.len() >= 2).then_some(()).ok_or_else(|| format!("{told:?}"))
    })
    .await;
    let expected = [("first", Role::Follower), ("second", Role::Leader)];
    assert_eq!(*log.lock().unwrap(), expected);

    proxy.heal();
    renewals(&leases, 3).await;
    assert_eq!(
        (first.state.role(), second.state.role()),
        (Role::Follower, Role::Leader)
    );
    second.leave().await;
    first.until(Role::Leader).await;
    assert_eq!(record(&leases).await, ("first".to_owned(), 2));
    two.abort();
    assert!(two.await.unwrap_err().is_cancelled(), "there were two leaders");
    first.leave().await;
    assert_eq!(record(&leases).await, (String::new(), 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_is_cut_off_steps_down_before_the_other_takes_over() {
    a_parted_leader_steps_down_before_the_other_takes_over(Fault::Cut).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_whose_calls_hang_steps_down_before_the_other_takes_over() {
    a_parted_leader_steps_down_before_the_other_takes_over(Fault::Blackhole).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_stops_hands_the_lease_over() {
    let plane = ControlPlane::shared().await;
    let namespace = plane.namespace("handover").await;
    let config = config(plane.kubeconfig_path()).await;
    let log = Log::default();
    let first = Candidate::start("first", config.clone(), &namespace, endless(), &log);
    first.until(Role::Leader).await;
    let second = Candidate::start("second", config, &namespace, endless(), &log);
    renewals(&leases(plane, &namespace).await, 3).await;
    assert_eq!(second.state.role(), Role::Follower);
    first.leave().await;
    let left = std::time::Instant::now();
    second.until(Role::Leader).await;
    println!("handed over {:?} after the release", left.elapsed());
    second.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_lease_is_kept_but_not_used_until_what_is_in_progress_has_ended() {
    let plane = ControlPlane::shared().await;
    let namespace = plane.namespace("drain").await;
    let leases = leases(plane, &namespace).await;
    let config = config(plane.kubeconfig_path()).await;
    let log = Log::default();
    let first = Candidate::start("first", config.clone(), &namespace, short(), &log);
    first.until(Role::Leader).await;
    let second = Candidate::start("second", config, &namespace, short(), &log);
    let Candidate {
        state,
        stop,
        drained,
        election,
    } = first;
    drop(stop);
    eventually(DEADLINE, "the first to lead no more", async || {
        (!state.leads())
            .then_some(())
            .ok_or_else(|| "it leads".to_owned())
    })
    .await;
    renewals(&leases, 15).await; // for longer than the lease lasts by itself
    assert_eq!(record(&leases).await, ("first".to_owned(), 0));
    assert_eq!(second.state.role(), Role::Follower);
    drop(drained);
    second.until(Role::Leader).await;
    election.await.unwrap();
    second.leave().await;
}

/// The controller of a candidate, as the process runs it.
async fn context(
    plane: &ControlPlane,
    home: &TestNamespace,
    tenant: &TestNamespace,
    lease: LeaseState,
) -> Arc<Context> {
    let settings = context::settings(home.name(), vec![tenant.name().to_owned()]);
    let salesforce = ClientSettings::default();
    context::build(plane.client().await, lease, salesforce, Clock::real(), settings).await
}

/// The generation that the connector's status speaks of.
async fn reported(connectors: &Api<SalesforceConnector>) -> Option<i64> {
    connectors.get("crm").await.unwrap().status?.observed_generation
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_follower_knows_every_connector_and_works_on_them_once_it_leads() {
    let plane = ControlPlane::shared().await;
    plane.install_crd(&crd::crd()).await;
    let (home, tenant) = (plane.namespace("home").await, plane.namespace("tenant").await);
    let config = config(plane.kubeconfig_path()).await;
    let leases = leases(plane, &home).await;
    let log = Log::default();
    let leader = Candidate::start("leader", config.clone(), &home, endless(), &log);
    leader.until(Role::Leader).await;
    let follower = Candidate::start("follower", config, &home, endless(), &log);
    let context = context(plane, &home, &tenant, follower.state.clone()).await;
    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn(controller::run(context.clone(), async { drop(stopped.await) }));

    let connectors: Api<SalesforceConnector> = Api::namespaced(plane.client().await, tenant.name());
    let connector = json!({
        "apiVersion": "salesforce-connector.dev/v1alpha1",
        "kind": "SalesforceConnector",
        "metadata": { "name": "crm" },
        "spec": {
            "host": "example.my.salesforce.com",
            "app": { "clientId": "id", "clientSecretRef": { "name": "no-such-secret", "key": "secret" } },
            "auth": { "clientCredentials": {} },
        },
    });
    let connector = serde_json::from_value(connector).unwrap();
    connectors
        .create(&PostParams::default(), &connector)
        .await
        .unwrap();
    eventually(DEADLINE, "the follower to know the connector", async || {
        let count: usize = context
            .connectors
            .stores()
            .iter()
            .map(kube::runtime::reflector::Store::len)
            .sum();
        (count == 1).then_some(()).ok_or_else(|| count.to_string())
    })
    .await;
    renewals(&leases, 5).await;
    assert_eq!(reported(&connectors).await, Some(-1)); // as the CRD defaults it

    leader.leave().await;
    eventually(DEADLINE, "the new leader to report", async || {
        let generation = reported(&connectors).await;
        (generation == Some(1))
            .then_some(())
            .ok_or_else(|| format!("{generation:?}"))
    })
    .await;
    drop(stop);
    running.await.unwrap();
    follower.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_controller_that_is_stopped_before_it_has_listed_the_connectors_ends() {
    let plane = ControlPlane::shared().await;
    plane.install_crd(&crd::crd()).await;
    let home = plane.namespace("early").await;
    let context = context(plane, &home, &home, LeaseState::sole()).await;
    let running = controller::run(context, std::future::ready(()));
    tokio::time::timeout(DEADLINE, running).await.expect("it ends");
}
