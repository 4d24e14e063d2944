//! One entry of a segment: magic, length and CRC32 as u32 LE, payload.
//!
//! The magic begins with a byte that UTF-8 never has, so that no text of a caller (tags, metadata) can pass for a frame
//! when a reader looks for the next valid one behind corrupt bytes.

use memchr::memmem;

/// Limit: bytes of one encoded record.
pub const PAYLOAD_BYTES_MAX: usize = 1 << 20;
/// What each frame begins with.
pub(crate) const MAGIC: [u8; 4] = [0xff, b'L', b'W', 0xfe];
/// Bytes before the payload.
pub(crate) const HEAD_BYTES: usize = 12;

/// A whole and sound frame.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Frame<'a> {
    pub(crate) payload: &'a [u8],
    /// Just behind it, from the start of the buffer.
    pub(crate) end: usize,
}

/// The bytes before a payload; `None` when it is over the limit.
pub(crate) fn head(payload: &[u8]) -> Option<[u8; HEAD_BYTES]> {
    if payload.len() > PAYLOAD_BYTES_MAX {
        return None;
    }
    let len = u32::try_from(payload.len()).ok()?.to_le_bytes();
    let mut head = [0; HEAD_BYTES];
    head[..4].copy_from_slice(&MAGIC);
    head[4..8].copy_from_slice(&len);
    head[8..].copy_from_slice(&checksum(len, payload).to_le_bytes());
    Some(head)
}

/// The frame that begins at `at`, if it is whole and sound.
pub(crate) fn frame_at(buf: &[u8], at: usize) -> Option<Frame<'_>> {
    let rest = buf.get(at..)?;
    let (magic, rest) = rest.split_first_chunk::<4>()?;
    let (len, rest) = rest.split_first_chunk::<4>()?;
    let (sum, rest) = rest.split_first_chunk::<4>()?;
    if *magic != MAGIC {
        return None;
    }
    let bytes = usize::try_from(u32::from_le_bytes(*len)).ok().filter(|&bytes| bytes <= PAYLOAD_BYTES_MAX)?;
    let payload = rest.get(..bytes)?;
    (checksum(*len, payload) == u32::from_le_bytes(*sum)).then_some(Frame { payload, end: at + HEAD_BYTES + bytes })
}

/// Where the first sound frame at or behind `from` begins.
pub(crate) fn resync(buf: &[u8], from: usize) -> Option<usize> {
    let rest = buf.get(from..)?;
    memmem::find_iter(rest, &MAGIC).map(|at| from + at).find(|&at| frame_at(buf, at).is_some())
}

fn checksum(len: [u8; 4], payload: &[u8]) -> u32 {
    let mut sum = crc32fast::Hasher::new();
    sum.update(&len);
    sum.update(payload);
    sum.finalize()
}

#[cfg(test)]
mod tests {
    use super::{Frame, HEAD_BYTES, PAYLOAD_BYTES_MAX, frame_at, head, resync};

    fn framed(payload: &[u8]) -> Vec<u8> {
        [head(payload).unwrap().as_slice(), payload].concat()
    }

    #[test]
    fn reads_back_and_refuses_every_cut_and_every_flip() {
        let whole = framed(b"hello");
        assert_eq!(frame_at(&whole, 0), Some(Frame { payload: b"hello", end: HEAD_BYTES + 5 }));
        for cut in 0..whole.len() {
            assert_eq!(frame_at(&whole[..cut], 0), None, "{cut}");
        }
        for bit in 0..whole.len() * 8 {
            let mut bad = whole.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(frame_at(&bad, 0), None, "{bit}");
        }
    }

    #[test]
    fn finds_the_next_sound_frame() {
        let (one, two) = (framed(b"one"), framed(b"two"));
        let mut log = [one.as_slice(), &two].concat();
        log[5] = 0xff;
        assert_eq!(resync(&log, 0), Some(one.len()));
        assert_eq!(resync(&log, one.len() + 1), None);
        assert!(head(&vec![0; PAYLOAD_BYTES_MAX + 1]).is_none());
    }
}
