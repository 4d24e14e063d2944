//! What every backend must do. Each test takes an empty, migrated [`Analytics`]; the macro at the end runs all of them on
//! each backend.

use std::collections::BTreeSet;
use std::time::Instant;

use domain::{
    ApiKeyId, Epoch, GatewayId, Lane, LeaseId, NanoUsd, OrgScope, OrganizationId, ProjectId, RequestId, Seq, UnixMicros, Usage, UsageSource,
};
use uuid::Uuid;

use crate::{
    Analytics, AnalyticsError, Bucket, CallCursor, CallFilter, CallOutcome, CallRow, GroupBy, Inserted, LogOffset, MalformedCursor, Sums,
    TimeRange, UsageAnswer, UsageFilter, UsageQuestion, call_get, calls_list, events_insert, offsets, totals, totals_all, totals_by_epoch,
    usage,
};

/// 2025-10-09T00:00:00Z: the start of a day.
const DAY: i64 = 1_759_968_000_000_000;
const HOUR: i64 = 3_600_000_000;

struct World {
    db: Analytics,
    _folder: tempfile::TempDir,
}

async fn sqlite() -> World {
    let folder = tempfile::tempdir().unwrap();
    let db = Analytics::open(&folder.path().join("analytics.db"), 2).await.unwrap();
    db.migrate().await.unwrap();
    World { db, _folder: folder }
}

fn organization(n: u128) -> OrganizationId {
    OrganizationId::from_uuid(Uuid::from_u128(n))
}

#[expect(clippy::disallowed_methods, reason = "a test acts for any organization")]
pub(crate) fn scope(n: u128) -> OrgScope {
    OrgScope::proven(organization(n))
}

fn project(n: u128) -> ProjectId {
    ProjectId::from_uuid(Uuid::from_u128(n))
}

fn key(n: u128) -> ApiKeyId {
    ApiKeyId::from_uuid(Uuid::from_u128(n))
}

fn request(n: u128) -> RequestId {
    RequestId::from_uuid(Uuid::from_u128(0x5000_0000 + n))
}

/// Call `n` of organization 1, one second after the one before.
pub(crate) fn call(n: u64) -> CallRow {
    let started = DAY + i64::try_from(n).unwrap() * 1_000_000;
    CallRow {
        request: request(n.into()),
        organization: organization(1),
        project: project(2),
        api_key: key(3),
        lease: Some(LeaseId::from_uuid(Uuid::from_u128(4))),
        gateway: GatewayId(Uuid::from_u128(5)),
        epoch: Epoch(6),
        lane: Lane::of(organization(1)),
        seq: Seq(n),
        requested_model: "openai/gpt-4o".to_owned(),
        model: "gpt-4o".to_owned(),
        provider: "openai".to_owned(),
        dialect: "openai_chat".to_owned(),
        stream: true,
        mode: "hybrid".to_owned(),
        used_mode: "credits".to_owned(),
        outcome: CallOutcome::Settled,
        http_status: 200,
        error_code: String::new(),
        finish_reason: "stop".to_owned(),
        upstream_id: format!("chatcmpl-{n}"),
        upstream_status: 200,
        duration_ms: 900,
        first_token_ms: 250,
        overhead_us: 180,
        cancelled: false,
        cache: "miss".to_owned(),
        usage: Usage { input: 100, cached_input: 40, output: 20, reasoning: 5, ..Usage::default() },
        cost: NanoUsd(1_000),
        charged: NanoUsd(1_100),
        hold: NanoUsd(5_000),
        price_version: 3,
        provider_cost: None,
        started_at: UnixMicros(started),
        ended_at: UnixMicros(started + 900_000),
        tags: vec!["production".to_owned(), "eu".to_owned()],
        metadata_json: r#"{"team":"search"}"#.to_owned(),
        user: "user-17".to_owned(),
        session: "session-4".to_owned(),
        attempts_json: r#"[{"provider":"openai","model":"gpt-4o","status":200,"duration_ms":880,"credential":"platform"}]"#.to_owned(),
    }
}

