//! Random interleavings of gateways that share one budget: never over the amount, and nothing lost.

use std::collections::BTreeMap;

use domain::{Lane, NanoUsd};
use proptest::prelude::{Strategy, any, prop_oneof};
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use uuid::Uuid;

use crate::contract::budgets::{ask_of, back, budget, figures, used, with_budget};
use crate::contract::world::{EPOCH, NOW, author, gateway, lease, organization, post, proven, scope};
use crate::{
    BudgetAsk, BudgetUpdate, Db, EpochClose, EpochRecord, PostedEvent, budget_lease_ask, budget_lease_return, budget_update, epoch_record,
    leases_close_epoch, ledger_totals_by_epoch,
};

const STEPS: usize = 1_000;
const GATEWAYS: u128 = 4;

/// What one gateway does. Fractions are in percent of what it has.
#[derive(Debug, Clone)]
enum Act {
    Ask {
        want: i64,
        least: i64,
    },
    /// Ends calls within its lease; their events are posted with the next `Post`.
    Call {
        share: i64,
    },
    /// A true bill above its hold.
    Over {
        by: i64,
    },
    Post,
    Replay,
    Return {
        share: i64,
        last: bool,
    },
    Amount(i64),
}

fn act() -> impl Strategy<Value = (u128, Act)> {
    let act = prop_oneof![
        6 => (1..400i64, 1..200i64).prop_map(|(a, b)| Act::Ask { want: a.max(b), least: a.min(b) }),
        6 => (0..100i64).prop_map(|share| Act::Call { share }),
        1 => (1..20i64).prop_map(|by| Act::Over { by }),
        4 => any::<bool>().prop_map(|replay| if replay { Act::Replay } else { Act::Post }),
        4 => (0..100i64, any::<bool>()).prop_map(|(share, last)| Act::Return { share, last: last && share > 80 }),
        1 => (500..3_000i64).prop_map(Act::Amount),
    ];
    (0..GATEWAYS, act)
}

#[derive(Default)]
struct ModelGateway {
    lease: Option<u128>,
    /// granted − settled by its own count − returned.
    free: i64,
    seq: u64,
    unposted: Vec<PostedEvent>,
    posted: Vec<PostedEvent>,
}

#[derive(Default)]
struct Model {
    amount: i64,
    gateways: BTreeMap<u128, ModelGateway>,
    leases: u128,
    acts: u128,
    /// What calls used, and what of it no lease covered.
    used: i64,
    over: i64,
    /// The highest amount there ever was: lowering it takes nothing back.
    highest: i64,
}

pub async fn any_interleaving_of_gateways_keeps_a_budget(db: Db) {
    with_budget(&db, 2_000).await;
    let mut model = Model { amount: 2_000, highest: 2_000, ..Model::default() };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, b"gateways that share one budget..");
    let mut runner = TestRunner::new_with_rng(Config { failure_persistence: None, ..Config::default() }, rng);
    let acts = act();
    for step in 0..STEPS {
        let (g, act) = acts.new_tree(&mut runner).unwrap().current();
        Box::pin(model.go(&db, g, act.clone())).await;
        let (spent, leased, over, _) = figures(&db).await;
        let unposted: i64 = model.gateways.values().flat_map(|g| &g.unposted).map(|call| call.cost.0).sum();
        assert_eq!(spent + unposted, model.used, "step {step}: {act:?}: nothing is lost or counted twice");
        let held: i64 = model.gateways.values().map(|g| g.free).sum();
        assert!(held <= leased, "step {step}: {act:?}: gateways have {held}, and {leased} is leased");
        assert!(spent - over + leased <= model.highest, "step {step}: {act:?}: {spent} + {leased} is over {}", model.highest);
        if step % 25 == 0 {
            proven(&db).await;
        }
    }
    // All is posted and all epochs end: what remains is what was spent.
    for g in 0..GATEWAYS {
        Box::pin(model.go(&db, g, Act::Post)).await;
        epoch_end(&db, g, model.gateways[&g].seq).await;
    }
    let (spent, leased, over, _) = figures(&db).await;
    assert_eq!((spent, leased), (model.used, 0));
    assert!(over <= model.over, "{over} is named, of {} that bills were above their holds", model.over);
    proven(&db).await;
}

async fn epoch_end(db: &Db, g: u128, seq: u64) {
    let totals = ledger_totals_by_epoch(db, gateway(g), EPOCH).await.unwrap();
    let mut last_seq = [0; Lane::COUNT];
    last_seq[Lane::of(organization(1)).index()] = seq;
    let record = EpochRecord {
        gateway: gateway(g),
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
    assert!(matches!(leases_close_epoch(db, gateway(g), EPOCH, NOW).await.unwrap(), EpochClose::Closed { .. }));
}

impl Model {
    async fn go(&mut self, db: &Db, g: u128, act: Act) {
        self.acts += 1;
        let acts = self.acts;
        let at = self.gateways.entry(g).or_default();
        match act {
            Act::Ask { want, least } => {
                let new = at.lease.is_none();
                if new {
                    self.leases += 1;
                }
                let n = at.lease.unwrap_or(self.leases);
                let extension = (!new).then(|| Uuid::from_u128(acts));
                let granted = budget_lease_ask(db, &scope(1), &BudgetAsk { extension, ..ask_of(g, n, want, least) }).await.unwrap();
                let got = granted.granted.0;
                assert!(got == 0 || (got >= least && got <= want.max(least)));
                assert!(got > 0 || granted.available.0 < least, "an ask that fits is granted");
                at.free += got;
                at.lease = (got > 0).then_some(n).or(at.lease);
            }
            Act::Call { share } => self.used += at.call(g, at.free.max(0) * share / 100),
            // As in a gateway, what is over stays counted against what the lease gets later.
            Act::Over { by } if at.lease.is_some() => {
                let over = at.free.max(0) + by;
                self.used += at.call(g, over);
                self.over += by;
            }
            Act::Over { .. } => {}
            Act::Post => {
                post(db, &at.unposted).await;
                at.posted.append(&mut at.unposted);
            }
            Act::Replay => assert_eq!(post(db, &at.posted).await.events, 0),
            Act::Return { share, last } => {
                let Some(n) = at.lease else { return };
                let amount = at.free.max(0) * share / 100;
                let returned = budget_lease_return(db, &scope(1), &back(lease(n), acts, amount, last)).await.unwrap();
                assert_eq!(returned.0, amount);
                at.free -= amount;
                if last {
                    let rest = std::mem::take(&mut at.free).max(0);
                    budget_lease_return(db, &scope(1), &back(lease(n), u128::MAX - acts, rest, true)).await.unwrap();
                    at.lease = None;
                }
            }
            Act::Amount(amount) => {
                let update = BudgetUpdate { amount: Some(NanoUsd(amount)), ..BudgetUpdate::default() };
                budget_update(db, &scope(1), budget(1), &update, &author(NOW)).await.unwrap();
                self.amount = amount;
                self.highest = self.highest.max(amount);
            }
        }
    }
}

impl ModelGateway {
    fn call(&mut self, g: u128, cost: i64) -> i64 {
        let Some(n) = self.lease else { return 0 };
        self.seq += 1;
        self.free -= cost;
        self.unposted.push(PostedEvent { gateway: gateway(g), ..used(self.seq, Some(lease(n)), cost) });
        cost
    }
}
