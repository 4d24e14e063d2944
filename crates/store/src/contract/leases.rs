//! The lease broker's acts.

use domain::NanoUsd;
use uuid::Uuid;

use crate::contract::world::{EPOCH, NOW, ask, balance, event, funded, gateway, lease, leased, other_organization, post, proven, scope};
use crate::{
    Db, LeaseExtend, LeaseGrant, LeaseGranted, LeaseReturn, LeaseReturned, LeaseState, StoreError, lease_extend, lease_get, lease_grant,
    lease_return, leases_open,
};

fn got(granted: i64, available: i64) -> LeaseGranted {
    LeaseGranted { granted: NanoUsd(granted), available: NanoUsd(available) }
}

fn more(n: u128, id: u128, want: i64, least: i64) -> LeaseExtend {
    LeaseExtend { lease: lease(n), extension: Uuid::from_u128(id), want: NanoUsd(want), least: NanoUsd(least), now: NOW }
}

fn back(n: u128, id: u128, amount: i64, last: bool) -> LeaseReturn {
    LeaseReturn { lease: lease(n), id: Uuid::from_u128(id), amount: NanoUsd(amount), last, now: NOW }
}

pub async fn two_hundred_at_once_fit_exactly(db: Db) {
    funded(&db, 10_000).await;
    let asks: Vec<_> = (0..200)
        .map(|n| {
            let db = db.clone();
            tokio::spawn(async move { lease_grant(&db, &scope(1), &ask(n, 100, 100)).await.unwrap() })
        })
        .collect();
    let mut granted = Vec::new();
    for ask in asks {
        granted.push(ask.await.unwrap().granted.0);
    }
    assert_eq!(granted.iter().filter(|&&amount| amount == 100).count(), 100);
    assert_eq!(granted.iter().filter(|&&amount| amount == 0).count(), 100);
    assert_eq!(balance(&db).await, (0, 10_000, 0));
    assert_eq!(leases_open(&db, &scope(1)).await.unwrap().len(), 100);
    proven(&db).await;
}

pub async fn a_lease_takes_what_is_there_when_it_is_enough(db: Db) {
    funded(&db, 250).await;
    assert_eq!(lease_grant(&db, &scope(1), &ask(1, 200, 10)).await.unwrap(), got(200, 50));
    assert_eq!(lease_grant(&db, &scope(1), &ask(2, 200, 51)).await.unwrap(), got(0, 50));
    assert!(matches!(lease_get(&db, &scope(1), lease(2)).await, Err(StoreError::NotFound { .. })), "a refusal leaves no trace");
    assert_eq!(lease_grant(&db, &scope(1), &ask(2, 200, 50)).await.unwrap(), got(50, 0));
    assert_eq!(balance(&db).await, (0, 250, 0));
    proven(&db).await;
}

pub async fn the_same_ask_gets_the_same_answer(db: Db) {
    funded(&db, 250).await;
    assert_eq!(lease_grant(&db, &scope(1), &ask(1, 100, 10)).await.unwrap(), got(100, 150));
    assert_eq!(lease_grant(&db, &scope(1), &ask(1, 100, 10)).await.unwrap(), got(100, 150));
    lease_return(&db, &scope(1), &back(1, 1, 30, false)).await.unwrap();
    assert_eq!(lease_grant(&db, &scope(1), &ask(1, 100, 10)).await.unwrap(), got(100, 180), "also when it has changed since");
    let stranger = LeaseGrant { gateway: gateway(2), ..ask(1, 100, 10) };
    assert!(matches!(lease_grant(&db, &scope(1), &stranger).await, Err(StoreError::Conflict { .. })));
    assert_eq!(balance(&db).await, (180, 70, 0));
    proven(&db).await;
}

pub async fn the_same_ask_at_once_is_granted_once(db: Db) {
    funded(&db, 1_000).await;
    let asks: Vec<_> = (0..20)
        .map(|_| {
            let db = db.clone();
            tokio::spawn(async move { lease_grant(&db, &scope(1), &ask(1, 100, 100)).await.unwrap() })
        })
        .collect();
    for ask in asks {
        assert_eq!(ask.await.unwrap(), got(100, 900));
    }
    assert_eq!(balance(&db).await, (900, 100, 0));
}