async fn take_in(db: &Analytics, calls: &[CallRow]) -> Inserted {
    events_insert(db, calls, &[]).await.unwrap()
}

async fn asked(db: &Analytics, range: TimeRange, bucket: Bucket, group_by: GroupBy) -> UsageAnswer {
    usage(db, &scope(1), None, &UsageQuestion { range, bucket, group_by, filter: UsageFilter::default() }).await.unwrap()
}

async fn listed(db: &Analytics, filter: CallFilter) -> Vec<u64> {
    calls_list(db, &scope(1), None, &filter, None, 100).await.unwrap().into_iter().map(|row| row.seq.0).collect()
}

async fn everything_of_a_call_reads_back(db: Analytics) {
    let full = CallRow {
        lease: None,
        outcome: CallOutcome::Orphaned,
        http_status: 502,
        error_code: "upstream_error".to_owned(),
        upstream_status: 0,
        stream: false,
        cancelled: true,
        provider_cost: Some(NanoUsd(7)),
        tags: vec!["with \"quotes\"".to_owned()],
        usage: Usage {
            input: 11,
            cached_input: 1,
            cache_write_5m: 2,
            cache_write_1h: 3,
            audio_input: 4,
            output: 22,
            reasoning: 5,
            audio_output: 6,
            image_output: 7,
            searches: 8,
            source: UsageSource::Estimated,
        },
        ..call(2)
    };
    take_in(&db, &[call(1), full.clone()]).await;
    assert_eq!(call_get(&db, &scope(1), None, request(1)).await.unwrap(), call(1));
    assert_eq!(call_get(&db, &scope(1), None, request(2)).await.unwrap(), full);
    assert_eq!(calls_list(&db, &scope(1), None, &CallFilter::default(), None, 10).await.unwrap(), [full, call(1)]);
}

async fn a_replay_counts_nothing_twice(db: Analytics) {
    let calls: Vec<_> = (1..=100).map(call).collect();
    assert_eq!(take_in(&db, &calls).await, Inserted { rows: 100, repeated: 0 });
    let sums = totals_all(&db).await.unwrap();
    assert_eq!((sums.calls, sums.usage.input, sums.charged), (100, 10_000, NanoUsd(110_000)));
    assert_eq!(take_in(&db, &calls).await, Inserted { rows: 0, repeated: 100 });
    // Half of it known, and one twice in the same statement, with another content than the first.
    let liar = CallRow { charged: NanoUsd(9), ..call(101) };
    let mixed: Vec<_> = (81..=115).map(call).chain([liar, call(116)]).collect();
    assert_eq!(take_in(&db, &mixed).await, Inserted { rows: 16, repeated: 21 });
    let mut twice_in_a_chunk: Vec<_> = (117..=147).map(call).collect();
    twice_in_a_chunk.push(CallRow { charged: NanoUsd(9), ..call(117) });
    assert_eq!(take_in(&db, &twice_in_a_chunk).await, Inserted { rows: 31, repeated: 1 });
    let sums = totals_all(&db).await.unwrap();
    assert_eq!((sums.calls, sums.charged), (147, NanoUsd(147 * 1_100)));
    let bars = asked(&db, TimeRange::ALL, Bucket::Day, GroupBy::Nothing).await;
    assert_eq!((bars.rows.len(), bars.totals.sums), (1, sums), "rollups and totals agree");
}

async fn the_offset_is_stored_with_the_calls(db: Analytics) {
    let at = |segment, byte_offset| LogOffset { gateway: GatewayId(Uuid::from_u128(5)), epoch: Epoch(6), segment, byte_offset };
    events_insert(&db, &[call(1)], &[at(2, 10)]).await.unwrap();
    assert_eq!(offsets(&db).await.unwrap(), [at(2, 10)]);
    events_insert(&db, &[], &[at(1, 99)]).await.unwrap();
    assert_eq!(offsets(&db).await.unwrap(), [at(2, 10)], "never backwards");
    events_insert(&db, &[], &[at(3, 0)]).await.unwrap();
    assert_eq!(offsets(&db).await.unwrap(), [at(3, 0)]);
}

