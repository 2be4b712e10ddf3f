//! What does a node do with the pod of a recipe? Mounts, environment and commands as the manifest has them, in folders of this machine.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, LazyLock, Mutex};

use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt as _;
use salesforce_sim::Simulator;
use serde_json::Value;
use tempfile::TempDir;

use crate::stage::value;

/// The real clients, as `scripts/install-real-clients` installs them.
static CLIENTS: LazyLock<PathBuf> = LazyLock::new(|| {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/install-real-clients");
    let output = Command::new(script).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{script}: {errors}");
    PathBuf::from(String::from_utf8(output.stdout).unwrap().trim())
});

pub(super) struct Pod {
    file: &'static str,
    recipe: Vec<Value>,
    /// A folder for each volume, and the simulator's certificate authority.
    directory: TempDir,
    proxy: String,
    /// How often a volume was written.
    writes: u32,
    container: RefCell<Option<Child>>,
    starts: u32,
    said: Arc<Mutex<String>>,
}

impl Pod {
    pub(super) fn new(file: &'static str, sim: &Simulator) -> Self {
        let path = format!("{}/examples/recipes/{file}", env!("CARGO_MANIFEST_DIR"));
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("ca.pem"), sim.ca_pem()).unwrap();
        Self {
            file,
            recipe: serde_yaml::from_multiple(&std::fs::read_to_string(path).unwrap()).unwrap(),
            directory,
            proxy: sim.http_url(),
            writes: 0,
            container: RefCell::new(None),
            starts: 0,
            said: Arc::default(),
        }
    }

    pub(super) fn file(&self) -> &'static str {
        self.file
    }

    pub(super) fn starts(&self) -> u32 {
        self.starts
    }

    /// Everything that its containers wrote.
    pub(super) fn said(&self) -> String {
        self.said.lock().unwrap().clone()
    }

    /// The exit code, once the container has ended.
    pub(super) fn end(&self) -> Option<i32> {
        let mut container = self.container.borrow_mut();
        let ended = container.as_mut()?.try_wait().unwrap()?;
        ended.code()
    }

    fn template(&self) -> &Value {
        let template = |object: &'_ Value| object.pointer("/spec/template/spec").is_some();
        let workload = self.recipe.iter().find(|object| template(object)).unwrap();
        &workload["spec"]["template"]["spec"]
    }

    fn place(&self, volume: &Value) -> PathBuf {
        self.directory.path().join(volume["name"].as_str().unwrap())
    }

    /// Brings the volumes up to date with this Secret.
    pub(super) fn mount(&mut self, secret: &Secret) {
        self.writes += 1;
        for volume in list(&self.template()["volumes"]) {
            let place = self.place(volume);
            if let Some(name) = volume["secret"]["secretName"].as_str() {
                assert_eq!(name, secret.name_any());
                let keys = secret.data.iter().flatten();
                let bytes = keys.map(|(key, value)| (key.clone(), value.0.clone()));
                publish(&place, self.writes, &bytes.collect());
            } else if let Some(name) = volume["configMap"]["name"].as_str() {
                let named =
                    |object: &&Value| object["kind"] == "ConfigMap" && object["metadata"]["name"] == name;
                let data = self.recipe.iter().find(named).unwrap()["data"]
                    .as_object()
                    .unwrap();
                let text = |(key, value): (&String, &Value)| (key.clone(), value.as_str().unwrap().into());
                publish(&place, self.writes, &data.iter().map(text).collect());
            } else {
                std::fs::create_dir_all(&place).unwrap();
            }
        }
    }

    /// A text of the manifest with the folders of this machine in the place of mounts.
    fn local(&self, text: &str) -> String {
        let mounts = list(&self.template()["containers"][0]["volumeMounts"]);
        mounts.fold(text.to_owned(), |text, mount| {
            text.replace(
                mount["mountPath"].as_str().unwrap(),
                self.place(mount).to_str().unwrap(),
            )
        })
    }

    /// Starts the container, with this Secret behind its environment.
    pub(super) fn start(&mut self, secret: &Secret) {
        let container = &self.template()["containers"][0];
        let words: Vec<String> = list(&container["command"])
            .chain(list(&container["args"]))
            .map(|word| self.local(word.as_str().unwrap()))
            .collect();
        let bin = [CLIENTS.join("venv/bin"), CLIENTS.join("node_modules/.bin")];
        let path = std::env::var_os("PATH").unwrap();
        let path = std::env::join_paths(bin.into_iter().chain(std::env::split_paths(&path))).unwrap();
        let mut command = Command::new("env");
        command
            .args(&words)
            .env("PATH", path)
            .env("NODE_PATH", CLIENTS.join("node_modules"));
        for name in [
            "HTTP_PROXY",
            "http_proxy",
            "ALL_PROXY",
            "all_proxy",
            "NO_PROXY",
            "no_proxy",
        ] {
            command.env_remove(name);
        }
        for name in ["HTTPS_PROXY", "https_proxy"] {
            command.env(name, &self.proxy);
        }
        for name in [
            "NODE_EXTRA_CA_CERTS",
            "REQUESTS_CA_BUNDLE",
            "CURL_CA_BUNDLE",
            "SSL_CERT_FILE",
        ] {
            command.env(name, self.directory.path().join("ca.pem"));
        }
        for key in list(&container["envFrom"]).flat_map(|_| secret.data.iter().flatten().map(|(key, _)| key))
        {
            command.env(key, value(secret, key));
        }
        for variable in list(&container["env"]) {
            let text = match variable["valueFrom"]["secretKeyRef"]["key"].as_str() {
                Some(key) => value(secret, key),
                None => self.local(variable["value"].as_str().unwrap()),
            };
            command.env(variable["name"].as_str().unwrap(), text);
        }
        // The hosts of the simulator are known to it alone.
        command.env("SFDX_DISABLE_DNS_CHECK", "true");
        // A test has less patience than a workload.
        command.env("INTERVAL_SECONDS", "0.1");
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        self.listen(child.stdout.take().unwrap());
        self.listen(child.stderr.take().unwrap());
        self.starts += 1;
        *self.container.borrow_mut() = Some(child);
    }

    fn listen(&self, stream: impl Read + Send + 'static) {
        let said = Arc::clone(&self.said);
        std::thread::spawn(move || {
            for line in BufReader::new(stream).lines().map_while(Result::ok) {
                said.lock().unwrap().extend([line.as_str(), "\n"]);
            }
        });
    }
}

impl Drop for Pod {
    fn drop(&mut self) {
        if let Some(child) = self.container.get_mut() {
            let _gone = child.kill();
            let _code = child.wait();
        }
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// Writes files as the kubelet does: all of them change at once, when a link moves.
fn publish(place: &Path, number: u32, files: &BTreeMap<String, Vec<u8>>) {
    let folder = format!("..{number}");
    std::fs::create_dir_all(place.join(&folder)).unwrap();
    symlink(&folder, place.join("..data_tmp")).unwrap();
    for (name, text) in files {
        std::fs::write(place.join(&folder).join(name), text).unwrap();
    }
    std::fs::rename(place.join("..data_tmp"), place.join("..data")).unwrap();
    for name in files.keys().filter(|name| !place.join(name).exists()) {
        symlink(Path::new("..data").join(name), place.join(name)).unwrap();
    }
}
