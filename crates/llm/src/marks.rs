//! Marks that must survive a client of another dialect: thought signatures and tool-call ids.
//!
//! A plain OpenAI client sends back the ids of tool calls and nothing else that it does not know, so Gemini's thought
//! signature travels on the id; an Anthropic client sends back `signature` unchanged, so a foreign signature says in
//! front whose it is.

use crate::chat::Signature;
use crate::dialect::Dialect;
use crate::media;

/// Between a tool call's id and the signature that it carries. (The same mark that other gateways use, so that a
/// conversation can move between them.)
const CARRIED: &str = "__thought__";

/// Limit: OpenAI refuses longer ids of tool calls.
const OPENAI_ID_CHARS_MAX: usize = 40;

/// `call_1__thought__<signature>` → the id and the signature.
pub(crate) fn split_id(id: &str) -> (&str, Option<String>) {
    match id.split_once(CARRIED) {
        Some((plain, carried)) => (plain, media::from_url_safe(carried).or_else(|| (!carried.is_empty()).then(|| carried.to_owned()))),
        None => (id, None),
    }
}

/// The id that a client is shown: with the signature, in characters that every dialect takes in an id.
pub(crate) fn carry_on_id(id: &str, signature: Option<&str>) -> String {
    match signature.and_then(media::to_url_safe) {
        Some(carried) => format!("{id}{CARRIED}{carried}"),
        None => id.to_owned(),
    }
}

/// The signature as a client of `dialect` gets it: a foreign one says whose it is.
pub(crate) fn tag_signature(signature: &Signature, dialect: Dialect) -> String {
    match signature.dialect {
        Some(owner) if owner != dialect => format!("{owner}:{}", signature.text),
        _ => signature.text.clone(),
    }
}

/// A signature that a client of `dialect` sent.
pub(crate) fn untag_signature(text: &str, dialect: Dialect) -> Signature {
    for owner in Dialect::ALL {
        if let Some(rest) = text.strip_prefix(owner.as_str()).and_then(|rest| rest.strip_prefix(':')) {
            return Signature { dialect: Some(*owner), text: rest.to_owned() };
        }
    }
    Signature { dialect: Some(dialect), text: text.to_owned() }
}

/// An id in Anthropic's alphabet `[A-Za-z0-9_-]`. What had to be changed gets a hash, so that two ids stay two.
pub(crate) fn anthropic_id(id: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !id.is_empty() && id.chars().all(fits) {
        return id.to_owned();
    }
    let changed: String = id.chars().map(|c| if fits(c) { c } else { '_' }).collect();
    format!("{changed}_{:08x}", hash(id) >> 32)
}

/// An id that OpenAI takes: at most 40 characters.
pub(crate) fn openai_id(id: &str) -> String {
    if id.chars().count() <= OPENAI_ID_CHARS_MAX {
        return id.to_owned();
    }
    let head: String = id.chars().take(OPENAI_ID_CHARS_MAX - 17).collect();
    format!("{head}_{:016x}", hash(id))
}

/// A name in `[A-Za-z0-9_-]` of at most `max` characters, or none if it is one already.
pub(crate) fn safe_name(name: &str, max: usize, fits: fn(char) -> bool) -> Option<String> {
    if !name.is_empty() && name.chars().count() <= max && name.chars().all(fits) {
        return None;
    }
    let head: String = name.chars().take(max - 9).map(|c| if fits(c) { c } else { '_' }).collect();
    Some(format!("{head}_{:08x}", hash(name) >> 32))
}

/// FNV-1a: the same text gives the same id on every machine and in every turn.
pub(crate) fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |state, byte| (state ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_survives_on_the_id() {
        let shown = carry_on_id("call_1", Some("CpcBAdHtim9+/w=="));
        assert!(shown.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-'), "{shown}");
        assert_eq!(split_id(&shown), ("call_1", Some("CpcBAdHtim9+/w==".to_owned())));
        assert_eq!(split_id("call_1"), ("call_1", None));
    }

    #[test]
    fn foreign_signatures_say_whose_they_are() {
        let gemini = Signature { dialect: Some(Dialect::Gemini), text: "abc".to_owned() };
        let shown = tag_signature(&gemini, Dialect::Anthropic);
        assert_eq!(untag_signature(&shown, Dialect::Anthropic), gemini);
        assert_eq!(untag_signature("EqQB", Dialect::Anthropic).dialect, Some(Dialect::Anthropic));
    }

    #[test]
    fn changed_ids_stay_apart() {
        assert_eq!(anthropic_id("toolu_01A"), "toolu_01A");
        assert_ne!(anthropic_id("call.1"), anthropic_id("call:1"));
        assert_eq!(openai_id(&"x".repeat(90)).len(), 40);
    }
}
