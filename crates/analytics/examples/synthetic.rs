//! Made-up calls of 90 days, taken in as metering does it: what `tests/bench/questions.py` asks about.
//!
//! `cargo run --release -p analytics --example synthetic -- DB NOW_US ORGANIZATION CALLS` fills a file with this many
//! calls, 92 of 100 of `ORGANIZATION` (`org_…`). `… LIVE_SECONDS` behind it instead takes 2,000 calls a second in that
//! begin at `NOW_US`, in batches of 100.

use std::error::Error;
use std::path::Path;
use std::time::{Duration, Instant};

use analytics::{Analytics, CallOutcome, CallRow, events_insert};
use domain::{ApiKeyId, Epoch, GatewayId, Lane, NanoUsd, OrganizationId, ProjectId, RequestId, Seq, UnixMicros, Usage, UsageSource};
use uuid::Uuid;

const DAY_US: i64 = 86_400_000_000;
const DAYS: i64 = 90;
const BATCH_CALLS: usize = 1_000;
const LIVE_BATCH_CALLS: usize = 100;
const LIVE_PERIOD: Duration = Duration::from_millis(50);
const MODELS: u64 = 50;
const KEYS: u64 = 20;
const PROJECTS: u64 = 5;
const PROVIDERS: [&str; 8] = ["openai", "anthropic", "google-ai-studio", "mistral", "groq", "deepseek", "together", "aws-bedrock"];

/// SplitMix64: the same calls each time.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// Small numbers more often than large ones, as models and keys are used.
    fn skewed(&mut self, end: u64) -> u64 {
        let (one, other) = (self.below(end), self.below(end));
        one * other / end
    }

    fn in_hundred(&mut self, share: u64) -> bool {
        self.below(100) < share
    }

    /// From `low` to 64 times that, small ones more often.
    fn long_tailed(&mut self, low: u64) -> u32 {
        let octave = self.below(6).min(self.below(6));
        u32::try_from((low << octave) + self.below(low << octave)).unwrap_or(u32::MAX)
    }
}

struct Made {
    dice: Dice,
    organization: OrganizationId,
    /// Calls are told apart by run and number.
    run: i64,
    seq: u64,
}

