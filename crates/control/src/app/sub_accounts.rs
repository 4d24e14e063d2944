//! Sub-accounts: customers of an organization, made, looked at, set, stopped and given keys.

use std::collections::{BTreeMap, BTreeSet};

use domain::key::KeyKind;
use domain::{ApiKeyId, Code, Fault, ProjectId, Secret, SubAccountId, UnixMicros};
use service::{clock, random};
use store::{KeyRules, NewApiKey, NewSubAccount, Page, SubAccountFilter, SubAccountRow, SubAccountStatus, SubAccountUpdate};

use crate::app::caller::{Developer, Management};
use crate::app::keys::{Limits, Minted, limits_check};
use crate::app::page::{Listed, one_more};
use crate::app::{Control, ask, checks, key_rules};

/// Limit: keys of one call.
pub(crate) const KEYS_AT_ONCE_MAX: u32 = 1_000;
/// Limit: a mark-up of a hundred times the cost.
pub(crate) const MARKUP_BASIS_POINTS_MAX: u32 = 1_000_000;
/// Limit: bytes of a sub-account's metadata as JSON, as of a key's.
const METADATA_BYTES_MAX: usize = 4_096;

/// A sub-account about to be made.
#[derive(Debug, Clone, Default)]
pub struct SubAccountNew {
    /// What the organization calls it.
    pub external_id: String,
    /// For display; `None`: its external id.
    pub name: Option<String>,
    /// `None`: the organization's first project.
    pub project: Option<ProjectId>,
    /// Requests a minute.
    pub rpm: Option<u32>,
    /// Tokens a minute.
    pub tpm: Option<u32>,
    /// Calls at once.
    pub concurrency: Option<u32>,
    /// Model ids that it may call; `None`: all.
    pub allowed_models: Option<Vec<String>>,
    /// What its price adds to our cost.
    pub markup_basis_points: u32,
    /// Whatever the organization notes of it.
    pub metadata: BTreeMap<String, String>,
}

/// Which sub-accounts.
#[derive(Debug, Clone, Default)]
pub struct SubAccountSearch {
    /// Of this project only.
    pub project: Option<ProjectId>,
    /// With this external id only.
    pub external_id: Option<String>,
    /// With this text in the name or the external id.
    pub text: Option<String>,
    /// With this status only.
    pub status: Option<SubAccountStatus>,
}

/// Keys about to be made for a sub-account, all alike.
#[derive(Debug, Clone, Default)]
pub struct SubAccountKeysNew {
    /// For display; of several keys each has its number behind it.
    pub name: String,
    /// How many.
    pub count: u32,
    /// From when on they do not open.
    pub expires_at: Option<UnixMicros>,
    /// Requests a minute of each.
    pub rpm: Option<u32>,
    /// Tokens a minute of each.
    pub tpm: Option<u32>,
    /// Calls at once of each.
    pub concurrency: Option<u32>,
    /// Model ids that they may call; `None`: all of the sub-account's.
    pub allowed_models: Option<Vec<String>>,
    /// What else their calls are held to.
    pub rules: KeyRules,
}

/// A key that was made: shown this once.
#[derive(Debug, Clone)]
pub struct SubAccountKeyMade {
    /// Its id.
    pub id: ApiKeyId,
    /// For display.
    pub name: String,
    /// The key itself.
    pub key: Secret<String>,
}

