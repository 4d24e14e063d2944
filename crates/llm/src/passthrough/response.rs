//! An OpenAI chat answer: usage is read beside it, and the bill is put into its usage object; all else stays as it came.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::ops::Range;

use domain::{NanoUsd, Usage};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::text::Text;

/// What the gateway records of an answer.
#[derive(Debug, Default)]
pub struct Answer<'a> {
    /// The provider's id of the answer.
    pub id: Option<Cow<'a, str>>,
    /// Tokens, if the provider said.
    pub usage: Option<Usage>,
    /// Why the first choice ended.
    pub finish: Option<Cow<'a, str>>,
    usage_at: Option<Range<usize>>,
}

#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(borrow, default)]
    id: Option<Text<'a>>,
    #[serde(borrow, default)]
    usage: Option<&'a RawValue>,
    #[serde(borrow)]
    choices: Vec<Choice<'a>>,
}

#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(borrow, default)]
    finish_reason: Option<Text<'a>>,
}

/// Reads a usage object; `None` when it is not one, or says nothing (null, negative, empty, all zero).
pub(super) fn usage_of(raw: &str) -> Option<Usage> {
    let usage = crate::openai_chat::usage_of(raw)?;
    (usage.input > 0 || usage.output > 0).then_some(usage)
}

impl<'a> Answer<'a> {
    /// Reads an answer; an error when it is not a chat completion.
    pub fn read(body: &'a [u8]) -> Result<Self, serde_json::Error> {
        let text = std::str::from_utf8(body).map_err(serde::de::Error::custom)?;
        let wire: Wire<'a> = serde_json::from_str(text)?;
        let usage = wire.usage.filter(|raw| raw.get().starts_with('{')).and_then(|raw| usage_of(raw.get()));
        let usage_at = wire.usage.map(|raw| {
            let start = (raw.get().as_ptr() as usize).wrapping_sub(text.as_ptr() as usize);
            start..start + raw.get().len()
        });
        let finish = wire.choices.into_iter().next().and_then(|c| c.finish_reason).map(|text| text.0);
        Ok(Self { id: wire.id.map(|text| text.0), usage, finish, usage_at })
    }
}

/// The answer with `usage.cost`, `usage.charged` (dollars) and `usage.cost_details` (nano-USD). An answer without usage
/// gets one, with what was counted.
pub fn with_bill(body: &[u8], answer: &Answer<'_>, counted: &Usage, cost: NanoUsd, charged: NanoUsd) -> Vec<u8> {
    let mut text = String::with_capacity(200);
    // Into the usage object if it can be used, in its place if it cannot, else as the last member.
    let at = match (&answer.usage_at, answer.usage) {
        (Some(at), Some(_)) => {
            push_bill(&mut text, cost, charged);
            at.end - 1..at.end - 1
        }
        (Some(at), None) => {
            push_usage(&mut text, counted, cost, charged);
            at.clone()
        }
        (None, _) => {
            text.push_str(r#","usage":"#);
            push_usage(&mut text, counted, cost, charged);
            let end = memchr::memrchr(b'}', body).unwrap_or(body.len());
            end..end
        }
    };
    let mut out = Vec::with_capacity(body.len() + text.len());
    out.extend_from_slice(&body[..at.start]);
    out.extend_from_slice(text.as_bytes());
    out.extend_from_slice(&body[at.end..]);
    out
}

/// `,"cost":0.000001000,"charged":…,"cost_details":{…}`: the decimals are written from the integer, never from a float.
pub(super) fn push_bill(out: &mut String, cost: NanoUsd, charged: NanoUsd) {
    // Writing to a String cannot fail.
    let _ =
        write!(out, r#","cost":{cost},"charged":{charged},"cost_details":{{"cost_nano_usd":{},"charged_nano_usd":{}}}"#, cost.0, charged.0);
}

fn push_usage(out: &mut String, usage: &Usage, cost: NanoUsd, charged: NanoUsd) {
    let _ = write!(
        out,
        r#"{{"prompt_tokens":{},"completion_tokens":{},"total_tokens":{},"estimated":true"#,
        usage.input,
        usage.output,
        usage.total()
    );
    push_bill(out, cost, charged);
    out.push('}');
}