async fn pages_follow_each_other(db: Analytics) {
    let mut calls: Vec<_> = (1..=25).map(call).collect();
    for call in &mut calls[5..15] {
        call.started_at = UnixMicros(DAY);
    }
    take_in(&db, &calls).await;
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let page = calls_list(&db, &scope(1), None, &CallFilter::default(), after, 4).await.unwrap();
        let Some(last) = page.last() else { break };
        let cursor = CallCursor::after(last);
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
        after = Some(cursor);
        seen.extend(page.into_iter().map(|row| (row.started_at, row.request)));
    }
    assert_eq!(seen.len(), 25);
    assert!(seen.windows(2).all(|pair| pair[0] > pair[1]), "newest first, none twice");
    assert_eq!("12".parse::<CallCursor>(), Err(MalformedCursor));
    assert_eq!("x.00000000000000000000000000000001".parse::<CallCursor>(), Err(MalformedCursor));
}

async fn each_filter_filters(db: Analytics) {
    let any = CallFilter::default;
    let some = |text: &str| Some(text.to_owned());
    take_in(
        &db,
        &[
            call(1),
            CallRow { project: project(9), api_key: key(9), user: "u".to_owned(), session: "s".to_owned(), ..call(2) },
            CallRow { model: "m".to_owned(), provider: "p".to_owned(), used_mode: "api-keys".to_owned(), ..call(3) },
            CallRow {
                outcome: CallOutcome::Voided,
                http_status: 429,
                error_code: "rate_limit_exceeded".to_owned(),
                cache: "hit".to_owned(),
                tags: vec!["t".to_owned(), "say \"t%\"\n".to_owned()],
                ..call(4)
            },
        ],
    )
    .await;
    assert_eq!(listed(&db, any()).await, [4, 3, 2, 1]);
    let second = |n: i64| UnixMicros(DAY + n * 1_000_000);
    assert_eq!(listed(&db, CallFilter { range: TimeRange { from: second(2), to: second(4) }, ..any() }).await, [3, 2]);
    assert_eq!(listed(&db, CallFilter { project: Some(project(9)), ..any() }).await, [2]);
    assert_eq!(listed(&db, CallFilter { api_key: Some(key(9)), ..any() }).await, [2]);
    assert_eq!(listed(&db, CallFilter { user: some("u"), ..any() }).await, [2]);
    assert_eq!(listed(&db, CallFilter { session: some("s"), ..any() }).await, [2]);
    assert_eq!(listed(&db, CallFilter { model: some("m"), ..any() }).await, [3]);
    assert_eq!(listed(&db, CallFilter { provider: some("p"), ..any() }).await, [3]);
    assert_eq!(listed(&db, CallFilter { used_mode: some("api-keys"), ..any() }).await, [3]);
    assert_eq!(listed(&db, CallFilter { outcome: Some(CallOutcome::Voided), ..any() }).await, [4]);
    assert_eq!(listed(&db, CallFilter { failed: Some(true), ..any() }).await, [4]);
    assert_eq!(listed(&db, CallFilter { failed: Some(false), ..any() }).await, [3, 2, 1]);
    assert_eq!(listed(&db, CallFilter { cache: some("hit"), ..any() }).await, [4]);
    assert_eq!(listed(&db, CallFilter { http_status: Some(429), ..any() }).await, [4]);
    assert_eq!(listed(&db, CallFilter { error_code: some("rate_limit_exceeded"), ..any() }).await, [4]);
    assert_eq!(listed(&db, CallFilter { tag: some("t"), ..any() }).await, [4]);
    assert_eq!(listed(&db, CallFilter { tag: some("say \"t%\"\n"), ..any() }).await, [4]);
    assert!(listed(&db, CallFilter { tag: some("say"), ..any() }).await.is_empty());
    assert!(listed(&db, CallFilter { tag: some("production\",\"eu"), ..any() }).await.is_empty());
    assert_eq!(listed(&db, CallFilter { tag: some("eu"), model: some("m"), ..any() }).await, [3]);
}

