//! The exact response cache: its key, and how answers are kept and replayed.
//!
//! The key begins with the organization and the project, so that no hit can cross a tenant.

use std::collections::BTreeMap;
use std::fmt;

use bytes::Bytes;
use domain::{UnixMicros, Usage};
use llm::Dialect;
use serde::de::{Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::call::{CacheWish, Call};
use crate::directory::Caller;
use crate::gateway::Gateway;

/// Limit: bytes of one recorded stream.
const RECORD_BYTES_MAX: usize = 4 << 20;
/// Changes when the form of an entry does.
const FORM: &[u8] = b"llmg-cache-1\0";

/// Where an answer is kept, and for how long.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    key: kv::CacheKey,
    seconds: u32,
}

/// What stands before the bytes of a kept answer.
#[derive(Serialize, Deserialize)]
struct Head {
    usage: Usage,
    model: String,
    provider: String,
}

/// A kept answer.
pub(crate) struct Found {
    pub(crate) usage: Usage,
    pub(crate) model: String,
    pub(crate) provider: String,
    pub(crate) body: Bytes,
}

/// Where the call's answer is kept; none when the project or the caller does not want it, or when the body has no one
/// meaning.
pub(crate) fn place(caller: &Caller, call: &Call) -> Option<Place> {
    if call.dialect != Dialect::OpenAiChat {
        // What is kept is replayed as OpenAI's bytes.
        return None;
    }
    let seconds = match (caller.cache_ttl_seconds, call.options.cache) {
        (None, _) | (_, CacheWish::Off) => return None,
        (Some(_), CacheWish::Seconds(seconds)) => seconds,
        (Some(seconds), CacheWish::Project) => seconds,
    };
    let mut body: Meaning = serde_json::from_slice(&call.body).ok()?;
    if let Meaning::Object(members) = &mut body {
        // These change how the answer is sent, not what it says.
        members.remove("stream_options");
        members.remove("user");
        members.remove("metadata");
    }
    let mut hash = Sha256::new();
    hash.update(FORM);
    hash.update(caller.organization().uuid().as_bytes());
    hash.update(caller.project.uuid().as_bytes());
    hash.update(call.dialect.as_str());
    hash.update([0, u8::from(call.stream)]);
    hash.update(call.model.as_bytes());
    hash.update([0]);
    body.hash(&mut hash);
    Some(Place { key: hash.finalize().into(), seconds })
}

/// A body by its meaning: members by name, no white space. What two readers could read differently (a member that comes
/// twice, a number that a float cannot hold) has none, so that it never shares an answer.
enum Meaning {
    Scalar(String),
    List(Vec<Meaning>),
    Object(BTreeMap<String, Meaning>),
}

/// Whole numbers up to here are exact in a float.
const FLOAT_EXACT_MAX: f64 = 9_007_199_254_740_992.0;

impl Meaning {
    fn hash(&self, hash: &mut Sha256) {
        match self {
            Self::Scalar(text) => hash.update(text),
            Self::List(items) => {
                hash.update(b"[");
                for item in items {
                    item.hash(hash);
                    hash.update(b",");
                }
                hash.update(b"]");
            }
            Self::Object(members) => {
                hash.update(b"{");
                for (name, value) in members {
                    hash.update(Value::from(name.as_str()).to_string());
                    value.hash(hash);
                }
                hash.update(b"}");
            }
        }
    }
}

