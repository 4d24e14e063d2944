//! From a key's SHA-256 to everything a gateway must know about its caller.

use domain::{ApiKeyId, OrganizationId, ProjectId, UnixMicros};
use serde::{Deserialize, Serialize};
use sqlx::any::AnyRow;

use crate::budget::{BudgetRow, KeyScopes, budgets_of_key};
use crate::db::Db;
use crate::error::{Act, StoreError};
use crate::narrowing::{LevelRow, Narrowing, PLAIN, narrowing_read};
use crate::row::Columns;
use crate::sub_account::CallerSubAccount;
use crate::words::{KeyStatus, Level, OrganizationStatus, ProjectMode, ProjectStatus, RoutingStrategy, SubAccountStatus};

/// What a gateway keeps of a key. The caller judges status and expiry: a revoked key's row is found, too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallerRow {
    /// The key.
    pub key: ApiKeyId,
    /// The tenant.
    pub organization: OrganizationId,
    /// The project.
    pub project: ProjectId,
    /// Whether the key opens.
    pub key_status: KeyStatus,
    /// From when on it does not.
    pub expires_at: Option<UnixMicros>,
    /// Whether the tenant may call.
    pub organization_status: OrganizationStatus,
    /// Whether the project's keys open.
    pub project_status: ProjectStatus,
    /// In which order its calls try what can serve them.
    pub routing: RoutingStrategy,
    /// Who pays.
    pub mode: ProjectMode,
    /// Whether answers are kept for identical calls.
    pub cache_enabled: bool,
    /// For how long.
    pub cache_ttl_seconds: u32,
    /// What its calls are held to: each level that says something, widest first.
    pub levels: Vec<LevelRow>,
    /// Name of the tenant's plan.
    pub plan: String,
    /// Mark-up on credits.
    pub markup_basis_points: u32,
    /// Whose calls the key makes, when not its project's own.
    pub sub_account: Option<CallerSubAccount>,
    /// Whether a call may name a sub-account of the project (see [`sub_account_find`](crate::sub_account_find)).
    pub acts_for_sub_accounts: bool,
    /// The active budgets that its calls may count in.
    pub budgets: Vec<BudgetRow>,
    /// The newest revision when this was read: it holds until a later change concerns it.
    pub revision: i64,
}

/// Who presents a key with this SHA-256, with the budgets that were there a moment later. It takes no scope because it is where a scope is proven.
pub async fn caller_by_key_hash(db: &Db, hash: &[u8; 32]) -> Result<Option<CallerRow>, StoreError> {
    let row = sqlx::query(
        "SELECT k.id, k.organization_id, k.project_id, k.status, k.expires_at_us, k.rpm, k.tpm, k.concurrency, k.allowed_models, k.rules, \
         k.created_by, \
         o.status AS organization_status, o.plan, o.markup_basis_points, o.rpm AS o_rpm, o.tpm AS o_tpm, o.concurrency AS o_concurrency, \
         o.allowed_models AS o_allowed_models, o.rules AS o_rules, p.status AS project_status, p.routing, p.mode, p.cache_enabled, \
         p.cache_ttl_seconds, p.rpm AS p_rpm, p.tpm AS p_tpm, p.concurrency AS p_concurrency, p.allowed_models AS p_allowed_models, \
         p.rules AS p_rules, \
         k.acts_for_sub_accounts, k.sub_account_id, s.status AS sub_status, s.rpm AS sub_rpm, s.tpm AS sub_tpm, \
         s.concurrency AS sub_concurrency, s.allowed_models AS sub_allowed_models, s.markup_basis_points AS sub_markup_basis_points, \
         (SELECT COALESCE(MAX(revision), 0) FROM change) AS revision \
         FROM api_key k JOIN organization o ON o.id = k.organization_id JOIN project p ON p.id = k.project_id \
         LEFT JOIN sub_account s ON s.id = k.sub_account_id WHERE k.hash = $1",
    )
    .bind(hash.to_vec())
    .fetch_optional(db.read())
    .await
    .act("read a caller by key")?;
    let Some(row) = row else { return Ok(None) };
    let columns = Columns(&row);
    let (project, key, maker) = (columns.text("project_id")?, columns.text("id")?, columns.text_opt("created_by")?);
    let sub_account = columns.text_opt("sub_account_id")?;
    let of = KeyScopes { project: &project, key: &key, maker: maker.as_deref(), sub_account: sub_account.as_deref() };
    let budgets = budgets_of_key(db, columns.id("organization_id")?, &of).await?;
    caller_row(&row, budgets).map(Some)
}

