//! API keys: made, imported, listed, revoked.

use std::collections::BTreeSet;

use domain::key::{self, KeyKind, Spelling};
use domain::{ApiKeyId, Code, Fault, ProjectId, Secret, SubAccountId, UnixMicros};
use service::{clock, random};
use store::{ApiKeyRow, Author, ImportOutcome, KeyPage, KeyRules, KeyStatus, NewApiKey, Page};

use crate::app::caller::{Developer, Management, key_hash};
use crate::app::page::{Listed, one_more};
use crate::app::{Control, ask, checks, key_rules};

/// Limit: models that a key may name.
const MODELS_MAX: usize = 200;
/// Limit: bytes of an imported key. Shorter ones can be guessed, and would be shown almost whole.
const IMPORTED_BYTES: std::ops::RangeInclusive<usize> = 16..=512;

/// A key about to be made.
#[derive(Debug, Clone, Default)]
pub struct ApiKeyNew {
    /// For display.
    pub name: String,
    /// `None`: the organization's first project.
    pub project: Option<ProjectId>,
    /// Another product's key to take over; `None`: a fresh one of ours.
    pub imported: Option<Secret<String>>,
    /// From when on it does not open.
    pub expires_at: Option<UnixMicros>,
    /// Requests a minute.
    pub rpm: Option<u32>,
    /// Tokens a minute.
    pub tpm: Option<u32>,
    /// Calls at once.
    pub concurrency: Option<u32>,
    /// Model ids that it may call; `None`: all.
    pub allowed_models: Option<Vec<String>>,
    /// What else its calls are held to.
    pub rules: KeyRules,
    /// Whether a call may name a sub-account of the project.
    pub acts_for_sub_accounts: bool,
}

/// A key that was made, or imported, or was there.
#[derive(Debug, Clone)]
pub struct ApiKeyMade {
    /// As stored.
    pub row: ApiKeyRow,
    /// The key itself, when it is a fresh one of ours: shown this once.
    pub key: Option<Secret<String>>,
    /// False when an import found the key in this organization already.
    pub created: bool,
}

/// A fresh key: its text, and what is stored of it.
pub(super) struct Minted {
    pub(super) text: Secret<String>,
    pub(super) hash: [u8; 32],
    pub(super) prefix: String,
    pub(super) last4: String,
}

impl Minted {
    pub(super) fn new(kind: KeyKind) -> Result<Self, Fault> {
        random::new_key(kind).map(Self::of).map_err(|error| Fault::internal("make a key", error))
    }

    fn of(text: String) -> Self {
        let (prefix, last4) = key::display(&text);
        Self { hash: key_hash(&text), prefix, last4, text: Secret::new(text) }
    }
}

impl Control {
    /// Makes a key, or takes over another product's.
    pub async fn key_create(&self, who: &Developer, new: ApiKeyNew) -> Result<ApiKeyMade, Fault> {
        let now = clock::now();
        let name = checks::name("name", &new.name)?;
        let models = new.allowed_models.as_deref();
        let limits = Limits { expires_at: new.expires_at, rpm: new.rpm, tpm: new.tpm, concurrency: new.concurrency, models };
        limits_check(&limits, now)?;
        let rules = key_rules::checked(new.rules, &self.settings.catalog)?;
        let project = match new.project {
            Some(project) if who.management().sees(project) => project,
            Some(_) => return Err(ask::not_found("project").param("project_id")),
            None => self.project_first(who.management()).await?,
        };
        let minted = match &new.imported {
            Some(key) => Minted::of(imported_check(key.expose())?.to_owned()),
            None => Minted::new(KeyKind::Api)?,
        };
        let row = NewApiKey {
            id: ApiKeyId::from_uuid(random::uuid()),
            project,
            sub_account: None,
            acts_for_sub_accounts: new.acts_for_sub_accounts,
            name,
            hash: minted.hash,
            prefix: minted.prefix,
            last4: minted.last4,
            expires_at: new.expires_at,
            rpm: new.rpm,
            tpm: new.tpm,
            concurrency: new.concurrency,
            allowed_models: new.allowed_models,
            rules,
            created_by: Some(who.management().user()),
        };
        let author = who.management().author(now);
        let (id, created) = self.key_store(who, &row, new.imported.is_some(), &author).await?;
        let row = ask::store(Code::DirectoryUnavailable, store::api_key_get(&self.db, who.management().scope(), id)).await?;
        if !who.management().sees(row.project) {
            return Err(Fault::new(Code::Conflict, "the API key is taken, or was used for something else").param("key"));
        }
        if !created && row.status == KeyStatus::Revoked {
            return Err(Fault::new(Code::Conflict, "this key was revoked in this organization and cannot open again").param("key"));
        }
        tracing::info!(key.id = %id, by = %who.management().via(), created, "an API key was made or imported");
        Ok(ApiKeyMade { row, key: new.imported.is_none().then_some(minted.text), created })
    }

    /// A page of keys, of one project or all, oldest first.
    pub async fn key_list(
        &self,
        who: &Management,
        project: Option<ProjectId>,
        page: KeyPage,
    ) -> Result<Listed<ApiKeyRow, ApiKeyId>, Fault> {
        let asked = one_more(page);
        let projects = match project {
            Some(project) => Some(who.sees(project).then_some(project).into_iter().collect::<BTreeSet<_>>()),
            None => who.projects().cloned(),
        };
        let rows = match projects {
            Some(projects) => {
                let listed = store::api_key_list_of(&self.db, who.scope(), &projects, asked);
                ask::store(Code::DirectoryUnavailable, listed).await?
            }
            None => ask::store(Code::DirectoryUnavailable, store::api_key_list(&self.db, who.scope(), asked)).await?,
        };
        Ok(Listed::cut(rows, page.limit, |row| row.id))
    }

