//! Organizations' own keys at providers.

use domain::ProviderKeyId;
use uuid::Uuid;

use crate::contract::world::{NOW, author, funded, other_organization, scope, user};
use crate::{
    ChangeKind, DataKeyRow, Db, NewProviderKey, Page, ProviderKeySecret, ProviderKeyStatus, ProviderKeyUpdate, StoreError, changes_after,
    data_key_create, data_key_get, provider_key_create, provider_key_delete, provider_key_get, provider_key_list, provider_key_tested,
    provider_key_update, provider_keys_sealed, revision_latest,
};

fn id(n: u128) -> ProviderKeyId {
    ProviderKeyId::from_uuid(Uuid::from_u128(0x1200 + n))
}

fn data_key(version: u32) -> DataKeyRow {
    DataKeyRow { version, sealed: vec![u8::try_from(version).unwrap(); 60] }
}

fn secret(n: u8) -> ProviderKeySecret {
    ProviderKeySecret {
        base_url: None,
        sealed: vec![n; 40],
        key_version: 1,
        prefix: "sk-a".to_owned(),
        last4: "wxyz".to_owned(),
        tested_at: Some(NOW),
    }
}

fn new(n: u8, priority: u32) -> NewProviderKey {
    NewProviderKey {
        id: id(n.into()),
        provider: "openai".to_owned(),
        name: format!("key {n}"),
        priority,
        weight: 1,
        secret: secret(n),
        created_by: user(1),
    }
}

async fn two_organizations(db: &Db) {
    funded(db, 1).await;
    other_organization(db, 2, 0).await;
    for n in [1, 2] {
        data_key_create(db, &scope(n), &data_key(1), NOW).await.unwrap();
    }
}

pub async fn a_data_key_is_made_once(db: Db) {
    two_organizations(&db).await;
    assert!(matches!(data_key_create(&db, &scope(1), &data_key(1), NOW).await, Err(StoreError::Conflict { .. })));
    data_key_create(&db, &scope(1), &data_key(2), NOW).await.unwrap();
    assert_eq!(data_key_get(&db, &scope(1), None).await.unwrap(), Some(data_key(2)));
    assert_eq!(data_key_get(&db, &scope(1), Some(1)).await.unwrap(), Some(data_key(1)));
    assert_eq!(data_key_get(&db, &scope(2), None).await.unwrap(), Some(data_key(1)));
    assert_eq!(data_key_get(&db, &scope(2), Some(2)).await.unwrap(), None);
}

pub async fn provider_keys_live_in_their_organization(db: Db) {
    two_organizations(&db).await;
    let since = revision_latest(&db).await.unwrap();
    for key in [new(1, 5), new(2, 0)] {
        provider_key_create(&db, &scope(1), &key, &author(NOW)).await.unwrap();
    }
    let same_name = NewProviderKey { id: id(3), ..new(1, 0) };
    assert!(matches!(provider_key_create(&db, &scope(1), &same_name, &author(NOW)).await, Err(StoreError::Conflict { .. })));
    provider_key_create(&db, &scope(2), &same_name, &author(NOW)).await.unwrap();
    let rows = provider_key_list(&db, &scope(1), &Page::first(10)).await.unwrap();
    assert_eq!(rows.iter().map(|row| row.id).collect::<Vec<_>>(), [id(2), id(1)]);
    let sealed = provider_keys_sealed(&db, &scope(2)).await.unwrap();
    assert_eq!(sealed.iter().map(|row| (row.id, &*row.sealed)).collect::<Vec<_>>(), [(id(3), [1; 40].as_slice())]);

    let theirs = scope(2);
    let update = ProviderKeyUpdate { priority: Some(9), ..ProviderKeyUpdate::default() };
    assert!(matches!(provider_key_get(&db, &theirs, id(1)).await, Err(StoreError::NotFound { .. })));
    assert!(matches!(provider_key_update(&db, &theirs, id(1), &update, &author(NOW)).await, Err(StoreError::NotFound { .. })));
    assert!(matches!(provider_key_delete(&db, &theirs, id(1), &author(NOW)).await, Err(StoreError::NotFound { .. })));
    provider_key_tested(&db, &theirs, id(1), Some("x"), &author(NOW)).await.unwrap();
    assert_eq!(provider_key_get(&db, &scope(1), id(1)).await.unwrap().last_error, None);
    provider_key_delete(&db, &scope(1), id(1), &author(NOW)).await.unwrap();
    assert!(matches!(provider_key_delete(&db, &scope(1), id(1), &author(NOW)).await, Err(StoreError::NotFound { .. })));
    let told = changes_after(&db, since, 10).await.unwrap();
    assert_eq!(told.len(), 4);
    assert!(told.iter().all(|change| change.kind == ChangeKind::ProviderKeysChanged));
}

pub async fn another_provider_key_forgets_the_tests_of_the_old_one(db: Db) {
    two_organizations(&db).await;
    provider_key_create(&db, &scope(1), &new(1, 0), &author(NOW)).await.unwrap();
    let later = NOW.plus_seconds(60);
    provider_key_tested(&db, &scope(1), id(1), Some("upstream_authentication"), &author(later)).await.unwrap();
    let failed = provider_key_get(&db, &scope(1), id(1)).await.unwrap();
    assert_eq!((failed.last_error.as_deref(), failed.last_error_at), (Some("upstream_authentication"), Some(later)));
    assert_eq!(failed.tested_at, Some(NOW));

    let update = ProviderKeyUpdate { status: Some(ProviderKeyStatus::Disabled), weight: Some(3), ..ProviderKeyUpdate::default() };
    let changed = provider_key_update(&db, &scope(1), id(1), &update, &author(later)).await.unwrap();
    assert_eq!((changed.status, changed.weight, changed.priority, changed.updated_at), (ProviderKeyStatus::Disabled, 3, 0, later));
    assert!(changed.last_error.is_some());

    let other = ProviderKeySecret { base_url: Some("https://example.com/v1".to_owned()), tested_at: None, ..secret(9) };
    let update = ProviderKeyUpdate { secret: Some(other), ..ProviderKeyUpdate::default() };
    let replaced = provider_key_update(&db, &scope(1), id(1), &update, &author(later)).await.unwrap();
    assert_eq!((replaced.last_error, replaced.tested_at), (None, None));
    assert_eq!(replaced.base_url.as_deref(), Some("https://example.com/v1"));
    assert_eq!(provider_keys_sealed(&db, &scope(1)).await.unwrap()[0].sealed, [9; 40]);
    provider_key_tested(&db, &scope(1), id(1), None, &author(later)).await.unwrap();
    assert_eq!(provider_key_get(&db, &scope(1), id(1)).await.unwrap().tested_at, Some(later));

    let missing = ProviderKeySecret { key_version: 7, ..secret(9) };
    let update = ProviderKeyUpdate { secret: Some(missing), ..ProviderKeyUpdate::default() };
    assert!(provider_key_update(&db, &scope(1), id(1), &update, &author(later)).await.is_err(), "sealed with a key that is not there");
}
