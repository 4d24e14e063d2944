//! Sub-accounts, their keys and what gateways learn of them.

use std::collections::{BTreeMap, BTreeSet};

use domain::{SubAccountId, UnixMicros};
use uuid::Uuid;

use crate::contract::budgets::{budget, new_budget};
use crate::contract::world::{NOW, author, funded, key, new_key, other_organization, project, scope};
use crate::{
    ApiKeyUpdate, AuditAction, AuditFilter, BudgetScopeKind, ChangeKind, Db, KeyPage, KeyStatus, NewApiKey, NewSubAccount, StoreError,
    SubAccountFilter, SubAccountRow, SubAccountStatus, SubAccountUpdate, api_key_create, api_key_get, api_key_update, audit_list,
    budget_create, caller_by_key_hash, changes_after, revision_latest, sub_account_create, sub_account_find, sub_account_get,
    sub_account_keys_create, sub_account_keys_list, sub_account_list, sub_account_status_set, sub_account_update,
};

fn sub(n: u128) -> SubAccountId {
    SubAccountId::from_uuid(Uuid::from_u128(0x3000 + n))
}

fn new_sub(n: u128) -> NewSubAccount {
    NewSubAccount {
        id: sub(n),
        project: project(1),
        external_id: format!("cust_{n}"),
        name: format!("Customer {n}"),
        rpm: Some(60),
        tpm: None,
        concurrency: Some(2),
        allowed_models: Some(vec!["m".to_owned()]),
        markup_basis_points: 1_250,
        metadata: BTreeMap::from([("crm".to_owned(), "7".to_owned())]),
    }
}

async fn made(db: &Db, n: u128) -> SubAccountRow {
    sub_account_create(db, &scope(1), &new_sub(n), &author(NOW)).await.unwrap()
}

fn all() -> SubAccountFilter {
    SubAccountFilter { limit: 10, ..SubAccountFilter::default() }
}

async fn found(db: &Db, organization: u128, filter: SubAccountFilter) -> Vec<SubAccountId> {
    sub_account_list(db, &scope(organization), &filter).await.unwrap().iter().map(|row| row.id).collect()
}

pub async fn sub_accounts_live_in_their_organization(db: Db) {
    funded(&db, 0).await;
    other_organization(&db, 2, 0).await;
    let row = made(&db, 1).await;
    assert_eq!(sub_account_get(&db, &scope(1), sub(1)).await.unwrap(), row);
    let again = sub_account_create(&db, &scope(1), &NewSubAccount { id: sub(9), ..new_sub(1) }, &author(NOW)).await;
    assert!(matches!(again, Err(StoreError::Conflict { what: "external id" })));
    let foreign = sub_account_create(&db, &scope(2), &new_sub(2), &author(NOW)).await;
    assert!(matches!(foreign, Err(StoreError::NotFound { what: "project" })));
    let update = SubAccountUpdate { rpm: Some(None), markup_basis_points: Some(0), ..SubAccountUpdate::default() };
    for refused in [
        sub_account_get(&db, &scope(2), sub(1)).await.err(),
        sub_account_update(&db, &scope(2), sub(1), &update, &author(NOW)).await.err(),
        sub_account_status_set(&db, &scope(2), sub(1), SubAccountStatus::Closed, &author(NOW)).await.err(),
        sub_account_keys_create(&db, &scope(2), sub(1), &[new_key(2)], &author(NOW)).await.err(),
    ] {
        assert!(matches!(refused, Some(StoreError::NotFound { what: "sub-account" })));
    }
    assert!(found(&db, 2, all()).await.is_empty());
    assert_eq!(sub_account_find(&db, &scope(2), project(1), "cust_1").await.unwrap(), None);
    let before = revision_latest(&db).await.unwrap();
    let changed = sub_account_update(&db, &scope(1), sub(1), &update, &author(UnixMicros(NOW.0 + 5))).await.unwrap();
    assert_eq!(changed, SubAccountRow { rpm: None, markup_basis_points: 0, updated_at: UnixMicros(NOW.0 + 5), ..row });
    let told = changes_after(&db, before, 9).await.unwrap();
    assert_eq!((told.len(), told[0].kind, &*told[0].subject), (1, ChangeKind::SubAccountChanged, &*sub(1).to_string()));
}

