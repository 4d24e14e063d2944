//! `/api/v1/budgets`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use domain::{BudgetId, Fault, NanoUsd, Period};
use serde::{Deserialize, Serialize};
use store::{BudgetCounts, BudgetScopeKind, BudgetStatus, BudgetUpdate, Enforcement};
use utoipa::{IntoParams, ToSchema};

use crate::app::Control;
use crate::app::budgets::{BudgetNew, BudgetNow};
use crate::app::caller::{Management, Payer};
use crate::app::checks::invalid;
use crate::http::edge::Refused;
use crate::http::input::{self, Id, NoParams, Params};
use crate::http::output;
use crate::http::page;

/// Limit: bytes of a scope's value in a filter.
const VALUE_BYTES_MAX: usize = 200;

/// The same words as the store's, one by one.
macro_rules! words {
    ($($(#[$doc:meta])* $name:ident is $stored:ident { $($(#[$word_doc:meta])* $word:ident,)* })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
        #[serde(rename_all = "snake_case")]
        pub(super) enum $name { $($(#[$word_doc])* $word,)* }

        impl From<$stored> for $name {
            fn from(stored: $stored) -> Self {
                match stored { $($stored::$word => Self::$word,)* }
            }
        }

        impl From<$name> for $stored {
            fn from(word: $name) -> Self {
                match word { $($name::$word => Self::$word,)* }
            }
        }
    )*};
}

words! {
    /// What a budget is about.
    BudgetScopeInOut is BudgetScopeKind {
        /// All calls.
        Organization,
        /// Calls with a project's keys.
        Project,
        /// Calls for a customer's customer.
        SubAccount,
        /// Calls with keys that a member made.
        Member,
        /// Calls with a key.
        ApiKey,
        /// Calls with a short-lived token.
        Ephemeral,
        /// Calls with a tag, be it their own or their key's.
        Tag,
        /// Calls that a model answers.
        Model,
        /// Calls that a provider answers.
        Provider,
    }
    /// How long a budget's windows are.
    BudgetWindowInOut is Period {
        /// From each full hour on.
        Hour,
        /// From midnight on.
        Day,
        /// From Monday on.
        Week,
        /// From the first of the month on.
        Month,
        /// One window that never ends.
        Total,
    }
    /// What becomes of a call that does not fit.
    EnforcementInOut is Enforcement {
        /// It is refused.
        Hard,
        /// It goes on; only alerts tell.
        Soft,
    }
    /// What a call adds to a budget.
    BudgetCountsInOut is BudgetCounts {
        /// Its provider's price, whoever pays.
        Cost,
        /// What was taken from credits.
        Charged,
    }
}

/// Whether a budget counts.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum BudgetStatusInOut {
    /// It does.
    Active,
    /// It is switched off.
    Disabled,
}

impl From<BudgetStatusInOut> for BudgetStatus {
    fn from(status: BudgetStatusInOut) -> Self {
        match status {
            BudgetStatusInOut::Active => Self::Active,
            BudgetStatusInOut::Disabled => Self::Disabled,
        }
    }
}

/// A budget, and how its window stands.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct BudgetOut {
    #[schema(example = "bud_0190a6d4c1e47c0f8d5a6f1b2c3d4e5f")]
    id: String,
    #[schema(example = "Production")]
    name: String,
    #[schema(inline)]
    scope: BudgetScopeInOut,
    /// Id or name of what it is about; of the organization its own id.
    #[schema(example = "proj_0190a6d4c1e47c0f8d5a6f1b2c3d4e5f")]
    scope_value: String,
    /// How much fits one window, in nano-USD (10⁻⁹ USD).
    #[schema(example = 100_000_000_000_i64)]
    amount_nano_usd: i64,
    /// The same in USD.
    #[schema(example = "100.000000000")]
    amount_usd: String,
    #[schema(inline)]
    window: BudgetWindowInOut,
    /// IANA name of where windows begin.
    #[schema(example = "UTC")]
    time_zone: String,
    #[schema(inline)]
    enforcement: EnforcementInOut,
    #[schema(inline)]
    counts: BudgetCountsInOut,
    /// Percents of the amount at which a `budget.threshold` event goes to webhooks, once in each window.
    #[schema(example = json!([50, 80, 100]))]
    alerts: Vec<u32>,
    #[schema(inline)]
    status: BudgetStatusInOut,
    /// What calls spent in this window, as far as they are posted, in nano-USD.
    spent_nano_usd: i64,
    #[schema(example = "42.500000000")]
    spent_usd: String,
    /// What gateways hold of it for calls under way and to come, in nano-USD.
    held_nano_usd: i64,
    #[schema(example = "1.000000000")]
    held_usd: String,
    /// What is left for others; never below zero, in nano-USD.
    remaining_nano_usd: i64,
    #[schema(example = "56.500000000")]
    remaining_usd: String,
    /// Calls that count in this window.
    calls: u64,
    /// When this window began; null for `total`.
    #[schema(example = "2026-11-01T00:00:00Z")]
    window_started_at: Option<String>,
    /// When the next window begins; null: never.
    #[schema(example = "2026-12-01T00:00:00Z")]
    resets_at: Option<String>,
    #[schema(example = "2026-11-20T12:34:56.789012Z")]
    created_at: String,
    /// When a setting last changed.
    #[schema(example = "2026-11-20T12:34:56.789012Z")]
    updated_at: String,
}

impl From<BudgetNow> for BudgetOut {
    fn from(budget: BudgetNow) -> Self {
        let remaining = budget.remaining();
        let BudgetNow { row, window, spent, held, calls } = budget;
        Self {
            id: row.id.to_string(),
            name: row.name,
            scope: row.scope.kind.into(),
            scope_value: row.scope.value,
            amount_nano_usd: row.amount.0,
            amount_usd: row.amount.to_string(),
            window: row.period.into(),
            time_zone: row.time_zone,
            enforcement: row.enforcement.into(),
            counts: row.counts.into(),
            alerts: row.alerts,
            status: if row.status == BudgetStatus::Active { BudgetStatusInOut::Active } else { BudgetStatusInOut::Disabled },
            spent_nano_usd: spent.0,
            spent_usd: spent.to_string(),
            held_nano_usd: held.0,
            held_usd: held.to_string(),
            remaining_nano_usd: remaining.0,
            remaining_usd: remaining.to_string(),
            calls,
            window_started_at: window.end.map(|_| output::time(window.start)),
            resets_at: window.end.map(output::time),
            created_at: output::time(row.created_at),
            updated_at: output::time(row.updated_at),
        }
    }
}

/// A page of budgets.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct BudgetsOut {
    /// Oldest first.
    data: Vec<BudgetOut>,
    /// Whether another page follows.
    has_more: bool,
    /// Where the next page begins; null on the last.
    next_cursor: Option<String>,
}

/// Which budgets.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct BudgetsQuery {
    /// Of this kind only. Those of short-lived tokens are listed only when they are asked for.
    #[param(inline)]
    scope: Option<BudgetScopeInOut>,
    /// On this id or name only; needs `scope`.
    scope_value: Option<String>,
    /// Rows on a page, 1 to 200. Default: 50.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// A budget to make. Those of `ephemeral` come with what they are about and cannot be made here.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct BudgetIn {
    /// For display, 1 to 200 characters.
    #[schema(example = "Production")]
    name: String,
    #[schema(inline)]
    scope: BudgetScopeInOut,
    /// Id of the project, sub-account, API key or member; the tag; id of the model or provider. Left out for the organization.
    #[schema(example = "proj_0190a6d4c1e47c0f8d5a6f1b2c3d4e5f")]
    scope_value: Option<String>,
    /// How much fits one window, in nano-USD (10⁻⁹ USD). 0 refuses every call.
    #[schema(minimum = 0, maximum = 1_000_000_000_000_000_000_i64, example = 100_000_000_000_i64)]
    amount_nano_usd: Option<i64>,
    /// Instead of `amount_nano_usd`: in USD as a decimal text, at most nine decimals.
    #[schema(example = "100.00")]
    amount_usd: Option<String>,
    #[schema(inline)]
    window: BudgetWindowInOut,
    /// IANA name of where windows begin. Default: UTC.
    #[schema(example = "Europe/Berlin")]
    time_zone: Option<String>,
    /// Default: `hard`.
    #[schema(inline)]
    enforcement: Option<EnforcementInOut>,
    /// Default: `cost`.
    #[schema(inline)]
    counts: Option<BudgetCountsInOut>,
    /// Percents of the amount, 1 to 1000, at most 10. Default: 50, 80 and 100.
    #[schema(max_items = 10, example = json!([50, 80, 100]))]
    alerts: Option<Vec<u32>>,
}

