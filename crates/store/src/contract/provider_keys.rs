//! Organizations' own keys at providers.

use std::collections::BTreeSet;

use domain::{NanoUsd, ProviderKeyId};
use uuid::Uuid;

use crate::contract::world::{NOW, author, event, funded, organization, other_organization, post, scope, user};
use crate::{
    ChangeKind, DataKeyRow, Db, KeyOutcome, NewProviderKey, Page, PostedEvent, ProviderKeyRow, ProviderKeySecret, ProviderKeySettings,
    ProviderKeyStatus, ProviderKeyUpdate, ProviderKeyUse, ProviderOptions, SecretKind, SpendCap, SpendWindow, StoreError, changes_after,
    data_key_counts, data_key_create, data_key_get, data_key_resealed, data_keys_under_others, provider_key_create, provider_key_delete,
    provider_key_get, provider_key_list, provider_key_spent, provider_key_tested, provider_key_update, provider_keys_sealed,
    provider_keys_used, revision_latest,
};

fn id(n: u128) -> ProviderKeyId {
    ProviderKeyId::from_uuid(Uuid::from_u128(0x1200 + n))
}

fn data_key(version: u32) -> DataKeyRow {
    DataKeyRow { version, sealed: vec![u8::try_from(version).unwrap(); 60], master_key: Some("mk_old".to_owned()) }
}

fn secret(n: u8) -> ProviderKeySecret {
    ProviderKeySecret {
        base_url: None,
        sealed: vec![n; 40],
        key_version: 1,
        prefix: "sk-a".to_owned(),
        last4: "wxyz".to_owned(),
        tested_at: Some(NOW),
        kind: SecretKind::Key,
    }
}

