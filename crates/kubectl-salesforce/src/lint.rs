//! What would the API server and the operator refuse? Without either of them, from files.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::process::ExitCode;

use salesforce_client::HostAllowList;
use serde_json::Value;
use transit_client::SignerAddress;

use crate::cli::LintArgs;
use crate::command_error::CommandError;
use crate::lint::document::Document;
use crate::lint::objection::Objection;
use crate::lint::operator::Secrets;
use crate::lint::schema::Contract;
use crate::words::visible;
use crate::{files, show};

pub mod document;
pub mod objection;
pub mod operator;
pub mod schema;

/// All checks, built once.
pub struct Linter {
    contract: Contract,
    allow_list: HostAllowList,
    allowed_signers: BTreeSet<SignerAddress>,
    /// The operator refuses connectors there.
    operator_namespace: String,
}

impl Linter {
    pub fn new(
        allowed_hosts: &[String],
        allowed_signers: &[SignerAddress],
        operator_namespace: &str,
    ) -> Result<Self, CommandError> {
        Ok(Self {
            contract: Contract::new(),
            allow_list: allow_list(allowed_hosts)?,
            allowed_signers: allowed_signers.iter().cloned().collect(),
            operator_namespace: operator_namespace.to_owned(),
        })
    }

    /// What would be refused about a connector. The operator is asked only about what the API server accepts.
    pub fn objections(&self, object: &Value, secrets: &Secrets) -> Vec<Objection> {
        let (object, objections) = self.contract.check(object);
        if !objections.is_empty() {
            return objections;
        }
        let (hosts, signers) = (&self.allow_list, &self.allowed_signers);
        operator::check(&object, secrets, hosts, signers, &self.operator_namespace)
    }
}

/// Salesforce's own hosts, and those that a flag allows besides.
pub fn allow_list(allowed_hosts: &[String]) -> Result<HostAllowList, CommandError> {
    HostAllowList::with_extra(allowed_hosts)
        .map_err(|error| CommandError::Usage(format!("invalid --allow-host: {error}")))
}

pub fn run(args: &LintArgs) -> Result<ExitCode, CommandError> {
    let linter = Linter::new(&args.allow_host, &args.allow_signer, &args.operator_namespace)?;
    let (mut documents, mut report, mut refused) = (Vec::new(), String::new(), 0);
    for path in &args.files {
        let (name, text) = files::read(path)?;
        match document::documents(&name, &text) {
            Ok(found) => documents.extend(found),
            Err(error) => {
                refused += 1;
                let _ = writeln!(report, "{error}");
            }
        }
    }
    let secrets = Secrets::of(documents.iter().map(|document| &document.value));
    let (connectors, others): (Vec<_>, Vec<_>) =
        documents.iter().partition(|document| document.is_connector());
    for connector in &connectors {
        let objections = linter.objections(&connector.value, &secrets);
        refused += usize::from(!objections.is_empty());
        for Objection { field, text } in objections {
            let place = connector.place(&field);
            let field = if field.is_empty() {
                String::new()
            } else {
                format!("{field}: ")
            };
            let line = format!("{place}: {}: {field}{text}", connector.title());
            let _ = writeln!(report, "{}", visible(&line).replace('\n', " "));
        }
    }
    for (kind, count) in kinds(&others) {
        let kind = visible(&kind).replace('\n', " ");
        let _ = writeln!(report, "Not checked: {count} of kind {kind}.");
    }
    let _ = writeln!(report, "{} checked, {refused} refused.", connectors.len());
    show::print(&report)?;
    Ok(ExitCode::from(u8::from(refused > 0)))
}

fn kinds(others: &[&Document]) -> BTreeMap<String, usize> {
    let mut kinds = BTreeMap::new();
    for other in others {
        *kinds.entry(other.kind().to_owned()).or_default() += 1;
    }
    kinds
}
