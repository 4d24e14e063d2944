//! How organizations and accounts end.

use axum::http::Method;
use domain::{OrgScope, UnixMicros};
use serde_json::{Value, json};
use store::{AuditFilter, Role};

use crate::tests::browser::{Browser, PASSWORD};
use crate::tests::world::{Tenant, World, call};

const DELETION: &str = "/api/v1/organization/deletion";
/// In names, addresses and calls of what is erased.
const CANARY: &str = "canary7f3a91";

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn days(n: i64) -> UnixMicros {
    service::clock::now().plus_seconds(n * 24 * 3_600)
}

/// The operator, and Ada who owns an organization with a developer in it.
struct Owned {
    world: World,
    operator: Browser,
    ada: Browser,
    bob: Browser,
    tenant: Tenant,
    name: String,
}

async fn owned() -> Owned {
    let world = World::deserted(|_| {}).await;
    let (mut operator, mut ada, mut bob) = (Browser::default(), Browser::default(), Browser::default());
    operator.sign_up(&world, "operator@example.com").await;
    let name = format!("Org {CANARY}");
    let session = ada.sign_up(&world, &format!("ada-{CANARY}@example.com")).await;
    ada.send(&world, Method::PATCH, "/api/v1/organization", Some(json!({"name": name}))).await.ok(200);
    let organization = text(&session["organization_id"]);
    let bob_id = text(&bob.sign_up(&world, "bob@example.com").await["user"]["id"]);
    world.sql(&format!("INSERT INTO member VALUES ('{organization}', '{bob_id}', 'developer', 1)")).await;
    let project = text(&ada.get(&world, "/api/v1/projects").await.ok(200)["data"][0]["id"]);
    let key = ada.post(&world, "/api/v1/api-keys", json!({"name": format!("key {CANARY}")})).await.ok(201);
    let management = ada.post(&world, "/api/v1/management-keys", json!({"name": "m"})).await.ok(201);
    let tenant = Tenant {
        organization: organization.parse().unwrap(),
        project: project.parse().unwrap(),
        user: text(&session["user"]["id"]).parse().unwrap(),
        management_key: text(&management["key"]),
        management_key_id: text(&management["id"]).parse().unwrap(),
        api_key: text(&key["key"]),
        api_key_id: text(&key["id"]).parse().unwrap(),
    };
    let bob = bob.with("x-llmg-organization", &organization);
    Owned { world, operator, ada, bob, tenant, name }
}

async fn delete(world: &World, ada: &mut Browser, name: &str) -> Value {
    ada.post(world, DELETION, json!({"name": name, "password": PASSWORD})).await.ok(200)
}

#[tokio::test]
async fn a_deletion_stops_everything_and_its_owner_takes_it_back() {
    let Owned { world, mut operator, mut ada, mut bob, tenant, name } = owned().await;
    for (body, status, param) in
        [(json!({"name": "Org", "password": PASSWORD}), 400, "name"), (json!({"name": name, "password": "another one"}), 403, "password")]
    {
        let reply = ada.post(&world, DELETION, body).await;
        assert_eq!((reply.status.as_u16(), reply.body["param"].as_str()), (status, Some(param)), "{}", reply.text);
    }
    let by_key = Some(json!({"name": name, "password": PASSWORD}));
    world.send(Method::POST, DELETION, Some(&tenant.management_key), by_key).await.refused(403, "permission_denied");
    bob.post(&world, DELETION, json!({"name": name, "password": PASSWORD})).await.refused(403, "permission_denied");

    let before = store::revision_latest(&world.db).await.unwrap();
    let deletion = delete(&world, &mut ada, &name).await;
    assert_eq!((&deletion["asked_by"], &deletion["purged_at"]), (&json!(tenant.user.to_string()), &Value::Null));
    // Gateways are told, and what they then read says why the key stops.
    let told = store::changes_after(&world.db, before, 10).await.unwrap();
    assert_eq!(told.iter().map(|change| change.kind).collect::<Vec<_>>(), [store::ChangeKind::OrganizationChanged]);
    let caller = store::caller_by_key_hash(&world.db, &crate::tests::world::hash(&tenant.api_key)).await.unwrap().unwrap();
    assert_eq!(caller.organization_status, store::OrganizationStatus::Deleting);
    let stopped = world.send(Method::GET, "/api/v1/projects", Some(&tenant.management_key), None).await;
    stopped.refused(403, "permission_denied");
    assert!(stopped.text.contains("being deleted"), "{}", stopped.text);
    bob.get(&world, "/api/v1/projects").await.refused(403, "permission_denied");
    let letter = world.letter(&format!("ada-{CANARY}@example.com")).await;
    assert!(letter.subject.contains("is being deleted") && letter.body.contains("erased"), "{}", letter.body);

    let shown = ada.get(&world, "/api/v1/organization").await.ok(200);
    assert_eq!((&shown["status"], &shown["deletion"]["purge_at"]), (&json!("deleting"), &deletion["purge_at"]));
    ada.get(&world, "/api/v1/audit").await.ok(200);
    ada.post(&world, "/api/v1/api-keys", json!({"name": "k"})).await.refused(409, "conflict");
    ada.post(&world, DELETION, json!({"name": name, "password": PASSWORD})).await.refused(409, "conflict");
    assert_eq!(operator.get(&world, "/api/v1/operator/deletions").await.ok(200)["data"][0]["name"], json!(name));
    assert_eq!(ada.get(&world, "/api/v1/auth/session").await.ok(200)["organizations"][0]["deleting"], json!(true));

    // Not yet due.
    assert_eq!(world.control.purge_round(days(29)).await, 0);
    ada.send(&world, Method::DELETE, DELETION, None).await.ok(204);
    ada.send(&world, Method::DELETE, DELETION, None).await.refused(409, "conflict");
    assert_eq!(world.control.purge_round(days(400)).await, 0);
    world.send(Method::GET, "/api/v1/projects", Some(&tenant.management_key), None).await.ok(200);
    bob.get(&world, "/api/v1/projects").await.ok(200);
    assert_eq!(ada.get(&world, "/api/v1/organization").await.ok(200)["deletion"], Value::Null);
}

