//! Who may do what, cell by cell: each route of the document × each kind of caller × whose thing it is about.
//!
//! The routes come from the router itself; a route that has no line in [`LINES`] fails here, and so does a line without a
//! route.

mod cast;
mod statements;

use std::collections::BTreeSet;

use serde_json::{Value, json};
use store::Role;

use crate::tests::world::Reply;
use cast::{CALLERS, Caller, Cast, Whose};

/// What a route asks of its caller.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Needs {
    /// Nothing.
    Nobody,
    /// A session.
    Person,
    /// Any role.
    Member,
    /// An owner, admin or developer.
    Developer,
    /// An owner, admin or billing member.
    Payer,
    /// An owner or admin.
    Admin,
    /// An owner.
    Owner,
    /// Who runs the instance.
    Operator,
}

/// What the id in a path names.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Thing {
    ApiKey,
    Budget,
    Call,
    Invite,
    ManagementKey,
    Member,
    /// Of the whole instance.
    Person,
    Project,
    ProviderKey,
    Session,
    SubAccount,
    Identity,
    /// No id: the organization is chosen by header.
    Nothing,
}

/// What is sent; a route that lets its caller in answers with the status.
type Line = (&'static str, &'static str, Needs, Thing, Option<fn(u32) -> Value>, u16);

