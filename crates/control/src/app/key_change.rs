//! API keys that stay and change: other limits, or a successor.

use domain::key::KeyKind;
use domain::{ApiKeyId, Code, Fault, UnixMicros};
use service::{clock, random};
use store::{ApiKeyRotate, ApiKeyRow, ApiKeyUpdate, KeyStatus, NewApiKey};

use crate::app::caller::Developer;
use crate::app::keys::{ApiKeyMade, Limits, Minted, limits_check};
use crate::app::{Control, ask, checks, key_rules};

/// Limit: how long an old key opens beside its successor: a week.
pub(crate) const GRACE_SECONDS_MAX: u32 = 7 * 24 * 3_600;

impl Control {
    /// Changes a key's name and limits; gateways follow within a second.
    pub async fn key_update(&self, who: &Developer, id: ApiKeyId, mut change: ApiKeyUpdate) -> Result<ApiKeyRow, Fault> {
        if change == ApiKeyUpdate::default() {
            return Err(Fault::new(
                Code::InvalidRequest,
                "name at least one of `name`, `expires_at`, `rpm`, `tpm`, `concurrency`, `allowed_models`, `rules`, `acts_for_sub_accounts`",
            ));
        }
        let now = clock::now();
        change.name = change.name.as_deref().map(|name| checks::name("name", name)).transpose()?;
        let limits = Limits {
            expires_at: change.expires_at.flatten(),
            rpm: change.rpm.flatten(),
            tpm: change.tpm.flatten(),
            concurrency: change.concurrency.flatten(),
            models: change.allowed_models.as_ref().and_then(|models| models.as_deref()),
        };
        limits_check(&limits, now)?;
        change.rules = change.rules.map(|rules| key_rules::checked(rules, &self.settings.catalog)).transpose()?;
        let caller = who.management();
        self.key_seen(caller, id).await?;
        let author = caller.author(now);
        let changed = store::api_key_update(&self.db, caller.scope(), id, &change, &author);
        let row = ask::store(Code::DirectoryUnavailable, changed).await.map_err(revoked)?;
        tracing::info!(key.id = %id, by = %caller.via(), "an API key was changed");
        Ok(row)
    }

    /// Makes a key's successor, with the same rights; the old key opens until the grace ends.
    pub async fn key_rotate(&self, who: &Developer, id: ApiKeyId, grace_seconds: u32) -> Result<ApiKeyMade, Fault> {
        if grace_seconds > GRACE_SECONDS_MAX {
            return Err(checks::invalid("grace_seconds", format!("`grace_seconds` must be 0 to {GRACE_SECONDS_MAX} (7 days)")));
        }
        let (caller, now) = (who.management(), clock::now());
        self.key_seen(caller, id).await?;
        let old = ask::store(Code::DirectoryUnavailable, store::api_key_get(&self.db, caller.scope(), id)).await?;
        let minted = Minted::new(KeyKind::Api)?;
        let rotate = ApiKeyRotate {
            old: id,
            old_ends_at: now.plus_seconds(i64::from(grace_seconds)),
            new: NewApiKey {
                id: ApiKeyId::from_uuid(random::uuid()),
                project: old.project,
                sub_account: old.sub_account,
                acts_for_sub_accounts: old.acts_for_sub_accounts,
                name: old.name,
                hash: minted.hash,
                prefix: minted.prefix,
                last4: minted.last4,
                expires_at: successor_ends_at(old.status, old.expires_at, now)?,
                rpm: old.rpm,
                tpm: old.tpm,
                concurrency: old.concurrency,
                allowed_models: old.allowed_models,
                rules: old.rules,
                created_by: Some(caller.user()),
            },
        };
        let author = caller.author(now);
        let rotated = store::api_key_rotate(&self.db, caller.scope(), &rotate, &author);
        ask::store(Code::DirectoryUnavailable, rotated).await.map_err(revoked)?;
        tracing::info!(key.id = %id, successor.id = %rotate.new.id, by = %caller.via(), grace_seconds, "an API key was rotated");
        let row = ask::store(Code::DirectoryUnavailable, store::api_key_get(&self.db, caller.scope(), rotate.new.id)).await?;
        Ok(ApiKeyMade { row, key: Some(minted.text), created: true })
    }
}

/// A key that opens for a while only has a successor that opens no longer.
fn successor_ends_at(status: KeyStatus, ends_at: Option<UnixMicros>, now: UnixMicros) -> Result<Option<UnixMicros>, Fault> {
    if status == KeyStatus::Revoked || ends_at.is_some_and(|end| end <= now) {
        return Err(no_more());
    }
    Ok(ends_at)
}

fn revoked(fault: Fault) -> Fault {
    if fault.code() == Code::Conflict && fault.wrong_param().is_none() { no_more() } else { fault }
}

fn no_more() -> Fault {
    Fault::new(Code::Conflict, "this key was revoked or has expired; make a new one")
}
