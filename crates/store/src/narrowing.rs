//! What a level holds its calls to: the same for an organization, a project and a key. Each level only narrows what the ones above
//! it leave.

use domain::OrgScope;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::any::AnyRow;
use uuid::Uuid;

use crate::api_key::texts_stored;
use crate::audit::{Author, NewAudit, Trail};
use crate::caller::texts_read;
use crate::change::{NewChange, change_insert};
use crate::db::{Db, commit};
use crate::error::{Act, StoreError};
use crate::key_rules::{KeyRules, rules_read, rules_stored};
use crate::row::Columns;
use crate::sub_account::CallerSubAccount;
use crate::words::{AuditAction, ChangeKind, Level, SubjectKind};

/// Limits and rules of one level; what is `None` or empty narrows nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Narrowing {
    /// Requests a minute, of everything below the level together.
    pub rpm: Option<u32>,
    /// Tokens a minute.
    pub tpm: Option<u32>,
    /// Calls at once.
    pub concurrency: Option<u32>,
    /// Model ids that may be called; `None`: all.
    pub allowed_models: Option<Vec<String>>,
    /// What else calls are held to.
    pub rules: KeyRules,
}

/// New limits and rules. `None` leaves one as it is; `Some(None)` removes a limit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NarrowingUpdate {
    /// Requests a minute.
    pub rpm: Option<Option<u32>>,
    /// Tokens a minute.
    pub tpm: Option<Option<u32>>,
    /// Calls at once.
    pub concurrency: Option<Option<u32>>,
    /// Model ids that may be called.
    pub allowed_models: Option<Option<Vec<String>>>,
    /// The other rules, as a whole.
    pub rules: Option<KeyRules>,
}

/// One of the levels that a key's calls are held to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LevelRow {
    /// Which.
    pub level: Level,
    /// The id of what has it: its limits are counted under it.
    pub id: Uuid,
    /// What it says.
    pub narrowing: Narrowing,
}

impl Narrowing {
    /// What it is after an update.
    pub(crate) fn updated(self, update: &NarrowingUpdate) -> Self {
        let update = update.clone();
        Self {
            rpm: update.rpm.unwrap_or(self.rpm),
            tpm: update.tpm.unwrap_or(self.tpm),
            concurrency: update.concurrency.unwrap_or(self.concurrency),
            allowed_models: update.allowed_models.unwrap_or(self.allowed_models),
            rules: update.rules.unwrap_or(self.rules),
        }
    }

    /// What the audit log says of it.
    pub(crate) fn said(&self) -> Value {
        json!({
            "rpm": self.rpm, "tpm": self.tpm, "concurrency": self.concurrency, "allowed_models": self.allowed_models,
            "rules": self.rules,
        })
    }

    /// As columns hold it: rpm, tpm, concurrency, allowed models, rules.
    #[expect(clippy::type_complexity, reason = "five columns in their order")]
    pub(crate) fn stored(&self) -> Result<([Option<i64>; 3], [Option<String>; 2]), StoreError> {
        let numbers = [self.rpm, self.tpm, self.concurrency].map(|limit| limit.map(i64::from));
        Ok((numbers, [texts_stored(self.allowed_models.as_deref())?, rules_stored(&self.rules)?]))
    }
}

impl CallerSubAccount {
    /// What it holds its calls to.
    pub fn level(&self) -> LevelRow {
        let (rpm, tpm, concurrency, allowed_models) = (self.rpm, self.tpm, self.concurrency, self.allowed_models.clone());
        let narrowing = Narrowing { rpm, tpm, concurrency, allowed_models, ..Narrowing::default() };
        LevelRow { level: Level::SubAccount, id: self.id.uuid(), narrowing }
    }
}

/// The columns' names in a query, in the order of [`Narrowing::stored`].
pub(crate) type Names = [&'static str; 5];
/// As tables call them.
pub(crate) const PLAIN: Names = ["rpm", "tpm", "concurrency", "allowed_models", "rules"];

pub(crate) fn narrowing_read(row: &AnyRow, names: Names) -> Result<Narrowing, StoreError> {
    let (columns, [rpm, tpm, concurrency, allowed_models, rules]) = (Columns(row), names);
    Ok(Narrowing {
        rpm: columns.small_opt(rpm)?,
        tpm: columns.small_opt(tpm)?,
        concurrency: columns.small_opt(concurrency)?,
        allowed_models: texts_read(columns.text_opt(allowed_models)?)?,
        rules: rules_read(columns.text_opt(rules)?)?,
    })
}

const ORGANIZATION: &str = "SELECT rpm, tpm, concurrency, allowed_models, rules FROM organization WHERE id = $1";

/// What the organization holds all of its calls to.
pub async fn organization_narrowing_get(db: &Db, scope: &OrgScope) -> Result<Narrowing, StoreError> {
    let row = sqlx::query(ORGANIZATION).bind(scope.organization().to_string()).fetch_optional(db.read()).await;
    let row = row.act("read an organization's rules")?.ok_or(StoreError::NotFound { what: "organization" })?;
    narrowing_read(&row, PLAIN)
}

/// Changes what the organization holds its calls to, tells gateways, and answers with what it is then.
pub async fn organization_narrowing_update(
    db: &Db,
    scope: &OrgScope,
    update: &NarrowingUpdate,
    author: &Author,
) -> Result<Narrowing, StoreError> {
    let (mut tx, organization) = (db.begin_write().await?, scope.organization());
    let row = sqlx::query(ORGANIZATION).bind(organization.to_string()).fetch_optional(&mut *tx).await;
    let row = row.act("read an organization's rules")?.ok_or(StoreError::NotFound { what: "organization" })?;
    let before = narrowing_read(&row, PLAIN)?;
    let (said, after) = (before.said(), before.updated(update));
    let ([rpm, tpm, concurrency], [allowed_models, rules]) = after.stored()?;
    sqlx::query("UPDATE organization SET rpm = $2, tpm = $3, concurrency = $4, allowed_models = $5, rules = $6 WHERE id = $1")
        .bind(organization.to_string())
        .bind(rpm)
        .bind(tpm)
        .bind(concurrency)
        .bind(allowed_models)
        .bind(rules)
        .execute(&mut *tx)
        .await
        .act("change an organization's rules")?;
    let subject = organization.to_string();
    let change = NewChange { organization, kind: ChangeKind::OrganizationChanged, subject: &subject, key_hash: None, now: author.at };
    change_insert(&mut tx, &change).await?;
    let (action, subject) = (AuditAction::RulesChanged, (SubjectKind::Organization, subject));
    let new = NewAudit { organization, action, subject, before: said, after: after.said() };
    commit(tx, "change an organization's rules", Trail::Audit(author, &new)).await?;
    Ok(after)
}
