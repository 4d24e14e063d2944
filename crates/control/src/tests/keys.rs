use axum::http::Method;
use domain::key::{self, KeyKind, Spelling};
use serde_json::json;
use store::{Role, caller_by_key_hash};

use crate::tests::world::{World, hash};

const KEYS: &str = "/api/v1/api-keys";

#[tokio::test]
async fn a_made_key_is_shown_once_and_opens() {
    let world = World::start().await;
    let made = world
        .post(
            KEYS,
            json!({"name": " production ", "project_id": world.first.project.to_string(), "rpm": 60, "tpm": 1000, "concurrency": 4,
                "expires_at": "2999-01-01", "allowed_models": ["gpt-4o"]}),
        )
        .await
        .ok(201);
    let text = made["key"].as_str().unwrap();
    assert_eq!(key::read(text), Spelling::Ours(KeyKind::Api));
    assert_eq!((&made["name"], &made["status"], &made["imported"]), (&json!("production"), &json!("active"), &json!(false)));
    assert_eq!(made["expires_at"], "2999-01-01T00:00:00Z");
    assert!(text.starts_with(made["prefix"].as_str().unwrap()) && text.ends_with(made["last4"].as_str().unwrap()));

    let caller = caller_by_key_hash(&world.db, &hash(text)).await.unwrap().unwrap();
    let own = &caller.levels[0].narrowing;
    assert_eq!((own.rpm, own.tpm, own.concurrency), (Some(60), Some(1000), Some(4)));
    assert_eq!(own.allowed_models, Some(vec!["gpt-4o".to_owned()]));
    let listed = world.get(KEYS).await;
    assert!(listed.text.contains(made["id"].as_str().unwrap()) && !listed.text.contains(text));
}

#[tokio::test]
async fn without_a_project_the_first_one_gets_the_key() {
    let world = World::start().await;
    let made = world.post(KEYS, json!({"name": "k"})).await.ok(201);
    assert_eq!(made["project_id"], world.first.project.to_string());
}

#[tokio::test]
async fn keys_come_by_page() {
    let world = World::start().await;
    for n in 0..4 {
        world.post(KEYS, json!({"name": format!("k{n}")})).await.ok(201);
    }
    let (mut names, mut path) = (Vec::new(), format!("{KEYS}?limit=2"));
    loop {
        let page = world.get(&path).await.ok(200);
        assert!(page["data"].as_array().unwrap().len() <= 2);
        names.extend(page["data"].as_array().unwrap().iter().map(|key| key["name"].as_str().unwrap().to_owned()));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("{KEYS}?limit=2&cursor={cursor}");
    }
    assert_eq!(names, ["first", "k0", "k1", "k2", "k3"]);
    let of_project = world.get(&format!("{KEYS}?project_id={}", world.first.project)).await.ok(200);
    assert_eq!(of_project["data"].as_array().unwrap().len(), 5);
    let of_nothing = world.get(&format!("{KEYS}?project_id=proj_{:032x}", 99)).await.ok(200);
    assert_eq!(of_nothing["data"], json!([]));
}

#[tokio::test]
async fn a_revoked_key_stays_revoked() {
    let world = World::start().await;
    let path = format!("{KEYS}/{}", world.first.api_key_id);
    let revoked = world.delete(&path).await.ok(200);
    assert_eq!(revoked["status"], "revoked");
    assert!(revoked["revoked_at"].is_string());
    assert_eq!(world.delete(&path).await.ok(200), revoked);
    for id in ["key_00000000000000000000000000000099", "proj_1", "%ff", "x"] {
        world.delete(&format!("{KEYS}/{id}")).await.refused(404, "not_found");
    }
}

