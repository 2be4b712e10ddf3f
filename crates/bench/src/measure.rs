//! What is measured, in which order? One stage after another, each on an API server of its own.

use std::time::{Duration, Instant};

use crate::Failed;
use crate::audit::{self, Requests};
use crate::bare::{self, Rates, as_f64};
use crate::foreign::{self, Foreign};
use crate::operator::{self, Mode, Operator};
use crate::plane::Plane;
use crate::process::{self, Memory};
use crate::programs::Programs;
use crate::salesforce::{self, Calls};
use crate::scale::Scale;

/// After the last connector is Ready: what was under way has ended.
const MOMENT: Duration = Duration::from_secs(1);
/// In mode `ByName` the resync reads on and on, 10 times a second. Fewer reads than this in a look mean nothing else runs.
const SWEEP_AT_MOST: u64 = 50;
const LOOK: Duration = Duration::from_secs(2);
/// How long the API server is profiled, and for fleets of which size.
const PROFILE: Duration = Duration::from_secs(8);
const PROFILED_FROM: usize = 1000;

pub(crate) struct Everything {
    pub(crate) version: String,
    pub(crate) rounds: Vec<Round>,
    pub(crate) foreign: Foreign,
}

/// What a fleet of one size costs.
pub(crate) struct Round {
    pub(crate) size: usize,
    /// Writes a second of the same API server, just before.
    pub(crate) bare: Rates,
    /// The operator runs, and the connectors are created.
    pub(crate) running: Running,
    /// Seconds from the operator's start to all Ready, where all objects existed; the server's bare rates before.
    pub(crate) started: (f64, Rates),
    pub(crate) restart: Restart,
}

/// From the first create to all Ready.
pub(crate) struct Running {
    /// Seconds that creating took.
    pub(crate) creates: f64,
    /// Seconds until all were Ready.
    pub(crate) ready: f64,
    pub(crate) requests: Requests,
    pub(crate) calls: Calls,
    /// Milliseconds of CPU for each connector.
    pub(crate) cpu: f64,
    /// The same of the others at work.
    pub(crate) cpu_of_others: Others,
    /// Before there was any connector.
    pub(crate) idle: Memory,
    /// Cores that the operator uses when all are Ready and nothing is due.
    pub(crate) idle_cores: f64,
    /// Once it had settled.
    pub(crate) memory: Memory,
}

/// Milliseconds of CPU for each connector.
pub(crate) struct Others {
    pub(crate) simulator: f64,
    /// Who creates the connectors and watches.
    pub(crate) client: f64,
    /// The control plane, and whatever else runs on the machine.
    pub(crate) rest: f64,
}

/// CPU that each has spent so far.
struct Spent {
    operator: Duration,
    simulator: Duration,
    client: Duration,
    machine: Duration,
}

impl Spent {
    fn so_far(plane: &Plane, operator: &Operator) -> Result<Self, Failed> {
        Ok(Self {
            operator: operator.cpu()?,
            simulator: process::cpu_of(plane.salesforce.process.id())?,
            client: process::cpu_of(std::process::id())?,
            machine: process::cpu_of_machine()?,
        })
    }

    /// Of the operator and the others, since an earlier look.
    fn since(&self, before: &Self, size: usize) -> (f64, Others) {
        let each = |now: Duration, before: Duration| per_connector(now.saturating_sub(before), size);
        let operator = each(self.operator, before.operator);
        let simulator = each(self.simulator, before.simulator);
        let client = each(self.client, before.client);
        let rest = each(self.machine, before.machine) - operator - simulator - client;
        (
            operator,
            Others {
                simulator,
                client,
                rest,
            },
        )
    }
}

/// What a restart costs when nothing has changed.
pub(crate) struct Restart {
    pub(crate) requests: Requests,
    pub(crate) calls: Calls,
    /// Milliseconds of CPU for each connector, the start of the process included.
    pub(crate) cpu: f64,
    pub(crate) memory: Memory,
}

pub(crate) async fn everything(programs: &Programs, scale: &Scale) -> Result<Everything, Failed> {
    let began = Instant::now();
    testbed::install_crypto();
    let mut rounds = Vec::new();
    for size in scale.sizes.iter().copied() {
        rounds.push(round(programs, scale, size).await?);
    }
    let (foreign, version) = foreign::measure(programs, scale).await?;
    say(&format!("done in {:.0} s", began.elapsed().as_secs_f64()));
    Ok(Everything {
        version,
        rounds,
        foreign,
    })
}

fn say(what: &str) {
    eprintln!("bench: {what}");
}

async fn round(programs: &Programs, scale: &Scale, size: usize) -> Result<Round, Failed> {
    say(&format!("{size}: control plane, simulator, bare write rates"));
    let plane = Plane::start(&programs.simulator, Mode::ByName.as_str(), size).await?;
    let bare = bare_rates(&plane, scale).await?;
    plane.fleet().create_inputs(0..size).await?;
    say(&format!(
        "{size}: the operator runs, {size} connectors are created"
    ));
    let log = operator::log(&plane, programs.logs.as_ref(), &format!("{size}-running"))?;
    let mut operator = Operator::start(&programs.operator, &plane, Mode::ByName, &log)?;
    operator.leads().await?;
    let running = running(programs, &plane, &operator, scale, size).await?;
    operator.terminate().await?;
    say(&format!(
        "{size}: all Ready after {:.2} s; restart",
        running.ready
    ));
    let restart = restart(programs, scale, &plane, size).await?;
    drop(plane);

    say(&format!(
        "{size}: a new control plane, on which the operator starts last"
    ));
    let plane = Plane::start(&programs.simulator, Mode::ByName.as_str(), size).await?;
    let bare_of_second = bare_rates(&plane, scale).await?;
    let started = started(programs, &plane, size).await?;
    say(&format!("{size}: all Ready after {started:.2} s"));
    Ok(Round {
        size,
        bare,
        running,
        started: (started, bare_of_second),
        restart,
    })
}

