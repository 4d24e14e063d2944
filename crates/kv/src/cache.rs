//! Cached answers by a 256-bit key, bounded in bytes, each with its own end of life.

use bytes::Bytes;
use domain::UnixMicros;
use quick_cache::Weighter;
use quick_cache::sync::Cache as Quick;

/// SHA-256 over everything that can change the answer, the tenant first.
pub type CacheKey = [u8; 32];

/// What an entry costs beside its bytes: key, expiry and bookkeeping.
const ENTRY_OVERHEAD_BYTES: u64 = 128;
/// A sizing hint for the table, not a bound.
const ENTRY_BYTES_TYPICAL: u64 = 4_096;

#[derive(Clone)]
struct Entry {
    value: Bytes,
    ends: UnixMicros,
}

#[derive(Clone)]
struct ByBytes;

impl Weighter<CacheKey, Entry> for ByBytes {
    fn weight(&self, _: &CacheKey, entry: &Entry) -> u64 {
        u64::try_from(entry.value.len()).unwrap_or(u64::MAX).saturating_add(ENTRY_OVERHEAD_BYTES)
    }
}

/// The exact response cache.
pub struct Cache(Backend);

enum Backend {
    Memory(Quick<CacheKey, Entry, ByBytes>),
}

impl Cache {
    /// In this process, holding at most `bytes_max` bytes. Limit: an entry over a quarter of that is not kept.
    pub fn memory(bytes_max: u64) -> Self {
        let items = usize::try_from((bytes_max / ENTRY_BYTES_TYPICAL).clamp(16, 1 << 20)).unwrap_or(16);
        Self(Backend::Memory(Quick::with_weighter(items, bytes_max, ByBytes)))
    }

    /// The value, if there is one whose time is not over.
    pub fn get(&self, key: &CacheKey, now: UnixMicros) -> Option<Bytes> {
        let Backend::Memory(entries) = &self.0;
        let entry = entries.get(key)?;
        if entry.ends > now {
            return Some(entry.value);
        }
        entries.remove(key);
        None
    }

    /// Keeps a value until `ends`.
    pub fn put(&self, key: CacheKey, value: Bytes, ends: UnixMicros) {
        let Backend::Memory(entries) = &self.0;
        let size = u64::try_from(value.len()).unwrap_or(u64::MAX);
        if size <= entries.capacity() / 4 {
            entries.insert(key, Entry { value, ends });
        }
    }

    /// Bytes held now, bookkeeping included.
    pub fn bytes(&self) -> u64 {
        let Backend::Memory(entries) = &self.0;
        entries.weight()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: CacheKey = [7; 32];

    #[test]
    fn a_value_lives_until_its_end() {
        let cache = Cache::memory(1 << 20);
        cache.put(KEY, Bytes::from_static(b"answer"), UnixMicros(100));
        assert_eq!(cache.get(&KEY, UnixMicros(99)).as_deref(), Some(&b"answer"[..]));
        assert_eq!(cache.get(&KEY, UnixMicros(100)), None);
        assert_eq!(cache.bytes(), 0, "an ended value frees its room");
    }

    #[test]
    fn memory_is_bounded_whatever_is_put() {
        let cache = Cache::memory(100_000);
        for n in 0..1_000u16 {
            let mut key = KEY;
            key[..2].copy_from_slice(&n.to_be_bytes());
            cache.put(key, Bytes::from(vec![0; 1_000]), UnixMicros(100));
            assert!(cache.bytes() <= 100_000);
        }
        cache.put(KEY, Bytes::from(vec![0; 50_000]), UnixMicros(100));
        assert_eq!(cache.get(&KEY, UnixMicros(0)), None, "an entry that would push out much else is not kept");
    }
}
