//! The ledger consumer's transaction.

use domain::{Epoch, Lane, NanoUsd, Seq, Usage, UsageSource};

use crate::contract::world::{
    EPOCH, NOW, balance, event, funded, gateway, lease, leased, organization, other_organization, post, proven, scope,
};
use crate::{
    Db, Gap, LeaseState, LogOffset, OutcomeKind, Overshoot, PostBatch, Posted, PostedEvent, StoreError, UsedMode, lease_get,
    ledger_offsets, ledger_prove, ledger_totals, ledger_totals_by_epoch, ledger_totals_by_org, post_batch, watermarks_list,
};

fn offset(segment: u64, byte_offset: u64) -> LogOffset {
    LogOffset { gateway: gateway(1), epoch: EPOCH, segment, byte_offset }
}

pub async fn a_batch_is_posted_once(db: Db) {
    funded(&db, 1_000).await;
    leased(&db, 1, 500).await;
    let events = [event(1, Some(1), 10), event(2, Some(1), 20), event(2, Some(1), 20), event(3, Some(1), 30)];
    let batch = PostBatch { events: &events, offsets: &[offset(1, 99)], now: NOW };
    let posted = post_batch(&db, &batch).await.unwrap();
    assert_eq!(posted, Posted { events: 3, skipped: 1, offsets_stored: true, ..Posted::default() });
    let again = post_batch(&db, &batch).await.unwrap();
    assert_eq!(again, Posted { events: 0, skipped: 4, offsets_stored: true, ..Posted::default() });
    // Half known, half new, and out of order.
    let overlap = post(&db, &[event(4, Some(1), 40), event(3, Some(1), 30)]).await;
    assert_eq!((overlap.events, overlap.skipped), (1, 1));
    assert_eq!(balance(&db).await, (500, 400, 100));
    assert_eq!(ledger_offsets(&db).await.unwrap(), [offset(1, 99)]);
    assert_eq!(watermarks_list(&db, gateway(1), EPOCH).await.unwrap(), [(Lane::of(organization(1)), Seq(4))]);
    assert_eq!(ledger_prove(&db).await.unwrap().postings, 2, "one per batch, lane and lease");
    proven(&db).await;
}

pub async fn a_gap_stops_its_lane_only(db: Db) {
    funded(&db, 1_000).await;
    other_organization(&db, 2, 0).await;
    leased(&db, 1, 500).await;
    let other = |seq| PostedEvent {
        organization: organization(2),
        lane: Lane::of(organization(2)),
        lease: None,
        charged: NanoUsd::ZERO,
        used_mode: UsedMode::ApiKeys,
        ..event(seq, None, 7)
    };
    assert_ne!(Lane::of(organization(1)), Lane::of(organization(2)));
    let events = [event(1, Some(1), 10), event(3, Some(1), 30), other(1), other(2)];
    let posted = post_batch(&db, &PostBatch { events: &events, offsets: &[offset(1, 99)], now: NOW }).await.unwrap();
    let gap = Gap { gateway: gateway(1), epoch: EPOCH, lane: Lane::of(organization(1)), expected: Seq(2), found: Seq(3) };
    assert_eq!(posted, Posted { events: 2, gaps: vec![gap], ..Posted::default() });
    assert!(ledger_offsets(&db).await.unwrap().is_empty(), "so that the events are read again");
    assert_eq!(balance(&db).await, (500, 500, 0));
    assert_eq!(ledger_totals_by_org(&db, &scope(2)).await.unwrap().calls, 2);

    let whole = [event(1, Some(1), 10), event(2, Some(1), 20), event(3, Some(1), 30), other(1), other(2)];
    let posted = post_batch(&db, &PostBatch { events: &whole, offsets: &[offset(1, 120)], now: NOW }).await.unwrap();
    assert_eq!((posted.events, posted.skipped, posted.offsets_stored), (3, 2, true));
    assert_eq!(balance(&db).await, (500, 440, 60));
    proven(&db).await;
}

pub async fn a_lease_never_pays_more_than_is_left(db: Db) {
    funded(&db, 100).await;
    leased(&db, 1, 80).await;
    let posted = post(&db, &[event(1, Some(1), 70), event(2, Some(1), 50)]).await;
    let over = Overshoot { organization: organization(1), lease: Some(lease(1)), amount: NanoUsd(40) };
    assert_eq!(posted.overshoots, [over]);
    assert_eq!(balance(&db).await, (-20, 0, 120), "overshoot is a named way below zero");
    let totals = ledger_totals(&db).await.unwrap();
    assert_eq!((totals.charged, totals.overshoot), (NanoUsd(120), NanoUsd(40)));
    assert_eq!(lease_get(&db, &scope(1), lease(1)).await.unwrap().state, LeaseState::Active);
    proven(&db).await;
}

