//! Kubernetes operator that obtains, renews and verifies Salesforce OAuth tokens.