/// New settings; what is left out stays. Scope, window and what counts cannot change: make another budget.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct BudgetChangeIn {
    /// For display, 1 to 200 characters.
    name: Option<String>,
    /// Another amount in nano-USD (10⁻⁹ USD), from now on.
    #[schema(minimum = 0, maximum = 1_000_000_000_000_000_000_i64)]
    amount_nano_usd: Option<i64>,
    /// Instead of `amount_nano_usd`: in USD as a decimal text.
    #[schema(example = "250.00")]
    amount_usd: Option<String>,
    #[schema(inline)]
    enforcement: Option<EnforcementInOut>,
    /// Other thresholds; those that this window passed already do not alert again.
    #[schema(max_items = 10)]
    alerts: Option<Vec<u32>>,
    #[schema(inline)]
    status: Option<BudgetStatusInOut>,
}

/// Budgets
///
/// With what is spent, held and left of the window that is open now.
#[utoipa::path(get, path = "/api/v1/budgets", tag = "Budgets", params(BudgetsQuery),
    responses((status = 200, description = "A page of budgets, oldest first.", body = BudgetsOut)))]
pub(super) async fn budget_list(
    who: Management,
    State(control): State<Arc<Control>>,
    Params(query): Params<BudgetsQuery>,
) -> Result<Json<BudgetsOut>, Refused> {
    let page = page::page(query.limit, query.cursor.as_deref())?;
    let scope = (query.scope.map(BudgetScopeKind::from), query.scope_value);
    if scope.1.as_ref().is_some_and(|value| scope.0.is_none() || value.len() > VALUE_BYTES_MAX) {
        return Err(invalid("scope_value", format!("`scope_value` needs `scope`, and has at most {VALUE_BYTES_MAX} bytes")).into());
    }
    let list = control.budget_list(&who, scope, page).await?;
    let (has_more, next_cursor) = page::next(list.next);
    Ok(Json(BudgetsOut { data: list.rows.into_iter().map(BudgetOut::from).collect(), has_more, next_cursor }))
}

