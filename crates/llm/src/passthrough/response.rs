//! An OpenAI chat answer: usage is read beside it, and the bill is put into its usage object; all else stays as it came.

use std::borrow::Cow;
use std::fmt::Write as _;

use domain::{NanoUsd, Usage, UsageSource};
use serde::Deserialize;
use serde_json::value::RawValue;

/// What the gateway records of an answer.
#[derive(Debug, Default)]
pub struct Answer<'a> {
    /// The provider's id of the answer.
    pub id: Option<Cow<'a, str>>,
    /// Tokens, if the provider said.
    pub usage: Option<Usage>,
    /// Why the first choice ended.
    pub finish: Option<Cow<'a, str>>,
    usage_end: Option<usize>,
}

#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(borrow, default)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    usage: Option<&'a RawValue>,
    #[serde(borrow)]
    choices: Vec<Choice<'a>>,
}

#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(borrow, default)]
    finish_reason: Option<Cow<'a, str>>,
}

/// The usage object of the OpenAI dialect, with the spellings of compatible providers.
#[derive(Deserialize, Default)]
#[serde(default)]
struct UsageWire {
    prompt_tokens: u64,
    completion_tokens: u64,
    prompt_tokens_details: Option<PromptDetails>,
    completion_tokens_details: Option<CompletionDetails>,
    /// DeepSeek's name for cached input.
    prompt_cache_hit_tokens: Option<u64>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct PromptDetails {
    cached_tokens: Option<u64>,
    audio_tokens: Option<u64>,
    cache_write_tokens: Option<u64>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct CompletionDetails {
    reasoning_tokens: Option<u64>,
    audio_tokens: Option<u64>,
}

/// Reads a usage object; `None` when it is not one (null, negative, not an object).
pub(super) fn usage_of(raw: &str) -> Option<Usage> {
    let wire = serde_json::from_str::<Option<UsageWire>>(raw).ok()??;
    let prompt = wire.prompt_tokens_details.unwrap_or_default();
    let completion = wire.completion_tokens_details.unwrap_or_default();
    let usage = Usage {
        input: wire.prompt_tokens,
        cached_input: prompt.cached_tokens.or(wire.prompt_cache_hit_tokens).unwrap_or(0),
        cache_write_5m: prompt.cache_write_tokens.unwrap_or(0),
        audio_input: prompt.audio_tokens.unwrap_or(0),
        output: wire.completion_tokens,
        reasoning: completion.reasoning_tokens.unwrap_or(0),
        audio_output: completion.audio_tokens.unwrap_or(0),
        source: UsageSource::Provider,
        ..Usage::default()
    };
    Some(usage.clamped())
}

impl<'a> Answer<'a> {
    /// Reads an answer; an error when it is not a chat completion.
    pub fn read(body: &'a [u8]) -> Result<Self, serde_json::Error> {
        let text = std::str::from_utf8(body).map_err(serde::de::Error::custom)?;
        let wire: Wire<'a> = serde_json::from_str(text)?;
        let usage = wire.usage.and_then(|raw| usage_of(raw.get()));
        let usage_end = wire.usage.filter(|_| usage.is_some()).map(|raw| {
            let start = (raw.get().as_ptr() as usize).wrapping_sub(text.as_ptr() as usize);
            start + raw.get().len() - 1
        });
        let finish = wire.choices.into_iter().next().and_then(|c| c.finish_reason);
        Ok(Self { id: wire.id, usage, finish, usage_end })
    }
}

/// The answer with `usage.cost`, `usage.charged` (dollars) and `usage.cost_details` (nano-USD). An answer without usage
/// gets one, with what was counted.
pub fn with_bill(body: &[u8], answer: &Answer<'_>, counted: &Usage, cost: NanoUsd, charged: NanoUsd) -> Vec<u8> {
    let mut bill = String::with_capacity(160);
    let end = match answer.usage_end {
        Some(end) => {
            push_bill(&mut bill, cost, charged);
            end
        }
        None => {
            push_usage(&mut bill, counted, cost, charged);
            memchr::memrchr(b'}', body).unwrap_or(body.len())
        }
    };
    let mut out = Vec::with_capacity(body.len() + bill.len());
    out.extend_from_slice(&body[..end]);
    out.extend_from_slice(bill.as_bytes());
    out.extend_from_slice(&body[end..]);
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
        r#","usage":{{"prompt_tokens":{},"completion_tokens":{},"total_tokens":{},"estimated":true"#,
        usage.input,
        usage.output,
        usage.total()
    );
    push_bill(out, cost, charged);
    out.push('}');
}