async fn bare_rates(plane: &Plane, scale: &Scale) -> Result<Rates, Failed> {
    let namespace = plane.another_namespace().await;
    bare::rates(&plane.clients, &namespace, scale.bare).await
}

async fn running(
    programs: &Programs,
    plane: &Plane,
    operator: &Operator,
    scale: &Scale,
    size: usize,
) -> Result<Running, Failed> {
    tokio::time::sleep(scale.settle).await;
    let idle = operator.memory()?;
    let fleet = plane.fleet();
    let (requests, calls) = (plane.audit.so_far()?, plane.salesforce.calls().await?);
    let spent = Spent::so_far(plane, operator)?;
    let began = Instant::now();
    let (creates, ready, ()) = tokio::try_join!(
        fleet.create_connectors(0..size),
        fleet.all_ready(size),
        profile(programs, plane, size)
    )?;
    tokio::time::sleep(MOMENT).await;
    let (cpu, cpu_of_others) = Spent::so_far(plane, operator)?.since(&spent, size);
    let requests = audit::between(&requests, &plane.audit.so_far()?);
    let calls = salesforce::between(&calls, &plane.salesforce.calls().await?);
    tokio::time::sleep(scale.settle).await;
    let idle_cores = idle_cores(operator, scale).await?;
    Ok(Running {
        creates: creates.as_secs_f64(),
        ready: (ready - began).as_secs_f64(),
        requests,
        calls,
        cpu,
        cpu_of_others,
        idle,
        idle_cores,
        memory: operator.memory()?,
    })
}

/// Keeps a profile of what the API server does while a fleet is created that takes long enough.
async fn profile(programs: &Programs, plane: &Plane, size: usize) -> Result<(), Failed> {
    let Some(dir) = programs.profiles.as_deref().filter(|_| size >= PROFILED_FROM) else {
        return Ok(());
    };
    let profile = plane.profile(PROFILE).await?;
    std::fs::create_dir_all(dir)?;
    std::fs::write(dir.join(format!("kube-apiserver-{size}.pb.gz")), profile)?;
    Ok(())
}

async fn idle_cores(operator: &Operator, scale: &Scale) -> Result<f64, Failed> {
    let (began, before) = (Instant::now(), operator.cpu()?);
    tokio::time::sleep(scale.idle).await;
    let spent = operator.cpu()?.saturating_sub(before);
    Ok(spent.as_secs_f64() / began.elapsed().as_secs_f64())
}

fn per_connector(cpu: Duration, size: usize) -> f64 {
    cpu.as_secs_f64() * 1000.0 / as_f64(size)
}

async fn started(programs: &Programs, plane: &Plane, size: usize) -> Result<f64, Failed> {
    let fleet = plane.fleet();
    fleet.create_inputs(0..size).await?;
    fleet.create_connectors(0..size).await?;
    let log = operator::log(plane, programs.logs.as_ref(), &format!("{size}-started"))?;
    let began = Instant::now();
    let operator = Operator::start(&programs.operator, plane, Mode::ByName, &log)?;
    let ready = fleet.all_ready(size).await?;
    operator.terminate().await?;
    Ok((ready - began).as_secs_f64())
}

async fn restart(programs: &Programs, scale: &Scale, plane: &Plane, size: usize) -> Result<Restart, Failed> {
    let (requests, calls) = (plane.audit.so_far()?, plane.salesforce.calls().await?);
    let log = operator::log(plane, programs.logs.as_ref(), &format!("{size}-restart"))?;
    let mut operator = Operator::start(&programs.operator, plane, Mode::ByName, &log)?;
    operator.leads().await?;
    until_all_is_read(plane, &requests, size).await?;
    let cpu = operator.cpu()?;
    let restart = Restart {
        requests: audit::between(&requests, &plane.audit.so_far()?),
        calls: salesforce::between(&calls, &plane.salesforce.calls().await?),
        cpu: per_connector(cpu, size),
        memory: {
            tokio::time::sleep(scale.settle).await;
            operator.memory()?
        },
    };
    operator.terminate().await?;
    Ok(restart)
}

/// Until the operator has read at least one Secret of each connector, and no more than the resync is going on.
async fn until_all_is_read(plane: &Plane, before: &Requests, size: usize) -> Result<(), Failed> {
    let mut earlier = 0;
    let looks = 60 + size / 100;
    for _ in 0..looks {
        tokio::time::sleep(LOOK).await;
        let requests = audit::between(before, &plane.audit.so_far()?);
        let reads = requests.get("get secrets").copied().unwrap_or(0);
        let total = audit::total(&requests);
        if reads >= size as u64 && total - earlier < SWEEP_AT_MOST {
            return Ok(());
        }
        earlier = total;
    }
    Err(format!("the operator had not come to rest {looks} looks of {LOOK:?} after its restart").into())
}