async fn nothing_is_seen_through_another_scope(db: Analytics) {
    take_in(&db, &[call(1)]).await;
    assert!(matches!(call_get(&db, &scope(2), None, request(1)).await, Err(AnalyticsError::NotFound { .. })));
    assert!(calls_list(&db, &scope(2), None, &CallFilter::default(), None, 10).await.unwrap().is_empty());
    let (bucket, group_by, filter) = (Bucket::Hour, GroupBy::Model, UsageFilter::default());
    let question = UsageQuestion { range: TimeRange::ALL, bucket, group_by, filter };
    assert!(usage(&db, &scope(2), None, &question).await.unwrap().rows.is_empty());
    let filter = UsageFilter { project: Some(project(2)), ..UsageFilter::default() };
    assert!(usage(&db, &scope(2), None, &UsageQuestion { bucket: Bucket::Day, filter, ..question }).await.unwrap().rows.is_empty());
    let (own, other, none) = (BTreeSet::from([project(2)]), BTreeSet::from([project(9)]), BTreeSet::new());
    call_get(&db, &scope(1), Some(&own), request(1)).await.unwrap();
    for seen in [&other, &none] {
        assert!(matches!(call_get(&db, &scope(1), Some(seen), request(1)).await, Err(AnalyticsError::NotFound { .. })));
    }
    assert_eq!(totals(&db, &scope(2)).await.unwrap(), Sums::default());
    assert_eq!(totals(&db, &scope(1)).await.unwrap().calls, 1);
    assert_eq!(totals_all(&db).await.unwrap().calls, 1);
}

async fn usage_is_cut_by_bucket_and_group(db: Analytics) {
    let at = |n, hours: i64, model: &str| CallRow { started_at: UnixMicros(DAY + hours * HOUR + 5), model: model.to_owned(), ..call(n) };
    take_in(&db, &[at(1, 0, "a"), at(2, 0, "b"), at(3, 1, "a"), at(4, 25, "a"), at(5, 25, "a"), at(6, -1, "z")]).await;
    let bars = |bucket, group_by, from: i64, to: i64| {
        let db = db.clone();
        async move {
            let range = TimeRange { from: UnixMicros(DAY + from), to: UnixMicros(DAY + to) };
            let rows = asked(&db, range, bucket, group_by).await.rows;
            rows.into_iter().map(|row| ((row.bucket.0 - DAY) / HOUR, row.group, row.figures.sums.calls)).collect::<Vec<_>>()
        }
    };
    let bar = |hour, group: &str, calls| (hour, group.to_owned(), calls);
    assert_eq!(bars(Bucket::Hour, GroupBy::Model, 0, 48 * HOUR).await, [bar(0, "a", 1), bar(0, "b", 1), bar(1, "a", 1), bar(25, "a", 2)]);
    assert_eq!(bars(Bucket::Day, GroupBy::Nothing, -HOUR, 48 * HOUR).await, [bar(-24, "", 1), bar(0, "", 3), bar(24, "", 2)]);
    assert_eq!(bars(Bucket::Day, GroupBy::Provider, HOUR + 7, 26 * HOUR).await, [bar(0, "openai", 1), bar(24, "openai", 2)]);
    assert_eq!(bars(Bucket::Day, GroupBy::Project, 0, HOUR).await, [bar(0, &project(2).to_string(), 2)]);
    assert_eq!(bars(Bucket::Day, GroupBy::ApiKey, 0, HOUR).await, [bar(0, &key(3).to_string(), 2)]);
    assert_eq!(bars(Bucket::Day, GroupBy::UsedMode, 0, HOUR).await, [bar(0, "credits", 2)]);
    assert_eq!(bars(Bucket::Whole, GroupBy::Model, 0, 48 * HOUR).await, [bar(0, "a", 4), bar(0, "b", 1)]);
    assert_eq!(asked(&db, TimeRange::ALL, Bucket::Hour, GroupBy::Nothing).await.rows.len(), 4);
}

