//! What does the operator cost? `make bench` measures a release build of it against a real API server and the simulator,
//! each a process of its own, and prints the table of docs/benchmarks.md.

mod attack;
mod audit;
mod bare;
mod document;
mod due;
mod failed;
mod fair;
mod fleet;
mod foreign;
mod machine;
mod measure;
mod newcomers;
mod operator;
mod parallel;
mod plane;
mod process;
mod programs;
mod salesforce;
mod scale;
mod shards;
mod soak;
mod table;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};

pub(crate) use failed::Failed;

/// Measures what the operator costs.
#[derive(Debug, Parser)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of its own on the command line"
)]
struct Args {
    /// The operator to measure
    #[arg(long, default_value = "target/release/salesforce-connector-operator")]
    operator: PathBuf,
    /// The simulated Salesforce
    #[arg(long, default_value = "target/release/salesforce-sim")]
    simulator: PathBuf,
    /// Sizes of the fleets, separated by commas; one connector is always measured
    #[arg(long, value_delimiter = ',', default_values_t = [1000, 10_000])]
    sizes: Vec<usize>,
    /// One small fleet and few foreign Secrets, to see that everything works
    #[arg(long)]
    quick: bool,
    /// Only how long new connectors take while another tenant abuses the operator
    #[arg(long)]
    fair: bool,
    /// Only how 200 connectors fare while one namespace abuses the operator in twelve ways, for ten minutes
    #[arg(long, conflicts_with = "fair")]
    attack: bool,
    /// Only how 200 connectors fare over two simulated weeks of faults; the operator must have the feature test-switches
    #[arg(long, conflicts_with_all = ["fair", "attack"])]
    soak: bool,
    /// Only how a fleet of the first of --sizes fares with replicas that share shards, at the start and when one is killed
    #[arg(long, conflicts_with_all = ["fair", "attack", "soak"])]
    shared: bool,
    /// Only how soon new connectors are Ready while the renewals of a fleet of the first of --sizes are due
    #[arg(long, conflicts_with_all = ["fair", "attack", "soak", "shared"])]
    due: bool,
    /// With --shared: replicas
    #[arg(long, default_value_t = 3)]
    replicas: usize,
    /// With --shared: shards
    #[arg(long, default_value_t = 12)]
    shards: u8,
    /// With --shared: namespaces that the connectors are spread over
    #[arg(long, default_value_t = 300)]
    namespaces: usize,
    /// With --soak: simulated days
    #[arg(long, default_value_t = 14)]
    days: u32,
    /// With --soak: simulated seconds a second
    #[arg(long, default_value_t = 300)]
    speed: u32,
    /// With --soak: what chance begins with
    #[arg(long, default_value_t = 20_261_127)]
    seed: u64,
    /// With --soak: file to write the metrics of both replicas to every second, for scripts/dashboard-picture
    #[arg(long)]
    scrapes: Option<PathBuf>,
    /// With --fair: another operator to measure beside it, such as that of an earlier commit
    #[arg(long)]
    before: Option<PathBuf>,
    /// Markdown file to put the result in as well, in the place of the one before
    #[arg(long)]
    write: Option<PathBuf>,
    /// Folder to keep profiles in of the API server while a fleet is created, for `go tool pprof`
    #[arg(long)]
    profiles: Option<PathBuf>,
    /// Folder to keep the operator's log of each stage in
    #[arg(long)]
    logs: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    tokio::select! {
        result = run(&args) => match result {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("bench: {error}");
                ExitCode::FAILURE
            }
        },
        // Whatever was started ends with its value.
        () = told_to_stop() => {
            eprintln!("bench: stopped");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: &Args) -> Result<(), Failed> {
    let scale = scale::Scale::of(args.quick, &args.sizes);
    let programs = programs::Programs {
        operator: args.operator.clone(),
        simulator: args.simulator.clone(),
        logs: args.logs.clone(),
        profiles: args.profiles.clone(),
    };
    let (part, report) = if args.fair {
        let report = fair::report(&programs, args.before.as_deref(), args.quick).await?;
        ("fair", report)
    } else if args.attack {
        ("attack", attack::report(&programs, args.quick).await?)
    } else if args.soak {
        let plan = soak::Plan {
            days: args.days,
            speed: args.speed,
            seed: args.seed,
            connectors: if args.quick { 40 } else { 200 },
        };
        let files = soak::Files {
            logs: args.logs.as_deref(),
            scrapes: args.scrapes.as_deref(),
        };
        let report = soak::report(&args.operator, plan, files).await?;
        ("soak", report)
    } else if args.shared {
        let plan = shards::Plan {
            size: args.sizes.first().copied().unwrap_or_default(),
            replicas: args.replicas,
            shards: args.shards,
            namespaces: args.namespaces,
        };
        ("shared", shards::report(&programs, &plan).await?)
    } else if args.due {
        let size = args.sizes.first().copied().unwrap_or_default();
        ("due", due::report(&programs, size).await?)
    } else {
        let before = machine::Facts::gather();
        let result = measure::everything(&programs, &scale).await?;
        ("fleet", table::report(&before, &scale, &result))
    };
    println!("\n{report}");
    match &args.write {
        Some(path) => document::write(path, part, &report),
        None => Ok(()),
    }
}

async fn told_to_stop() {
    let (Ok(mut terminate), Ok(mut interrupt)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}
