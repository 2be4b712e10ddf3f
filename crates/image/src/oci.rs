//! What does an image archive look like? An OCI layout in a tar archive, with the file by which older `docker load` finds its way.

use std::error::Error;
use std::fmt::Write as _;

use jiff::Timestamp;
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};

use crate::layer::{Files, Layer, NAME, USER};

const VERSION: &str = env!("CARGO_PKG_VERSION");
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// What is said of an image, besides its contents.
pub(crate) struct About<'a> {
    pub(crate) architecture: &'static str,
    pub(crate) revision: &'a str,
    pub(crate) source: Option<&'a str>,
    pub(crate) created: Timestamp,
}

/// What OCI calls the processor of a target of Rust.
pub(crate) fn architecture(target: &str) -> Result<&'static str, String> {
    let (processor, system) = target.split_once('-').unwrap_or_default();
    match processor {
        "x86_64" if system.contains("linux") => Ok("amd64"),
        "aarch64" if system.contains("linux") => Ok("arm64"),
        _ => Err(format!(
            "{target} is no target of images: x86_64 or aarch64, and Linux"
        )),
    }
}

/// The archive, byte by byte.
pub(crate) fn archive(about: &About<'_>, layer: &Layer) -> Result<Vec<u8>, Box<dyn Error>> {
    let blob = Blob::new(LAYER, layer.gzip.clone());
    let config = Blob::json(CONFIG, &config(about, &sha256(&layer.tar)))?;
    let manifest = Blob::json(
        MANIFEST,
        &json!({
            "schemaVersion": 2, "mediaType": MANIFEST, "annotations": annotations(about),
            "config": config.descriptor(), "layers": [blob.descriptor()],
        }),
    )?;
    let platform = json!({ "architecture": about.architecture, "os": "linux" });
    let names = json!({
        "org.opencontainers.image.ref.name": VERSION, "io.containerd.image.name": format!("{NAME}:{VERSION}"),
    });
    let image = with(manifest.descriptor(), "platform", Some(platform));
    let image = with(image, "annotations", Some(names));
    let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [image] });
    let docker = json!([{
        "Config": config.path(), "Layers": [blob.path()], "RepoTags": [format!("{NAME}:{VERSION}")],
    }]);

    let mut files = Files::new(about.created.as_second().try_into()?);
    files.folder("blobs/")?;
    files.folder("blobs/sha256/")?;
    for blob in [&blob, &config, &manifest] {
        files.file(&blob.path(), 0o644, &blob.contents)?;
    }
    files.file("index.json", 0o644, &serde_json::to_vec(&index)?)?;
    files.file("manifest.json", 0o644, &serde_json::to_vec(&docker)?)?;
    files.file("oci-layout", 0o644, br#"{"imageLayoutVersion":"1.0.0"}"#)?;
    Ok(files.finish()?)
}

fn config(about: &About<'_>, diff_id: &str) -> Value {
    json!({
        "architecture": about.architecture,
        "os": "linux",
        "created": about.created,
        "config": {
            "User": USER,
            "WorkingDir": "/",
            "Entrypoint": [format!("/{NAME}")],
            "Cmd": ["run"],
            "Env": ["PATH=/"],
            "ExposedPorts": { "8080/tcp": {}, "9090/tcp": {} },
            "Labels": annotations(about),
        },
        "rootfs": { "type": "layers", "diff_ids": [format!("sha256:{diff_id}")] },
        "history": [{ "created": about.created, "created_by": "scripts/image" }],
    })
}

fn annotations(about: &About<'_>) -> Value {
    let annotations = json!({
        "org.opencontainers.image.title": NAME,
        "org.opencontainers.image.description": "Kubernetes operator that obtains, renews and verifies Salesforce OAuth tokens",
        "org.opencontainers.image.version": VERSION,
        "org.opencontainers.image.revision": about.revision,
        "org.opencontainers.image.created": about.created,
        "org.opencontainers.image.licenses": env!("CARGO_PKG_LICENSE"),
        "org.opencontainers.image.url": "https://salesforce-connector.dev",
    });
    with(
        annotations,
        "org.opencontainers.image.source",
        about.source.map(Value::from),
    )
}

struct Blob {
    kind: &'static str,
    contents: Vec<u8>,
    digest: String,
}

impl Blob {
    fn new(kind: &'static str, contents: Vec<u8>) -> Self {
        let digest = sha256(&contents);
        Self {
            kind,
            contents,
            digest,
        }
    }

    fn json(kind: &'static str, value: &Value) -> serde_json::Result<Self> {
        Ok(Self::new(kind, serde_json::to_vec(value)?))
    }

    fn path(&self) -> String {
        format!("blobs/sha256/{}", self.digest)
    }

    fn descriptor(&self) -> Value {
        json!({ "mediaType": self.kind, "digest": format!("sha256:{}", self.digest), "size": self.contents.len() })
    }
}

fn sha256(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in digest(&SHA256, bytes).as_ref() {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// An object with one more member, if there is one.
pub(crate) fn with(mut object: Value, key: &str, value: Option<Value>) -> Value {
    if let (Some(members), Some(value)) = (object.as_object_mut(), value) {
        members.insert(key.to_owned(), value);
    }
    object
}
