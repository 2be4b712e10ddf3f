//! How does the operator become an image? `scripts/image` builds the program, and this packs it.
//!
//! The same inputs give the same bytes, wherever and whenever: names are sorted, every time is that of the commit, and the
//! compressor is one of Cargo.lock.

mod layer;
mod oci;
mod roots;
mod sbom;

use std::error::Error;
use std::fs::{read, read_to_string, write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use jiff::Timestamp;

/// Packs the operator into an OCI image, and lists what is in it.
#[derive(Debug, Parser)]
enum Task {
    /// Writes an image archive: an OCI layout that `docker load` reads as well
    Pack(Pack),
    /// Writes a `CycloneDX` list of what is in the program
    Sbom(Sbom),
}

#[derive(Debug, clap::Args)]
struct Pack {
    /// The program, linked statically
    #[arg(long)]
    program: PathBuf,
    /// What `image sbom` wrote
    #[arg(long)]
    sbom: PathBuf,
    /// Target that the program was built for, such as `x86_64-unknown-linux-gnu`
    #[arg(long)]
    target: String,
    /// Commit that the program was built from
    #[arg(long)]
    revision: String,
    /// Address of the source code
    #[arg(long)]
    source: Option<String>,
    /// Time of all files and of the image, in seconds since 1970
    #[arg(long)]
    created: i64,
    /// Archive to write
    #[arg(long)]
    output: PathBuf,
}

#[derive(Debug, clap::Args)]
struct Sbom {
    /// What `cargo tree --prefix none --format '{p}|{l}'` printed
    #[arg(long)]
    tree: PathBuf,
    /// Cargo.lock, which has the checksums
    #[arg(long)]
    lock: PathBuf,
    /// Name of the program
    #[arg(long, default_value = layer::NAME)]
    name: String,
    /// Further parts that are linked in, each as `name@version=license`
    #[arg(long)]
    linked: Vec<String>,
    /// Time of the list, in seconds since 1970
    #[arg(long)]
    created: i64,
    /// File to write
    #[arg(long)]
    output: PathBuf,
}

fn main() -> ExitCode {
    let done = match Task::parse() {
        Task::Pack(pack) => pack.run(),
        Task::Sbom(sbom) => sbom.run(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("image: {error}");
            ExitCode::FAILURE
        }
    }
}

impl Pack {
    fn run(&self) -> Result<(), Box<dyn Error>> {
        let program = read(&self.program).map_err(|error| format!("{}: {error}", self.program.display()))?;
        let architecture = oci::architecture(&self.target)?;
        layer::check_static(&program).map_err(|error| format!("{}: {error}", self.program.display()))?;
        let about = oci::About {
            architecture,
            revision: &self.revision,
            source: self.source.as_deref(),
            created: Timestamp::from_second(self.created)?,
        };
        let layer = layer::Layer::new(&program, &read(&self.sbom)?, self.created.try_into()?)?;
        write(&self.output, oci::archive(&about, &layer)?)
            .map_err(|error| format!("{}: {error}", self.output.display()))?;
        Ok(())
    }
}

impl Sbom {
    fn run(&self) -> Result<(), Box<dyn Error>> {
        let created = Timestamp::from_second(self.created)?;
        let list = sbom::list(
            &self.name,
            &read_to_string(&self.tree)?,
            &read_to_string(&self.lock)?,
            &self.linked,
            created,
        )?;
        write(&self.output, list)?;
        Ok(())
    }
}
