//! Usage and lists of calls against a naive model that knows nothing of rollups: it goes through all calls for each question.

use std::collections::{BTreeMap, BTreeSet};

use domain::{
    ApiKeyId, Epoch, GatewayId, Lane, NanoUsd, OrgScope, OrganizationId, ProjectId, RequestId, Seq, UnixMicros, Usage, UsageSource,
};
use proptest::collection::{btree_set, vec};
use proptest::option;
use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop_oneof, proptest};
use uuid::Uuid;

use crate::contract;
use crate::{
    Analytics, Bucket, CallCursor, CallFilter, CallOutcome, CallRow, Figures, GroupBy, Percentiles, Seen, Sums, TimeRange, UsageFilter,
    UsageQuestion, UsageRow, calls_list, events_insert, usage,
};

/// 2025-10-09T00:00:00Z: the start of a day.
const DAY: i64 = 1_759_968_000_000_000;
const HOUR: i64 = 3_600_000_000;
const SPAN_HOURS: i64 = 100;

fn id(n: u8) -> Uuid {
    Uuid::from_u128(u128::from(n))
}

fn call() -> impl Strategy<Value = CallRow> {
    let place = (0..2_u8, 0..2_u8, 0..3_u8, 0..3_u8, 0..2_u8, any::<bool>(), 0..SPAN_HOURS * 60);
    let outcome = prop_oneof![Just(CallOutcome::Settled), Just(CallOutcome::Voided), Just(CallOutcome::Orphaned)];
    let end = (outcome, prop_oneof![Just(200_u32), Just(399), Just(400), Just(503)], any::<bool>(), 0..3_usize, any::<bool>());
    let figures = (vec(0..100_000_u64, 10), 0..400_000_u32, 0..3_000_u32, 0..i64::from(u32::MAX), 0..i64::from(u32::MAX), any::<u64>());
    (place, end, figures).prop_map(|(place, end, figures)| {
        let (organization, project, key, model, provider, own, minute) = place;
        let (outcome, http_status, cancelled, cache, estimated) = end;
        let (tokens, duration_ms, first_token_ms, cost, charged, request) = figures;
        let organization = OrganizationId::from_uuid(id(organization));
        let text = |it: &str| it.to_owned();
        CallRow {
            request: RequestId::from_uuid(Uuid::from_u128(u128::from(request))),
            organization,
            project: ProjectId::from_uuid(id(project)),
            api_key: ApiKeyId::from_uuid(id(key)),
            lease: None,
            gateway: GatewayId(id(9)),
            epoch: Epoch(1),
            lane: Lane::of(organization),
            seq: Seq(1),
            requested_model: text("any"),
            model: format!("model {model}"),
            // Of a call that was refused before a choice there is none.
            provider: if provider == 0 { String::new() } else { text("openai") },
            dialect: text("openai_chat"),
            stream: false,
            mode: text("hybrid"),
            used_mode: text(if own { "api-keys" } else { "credits" }),
            outcome,
            http_status,
            error_code: text(if http_status == 503 || cancelled { "upstream_error" } else { "" }),
            finish_reason: String::new(),
            upstream_id: String::new(),
            upstream_status: 0,
            duration_ms,
            first_token_ms: first_token_ms.saturating_sub(1_000),
            overhead_us: first_token_ms,
            cancelled,
            cache: text(["miss", "hit", "off"][cache]),
            usage: Usage {
                input: tokens[0],
                cached_input: tokens[1],
                cache_write_5m: tokens[2],
                cache_write_1h: tokens[3],
                audio_input: tokens[4],
                output: tokens[5],
                reasoning: tokens[6],
                audio_output: tokens[7],
                image_output: tokens[8],
                searches: tokens[9],
                source: if estimated { UsageSource::Estimated } else { UsageSource::Provider },
            },
            cost: NanoUsd(cost),
            charged: NanoUsd(charged),
            hold: NanoUsd(charged),
            price_version: 1,
            provider_cost: None,
            started_at: UnixMicros(DAY + minute * 60_000_000 + 7),
            ended_at: UnixMicros(DAY + minute * 60_000_000 + 8),
            tags: Vec::new(),
            metadata_json: String::new(),
            user: String::new(),
            session: String::new(),
            attempts_json: text("[]"),
        }
    })
}

