//! One master key.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::aead::LessSafeKey;
use aws_lc_rs::hmac;
use domain::OrganizationId;
use uuid::Uuid;

use crate::{DataKey, KEY_BYTES, NONCE_BYTES, SealError, cipher, open, place, seal};

/// The place of data keys.
const DATA_KEY_TABLE: &str = "data_key";
/// What is signed with a key to name it.
const ID_OF: &[u8] = b"llmg master key";
const ID_BYTES: usize = 8;
const ID_PREFIX: &str = "mk_";

/// Which master key it is. It follows from the key and says nothing about it, so that no two keys can be taken for another.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MasterKeyId([u8; ID_BYTES]);

impl fmt::Display for MasterKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(ID_PREFIX)?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for MasterKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for MasterKeyId {
    type Err = SealError;

    fn from_str(text: &str) -> Result<Self, SealError> {
        text.strip_prefix(ID_PREFIX).and_then(bytes_of_hex).map(Self).ok_or(SealError::UnknownKey)
    }
}

/// A key of the instance. Whoever has it and the database can open what was sealed under it.
pub struct MasterKey {
    id: MasterKeyId,
    cipher: LessSafeKey,
}

impl MasterKey {
    /// From its bytes.
    pub fn new(bytes: &[u8; KEY_BYTES]) -> Result<Self, SealError> {
        let signed = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, bytes), ID_OF);
        let id = signed.as_ref().first_chunk::<ID_BYTES>().ok_or(SealError::Failed)?;
        Ok(Self { id: MasterKeyId(*id), cipher: cipher(bytes)? })
    }

    /// From 64 hexadecimal digits.
    pub fn from_hex(text: &str) -> Result<Self, SealError> {
        bytes_of_hex(text.trim()).ok_or(SealError::MalformedKey).and_then(|bytes| Self::new(&bytes))
    }

    /// Which one it is.
    pub const fn id(&self) -> MasterKeyId {
        self.id
    }

    pub(crate) fn key_seal(
        &self,
        (organization, version): (OrganizationId, u32),
        key: &[u8; KEY_BYTES],
        nonce: [u8; NONCE_BYTES],
    ) -> Result<(DataKey, Vec<u8>), SealError> {
        let sealed = seal(&self.cipher, &place(organization, version, DATA_KEY_TABLE, ""), nonce, key)?;
        Ok((DataKey { cipher: cipher(key)?, organization, version }, sealed))
    }

    pub(crate) fn key_open(&self, (organization, version): (OrganizationId, u32), sealed: &[u8]) -> Result<[u8; KEY_BYTES], SealError> {
        let opened = open(&self.cipher, &place(organization, version, DATA_KEY_TABLE, ""), sealed)?;
        opened.try_into().map_err(|_| SealError::Refused)
    }

    pub(crate) fn value_seal(&self, table: &str, row: &str, nonce: [u8; NONCE_BYTES], value: &[u8]) -> Result<Vec<u8>, SealError> {
        seal(&self.cipher, &place_of_nobody(table, row), nonce, value)
    }

    pub(crate) fn value_open(&self, table: &str, row: &str, sealed: &[u8]) -> Result<Vec<u8>, SealError> {
        open(&self.cipher, &place_of_nobody(table, row), sealed)
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[master key {}]", self.id)
    }
}

/// Of what belongs to no organization. Version 0 is no data key's, so that this is no place of theirs.
fn place_of_nobody(table: &str, row: &str) -> Vec<u8> {
    place(OrganizationId::from_uuid(Uuid::nil()), 0, table, row)
}

fn bytes_of_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    if digits.len() != 2 * N {
        return None;
    }
    let mut bytes = [0u8; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let digit = |at: usize| pair.get(at).and_then(|d| char::from(*d).to_digit(16)).and_then(|d| u8::try_from(d).ok());
        *byte = digit(0)? * 16 + digit(1)?;
    }
    Some(bytes)
}
