//! What one person lets another, or a program, do is never more than they may do themselves: not when it is given, and not after
//! they were demoted, limited, switched off or made to go. Random histories of an organization; after each, every credential
//! that was given in it is tried beside its giver.

use std::collections::BTreeSet;

use axum::http::Method;
use proptest::collection::vec;
use proptest::prelude::{ProptestConfig, Strategy, any, prop_oneof, proptest};
use serde_json::{Value, json};
use store::Role;

use crate::tests::browser::{Browser, PASSWORD};
use crate::tests::world::{Reply, World};

/// Members of the organization; the first owns it.
const PEOPLE: usize = 4;

/// What happens next. Numbers name people and keys, modulo how many there are.
#[derive(Debug, Clone)]
enum Act {
    /// With the session of a person: a key for everything, or for one scope.
    KeyByPerson(usize, Option<usize>),
    /// With a key: another key.
    KeyByKey(usize, Option<usize>),
    Invite(usize, usize),
    Role(usize, usize, usize),
    Limit(usize, usize, bool),
    Remove(usize, usize),
    Disable(usize, bool),
}

const SCOPES: &[&str] = &["api-keys:write", "projects:write", "members:write", "billing:write", "audit:read", "credits:read", "usage:read"];

fn act() -> impl Strategy<Value = Act> {
    let who = 0..PEOPLE;
    let scope = proptest::option::of(0..SCOPES.len());
    prop_oneof![
        3 => (who.clone(), scope.clone()).prop_map(|(who, scope)| Act::KeyByPerson(who, scope)),
        1 => (0..8_usize, scope).prop_map(|(key, scope)| Act::KeyByKey(key, scope)),
        2 => (who.clone(), 0..5_usize).prop_map(|(who, role)| Act::Invite(who, role)),
        4 => (who.clone(), who.clone(), 0..5_usize).prop_map(|(by, who, role)| Act::Role(by, who, role)),
        2 => (who.clone(), who.clone(), any::<bool>()).prop_map(|(by, who, some)| Act::Limit(by, who, some)),
        1 => (who.clone(), who.clone()).prop_map(|(by, who)| Act::Remove(by, who)),
        1 => (1..PEOPLE, any::<bool>()).prop_map(|(who, off)| Act::Disable(who, off)),
    ]
}

struct Person {
    email: String,
    id: String,
    browser: Browser,
}

struct Key {
    maker: usize,
    /// The key that made it.
    parent: Option<String>,
    key: String,
}

struct Invite {
    by: usize,
    email: String,
    role: Role,
    token: String,
}

struct History {
    world: World,
    organization: String,
    projects: [String; 2],
    people: Vec<Person>,
    keys: Vec<Key>,
    invites: Vec<Invite>,
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

impl History {
    async fn begin() -> Self {
        let world = World::deserted(|_| {}).await;
        // Who runs the instance is none of them: operators may do more than their role.
        let mut operator = Browser::default();
        operator.sign_up(&world, "operator@example.com").await;
        let mut people = Vec::new();
        let mut organization = String::new();
        for n in 0..PEOPLE {
            let (email, mut browser) = (format!("person{n}@example.com"), Browser::default());
            let session = browser.sign_up(&world, &email).await;
            let id = text(&session["user"]["id"]);
            if n == 0 {
                organization = text(&session["organization_id"]);
            } else {
                let role = ["owner", "admin", "admin", "developer"][n];
                world.sql(&format!("INSERT INTO member VALUES ('{organization}', '{id}', '{role}', {n})")).await;
            }
            people.push(Person { email, id, browser: browser.with("x-llmg-organization", &organization) });
        }
        let first = text(&people[0].browser.get(&world, "/api/v1/projects").await.ok(200)["data"][0]["id"]);
        let second = format!("proj_{:032x}", 77);
        world.sql(&format!("INSERT INTO project (id, organization_id, name, mode, cache_enabled, cache_ttl_seconds, created_at_us, updated_at_us) SELECT '{second}', organization_id, 'Second', mode, 0, 60, created_at_us + 1, 1 FROM project WHERE id = '{first}'")).await;
        Self { world, organization, projects: [first, second], people, keys: Vec::new(), invites: Vec::new() }
    }

    /// As one of them. Who was switched off gets a session of before: none opens.
    async fn person(&mut self, who: usize, method: Method, path: &str, body: Option<Value>) -> Reply {
        self.people[who].browser.send(&self.world, method, path, body).await
    }

    async fn key(&self, key: &str, method: Method, path: &str, body: Option<Value>) -> Reply {
        self.world.send(method, path, Some(key), body).await
    }

