//! `/healthz`, `/readyz` and `/metrics`.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::IntoResponse;
use axum::routing::get;
use gateway::Gateway;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use metering::Status;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use store::Db;

/// The form that Prometheus reads.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What operations asks about.
pub(crate) struct Ops {
    pub(crate) registry: Registry,
    /// None: this process has no store.
    pub(crate) db: Option<Db>,
    pub(crate) gateway: Option<Arc<Gateway>>,
    pub(crate) metering: Option<Status>,
}

/// The routes.
pub(crate) fn router(ops: Ops) -> Router {
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(Arc::new(ops))
}

/// 200 when calls are taken; 503 with the reasons otherwise.
async fn ready(State(ops): State<Arc<Ops>>) -> impl IntoResponse {
    let mut reasons = Vec::new();
    if let Some(Err(reason)) = ops.gateway.as_ref().map(|gateway| gateway.ready()) {
        reasons.push(format!("event log: {reason}"));
    }
    // A gateway that knows its callers goes on without the store, so the store alone does not make it unready.
    if let (Some(db), None) = (&ops.db, &ops.gateway)
        && let Err(error) = db.ping().await
    {
        reasons.push(format!("store: {error}"));
    }
    if reasons.is_empty() {
        (StatusCode::OK, "ready\n".to_owned())
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, format!("{}\n", reasons.join("\n")))
    }
}

async fn metrics(State(ops): State<Arc<Ops>>) -> impl IntoResponse {
    let mut text = String::with_capacity(16 * 1024);
    if let Err(error) = encode(&mut text, &ops.registry) {
        tracing::error!(%error, "the metrics cannot be written");
        return (StatusCode::INTERNAL_SERVER_ERROR, [(CONTENT_TYPE, "text/plain")], String::new());
    }
    if let Some(status) = &ops.metering {
        let end = text.rfind("# EOF").unwrap_or(text.len());
        text.insert_str(end, &metering_text(status));
    }
    (StatusCode::OK, [(CONTENT_TYPE, OPEN_METRICS)], text)
}

/// The consumers' numbers, read off when they are asked for.
fn metering_text(status: &Status) -> String {
    use std::fmt::Write as _;
    let consumers = [("ledger", status.ledger()), ("analytics", status.analytics())];
    let mut text = String::new();
    let mut family = |name: &str, kind: &str, help: &str, value: &dyn Fn(&metering::ConsumerStatus) -> u64| {
        // Writing to a String cannot fail.
        let _ = write!(text, "# HELP llmg_metering_{name} {help}.\n# TYPE llmg_metering_{name} {kind}\n");
        for (consumer, status) in &consumers {
            let suffix = if kind == "counter" { "_total" } else { "" };
            let _ = writeln!(text, "llmg_metering_{name}{suffix}{{consumer=\"{consumer}\"}} {}", value(status));
        }
    };
    family("lag_events", "gauge", "Events that are not taken in yet", &|s| s.lag_events);
    family("lag_bytes", "gauge", "Bytes of the event log that are not taken in yet", &|s| s.lag_bytes);
    family("events", "counter", "Events taken in", &|s| s.events);
    family("repeated_events", "counter", "Events that came again and were not counted again", &|s| s.repeated);
    family("quarantined", "counter", "Records that could not be read", &|s| s.quarantined);
    family("gaps", "gauge", "Lanes that wait for missing events", &|s| s.gaps.len() as u64);
    family("failures", "counter", "Failed tries", &|s| s.failures);
    text
}