/// Bodies that change nothing lasting are wrong on purpose: 400 says that the caller was let in.
const LINES: &[Line] = &[
    ("GET", "/api/v1/auth/settings", Needs::Nobody, Thing::Nothing, None, 200),
    ("POST", "/api/v1/auth/sign-up", Needs::Nobody, Thing::Nothing, Some(|_| json!({})), 400),
    ("POST", "/api/v1/auth/sign-up/confirm", Needs::Nobody, Thing::Nothing, Some(|_| json!({})), 400),
    ("POST", "/api/v1/auth/log-in", Needs::Nobody, Thing::Nothing, Some(|_| json!({})), 400),
    ("POST", "/api/v1/auth/log-in/second", Needs::Nobody, Thing::Nothing, Some(|_| json!({})), 400),
    ("POST", "/api/v1/auth/log-out", Needs::Nobody, Thing::Nothing, None, 204),
    ("GET", "/api/v1/auth/session", Needs::Person, Thing::Nothing, None, 200),
    ("POST", "/api/v1/auth/password", Needs::Person, Thing::Nothing, Some(|_| json!({})), 400),
    ("GET", "/api/v1/auth/second-factor", Needs::Person, Thing::Nothing, None, 200),
    ("POST", "/api/v1/auth/second-factor/totp", Needs::Person, Thing::Nothing, Some(|_| json!({})), 400),
    ("POST", "/api/v1/auth/second-factor/totp/confirm", Needs::Person, Thing::Nothing, Some(|_| json!({})), 400),
    ("POST", "/api/v1/auth/second-factor/recovery-codes", Needs::Person, Thing::Nothing, Some(|_| json!({})), 400),
    ("POST", "/api/v1/auth/second-factor/remove", Needs::Person, Thing::Nothing, Some(|_| json!({})), 400),
    ("POST", "/api/v1/auth/password/forgot", Needs::Nobody, Thing::Nothing, Some(|_| json!({})), 400),
    ("POST", "/api/v1/auth/password/reset", Needs::Nobody, Thing::Nothing, Some(|_| json!({})), 400),
    ("POST", "/api/v1/auth/email/verify", Needs::Nobody, Thing::Nothing, Some(|_| json!({})), 400),
    ("POST", "/api/v1/auth/email/resend", Needs::Person, Thing::Nothing, None, 204),
    ("GET", "/api/v1/auth/sessions", Needs::Person, Thing::Nothing, None, 200),
    ("DELETE", "/api/v1/auth/sessions", Needs::Person, Thing::Nothing, None, 200),
    ("DELETE", "/api/v1/auth/sessions/{id}", Needs::Person, Thing::Session, None, 204),
    ("POST", "/api/v1/auth/sign-in/begin", Needs::Nobody, Thing::Nothing, Some(|_| json!({})), 400),
    ("POST", "/api/v1/auth/sign-in/finish", Needs::Nobody, Thing::Nothing, Some(|_| json!({})), 400),
    ("GET", "/api/v1/auth/identities", Needs::Person, Thing::Nothing, None, 200),
    ("POST", "/api/v1/auth/identities/begin", Needs::Person, Thing::Nothing, Some(|_| json!({})), 400),
    ("POST", "/api/v1/auth/identities/finish", Needs::Person, Thing::Nothing, Some(|_| json!({})), 400),
    ("DELETE", "/api/v1/auth/identities/{id}", Needs::Person, Thing::Identity, None, 204),
    ("GET", "/api/v1/usage", Needs::Member, Thing::Nothing, None, 200),
    ("GET", "/api/v1/usage.csv", Needs::Member, Thing::Nothing, None, 200),
    ("GET", "/api/v1/calls", Needs::Member, Thing::Nothing, None, 200),
    ("GET", "/api/v1/calls/{id}", Needs::Member, Thing::Call, None, 200),
    ("GET", "/api/v1/credits", Needs::Member, Thing::Nothing, None, 200),
    ("POST", "/api/v1/credits/grants", Needs::Operator, Thing::Nothing, Some(|_| json!({"amount_nano_usd": 1, "reason": "test"})), 201),
    ("GET", "/api/v1/billing", Needs::Payer, Thing::Nothing, None, 200),
    ("PATCH", "/api/v1/billing", Needs::Payer, Thing::Nothing, Some(|n| json!({"billing_email": format!("bills{n}@example.com")})), 200),
    ("GET", "/api/v1/billing/transfers", Needs::Payer, Thing::Nothing, None, 200),
    ("GET", "/api/v1/api-keys", Needs::Member, Thing::Nothing, None, 200),
    ("POST", "/api/v1/api-keys", Needs::Developer, Thing::Nothing, Some(|_| json!({"name": "k"})), 201),
    ("PATCH", "/api/v1/api-keys/{id}", Needs::Developer, Thing::ApiKey, Some(|_| json!({"rpm": 5})), 200),
    ("DELETE", "/api/v1/api-keys/{id}", Needs::Developer, Thing::ApiKey, None, 200),
    ("POST", "/api/v1/api-keys/{id}/rotate", Needs::Developer, Thing::ApiKey, Some(|_| json!({"grace_seconds": 60})), 201),
    ("GET", "/api/v1/budgets", Needs::Member, Thing::Nothing, None, 200),
    (
        "POST",
        "/api/v1/budgets",
        Needs::Payer,
        Thing::Nothing,
        Some(|n| json!({"name": "b", "scope": "tag", "scope_value": format!("t{n}"), "window": "day", "amount_usd": "1"})),
        201,
    ),
    ("GET", "/api/v1/budgets/{id}", Needs::Member, Thing::Budget, None, 200),
    ("PATCH", "/api/v1/budgets/{id}", Needs::Payer, Thing::Budget, Some(|_| json!({"amount_nano_usd": 5})), 200),
    ("DELETE", "/api/v1/budgets/{id}", Needs::Payer, Thing::Budget, None, 204),
    ("GET", "/api/v1/sub-accounts", Needs::Member, Thing::Nothing, None, 200),
    ("POST", "/api/v1/sub-accounts", Needs::Developer, Thing::Nothing, Some(|n| json!({"external_id": format!("made {n}")})), 201),
    ("GET", "/api/v1/sub-accounts/{id}", Needs::Member, Thing::SubAccount, None, 200),
    ("PATCH", "/api/v1/sub-accounts/{id}", Needs::Developer, Thing::SubAccount, Some(|_| json!({"rpm": 5})), 200),
    ("POST", "/api/v1/sub-accounts/{id}/suspend", Needs::Developer, Thing::SubAccount, None, 200),
    ("POST", "/api/v1/sub-accounts/{id}/resume", Needs::Developer, Thing::SubAccount, None, 200),
    ("POST", "/api/v1/sub-accounts/{id}/close", Needs::Developer, Thing::SubAccount, None, 200),
    ("POST", "/api/v1/sub-accounts/{id}/keys", Needs::Developer, Thing::SubAccount, Some(|_| json!({"name": "k", "count": 2})), 201),
    ("GET", "/api/v1/provider-keys", Needs::Member, Thing::Nothing, None, 200),
    (
        "POST",
        "/api/v1/provider-keys",
        Needs::Admin,
        Thing::Nothing,
        Some(|n| json!({"provider": "openai", "name": format!("made {n}"), "key": "sk-0123456789abcdef"})),
        201,
    ),
    ("PATCH", "/api/v1/provider-keys/{id}", Needs::Admin, Thing::ProviderKey, Some(|_| json!({"weight": 2})), 200),
    ("DELETE", "/api/v1/provider-keys/{id}", Needs::Admin, Thing::ProviderKey, None, 204),
    (
        "POST",
        "/api/v1/provider-keys/test",
        Needs::Admin,
        Thing::Nothing,
        Some(|_| json!({"provider": "openai", "key": "sk-0123456789abcdef"})),
        200,
    ),
    ("PATCH", "/api/v1/auth/session", Needs::Person, Thing::Nothing, Some(|_| json!({})), 400),
    ("GET", "/api/v1/organizations", Needs::Person, Thing::Nothing, None, 200),
    ("POST", "/api/v1/organizations", Needs::Person, Thing::Nothing, Some(|n| json!({"name": format!("o {n}")})), 201),
    ("GET", "/api/v1/organization", Needs::Member, Thing::Nothing, None, 200),
    ("PATCH", "/api/v1/organization", Needs::Admin, Thing::Nothing, Some(|n| json!({"name": format!("o {n}")})), 200),
    ("POST", "/api/v1/organization/deletion", Needs::Owner, Thing::Nothing, Some(|_| json!({})), 400),
    ("DELETE", "/api/v1/organization/deletion", Needs::Owner, Thing::Nothing, None, 409),
    ("POST", "/api/v1/auth/account/delete", Needs::Person, Thing::Nothing, Some(|_| json!({})), 400),
    ("GET", "/api/v1/operator/deletions", Needs::Operator, Thing::Nothing, None, 200),
    ("POST", "/api/v1/organization/transfer", Needs::Owner, Thing::Nothing, Some(|_| json!({})), 400),
    ("POST", "/api/v1/organizations/leave", Needs::Person, Thing::Nothing, Some(|_| json!({})), 400),
    ("GET", "/api/v1/members", Needs::Member, Thing::Nothing, None, 200),
    ("PATCH", "/api/v1/members/{id}", Needs::Admin, Thing::Member, Some(|_| json!({"role": "viewer"})), 200),
    ("PUT", "/api/v1/members/{id}/projects", Needs::Admin, Thing::Member, Some(|_| json!({"project_ids": []})), 200),
    ("DELETE", "/api/v1/members/{id}", Needs::Admin, Thing::Member, None, 204),
    ("GET", "/api/v1/management-keys", Needs::Admin, Thing::Nothing, None, 200),
    ("POST", "/api/v1/management-keys", Needs::Admin, Thing::Nothing, Some(|_| json!({"name": "k"})), 201),
    ("DELETE", "/api/v1/management-keys/{id}", Needs::Admin, Thing::ManagementKey, None, 200),
    ("GET", "/api/v1/invites", Needs::Admin, Thing::Nothing, None, 200),
    (
        "POST",
        "/api/v1/invites",
        Needs::Admin,
        Thing::Nothing,
        Some(|n| json!({"email": format!("invited{n}@example.com"), "role": "viewer"})),
        201,
    ),
    ("DELETE", "/api/v1/invites/{id}", Needs::Admin, Thing::Invite, None, 200),
    ("POST", "/api/v1/auth/invites/accept", Needs::Person, Thing::Nothing, Some(|_| json!({})), 400),
    ("GET", "/api/v1/operator/outbox", Needs::Operator, Thing::Nothing, None, 200),
    ("GET", "/api/v1/operator/people", Needs::Operator, Thing::Nothing, None, 200),
    ("PATCH", "/api/v1/operator/people/{id}", Needs::Operator, Thing::Person, Some(|_| json!({"disabled": true})), 200),
    ("DELETE", "/api/v1/operator/people/{id}/second-factor", Needs::Operator, Thing::Person, None, 200),
    ("GET", "/api/v1/audit", Needs::Admin, Thing::Nothing, None, 200),
    ("GET", "/api/v1/audit/export", Needs::Admin, Thing::Nothing, None, 200),
    ("GET", "/api/v1/export", Needs::Admin, Thing::Nothing, None, 200),
    ("GET", "/api/v1/projects", Needs::Member, Thing::Nothing, None, 200),
    ("GET", "/api/v1/projects/{id}", Needs::Member, Thing::Project, None, 200),
    ("POST", "/api/v1/projects", Needs::Admin, Thing::Nothing, Some(|n| json!({"name": format!("made {n}")})), 201),
    ("PATCH", "/api/v1/projects/{id}", Needs::Admin, Thing::Project, Some(|_| json!({"cache_enabled": true})), 200),
    ("GET", "/api/v1/projects/{id}/rules", Needs::Member, Thing::Project, None, 200),
    ("PATCH", "/api/v1/projects/{id}/rules", Needs::Admin, Thing::Project, Some(|_| json!({"rpm": 5})), 200),
    ("GET", "/api/v1/organization/rules", Needs::Member, Thing::Nothing, None, 200),
    ("PATCH", "/api/v1/organization/rules", Needs::Admin, Thing::Nothing, Some(|_| json!({"rpm": 5})), 200),
    ("POST", "/api/v1/projects/{id}/archive", Needs::Admin, Thing::Project, None, 200),
    ("POST", "/api/v1/projects/{id}/restore", Needs::Admin, Thing::Project, None, 200),
];