pub async fn sub_accounts_are_searched_and_paged(db: Db) {
    funded(&db, 0).await;
    for n in 1..=4 {
        made(&db, n).await;
    }
    sub_account_status_set(&db, &scope(1), sub(2), SubAccountStatus::Suspended, &author(NOW)).await.unwrap();
    let odd = NewSubAccount { external_id: "50%_off".to_owned(), name: "Zürich AG".to_owned(), ..new_sub(5) };
    sub_account_create(&db, &scope(1), &odd, &author(NOW)).await.unwrap();
    let text = |text: &str| SubAccountFilter { text: Some(text.to_owned()), ..all() };
    assert_eq!(found(&db, 1, text("cUST_3")).await, [sub(3)]);
    assert_eq!(found(&db, 1, text("customer 4")).await, [sub(4)]);
    assert_eq!(found(&db, 1, text("%")).await, [sub(5)], "a wildcard is a sign like others");
    assert_eq!(found(&db, 1, text("c_st")).await, []);
    assert_eq!(found(&db, 1, text("rich ag")).await, [sub(5)]);
    assert_eq!(found(&db, 1, SubAccountFilter { external_id: Some("cust_1".to_owned()), ..all() }).await, [sub(1)]);
    assert_eq!(found(&db, 1, SubAccountFilter { status: Some(SubAccountStatus::Suspended), ..all() }).await, [sub(2)]);
    assert_eq!(found(&db, 1, SubAccountFilter { after: Some(sub(2)), limit: 2, ..all() }).await, [sub(3), sub(4)]);
    let of =
        |projects: &[u128]| SubAccountFilter { projects: Some(projects.iter().map(|n| project(*n)).collect::<BTreeSet<_>>()), ..all() };
    assert_eq!(found(&db, 1, of(&[])).await, []);
    assert_eq!(found(&db, 1, of(&[2])).await, []);
    assert_eq!(found(&db, 1, of(&[1, 2])).await.len(), 5);
}

pub async fn a_sub_accounts_keys_are_made_together_or_not_at_all(db: Db) {
    funded(&db, 0).await;
    made(&db, 1).await;
    let author = author(NOW);
    let many: Vec<_> = (2..=9).map(new_key).collect();
    sub_account_keys_create(&db, &scope(1), sub(1), &many, &author).await.unwrap();
    let page = KeyPage::first(100);
    let keys = sub_account_keys_list(&db, &scope(1), sub(1), page).await.unwrap();
    assert_eq!(keys.len(), 8);
    assert!(keys.iter().all(|key| key.sub_account == Some(sub(1)) && key.project == project(1)));
    // One that is there already takes the others with it.
    let twice = sub_account_keys_create(&db, &scope(1), sub(1), &[new_key(10), new_key(1)], &author).await;
    assert!(matches!(twice, Err(StoreError::Conflict { .. })));
    assert_eq!(sub_account_keys_list(&db, &scope(1), sub(1), page).await.unwrap().len(), 8);
    let too_many = vec![new_key(11); 1_001];
    for wrong in [&too_many[..], &[]] {
        assert!(matches!(sub_account_keys_create(&db, &scope(1), sub(1), wrong, &author).await, Err(StoreError::Invalid { .. })));
    }
    let filter = AuditFilter { subject: Some(sub(1).to_string()), ..AuditFilter::default() };
    let lines = audit_list(&db, &scope(1), &filter, None, 9).await.unwrap();
    assert_eq!(
        lines.iter().map(|line| line.action).collect::<Vec<_>>(),
        [AuditAction::SubAccountKeysCreated, AuditAction::SubAccountCreated]
    );

    // A key of a sub-account is no key for others, and a sub-account that there is not has none.
    let right = ApiKeyUpdate { acts_for_sub_accounts: Some(true), ..ApiKeyUpdate::default() };
    assert!(matches!(api_key_update(&db, &scope(1), key(2), &right, &author).await, Err(StoreError::Invalid { .. })));
    assert!(api_key_update(&db, &scope(1), key(1), &right, &author).await.unwrap().acts_for_sub_accounts);
    assert!(caller_by_key_hash(&db, &[1; 32]).await.unwrap().unwrap().acts_for_sub_accounts);
    let both = NewApiKey { sub_account: Some(sub(1)), acts_for_sub_accounts: true, ..new_key(12) };
    assert!(matches!(api_key_create(&db, &scope(1), &both, &author).await, Err(StoreError::Invalid { .. })));
    let none = NewApiKey { sub_account: Some(sub(7)), ..new_key(12) };
    assert!(matches!(api_key_create(&db, &scope(1), &none, &author).await, Err(StoreError::NotFound { what: "sub-account" })));
}

