//! What could be typed next? In the form in which kubectl asks its plugins, with names from the cluster.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::sync::OnceLock;
use std::time::Duration;

use clap::{Command, CommandFactory as _, FromArgMatches as _};
use clap_complete::Shell;
use clap_complete::engine::{ArgValueCandidates, CompletionCandidate};
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{Api, ListParams};
use kube::config::Kubeconfig;
use kube::{Client, ResourceExt};
use salesforce_connector_operator::api::reasons::Reason;

use crate::cli::{AccessFlags, Plugin};
use crate::cluster::Cluster;

/// Somebody waits at a prompt.
const PATIENCE: Duration = Duration::from_secs(2);
/// Of cobra, kubectl's library: do not complete file names as well, and put no blank behind what was completed.
const NO_FILES: u8 = 4;
const NO_BLANK: u8 = 2;

/// What kubectl runs to complete a plugin, under this name.
pub const KUBECTL_SCRIPT: &str = "\
#!/bin/sh
# Save this as kubectl_complete-salesforce in a directory of your PATH, and make it executable.
exec kubectl salesforce __complete \"$@\"
";

/// The flags that are typed already: they say which cluster has the names.
static ACCESS: OnceLock<AccessFlags> = OnceLock::new();

/// A script for a shell that completes the program `kubectl-salesforce`, or the one for kubectl.
pub fn script(shell: Option<Shell>) -> String {
    let Some(shell) = shell else {
        return KUBECTL_SCRIPT.to_owned();
    };
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Plugin::command(), "kubectl-salesforce", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

/// The candidates for the last of these words, a line for each, and a line with what the shell should do with them.
pub fn complete(words: &[OsString]) -> String {
    let mut args = vec![OsString::from("kubectl-salesforce")];
    args.extend_from_slice(words);
    let typed = args.split_last().map_or(&[][..], |(_, typed)| typed);
    let matches = Plugin::command().ignore_errors(true).try_get_matches_from(typed);
    let access = matches
        .ok()
        .and_then(|matches| AccessFlags::from_arg_matches(&matches).ok());
    let _ = ACCESS.set(access.unwrap_or_default());
    let last = args.len() - 1;
    let found = clap_complete::engine::complete(&mut command(), args, last, None).unwrap_or_default();
    let (mut lines, mut directive) = (String::new(), NO_FILES);
    for candidate in found.iter().filter(|candidate| !candidate.is_hide_set()) {
        let value = candidate.get_value().to_string_lossy();
        if value.ends_with(std::path::MAIN_SEPARATOR) {
            directive |= NO_BLANK;
        }
        let help = candidate.get_help().map(ToString::to_string).unwrap_or_default();
        let help = help.lines().next().unwrap_or_default();
        let tab = if help.is_empty() { "" } else { "\t" };
        let _ = writeln!(lines, "{value}{tab}{help}");
    }
    format!("{lines}:{directive}\n")
}

/// The command with what only the cluster or the operator's code knows.
fn command() -> Command {
    let mut command = Plugin::command()
        .mut_arg("namespace", |arg| arg.add(ArgValueCandidates::new(namespaces)))
        .mut_arg("context", |arg| arg.add(ArgValueCandidates::new(contexts)))
        .mut_subcommand("explain", |explain| {
            explain.mut_arg("reason", |arg| arg.add(ArgValueCandidates::new(reasons)))
        });
    let named = [("status", "name"), ("test", "name"), ("refresh", "name")];
    for (name, arg) in named
        .into_iter()
        .chain(["suspend", "resume", "bundle"].map(|name| (name, "names")))
    {
        command = command.mut_subcommand(name, |subcommand| {
            subcommand.mut_arg(arg, |arg| arg.add(ArgValueCandidates::new(connectors)))
        });
    }
    command
}

fn reasons() -> Vec<CompletionCandidate> {
    let candidate =
        |reason: Reason| CompletionCandidate::new(reason.as_str()).help(Some(reason.meaning().into()));
    Reason::all().map(candidate).collect()
}

fn contexts() -> Vec<CompletionCandidate> {
    let path = ACCESS.get().and_then(|access| access.kubeconfig.as_ref());
    let kubeconfig = path.map_or_else(Kubeconfig::read, Kubeconfig::read_from);
    let contexts = kubeconfig
        .map(|kubeconfig| kubeconfig.contexts)
        .unwrap_or_default();
    contexts
        .into_iter()
        .map(|context| CompletionCandidate::new(context.name))
        .collect()
}

fn connectors() -> Vec<CompletionCandidate> {
    asked(async |cluster| {
        let found = cluster.list(None).await.ok()?;
        Some(found.iter().map(ResourceExt::name_any).collect())
    })
}

fn namespaces() -> Vec<CompletionCandidate> {
    asked(async |Cluster { client, .. }| {
        let found = Api::<Namespace>::all(Client::clone(&client))
            .list_metadata(&ListParams::default())
            .await
            .ok()?;
        Some(found.items.iter().map(ResourceExt::name_any).collect())
    })
}

/// What a cluster answers in time. Nothing is said of errors: they would end up in the line that is being typed.
fn asked(ask: impl AsyncFnOnce(Cluster) -> Option<Vec<String>>) -> Vec<CompletionCandidate> {
    let answer = async {
        let cluster = Cluster::connect(ACCESS.get()?).await.ok()?;
        ask(cluster).await
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let names = runtime.ok().and_then(|runtime| {
        runtime.block_on(async { tokio::time::timeout(PATIENCE, answer).await.ok().flatten() })
    });
    names
        .unwrap_or_default()
        .into_iter()
        .map(CompletionCandidate::new)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn completed(words: &[&str]) -> String {
        complete(&words.iter().map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn commands_flags_and_values_are_completed() {
        assert_eq!(
            completed(&["su"]),
            "suspend\tSuspend connectors: the operator sends nothing to Salesforce for them, except to keep a stored grant alive\n:4\n"
        );
        assert_eq!(
            completed(&["status", "--outp"]),
            "--output\tPrint the objects themselves\n:4\n"
        );
        assert_eq!(completed(&["status", "-o", ""]), "json\nyaml\n:4\n");
        assert_eq!(
            completed(&["explain", "TokenV"]),
            "TokenValid\tThe token is valid and in its Secret, and the connection test has succeeded.\n:4\n"
        );
        assert!(!completed(&["__"]).contains("complete"), "it is not for people");
    }

    #[test]
    fn there_is_a_script_for_each_shell_and_one_for_kubectl() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            assert!(script(Some(shell)).contains("kubectl-salesforce"), "{shell}");
        }
        assert!(script(None).starts_with("#!/bin/sh\n"));
    }
}
