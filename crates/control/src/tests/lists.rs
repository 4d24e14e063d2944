//! Lists: all of them come by page, stay the same while rows come and go, and no filter shows more than no filter.

use std::collections::BTreeSet;

use axum::http::Method;
use serde_json::{Value, json};
use store::Role;

use crate::tests::world::{DAY, Tenant, World, call};

/// Lists of something that is a handful by nature, or of a group of sums; they have another bound.
const WHOLE: &[&str] = &["/api/v1/usage", "/api/v1/auth/identities"];

fn document() -> Value {
    serde_json::to_value(crate::http::document()).unwrap()
}

/// A schema, its reference followed.
fn schema<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    let Some(name) = schema["$ref"].as_str() else { return schema };
    &document["components"]["schemas"][name.rsplit('/').next().unwrap()]
}

/// Every list of the document: its path, and its parameters in the query.
fn lists() -> Vec<(String, Vec<String>)> {
    let document = document();
    let mut lists = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        let answer = &item["get"]["responses"]["200"]["content"]["application/json"]["schema"];
        if schema(&document, answer)["properties"]["data"]["type"] != "array" || WHOLE.contains(&path.as_str()) {
            continue;
        }
        let properties = &schema(&document, answer)["properties"];
        assert_eq!(properties["has_more"]["type"], "boolean", "{path} does not say whether there is more");
        assert_eq!(properties["next_cursor"]["type"], json!(["string", "null"]), "{path} does not say where the next page begins");
        let parameters = item["get"]["parameters"].as_array().unwrap_or_else(|| panic!("{path} takes no `limit`"));
        let limit = parameters.iter().find(|parameter| parameter["name"] == "limit").unwrap_or_else(|| panic!("{path} has no `limit`"));
        assert!(limit["schema"]["maximum"].as_u64().is_some_and(|most| most <= 1_000), "{path}: the row cap is not written down");
        let names = parameters.iter().filter(|parameter| parameter["in"] == "query").map(|parameter| parameter["name"].as_str().unwrap());
        let names: Vec<_> = names.map(str::to_owned).collect();
        assert!(names.iter().any(|name| name == "cursor"), "{path} has no `cursor`");
        lists.push((path.clone(), names));
    }
    lists
}

#[test]
fn every_list_comes_by_page() {
    assert!(lists().len() >= 10, "{:?}", lists());
}

/// Three rows of everything, for each of two organizations.
async fn full() -> (World, Tenant) {
    let world = World::start().await;
    let other = world.tenant(2, Role::Owner).await;
    for n in 10..13_u64 {
        for tenant in [&world.first, &other] {
            world.take_in(&[call(tenant, n * 10 + u64::from(tenant.organization == other.organization))]).await;
            let (organization, key) = (tenant.organization, tenant.management_key.clone());
            let tag = format!("{n}{}", &organization.to_string()[34..]);
            let project = format!("proj_{n:0>16x}{}", &organization.to_string()[20..]);
            let columns = "id, organization_id, name, mode, cache_enabled, cache_ttl_seconds, created_at_us, updated_at_us";
            world
                .sql(&format!(
                    "INSERT INTO project ({columns}) VALUES ('{project}', '{organization}', '{tag}', 'credits', 0, 60, {DAY} + {n}, 1)"
                ))
                .await;
            let post = async |path: &str, body: Value| world.send(Method::POST, path, Some(&key), Some(body)).await.ok(201);
            post("/api/v1/api-keys", json!({"name": tag})).await;
            let budget = json!({"name": tag, "scope": "tag", "scope_value": tag, "window": "day", "amount_usd": "1"});
            post("/api/v1/budgets", budget).await;
            post("/api/v1/sub-accounts", json!({"external_id": tag})).await;
            post("/api/v1/management-keys", json!({"name": tag})).await;
            post("/api/v1/invites", json!({"email": format!("a{tag}@example.com"), "role": "viewer"})).await;
            post("/api/v1/provider-keys", json!({"provider": "openai", "name": tag, "key": format!("sk-0123456789abcdef-{tag}")})).await;
            let person = format!("user_{n:0>16x}{}", &organization.to_string()[20..]);
            let columns = "id, email, password_hash, is_operator, created_at_us";
            world.sql(&format!("INSERT INTO person ({columns}) VALUES ('{person}', 'm{tag}@example.com', '$argon2id$', 0, {DAY})")).await;
            world.sql(&format!("INSERT INTO member VALUES ('{organization}', '{person}', 'viewer', {DAY} + {n})")).await;
        }
    }
    (world, other)
}

