//! What may others ask the process? `/livez` and `/readyz` (names what it waits for) on one port, `/metrics` on another, and the callback
//! page on a third where there is one.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;

use crate::metrics::Metrics;

mod bounded;
mod scrape;

/// How old the text of an answer to `/metrics` may be: however often it is asked for, it is made once in this time.
const FRESH: Duration = Duration::from_millis(500);

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

/// What `/metrics` shows, and to whom.
pub struct Shown {
    metrics: Arc<Metrics>,
    /// The API server is asked about each scrape; absent if anybody may scrape.
    reviewer: Option<kube::Client>,
    last: Mutex<Option<(Instant, Bytes)>>,
}

impl Shown {
    /// These metrics; to whom the API server allows it, if it is to be asked.
    #[must_use]
    pub const fn new(metrics: Arc<Metrics>, reviewer: Option<kube::Client>) -> Self {
        Self {
            metrics,
            reviewer,
            last: Mutex::new(None),
        }
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the age of a copy, which decides nothing"
    )]
    fn text(&self) -> Bytes {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((made, text)) = &*last
            && made.elapsed() < FRESH
        {
            return text.clone();
        }
        let text = Bytes::from(self.metrics.encode());
        *last = Some((Instant::now(), text.clone()));
        text
    }
}

/// Answers probes until `stop` resolves.
pub async fn probes(listener: TcpListener, readiness: Readiness, stop: impl Future<Output = ()>) {
    let router = Router::new()
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(readyz))
        .with_state(readiness);
    bounded::serve(bounded::MACHINES, listener, router, stop).await;
}

/// Answers scrapes until `stop` resolves.
pub async fn metrics(listener: TcpListener, shown: Shown, stop: impl Future<Output = ()>) {
    let router = Router::new()
        .route("/metrics", get(answer_scrape))
        .with_state(Arc::new(shown));
    bounded::serve(bounded::MACHINES, listener, router, stop).await;
}

/// Answers browsers by `router` until `stop` resolves.
pub async fn pages(listener: TcpListener, router: Router, stop: impl Future<Output = ()>) {
    bounded::serve(bounded::BROWSERS, listener, router, stop).await;
}

async fn readyz(State(readiness): State<Readiness>) -> impl IntoResponse {
    let missing = readiness.missing();
    if missing.is_empty() {
        (StatusCode::OK, "ok\n".to_owned())
    } else {
        (
            StatusCode::SERVICE_UNAVAILABLE,
            format!("waiting for: {}\n", missing.join(", ")),
        )
    }
}

async fn answer_scrape(State(shown): State<Arc<Shown>>, headers: HeaderMap) -> Response {
    if let Some(reviewer) = &shown.reviewer
        && let Err(status) = scrape::check(reviewer, &headers).await
    {
        return status.into_response();
    }
    let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, content_type)], shown.text()).into_response()
}
