//! Envelope encryption of what must be stored and never shown: provider keys.
//!
//! Each organization has a **data key** that seals its values; the data key itself is sealed under the instance's **master
//! key** and stored beside them. Both use AES-256-GCM. What is sealed is bound to its place (organization, table, row,
//! version of the data key): copied to another row or another tenant it does not open.
//!
//! Format: one byte of version, 12 bytes of nonce, the ciphertext with its 16-byte tag.
//!
//! This crate makes no randomness (keys and nonces are arguments), keeps no list of keys and does no IO. A nonce must be
//! fresh for each value: 12 random bytes.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use domain::{OrganizationId, Secret};

/// Bytes of a key.
pub const KEY_BYTES: usize = 32;
/// Bytes of a nonce.
pub const NONCE_BYTES: usize = 12;

const FORMAT: u8 = 1;
const TAG_BYTES: usize = 16;
/// The place of data keys.
const DATA_KEY_TABLE: &str = "data_key";

/// Why something was not sealed or opened. It never says what was inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// A master key is written as 64 hexadecimal digits.
    #[error("the master key is not 64 hexadecimal digits")]
    MalformedKey,
    /// Sealed under another key or for another place, or changed since.
    #[error("the sealed value does not open here: another key, another place, or changed bytes")]
    Refused,
    /// The cipher itself failed.
    #[error("the cipher failed")]
    Failed,
}

/// The instance's key. Whoever has it and the database can open everything.
pub struct MasterKey(LessSafeKey);

impl MasterKey {
    /// From its bytes.
    pub fn new(bytes: &[u8; KEY_BYTES]) -> Result<Self, SealError> {
        cipher(bytes).map(Self)
    }

    /// From 64 hexadecimal digits.
    pub fn from_hex(text: &str) -> Result<Self, SealError> {
        let digits = text.trim().as_bytes();
        if digits.len() != 2 * KEY_BYTES {
            return Err(SealError::MalformedKey);
        }
        let mut bytes = [0u8; KEY_BYTES];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let digit = |at: usize| pair.get(at).and_then(|d| char::from(*d).to_digit(16)).and_then(|d| u8::try_from(d).ok());
            let (Some(high), Some(low)) = (digit(0), digit(1)) else { return Err(SealError::MalformedKey) };
            *byte = high * 16 + low;
        }
        Self::new(&bytes)
    }

    /// Makes an organization's data key of random bytes, and seals it for the store.
    pub fn data_key_new(
        &self,
        organization: OrganizationId,
        version: u32,
        key: &[u8; KEY_BYTES],
        nonce: [u8; NONCE_BYTES],
    ) -> Result<(DataKey, Vec<u8>), SealError> {
        let place = place(organization, version, DATA_KEY_TABLE, "");
        let sealed = seal(&self.0, &place, nonce, key)?;
        Ok((DataKey { cipher: cipher(key)?, organization, version }, sealed))
    }

    /// Opens a stored data key.
    pub fn data_key_open(&self, organization: OrganizationId, version: u32, sealed: &[u8]) -> Result<DataKey, SealError> {
        let opened = open(&self.0, &place(organization, version, DATA_KEY_TABLE, ""), sealed)?;
        let key: [u8; KEY_BYTES] = opened.try_into().map_err(|_| SealError::Refused)?;
        Ok(DataKey { cipher: cipher(&key)?, organization, version })
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[master key]")
    }
}

/// An organization's key: it seals for that organization and its own version only.
pub struct DataKey {
    cipher: LessSafeKey,
    organization: OrganizationId,
    version: u32,
}

impl DataKey {
    /// Which of the organization's data keys it is.
    pub const fn version(&self) -> u32 {
        self.version
    }

    /// Seals a value for a row of a table.
    pub fn seal(&self, table: &str, row: &str, nonce: [u8; NONCE_BYTES], value: &Secret<String>) -> Result<Vec<u8>, SealError> {
        seal(&self.cipher, &place(self.organization, self.version, table, row), nonce, value.expose().as_bytes())
    }

    /// Opens the value of a row of a table.
    pub fn open(&self, table: &str, row: &str, sealed: &[u8]) -> Result<Secret<String>, SealError> {
        let opened = open(&self.cipher, &place(self.organization, self.version, table, row), sealed)?;
        String::from_utf8(opened).map(Secret::new).map_err(|_| SealError::Refused)
    }
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[data key {} of {}]", self.version, self.organization)
    }
}

fn cipher(key: &[u8; KEY_BYTES]) -> Result<LessSafeKey, SealError> {
    UnboundKey::new(&AES_256_GCM, key).map(LessSafeKey::new).map_err(|_| SealError::Failed)
}