/// What the areas are about whose routes somebody may use who is limited to projects.
const BY_PROJECT: &[&str] = &["usage", "calls", "api-keys", "sub-accounts", "projects", "organization", "members"];

/// The status of a cell, and for a refusal its code, and what its sentence must name.
fn wanted(&(_, path, needs, thing, _, let_in): &Line, caller: Caller, whose: Whose) -> (u16, Option<&'static str>, &'static str) {
    let nothing_there = (404, Some("not_found"), "no such");
    if needs == Needs::Nobody {
        return (let_in, None, "");
    }
    let personal = needs == Needs::Person;
    let named = thing == Thing::Nothing;
    match caller {
        Caller::Anonymous => return (401, Some("missing_api_key"), "log in"),
        Caller::ApiKey => return (401, Some("invalid_api_key"), "no management key"),
        Caller::ExpiredKey => return (401, Some("expired_api_key"), "expired"),
        Caller::Disabled => return (401, Some("session_ended"), "has ended"),
        Caller::DisabledKey => return (403, Some("permission_denied"), "switched off"),
        Caller::RemovedKey => return (403, Some("permission_denied"), "left the organization"),
        Caller::ManagementKey | Caller::ScopedKey if personal => return (403, Some("permission_denied"), "a management key is nobody"),
        // It is no organization of theirs any more.
        Caller::Removed if !personal && named => return nothing_there,
        Caller::Removed if !personal => return (403, Some("permission_denied"), "left this organization"),
        _ => {}
    }
    // Another organization is not even looked into; what is about a person has no organization.
    if named && whose != Whose::Own && !personal {
        return nothing_there;
    }
    let area = path.split(['/', '.']).nth(3).unwrap_or_default();
    match caller {
        Caller::ScopedKey if area != "api-keys" => return (403, Some("permission_denied"), "lacks the scope"),
        Caller::Limited if !personal && !BY_PROJECT.contains(&area) => {
            return (403, Some("permission_denied"), "limited to some of its projects");
        }
        _ => {}
    }
    let role = match caller {
        Caller::Role(role) => role,
        Caller::Limited => Role::Developer,
        _ => Role::Owner,
    };
    let (may, names) = match needs {
        Needs::Nobody | Needs::Person | Needs::Member => (true, ""),
        Needs::Developer => (matches!(role, Role::Owner | Role::Admin | Role::Developer), "an owner, admin or developer"),
        Needs::Payer => (matches!(role, Role::Owner | Role::Admin | Role::Billing), "an owner, admin or billing member"),
        Needs::Admin => (matches!(role, Role::Owner | Role::Admin), "an owner or admin"),
        Needs::Owner => (role == Role::Owner, "an owner"),
        Needs::Operator => (caller == Caller::Operator, "an operator"),
    };
    if !may {
        return (403, Some("permission_denied"), names);
    }
    let sees = match whose {
        Whose::Own => true,
        Whose::OtherProject => caller != Caller::Limited,
        // Operators see everybody.
        Whose::OtherOrganization if thing == Thing::Person => true,
        Whose::OtherOrganization | Whose::Deleted | Whose::Random => named && personal,
    };
    if sees { (let_in, None, "") } else { (404, Some("not_found"), "no such") }
}

