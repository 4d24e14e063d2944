//! Members: roles, the last owner, and what ends with a membership.

use domain::SessionId;
use uuid::Uuid;

use crate::contract::world::{
    NOW, author, funded, key, new_key, new_management_key, organization, other_organization, project, scope, user,
};
use crate::{
    AuditAction, AuditFilter, ChangeKind, Db, KeyStatus, MemberChange, MemberRemove, NewApiKey, NewManagementKey, NewOrganization,
    OrganizationRow, OrganizationStatus, Page, PersonRow, ProjectMode, ProjectRow, Role, StoreError, api_key_create, audit_list,
    changes_after, management_caller_by_key_hash, management_key_create, member_get, member_list, member_remove, member_role_set,
    memberships_of, organization_create, organization_rename, ownership_transfer, revision_latest, session_switch,
};

/// Person `n` with a role in organization 1.
pub async fn join(db: &Db, n: u128, role: Role) {
    let mut tx = db.begin_write().await.unwrap();
    let person = PersonRow {
        id: user(n),
        email: format!("person{n}@example.com"),
        name: String::new(),
        password_hash: "$argon2id$".to_owned(),
        is_operator: false,
        email_verified_at: None,
        disabled_at: None,
        created_at: NOW,
    };
    crate::person::person_insert(&mut tx, &person).await.unwrap();
    crate::person::member_insert(&mut tx, organization(1), user(n), role, NOW.plus_seconds(1)).await.unwrap();
    crate::db::commit(tx, "test", crate::audit::Trail::Bookkeeping).await.unwrap();
}

async fn role_of(db: &Db, n: u128) -> Option<Role> {
    member_get(db, user(n), organization(1)).await.unwrap().map(|row| row.role)
}

fn remove(n: u128, by_owner: bool) -> MemberRemove {
    MemberRemove { person: user(n), by_owner, leaves: false, revoke_keys: false }
}

pub async fn an_organization_keeps_an_owner(db: Db) {
    funded(&db, 0).await;
    join(&db, 2, Role::Developer).await;
    let set = async |n, role, by_owner| member_role_set(&db, &scope(1), user(n), role, by_owner, &author(NOW)).await.unwrap();
    assert_eq!(set(1, Role::Admin, true).await, MemberChange::LastOwner);
    assert_eq!(member_remove(&db, &scope(1), &remove(1, true), &author(NOW)).await.unwrap(), MemberChange::LastOwner);
    assert_eq!(set(2, Role::Owner, false).await, MemberChange::OwnersOnly);
    assert_eq!(set(2, Role::Admin, false).await, MemberChange::Done);
    assert_eq!(set(2, Role::Owner, true).await, MemberChange::Done);
    assert_eq!(set(1, Role::Viewer, false).await, MemberChange::OwnersOnly);
    assert_eq!(member_remove(&db, &scope(1), &remove(1, false), &author(NOW)).await.unwrap(), MemberChange::OwnersOnly);
    assert_eq!(set(1, Role::Viewer, true).await, MemberChange::Done);
    assert_eq!((role_of(&db, 1).await, role_of(&db, 2).await), (Some(Role::Viewer), Some(Role::Owner)));
    let filter = AuditFilter { action: Some(AuditAction::MemberRoleChanged), ..AuditFilter::default() };
    assert_eq!(audit_list(&db, &scope(1), &filter, None, 9).await.unwrap().len(), 3, "refusals are no changes");
}

pub async fn two_owners_who_leave_at_once_leave_one(db: Db) {
    funded(&db, 0).await;
    join(&db, 2, Role::Owner).await;
    let leaving: Vec<_> = [1, 2]
        .into_iter()
        .map(|n| {
            let db = db.clone();
            tokio::spawn(async move { member_remove(&db, &scope(1), &remove(n, true), &author(NOW)).await.unwrap() })
        })
        .collect();
    let mut ends = Vec::new();
    for one in leaving {
        ends.push(one.await.unwrap());
    }
    assert!(ends.contains(&MemberChange::Done) && ends.contains(&MemberChange::LastOwner), "{ends:?}");
    assert_eq!(member_list(&db, &scope(1), Page::first(10)).await.unwrap().len(), 1);
}

