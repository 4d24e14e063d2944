//! People, organizations, projects, keys and the outbox.

use std::collections::BTreeSet;

use domain::{NanoUsd, UnixMicros};

use crate::contract::world::{
    NOW, author, balance, first_start, funded, key, new_key, new_management_key, organization, other_organization, project, proven, scope,
    user,
};
use crate::{
    ApiKeyRotate, ApiKeyUpdate, Bootstrapped, ChangeKind, Db, ImportOutcome, KeyPage, KeyRules, KeyStatus, NewApiKey, NewManagementKey,
    Page, ProjectMode, ProjectUpdate, Role, StoreError, api_key_create, api_key_get, api_key_import, api_key_list, api_key_list_of,
    api_key_revoke, api_key_rotate, api_key_update, api_key_used, bootstrap, bootstrap_state, caller_by_key_hash, changes_after,
    management_caller_by_key_hash, management_key_create, management_key_list, management_key_revoke, memberships_of, organization_get,
    person_by_email, person_get, project_get, project_list, project_update, revision_latest,
};

const ALL: KeyPage = KeyPage { after: None, limit: 100 };

pub async fn a_bootstrap_makes_everything_once(db: Db) {
    assert_eq!(bootstrap_state(&db, "ada@example.com").await.unwrap(), None);
    let first = first_start(NanoUsd::from_usd(5));
    let Bootstrapped::Created(made) = bootstrap(&db, &first).await.unwrap() else { panic!("made before") };
    assert_eq!(balance(&db).await, (5_000_000_000, 0, 0));

    let mut again = first_start(NanoUsd::from_usd(5));
    again.email = " ADA@example.COM".to_owned();
    again.organization = organization(2);
    again.api_key.hash = [9; 32];
    let Bootstrapped::Existed(found) = bootstrap(&db, &again).await.unwrap() else { panic!("made twice") };
    assert_eq!(found, made);
    assert_eq!(bootstrap_state(&db, "ada@example.com").await.unwrap(), Some(made));
    assert_eq!(balance(&db).await, (5_000_000_000, 0, 0));
    assert!(matches!(organization_get(&db, &scope(2)).await, Err(StoreError::NotFound { .. })));
    assert_eq!(caller_by_key_hash(&db, &[9; 32]).await.unwrap(), None, "a repeat stores no key by itself");

    // Fresh keys on a repeat are explicit.
    api_key_create(&db, &scope(1), &new_key(9), &author(NOW)).await.unwrap();
    management_key_create(&db, &scope(1), &new_management_key(9), &author(NOW)).await.unwrap();
    assert_eq!(api_key_list(&db, &scope(1), ALL).await.unwrap().len(), 2);

    let mut stranger = first_start(NanoUsd::ZERO);
    stranger.email = "eve@example.com".to_owned();
    assert!(matches!(bootstrap(&db, &stranger).await, Err(StoreError::Conflict { .. })));
    proven(&db).await;
}

pub async fn bootstraps_at_once_make_one_instance(db: Db) {
    let starts: Vec<_> = (0..8u8)
        .map(|n| {
            let db = db.clone();
            tokio::spawn(async move {
                let mut start = first_start(NanoUsd::from_usd(1));
                start.organization = organization(n.into());
                start.user = user(n.into());
                start.management_key.created_by = user(n.into());
                bootstrap(&db, &start).await.unwrap()
            })
        })
        .collect();
    let mut made = 0;
    for start in starts {
        made += u32::from(matches!(start.await.unwrap(), Bootstrapped::Created(_)));
    }
    assert_eq!(made, 1);
    assert_eq!(crate::ledger_prove(&db).await.unwrap().held, NanoUsd::from_usd(1));
}

