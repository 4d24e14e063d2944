//! The end of a gateway's life.

use domain::{Lane, NanoUsd, Seq};

use crate::contract::world::{EPOCH, NOW, ask, balance, event, funded, gateway, lease, leased, organization, post, proven, scope};
use crate::{
    Db, EpochClose, EpochRecord, LaneBehind, LeaseState, StoreError, epoch_record, epochs_list, epochs_open, lease_get, lease_grant,
    leases_close_epoch,
};

fn ended(last: u64) -> EpochRecord {
    let mut last_seq = [0; Lane::COUNT];
    last_seq[Lane::of(organization(1)).index()] = last;
    EpochRecord {
        gateway: gateway(1),
        epoch: EPOCH,
        events: last,
        input_tokens: 10 * last,
        output_tokens: 5 * last,
        cost: NanoUsd(30),
        charged: NanoUsd(30),
        last_seq,
        recovered: true,
        now: NOW,
    }
}

pub async fn leases_of_an_epoch_close_when_all_is_posted(db: Db) {
    funded(&db, 200).await;
    leased(&db, 1, 50).await;
    leased(&db, 2, 60).await;
    post(&db, &[event(1, Some(1), 10)]).await;
    assert_eq!(leases_close_epoch(&db, gateway(1), EPOCH, NOW).await.unwrap(), EpochClose::Open);
    epoch_record(&db, &ended(2)).await.unwrap();
    let behind = LaneBehind { lane: Lane::of(organization(1)), posted: Seq(1), last: Seq(2) };
    assert_eq!(leases_close_epoch(&db, gateway(1), EPOCH, NOW).await.unwrap(), EpochClose::Behind(vec![behind]));
    assert_eq!(balance(&db).await, (90, 100, 10), "what is on its way stays covered");
    post(&db, &[event(2, Some(1), 20)]).await;
    assert_eq!(epochs_open(&db).await.unwrap(), [(gateway(1), EPOCH)]);
    let closed = |leases, returned| EpochClose::Closed { leases, returned: NanoUsd(returned) };
    assert_eq!(leases_close_epoch(&db, gateway(1), EPOCH, NOW).await.unwrap(), closed(2, 80));
    assert_eq!(leases_close_epoch(&db, gateway(1), EPOCH, NOW).await.unwrap(), closed(0, 0));
    assert_eq!(balance(&db).await, (170, 0, 30));
    assert!(epochs_open(&db).await.unwrap().is_empty());
    proven(&db).await;
}

pub async fn an_ended_epoch_gets_no_lease(db: Db) {
    funded(&db, 200).await;
    leased(&db, 1, 50).await;
    epoch_record(&db, &ended(0)).await.unwrap();
    assert!(matches!(lease_grant(&db, &scope(1), &ask(2, 10, 10)).await, Err(StoreError::Conflict { what: "epoch" })));
    assert_eq!(lease_grant(&db, &scope(1), &ask(1, 50, 50)).await.unwrap().granted, NanoUsd(50), "a repeat is still answered");
}

pub async fn a_late_event_is_posted_and_flagged(db: Db) {
    funded(&db, 200).await;
    leased(&db, 1, 50).await;
    epoch_record(&db, &ended(0)).await.unwrap();
    leases_close_epoch(&db, gateway(1), EPOCH, NOW).await.unwrap();
    let posted = post(&db, &[event(1, Some(1), 10)]).await;
    assert_eq!((posted.events, posted.overshoots.len()), (1, 1));
    assert_eq!(balance(&db).await, (190, 0, 10));
    let row = lease_get(&db, &scope(1), lease(1)).await.unwrap();
    assert_eq!((row.state, row.remaining()), (LeaseState::Closed, NanoUsd::ZERO));
    proven(&db).await;
}

pub async fn an_epoch_is_recorded_once(db: Db) {
    epoch_record(&db, &ended(3)).await.unwrap();
    epoch_record(&db, &ended(3)).await.unwrap();
    assert!(matches!(epoch_record(&db, &ended(4)).await, Err(StoreError::Conflict { .. })));
    let rows = epochs_list(&db).await.unwrap();
    assert_eq!((rows.len(), rows[0].events, rows[0].recovered, rows[0].charged), (1, 3, true, NanoUsd(30)));
}
