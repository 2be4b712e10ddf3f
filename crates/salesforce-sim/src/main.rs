//! The simulated Salesforce as a program: for people, demos and tests in other processes.

use std::fmt::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use salesforce_sim::{Addresses, Simulator, World, WorldFile, default_world};

/// Serves a simulated Salesforce until stopped.
#[derive(Debug, Parser)]
#[command(version)]
struct Settings {
    /// Where to serve HTTP; also a forward proxy whose every tunnel ends at the simulated Salesforce
    #[arg(long, default_value = "127.0.0.1:8780")]
    http: SocketAddr,
    /// Where to serve HTTPS
    #[arg(long, default_value = "127.0.0.1:8743")]
    https: SocketAddr,
    /// Where to serve the control API; not served when absent
    #[arg(long)]
    control: Option<SocketAddr>,
    /// File to write the certificate authority to, as PEM
    #[arg(long)]
    ca_out: Option<PathBuf>,
    /// World to serve, as JSON; the built-in world when absent
    #[arg(long)]
    config: Option<PathBuf>,
    /// Further client-credentials apps, each with a user of its own, in the first org
    #[arg(long, default_value_t = 0)]
    fleet: usize,
    /// What to log to standard error
    #[arg(long, default_value = "info")]
    log: String,
}

fn main() -> ExitCode {
    let settings = Settings::parse();
    tracing_subscriber::fmt()
        .with_env_filter(&settings.log)
        .with_writer(std::io::stderr)
        .init();
    match start(&settings) {
        Ok(simulator) => {
            print!("{}", greeting(&simulator));
            serve_until_stopped(&simulator);
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("salesforce-sim: {}", chain(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}

fn start(settings: &Settings) -> Result<Simulator, Box<dyn std::error::Error>> {
    let mut world = match &settings.config {
        Some(path) => read_world(path)?,
        None => default_world::build(),
    };
    if settings.fleet > 0 {
        let host = world
            .orgs()
            .first()
            .map(|org| org.host.clone())
            .ok_or("--fleet needs an org in the world")?;
        world.add_fleet(&host, settings.fleet);
    }
    let addresses = Addresses {
        http: settings.http,
        https: settings.https,
        control: settings.control,
    };
    let simulator = Simulator::start_on(world, addresses)?;
    if let Some(path) = &settings.ca_out {
        std::fs::write(path, simulator.ca_pem())
            .map_err(|error| format!("failed to write --ca-out {}: {error}", path.display()))?;
    }
    Ok(simulator)
}

fn read_world(path: &PathBuf) -> Result<World, Box<dyn std::error::Error>> {
    let json = std::fs::read_to_string(path)
        .map_err(|error| format!("failed to read --config {}: {error}", path.display()))?;
    Ok(WorldFile::parse(&json)?.into_world()?)
}

/// Serves on the simulator's own thread; this one only waits for the process to be stopped.
fn serve_until_stopped(_simulator: &Simulator) {
    loop {
        std::thread::park();
    }
}

/// What is served. The credentials are shown: they are worthless, and needed to use it.
fn greeting(simulator: &Simulator) -> String {
    let mut text = String::from("Simulated Salesforce; all credentials are worthless.\n");
    let _ = writeln!(text, "http     {}  (also a forward proxy)", simulator.http_addr());
    let _ = writeln!(text, "https    {}", simulator.https_addr());
    if let Some(control) = simulator.control_addr() {
        let _ = writeln!(text, "control  {control}");
    }
    simulator.world(|world| describe(world, &mut text));
    text
}

fn describe(world: &World, text: &mut String) {
    for org in world.orgs() {
        let _ = writeln!(
            text,
            "org      {}  {:?}  {}  id={}",
            org.host, org.kind, org.name, org.id
        );
    }
    let mut apps: Vec<_> = world
        .apps()
        .filter(|app| !app.client_id.starts_with("FLEET-"))
        .collect();
    apps.sort_by(|a, b| a.client_id.cmp(&b.client_id));
    for app in apps {
        let _ = writeln!(
            text,
            "app      {}  client_id={}  client_secret={}  {:?}",
            app.org_host,
            app.client_id,
            app.client_secret.reveal(),
            app.kind
        );
    }
    let mut users: Vec<_> = world
        .users()
        .filter(|user| !user.username.starts_with("fleet-"))
        .collect();
    users.sort_by(|a, b| a.username.cmp(&b.username));
    for user in users {
        let _ = writeln!(
            text,
            "user     {}  password={}  security_token={}",
            user.username,
            user.password.reveal(),
            user.security_token.reveal()
        );
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let _ = write!(text, ": {cause}");
        source = cause.source();
    }
    text
}
