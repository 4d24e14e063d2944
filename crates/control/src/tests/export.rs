//! An export holds everything of the organization, nothing of others, and no secret.

use std::collections::BTreeMap;
use std::io::Read;

use analytics::CallRow;
use axum::http::Method;
use flate2::read::GzDecoder;
use serde_json::{Value, json};
use store::Role;

use crate::tests::browser::Browser;
use crate::tests::world::{World, call};

const EXPORT: &str = "/api/v1/export";
const SECRET: &str = "sk-canary-a8Zq41mWnE77tRk0PfLx";

/// The lines of each table, in the order of the archive.
fn unpacked(bytes: &[u8]) -> BTreeMap<String, Vec<Value>> {
    let mut tables: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for entry in tar::Archive::new(GzDecoder::new(bytes)).entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().display().to_string();
        let (table, file) = path.split_once('/').unwrap();
        assert!(file.ends_with(".jsonl"), "{path}");
        let mut text = String::new();
        entry.read_to_string(&mut text).unwrap();
        let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        tables.entry(table.to_owned()).or_default().extend(lines);
    }
    tables
}

#[tokio::test]
async fn an_export_holds_everything_and_no_secret() {
    let world = World::start().await;
    let other = world.tenant(2, Role::Owner).await;
    let calls: Vec<CallRow> = (0..1_234).map(|n| call(&world.first, n)).collect();
    world.take_in(&calls).await;
    world.take_in(&[call(&other, 9_000)]).await;
    let mut secrets = vec![SECRET.to_owned(), world.first.api_key.clone(), world.first.management_key.clone()];
    for n in 0..250 {
        let made = world.post("/api/v1/api-keys", json!({"name": format!("k{n}")})).await.ok(201);
        secrets.push(made["key"].as_str().unwrap().to_owned());
    }
    world.post("/api/v1/provider-keys", json!({"provider": "openai", "name": "main", "key": SECRET})).await.ok(201);
    world.post("/api/v1/invites", json!({"email": "carl@example.com", "role": "viewer"})).await.ok(201);
    secrets.push(world.letter("carl@example.com").await.secret.unwrap());
    let budget = json!({"name": "b", "scope": "organization", "window": "month", "amount_usd": "5"});
    world.post("/api/v1/budgets", budget).await.ok(201);
    world.post("/api/v1/sub-accounts", json!({"external_id": "c"})).await.ok(201);

    let reply = world.get(EXPORT).await;
    assert_eq!((reply.status.as_u16(), &reply.headers["content-type"]), (200, &"application/octet-stream".parse().unwrap()));
    let tables = unpacked(&reply.bytes);
    let rows: Vec<(&str, usize)> = tables.iter().map(|(name, rows)| (name.as_str(), rows.len())).collect();
    let wanted = [
        ("api-keys", 251),
        ("audit", 256),
        ("budgets", 1),
        ("calls", 1_234),
        ("invites", 1),
        ("management-keys", 1),
        ("members", 1),
        ("organization", 1),
        ("projects", 1),
        ("provider-keys", 1),
        ("sub-accounts", 1),
        ("transfers", 1),
    ];
    assert_eq!(rows, wanted);
    // As the other routes show it.
    let id = tables["calls"][77]["id"].as_str().unwrap();
    assert_eq!(tables["calls"][77], world.get(&format!("/api/v1/calls/{id}")).await.ok(200));
    assert_eq!(tables["audit"][0]["action"], "organization.exported");
    let all = format!("{tables:?}");
    for secret in &secrets {
        assert!(secret.len() > 20 && !all.contains(secret), "an export holds a secret");
    }
    assert!(!all.contains(&other.organization.to_string()) && !all.contains("Other 2"));

    let theirs = unpacked(&world.send(Method::GET, EXPORT, Some(&other.management_key), None).await.bytes);
    assert_eq!((theirs["calls"].len(), theirs["projects"].len()), (1, 1));
    let viewer = world.tenant(3, Role::Viewer).await;
    world.send(Method::GET, EXPORT, Some(&viewer.management_key), None).await.refused(403, "permission_denied");
    world.get(&format!("{EXPORT}?table=calls")).await.refused(400, "invalid_request");
    Browser::default().get(&world, EXPORT).await.refused(401, "missing_api_key");
}