#[tokio::test]
async fn another_products_key_is_imported_once() {
    let world = World::start().await;
    let import = json!({"name": "from LiteLLM", "key": "sk-abcdefghijklmnopqrstuv"});
    let made = world.post(KEYS, import.clone()).await.ok(201);
    assert_eq!((&made["key"], &made["imported"]), (&json!(null), &json!(true)));
    assert_eq!((&made["prefix"], &made["last4"]), (&json!("sk-a"), &json!("stuv")));
    assert!(caller_by_key_hash(&world.db, &hash("sk-abcdefghijklmnopqrstuv")).await.unwrap().is_some());
    let again = world.post(KEYS, import.clone()).await.ok(200);
    assert_eq!(again["id"], made["id"]);

    let other = world.tenant(2, Role::Owner).await;
    let taken = world.send(Method::POST, KEYS, Some(&other.management_key), Some(import.clone())).await;
    assert_eq!(taken.refused(409, "conflict"), Some("key"));
    world.delete(&format!("{KEYS}/{}", made["id"].as_str().unwrap())).await.ok(200);
    assert_eq!(world.post(KEYS, import).await.refused(409, "conflict"), Some("key"));
}

#[tokio::test]
async fn senseless_keys_are_refused_by_field() {
    let world = World::start().await;
    for (body, param) in [
        (json!({}), "name"),
        (json!({"name": ""}), "name"),
        (json!({"name": 7}), "name"),
        (json!({"name": "k", "nam": 1}), "nam"),
        (json!({"name": "k", "rpm": 0}), "rpm"),
        (json!({"name": "k", "rpm": -1}), "rpm"),
        (json!({"name": "k", "tpm": 1.5}), "tpm"),
        (json!({"name": "k", "concurrency": 4_294_967_296_u64}), "concurrency"),
        (json!({"name": "k", "expires_at": "2001-01-01"}), "expires_at"),
        (json!({"name": "k", "expires_at": "2999-01-01T12:00:00"}), "expires_at"),
        (json!({"name": "k", "allowed_models": []}), "allowed_models"),
        (json!({"name": "k", "allowed_models": ["gpt-4o", ""]}), "allowed_models[1]"),
        (json!({"name": "k", "allowed_models": ["a", 1]}), "allowed_models[1]"),
        (json!({"name": "k", "project_id": "x"}), "project_id"),
        (json!({"name": "k", "key": "sk-1234"}), "key"),
        (json!({"name": "k", "key": "sk-with blanks in it"}), "key"),
        (json!({"name": "k", "key": world.first.api_key}), "key"),
        (json!({"name": "k", "key": "llmg_mistyped_and_long"}), "key"),
    ] {
        let reply = world.post(KEYS, body.clone()).await;
        assert_eq!(reply.refused(400, "invalid_request"), Some(param), "{body}");
    }
    let unknown = world.post(KEYS, json!({"name": "k", "project_id": format!("proj_{:032x}", 99)})).await;
    assert_eq!(unknown.refused(404, "not_found"), Some("project_id"));
    for (query, param) in [
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=x", "limit"),
        ("cursor=x", "cursor"),
        ("page=2", "page"),
        ("project_id=", "project_id"),
    ] {
        let reply = world.get(&format!("{KEYS}?{query}")).await;
        assert_eq!(reply.refused(400, "invalid_request"), Some(param), "{query}");
    }
}

#[tokio::test]
async fn only_who_may_makes_and_revokes_keys() {
    let world = World::start().await;
    for (n, role, may) in [(2, Role::Developer, true), (3, Role::Admin, true), (4, Role::Viewer, false), (5, Role::Billing, false)] {
        let tenant = world.tenant(n, role).await;
        let key = Some(tenant.management_key.as_str());
        world.send(Method::GET, KEYS, key, None).await.ok(200);
        let made = world.send(Method::POST, KEYS, key, Some(json!({"name": "k"}))).await;
        let revoked = world.send(Method::DELETE, &format!("{KEYS}/{}", tenant.api_key_id), key, None).await;
        if may {
            made.ok(201);
            revoked.ok(200);
        } else {
            made.refused(403, "permission_denied");
            revoked.refused(403, "permission_denied");
        }
    }
}

