//! Ids and secrets from the operating system's randomness.

use domain::key::{self, KEY_ENTROPY_BYTES, KeyKind};
use uuid::Uuid;

/// The operating system has no randomness to give.
#[derive(Debug, thiserror::Error)]
#[error("read randomness from the operating system")]
pub struct NoRandomness(#[source] getrandom::Error);

/// A time-ordered id (UUIDv7).
pub fn uuid() -> Uuid {
    Uuid::now_v7()
}

/// `N` random bytes.
pub fn bytes<const N: usize>() -> Result<[u8; N], NoRandomness> {
    let mut bytes = [0u8; N];
    getrandom::fill(&mut bytes).map_err(NoRandomness)?;
    Ok(bytes)
}

/// A fresh key of the given kind. It is shown once; only its SHA-256 is stored.
pub fn new_key(kind: KeyKind) -> Result<String, NoRandomness> {
    Ok(key::spell(kind, &bytes::<KEY_ENTROPY_BYTES>()?))
}
