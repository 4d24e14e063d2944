//! Sub-accounts: customers of an organization.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use store::{CallerRow, KeyStatus, Role, SubAccountStatus, caller_by_key_hash};

use crate::tests::world::{World, hash};

const SUB_ACCOUNTS: &str = "/api/v1/sub-accounts";

async fn made(world: &World, external_id: &str) -> Value {
    world.post(SUB_ACCOUNTS, json!({"external_id": external_id, "name": " Globex ", "markup_basis_points": 1_500})).await.ok(201)
}

fn path(of: &Value) -> String {
    format!("{SUB_ACCOUNTS}/{}", of["id"].as_str().unwrap())
}

async fn caller(world: &World, key: &str) -> CallerRow {
    caller_by_key_hash(&world.db, &hash(key)).await.unwrap().unwrap()
}

#[tokio::test]
async fn a_sub_account_is_made_found_changed_and_closed() {
    let world = World::start().await;
    let row = made(&world, "cust_1").await;
    assert_eq!(
        (&row["name"], &row["status"], &row["project_id"]),
        (&json!("Globex"), &json!("active"), &json!(world.first.project.to_string()))
    );
    assert_eq!((&row["rpm"], &row["allowed_models"], &row["metadata"]), (&Value::Null, &Value::Null, &json!({})));
    world.post(SUB_ACCOUNTS, json!({"external_id": "cust_1"})).await.refused(409, "conflict");
    let plain = world.post(SUB_ACCOUNTS, json!({"external_id": "50%"})).await.ok(201);
    assert_eq!(plain["name"], "50%");
    assert_eq!(world.get(&path(&row)).await.ok(200), row);
    let found = async |query: &str| world.get(&format!("{SUB_ACCOUNTS}?{query}")).await.ok(200)["data"].clone();
    assert_eq!(found("limit=9").await, json!([row, plain]));
    assert_eq!(found("search=GLOB").await, json!([row]));
    assert_eq!(found("search=%25").await, json!([plain]));
    assert_eq!(found("external_id=cust_1").await, json!([row]));
    assert_eq!(found("external_id=cust").await, json!([]));

    let change = json!({"rpm": 60, "allowed_models": ["gpt-4o"], "markup_basis_points": 0, "metadata": {"crm": "7"}});
    let changed = world.patch(&path(&row), change).await.ok(200);
    assert_eq!((&changed["rpm"], &changed["markup_basis_points"], &changed["metadata"]), (&json!(60), &json!(0), &json!({"crm": "7"})));
    let changed = world.patch(&path(&row), json!({"rpm": null})).await.ok(200);
    assert_eq!((&changed["rpm"], &changed["allowed_models"]), (&Value::Null, &json!(["gpt-4o"])));
    for (wrong, param) in [
        (json!({"rpm": 0}), "rpm"),
        (json!({"allowed_models": []}), "allowed_models"),
        (json!({"markup_basis_points": 1_000_001}), "markup_basis_points"),
        (json!({"metadata": {"": "x"}}), "metadata"),
        (json!({"metadata": {"x": "y".repeat(4_096)}}), "metadata"),
        (json!({"external_id": "other"}), "external_id"),
        (json!({"status": "closed"}), "status"),
    ] {
        let reply = world.patch(&path(&row), wrong).await;
        reply.refused(400, "invalid_request");
        assert_eq!(reply.body["param"], param);
    }
    world.patch(&path(&row), json!({})).await.refused(400, "invalid_request");

    let closed = world.post(&format!("{}/close", path(&row)), json!({})).await.ok(200);
    assert_eq!(closed["status"], "closed");
    assert_eq!(found("status=closed").await, json!([closed]));
    for (verb, body) in [("resume", json!({})), ("suspend", json!({})), ("keys", json!({"name": "k"}))] {
        world.post(&format!("{}/{verb}", path(&row)), body).await.refused(409, "conflict");
    }
    world.patch(&path(&row), json!({"rpm": 5})).await.refused(409, "conflict");
}