#[tokio::test]
async fn what_is_erased_is_in_no_byte_of_the_databases() {
    let Owned { world, mut operator, mut ada, mut bob, tenant, name } = owned().await;
    let marked = |n: u64| analytics::CallRow {
        user: format!("user {CANARY}"),
        tags: vec![CANARY.to_owned()],
        metadata_json: format!("{{\"who\":\"{CANARY}\"}}"),
        ..call(&tenant, n)
    };
    let calls: Vec<_> = (0..5_000).map(marked).collect();
    world.take_in(&calls).await;
    let others = world.tenant(9, Role::Owner).await;
    world.take_in(&[call(&others, 9_000)]).await;
    ada.post(&world, "/api/v1/invites", json!({"email": format!("carl-{CANARY}@example.com"), "role": "viewer"})).await.ok(201);
    let key = json!({"provider": "openai", "name": CANARY, "key": "sk-0123456789abcdef"});
    ada.post(&world, "/api/v1/provider-keys", key).await.ok(201);
    let tag = json!({"name": CANARY, "scope": "tag", "scope_value": CANARY, "window": "day", "amount_usd": "1"});
    ada.post(&world, "/api/v1/budgets", tag).await.ok(201);
    ada.send(&world, Method::PATCH, "/api/v1/billing", Some(json!({"billing_email": format!("{CANARY}@example.com")}))).await.ok(200);
    let grant = json!({"amount_usd": "3", "reason": "gift", "organization_id": tenant.organization.to_string()});
    operator.post(&world, "/api/v1/credits/grants", grant).await.ok(201);
    assert!(found(&world.stored_bytes()) > 10_000, "the canary is nowhere to begin with");

    delete(&world, &mut ada, &name).await;
    // Two processes look at the same time, and one of them does it.
    let (one, other) = tokio::join!(world.control.purge_round(days(31)), world.control.purge_round(days(31)));
    assert_eq!(one + other, 1);
    assert_eq!(found(&world.stored_bytes()), 0, "something of what was erased is still there");

    ada.get(&world, "/api/v1/auth/session").await.refused(401, "session_ended");
    assert_eq!(ada.log_in(&world, &format!("ada-{CANARY}@example.com"), PASSWORD).await.status.as_u16(), 401);
    // Bob has another organization.
    bob = bob.with("x-llmg-organization", "");
    bob.get(&world, "/api/v1/projects").await.ok(200);
    assert!(store::caller_by_key_hash(&world.db, &crate::tests::world::hash(&tenant.api_key)).await.unwrap().is_none());
    let row = &operator.get(&world, "/api/v1/operator/deletions").await.ok(200)["data"][0];
    assert_eq!(
        (&row["organization_id"], &row["name"], &row["asked_by"]),
        (&json!(tenant.organization.to_string()), &Value::Null, &Value::Null)
    );
    assert!(row["purged_at"].is_string());
    // The books balance, and nothing of others went.
    assert_eq!(store::balance(&world.db, &tenant.scope()).await.unwrap().credits, domain::NanoUsd::from_usd(3));
    let sums = analytics::totals(&world.analytics, &tenant.scope()).await.unwrap();
    assert_eq!(sums.calls, 5_000);
    world.send(Method::GET, "/api/v1/calls", Some(&others.management_key), None).await.ok(200);
    let theirs = analytics::calls_list(&world.analytics, &others.scope(), None, &analytics::CallFilter::default(), None, 10).await.unwrap();
    assert_eq!(theirs.len(), 1);
    assert_eq!(world.control.purge_round(days(31)).await, 0);
}

