//! `/api/v1/billing`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use store::TransferRow;
use utoipa::ToSchema;

use crate::app::Control;
use crate::app::caller::Payer;
use crate::app::checks::invalid;
use crate::http::edge::Refused;
use crate::http::input::{self, NoParams, Params};
use crate::http::output;
use crate::http::page::{self, PageQuery};

/// Where words about money go.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct BillingOut {
    /// In lower case; null: to the owners.
    #[schema(example = "accounts@example.com")]
    billing_email: Option<String>,
}

/// Where words about money shall go.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct BillingIn {
    /// An e-mail address; null: to the owners.
    #[serde(default, deserialize_with = "input::given")]
    #[schema(value_type = Option<String>, required = true, example = "accounts@example.com")]
    billing_email: Option<Option<String>>,
}

/// A movement of credits.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TransferOut {
    /// The ledger's id of it.
    #[schema(example = "tr_0190a6d4c1e47c0f8d5a6f1b2c3d4e5f")]
    id: String,
    /// The account that it came from.
    #[schema(example = "system:promo")]
    debit: String,
    /// The account that it went to.
    #[schema(example = "credits:org_0190a6d4c1e47c0f8d5a6f1b2c3d4e5f")]
    credit: String,
    /// In nano-USD (10⁻⁹ USD), above zero.
    amount_nano_usd: i64,
    /// In USD.
    #[schema(example = "25.000000000")]
    amount_usd: String,
    /// Why, such as `grant`, `lease_grant`, `lease_return`, `usage` or `correction`.
    #[schema(example = "grant")]
    kind: &'static str,
    /// In words.
    reason: Option<String>,
    #[schema(example = "2026-11-20T12:34:56.789012Z")]
    at: String,
}

impl From<TransferRow> for TransferOut {
    fn from(row: TransferRow) -> Self {
        Self {
            id: row.id,
            debit: row.debit,
            credit: row.credit,
            amount_nano_usd: row.amount.0,
            amount_usd: row.amount.to_string(),
            kind: row.kind.as_str(),
            reason: output::some(&row.reason),
            at: output::time(row.at),
        }
    }
}

/// A page of movements of credits.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TransfersOut {
    /// Oldest first.
    data: Vec<TransferOut>,
    /// Whether another page follows.
    has_more: bool,
    /// Where the next page begins; null on the last.
    next_cursor: Option<String>,
}

/// Where words about money go
///
/// For owners, admins and billing members.
#[utoipa::path(get, path = "/api/v1/billing", tag = "Billing",
    responses((status = 200, description = "The address.", body = BillingOut)))]
pub(super) async fn billing_get(who: Payer, State(control): State<Arc<Control>>, _: NoParams) -> Result<Json<BillingOut>, Refused> {
    Ok(Json(BillingOut { billing_email: control.billing_email(&who).await? }))
}

/// Let words about money go elsewhere
///
/// For owners, admins and billing members.
#[utoipa::path(patch, path = "/api/v1/billing", tag = "Billing", request_body = BillingIn,
    responses((status = 200, description = "The address as it is now.", body = BillingOut)))]
pub(super) async fn billing_update(
    who: Payer,
    State(control): State<Arc<Control>>,
    _: NoParams,
    input::Json(body): input::Json<BillingIn>,
) -> Result<Json<BillingOut>, Refused> {
    let email = body.billing_email.ok_or_else(|| invalid("billing_email", "name `billing_email`: an address or null"))?;
    Ok(Json(BillingOut { billing_email: control.billing_email_set(&who, email.as_deref()).await? }))
}

/// Movements of credits
///
/// For owners, admins and billing members: what the ledger holds of the organization's credits, oldest first.
#[utoipa::path(get, path = "/api/v1/billing/transfers", tag = "Billing", params(PageQuery),
    responses((status = 200, description = "A page of movements.", body = TransfersOut)))]
pub(super) async fn transfer_list(
    who: Payer,
    State(control): State<Arc<Control>>,
    Params(query): Params<PageQuery>,
) -> Result<Json<TransfersOut>, Refused> {
    let list = control.transfer_list(&who, query.page()?).await?;
    let (has_more, next_cursor) = page::next(list.next);
    Ok(Json(TransfersOut { data: list.rows.into_iter().map(TransferOut::from).collect(), has_more, next_cursor }))
}
