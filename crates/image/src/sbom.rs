//! What is in the program? A list in the form of `CycloneDX`, from what Cargo says of the dependencies that are linked in.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::oci::with;

/// The list, as JSON. `tree` is what `cargo tree --prefix none --format '{p}|{l}'` printed.
pub(crate) fn list(
    name: &str,
    tree: &str,
    lock: &str,
    linked: &[String],
    created: Timestamp,
) -> Result<String, String> {
    let checksums = checksums(lock);
    let crates: BTreeSet<_> = tree
        .lines()
        .map(|line| package(line).ok_or_else(|| format!("{line:?} is no line of `cargo tree`")))
        .collect::<Result<_, _>>()?;
    let component = |kind, package: &Package<'_>| {
        let checksum = checksums.get(&(package.name, package.version));
        described(kind, package, checksum.copied())
    };
    let itself = crates
        .iter()
        .find(|package| package.name == name)
        .ok_or_else(|| format!("{name} is not among its own crates"))?;
    let mut parts: Vec<_> = crates.iter().filter(|package| *package != itself).collect();
    let linked = linked
        .iter()
        .map(|part| {
            linked_part(part).ok_or_else(|| format!("{part:?} is not of the form name@version=license"))
        })
        .collect::<Result<Vec<_>, _>>()?;
    parts.extend(&linked);
    let refs: Vec<_> = parts.iter().map(|package| package.purl()).collect();
    let components: Vec<_> = parts
        .iter()
        .map(|package| component("library", package))
        .collect();
    let list = json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": { "timestamp": created, "component": component("application", itself) },
        "components": components,
        "dependencies": [{ "ref": itself.purl(), "dependsOn": refs }],
    });
    Ok(format!("{list:#}\n"))
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Package<'a> {
    registry: &'static str,
    name: &'a str,
    version: &'a str,
    license: &'a str,
}

/// Of a line such as `serde v1.0.228 (proc-macro)|MIT OR Apache-2.0 (*)`. Folders of this machine are left out.
fn package(line: &str) -> Option<Package<'_>> {
    let (package, license) = line.trim_end_matches(" (*)").split_once('|')?;
    let mut words = package.split(' ');
    let (name, version) = (words.next()?, words.next()?.strip_prefix('v')?);
    Some(Package {
        registry: "cargo",
        name,
        version,
        license,
    })
}

fn linked_part(text: &str) -> Option<Package<'_>> {
    let (name, rest) = text.split_once('@')?;
    let (version, license) = rest.split_once('=')?;
    Some(Package {
        registry: "generic",
        name,
        version,
        license,
    })
}

impl Package<'_> {
    /// By which scanners know it.
    fn purl(&self) -> String {
        format!(
            "pkg:{}/{}@{}",
            self.registry,
            self.name,
            self.version.replace('+', "%2B")
        )
    }
}

fn described(kind: &str, package: &Package<'_>, checksum: Option<&str>) -> Value {
    let component = json!({
        "type": kind, "bom-ref": package.purl(), "purl": package.purl(), "name": package.name, "version": package.version,
        // Older crates separate them with a slash.
        "licenses": [{ "expression": package.license.replace('/', " OR ") }],
    });
    let hashes = checksum.map(|checksum| json!([{ "alg": "SHA-256", "content": checksum }]));
    with(component, "hashes", hashes)
}

/// The checksum of each crate of Cargo.lock, by name and version.
fn checksums(lock: &str) -> BTreeMap<(&str, &str), &str> {
    lock.split("[[package]]")
        .filter_map(|package| {
            let find = |key: &str| {
                package
                    .lines()
                    .find_map(|line| line.strip_prefix(key)?.strip_prefix(" = \"")?.strip_suffix('"'))
            };
            Some(((find("name")?, find("version")?), find("checksum")?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: &str = "version = 4\n\n[[package]]\nname = \"serde\"\nversion = \"1.0.2\"\nchecksum = \"5e\"\n\n\
        [[package]]\nname = \"operator\"\nversion = \"0.1.0\"\n";
    const TREE: &str = "operator v0.1.0 (/home/someone/operator)|Apache-2.0\nserde v1.0.2|MIT/Apache-2.0\nserde v1.0.2|MIT/Apache-2.0 (*)\n";

    fn listed(name: &str, tree: &str, linked: &str) -> Result<Value, String> {
        let list = list(name, tree, LOCK, &[linked.to_owned()], Timestamp::UNIX_EPOCH)?;
        Ok(serde_json::from_str(&list).unwrap())
    }

    #[test]
    fn each_crate_is_listed_once_with_its_checksum_and_no_folder() {
        let library = |purl: &str, name: &str, version: &str, license: &str| {
            json!({ "type": "library", "bom-ref": purl, "purl": purl, "name": name, "version": version,
                "licenses": [{ "expression": license }] })
        };
        let mut operator = library("pkg:cargo/operator@0.1.0", "operator", "0.1.0", "Apache-2.0");
        operator["type"] = "application".into();
        let mut serde = library("pkg:cargo/serde@1.0.2", "serde", "1.0.2", "MIT OR Apache-2.0");
        serde["hashes"] = json!([{ "alg": "SHA-256", "content": "5e" }]);
        let glibc = library("pkg:generic/glibc@2.36", "glibc", "2.36", "LGPL-2.1-or-later");
        let wanted = json!({
            "bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1,
            "metadata": { "timestamp": "1970-01-01T00:00:00Z", "component": operator },
            "components": [serde, glibc],
            "dependencies": [{
                "ref": "pkg:cargo/operator@0.1.0", "dependsOn": ["pkg:cargo/serde@1.0.2", "pkg:generic/glibc@2.36"],
            }],
        });
        assert_eq!(
            listed("operator", TREE, "glibc@2.36=LGPL-2.1-or-later"),
            Ok(wanted)
        );
    }

    #[test]
    fn what_is_no_list_of_crates_is_refused() {
        let glibc = "glibc@2.36=LGPL-2.1-or-later";
        let refused = |name, tree, linked| listed(name, tree, linked).unwrap_err();
        assert_eq!(refused("other", TREE, glibc), "other is not among its own crates");
        assert_eq!(
            refused("operator", "serde 1.0", glibc),
            "\"serde 1.0\" is no line of `cargo tree`"
        );
        assert_eq!(
            refused("operator", TREE, "glibc"),
            "\"glibc\" is not of the form name@version=license"
        );
    }
}
