use axum::http::Method;
use serde_json::json;
use store::{ChangeKind, Role, changes_after, revision_latest};

use crate::tests::world::{World, hash};

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

#[tokio::test]
async fn a_project_is_made_put_away_and_taken_back() {
    let world = World::start().await;
    let made = world.post(PROJECTS, json!({"name": "Shop", "routing": "price", "cache_enabled": true})).await.ok(201);
    let found = (&made["mode"], &made["routing"], &made["cache_enabled"], &made["cache_ttl_seconds"], &made["status"]);
    assert_eq!(found, (&json!("hybrid"), &json!("price"), &json!(true), &json!(3_600), &json!("active")));
    assert_eq!(world.post(PROJECTS, json!({"name": "Shop"})).await.refused(409, "conflict"), Some("name"));
    assert_eq!(world.post(PROJECTS, json!({"name": ""})).await.refused(400, "invalid_request"), Some("name"));
    assert_eq!(world.post(PROJECTS, json!({"name": "x", "routing": "luck"})).await.refused(400, "invalid_request"), Some("routing"));

    let (id, path) = (made["id"].clone(), format!("{PROJECTS}/{}", made["id"].as_str().unwrap()));
    let key = world.post("/api/v1/api-keys", json!({"name": "k", "project_id": id})).await.ok(201);
    let key_path = format!("/api/v1/api-keys/{}", key["id"].as_str().unwrap());
    let before = revision_latest(&world.db).await.unwrap();
    let away = world.post(&format!("{path}/archive"), json!({})).await;
    assert_eq!(away.ok(200)["status"], json!("archived"));
    world.post(&format!("{path}/archive"), json!({})).await.ok(200);
    let told = changes_after(&world.db, before, 10).await.unwrap();
    assert_eq!(told.iter().map(|change| change.kind).collect::<Vec<_>>(), [ChangeKind::ProjectChanged], "repeating it is not told");

    for (path, body) in [(&path, json!({"name": "n"})), (&format!("{path}/rules"), json!({"rpm": 1})), (&key_path, json!({"rpm": 1}))] {
        assert_eq!(world.patch(path, body).await.refused(409, "conflict"), Some("project_id"), "{path}");
    }
    let more = json!({"name": "k", "project_id": id});
    assert_eq!(world.post("/api/v1/api-keys", more.clone()).await.refused(409, "conflict"), Some("project_id"));
    let rotate = format!("{key_path}/rotate");
    assert_eq!(world.post(&rotate, json!({"grace_seconds": 0})).await.refused(409, "conflict"), Some("project_id"));

    assert_eq!(world.post(&format!("{path}/restore"), json!({})).await.ok(200)["status"], json!("active"));
    world.post("/api/v1/api-keys", more).await.ok(201);
    world.patch(&key_path, json!({"rpm": 1})).await.ok(200);
}

#[tokio::test]
async fn rules_of_organization_and_project_are_carried_to_gateways() {
    let world = World::start().await;
    let (of_project, of_all) = (format!("{PROJECTS}/{}/rules", world.first.project), "/api/v1/organization/rules");
    let none = json!({"rpm": null, "tpm": null, "concurrency": null, "allowed_models": null, "rules": {
        "allowed_ips": [], "denied_models": [], "allowed_providers": [], "denied_providers": [],
        "input_price_max_nano_usd_per_million": null, "output_price_max_nano_usd_per_million": null, "tags": [], "metadata": {}}});
    for path in [of_project.as_str(), of_all] {
        assert_eq!(world.get(path).await.ok(200), none);
        let before = revision_latest(&world.db).await.unwrap();
        let set = world.patch(path, json!({"rpm": 60, "allowed_models": ["sim"], "rules": {"allowed_ips": ["10.1.2.3/8"]}})).await.ok(200);
        assert_eq!((&set["rpm"], &set["rules"]["allowed_ips"]), (&json!(60), &json!(["10.0.0.0/8"])));
        assert_eq!(changes_after(&world.db, before, 10).await.unwrap().len(), 1);
        let set = world.patch(path, json!({"tpm": 5, "rpm": null})).await.ok(200);
        assert_eq!((&set["rpm"], &set["tpm"], &set["allowed_models"]), (&json!(null), &json!(5), &json!(["sim"])));
        for (body, param) in [
            (json!({}), None),
            (json!({"rpm": 0}), Some("rpm")),
            (json!({"allowed_models": []}), Some("allowed_models")),
            (json!({"rules": {"allowed_ips": ["x"]}}), Some("rules.allowed_ips[0]")),
            (json!({"expires_at": null}), Some("expires_at")),
        ] {
            assert_eq!(world.patch(path, body.clone()).await.refused(400, "invalid_request"), param, "{body}");
        }
    }
    let hash = hash(&world.first.api_key);
    let caller = store::caller_by_key_hash(&world.db, &hash).await.unwrap().unwrap();
    let levels: Vec<_> = caller.levels.iter().map(|row| (row.level, row.narrowing.tpm)).collect();
    assert_eq!(levels, [(store::Level::Organization, Some(5)), (store::Level::Project, Some(5))]);
}
