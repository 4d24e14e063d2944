//! Reading provider keys: as people see them, and as gateways use them.

use domain::{NanoUsd, OrgScope, ProviderKeyId, UnixMicros};
use sqlx::any::AnyRow;

use crate::caller::texts_read;
use crate::db::{Db, Tx};
use crate::error::{Act, StoreError};
use crate::page::Page;
use crate::provider_key::{ProviderKeyRow, SealedProviderKeyRow};
use crate::provider_options::{ProviderKeySettings, SpendCap, options_read};
use crate::row::Columns;
use crate::words::{ProviderKeyStatus, SecretKind, SpendWindow};

/// Everything but the sealed part, of the scope `$1`; `$2` is the month of now.
macro_rules! shown {
    ($rest:literal) => {
        concat!(
            "SELECT id, provider, name, priority, weight, base_url, prefix, last4, status, last_error, last_error_at_us, tested_at_us, \
             last_used_at_us, cooling_until_us, secret_kind, region, options, allowed_models, spend_cap, spend_window, created_by, \
             created_at_us, updated_at_us, \
             (SELECT CAST(COALESCE(SUM(s.cost), 0) AS BIGINT) FROM provider_key_spend s WHERE s.organization_id = $1 \
              AND s.provider_key_id = k.id AND s.month = $2) AS spent_month, \
             (SELECT CAST(COALESCE(SUM(s.cost), 0) AS BIGINT) FROM provider_key_spend s WHERE s.organization_id = $1 \
              AND s.provider_key_id = k.id) AS spent_total \
             FROM provider_key k WHERE organization_id = $1 ",
            $rest
        )
    };
}

/// One key of the scope.
pub async fn provider_key_get(db: &Db, scope: &OrgScope, id: ProviderKeyId, now: UnixMicros) -> Result<ProviderKeyRow, StoreError> {
    let row = sqlx::query(shown!("AND id = $3"))
        .bind(scope.organization().to_string())
        .bind(now.month_utc())
        .bind(id.to_string())
        .fetch_optional(db.read())
        .await
        .act("read a provider key")?;
    row.as_ref().map(provider_key_row).transpose()?.ok_or(StoreError::NotFound { what: "provider key" })
}

/// The place of a key in the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderKeyPlace {
    /// Of which provider.
    pub provider: String,
    /// In the order of its use.
    pub priority: u32,
    /// Which of those.
    pub id: ProviderKeyId,
}

/// Keys of the scope by provider, in the order of their use.
pub async fn provider_key_list(
    db: &Db,
    scope: &OrgScope,
    page: &Page<ProviderKeyPlace>,
    now: UnixMicros,
) -> Result<Vec<ProviderKeyRow>, StoreError> {
    let after = page.after.as_ref();
    let rows = sqlx::query(shown!("AND (provider, priority, id) > ($3, $4, $5) ORDER BY provider, priority, id LIMIT $6"))
        .bind(scope.organization().to_string())
        .bind(now.month_utc())
        .bind(after.map(|place| place.provider.clone()).unwrap_or_default())
        .bind(after.map_or(-1, |place| i64::from(place.priority)))
        .bind(after.map(|place| place.id.to_string()).unwrap_or_default())
        .bind(i64::from(page.limit))
        .fetch_all(db.read())
        .await
        .act("list provider keys")?;
    rows.iter().map(provider_key_row).collect()
}

/// All keys of the scope with their sealed parts, in the order of their use: for gateways and tests.
pub async fn provider_keys_sealed(db: &Db, scope: &OrgScope) -> Result<Vec<SealedProviderKeyRow>, StoreError> {
    let rows = sqlx::query(
        "SELECT id, provider, priority, weight, base_url, sealed, key_version, status, secret_kind, region, options, allowed_models, \
         spend_cap, spend_window FROM provider_key WHERE organization_id = $1 ORDER BY provider, priority, id",
    )
    .bind(scope.organization().to_string())
    .fetch_all(db.read())
    .await
    .act("read sealed provider keys")?;
    rows.iter().map(sealed_row).collect()
}

pub(crate) async fn provider_key_read(
    tx: &mut Tx,
    scope: &OrgScope,
    id: ProviderKeyId,
    now: UnixMicros,
) -> Result<ProviderKeyRow, StoreError> {
    let row = sqlx::query(shown!("AND id = $3"))
        .bind(scope.organization().to_string())
        .bind(now.month_utc())
        .bind(id.to_string())
        .fetch_optional(&mut **tx)
        .await
        .act("read a provider key")?;
    row.as_ref().map(provider_key_row).transpose()?.ok_or(StoreError::NotFound { what: "provider key" })
}

fn provider_key_row(row: &AnyRow) -> Result<ProviderKeyRow, StoreError> {
    let columns = Columns(row);
    Ok(ProviderKeyRow {
        id: columns.id("id")?,
        provider: columns.text("provider")?,
        name: columns.text("name")?,
        priority: columns.small("priority")?,
        weight: columns.small("weight")?,
        base_url: columns.text_opt("base_url")?,
        prefix: columns.text("prefix")?,
        last4: columns.text("last4")?,
        status: columns.word("status", ProviderKeyStatus::parse)?,
        last_error: columns.text_opt("last_error")?,
        last_error_at: columns.time_opt("last_error_at_us")?,
        tested_at: columns.time_opt("tested_at_us")?,
        last_used_at: columns.time_opt("last_used_at_us")?,
        cooling_until: columns.time_opt("cooling_until_us")?,
        kind: columns.word("secret_kind", SecretKind::parse)?,
        settings: settings(&columns)?,
        spent_month: columns.money("spent_month")?,
        spent_total: columns.money("spent_total")?,
        created_by: columns.id_opt("created_by")?,
        created_at: columns.time("created_at_us")?,
        updated_at: columns.time("updated_at_us")?,
    })
}

fn sealed_row(row: &AnyRow) -> Result<SealedProviderKeyRow, StoreError> {
    let columns = Columns(row);
    Ok(SealedProviderKeyRow {
        id: columns.id("id")?,
        provider: columns.text("provider")?,
        priority: columns.small("priority")?,
        weight: columns.small("weight")?,
        base_url: columns.text_opt("base_url")?,
        sealed: columns.bytes("sealed")?,
        key_version: columns.small("key_version")?,
        kind: columns.word("secret_kind", SecretKind::parse)?,
        settings: settings(&columns)?,
        status: columns.word("status", ProviderKeyStatus::parse)?,
    })
}

fn settings(columns: &Columns<'_>) -> Result<ProviderKeySettings, StoreError> {
    let window =
        columns.text_opt("spend_window")?.map(|word| SpendWindow::parse(&word).ok_or(StoreError::Corrupt { what: "spend_window" }));
    let spend_cap = match (columns.int_opt("spend_cap")?, window.transpose()?) {
        (Some(amount), Some(window)) => Some(SpendCap { amount: NanoUsd(amount), window }),
        (None, _) => None,
        (Some(_), None) => return Err(StoreError::Corrupt { what: "spend_window" }),
    };
    Ok(ProviderKeySettings {
        region: columns.text_opt("region")?,
        options: options_read(columns.text_opt("options")?)?,
        allowed_models: texts_read(columns.text_opt("allowed_models")?)?,
        spend_cap,
    })
}
