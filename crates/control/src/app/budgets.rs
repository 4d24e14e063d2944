//! Budgets: how much a scope may spend in each window. What is spent and held of a window is counted by the ledger.

use domain::{ApiKeyId, BudgetId, Code, Fault, NanoUsd, Period, ProjectId, SubAccountId, UnixMicros, UserId, Window};
use policy::budget::Clock;
use service::{clock, random};
use store::{
    BudgetCounts, BudgetFigures, BudgetFilter, BudgetRow, BudgetScope, BudgetScopeKind, BudgetUpdate, Enforcement, NewBudget, Page,
};

use crate::app::caller::{Management, Payer};
use crate::app::page::Listed;
use crate::app::{Control, ask, checks};

/// Limit: the highest amount of a budget: a billion USD.
pub(crate) const AMOUNT_NANO_USD_MAX: i64 = 1_000_000_000_000_000_000;
/// Limit: thresholds of a budget.
pub(crate) const ALERTS_MAX: usize = 10;
/// Limit: a threshold in percent. Above 100 it tells of soft budgets, and of bills above their holds.
pub(crate) const ALERT_PERCENT_MAX: u32 = 1_000;
/// The thresholds of a budget that names none.
const ALERTS_USUAL: [u32; 3] = [50, 80, 100];
/// Limit: bytes of a tag, as of a call.
const TAG_BYTES_MAX: usize = 100;

/// A budget about to be made.
#[derive(Debug, Clone)]
pub struct BudgetNew {
    /// For display.
    pub name: String,
    /// What it is about.
    pub kind: BudgetScopeKind,
    /// Its id or name; `None` for the organization.
    pub value: Option<String>,
    /// How much fits one window.
    pub amount: NanoUsd,
    /// How long windows are.
    pub period: Period,
    /// IANA name of where they begin.
    pub time_zone: String,
    /// What becomes of calls that do not fit.
    pub enforcement: Enforcement,
    /// What a call adds.
    pub counts: BudgetCounts,
    /// Percents of the amount; `None`: the usual ones.
    pub alerts: Option<Vec<u32>>,
}

/// A budget and how its window stands.
#[derive(Debug, Clone)]
pub struct BudgetNow {
    /// Its settings.
    pub row: BudgetRow,
    /// The window that is open now.
    pub window: Window,
    /// What posted calls spent of it.
    pub spent: NanoUsd,
    /// What gateways hold of it for calls under way and to come.
    pub held: NanoUsd,
    /// Calls that count in it.
    pub calls: u64,
}

impl BudgetNow {
    /// What a new call finds; never below zero.
    pub fn remaining(&self) -> NanoUsd {
        let left = i128::from(self.row.amount.0) - i128::from(self.spent.0) - i128::from(self.held.0);
        NanoUsd(i64::try_from(left.max(0)).unwrap_or(i64::MAX))
    }

    /// `figures` are of the newest window that anything was leased or spent in; an older one than now's says nothing.
    fn of(row: BudgetRow, figures: Option<BudgetFigures>, now: UnixMicros) -> Result<Self, Fault> {
        let gone = || Fault::internal("find a budget's window", format!("{} has no window at {}", row.id, now.0));
        let window = Clock::named(&row.time_zone).and_then(|clock| clock.window(row.period, now)).ok_or_else(gone)?;
        let now = figures.filter(|figures| figures.window.start == window.start);
        let (spent, held, calls) = now.map_or((NanoUsd::ZERO, NanoUsd::ZERO, 0), |now| (now.spent, now.leased, now.calls));
        Ok(Self { row, window, spent, held, calls })
    }
}

impl Control {
    /// A page of budgets, oldest first.
    pub async fn budget_list(
        &self,
        who: &Management,
        scope: (Option<BudgetScopeKind>, Option<String>),
        page: Page<BudgetId>,
    ) -> Result<Listed<BudgetNow, BudgetId>, Fault> {
        let (kind, value) = scope;
        let filter = BudgetFilter { kind, value, after: page.after, limit: page.limit.saturating_add(1) };
        let rows = ask::store(Code::DirectoryUnavailable, store::budget_list(&self.db, who.scope(), &filter)).await?;
        let Listed { rows, next } = Listed::cut(rows, page.limit, |row| row.id);
        Ok(Listed { rows: self.budgets_now(who, rows).await?, next })
    }