#[tokio::test]
async fn keys_are_made_a_thousand_at_once() {
    let world = World::start().await;
    let row = made(&world, "cust_1").await;
    let keys = format!("{}/keys", path(&row));
    let many = world.post(&keys, json!({"name": "k", "count": 1_000, "rpm": 5})).await.ok(201);
    let many = many["data"].as_array().unwrap();
    let unique: BTreeSet<_> = many.iter().map(|made| made["key"].as_str().unwrap()).collect();
    assert_eq!((many.len(), unique.len(), &many[999]["name"]), (1_000, 1_000, &json!("k 1000")));
    for count in [0, 1_001] {
        world.post(&keys, json!({"name": "k", "count": count})).await.refused(400, "invalid_request");
    }
    let id = row["id"].as_str().unwrap();
    let listed = world.get(&format!("/api/v1/api-keys?limit=200&sub_account_id={id}")).await.ok(200);
    assert_eq!((listed["data"].as_array().unwrap().len(), &listed["has_more"]), (200, &json!(true)));
    assert_eq!((&listed["data"][0]["sub_account_id"], &listed["data"][0]["rpm"]), (&json!(id), &json!(5)));

    let known = caller(&world, many[0]["key"].as_str().unwrap()).await;
    assert_eq!(known.sub_account.unwrap().markup_basis_points, 1_500);
    // A rotated key stays the sub-account's, and gets no right over others.
    let key = format!("/api/v1/api-keys/{}", many[0]["id"].as_str().unwrap());
    let next = world.post(&format!("{key}/rotate"), json!({"grace_seconds": 0})).await.ok(201);
    assert_eq!((&next["sub_account_id"], &next["acts_for_sub_accounts"]), (&json!(id), &json!(false)));
    world
        .patch(&format!("/api/v1/api-keys/{}", next["id"].as_str().unwrap()), json!({"acts_for_sub_accounts": true}))
        .await
        .refused(400, "invalid_request");
    let own = world.post("/api/v1/api-keys", json!({"name": "k", "acts_for_sub_accounts": true})).await.ok(201);
    assert_eq!((&own["sub_account_id"], &own["acts_for_sub_accounts"]), (&Value::Null, &json!(true)));

    let text = many[1]["key"].as_str().unwrap();
    world.post(&format!("{}/suspend", path(&row)), json!({})).await.ok(200);
    assert_eq!(caller(&world, text).await.sub_account.unwrap().status, SubAccountStatus::Suspended);
    world.post(&format!("{}/resume", path(&row)), json!({})).await.ok(200);
    assert_eq!(caller(&world, text).await.sub_account.unwrap().status, SubAccountStatus::Active);
    world.post(&format!("{}/close", path(&row)), json!({})).await.ok(200);
    assert_eq!(caller(&world, text).await.key_status, KeyStatus::Revoked);
}

#[tokio::test]
async fn a_sub_account_has_budgets_of_several_windows() {
    let world = World::start().await;
    let row = made(&world, "cust_1").await;
    let id = row["id"].as_str().unwrap();
    let made = world.post(&format!("{}/keys", path(&row)), json!({"name": "k"})).await.ok(201);
    for window in ["day", "day", "month"] {
        let budget = json!({"name": window, "scope": "sub_account", "scope_value": id, "window": window, "amount_usd": "5"});
        assert_eq!(world.post("/api/v1/budgets", budget).await.ok(201)["scope_value"], id);
    }
    let listed = world.get(&format!("/api/v1/budgets?scope=sub_account&scope_value={id}")).await.ok(200);
    assert_eq!(listed["data"].as_array().unwrap().len(), 3);
    assert_eq!(caller(&world, made["data"][0]["key"].as_str().unwrap()).await.budgets.len(), 3);
    assert_eq!(caller(&world, &world.first.api_key).await.budgets.len(), 0);
    let other = world.tenant(2, Role::Owner).await;
    let budget = json!({"name": "b", "scope": "sub_account", "scope_value": id, "window": "day", "amount_usd": "5"});
    let foreign = world.send("POST".parse().unwrap(), "/api/v1/budgets", Some(&other.management_key), Some(budget)).await;
    foreign.refused(404, "not_found");
}