/// What tells the rows of a list apart.
fn rows(page: &Value) -> Vec<String> {
    page["data"].as_array().unwrap().iter().map(Value::to_string).collect()
}

/// All rows, a page at a time; `between` runs after the first page.
async fn walked(world: &World, path: &str, limit: u32, between: impl AsyncFn()) -> Vec<String> {
    let (mut seen, mut next) = (Vec::new(), format!("{path}?limit={limit}"));
    loop {
        let page = world.get(&next).await.ok(200);
        let count = rows(&page).len();
        assert!(count <= limit as usize, "{next}");
        seen.extend(rows(&page));
        assert_eq!(page["has_more"].as_bool().unwrap(), page["next_cursor"].is_string(), "{next}");
        let Some(cursor) = page["next_cursor"].as_str() else { return seen };
        if seen.len() == count {
            between().await;
        }
        next = format!("{path}?limit={limit}&cursor={cursor}");
    }
}

#[tokio::test]
async fn pages_together_are_the_list_and_rows_that_come_meanwhile_repeat_nothing() {
    let (world, _other) = full().await;
    let mut walked_lists = 0;
    for (path, _) in lists() {
        if crate::http::openapi::is_personal(&path) || path.contains('{') {
            continue;
        }
        let whole = rows(&world.get(&format!("{path}?limit=200")).await.ok(200));
        let new = format!("new {walked_lists}");
        let by_page = walked(&world, &path, 2, async || {
            world.post("/api/v1/api-keys", json!({"name": new})).await.ok(201);
        })
        .await;
        let unique: BTreeSet<_> = by_page.iter().collect();
        assert_eq!(unique.len(), by_page.len(), "{path}: a row came twice");
        let missing: Vec<_> = whole.iter().filter(|row| !by_page.contains(row)).collect();
        assert!(missing.is_empty(), "{path}: {missing:?} never came");
        assert!(by_page.len() <= whole.len() + 1, "{path}");
        walked_lists += 1;
    }
    assert!(walked_lists >= 8);
}

/// What somebody may write who hopes that it means everything, or somebody else's.
fn hostile(other: &Tenant) -> Vec<String> {
    let huge = "x".repeat(4_000);
    let foreign = [other.organization.to_string(), other.project.to_string(), other.user.to_string(), other.api_key_id.to_string()];
    let wild = ["", "%25", "___", "*", "%27%20OR%201=1--", "%00", "null", "-1", "0", "18446744073709551616", "true", "%F0%9F%98%80", &huge];
    wild.into_iter().map(str::to_owned).chain(foreign).collect()
}

#[tokio::test]
async fn no_filter_widens_what_is_seen() {
    let (world, other) = full().await;
    let mut tried = 0;
    for (path, names) in lists() {
        if crate::http::openapi::is_personal(&path) || path.contains('{') {
            continue;
        }
        // All rows that the caller may see, without any filter.
        let own: BTreeSet<_> = rows(&world.get(&format!("{path}?limit=200")).await.ok(200)).into_iter().collect();
        for name in &names {
            for value in hostile(&other) {
                let reply = world.get(&format!("{path}?{name}={value}")).await;
                let status = reply.status.as_u16();
                assert!(status == 200 || status == 400, "{path}?{name}={value}: {}", reply.text);
                if status == 200 {
                    let seen = rows(&reply.body);
                    assert!(seen.iter().all(|row| own.contains(row)), "{path}?{name}={value} shows {seen:?}");
                    assert!(seen.len() <= 200);
                    assert!(!value.is_empty(), "{path}?{name}= is answered");
                    let means_nothing = value == "%25" || value == "___" || value.len() > 1_000;
                    let filters = !matches!(name.as_str(), "limit" | "cursor");
                    assert!(
                        !(means_nothing && filters) || seen.is_empty(),
                        "{path}?{name}={value}: it filters nothing, and {} rows",
                        seen.len()
                    );
                }
                tried += 1;
            }
        }
    }
    assert!(tried > 300, "{tried}");
}
