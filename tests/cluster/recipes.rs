//! Do the recipes work as they stand in examples/recipes? Each runs as on a node, with the real client, and with the Secret that the
//! operator wrote.

mod pod;

use k8s_openapi::api::core::v1::Secret;
use salesforce_connector_operator::api::names;
use salesforce_sim::default_world as world;
use serde_json::json;
use testbed::eventually;

use crate::stage::{DEADLINE, Stage, client_credentials, value};
use pod::Pod;

/// As the recipes name it.
const SECRET: &str = "green-itr-salesforce";

async fn stage() -> Stage {
    let stage = Stage::at_speed(1).await;
    let app = [("client-secret", world::ECA_SECRET)];
    stage.input("green-itr-app", &app).await;
    let mut spec = client_credentials("green-itr-app");
    spec["secret"] = json!({ "formats": ["SalesforceCli"] });
    stage.create("green-itr", spec).await;
    stage.ready("green-itr").await;
    stage
}

/// Ends every session in Salesforce, and returns the Secret once the operator has written another token to it.
async fn renewed(stage: &Stage, before: &Secret) -> Secret {
    stage.sim.world(|world| {
        world.advance(std::time::Duration::from_secs(5));
        world.revoke_all_sessions();
    });
    stage.annotate("green-itr", names::RENEW_REQUESTED_AT, "1").await;
    let issued = value(before, "issued_at");
    stage
        .until_secret("another token", SECRET, |secret| {
            (value(secret, "issued_at") != issued).then(|| secret.clone())
        })
        .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_asks_salesforce_with_the_token_and_ends() {
    let stage = stage().await;
    let secret = stage.secret(SECRET).await;
    for file in JOBS {
        let mut pod = Pod::new(file, &stage.sim);
        pod.mount(&secret);
        pod.start(&secret);
        eventually(DEADLINE, &format!("{file} to end"), async || {
            pod.end().ok_or_else(|| pod.said())
        })
        .await;
        assert_eq!(pod.end(), Some(0), "{}", pod.said());
        assert!(pod.said().contains("Green ITR"), "{}", pod.said());
    }
    stage.finish().await;
}

const JOBS: &[&str] = &["curl-job.yaml"];

const DEPLOYMENTS: [&str; 4] = [
    "environment-variables.yaml",
    "jsforce.yaml",
    "mounted-file.yaml",
    "simple-salesforce.yaml",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deployment_goes_on_with_the_next_token_when_the_session_of_the_first_has_ended() {
    let stage = stage().await;
    let first = stage.secret(SECRET).await;
    let mut pods = DEPLOYMENTS.map(|file| Pod::new(file, &stage.sim));
    for pod in &mut pods {
        pod.mount(&first);
        pod.start(&first);
    }
    for pod in &mut pods {
        asks_with(pod, &first).await;
    }
    let second = renewed(&stage, &first).await;
    for pod in &mut pods {
        pod.mount(&second);
    }
    for pod in &mut pods {
        asks_with(pod, &second).await;
    }
    let restarted: Vec<_> = pods
        .iter()
        .filter(|pod| pod.starts() > 1)
        .map(Pod::file)
        .collect();
    assert_eq!(restarted, ["environment-variables.yaml"]);
    stage.finish().await;
}

/// Waits until Salesforce has answered a pod that used this token. A container that ends is started again, as the kubelet does.
async fn asks_with(pod: &mut Pod, secret: &Secret) {
    let issued = value(secret, "issued_at");
    let what = format!("{} asks with the token of {issued}", pod.file());
    eventually(DEADLINE, &what, async || {
        if let Some(code) = pod.end() {
            assert_ne!(code, 0, "{}", pod.said());
            pod.start(secret);
        }
        let said = pod.said();
        let answered =
            |line: &str| line.contains(&format!("token of {issued}: ")) && line.contains("Green ITR");
        said.lines().any(answered).then_some(()).ok_or(said)
    })
    .await;
}
