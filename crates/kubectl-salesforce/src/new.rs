//! How does a connector come to be? The form of the product pages on the command line: asked, checked, then printed or applied.

use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;

use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind, Patch, PatchParams};
use serde_json::Value;

use crate::cli::{AccessFlags, NewArgs};
use crate::cluster::{self, Cluster, FIELD_MANAGER};
use crate::command_error::CommandError;
use crate::lint::Linter;
use crate::lint::objection::Objection;
use crate::lint::operator::Secrets;
use crate::new::form::Form;
use crate::new::questions::{NoTerminal, Questions, Terminal};
use crate::{cli::OutputFormat, files, lint, show};

pub mod form;
pub mod manifests;
pub mod questions;
pub mod trial;

pub async fn run(access: &AccessFlags, args: &NewArgs) -> Result<ExitCode, CommandError> {
    let asks: &mut dyn Questions = if std::io::stdin().is_terminal() {
        &mut Terminal
    } else {
        &mut NoTerminal
    };
    let form = Form::fill(args, asks)?;
    let namespace = access.namespace.as_deref();
    let (connector, secret) = (
        manifests::connector(&form, namespace),
        manifests::secret(&form, namespace),
    );
    check(args, &connector, secret.as_ref())?;
    if !args.offline {
        try_out(args, &form).await?;
    }
    if args.apply {
        return apply(access, &connector, secret.as_ref()).await;
    }
    if let Some(path) = &args.output_file {
        let all = yaml(secret.iter().chain([&connector]));
        files::create_private(path)
            .and_then(|mut file| file.write_all(all.as_bytes()))
            .map_err(|error| CommandError::File(format!("failed to write {}: {error}", path.display())))?;
        return show::print(&format!(
            "Wrote {}. It holds the secrets, and only you can read it.\n",
            path.display()
        ));
    }
    match &secret {
        Some(secret) if !args.show_secrets => show::print(&format!(
            "# {} is not shown. Use --apply, --output-file or --show-secrets.\n{}",
            manifests::summary(secret),
            yaml([&connector])
        )),
        secret => show::print(&yaml(secret.iter().chain([&connector]))),
    }
}

/// What the API server and the operator would refuse, before anything is sent or written.
fn check(args: &NewArgs, connector: &Value, secret: Option<&Value>) -> Result<(), CommandError> {
    let linter = Linter::new(&args.allow_host, &[], &args.operator_namespace)?;
    let objections = linter.objections(connector, &Secrets::of(secret.into_iter()));
    if objections.is_empty() {
        return Ok(());
    }
    let line = |Objection { field, text }: &Objection| format!("{field}: {text}");
    let lines: Vec<String> = objections.iter().map(line).collect();
    Err(CommandError::Unwell(format!(
        "this connector would be refused\n{}",
        lines.join("\n")
    )))
}

/// A login, where the method allows one to be tried, or else whether there is such a host.
async fn try_out(args: &NewArgs, form: &Form) -> Result<(), CommandError> {
    match trial::login(form, lint::allow_list(&args.allow_host)?).await? {
        Some(accepted) => eprintln!("{accepted}"),
        None => resolve(manifests::login_host(form)).await?,
    }
    Ok(())
}

async fn resolve(host: &str) -> Result<(), CommandError> {
    let found = tokio::net::lookup_host((host, 443)).await;
    found.map(drop).map_err(|error| {
        CommandError::Unwell(format!(
            "spec.host: {host} can't be resolved ({error}). Correct the host: see Setup > My Domain > Current My Domain URL. If \
             only the cluster can resolve it, use --offline."
        ))
    })
}

/// The Secret first: a connector without it would report that it is missing. A dry run of both comes before either.
async fn apply(
    access: &AccessFlags,
    connector: &Value,
    secret: Option<&Value>,
) -> Result<ExitCode, CommandError> {
    let cluster = Cluster::connect(access).await?;
    for dry_run in [true, false] {
        for object in secret.into_iter().chain([connector]) {
            apply_one(&cluster, object, dry_run).await?;
        }
    }
    let mut said = String::new();
    for object in secret.into_iter().chain([connector]) {
        said.push_str(&manifests::reference(object));
        said.push_str(" serverside-applied\n");
    }
    let name = connector
        .pointer("/metadata/name")
        .and_then(Value::as_str)
        .unwrap_or_default();
    show::print(&format!(
        "{said}Run `kubectl salesforce status {name} --watch` to see it become ready.\n"
    ))
}

async fn apply_one(cluster: &Cluster, object: &Value, dry_run: bool) -> Result<(), CommandError> {
    let (resource, plural) = if object.get("kind").and_then(Value::as_str) == Some("Secret") {
        (
            ApiResource::from_gvk(&GroupVersionKind::gvk("", "v1", "Secret")),
            "secrets",
        )
    } else {
        (cluster::resource(), "salesforceconnectors")
    };
    let api: Api<DynamicObject> = Api::namespaced_with(cluster.client.clone(), &cluster.namespace, &resource);
    let params = PatchParams {
        dry_run,
        ..PatchParams::apply(FIELD_MANAGER)
    };
    let name = object
        .pointer("/metadata/name")
        .and_then(Value::as_str)
        .unwrap_or_default();
    // Only the metadata of the answer is read: the Secret itself is not wanted back.
    let applied = api.patch_metadata(name, &params, &Patch::Apply(object)).await;
    applied
        .map(drop)
        .map_err(|error| cluster::refusal("patch", plural, Some(&cluster.namespace), error))
}

fn yaml<'a>(objects: impl IntoIterator<Item = &'a Value>) -> String {
    let documents: Vec<String> = objects
        .into_iter()
        .map(|object| show::text(object, OutputFormat::Yaml))
        .collect();
    documents.join("---\n")
}
