//! The master keys of an instance: the first seals, all open.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use domain::{OrganizationId, Secret};

use crate::{DataKey, KEY_BYTES, MasterKey, MasterKeyId, NONCE_BYTES, SealError, cipher};

/// A data key as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedKey {
    /// What it is sealed under.
    pub master_key: MasterKeyId,
    /// The key, sealed.
    pub sealed: Vec<u8>,
}

/// The keys, which may be replaced while they are used. Share it in an `Arc`.
pub struct MasterKeys {
    ring: ArcSwap<Vec<MasterKey>>,
    changes: AtomicU64,
}

impl MasterKeys {
    /// The first seals. Refused without a key, and when one stands twice.
    pub fn new(keys: Vec<MasterKey>) -> Result<Self, SealError> {
        Ok(Self { ring: ArcSwap::new(Arc::new(checked(keys)?)), changes: AtomicU64::new(0) })
    }

    /// One key alone.
    pub fn of(key: MasterKey) -> Self {
        Self { ring: ArcSwap::new(Arc::new(vec![key])), changes: AtomicU64::new(0) }
    }

    /// From now on these; says whether they are others, or in another order.
    pub fn replace(&self, keys: Vec<MasterKey>) -> Result<bool, SealError> {
        let keys = checked(keys)?;
        if keys.iter().map(MasterKey::id).eq(self.ids()) {
            return Ok(false);
        }
        self.ring.store(Arc::new(keys));
        self.changes.fetch_add(1, Ordering::Release);
        Ok(true)
    }

    /// Grows with each change: what did not open before may open now.
    pub fn changes(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
    }

    /// Their ids, the one that seals first.
    pub fn ids(&self) -> Vec<MasterKeyId> {
        self.ring.load().iter().map(MasterKey::id).collect()
    }

    /// Makes an organization's data key of random bytes, and seals it for the store.
    pub fn data_key_new(
        &self,
        organization: OrganizationId,
        version: u32,
        key: &[u8; KEY_BYTES],
        nonce: [u8; NONCE_BYTES],
    ) -> Result<(DataKey, SealedKey), SealError> {
        let ring = self.ring.load();
        let first = ring.first().ok_or(SealError::WrongRing)?;
        let (data_key, sealed) = first.key_seal((organization, version), key, nonce)?;
        Ok((data_key, SealedKey { master_key: first.id(), sealed }))
    }

    /// Opens a stored data key. `master_key` is none for one from before there were several: any may open it.
    pub fn data_key_open(
        &self,
        organization: OrganizationId,
        version: u32,
        master_key: Option<&str>,
        sealed: &[u8],
    ) -> Result<DataKey, SealError> {
        let key = self.key_open((organization, version), master_key, sealed)?;
        Ok(DataKey { cipher: cipher(&key)?, organization, version })
    }

    /// Seals a stored data key anew under the first key.
    pub fn data_key_reseal(
        &self,
        organization: OrganizationId,
        version: u32,
        master_key: Option<&str>,
        sealed: &[u8],
        nonce: [u8; NONCE_BYTES],
    ) -> Result<SealedKey, SealError> {
        let key = self.key_open((organization, version), master_key, sealed)?;
        self.data_key_new(organization, version, &key, nonce).map(|(_, sealed)| sealed)
    }

    fn key_open(&self, place: (OrganizationId, u32), master_key: Option<&str>, sealed: &[u8]) -> Result<[u8; KEY_BYTES], SealError> {
        let ring = self.ring.load();
        let Some(id) = master_key else {
            return ring.iter().find_map(|key| key.key_open(place, sealed).ok()).ok_or(SealError::Refused);
        };
        let id: MasterKeyId = id.parse()?;
        ring.iter().find(|key| key.id() == id).ok_or(SealError::UnknownKey)?.key_open(place, sealed)
    }

    /// Seals the value of a row that belongs to no organization, under the first key.
    pub fn seal(&self, table: &str, row: &str, nonce: [u8; NONCE_BYTES], value: &Secret<String>) -> Result<Vec<u8>, SealError> {
        self.ring.load().first().ok_or(SealError::WrongRing)?.value_seal(table, row, nonce, value.expose().as_bytes())
    }

    /// Opens the value of a row that belongs to no organization, whichever key sealed it.
    pub fn open(&self, table: &str, row: &str, sealed: &[u8]) -> Result<Secret<String>, SealError> {
        let ring = self.ring.load();
        let opened = ring.iter().find_map(|key| key.value_open(table, row, sealed).ok()).ok_or(SealError::Refused)?;
        String::from_utf8(opened).map(Secret::new).map_err(|_| SealError::Refused)
    }

    /// Seals such a value anew under the first key; none when the first key has sealed it.
    pub fn reseal(&self, table: &str, row: &str, sealed: &[u8], nonce: [u8; NONCE_BYTES]) -> Result<Option<Vec<u8>>, SealError> {
        let ring = self.ring.load();
        let first = ring.first().ok_or(SealError::WrongRing)?;
        if first.value_open(table, row, sealed).is_ok() {
            return Ok(None);
        }
        let value = self.open(table, row, sealed)?;
        first.value_seal(table, row, nonce, value.expose().as_bytes()).map(Some)
    }
}

fn checked(keys: Vec<MasterKey>) -> Result<Vec<MasterKey>, SealError> {
    let twice = keys.iter().enumerate().any(|(at, key)| keys.iter().skip(at + 1).any(|other| other.id() == key.id()));
    if keys.is_empty() || twice { Err(SealError::WrongRing) } else { Ok(keys) }
}

impl fmt::Debug for MasterKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.ids()).finish()
    }
}