    async fn play(&mut self, act: Act) {
        let named = |scope: Option<usize>| match scope {
            None => json!({"name": "k"}),
            Some(scope) => json!({"name": "k", "scopes": [SCOPES[scope]]}),
        };
        let keys = "/api/v1/management-keys";
        match act {
            Act::KeyByPerson(maker, scope) => {
                let reply = self.person(maker, Method::POST, keys, Some(named(scope))).await;
                self.keys.extend(reply.body["key"].as_str().map(|key| Key { maker, parent: None, key: key.to_owned() }));
            }
            Act::KeyByKey(parent, scope) if !self.keys.is_empty() => {
                let (maker, parent) = (self.keys[parent % self.keys.len()].maker, self.keys[parent % self.keys.len()].key.clone());
                let reply = self.key(&parent, Method::POST, keys, Some(named(scope))).await;
                self.keys.extend(reply.body["key"].as_str().map(|key| Key { maker, parent: Some(parent), key: key.to_owned() }));
            }
            Act::KeyByKey(..) => {}
            Act::Invite(by, role) => {
                let (role, email) = (Role::ALL[role], format!("invited{}@example.com", self.invites.len()));
                let body = json!({"email": email, "role": role.as_str()});
                if self.person(by, Method::POST, "/api/v1/invites", Some(body)).await.status == 201 {
                    let token = self.world.letter(&email).await.secret.unwrap();
                    self.invites.push(Invite { by, email, role, token });
                }
            }
            Act::Role(by, who, role) => {
                let path = format!("/api/v1/members/{}", self.people[who].id);
                self.person(by, Method::PATCH, &path, Some(json!({"role": Role::ALL[role].as_str()}))).await;
            }
            Act::Limit(by, who, some) => {
                let path = format!("/api/v1/members/{}/projects", self.people[who].id);
                let body = if some { json!({"project_ids": [self.projects[1]]}) } else { json!({"project_ids": []}) };
                self.person(by, Method::PUT, &path, Some(body)).await;
            }
            Act::Remove(by, who) => {
                let path = format!("/api/v1/members/{}", self.people[who].id);
                self.person(by, Method::DELETE, &path, None).await;
            }
            Act::Disable(who, off) => {
                let at = if off { "1" } else { "NULL" };
                self.world.sql(&format!("UPDATE person SET disabled_at_us = {at} WHERE id = '{}'", self.people[who].id)).await;
            }
        }
    }

    /// What somebody is let in to: of lists, each thing that they see.
    async fn seen(&mut self, presented: Result<&str, usize>) -> BTreeSet<String> {
        let wrong = Some(json!({}));
        let mut probes = vec![
            (Method::POST, "/api/v1/api-keys".to_owned(), wrong.clone()),
            (Method::POST, "/api/v1/invites".to_owned(), wrong.clone()),
            (Method::POST, "/api/v1/management-keys".to_owned(), wrong.clone()),
            (Method::PATCH, "/api/v1/billing".to_owned(), wrong.clone()),
            (Method::POST, "/api/v1/organization/transfer".to_owned(), wrong.clone()),
            (Method::POST, "/api/v1/credits/grants".to_owned(), wrong.clone()),
        ];
        for project in &self.projects {
            probes.push((Method::PATCH, format!("/api/v1/projects/{project}"), wrong.clone()));
        }
        for area in ["usage", "calls", "credits", "billing", "projects", "members", "invites", "management-keys", "audit", "provider-keys"]
        {
            probes.push((Method::GET, format!("/api/v1/{area}"), None));
        }
        let mut seen = BTreeSet::new();
        for (method, path, body) in probes {
            let reply = match presented {
                Ok(key) => self.key(key, method.clone(), &path, body).await,
                Err(who) => self.person(who, method.clone(), &path, body).await,
            };
            if matches!(reply.status.as_u16(), 401 | 403 | 404) {
                continue;
            }
            seen.insert(format!("{method} {path}"));
            if path.ends_with("/projects") {
                seen.extend(reply.body["data"].as_array().unwrap().iter().map(|row| text(&row["id"])));
            }
        }
        seen
    }

    /// Every credential beside whoever gave it.
    async fn check(&mut self) {
        for who in 0..PEOPLE {
            // A session ends when its person is switched off, and the next one opens when they may come in again.
            let (email, organization) = (self.people[who].email.clone(), self.organization.clone());
            let mut browser = Browser::default();
            browser.log_in(&self.world, &email, PASSWORD).await;
            self.people[who].browser = browser.with("x-llmg-organization", &organization);
        }
        for at in 0..self.keys.len() {
            let (maker, parent, key) = (self.keys[at].maker, self.keys[at].parent.clone(), self.keys[at].key.clone());
            let seen = self.seen(Ok(&key)).await;
            let by_maker = self.seen(Err(maker)).await;
            assert!(seen.is_subset(&by_maker), "a key does what its maker cannot: {:?}", seen.difference(&by_maker).collect::<Vec<_>>());
            if let Some(parent) = parent {
                let by_parent = self.seen(Ok(&parent)).await;
                assert!(seen.is_subset(&by_parent), "a key does what the key that made it cannot: {seen:?} {by_parent:?}");
            }
        }
        for at in 0..self.invites.len() {
            let Invite { by, email, role, token } = &self.invites[at];
            let (by, role) = (*by, *role);
            let body = json!({"email": email, "password": PASSWORD, "invite": token});
            let mut newcomer = Browser::default();
            let joined = newcomer.post(&self.world, "/api/v1/auth/sign-up", body).await.status == 201;
            let by_inviter = self.seen(Err(by)).await;
            let may = by_inviter.contains("POST /api/v1/invites")
                && (role != Role::Owner || by_inviter.contains("POST /api/v1/organization/transfer"));
            assert_eq!(joined, may, "an invitation as {} of somebody who sees {by_inviter:?}", role.as_str());
        }
    }
}

async fn history(acts: Vec<Act>) {
    let mut history = History::begin().await;
    for act in acts {
        history.play(act).await;
    }
    Box::pin(history.check()).await;
}

proptest! {
    // Each case makes an instance: a few are enough here, and PROPTEST_CASES makes it long.
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases / 32 + 1, failure_persistence: None, max_shrink_iters: 60, ..ProptestConfig::default() })]

    #[test]
    fn nothing_that_is_given_does_more_than_its_giver(acts in vec(act(), 4..16)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(Box::pin(history(acts)));
    }
}
