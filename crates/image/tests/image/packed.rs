//! What is in the image, and what is said of it?

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use crate::archive::{SOURCE, built, output, repository, tool};
use crate::bundle::Bundle;

const NAME: &str = "salesforce-connector-operator";

#[test]
fn two_packings_are_equal_byte_by_byte() {
    for (first, second) in [("image.tar", "again.tar"), ("image.cdx.json", "again.cdx.json")] {
        assert!(
            fs::read(built(first)).unwrap() == fs::read(built(second)).unwrap(),
            "{first}"
        );
    }
}

#[test]
fn what_the_image_says_of_itself_is_complete() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = Bundle::unpack(folder.path());
    let config = &bundle.config;
    let process = &config["process"];
    assert_eq!(process["args"], json!([format!("/{NAME}"), "run"]));
    assert_eq!(process["cwd"], "/");
    assert_eq!(process["user"], json!({ "uid": 65532, "gid": 65532 }));

    let git = |args: &[&str]| output(Command::new("git").args(args).current_dir(repository()));
    let revision = git(&["describe", "--always", "--abbrev=40", "--dirty", "--exclude=*"]);
    let created = git(&[
        "log",
        "-1",
        "--format=%cd",
        "--date=format-local:%Y-%m-%dT%H:%M:%SZ",
    ]);
    let annotations = &config["annotations"];
    let wanted = [
        ("title", NAME),
        ("version", env!("CARGO_PKG_VERSION")),
        ("revision", revision.trim_end()),
        ("source", SOURCE),
        ("licenses", "Apache-2.0"),
        ("url", "https://salesforce-connector.dev"),
        ("created", created.trim_end()),
    ];
    for (key, value) in wanted {
        assert_eq!(
            annotations[format!("org.opencontainers.image.{key}")],
            value,
            "{key}"
        );
    }
    assert_eq!(annotations["org.opencontainers.image.os"], "linux");
}

#[test]
fn the_files_are_the_program_its_authorities_and_names_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = Bundle::unpack(folder.path());
    let list = format!("usr/share/sbom/{NAME}.cdx.json");
    let mut found = BTreeSet::new();
    let mut folders = vec![bundle.file("")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.insert(
                    path.strip_prefix(bundle.file(""))
                        .unwrap()
                        .to_str()
                        .unwrap()
                        .to_owned(),
                );
            }
        }
    }
    let wanted = [
        NAME,
        "etc/group",
        "etc/nsswitch.conf",
        "etc/passwd",
        "etc/ssl/certs/ca-certificates.crt",
        &list,
    ];
    assert_eq!(found, wanted.map(str::to_owned).into());

    assert_eq!(
        fs::read(bundle.file(&list)).unwrap(),
        fs::read(built("image.cdx.json")).unwrap()
    );
    let authorities = fs::read_to_string(bundle.file("etc/ssl/certs/ca-certificates.crt")).unwrap();
    let count = authorities.matches("BEGIN CERTIFICATE").count();
    assert!((100..300).contains(&count), "{count} certificates");
}

#[test]
fn the_list_has_what_is_linked_and_not_what_builds_or_tests() {
    let list: Value = serde_json::from_slice(&fs::read(built("image.cdx.json")).unwrap()).unwrap();
    let names: BTreeSet<_> = list["components"]
        .as_array()
        .unwrap()
        .iter()
        .map(|component| component["name"].as_str().unwrap())
        .collect();
    for linked in [
        "kube-client",
        "rustls",
        "ring",
        "salesforce-client",
        "redeem",
        "rust-std",
        "glibc",
    ] {
        assert!(names.contains(linked), "{linked} is missing in {names:?}");
    }
    for other in ["proptest", "testbed", "salesforce-sim", "syn", "cc", NAME] {
        assert!(!names.contains(other), "{other} is listed");
    }
}

#[test]
fn the_tools_that_read_it_know_what_a_layout_is() {
    let folder = tempfile::tempdir().unwrap();
    Bundle::unpack(folder.path());
    let image = format!(
        "{}:{}",
        folder.path().join("layout").display(),
        env!("CARGO_PKG_VERSION")
    );
    let said = output(Command::new(tool("umoci")).args(["stat", "--json", "--image", &image]));
    let said: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(said["history"].as_array().unwrap().len(), 1, "{said}");
}