    /// One budget.
    pub async fn budget_get(&self, who: &Management, id: BudgetId) -> Result<BudgetNow, Fault> {
        let row = ask::store(Code::DirectoryUnavailable, store::budget_get(&self.db, who.scope(), id)).await?;
        self.budget_now(who, row).await
    }

    /// Makes a budget that counts from now on; gateways follow within a second.
    pub async fn budget_create(&self, who: &Payer, new: BudgetNew) -> Result<BudgetNow, Fault> {
        let caller = who.management();
        amount_check(new.amount)?;
        if Clock::named(&new.time_zone).is_none() {
            let say = "`time_zone` must be the IANA name of a time zone, such as UTC or Europe/Berlin";
            return Err(checks::invalid("time_zone", say));
        }
        let budget = NewBudget {
            id: BudgetId::from_uuid(random::uuid()),
            name: checks::name("name", &new.name)?,
            scope: self.budget_scope(caller, new.kind, new.value).await?,
            amount: new.amount,
            period: new.period,
            time_zone: new.time_zone,
            enforcement: new.enforcement,
            counts: new.counts,
            alerts: alerts(new.alerts.unwrap_or_else(|| ALERTS_USUAL.to_vec()))?,
        };
        let author = caller.author(clock::now());
        let made = store::budget_create(&self.db, caller.scope(), &budget, &author);
        let row = ask::store(Code::DirectoryUnavailable, made).await?;
        tracing::info!(budget.id = %row.id, by = %caller.via(), "a budget was made");
        self.budget_now(caller, row).await
    }

    /// Changes settings; gateways follow within a second.
    pub async fn budget_update(&self, who: &Payer, id: BudgetId, mut change: BudgetUpdate) -> Result<BudgetNow, Fault> {
        if change == BudgetUpdate::default() {
            let say = "name at least one of `name`, `amount_nano_usd`, `amount_usd`, `enforcement`, `alerts`, `status`";
            return Err(Fault::new(Code::InvalidRequest, say));
        }
        change.amount.map(amount_check).transpose()?;
        change.name = change.name.as_deref().map(|name| checks::name("name", name)).transpose()?;
        change.alerts = change.alerts.map(alerts).transpose()?;
        let caller = who.management();
        let author = caller.author(clock::now());
        let changed = store::budget_update(&self.db, caller.scope(), id, &change, &author);
        let row = ask::store(Code::DirectoryUnavailable, changed).await?;
        tracing::info!(budget.id = %id, by = %caller.via(), "a budget was changed");
        self.budget_now(caller, row).await
    }

    /// Deletes a budget; gateways follow within a second.
    pub async fn budget_delete(&self, who: &Payer, id: BudgetId) -> Result<(), Fault> {
        let caller = who.management();
        let author = caller.author(clock::now());
        ask::store(Code::DirectoryUnavailable, store::budget_delete(&self.db, caller.scope(), id, &author)).await?;
        tracing::info!(budget.id = %id, by = %caller.via(), "a budget was deleted");
        Ok(())
    }

    /// What a new budget is about: something that is there, by the id that calls have.
    async fn budget_scope(&self, caller: &Management, kind: BudgetScopeKind, value: Option<String>) -> Result<BudgetScope, Fault> {
        if kind == BudgetScopeKind::Organization {
            return match value {
                None => Ok(BudgetScope { kind, value: caller.scope().organization().to_string() }),
                Some(_) => Err(wrong("a budget of the whole organization has no `scope_value`; leave it out")),
            };
        }
        let value = value.ok_or_else(|| wrong("name what the budget is about in `scope_value`"))?;
        let known = match kind {
            BudgetScopeKind::Project => self.project_known(caller, &value).await?,
            BudgetScopeKind::ApiKey => self.key_known(caller, &value).await?,
            BudgetScopeKind::SubAccount => self.sub_account_known(caller, &value).await?,
            BudgetScopeKind::Member => self.member_known(caller, &value).await?,
            BudgetScopeKind::Tag => tag(&value)?,
            BudgetScopeKind::Model => {
                let model = self.settings.catalog.model(&value);
                model.map(|model| model.id.to_string()).ok_or_else(|| wrong("there is no such model; GET /v1/models lists them"))?
            }
            BudgetScopeKind::Provider => {
                let provider = self.settings.catalog.provider(&value);
                provider.map(|provider| provider.id.to_string()).ok_or_else(|| wrong("there is no such provider"))?
            }
            BudgetScopeKind::Organization | BudgetScopeKind::Ephemeral => {
                return Err(checks::invalid("scope", "budgets of this kind come with what they are about"));
            }
        };
        Ok(BudgetScope { kind, value: known })
    }

