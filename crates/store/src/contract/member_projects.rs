//! Members who see some projects only.

use std::collections::BTreeSet;

use crate::contract::members::join;
use crate::contract::world::{NOW, author, funded, key, new_key, organization, other_organization, project, scope, user};
use crate::{
    Db, KeyPage, MemberChange, MemberRemove, NewApiKey, Page, ProjectMode, ProjectRow, Role, StoreError, api_key_create, api_key_list_of,
    member_limit, member_limit_set, member_limits, member_remove, member_role_set, ownership_transfer,
};

async fn add_project(db: &Db, n: u128, organization_n: u128) {
    let row = ProjectRow::new(project(n), organization(organization_n), format!("Project {n}"), ProjectMode::Credits, NOW);
    let mut tx = db.begin_write().await.unwrap();
    crate::project::project_insert(&mut tx, &row).await.unwrap();
    crate::db::commit(tx, "test", crate::audit::Trail::Bookkeeping).await.unwrap();
}

fn set(projects: &[u128]) -> BTreeSet<domain::ProjectId> {
    projects.iter().copied().map(project).collect()
}

pub async fn a_member_is_limited_to_projects_of_the_organization(db: Db) {
    funded(&db, 0).await;
    join(&db, 2, Role::Developer).await;
    other_organization(&db, 2, 0).await;
    add_project(&db, 2, 1).await;
    add_project(&db, 3, 2).await;
    let limit =
        async |person, projects: Option<BTreeSet<_>>| member_limit_set(&db, &scope(1), user(person), projects.as_ref(), &author(NOW)).await;
    assert_eq!(member_limit(&db, &scope(1), user(2)).await.unwrap(), None);
    limit(2, Some(set(&[2]))).await.unwrap();
    assert_eq!(member_limit(&db, &scope(1), user(2)).await.unwrap(), Some(set(&[2])));
    assert!(matches!(limit(2, Some(set(&[1, 3]))).await, Err(StoreError::NotFound { what: "project" })));
    assert_eq!(member_limits(&db, &scope(1), Page::first(10)).await.unwrap().get(&user(2)), Some(&set(&[2])), "half a limit stayed");
    assert!(matches!(limit(1, Some(set(&[2]))).await, Err(StoreError::Conflict { what: "role" })));
    assert!(matches!(limit(9, Some(set(&[2]))).await, Err(StoreError::NotFound { what: "member" })));
    assert_eq!(member_limit(&db, &scope(2), user(2)).await.unwrap(), None);

    api_key_create(&db, &scope(1), &NewApiKey { project: project(2), ..new_key(5) }, &author(NOW)).await.unwrap();
    let page = KeyPage { after: None, limit: 9 };
    let keys = api_key_list_of(&db, &scope(1), &set(&[2]), page).await.unwrap();
    assert_eq!(keys.iter().map(|row| row.id).collect::<Vec<_>>(), [key(5)]);
    assert!(api_key_list_of(&db, &scope(1), &set(&[3]), page).await.unwrap().is_empty());

    limit(2, Some(set(&[]))).await.unwrap();
    assert_eq!(member_limit(&db, &scope(1), user(2)).await.unwrap(), Some(set(&[])));
    assert!(api_key_list_of(&db, &scope(1), &set(&[]), page).await.unwrap().is_empty());
    limit(2, None).await.unwrap();
    assert_eq!(member_limit(&db, &scope(1), user(2)).await.unwrap(), None);
}

pub async fn limits_end_with_a_higher_role_and_with_the_membership(db: Db) {
    funded(&db, 0).await;
    for n in [2, 3, 4] {
        join(&db, n, Role::Viewer).await;
        member_limit_set(&db, &scope(1), user(n), Some(&set(&[1])), &author(NOW)).await.unwrap();
    }
    let changed = member_role_set(&db, &scope(1), user(2), Role::Admin, true, &author(NOW)).await.unwrap();
    assert_eq!(changed, MemberChange::Done);
    let remove = MemberRemove { person: user(3), by_owner: true, leaves: false, revoke_keys: false };
    assert_eq!(member_remove(&db, &scope(1), &remove, &author(NOW)).await.unwrap(), MemberChange::Done);
    ownership_transfer(&db, &scope(1), user(1), user(4), &author(NOW)).await.unwrap();
    assert!(member_limits(&db, &scope(1), Page::first(10)).await.unwrap().is_empty());
}
