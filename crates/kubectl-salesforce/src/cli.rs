//! What can be asked of the plugin? Commands and flags; the names of the flags are kubectl's.
#![expect(clippy::doc_markdown, reason = "--help prints these docs as plain text")]
#![allow(rustdoc::bare_urls, reason = "--help prints these docs as plain text")]

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};
use jiff::Timestamp;
use kube::core::Duration;
use salesforce_connector_operator::api::names::DOCS_URL;
use salesforce_connector_operator::core::callback::url::CallbackUrl;
use transit_client::SignerAddress;

use crate::command_error::EXIT_CODES;

/// See, test and repair SalesforceConnectors.
#[derive(Debug, Parser)]
#[command(name = "kubectl-salesforce", bin_name = "kubectl salesforce", version, about, max_term_width = 110,
    after_help = format!("{EXIT_CODES}\n\nDocumentation: {DOCS_URL}"))]
pub struct Plugin {
    #[command(flatten)]
    pub access: AccessFlags,
    #[command(subcommand)]
    pub command: PluginCommand,
}

/// Which cluster, as whom, and which namespace.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Cluster")]
pub struct AccessFlags {
    /// Namespace of the connectors. Default: that of the context.
    #[arg(short, long, global = true, value_name = "NAMESPACE")]
    pub namespace: Option<String>,
    /// Kubeconfig file. Default: KUBECONFIG, or ~/.kube/config.
    #[arg(long, global = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub kubeconfig: Option<PathBuf>,
    /// Context in the kubeconfig file.
    #[arg(long, global = true, value_name = "NAME")]
    pub context: Option<String>,
    /// Cluster in the kubeconfig file.
    #[arg(long, global = true, value_name = "NAME")]
    pub cluster: Option<String>,
    /// User in the kubeconfig file.
    #[arg(long, global = true, value_name = "NAME")]
    pub user: Option<String>,
    /// User to impersonate.
    #[arg(long = "as", global = true, value_name = "USERNAME")]
    pub impersonate: Option<String>,
    /// Group to impersonate. Can be repeated.
    #[arg(long = "as-group", global = true, value_name = "GROUP")]
    pub impersonate_groups: Vec<String>,
}

/// Command to run.
#[derive(Debug, Subcommand)]
pub enum PluginCommand {
    /// Show which org and user a connector belongs to, its token, what happens next, and who must act.
    Status(StatusArgs),
    /// Test a connection now and show the result of each step. A test never obtains a token.
    Test(RequestArgs),
    /// Obtain a new token now, even after a refusal that the operator does not retry by itself.
    Refresh(RequestArgs),
    /// Log in once in a browser, for a connector with authorizationCode. Only the operator redeems the code and keeps the grant.
    Login(LoginArgs),
    /// Suspend connectors: the operator sends nothing to Salesforce for them, except to keep a stored grant alive.
    Suspend(NameArgs),
    /// Resume suspended connectors.
    Resume(NameArgs),
    /// Explain a reason: what it means, who must act, the remedy, and when the operator retries.
    Explain(ExplainArgs),
    /// Check files for what the API server and the operator would refuse, without either of them.
    Lint(LintArgs),
    /// Make a connector: ask for what no flag gives, check it, then print or apply the manifests.
    New(Box<NewArgs>),
    /// Say who must log in once connectors have been restored elsewhere, or from a snapshot of etcd, before you do it.
    PreviewRestore(PreviewArgs),
    /// Take stored grants to connectors that have been created again, in another cluster or in this one, so that nobody need log in.
    /// The operators must be stopped.
    MoveGrants(MoveArgs),
    /// Collect a support bundle: connectors, events, and the operator's version and settings. Secrets are not read.
    Bundle(BundleArgs),
    /// Print a script for shell completion.
    Completion(CompletionArgs),
    /// What kubectl asks for to complete a command line.
    #[command(name = "__complete", hide = true, disable_help_flag = true)]
    Complete(CompleteArgs),
}

/// Which connectors to show, and how.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// Name of a connector. Default: all connectors of the namespace, one line each.
    #[arg(conflicts_with_all = ["all_namespaces", "selector"])]
    pub name: Option<String>,
    /// Show the connectors of all namespaces.
    #[arg(short = 'A', long)]
    pub all_namespaces: bool,
    /// Label selector, such as team=crm.
    #[arg(short = 'l', long)]
    pub selector: Option<String>,
    /// Print the objects themselves.
    #[arg(short, long, value_enum)]
    pub output: Option<OutputFormat>,
    /// Show each change until you press Ctrl-C.
    #[arg(short, long)]
    pub watch: bool,
}

