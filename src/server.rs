//! What may others ask the process? `/livez`, `/readyz` (names what it waits for) and `/metrics`.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use tokio::net::TcpListener;

use crate::metrics::Metrics;

/// What the process still waits for before it is ready.
#[derive(Clone, Default)]
pub struct Readiness(Arc<Mutex<BTreeSet<&'static str>>>);

impl Readiness {
    /// Not ready until each of these is done.
    pub fn waiting_for(what: &[&'static str]) -> Self {
        Self(Arc::new(Mutex::new(what.iter().copied().collect())))
    }

    pub fn done(&self, what: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(what);
    }

    pub fn missing(&self) -> Vec<&'static str> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .copied()
            .collect()
    }
}

#[derive(Clone)]
pub struct Shown {
    pub readiness: Readiness,
    pub metrics: Arc<Metrics>,
}

/// Serves until `stop` resolves.
pub async fn serve(
    listener: TcpListener,
    shown: Shown,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let router = Router::new()
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(shown);
    axum::serve(listener, router).with_graceful_shutdown(stop).await
}

async fn readyz(State(shown): State<Shown>) -> impl IntoResponse {
    let missing = shown.readiness.missing();
    if missing.is_empty() {
        (StatusCode::OK, "ok\n".to_owned())
    } else {
        (
            StatusCode::SERVICE_UNAVAILABLE,
            format!("waiting for: {}\n", missing.join(", ")),
        )
    }
}

async fn metrics(State(shown): State<Shown>) -> impl IntoResponse {
    let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, content_type)], shown.metrics.encode())
}