/// One cell; answers the refusal that there is nothing, without the request's id.
async fn cell(cast: &Cast, line: &Line, caller: Caller, whose: Whose) -> Option<String> {
    let &(method, path, _, thing, body, _) = line;
    let id = cast.thing(thing, caller, whose).await;
    let mut browser = cast.browser(caller).await;
    if thing == Thing::Nothing {
        browser = browser.with("x-llmg-organization", &id);
    }
    let before = cast.trace().await;
    let body = body.map(|body| body(cast.next()));
    let reply = browser.send(&cast.world, method.parse().unwrap(), &path.replace("{id}", &id), body).await;
    let (status, code, says) = wanted(line, caller, whose);
    let name = format!("{method} {path}, {caller:?}, {whose:?}");
    assert_eq!(reply.status.as_u16(), status, "{name}: {}", reply.text);
    if let Some(code) = code {
        reply.refused(status, code);
        assert!(reply.body["detail"].as_str().unwrap().contains(says), "{name} does not say `{says}`: {}", reply.text);
    }
    if status < 400 {
        cast.used(thing, caller, whose);
        let (_, lines) = cast.trace().await;
        // Who takes everything along is noted, too.
        let most = i64::from(method != "GET" || path == "/api/v1/export");
        assert!(lines - before.1 <= most, "{name}: {} lines in the audit log", lines - before.1);
    } else {
        assert_eq!(cast.trace().await, before, "{name}: refused, and something changed");
    }
    (status == 404).then(|| without_request(&reply))
}

