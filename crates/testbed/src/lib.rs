//! A real Kubernetes control plane for tests, demo and benchmarks, and what tests against it need: clients and
//! kubeconfig files by service account, waits that show what they last saw, a connection that can be cut, and processes of
//! the operator.
//!
//! The control plane is kube-apiserver, etcd and kube-controller-manager themselves, built once by
//! `scripts/control-plane-build`. There is no kubelet: pods stay `Pending`. To run the tests elsewhere:
//!
//! - `KUBEBUILDER_ASSETS=DIR`: the programs in that folder are used where it has them;
//! - `SFC_TEST_KUBECONFIG=FILE`, or `SFC_USE_EXISTING_CLUSTER=1` with `KUBECONFIG`: [`ControlPlane::shared`] is
//!   that cluster. `KUBECONFIG` alone is not enough: tests install CRDs and policies and delete namespaces, and
//!   must not do so by accident in the cluster that a shell happens to point at.
//!
//! A failure of the test bed itself is a panic with the program, its arguments and its output, because there is
//! nothing a test could do about it.
#![allow(
    missing_docs,
    reason = "a part of the tests: comments say what a name does not"
)]
#![expect(
    clippy::panic,
    clippy::missing_panics_doc,
    clippy::indexing_slicing,
    reason = "a test ends when its test bed fails"
)]

mod access;
mod control_plane;
mod eventually;
pub mod http;
mod namespace;
mod operator;
mod process;
mod programs;
pub mod proxy;

pub use control_plane::ControlPlane;
pub use eventually::eventually;
pub use namespace::TestNamespace;
pub use operator::OperatorProcess;
pub use programs::Ran;

/// Makes ring the process's TLS provider. Any number of calls do no harm.
pub fn install_crypto() {
    // The error says that a provider is installed already, which is what we want.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// Runs blocking work (a process, a file, a thread to wait for) without holding up the tests' runtime, on which
/// the operator and the simulator may be running as well.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(value) => value,
        Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
    }
}

#[cfg(test)]
mod tests;