async fn sums_count_every_kind(db: Analytics) {
    let hit = CallRow { cache: "hit".to_owned(), first_token_ms: 0, charged: NanoUsd::ZERO, ..call(1) };
    let void = CallRow { outcome: CallOutcome::Voided, http_status: 503, usage: Usage::default(), ..call(2) };
    let left = CallRow {
        outcome: CallOutcome::Orphaned,
        cancelled: true,
        epoch: Epoch(7),
        usage: Usage { source: UsageSource::Estimated, ..call(3).usage },
        ..call(3)
    };
    take_in(&db, &[hit, void, left]).await;
    let sums = totals(&db, &scope(1)).await.unwrap();
    assert_eq!((sums.calls, sums.settled, sums.voided, sums.orphaned), (3, 1, 1, 1));
    assert_eq!((sums.failed, sums.cancelled, sums.cache_hits, sums.estimated), (1, 1, 1, 1));
    assert_eq!((sums.duration_ms, sums.first_token_ms, sums.first_tokens, sums.overhead_us), (2_700, 500, 2, 540));
    assert_eq!((sums.usage.input, sums.usage.cached_input, sums.cost, sums.charged), (200, 80, NanoUsd(3_000), NanoUsd(2_200)));
    let epoch = totals_by_epoch(&db, GatewayId(Uuid::from_u128(5)), Epoch(7)).await.unwrap();
    assert_eq!((epoch.calls, epoch.charged), (1, NanoUsd(1_100)));
}

async fn an_unanswering_database_is_unavailable(db: Analytics) {
    db.ping().await.unwrap();
    db.migrate().await.unwrap();
    db.close().await;
    assert!(matches!(db.ping().await, Err(AnalyticsError::Unavailable { .. })));
    assert!(matches!(events_insert(&db, &[call(1)], &[]).await, Err(AnalyticsError::Unavailable { .. })));
}

/// Prints the rate; `cargo test --release -p analytics -- --nocapture rate` measures it.
async fn the_rate_of_large_batches(db: Analytics) {
    const BATCH: u64 = 1_000;
    const BATCHES: u64 = 20;
    let batches: Vec<Vec<CallRow>> = (0..BATCHES)
        .map(|batch| {
            let spread = |n: u64| CallRow {
                organization: organization(u128::from(n % 20)),
                project: project(u128::from(n % 40)),
                model: format!("model-{}", n % 5),
                ..call(n)
            };
            (batch * BATCH..(batch + 1) * BATCH).map(spread).collect()
        })
        .collect();
    let begin = Instant::now();
    for batch in &batches {
        assert_eq!(take_in(&db, batch).await.rows, BATCH);
    }
    let took = begin.elapsed();
    let rate = u128::from(BATCH * BATCHES) * 1_000 / took.as_millis().max(1);
    println!("{} rows in {took:?}: {rate} rows/s", BATCH * BATCHES);
    assert_eq!(totals_all(&db).await.unwrap().calls, BATCH * BATCHES);
}

macro_rules! contract {
    ($backend:ident: $($test:ident)*) => {
        mod backend_tests {
            mod $backend {
                $(
                    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                    async fn $test() {
                        let world = super::super::$backend().await;
                        Box::pin(super::super::$test(world.db.clone())).await;
                        world.db.close().await;
                    }
                )*
            }
        }
    };
}

contract! { sqlite:
    everything_of_a_call_reads_back
    a_replay_counts_nothing_twice
    the_offset_is_stored_with_the_calls
    pages_follow_each_other
    each_filter_filters
    nothing_is_seen_through_another_scope
    usage_is_cut_by_bucket_and_group
    sums_count_every_kind
    an_unanswering_database_is_unavailable
    the_rate_of_large_batches
}