fn found(bytes: &[u8]) -> usize {
    bytes.windows(CANARY.len()).filter(|window| *window == CANARY.as_bytes()).count()
}

#[tokio::test]
async fn an_erasure_that_was_broken_off_begins_again_when_its_claim_is_over() {
    let Owned { world, mut ada, tenant, name, .. } = owned().await;
    world.take_in(&[call(&tenant, 1)]).await;
    delete(&world, &mut ada, &name).await;
    // Another process took it up, closed it, and died.
    let due = days(31);
    let claimed = store::deletion_claim(&world.db, due, due.plus_seconds(3_600)).await.unwrap();
    assert_eq!(claimed, Some(tenant.organization));
    ada.send(&world, Method::DELETE, DELETION, None).await.refused(409, "conflict");
    store::purge_close(&world.db, &tenant.scope(), due).await.unwrap();
    assert_eq!(world.control.purge_round(due.plus_seconds(3_599)).await, 0);
    assert_eq!(world.control.purge_round(due.plus_seconds(3_600)).await, 1);
    let lines = store::audit_list(&world.db, &tenant.scope(), &AuditFilter::default(), None, 10).await.unwrap();
    assert!(lines.is_empty());
}

#[tokio::test]
async fn an_operator_keeps_an_organization() {
    let world = World::deserted(|_| {}).await;
    let mut ada = Browser::default();
    ada.sign_up(&world, "ada@example.com").await;
    let name = text(&ada.get(&world, "/api/v1/organization").await.ok(200)["name"]);
    ada.post(&world, DELETION, json!({"name": name, "password": PASSWORD})).await.refused(409, "conflict");
    ada.post(&world, "/api/v1/organizations", json!({"name": "Further"})).await.ok(201);
    delete(&world, &mut ada, &name).await;
}

#[tokio::test]
async fn a_person_deletes_their_account_and_the_address_is_free() {
    let Owned { world, mut operator, mut ada, mut bob, tenant, .. } = owned().await;
    let delete = "/api/v1/auth/account/delete";
    let me = |email: &str, password: &str| json!({"email": email, "password": password});
    let ada_email = format!("ada-{CANARY}@example.com");
    ada.post(&world, delete, me("bob@example.com", PASSWORD)).await.refused(400, "invalid_request");
    ada.post(&world, delete, me(&ada_email, "another one")).await.refused(403, "permission_denied");
    let last = ada.post(&world, delete, me(&ada_email, PASSWORD)).await;
    last.refused(409, "conflict");
    assert!(last.text.contains("only owner"), "{}", last.text);
    operator.post(&world, delete, me("operator@example.com", PASSWORD)).await.refused(409, "conflict");

    let own = text(&bob.get(&world, "/api/v1/auth/session").await.ok(200)["organizations"][1]["id"]);
    let mut phone = Browser::default();
    phone.log_in(&world, "bob@example.com", PASSWORD).await.ok(200);
    let at = |id: &str| {
        #[expect(clippy::disallowed_methods, reason = "a test looks everywhere")]
        OrgScope::proven(id.parse().unwrap())
    };
    bob.post(&world, delete, me("bob@example.com", PASSWORD)).await.ok(204);
    phone.get(&world, "/api/v1/auth/session").await.refused(401, "session_ended");
    for scope in [tenant.scope(), at(&own)] {
        let lines = store::audit_list(&world.db, &scope, &AuditFilter::default(), None, 1).await.unwrap();
        assert_eq!((lines[0].action.as_str(), lines[0].actor_email.is_some()), ("person.account_deleted", false));
        assert!(!format!("{lines:?}").contains("bob@example.com"));
    }
    // Nobody else belonged to his own organization.
    let deletions = operator.get(&world, "/api/v1/operator/deletions").await.ok(200);
    assert_eq!(deletions["data"][0]["organization_id"], json!(own));
    let people = operator.get(&world, "/api/v1/operator/people").await.ok(200);
    assert_eq!(people["data"].as_array().unwrap().len(), 2);
    let mut again = Browser::default();
    again.sign_up(&world, "bob@example.com").await;
}
