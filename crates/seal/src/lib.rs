//! Envelope encryption of what must be stored and never shown: provider keys.
//!
//! Each organization has a **data key** that seals its values; the data key itself is sealed under one of the instance's
//! **master keys** and stored beside them, with the id of that master key. Both use AES-256-GCM. What is sealed is bound to its place (organization, table, row,
//! version of the data key): copied to another row or another tenant it does not open.
//!
//! Format: one byte of version, 12 bytes of nonce, the ciphertext with its 16-byte tag.
//!
//! This crate makes no randomness (keys and nonces are arguments) and does no IO: where master keys come from is its caller's
//! matter. A nonce must be
//! fresh for each value: 12 random bytes.

mod master;
mod ring;

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use domain::{OrganizationId, Secret};

pub use master::{MasterKey, MasterKeyId};
pub use ring::{MasterKeys, SealedKey};

/// Bytes of a key.
pub const KEY_BYTES: usize = 32;
/// Bytes of a nonce.
pub const NONCE_BYTES: usize = 12;

const FORMAT: u8 = 1;
const TAG_BYTES: usize = 16;

/// Why something was not sealed or opened. It never says what was inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// A master key is written as 64 hexadecimal digits.
    #[error("the master key is not 64 hexadecimal digits")]
    MalformedKey,
    /// There is no master key, or one stands twice.
    #[error("the master keys are none, or the same one twice")]
    WrongRing,
    /// Sealed under a master key that is not among those of this process.
    #[error("sealed under a master key that this process does not have")]
    UnknownKey,
    /// Sealed under another key or for another place, or changed since.
    #[error("the sealed value does not open here: another key, another place, or changed bytes")]
    Refused,
    /// The cipher itself failed.
    #[error("the cipher failed")]
    Failed,
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
mod tests;
