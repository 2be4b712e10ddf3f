//! Parses arguments, starts telemetry and runs; takes no decisions.

use std::process::ExitCode;

use clap::Parser as _;
use salesforce_connector_operator::api::crd;
use salesforce_connector_operator::cli::{Cli, Command};
use salesforce_connector_operator::error_chain::chain;
use salesforce_connector_operator::operator;

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Crd => {
            let all = crd::all();
            let all: Vec<String> = all.iter().map(crd::yaml).collect();
            print!("{}", all.join("---\n"));
            Ok(())
        }
        Command::Run(args) => operator::run(&args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", chain(&error));
            ExitCode::FAILURE
        }
    }
}