fn new(n: u8, priority: u32) -> NewProviderKey {
    NewProviderKey {
        id: id(n.into()),
        provider: "openai".to_owned(),
        name: format!("key {n}"),
        priority,
        weight: 1,
        settings: ProviderKeySettings::default(),
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

pub async fn data_keys_are_sealed_anew_one_by_one(db: Db) {
    two_organizations(&db).await;
    data_key_create(&db, &scope(1), &DataKeyRow { master_key: None, ..data_key(2) }, NOW).await.unwrap();
    assert_eq!(
        data_key_counts(&db).await.unwrap().into_iter().collect::<BTreeSet<_>>(),
        [(None, 1), (Some("mk_old".to_owned()), 2)].into()
    );
    assert_eq!(data_keys_under_others(&db, "mk_old", None, 10).await.unwrap().len(), 1, "one of before there were ids is another's");
    let (mut after, mut seen) = (None, Vec::new());
    while let Some((organization, row)) = data_keys_under_others(&db, "mk_new", after, 1).await.unwrap().pop() {
        after = Some((organization, row.version));
        seen.push((organization, row));
    }
    assert_eq!(seen.iter().map(|(organization, row)| (*organization, row.version)).collect::<Vec<_>>(), {
        [(scope(1).organization(), 1), (scope(1).organization(), 2), (scope(2).organization(), 1)]
    });
    let (organization, was) = seen.remove(1);
    assert!(data_key_resealed(&db, organization, &was, ("mk_new", &[9; 60])).await.unwrap());
    assert!(!data_key_resealed(&db, organization, &was, ("mk_new", &[8; 60])).await.unwrap(), "it is no longer what it was");
    let now = data_key_get(&db, &scope(1), Some(2)).await.unwrap().unwrap();
    assert_eq!(now, DataKeyRow { version: 2, sealed: vec![9; 60], master_key: Some("mk_new".to_owned()) });
    assert_eq!(data_keys_under_others(&db, "mk_new", None, 10).await.unwrap(), seen, "and no other row is another one");
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
    let rows = provider_key_list(&db, &scope(1), &Page::first(10), NOW).await.unwrap();
    assert_eq!(rows.iter().map(|row| row.id).collect::<Vec<_>>(), [id(2), id(1)]);
    let sealed = provider_keys_sealed(&db, &scope(2)).await.unwrap();
    assert_eq!(sealed.iter().map(|row| (row.id, &*row.sealed)).collect::<Vec<_>>(), [(id(3), [1; 40].as_slice())]);

    let theirs = scope(2);
    let update = ProviderKeyUpdate { priority: Some(9), ..ProviderKeyUpdate::default() };
    assert!(matches!(provider_key_get(&db, &theirs, id(1), NOW).await, Err(StoreError::NotFound { .. })));
    assert!(matches!(provider_key_update(&db, &theirs, id(1), &update, &author(NOW)).await, Err(StoreError::NotFound { .. })));
    assert!(matches!(provider_key_delete(&db, &theirs, id(1), &author(NOW)).await, Err(StoreError::NotFound { .. })));
    provider_key_tested(&db, &theirs, id(1), Some("x"), &author(NOW)).await.unwrap();
    assert_eq!(provider_key_get(&db, &scope(1), id(1), NOW).await.unwrap().last_error, None);
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
    let failed = provider_key_get(&db, &scope(1), id(1), NOW).await.unwrap();
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
    assert_eq!(provider_key_get(&db, &scope(1), id(1), NOW).await.unwrap().tested_at, Some(later));

    let missing = ProviderKeySecret { key_version: 7, ..secret(9) };
    let update = ProviderKeyUpdate { secret: Some(missing), ..ProviderKeyUpdate::default() };
    assert!(provider_key_update(&db, &scope(1), id(1), &update, &author(later)).await.is_err(), "sealed with a key that is not there");
}

pub async fn a_provider_keys_settings_are_kept(db: Db) {
    two_organizations(&db).await;
    let settings = ProviderKeySettings {
        region: Some("eu-1".to_owned()),
        options: Some(ProviderOptions::Vertex { project: "p".to_owned() }),
        allowed_models: Some(vec!["gpt-4o".to_owned()]),
        spend_cap: Some(SpendCap { amount: NanoUsd(7), window: SpendWindow::Total }),
    };
    let key = NewProviderKey { settings: settings.clone(), secret: ProviderKeySecret { kind: SecretKind::Aws, ..secret(1) }, ..new(1, 0) };
    provider_key_create(&db, &scope(1), &key, &author(NOW)).await.unwrap();
    let row = provider_key_get(&db, &scope(1), id(1), NOW).await.unwrap();
    assert_eq!((row.settings, row.kind), (settings.clone(), SecretKind::Aws));
    let sealed = provider_keys_sealed(&db, &scope(1)).await.unwrap().remove(0);
    assert_eq!((sealed.settings, sealed.kind), (settings, SecretKind::Aws));
    let update = ProviderKeyUpdate { settings: Some(ProviderKeySettings::default()), ..ProviderKeyUpdate::default() };
    let row = provider_key_update(&db, &scope(1), id(1), &update, &author(NOW)).await.unwrap();
    assert_eq!(row.settings, ProviderKeySettings::default());
}

pub async fn calls_tell_how_a_provider_key_does(db: Db) {
    two_organizations(&db).await;
    provider_key_create(&db, &scope(1), &new(1, 0), &author(NOW)).await.unwrap();
    let get = || async { provider_key_get(&db, &scope(1), id(1), NOW).await.unwrap() };
    let used =
        |n, seconds, outcome| ProviderKeyUse { organization: organization(n), id: id(1), used_at: NOW.plus_seconds(seconds), outcome };
    let failed = KeyOutcome::Failed { code: "upstream_error", cooling_until: Some(NOW.plus_seconds(9)) };
    provider_keys_used(&db, &[used(1, 1, failed)]).await.unwrap();
    let shown = |row: ProviderKeyRow| (row.last_used_at, row.last_error, row.last_error_at, row.cooling_until);
    let error = || Some("upstream_error".to_owned());
    let at = |seconds| Some(NOW.plus_seconds(seconds));
    assert_eq!(shown(get().await), (at(1), error(), at(1), at(9)));
    provider_keys_used(&db, &[used(1, 2, KeyOutcome::Neutral)]).await.unwrap();
    assert_eq!(shown(get().await), (at(2), error(), at(1), at(9)));
    // Another tenant's word, and one about the key that was there before, change nothing.
    provider_keys_used(&db, &[used(2, 3, KeyOutcome::Well), used(1, -1, KeyOutcome::Well)]).await.unwrap();
    assert_eq!(shown(get().await), (at(2), error(), at(1), at(9)));
    provider_keys_used(&db, &[used(1, 4, KeyOutcome::Well)]).await.unwrap();
    assert_eq!(shown(get().await), (at(4), None, None, None));
}

pub async fn what_a_provider_key_spends_is_counted_with_its_calls(db: Db) {
    two_organizations(&db).await;
    provider_key_create(&db, &scope(1), &new(1, 0), &author(NOW)).await.unwrap();
    let month = 32 * 86_400;
    let of = |seq, cost, seconds| PostedEvent {
        provider_key: Some(id(1)),
        cost: NanoUsd(cost),
        ended_at: NOW.plus_seconds(seconds),
        ..event(seq, None, 0)
    };
    let events = [of(1, 5, 0), of(2, 7, 0), of(3, 100, -month)];
    for _ in 0..2 {
        post(&db, &events).await;
    }
    let spent = provider_key_spent(&db, &scope(1), id(1), NOW).await.unwrap();
    assert_eq!(spent, (NanoUsd(12), NanoUsd(112)), "the same batch again counts nothing");
    assert_eq!(provider_key_spent(&db, &scope(2), id(1), NOW).await.unwrap(), (NanoUsd::ZERO, NanoUsd::ZERO));
    let row = provider_key_get(&db, &scope(1), id(1), NOW).await.unwrap();
    assert_eq!((row.spent_month, row.spent_total), spent);
}