#[tokio::test]
async fn a_keys_rules_are_kept_in_one_spelling_and_replaced_as_a_whole() {
    let world = World::start().await;
    let rules = json!({
        "allowed_ips": ["10.1.2.3/8", "2001:db8::1", "::ffff:192.0.2.1"], "denied_models": ["gpt-4o"],
        "allowed_providers": ["gemini"], "denied_providers": ["openai"],
        "input_price_max_nano_usd_per_million": 2_500_000_000_u64, "output_price_max_nano_usd_per_million": 0,
        "tags": ["search"], "metadata": {"team": "search"},
    });
    let made = world.post(KEYS, json!({"name": "k", "rules": rules})).await.ok(201);
    let mut kept = rules;
    kept["allowed_ips"] = json!(["10.0.0.0/8", "2001:db8::1/128", "192.0.2.1/32"]);
    kept["allowed_providers"] = json!(["google-ai-studio"]);
    assert_eq!(made["rules"], kept);
    let caller = caller_by_key_hash(&world.db, &hash(made["key"].as_str().unwrap())).await.unwrap().unwrap();
    assert_eq!(serde_json::to_value(&caller.levels[0].narrowing.rules).unwrap(), kept);

    let path = format!("{KEYS}/{}", made["id"].as_str().unwrap());
    let patch = |body| world.send(Method::PATCH, &path, Some(&world.first.management_key), Some(body));
    assert_eq!(patch(json!({"name": "other"})).await.ok(200)["rules"], kept, "what is left out stays");
    let rotated = world.post(&format!("{path}/rotate"), json!({"grace_seconds": 60})).await.ok(201);
    assert_eq!(rotated["rules"], kept, "a successor has the same rules");
    let changed = patch(json!({"rules": {"denied_models": ["sim"]}})).await.ok(200);
    let none = world.post(KEYS, json!({"name": "none"})).await.ok(201)["rules"].clone();
    assert_eq!((&changed["rules"]["denied_models"], &changed["rules"]["tags"]), (&json!(["sim"]), &none["tags"]));
    assert_eq!(patch(json!({"rules": null})).await.ok(200)["rules"], none);
    assert_eq!(none["allowed_ips"], json!([]));
}

#[tokio::test]
async fn senseless_rules_are_refused_by_field() {
    let world = World::start().await;
    let many = |n: usize| (0..n).map(|n| format!("10.0.{}.{}", n / 256, n % 256)).collect::<Vec<_>>();
    for (rules, param) in [
        (json!({"allowed_ip": []}), "rules.allowed_ip"),
        (json!([]), "rules"),
        (json!({"allowed_ips": null}), "rules.allowed_ips"),
        (json!({"allowed_ips": ["10.0.0.0/33"]}), "rules.allowed_ips[0]"),
        (json!({"allowed_ips": ["10.0.0.1", "example.com"]}), "rules.allowed_ips[1]"),
        (json!({"allowed_ips": many(101)}), "rules.allowed_ips"),
        (json!({"denied_models": [" gpt-4o"]}), "rules.denied_models[0]"),
        (json!({"denied_models": many(201)}), "rules.denied_models"),
        (json!({"allowed_providers": ["nobody"]}), "rules.allowed_providers[0]"),
        (json!({"denied_providers": [""]}), "rules.denied_providers[0]"),
        (json!({"input_price_max_nano_usd_per_million": -1}), "rules.input_price_max_nano_usd_per_million"),
        (json!({"output_price_max_nano_usd_per_million": 0.5}), "rules.output_price_max_nano_usd_per_million"),
        (json!({"tags": ["a,b"]}), "rules.tags"),
        (json!({"tags": ["x".repeat(101)]}), "rules.tags"),
        (json!({"tags": many(21)}), "rules.tags"),
        (json!({"metadata": {"a": 1}}), "rules.metadata.a"),
        (json!({"metadata": {"a": "x".repeat(4_096)}}), "rules.metadata"),
        (json!({"metadata": {"": "x"}}), "rules.metadata"),
    ] {
        let reply = world.post(KEYS, json!({"name": "k", "rules": rules.clone()})).await;
        assert_eq!(reply.refused(400, "invalid_request"), Some(param), "{rules}");
    }
    assert!(world.post(KEYS, json!({"name": "k", "rules": {"allowed_ips": many(100)}})).await.ok(201)["id"].is_string());
}
