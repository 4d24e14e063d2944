//! The spelling of our keys: `llmg_` or `llmgm_`, 27 base62 digits of 160 random bits, 6 base62 digits of CRC32.
//!
//! The checksum lets a typing mistake be refused without a look-up. What is stored is only the SHA-256 (made by the
//! caller), a display prefix and the last four characters.

/// Which door a key opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyKind {
    /// `llmg_`: calls `/v1`.
    Api,
    /// `llmgm_`: calls `/api`.
    Management,
}

impl KeyKind {
    /// What the key begins with.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Api => "llmg_",
            Self::Management => "llmgm_",
        }
    }
}

/// Random bytes in a key: 160 bits.
pub const KEY_ENTROPY_BYTES: usize = 20;

const RANDOM_DIGITS: usize = 27;
const CHECKSUM_DIGITS: usize = 6;
const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// What the spelling of a presented key says before any look-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spelling {
    /// Ours, with a right checksum.
    Ours(KeyKind),
    /// Begins like ours, but is mistyped or cut: refuse without a look-up.
    Mistyped(KeyKind),
    /// Another product's key (imported ones work): look it up by its SHA-256.
    Foreign,
}

/// Spells a key from random bytes.
pub fn spell(kind: KeyKind, random: &[u8; KEY_ENTROPY_BYTES]) -> String {
    let mut text = String::with_capacity(kind.prefix().len() + RANDOM_DIGITS + CHECKSUM_DIGITS);
    text.push_str(kind.prefix());
    push_base62(&mut text, random, RANDOM_DIGITS);
    let checksum = crc32(text.as_bytes()).to_be_bytes();
    push_base62(&mut text, &checksum, CHECKSUM_DIGITS);
    text
}

/// Reads the spelling of a presented key.
pub fn read(text: &str) -> Spelling {
    let kind = if text.starts_with(KeyKind::Management.prefix()) {
        KeyKind::Management
    } else if text.starts_with(KeyKind::Api.prefix()) {
        KeyKind::Api
    } else {
        return Spelling::Foreign;
    };
    let Some(body_len) = text.len().checked_sub(CHECKSUM_DIGITS) else {
        return Spelling::Mistyped(kind);
    };
    let right_length = text.len() == kind.prefix().len() + RANDOM_DIGITS + CHECKSUM_DIGITS;
    let (Some(body), Some(given)) = (text.get(..body_len), text.get(body_len..)) else {
        return Spelling::Mistyped(kind);
    };
    let mut expected = String::with_capacity(CHECKSUM_DIGITS);
    push_base62(&mut expected, &crc32(body.as_bytes()).to_be_bytes(), CHECKSUM_DIGITS);
    if right_length && given == expected { Spelling::Ours(kind) } else { Spelling::Mistyped(kind) }
}

/// Limit: a foreign key shorter than this is not shown in part, because the parts would be most of it.
const FOREIGN_SHOWN_CHARS_MIN: usize = 16;

/// The part of a key that may be shown again: its prefix with four digits, and its last four.
pub fn display(text: &str) -> (String, String) {
    let chars: Vec<char> = text.chars().collect();
    let head = match read(text) {
        Spelling::Ours(kind) | Spelling::Mistyped(kind) => kind.prefix().len() + 4,
        Spelling::Foreign if chars.len() < FOREIGN_SHOWN_CHARS_MIN => return (String::new(), String::new()),
        Spelling::Foreign => 4,
    };
    let tail = chars.len().saturating_sub(4).max(head.min(chars.len()));
    (chars.iter().take(head).collect(), chars.iter().skip(tail).collect())
}

/// Appends a big-endian number as exactly `digits` base62 digits.
fn push_base62(text: &mut String, number: &[u8], digits: usize) {
    let mut rest = number.to_vec();
    let mut spelled = vec![b'0'; digits];
    for place in spelled.iter_mut().rev() {
        let mut carry: u32 = 0;
        for byte in &mut rest {
            let value = carry * 256 + u32::from(*byte);
            *byte = u8::try_from(value / 62).unwrap_or(u8::MAX);
            carry = value % 62;
        }
        *place = BASE62[carry as usize];
    }
    text.extend(spelled.iter().map(|&b| char::from(b)));
}

/// CRC-32 (IEEE), bit by bit: keys are short and spelled rarely, and this keeps the crate free of dependencies.
fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for &byte in bytes {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xedb8_8320 & 0u32.wrapping_sub(crc & 1));
        }
    }
    !crc
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crc_is_the_standard_one() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn a_spelled_key_reads_back_and_any_one_changed_character_does_not() {
        for kind in [KeyKind::Api, KeyKind::Management] {
            let key = spell(kind, &[0xa7; KEY_ENTROPY_BYTES]);
            assert_eq!(read(&key), Spelling::Ours(kind));
            for at in kind.prefix().len()..key.len() {
                let mut other = key.clone().into_bytes();
                other[at] = if other[at] == b'x' { b'y' } else { b'x' };
                assert_eq!(read(&String::from_utf8(other).unwrap()), Spelling::Mistyped(kind), "{at}");
            }
        }
    }

    #[test]
    fn odd_input_is_refused_without_panic() {
        for text in ["llmg_", "llmg_é", "llmg_ééééééééééééééééé", "llmgm_", "llmg_\0"] {
            assert!(matches!(read(text), Spelling::Mistyped(_)), "{text}");
        }
        for text in ["", "sk-1234", "Bearer"] {
            assert_eq!(read(text), Spelling::Foreign, "{text}");
        }
    }

    #[test]
    fn display_never_shows_a_short_foreign_key_whole() {
        assert_eq!(display("sk-1234"), (String::new(), String::new()));
        assert_eq!(display("sk-abcdefghijklmnop"), ("sk-a".into(), "mnop".into()));
        let key = spell(KeyKind::Api, &[1; KEY_ENTROPY_BYTES]);
        let (head, tail) = display(&key);
        assert_eq!((head.len(), tail.len()), (9, 4));
    }
}
