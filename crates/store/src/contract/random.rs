//! Random sequences of everything that moves money, beside a model in memory.

use std::collections::BTreeMap;

use domain::{Lane, NanoUsd};
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use uuid::Uuid;

use crate::contract::world::{
    EPOCH, NOW, ask, author, event, funded, gateway, grant, lease, organization, other_organization, post, proven, scope,
};
use crate::{
    Db, EpochClose, EpochRecord, LeaseExtend, LeaseGrant, LeaseReturn, LeaseState, PostedEvent, credits_grant, epoch_record, lease_extend,
    lease_get, lease_grant, lease_return, leases_close_epoch, ledger_totals,
};

/// Acts per run.
const STEPS: usize = 1_000;

#[derive(Debug, Clone)]
enum Act {
    Grant(i64),
    Lease { n: u128, want: i64, least: i64 },
    Extend { n: u128, id: u128, want: i64 },
    Return { n: u128, id: u128, amount: i64, last: bool },
    Post(Vec<(u128, i64)>),
    Replay,
}

fn act() -> impl Strategy<Value = Act> {
    let lease = 0..12u128;
    prop_oneof![
        1 => (1..2_000i64).prop_map(Act::Grant),
        4 => (lease.clone(), 1..500i64, 1..500i64).prop_map(|(n, a, b)| Act::Lease { n, want: a.max(b), least: a.min(b) }),
        2 => (lease.clone(), 0..6u128, 1..300i64).prop_map(|(n, id, want)| Act::Extend { n, id, want }),
        2 => (lease.clone(), 0..6u128, 0..300i64, any::<bool>()).prop_map(|(n, id, amount, last)| Act::Return { n, id, amount, last }),
        5 => proptest::collection::vec((lease, 0..120i64), 1..8).prop_map(Act::Post),
        1 => Just(Act::Replay),
    ]
}

/// What the rules say, without a database.
#[derive(Default)]
struct Model {
    credits: i64,
    spent: i64,
    given: i64,
    leases: BTreeMap<u128, ModelLease>,
    extended: BTreeMap<(u128, u128), i64>,
    returned: BTreeMap<(u128, u128), i64>,
    seq: u64,
    grants: u128,
    last_batch: Vec<PostedEvent>,
}

struct ModelLease {
    first: i64,
    left: i64,
    state: LeaseState,
}

impl Model {
    fn leased(&self) -> i64 {
        self.leases.values().map(|lease| lease.left).sum()
    }

    fn take(&mut self, want: i64, least: i64) -> i64 {
        let amount = want.min(self.credits);
        let amount = if amount < least { 0 } else { amount };
        self.credits -= amount;
        amount
    }

    fn charge(&mut self, n: u128, amount: i64) {
        let mut rest = amount;
        if let Some(lease) = self.leases.get_mut(&n) {
            let covered = amount.min(lease.left);
            lease.left -= covered;
            rest -= covered;
            lease.settle();
        }
        self.credits -= rest;
        self.spent += amount;
    }
}

impl ModelLease {
    fn settle(&mut self) {
        if self.state == LeaseState::Draining && self.left == 0 {
            self.state = LeaseState::Closed;
        }
    }
}

pub async fn any_sequence_keeps_the_invariants(db: Db) {
    funded(&db, 1_000).await;
    other_organization(&db, 2, 500).await;
    let mut model = Model { credits: 1_000, given: 1_000, ..Model::default() };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, b"every sequence keeps invariants.");
    let mut runner = TestRunner::new_with_rng(Config { failure_persistence: None, ..Config::default() }, rng);
    let acts = act();
    for step in 0..STEPS {
        let act = acts.new_tree(&mut runner).unwrap().current();
        Box::pin(do_both(&db, &mut model, act.clone())).await;
        let balance = crate::balance(&db, &scope(1)).await.unwrap();
        assert_eq!(
            (balance.credits.0, balance.leased.0, balance.spent.0),
            (model.credits, model.leased(), model.spent),
            "step {step}: {act:?}"
        );
        assert_eq!(balance.credits.0 + balance.leased.0 + balance.spent.0, model.given, "step {step}: nothing is lost or made");
        if step % 20 == 0 {
            proven(&db).await;
        }
    }
    all_comes_back(&db, &mut model).await;
    assert_eq!(crate::balance(&db, &scope(2)).await.unwrap().credits, NanoUsd(500), "the other tenant saw nothing of it");
}