impl Control {
    /// Makes a sub-account. An external id that was given before is a conflict.
    pub async fn sub_account_create(&self, who: &Developer, new: SubAccountNew) -> Result<SubAccountRow, Fault> {
        let (caller, now) = (who.management(), clock::now());
        let limits =
            Limits { rpm: new.rpm, tpm: new.tpm, concurrency: new.concurrency, models: new.allowed_models.as_deref(), ..Limits::default() };
        limits_check(&limits, now)?;
        markup_check(new.markup_basis_points)?;
        metadata_check(&new.metadata)?;
        let external_id = external_id(&new.external_id)?;
        let project = match new.project {
            Some(project) if caller.sees(project) => project,
            Some(_) => return Err(ask::not_found("project").param("project_id")),
            None => self.project_first(caller).await?,
        };
        let row = NewSubAccount {
            id: SubAccountId::from_uuid(random::uuid()),
            project,
            name: new.name.map_or_else(|| Ok(external_id.clone()), |name| checks::name("name", &name))?,
            external_id,
            rpm: new.rpm,
            tpm: new.tpm,
            concurrency: new.concurrency,
            allowed_models: new.allowed_models,
            markup_basis_points: new.markup_basis_points,
            metadata: new.metadata,
        };
        let author = caller.author(now);
        let made = ask::store(Code::DirectoryUnavailable, store::sub_account_create(&self.db, caller.scope(), &row, &author)).await;
        let made = made.map_err(|fault| match fault.code() {
            Code::NotFound => fault.param("project_id"),
            Code::Conflict => fault.param("external_id"),
            _ => fault,
        })?;
        tracing::info!(sub_account.id = %made.id, by = %caller.via(), "a sub-account was made");
        Ok(made)
    }

    /// A page of sub-accounts that the caller sees, oldest first.
    pub async fn sub_account_list(
        &self,
        who: &Management,
        search: &SubAccountSearch,
        page: Page<SubAccountId>,
    ) -> Result<Listed<SubAccountRow, SubAccountId>, Fault> {
        let asked = one_more(page);
        let filter = SubAccountFilter {
            projects: match search.project {
                Some(project) => Some(who.sees(project).then_some(project).into_iter().collect::<BTreeSet<_>>()),
                None => who.projects().cloned(),
            },
            external_id: search.external_id.as_deref().map(external_id).transpose()?,
            text: search.text.as_deref().map(|text| checks::name("search", text)).transpose()?,
            status: search.status,
            after: asked.after,
            limit: asked.limit,
        };
        let rows = ask::store(Code::DirectoryUnavailable, store::sub_account_list(&self.db, who.scope(), &filter)).await?;
        Ok(Listed::cut(rows, page.limit, |row| row.id))
    }

    /// One sub-account; that of a project which the caller does not see is none.
    pub async fn sub_account_get(&self, who: &Management, id: SubAccountId) -> Result<SubAccountRow, Fault> {
        let row = ask::store(Code::DirectoryUnavailable, store::sub_account_get(&self.db, who.scope(), id)).await?;
        if who.sees(row.project) { Ok(row) } else { Err(ask::not_found("sub-account")) }
    }

    /// Changes settings; gateways follow within a second.
    pub async fn sub_account_update(
        &self,
        who: &Developer,
        id: SubAccountId,
        mut change: SubAccountUpdate,
    ) -> Result<SubAccountRow, Fault> {
        if change == SubAccountUpdate::default() {
            let say = "name at least one of `name`, `rpm`, `tpm`, `concurrency`, `allowed_models`, `markup_basis_points`, `metadata`";
            return Err(Fault::new(Code::InvalidRequest, say));
        }
        let (caller, now) = (who.management(), clock::now());
        change.name = change.name.as_deref().map(|name| checks::name("name", name)).transpose()?;
        let limits = Limits {
            rpm: change.rpm.flatten(),
            tpm: change.tpm.flatten(),
            concurrency: change.concurrency.flatten(),
            models: change.allowed_models.as_ref().and_then(|models| models.as_deref()),
            ..Limits::default()
        };
        limits_check(&limits, now)?;
        change.markup_basis_points.map(markup_check).transpose()?;
        change.metadata.as_ref().map(metadata_check).transpose()?;
        self.sub_account_get(caller, id).await?;
        let author = caller.author(now);
        let changed = store::sub_account_update(&self.db, caller.scope(), id, &change, &author);
        let row = ask::store(Code::DirectoryUnavailable, changed).await.map_err(closed)?;
        tracing::info!(sub_account.id = %id, by = %caller.via(), "a sub-account was changed");
        Ok(row)
    }