fn question() -> impl Strategy<Value = UsageQuestion> {
    let minutes = -300..SPAN_HOURS * 60 + 300;
    let bucket = prop_oneof![Just(Bucket::Hour), Just(Bucket::Day), Just(Bucket::Whole)];
    let group = prop_oneof![
        Just(GroupBy::Nothing),
        Just(GroupBy::Model),
        Just(GroupBy::Provider),
        Just(GroupBy::Project),
        Just(GroupBy::ApiKey),
        Just(GroupBy::UsedMode)
    ];
    let seldom = |n: std::ops::Range<u8>| option::weighted(0.25, n);
    let filter = (seldom(0..3), seldom(0..4), seldom(0..4), seldom(0..2), option::weighted(0.25, any::<bool>()));
    (minutes.clone(), minutes, bucket, group, filter).prop_map(|(one, other, bucket, group_by, filter)| {
        let (project, key, model, provider, own) = filter;
        let at = |minute: i64| UnixMicros(DAY + minute * 60_000_000);
        UsageQuestion {
            range: TimeRange { from: at(one.min(other)), to: at(one.max(other) + 1) },
            bucket,
            group_by,
            filter: UsageFilter {
                project: project.map(|n| ProjectId::from_uuid(id(n))),
                api_key: key.map(|n| ApiKeyId::from_uuid(id(n))),
                model: model.map(|n| format!("model {n}")),
                provider: provider.map(|n| if n == 0 { String::new() } else { "openai".to_owned() }),
                used_mode: own.map(|own| if own { "api-keys" } else { "credits" }.to_owned()),
            },
        }
    })
}

fn filter() -> impl Strategy<Value = CallFilter> {
    let status = option::weighted(0.2, prop_oneof![Just(200_u32), Just(503)]);
    let outcome = option::weighted(0.2, prop_oneof![Just(CallOutcome::Settled), Just(CallOutcome::Orphaned)]);
    let more = (option::weighted(0.3, any::<bool>()), status, outcome, option::weighted(0.3, 0..3_usize));
    (question(), more, option::weighted(0.3, any::<bool>()), any::<bool>()).prop_map(|(question, more, code, ever)| {
        let (failed, http_status, outcome, cache) = more;
        CallFilter {
            range: if ever { TimeRange::ALL } else { question.range },
            project: question.filter.project,
            api_key: question.filter.api_key,
            model: question.filter.model,
            provider: question.filter.provider,
            used_mode: question.filter.used_mode,
            outcome,
            failed,
            http_status,
            error_code: code.map(|is_error| if is_error { "upstream_error" } else { "" }.to_owned()),
            cache: cache.map(|cache| ["miss", "hit", "off"][cache].to_owned()),
            ..CallFilter::default()
        }
    })
}

/// Newest first.
fn naive_list(calls: &[CallRow], filter: &CallFilter) -> Vec<CallRow> {
    let properties = UsageFilter {
        project: filter.project,
        api_key: filter.api_key,
        model: filter.model.clone(),
        provider: filter.provider.clone(),
        used_mode: filter.used_mode.clone(),
    };
    let is_wanted = |call: &CallRow| {
        is_chosen(call, &properties)
            && (filter.range.from..filter.range.to).contains(&call.started_at)
            && filter.outcome.is_none_or(|outcome| outcome == call.outcome)
            && filter.failed.is_none_or(|failed| failed == (call.http_status >= 400))
            && filter.http_status.is_none_or(|status| status == call.http_status)
            && filter.error_code.as_ref().is_none_or(|code| *code == call.error_code)
            && filter.cache.as_ref().is_none_or(|cache| *cache == call.cache)
    };
    let mut listed: Vec<CallRow> = calls.iter().filter(|call| is_wanted(call)).cloned().collect();
    listed.sort_by_key(|call| std::cmp::Reverse((call.started_at, call.request.uuid())));
    listed
}

fn is_asked_for(call: &CallRow, question: &UsageQuestion) -> bool {
    let from = question.range.from.0.div_euclid(HOUR) * HOUR;
    let to = -(-question.range.to.0).div_euclid(HOUR) * HOUR;
    (from..to).contains(&call.started_at.0) && is_chosen(call, &question.filter)
}

fn is_chosen(call: &CallRow, filter: &UsageFilter) -> bool {
    filter.project.is_none_or(|project| project == call.project)
        && filter.api_key.is_none_or(|key| key == call.api_key)
        && filter.model.as_ref().is_none_or(|model| *model == call.model)
        && filter.provider.as_ref().is_none_or(|provider| *provider == call.provider)
        && filter.used_mode.as_ref().is_none_or(|mode| *mode == call.used_mode)
}