/// A request to the operator.
#[derive(Debug, Args)]
pub struct RequestArgs {
    /// Name of the connector.
    pub name: String,
    /// How long to wait for the operator, such as 30s or 2m.
    #[arg(long, default_value = "1m")]
    pub timeout: Duration,
    /// Print the object itself once the operator has handled the request.
    #[arg(short, long, value_enum)]
    pub output: Option<OutputFormat>,
}

/// A login in a browser.
#[derive(Debug, Args)]
pub struct LoginArgs {
    /// Name of the connector.
    pub name: String,
    /// Callback URL of the app, where the plugin waits for the browser.
    #[arg(
        long,
        default_value = "http://localhost:1717/OauthRedirect",
        value_name = "URL"
    )]
    pub callback: String,
    /// Do not open a browser and do not listen: print the address, and ask for the one that the browser was sent to.
    #[arg(long)]
    pub no_browser: bool,
    /// Print a link to the callback page of the operator at this URL, such as https://salesforce-login.example.com, and wait for
    /// somebody to log in by it. The link works once, in any browser, for 15 minutes.
    #[arg(
        long,
        value_name = "URL",
        conflicts_with_all = ["callback", "no_browser", "client_id", "timeout"]
    )]
    pub link: Option<CallbackUrl>,
    /// Client ID of the app. Default: spec.app, for which you need the right to read the Secret that it names.
    #[arg(long, value_name = "ID")]
    pub client_id: Option<String>,
    /// How long to wait for the browser, and then for the operator; at most 15m.
    #[arg(long, default_value = "5m")]
    pub timeout: Duration,
}

/// One or more connectors.
#[derive(Debug, Args)]
pub struct NameArgs {
    /// Names of the connectors.
    #[arg(required = true, value_name = "NAME")]
    pub names: Vec<String>,
}

/// What to explain.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// Reason as it stands in a condition, an event or a metric. Default: list all reasons.
    pub reason: Option<String>,
}

/// What to check.
#[derive(Debug, Args)]
pub struct LintArgs {
    /// YAML files, each with any number of documents; - is standard input. Kinds other than SalesforceConnector are not
    /// checked. The values of Secrets in the same files are checked as inputs, and never printed.
    #[arg(required = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub files: Vec<PathBuf>,
    /// Comma-separated hosts that the operator allows for these connectors (its flag --allow-host).
    #[arg(long, value_delimiter = ',', value_name = "HOST")]
    pub allow_host: Vec<String>,
    /// Comma-separated addresses of signers that the operator allows for these connectors (its flag --allow-signer).
    #[arg(long, value_delimiter = ',', value_name = "ADDRESS")]
    pub allow_signer: Vec<SignerAddress>,
    /// Namespace of the operator, where it accepts no connectors.
    #[arg(long, default_value = "salesforce-connector-system", value_name = "NAMESPACE")]
    pub operator_namespace: String,
}

/// A form. At a terminal, what is missing is asked for. Secrets are never arguments, because other processes can read those.
#[derive(Debug, Args)]
pub struct NewArgs {
    /// Name of the connector.
    pub name: Option<String>,
    /// Name for people.
    #[arg(long, value_name = "TEXT")]
    pub display_name: Option<String>,
    /// Login method.
    #[arg(long, value_enum)]
    pub method: Option<FormMethod>,
    /// Login host, as shown in Setup > My Domain. Required for client-credentials.
    #[arg(long)]
    pub host: Option<String>,
    /// Type of the org. Default: as the form of the host tells, or else live.
    #[arg(long, value_enum)]
    pub environment: Option<FormEnvironment>,
    /// Client ID (consumer key) of the app.
    #[arg(long, value_name = "ID")]
    pub client_id: Option<String>,
    /// Username to log in as (jwt-bearer, password), or the one to expect.
    #[arg(long)]
    pub username: Option<String>,
    /// File with the client secret (consumer secret); - is standard input.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub client_secret_file: Option<PathBuf>,
    /// File with the RSA private key in PEM format (jwt-bearer).
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub private_key_file: Option<PathBuf>,
    /// File with the password.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub password_file: Option<PathBuf>,
    /// File with the security token of the user (password).
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub security_token_file: Option<PathBuf>,
    /// Secret that has the values already, under the keys client-secret, private-key, password and security-token.
    #[arg(long, value_name = "SECRET")]
    pub existing_secret: Option<String>,
    /// Apply the manifests to the cluster, server side.
    #[arg(long, conflicts_with_all = ["output_file", "show_secrets"])]
    pub apply: bool,
    /// Write the manifests with the secrets to a new file that only you can read.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with = "show_secrets")]
    pub output_file: Option<PathBuf>,
    /// Print the Secret too. Default: print the connector alone.
    #[arg(long)]
    pub show_secrets: bool,
    /// Ask nothing of Salesforce from here. Default: try one login by client-credentials or jwt-bearer, and drop the token; for other
    /// methods, check that the host can be resolved.
    #[arg(long)]
    pub offline: bool,
    /// Comma-separated hosts that the operator allows for these connectors (its flag --allow-host).
    #[arg(long, value_delimiter = ',', value_name = "HOST")]
    pub allow_host: Vec<String>,
    /// Namespace of the operator, where it accepts no connectors.
    #[arg(long, default_value = "salesforce-connector-system", value_name = "NAMESPACE")]
    pub operator_namespace: String,
}

