use serde_json::{Value, json};
use store::{ChangeKind, Role, caller_by_key_hash, changes_after, revision_latest};

use crate::tests::world::{World, hash};

const KEYS: &str = "/api/v1/api-keys";

#[tokio::test]
async fn what_is_left_out_stays_and_null_removes() {
    let world = World::start().await;
    let made = world.post(KEYS, json!({"name": "k", "rpm": 60, "tpm": 1000, "allowed_models": ["gpt-4o"]})).await.ok(201);
    let path = format!("{KEYS}/{}", made["id"].as_str().unwrap());
    let since = revision_latest(&world.db).await.unwrap();
    let change = json!({"name": " web ", "rpm": null, "concurrency": 4, "expires_at": "2999-01-01", "allowed_models": null});
    let changed = world.patch(&path, change).await.ok(200);
    assert_eq!((&changed["name"], &changed["rpm"], &changed["tpm"]), (&json!("web"), &Value::Null, &json!(1000)));
    assert_eq!((&changed["concurrency"], &changed["allowed_models"]), (&json!(4), &Value::Null));
    assert_eq!(changed["expires_at"], "2999-01-01T00:00:00Z");
    assert_eq!(world.patch(&path, json!({"expires_at": null})).await.ok(200)["expires_at"], Value::Null);
    let told: Vec<_> = changes_after(&world.db, since, 10).await.unwrap().into_iter().map(|change| change.kind).collect();
    assert_eq!(told, [ChangeKind::KeyChanged, ChangeKind::KeyChanged]);

    for (body, param) in [
        (json!({}), None),
        (json!({"rpm": 0}), Some("rpm")),
        (json!({"rpm": -1}), Some("rpm")),
        (json!({"name": ""}), Some("name")),
        (json!({"expires_at": "2001-01-01"}), Some("expires_at")),
        (json!({"allowed_models": []}), Some("allowed_models")),
        (json!({"key": "x"}), Some("key")),
        (json!({"project_id": "x"}), Some("project_id")),
    ] {
        assert_eq!(world.patch(&path, body).await.refused(400, "invalid_request"), param);
    }
    world.delete(&path).await.ok(200);
    world.patch(&path, json!({"name": "again"})).await.refused(409, "conflict");
}

#[tokio::test]
async fn a_rotation_gives_both_keys_for_a_while() {
    let world = World::start().await;
    let old = world.post(KEYS, json!({"name": "k", "rpm": 60, "allowed_models": ["gpt-4o"]})).await.ok(201);
    let path = format!("{KEYS}/{}", old["id"].as_str().unwrap());
    let new = world.post(&format!("{path}/rotate"), json!({"grace_seconds": 3600})).await.ok(201);
    for same in ["name", "project_id", "rpm", "allowed_models", "expires_at"] {
        assert_eq!(new[same], old[same], "{same}");
    }
    let in_an_hour = service::clock::now().plus_seconds(3_600);
    let of = async |key: &Value| caller_by_key_hash(&world.db, &hash(key["key"].as_str().unwrap())).await.unwrap().unwrap();
    let ends_at = of(&old).await.expires_at.unwrap();
    assert!(ends_at <= in_an_hour && ends_at.plus_seconds(60) > in_an_hour);
    assert_eq!((of(&new).await.expires_at, of(&new).await.levels[0].narrowing.rpm), (None, Some(60)));

    // Without grace the old key is over at once, and has no second successor.
    let path = format!("{KEYS}/{}", new["id"].as_str().unwrap());
    world.post(&format!("{path}/rotate"), json!({"grace_seconds": 0})).await.ok(201);
    assert!(of(&new).await.expires_at.unwrap() <= service::clock::now());
    world.post(&format!("{path}/rotate"), json!({"grace_seconds": 0})).await.refused(409, "conflict");

    for (body, param) in
        [(json!({}), "grace_seconds"), (json!({"grace_seconds": 604_801}), "grace_seconds"), (json!({"grace": 1}), "grace")]
    {
        assert_eq!(world.post(&format!("{path}/rotate"), body).await.refused(400, "invalid_request"), Some(param));
    }
    let viewer = world.tenant(2, Role::Viewer).await;
    let theirs = format!("{KEYS}/{}/rotate", viewer.api_key_id);
    let body = Some(json!({"grace_seconds": 0}));
    let asked = world.send(axum::http::Method::POST, &theirs, Some(&viewer.management_key), body.clone()).await;
    asked.refused(403, "permission_denied");
    world.send(axum::http::Method::POST, &theirs, Some(&world.first.management_key), body).await.refused(404, "not_found");
}