fn naive_sums(calls: &[&CallRow]) -> Sums {
    let count = |is: fn(&CallRow) -> bool| calls.iter().filter(|call| is(call)).count() as u64;
    let sum = |of: fn(&CallRow) -> u64| calls.iter().map(|call| of(call)).sum::<u64>();
    Sums {
        calls: calls.len() as u64,
        settled: count(|call| call.outcome == CallOutcome::Settled),
        voided: count(|call| call.outcome == CallOutcome::Voided),
        orphaned: count(|call| call.outcome == CallOutcome::Orphaned),
        failed: count(|call| call.http_status >= 400),
        cancelled: count(|call| call.cancelled),
        cache_hits: count(|call| call.cache == "hit"),
        estimated: count(|call| call.usage.source == UsageSource::Estimated),
        usage: Usage {
            input: sum(|call| call.usage.input),
            cached_input: sum(|call| call.usage.cached_input),
            cache_write_5m: sum(|call| call.usage.cache_write_5m),
            cache_write_1h: sum(|call| call.usage.cache_write_1h),
            audio_input: sum(|call| call.usage.audio_input),
            output: sum(|call| call.usage.output),
            reasoning: sum(|call| call.usage.reasoning),
            audio_output: sum(|call| call.usage.audio_output),
            image_output: sum(|call| call.usage.image_output),
            searches: sum(|call| call.usage.searches),
            source: UsageSource::default(),
        },
        duration_ms: sum(|call| u64::from(call.duration_ms)),
        first_token_ms: sum(|call| u64::from(call.first_token_ms)),
        first_tokens: count(|call| call.first_token_ms > 0),
        overhead_us: sum(|call| u64::from(call.overhead_us)),
        cost: NanoUsd(calls.iter().map(|call| call.cost.0).sum()),
        charged: NanoUsd(calls.iter().map(|call| call.charged.0).sum()),
    }
}

/// The nearest rank of the sorted values.
fn true_percentile(values: &[u32], percent: usize) -> u32 {
    values[(values.len() * percent).div_ceil(100) - 1]
}

fn check_percentiles(shown: Option<Percentiles>, mut values: Vec<u32>) {
    values.sort_unstable();
    assert_eq!(shown.is_none(), values.is_empty());
    let Some(Percentiles { p50_ms, p95_ms }) = shown else { return };
    for (shown, truth) in [(p50_ms, true_percentile(&values, 50)), (p95_ms, true_percentile(&values, 95))] {
        assert!(shown.abs_diff(truth) <= truth / 32, "{shown} is more than 1/32 away from {truth}");
    }
}

fn check_figures(figures: &Figures, calls: &[&CallRow]) {
    assert_eq!(figures.sums, naive_sums(calls));
    check_percentiles(figures.duration, calls.iter().map(|call| call.duration_ms).collect());
    check_percentiles(figures.first_token, calls.iter().map(|call| call.first_token_ms).filter(|ms| *ms > 0).collect());
}

fn check(calls: &[CallRow], question: &UsageQuestion, rows: &[UsageRow], totals: &Figures) {
    let mut cells: BTreeMap<(i64, String), Vec<&CallRow>> = BTreeMap::new();
    let chosen: Vec<&CallRow> = calls.iter().filter(|call| is_asked_for(call, question)).collect();
    for call in &chosen {
        let bucket = match question.bucket {
            Bucket::Hour => call.started_at.0.div_euclid(HOUR) * HOUR,
            Bucket::Day => call.started_at.0.div_euclid(24 * HOUR) * 24 * HOUR,
            Bucket::Whole => question.range.from.0.div_euclid(HOUR) * HOUR,
        };
        let group = match question.group_by {
            GroupBy::Nothing => String::new(),
            GroupBy::Model => call.model.clone(),
            GroupBy::Provider => call.provider.clone(),
            GroupBy::Project => call.project.to_string(),
            GroupBy::ApiKey => call.api_key.to_string(),
            GroupBy::UsedMode => call.used_mode.clone(),
        };
        cells.entry((bucket, group)).or_default().push(call);
    }
    let shown: Vec<(i64, &str)> = rows.iter().map(|row| (row.bucket.0, row.group.as_str())).collect();
    let wanted: Vec<(i64, &str)> = cells.keys().map(|(bucket, group)| (*bucket, group.as_str())).collect();
    assert_eq!(shown, wanted);
    rows.iter().zip(cells.values()).for_each(|(row, calls)| check_figures(&row.figures, calls));
    check_figures(totals, &chosen);
}

#[expect(clippy::disallowed_methods, reason = "a test acts for any organization")]
fn scope(n: u8) -> OrgScope {
    OrgScope::proven(OrganizationId::from_uuid(id(n)))
}