    /// [`Self::key_list`] of one sub-account.
    pub async fn key_list_of_sub_account(
        &self,
        who: &Management,
        sub_account: SubAccountId,
        project: Option<ProjectId>,
        page: KeyPage,
    ) -> Result<Listed<ApiKeyRow, ApiKeyId>, Fault> {
        let listed = store::sub_account_keys_list(&self.db, who.scope(), sub_account, one_more(page));
        let mut rows = ask::store(Code::DirectoryUnavailable, listed).await?;
        // All are of the sub-account's project: either every key stays, or none.
        rows.retain(|row| who.sees(row.project) && project.is_none_or(|project| project == row.project));
        Ok(Listed::cut(rows, page.limit, |row| row.id))
    }

    /// Closes a key for ever. Repeating it changes nothing.
    pub async fn key_revoke(&self, who: &Developer, id: ApiKeyId) -> Result<ApiKeyRow, Fault> {
        let scope = who.management().scope();
        self.key_seen(who.management(), id).await?;
        let author = who.management().author(clock::now());
        ask::store(Code::DirectoryUnavailable, store::api_key_revoke(&self.db, scope, id, &author)).await?;
        tracing::info!(key.id = %id, by = %who.management().via(), "an API key was revoked");
        ask::store(Code::DirectoryUnavailable, store::api_key_get(&self.db, scope, id)).await
    }

    async fn key_store(&self, who: &Developer, row: &NewApiKey, imported: bool, author: &Author) -> Result<(ApiKeyId, bool), Fault> {
        let scope = who.management().scope();
        let stored = if imported {
            let outcome = ask::store(Code::DirectoryUnavailable, store::api_key_import(&self.db, scope, row, author)).await;
            outcome.map(|outcome| match outcome {
                ImportOutcome::Created(id) => (id, true),
                ImportOutcome::Existed(id) => (id, false),
            })
        } else {
            let made = ask::store(Code::DirectoryUnavailable, store::api_key_create(&self.db, scope, row, author)).await;
            made.map(|()| (row.id, true))
        };
        stored.map_err(|fault| match fault.code() {
            Code::NotFound => fault.param("project_id"),
            Code::Conflict if fault.wrong_param().is_none() => fault.param("key"),
            _ => fault,
        })
    }

    /// A key of a project that the caller does not see is none.
    pub(super) async fn key_seen(&self, who: &Management, id: ApiKeyId) -> Result<(), Fault> {
        if !who.is_limited() {
            return Ok(());
        }
        let row = ask::store(Code::DirectoryUnavailable, store::api_key_get(&self.db, who.scope(), id)).await?;
        if who.sees(row.project) { Ok(()) } else { Err(ask::not_found("API key")) }
    }

    pub(super) async fn project_first(&self, who: &Management) -> Result<ProjectId, Fault> {
        let projects = self.project_list(who, Page::first(1)).await?;
        projects
            .rows
            .first()
            .map(|project| project.id)
            .ok_or_else(|| checks::invalid("project_id", "name the project: this organization has none"))
    }
}

/// What a key may be limited to; `None` is no limit.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Limits<'a> {
    pub(super) expires_at: Option<UnixMicros>,
    pub(super) rpm: Option<u32>,
    pub(super) tpm: Option<u32>,
    pub(super) concurrency: Option<u32>,
    pub(super) models: Option<&'a [String]>,
}

pub(super) fn limits_check(limits: &Limits<'_>, now: UnixMicros) -> Result<(), Fault> {
    for (param, limit) in [("rpm", limits.rpm), ("tpm", limits.tpm), ("concurrency", limits.concurrency)] {
        if limit == Some(0) {
            return Err(checks::invalid(param, format!("`{param}` must be at least 1; leave it out for no limit")));
        }
    }
    if limits.expires_at.is_some_and(|end| end <= now) {
        return Err(checks::invalid("expires_at", "`expires_at` must be in the future"));
    }
    let Some(models) = limits.models else { return Ok(()) };
    if models.is_empty() || models.len() > MODELS_MAX {
        return Err(checks::invalid(
            "allowed_models",
            format!("name 1 to {MODELS_MAX} models, or leave `allowed_models` out for all of them"),
        ));
    }
    for (at, model) in models.iter().enumerate() {
        let param = format!("allowed_models[{at}]");
        if checks::name(&param, model)? != *model {
            return Err(checks::invalid(&param, format!("`{param}` must have no blanks around it")));
        }
    }
    Ok(())
}

/// Another product's key: printable, long enough to be secret, and not spelled like ours.
fn imported_check(text: &str) -> Result<&str, Fault> {
    if key::read(text) != Spelling::Foreign {
        return Err(checks::invalid(
            "key",
            "`key` imports another product's key; keys that begin with `llmg_` or `llmgm_` are made here only",
        ));
    }
    if !IMPORTED_BYTES.contains(&text.len()) || !text.bytes().all(|b| b.is_ascii_graphic()) {
        let (least, most) = (IMPORTED_BYTES.start(), IMPORTED_BYTES.end());
        return Err(checks::invalid(
            "key",
            format!("an imported `key` must have {least} to {most} printable ASCII characters without blanks"),
        ));
    }
    Ok(text)
}