pub async fn a_gateway_learns_of_a_keys_sub_account(db: Db) {
    funded(&db, 0).await;
    let row = made(&db, 1).await;
    sub_account_keys_create(&db, &scope(1), sub(1), &[new_key(2)], &author(NOW)).await.unwrap();
    for (n, value) in [(1, sub(1)), (2, sub(2)), (3, sub(1))] {
        let on = new_budget(n, BudgetScopeKind::SubAccount, &value.to_string(), 5);
        budget_create(&db, &scope(1), &on, &author(NOW)).await.unwrap();
    }
    let caller = async |n: u8| caller_by_key_hash(&db, &[n; 32]).await.unwrap().unwrap();
    assert_eq!((caller(1).await.sub_account, caller(1).await.budgets.len()), (None, 0));
    let known = caller(2).await;
    assert_eq!(known.budgets.iter().map(|found| found.id).collect::<Vec<_>>(), [budget(1), budget(3)]);
    let told = known.sub_account.unwrap();
    assert_eq!((told.id, told.status, told.rpm, told.tpm), (sub(1), SubAccountStatus::Active, Some(60), None));
    assert_eq!((told.concurrency, told.allowed_models.clone(), told.markup_basis_points), (Some(2), row.allowed_models, 1_250));
    // The same by its name, from a key of the project.
    for name in ["cust_1".to_owned(), sub(1).to_string()] {
        let found = sub_account_find(&db, &scope(1), project(1), &name).await.unwrap().unwrap();
        assert_eq!((found.sub_account, found.budgets.len()), (told.clone(), 2));
    }
    assert_eq!(sub_account_find(&db, &scope(1), project(2), "cust_1").await.unwrap(), None, "of another project");

    let set = async |status| sub_account_status_set(&db, &scope(1), sub(1), status, &author(NOW)).await;
    let before = revision_latest(&db).await.unwrap();
    for _ in 0..2 {
        assert_eq!(set(SubAccountStatus::Suspended).await.unwrap().status, SubAccountStatus::Suspended);
    }
    assert_eq!(changes_after(&db, before, 9).await.unwrap().len(), 1, "what it is already is told once");
    assert_eq!(caller(2).await.sub_account.unwrap().status, SubAccountStatus::Suspended);
    set(SubAccountStatus::Active).await.unwrap();
    assert_eq!(caller(2).await.sub_account.unwrap().status, SubAccountStatus::Active);
    set(SubAccountStatus::Closed).await.unwrap();
    assert_eq!(caller(2).await.key_status, KeyStatus::Revoked);
    assert_eq!(api_key_get(&db, &scope(1), key(2)).await.unwrap().revoked_at, Some(NOW));
    assert_eq!(caller(1).await.key_status, KeyStatus::Active);
    for refused in [
        set(SubAccountStatus::Active).await.err(),
        sub_account_update(&db, &scope(1), sub(1), &SubAccountUpdate::default(), &author(NOW)).await.err(),
        sub_account_keys_create(&db, &scope(1), sub(1), &[new_key(3)], &author(NOW)).await.err(),
    ] {
        assert!(matches!(refused, Some(StoreError::Conflict { what: "sub-account" })));
    }
}
