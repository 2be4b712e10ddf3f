//! A real Kubernetes control plane for tests, demo and benchmarks.