/// Each part has a fixed length or its length before it, so that no two places have the same bytes.
fn place(organization: OrganizationId, version: u32, table: &str, row: &str) -> Vec<u8> {
    let mut bytes = vec![FORMAT];
    bytes.extend_from_slice(organization.uuid().as_bytes());
    bytes.extend_from_slice(&version.to_be_bytes());
    for part in [table, row] {
        bytes.extend_from_slice(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        bytes.extend_from_slice(part.as_bytes());
    }
    bytes
}

fn seal(cipher: &LessSafeKey, place: &[u8], nonce: [u8; NONCE_BYTES], value: &[u8]) -> Result<Vec<u8>, SealError> {
    let mut text = value.to_vec();
    cipher.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(place), &mut text).map_err(|_| SealError::Failed)?;
    let mut sealed = Vec::with_capacity(1 + NONCE_BYTES + text.len());
    sealed.push(FORMAT);
    sealed.extend_from_slice(&nonce);
    sealed.append(&mut text);
    Ok(sealed)
}

fn open(cipher: &LessSafeKey, place: &[u8], sealed: &[u8]) -> Result<Vec<u8>, SealError> {
    let (format, rest) = sealed.split_first().ok_or(SealError::Refused)?;
    let (nonce, text) = rest.split_first_chunk::<NONCE_BYTES>().ok_or(SealError::Refused)?;
    if *format != FORMAT || text.len() < TAG_BYTES {
        return Err(SealError::Refused);
    }
    let mut text = text.to_vec();
    let opened = cipher.open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(place), &mut text);
    let bytes = opened.map_err(|_| SealError::Refused)?.len();
    text.truncate(bytes);
    Ok(text)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn organization(n: u128) -> OrganizationId {
        OrganizationId::from_uuid(Uuid::from_u128(n))
    }

    fn master(n: u8) -> MasterKey {
        MasterKey::new(&[n; KEY_BYTES]).unwrap()
    }

    fn value() -> Secret<String> {
        Secret::new("sk-canary-0123456789".to_owned())
    }

    #[test]
    fn a_value_opens_in_its_own_place_only() {
        let master = master(1);
        let (ours, stored) = master.data_key_new(organization(1), 1, &[7; KEY_BYTES], [1; NONCE_BYTES]).unwrap();
        let sealed = ours.seal("provider_key", "pkey_1", [2; NONCE_BYTES], &value()).unwrap();
        let again = master.data_key_open(organization(1), 1, &stored).unwrap();
        assert_eq!(again.open("provider_key", "pkey_1", &sealed).unwrap().expose(), value().expose());
        assert_eq!(again.open("provider_key", "pkey_2", &sealed), Err(SealError::Refused), "another row");
        assert_eq!(again.open("provider_keypkey_1", "", &sealed), Err(SealError::Refused), "another table");

        // The same key bytes for another tenant or version: only the place differs.
        let (theirs, _) = master.data_key_new(organization(2), 1, &[7; KEY_BYTES], [3; NONCE_BYTES]).unwrap();
        let (later, _) = master.data_key_new(organization(1), 2, &[7; KEY_BYTES], [4; NONCE_BYTES]).unwrap();
        assert_eq!(theirs.open("provider_key", "pkey_1", &sealed), Err(SealError::Refused), "another tenant");
        assert_eq!(later.open("provider_key", "pkey_1", &sealed), Err(SealError::Refused), "another version");
        for (key, organization, version) in
            [(&master, organization(2), 1), (&master, organization(1), 2), (&self::master(2), organization(1), 1)]
        {
            assert!(key.data_key_open(organization, version, &stored).is_err(), "a data key opened elsewhere");
        }
    }

    #[test]
    fn any_changed_or_missing_byte_is_refused() {
        let (key, _) = master(1).data_key_new(organization(1), 1, &[7; KEY_BYTES], [1; NONCE_BYTES]).unwrap();
        let sealed = key.seal("t", "r", [2; NONCE_BYTES], &value()).unwrap();
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(key.open("t", "r", &changed), Err(SealError::Refused), "byte {at}");
            assert_eq!(key.open("t", "r", &sealed[..at]), Err(SealError::Refused), "cut at {at}");
        }
    }

    #[test]
    fn what_is_sealed_shows_nothing() {
        let (key, stored) = master(1).data_key_new(organization(1), 1, &[7; KEY_BYTES], [1; NONCE_BYTES]).unwrap();
        let sealed = key.seal("t", "r", [2; NONCE_BYTES], &value()).unwrap();
        assert!(!sealed.windows(6).any(|bytes| bytes == b"canary"));
        assert!(!stored.windows(8).any(|bytes| bytes == [7; 8]));
        assert!(!format!("{:?}{key:?}", master(1)).contains('7'));
    }

    #[test]
    fn a_master_key_is_64_digits() {
        let hex = "0f".repeat(32);
        let (_, stored) = MasterKey::from_hex(&hex).unwrap().data_key_new(organization(1), 1, &[7; KEY_BYTES], [1; NONCE_BYTES]).unwrap();
        assert!(master(0x0f).data_key_open(organization(1), 1, &stored).is_ok());
        for text in ["", "0f", &"0g".repeat(32), &"0f".repeat(33), &"é".repeat(32)] {
            assert_eq!(MasterKey::from_hex(text).unwrap_err(), SealError::MalformedKey, "{text}");
        }
    }
}