/// Eight gateways lease, extend, post and return at the same time, on credit that is too little for all of them.
pub async fn everything_at_once_keeps_the_invariants(db: Db) {
    funded(&db, 5_000).await;
    let gateways: Vec<_> = (0..8u128)
        .map(|g| {
            let db = db.clone();
            tokio::spawn(async move { Box::pin(one_gateway(&db, g)).await })
        })
        .collect();
    let mut charged = 0;
    for gateway in gateways {
        charged += gateway.await.unwrap();
    }
    proven(&db).await;
    let balance = crate::balance(&db, &scope(1)).await.unwrap();
    assert_eq!((balance.credits.0, balance.leased.0, balance.spent.0), (5_000 - charged, 0, charged));
    assert!(balance.credits.0 >= 0, "who stays within leases never overshoots");
}

/// Spends only what its leases give; answers with what it charged.
async fn one_gateway(db: &Db, g: u128) -> i64 {
    let mut charged = 0;
    let mut seq = 0;
    for round in 0..15u128 {
        let n = 1_000 * (g + 1) + round;
        let grant = LeaseGrant { gateway: gateway(g), ..ask(n, 300, 20) };
        let mut held = lease_grant(db, &scope(1), &grant).await.unwrap().granted.0;
        if held == 0 {
            continue;
        }
        let more = LeaseExtend { lease: lease(n), extension: Uuid::from_u128(1), want: NanoUsd(50), least: NanoUsd(1), now: NOW };
        held += lease_extend(db, &scope(1), &more).await.unwrap().granted.0;
        let mut events = Vec::new();
        for _ in 0..4 {
            seq += 1;
            let amount = held / 10;
            held -= amount;
            charged += amount;
            events.push(PostedEvent { gateway: gateway(g), ..event(seq, Some(n), amount) });
        }
        let back = LeaseReturn { lease: lease(n), id: Uuid::from_u128(2), amount: NanoUsd(held), last: true, now: NOW };
        // Some give back before their events are posted, some after.
        if round % 2 == 0 {
            lease_return(db, &scope(1), &back).await.unwrap();
        }
        assert!(post(db, &events).await.overshoots.is_empty());
        lease_return(db, &scope(1), &back).await.unwrap();
    }
    charged
}

async fn do_both(db: &Db, model: &mut Model, act: Act) {
    match act {
        Act::Grant(amount) => {
            model.grants += 1;
            credits_grant(db, &scope(1), &grant(0x1_0000 + model.grants, amount), &author(NOW)).await.unwrap();
            model.credits += amount;
            model.given += amount;
        }
        Act::Lease { n, want, least } => {
            let got = lease_grant(db, &scope(1), &ask(n, want, least)).await.unwrap().granted.0;
            let known = model.leases.get(&n).map(|lease| lease.first);
            let amount = known.unwrap_or_else(|| model.take(want, least));
            assert_eq!(got, amount);
            if known.is_none() && amount > 0 {
                model.leases.insert(n, ModelLease { first: amount, left: amount, state: LeaseState::Active });
            }
        }
        Act::Extend { n, id, want } => extend(db, model, n, id, want).await,
        Act::Return { n, id, amount, last } => give_back(db, model, n, id, NanoUsd(amount), last).await,
        Act::Post(calls) => {
            model.last_batch.clear();
            for (n, amount) in calls {
                model.seq += 1;
                model.last_batch.push(event(model.seq, Some(n), amount));
            }
            // The ledger charges each lease's sum at once; so does the model, lease by lease in the order of first calls.
            let mut sums: Vec<(u128, i64)> = Vec::new();
            for call in &model.last_batch {
                let n = call.lease.unwrap().uuid().as_u128() - lease(0).uuid().as_u128();
                match sums.iter_mut().find(|(of, _)| *of == n) {
                    Some((_, sum)) => *sum += call.charged.0,
                    None => sums.push((n, call.charged.0)),
                }
            }
            post(db, &model.last_batch).await;
            sums.into_iter().for_each(|(n, amount)| model.charge(n, amount));
        }
        Act::Replay => assert_eq!(post(db, &model.last_batch).await.events, 0),
    }
}