fn caller_row(row: &AnyRow, budgets: Vec<BudgetRow>) -> Result<CallerRow, StoreError> {
    let columns = Columns(row);
    let sub_account = caller_sub_account(&columns)?;
    Ok(CallerRow {
        key: columns.id("id")?,
        organization: columns.id("organization_id")?,
        project: columns.id("project_id")?,
        key_status: columns.word("status", KeyStatus::parse)?,
        expires_at: columns.time_opt("expires_at_us")?,
        organization_status: columns.word("organization_status", OrganizationStatus::parse)?,
        project_status: columns.word("project_status", ProjectStatus::parse)?,
        routing: columns.word("routing", RoutingStrategy::parse)?,
        mode: columns.word("mode", ProjectMode::parse)?,
        cache_enabled: columns.flag("cache_enabled")?,
        cache_ttl_seconds: columns.small("cache_ttl_seconds")?,
        levels: levels(row, sub_account.as_ref())?,
        plan: columns.text("plan")?,
        markup_basis_points: columns.small("markup_basis_points")?,
        sub_account,
        acts_for_sub_accounts: columns.flag("acts_for_sub_accounts")?,
        budgets,
        revision: columns.int("revision")?,
    })
}

fn levels(row: &AnyRow, sub_account: Option<&CallerSubAccount>) -> Result<Vec<LevelRow>, StoreError> {
    let columns = Columns(row);
    let (organization, project, key): (OrganizationId, ProjectId, ApiKeyId) =
        (columns.id("organization_id")?, columns.id("project_id")?, columns.id("id")?);
    let level = |level, id, names| Ok::<_, StoreError>(LevelRow { level, id, narrowing: narrowing_read(row, names)? });
    let mut levels = vec![
        level(Level::Organization, organization.uuid(), ["o_rpm", "o_tpm", "o_concurrency", "o_allowed_models", "o_rules"])?,
        level(Level::Project, project.uuid(), ["p_rpm", "p_tpm", "p_concurrency", "p_allowed_models", "p_rules"])?,
    ];
    levels.extend(sub_account.map(CallerSubAccount::level));
    levels.push(level(Level::ApiKey, key.uuid(), PLAIN)?);
    levels.retain(|row| row.narrowing != Narrowing::default());
    Ok(levels)
}

fn caller_sub_account(columns: &Columns<'_>) -> Result<Option<CallerSubAccount>, StoreError> {
    let Some(id) = columns.id_opt("sub_account_id")? else { return Ok(None) };
    Ok(Some(CallerSubAccount {
        id,
        status: columns.word("sub_status", SubAccountStatus::parse)?,
        rpm: columns.small_opt("sub_rpm")?,
        tpm: columns.small_opt("sub_tpm")?,
        concurrency: columns.small_opt("sub_concurrency")?,
        allowed_models: texts_read(columns.text_opt("sub_allowed_models")?)?,
        markup_basis_points: columns.small("sub_markup_basis_points")?,
    }))
}

/// A JSON array of texts: models, scopes.
pub(crate) fn texts_read(text: Option<String>) -> Result<Option<Vec<String>>, StoreError> {
    text.map(|text| serde_json::from_str(&text)).transpose().map_err(|_| StoreError::Corrupt { what: "list of texts" })
}
