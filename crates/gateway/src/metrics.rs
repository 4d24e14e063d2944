//! Numbers for `/metrics`. Handles are made once; a call costs a few atomic additions.

use std::sync::atomic::AtomicU64;

use domain::Code;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use proto::usage::v1::UsageEvent;

/// The gateway's own numbers.
pub struct Metrics {
    ok: Counter,
    failed: Vec<(Code, Counter)>,
    unrecorded: Counter,
    open_calls: Gauge,
    input_tokens: Counter,
    output_tokens: Counter,
    cost_nano_usd: Counter,
    charged_nano_usd: Counter,
    cache_hits: Counter,
    duration: Histogram,
    first_token: Histogram,
    overhead: Histogram,
    pub(crate) open_holds: Gauge,
    pub(crate) held_nano_usd: Gauge<i64>,
    pub(crate) log_bytes: Gauge<u64, AtomicU64>,
    pub(crate) log_unsynced_bytes: Gauge<u64, AtomicU64>,
    pub(crate) log_failures: Gauge<u64, AtomicU64>,
}

const DURATION_BUCKETS: [f64; 14] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0];
const OVERHEAD_BUCKETS: [f64; 10] = [0.000_05, 0.000_1, 0.000_2, 0.000_5, 0.001, 0.002, 0.005, 0.01, 0.05, 0.5];

impl Metrics {
    /// Registers everything under `llmg_gateway_`.
    pub fn register(root: &mut Registry) -> Self {
        let registry = root.sub_registry_with_prefix("llmg_gateway");
        let calls = registry.sub_registry_with_label(("outcome".into(), "ok".into()));
        let ok = Counter::default();
        calls.register("calls", "Calls that ended, by outcome (ok or the error code)", ok.clone());
        let failed = Code::ALL
            .iter()
            .map(|&code| {
                let counter = Counter::default();
                registry.sub_registry_with_label(("outcome".into(), code.as_str().into())).register(
                    "calls",
                    "Calls that ended, by outcome (ok or the error code)",
                    counter.clone(),
                );
                (code, counter)
            })
            .collect();
        let metrics = Self {
            ok,
            failed,
            unrecorded: Counter::default(),
            open_calls: Gauge::default(),
            input_tokens: Counter::default(),
            output_tokens: Counter::default(),
            cost_nano_usd: Counter::default(),
            charged_nano_usd: Counter::default(),
            cache_hits: Counter::default(),
            duration: Histogram::new(DURATION_BUCKETS),
            first_token: Histogram::new(DURATION_BUCKETS),
            overhead: Histogram::new(OVERHEAD_BUCKETS),
            open_holds: Gauge::default(),
            held_nano_usd: Gauge::default(),
            log_bytes: Gauge::default(),
            log_unsynced_bytes: Gauge::default(),
            log_failures: Gauge::default(),
        };
        metrics.describe(registry);
        metrics
    }

    fn describe(&self, registry: &mut Registry) {
        registry.register("calls_unrecorded", "Calls whose end could not be written to the event log", self.unrecorded.clone());
        registry.register("open_calls", "Calls in flight", self.open_calls.clone());
        registry.register("input_tokens", "Billed input tokens", self.input_tokens.clone());
        registry.register("output_tokens", "Billed output tokens", self.output_tokens.clone());
        registry.register("cost_nano_usd", "Provider price of all calls in nano-USD", self.cost_nano_usd.clone());
        registry.register("charged_nano_usd", "Taken from credits in nano-USD", self.charged_nano_usd.clone());
        registry.register("cache_hits", "Answers from the response cache", self.cache_hits.clone());
        registry.register_with_unit("duration", "From request to last byte", Unit::Seconds, self.duration.clone());
        registry.register_with_unit("first_token", "From request to first token", Unit::Seconds, self.first_token.clone());
        registry.register_with_unit("overhead", "Time that was the gateway's own", Unit::Seconds, self.overhead.clone());
        registry.register("open_holds", "Holds on credits that are not settled", self.open_holds.clone());
        registry.register("held_nano_usd", "Held credits in nano-USD", self.held_nano_usd.clone());
        registry.register("log_bytes", "Bytes of the event log that exist", self.log_bytes.clone());
        registry.register("log_unsynced_bytes", "Bytes of the event log not known to be on disk", self.log_unsynced_bytes.clone());
        registry.register("log_failures", "Appends to the event log that failed", self.log_failures.clone());
    }

    pub(crate) fn opened(&self) {
        self.open_calls.inc();
    }

    pub(crate) fn unrecorded(&self) {
        self.unrecorded.inc();
    }

    pub(crate) fn closed(&self, event: &UsageEvent) {
        self.open_calls.dec();
        let Some(outcome) = &event.outcome else { return };
        match self.failed.iter().find(|(code, _)| code.as_str() == outcome.error_code) {
            Some((_, counter)) => counter.inc(),
            None => self.ok.inc(),
        };
        if let Some(usage) = &event.usage {
            self.input_tokens.inc_by(usage.input);
            self.output_tokens.inc_by(usage.output);
        }
        self.cost_nano_usd.inc_by(event.cost_nano_usd.unsigned_abs());
        self.charged_nano_usd.inc_by(event.charged_nano_usd.unsigned_abs());
        if outcome.cache == "hit" {
            self.cache_hits.inc();
        }
        self.duration.observe(f64::from(outcome.duration_ms) / 1e3);
        if outcome.first_token_ms > 0 {
            self.first_token.observe(f64::from(outcome.first_token_ms) / 1e3);
        }
        self.overhead.observe(f64::from(outcome.overhead_us) / 1e6);
    }
}