pub async fn a_key_opens_until_it_is_revoked(db: Db) {
    funded(&db, 0).await;
    let key_2 = NewApiKey {
        rpm: Some(60),
        concurrency: Some(4),
        allowed_models: Some(vec!["gpt-4o".to_owned()]),
        expires_at: Some(UnixMicros(9)),
        created_by: Some(user(1)),
        ..new_key(2)
    };
    api_key_create(&db, &scope(1), &key_2, &author(NOW)).await.unwrap();
    let before = revision_latest(&db).await.unwrap();
    let caller = caller_by_key_hash(&db, &[2; 32]).await.unwrap().unwrap();
    assert_eq!((caller.key, caller.organization, caller.project), (key(2), organization(1), project(1)));
    assert_eq!((caller.levels.len(), caller.expires_at), (1, Some(UnixMicros(9))));
    let own = &caller.levels[0].narrowing;
    assert_eq!((own.rpm, own.tpm, own.concurrency), (Some(60), None, Some(4)));
    assert_eq!(own.allowed_models.as_deref(), Some(&["gpt-4o".to_owned()][..]));
    assert_eq!((caller.mode, caller.key_status, caller.revision), (ProjectMode::Hybrid, KeyStatus::Active, before));

    api_key_revoke(&db, &scope(1), key(2), &author(NOW)).await.unwrap();
    api_key_revoke(&db, &scope(1), key(2), &author(NOW)).await.unwrap();
    let changes = changes_after(&db, before, 10).await.unwrap();
    assert_eq!(changes.len(), 1, "revoking twice is told once");
    assert_eq!((changes[0].kind, changes[0].key_hash, changes[0].organization), (ChangeKind::KeyRevoked, Some([2; 32]), organization(1)));
    assert_eq!(changes[0].subject, key(2).to_string());
    let caller = caller_by_key_hash(&db, &[2; 32]).await.unwrap().unwrap();
    assert_eq!((caller.key_status, caller.revision), (KeyStatus::Revoked, changes[0].revision));

    assert_eq!(caller_by_key_hash(&db, &[3; 32]).await.unwrap(), None);
    assert!(matches!(api_key_create(&db, &scope(1), &key_2, &author(NOW)).await, Err(StoreError::Conflict { .. })));
    assert_eq!(revision_latest(&db).await.unwrap(), changes[0].revision, "what failed is not told");
}

pub async fn a_project_update_is_told_to_gateways(db: Db) {
    funded(&db, 0).await;
    let before = revision_latest(&db).await.unwrap();
    let update = ProjectUpdate { mode: Some(ProjectMode::ApiKeys), cache_enabled: Some(true), ..ProjectUpdate::default() };
    let changed = project_update(&db, &scope(1), project(1), &update, &author(UnixMicros(5))).await.unwrap();
    assert_eq!((changed.mode, changed.cache_enabled, changed.cache_ttl_seconds), (ProjectMode::ApiKeys, true, 3_600));
    assert_eq!((&*changed.name, changed.updated_at, changed.created_at), ("Default", UnixMicros(5), NOW));
    assert_eq!(project_get(&db, &scope(1), project(1)).await.unwrap(), changed);
    assert_eq!(project_list(&db, &scope(1), None, Page::first(10)).await.unwrap(), [changed]);
    let changes = changes_after(&db, before, 10).await.unwrap();
    assert_eq!((changes.len(), changes[0].kind, &*changes[0].subject), (1, ChangeKind::ProjectChanged, &*project(1).to_string()));
    let caller = caller_by_key_hash(&db, &[1; 32]).await.unwrap().unwrap();
    assert_eq!((caller.mode, caller.cache_enabled), (ProjectMode::ApiKeys, true));
}

pub async fn an_imported_key_belongs_to_one_organization(db: Db) {
    funded(&db, 0).await;
    other_organization(&db, 2, 0).await;
    assert_eq!(api_key_import(&db, &scope(1), &new_key(5), &author(NOW)).await.unwrap(), ImportOutcome::Created(key(5)));
    let again = NewApiKey { id: key(6), ..new_key(5) };
    assert_eq!(api_key_import(&db, &scope(1), &again, &author(NOW)).await.unwrap(), ImportOutcome::Existed(key(5)));
    assert!(matches!(api_key_import(&db, &scope(2), &again, &author(NOW)).await, Err(StoreError::Conflict { .. })));
    assert!(api_key_get(&db, &scope(1), key(5)).await.unwrap().imported);
}

pub async fn keys_are_listed_by_page(db: Db) {
    funded(&db, 0).await;
    for n in 2..=5 {
        api_key_create(&db, &scope(1), &new_key(n), &author(NOW)).await.unwrap();
    }
    let first = api_key_list_of(&db, &scope(1), &BTreeSet::from([project(1)]), KeyPage { after: None, limit: 3 }).await.unwrap();
    let rest =
        api_key_list_of(&db, &scope(1), &BTreeSet::from([project(1)]), KeyPage { after: Some(first[2].id), limit: 3 }).await.unwrap();
    let ids: Vec<_> = first.iter().chain(&rest).map(|row| row.id).collect();
    assert_eq!(ids, (1..=5).map(key).collect::<Vec<_>>());
    assert!(api_key_list_of(&db, &scope(1), &BTreeSet::from([project(2)]), ALL).await.unwrap().is_empty());

    api_key_used(&db, &scope(1), key(2), UnixMicros(20)).await.unwrap();
    api_key_used(&db, &scope(1), key(2), UnixMicros(10)).await.unwrap();
    assert_eq!(api_key_get(&db, &scope(1), key(2)).await.unwrap().last_used_at, Some(UnixMicros(20)));
}