pub async fn an_organization_is_given_away(db: Db) {
    funded(&db, 0).await;
    join(&db, 2, Role::Viewer).await;
    let give = async |from, to| ownership_transfer(&db, &scope(1), user(from), user(to), &author(NOW)).await;
    assert!(matches!(give(2, 1).await, Err(StoreError::Conflict { .. })));
    assert!(matches!(give(1, 9).await, Err(StoreError::NotFound { what: "member" })));
    give(1, 2).await.unwrap();
    assert_eq!((role_of(&db, 1).await, role_of(&db, 2).await), (Some(Role::Admin), Some(Role::Owner)));
}

pub async fn what_a_former_member_made_ends_as_told(db: Db) {
    funded(&db, 0).await;
    join(&db, 2, Role::Developer).await;
    for (n, by) in [(5, 2), (6, 2), (7, 1)] {
        api_key_create(&db, &scope(1), &NewApiKey { created_by: Some(user(by)), ..new_key(n) }, &author(NOW)).await.unwrap();
    }
    let theirs = NewManagementKey { created_by: user(2), ..new_management_key(5) };
    management_key_create(&db, &scope(1), &theirs, &author(NOW)).await.unwrap();
    let since = revision_latest(&db).await.unwrap();
    let all = MemberRemove { revoke_keys: true, ..remove(2, false) };
    assert_eq!(member_remove(&db, &scope(1), &all, &author(NOW)).await.unwrap(), MemberChange::Done);
    let told: Vec<_> = changes_after(&db, since, 10).await.unwrap().into_iter().map(|change| (change.kind, change.key_hash)).collect();
    assert_eq!(told, [(ChangeKind::KeyRevoked, Some([5; 32])), (ChangeKind::KeyRevoked, Some([6; 32]))]);
    let caller = management_caller_by_key_hash(&db, &theirs.hash).await.unwrap().unwrap();
    assert_eq!((caller.role, caller.status), (None, KeyStatus::Revoked));
    assert!(matches!(member_remove(&db, &scope(1), &all, &author(NOW)).await, Err(StoreError::NotFound { what: "member" })));
    let line = audit_list(&db, &scope(1), &AuditFilter::default(), None, 1).await.unwrap().remove(0);
    assert_eq!(line.after, Some(serde_json::json!({"api_keys_revoked": 2, "management_keys_revoked": 1})));
    assert_eq!(crate::api_key_get(&db, &scope(1), key(7)).await.unwrap().status, KeyStatus::Active);
}

pub async fn members_are_not_seen_through_another_scope(db: Db) {
    funded(&db, 0).await;
    other_organization(&db, 2, 0).await;
    assert!(member_list(&db, &scope(2), Page::first(10)).await.unwrap().is_empty());
    let set = member_role_set(&db, &scope(2), user(1), Role::Viewer, true, &author(NOW)).await;
    assert!(matches!(set, Err(StoreError::NotFound { what: "member" })));
    assert!(matches!(member_remove(&db, &scope(2), &remove(1, true), &author(NOW)).await, Err(StoreError::NotFound { .. })));
    let nobodys = SessionId::from_uuid(Uuid::from_u128(1));
    assert!(matches!(session_switch(&db, &scope(1), user(1), nobodys, &author(NOW)).await, Err(StoreError::NotFound { .. })));
}

pub async fn a_person_makes_further_organizations(db: Db) {
    funded(&db, 0).await;
    let new = |n| NewOrganization {
        organization: OrganizationRow {
            id: organization(n),
            name: format!("Further {n}"),
            plan: "free".to_owned(),
            markup_basis_points: 0,
            status: OrganizationStatus::Active,
            created_at: NOW,
        },
        project: ProjectRow::new(project(n), organization(n), "Default".to_owned(), ProjectMode::Hybrid, NOW),
        owner: user(1),
    };
    for n in 2..=100 {
        organization_create(&db, &new(n), &author(NOW.plus_seconds(1))).await.unwrap();
    }
    assert!(matches!(organization_create(&db, &new(101), &author(NOW)).await, Err(StoreError::Invalid { .. })));
    assert_eq!(memberships_of(&db, user(1)).await.unwrap().len(), 100);
    let renamed = organization_rename(&db, &scope(2), "Other", &author(NOW)).await.unwrap();
    assert_eq!((&*renamed.name, renamed.id), ("Other", organization(2)));
}
