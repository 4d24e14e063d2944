//! What a request asks the databases: the text of each statement, as the driver logs it.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use parking_lot::Mutex;
use tracing::field::{Field, Visit};
use tracing::{Event, Instrument, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

const TARGET: &str = "control::counted";

/// By span: the driver's threads enter the span that was current when they were asked.
static SEEN: Mutex<BTreeMap<u64, Vec<String>>> = Mutex::new(BTreeMap::new());

struct Statements;

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Statements {
    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let counted = context.event_scope(event).and_then(|mut scope| scope.find(|span| span.metadata().target() == TARGET));
        let Some(span) = counted else { return };
        let mut summary = Summary(String::new());
        event.record(&mut summary);
        // A connection that is opened on the way is set up, whoever asks.
        if !summary.0.starts_with("PRAGMA") {
            SEEN.lock().entry(span.id().into_u64()).or_default().push(summary.0);
        }
    }
}

/// A statement's first words; what is bound is no part of it.
struct Summary(String);

impl Visit for Summary {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "summary" {
            value.clone_into(&mut self.0);
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}
}

/// An answer, and by which name [`taken`] knows what was asked for it.
pub(super) async fn of<T>(work: impl Future<Output = T>) -> (T, u64) {
    static ONCE: OnceLock<()> = OnceLock::new();
    ONCE.get_or_init(|| {
        let statements = Targets::new().with_target("sqlx::query", Level::DEBUG).with_target(TARGET, Level::INFO);
        let subscriber = tracing_subscriber::registry().with(Statements.with_filter(statements));
        tracing::subscriber::set_global_default(subscriber).unwrap();
    });
    let span = tracing::info_span!(target: TARGET, "counted");
    let id = span.id().unwrap().into_u64();
    (work.instrument(span).await, id)
}

/// What was asked. The driver logs a statement after its answer: whole only when the databases are closed.
pub(super) fn taken(id: u64) -> Vec<String> {
    SEEN.lock().remove(&id).unwrap_or_default()
}
