//! Every change leaves one line in the audit log, and no secret.

use std::collections::BTreeSet;

use axum::http::Method;
use domain::{OrgScope, OrganizationId};
use serde_json::{Value, json};
use store::{AuditFilter, Role};

use crate::tests::browser::{Browser, PASSWORD};
use crate::tests::second_factor::app_code;
use crate::tests::world::{DAY, World};

const AUDIT: &str = "/api/v1/audit";
const EXPORT: &str = "/api/v1/audit/export";
/// Sent to these routes as passwords and keys, and then nowhere to be seen.
const CANARY: &str = "sk-canary-a8Zq41mWnE77tRk0PfLx";

/// Somebody who walks through every route that changes something, and looks at the log after each step.
struct Walk {
    world: World,
    ada: Browser,
    walked: BTreeSet<(String, String)>,
    organizations: BTreeSet<OrganizationId>,
    secrets: Vec<String>,
}

impl Walk {
    async fn begin() -> Self {
        let world = World::deserted(|_| {}).await;
        let mut walk = Self {
            world,
            ada: Browser::default(),
            walked: BTreeSet::new(),
            organizations: BTreeSet::new(),
            secrets: vec![CANARY.to_owned()],
        };
        let body = json!({"email": "ada@example.com", "password": CANARY, "name": "Ada"});
        walk.step("POST", "/api/v1/auth/sign-up", "", Some(body), 201, Some("person.signed_up")).await;
        walk
    }

    /// The actions of all lines of all organizations that Ada was ever seen in, oldest first in each.
    async fn lines(&mut self) -> Vec<(OrganizationId, i64, &'static str)> {
        if let Some(ada) = store::person_by_email(&self.world.db, "ada@example.com").await.unwrap() {
            let memberships = store::memberships_of(&self.world.db, ada.id).await.unwrap();
            self.organizations.extend(memberships.iter().map(|membership| membership.organization));
        }
        let mut lines = Vec::new();
        for organization in &self.organizations {
            #[expect(clippy::disallowed_methods, reason = "a test looks everywhere")]
            let scope = OrgScope::proven(*organization);
            let rows = store::audit_list(&self.world.db, &scope, &AuditFilter::default(), None, 1_000).await.unwrap();
            lines.extend(rows.iter().map(|row| (*organization, row.number, row.action.as_str())));
        }
        lines
    }

