//! Same-dialect calls of Anthropic and Gemini: the client's body and the provider's answer are sent on as they are,
//! and only what the gateway must change is changed, so that nothing is lost. (OpenAI chat has its own, faster way in
//! `passthrough`.)
//!
//! In streams the gateway sends each event on as it came, reads it with the dialect's `stream_reader` for the usage,
//! and puts the bill into the last one with [`with_bill`].

use domain::{Code, Fault};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value, json};

use crate::billing::BillOut;
use crate::dialect::{Bill, CallPath, Dialect, Outgoing, Target};
use crate::fields::whole_number;
use crate::{outgoing, restore::Restore};

/// A client's body for a provider of the same dialect: the model and the output cap are set, the quirks are applied,
/// and everything else passes. `read` is what the same codec made of the body: it says that the body is well formed.
pub fn request(dialect: Dialect, body: &[u8], path: &CallPath<'_>, target: &Target<'_>) -> Result<Outgoing, Fault> {
    let call = dialect.codec().request_read(body, path)?;
    let mut shape = dialect.codec().request_write(&call, &Target { strict: false, ..*target })?;
    let mut map: Map<String, Value> = serde_json::from_slice(body)
        .map_err(|error| Fault::new(Code::InvalidJson, format!("the request body is not a JSON object: {error}")))?;
    match dialect {
        Dialect::Anthropic | Dialect::OpenAiChat => {
            map.insert("model".to_owned(), json!(target.model));
            let cap = outgoing::output_cap(&call, target);
            if cap != call.max_output || !map.contains_key("max_tokens") {
                cap_output(&mut map, cap.or(target.max_output));
            }
            map.insert("stream".to_owned(), json!(target.stream));
        }
        Dialect::Gemini => {
            map.shift_remove("model");
            if let Some(cap) = target.output_cap.filter(|cap| call.max_output.is_none_or(|asked| asked > *cap)) {
                let key = if map.contains_key("generation_config") { "generation_config" } else { "generationConfig" };
                let config = map.entry(key).or_insert_with(|| json!({}));
                if let Value::Object(config) = config {
                    config.shift_remove("max_output_tokens");
                    config.insert("maxOutputTokens".to_owned(), json!(cap));
                }
            }
        }
    }
    shape.headers.retain(|(name, _)| *name != "anthropic-beta");
    outgoing::seal(target, shape.path, shape.headers, map, (outgoing::Dropped::default(), Restore::default()))
}

/// Anthropic's cap: a thinking budget must stay below it.
fn cap_output(map: &mut Map<String, Value>, cap: Option<u64>) {
    let Some(cap) = cap else { return };
    map.insert("max_tokens".to_owned(), json!(cap));
    if let Some(budget) = map.get_mut("thinking").and_then(|thinking| thinking.get_mut("budget_tokens"))
        && whole_number(budget).is_some_and(|budget| budget >= cap)
    {
        *budget = json!(cap.saturating_sub(1));
    }
}

/// A provider's answer (or the datum of a stream event) with the bill in its usage object; without one, or when the
/// text is not a JSON object, as it came.
pub fn with_bill(dialect: Dialect, body: &[u8], bill: &Bill) -> Vec<u8> {
    let key = match dialect {
        Dialect::Gemini => "usageMetadata",
        Dialect::Anthropic | Dialect::OpenAiChat => "usage",
    };
    patched(body, key, bill).unwrap_or_else(|| body.to_vec())
}

fn patched(body: &[u8], key: &str, bill: &Bill) -> Option<Vec<u8>> {
    let map: Map<String, Value> = serde_json::from_slice(body).ok()?;
    let usage = map.get(key)?.as_object()?;
    let usage = to_raw_value(&Billed { usage, bill: BillOut::from(bill) }).ok()?;
    serde_json::to_vec(&Patched { map: &map, key, raw: &usage }).ok()
}

#[derive(Serialize)]
struct Billed<'a> {
    #[serde(flatten)]
    usage: &'a Map<String, Value>,
    #[serde(flatten)]
    bill: BillOut,
}

/// An object with one field replaced by raw JSON: decimals of dollars do not pass through a float.
struct Patched<'a> {
    map: &'a Map<String, Value>,
    key: &'a str,
    raw: &'a RawValue,
}

impl Serialize for Patched<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut out = to.serialize_map(Some(self.map.len()))?;
        for (key, value) in self.map {
            if key == self.key {
                out.serialize_entry(key, self.raw)?;
            } else {
                out.serialize_entry(key, value)?;
            }
        }
        out.end()
    }
}

#[cfg(test)]
mod tests {
    use domain::{NanoUsd, Quirks};

    use super::*;
    use crate::facts::Facts;

    fn target<'a>(quirks: &'a Quirks, model: &'a str, cap: Option<u64>) -> Target<'a> {
        let facts = Facts::guess(Dialect::Anthropic, model);
        Target { model, stream: true, output_cap: cap, max_output: None, quirks, facts, strict: true }
    }

    #[test]
    fn nothing_but_model_and_cap_changes() {
        let body = br#"{"model":"x","max_tokens":9000,"thinking":{"type":"enabled","budget_tokens":8000},"new_field":[1],
            "messages":[{"role":"user","content":[{"type":"text","text":"a","citations":[]},{"type":"made_up","z":1}]}]}"#;
        let quirks = Quirks::default();
        let out = request(Dialect::Anthropic, body, &CallPath::default(), &target(&quirks, "claude-opus-4-5", Some(2_000))).unwrap();
        let mut expected: Value = serde_json::from_slice(body).unwrap();
        expected["model"] = json!("claude-opus-4-5");
        expected["max_tokens"] = json!(2_000);
        expected["thinking"]["budget_tokens"] = json!(1_999);
        expected["stream"] = json!(true);
        assert_eq!(serde_json::from_slice::<Value>(&out.body).unwrap(), expected);
        assert_eq!(out.path, "/v1/messages");
    }

    #[test]
    fn gemini_gets_its_model_in_the_path() {
        let body = br#"{"contents":[{"parts":[{"text":"a","video_metadata":{"fps":1}}]}],"generation_config":{"max_output_tokens":50}}"#;
        let quirks = Quirks::default();
        let path = CallPath { model: Some("g"), stream: true };
        let out = request(Dialect::Gemini, body, &path, &target(&quirks, "gemini-2.5-pro", Some(20))).unwrap();
        let text = String::from_utf8(out.body).unwrap();
        assert_eq!(out.path, "/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse");
        assert!(text.contains("\"video_metadata\":{\"fps\":1}") && text.contains("\"maxOutputTokens\":20"), "{text}");
    }

    #[test]
    fn the_bill_goes_into_the_usage_object() {
        let bill = Bill { cost: NanoUsd(1), charged: NanoUsd(2_000_000_000) };
        let out = with_bill(Dialect::Anthropic, br#"{"id":"a","usage":{"input_tokens":1,"speed":"fast"},"z":1}"#, &bill);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            r#"{"id":"a","usage":{"input_tokens":1,"speed":"fast","cost":0.000000001,"charged":2,"cost_details":{"cost_nano_usd":1,"charged_nano_usd":2000000000}},"z":1}"#
        );
        assert_eq!(with_bill(Dialect::Gemini, b"not json", &bill), b"not json");
    }
}
