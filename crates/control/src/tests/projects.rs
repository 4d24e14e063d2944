use axum::http::Method;
use serde_json::json;
use store::{ChangeKind, Role, changes_after, revision_latest};

use crate::tests::world::World;

const PROJECTS: &str = "/api/v1/projects";

#[tokio::test]
async fn a_project_is_shown_and_set() {
    let world = World::start().await;
    let path = format!("{PROJECTS}/{}", world.first.project);
    let shown = world.get(&path).await.ok(200);
    assert_eq!((&shown["name"], &shown["mode"], &shown["cache_enabled"]), (&json!("Default"), &json!("credits"), &json!(false)));
    assert_eq!(world.get(PROJECTS).await.ok(200)["data"], json!([shown]));

    let before = revision_latest(&world.db).await.unwrap();
    let set = world
        .patch(&path, json!({"name": "Shop", "mode": "api-keys", "cache_enabled": true, "cache_ttl_seconds": 31_536_000}))
        .await
        .ok(200);
    assert_eq!((&set["name"], &set["mode"], &set["cache_ttl_seconds"]), (&json!("Shop"), &json!("api-keys"), &json!(31_536_000)));
    assert_eq!(set["created_at"], shown["created_at"]);
    assert_ne!(set["updated_at"], shown["updated_at"]);
    assert_eq!(world.get(&path).await.ok(200), set);
    let told = changes_after(&world.db, before, 10).await.unwrap();
    assert_eq!(told.iter().map(|change| change.kind).collect::<Vec<_>>(), [ChangeKind::ProjectChanged]);

    let one = world.patch(&path, json!({"cache_ttl_seconds": 10})).await.ok(200);
    assert_eq!((&one["name"], &one["cache_enabled"], &one["cache_ttl_seconds"]), (&json!("Shop"), &json!(true), &json!(10)));
}

#[tokio::test]
async fn senseless_settings_are_refused_by_field() {
    let world = World::start().await;
    let path = format!("{PROJECTS}/{}", world.first.project);
    let before = world.get(&path).await.ok(200);
    for (body, param) in [
        (json!({}), None),
        (json!({"name": " "}), Some("name")),
        (json!({"mode": "free"}), Some("mode")),
        (json!({"cache_ttl_seconds": 9}), Some("cache_ttl_seconds")),
        (json!({"cache_ttl_seconds": 31_536_001}), Some("cache_ttl_seconds")),
        (json!({"cache_enabled": "yes"}), Some("cache_enabled")),
        (json!({"cache": true}), Some("cache")),
        (json!([]), None),
    ] {
        let reply = world.patch(&path, body.clone()).await;
        assert_eq!(reply.refused(400, "invalid_request"), param, "{body}: {}", reply.text);
    }
    assert_eq!(world.get(&path).await.ok(200), before);
    for id in [format!("proj_{:032x}", 99), "x".to_owned()] {
        world.get(&format!("{PROJECTS}/{id}")).await.refused(404, "not_found");
        world.patch(&format!("{PROJECTS}/{id}"), json!({"name": "n"})).await.refused(404, "not_found");
    }
}

#[tokio::test]
async fn only_owners_and_admins_set() {
    let world = World::start().await;
    for (n, role, status) in [(2, Role::Admin, 200), (3, Role::Developer, 403), (4, Role::Viewer, 403), (5, Role::Billing, 403)] {
        let tenant = world.tenant(n, role).await;
        let path = format!("{PROJECTS}/{}", tenant.project);
        world.send(Method::GET, &path, Some(&tenant.management_key), None).await.ok(200);
        let set = world.send(Method::PATCH, &path, Some(&tenant.management_key), Some(json!({"cache_enabled": true}))).await;
        assert_eq!(set.status.as_u16(), status, "{role:?}: {}", set.text);
    }
}
