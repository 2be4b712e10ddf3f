//! How is a connector suspended and resumed? By `spec.suspend`.

use std::fmt::Write as _;
use std::process::ExitCode;

use serde_json::json;

use crate::cli::{AccessFlags, NameArgs};
use crate::cluster::{Cluster, is_suspended};
use crate::command_error::CommandError;
use crate::show;

pub async fn run(access: &AccessFlags, args: &NameArgs, suspend: bool) -> Result<ExitCode, CommandError> {
    let cluster = Cluster::connect(access).await?;
    let mut said = String::new();
    for name in &args.names {
        let was = is_suspended(&cluster.get(name).await?);
        if was != suspend {
            cluster
                .patch(name, json!({ "spec": { "suspend": suspend } }))
                .await?;
        }
        let done = match (suspend, was == suspend) {
            (true, false) => "suspended",
            (true, true) => "was suspended already",
            (false, false) => "resumed",
            (false, true) => "was not suspended",
        };
        let _ = writeln!(said, "salesforceconnector.salesforce-connector.dev/{name} {done}");
    }
    show::print(&said)
}
