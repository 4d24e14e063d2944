//! What an append costs: `cargo run --release -p events --example append [folder]`. Prints nanoseconds per append (one
//! intent and one settle per call, an event of about 600 bytes) for one and two threads.

use std::path::PathBuf;
use std::time::Instant;

use domain::{GatewayId, UnixMicros};
use events::{Journal, OpenOptions};
use proto::usage::v1::{Attempt, Facts, Intent, Outcome, Rates, UsageEvent, UsageTokens, outcome::Kind};
use uuid::Uuid;

const CALLS_PER_THREAD: u64 = 100_000;

#[expect(clippy::print_stdout, reason = "a measurement's result is its output")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dir = std::env::args_os().nth(1).map_or_else(|| std::env::temp_dir().join("llmg-append"), PathBuf::from);
    for threads in [1, 2, 1, 2] {
        let options = OpenOptions::new(GatewayId(Uuid::from_u128(1)), UnixMicros(1_700_000_000_000_000));
        let (journal, _) = Journal::open(&dir, &options)?;
        let started = Instant::now();
        let appended: u64 = std::thread::scope(|scope| {
            let all: Vec<_> = (0..threads)
                .map(|thread| {
                    scope.spawn({
                        let journal = &journal;
                        move || calls(journal, thread)
                    })
                })
                .collect();
            all.into_iter().filter_map(|thread| thread.join().ok()).sum()
        });
        let wall_ns = started.elapsed().as_nanos();
        let counters = journal.counters();
        let (each, bytes) = (u128::from(appended / threads), counters.bytes / counters.appends);
        println!(
            "{threads} threads: {} ns per append as each thread sees it, {} ns of wall clock, {bytes} bytes, {} syncs",
            wall_ns / each,
            wall_ns / u128::from(appended),
            counters.syncs
        );
        journal.close(UnixMicros(1_700_000_000_000_000))?;
        drop(journal);
        std::fs::remove_dir_all(&dir)?;
    }
    Ok(())
}

fn calls(journal: &Journal, thread: u64) -> u64 {
    let mut appended = 0;
    let (mut intent, mut event) = call();
    for n in 0..CALLS_PER_THREAD {
        let id = Uuid::from_u64_pair(thread, n);
        intent.request_id.copy_from_slice(id.as_bytes());
        event.request_id.copy_from_slice(id.as_bytes());
        appended += u64::from(journal.intent(&intent).is_ok()) + u64::from(journal.settle(&mut event).is_ok());
    }
    appended
}

fn call() -> (Intent, UsageEvent) {
    let id = |n: u128| Uuid::from_u128(n << 64 | 0x8000_1234_5678_9abc).as_bytes().to_vec();
    let facts = Facts {
        organization_id: id(1),
        project_id: id(2),
        api_key_id: id(3),
        lease_id: id(4),
        requested_model: "claude-opus-4-5".to_owned(),
        model: "anthropic/claude-opus-4-5-20251101".to_owned(),
        provider: "anthropic".to_owned(),
        dialect: "openai_chat".to_owned(),
        stream: true,
        mode: "credits".to_owned(),
        used_mode: "credits".to_owned(),
        started_at_us: 1_700_000_000_000_000,
        tags: vec!["team:search".to_owned()],
        metadata_json: r#"{"trace":"0123456789abcdef"}"#.to_owned(),
        user: "user-1234".to_owned(),
        session: "session-5678".to_owned(),
        ..Facts::default()
    };
    let outcome = Outcome {
        kind: Kind::Settled.into(),
        http_status: 200,
        finish_reason: "stop".to_owned(),
        upstream_id: "msg_0123456789abcdefghijklmn".to_owned(),
        duration_ms: 1_234,
        first_token_ms: 321,
        overhead_us: 150,
        cache: "miss".to_owned(),
        upstream_status: 200,
        ..Outcome::default()
    };
    let attempt = Attempt { provider: facts.provider.clone(), model: facts.model.clone(), status: 200, ..Attempt::default() };
    let rates = Rates { input: 5_000_000, output: 25_000_000, request: 0, price_version: 7, markup_basis_points: 1_000 };
    let event = UsageEvent {
        request_id: vec![0; 16],
        facts: Some(facts.clone()),
        outcome: Some(outcome),
        usage: Some(UsageTokens { input: 1_000, output: 400, cached_input: 800, ..UsageTokens::default() }),
        cost_nano_usd: 15_000_000,
        charged_nano_usd: 16_500_000,
        hold_nano_usd: 40_000_000,
        price_version: 7,
        ended_at_us: 1_700_000_001_000_000,
        attempts: vec![attempt],
        ..UsageEvent::default()
    };
    let intent = Intent {
        request_id: vec![0; 16],
        facts: Some(facts),
        hold_nano_usd: 40_000_000,
        rates: Some(rates),
        input_tokens_bound: 1_200,
        attempt: 1,
    };
    (intent, event)
}
