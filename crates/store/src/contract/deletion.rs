//! How organizations and accounts end.

use crate::contract::world::event;
use crate::contract::world::{NOW, author, funded, key, leased, new_key, organization, other_organization, post, proven, scope, user};
use crate::{
    AccountDelete, AuditFilter, Db, DeletionBegin, OrganizationStatus, PeopleUpdate, StoreError, account_delete, api_key_create,
    api_key_get, audit_list, balance, deletion_begin, deletion_cancel, deletion_claim, deletion_get, organization_get, people_list,
    people_update, person_get, purge_close, purge_finish, purge_part,
};

/// Organization 1 is owned by the operator; so that it can end, somebody else runs the instance.
async fn owned(db: &Db) {
    funded(db, 100).await;
    other_organization(db, 2, 7).await;
    let mut tx = db.begin_write().await.unwrap();
    let sql = "INSERT INTO person (id, email, password_hash, is_operator, created_at_us) VALUES ($1, 'op@example.com', '', 1, 0)";
    sqlx::query(sql).bind(user(9).to_string()).execute(&mut *tx).await.unwrap();
    let sql = "INSERT INTO member (organization_id, person_id, role, created_at_us) VALUES ($1, $2, 'owner', 0)";
    sqlx::query(sql).bind(organization(2).to_string()).bind(user(9).to_string()).execute(&mut *tx).await.unwrap();
    crate::db::commit(tx, "test", crate::audit::Trail::Bookkeeping).await.unwrap();
    let none = PeopleUpdate { is_operator: Some(false), disabled: None };
    people_update(db, user(1), none, organization(1), &author(NOW)).await.unwrap();
}

pub async fn a_deletion_is_begun_and_taken_back_once(db: Db) {
    owned(&db).await;
    let purge_at = NOW.plus_seconds(100);
    let begin = async || deletion_begin(&db, &scope(1), user(1), purge_at, &[], &author(NOW)).await.unwrap();
    assert_eq!((begin().await, begin().await), (DeletionBegin::Begun, DeletionBegin::Before));
    assert_eq!(organization_get(&db, &scope(1)).await.unwrap().status, OrganizationStatus::Deleting);
    assert_eq!(deletion_get(&db, &scope(1)).await.unwrap().unwrap().purge_at, purge_at);
    assert_eq!(deletion_get(&db, &scope(2)).await.unwrap(), None);
    assert_eq!(deletion_claim(&db, NOW.plus_seconds(99), NOW.plus_seconds(200)).await.unwrap(), None);
    deletion_cancel(&db, &scope(1), &[], &author(NOW.plus_seconds(99))).await.unwrap();
    let again = deletion_cancel(&db, &scope(1), &[], &author(NOW)).await;
    assert!(matches!(again, Err(StoreError::Conflict { .. })));
    assert_eq!(organization_get(&db, &scope(1)).await.unwrap().status, OrganizationStatus::Active);
    // What is due is not taken back, and is taken up by one.
    assert_eq!(begin().await, DeletionBegin::Begun);
    let late = deletion_cancel(&db, &scope(1), &[], &author(purge_at)).await;
    assert!(matches!(late, Err(StoreError::Conflict { .. })));
    let claim = async || deletion_claim(&db, purge_at, purge_at.plus_seconds(10)).await.unwrap();
    assert_eq!((claim().await, claim().await), (Some(organization(1)), None));
    assert_eq!(deletion_claim(&db, purge_at.plus_seconds(10), purge_at.plus_seconds(20)).await.unwrap(), Some(organization(1)));
}

pub async fn erasing_leaves_the_books_and_other_organizations(db: Db) {
    owned(&db).await;
    leased(&db, 1, 50).await;
    post(&db, &[event(1, Some(1), 30)]).await;
    api_key_create(&db, &scope(1), &new_key(2), &author(NOW)).await.unwrap();
    let before = balance(&db, &scope(1)).await.unwrap();
    deletion_begin(&db, &scope(1), user(1), NOW, &[], &author(NOW)).await.unwrap();
    deletion_claim(&db, NOW, NOW.plus_seconds(1)).await.unwrap();
    // Each step twice: a job that was broken off begins again.
    for _ in 0..2 {
        purge_close(&db, &scope(1), NOW).await.unwrap();
        while purge_part(&db, &scope(1)).await.unwrap() > 0 {}
        purge_finish(&db, &scope(1), NOW).await.unwrap();
    }
    assert_eq!(balance(&db, &scope(1)).await.unwrap(), before);
    proven(&db).await;
    let row = organization_get(&db, &scope(1)).await.unwrap();
    assert_eq!((row.status, &*row.name), (OrganizationStatus::Deleted, ""));
    assert!(matches!(api_key_get(&db, &scope(1), key(2)).await, Err(StoreError::NotFound { .. })));
    assert!(audit_list(&db, &scope(1), &AuditFilter::default(), None, 9).await.unwrap().is_empty());
    let gone = person_get(&db, user(1)).await.unwrap();
    assert_eq!((gone.email, &*gone.name, &*gone.password_hash), (user(1).to_string(), "", ""));
    assert!(deletion_get(&db, &scope(1)).await.unwrap().unwrap().purged_at.is_some());
    assert_eq!(deletion_claim(&db, NOW.plus_seconds(999), NOW.plus_seconds(1_999)).await.unwrap(), None);
    assert_eq!(organization_get(&db, &scope(2)).await.unwrap().status, OrganizationStatus::Active);
    assert_eq!(audit_list(&db, &scope(2), &AuditFilter::default(), None, 9).await.unwrap().len(), 1);
    assert_eq!(people_list(&db, None, crate::Page::first(9)).await.unwrap().len(), 1);
}

pub async fn an_account_ends_but_not_the_last_owners_or_operators(db: Db) {
    owned(&db).await;
    let delete = async |n: u128| account_delete(&db, user(n), NOW.plus_seconds(5), &author(NOW)).await.unwrap();
    assert_eq!(delete(9).await, AccountDelete::LastOperator);
    let mut tx = db.begin_write().await.unwrap();
    let sql = "INSERT INTO member (organization_id, person_id, role, created_at_us) VALUES ($1, $2, 'viewer', 0)";
    sqlx::query(sql).bind(organization(1).to_string()).bind(user(9).to_string()).execute(&mut *tx).await.unwrap();
    crate::db::commit(tx, "test", crate::audit::Trail::Bookkeeping).await.unwrap();
    assert_eq!(delete(1).await, AccountDelete::LastOwner(organization(1)));
    let mut tx = db.begin_write().await.unwrap();
    let sql = "DELETE FROM member WHERE organization_id = $1 AND person_id = $2";
    sqlx::query(sql).bind(organization(1).to_string()).bind(user(9).to_string()).execute(&mut *tx).await.unwrap();
    crate::db::commit(tx, "test", crate::audit::Trail::Bookkeeping).await.unwrap();
    assert_eq!(delete(1).await, AccountDelete::Done(Vec::new()));
    assert_eq!(organization_get(&db, &scope(1)).await.unwrap().status, OrganizationStatus::Deleting);
    assert!(matches!(account_delete(&db, user(1), NOW, &author(NOW)).await, Err(StoreError::NotFound { .. })));
}