impl Made {
    fn call(&mut self, started_us: i64) -> CallRow {
        self.seq += 1;
        let dice = &mut self.dice;
        let tenant = if dice.in_hundred(92) { 0 } else { 1 + dice.below(4) };
        let id = |kind: u64, n: u64| Uuid::from_u128((u128::from(kind) << 64) + u128::from(tenant * 1_000 + n));
        let organization = if tenant == 0 { self.organization } else { OrganizationId::from_uuid(id(1, 0)) };
        let (key, model) = (dice.skewed(KEYS), dice.skewed(MODELS));
        let provider = PROVIDERS[usize::try_from((model + u64::from(dice.in_hundred(10))) % 8).unwrap_or_default()];
        let (failed, hit, stream, own) = (dice.in_hundred(3), dice.in_hundred(6), dice.in_hundred(60), dice.in_hundred(15));
        let status = if failed { [429, 500, 502, 503, 400][usize::try_from(dice.below(5)).unwrap_or_default()] } else { 200 };
        let answered = !failed && !hit;
        let duration_ms = if hit { 3 } else { dice.long_tailed(250) };
        let (input, output) = (50 + dice.below(4_000), 10 + dice.below(900));
        let cost = if answered { NanoUsd(i64::try_from(input * 2_500 + output * 10_000).unwrap_or_default()) } else { NanoUsd::ZERO };
        let text = |it: &str| it.to_owned();
        let stamp = u128::try_from(started_us / 1_000).unwrap_or_default() << 80;
        let nth = u128::from(self.seq) + (u128::try_from(self.run).unwrap_or_default() & 0xffff_ffff) * 0x1_0000_0000;
        CallRow {
            request: RequestId::from_uuid(Uuid::from_u128(stamp | nth)),
            organization,
            project: ProjectId::from_uuid(id(2, key % PROJECTS)),
            api_key: ApiKeyId::from_uuid(id(5, key)),
            lease: None,
            gateway: GatewayId(Uuid::from_u128(8)),
            epoch: Epoch(1),
            lane: Lane::of(organization),
            seq: Seq(self.seq),
            requested_model: format!("{provider}/model-{model:02}"),
            model: format!("model-{model:02}"),
            provider: text(provider),
            dialect: text("openai_chat"),
            stream,
            mode: text("hybrid"),
            used_mode: text(if own { "api-keys" } else { "credits" }),
            outcome: if failed { CallOutcome::Voided } else { CallOutcome::Settled },
            http_status: status,
            error_code: text(match status {
                200 => "",
                400 => "context_length_exceeded",
                429 => "upstream_rate_limited",
                _ => "upstream_error",
            }),
            finish_reason: text(if failed { "" } else { "stop" }),
            upstream_id: format!("chatcmpl-{:016x}", self.seq),
            upstream_status: status,
            duration_ms,
            first_token_ms: if stream && answered { duration_ms / 5 + 1 } else { 0 },
            overhead_us: 100 + duration_ms % 200,
            cancelled: dice.in_hundred(1),
            cache: text(if hit { "hit" } else { "miss" }),
            usage: if failed { Usage::default() } else { used(dice, input, output) },
            cost,
            charged: if own { NanoUsd::ZERO } else { cost },
            hold: cost,
            price_version: 3,
            provider_cost: None,
            started_at: UnixMicros(started_us),
            ended_at: UnixMicros(started_us + i64::from(duration_ms) * 1_000),
            tags: if dice.in_hundred(40) { vec![text("production"), format!("team-{}", dice.below(12))] } else { Vec::new() },
            metadata_json: if dice.in_hundred(20) { text(r#"{"feature":"search","build":"2026.11"}"#) } else { String::new() },
            user: if dice.in_hundred(50) { format!("user-{}", dice.below(5_000)) } else { String::new() },
            session: if dice.in_hundred(20) { format!("session-{}", dice.below(20_000)) } else { String::new() },
            attempts_json: format!(
                r#"[{{"provider":"{provider}","model":"model-{model:02}","status":{status},"duration_ms":{duration_ms}}}]"#
            ),
        }
    }
}

fn used(dice: &mut Dice, input: u64, output: u64) -> Usage {
    let source = if dice.in_hundred(2) { UsageSource::Estimated } else { UsageSource::Provider };
    Usage { input, cached_input: input / 4, output, reasoning: output / 3, source, ..Usage::default() }
}

#[tokio::main]
#[expect(clippy::print_stdout, reason = "a measurement's result is its output")]
async fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [db, now_us, organization, calls, live @ ..] = words.as_slice() else {
        return Err("synthetic DB NOW_US ORGANIZATION CALLS [LIVE_SECONDS]".into());
    };
    let (now_us, calls): (i64, u32) = (now_us.parse()?, calls.parse()?);
    let organization = organization.parse().map_err(|_| "the organization must be an id that begins with `org_`")?;
    let db = Analytics::open(Path::new(db), 1).await?;
    db.migrate().await?;
    let mut made = Made { dice: Dice(now_us.unsigned_abs()), organization, run: now_us, seq: 0 };
    let begin = Instant::now();
    if let [seconds] = live {
        let span = Duration::from_secs(seconds.parse()?);
        let mut ticks = tokio::time::interval(LIVE_PERIOD);
        let mut slowest = Duration::ZERO;
        while begin.elapsed() < span {
            ticks.tick().await;
            let at = now_us + i64::try_from(begin.elapsed().as_micros())?;
            let batch: Vec<_> = (0..LIVE_BATCH_CALLS).map(|_| made.call(at)).collect();
            let before = Instant::now();
            events_insert(&db, &batch, &[]).await?;
            slowest = slowest.max(before.elapsed());
        }
        println!("{} calls in {:?}; the slowest batch took {slowest:?}", made.seq, begin.elapsed());
    } else {
        let (mut inside, step) = (Duration::ZERO, DAYS * DAY_US / i64::from(calls.max(1)));
        let mut batch = Vec::with_capacity(BATCH_CALLS);
        for n in 0..calls {
            batch.push(made.call(now_us - step * i64::from(calls - n)));
            if batch.len() == BATCH_CALLS || n + 1 == calls {
                let before = Instant::now();
                events_insert(&db, &batch, &[]).await?;
                inside += before.elapsed();
                batch.clear();
            }
        }
        println!("{calls} calls in {inside:?}: {} calls/s", u128::from(calls) * 1_000 / inside.as_millis().max(1));
    }
    db.close().await;
    Ok(())
}
