//! Sealing and opening of stored secrets: the organization's data key under the instance's master key.

use domain::{Code, Fault, ProviderKeyId, Secret, UserId};
use seal::{DataKey, KEY_BYTES, MasterKeys, NONCE_BYTES};
use service::{clock, random};
use store::{DataKeyRow, ProviderSecret, SealedProviderKeyRow};

use crate::app::caller::Management;
use crate::app::{Control, ask};

/// What a sealed provider key is bound to, beside its row and organization.
const PROVIDER_KEYS: &str = "provider_key";
/// What a person's secret is bound to, beside its row and person.
pub(super) const PEOPLE: &str = "person";
const FIRST_VERSION: u32 = 1;

impl Control {
    /// Seals a provider key for its row; answers with the version of the data key, too.
    pub(super) async fn key_seal(&self, who: &Management, id: ProviderKeyId, secret: &ProviderSecret) -> Result<(Vec<u8>, u32), Fault> {
        let text = secret.spelled().map_err(|error| Fault::internal("spell a provider key", error))?;
        self.seal(who, PROVIDER_KEYS, &id.to_string(), &text).await
    }

    /// Opens a stored provider key, to send it to its provider.
    pub(super) async fn key_open(&self, who: &Management, row: &SealedProviderKeyRow) -> Result<ProviderSecret, Fault> {
        let text = self.open(who, PROVIDER_KEYS, &row.id.to_string(), row.key_version, &row.sealed).await?;
        ProviderSecret::read(row.kind, text).map_err(|error| Fault::internal("read a provider key", error))
    }

    /// Seals a text for a row of a table; answers with the version of the data key, too.
    pub(super) async fn seal(&self, who: &Management, table: &str, row: &str, text: &Secret<String>) -> Result<(Vec<u8>, u32), Fault> {
        let data_key = self.data_key(who).await?;
        let sealed = data_key.seal(table, row, nonce()?, text);
        Ok((sealed.map_err(|error| Fault::internal("seal a text", error))?, data_key.version()))
    }

    /// Opens what was sealed for a row of a table.
    pub(super) async fn open(
        &self,
        who: &Management,
        table: &str,
        row: &str,
        version: u32,
        sealed: &[u8],
    ) -> Result<Secret<String>, Fault> {
        let stored = ask::store(Code::DirectoryUnavailable, store::data_key_get(&self.db, who.scope(), Some(version))).await?;
        let stored = stored.ok_or_else(|| Fault::internal("open a sealed text", "its data key is gone"))?;
        self.data_key_opened(who, &stored)?.open(table, row, sealed).map_err(|error| Fault::internal("open a sealed text", error))
    }

    /// The organization's data key, made on first need.
    async fn data_key(&self, who: &Management) -> Result<DataKey, Fault> {
        let (scope, organization) = (who.scope(), who.scope().organization());
        let mut stored = ask::store(Code::DirectoryUnavailable, store::data_key_get(&self.db, scope, None)).await?;
        if stored.is_none() {
            let fresh = random::bytes::<KEY_BYTES>().map_err(|error| Fault::internal("make a data key", error))?;
            let made = self.master_keys()?.data_key_new(organization, FIRST_VERSION, &fresh, nonce()?);
            let (data_key, sealed) = made.map_err(|error| Fault::internal("seal a data key", error))?;
            let row = DataKeyRow { version: FIRST_VERSION, sealed: sealed.sealed, master_key: Some(sealed.master_key.to_string()) };
            match ask::store(Code::DirectoryUnavailable, store::data_key_create(&self.db, scope, &row, clock::now())).await {
                Ok(()) => return Ok(data_key),
                // Somebody else was faster: theirs is the organization's.
                Err(fault) if fault.code() == Code::Conflict => {
                    stored = ask::store(Code::DirectoryUnavailable, store::data_key_get(&self.db, scope, None)).await?;
                }
                Err(fault) => return Err(fault),
            }
        }
        let row = stored.ok_or_else(|| Fault::internal("make a data key", "it is gone again"))?;
        self.data_key_opened(who, &row)
    }

    /// Seals a person's secret under a key of their own; answers that key, sealed for the store, and the secret. A person is
    /// the tenant of what is theirs alone.
    pub(super) fn person_seal(&self, person: UserId, secret: &Secret<String>) -> Result<Vec<u8>, Fault> {
        let sealed = self.master_keys()?.seal(PEOPLE, &person.to_string(), nonce()?, secret);
        sealed.map_err(|error| Fault::internal("seal a person's secret", error))
    }

    /// Opens what [`Control::person_seal`] sealed.
    pub(super) fn person_open(&self, person: UserId, sealed: &[u8]) -> Result<Secret<String>, Fault> {
        let opened = self.master_keys()?.open(PEOPLE, &person.to_string(), sealed);
        opened.map_err(|error| Fault::internal("open a person's secret (is its master key among those of this process?)", error))
    }

    fn data_key_opened(&self, who: &Management, row: &DataKeyRow) -> Result<DataKey, Fault> {
        let organization = who.scope().organization();
        let opened = self.master_keys()?.data_key_open(organization, row.version, row.master_key.as_deref(), &row.sealed);
        opened.map_err(|error| Fault::internal("open a data key (is its master key among those of this process?)", error))
    }

    pub(super) fn master_keys(&self) -> Result<&MasterKeys, Fault> {
        self.settings.master_keys.as_deref().ok_or_else(|| Fault::internal("seal or open a key", "this process has no master key"))
    }
}

pub(super) fn nonce() -> Result<[u8; NONCE_BYTES], Fault> {
    random::bytes().map_err(|error| Fault::internal("make a nonce", error))
}
