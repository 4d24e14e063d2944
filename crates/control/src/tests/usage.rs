use analytics::{CallOutcome, CallRow};
use domain::{NanoUsd, UnixMicros};
use serde_json::{Value, json};

use crate::tests::world::{DAY, HOUR, World, call};

/// Three calls: two in the first hour of a day, one on the next day with another model that failed.
async fn used() -> World {
    let world = World::start().await;
    let failed = CallRow {
        model: "claude-opus-4-5".to_owned(),
        provider: "anthropic".to_owned(),
        outcome: CallOutcome::Voided,
        http_status: 502,
        cost: NanoUsd::ZERO,
        charged: NanoUsd::ZERO,
        first_token_ms: 0,
        started_at: UnixMicros(DAY + 25 * HOUR),
        ..call(&world.first, 3)
    };
    world.take_in(&[call(&world.first, 1), call(&world.first, 2), failed]).await;
    world
}

async fn rows(world: &World, query: &str) -> Vec<(String, Value, u64)> {
    let answer = world.get(&format!("/api/v1/usage?from=2025-10-09&to=2025-10-11&{query}")).await.ok(200);
    let calls: u64 = answer["rows"].as_array().unwrap().iter().map(|row| row["calls"].as_u64().unwrap()).sum();
    assert_eq!(answer["totals"]["calls"], calls);
    let row = |row: &Value| (row["bucket_start"].as_str().unwrap().to_owned(), row["group"].clone(), row["calls"].as_u64().unwrap());
    answer["rows"].as_array().unwrap().iter().map(row).collect()
}

#[tokio::test]
async fn totals_add_up_in_tokens_and_money() {
    let world = used().await;
    let answer = world.get("/api/v1/usage?from=2025-10-09T00:30:00Z&to=2025-10-10T01:00:01%2B00:00&bucket=hour").await.ok(200);
    assert_eq!((&answer["from"], &answer["to"]), (&json!("2025-10-09T00:00:00Z"), &json!("2025-10-10T02:00:00Z")));
    let totals = &answer["totals"];
    for (field, value) in [
        ("calls", 3),
        ("settled", 2),
        ("voided", 1),
        ("failed", 1),
        ("cost_nano_usd", 2_000),
        ("charged_nano_usd", 2_200),
        ("duration_ms_mean", 900),
        ("first_token_ms_mean", 250),
        ("duration_ms_p50", 911),
        ("duration_ms_p95", 911),
        ("first_token_ms_p50", 251),
        ("first_token_ms_p95", 251),
    ] {
        assert_eq!(totals[field], value, "{field}");
    }
    assert_eq!((&totals["cost_usd"], &totals["charged_usd"]), (&json!("0.000002000"), &json!("0.000002200")));
    assert_eq!(
        (&totals["tokens"]["input"], &totals["tokens"]["cached_input"], &totals["tokens"]["output"]),
        (&json!(300), &json!(120), &json!(60))
    );
}

#[tokio::test]
async fn buckets_and_groups_split_the_same_calls() {
    let world = used().await;
    let (first, second) = ("2025-10-09T00:00:00Z".to_owned(), "2025-10-10T00:00:00Z".to_owned());
    let one = "2025-10-10T01:00:00Z".to_owned();
    assert_eq!(rows(&world, "").await, [(first.clone(), json!(null), 2), (second.clone(), json!(null), 1)]);
    assert_eq!(rows(&world, "bucket=hour").await, [(first.clone(), json!(null), 2), (one, json!(null), 1)]);
    assert_eq!(rows(&world, "bucket=none").await, [(first.clone(), json!(null), 3)]);
    assert_eq!(
        rows(&world, "bucket=none&group_by=model").await,
        [(first.clone(), json!("claude-opus-4-5"), 1), (first.clone(), json!("gpt-4o"), 2)]
    );
    assert_eq!(rows(&world, "group_by=provider").await, [(first.clone(), json!("openai"), 2), (second, json!("anthropic"), 1)]);
    assert_eq!(rows(&world, "bucket=none&group_by=project").await, [(first.clone(), json!(world.first.project.to_string()), 3)]);
    assert_eq!(rows(&world, "bucket=none&group_by=api_key").await, [(first.clone(), json!(world.first.api_key_id.to_string()), 3)]);
    assert_eq!(rows(&world, "bucket=none&group_by=used_mode").await, [(first, json!("credits"), 3)]);
}

