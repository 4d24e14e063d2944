//! Management keys: made, listed, revoked by owners and admins.

use domain::key::KeyKind;
use domain::{Code, Fault, ManagementKeyId, Secret, UnixMicros};
use service::{clock, random};
use store::{ManagementKeyRow, NewManagementKey, Page};

use crate::app::caller::Admin;
use crate::app::keys::Minted;
use crate::app::page::{Listed, one_more};
use crate::app::scopes::{self, issue_check};
use crate::app::{Control, ask, checks};

/// A key about to be made.
#[derive(Debug, Clone)]
pub struct ManagementKeyNew {
    /// For display.
    pub name: String,
    /// `area:read`, `area:write`; `None`: everything that the maker may do.
    pub scopes: Option<Vec<String>>,
    /// From when on it does not open.
    pub expires_at: Option<UnixMicros>,
}

/// A key that was just made.
#[derive(Debug, Clone)]
pub struct ManagementKeyMade {
    /// As stored.
    pub row: ManagementKeyRow,
    /// Shown this once.
    pub key: Secret<String>,
}

impl Control {
    /// A page of keys, oldest first.
    pub async fn management_key_list(
        &self,
        who: &Admin,
        page: Page<ManagementKeyId>,
    ) -> Result<Listed<ManagementKeyRow, ManagementKeyId>, Fault> {
        let asked = store::management_key_list(&self.db, who.management().scope(), one_more(page));
        let rows = ask::store(Code::DirectoryUnavailable, asked).await?;
        Ok(Listed::cut(rows, page.limit, |row| row.id))
    }

    /// Makes a key that acts for the caller, and for no more than the caller may do: neither in what nor for how long.
    pub async fn management_key_create(&self, who: &Admin, new: ManagementKeyNew) -> Result<ManagementKeyMade, Fault> {
        let (caller, now) = (who.management(), clock::now());
        let name = checks::name("name", &new.name)?;
        if new.expires_at.is_some_and(|end| end <= now) {
            return Err(checks::invalid("expires_at", "`expires_at` must be in the future"));
        }
        if caller.ends_at().is_some_and(|end| new.expires_at.is_none_or(|asked| asked > end)) {
            let say = "this management key expires: name an `expires_at` that is not later than its own";
            return Err(Fault::new(Code::PermissionDenied, say).param("expires_at"));
        }
        let asked = new.scopes.as_deref().map(scopes::read).transpose()?;
        issue_check(caller.reach(), asked.as_ref())?;
        let minted = Minted::new(KeyKind::Management)?;
        let row = NewManagementKey {
            id: ManagementKeyId::from_uuid(random::uuid()),
            name,
            hash: minted.hash,
            prefix: minted.prefix,
            last4: minted.last4,
            scopes: asked.map(|scopes| scopes.texts()),
            expires_at: new.expires_at,
            created_by: caller.user(),
        };
        let author = caller.author(now);
        ask::store(Code::DirectoryUnavailable, store::management_key_create(&self.db, caller.scope(), &row, &author)).await?;
        tracing::info!(management_key.id = %row.id, by = %caller.via(), "a management key was made");
        Ok(ManagementKeyMade { row: self.management_key_get(who, row.id).await?, key: minted.text })
    }

    /// Closes a key for ever. Repeating it changes nothing.
    pub async fn management_key_revoke(&self, who: &Admin, id: ManagementKeyId) -> Result<ManagementKeyRow, Fault> {
        let caller = who.management();
        let author = caller.author(clock::now());
        ask::store(Code::DirectoryUnavailable, store::management_key_revoke(&self.db, caller.scope(), id, &author)).await?;
        tracing::info!(management_key.id = %id, by = %caller.via(), "a management key was revoked");
        self.management_key_get(who, id).await
    }

    async fn management_key_get(&self, who: &Admin, id: ManagementKeyId) -> Result<ManagementKeyRow, Fault> {
        ask::store(Code::DirectoryUnavailable, store::management_key_get(&self.db, who.management().scope(), id)).await
    }
}