/// Make a budget
///
/// For owners, admins and billing members. It counts calls from now on; gateways follow within a second.
#[utoipa::path(post, path = "/api/v1/budgets", tag = "Budgets", request_body = BudgetIn,
    responses((status = 201, description = "Made.", body = BudgetOut)))]
pub(super) async fn budget_create(
    who: Payer,
    State(control): State<Arc<Control>>,
    _: NoParams,
    input::Json(body): input::Json<BudgetIn>,
) -> Result<(StatusCode, Json<BudgetOut>), Refused> {
    let amount = amount(body.amount_nano_usd, body.amount_usd.as_deref())?;
    let new = BudgetNew {
        name: body.name,
        kind: body.scope.into(),
        value: body.scope_value,
        amount: amount.ok_or_else(|| invalid("amount_nano_usd", "send the amount, as `amount_nano_usd` or as `amount_usd`"))?,
        period: body.window.into(),
        time_zone: body.time_zone.unwrap_or_else(|| "UTC".to_owned()),
        enforcement: body.enforcement.map_or(Enforcement::Hard, Enforcement::from),
        counts: body.counts.map_or(BudgetCounts::Cost, BudgetCounts::from),
        alerts: body.alerts,
    };
    Ok((StatusCode::CREATED, Json(control.budget_create(&who, new).await?.into())))
}

/// One budget
#[utoipa::path(get, path = "/api/v1/budgets/{id}", tag = "Budgets", params(("id" = String, Path, description = "`bud_…`")),
    responses((status = 200, description = "The budget.", body = BudgetOut)))]
pub(super) async fn budget_get(
    who: Management,
    State(control): State<Arc<Control>>,
    _: NoParams,
    Id(id): Id<BudgetId>,
) -> Result<Json<BudgetOut>, Refused> {
    Ok(Json(control.budget_get(&who, id).await?.into()))
}

/// Change a budget
///
/// For owners, admins and billing members. Gateways follow within a second; a lower amount holds from then on.
#[utoipa::path(patch, path = "/api/v1/budgets/{id}", tag = "Budgets", params(("id" = String, Path, description = "`bud_…`")),
    request_body = BudgetChangeIn,
    responses((status = 200, description = "The budget as it is now.", body = BudgetOut)))]
pub(super) async fn budget_update(
    who: Payer,
    State(control): State<Arc<Control>>,
    _: NoParams,
    Id(id): Id<BudgetId>,
    input::Json(body): input::Json<BudgetChangeIn>,
) -> Result<Json<BudgetOut>, Refused> {
    let change = BudgetUpdate {
        name: body.name,
        amount: amount(body.amount_nano_usd, body.amount_usd.as_deref())?,
        enforcement: body.enforcement.map(Enforcement::from),
        alerts: body.alerts,
        status: body.status.map(BudgetStatus::from),
    };
    Ok(Json(control.budget_update(&who, id, change).await?.into()))
}

/// Delete a budget
///
/// For owners, admins and billing members. Gateways follow within a second.
#[utoipa::path(delete, path = "/api/v1/budgets/{id}", tag = "Budgets", params(("id" = String, Path, description = "`bud_…`")),
    responses((status = 204, description = "Deleted.")))]
pub(super) async fn budget_delete(
    who: Payer,
    State(control): State<Arc<Control>>,
    _: NoParams,
    Id(id): Id<BudgetId>,
) -> Result<StatusCode, Refused> {
    control.budget_delete(&who, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn amount(nano_usd: Option<i64>, usd: Option<&str>) -> Result<Option<NanoUsd>, Fault> {
    match (nano_usd, usd) {
        (Some(_), Some(_)) => Err(invalid("amount_usd", "send the amount once, as `amount_usd` or as `amount_nano_usd`")),
        (Some(nano), None) => Ok(Some(NanoUsd(nano))),
        (None, Some(usd)) => usd.parse().map(Some).map_err(|error| invalid("amount_usd", format!("`amount_usd` is {error}"))),
        (None, None) => Ok(None),
    }
}
