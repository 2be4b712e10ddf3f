//! Does a renewed token reach pods in time: those that go on running, and those that are restarted for it?

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::Pod;
use kube::api::{ListParams, PostParams};
use kube::{Api, ResourceExt};
use salesforce_connector_operator::api::names;
use salesforce_connector_operator::api::spec::WorkloadKind;
use salesforce_connector_operator::settings::SecretWatch;
use salesforce_sim::default_world as world;
use serde_json::{Value, json};
use testbed::{ControlPlane, eventually};

use crate::stage::{DEADLINE, Stage, client_credentials, status, value};
use crate::workloads::{api, restarted};

const REPLICAS: usize = 3;

/// A kubelet with the settings that a kubelet has by default. It starts no containers, but writes volumes. Ended by drop.
struct Kubelet {
    node: String,
    dir: PathBuf,
    process: Child,
}

impl Kubelet {
    fn start(plane: &ControlPlane, namespace: &str) -> Self {
        let (node, dir) = (format!("node-of-{namespace}"), plane.scratch().join("kubelet"));
        std::fs::create_dir_all(&dir).unwrap();
        let log = std::fs::File::create(dir.join("log")).unwrap();
        let process = Command::new(plane.program("kubelet"))
            .args(["--node-name", &node, "--root-dir"])
            .arg(&dir)
            .arg("--kubeconfig")
            .arg(plane.kubeconfig_path())
            // It ends when this is closed, however this process ends.
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        Self { node, dir, process }
    }

    /// The access token that a pod finds in its volume.
    fn token_in(&self, pod: &Pod) -> Result<String, String> {
        let volume = self.dir.join("pods").join(pod.uid().unwrap());
        let file = volume.join("volumes/kubernetes.io~secret/salesforce/access_token");
        std::fs::read_to_string(&file).map_err(|error| {
            let log = std::fs::read_to_string(self.dir.join("log")).unwrap_or_default();
            let last = log.lines().last().unwrap_or("nothing");
            format!("{}: {error}; the kubelet's log ends: {last}", file.display())
        })
    }

    /// The spec of a pod on its node that has the token in a volume.
    fn pod(&self) -> Value {
        json!({
            "nodeName": self.node,
            "automountServiceAccountToken": false,
            "containers": [{
                "name": "main", "image": "example.com/main",
                "volumeMounts": [{ "name": "salesforce", "mountPath": "/salesforce" }],
            }],
            "volumes": [{ "name": "salesforce", "secret": { "secretName": "crm-salesforce" } }],
        })
    }
}

impl Drop for Kubelet {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// One pod that is never restarted, and a Deployment that is restarted for each new token.
async fn deploy(stage: &Stage, kubelet: &Kubelet) {
    let reader = json!({ "metadata": { "name": "reader" }, "spec": kubelet.pod() });
    let pods: Api<Pod> = Api::namespaced(stage.client.clone(), stage.namespace.name());
    let params = PostParams::default();
    pods.create(&params, &serde_json::from_value(reader).unwrap())
        .await
        .unwrap();
    let labels = json!({ "app": "web" });
    let web = json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": { "name": "web", "annotations": { names::RESTARTED_BY: "crm" } },
        "spec": {
            "replicas": REPLICAS,
            "minReadySeconds": 5,
            "strategy": { "rollingUpdate": { "maxSurge": 0, "maxUnavailable": 1 } },
            "selector": { "matchLabels": labels },
            "template": { "metadata": { "labels": labels }, "spec": kubelet.pod() },
        },
    });
    api(&stage.client, stage.namespace.name(), WorkloadKind::Deployment)
        .create(&params, &serde_json::from_value(web).unwrap())
        .await
        .unwrap();
}

/// Waits until this is the token of every pod, and the Deployment was restarted so often and runs nothing but new pods.
async fn until_everywhere(stage: &Stage, kubelet: &Kubelet, token: &str, restarts: i64, limit: Duration) {
    let pods: Api<Pod> = Api::namespaced(stage.client.clone(), stage.namespace.name());
    let deployments = api(&stage.client, stage.namespace.name(), WorkloadKind::Deployment);
    eventually(limit, "every pod has the token", async || {
        let web = deployments.get("web").await.map_err(|error| error.to_string())?;
        let rollout = &web.data["status"];
        let counts =
            ["updatedReplicas", "availableReplicas", "replicas"].map(|count| rollout[count].as_u64());
        let is_restarted = restarted(&web, "crm").0 == restarts;
        let is_observed = rollout["observedGeneration"].as_i64() == web.metadata.generation;
        if !is_restarted || !is_observed || counts != [Some(REPLICAS as u64); 3] {
            return Err(format!("the Deployment is at {rollout}"));
        }
        let found = pods.list(&ListParams::default()).await;
        let mut found = found.map_err(|error| error.to_string())?.items;
        found.retain(|pod| pod.metadata.deletion_timestamp.is_none());
        for pod in &found {
            if kubelet.token_in(pod)? != token {
                return Err(format!("{} has another token", pod.name_any()));
            }
        }
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_renewed_token_reaches_running_and_restarted_pods_before_the_former_one_ends() {
    let mut stage = Stage::bare(SecretWatch::ByName).await;
    if stage.plane.is_existing() {
        eprintln!("not tested: a node would join a cluster that is not of this test");
        return;
    }
    // Kubernetes' time is real, and so is the operator's.
    stage.speed = 1;
    stage.rollout_restarts = true;
    stage.upgrade("rolloutRestarts.enabled=true").await;
    stage.start_operator().await;
    stage.sim.world(|world| {
        world.switches.same_token_while_session_lives = false;
        // The shortest that Salesforce has, and with it the shortest margin.
        world.app(world::ECA).session_timeout = Some(Duration::from_mins(15));
    });
    stage.input("app", &[("client-secret", world::ECA_SECRET)]).await;
    let kubelet = Kubelet::start(&stage.plane, stage.namespace.name());
    deploy(&stage, &kubelet).await;
    let mut spec = client_credentials("app");
    spec["rolloutRestartTargets"] = json!([{ "kind": "Deployment", "name": "web" }]);
    spec["connectionTest"] = json!({ "interval": "24h" });
    stage.create("crm", spec).await;
    let former = status(&stage.ready("crm").await).token.unwrap();
    let former_token = value(&stage.secret("crm-salesforce").await, "access_token");
    until_everywhere(&stage, &kubelet, &former_token, 0, DEADLINE).await;

    // What it does of itself at the renewal time, and until when all must have followed.
    let margin = former.expiration_time.0.duration_since(former.renewal_time.0);
    let margin = Duration::try_from(margin).unwrap();
    let began = Instant::now();
    stage.annotate("crm", names::RENEW_REQUESTED_AT, "1").await;
    let token = stage
        .until_secret("there is another token", "crm-salesforce", |secret| {
            let token = value(secret, "access_token");
            (token != former_token).then_some(token)
        })
        .await;
    until_everywhere(&stage, &kubelet, &token, 1, margin).await;
    println!("all pods had the token after {:?} of {margin:?}", began.elapsed());
    assert!(began.elapsed() < margin);
    drop(kubelet);
    stage.finish().await;
}
