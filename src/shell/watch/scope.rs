//! What does one watch cover?

use crate::settings::Settings;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum WatchScope {
    Cluster,
    Namespace(String),
}

impl WatchScope {
    pub(crate) fn of(settings: &Settings) -> Vec<Self> {
        if settings.watch_namespaces.is_empty() {
            return vec![Self::Cluster];
        }
        settings
            .watch_namespaces
            .iter()
            .cloned()
            .map(Self::Namespace)
            .collect()
    }

    pub(crate) fn covers(&self, namespace: &str) -> bool {
        match self {
            Self::Cluster => true,
            Self::Namespace(own) => own == namespace,
        }
    }
}