#[tokio::test]
async fn filters_choose_the_calls() {
    let world = used().await;
    let first = "2025-10-09T00:00:00Z".to_owned();
    for (query, calls) in [
        ("model=gpt-4o".to_owned(), 2),
        ("provider=anthropic".to_owned(), 1),
        ("provider=anthropic&model=gpt-4o".to_owned(), 0),
        ("used_mode=credits".to_owned(), 3),
        ("used_mode=api-keys".to_owned(), 0),
        (format!("project_id={}", world.first.project), 3),
        (format!("api_key_id=key_{:032x}&model=gpt-4o", 9), 0),
    ] {
        let found = rows(&world, &format!("bucket=none&{query}")).await;
        assert_eq!(found.iter().map(|row| row.2).sum::<u64>(), calls, "{query}");
    }
    assert_eq!(rows(&world, "bucket=none&model=gpt-4o&group_by=provider").await, [(first.clone(), json!("openai"), 2)]);
    // Hours of filtered calls read the most, so their range is short.
    let long = "from=2025-10-01&to=2025-10-11&bucket=hour&provider=openai";
    world.get(&format!("/api/v1/usage?{long}&group_by=model")).await.refused(400, "invalid_request");
    assert_eq!(world.get(&format!("/api/v1/usage?{long}&group_by=provider")).await.ok(200)["totals"]["calls"], 2);
}

#[tokio::test]
async fn the_table_has_the_same_figures() {
    let world = used().await;
    let query = "from=2025-10-09&to=2025-10-11&group_by=model";
    let reply = world.get(&format!("/api/v1/usage.csv?{query}")).await;
    assert_eq!(reply.headers["content-type"], "text/csv; charset=utf-8");
    assert_eq!(reply.headers["content-disposition"], "attachment; filename=\"usage.csv\"");
    let lines: Vec<Vec<&str>> = reply.text.trim_end().split("\r\n").map(|line| line.split(',').collect()).collect();
    let answer = world.get(&format!("/api/v1/usage?{query}")).await.ok(200);
    let shown = answer["rows"].as_array().unwrap();
    assert_eq!(lines.len(), 1 + shown.len());
    for (line, row) in lines[1..].iter().zip(shown) {
        assert_eq!(line.len(), lines[0].len());
        for (name, cell) in lines[0].iter().zip(line) {
            let field = match name.strip_suffix("_tokens") {
                Some(class) => &row["tokens"][class],
                None => &row[*name],
            };
            let text = match field {
                Value::Null => String::new(),
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            assert_eq!(*cell, text, "{name}");
        }
    }
    world.get("/api/v1/usage.csv?group_by=tag").await.refused(400, "invalid_request");
}

#[tokio::test]
async fn the_usual_range_is_the_last_thirty_days() {
    let world = used().await;
    let answer = world.get("/api/v1/usage").await.ok(200);
    assert_eq!((&answer["totals"]["calls"], &answer["totals"]["duration_ms_mean"], &answer["rows"]), (&json!(0), &json!(null), &json!([])));
    let one_sided = world.get("/api/v1/usage?to=2025-10-10").await.ok(200);
    assert_eq!((&one_sided["from"], &one_sided["totals"]["calls"]), (&json!("2025-09-10T00:00:00Z"), &json!(2)));
}

#[tokio::test]
async fn senseless_questions_are_refused_by_parameter() {
    let world = World::start().await;
    for (query, param) in [
        ("from=yesterday", "from"),
        ("to=2025-10-09T00:00:00", "to"),
        ("from=2025-10-10&to=2025-10-09", "from"),
        ("from=2025-10-10&to=2025-10-10", "from"),
        ("bucket=week", "bucket"),
        ("group_by=tag", "group_by"),
        ("project_id=1", "project_id"),
        ("used_mode=hybrid", "used_mode"),
        ("groupby=model", "groupby"),
        ("bucket=day&bucket=hour", "bucket"),
    ] {
        let reply = world.get(&format!("/api/v1/usage?{query}")).await;
        assert_eq!(reply.refused(400, "invalid_request"), Some(param), "{query}: {}", reply.text);
    }
}

#[tokio::test]
async fn an_answer_is_whole_or_refused() {
    let world = World::start().await;
    let calls: Vec<CallRow> = (0..10_001).map(|n| CallRow { model: format!("m{n}"), ..call(&world.first, n) }).collect();
    world.take_in(&calls).await;
    let path = "/api/v1/usage?from=2025-10-09&to=2025-10-10";
    world.get(&format!("{path}&group_by=model")).await.refused(400, "invalid_request");
    assert_eq!(world.get(path).await.ok(200)["totals"]["calls"], 10_001);
}
