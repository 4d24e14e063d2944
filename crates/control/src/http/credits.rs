//! `/api/v1/credits`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use domain::{Fault, NanoUsd, OrganizationId};
use serde::{Deserialize, Serialize};
use store::Balance;
use utoipa::ToSchema;

use crate::app::Control;
use crate::app::caller::{Management, Operator};
use crate::app::checks::invalid;
use crate::app::credits::{GrantNew, Granted};
use crate::http::edge::Refused;
use crate::http::input::{self, NoParams};

const IDEMPOTENCY_KEY: &str = "Idempotency-Key";

/// Where an organization's credit is.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CreditsOut {
    /// Free, in nano-USD (10⁻⁹ USD). Below zero when calls cost more than was left.
    credits_nano_usd: i64,
    /// Free, in USD.
    #[schema(example = "4.987500000")]
    credits_usd: String,
    /// Held by gateways for calls to come, in nano-USD.
    leased_nano_usd: i64,
    /// Held by gateways for calls to come, in USD.
    #[schema(example = "1.000000000")]
    leased_usd: String,
    /// Charged for calls so far, in nano-USD.
    spent_nano_usd: i64,
    /// Charged for calls so far, in USD.
    #[schema(example = "0.012500000")]
    spent_usd: String,
}

impl From<Balance> for CreditsOut {
    fn from(balance: Balance) -> Self {
        Self {
            credits_nano_usd: balance.credits.0,
            credits_usd: balance.credits.to_string(),
            leased_nano_usd: balance.leased.0,
            leased_usd: balance.leased.to_string(),
            spent_nano_usd: balance.spent.0,
            spent_usd: balance.spent.to_string(),
        }
    }
}

/// Credit to grant: either `amount_usd` or `amount_nano_usd`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct GrantIn {
    /// To whom. Default: the organization of the key.
    #[schema(example = "org_0190a6d4c1e47c0f8d5a6f1b2c3d4e5f")]
    organization_id: Option<String>,
    /// In USD as a decimal text, at most nine decimals.
    #[schema(example = "25.00")]
    amount_usd: Option<String>,
    /// In nano-USD (10⁻⁹ USD).
    amount_nano_usd: Option<i64>,
    /// Why, for the ledger.
    #[schema(example = "pilot")]
    reason: String,
}

/// A grant, and the balance after it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct GrantOut {
    /// The ledger's id of it.
    #[schema(example = "tr_0190a6d4c1e47c0f8d5a6f1b2c3d4e5f")]
    id: String,
    /// To whom.
    organization_id: String,
    /// In nano-USD (10⁻⁹ USD).
    amount_nano_usd: i64,
    /// In USD.
    amount_usd: String,
    /// False when this `Idempotency-Key` had granted it before.
    created: bool,
    /// Afterwards.
    balance: CreditsOut,
}

/// The organization's credits
#[utoipa::path(get, path = "/api/v1/credits", tag = "Credits",
    responses((status = 200, description = "Where the credit is.", body = CreditsOut)))]
pub(super) async fn credits_get(who: Management, State(control): State<Arc<Control>>, _: NoParams) -> Result<Json<CreditsOut>, Refused> {
    Ok(Json(control.credits_balance(&who).await?.into()))
}

/// Grant credits
///
/// For operators of the instance. With an `Idempotency-Key` the grant is made once, however often it is sent; the same key
/// with another amount is refused.
#[utoipa::path(post, path = "/api/v1/credits/grants", tag = "Credits", request_body = GrantIn,
    params(("Idempotency-Key" = Option<String>, Header, description = "The grant's identity, 1 to 255 characters.")),
    responses((status = 201, description = "Granted.", body = GrantOut),
        (status = 200, description = "This `Idempotency-Key` had granted it before.", body = GrantOut)))]
pub(super) async fn credits_grant(
    who: Operator,
    State(control): State<Arc<Control>>,
    _: NoParams,
    headers: HeaderMap,
    input::Json(body): input::Json<GrantIn>,
) -> Result<(StatusCode, Json<GrantOut>), Refused> {
    let amount = amount(&body)?;
    let organization = input::id::<OrganizationId>("organization_id", body.organization_id.as_deref())?;
    let grant = GrantNew { organization, amount, reason: body.reason, idempotency_key: idempotency_key(&headers)? };
    let granted = control.credits_grant(&who, grant).await?;
    let status = if granted.created { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(granted.into())))
}

fn amount(body: &GrantIn) -> Result<NanoUsd, Fault> {
    match (&body.amount_usd, body.amount_nano_usd) {
        (Some(usd), None) => usd.parse().map_err(|error| invalid("amount_usd", format!("`amount_usd` is {error}"))),
        (None, Some(nano)) => Ok(NanoUsd(nano)),
        _ => Err(invalid("amount_usd", "send the amount once, as `amount_usd` or as `amount_nano_usd`")),
    }
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Fault> {
    let read = |value: &axum::http::HeaderValue| {
        value.to_str().map(ToOwned::to_owned).map_err(|_| invalid(IDEMPOTENCY_KEY, "`Idempotency-Key` must be printable ASCII"))
    };
    headers.get(IDEMPOTENCY_KEY).map(read).transpose()
}

impl From<Granted> for GrantOut {
    fn from(granted: Granted) -> Self {
        Self {
            id: granted.transfer.to_string(),
            organization_id: granted.organization.to_string(),
            amount_nano_usd: granted.amount.0,
            amount_usd: granted.amount.to_string(),
            created: granted.created,
            balance: granted.balance.into(),
        }
    }
}