    /// One request. It leaves one line with this action, or none.
    async fn step(&mut self, method: &str, route: &str, id: &str, body: Option<Value>, status: u16, action: Option<&str>) -> Value {
        let before = self.lines().await;
        let reply = self.ada.send(&self.world, method.parse().unwrap(), &route.replace("{id}", id), body).await;
        self.secrets.extend(self.ada.cookie.iter().filter_map(|cookie| Some(cookie.split_once('=')?.1.to_owned())));
        self.secrets.extend(reply.body["key"].as_str().map(str::to_owned));
        let answer = reply.ok(status);
        let route_key = (method.to_owned(), route.to_owned());
        assert!(self.walked.insert(route_key), "{method} {route} is walked twice");
        let after = self.lines().await;
        let new: Vec<_> = after.iter().filter(|line| !before.contains(line)).map(|line| line.2).collect();
        assert_eq!(new, action.into_iter().collect::<Vec<_>>(), "{method} {route}");
        answer
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

async fn keys_walk(walk: &mut Walk) {
    let keys = "/api/v1/api-keys";
    let made = walk.step("POST", keys, "", Some(json!({"name": "k"})), 201, Some("api_key.created")).await;
    let id = text(&made["id"]);
    walk.step("PATCH", "/api/v1/api-keys/{id}", &id, Some(json!({"rpm": 5})), 200, Some("api_key.changed")).await;
    let rotate = Some(json!({"grace_seconds": 60}));
    let next = walk.step("POST", "/api/v1/api-keys/{id}/rotate", &id, rotate, 201, Some("api_key.rotated")).await;
    walk.step("DELETE", "/api/v1/api-keys/{id}", &text(&next["id"]), None, 200, Some("api_key.revoked")).await;
}

async fn budgets_walk(walk: &mut Walk) {
    let (budgets, one) = ("/api/v1/budgets", "/api/v1/budgets/{id}");
    let new = json!({"name": "b", "scope": "organization", "window": "month", "amount_usd": "5"});
    let id = text(&walk.step("POST", budgets, "", Some(new), 201, Some("budget.created")).await["id"]);
    walk.step("PATCH", one, &id, Some(json!({"status": "disabled"})), 200, Some("budget.changed")).await;
    walk.step("DELETE", one, &id, None, 204, Some("budget.deleted")).await;
}

async fn sub_accounts_walk(walk: &mut Walk) {
    let (all, one) = ("/api/v1/sub-accounts", "/api/v1/sub-accounts/{id}");
    let id = text(&walk.step("POST", all, "", Some(json!({"external_id": "c"})), 201, Some("sub_account.created")).await["id"]);
    walk.step("PATCH", one, &id, Some(json!({"rpm": 5})), 200, Some("sub_account.changed")).await;
    let keys = "/api/v1/sub-accounts/{id}/keys";
    let made = walk.step("POST", keys, &id, Some(json!({"name": "k", "count": 2})), 201, Some("sub_account.keys_created")).await;
    walk.secrets.extend(made["data"].as_array().unwrap().iter().map(|made| text(&made["key"])));
    for (verb, action) in [("suspend", "sub_account.suspended"), ("resume", "sub_account.resumed"), ("close", "sub_account.closed")] {
        walk.step("POST", &format!("/api/v1/sub-accounts/{{id}}/{verb}"), &id, None, 200, Some(action)).await;
    }
}

async fn provider_keys_walk(walk: &mut Walk) {
    let (keys, one) = ("/api/v1/provider-keys", "/api/v1/provider-keys/{id}");
    let new = json!({"provider": "openai", "name": "main", "key": CANARY});
    let id = text(&walk.step("POST", keys, "", Some(new), 201, Some("provider_key.created")).await["id"]);
    let change = json!({"key": format!("{CANARY}-2"), "weight": 3});
    walk.step("PATCH", one, &id, Some(change), 200, Some("provider_key.changed")).await;
    let stored = Some(json!({"id": id}));
    walk.step("POST", "/api/v1/provider-keys/test", "", stored, 200, Some("provider_key.tested")).await;
    walk.step("DELETE", one, &id, None, 204, Some("provider_key.deleted")).await;
}

async fn account_walk(walk: &mut Walk) {
    let mut phone = Browser::default();
    let session = text(&phone.log_in(&walk.world, "ada@example.com", CANARY).await.ok(200)["id"]);
    walk.step("DELETE", "/api/v1/auth/sessions/{id}", &session, None, 204, Some("session.revoked")).await;
    phone.log_in(&walk.world, "ada@example.com", CANARY).await.ok(200);
    walk.step("DELETE", "/api/v1/auth/sessions", "", None, 200, Some("session.others_revoked")).await;
    let change = json!({"current_password": CANARY, "new_password": format!("{CANARY}-other")});
    walk.step("POST", "/api/v1/auth/password", "", Some(change), 204, Some("person.password_changed")).await;
    let log_in = json!({"email": "ada@example.com", "password": format!("{CANARY}-other")});
    walk.step("POST", "/api/v1/auth/log-in", "", Some(log_in), 200, Some("person.logged_in")).await;
    second_factor_walk(walk, &format!("{CANARY}-other")).await;
}

async fn second_factor_walk(walk: &mut Walk, password: &str) {
    let factor = "/api/v1/auth/second-factor";
    let own = Some(json!({"password": password}));
    let made = walk.step("POST", &format!("{factor}/totp"), "", own, 200, None).await;
    let secret = text(&made["secret"]);
    walk.secrets.extend([secret.clone(), text(&made["url"])]);
    let first = Some(json!({"code": app_code(&secret, 0)}));
    let codes = walk.step("POST", &format!("{factor}/totp/confirm"), "", first, 200, Some("person.second_factor_added")).await;
    walk.secrets.extend(codes["recovery_codes"].as_array().unwrap().iter().map(text));
    let both = Some(json!({"password": password, "code": codes["recovery_codes"][0]}));
    let path = format!("{factor}/recovery-codes");
    let codes = walk.step("POST", &path, "", both, 200, Some("person.recovery_codes_renewed")).await;
    walk.secrets.extend(codes["recovery_codes"].as_array().unwrap().iter().map(text));
    let owed = Browser::default().log_in(&walk.world, "ada@example.com", password).await.ok(202);
    walk.secrets.push(text(&owed["token"]));
    let second = Some(json!({"token": owed["token"], "code": codes["recovery_codes"][0]}));
    walk.step("POST", "/api/v1/auth/log-in/second", "", second, 200, Some("person.logged_in")).await;
    let both = Some(json!({"password": password, "code": app_code(&secret, 1)}));
    walk.step("POST", &format!("{factor}/remove"), "", both, 204, Some("person.second_factor_removed")).await;
}

/// What comes of an answer: `sign_in.rs`. Here nobody knows a provider.
async fn identities_walk(walk: &mut Walk) {
    let (begin, answer) = (json!({"provider": "x"}), json!({"provider": "x", "state": "x", "code": "x"}));
    walk.step("POST", "/api/v1/auth/sign-in/begin", "", Some(begin.clone()), 404, None).await;
    walk.step("POST", "/api/v1/auth/sign-in/finish", "", Some(answer.clone()), 400, None).await;
    walk.step("POST", "/api/v1/auth/identities/begin", "", Some(begin), 404, None).await;
    walk.step("POST", "/api/v1/auth/identities/finish", "", Some(answer), 400, None).await;
    let ada = store::person_by_email(&walk.world.db, "ada@example.com").await.unwrap().unwrap();
    let id = domain::ids::IdentityId::from_uuid(service::random::uuid());
    let (issuer, subject) = ("https://example.com".to_owned(), CANARY.to_owned());
    let new = store::NewIdentity { id, issuer, subject, email: String::new() };
    store::identity_link(&walk.world.db, ada.id, &new, &crate::tests::world::author(DAY)).await.unwrap();
    let one = "/api/v1/auth/identities/{id}";
    walk.step("DELETE", one, &id.to_string(), None, 204, Some("person.identity_unlinked")).await;
}

async fn organizations_walk(walk: &mut Walk) {
    let session = "/api/v1/auth/session";
    let first = text(&walk.ada.get(&walk.world, session).await.ok(200)["organization_id"]);
    let mut bob = Browser::default();
    let bob_id = text(&bob.sign_up(&walk.world, "bob@example.com").await["user"]["id"]);
    let mut carl = Browser::default();
    let carl_id = text(&carl.sign_up(&walk.world, "carl@example.com").await["user"]["id"]);
    let name = Some(json!({"name": "Further"}));
    let further = walk.step("POST", "/api/v1/organizations", "", name.clone(), 201, Some("organization.created")).await;
    let further = text(&further["id"]);
    for user in [&bob_id, &carl_id] {
        walk.world.sql(&format!("INSERT INTO member VALUES ('{further}', '{user}', 'developer', 1)")).await;
    }
    let switch = Some(json!({"organization_id": further}));
    walk.step("PATCH", session, "", switch.clone(), 200, Some("session.switched")).await;
    let invite = Some(json!({"email": "dora@example.com", "role": "viewer"}));
    let invited = walk.step("POST", "/api/v1/invites", "", invite, 201, Some("invite.created")).await;
    let invited = text(&invited["id"]);
    walk.step("DELETE", "/api/v1/invites/{id}", &invited, None, 200, Some("invite.revoked")).await;
    let name = Some(json!({"name": "Renamed"}));
    walk.step("PATCH", "/api/v1/organization", "", name, 200, Some("organization.changed")).await;
    let role = Some(json!({"role": "admin"}));
    walk.step("PATCH", "/api/v1/members/{id}", &bob_id, role, 200, Some("member.role_changed")).await;
    let limit = Some(json!({"project_ids": []}));
    walk.step("PUT", "/api/v1/members/{id}/projects", &carl_id, limit, 200, Some("member.projects_changed")).await;
    walk.step("DELETE", "/api/v1/members/{id}", &carl_id, None, 204, Some("member.removed")).await;
    let deletion = "/api/v1/organization/deletion";
    let meant = Some(json!({"name": "Renamed", "password": CANARY}));
    walk.step("POST", deletion, "", meant, 200, Some("organization.deletion_asked")).await;
    walk.step("DELETE", deletion, "", None, 204, Some("organization.deletion_cancelled")).await;
    // Refused: nobody else runs the instance. What it leaves otherwise: `deletion.rs`.
    let me = Some(json!({"email": "ada@example.com", "password": CANARY}));
    walk.step("POST", "/api/v1/auth/account/delete", "", me, 409, None).await;
    let to = Some(json!({"user_id": bob_id}));
    walk.step("POST", "/api/v1/organization/transfer", "", to, 204, Some("organization.transferred")).await;
    walk.step("POST", "/api/v1/organizations/leave", "", switch, 204, Some("member.left")).await;
    let back = json!({"organization_id": first});
    walk.ada.send(&walk.world, Method::PATCH, session, Some(back)).await.ok(200);
}

/// Ada is invited by somebody else.
async fn invites_walk(walk: &mut Walk) {
    let mut erin = Browser::default();
    let session = erin.sign_up(&walk.world, "erin@example.com").await;
    let invite = json!({"email": "ada@example.com", "role": "viewer"});
    erin.post(&walk.world, "/api/v1/invites", invite).await.ok(201);
    let token = walk.world.letter("ada@example.com").await.secret.unwrap();
    walk.secrets.push(token.clone());
    // Looked at before the step, so that Erin's own lines are not new ones.
    walk.organizations.insert(session["organization_id"].as_str().unwrap().parse().unwrap());
    walk.step("POST", "/api/v1/auth/invites/accept", "", Some(json!({"invite": token})), 200, Some("invite.accepted")).await;
}

/// Letters: their tokens do what they say, and the log names no token.
async fn letters_walk(walk: &mut Walk) {
    let resend = "/api/v1/auth/email/resend";
    // The accepted invitation proved the address already.
    walk.world.sql("UPDATE person SET email_verified_at_us = NULL WHERE email = 'ada@example.com'").await;
    walk.step("POST", resend, "", None, 204, None).await;
    let token = walk.world.letter("ada@example.com").await.secret.unwrap();
    walk.secrets.push(token.clone());
    walk.step("POST", "/api/v1/auth/email/verify", "", Some(json!({"token": token})), 204, Some("person.email_verified")).await;
    walk.step("POST", "/api/v1/auth/password/forgot", "", Some(json!({"email": "ada@example.com"})), 202, None).await;
    let token = walk.world.letter("ada@example.com").await.secret.unwrap();
    walk.secrets.push(token.clone());
    let reset = Some(json!({"token": token, "new_password": format!("{CANARY}-third")}));
    walk.step("POST", "/api/v1/auth/password/reset", "", reset, 204, Some("person.password_reset")).await;
    walk.ada.log_in(&walk.world, "ada@example.com", &format!("{CANARY}-third")).await.ok(200);
    let people = walk.ada.get(&walk.world, "/api/v1/operator/people?search=bob").await.ok(200);
    let (bob, off) = (text(&people["data"][0]["id"]), Some(json!({"disabled": true})));
    // He has none: `second_factor.rs` has the line that it leaves otherwise.
    walk.step("DELETE", "/api/v1/operator/people/{id}/second-factor", &bob, None, 200, None).await;
    walk.step("PATCH", "/api/v1/operator/people/{id}", &bob, off, 200, Some("person.disabled")).await;
    // Where a mail server brings letters; here nobody waits for one.
    let nothing = Some(json!({"token": "x", "password": CANARY}));
    walk.step("POST", "/api/v1/auth/sign-up/confirm", "", nothing, 404, None).await;
}

#[tokio::test]
async fn every_route_that_changes_something_leaves_one_line_without_a_secret() {
    let mut walk = Walk::begin().await;
    keys_walk(&mut walk).await;
    budgets_walk(&mut walk).await;
    provider_keys_walk(&mut walk).await;
    sub_accounts_walk(&mut walk).await;
    let keys = "/api/v1/management-keys";
    let made = walk.step("POST", keys, "", Some(json!({"name": "k"})), 201, Some("management_key.created")).await;
    let id = text(&made["id"]);
    walk.step("DELETE", "/api/v1/management-keys/{id}", &id, None, 200, Some("management_key.revoked")).await;
    let projects = walk.ada.get(&walk.world, "/api/v1/projects").await.ok(200);
    let project = text(&projects["data"][0]["id"]);
    let change = Some(json!({"cache_enabled": true}));
    walk.step("PATCH", "/api/v1/projects/{id}", &project, change, 200, Some("project.changed")).await;
    let made = walk.step("POST", "/api/v1/projects", "", Some(json!({"name": "p"})), 201, Some("project.created")).await;
    let (made, rules) = (text(&made["id"]), Some(json!({"rpm": 5})));
    walk.step("PATCH", "/api/v1/projects/{id}/rules", &made, rules.clone(), 200, Some("project.changed")).await;
    walk.step("POST", "/api/v1/projects/{id}/archive", &made, None, 200, Some("project.archived")).await;
    walk.step("POST", "/api/v1/projects/{id}/restore", &made, None, 200, Some("project.restored")).await;
    walk.step("PATCH", "/api/v1/organization/rules", "", rules, 200, Some("organization.rules_changed")).await;
    let billing = Some(json!({"billing_email": "Bills@example.com"}));
    walk.step("PATCH", "/api/v1/billing", "", billing, 200, Some("organization.billing_changed")).await;
    let grant = Some(json!({"amount_usd": "1", "reason": "gift"}));
    walk.step("POST", "/api/v1/credits/grants", "", grant, 201, Some("credits.granted")).await;
    organizations_walk(&mut walk).await;
    invites_walk(&mut walk).await;
    account_walk(&mut walk).await;
    identities_walk(&mut walk).await;
    letters_walk(&mut walk).await;

    let log = walk.ada.get(&walk.world, &format!("{AUDIT}?limit=200")).await.text;
    let csv = walk.ada.get(&walk.world, EXPORT).await.text;
    walk.step("POST", "/api/v1/auth/log-out", "", None, 204, Some("person.logged_out")).await;
    for secret in &walk.secrets {
        // The shortest are recovery codes: sixteen letters and three dashes.
        assert!(secret.len() > 18 && !log.contains(secret) && !csv.contains(secret), "the audit log shows a secret");
    }
    assert!(walk.secrets.len() > 4 && !log.contains("canary") && !csv.contains("canary"), "the audit log shows a part of a secret");

    let document = serde_json::to_value(crate::http::document()).unwrap();
    let mut routes = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        let changing = ["post", "put", "patch", "delete"].into_iter().filter(|method| item.get(*method).is_some());
        routes.extend(changing.map(|method| (method.to_uppercase(), path.clone())));
    }
    let missed: Vec<_> = routes.difference(&walk.walked).collect();
    assert!(missed.is_empty(), "walk these routes, too, and say which line they leave: {missed:?}");
}

#[tokio::test]
async fn the_log_says_who_what_and_from_where() {
    let world = World::deserted(|_| {}).await;
    let mut ada = Browser::default().with("user-agent", "=cmd()");
    let session = ada.sign_up(&world, "ada@example.com").await;
    let project = text(&ada.get(&world, "/api/v1/projects").await.ok(200)["data"][0]["id"]);
    ada.send(&world, Method::PATCH, &format!("/api/v1/projects/{project}"), Some(json!({"mode": "credits"}))).await.ok(200);
    let log = ada.get(&world, AUDIT).await.ok(200);
    let (line, first) = (&log["data"][0], &log["data"][1]);
    assert_eq!((&line["number"], &line["action"], &first["number"]), (&json!(2), &json!("project.changed"), &json!(1)));
    assert_eq!(line["actor"], json!({"kind": "person", "id": session["user"]["id"], "email": "ada@example.com"}));
    assert_eq!(line["subject"], json!({"kind": "project", "id": project}));
    assert_eq!((&line["before"], &line["after"]), (&json!({"mode": "hybrid"}), &json!({"mode": "credits"})));
    assert_eq!((&line["address"], &line["user_agent"]), (&json!("192.0.2.1"), &json!("=cmd()")));
    let reply = ada.get(&world, &format!("{EXPORT}?action=project.changed")).await;
    assert_eq!(reply.headers["content-type"], "text/csv; charset=utf-8");
    let lines: Vec<_> = reply.text.lines().collect();
    assert_eq!(lines.len(), 2, "{}", reply.text);
    assert!(lines[0].starts_with("number,at,actor_kind") && lines[1].ends_with(",192.0.2.1,\"'=cmd()\""), "{}", reply.text);
}

#[tokio::test]
async fn the_log_comes_by_page_and_by_filter() {
    let world = World::start().await;
    for n in 0..5 {
        world.post("/api/v1/api-keys", json!({"name": format!("k{n}")})).await.ok(201);
    }
    let (mut numbers, mut path) = (Vec::new(), format!("{AUDIT}?limit=2"));
    loop {
        let page = world.get(&path).await.ok(200);
        numbers.extend(page["data"].as_array().unwrap().iter().map(|line| line["number"].as_i64().unwrap()));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("{AUDIT}?limit=2&cursor={cursor}");
    }
    assert_eq!(numbers, [6, 5, 4, 3, 2, 1]);
    let key = world.first.management_key_id;
    for (query, count) in [
        (format!("actor={key}"), 5),
        (format!("actor={}", world.first.user), 1),
        ("action=api_key.created".to_owned(), 5),
        ("subject_kind=organization".to_owned(), 1),
        (format!("subject={}", world.first.organization), 1),
        ("from=2025-10-09&to=2025-10-10".to_owned(), 1),
        ("to=2025-10-09".to_owned(), 0),
        ("text=API_KEY.created".to_owned(), 5),
        ("text=%22k3%22".to_owned(), 1),
        ("text=%25".to_owned(), 0),
        ("text=k3&action=api_key.revoked".to_owned(), 0),
    ] {
        let page = world.get(&format!("{AUDIT}?{query}")).await.ok(200);
        assert_eq!(page["data"].as_array().unwrap().len(), count, "{query}");
    }
    for (query, param) in [
        ("action=x", "action"),
        ("subject_kind=x", "subject_kind"),
        ("actor=", "actor"),
        ("subject='", "subject"),
        ("cursor=0", "cursor"),
        ("from=x", "from"),
        ("limit=201", "limit"),
        ("text=", "text"),
    ] {
        assert_eq!(world.get(&format!("{AUDIT}?{query}")).await.refused(400, "invalid_request"), Some(param), "{query}");
    }
}

#[tokio::test]
async fn an_export_holds_every_line_however_many() {
    let world = World::start().await;
    let other = world.tenant(2, Role::Owner).await;
    let lines = 2_345;
    let columns = "organization_id, number, at_us, actor_kind, actor_id, action, subject_kind, subject_id, address, user_agent";
    let row =
        format!("'{}', n + 10, {DAY} + n, 'person', 'user_1', 'api_key.revoked', 'api_key', 'key_' || n, '', ''", world.first.organization);
    world.sql(&format!("INSERT INTO audit_event ({columns}) WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < {lines}) SELECT {row} FROM c")).await;
    let csv = world.get(&format!("{EXPORT}?action=api_key.revoked")).await;
    assert_eq!((csv.headers["content-type"].to_str().unwrap(), csv.text.lines().count()), ("text/csv; charset=utf-8", lines + 1));
    let reply = world.get(&format!("{EXPORT}?action=api_key.revoked&format=jsonl")).await;
    assert_eq!(reply.headers["content-type"], "application/x-ndjson");
    let read: Vec<Value> = reply.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let ids: Vec<_> = read.iter().map(|line| line["subject"]["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(ids, (1..=lines).rev().map(|n| format!("key_{n}")).collect::<Vec<_>>());
    let one = world.get(&format!("{AUDIT}?action=api_key.revoked&limit=1")).await.ok(200);
    assert_eq!(one["data"][0], read[0]);
    assert_eq!(world.get(&format!("{EXPORT}?text=KEY_77&format=jsonl")).await.text.lines().count(), 11);
    let theirs = world.send(Method::GET, &format!("{EXPORT}?format=jsonl"), Some(&other.management_key), None).await;
    assert!(!theirs.text.contains("api_key.revoked"));
    world.get(&format!("{EXPORT}?format=xml")).await.refused(400, "invalid_request");
}

#[tokio::test]
async fn a_grant_from_outside_is_the_operators_and_shows_no_address_of_theirs() {
    let world = World::start().await;
    let other = world.tenant(2, Role::Owner).await;
    let grant = json!({"amount_usd": "1", "reason": "gift", "organization_id": other.organization.to_string()});
    world.post("/api/v1/credits/grants", grant).await.ok(201);
    let log = world.send(Method::GET, AUDIT, Some(&other.management_key), None).await.ok(200);
    let line = &log["data"][0];
    assert_eq!(
        (&line["action"], &line["actor"]["kind"], &line["actor"]["email"]),
        (&json!("credits.granted"), &json!("operator"), &Value::Null)
    );
    assert_eq!(line["after"], json!({"amount_nano_usd": 1_000_000_000_i64, "reason": "gift"}));
    assert_ne!(PASSWORD, CANARY);
}