pub async fn nothing_is_seen_through_another_scope(db: Db) {
    funded(&db, 0).await;
    other_organization(&db, 2, 0).await;
    let two = scope(2);
    let before = revision_latest(&db).await.unwrap();
    assert!(matches!(project_get(&db, &two, project(1)).await, Err(StoreError::NotFound { .. })));
    assert!(matches!(
        project_update(&db, &two, project(1), &ProjectUpdate::default(), &author(NOW)).await,
        Err(StoreError::NotFound { .. })
    ));
    assert!(matches!(api_key_get(&db, &two, key(1)).await, Err(StoreError::NotFound { .. })));
    assert!(matches!(api_key_revoke(&db, &two, key(1), &author(NOW)).await, Err(StoreError::NotFound { .. })));
    assert!(matches!(api_key_create(&db, &two, &new_key(7), &author(NOW)).await, Err(StoreError::NotFound { what: "project" })));
    assert!(matches!(
        management_key_create(&db, &two, &new_management_key(7), &author(NOW)).await,
        Err(StoreError::NotFound { what: "member" })
    ));
    assert!(matches!(management_key_revoke(&db, &two, new_management_key(1).id, &author(NOW)).await, Err(StoreError::NotFound { .. })));
    api_key_used(&db, &two, key(1), NOW).await.unwrap();
    assert!(api_key_list(&db, &two, ALL).await.unwrap().is_empty());
    assert!(management_key_list(&db, &two, Page::first(10)).await.unwrap().is_empty());
    assert!(project_list(&db, &two, None, Page::first(10)).await.unwrap().is_empty());
    assert_eq!(api_key_get(&db, &scope(1), key(1)).await.unwrap().last_used_at, None);
    assert_eq!(revision_latest(&db).await.unwrap(), before);
}

pub async fn a_management_key_shows_its_maker(db: Db) {
    funded(&db, 0).await;
    let hash = new_management_key(1).hash;
    let caller = management_caller_by_key_hash(&db, &hash).await.unwrap().unwrap();
    assert_eq!((caller.organization, caller.created_by, caller.role), (organization(1), user(1), Some(Role::Owner)));
    assert!(caller.is_operator && caller.scopes.is_none());
    let scopes = Some(vec!["usage:read".to_owned()]);
    let narrow = NewManagementKey { scopes: scopes.clone(), ..new_management_key(2) };
    management_key_create(&db, &scope(1), &narrow, &author(NOW)).await.unwrap();
    assert_eq!(management_caller_by_key_hash(&db, &narrow.hash).await.unwrap().unwrap().scopes, scopes);
    assert_eq!(management_key_list(&db, &scope(1), Page::first(10)).await.unwrap()[1].scopes, scopes);
    management_key_revoke(&db, &scope(1), caller.key, &author(NOW)).await.unwrap();
    management_key_revoke(&db, &scope(1), caller.key, &author(NOW)).await.unwrap();
    assert_eq!(management_caller_by_key_hash(&db, &hash).await.unwrap().unwrap().status, KeyStatus::Revoked);
    assert_eq!(management_caller_by_key_hash(&db, &[0; 32]).await.unwrap(), None);
    assert_eq!(management_key_list(&db, &scope(1), Page::first(10)).await.unwrap().len(), 2);
}

pub async fn the_e_mail_has_no_case(db: Db) {
    funded(&db, 0).await;
    let person = person_by_email(&db, "ADA@EXAMPLE.COM").await.unwrap().unwrap();
    assert_eq!((&*person.email, person.is_operator), ("ada@example.com", true));
    assert_eq!(person_get(&db, user(1)).await.unwrap(), person);
    assert_eq!(person_by_email(&db, "eve@example.com").await.unwrap(), None);
    let memberships = memberships_of(&db, user(1)).await.unwrap();
    assert_eq!((memberships.len(), memberships[0].organization, memberships[0].role), (1, organization(1), Role::Owner));
    assert_eq!(organization_get(&db, &scope(1)).await.unwrap().name, "Acme");
}

pub async fn a_closed_database_is_unavailable(db: Db) {
    db.ping().await.unwrap();
    db.close().await;
    assert!(matches!(db.ping().await, Err(StoreError::Unavailable { .. })));
    assert!(matches!(caller_by_key_hash(&db, &[1; 32]).await, Err(StoreError::Unavailable { .. })));
    assert!(matches!(bootstrap(&db, &first_start(NanoUsd::ZERO)).await, Err(StoreError::Unavailable { .. })));
}

pub async fn migrating_twice_changes_nothing(db: Db) {
    funded(&db, 77).await;
    db.migrate().await.unwrap();
    assert_eq!(balance(&db).await, (77, 0, 0));
}

