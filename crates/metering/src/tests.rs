//! Both consumers over real logs and real databases.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use analytics::Analytics;
use domain::ids::TransferId;
use domain::{ApiKeyId, Epoch, GatewayId, LeaseId, ManagementKeyId, NanoUsd, OrgScope, OrganizationId, ProjectId, UnixMicros, UserId};
use events::{Journal, OpenOptions, Position, Reader};
use proto::usage::v1::outcome::Kind;
use proto::usage::v1::{Facts, Intent, Outcome, Progress, Rates, UsageEvent, UsageTokens};
use service::Shutdown;
use store::{Bootstrap, Db, LeaseGrant, NewApiKey, NewManagementKey, ProjectMode};
use uuid::Uuid;

use crate::{Options, Reconciliation, StatementLine, Status, crash_loss_from_statement, reconcile, run, statement_parse};

const NOW: UnixMicros = UnixMicros(1_760_000_000_000_000);
const GATEWAY: GatewayId = GatewayId(Uuid::from_u128(0x6a7e));
const CREDIT: i64 = 1_000_000_000;
const LEASED: i64 = 400_000_000;

struct World {
    folder: tempfile::TempDir,
    db: Db,
    analytics: Analytics,
}

impl World {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join("llmg.db").display());
        let db = Db::open(&url, store::OpenOptions::default()).await.unwrap();
        db.migrate().await.unwrap();
        store::bootstrap(&db, &first_start()).await.unwrap();
        let analytics = analytics_open(folder.path()).await;
        Self { folder, db, analytics }
    }

    fn events_dir(&self) -> PathBuf {
        self.folder.path().join("events")
    }

    fn journal(&self) -> Journal {
        let options = OpenOptions { segment_bytes_max: 32 << 10, free_bytes_min: 0, ..OpenOptions::new(GATEWAY, NOW) };
        Journal::open(&self.events_dir(), &options).unwrap().0
    }

    async fn lease(&self, epoch: Epoch) {
        let least = NanoUsd(LEASED / 4);
        let ask = LeaseGrant { lease: lease(epoch), gateway: GATEWAY, epoch, want: least, least, now: NOW };
        store::lease_grant(&self.db, &scope(), &ask).await.unwrap();
    }

    fn options(&self) -> Options {
        let wake = events::Wake::poll(Duration::from_millis(5));
        Options {
            batch_events_max: 50,
            wake,
            linger: Duration::ZERO,
            ..Options::new(self.events_dir(), self.db.clone(), self.analytics.clone())
        }
    }

    /// Runs both consumers until there is nothing left, then stops them.
    async fn drained(&self) -> Status {
        let (status, shutdown) = (Status::new(), Shutdown::new());
        let running = tokio::spawn(run(self.options(), status.clone(), shutdown.clone()));
        wait_for(|| status.caught_up()).await;
        shutdown.stop();
        running.await.unwrap();
        status
    }

    async fn reconciled(&self) -> Reconciliation {
        reconcile(&self.db, &self.analytics, &self.events_dir()).await.unwrap()
    }
}

async fn analytics_open(folder: &Path) -> Analytics {
    let analytics = Analytics::open(&folder.join("analytics.db"), 2).await.unwrap();
    analytics.migrate().await.unwrap();
    analytics
}