/// Which connectors are to be restored.
#[derive(Debug, Args)]
pub struct PreviewArgs {
    /// YAML or JSON files with the connectors, such as those of a backup; - is standard input. Default: the connectors of the cluster.
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with = "all_namespaces")]
    pub files: Vec<PathBuf>,
    /// Take the connectors of all namespaces.
    #[arg(short = 'A', long)]
    pub all_namespaces: bool,
    /// Time of a snapshot of etcd that is to be restored in place, such as 2026-11-27T10:00:00Z. Default: the connectors are created
    /// again with new uids.
    #[arg(long, value_name = "TIME")]
    pub snapshot_time: Option<Timestamp>,
}

/// Which grants go where.
#[derive(Debug, Args)]
pub struct MoveArgs {
    /// Names of connectors. Default: all connectors of the namespace with authorizationCode.
    #[arg(value_name = "NAME", conflicts_with = "all_namespaces")]
    pub names: Vec<String>,
    /// Take the connectors of all namespaces.
    #[arg(short = 'A', long)]
    pub all_namespaces: bool,
    /// Context of the other cluster.
    #[arg(long, value_name = "NAME")]
    pub to_context: Option<String>,
    /// Kubeconfig file of the other cluster. Default: the same file.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, required_unless_present_any = ["to_context", "recreated"])]
    pub to_kubeconfig: Option<PathBuf>,
    /// Take the grants of connectors that were deleted in this cluster to those that have been created again with the same
    /// namespace and name.
    #[arg(long, conflicts_with_all = ["to_context", "to_kubeconfig"])]
    pub recreated: bool,
    /// Namespace of the operator in both clusters.
    #[arg(long, default_value = "salesforce-connector-system", value_name = "NAMESPACE")]
    pub operator_namespace: String,
}

/// What goes into a support bundle, and where it goes.
#[derive(Debug, Args)]
pub struct BundleArgs {
    /// Names of connectors. Default: all connectors of the namespace.
    #[arg(value_name = "NAME", conflicts_with = "all_namespaces")]
    pub names: Vec<String>,
    /// Include the connectors of all namespaces.
    #[arg(short = 'A', long)]
    pub all_namespaces: bool,
    /// Archive to create. Default: salesforce-support-TIME.tar.gz in the current directory.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub output_file: Option<PathBuf>,
    /// Directory to write files into, instead of an archive.
    #[arg(long, value_name = "DIRECTORY", value_hint = ValueHint::DirPath, conflicts_with = "output_file")]
    pub output_directory: Option<PathBuf>,
    /// Namespace of the operator.
    #[arg(long, default_value = "salesforce-connector-system", value_name = "NAMESPACE")]
    pub operator_namespace: String,
}

/// For which completion.
#[derive(Debug, Args)]
pub struct CompletionArgs {
    /// Shell in which the program kubectl-salesforce is completed. Default: print the script kubectl_complete-salesforce, by
    /// which kubectl completes the plugin in every shell.
    pub shell: Option<clap_complete::Shell>,
}

/// The words so far.
#[derive(Debug, Args)]
pub struct CompleteArgs {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub words: Vec<std::ffi::OsString>,
}

/// Login method of a form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FormMethod {
    /// The app logs in as its Run As user: the first choice for servers.
    ClientCredentials,
    /// The app signs with a private key and names the user.
    JwtBearer,
    /// A person authorizes the app once.
    AuthorizationCode,
    /// Deprecated; Salesforce retires it on 2027-02-20.
    Password,
}

/// Type of the org in a form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FormEnvironment {
    Live,
    Sandbox,
}

/// Form in which objects are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    Json,
    Yaml,
}

#[cfg(test)]
mod generated_page;
