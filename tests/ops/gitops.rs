//! Do the examples for Argo CD and Flux lead somewhere, and is what they apply accepted?

use std::collections::BTreeMap;

use kubectl_salesforce::lint::Linter;
use kubectl_salesforce::lint::operator::Secrets;
use serde_json::Value;

use crate::generated::assert_generated;
use crate::tools::{path, read};

const FOLDER: &str = "examples/gitops";

fn documents(file: &str) -> Vec<Value> {
    serde_yaml::from_multiple(&read(&format!("{FOLDER}/{file}"))).unwrap()
}

#[test]
fn the_patch_of_argo_cds_settings_is_generated_from_the_health_check() {
    let script = read("contrib/argo-cd/salesforce-connector.dev/SalesforceConnector/health.lua");
    let indented: String = script
        .lines()
        .map(|line| {
            if line.is_empty() {
                "\n".to_owned()
            } else {
                format!("    {line}\n")
            }
        })
        .collect();
    let patch = format!(
        "# Generated from contrib/argo-cd by `make generate`; do not edit.
data:
  resource.customizations.health.salesforce-connector.dev_SalesforceConnector: |
{indented}"
    );
    assert_generated(&format!("{FOLDER}/argo-cd/argocd-cm.yaml"), &patch);
    let parsed: Value = serde_yaml::from_str(&patch).unwrap();
    let setting = "resource.customizations.health.salesforce-connector.dev_SalesforceConnector";
    assert_eq!(parsed["data"][setting].as_str(), Some(script.as_str()));
}

#[test]
fn every_path_of_an_application_and_of_a_kustomization_is_there() {
    let paths: BTreeMap<String, String> = [
        "argo-cd/operator.yaml",
        "argo-cd/connectors.yaml",
        "flux/operator.yaml",
        "flux/connectors.yaml",
    ]
    .into_iter()
    .flat_map(documents)
    .filter_map(|object| {
        let places = ["/spec/source/path", "/spec/path", "/spec/chart/spec/chart"];
        let place = places.iter().find_map(|place| object.pointer(place)?.as_str())?;
        Some((
            format!("{} {}", object["apiVersion"], object["metadata"]["name"]),
            place.to_owned(),
        ))
    })
    .collect();
    assert_eq!(paths.len(), 4);
    for (object, place) in paths {
        assert!(path(&place).is_dir(), "{object}: {place}");
    }
    let kustomization = documents("connectors/kustomization.yaml").remove(0);
    for resource in kustomization["resources"].as_array().unwrap() {
        let file = format!("{FOLDER}/connectors/{}", resource.as_str().unwrap());
        assert!(path(&file).is_file(), "{file}");
    }
}

#[test]
fn the_connector_is_accepted_and_its_input_is_what_the_store_provides() {
    let connector = documents("connectors/crm.yaml").remove(0);
    let linter = Linter::new(&[], &[], "salesforce-connector-system").unwrap();
    let objections = linter.objections(&connector, &Secrets::default());
    assert!(objections.is_empty(), "{objections:?}");
    let external = documents("connectors/crm-app.yaml").remove(0);
    let reference = &connector["spec"]["app"]["clientSecretRef"];
    assert_eq!(reference["name"], external["spec"]["target"]["name"]);
    assert_eq!(reference["key"], external["spec"]["data"][0]["secretKey"]);
}
