//! Parses arguments, runs one command, and ends with an exit code that scripts can use.

use std::process::ExitCode;

use clap::Parser as _;
use kubectl_salesforce::cli::{Plugin, PluginCommand};
use kubectl_salesforce::command_error::CommandError;
use kubectl_salesforce::words::visible;
use kubectl_salesforce::{
    bundle, completion, explain, lint, login, move_grants, new, preview, request, show, status, suspend,
};

fn main() -> ExitCode {
    let plugin = Plugin::parse();
    salesforce_client::install_crypto_provider();
    if let PluginCommand::Complete(args) = &plugin.command {
        // It asks the cluster in a runtime of its own.
        print!("{}", completion::complete(&args.words));
        return ExitCode::SUCCESS;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let ended = match runtime {
        Ok(runtime) => runtime.block_on(run(plugin)),
        Err(error) => Err(CommandError::Output(error)),
    };
    match ended {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {}", visible(&error.to_string()));
            error.exit_code()
        }
    }
}

async fn run(plugin: Plugin) -> Result<ExitCode, CommandError> {
    let Plugin { access, command } = plugin;
    match command {
        PluginCommand::Status(args) => status::run(&access, &args).await,
        PluginCommand::Test(args) => request::run(&access, request::Asked::Test, &args).await,
        PluginCommand::Refresh(args) => request::run(&access, request::Asked::Renewal, &args).await,
        PluginCommand::Login(args) => login::run(&access, &args).await,
        PluginCommand::Suspend(args) => suspend::run(&access, &args, true).await,
        PluginCommand::Resume(args) => suspend::run(&access, &args, false).await,
        PluginCommand::Lint(args) => lint::run(&args),
        PluginCommand::New(args) => new::run(&access, &args).await,
        PluginCommand::PreviewRestore(args) => preview::run(&access, &args).await,
        PluginCommand::MoveGrants(args) => move_grants::run(&access, &args).await,
        PluginCommand::Bundle(args) => bundle::run(&access, &args).await,
        PluginCommand::Completion(args) => show::print(&completion::script(args.shell)),
        PluginCommand::Complete(_) => Ok(ExitCode::SUCCESS),
        PluginCommand::Explain(args) => show::print(&explain::explain(
            args.reason.as_deref(),
            show::Paint::of_stdout(),
        )?),
    }
}
