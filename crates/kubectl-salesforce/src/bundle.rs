//! What may be handed to somebody who helps? A support bundle: what connectors and operator say, and never what Secrets hold.

use std::fmt::Write as _;
use std::io::{Error, Write as _};
use std::path::Path;
use std::process::ExitCode;

use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::Timestamp;

use crate::bundle::collect::{Collector, Entry};
use crate::cli::{AccessFlags, BundleArgs};
use crate::cluster::Cluster;
use crate::command_error::CommandError;
use crate::{files, show};

pub mod collect;
pub mod public;

const README: &str = "\
What this is: connectors with their status, events about them, the operator's Deployment and Lease, and names, labels and the
operator's own annotations of the Secrets that connectors mention. What it is not: no Secret was read, only its metadata. Values
of environment variables are left out unless their name begins with SFC_. Read it before you pass it on: names of orgs, users
and hosts are in it.
";

pub async fn run(access: &AccessFlags, args: &BundleArgs) -> Result<ExitCode, CommandError> {
    let cluster = Cluster::connect(access).await?;
    let mut entries = Collector::new(&cluster, args).collect().await?;
    let now = Timestamp::now();
    let head = format!(
        "{README}\nTaken at {now} by kubectl-salesforce {}.\n",
        env!("CARGO_PKG_VERSION")
    );
    entries.insert(0, ("README.txt".to_owned(), head));
    let place = if let Some(folder) = &args.output_directory {
        write_folder(folder, &entries).map(|()| folder.display().to_string())
    } else {
        let name = || format!("salesforce-support-{}.tar.gz", now.strftime("%Y%m%d-%H%M%S")).into();
        let path = args.output_file.clone().unwrap_or_else(name);
        write_archive(&path, &entries, now).map(|()| path.display().to_string())
    };
    let place = place.map_err(|error| CommandError::File(format!("failed to write the bundle: {error}")))?;
    let mut said = String::new();
    for (path, text) in &entries {
        let _ = writeln!(said, "{:>8}  {path}", text.len());
    }
    show::print(&format!(
        "{said}Wrote {place}. No Secret was read. Read the bundle before you pass it on.\n"
    ))
}

fn write_folder(folder: &Path, entries: &[Entry]) -> Result<(), Error> {
    for (path, text) in entries {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().unwrap_or(folder))?;
        files::create_private(&path)?.write_all(text.as_bytes())?;
    }
    Ok(())
}

fn write_archive(path: &Path, entries: &[Entry], now: Timestamp) -> Result<(), Error> {
    let mut archive = tar::Builder::new(GzEncoder::new(
        files::create_private(path)?,
        Compression::default(),
    ));
    for (path, text) in entries {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o600);
        header.set_mtime(u64::try_from(now.as_second()).unwrap_or_default());
        archive.append_data(&mut header, format!("salesforce-support/{path}"), text.as_bytes())?;
    }
    archive.into_inner()?.finish()?.flush()
}
