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

const JOBS: [&str; 2] = ["curl-job.yaml", "salesforce-cli.yaml"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_asks_salesforce_with_the_token_and_its_next_pod_with_the_next_token() {
    let stage = stage().await;
    let first = stage.secret(SECRET).await;
    let mut pods = JOBS.map(|file| Pod::new(file, &stage.sim));
    for pod in &mut pods {
        pod.mount(&first);
        pod.start(&first);
        assert_eq!(ended(pod).await, 0, "{}", pod.said());
        assert!(pod.said().contains("Green ITR"), "{}", pod.said());
    }
    let second = renewed(&stage, &first).await;
    for file in JOBS {
        // Its Secret was read when the session had ended, and before the operator had renewed the token.
        let mut late = Pod::new(file, &stage.sim);
        late.mount(&first);
        late.start(&first);
        assert_ne!(ended(&late).await, 0, "{}", late.said());
        assert!(!late.said().contains("Green ITR"), "{}", late.said());
        let mut next = Pod::new(file, &stage.sim);
        next.mount(&second);
        next.start(&second);
        assert_eq!(ended(&next).await, 0, "{}", next.said());
        assert!(next.said().contains("Green ITR"), "{}", next.said());
    }
    stage.finish().await;
}

/// Waits until the container of a Job has ended, and returns its exit code.
async fn ended(pod: &Pod) -> i32 {
    eventually(DEADLINE, &format!("{} to end", pod.file()), async || {
        pod.end().ok_or_else(|| pod.said())
    })
    .await
}

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
