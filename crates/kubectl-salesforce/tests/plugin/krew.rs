//! The manifest by which krew installs the plugin.

use std::process::Command;

use serde_json::{Value, json};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scripts/krew-manifest");
const URL: &str = "https://downloads.example/v0.1.0";

/// A folder with an archive of these files for each platform.
fn archives(platforms: &[&str], members: &[&str]) -> (tempfile::TempDir, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    for member in members {
        std::fs::write(folder.path().join(member), member).unwrap();
    }
    let archive = |platform: &&str| {
        let path = folder
            .path()
            .join(format!("kubectl-salesforce-{platform}.tar.gz"))
            .display()
            .to_string();
        let mut tar = Command::new("tar");
        tar.args(["--create", "--gzip", "--file", &path, "--directory"])
            .arg(folder.path())
            .args(members);
        assert!(tar.status().unwrap().success());
        path
    };
    let paths = platforms.iter().map(archive).collect();
    (folder, paths)
}

fn made(version: &str, archives: &[String]) -> Result<String, String> {
    let output = Command::new(SCRIPT)
        .args([version, URL])
        .args(archives)
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    if output.status.success() {
        Ok(text(output.stdout))
    } else {
        Err(text(output.stderr))
    }
}

#[test]
fn the_manifest_has_what_krew_asks_for() {
    let (_folder, archives) = archives(
        &["linux-amd64", "darwin-arm64"],
        &["kubectl-salesforce", "LICENSE"],
    );
    let manifest: Value = serde_yaml::from_str(&made("v0.1.0", &archives).unwrap()).unwrap();
    let sum = |archive: &str| {
        let output = Command::new("sha256sum").arg(archive).output().unwrap();
        String::from_utf8(output.stdout)
            .unwrap()
            .split(' ')
            .next()
            .unwrap()
            .to_owned()
    };
    let platform = |index: usize, os: &str, arch: &str| {
        json!({
            "selector": { "matchLabels": { "os": os, "arch": arch } },
            "uri": format!("{URL}/kubectl-salesforce-{os}-{arch}.tar.gz"),
            "sha256": sum(&archives[index]),
            "files": [{ "from": "kubectl-salesforce", "to": "." }, { "from": "LICENSE", "to": "." }],
            "bin": "kubectl-salesforce",
        })
    };
    // krew: validation of v1alpha2, and its guidelines on names and descriptions.
    assert_eq!(
        manifest["apiVersion"],
        "krew.googlecontainertools.github.com/v1alpha2"
    );
    assert_eq!(
        (&manifest["kind"], &manifest["metadata"]),
        (&json!("Plugin"), &json!({ "name": "salesforce" }))
    );
    let spec = &manifest["spec"];
    assert_eq!(spec["version"], "v0.1.0");
    let short = spec["shortDescription"].as_str().unwrap();
    assert!(
        short.len() <= 50 && !short.ends_with('.') && !short.contains("kubectl"),
        "{short}"
    );
    assert!(spec["homepage"].as_str().unwrap().starts_with("https://"));
    assert_eq!(
        spec["platforms"],
        json!([platform(0, "linux", "amd64"), platform(1, "darwin", "arm64")])
    );
    let known = [
        "description",
        "homepage",
        "platforms",
        "shortDescription",
        "caveats",
        "version",
    ];
    assert!(
        spec.as_object()
            .unwrap()
            .keys()
            .all(|field| known.contains(&field.as_str())),
        "{spec}"
    );
}

#[test]
fn what_krew_would_refuse_makes_no_manifest() {
    let (_folder, good) = archives(&["linux-amd64"], &["kubectl-salesforce", "LICENSE"]);
    let (_folder, bare) = archives(&["linux-amd64"], &["kubectl-salesforce"]);
    let (_folder, odd) = archives(&["plan9-amd64"], &["kubectl-salesforce", "LICENSE"]);
    for (version, archives, said) in [
        ("0.1", &good, "0.1 is no version: write it like v0.1.0"),
        ("v0.1.0", &bare, "has no LICENSE"),
        ("v0.1.0", &odd, "plan9-amd64 is no platform"),
        (
            "v0.1.0",
            &Vec::new(),
            "usage: krew-manifest VERSION URL ARCHIVE...",
        ),
    ] {
        let refusal = made(version, archives).unwrap_err();
        assert!(refusal.contains(said), "{refusal}");
    }
}