async fn wait_for(mut done: impl FnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    while !done() {
        assert!(tokio::time::Instant::now() < deadline, "waited too long");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[expect(clippy::disallowed_methods, reason = "a test acts for any organization")]
fn scope() -> OrgScope {
    OrgScope::proven(OrganizationId::from_uuid(Uuid::from_u128(0xa)))
}

fn lease(epoch: Epoch) -> LeaseId {
    LeaseId::from_uuid(Uuid::from_u128(0x1ea5e + u128::from(epoch.0)))
}

fn first_start() -> Bootstrap {
    let (user, project) = (UserId::from_uuid(Uuid::from_u128(1)), ProjectId::from_uuid(Uuid::from_u128(0xb)));
    Bootstrap {
        user,
        email: "ada@example.com".to_owned(),
        password_hash: "-".to_owned(),
        organization: scope().organization(),
        organization_name: "Acme".to_owned(),
        plan: "self-hosted".to_owned(),
        markup_basis_points: 0,
        project,
        project_name: "Default".to_owned(),
        mode: ProjectMode::Credits,
        cache_enabled: false,
        cache_ttl_seconds: 60,
        api_key: NewApiKey {
            id: ApiKeyId::from_uuid(Uuid::from_u128(0xc)),
            project,
            sub_account: None,
            acts_for_sub_accounts: false,
            name: "key".to_owned(),
            hash: [1; 32],
            prefix: "llmg_abc".to_owned(),
            last4: "wxyz".to_owned(),
            expires_at: None,
            rpm: None,
            tpm: None,
            concurrency: None,
            allowed_models: None,
            rules: store::KeyRules::default(),
            created_by: None,
        },
        management_key: NewManagementKey {
            id: ManagementKeyId::from_uuid(Uuid::from_u128(2)),
            name: "management".to_owned(),
            hash: [2; 32],
            prefix: "llmgm_ab".to_owned(),
            last4: "wxyz".to_owned(),
            scopes: None,
            expires_at: None,
            created_by: user,
        },
        starter_credit: NanoUsd(CREDIT),
        starter_transfer: TransferId::from_uuid(Uuid::from_u128(3)),
        now: NOW,
    }
}

fn bytes(n: u64) -> Vec<u8> {
    Uuid::from_u128(u128::from(n)).as_bytes().to_vec()
}

/// Every second call is another tenant's with own keys, so that many lanes are used.
fn facts(n: u64, epoch: Epoch) -> Facts {
    let own_keys = n % 2 == 1;
    Facts {
        organization_id: if own_keys { bytes(0x1000 + n % 30) } else { bytes(0xa) },
        project_id: bytes(0xb),
        api_key_id: bytes(0xc),
        lease_id: if own_keys { Vec::new() } else { lease(epoch).uuid().as_bytes().to_vec() },
        model: "sim/model".to_owned(),
        provider: "sim".to_owned(),
        mode: "hybrid".to_owned(),
        used_mode: if own_keys { "api-keys" } else { "credits" }.to_owned(),
        started_at_us: NOW.0,
        ..Facts::default()
    }
}

fn event(n: u64, epoch: Epoch) -> UsageEvent {
    let charged = n.is_multiple_of(2);
    UsageEvent {
        request_id: bytes(n),
        facts: Some(facts(n, epoch)),
        outcome: Some(Outcome { kind: Kind::Settled.into(), http_status: 200, ..Outcome::default() }),
        usage: Some(UsageTokens { input: 10 + n % 7, output: 5, ..UsageTokens::default() }),
        cost_nano_usd: 1_000 + i64::try_from(n % 100).unwrap(),
        charged_nano_usd: if charged { 1_100 } else { 0 },
        ended_at_us: NOW.0,
        ..UsageEvent::default()
    }
}

fn intent(n: u64, epoch: Epoch) -> Intent {
    let rates = Rates { input: 2_500_000, output: 10_000_000, request: 777, price_version: 3, markup_basis_points: 1_000 };
    Intent { request_id: bytes(n), facts: Some(facts(n, epoch)), hold_nano_usd: 500_000, rates: Some(rates), ..Intent::default() }
}

fn settle(journal: &Journal, numbers: impl IntoIterator<Item = u64>) {
    for n in numbers {
        journal.settle(&mut event(n, journal.epoch())).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_sides_agree_exactly_and_the_log_goes_when_both_have_passed_it() {
    let world = World::new().await;
    let journal = world.journal();
    world.lease(journal.epoch()).await;
    settle(&journal, 0..600);
    let status = world.drained().await;
    assert_eq!((status.ledger().events, status.analytics().events, status.ledger().overshoots), (600, 600, 0));
    let live = world.reconciled().await;
    assert!(live.is_exact(), "{live}");
    assert_eq!((live.ledger.calls, live.ledger.charged_nano_usd, live.epochs.len()), (600, 300 * 1_100, 1));
    assert_eq!(store::leases_open(&world.db, &scope()).await.unwrap().len(), 1);

    journal.close(NOW).unwrap();
    drop(journal);
    let journal = world.journal();
    settle(&journal, 1_000..1_010);
    world.drained().await;
    assert!(store::leases_open(&world.db, &scope()).await.unwrap().is_empty(), "an ended epoch's leases go back");
    let balance = store::balance(&world.db, &scope()).await.unwrap();
    assert_eq!(balance.credits, NanoUsd(CREDIT - 305 * 1_100), "the second epoch had no lease: five calls from credits");
    assert_eq!(events::epochs_kept(&world.events_dir(), GATEWAY).unwrap(), [Epoch(2)], "the first epoch's log is gone");
    let all = world.reconciled().await;
    assert!(all.is_exact(), "{all}");
    assert_eq!((all.gateway.calls, all.epochs_recorded, all.epochs.len()), (610, 1, 1));
    assert!(all.to_string().ends_with("exact: every difference is 0"));
    assert!(store::ledger_prove(&world.db).await.unwrap().holds());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_is_killed_anywhere_posts_each_event_once() {
    let world = World::new().await;
    let journal = world.journal();
    world.lease(journal.epoch()).await;
    settle(&journal, 0..2_000);
    journal.close(NOW).unwrap();
    let mut kills = 0;
    for round in 0.. {
        let status = Status::new();
        let running = tokio::spawn(run(Options { batch_events_max: 40, ..world.options() }, status.clone(), Shutdown::new()));
        tokio::time::sleep(Duration::from_millis(3 + round * 7 % 23)).await;
        running.abort();
        let _ = running.await;
        if status.caught_up() {
            break;
        }
        kills += 1;
        assert!(kills < 2_000, "it never gets on");
    }
    assert!(kills > 3, "only {kills} kills");
    let all = world.reconciled().await;
    assert!(all.is_exact(), "{all}");
    assert_eq!((all.ledger.calls, all.epochs_recorded), (2_000, 1));
    assert_eq!(store::balance(&world.db, &scope()).await.unwrap().credits, NanoUsd(CREDIT - 1_000 * 1_100));
    assert!(store::ledger_prove(&world.db).await.unwrap().holds());
}

/// Polls a future so many times at most, then drops it. True when it was done.
async fn steps_then_drop<F: Future + Unpin>(mut act: F, mut steps: usize) -> bool {
    std::future::poll_fn(|context| {
        let done = Pin::new(&mut act).poll(context).is_ready();
        steps = steps.saturating_sub(1);
        if done || steps == 0 { Poll::Ready(done) } else { Poll::Pending }
    })
    .await
}

/// The end of an epoch takes several transactions; its place is stored by the last one.
#[tokio::test]
async fn an_epochs_end_that_breaks_off_at_each_step_is_done_again() {
    let world = World::new().await;
    let journal = world.journal();
    world.lease(journal.epoch()).await;
    settle(&journal, 0..20);
    journal.close(NOW).unwrap();
    let batch = Reader::new(&world.events_dir(), GATEWAY, Position::START).batch(100).unwrap();
    let chunk = crate::chunk::cut(GATEWAY, batch).remove(0);
    let rows = crate::sink::Rows::Ledger(chunk.events.iter().map(|(_, event)| crate::posted_event(event).unwrap()).collect());
    let mut sink = crate::sink::Sink::ledger(world.db.clone());
    let mut dropped = 0;
    for steps in 1.. {
        let work = crate::sink::Work { gateway: GATEWAY, rows: &rows, closed: chunk.closed.as_ref(), end: chunk.end, now: NOW };
        let done = steps_then_drop(Box::pin(sink.take(&work)), steps).await;
        if !store::ledger_offsets(&world.db).await.unwrap().is_empty() {
            assert_eq!(store::epochs_list(&world.db).await.unwrap().len(), 1, "after {steps} steps");
            assert!(store::leases_open(&world.db, &scope()).await.unwrap().is_empty(), "after {steps} steps");
        }
        if done {
            break;
        }
        dropped += 1;
    }
    assert!(dropped > 10, "only {dropped} steps");
    assert_eq!(store::ledger_totals(&world.db).await.unwrap().calls, 20);
    assert!(store::ledger_prove(&world.db).await.unwrap().holds());
}

/// Drops the service after one step, after two, and so on: each `.await` of both consumers is once the last one.
#[tokio::test]
async fn a_service_that_is_dropped_at_each_step_posts_each_event_once() {
    let world = World::new().await;
    let journal = world.journal();
    world.lease(journal.epoch()).await;
    settle(&journal, 0..150);
    journal.close(NOW).unwrap();
    drop(journal);
    let journal = world.journal();
    settle(&journal, 150..300);
    for steps in 1..30 {
        let options = Options { batch_events_max: 20, ..world.options() };
        steps_then_drop(Box::pin(run(options, Status::new(), Shutdown::new())), steps).await;
    }
    world.drained().await;
    let all = world.reconciled().await;
    assert!(all.is_exact(), "{all}");
    assert_eq!((all.ledger.calls, all.epochs_recorded, all.ledger.charged_nano_usd), (300, 1, 150 * 1_100));
    assert!(store::ledger_prove(&world.db).await.unwrap().holds());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_from_its_start_once_more_changes_nothing() {
    let world = World::new().await;
    let journal = world.journal();
    world.lease(journal.epoch()).await;
    settle(&journal, 0..100);
    journal.close(NOW).unwrap();
    world.drained().await;
    let before = world.reconciled().await;
    let batch = Reader::new(&world.events_dir(), GATEWAY, Position::START).batch(1_000).unwrap();
    assert_eq!(batch.items.len(), 101);
    for mut sink in [crate::sink::Sink::ledger(world.db.clone()), crate::sink::Sink::Analytics(world.analytics.clone())] {
        for chunk in crate::chunk::cut(GATEWAY, batch.clone()) {
            let rows = match sink.consumer() {
                crate::status::Consumer::Ledger => {
                    crate::sink::Rows::Ledger(chunk.events.iter().map(|(_, event)| crate::posted_event(event).unwrap()).collect())
                }
                crate::status::Consumer::Analytics => {
                    crate::sink::Rows::Analytics(chunk.events.iter().map(|(_, event)| crate::call_row(event).unwrap()).collect())
                }
            };
            let work = crate::sink::Work { gateway: GATEWAY, rows: &rows, closed: chunk.closed.as_ref(), end: chunk.end, now: NOW };
            let taken = sink.take(&work).await.unwrap();
            assert_eq!((taken.events, taken.repeated, taken.end_refused), (100, 100, false));
        }
    }
    assert_eq!(world.reconciled().await, before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn analytics_that_are_away_do_not_hold_up_the_ledger() {
    let mut world = World::new().await;
    let journal = world.journal();
    world.lease(journal.epoch()).await;
    settle(&journal, 0..200);
    world.analytics.close().await;
    let (status, shutdown) = (Status::new(), Shutdown::new());
    let running = tokio::spawn(run(world.options(), status.clone(), shutdown.clone()));
    wait_for(|| status.ledger().started && status.ledger().lag_bytes == 0 && status.analytics().failures > 1).await;
    assert_eq!((status.ledger().events, status.analytics().events), (200, 0));
    assert!(status.analytics().error.is_some() && status.ledger().error.is_none() && !status.caught_up());
    shutdown.stop();
    running.await.unwrap();
    world.analytics = analytics_open(world.folder.path()).await;
    let behind = world.reconciled().await;
    assert!(!behind.is_exact());
    assert!(behind.differences.iter().all(|difference| difference.side == crate::Side::Analytics), "{behind}");
    world.drained().await;
    let all = world.reconciled().await;
    assert!(all.is_exact(), "{all}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_poisoned_event_goes_to_the_quarantine_and_only_its_lane_waits() {
    let world = World::new().await;
    let journal = world.journal();
    world.lease(journal.epoch()).await;
    settle(&journal, 0..20);
    let mut nobody_paid = event(20, journal.epoch());
    nobody_paid.facts.as_mut().unwrap().used_mode = "barter".to_owned();
    journal.settle(&mut nobody_paid).unwrap();
    settle(&journal, 21..60);
    let status = world.drained().await;
    assert_eq!((status.ledger().quarantined, status.analytics().quarantined), (1, 1));
    let kept = events::quarantine_list(&world.events_dir(), GATEWAY).unwrap();
    assert_eq!((kept.len(), kept[0].reason.as_str()), (1, "the event does not say who paid"));
    assert_eq!(status.analytics().events, 59);
    let gaps = status.ledger().gaps;
    assert_eq!((gaps.len(), u32::from(gaps[0].lane.as_u8()), gaps[0].expected.0), (1, nobody_paid.lane, nobody_paid.seq));
    let all = world.reconciled().await;
    // Ten of the charged tenant before it, and all thirty of the others.
    assert_eq!((all.ledger.calls, all.analytics.calls, all.gateway.calls), (40, 59, 60), "{all}");
    assert_eq!(store::ledger_offsets(&world.db).await.unwrap().len(), 0, "what waits is read again by a later start");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bill_and_crash_loss_are_what_the_provider_produced() {
    let world = World::new().await;
    let journal = world.journal();
    let epoch = journal.epoch();
    world.lease(epoch).await;
    settle(&journal, 0..50);
    // The odd one is on its organization's own key: what its provider produced is no loss of ours.
    for n in [100, 101, 102, 104, 106] {
        journal.intent(&intent(n, epoch)).unwrap();
    }
    let progress = Progress { request_id: bytes(100), input_tokens: 10, output_tokens: 7, hold_nano_usd: 500_000 };
    journal.progress(&progress).unwrap();
    journal.progress(&Progress { request_id: bytes(104), output_tokens: 4, ..progress }).unwrap();
    drop(journal);
    let _journal = world.journal();
    world.drained().await;

    let line = |n: u64, output: u64| {
        format!(r#"{{"client_request_id":"req_{:032x}-1","status":200,"input_tokens":10,"output_tokens":{output},"end":"cancelled"}}"#, n)
    };
    let text = [
        line(100, 9),
        line(101, 9),
        line(102, 3),
        line(104, 4),
        line(999, 1),
        r#"{"client_request_id":null,"input_tokens":1,"output_tokens":1}"#.to_owned(),
    ]
    .join("\n");
    let statement = statement_parse(&text).unwrap();
    let report = crash_loss_from_statement(&world.db, &world.events_dir(), &statement, NOW).await.unwrap();
    assert_eq!((report.orphans, report.posted, report.not_in_statement, report.overbilled), (4, 3, 1, 0));
    let price = |output| events::price(&intent(0, epoch).rates.unwrap(), 10, output).0.0;
    let billed: i64 = events::orphans_list(&world.events_dir()).unwrap().iter().map(|orphan| orphan.event.cost_nano_usd).sum();
    assert_eq!(billed, price(7) + price(4));
    assert_eq!(billed + report.loss_nano_usd, price(9) + price(3) + price(4));
    let again = crash_loss_from_statement(&world.db, &world.events_dir(), &statement, NOW).await.unwrap();
    assert_eq!((again.posted, again.known, again.loss_nano_usd), (0, 3, report.loss_nano_usd));
    let all = world.reconciled().await;
    assert!(all.is_exact(), "{all}");
    assert_eq!((all.ledger.calls, all.epochs_recorded), (55, 1));
    let less = vec![StatementLine { request_id: Some(format!("req_{:032x}", 100)), status: None, input_tokens: 0, output_tokens: 1 }];
    let other = tempfile::tempdir().unwrap();
    assert_eq!(crash_loss_from_statement(&world.db, other.path(), &less, NOW).await.unwrap().orphans, 0);
    assert!(statement_parse("{}").is_err());
    assert!(store::ledger_prove(&world.db).await.unwrap().holds());
}