/// Headers and body of an answer, byte for byte, but for the request's id and what is left of a limit.
fn without_request(reply: &Reply) -> String {
    let id = reply.body["request_id"].as_str().unwrap();
    let headers = reply.headers.iter().filter(|(name, _)| !name.as_str().starts_with("ratelimit"));
    let headers: String = headers.map(|(name, value)| format!("{name}: {}\n", value.to_str().unwrap())).collect();
    format!("{headers}{}", reply.text).replace(id, "req_")
}

#[tokio::test]
async fn every_cell_of_route_caller_and_ownership() {
    let cast = Cast::gather().await;
    let mut cells = 0;
    for line in LINES {
        for &caller in CALLERS {
            let mut nothing_there = BTreeSet::new();
            for &whose in Whose::of(line.3) {
                nothing_there.extend(cell(&cast, line, caller, whose).await);
                cells += 1;
            }
            let (method, path) = (line.0, line.1);
            assert!(nothing_there.len() <= 1, "{method} {path}, {caller:?}: ids can be told apart: {nothing_there:?}");
        }
    }
    println!("control: {} routes x {} callers x 4 or 5 owners = {cells} cells", LINES.len(), CALLERS.len());
    assert_eq!(cells, LINES.iter().map(|line| CALLERS.len() * Whose::of(line.3).len()).sum::<usize>());
}

