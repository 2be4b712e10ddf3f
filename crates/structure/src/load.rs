//! What is in a checkout? Its packages, with the text of their manifests and sources.

use std::path::Path;

use crate::read;
use crate::tree::{Error, Package, Sources, Tree};

impl Tree {
    /// Reads the checkout at `root`.
    pub fn load(root: &Path) -> Result<Self, Error> {
        Self::of(&sources(root)?)
    }

    /// Reads the sources given.
    pub fn of(sources: &Sources) -> Result<Self, Error> {
        let mut tree = Self::default();
        let root = sources.get("Cargo.toml").map_or("", String::as_str);
        for (path, manifest) in sources.iter().filter(|(path, _)| path.ends_with("Cargo.toml")) {
            let Some(name) = section(manifest, "package").find_map(|line| line.strip_prefix("name = "))
            else {
                continue;
            };
            let name = name.trim_matches('"').to_owned();
            let folder = path.trim_end_matches("Cargo.toml");
            let shipped = section(root, "dependencies").any(|line| line.starts_with(&format!("{name}.")));
            let package = tree.packages.len();
            tree.packages.push(Package {
                product: folder.is_empty() || shipped,
                name: name.clone(),
            });
            for file in ["lib.rs", "main.rs"] {
                let path = format!("{folder}src/{file}");
                if sources.contains_key(&path) {
                    let module = read::read_crate(&mut tree, sources, package, &path)?;
                    if file == "lib.rs" {
                        tree.libraries.insert(name.replace('-', "_"), module);
                    }
                }
            }
        }
        Ok(tree)
    }
}

/// The lines of a section of a manifest.
fn section<'a>(manifest: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    let head = format!("[{name}]");
    manifest
        .lines()
        .skip_while(move |line| *line != head)
        .skip(1)
        .take_while(|line| !line.starts_with('['))
}

/// The text of the manifests and sources of the checkout at `root`.
pub fn sources(root: &Path) -> Result<Sources, Error> {
    let mut sources = Sources::new();
    collect(root, "Cargo.toml", &mut sources)?;
    collect(root, "src", &mut sources)?;
    for package in names(&root.join("crates"))? {
        let folder = format!("crates/{package}");
        if root.join(&folder).is_dir() {
            collect(root, &format!("{folder}/Cargo.toml"), &mut sources)?;
            collect(root, &format!("{folder}/src"), &mut sources)?;
        }
    }
    Ok(sources)
}

fn collect(root: &Path, path: &str, sources: &mut Sources) -> Result<(), Error> {
    let full = root.join(path);
    if full.is_dir() {
        for name in names(&full)? {
            collect(root, &format!("{path}/{name}"), sources)?;
        }
    } else if full.extension().is_some_and(|kind| kind == "rs") || full.ends_with("Cargo.toml") {
        let text = std::fs::read_to_string(&full).map_err(|source| Error::Read { path: full, source })?;
        sources.insert(path.to_owned(), text);
    }
    Ok(())
}

fn names(folder: &Path) -> Result<Vec<String>, Error> {
    let failed = |source| Error::Read {
        path: folder.to_owned(),
        source,
    };
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        names.push(entry.map_err(failed)?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}