    /// Suspends, resumes or closes; gateways follow within a second. Repeating it changes nothing.
    pub async fn sub_account_status_set(
        &self,
        who: &Developer,
        id: SubAccountId,
        status: SubAccountStatus,
    ) -> Result<SubAccountRow, Fault> {
        let caller = who.management();
        self.sub_account_get(caller, id).await?;
        let author = caller.author(clock::now());
        let changed = store::sub_account_status_set(&self.db, caller.scope(), id, status, &author);
        let row = ask::store(Code::DirectoryUnavailable, changed).await.map_err(closed)?;
        tracing::info!(sub_account.id = %id, status = status.as_str(), by = %caller.via(), "a sub-account's status was set");
        Ok(row)
    }

    /// Makes keys for a sub-account: all of them, or none.
    pub async fn sub_account_keys_create(
        &self,
        who: &Developer,
        id: SubAccountId,
        new: SubAccountKeysNew,
    ) -> Result<Vec<SubAccountKeyMade>, Fault> {
        if !(1..=KEYS_AT_ONCE_MAX).contains(&new.count) {
            return Err(checks::invalid("count", format!("`count` must be 1 to {KEYS_AT_ONCE_MAX}")));
        }
        let (caller, now) = (who.management(), clock::now());
        let name = checks::name("name", &new.name)?;
        let models = new.allowed_models.as_deref();
        let limits = Limits { expires_at: new.expires_at, rpm: new.rpm, tpm: new.tpm, concurrency: new.concurrency, models };
        limits_check(&limits, now)?;
        let rules = key_rules::checked(new.rules, &self.settings.catalog)?;
        let sub_account = self.sub_account_get(caller, id).await?;
        let (mut rows, mut made) = (Vec::new(), Vec::new());
        for number in 1..=new.count {
            let minted = Minted::new(KeyKind::Api)?;
            let row = NewApiKey {
                id: ApiKeyId::from_uuid(random::uuid()),
                project: sub_account.project,
                sub_account: Some(id),
                acts_for_sub_accounts: false,
                name: if new.count == 1 { name.clone() } else { format!("{name} {number}") },
                hash: minted.hash,
                prefix: minted.prefix,
                last4: minted.last4,
                expires_at: new.expires_at,
                rpm: new.rpm,
                tpm: new.tpm,
                concurrency: new.concurrency,
                allowed_models: new.allowed_models.clone(),
                rules: rules.clone(),
                created_by: Some(caller.user()),
            };
            made.push(SubAccountKeyMade { id: row.id, name: row.name.clone(), key: minted.text });
            rows.push(row);
        }
        let author = caller.author(now);
        let stored = store::sub_account_keys_create(&self.db, caller.scope(), id, &rows, &author);
        ask::store(Code::DirectoryUnavailable, stored).await.map_err(closed)?;
        tracing::info!(sub_account.id = %id, keys = new.count, by = %caller.via(), "keys were made for a sub-account");
        Ok(made)
    }
}

fn external_id(text: &str) -> Result<String, Fault> {
    let checked = checks::name("external_id", text)?;
    if checked == text { Ok(checked) } else { Err(checks::invalid("external_id", "`external_id` must have no blanks around it")) }
}

fn markup_check(basis_points: u32) -> Result<(), Fault> {
    if basis_points <= MARKUP_BASIS_POINTS_MAX {
        return Ok(());
    }
    let say = format!("`markup_basis_points` must be 0 to {MARKUP_BASIS_POINTS_MAX} (100 is one percent)");
    Err(checks::invalid("markup_basis_points", say))
}

fn metadata_check(metadata: &BTreeMap<String, String>) -> Result<(), Fault> {
    let bytes = serde_json::to_string(metadata).map_err(|error| Fault::internal("spell a sub-account's metadata", error))?.len();
    if bytes > METADATA_BYTES_MAX || metadata.contains_key("") {
        let say = format!("`metadata` may have at most {METADATA_BYTES_MAX} bytes as JSON, and no empty name");
        return Err(checks::invalid("metadata", say));
    }
    Ok(())
}

fn closed(fault: Fault) -> Fault {
    if fault.code() == Code::Conflict {
        return Fault::new(Code::Conflict, "this sub-account was closed for ever; make another one");
    }
    fault
}
