//! The control plane: one for all tests of a process, or one of one's own.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use k8s_openapi::api::core::v1::{Namespace, ServiceAccount};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, ObjectMeta, Patch, PatchParams, PostParams};

use crate::process::Process;
use crate::programs::{Programs, run};
use crate::{Ran, TestNamespace, access, blocking, eventually, install_crypto};

/// How long the API server may take for what it does at once.
const SOON: Duration = Duration::from_secs(30);

/// A real API server with the controllers that tests rely on: garbage collection, namespaces, service accounts,
/// deployments and replica sets.
///
/// It belongs to no runtime. What it hands out, such as a [`kube::Client`], belongs to the runtime that asked:
/// every `#[tokio::test]` has one of its own, and connections die with it.
#[derive(Debug)]
pub struct ControlPlane {
    programs: Programs,
    kubeconfig: PathBuf,
    /// For kubeconfig files and what helm and kubectl keep.
    scratch: PathBuf,
    /// `None` where the cluster is the user's own.
    process: Option<Arc<Process>>,
}

impl ControlPlane {
    /// The control plane of this process, started when first asked for; ended with the process.
    ///
    /// With `SFC_TEST_KUBECONFIG`, or `SFC_USE_EXISTING_CLUSTER=1` and `KUBECONFIG`, it is that cluster.
    pub async fn shared() -> &'static Self {
        static SHARED: OnceLock<ControlPlane> = OnceLock::new();
        blocking(|| {
            SHARED.get_or_init(|| match access::opted_in_kubeconfig() {
                Some(kubeconfig) => Self::existing(kubeconfig),
                None => Self::start_here(&[]),
            })
        })
        .await
    }

    /// A control plane of one's own, for tests that stop its parts. Ended by drop.
    pub async fn start() -> Self {
        Self::start_with(Vec::new()).await
    }

    /// A control plane of one's own, with further flags of kube-apiserver, such as those of the audit log.
    pub async fn start_with(apiserver_args: Vec<String>) -> Self {
        blocking(move || Self::start_here(&apiserver_args)).await
    }

    fn start_here(apiserver_args: &[String]) -> Self {
        install_crypto();
        let programs = Programs::find();
        let scratch = new_scratch();
        let process = Process::start(&programs, &scratch, apiserver_args);
        Self {
            kubeconfig: scratch.join("admin.kubeconfig"),
            programs,
            scratch,
            process: Some(Arc::new(process)),
        }
    }

    fn existing(kubeconfig: PathBuf) -> Self {
        install_crypto();
        Self {
            programs: Programs::find(),
            kubeconfig,
            scratch: new_scratch(),
            process: None,
        }
    }

    pub fn kubeconfig_path(&self) -> &Path {
        &self.kubeconfig
    }

    /// A folder for files of the test. Removed with a control plane that was started here.
    pub fn scratch(&self) -> &Path {
        &self.scratch
    }

    /// The path of a program of the control plane, such as kubectl.
    pub fn program(&self, name: &str) -> PathBuf {
        self.programs.path(name)
    }

    /// Whether the cluster is the user's own, where tests have to leave nothing behind.
    pub fn is_existing(&self) -> bool {
        self.process.is_none()
    }

    /// A client as administrator, for this runtime.
    pub async fn client(&self) -> kube::Client {
        access::client(&self.kubeconfig).await
    }

    /// A client as a service account, for this runtime. Waits for a service account that is not there yet.
    pub async fn client_as(&self, namespace: &str, service_account: &str) -> kube::Client {
        access::client(&self.kubeconfig_for(namespace, service_account).await).await
    }

    /// A token of a service account, good for a day. Waits for a service account that is not there yet.
    pub async fn token_of(&self, namespace: &str, service_account: &str) -> String {
        access::token(&self.client().await, namespace, service_account).await
    }

    /// Writes a kubeconfig file with a token of a service account, good for a day: the operator runs under it
    /// with the rights that the chart gives it. Waits for a service account that is not there yet.
    pub async fn kubeconfig_for(&self, namespace: &str, service_account: &str) -> PathBuf {
        let token = self.token_of(namespace, service_account).await;
        let path = self
            .scratch
            .join(format!("{namespace}.{service_account}.kubeconfig"));
        access::write_kubeconfig(&self.kubeconfig, &path, |user, _| {
            *user = serde_json::json!({ "token": token });
        });
        path
    }

    /// Writes a copy of a kubeconfig file by which the API server is reached at another address, such as that of
    /// a [`crate::proxy::TcpProxy`]. The certificate is still checked against 127.0.0.1.
    pub fn kubeconfig_through(&self, kubeconfig: &Path, address: std::net::SocketAddr) -> PathBuf {
        let name = kubeconfig.file_stem().unwrap_or_default().to_string_lossy();
        let path = self.scratch.join(format!("{name}.{}.kubeconfig", address.port()));
        access::write_kubeconfig(kubeconfig, &path, |_, cluster| {
            cluster["server"] = format!("https://{address}").into();
            cluster["tls-server-name"] = "127.0.0.1".into();
        });
        path
    }

    pub fn api_server_address(&self) -> std::net::SocketAddr {
        access::server_address(&self.kubeconfig)
    }

    /// A new namespace whose name begins with `prefix` and a hyphen.
    pub async fn namespace(&self, prefix: &str) -> TestNamespace {
        self.new_namespace(ObjectMeta {
            generate_name: Some(format!("{prefix}-")),
            ..ObjectMeta::default()
        })
        .await
    }

    /// A new namespace of this name, as where the objects of another cluster are restored.
    pub async fn namespace_named(&self, name: &str) -> TestNamespace {
        self.new_namespace(ObjectMeta {
            name: Some(name.to_owned()),
            ..ObjectMeta::default()
        })
        .await
    }

    async fn new_namespace(&self, metadata: ObjectMeta) -> TestNamespace {
        let namespaces: Api<Namespace> = Api::all(self.client().await);
        let created = namespaces
            .create(
                &PostParams::default(),
                &Namespace {
                    metadata,
                    ..Namespace::default()
                },
            )
            .await
            .unwrap_or_else(|error| panic!("failed to create a namespace: {error}"));
        let name = created
            .metadata
            .name
            .expect("the API server names what it creates");
        TestNamespace::new(name, self.is_existing().then(|| self.kubectl_command()))
    }

    /// Creates a service account without any rights.
    pub async fn service_account(&self, namespace: &str, name: &str) {
        let metadata = ObjectMeta {
            name: Some(name.to_owned()),
            ..ObjectMeta::default()
        };
        Api::<ServiceAccount>::namespaced(self.client().await, namespace)
            .create(
                &PostParams::default(),
                &ServiceAccount {
                    metadata,
                    ..ServiceAccount::default()
                },
            )
            .await
            .unwrap_or_else(|error| panic!("failed to create service account {namespace}/{name}: {error}"));
    }

    /// Applies a CRD, and waits until objects of it can be created and are collected with their owners. Any
    /// number of tests may do so at once.
    pub async fn install_crd(&self, crd: &CustomResourceDefinition) {
        let name = crd.metadata.name.as_deref().expect("a CRD has a name");
        let crds: Api<CustomResourceDefinition> = Api::all(self.client().await);
        let known = crds.get_metadata_opt(name).await;
        let known = known.unwrap_or_else(|error| panic!("failed to look for the CRD {name}: {error}"));
        crds.patch(name, &PatchParams::apply("testbed").force(), &Patch::Apply(crd))
            .await
            .unwrap_or_else(|error| panic!("failed to apply the CRD {name}: {error}"));
        eventually(SOON, "the CRD to be established", async || {
            let status = crds
                .get_status(name)
                .await
                .map_err(|error| error.to_string())?
                .status;
            let conditions = status.unwrap_or_default().conditions.unwrap_or_default();
            let established = conditions
                .iter()
                .any(|c| c.type_ == "Established" && c.status == "True");
            established.then_some(()).ok_or_else(|| format!("{conditions:?}"))
        })
        .await;
        if known.is_none() && !self.is_existing() {
            self.restart_controller_manager().await;
        }
    }

    /// Applies manifests in YAML, server side, as administrator.
    pub async fn apply(&self, manifests: &str) -> Ran {
        let input = manifests.to_owned();
        let mut command = self.kubectl_command();
        command.args(["apply", "--server-side", "--filename=-"]);
        blocking(move || run(command, &input)).await
    }

    pub async fn kubectl<S: AsRef<OsStr>>(&self, args: &[S]) -> Ran {
        let mut command = self.kubectl_command();
        command.args(args);
        blocking(move || run(command, "")).await
    }

    pub async fn helm<S: AsRef<OsStr>>(&self, args: &[S]) -> Ran {
        let mut command = self.command("helm");
        for variable in ["HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME"] {
            command.env(variable, self.scratch.join("helm").join(variable));
        }
        command.args(args);
        blocking(move || run(command, "")).await
    }

    fn kubectl_command(&self) -> Command {
        let mut command = self.command("kubectl");
        command.env("KUBECACHEDIR", self.scratch.join("kubectl"));
        command
    }

    /// A program of the control plane (`kubectl`, `helm`), set up to talk to it as administrator.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.programs.path(program));
        command
            .env("KUBECONFIG", &self.kubeconfig)
            .env("NO_PROXY", "127.0.0.1,localhost");
        command
    }

    /// Kills kube-apiserver and starts it again on the same port; returns when it is ready. Watches break.
    pub async fn restart_api_server(&self) {
        self.ask("restart kube-apiserver", "ready ").await;
    }

    /// Kills kube-apiserver: connections to it are refused.
    pub async fn stop_api_server(&self) {
        self.ask("stop kube-apiserver", "stopped ").await;
    }

    /// Starts kube-apiserver after [`Self::stop_api_server`]; returns when it is ready.
    pub async fn start_api_server(&self) {
        self.ask("start kube-apiserver", "ready ").await;
    }

    /// Kills kube-controller-manager and starts it again. Its garbage collector looks for new kinds only every
    /// 30 s and at its start, so tests whose chart installs a CRD, and which wait for something owned to go with
    /// its owner, are quicker after this. [`Self::install_crd`] does it by itself.
    pub async fn restart_controller_manager(&self) {
        self.ask("restart kube-controller-manager", "ready ").await;
    }

    /// Copies what etcd holds, which is stopped meanwhile, and says where the copy is.
    pub async fn snapshot(&self) -> PathBuf {
        let copy = self.scratch.join("snapshot-of-etcd");
        self.ask("stop etcd", "stopped ").await;
        self.copy_folder(&self.scratch.join("etcd"), &copy).await;
        self.ask("start etcd", "ready ").await;
        copy
    }

    /// Puts such a copy in the place of what etcd holds now. What reads etcd is started again.
    pub async fn restore_snapshot(&self, copy: &Path) {
        self.ask("stop kube-controller-manager", "stopped ").await;
        self.ask("stop etcd", "stopped ").await;
        let data = self.scratch.join("etcd");
        std::fs::remove_dir_all(&data).unwrap_or_else(|error| panic!("failed to remove the data: {error}"));
        self.copy_folder(copy, &data).await;
        self.ask("start etcd", "ready ").await;
        self.restart_api_server().await;
        self.restart_controller_manager().await;
    }

    async fn copy_folder(&self, from: &Path, to: &Path) {
        let mut command = Command::new("cp");
        command.arg("-a").arg(from).arg(to);
        let ran = blocking(move || run(command, "")).await;
        assert!(ran.succeeded(), "{ran}");
    }

    async fn ask(&self, line: &'static str, answer: &'static str) {
        let process = self.process.clone().unwrap_or_else(|| {
            panic!("cannot {line}: this cluster was not started here; use ControlPlane::start()")
        });
        blocking(move || process.ask(line, answer)).await;
    }
}

/// A new folder that outlives this value: `control-plane up --remove` removes it, because the shared control
/// plane is never dropped.
fn new_scratch() -> PathBuf {
    let made = tempfile::Builder::new()
        .prefix("salesforce-connector-testbed-")
        .tempdir();
    made.unwrap_or_else(|error| panic!("failed to create a temporary folder: {error}"))
        .keep()
}