/// An id of others costs the same questions as one of nobody, so that time does not tell them apart.
#[tokio::test]
async fn ids_of_others_are_looked_up_like_ids_of_nobody() {
    let cast = Cast::gather().await;
    let mut routes = Vec::new();
    for &(method, path, needs, thing, body, _) in LINES {
        if thing == Thing::Nothing {
            continue;
        }
        let caller = if needs == Needs::Operator { Caller::Operator } else { Caller::Role(Role::Owner) };
        let mut seen = Vec::new();
        // A person is of the whole instance: nobody's id is another's.
        let others = if thing == Thing::Person { Whose::Deleted } else { Whose::OtherOrganization };
        for whose in [Whose::Random, others, Whose::Deleted] {
            let id = cast.thing(thing, caller, whose).await;
            let mut browser = cast.browser(caller).await;
            let body = body.map(|body| body(cast.next()));
            let path = path.replace("{id}", &id);
            let (reply, asked) = statements::of(browser.send(&cast.world, method.parse().unwrap(), &path, body)).await;
            reply.refused(404, "not_found");
            seen.push(asked);
        }
        routes.push((method, path, seen));
    }
    cast.world.db.close().await;
    cast.world.analytics.close().await;
    assert!(routes.len() > 10);
    for (method, path, asked) in routes {
        let seen: Vec<_> = asked.into_iter().map(statements::taken).collect();
        assert!(seen[0].len() > 1, "{method} {path}: {seen:?}");
        assert!(seen[0] == seen[1] && seen[0] == seen[2], "{method} {path}: {seen:#?}");
    }
}

#[test]
fn every_route_has_a_line() {
    let document = serde_json::to_value(crate::http::document()).unwrap();
    let mut routes = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in ["get", "post", "put", "patch", "delete", "head", "options", "trace"] {
            if item.get(method).is_some() {
                routes.insert((method.to_uppercase(), path.clone()));
            }
        }
    }
    let lines: BTreeSet<_> = LINES.iter().map(|line| (line.0.to_owned(), line.1.to_owned())).collect();
    assert_eq!(lines.len(), LINES.len(), "a line comes twice");
    assert!(routes.is_subset(&lines), "say who may use these routes: {:?}", routes.difference(&lines).collect::<Vec<_>>());
    assert!(lines.is_subset(&routes), "there are no such routes: {:?}", lines.difference(&routes).collect::<Vec<_>>());
    // Beside the document's routes there are only the document itself and its page.
    let source = include_str!("../http/mod.rs");
    let beside: Vec<_> = source.lines().filter_map(|line| line.split(".route(\"").nth(1)?.split('"').next()).collect();
    assert_eq!(beside, ["/api/openapi.json", "/api/docs"]);
    assert_eq!(source.matches(".route(").count() + source.matches(".nest").count() + source.matches(".merge(").count(), beside.len());
}

#[test]
fn the_document_says_what_opens_each_route() {
    let document = serde_json::to_value(crate::http::document()).unwrap();
    for &(method, path, needs, ..) in LINES {
        let security = &document["paths"][path][method.to_lowercase()]["security"];
        let wanted = match needs {
            Needs::Nobody => json!([]),
            Needs::Person => json!([{"session": []}]),
            _ => json!([{"management_key": []}, {"session": []}]),
        };
        assert_eq!(*security, wanted, "{method} {path}");
    }
}

