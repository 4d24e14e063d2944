//! The audit log: what it keeps, whose it is, and that nobody rewrites it.

use serde_json::json;

use crate::contract::world::{NOW, author, funded, grant, key, new_key, organization, other_organization, project, scope, user};
use crate::{
    Actor, ActorKind, ApiKeyUpdate, AuditAction, AuditFilter, AuditRow, Db, ProjectUpdate, SubjectKind, api_key_create, api_key_revoke,
    api_key_update, audit_list, audit_search, credits_grant, project_update,
};

async fn all(db: &Db, organization: u128) -> Vec<AuditRow> {
    audit_list(db, &scope(organization), &AuditFilter::default(), None, 100).await.unwrap()
}

pub async fn a_change_leaves_one_line(db: Db) {
    funded(&db, 0).await;
    api_key_create(&db, &scope(1), &new_key(2), &author(NOW)).await.unwrap();
    let update = ApiKeyUpdate { rpm: Some(Some(5)), ..ApiKeyUpdate::default() };
    api_key_update(&db, &scope(1), key(2), &update, &author(NOW.plus_seconds(1))).await.unwrap();
    let operator = crate::Author { actor: Actor::Operator(user(1)), ..author(NOW.plus_seconds(2)) };
    for _ in 0..2 {
        api_key_revoke(&db, &scope(1), key(2), &operator).await.unwrap();
        credits_grant(&db, &scope(1), &grant(9, 5), &operator).await.unwrap();
    }
    let rows = all(&db, 1).await;
    let seen: Vec<_> = rows.iter().map(|row| (row.number, row.action, row.actor_kind)).collect();
    let wanted = [
        (5, AuditAction::CreditsGranted, ActorKind::Operator),
        (4, AuditAction::ApiKeyRevoked, ActorKind::Operator),
        (3, AuditAction::ApiKeyChanged, ActorKind::Person),
        (2, AuditAction::ApiKeyCreated, ActorKind::Person),
        (1, AuditAction::Bootstrapped, ActorKind::Operator),
    ];
    assert_eq!(seen, wanted, "what changed nothing left a line, or a change left none");
    let changed = &rows[2];
    assert_eq!((changed.subject_kind, &changed.subject), (SubjectKind::ApiKey, &key(2).to_string()));
    assert_eq!((changed.before.clone(), changed.after.clone()), (Some(json!({"rpm": null})), Some(json!({"rpm": 5}))));
    assert_eq!((&changed.actor, changed.actor_email.as_deref()), (&user(1).to_string(), Some("ada@example.com")));
    assert_eq!((&*changed.address, &*changed.user_agent, changed.at), ("192.0.2.1", "test", NOW.plus_seconds(1)));
    assert_eq!((rows[1].actor_email.clone(), rows[3].before.clone()), (None, None));
}

pub async fn a_change_that_fails_leaves_none(db: Db) {
    funded(&db, 0).await;
    assert!(api_key_create(&db, &scope(1), &new_key(1), &author(NOW)).await.is_err());
    assert!(project_update(&db, &scope(1), project(9), &ProjectUpdate::default(), &author(NOW)).await.is_err());
    assert_eq!(all(&db, 1).await.len(), 1);
}

pub async fn the_log_is_its_organizations(db: Db) {
    funded(&db, 0).await;
    other_organization(&db, 2, 7).await;
    assert_eq!(all(&db, 1).await.len(), 1);
    let theirs = all(&db, 2).await;
    assert_eq!((theirs.len(), theirs[0].number, theirs[0].action), (1, 1, AuditAction::CreditsGranted));
    assert!(all(&db, 3).await.is_empty());
    assert_ne!(organization(1), organization(2));
}

pub async fn the_log_is_filtered_and_paged(db: Db) {
    funded(&db, 0).await;
    for n in 2..6_u8 {
        api_key_create(&db, &scope(1), &new_key(n), &author(NOW.plus_seconds(n.into()))).await.unwrap();
    }
    let ask = async |filter: AuditFilter| audit_list(&db, &scope(1), &filter, None, 100).await.unwrap().len();
    assert_eq!(ask(AuditFilter { action: Some(AuditAction::ApiKeyCreated), ..AuditFilter::default() }).await, 4);
    assert_eq!(ask(AuditFilter { actor: Some(user(1).to_string()), ..AuditFilter::default() }).await, 5);
    assert_eq!(ask(AuditFilter { actor: Some(user(2).to_string()), ..AuditFilter::default() }).await, 0);
    assert_eq!(ask(AuditFilter { subject: Some(key(3).to_string()), ..AuditFilter::default() }).await, 1);
    assert_eq!(ask(AuditFilter { subject_kind: Some(SubjectKind::Organization), ..AuditFilter::default() }).await, 1);
    let (from, to) = (Some(NOW.plus_seconds(3)), Some(NOW.plus_seconds(5)));
    assert_eq!(ask(AuditFilter { from, to, ..AuditFilter::default() }).await, 2);
    for (text, count) in
        [("API_KEY.created", 4), ("ada@EXAMPLE", 5), ("192.0.2.1", 4), (&key(3).to_string(), 1), ("%", 0), ("_", 5), ("\\", 0)]
    {
        let filter = AuditFilter { text: Some(text.to_owned()), ..AuditFilter::default() };
        assert_eq!(ask(filter.clone()).await, count, "{text}");
        let found = audit_search(&db, &scope(1), &filter, None, 100).await.unwrap();
        assert_eq!((found.rows.len(), found.searched_to), (count, 1), "{text}");
    }
    let first = audit_list(&db, &scope(1), &AuditFilter::default(), None, 2).await.unwrap();
    let rest = audit_list(&db, &scope(1), &AuditFilter::default(), Some(first[1].number), 9).await.unwrap();
    let numbers: Vec<_> = first.iter().chain(&rest).map(|row| row.number).collect();
    assert_eq!(numbers, [5, 4, 3, 2, 1]);
}

pub async fn nobody_rewrites_the_log(db: Db) {
    funded(&db, 0).await;
    for statement in ["UPDATE audit_event SET actor_id = 'x'", "DELETE FROM audit_event"] {
        let mut tx = db.begin_write().await.unwrap();
        assert!(sqlx::query(statement).execute(&mut *tx).await.is_err(), "{statement}");
    }
    assert_eq!(all(&db, 1).await.len(), 1);
}