impl<'de> Deserialize<'de> for Meaning {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct V;
        impl<'de> Visitor<'de> for V {
            type Value = Meaning;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("JSON")
            }
            fn visit_unit<E>(self) -> Result<Meaning, E> {
                Ok(Meaning::Scalar("null".to_owned()))
            }
            fn visit_bool<E>(self, value: bool) -> Result<Meaning, E> {
                Ok(Meaning::Scalar(value.to_string()))
            }
            fn visit_i64<E>(self, value: i64) -> Result<Meaning, E> {
                Ok(Meaning::Scalar(value.to_string()))
            }
            fn visit_u64<E>(self, value: u64) -> Result<Meaning, E> {
                Ok(Meaning::Scalar(value.to_string()))
            }
            fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Meaning, E> {
                if value.abs() < FLOAT_EXACT_MAX { Ok(Meaning::Scalar(format!("{value:?}"))) } else { Err(E::custom("an inexact number")) }
            }
            fn visit_str<E>(self, value: &str) -> Result<Meaning, E> {
                Ok(Meaning::Scalar(Value::from(value).to_string()))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Meaning, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = seq.next_element()? {
                    items.push(item);
                }
                Ok(Meaning::List(items))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Meaning, A::Error> {
                let mut members = BTreeMap::new();
                while let Some((name, value)) = map.next_entry()? {
                    if members.insert(name, value).is_some() {
                        return Err(A::Error::custom("a member comes twice"));
                    }
                }
                Ok(Meaning::Object(members))
            }
        }
        from.deserialize_any(V)
    }
}

/// The kept answer, if there is one.
pub(crate) fn find(gateway: &Gateway, place: &Place, now: UnixMicros) -> Option<Found> {
    let entry = gateway.cache.get(&place.key, now)?;
    let end = entry.iter().position(|&b| b == b'\n')?;
    let head: Head = serde_json::from_slice(&entry[..end]).ok()?;
    Some(Found { usage: head.usage, model: head.model, provider: head.provider, body: entry.slice(end + 1..) })
}

/// Keeps a whole answer.
pub(crate) fn keep(gateway: &Gateway, place: &Place, model: &str, provider: &str, usage: &Usage, body: &[u8]) {
    let head = Head { usage: *usage, model: model.to_owned(), provider: provider.to_owned() };
    let Ok(mut entry) = serde_json::to_vec(&head) else { return };
    entry.push(b'\n');
    entry.extend_from_slice(body);
    gateway.cache.put(place.key, entry.into(), service::clock::now().plus_seconds(i64::from(place.seconds)));
}

/// Records a stream as the client sees it, up to its end.
pub(crate) struct Recorder {
    place: Place,
    model: String,
    provider: String,
    bytes: Vec<u8>,
    too_long: bool,
}

impl Recorder {
    pub(crate) fn new(place: Place, model: &str, provider: &str) -> Self {
        Self { place, model: model.to_owned(), provider: provider.to_owned(), bytes: Vec::new(), too_long: false }
    }

    pub(crate) fn add(&mut self, pieces: &[Bytes]) {
        for piece in pieces {
            if self.too_long || self.bytes.len() + piece.len() > RECORD_BYTES_MAX {
                self.too_long = true;
                self.bytes = Vec::new();
                return;
            }
            self.bytes.extend_from_slice(piece);
        }
    }

    pub(crate) fn keep(self, gateway: &Gateway, usage: &Usage) {
        if !self.too_long {
            keep(gateway, &self.place, &self.model, &self.provider, usage, &self.bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(text: &str) -> [u8; 32] {
        let mut hash = Sha256::new();
        serde_json::from_str::<Meaning>(text).unwrap().hash(&mut hash);
        hash.finalize().into()
    }

    #[test]
    fn order_and_white_space_do_not_matter_and_all_else_does() {
        assert_eq!(hash(r#"{"a":1,"b":[{"c":"x","d":null}]}"#), hash(r#"{ "b" : [ {"d":null, "c":"x"} ], "a":1 }"#));
        for other in [r#"{"a":2}"#, r#"{"a":"1"}"#, r#"{"a":[1]}"#, r#"{"a":1,"b":null}"#, r#"{"a1":""}"#, r#"[{"a":1}]"#] {
            assert_ne!(hash(r#"{"a":1}"#), hash(other), "{other}");
        }
        assert_ne!(hash(r#"[["a"],"b"]"#), hash(r#"[["a","b"]]"#));
    }

    #[test]
    fn what_readers_could_read_differently_has_no_key() {
        for text in [r#"{"a":{"b":1,"b":2}}"#, "18446744073709551616", "1e300"] {
            assert!(serde_json::from_str::<Meaning>(text).is_err(), "{text}");
        }
        assert_ne!(hash("18446744073709551615"), hash("18446744073709551614"));
    }
}