/// Refresh: `LLMG_REFRESH=1 cargo test -p control matrix`.
#[test]
#[expect(clippy::disallowed_methods, reason = "a test's own switch")]
fn the_page_about_roles_says_what_the_code_says() {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/roles.md");
    let page = std::fs::read_to_string(&file).unwrap();
    let mut current = between(&page, "rights", &rights_table());
    current = between(&current, "routes", &routes_table());
    if std::env::var("LLMG_REFRESH").is_ok() {
        std::fs::write(&file, &current).unwrap();
    } else {
        assert!(page == current, "docs/roles.md is not what the code says; refresh it with `LLMG_REFRESH=1 cargo test -p control matrix`");
    }
}

/// The page with another text between two marks.
fn between(page: &str, mark: &str, text: &str) -> String {
    let (begin, end) = (format!("<!-- {mark} -->\n"), format!("<!-- end of {mark} -->"));
    let (head, rest) = page.split_once(&begin).unwrap();
    let (_, tail) = rest.split_once(&end).unwrap();
    format!("{head}{begin}{text}{end}{tail}")
}

fn rights_table() -> String {
    let roles: Vec<_> = Role::ALL.iter().map(|role| role.as_str()).collect();
    let mut text = format!("| right | {} | what |\n|---|{}---|\n", roles.join(" | "), "---|".repeat(roles.len()));
    for line in crate::app::rights::TABLE {
        let cells: Vec<_> = Role::ALL.iter().map(|role| if line.right.is_of(*role) { "yes" } else { "–" }).collect();
        text.push_str(&format!("| {} | {} | {} |\n", line.name, cells.join(" | "), line.what));
    }
    text
}

/// What the cells above prove.
fn routes_table() -> String {
    let mut text = "| route | needs |\n|---|---|\n".to_owned();
    for (method, path, needs, ..) in LINES {
        let needs = match needs {
            Needs::Nobody => "nothing",
            Needs::Person => "a session",
            Needs::Member => "look",
            Needs::Developer => "develop",
            Needs::Payer => "pay",
            Needs::Admin => "administer",
            Needs::Owner => "own",
            Needs::Operator => "an operator of the instance",
        };
        text.push_str(&format!("| {method} {path} | {needs} |\n"));
    }
    text
}

#[test]
fn every_route_of_an_organization_has_an_area() {
    for (method, path, needs, ..) in LINES {
        let personal = matches!(needs, Needs::Nobody | Needs::Person);
        assert_eq!(crate::app::areas::Area::of(path).is_none(), personal, "{method} {path}");
    }
    for (segment, _) in crate::app::areas::SEGMENTS {
        let path = format!("/api/v1/{segment}");
        assert!(LINES.iter().any(|line| line.1 == path || line.1.starts_with(&format!("{path}/"))), "no route is below {path}");
    }
}

#[test]
fn what_scopes_ask_for_is_what_routes_ask_for() {
    use crate::app::areas::Area;
    use crate::app::rights::Right;
    use crate::app::scopes::{Access, Need, need};
    let mut seen = Vec::new();
    for (method, path, needs, ..) in LINES {
        let Some(area) = Area::of(path) else { continue };
        let access = if *method == "GET" { Access::Read } else { Access::Write };
        let asked = need(area, access);
        let as_strict = match needs {
            Needs::Operator => asked == Need::Operator,
            Needs::Member => asked == Need::Right(Right::Look),
            Needs::Developer => asked == Need::Right(Right::Develop),
            Needs::Payer => asked == Need::Right(Right::Pay),
            Needs::Admin | Needs::Owner => asked == Need::Right(Right::Administer),
            Needs::Nobody | Needs::Person => false,
        };
        assert!(as_strict, "{method} {path}: scopes ask for {asked:?}");
        seen.push((area, access));
    }
    for (_, area) in crate::app::areas::SEGMENTS {
        for access in [Access::Read, Access::Write] {
            assert_eq!(need(*area, access) == Need::Nothing, !seen.contains(&(*area, access)), "{area:?} {access:?}");
        }
    }
}
