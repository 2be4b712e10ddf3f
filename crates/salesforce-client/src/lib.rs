//! Typed client of Salesforce's OAuth and REST endpoints; knows no Kubernetes.