pub async fn an_extension_counts_once(db: Db) {
    funded(&db, 250).await;
    leased(&db, 1, 100).await;
    assert_eq!(lease_extend(&db, &scope(1), &more(1, 1, 100, 1)).await.unwrap(), got(100, 50));
    assert_eq!(lease_extend(&db, &scope(1), &more(1, 1, 100, 1)).await.unwrap(), got(100, 50));
    assert_eq!(lease_extend(&db, &scope(1), &more(1, 2, 100, 1)).await.unwrap(), got(50, 0));
    assert_eq!(lease_extend(&db, &scope(1), &more(1, 3, 100, 1)).await.unwrap(), got(0, 0));
    let row = lease_get(&db, &scope(1), lease(1)).await.unwrap();
    assert_eq!((row.granted, row.remaining(), row.epoch), (NanoUsd(250), NanoUsd(250), EPOCH));
    assert!(matches!(lease_extend(&db, &scope(1), &more(2, 1, 1, 1)).await, Err(StoreError::NotFound { .. })));
    lease_return(&db, &scope(1), &back(1, 1, 10, true)).await.unwrap();
    assert!(matches!(lease_extend(&db, &scope(1), &more(1, 4, 1, 1)).await, Err(StoreError::Conflict { .. })), "it drains");
    assert_eq!(lease_extend(&db, &scope(1), &more(1, 1, 100, 1)).await.unwrap(), got(100, 10), "a repeat is still answered");
    proven(&db).await;
}

pub async fn a_return_counts_once(db: Db) {
    funded(&db, 100).await;
    leased(&db, 1, 100).await;
    let active = |returned| LeaseReturned { returned: NanoUsd(returned), state: LeaseState::Active };
    assert_eq!(lease_return(&db, &scope(1), &back(1, 1, 30, false)).await.unwrap(), active(30));
    assert_eq!(lease_return(&db, &scope(1), &back(1, 1, 30, false)).await.unwrap(), active(30));
    assert_eq!(lease_return(&db, &scope(1), &back(1, 2, 500, false)).await.unwrap(), active(70), "never more than is left");
    assert_eq!(lease_return(&db, &scope(1), &back(1, 3, 5, false)).await.unwrap(), active(0));
    assert_eq!(balance(&db).await, (100, 0, 0));
    proven(&db).await;
}

pub async fn a_drained_lease_closes_when_its_events_are_posted(db: Db) {
    funded(&db, 100).await;
    leased(&db, 1, 100).await;
    post(&db, &[event(1, Some(1), 10)]).await;
    // The gateway has settled 25 by its own count; 15 of it are on their way.
    let drained = LeaseReturned { returned: NanoUsd(75), state: LeaseState::Draining };
    assert_eq!(lease_return(&db, &scope(1), &back(1, 1, 75, true)).await.unwrap(), drained);
    let posted = post(&db, &[event(2, Some(1), 15)]).await;
    assert!(posted.overshoots.is_empty(), "what was on its way stayed covered");
    assert_eq!(lease_get(&db, &scope(1), lease(1)).await.unwrap().state, LeaseState::Closed);
    assert!(leases_open(&db, &scope(1)).await.unwrap().is_empty());
    assert_eq!(balance(&db).await, (75, 0, 25));

    leased(&db, 2, 10).await;
    let closed = LeaseReturned { returned: NanoUsd(10), state: LeaseState::Closed };
    assert_eq!(lease_return(&db, &scope(1), &back(2, 1, 10, true)).await.unwrap(), closed, "with nothing on its way it closes at once");
    proven(&db).await;
}

pub async fn a_lease_is_not_seen_through_another_scope(db: Db) {
    funded(&db, 100).await;
    other_organization(&db, 2, 100).await;
    leased(&db, 1, 50).await;
    let two = scope(2);
    assert!(matches!(lease_grant(&db, &two, &ask(1, 50, 50)).await, Err(StoreError::Conflict { .. })));
    assert!(matches!(lease_extend(&db, &two, &more(1, 1, 10, 1)).await, Err(StoreError::NotFound { .. })));
    assert!(matches!(lease_return(&db, &two, &back(1, 1, 10, true)).await, Err(StoreError::NotFound { .. })));
    assert!(matches!(lease_get(&db, &two, lease(1)).await, Err(StoreError::NotFound { .. })));
    assert!(leases_open(&db, &two).await.unwrap().is_empty());
    assert_eq!(crate::balance(&db, &two).await.unwrap().credits, NanoUsd(100));
    proven(&db).await;
}

pub async fn senseless_asks_are_refused(db: Db) {
    funded(&db, 100).await;
    for (want, least) in [(0, 0), (10, 0), (10, 11), (-5, -5)] {
        assert!(matches!(lease_grant(&db, &scope(1), &ask(1, want, least)).await, Err(StoreError::Invalid { .. })));
    }
    leased(&db, 1, 10).await;
    assert!(matches!(lease_return(&db, &scope(1), &back(1, 1, -1, false)).await, Err(StoreError::Invalid { .. })));
    assert_eq!(balance(&db).await, (90, 10, 0));
}
