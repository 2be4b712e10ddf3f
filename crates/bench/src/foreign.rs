//! How much does the operator grow by Secrets that are none of its business?

use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::api::PostParams;
use serde_json::json;

use crate::fleet::secret;
use crate::operator::{self, Mode, Operator};
use crate::plane::Plane;
use crate::programs::Programs;
use crate::scale::Scale;
use crate::{Failed, parallel};

const FOREIGN_BYTES: usize = 20 * 1024;

/// Growth in MB by Secrets that are none of the operator's business.
pub(crate) struct Foreign {
    /// In mode `ByName`: started after they were there, against before.
    pub(crate) by_name: f64,
    /// In mode `Watch`: while they were created.
    pub(crate) watch_running: f64,
    /// In mode `Watch`: started after they were there, against before.
    pub(crate) watch_started: f64,
}

pub(crate) async fn measure(programs: &Programs, scale: &Scale) -> Result<(Foreign, String), Failed> {
    let count = scale.foreign;
    eprintln!("bench: {count} foreign Secrets of 20 KiB: control plane, simulator");
    let plane = Plane::start(&programs.simulator, Mode::Watch.as_str(), 1).await?;
    let fleet = plane.fleet();
    fleet.create_inputs(0..1).await?;
    fleet.create_connectors(0..1).await?;
    let by_name_before = memory(programs, scale, &plane, Mode::ByName, "by-name-before").await?;

    let watch = idle(programs, scale, &plane, Mode::Watch, "watch-before").await?;
    let watch_before = watch.memory()?.now;
    eprintln!("bench: they are created");
    create_foreign(&plane, count).await?;
    tokio::time::sleep(scale.settle).await;
    let watch_after = watch.memory()?.now;
    watch.terminate().await?;

    eprintln!("bench: the operator starts where they are");
    let watch_started = memory(programs, scale, &plane, Mode::Watch, "watch-after").await?;
    let by_name_after = memory(programs, scale, &plane, Mode::ByName, "by-name-after").await?;
    let foreign = Foreign {
        by_name: by_name_after - by_name_before,
        watch_running: watch_after - watch_before,
        watch_started: watch_started - watch_before,
    };
    Ok((foreign, plane.version().await?))
}

/// Starts the operator and lets it come to rest.
async fn idle(
    programs: &Programs,
    scale: &Scale,
    plane: &Plane,
    mode: Mode,
    stage: &str,
) -> Result<Operator, Failed> {
    let log = operator::log(plane, programs.logs.as_ref(), stage)?;
    let mut operator = Operator::start(&programs.operator, plane, mode, &log)?;
    operator.leads().await?;
    plane.fleet().all_ready(1).await?;
    tokio::time::sleep(scale.settle).await;
    Ok(operator)
}

/// Resident memory of an operator that was started anew, in MB.
async fn memory(
    programs: &Programs,
    scale: &Scale,
    plane: &Plane,
    mode: Mode,
    stage: &str,
) -> Result<f64, Failed> {
    let operator = idle(programs, scale, plane, mode, stage).await?;
    let memory = operator.memory()?.now;
    operator.terminate().await?;
    Ok(memory)
}

async fn create_foreign(plane: &Plane, count: usize) -> Result<(), Failed> {
    let namespace = plane.another_namespace().await;
    let values = json!({ "blob": "x".repeat(FOREIGN_BYTES) });
    let namespace = namespace.name();
    parallel::for_each(&plane.clients, 0..count, async |client, number| {
        let secret = secret(&format!("foreign-{number:05}"), &values).map_err(kube::Error::SerdeError)?;
        let api: Api<Secret> = Api::namespaced(client, namespace);
        api.create(&PostParams::default(), &secret).await.map(drop)
    })
    .await
    .map(drop)
}