/// All pages of a list.
async fn listed(db: &Analytics, organization: u8, seen: Seen<'_>, filter: &CallFilter, page_rows: u32) -> Vec<CallRow> {
    let mut rows: Vec<CallRow> = Vec::new();
    loop {
        let page = calls_list(db, &scope(organization), seen, filter, rows.last().map(CallCursor::after), page_rows).await.unwrap();
        let is_last = page.len() < page_rows as usize;
        rows.extend(page);
        if is_last {
            return rows;
        }
    }
}

async fn answers_like_the_calls(
    calls: Vec<CallRow>,
    batch: usize,
    questions: Vec<UsageQuestion>,
    filters: Vec<(CallFilter, u32)>,
    projects: BTreeSet<ProjectId>,
) {
    let folder = tempfile::tempdir().unwrap();
    let db = Analytics::open(&folder.path().join("analytics.db"), 1).await.unwrap();
    db.migrate().await.unwrap();
    for batch in calls.chunks(batch) {
        events_insert(&db, batch, &[]).await.unwrap();
    }
    // A batch that comes again changes nothing.
    events_insert(&db, &calls[..calls.len().min(batch)], &[]).await.unwrap();
    for (organization, seen) in [(0, None), (1, None), (0, Some(&projects))] {
        let is_mine = |call: &&CallRow| {
            call.organization == OrganizationId::from_uuid(id(organization)) && seen.is_none_or(|seen| seen.contains(&call.project))
        };
        let mine: Vec<CallRow> = calls.iter().filter(is_mine).cloned().collect();
        for (filter, page_rows) in &filters {
            assert_eq!(listed(&db, organization, seen, filter, *page_rows).await, naive_list(&mine, filter), "{filter:?} {seen:?}");
        }
        for question in &questions {
            let answer = usage(&db, &scope(organization), seen, question).await.unwrap();
            check(&mine, question, &answer.rows, &answer.totals);
        }
    }
    db.close().await;
}

/// Batches add their histograms behind each other; a row that grows long is made short again, and tells the same.
#[tokio::test]
async fn a_busy_hour_keeps_its_histogram_short() {
    let folder = tempfile::tempdir().unwrap();
    let db = Analytics::open(&folder.path().join("analytics.db"), 1).await.unwrap();
    db.migrate().await.unwrap();
    let duration = |n: u64| u32::try_from(n * n * 7_919 % 3_000_000).unwrap();
    let calls: Vec<CallRow> =
        (0..4_000).map(|n| CallRow { duration_ms: duration(n), first_token_ms: duration(n + 1) / 3, ..contract::call(n % 600) }).collect();
    let calls: Vec<CallRow> = (0..)
        .zip(calls)
        .map(|(n, call)| CallRow { request: RequestId::from_uuid(Uuid::from_u128(n)), provider: "with 'a' and  b".to_owned(), ..call })
        .collect();
    for batch in calls.chunks(80) {
        events_insert(&db, batch, &[]).await.unwrap();
    }
    for group_by in [GroupBy::Nothing, GroupBy::Model, GroupBy::Provider, GroupBy::Project, GroupBy::ApiKey] {
        for filter in [UsageFilter::default(), UsageFilter { model: Some("gpt-4o".to_owned()), ..UsageFilter::default() }] {
            let range = TimeRange { from: UnixMicros(DAY), to: UnixMicros(DAY + 2 * HOUR) };
            let question = UsageQuestion { range, bucket: Bucket::Hour, group_by, filter };
            let answer = usage(&db, &contract::scope(1), None, &question).await.unwrap();
            check(&calls, &question, &answer.rows, &answer.totals);
        }
    }
    let longest = "SELECT MAX(length(duration_bins) + length(first_token_bins)) FROM rollup";
    let longest: i64 = sqlx::query_scalar(longest).fetch_one(db.read()).await.unwrap();
    // Without it, 4,000 calls of two times each are 40,000 bytes.
    assert!((1_000..=4_096).contains(&longest), "{longest}");
    db.close().await;
}

proptest! {
    // Each case makes a database: a quarter of the usual number is enough, and PROPTEST_CASES makes it long.
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases / 4 + 1, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn usage_is_the_sum_of_its_calls(
        calls in vec(call(), 0..120),
        batch in 1..60_usize,
        questions in vec(question(), 10),
        filters in vec((filter(), 1..40_u32), 8),
        projects in btree_set(0..3_u8, 0..3),
    ) {
        let projects = projects.into_iter().map(|n| ProjectId::from_uuid(id(n))).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(Box::pin(answers_like_the_calls(calls, batch, questions, filters, projects)));
    }
}