pub async fn an_unknown_or_foreign_lease_is_not_touched(db: Db) {
    funded(&db, 100).await;
    other_organization(&db, 2, 100).await;
    leased(&db, 1, 80).await;
    let thief = PostedEvent { organization: organization(2), lane: Lane::of(organization(2)), ..event(1, Some(1), 30) };
    let posted = post(&db, &[thief, event(1, Some(99), 5), event(2, None, 6)]).await;
    assert_eq!(posted.overshoots.len(), 3, "each is flagged");
    assert_eq!(balance(&db).await, (9, 80, 11), "who made the call pays, from credits");
    assert_eq!(crate::balance(&db, &scope(2)).await.unwrap().credits, NanoUsd(70));
    assert_eq!(lease_get(&db, &scope(1), lease(1)).await.unwrap().settled, NanoUsd::ZERO);
    proven(&db).await;
}

pub async fn postings_carry_every_class(db: Db) {
    funded(&db, 1_000).await;
    leased(&db, 1, 500).await;
    let usage = Usage {
        input: 100,
        cached_input: 1,
        cache_write_5m: 2,
        cache_write_1h: 3,
        audio_input: 4,
        output: 50,
        reasoning: 5,
        audio_output: 6,
        image_output: 7,
        searches: 8,
        source: UsageSource::Estimated,
    };
    let orphan = PostedEvent { usage, outcome: OutcomeKind::Orphaned, cost: NanoUsd(9), ..event(1, Some(1), 10) };
    let void = PostedEvent { usage: Usage::default(), outcome: OutcomeKind::Voided, ..event(2, Some(1), 0) };
    post(&db, &[orphan.clone(), void, event(3, Some(1), 10)]).await;
    post(&db, &[PostedEvent { epoch: Epoch(8), ..orphan }]).await;
    let totals = ledger_totals_by_epoch(&db, gateway(1), EPOCH).await.unwrap();
    assert_eq!((totals.calls, totals.settled, totals.voided, totals.orphaned, totals.estimated), (3, 1, 1, 1, 1));
    let summed = Usage { input: 110, output: 55, source: UsageSource::default(), ..usage };
    assert_eq!((totals.usage, totals.cost, totals.charged), (summed, NanoUsd(19), NanoUsd(20)));
    let all = ledger_totals(&db).await.unwrap();
    assert_eq!((all.calls, all.usage.searches, all.charged), (4, 16, NanoUsd(30)));
    assert_eq!(ledger_totals_by_org(&db, &scope(1)).await.unwrap(), all);
    assert_eq!(ledger_totals_by_org(&db, &scope(2)).await.unwrap().calls, 0);
    proven(&db).await;
}

pub async fn own_keys_cost_and_charge_nothing(db: Db) {
    funded(&db, 100).await;
    let own = PostedEvent { used_mode: UsedMode::ApiKeys, charged: NanoUsd::ZERO, ..event(1, None, 25) };
    let posted = post(&db, &[own]).await;
    assert!(posted.overshoots.is_empty());
    let totals = ledger_totals(&db).await.unwrap();
    assert_eq!((totals.cost, totals.charged), (NanoUsd(25), NanoUsd::ZERO));
    assert_eq!(balance(&db).await, (100, 0, 0));
}

pub async fn invalid_events_stop_the_batch(db: Db) {
    funded(&db, 100).await;
    for wrong in [
        PostedEvent { cost: NanoUsd(-1), ..event(2, None, 0) },
        PostedEvent { charged: NanoUsd(-1), ..event(2, None, 0) },
        event(0, None, 0),
    ] {
        let batch = [event(1, None, 5), wrong];
        let refused = post_batch(&db, &PostBatch { events: &batch, offsets: &[], now: NOW }).await;
        assert!(matches!(refused, Err(StoreError::Invalid { .. })));
    }
    assert_eq!(ledger_totals(&db).await.unwrap().calls, 0);
}

pub async fn offsets_only_grow(db: Db) {
    funded(&db, 0).await;
    for at in [offset(2, 10), offset(1, 999), offset(2, 9)] {
        post_batch(&db, &PostBatch { events: &[], offsets: &[at], now: NOW }).await.unwrap();
        assert_eq!(ledger_offsets(&db).await.unwrap(), [offset(2, 10)]);
    }
    let next = LogOffset { epoch: Epoch(8), ..offset(1, 0) };
    post_batch(&db, &PostBatch { events: &[], offsets: &[next], now: NOW }).await.unwrap();
    assert_eq!(ledger_offsets(&db).await.unwrap(), [next]);
}

pub async fn a_large_batch_is_one_transaction(db: Db) {
    funded(&db, 10_000_000).await;
    leased(&db, 1, 10_000_000).await;
    let events: Vec<_> = (1..=20_000).map(|seq| event(seq, Some(1), 100)).collect();
    let posted = post(&db, &events).await;
    assert_eq!(posted.events, 20_000);
    assert_eq!(balance(&db).await, (0, 8_000_000, 2_000_000));
    proven(&db).await;
}