pub async fn a_key_changes_where_it_is_told_to(db: Db) {
    funded(&db, 1).await;
    other_organization(&db, 2, 0).await;
    let made = KeyRules { tags: vec!["made".to_owned()], ..KeyRules::default() };
    let limits = NewApiKey { rpm: Some(10), tpm: Some(20), allowed_models: Some(vec!["a".to_owned()]), rules: made, ..new_key(5) };
    api_key_create(&db, &scope(1), &limits, &author(NOW)).await.unwrap();
    let since = revision_latest(&db).await.unwrap();
    let update = ApiKeyUpdate { name: Some("other".to_owned()), rpm: Some(None), concurrency: Some(Some(3)), ..ApiKeyUpdate::default() };
    let changed = api_key_update(&db, &scope(1), key(5), &update, &author(NOW)).await.unwrap();
    assert_eq!((&*changed.name, changed.rpm, changed.tpm, changed.concurrency), ("other", None, Some(20), Some(3)));
    assert_eq!(changed.allowed_models.as_deref(), Some(["a".to_owned()].as_slice()));
    assert_eq!(changed.rules.tags, ["made"], "what is left out stays");
    assert_eq!(api_key_get(&db, &scope(1), key(5)).await.unwrap(), changed);
    assert_eq!(caller_by_key_hash(&db, &[5; 32]).await.unwrap().unwrap().levels[0].narrowing.concurrency, Some(3));
    let told = changes_after(&db, since, 10).await.unwrap();
    assert_eq!(told.iter().map(|change| (change.kind, change.key_hash)).collect::<Vec<_>>(), [(ChangeKind::KeyChanged, Some([5; 32]))]);

    let rules =
        KeyRules { allowed_ips: vec!["10.0.0.0/8".to_owned()], input_price_max_nano_usd_per_million: Some(7), ..KeyRules::default() };
    let other = ApiKeyUpdate { rules: Some(rules.clone()), ..ApiKeyUpdate::default() };
    assert_eq!(api_key_update(&db, &scope(1), key(5), &other, &author(NOW)).await.unwrap().rules, rules, "replaced as a whole");
    assert_eq!(caller_by_key_hash(&db, &[5; 32]).await.unwrap().unwrap().levels[0].narrowing.rules, rules);
    let none = ApiKeyUpdate { rules: Some(KeyRules::default()), ..ApiKeyUpdate::default() };
    api_key_update(&db, &scope(1), key(5), &none, &author(NOW)).await.unwrap();
    assert_eq!(caller_by_key_hash(&db, &[5; 32]).await.unwrap().unwrap().levels[0].narrowing.rules, KeyRules::default());

    assert!(matches!(api_key_update(&db, &scope(2), key(5), &update, &author(NOW)).await, Err(StoreError::NotFound { .. })));
    api_key_revoke(&db, &scope(1), key(5), &author(NOW)).await.unwrap();
    assert!(matches!(api_key_update(&db, &scope(1), key(5), &update, &author(NOW)).await, Err(StoreError::Conflict { .. })));
}

pub async fn a_rotated_key_opens_until_its_grace_ends(db: Db) {
    funded(&db, 1).await;
    other_organization(&db, 2, 0).await;
    api_key_create(&db, &scope(1), &new_key(5), &author(NOW)).await.unwrap();
    let since = revision_latest(&db).await.unwrap();
    let end = NOW.plus_seconds(60);
    let rotate = |old, new, end| ApiKeyRotate { old: key(old), old_ends_at: end, new: new_key(new) };
    api_key_rotate(&db, &scope(1), &rotate(5, 6, end), &author(NOW)).await.unwrap();
    assert_eq!(caller_by_key_hash(&db, &[5; 32]).await.unwrap().unwrap().expires_at, Some(end));
    assert_eq!(caller_by_key_hash(&db, &[6; 32]).await.unwrap().unwrap().expires_at, None);
    let told = changes_after(&db, since, 10).await.unwrap();
    let told: Vec<_> = told.iter().map(|change| (change.kind, change.key_hash)).collect();
    assert_eq!(told, [(ChangeKind::KeyChanged, Some([5; 32])), (ChangeKind::KeyCreated, Some([6; 32]))]);

    api_key_rotate(&db, &scope(1), &rotate(5, 7, NOW.plus_seconds(600)), &author(NOW)).await.unwrap();
    assert_eq!(api_key_get(&db, &scope(1), key(5)).await.unwrap().expires_at, Some(end), "a second rotation lengthened the first's grace");
    for (scope, old, new, at) in [(scope(1), 5, 8, end), (scope(2), 6, 8, NOW), (scope(1), 6, 5, NOW)] {
        assert!(api_key_rotate(&db, &scope, &rotate(old, new, end), &author(at)).await.is_err());
        assert!(
            old == 5 || api_key_get(&db, &super::world::scope(1), key(6)).await.unwrap().expires_at.is_none(),
            "half a rotation stayed"
        );
    }
}