async fn extend(db: &Db, model: &mut Model, n: u128, id: u128, want: i64) {
    let ask = LeaseExtend { lease: lease(n), extension: Uuid::from_u128(id), want: NanoUsd(want), least: NanoUsd(1), now: NOW };
    let got = lease_extend(db, &scope(1), &ask).await.map(|got| got.granted.0);
    let Some(state) = model.leases.get(&n).map(|lease| lease.state) else { return assert!(got.is_err()) };
    if let Some(before) = model.extended.get(&(n, id)) {
        return assert_eq!(got.unwrap(), *before);
    }
    if state != LeaseState::Active {
        return assert!(got.is_err());
    }
    let amount = model.take(want, 1);
    assert_eq!(got.unwrap(), amount);
    if amount > 0 {
        model.extended.insert((n, id), amount);
        model.leases.get_mut(&n).unwrap().left += amount;
    }
}

async fn give_back(db: &Db, model: &mut Model, n: u128, id: u128, amount: NanoUsd, last: bool) {
    let give = LeaseReturn { lease: lease(n), id: Uuid::from_u128(id), amount, last, now: NOW };
    let got = lease_return(db, &scope(1), &give).await.map(|got| got.returned.0);
    let Some(held) = model.leases.get_mut(&n) else { return assert!(got.is_err()) };
    if let Some(before) = model.returned.get(&(n, id)) {
        return assert_eq!(got.unwrap(), *before);
    }
    let returned = amount.0.min(held.left);
    assert_eq!(got.unwrap(), returned);
    held.left -= returned;
    if last && held.state == LeaseState::Active {
        held.state = LeaseState::Draining;
    }
    held.settle();
    assert_eq!(lease_get(db, &scope(1), lease(n)).await.unwrap().state, held.state);
    model.credits += returned;
    if returned > 0 {
        model.returned.insert((n, id), returned);
    }
}

/// When the epoch ends and all is posted, everything that was not spent is free again.
async fn all_comes_back(db: &Db, model: &mut Model) {
    let totals = ledger_totals(db).await.unwrap();
    let mut last_seq = [0; Lane::COUNT];
    last_seq[Lane::of(organization(1)).index()] = model.seq;
    let record = EpochRecord {
        gateway: gateway(1),
        epoch: EPOCH,
        events: totals.calls,
        input_tokens: totals.usage.input,
        output_tokens: totals.usage.output,
        cost: totals.cost,
        charged: totals.charged,
        last_seq,
        recovered: false,
        now: NOW,
    };
    epoch_record(db, &record).await.unwrap();
    let EpochClose::Closed { returned, .. } = leases_close_epoch(db, gateway(1), EPOCH, NOW).await.unwrap() else {
        panic!("all events are posted")
    };
    assert_eq!(returned.0, model.leased());
    assert_eq!((totals.calls, totals.charged.0), (model.seq, model.spent));
    let balance = crate::balance(db, &scope(1)).await.unwrap();
    assert_eq!((balance.credits.0, balance.leased.0), (model.given - model.spent, 0));
    proven(db).await;
}