    async fn project_known(&self, caller: &Management, value: &str) -> Result<String, Fault> {
        let id: ProjectId = value.parse().map_err(|_| nowhere("project"))?;
        let found = ask::store(Code::DirectoryUnavailable, store::project_get(&self.db, caller.scope(), id)).await;
        Ok(found.map_err(named)?.id.to_string())
    }

    async fn key_known(&self, caller: &Management, value: &str) -> Result<String, Fault> {
        let id: ApiKeyId = value.parse().map_err(|_| nowhere("API key"))?;
        let found = ask::store(Code::DirectoryUnavailable, store::api_key_get(&self.db, caller.scope(), id)).await;
        Ok(found.map_err(named)?.id.to_string())
    }

    async fn sub_account_known(&self, caller: &Management, value: &str) -> Result<String, Fault> {
        let id: SubAccountId = value.parse().map_err(|_| nowhere("sub-account"))?;
        let found = ask::store(Code::DirectoryUnavailable, store::sub_account_get(&self.db, caller.scope(), id)).await;
        Ok(found.map_err(named)?.id.to_string())
    }

    async fn member_known(&self, caller: &Management, value: &str) -> Result<String, Fault> {
        let id: UserId = value.parse().map_err(|_| nowhere("member"))?;
        let found = ask::store(Code::DirectoryUnavailable, store::member_person_get(&self.db, caller.scope(), id)).await;
        Ok(found.map_err(named)?.person.to_string())
    }

    async fn budget_now(&self, who: &Management, row: BudgetRow) -> Result<BudgetNow, Fault> {
        let mut all = self.budgets_now(who, vec![row]).await?;
        all.pop().ok_or_else(|| Fault::internal("read a budget", "its figures are gone"))
    }

    async fn budgets_now(&self, who: &Management, rows: Vec<BudgetRow>) -> Result<Vec<BudgetNow>, Fault> {
        let (now, ids) = (clock::now(), rows.iter().map(|row| row.id).collect::<Vec<_>>());
        let figures = store::budget_figures(&self.db, who.scope(), &ids, now);
        let figures = ask::store(Code::DirectoryUnavailable, figures).await?;
        rows.into_iter().zip(figures).map(|(row, figures)| BudgetNow::of(row, figures, now)).collect()
    }
}

fn wrong(say: &str) -> Fault {
    checks::invalid("scope_value", say)
}

fn nowhere(what: &str) -> Fault {
    ask::not_found(what).param("scope_value")
}

fn named(fault: Fault) -> Fault {
    if fault.code() == Code::NotFound { fault.param("scope_value") } else { fault }
}

fn tag(value: &str) -> Result<String, Fault> {
    let tag = checks::name("scope_value", value)?;
    if tag != value || tag.len() > TAG_BYTES_MAX || tag.contains(',') {
        return Err(wrong("a tag has at most 100 bytes, no comma, and no blanks around it"));
    }
    Ok(tag)
}

fn amount_check(amount: NanoUsd) -> Result<(), Fault> {
    if (0..=AMOUNT_NANO_USD_MAX).contains(&amount.0) {
        return Ok(());
    }
    Err(checks::invalid("amount_nano_usd", format!("the amount must be 0 to {AMOUNT_NANO_USD_MAX} nano-USD (a billion USD)")))
}

/// Rising, each once.
fn alerts(mut percents: Vec<u32>) -> Result<Vec<u32>, Fault> {
    if percents.len() > ALERTS_MAX || percents.iter().any(|percent| !(1..=ALERT_PERCENT_MAX).contains(percent)) {
        let say = format!("`alerts` may name at most {ALERTS_MAX} thresholds, each 1 to {ALERT_PERCENT_MAX} percent of the amount");
        return Err(checks::invalid("alerts", say));
    }
    percents.sort_unstable();
    percents.dedup();
    Ok(percents)
}
